//! The corpus is what PlatformIO itself makes of files; the rest is what a person would see.

use std::path::{Path, PathBuf};

use fbuild_deploy::discover::Environment;
use fbuild_deploy::discover::platformio_config::{Files, OnDisk};
use fbuild_loader::link::serial::PortInfo;
use proptest::prelude::*;

use super::super::facts::Facts;
use super::super::project_files::{Judged, ProjectFiles, Refusal};
use super::*;
use crate::editing::{Edit, Severity};

const MARK: char = '‸';

fn diagnostics(text: &str, facts: &Facts) -> Vec<Diagnostic> {
    let path = Path::new("/p/platformio.ini");
    PlatformIo.diagnostics(View { path, text, facts })
}

/// Code and text of what is marked.
fn marked<'t>(text: &'t str, found: &[Diagnostic]) -> Vec<(&'static str, &'t str)> {
    let mut marked: Vec<_> = found
        .iter()
        .map(|it| (it.span.start, it.code, &text[it.span.clone()]))
        .collect();
    marked.sort_unstable();
    marked
        .into_iter()
        .map(|(_, code, text)| (code, text))
        .collect()
}

fn check(text: &str) -> Vec<(&'static str, &str)> {
    marked(text, &diagnostics(text, &Facts::default()))
}

fn apply(text: &str, edits: &[Edit]) -> String {
    let mut edits: Vec<&Edit> = edits.iter().collect();
    edits.sort_by_key(|edit| std::cmp::Reverse(edit.span.start));
    let mut text = text.to_owned();
    for edit in edits {
        text.replace_range(edit.span.clone(), &edit.text);
    }
    text
}

/// Takes the first fix of the first diagnostic until there is none left.
fn fixed(text: &str) -> String {
    let mut text = text.to_owned();
    for _ in 0..9 {
        let found = diagnostics(&text, &Facts::default());
        let Some(fix) = found.iter().find_map(|it| it.fixes.first()) else {
            return text;
        };
        text = apply(&text, &fix.edits);
    }
    panic!("never ends: {text}");
}

fn port(name: &str) -> PortInfo {
    PortInfo {
        name: name.to_owned(),
        usb: None,
    }
}

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/platformio")
}

/// The kinds of errors that PlatformIO knows.
fn kind(code: &str, message: &str) -> &'static str {
    match code {
        "UnknownEnvNamesError" => "unknown-environment",
        "DuplicateOptionError" => "duplicate-option",
        "DuplicateSectionError" => "duplicate-section",
        "MissingSectionHeaderError" => "text-before-section",
        "ParsingError" => "not-an-option",
        "ProjectEnvsNotAvailableError" => "no-environment",
        "InvalidEnvNameError" => "environment-name",
        "ProjectOptionValueError" if message.contains("__env__") => "unresolved",
        "ProjectOptionValueError" => "bad-value",
        "InvalidProjectConfError" if message.contains('%') => "percent",
        // What refers to itself.
        "RecursionError" => "unresolved",
        "InvalidProjectConfError" => "unresolved",
        other => panic!("no code for {other}: {message}"),
    }
}

#[test]
fn what_platformio_refuses_is_an_error_and_nothing_else_of_the_corpus() {
    let expected = std::fs::read_to_string(corpus().join("expected.json")).unwrap();
    let expected: serde_json::Value = serde_json::from_str(&expected).unwrap();
    let files = expected["files"].as_object().unwrap();
    assert!(files.len() >= 41);
    for (name, expected) in files {
        let root = corpus().join(name);
        let path = root.join("platformio.ini");
        let text = std::fs::read_to_string(&path).unwrap();
        let mut files = ProjectFiles {
            environment: Environment::from_pairs([(
                "FBUILD_TEST_PORT".to_owned(),
                "/dev/ttyUSB7".to_owned(),
            )]),
            ..ProjectFiles::default()
        };
        for pattern in ["boards/*.ini", "local.ini"] {
            let found = OnDisk.find(&root, pattern);
            for path in &found {
                let text = std::fs::read_to_string(path).unwrap();
                files.texts.insert(path.clone(), text);
            }
            files.patterns.insert(pattern.to_owned(), found);
        }
        let facts = Facts {
            files,
            ..Facts::default()
        };
        let view = View {
            path: &path,
            text: &text,
            facts: &facts,
        };
        let found = PlatformIo.diagnostics(view);
        let mut errors: Vec<&str> = found
            .iter()
            // Whether a table is there is no question of `pio project config`.
            .filter(|it| it.severity == Severity::Error && it.code != "table-missing")
            .map(|it| it.code)
            .collect();
        errors.dedup();
        let lint = &expected["lint"];
        let mut wanted: Vec<&str> = match lint["errors"].as_array() {
            // PlatformIO does not return.
            None => vec!["extends-cycle"],
            Some(errors) => errors
                .iter()
                .map(|it| {
                    kind(
                        it["type"].as_str().unwrap(),
                        it["message"].as_str().unwrap(),
                    )
                })
                .collect(),
        };
        wanted.dedup();
        assert_eq!(errors, wanted, "{name}");
        for error in lint["errors"].as_array().into_iter().flatten() {
            if let Some(line) = error["lineno"].as_u64() {
                let ours = found
                    .iter()
                    .any(|it| 1 + text[..it.span.start].matches('\n').count() as u64 == line);
                assert!(ours, "{name}: nothing on line {line}");
            }
        }
        let warnings = lint["warnings"].as_array().map_or(0, Vec::len);
        let ours = found
            .iter()
            .filter(|it| matches!(it.code, "renamed-option" | "unknown-option"));
        assert_eq!(ours.count(), warnings, "{name}: {found:?}");
    }
}

#[test]
fn each_fault_is_marked_where_it_stands() {
    assert_eq!(
        check("stray\n[env:a]\nboard esp32dev\nx = 1\r\nx = 2\n[env:a]\n"),
        [
            ("text-before-section", "stray"),
            ("not-an-option", "board esp32dev"),
            ("unknown-option", "x"),
            ("duplicate-option", "x"),
            ("unknown-option", "x"),
            ("duplicate-section", "[env:a]"),
        ]
    );
    assert_eq!(
        check("[platformio]\ndefault_envs = a, 漢, b\n[env:a]\n[env:b]\n"),
        [("unknown-environment", "漢")]
    );
    assert_eq!(
        check(
            "[env:a]\nbuild_flags =\n\t-DX=${c.flags} ; 😀\n\t-DY=50% ${this.board} -DZ\nboard = x\n[c]\nflag = 1\n"
        ),
        [("percent", "%")]
    );
    assert_eq!(
        check(
            "[env:a]\nbuild_flags =\n\t-DX=${c.flags} ; 😀\n\t${this.board} ${nope.x}\nboard = x\n[c]\nflag = 1\n"
        ),
        [("unresolved", "${c.flags}"), ("unresolved", "${nope.x}")]
    );
    assert_eq!(
        check("[a]\nextends = b\n[b]\nextends = a\n[env:e]\nextends = nothing, a\n"),
        [
            ("extends-cycle", "b"),
            ("extends-cycle", "a"),
            ("extends-nothing", "nothing")
        ]
    );
    // A value that is wrong for those who inherit it is marked where it is written.
    assert_eq!(
        check("[base]\nupload_speed = fast\n[env:a]\nextends = base\n[env:b]\nextends = base\n"),
        [("bad-value", "fast")]
    );
}

#[test]
fn fixes_leave_nothing_to_fix() {
    for (text, expected) in [
        (
            "[env:a]\r\nmonitor_baud = 1\r\nboard = x\r\n",
            "[env:a]\r\nmonitor_speed = 1\r\nboard = x\r\n",
        ),
        (
            "[env:a]\nx_speed = 1\nupload_sped = 1\n",
            "[env:a]\nx_speed = 1\nupload_speed = 1\n",
        ),
        (
            "[env:a]\nboard = 1\nboard = 2\nlib_deps = x\n",
            "[env:a]\nboard = 1\nlib_deps = x\n",
        ),
        (
            "[env:a]\ncustom_x = 5% ; 漢\n",
            "[env:a]\ncustom_x = 5%% ; 漢\n",
        ),
        (
            "[platformio]\ndefault_envs = a,b\n[env:a]\n[env:b]\n",
            "[platformio]\ndefault_envs = a, b\n[env:a]\n[env:b]\n",
        ),
        (
            "[platformio]\ndefault_envs = esp32-dev\n[env:esp32dev]\n",
            "[platformio]\ndefault_envs = esp32dev\n[env:esp32dev]\n",
        ),
        (
            "[platformio]\ndefault_envs = my env\n[env:my env]\n[env:b]\nextends = env:my env\n",
            "[platformio]\ndefault_envs = my_env\n[env:my_env]\n[env:b]\nextends = env:my_env\n",
        ),
        (
            "[common]\nflags = 1\n[env:a]\ncustom_x = ${comon.flags} ${common.flag}\n",
            "[common]\nflags = 1\n[env:a]\ncustom_x = ${common.flags} ${common.flags}\n",
        ),
    ] {
        assert_eq!(fixed(text), expected);
    }
}

#[test]
fn ports_of_a_pattern_are_counted() {
    let text = "[env:a]\nupload_port = /dev/ttyACM*\n[env:b]\nupload_port = 10.0.0.1\n";
    let with = |names: &[&str]| Facts {
        ports: names.iter().map(|name| port(name)).collect(),
        ..Facts::default()
    };
    let codes = |facts: &Facts| marked(text, &diagnostics(text, facts));
    assert_eq!(
        codes(&with(&["/dev/ttyUSB0"])),
        [("port-none", "/dev/ttyACM*")]
    );
    assert_eq!(codes(&with(&["/dev/ttyACM0"])), []);
    let two = with(&["/dev/ttyACM0", "/dev/ttyACM1"]);
    assert_eq!(codes(&two), [("port-several", "/dev/ttyACM*")]);
    let found = diagnostics(text, &two);
    assert!(
        found[0].message.contains("PlatformIO takes /dev/ttyACM0"),
        "{found:?}"
    );
    assert_eq!(found[0].fixes.len(), 2);
}

#[test]
fn a_table_must_be_in_the_project_or_in_the_framework() {
    let text = "[env]\nplatform = espressif32\n[env:a]\nboard_build.partitions = mine.csv\n\
                [env:b]\nboard_build.partitions = huge_app.csv\n[env:c]\n\
                board_build.partitions = tables/thing.csv\n[env:d]\nplatform = atmelavr\n\
                board_build.partitions = none.csv\n";
    let mut facts = Facts::default();
    let codes = |facts: &Facts| {
        let found = diagnostics(text, facts);
        let severities: Vec<Severity> = found.iter().map(|it| it.severity).collect();
        (marked(text, &found), severities)
    };
    let both = vec![
        ("table-missing", "mine.csv"),
        ("table-missing", "tables/thing.csv"),
    ];
    // Whether the framework has one of that name is not known while it is not installed.
    assert_eq!(
        codes(&facts),
        (both, vec![Severity::Warning, Severity::Error])
    );
    facts.files.tables.insert("/p/mine.csv".into());
    facts.files.tables.insert("/p/tables/things.csv".into());
    let found = diagnostics(text, &facts);
    assert_eq!(
        marked(text, &found),
        [("table-missing", "tables/thing.csv")]
    );
    let repaired = apply(text, &found[0].fixes[0].edits);
    assert_eq!(diagnostics(&repaired, &facts), []);
}

#[test]
fn what_a_deploy_says_about_a_build_stands_on_its_environment() {
    let text = "[env:a]\n[env:b]\n";
    let mut facts = Facts::default();
    let refusal = Refusal {
        code: "app-exceeds-partition",
        message: "firmware is too large".to_owned(),
        remedy: "Make it smaller.".to_owned(),
        path: None,
    };
    let judged = Judged {
        refusal: Some(refusal),
        stale: Vec::new(),
    };
    facts.files.judged.insert("platformio:b".to_owned(), judged);
    let stale = Judged {
        refusal: None,
        stale: vec!["/p/src/main.cpp".into(), "/p/src/b.cpp".into()],
    };
    facts.files.judged.insert("platformio:a".to_owned(), stale);
    let found = diagnostics(text, &facts);
    assert_eq!(
        marked(text, &found),
        [
            ("stale-build", "[env:a]"),
            ("app-exceeds-partition", "[env:b]")
        ]
    );
    assert_eq!(
        found[0].message,
        "src/main.cpp and 1 more are newer than the firmware: pio run -e a"
    );
}

/// What is shown at the mark.
fn hover(text: &str, facts: &Facts) -> Option<String> {
    let at = text.find(MARK).unwrap();
    let text = text.replace(MARK, "");
    let path = Path::new("/p/platformio.ini");
    let view = View {
        path,
        text: &text,
        facts,
    };
    PlatformIo.hover(view, at).map(|it| it.markdown)
}

#[test]
fn hover_shows_what_a_value_comes_to_and_where_it_comes_from() {
    let facts = Facts::default();
    let show = |text: &str| hover(text, &facts).unwrap_or_default();
    let base = "[secrets]\nport = COM7\n[env]\nboard = esp32dev\nupload_speed = 9";
    assert!(
        show("[a]\nx = 1\n[env:e]\ncustom_y = ${‸a.x}2\n")
            .contains("= `1`\n\nFrom [a], platformio.ini line 2.")
    );
    assert!(show("[a]\nx = 1\n[env:e]\ncustom_‸y = ${a.x}2\n").contains("**custom_y** = `12`"));
    let port = show(&format!(
        "{base}\n[env:e]\nupload_p‸ort = ${{secrets.port}}\n"
    ));
    assert!(
        port.contains("**upload_port** = `COM7`") && port.contains("Not plugged in"),
        "{port}"
    );
    let section = show(&format!("{base}\n[env‸:e]\nboard = c3\n"));
    assert!(section.contains("| board | `c3` |  |"), "{section}");
    assert!(
        section.contains("| upload_speed | `9` | [env] |"),
        "{section}"
    );
    let used = show("[env]\nbo‸ard = esp32dev\n[env:a]\n[env:b]\nboard = x\n");
    assert!(
        used.contains("Used by a.") && used.contains("its file says chip"),
        "{used}"
    );
    let named = show("[platformio]\ndefault_envs = a, ‸b\n[env:a]\n[env:b]\nboard = x\n");
    assert!(named.starts_with("**[env:b]**"), "{named}");
    assert_eq!(hover("[env:a]\nx = 1\n\n‸\n", &facts), None);
}

#[test]
fn secrets_of_the_environment_are_not_shown() {
    let mut facts = Facts::default();
    facts.files.environment = Environment::from_pairs([("TOKEN".to_owned(), "hunter2".to_owned())]);
    for text in [
        "[env:a]\ncustom_x = ${sysenv.‸TOKEN}\n",
        "[env:a]\ncustom‸_x = ${sysenv.TOKEN}\n",
    ] {
        let shown = hover(text, &facts).unwrap();
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}

/// What is offered at the mark, and the text with the offer of that name taken.
fn offered(text: &str, facts: &Facts) -> (String, Vec<Completion>) {
    let at = text.find(MARK).unwrap();
    let text = text.replace(MARK, "");
    let path = Path::new("/p/platformio.ini");
    let view = View {
        path,
        text: &text,
        facts,
    };
    let found = PlatformIo.completions(view, at);
    (text, found)
}

fn take(text: &str, wanted: &str, facts: &Facts) -> String {
    let (text, found) = offered(text, facts);
    let names: Vec<&str> = found.iter().map(|it| &*it.text).collect();
    let it = found.iter().find(|it| it.text == wanted);
    let it = it.unwrap_or_else(|| panic!("{wanted} is not among {names:?}"));
    let edit = Edit {
        span: it.span.clone(),
        text: it.text.clone(),
    };
    apply(&text, &[edit])
}

#[test]
fn completions_replace_what_was_typed() {
    let mut facts = Facts {
        ports: vec![port("/dev/ttyUSB0")],
        ..Facts::default()
    };
    facts.files.tables.insert("/p/tables/mine.csv".into());
    for (text, wanted, expected) in [
        (
            "[env:a]\r\nupl‸\r\n",
            "upload_port = ",
            "[env:a]\r\nupload_port = \r\n",
        ),
        (
            "[env:a]\nupl‸x = 1\n",
            "upload_speed",
            "[env:a]\nupload_speed = 1\n",
        ),
        (
            "[env:a]\nupload_port = /d‸\n",
            "/dev/ttyUSB0",
            "[env:a]\nupload_port = /dev/ttyUSB0\n",
        ),
        (
            "[env:a]\nupload_port =‸\n",
            "/dev/ttyUSB0",
            "[env:a]\nupload_port =/dev/ttyUSB0\n",
        ),
        (
            "[platformio]\ndefault_envs = 漢, e‸\n[env:esp]\n",
            "esp",
            "[platformio]\ndefault_envs = 漢, esp\n[env:esp]\n",
        ),
        (
            "[c]\nflags = 1\n[env:a]\nx = ${‸\n",
            "c.",
            "[c]\nflags = 1\n[env:a]\nx = ${c.\n",
        ),
        (
            "[c]\nflags = 1\n[env:a]\nx = ${c.f‸\n",
            "flags}",
            "[c]\nflags = 1\n[env:a]\nx = ${c.flags}\n",
        ),
        (
            "[c]\nflags = 1\n[env:a]\nx = ${c.f‸}\n",
            "flags",
            "[c]\nflags = 1\n[env:a]\nx = ${c.flags}\n",
        ),
        (
            "[platformio]\ndefault_envs = e\n[‸\n",
            "env:e]",
            "[platformio]\ndefault_envs = e\n[env:e]\n",
        ),
        (
            "[env:a]\nboard_build.partitions = ‸\n",
            "tables/mine.csv",
            "[env:a]\nboard_build.partitions = tables/mine.csv\n",
        ),
        (
            "[env:a]\nextends =\n\tb‸\n[base]\n",
            "base",
            "[env:a]\nextends =\n\tbase\n[base]\n",
        ),
        (
            "[env:a]\nbuild_type = ‸\n",
            "debug",
            "[env:a]\nbuild_type = debug\n",
        ),
    ] {
        assert_eq!(take(text, wanted, &facts), expected);
    }
    // What is there is not offered again, and nothing in a comment.
    let (_, found) = offered("[env:a]\nboard = x\n‸\n", &facts);
    assert!(!found.is_empty() && found.iter().all(|it| it.text != "board = "));
    assert!(offered("[env:a]\n; upl‸\n", &facts).1.is_empty());
}

#[test]
fn each_environment_of_an_esp32_can_be_deployed_by_a_click() {
    let text = "[env]\nplatform = espressif32\n[env:a]\n[env:b]\nplatform = atmelavr\n";
    let facts = Facts::default();
    let path = Path::new("/p/platformio.ini");
    let lenses = PlatformIo.lenses(View {
        path,
        text,
        facts: &facts,
    });
    let titles: Vec<&str> = lenses.iter().map(|lens| &*lens.title).collect();
    assert_eq!(titles, ["Deploy", "Verify", "Plan"]);
    assert!(
        lenses
            .iter()
            .all(|lens| &text[lens.span.clone()] == "[env:a]")
    );
    assert_eq!(lenses[0].command, "fbuild.server.deploy");
    let arguments = serde_json::json!({"root": "/p", "target": "platformio:a"});
    assert_eq!(lenses[0].arguments, arguments);
}

#[test]
fn sections_are_symbols_with_their_options() {
    let text = "[env:漢]\nboard = x\nlib_deps =\n\ta\n\tb\n";
    let facts = Facts::default();
    let path = Path::new("/p/platformio.ini");
    let symbols = PlatformIo.symbols(View {
        path,
        text,
        facts: &facts,
    });
    assert_eq!(
        (symbols[0].name.as_str(), symbols[0].detail.as_str()),
        ("漢", "x")
    );
    assert_eq!(symbols[0].children[1].detail, "a …");
    assert_eq!(
        &text[symbols[0].children[1].span.clone()],
        "lib_deps =\n\ta\n\tb"
    );
}

proptest! {
    /// Nothing that can be typed makes it panic or name a place outside of the text.
    #[test]
    fn any_text_will_do(text in "(\u{feff}|)((\\[(env|platformio|env:[ab漢]|a)\\]|[ \t]{0,2}(extends|default_envs|upload_port|board|board_build.partitions|upload_speed) ?= ?(a|env:[ab]|,|\\$\\{[a-z_.]{0,8}\\}?|[0-9%*]{1,3}|漢😀){0,3}| ;😀|[=\\[\\]#漢]{1,3})(\n|\r\n)){0,9}", at in 0usize..200) {
        let facts = Facts { ports: vec![port("COM1")], ..Facts::default() };
        let path = Path::new("/p/platformio.ini");
        let view = View { path, text: &text, facts: &facts };
        let is_place = |span: &Span| text.get(span.clone()).is_some();
        for it in PlatformIo.diagnostics(view) {
            prop_assert!(is_place(&it.span), "{:?}", it);
            for edit in it.fixes.iter().flat_map(|fix| &fix.edits) {
                prop_assert!(is_place(&edit.span), "{:?}", it);
            }
        }
        for symbol in PlatformIo.symbols(view) {
            prop_assert!(is_place(&symbol.span) && is_place(&symbol.name_span));
        }
        prop_assert!(PlatformIo.lenses(view).iter().all(|it| is_place(&it.span)));
        let at = (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        if let Some(hover) = PlatformIo.hover(view, at) {
            prop_assert!(is_place(&hover.span));
        }
        for it in PlatformIo.completions(view, at) {
            prop_assert!(is_place(&it.span), "{:?}", it);
        }
    }
}
