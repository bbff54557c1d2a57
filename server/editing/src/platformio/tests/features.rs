//! Hover, completion, lenses and symbols.

use super::*;

const MARK: char = '‸';

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
            .contains("= `1`\n\nFrom \\[a\\], platformio.ini line 2.")
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
        section.contains("| upload_speed | `9` | \\[env\\] |"),
        "{section}"
    );
    let used = show("[env]\nbo‸ard = esp32dev\n[env:a]\n[env:b]\nboard = x\n");
    assert!(
        used.contains("Used by a.") && used.contains("its file says chip"),
        "{used}"
    );
    let named = show("[platformio]\ndefault_envs = a, ‸b\n[env:a]\n[env:b]\nboard = x\n");
    assert!(named.starts_with("**\\[env:b\\]**"), "{named}");
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

#[test]
fn what_is_referred_to_in_either_case_is_read() {
    for (reference, is_told) in [
        ("${Base.Board_}", true),
        ("${base.Boards}", false),
        ("${this.boards}", false),
    ] {
        let text = format!("[base]\nBoards = x\n[env:a]\nextends = base\nboard = {reference}\n");
        let told = check(&text).iter().any(|it| it.0 == "misspelt-option");
        assert_eq!(told, is_told, "{reference}");
        let is_unknown = check(&text).iter().any(|it| it.0 == "unresolved");
        assert_eq!(is_unknown, is_told, "{reference}");
    }
    let text = "[base]\nmonitor_flags = --echo\n[env:a]\nextends = base\n";
    assert_eq!(check(text), []);
}
