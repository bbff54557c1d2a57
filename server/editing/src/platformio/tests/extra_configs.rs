//! Files that `extra_configs` names are a part of their project.

use super::super::super::formats;
use super::*;

const MAIN: &str = "[platformio]\nextra_configs = boards/*.ini, local.ini, gone.ini\n\
                    default_envs = s4\n[env]\nplatform = espressif32\nupload_speed = 115200\n";

/// A project whose platformio.ini names `boards/s3.ini`, which says this.
fn project(extra: &str) -> Facts {
    let path = PathBuf::from("/p/boards/s3.ini");
    let mut facts = Facts {
        root: "/p".into(),
        ..Facts::default()
    };
    let files = &mut facts.files;
    files.texts = [
        ("/p/platformio.ini".into(), MAIN.to_owned()),
        (path.clone(), extra.to_owned()),
    ]
    .into();
    files.patterns = [
        ("boards/*.ini".to_owned(), Ok(vec![path])),
        ("local.ini".to_owned(), Ok(Vec::new())),
        ("none/*.ini".to_owned(), Ok(Vec::new())),
    ]
    .into();
    facts
}

fn in_extra<'v>(text: &'v str, facts: &'v Facts) -> View<'v> {
    View {
        path: Path::new("/p/boards/s3.ini"),
        text,
        facts,
    }
}

#[test]
fn they_get_the_same_help_as_a_part_of_the_project() {
    let facts = project("");
    let text = "[env:s3]\nboard = esp32-s3-devkitc-1\nupload_speed = fast\nbord = x\n\
                custom_a = ${env.platform} ${env.plattform}\n";
    let view = in_extra(text, &facts);
    let format = formats::of(view).expect("help with it");
    let found = format.diagnostics(view);
    // Not that default_envs is wrong: that is in the other file.
    assert_eq!(
        marked(text, &found),
        [
            ("bad-value", "fast"),
            ("unknown-option", "bord"),
            ("unresolved", "${env.plattform}"),
        ]
    );
    let hover = format.hover(view, text.find("platform}").unwrap()).unwrap();
    assert!(
        hover.markdown.contains("= `espressif32`")
            && hover
                .markdown
                .contains("From \\[env\\], platformio.ini line 5."),
        "{hover:?}"
    );
    let section = format.hover(view, 3).unwrap().markdown;
    assert!(
        section.contains("| platform | `espressif32` | \\[env\\] |"),
        "{section}"
    );
    let lenses = format.lenses(view);
    assert_eq!(lenses.len(), 3);
    let arguments = serde_json::json!({"root": "/p", "target": "platformio:s3"});
    assert_eq!(lenses[0].arguments, arguments);
    assert_eq!(format.symbols(view)[0].name, "s3");
}

#[test]
fn a_file_that_nobody_names_is_none_of_the_project() {
    let mut facts = project("");
    facts.files.patterns.clear();
    assert!(formats::of(in_extra("[env:s3]\n", &facts)).is_none());
}

#[test]
fn what_overrides_a_value_is_told_where_it_is_overridden() {
    let facts = project("[env]\nupload_speed = 921600\n");
    let view = View {
        path: Path::new("/p/platformio.ini"),
        text: MAIN,
        facts: &facts,
    };
    let hover = PlatformIo.hover(view, MAIN.find("upload_speed").unwrap());
    let hover = hover.unwrap().markdown;
    assert!(
        hover.contains("= `921600`") && hover.contains("From \\[env\\], boards/s3.ini line 2."),
        "{hover}"
    );
}

/// A pattern that finds nothing is usual, and so is a file that each developer may have; PlatformIO
/// says nothing of either. What was only just typed nobody has looked for.
#[test]
fn a_missing_file_is_told_and_a_pattern_without_files_is_not() {
    let facts = project("[env:s4]\n");
    let text = MAIN.replace("gone.ini", "none/*.ini, just-typed.ini");
    let found = diagnostics(&text, &facts);
    assert_eq!(
        marked(&text, &found),
        [("extra-config-missing", "local.ini")]
    );
    assert_eq!(found[0].severity, Severity::Information);
}
