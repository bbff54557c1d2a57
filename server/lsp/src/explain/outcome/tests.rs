//! What people read at the end of a deploy.

use std::time::Duration;

use fbuild_deploy::outcome::{PlanSummary, PlannedWrite};

use super::*;

fn region(name: &str, verdict: Verdict, sectors_written: u32) -> RegionReport {
    RegionReport {
        name: name.to_owned(),
        offset: 0x10000,
        len_bytes: 8192,
        verdict,
        written: sectors_written > 0,
        sent_bytes: u64::from(sectors_written) * 1100,
        delta_bytes: 0,
        unit: fbuild_deploy::outcome::Unit::Sector,
        sectors: 2,
        sectors_differing: Some(sectors_written),
        sectors_written,
    }
}

fn deployed() -> Report {
    Report {
        outcome: OutcomeKind::SelectiveFlash,
        backend: Backend::Native,
        message: "deploy succeeded (selective flash: a_b)".to_owned(),
        target: "espidf:build".to_owned(),
        port: "/dev/ttyUSB0".to_owned(),
        chip: Some(fbuild_chip::Chip::Esp32.into()),
        mac: Some("24:0a:c4:00:01:10".to_owned()),
        duration: Duration::from_millis(1250),
        regions: vec![
            region("boot", Verdict::Match, 0),
            region("a_b|", Verdict::Differs, 1),
        ],
        plan: None,
        warnings: Vec::new(),
        error: None,
    }
}

fn failed() -> Report {
    Report {
        outcome: OutcomeKind::Failed,
        message: "deploy failed: no loader answered on /dev/ttyUSB0".to_owned(),
        chip: None,
        regions: Vec::new(),
        warnings: vec!["main.c is newer".to_owned()],
        error: Some(Failure {
            code: "no-loader",
            is_input: false,
            what: "no loader answered on /dev/ttyUSB0".to_owned(),
            board_state: "nothing was written".to_owned(),
            remedy: "hold BOOT, tap EN, release BOOT, deploy again".into(),
        }),
        ..deployed()
    }
}

fn short(change: impl FnOnce(&mut Report)) -> String {
    let mut report = deployed();
    change(&mut report);
    outcome(&report, None, &Asked::default()).short
}

#[test]
fn a_status_bar_says_what_was_written_and_how_long_it_took() {
    assert_eq!(short(|_| ()), "a_b| · 1 sector · 1.2 s");
    let skip = |report: &mut Report| report.outcome = OutcomeKind::VerifySkip;
    assert_eq!(short(skip), "up to date · 1.2 s");
    let simulated = |report: &mut Report| report.port = "sim:board.bin?time=real".to_owned();
    assert_eq!(
        short(simulated),
        "a_b| · 1 sector · 1.2 s · simulated board"
    );
    let full = |report: &mut Report| report.outcome = OutcomeKind::FullFlash;
    assert_eq!(short(full), "full flash · 1.2 s");
    let two = |report: &mut Report| report.regions[0] = region("boot", Verdict::Differs, 2);
    assert_eq!(short(two), "boot, a_b| · 3 sectors · 1.2 s");
    let three = |report: &mut Report| {
        let names = ["a", "b", "c"];
        report.regions = names.map(|name| region(name, Verdict::Differs, 2)).to_vec();
    };
    assert_eq!(short(three), "3 regions · 6 sectors · 1.2 s");
}

#[test]
fn a_cause_is_said_as_people_know_it() {
    assert_eq!(cause("no-loader"), "no answer from the board");
    assert_eq!(cause("image-checksum"), "image checksum");
}

#[test]
fn nothing_is_said_twice_and_nothing_is_left_out() {
    let text = outcome(&failed(), None, &Asked::default());
    let lines = [
        "deploy failed: no loader answered on /dev/ttyUSB0",
        "nothing was written",
        "try: hold BOOT, tap EN, release BOOT, deploy again",
        "warning: main.c is newer",
    ];
    assert_eq!(text.lines, lines);
    assert_eq!(explain(&failed()), lines.join("\n"));
    assert_eq!(
        text.sentence,
        "Deploy failed: no loader answered on /dev/ttyUSB0. Nothing was written. \
         Hold BOOT, tap EN, release BOOT, deploy again. Warning: main.c is newer."
    );
    assert_eq!(text.level, Level::Error);
    assert_eq!(text.buttons.len(), 2);
}

#[test]
fn only_what_needs_care_has_a_level() {
    let level = |outcome_is, warning: &str, writes: bool| {
        let mut report = deployed();
        report.outcome = outcome_is;
        report.warnings = warning.lines().map(str::to_owned).collect();
        if !writes {
            report.regions.clear();
        }
        outcome(&report, None, &Asked::default()).level
    };
    assert_eq!(level(OutcomeKind::SelectiveFlash, "", true), Level::None);
    assert_eq!(level(OutcomeKind::VerifySkip, "x", false), Level::Warning);
    assert_eq!(level(OutcomeKind::Cancelled, "", false), Level::None);
    assert_eq!(level(OutcomeKind::Cancelled, "", true), Level::Warning);
}

#[test]
fn details_are_a_table_that_names_cannot_break() {
    let mut report = deployed();
    report.warnings = vec!["[x](command:y)".to_owned()];
    report.backend = Backend::Esptool;
    report.port = "sim:board.bin".to_owned();
    assert_eq!(
        outcome(&report, None, &Asked::default()).detail,
        "**Deploy succeeded (selective flash: a_b)**\n\n\
         Warning: \\[x\\](command:y)\n\n\
         | Region | Offset | Before | Written | Sent |\n\
         |:--|--:|:--|--:|--:|\n\
         | boot | 0x10000 | matched | – | – |\n\
         | a_b\\| | 0x10000 | differed in 1 | 1 of 2 sectors | 1.1 KiB |\n\n\
         Target: espidf:build  \n\
         Board: ESP32 24:0a:c4:00:01:10 on a simulated board  \n\
         Time: 1.2 s, by esptool"
    );
}

#[test]
fn a_plan_is_a_page_that_lines_up() {
    let mut report = deployed();
    report.outcome = OutcomeKind::Planned;
    let nothing = outcome(&report, None, &Asked::default());
    assert_eq!(nothing.short, "nothing to write");
    let last = nothing.lines.last().map(String::as_str);
    assert_eq!(
        last,
        Some("The board holds this firmware already: there is nothing to write.")
    );
    report.plan = Some(PlanSummary {
        writes: vec![PlannedWrite {
            region: "a_b|".into(),
            unit: fbuild_deploy::outcome::Unit::Sector,
            sectors: 1,
            sectors_total: 2,
            runs: 1,
            wire_bytes: 4127,
            delta_bytes: 0,
            predicted: Duration::from_millis(310),
        }],
        predicted: Duration::from_millis(310),
        built_by: Some("idf.py build".to_owned()),
    });
    let text = outcome(&report, None, &Asked::default());
    assert_eq!(text.short, "1 sector to write");
    assert_eq!(nothing.buttons.len(), 0);
    assert_eq!(text.buttons[0].title, "Deploy");
    assert_eq!(
        text.lines.join("\n"),
        "Plan for espidf:build on ttyUSB0\n\
         ESP32 24:0a:c4:00:01:10\n\
         Build command: idf.py build\n\
         \n\
         Region   Offset   Size  On the board  Sectors to write  To send   Time\n\
         boot    0x10000  8 KiB  the same                     -        -      -\n\
         a_b|    0x10000  8 KiB  differs                 1 of 2  4.0 KiB  0.3 s\n\
         \n\
         A deploy would take about 0.3 s."
    );
    assert!(text.detail.ends_with("\nBuild command: `idf.py build`"));
}
