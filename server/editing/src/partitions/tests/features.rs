//! Hover, completion, hints, lenses, outline and formatting.

use fbuild_project::partitions::csv;
use serde_json::json;

use super::*;
use crate::applied;
use crate::facts::{Board, Deploy, Deployed};

const TABLE: &str = "# 表😀\n\
    nvs,  data, nvs, ,  0x4000,\n\
    app,  app,  factory, , 1M,\n\
    fs,   data, spiffs, 0x200000, -0x300000,\n";

fn deployed(verdict: &str, written: bool, when_ms: u64) -> Facts {
    let region = Deployed {
        name: "firmware".to_owned(),
        verdict: verdict.to_owned(),
        written,
    };
    let deploy = Deploy {
        when_ms,
        target: "espidf:build".to_owned(),
        outcome: "selectiveFlash".to_owned(),
        regions: vec![region],
    };
    Facts {
        boards: vec![Board {
            mac: Some("24:0a:c4:00:01:10".to_owned()),
            port: "/dev/ttyUSB0".to_owned(),
            chip: None,
            flash_bytes: None,
            security: None,
            deploys: vec![deploy],
        }],
        ..built(786_432)
    }
}

fn hover(text: &str, on: &str, facts: &Facts) -> Option<String> {
    let at = text.find(on).unwrap();
    let hover = Partitions.hover(view(text, facts), at)?;
    Some(hover.markdown)
}

#[test]
fn a_row_tells_its_place_what_is_built_for_it_and_what_the_board_has() {
    assert_eq!(
        hover(TABLE, "factory", &deployed("differs", true, 3000)).unwrap(),
        "**app** app, factory: the app that boots when otadata selects none\n\n\
         Offset: `0x10000` (filled in)  \nSize: `0x100000`, 1 MiB  \nEnd: `0x110000`  \n\
         Built: firmware: 768 KiB, 75 % full, 256 KiB free (`app.bin`)  \n\
         Board: was written at the last deploy to 24:0a:c4:00:01:10  \n"
    );
    let board = |verdict, written, when| {
        let said = hover(TABLE, "factory", &deployed(verdict, written, when)).unwrap();
        said.lines().last().unwrap().to_owned()
    };
    assert!(board("match", false, 3000).contains("Board: matched at the last deploy"));
    assert!(board("differs", false, 3000).contains("differed, and was not written"));
    assert!(board("match", false, 1000).ends_with("; built again since  "));
    for (outcome, written, expected) in [
        (
            "cancelled",
            true,
            "Board: writing had begun at the last deploy to 24:0a:c4:00:01:10, which was cancelled",
        ),
        (
            "failed",
            true,
            "Board: writing had begun at the last deploy to 24:0a:c4:00:01:10, which failed",
        ),
        (
            "failed",
            false,
            "Board: differed, and was not written at the last deploy to 24:0a:c4:00:01:10, which failed",
        ),
    ] {
        let mut facts = deployed("differs", written, 3000);
        facts.boards[0].deploys[0].outcome = outcome.to_owned();
        let said = hover(TABLE, "factory", &facts).unwrap();
        assert_eq!(said.lines().last().unwrap().trim_end(), expected);
    }
    assert!(
        hover(TABLE, "-0x3", &Facts::default())
            .unwrap()
            .contains("Size: `0x100000`, 1 MiB  ")
    );
    assert_eq!(hover(TABLE, "表", &Facts::default()), None);
}

#[test]
fn hints_show_what_is_filled_in_and_what_is_hard_to_read() {
    let hints = Partitions.inlay_hints(view(TABLE, &Facts::default()));
    let mut shown = TABLE.to_owned();
    for hint in hints.iter().rev() {
        shown.insert_str(hint.at, &format!("«{}»", hint.label));
    }
    assert_eq!(
        shown,
        "# 表😀\n\
         nvs,  data, nvs, «0x9000»,  0x4000«16 KiB»,\n\
         app,  app,  factory, «0x10000», 1M,\n\
         fs,   data, spiffs, 0x200000, -0x300000«1 MiB»,\n"
    );
}

#[test]
fn rows_that_something_was_built_for_can_be_deployed() {
    let facts = built(5);
    let lenses = Partitions.lenses(view(TABLE, &facts));
    let shown: Vec<_> = lenses
        .iter()
        .map(|lens| (&*lens.title, lens.command))
        .collect();
    assert_eq!(
        shown,
        [
            ("Deploy firmware", "fbuild.server.deploy"),
            ("Verify firmware", "fbuild.server.verify")
        ]
    );
    assert_eq!(&TABLE[lenses[0].span.clone()], "app,  app,  factory, , 1M,");
    let arguments = json!({"root": "/p", "target": "espidf:build", "regions": ["firmware"]});
    assert_eq!(lenses[0].arguments, arguments);
    assert!(Partitions.lenses(view(TABLE, &Facts::default())).is_empty());
}

#[test]
fn the_outline_lists_the_partitions() {
    let symbols = Partitions.symbols(view(TABLE, &Facts::default()));
    let shown: Vec<_> = symbols.iter().map(|s| (&*s.name, &*s.detail)).collect();
    assert_eq!(
        shown,
        [
            ("nvs", "data nvs 0x9000 16 KiB"),
            ("app", "app factory 0x10000 1 MiB"),
            ("fs", "data spiffs 0x200000 1 MiB")
        ]
    );
    assert_eq!(&TABLE[symbols[1].name_span.clone()], "app");
}

/// What is offered at `|`, as the text that each makes.
fn completed(marked: &str, facts: &Facts) -> Vec<String> {
    let at = marked.find('|').unwrap();
    let text = marked.replace('|', "");
    let offered = Partitions.completions(view(&text, facts), at);
    let fill = |item: &crate::Completion| {
        let mut out = text.clone();
        out.replace_range(item.span.clone(), &item.text);
        out
    };
    offered.iter().map(fill).collect()
}

#[test]
fn completion_knows_the_column() {
    let facts = project(configuration(Some(4 << 20)));
    let first = |marked: &str| completed(marked, &facts).into_iter().next();
    let said = |text: &str| Some(text.to_owned());
    assert_eq!(first("a, |"), said("a, data"));
    assert_eq!(first("a, d|a, nvs"), said("a, data, nvs"));
    assert_eq!(first("a, data, |, , 4K"), said("a, data, ota, , 4K"));
    // Those already in the table come last.
    assert_eq!(
        first("o, data, ota, , 8K\na, app, ota_0, , 1M\nb, app, |"),
        said("o, data, ota, , 8K\na, app, ota_0, , 1M\nb, app, factory")
    );
    assert_eq!(
        first("n, data, nvs, , 0x6000\na, app, factory, |, 1M"),
        said("n, data, nvs, , 0x6000\na, app, factory, 0x10000, 1M")
    );
    assert_eq!(
        first("a, app, factory, 0x10000, |\nb, data, fat, 0x110000, 4K"),
        said("a, app, factory, 0x10000, 1M\nb, data, fat, 0x110000, 4K")
    );
    assert_eq!(
        first("a, data, fat, , 4K, |"),
        said("a, data, fat, , 4K, encrypted")
    );
    assert_eq!(
        completed("a, data, fat, , 4K, encrypted:r|", &facts),
        ["a, data, fat, , 4K, encrypted:readonly"]
    );
    assert_eq!(first("|"), said("nvs, data, nvs, , 0x6000,"));
    assert_eq!(
        first("nvs, data, nvs, , 0x6000,\not|"),
        said("nvs, data, nvs, , 0x6000,\notadata, data, ota, , 0x2000,")
    );
    for nothing in ["# a, |", "$ROW, |", "a, data, fat, , 4K, , |", "a|, data"] {
        assert_eq!(completed(nothing, &facts), [""; 0], "{nothing}");
    }
}

#[test]
fn older_versions_are_not_offered_what_they_do_not_know() {
    let mut known = configuration(None);
    known.idf_version = csv::IdfVersion::find("v5.1");
    let offered = completed("a, data, |", &project(known)).join("\n");
    assert!(
        offered.contains("spiffs") && !offered.contains("littlefs"),
        "{offered}"
    );
}

#[test]
fn a_variable_is_what_the_environment_has_and_else_unknown() {
    use fbuild_project::discover::Environment;

    let text = "nvs, data, nvs, , $NVS_SIZE\napp, app, factory, 0x20000, 1M\n$MORE\n";
    let mut facts = project(configuration(Some(4 << 20)));
    let unset = "1 warning number-invalid '$NVS_SIZE'\n3 warning unknown-variable '$MORE'\n";
    let found = diagnostics(text, &facts);
    let found: Vec<Diagnostic> = found
        .into_iter()
        .filter(|d| d.severity != Severity::Hint)
        .collect();
    assert_eq!(listed(text, &found), unset);
    assert!(
        found[0].message.starts_with("$NVS_SIZE is not set here."),
        "{found:?}"
    );
    let mut with = |size: &str| {
        let set = [("NVS_SIZE", size), ("MORE", "x, data, 0x40, , 4K")];
        let set = set.map(|(name, value)| (name.to_owned(), value.to_owned()));
        facts.files.environment = Environment::from_pairs(set);
        let mut found = diagnostics(text, &facts);
        found.retain(|d| d.severity <= Severity::Warning);
        listed(text, &found)
    };
    assert_eq!(with("0x6000"), "");
    assert_eq!(with("much"), "1 error number-invalid '$NVS_SIZE'\n");
}

#[test]
fn columns_are_aligned_and_comments_kept() {
    let untidy = "#Name,Type,  SubType,Offset,Size,Flags\r\n\
        # a comment,   with,commas\r\n\
        \r\n\
        nvs,data,nvs,0x9000,0x6000,\r\n\
        \tphy_init , data,phy,,  4K\r\n\
        分区,app,factory,,1M,encrypted\r\n\
        $EXTRA,x\r\n";
    let edits = Partitions.tidy(view(untidy, &Facts::default()));
    let tidy = applied(untidy, &edits).unwrap();
    assert_eq!(
        tidy,
        "#Name,    Type, SubType, Offset, Size,   Flags\r\n\
         # a comment,   with,commas\r\n\
         \r\n\
         nvs,      data, nvs,     0x9000, 0x6000,\r\n\
         phy_init, data, phy,     ,       4K\r\n\
         分区,     app,  factory, ,       1M,     encrypted\r\n\
         $EXTRA,x\r\n"
    );
    assert!(Partitions.tidy(view(&tidy, &Facts::default())).is_empty());
}
