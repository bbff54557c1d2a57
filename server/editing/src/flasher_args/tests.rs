use fbuild_project::partitions::csv;
use proptest::prelude::*;

use super::super::facts::Facts;
use super::super::project_files::{Judged, Refusal};
use super::super::{Severity, laws};
use super::*;
use crate::facts::Board;

const PATH: &str = "/p/build/flasher_args.json";
const TEXT: &str = r#"{
    "flash_settings" : { "flash_mode": "dio", "flash_size": "2MB", "flash_freq": "40m" },
    "flash_files" : {
        "0x8000" : "table.bin",
        "0x10000" : "漢.bin"
    },
    "app" : { "offset" : "0x10000", "file" : "漢.bin", "encrypted" : "true" },
    "extra_esptool_args" : { "chip" : "esp32s3" }
}"#;

fn view<'v>(text: &'v str, facts: &'v Facts) -> View<'v> {
    View {
        path: Path::new(PATH),
        text,
        facts,
    }
}

fn check<'t>(text: &'t str, facts: &Facts) -> Vec<(&'static str, &'t str)> {
    let mut found = FlasherArgs.diagnostics(view(text, facts));
    found.sort_by_key(|it| it.span.start);
    found
        .iter()
        .map(|it| (it.code, &text[it.span.clone()]))
        .collect()
}

fn facts(sizes: &[(&str, Option<u64>)]) -> Facts {
    let mut facts = Facts::default();
    for (name, size) in sizes {
        let path = Path::new("/p/build").join(name);
        facts.files.sizes.insert(path, *size);
    }
    facts
}

#[test]
fn files_are_looked_for() {
    assert_eq!(check(TEXT, &Facts::default()), [], "nobody has looked yet");
    let there = facts(&[("table.bin", Some(0xC00)), ("漢.bin", Some(0x1000))]);
    assert_eq!(check(TEXT, &there), []);
    let missing = facts(&[("table.bin", Some(0)), ("漢.bin", None)]);
    assert_eq!(
        check(TEXT, &missing),
        [
            ("file-empty", "\"table.bin\""),
            ("file-missing", "\"漢.bin\"")
        ]
    );
}

#[test]
fn images_must_not_overlap_nor_end_behind_the_flash() {
    let large = facts(&[("table.bin", Some(0x8001)), ("漢.bin", Some(0x20_0000))]);
    assert_eq!(
        check(TEXT, &large),
        [
            ("regions-overlap", "\"0x10000\""),
            ("past-flash-end", "\"0x10000\"")
        ]
    );
}

#[test]
fn broken_json_is_marked_and_the_rest_is_still_looked_at() {
    let facts = facts(&[("漢.bin", None)]);
    let broken = TEXT.replace("\"table.bin\",", "\"table.bin\"");
    assert_eq!(
        check(&broken, &facts),
        [("json", "\""), ("file-missing", "\"漢.bin\"")]
    );
    let wrong = TEXT
        .replace("0x8000", "here")
        .replace("\"漢.bin\"\n", "7\n");
    assert_eq!(
        check(&wrong, &facts),
        [
            ("no-offset", "\"here\""),
            ("no-file", "7"),
            ("not-listed", "\"app\"")
        ]
    );
    assert_eq!(check("{}", &facts), [("json", "{")]);
    assert_eq!(
        check("{\"flash_files\": {}}", &facts),
        [("no-image", "\"flash_files\"")]
    );
}

#[test]
fn the_board_that_was_deployed_to_last_is_compared() {
    let facts = Facts {
        boards: vec![Board {
            mac: None,
            port: "COM1".to_owned(),
            chip: Some("esp32".to_owned()),
            flash_bytes: Some(1 << 20),
            security: None,
            deploys: Vec::new(),
        }],
        ..Facts::default()
    };
    assert_eq!(
        check(TEXT, &facts),
        [
            ("flash-of-board", "\"2MB\""),
            ("chip-of-board", "\"esp32s3\"")
        ]
    );
}

/// A build that discovery found in this file.
fn built(refusal: Option<Refusal>) -> Facts {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.bin");
    std::fs::write(&path, [0]).unwrap();
    let mut target = fbuild_project::target::Target::from_files(&[(0, path)]).unwrap();
    target.tool = fbuild_project::target::Tool::EspIdf;
    target.name = "espidf:build".to_owned();
    target.env = Some("build".to_owned());
    target.found_in = PATH.into();
    target.root = "/p".into();
    target.build = vec!["build".to_owned()];
    let mut facts = Facts {
        root: "/p".into(),
        builds: vec![Build {
            target,
            images: Vec::new(),
        }],
        ..Facts::default()
    };
    let judged = Judged {
        refusal,
        stale: vec!["/p/main/main.c".into()],
        ..Judged::default()
    };
    facts.files.judged.insert("espidf:build".to_owned(), judged);
    facts
}

#[test]
fn what_a_deploy_refuses_stands_on_the_file_that_is_to_blame() {
    let refusal = Refusal {
        code: "image-checksum",
        message: "firmware: the file is damaged".to_owned(),
        remedy: "Build the project: idf.py build".to_owned(),
        path: Some("/p/build/漢.bin".into()),
    };
    assert_eq!(
        check(TEXT, &built(Some(refusal))),
        [("image-checksum", "\"漢.bin\"")]
    );
    let facts = built(None);
    let found = FlasherArgs.diagnostics(view(TEXT, &facts));
    assert_eq!(
        (found[0].code, found[0].severity),
        ("stale-build", Severity::Hint)
    );
    assert_eq!(
        found[0].message,
        "main/main.c is newer than the firmware: idf.py build"
    );
}

/// The boot loader refuses a table that ends beyond the size in its header.
#[test]
fn the_flash_size_has_to_reach_to_the_end_of_the_table() {
    let text = "nvs,data,nvs,0x9000,0x4000\napp,app,factory,0x10000,1M\nfs,data,spiffs,2M,2M\n";
    let table = csv::compile(text, &csv::Options::default()).unwrap();
    let mut facts = built(None);
    let judged = facts.files.judged.get_mut("espidf:build").unwrap();
    judged.stale.clear();
    judged.table = Some(table);
    let found = FlasherArgs.diagnostics(view(TEXT, &facts));
    assert_eq!(check(TEXT, &facts), [("header-flash-size", "\"2MB\"")]);
    assert_eq!(found[0].severity, Severity::Error);
    assert!(
        found[0]
            .message
            .contains("says 2 MB of flash, and the partition 'fs' ends at 0x400000"),
        "{}",
        found[0].message
    );
    for large_enough in ["4MB", "8MB", "keep"] {
        let text = TEXT.replace("\"2MB\"", &format!("\"{large_enough}\""));
        assert_eq!(check(&text, &facts), []);
    }
}

/// `idf.py flash` gives esptool the size that is among its arguments.
#[test]
fn the_flash_size_among_esptool_s_arguments_is_checked_like_the_setting() {
    let table = "app,app,factory,0x10000,1M\nfs,data,spiffs,2M,2M\n";
    let mut facts = built(None);
    let judged = facts.files.judged.get_mut("espidf:build").unwrap();
    judged.stale.clear();
    judged.table = Some(csv::compile(table, &csv::Options::default()).unwrap());
    for option in ["--flash_size", "--flash-size"] {
        let with = |size: &str| {
            let arguments = format!(
                "{{ \"write_flash_args\": [\"--flash_mode\", \"dio\", \"{option}\", \"{size}\"],"
            );
            TEXT.replacen('{', &arguments, 1)
                .replace("\"2MB\"", "\"4MB\"")
        };
        assert_eq!(check(&with("4MB"), &facts), []);
        let small = with("1MB");
        assert_eq!(
            check(&small, &facts),
            [
                ("header-flash-size", "\"1MB\""),
                ("flash-size-differs", "\"1MB\"")
            ]
        );
        let found = FlasherArgs.diagnostics(view(&small, &facts));
        assert!(
            found[0].message.starts_with(
                "With idf.py flash this becomes the boot loader's header, which says 1 MB"
            ),
            "{}",
            found[0].message
        );
    }
    // Cut off, or not a list at all.
    for arguments in [
        "[\"--flash_size\"]",
        "\"--flash_size\"",
        "[\"--flash_size\", 4]",
    ] {
        let text = TEXT.replacen('{', &format!("{{ \"write_flash_args\": {arguments},"), 1);
        assert_eq!(check(&text.replace("\"2MB\"", "\"4MB\""), &facts), []);
    }
}

#[test]
fn the_list_of_files_can_be_deployed_by_a_click() {
    let facts = built(None);
    let lenses = FlasherArgs.lenses(view(TEXT, &facts));
    let titles: Vec<&str> = lenses.iter().map(|lens| &*lens.title).collect();
    assert_eq!(titles, ["Deploy", "Verify", "Plan"]);
    assert_eq!(&TEXT[lenses[0].span.clone()], "\"flash_files\"");
    let arguments = serde_json::json!({"root": "/p", "target": "espidf:build"});
    assert_eq!(lenses[0].arguments, arguments);
    assert!(FlasherArgs.lenses(view(TEXT, &Facts::default())).is_empty());
}

#[test]
fn hover_and_outline_show_what_goes_where() {
    let facts = facts(&[("漢.bin", Some(0x1800))]);
    let at = TEXT.find("\"0x10000\"").unwrap() + 2;
    let hover = FlasherArgs.hover(view(TEXT, &facts), at).unwrap();
    assert_eq!(
        hover.markdown,
        "**app** at 0x10000\n\n6144 bytes (6 KiB), up to 0x11800\n\nThe chip is to encrypt it."
    );
    let symbols = FlasherArgs.symbols(view(TEXT, &facts));
    let names: Vec<&str> = symbols.iter().map(|it| &*it.name).collect();
    assert_eq!(names, ["0x8000", "app"]);
}

proptest! {
    #[test]
    fn no_damage_panics(at in 0usize..400, len in 0usize..9, with in "[\\[\\]{},:\"\\\\0漢]{0,3}") {
        let mut text: Vec<char> = TEXT.chars().collect();
        let at = at.min(text.len());
        let end = (at + len).min(text.len());
        text.splice(at..end, with.chars());
        let text: String = text.into_iter().collect();
        let facts = built(None);
        let view = view(&text, &facts);
        laws::hold(view, 7);
    }
}
