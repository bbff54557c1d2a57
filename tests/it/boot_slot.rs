//! What is written is what boots: OTA slots, the otadata that selects between them, and the tables
//! that say where they are.

use fbuild_chip::Chip;
use fbuild_deploy::outcome::OutcomeKind;
use fbuild_deploy::request::Mode;
use fbuild_project::target::{Region, RegionKind, Source};
use fbuild_sim::Board;

use crate::bench::{Bench, Deployed};
use crate::firmware::{
    APP_AT, Build, FACTORY, NVS, OTA_0, OTA_1, OTADATA, OTADATA_AT, Row, SECTOR, TABLE_AT,
    image_of_sectors, noise, otadata, table,
};

const CHIP: Chip = Chip::Esp32;
const TWO_SLOTS: &[Row] = &[NVS, OTADATA, OTA_0, OTA_1];
const FLASH_LEN: usize = 4 << 20;
const SECOND_SLOT: u32 = OTA_1.3;

fn bootloader() -> (u32, Vec<u8>) {
    (CHIP.facts().bootloader_offset, image_of_sectors(CHIP, 1, 3))
}

fn app(seed: u64) -> Vec<u8> {
    image_of_sectors(CHIP, seed, 6)
}

/// A project whose regions do not include otadata.
fn project(rows: &[Row]) -> Build {
    Build::new(&[bootloader(), (TABLE_AT, table(rows)), (APP_AT, app(2))])
}

/// A project that writes its initial otadata as a region of its own.
fn project_with_otadata(rows: &[Row], initial: Vec<u8>) -> Build {
    Build::new(&[
        bootloader(),
        (TABLE_AT, table(rows)),
        (OTADATA_AT, initial),
        (APP_AT, app(2)),
    ])
}

/// Gives a project initial otadata that its tool does not write.
fn keep_apart(build: &mut Build, offset: u32, initial: &[u8]) {
    let path = build.spare("ota_data_initial.bin", initial);
    build.target.spare_otadata = Some(Region {
        name: "otadata".to_owned(),
        offset,
        source: Source::File(path),
        kind: RegionKind::OtaData,
        encrypted: false,
    });
}

/// A board with the project's boot loader and table that took an update over the air: another app in
/// each slot, and otadata selects the second.
fn updated_board(build: &Build) -> Bench {
    let mut flash = build.flashed(FLASH_LEN);
    put(&mut flash, APP_AT, &app(10));
    put(&mut flash, SECOND_SLOT, &app(11));
    put(&mut flash, OTADATA_AT, &otadata(Some(1), Some(2)));
    on(flash, SECOND_SLOT)
}

fn put(flash: &mut [u8], offset: u32, bytes: &[u8]) {
    flash[offset as usize..][..bytes.len()].copy_from_slice(bytes);
}

/// A board with this flash, which starts this app.
fn on(flash: Vec<u8>, starts: u32) -> Bench {
    let bench = Bench::new(Board::builder(CHIP).flash_contents(flash));
    bench.assert_runs(starts);
    bench
}

fn written(deployed: &Deployed) -> Vec<&str> {
    let regions = deployed.report.regions.iter();
    regions
        .filter(|region| region.written)
        .map(|region| region.name.as_str())
        .collect()
}

#[track_caller]
fn assert_one_warning(deployed: &Deployed, words: &[&str]) {
    let [warning] = &deployed.report.warnings[..] else {
        panic!("{:#?}", deployed.report.warnings);
    };
    for word in words {
        assert!(warning.contains(word), "no '{word}' in: {warning}");
    }
}

#[test]
fn otadata_among_the_regions_is_written_like_everything_else() {
    // ESP-IDF's is blank, Arduino's selects the first slot by name.
    for initial in [otadata(None, None), otadata(Some(1), None)] {
        let build = project_with_otadata(TWO_SLOTS, initial);
        let bench = updated_board(&build);
        let deployed = bench.deploy(&build.request());
        assert_eq!(written(&deployed), ["otadata", "firmware"]);
        assert_eq!(deployed.report.warnings, [""; 0]);
        deployed.assert_holds(&build);
        deployed.assert_within_plan();
        bench.assert_runs(APP_AT);
    }
}

#[test]
fn a_subset_takes_the_projects_otadata_along() {
    let build = project_with_otadata(TWO_SLOTS, otadata(Some(1), None));
    let bench = updated_board(&build);
    let deployed = bench.deploy(&build.subset(&["firmware"]));
    assert_eq!(deployed.outcome(), OutcomeKind::SelectiveFlash);
    assert_eq!(written(&deployed), ["otadata", "firmware"]);
    assert_one_warning(&deployed, &["ota_1", "ota_0", "otadata is written"]);
    deployed.assert_holds(&build);
    deployed.assert_within_plan();
    bench.assert_runs(APP_AT);
    // Now that it starts the right slot, a subset is the firmware alone.
    let again = bench.deploy(&build.subset(&["firmware"]));
    assert_eq!(again.outcome(), OutcomeKind::VerifySkip);
    assert_eq!(again.report.warnings, [""; 0]);
    again.assert_untouched();
}

#[test]
fn otadata_that_the_tool_leaves_unwritten_is_used_too() {
    for rows in [TWO_SLOTS, &[NVS, OTADATA, FACTORY, OTA_1]] {
        let mut build = project(rows);
        keep_apart(&mut build, OTADATA_AT, &otadata(None, None));
        let bench = updated_board(&build);
        let deployed = bench.deploy(&build.request());
        assert_eq!(written(&deployed), ["otadata", "firmware"]);
        deployed.assert_holds(&build);
        bench.assert_runs(APP_AT);
    }
}

/// Everything matches, but the board would start the other slot.
#[test]
fn a_verify_skip_with_the_wrong_slot_selected() {
    let mut build = project(TWO_SLOTS);
    let mut flash = build.flashed(FLASH_LEN);
    put(&mut flash, SECOND_SLOT, &app(11));
    put(&mut flash, OTADATA_AT, &otadata(Some(1), Some(2)));

    // Nothing of the project could change that: it says so.
    let bench = on(flash.clone(), SECOND_SLOT);
    let deployed = bench.deploy(&build.request());
    assert_eq!(deployed.outcome(), OutcomeKind::VerifySkip);
    assert_one_warning(&deployed, &["ota_0", "ota_1", "erase otadata", "0xd000"]);
    deployed.assert_untouched();
    bench.assert_runs(SECOND_SLOT);

    // The project can: it is not a skip any more.
    keep_apart(&mut build, OTADATA_AT, &otadata(None, None));
    let bench = on(flash.clone(), SECOND_SLOT);
    let deployed = bench.deploy(&build.request());
    deployed.assert_message("deploy succeeded (selective flash: otadata; 2 of 2 sectors)");
    bench.assert_runs(APP_AT);

    // A verify tells and leaves it.
    let bench = on(flash, SECOND_SLOT);
    let verify = build.with(|it| it.mode = Mode::Verify);
    let verified = bench.deploy(&verify);
    verified.assert_message("verify succeeded (device matches)");
    assert_one_warning(&verified, &["ota_1", "ota_0"]);
    verified.assert_untouched();
    bench.assert_runs(SECOND_SLOT);
}

#[test]
fn without_initial_otadata_a_warning_names_both_slots_and_the_remedy() {
    let build = project(TWO_SLOTS);
    let bench = updated_board(&build);
    for request in [build.request(), build.subset(&["firmware"])] {
        let deployed = bench.deploy(&request);
        assert!(deployed.report.error.is_none(), "{:#?}", deployed.report);
        assert_one_warning(
            &deployed,
            &[
                "ota_0",
                "ota_1",
                "keeps running",
                "erase otadata (8192 bytes at 0xd000)",
            ],
        );
        bench.assert_runs(SECOND_SLOT);
    }
    // The remedy helps.
    let mut flash = bench.board().flash().contents().to_vec();
    put(&mut flash, OTADATA_AT, &[0xFF; 2 * SECTOR]);
    on(flash, APP_AT);
}

/// Initial otadata that would not start what is written does not help: it stays away.
#[test]
fn firmware_for_the_second_slot() {
    let mut build = Build::new(&[
        bootloader(),
        (TABLE_AT, table(TWO_SLOTS)),
        (SECOND_SLOT, app(2)),
    ]);
    keep_apart(&mut build, OTADATA_AT, &otadata(None, None));
    let mut flash = build.flashed(FLASH_LEN);
    put(&mut flash, APP_AT, &app(10));
    let bench = on(flash, APP_AT);
    let deployed = bench.deploy(&build.request());
    assert_eq!(deployed.outcome(), OutcomeKind::VerifySkip);
    assert_one_warning(&deployed, &["ota_1", "ota_0", "otadata that selects it"]);
    bench.assert_runs(APP_AT);

    // With the slot selected there is nothing to say.
    let mut flash = build.flashed(FLASH_LEN);
    put(&mut flash, OTADATA_AT, &otadata(Some(1), Some(2)));
    let bench = on(flash, SECOND_SLOT);
    let deployed = bench.deploy(&build.request());
    assert_eq!(deployed.report.warnings, [""; 0]);
    bench.assert_runs(SECOND_SLOT);
}

/// A slot without an app does not go on running.
#[test]
fn a_blank_slot_that_is_selected() {
    let build = Build::new(&[
        bootloader(),
        (TABLE_AT, table(TWO_SLOTS)),
        (OTADATA_AT, otadata(Some(1), None)),
        (SECOND_SLOT, app(2)),
    ]);
    let bench = Bench::new(Board::builder(CHIP));
    let deployed = bench.deploy(&build.request());
    let words = ["selects ota_0", "where there is no app", "those after it"];
    assert_one_warning(&deployed, &words);
    bench.assert_runs(SECOND_SLOT);
}

/// otadata among the regions that selects another slot than the one that is written.
#[test]
fn otadata_among_the_regions_may_be_wrong() {
    let build = Build::new(&[
        bootloader(),
        (TABLE_AT, table(TWO_SLOTS)),
        (OTADATA_AT, otadata(Some(1), None)),
        (SECOND_SLOT, app(2)),
    ]);
    let mut flash = build.flashed(FLASH_LEN);
    put(&mut flash, APP_AT, &app(10));
    let bench = on(flash, APP_AT);
    let deployed = bench.deploy(&build.request());
    assert_one_warning(&deployed, &["ota_1", "ota_0"]);
    bench.assert_runs(APP_AT);
}

/// A file that is no otadata is at fault, not the board.
#[test]
fn damaged_otadata_is_told_by_whose_it_is() {
    let build = project_with_otadata(TWO_SLOTS, noise(5, 2 * SECTOR));
    let deployed = updated_board(&build).deploy(&build.request());
    let file = build.target.region("otadata").unwrap().source.path();
    let whose = format!("otadata: {} is neither blank nor valid", file.display());
    assert_one_warning(&deployed, &[&whose]);
}

/// The table that the board will have says where its slots are.
#[test]
fn another_table_on_the_board() {
    // Here the board's otadata is where the project has settings, and its second slot elsewhere.
    let other_otadata = ("otadata", 1, 0, 0x9000, 0x2000);
    let other_slot = ("ota_1", 0, 0x11, 0x21_0000, 0x10_0000);
    let mut build = project(TWO_SLOTS);
    keep_apart(&mut build, OTADATA_AT, &otadata(None, None));
    let mut flash = build.flashed(FLASH_LEN);
    put(
        &mut flash,
        TABLE_AT,
        &table(&[other_otadata, OTA_0, other_slot]),
    );
    put(&mut flash, other_otadata.3, &otadata(Some(1), Some(2)));
    put(&mut flash, other_slot.3, &app(11));
    put(&mut flash, OTADATA_AT, &noise(5, 2 * SECTOR));

    // The table stays: the project's otadata would go to a place that means something else.
    let bench = on(flash.clone(), other_slot.3);
    let deployed = bench.deploy(&build.subset(&["firmware"]));
    deployed.assert_untouched();
    let warnings = deployed.report.warnings.join("\n");
    assert!(
        warnings.contains("is not the project's")
            && warnings.contains("ota_0")
            && warnings.contains("ota_1")
            && warnings.contains("0x9000"),
        "{warnings}"
    );
    bench.assert_runs(other_slot.3);

    // The table goes along: the project's own otadata decides, and noise selects nothing.
    let bench = on(flash, other_slot.3);
    let deployed = bench.deploy(&build.request());
    assert_eq!(written(&deployed), ["partitions"]);
    assert_eq!(
        deployed.report.warnings,
        [
            "otadata on the board (0xd000) is neither blank nor valid: the boot loader ignores the \
          damaged part"
        ]
    );
    bench.assert_runs(APP_AT);
}

#[test]
fn a_board_whose_table_has_no_app_there() {
    let build = project(TWO_SLOTS);
    let elsewhere = ("factory", 0, 0, 0x11_0000, 0x10_0000);
    let mut flash = build.flashed(FLASH_LEN);
    put(&mut flash, TABLE_AT, &table(&[NVS, elsewhere]));
    put(&mut flash, elsewhere.3, &app(11));
    let bench = on(flash, elsewhere.3);
    let deployed = bench.deploy(&build.subset(&["firmware"]));
    let warnings = deployed.report.warnings.join("\n");
    assert!(
        warnings.contains("0x10000") && warnings.contains("has no app"),
        "{warnings}"
    );
}

#[test]
fn a_board_without_a_table() {
    let build = project(TWO_SLOTS);
    let mut flash = vec![0xFF; FLASH_LEN];
    put(&mut flash, bootloader().0, &bootloader().1);
    let bench = Bench::new(Board::builder(CHIP).flash_contents(flash));
    let deployed = bench.deploy(&build.subset(&["firmware"]));
    assert_eq!(deployed.outcome(), OutcomeKind::SelectiveFlash);
    assert_one_warning(&deployed, &["no partition table at 0x8000"]);
}

/// A single file and its offset: the only table is the board's.
#[test]
fn a_file_without_a_project() {
    let on_board = project(TWO_SLOTS);
    let bench = updated_board(&on_board);
    let file = Build::new(&[(APP_AT, app(2))]);
    let deployed = bench.deploy(&file.request());
    assert!(deployed.report.error.is_none(), "{:#?}", deployed.report);
    assert_one_warning(&deployed, &["ota_0", "ota_1", "erase otadata"]);
    deployed.assert_holds(&file);
    bench.assert_runs(SECOND_SLOT);

    let blank = Bench::new(Board::builder(CHIP));
    let deployed = blank.deploy(&file.request());
    let warnings = deployed.report.warnings.join("\n");
    for words in ["no boot loader at 0x1000", "no partition table at 0x8000"] {
        assert!(warnings.contains(words), "no '{words}' in: {warnings}");
    }
    deployed.assert_holds(&file);
}
