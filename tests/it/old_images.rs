//! What boards were given before makes the next comparison shorter, and never wrong.

use std::path::Path;

use fbuild_chip::Chip;
use fbuild_deploy::request::{Baud, Mode, Request};
use fbuild_loader::packet::op;
use fbuild_sim::{Board, Timing};

use crate::bench::{Bench, Deployed};
use crate::firmware::{APP_AT, Build, NVS, SECTOR, TABLE_AT, code, image, table};

const APP_SECTORS: usize = 128;

/// An app that is built from these edits: which sectors they change.
fn app(edits: &[usize]) -> Vec<u8> {
    let mut payload = code(2, APP_SECTORS * SECTOR - 80);
    for sector in edits {
        payload[sector * SECTOR + 100] ^= 0x55;
    }
    image(Chip::Esp32, &payload)
}

fn build(edits: &[usize]) -> Build {
    let rows = [NVS, ("factory", 0, 0, APP_AT, 0x18_0000)];
    Build::new(&[(TABLE_AT, table(&rows)), (APP_AT, app(edits))])
}

fn board_with(build: &Build) -> Bench {
    let board = Board::builder(Chip::Esp32);
    let board = board.flash_contents(build.flashed(4 << 20));
    Bench::new(board.timing(Timing::cp2102n()))
}

fn request(build: &Build, images: Option<&Path>) -> Request {
    Request {
        baud: Baud::Fixed(460_800),
        force: true, // there is no boot loader
        old_images: images.map(Path::to_owned),
        ..build.request()
    }
}

#[track_caller]
fn deploy(bench: &Bench, build: &Build, images: Option<&Path>) -> Deployed {
    let deployed = bench.deploy(&request(build, images));
    assert!(deployed.report.error.is_none(), "{:#?}", deployed.report);
    deployed.assert_holds(build);
    deployed
}

#[test]
fn after_one_deploy_the_next_asks_for_fewer_hashes() {
    let dir = tempfile::tempdir().unwrap();
    let images = dir.path().join("images");
    let old = build(&[]);
    let new = build(&[0, 20, 37, 40, 90]);
    let hashes = |images: Option<&Path>| {
        let bench = board_with(&old);
        deploy(&bench, &old, images).assert_untouched();
        let deployed = deploy(&bench, &new, images);
        deployed.assert_within_plan();
        // The last sector has the image's digest.
        assert_eq!(deployed.report.regions[1].sectors_written, 6);
        deployed.count(op::SPI_FLASH_MD5)
    };
    let (without, with) = (hashes(None), hashes(Some(&images)));
    assert!(with < without, "{with} hashes, {without} without");
    // One for each of eight blocks at most, one to tell what the board holds; the table, and the proof
    // of what was written.
    assert!(with <= 8 + 1 + 4 * 6, "{with}");
}

/// The images are of one board, and another one is plugged in; or another tool wrote to it.
#[test]
fn what_the_board_says_counts() {
    let dir = tempfile::tempdir().unwrap();
    let images = dir.path().join("images");
    let edits: [&[usize]; 4] = [&[], &[3, 50], &[3, 60, 61, 62], &[7, 100]];
    let builds = edits.map(build);
    let first = board_with(&builds[0]);
    for build in &builds {
        deploy(&first, build, Some(&images));
    }
    for held in &builds {
        for wanted in &builds {
            let bench = board_with(held);
            // Half of the app was replaced since then.
            let mut torn = held.flashed(4 << 20);
            let half = APP_AT as usize + APP_SECTORS / 2 * SECTOR;
            torn[half..][..9 * SECTOR].fill(0);
            let torn = Board::builder(Chip::Esp32).flash_contents(torn);
            let torn = Bench::new(torn.timing(Timing::cp2102n()));
            for bench in [&bench, &torn] {
                let verify = Request {
                    mode: Mode::Verify,
                    ..request(wanted, Some(&images))
                };
                let without = Request {
                    old_images: None,
                    ..verify.clone()
                };
                let [with, without] = [verify, without].map(|it| bench.deploy(&it).report);
                assert_eq!(with.regions, without.regions, "the same is found");
                deploy(bench, wanted, Some(&images));
            }
        }
    }
}

#[test]
fn without_the_directory_nothing_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let new = build(&[5]);
    // Nor is a deploy worse where it cannot be made.
    for images in [None, Some(file.join("images"))] {
        deploy(&board_with(&build(&[])), &new, images.as_deref());
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}
