//! An app is linked again, everything in it moves, and the board gets the differences.

use std::path::Path;

use fbuild_chip::Chip;
use fbuild_deploy::outcome::{OutcomeKind, RegionReport};
use fbuild_deploy::request::{Baud, Mode, Request};
use fbuild_loader::packet::op;
use fbuild_project::target::RegionKind;
use fbuild_sim::{Board, Faults, Timing, When};

use crate::bench::{Bench, Deployed};
use crate::firmware::{APP_AT, Build, NVS, SECTOR, TABLE_AT, code, image, noise, table};
use crate::harness::shared;

/// Two whole blocks, and a part of one.
const APP_SECTORS: usize = 43;
const SEEN: [Chip; 7] = [
    Chip::Esp32,
    Chip::Esp32S3,
    Chip::Esp32C3,
    Chip::Esp32C5,
    Chip::Esp32C6,
    Chip::Esp32C61,
    Chip::Esp32H2,
];
/// What strikes everywhere takes long, and the plugin's work is the same on all: so many of them are enough.
const STRUCK: usize = 3;

/// An app with so many bytes more in front: what is behind them moves, and every 40th byte is an address that did.
fn app(chip: Chip, inserted: usize) -> Vec<u8> {
    let mut payload = code(2, 3000);
    // An app's descriptor.
    payload[..4].copy_from_slice(&0xABCD_5432_u32.to_le_bytes());
    payload.extend(noise(9, inserted));
    let mut moved = code(3, APP_SECTORS * SECTOR - 3100);
    let by = noise(inserted as u64 + 1, moved.len() / 40 + 1);
    for (address, by) in moved.iter_mut().step_by(40).zip(by) {
        *address = address.wrapping_add(by & 3);
    }
    payload.extend(moved);
    image(chip, &payload)
}

pub(crate) fn build(chip: Chip, inserted: usize) -> Build {
    let rows = [NVS, ("factory", 0, 0, APP_AT, 0x18_0000)];
    Build::new(&[(TABLE_AT, table(&rows)), (APP_AT, app(chip, inserted))])
}

/// An app as it was, and as it is after an edit, linked again.
pub(crate) fn edited_app() -> [Build; 2] {
    [0, 24].map(|inserted| build(Chip::Esp32, inserted))
}

fn board_with(chip: Chip, build: &Build) -> Bench {
    let board = Board::builder(chip).flash_contents(build.flashed(4 << 20));
    Bench::new(board.timing(Timing::cp2102n()))
}

pub(crate) fn request(build: &Build, images: &Path) -> Request {
    Request {
        baud: Baud::Fixed(115_200),
        force: true, // there is no boot loader
        old_images: Some(images.to_owned()),
        ..build.request()
    }
}

/// A directory in which the old build is kept.
pub(crate) struct Kept(tempfile::TempDir);

impl Kept {
    pub(crate) fn new(chip: Chip, old: &Build) -> Self {
        let kept = Self(tempfile::tempdir().unwrap());
        let deployed = board_with(chip, old).deploy(&request(old, kept.images()));
        assert!(deployed.report.error.is_none(), "{:#?}", deployed.report);
        kept
    }

    pub(crate) fn images(&self) -> &Path {
        self.0.path()
    }
}

fn app_of(deployed: &Deployed) -> &RegionReport {
    deployed.report.regions.last().unwrap()
}

pub(crate) fn delta_bytes(deployed: &Deployed) -> u64 {
    deployed
        .report
        .regions
        .iter()
        .map(|it| it.delta_bytes)
        .sum()
}

#[track_caller]
fn assert_deployed(deployed: &Deployed, build: &Build) {
    assert!(deployed.report.error.is_none(), "{:#?}", deployed.report);
    deployed.assert_holds(build);
    deployed.assert_within_plan();
}

#[test]
fn the_board_gets_the_differences() {
    for chip in SEEN {
        let (old, new) = (build(chip, 0), build(chip, 24));
        let kept = Kept::new(chip, &old);
        let bench = board_with(chip, &old);
        let deployed = bench.deploy(&request(&new, kept.images()));
        assert_deployed(&deployed, &new);
        let app = app_of(&deployed);
        assert!(
            app.delta_bytes > 0 && app.sent_bytes == app.delta_bytes,
            "{app:#?}"
        );
        assert!(app.delta_bytes < 12_000, "{chip}: {app:#?}");
        deployed.assert_message(&format!(
            "deploy succeeded (selective flash: {}; {APP_SECTORS} of {APP_SECTORS} sectors, {} KB sent as differences)",
            app.name,
            (app.delta_bytes + 500) / 1000
        ));
        assert_eq!(deployed.plans[0].writes[0].delta_bytes, app.delta_bytes);
        assert_eq!(deployed.count(op::FLASH_DEFL_BEGIN), 0, "{chip}");
        let predicted = deployed.plans[0].predicted;

        // And it takes less time, about as much as was said.
        let bench = board_with(chip, &old);
        let without = Request {
            delta: false,
            ..request(&new, kept.images())
        };
        let without = bench.deploy(&without);
        assert_deployed(&without, &new);
        assert_eq!(delta_bytes(&without), 0);
        let (with, without) = (deployed.report.duration, without.report.duration);
        assert!(
            with * 2 < without,
            "{chip}: {with:?} with, {without:?} without"
        );
        assert!(
            predicted < with && predicted * 2 > with,
            "{chip}: {predicted:?}, {with:?}"
        );
    }
}

/// Back to the old build, and one that is longer: it ends behind the old one.
#[test]
fn images_shrink_and_grow() {
    let chip = Chip::Esp32;
    let builds = [0, 24, 5 * SECTOR + 8, 40].map(|inserted| build(chip, inserted));
    let kept = Kept::new(chip, &builds[0]);
    let bench = board_with(chip, &builds[0]);
    for new in [1, 2, 3, 2, 0] {
        let deployed = bench.deploy(&request(&builds[new], kept.images()));
        assert_deployed(&deployed, &builds[new]);
        assert!(delta_bytes(&deployed) > 0, "{new}: {:#?}", deployed.report);
    }
}

/// A list of files without names: the image itself says that it is an app.
#[test]
fn an_app_is_known_by_its_image() {
    let (old, new) = (build(Chip::Esp32, 0), build(Chip::Esp32, 24));
    let kept = Kept::new(Chip::Esp32, &old);
    let mut request = request(&new, kept.images());
    for region in &mut request.target.regions {
        region.kind = RegionKind::Data;
    }
    let deployed = board_with(Chip::Esp32, &old).deploy(&request);
    assert_deployed(&deployed, &new);
    assert!(delta_bytes(&deployed) > 0, "{:#?}", deployed.report);
}

#[test]
fn everything_else_goes_the_ordinary_way() {
    let ordinary = |chip: Chip, change: fn(&mut Request)| {
        let (old, new) = (build(chip, 0), build(chip, 24));
        let kept = Kept::new(chip, &old);
        let bench = board_with(chip, &old);
        let mut request = request(&new, kept.images());
        change(&mut request);
        let deployed = bench.deploy(&request);
        assert_deployed(&deployed, &new);
        assert_eq!(delta_bytes(&deployed), 0, "{chip}");
        assert_eq!(deployed.count(op::PLUGIN), 0, "{chip}");
    };
    ordinary(Chip::Esp32, |request| request.delta = false);
    ordinary(Chip::Esp32, |request| request.mode = Mode::Full);
    // It cannot work there, whoever wants it.
    ordinary(Chip::Esp32S2, |request| request.delta_on_any_chip = true);
    // The flash takes the time, not the wire.
    ordinary(Chip::Esp32, |request| request.baud = Baud::Fixed(3_000_000));
}

/// The board holds something else than it was given: one sector in the middle was changed by somebody. Where that was not
/// asked about, it is found before the block is erased.
#[test]
fn a_board_that_is_not_as_it_was_gets_the_same_image() {
    let chip = Chip::Esp32;
    // A boot loader that is long enough to see that the ROM hashes slowly: the stub is there from the start.
    let bootloader = || {
        (
            chip.facts().bootloader_offset,
            image(chip, &code(1, 0x6000)),
        )
    };
    let with_bootloader = |inserted| {
        let rows = [NVS, ("factory", 0, 0, APP_AT, 0x18_0000)];
        let (table, app) = (table(&rows), app(chip, inserted));
        Build::new(&[bootloader(), (TABLE_AT, table), (APP_AT, app)])
    };
    let (old, new) = (with_bootloader(0), with_bootloader(24));
    let kept = Kept::new(chip, &old);
    for sector in [None, Some(3), Some(20), Some(31)] {
        let mut flash = old.flashed(4 << 20);
        if let Some(sector) = sector {
            flash[APP_AT as usize + sector * SECTOR + 77] ^= 1;
        }
        let board = Board::builder(chip).flash_contents(flash);
        let mut timing = Timing::cp2102n();
        timing.rom.md5_rate = 50_000;
        let bench = Bench::new(board.timing(timing));
        let deployed = bench.deploy(&request(&new, kept.images()));
        assert_deployed(&deployed, &new);
        let expected: &[String] = match sector {
            None => &[],
            Some(_) => &["PLUGIN was refused: the flash does not hold what was expected (code 0xe1); writing whole \
                 sectors instead"
                .to_owned()],
        };
        assert_eq!(deployed.report.warnings, expected);
    }
}

fn commands_of_a_deploy(chip: Chip, old: &Build, new: &Build, images: &Path) -> (u32, u64) {
    let bench = board_with(chip, old);
    let deployed = bench.deploy(&request(new, images));
    assert!(delta_bytes(&deployed) > 0);
    let board = bench.board();
    (board.stats().commands, board.stats().flash.bytes_programmed)
}

/// Strikes at every command, then repairs: on the first chip with each fault, on the others with one after the other.
#[test]
fn whatever_fails_the_next_deploy_repairs() {
    SEEN.into_iter().take(STRUCK).for_each(whatever_fails);
}

fn whatever_fails(chip: Chip) {
    let (old, new) = (build(chip, 0), build(chip, 24));
    let kept = Kept::new(chip, &old);
    let faults: [fn(When) -> Faults; 6] = [
        |when| Faults::none().mute_at(when),
        |when| Faults::none().hang_at(when),
        |when| Faults::none().vanish_at(when),
        |when| Faults::none().drop_answer(when),
        |when| Faults::none().corrupt_answer(when, 6),
        |when| Faults::none().corrupt_request(when, 30),
    ];
    let (commands, _) = commands_of_a_deploy(chip, &old, &new, kept.images());
    let (mut runs, mut with_differences) = (0, 0);
    for (n, fault) in faults.into_iter().enumerate() {
        let turns = if chip == SEEN[0] { 1 } else { faults.len() };
        for step in (1..=commands).filter(|step| (*step as usize + n).is_multiple_of(turns)) {
            runs += 1;
            let bench = board_with(chip, &old);
            bench.faults(fault(When::command(step)));
            let deployed = bench.deploy(&request(&new, kept.images()));
            if deployed.report.error.is_none() {
                deployed.assert_holds(&new);
            }
            with_differences += u32::from(delta_bytes(&deployed) > 0);
            bench.faults(Faults::none());
            let repaired = bench.deploy(&request(&new, kept.images()));
            assert!(
                repaired.report.error.is_none(),
                "{chip} {step}: {:#?}",
                repaired.report
            );
            repaired.assert_holds(&new);
        }
    }
    assert!(
        with_differences > runs / 6,
        "{chip}: {with_differences} of {runs}"
    );
}

#[test]
fn power_may_fail_in_the_middle_of_a_sector() {
    SEEN.into_iter().take(STRUCK).for_each(power_fails);
}

fn power_fails(chip: Chip) {
    let (old, new) = (build(chip, 0), build(chip, 24));
    let kept = Kept::new(chip, &old);
    let (_, programmed) = commands_of_a_deploy(chip, &old, &new, kept.images());
    // Not at the borders of sectors and pages.
    for bytes in (1..programmed).step_by(16_001) {
        let bench = board_with(chip, &old);
        bench.faults(Faults::none().power_loss_after(bytes));
        let deployed = bench.deploy(&request(&new, kept.images()));
        // A reset gives it power again.
        if deployed.report.error.is_none() {
            deployed.assert_holds(&new);
        }
        bench.faults(Faults::none());
        let repaired = bench.deploy(&request(&new, kept.images()));
        assert!(
            repaired.report.error.is_none(),
            "{chip} {bytes}: {:#?}",
            repaired.report
        );
        repaired.assert_holds(&new);
    }
}

#[test]
fn a_cancelled_deploy_is_repaired_by_the_next() {
    SEEN.into_iter().take(STRUCK).for_each(cancelled);
}

fn cancelled(chip: Chip) {
    let (old, new) = (build(chip, 0), build(chip, 24));
    let kept = Kept::new(chip, &old);
    for at in 0.. {
        let bench = board_with(chip, &old);
        let deployed = bench.deploy_until(&request(&new, kept.images()), at);
        if deployed.outcome() == OutcomeKind::SelectiveFlash {
            assert!(at > 6, "{at}");
            return;
        }
        assert_eq!(deployed.outcome(), OutcomeKind::Cancelled, "{at}");
        let repaired = bench.deploy(&request(&new, kept.images()));
        assert_deployed(&repaired, &new);
    }
}

/// Two lines of logging added to real programs, and a genuine upgrade: how many times faster than sectors. By accounted
/// time, so these figures are always the same.
#[test]
fn a_real_change_costs_what_its_differences_cost() {
    const RELINK: [f64; 3] = [9.4, 2.9, 1.7];
    const UPGRADE: [f64; 3] = [2.5, 2.05, 1.4];
    let Some(fixtures) = shared("real relinks") else {
        return;
    };
    for (chip, files, factors) in [
        (Chip::Esp32, ["relink/xt-base", "relink/xt-printf"], RELINK),
        (
            Chip::Esp32C3,
            ["relink/rv-base", "relink/rv-printf"],
            RELINK,
        ),
        (
            Chip::Esp32,
            [
                "firmware/micropython-0608-app",
                "firmware/micropython-0831-app",
            ],
            UPGRADE,
        ),
    ] {
        let [old, new] = files.map(|name| {
            let app = std::fs::read(fixtures.join(name).with_extension("bin")).unwrap();
            let rows = [NVS, ("factory", 0, 0, APP_AT, 0x20_0000)];
            Build::new(&[(TABLE_AT, table(&rows)), (APP_AT, app)])
        });
        let kept = Kept::new(chip, &old);
        for (baud, factor) in [115_200, 460_800, 921_600].into_iter().zip(factors) {
            let seconds = |delta: bool| {
                let request = Request {
                    baud: Baud::Fixed(baud),
                    delta,
                    ..request(&new, kept.images())
                };
                let deployed = board_with(chip, &old).deploy(&request);
                assert_deployed(&deployed, &new);
                assert_eq!(delta_bytes(&deployed) > 0, delta);
                let (took, said) = (deployed.report.duration, deployed.report.message);
                eprintln!("{} {baud}: {took:?}, {said}", files[1]);
                took.as_secs_f64()
            };
            let (with, without) = (seconds(true), seconds(false));
            assert!(
                without > factor * with,
                "{} {baud}: {with} s, {without} s without",
                files[1]
            );
        }
    }
}
