//! The same deploy by both backends, each onto a board of its own: the same outcome, the same words,
//! and the same flash.

use std::path::{Path, PathBuf};

use fbuild_chip::Chip;
use fbuild_deploy::deploy::deploy_served;
use fbuild_deploy::event::{Event, Phase};
use fbuild_deploy::outcome::{Backend, OutcomeKind, Report, Verdict};
use fbuild_deploy::request::{Mode, Request};
use fbuild_loader::cancel::CancelToken;
use fbuild_sim::serve::{self, PtyOptions, Server};
use fbuild_sim::{Board, BoardBuilder, Encryption, Timing};

use super::{esptools, newer};
use crate::bench::Bench;
use crate::firmware::{APP_AT, Build, FACTORY, NVS, Row, TABLE_AT, image_of_sectors, noise, table};

const ASSETS: Row = ("assets", 1, 0x82, 0x30_0000, 0x8_0000);

/// Boot loader, table, app and a file system.
fn build(chip: Chip) -> Build {
    Build::new(&[
        (chip.facts().bootloader_offset, image_of_sectors(chip, 1, 2)),
        (TABLE_AT, table(&[NVS, FACTORY, ASSETS])),
        (APP_AT, image_of_sectors(chip, 2, 20)),
        (ASSETS.3, noise(3, 9000)),
    ])
}

/// A board of each kind.
pub(super) struct Pair {
    pub(super) native: Bench,
    server: Server,
    program: PathBuf,
}

impl Pair {
    pub(super) fn new(board: &BoardBuilder, program: &Path) -> Self {
        let on_pty = board.clone().timing(Timing::instant());
        let on_pty = on_pty.lines(false).start_in_download_mode();
        Self {
            native: Bench::new(board.clone()),
            server: serve::pty(on_pty.build().unwrap(), PtyOptions::default()).unwrap(),
            program: program.to_owned(),
        }
    }

    pub(super) fn flash(&self) -> Vec<u8> {
        let board = self.server.board();
        let board = board.lock().unwrap();
        board.flash().contents().to_vec()
    }

    /// Deploys by both; the esptool backend's report.
    #[track_caller]
    pub(super) fn deploy(&self, request: &Request) -> Report {
        let native = self.native.deploy(request);
        let (report, events) = self.by_esptool(request);
        check_order(&events);
        assert_eq!(report.backend, Backend::Esptool);
        assert_eq!(native.report.backend, Backend::Native);
        assert_same(&native.report, &report);
        let about = format!("{}: {report:#?}", self.program.display());
        assert!(self.flash() == native.after, "other flash by {about}");
        report
    }

    fn by_esptool(&self, request: &Request) -> (Report, Vec<Event>) {
        let request = Request {
            backend: Backend::Esptool,
            esptool: Some(self.program.clone()),
            ..request.clone()
        };
        let mut serve = || Ok(self.server.address().to_owned());
        let mut events = Vec::new();
        let mut hear = |event| events.push(event);
        let report = deploy_served(&request, &mut serve, &mut hear, &CancelToken::new());
        (report, events)
    }
}

/// One end, which is last; a plan before anything is written; no phase goes back.
#[track_caller]
fn check_order(events: &[Event]) {
    let is_end = |event: &Event| matches!(event, Event::Finished(_));
    assert_eq!(events.iter().filter(|event| is_end(event)).count(), 1);
    assert!(events.last().is_some_and(is_end));
    let at = |is: &dyn Fn(&Event) -> bool| events.iter().position(is);
    let planned = at(&|event| matches!(event, Event::Planned(_)));
    let writes = |event: &Event| {
        matches!(
            event,
            Event::Progress {
                phase: Phase::Write,
                ..
            }
        )
    };
    if let Some(first) = at(&writes) {
        assert!(planned.is_some_and(|planned| planned < first));
    }
    let mut written: Vec<&str> = events
        .iter()
        .filter_map(|event| match event {
            Event::Progress {
                region,
                phase: Phase::Write,
                ..
            } => Some(&**region),
            _ => None,
        })
        .collect();
    written.dedup();
    if let Some(Event::Planned(plan)) = planned.map(|at| &events[at]) {
        let planned: Vec<&str> = plan.writes.iter().map(|write| &*write.region).collect();
        let all = &planned[..written.len()];
        assert_eq!(written, all, "boot loader and table come last");
    }
    let mut last: Vec<((String, Phase), u64)> = Vec::new();
    for event in events {
        let Event::Progress {
            region,
            phase,
            done_bytes,
            total_bytes,
        } = event
        else {
            continue;
        };
        assert!(done_bytes <= total_bytes);
        let key = (region.to_string(), *phase);
        match last.iter_mut().find(|(known, _)| *known == key) {
            Some((_, before)) => {
                assert!(*before <= *done_bytes, "{region} {phase:?} went back");
                *before = *done_bytes;
            }
            None => last.push((key, *done_bytes)),
        }
    }
    for ((region, phase), done) in last {
        assert!(done > 0, "{region} {phase:?} never went on");
    }
}

/// Sectors and bytes differ, because esptool writes whole regions; nothing else does.
#[track_caller]
fn assert_same(native: &Report, esptool: &Report) {
    assert_eq!(native.outcome, esptool.outcome, "{native:#?} {esptool:#?}");
    assert_eq!((native.chip, &native.mac), (esptool.chip, &esptool.mac));
    assert_eq!(
        (&native.target, &native.port),
        (&esptool.target, &esptool.port)
    );
    assert_eq!(native.error, esptool.error);
    assert_eq!(native.warnings, esptool.warnings);
    assert_eq!(native.regions.len(), esptool.regions.len());
    for (a, b) in native.regions.iter().zip(&esptool.regions) {
        assert_eq!(
            (
                &a.name,
                a.offset,
                a.len_bytes,
                a.verdict,
                a.written,
                a.sectors
            ),
            (
                &b.name,
                b.offset,
                b.len_bytes,
                b.verdict,
                b.written,
                b.sectors
            )
        );
        assert!(a.sectors_written <= b.sectors_written);
        assert!(!b.written || b.sent_bytes > 0, "{b:?}");
    }
    let planned = |report: &Report| {
        let plan = report.plan.as_ref();
        plan.map(|plan| {
            plan.writes
                .iter()
                .map(|w| w.region.clone())
                .collect::<Vec<_>>()
        })
    };
    assert_eq!(planned(native), planned(esptool), "the order of writing");
    // What only counts sectors or names what was written follows the first bracket.
    let words = |report: &Report| {
        report
            .message
            .split(';')
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    assert_eq!(words(native), words(esptool));
}

fn in_mode(build: &Build, mode: Mode) -> Request {
    build.with(|it| it.mode = mode)
}

/// Every outcome that a working board can have.
fn story(chip: Chip, program: &Path) {
    let pair = Pair::new(&Board::builder(chip), program);
    let build = build(chip);
    let before = pair.flash();
    let planned = pair.deploy(&in_mode(&build, Mode::Plan));
    assert_eq!(planned.outcome, OutcomeKind::Planned);
    let differs = pair.deploy(&in_mode(&build, Mode::Verify));
    assert_eq!(
        differs.message,
        "verify failed (differs: bootloader, partitions, firmware, assets)"
    );
    assert!(pair.flash() == before, "a plan or a verify wrote something");

    let first = pair.deploy(&build.request());
    assert_eq!(first.message, "deploy succeeded (full flash)");
    assert!(pair.flash() == build.flashed(before.len()));
    let again = pair.deploy(&build.request());
    assert_eq!(
        again.message,
        "deploy succeeded (verify skipped, device already matched)"
    );
    let matches = pair.deploy(&in_mode(&build, Mode::Verify));
    assert_eq!(matches.message, "verify succeeded (device matches)");

    // A byte of the app, and the file system: two of four.
    let mut app = image_of_sectors(chip, 2, 20);
    app.truncate(0);
    app.extend(image_of_sectors(chip, 7, 20));
    build.rebuild("firmware", &app);
    build.rebuild("assets", &noise(4, 9000));
    let selective = pair.deploy(&build.request());
    assert_eq!(
        selective.message,
        "deploy succeeded (selective flash: firmware, assets; 23 of 23 sectors)"
    );
    assert!(pair.flash() == build.flashed(before.len()));
    let subset = pair.deploy(&Request {
        mode: Mode::Full,
        ..build.subset(&["partitions"])
    });
    assert_eq!(
        subset.message,
        "deploy succeeded (selective flash: partitions; 1 of 1 sectors)"
    );
    let full = pair.deploy(&in_mode(&build, Mode::Full));
    assert_eq!(full.outcome, OutcomeKind::FullFlash);
    assert!(
        full.regions
            .iter()
            .all(|region| region.verdict == Verdict::Unknown)
    );
}

#[test]
fn every_outcome_on_an_esp32_with_both_versions() {
    for program in esptools() {
        story(Chip::Esp32, &program);
    }
}

#[test]
fn every_outcome_on_a_c3_with_both_versions() {
    for program in esptools() {
        story(Chip::Esp32C3, &program);
    }
}

/// eFuses are elsewhere on each chip, and so is the boot loader.
#[test]
fn every_chip_is_identified_and_written() {
    let Some(program) = newer() else { return };
    for &chip in Chip::ESP32_FAMILY {
        let pair = Pair::new(&Board::builder(chip), &program);
        let first = pair.deploy(&build(chip).request());
        assert_eq!(first.outcome, OutcomeKind::FullFlash, "{chip}");
    }
}

#[test]
fn a_board_that_tells_nothing_is_written_and_not_claimed() {
    for program in esptools() {
        let chip = Chip::Esp32C3;
        let pair = Pair::new(&Board::builder(chip).secure_download(), &program);
        let written = pair.deploy(&build(chip).request());
        assert_eq!(
            written.message,
            "deploy succeeded (full flash; written, not verifiable: Secure Download Mode)"
        );
        let verified = pair.deploy(&in_mode(&build(chip), Mode::Verify));
        assert_eq!(verified.error.unwrap().code, "not-verifiable");
    }
}

/// esptool itself would write plain firmware onto it, which the board would read as noise.
#[test]
fn a_board_that_encrypts_its_flash_takes_no_plain_firmware() {
    for program in esptools() {
        for (chip, encryption) in [
            (Chip::Esp32, Encryption::Development),
            (Chip::Esp32C3, Encryption::Development),
            (Chip::Esp32C3, Encryption::Release),
        ] {
            let pair = Pair::new(&Board::builder(chip).flash_encryption(encryption), &program);
            let before = pair.flash();
            let refused = pair.deploy(&build(chip).request());
            assert_eq!(refused.outcome, OutcomeKind::Failed);
            assert!(pair.flash() == before);
            let is_release = refused.error.unwrap().what.contains("release mode");
            assert_eq!(is_release, encryption == Encryption::Release);
        }
    }
}

/// What the build marks is encrypted by the chip, the rest is not: two runs of esptool. Only by the
/// newer one: version 4 brings an older stub along, which has a command of its own for it
/// (`FLASH_ENCRYPT_DATA`), and the simulated stub is the newer one, which does not know it.
#[test]
fn a_board_that_encrypts_its_flash_is_sent_what_it_encrypts() {
    let Some(program) = newer() else { return };
    for chip in [Chip::Esp32, Chip::Esp32C3] {
        let board = Board::builder(chip).flash_encryption(Encryption::Development);
        let pair = Pair::new(&board, &program);
        let mut build = build(chip);
        build.target.flash_encryption = true;
        for name in ["bootloader", "partitions", "firmware"] {
            build.region(name).encrypted = true;
        }
        // `Pair::deploy` compares the ciphertext with what the native backend left.
        let written = pair.deploy(&build.request());
        assert_eq!(
            written.message,
            "deploy succeeded (full flash; written, not verifiable: flash encryption)"
        );
        let assets = std::fs::read(build.path("assets")).unwrap();
        assert!(pair.flash()[ASSETS.3 as usize..].starts_with(&assets));
        let app = std::fs::read(build.path("firmware")).unwrap();
        assert!(!pair.flash()[APP_AT as usize..].starts_with(&app[..64]));
    }
}

#[test]
fn a_board_that_starts_signed_images_only() {
    let Some(program) = newer() else { return };
    for chip in [Chip::Esp32, Chip::Esp32S3] {
        let pair = Pair::new(&Board::builder(chip).secure_boot(), &program);
        let refused = pair.deploy(&build(chip).request());
        assert_eq!(refused.outcome, OutcomeKind::Failed, "{chip}");
    }
}

/// The header that the build asks for is what is written and what is compared: the second deploy
/// finds it.
#[test]
fn a_patched_boot_loader_matches_the_next_time() {
    use fbuild_project::target::{FlashParams, Setting};
    for program in esptools() {
        let pair = Pair::new(&Board::builder(Chip::Esp32), &program);
        let mut build = build(Chip::Esp32);
        build.target.flash = FlashParams {
            mode: Setting::Set("qio".to_owned()),
            freq: Setting::Set("80m".to_owned()),
            size: Setting::Detect,
        };
        let first = pair.deploy(&build.request());
        assert_eq!(first.outcome, OutcomeKind::FullFlash);
        assert_eq!(pair.flash()[0x1002..0x1004], [0, 0x2F], "qio, 4 MB, 80 MHz");
        let again = pair.deploy(&build.request());
        assert_eq!(again.outcome, OutcomeKind::VerifySkip);
    }
}

#[test]
fn another_chip_is_refused_in_the_same_words() {
    for program in esptools() {
        let pair = Pair::new(&Board::builder(Chip::Esp32C3), &program);
        let refused = pair.deploy(&build(Chip::Esp32).request());
        let error = refused.error.unwrap();
        assert_eq!(error.code, "chip-mismatch");
        assert!(
            error
                .what
                .ends_with("is for ESP32, but the board is ESP32-C3"),
            "{error:?}"
        );
    }
}

/// Nobody resets this one into download mode: both versions say what they see in their own words,
/// and it is told as the native backend tells it.
#[test]
fn a_board_that_does_not_answer() {
    for program in esptools() {
        let board = Board::builder(Chip::Esp32).lines(false).build().unwrap();
        let options = PtyOptions {
            reset_on_close: false,
        };
        let pair = Pair {
            native: Bench::new(Board::builder(Chip::Esp32)),
            server: serve::pty(board, options).unwrap(),
            program,
        };
        let (report, _) = pair.by_esptool(&build(Chip::Esp32).request());
        assert_eq!(report.outcome, OutcomeKind::Failed);
        let error = report.error.unwrap();
        assert_eq!(error.code, "no-loader", "{error:?}");
        assert!(error.what.contains("in 7 attempts"), "{error:?}");
        assert!(error.remedy.to_string().contains("BOOT"), "{error:?}");
        assert!(error.board_state.contains("nothing was written"));
        assert!(pair.flash().iter().all(|byte| *byte == 0xFF));
    }
}
