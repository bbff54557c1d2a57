//! What is wrong with a text, and what the fixes make of it.

mod corpus;
mod extra_configs;
mod features;

use std::path::Path;

use crate::facts::Port;
use fbuild_project::discover::Environment;
use fbuild_project::discover::configuration::configurations;
use proptest::prelude::*;

use super::super::facts::Facts;
use super::super::project_files::{Judged, Refusal};
use super::*;
use crate::{Edit, Severity, laws};

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

fn port(name: &str) -> Port {
    Port {
        name: name.to_owned(),
        product: None,
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
    let no_space = "[platformio]\ndefault_envs = a,c\n[env:a]\n[env:b]\n";
    let found = diagnostics(no_space, &Facts::default());
    assert!(found[0].message.contains("put a space after"), "{found:?}");
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
    assert_eq!(
        check("\u{feff}[env:a]\nupload_port = rfc2217://h:4000?ign_set_control\n"),
        [("byte-order-mark", "\u{feff}")]
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
        ("\u{feff}[env:a]\nboard = x\n", "[env:a]\nboard = x\n"),
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
            "[env:a]\ncustom_x = 5%% 6% 7%%\n",
            "[env:a]\ncustom_x = 5%% 6%% 7%%\n",
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
fn an_option_that_is_there_is_not_proposed_in_its_own_place() {
    let text =
        "[common]\nflags = ${none}${nope.x}\n[env:a]\ncustom_x = ${nope.y} ${common.flags}\n";
    let found = diagnostics(text, &Facts::default());
    let wrong = ["${nope.x}", "${nope.y}", "${common.flags}"].map(|it| ("unresolved", it));
    assert_eq!(marked(text, &found), wrong);
    assert!(found.iter().all(|it| it.fixes.is_empty()), "{found:?}");
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
        ..Judged::default()
    };
    facts.files.judged.insert("platformio:b".to_owned(), judged);
    let stale = Judged {
        stale: vec!["/p/src/main.cpp".into(), "/p/src/b.cpp".into()],
        ..Judged::default()
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

/// The option that everybody tries first, and that nobody reads.
#[test]
fn board_build_flash_size_has_no_effect() {
    let text = "[env:a]\nplatform = espressif32\nboard_build.flash_size = 16MB\n";
    let found = diagnostics(text, &Facts::default());
    assert_eq!(
        marked(text, &found),
        [("dead-option", "board_build.flash_size")]
    );
    assert_eq!(found[0].severity, Severity::Warning);
    assert!(found[0].message.contains("board_upload.flash_size"));
    assert_eq!(
        fixed(text),
        "[env:a]\nplatform = espressif32\nboard_upload.flash_size = 16MB\n"
    );
    // One that is there already is not written twice.
    let both = format!("{text}board_upload.flash_size = 4MB\n");
    let found = diagnostics(&both, &Facts::default());
    assert_eq!(found.len(), 1);
    assert!(found[0].fixes.is_empty());
    let other = text.replace("espressif32", "espressif8266");
    assert_eq!(diagnostics(&other, &Facts::default()), []);
}

/// Nothing starts with a table that ends beyond the size that goes into the boot loader's header.
#[test]
fn the_table_has_to_end_within_the_flash_size() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let board = r#"{"build": {"mcu": "esp32s3"}, "upload": {"flash_size": "8MB"}}"#;
    write("boards/mys3.json", board);
    let table = "nvs,data,nvs,0x9000,0x5000\napp0,app,ota_0,0x10000,0x640000\n\
                 spiffs,data,spiffs,0xc90000,0x370000\n";
    write("p16.csv", table);
    let check = |more: &str| {
        let ini = format!(
            "[env:dev]\nplatform = espressif32\nboard = mys3\nframework = arduino\n\
             board_build.partitions = p16.csv\n{more}"
        );
        write("platformio.ini", &ini);
        let environment = Environment::from_pairs([]);
        let mut facts = Facts {
            root: dir.path().to_owned(),
            configurations: configurations(dir.path(), &environment),
            ..Facts::default()
        };
        let path = dir.path().join("p16.csv");
        facts.files.tables.insert(path.clone());
        facts.files.texts.insert(path, table.to_owned());
        let path = dir.path().join("platformio.ini");
        let (text, facts) = (&*ini, &facts);
        let path = &*path;
        let found = PlatformIo.diagnostics(View { path, text, facts });
        let marked: Vec<_> = marked(text, &found)
            .iter()
            .map(|(code, text)| format!("{code} {text}"))
            .collect();
        let messages: Vec<String> = found.into_iter().map(|it| it.message).collect();
        (marked, messages.concat())
    };
    let (marked, message) = check("");
    assert_eq!(marked, ["header-flash-size p16.csv"]);
    for words in [
        "says 8 MB of flash",
        "'spiffs' ends at 0x1000000",
        "nothing starts",
        "board_upload.flash_size changes it",
    ] {
        assert!(message.contains(words), "{message}");
    }
    let (marked, _) = check("board_upload.flash_size = 4MB\n");
    assert_eq!(marked, ["header-flash-size 4MB"]);
    assert_eq!(check("board_upload.flash_size = 16MB\n").0, [""; 0]);
    // The wrong key changes nothing about it.
    let (marked, _) = check("board_build.flash_size = 16MB\n");
    assert_eq!(
        marked,
        [
            "header-flash-size p16.csv",
            "dead-option board_build.flash_size"
        ]
    );
}

#[test]
fn an_option_that_nothing_reads_and_is_nearly_another_is_told() {
    for (text, expected) in [
        (
            "[env:a]\nboard_build.partition = x.csv\n",
            "board_build.partitions = x.csv",
        ),
        (
            "[env]\nboard_upload.flashsize = 8MB\n",
            "board_upload.flash_size = 8MB",
        ),
        (
            "[env:a]\nboard_biuld.f_flash = 80000000L\n",
            "board_build.f_flash = 80000000L",
        ),
        (
            "[env:a]\nboard_upload.ofset_address = 0x20000\n",
            "board_upload.offset_address = 0x20000",
        ),
        (
            "[c]\nupload_sped = 9600\n[env:a]\nextends = c\n",
            "upload_speed = 9600",
        ),
        (
            "[c]\nboard_build.flashmode = dio\n[env:a]\nextends = c\n",
            "board_build.flash_mode = dio",
        ),
        ("[env:a]\nupload_prot = COM3\n", "upload_port = COM3"),
        ("[env:a]\nupload_spead = 9600\n", "upload_speed = 9600"),
        (
            "[env:a]\nplatform = espressif32\nupload_protocol = esptol\n",
            "upload_protocol = esptool",
        ),
    ] {
        let found = diagnostics(text, &Facts::default());
        assert!(!found.is_empty(), "{text}");
        assert!(fixed(text).contains(expected), "{}", fixed(text));
    }
    // What a script, the board's own file or another section may read.
    for fine in [
        "[env:a]\nboard_build.my_own = 1\nboard_debug.svd = x\nboard_build.f_boot = 80000000L\n",
        "[c]\nupload_sped = 9600\n[env:a]\nextends = c\nupload_speed = ${c.upload_sped}\n",
        "[c]\nupload_sped = 9600\n[env:a]\n",
        "[env:a]\nplatform = espressif32\nupload_protocol = esp-builtin\n",
        "[env:a]\nplatform = atmelavr\nupload_protocol = usbasp\n",
        "[env]\nboard_size = 1\n[env:a]\nplatform = ststm32\nboard_colour = x\n",
    ] {
        assert_eq!(check(fine), [], "{fine}");
    }
}

proptest! {
    #[test]
    fn any_text_will_do(text in "(\u{feff}|)((\\[(env|platformio|env:[ab漢]|a)\\]|[ \t]{0,2}(extends|default_envs|upload_port|board|board_build.partitions|upload_speed) ?= ?(a|env:[ab]|,|\\$\\{[a-z_.]{0,8}\\}?|[0-9%*]{1,3}|漢😀){0,3}| ;😀|[=\\[\\]#漢]{1,3})(\n|\r\n)){0,9}") {
        let facts = Facts { ports: vec![port("COM1")], ..Facts::default() };
        let path = Path::new("/p/platformio.ini");
        let view = View { path, text: &text, facts: &facts };
        laws::hold(view, 5);
    }
}

/// Thousands of values that cannot be read come before the one that is too much.
#[test]
fn no_more_is_told_of_a_huge_file_than_anybody_reads() {
    let chained = |n: usize| format!("custom_{n} = ${{env:a.custom_{}}}x\n", n - 1);
    let values: String = (1..5000).map(chained).collect();
    let text = format!("[env:a]\nplatform = espressif32\nboard = esp32dev\n{values}");
    let found = diagnostics(&text, &Facts::default());
    let told = |words: &str| found.iter().any(|it| it.message.contains(words));
    assert!(told("the rest is not shown"), "{found:?}");
    assert!(found.len() < 150, "{}", found.len());
}

#[test]
fn options_of_a_board_that_nothing_reads_are_told() {
    for (option, meant) in [
        ("board_flash_size", Some("board_upload.flash_size")),
        ("board_partitions", Some("board_build.partitions")),
        ("board_upload.partitions", Some("board_build.partitions")),
        (
            "board_build.offset_address",
            Some("board_upload.offset_address"),
        ),
        ("board_colour", None),
        ("board_build.flash_mode", None),
        ("board_debug.tool", None),
    ] {
        let text = format!("[env:a]\nplatform = espressif32\n{option} = x\n");
        let found = diagnostics(&text, &Facts::default());
        let told = found.iter().find(|it| it.code == "misspelt-option");
        let is_told = meant.is_some() || option == "board_colour";
        assert_eq!(told.is_some(), is_told, "{option}: {found:?}");
        if let Some(meant) = meant {
            assert!(
                fixed(&text).contains(&format!("{meant} = x")),
                "{}",
                fixed(&text)
            );
        }
    }
}

#[test]
fn numbers_that_nobody_takes_are_told_where_they_stand() {
    for (line, wrong) in [
        ("board_upload.maximum_size = abc", Some("abc")),
        ("board_upload.maximum_size = 0x140000", Some("0x140000")),
        ("board_upload.maximum_size = 1310720", None),
        ("board_upload.offset_address = 64K", Some("64K")),
        ("board_upload.partition_table_offset = 0x9000", None),
        ("board_build.f_flash = 80M", Some("80M")),
        ("board_build.f_flash = 80000000L", None),
        ("board_build.f_cpu = 240000000UL", None),
        ("board_build.flash_mode = qoi", Some("qoi")),
        ("board_build.flash_mode = opi", None),
    ] {
        let text = format!("[env:a]\nplatform = espressif32\n{line}\n");
        let expected = Vec::from_iter(wrong.map(|wrong| ("bad-value", wrong)));
        assert_eq!(check(&text), expected, "{line}");
    }
    // It is told of the section that has it, once for all that extend it.
    let text = "[base]\nboard_upload.maximum_size = x\n[env]\nplatform = espressif32\nextends = base\n\
                [env:a]\n[env:b]\n";
    assert_eq!(check(text), [("bad-value", "x")]);
    let other = "[env:a]\nplatform = ststm32\nboard_upload.maximum_size = x\n";
    assert_eq!(check(other), []);
}

/// What is done with each is said where a person looks for it.
#[test]
fn every_option_of_a_board_has_its_row() {
    let rows = include_str!("../../../../docs/projects.md");
    for option in misspelt::OF_BOARDS {
        assert!(rows.contains(&format!("`{option}`")), "no row for {option}");
    }
}
