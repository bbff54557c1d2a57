//! A partition table that is replaced must not cost data on the board without a word.

use fbuild_chip::Chip;
use fbuild_deploy::outcome::OutcomeKind;
use fbuild_deploy::request::{Mode, Request};
use fbuild_sim::Board;

use crate::bench::Bench;
use crate::firmware::{
    APP_AT, Build, FACTORY, NEW_LAYOUT, NVS, OLD_LAYOUT, Row, STORAGE, TABLE_AT, image_of_sectors,
    noise, table,
};
use crate::harness;

const CHIP: Chip = Chip::Esp32;
const FLASH_LEN: usize = 4 << 20;
const LOST: &str = "with the new partition table, 'nvs' moves from 0x9000 to 0xa000, 'storage' \
                    shrinks from 1024 KiB to 512 KiB; the firmware will no longer find what is \
                    stored there";

fn build(rows: &[Row]) -> Build {
    let bootloader = CHIP.facts().bootloader_offset;
    Build::new(&[
        (bootloader, image_of_sectors(CHIP, 1, 3)),
        (TABLE_AT, table(rows)),
        (APP_AT, image_of_sectors(CHIP, 2, 6)),
    ])
}

/// Flash of a board that runs the old build and has stored something.
fn used_flash() -> Vec<u8> {
    let mut flash = build(OLD_LAYOUT).flashed(FLASH_LEN);
    for at in [NVS.3 as usize, STORAGE.3 as usize] {
        flash[at..at + 100].copy_from_slice(&noise(7, 100));
    }
    flash
}

fn bench(flash: Vec<u8>) -> Bench {
    Bench::new(Board::builder(CHIP).flash_contents(flash))
}

#[test]
fn partitions_that_move_or_shrink_are_told_before_the_first_erase() {
    let new = build(NEW_LAYOUT);
    for mode in [Mode::Auto, Mode::Full] {
        let bench = bench(used_flash());
        let request = new.with(|it| it.mode = mode);
        let deployed = bench.deploy(&request);
        assert_eq!(deployed.report.warnings, [LOST], "{mode:?}");
        assert!(deployed.report.error.is_none());
        deployed.assert_holds(&new);
        bench.assert_runs(APP_AT);
        // The next deploy changes no table.
        assert_eq!(bench.deploy(&new.request()).report.warnings, [""; 0]);
    }
}

/// A log that is written in a ring may be anywhere.
#[test]
fn data_behind_blank_flash_counts() {
    let mut flash = build(OLD_LAYOUT).flashed(FLASH_LEN);
    let last = (STORAGE.3 + STORAGE.4) as usize - 4;
    flash[last..last + 4].copy_from_slice(&[1, 2, 3, 4]);
    let new = build(NEW_LAYOUT);
    let request = new.with(|it| it.keep_data = true);
    let error = bench(flash).deploy(&request).report.error.unwrap();
    assert_eq!(error.code, "data-loss");
    assert!(
        error.what.contains("table, 'storage' shrinks"),
        "{}",
        error.what
    );
}

#[test]
fn a_plan_and_a_verify_tell_it_too() {
    let new = build(NEW_LAYOUT);
    for (mode, outcome) in [
        (Mode::Plan, OutcomeKind::Planned),
        (Mode::Verify, OutcomeKind::Failed),
    ] {
        let request = Request {
            mode,
            keep_data: true,
            ..new.request()
        };
        let deployed = bench(used_flash()).deploy(&request);
        assert_eq!(deployed.report.outcome, outcome);
        assert_eq!(deployed.report.warnings, [LOST]);
        assert_eq!(deployed.before, deployed.after);
    }
}

#[test]
fn data_that_is_to_be_kept_ends_the_deploy_before_the_first_erase() {
    let bench = bench(used_flash());
    let new = build(NEW_LAYOUT);
    let request = new.with(|it| it.keep_data = true);
    let deployed = bench.deploy(&request);
    let error = deployed.report.error.unwrap();
    assert_eq!((error.code, &*error.what), ("data-loss", LOST));
    assert!(error.board_state.contains("nothing was written"));
    assert!(
        error.remedy.to_string().contains("force"),
        "{}",
        error.remedy
    );
    assert!(deployed.erased.is_empty());
    assert_eq!(deployed.before, deployed.after);
}

#[test]
fn nothing_is_said_where_nothing_is_lost() {
    let keep = |build: &Build| build.with(|it| it.keep_data = true);
    let assert_quiet = |flash: Vec<u8>, build: &Build, why: &str| {
        let deployed = bench(flash).deploy(&keep(build));
        assert_eq!(deployed.report.warnings, [""; 0], "{why}");
        assert!(
            deployed.report.error.is_none(),
            "{why}: {:?}",
            deployed.report.error
        );
    };
    assert_quiet(vec![0xFF; FLASH_LEN], &build(NEW_LAYOUT), "a blank board");
    assert_quiet(
        build(OLD_LAYOUT).flashed(FLASH_LEN),
        &build(NEW_LAYOUT),
        "nothing is stored",
    );
    assert_quiet(used_flash(), &build(OLD_LAYOUT), "the same table");
    let larger = &[NVS, FACTORY, ("storage", 1, 0x82, 0x20_0000, 0x20_0000)];
    assert_quiet(used_flash(), &build(larger), "more room");
    // A deploy that brings what it moves.
    let bootloader = CHIP.facts().bootloader_offset;
    let brings = Build::new(&[
        (bootloader, image_of_sectors(CHIP, 1, 3)),
        (TABLE_AT, table(NEW_LAYOUT)),
        (0xA000, noise(3, 0x4000)),
        (APP_AT, image_of_sectors(CHIP, 2, 6)),
        (STORAGE.3, noise(4, 0x1000)),
    ]);
    assert_quiet(used_flash(), &brings, "everything is replaced");
}

/// Whatever the old table was, it is not known any more.
#[test]
fn what_is_neither_blank_nor_a_table_stops_a_deploy_that_is_to_keep_data() {
    let mut flash = used_flash();
    flash[TABLE_AT as usize + 33] ^= 1;
    let new = build(NEW_LAYOUT);
    let bench = bench(flash);
    let kept = bench.deploy(&new.with(|it| it.keep_data = true));
    let error = kept.report.error.unwrap();
    assert_eq!(error.code, "data-loss");
    assert!(
        error.what.contains("neither blank nor a partition table"),
        "{}",
        error.what
    );
    assert_eq!(kept.before, kept.after);
    let warned = bench.deploy(&new.request()).report;
    assert_eq!(warned.warnings, [error.what]);
    assert!(warned.error.is_none());
}

/// Its flash cannot be read, so nobody knows what the new table loses.
#[test]
fn a_secured_board_keeps_its_table_where_data_is_to_be_kept() {
    let secured: [fn(fbuild_sim::BoardBuilder) -> fbuild_sim::BoardBuilder; 2] = [
        |board| board.secure_download(),
        |board| board.flash_encryption(fbuild_sim::Encryption::Development),
    ];
    for secure in secured {
        let chip = Chip::Esp32C3;
        let new = Build::new(&[(TABLE_AT, table(NEW_LAYOUT))]);
        let board = Board::builder(chip).flash_contents(used_flash());
        let bench = Bench::new(secure(board));
        let request = |keep_data| Request {
            keep_data,
            force: true,
            ..new.request()
        };
        let kept = bench.deploy(&request(true));
        assert_eq!(kept.report.error.unwrap().code, "data-loss");
        assert_eq!(kept.before, kept.after);
        let warned = bench.deploy(&request(false)).report;
        assert!(
            warned
                .warnings
                .iter()
                .any(|it| it.contains("may no longer find")),
            "{:?}",
            warned.warnings
        );
    }
}

/// Only so much is looked through: what follows it may be data.
#[test]
fn a_large_partition_counts_as_data_where_nobody_looked() {
    let flash_len = 16 << 20;
    let far = ("far", 1, 0x82, 0x40_0000, 0xA0_0000);
    let flash = build(&[NVS, FACTORY, far]).flashed(flash_len);
    let new = build(&[NVS, FACTORY]);
    let board = Board::builder(CHIP)
        .flash_size(16 << 20)
        .flash_contents(flash);
    let deployed = Bench::new(board).deploy(&new.with(|it| it.keep_data = true));
    let report = deployed.report;
    let error = report
        .error
        .clone()
        .unwrap_or_else(|| panic!("{report:#?}"));
    assert!(error.what.contains("'far'"), "{}", error.what);
}

#[test]
fn the_command_line_warns_and_goes_on_unless_it_is_told_to_keep_data() {
    let folder = tempfile::tempdir().unwrap();
    let flash = folder.path().join("board.bin");
    std::fs::write(&flash, used_flash()).unwrap();
    let port = format!("sim:{}?chip=esp32", flash.display());
    let new = build(NEW_LAYOUT);
    let bootloader = format!("{:#x}", CHIP.facts().bootloader_offset);
    let deploy = |more: &[&str]| {
        let mut args = vec!["deploy", "--port", &port, "--json"];
        for (offset, name) in [
            (&*bootloader, "bootloader"),
            ("0x8000", "partitions"),
            ("0x10000", "firmware"),
        ] {
            args.extend(["--image", offset, new.path(name).to_str().unwrap()]);
        }
        args.extend(more);
        harness::run(&args)
    };
    let kept = deploy(&["--keep-data"]);
    assert_eq!(kept.code, Some(1), "{}", kept.stderr);
    assert_eq!(kept.json()["error"]["code"], "data-loss");
    assert_eq!(std::fs::read(&flash).unwrap(), used_flash());

    let warned = deploy(&[]);
    assert_eq!(warned.code, Some(0), "{}", warned.stderr);
    assert_eq!(warned.json()["warnings"], serde_json::json!([LOST]));
    assert!(
        warned.stderr.contains("'nvs' moves from 0x9000 to 0xa000"),
        "{}",
        warned.stderr
    );
}
