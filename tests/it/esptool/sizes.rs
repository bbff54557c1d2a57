//! Flash sizes that disagree: what esptool itself makes of them, and what is said here of the same files for the
//! same board.

use std::path::Path;
use std::process::{Command, Output};

use fbuild_chip::Chip;
use fbuild_project::target::Setting;
use fbuild_sim::serve::{self, PtyOptions};
use fbuild_sim::{Board, Timing};

use super::esptools;
use crate::bench::Bench;
use crate::firmware::{
    APP_AT, Build, FACTORY, NVS, TABLE_AT, image_of_sectors, noise, sized, table,
};

const CHIP: Chip = Chip::Esp32S3;
const MB: u32 = 1 << 20;

/// A project for this flash size, with a further file.
fn build(size: &str, bytes: u32, more: Option<(u32, Vec<u8>)>) -> Build {
    let boot_loader = sized(image_of_sectors(CHIP, 1, 2), bytes);
    let mut files = vec![
        (CHIP.facts().bootloader_offset, boot_loader),
        (TABLE_AT, table(&[NVS, FACTORY])),
        (APP_AT, image_of_sectors(CHIP, 2, 4)),
    ];
    files.extend(more);
    let mut build = Build::new(&files);
    build.target.flash.size = Setting::Set(size.to_owned());
    build
}

/// What esptool says when it is to write all of it to a board with this flash.
fn write_flash(program: &Path, build: &Build, size: &str, board_bytes: u32) -> Output {
    let board = Board::builder(CHIP)
        .flash_size(board_bytes)
        .timing(Timing::instant());
    let board = board.lines(false).start_in_download_mode().build().unwrap();
    let server = serve::pty(board, PtyOptions::default()).unwrap();
    let mut command = Command::new(program);
    let chip = CHIP.to_string().to_lowercase().replace('-', "");
    command.args(["--chip", &chip, "--port", server.address()]);
    command.args(["--before", "no_reset", "--after", "no_reset", "write_flash"]);
    command.args(["--flash_size", size]);
    for region in &build.target.regions {
        command
            .arg(format!("{:#x}", region.offset))
            .arg(region.source.path());
    }
    command.output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

#[test]
fn a_size_above_the_boards_is_warned_of_by_both() {
    for program in esptools() {
        let build = build("16MB", 16 * MB, None);
        let theirs = write_flash(&program, &build, "16MB", 4 * MB);
        let words = "16MB is larger than the available flash size of 4MB";
        assert!(theirs.status.success(), "{}", said(&theirs));
        assert!(said(&theirs).contains(words), "{}", said(&theirs));

        let ours = Bench::new(Board::builder(CHIP).flash_size(4 * MB)).deploy(&build.request());
        let [warning] = &ours.report.warnings[..] else {
            panic!("{:#?}", ours.report);
        };
        assert!(
            warning.contains("says 16 MB of flash, and the board has 4 MB"),
            "{warning}"
        );
    }
}

#[test]
fn an_image_beyond_the_size_that_is_set_is_refused_by_both() {
    for program in esptools() {
        let build = build("4MB", 4 * MB, Some((0x3F_0000, noise(3, 128 << 10))));
        let theirs = write_flash(&program, &build, "4MB", 8 * MB);
        assert!(!theirs.status.success(), "{}", said(&theirs));
        let words = "will not fit in 4194304 bytes of flash";
        assert!(said(&theirs).contains(words), "{}", said(&theirs));

        let ours = Bench::new(Board::builder(CHIP).flash_size(8 * MB)).deploy(&build.request());
        let error = ours.report.error.as_ref().unwrap();
        assert_eq!(error.code, "past-flash-end", "{error}");
        let words = "the flash that the build is configured for ends at 0x400000";
        assert!(error.what.contains(words), "{error}");
        ours.assert_untouched();
    }
}
