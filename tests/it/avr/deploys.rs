//! Our deploys to a simulated AVR board: the story of one as for every board, counted in pages.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use fbuild_deploy::deploy::deploy;
use fbuild_deploy::event::{Event, Phase};
use fbuild_deploy::outcome::{OutcomeKind, Report};
use fbuild_deploy::request::{Mode, Request};
use fbuild_link::memory::{MemoryLink, Time};
use fbuild_loader::cancel::CancelToken;
use fbuild_project::discover::{Environment, discover};
use fbuild_sim::avr::{AvrBoard as Simulated, AvrState};
use serde_json::Value;
use tempfile::TempDir;

use super::made::{AvrBoard, hex, program};
use crate::harness::{Run, deploy as cli, run};

/// Almost as long as an Uno's largest program.
const LEN: usize = 30_276;

/// A project of PlatformIO's for a board, with a program, and a board for it.
struct Bench {
    folder: TempDir,
    board: Arc<Mutex<Simulated>>,
}

impl Bench {
    fn new(name: &str, bytes: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ini = format!("[env:it]\nplatform = atmelavr\nboard = {name}\nframework = arduino\n");
        std::fs::write(folder.path().join("platformio.ini"), ini).unwrap();
        std::fs::create_dir_all(folder.path().join(".pio/build/it")).unwrap();
        let bench = Self {
            folder,
            board: Arc::new(Mutex::new(AvrBoard::named(name).build())),
        };
        bench.build(bytes);
        bench
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(".pio/build/it").join(name)
    }

    fn build(&self, bytes: &[u8]) {
        std::fs::write(self.file("firmware.hex"), hex(bytes)).unwrap();
    }

    fn with_board<T>(&self, f: impl FnOnce(&mut Simulated) -> T) -> T {
        f(&mut self.board.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn request(&self) -> Request {
        let found = discover(self.folder.path(), &Environment::default());
        Request::new(found.default_target().unwrap().clone(), "board")
    }

    fn deploy(&self, request: &Request) -> Report {
        self.deploy_hearing(request, &mut |_, _| {})
    }

    fn deploy_hearing(
        &self,
        request: &Request,
        hear: &mut dyn FnMut(&Event, &CancelToken),
    ) -> Report {
        let cancel = CancelToken::new();
        let mut open = || {
            let link = MemoryLink::new("board", Arc::clone(&self.board), Time::Accounted);
            Ok(Box::new(link) as Box<dyn fbuild_link::Link>)
        };
        let mut events = |event: Event| hear(&event, &cancel);
        deploy(request, &mut open, &mut events, &cancel)
    }

    fn run(&self, mode: Mode) -> Report {
        let mut request = self.request();
        request.mode = mode;
        self.deploy(&request)
    }

    #[track_caller]
    fn holds(&self, bytes: &[u8]) {
        self.with_board(|board| {
            assert!(board.flash().starts_with(bytes));
            // The boot loader is still there, and the program runs.
            assert_eq!(board.flash().last(), Some(&0xB0));
            assert_eq!(board.state(), AvrState::Running);
        });
    }
}

#[test]
fn only_pages_that_differ_are_written() {
    let mut bytes = program(LEN, 1);
    let bench = Bench::new("uno", &bytes);
    let report = bench.run(Mode::Auto);
    assert_eq!(report.message, "deploy succeeded (full flash)");
    assert_eq!(report.chip.unwrap().name(), "atmega328p");
    bench.holds(&bytes);

    let report = bench.run(Mode::Auto);
    assert_eq!(
        report.outcome,
        OutcomeKind::VerifySkip,
        "{}",
        report.message
    );
    assert!(bench.run(Mode::Verify).error.is_none());

    bytes[5000] ^= 1;
    bench.build(&bytes);
    let report = bench.run(Mode::Verify);
    assert_eq!(report.message, "verify failed (differs: firmware)");
    let report = bench.run(Mode::Plan);
    assert_eq!(report.message, "would write firmware: 1 of 237 pages");
    let before = bench.with_board(|board| board.counters());
    let report = bench.run(Mode::Auto);
    assert_eq!(
        report.message,
        "deploy succeeded (selective flash: firmware; 1 of 237 pages)"
    );
    let after = bench.with_board(|board| board.counters());
    assert_eq!(
        (after.erased, after.written),
        (before.erased + 1, before.written + 1)
    );
    bench.holds(&bytes);

    let report = bench.run(Mode::Full);
    assert_eq!(report.outcome, OutcomeKind::FullFlash);
    let full = bench.with_board(|board| board.counters());
    assert_eq!(full.written, after.written + 237);
}

#[test]
fn a_new_program_is_not_compared_to_its_end() {
    let bench = Bench::new("nanoatmega328new", &program(LEN, 1));
    bench.run(Mode::Auto);
    let commands = bench.with_board(|board| board.stats().commands);
    bench.build(&program(LEN, 2));
    let report = bench.run(Mode::Auto);
    assert_eq!(report.outcome, OutcomeKind::FullFlash, "{}", report.message);
    let commands = bench.with_board(|board| board.stats().commands) - commands;
    // Two for each page that is written, as many for each two that are read back.
    assert!(commands < 237 * 2 + 120 * 2 + 30, "{commands}");
}

/// Its boot loader erases page after page, whichever is written: what comes before has to be written, too.
#[test]
fn a_mega_is_written_from_its_first_page_to_the_last_that_differs() {
    let mut bytes = program(70_000, 1);
    let bench = Bench::new("megaatmega2560", &bytes);
    assert_eq!(bench.run(Mode::Auto).outcome, OutcomeKind::FullFlash);
    bench.holds(&bytes);
    bytes[0x1_0100] ^= 1;
    bench.build(&bytes);
    let report = bench.run(Mode::Auto);
    assert_eq!(
        report.message,
        "deploy succeeded (selective flash: firmware; 258 of 274 pages)"
    );
    assert_eq!(report.regions[0].sectors_differing, Some(1));
    bench.holds(&bytes);
}

#[test]
fn what_does_not_read_back_is_written_once_more_and_then_named() {
    let bytes = program(2000, 1);
    let bench = Bench::new("uno", &bytes);
    bench.with_board(|board| board.spoil_pages(1));
    let report = bench.run(Mode::Auto);
    assert_eq!(report.outcome, OutcomeKind::FullFlash, "{}", report.message);
    assert_eq!(
        report.warnings,
        ["firmware: 1 page did not read back as written; trying again"]
    );
    bench.holds(&bytes);

    bench.build(&program(2000, 2));
    bench.with_board(|board| board.spoil_pages(u32::MAX));
    let report = bench.run(Mode::Auto);
    let error = report.error.unwrap();
    assert_eq!(error.code, "not-proved");
    assert!(
        error
            .what
            .starts_with("firmware: 16 pages were written twice"),
        "{error}"
    );
}

#[test]
fn a_deploy_that_is_cancelled_says_so_and_the_next_one_finishes_it() {
    let bytes = program(LEN, 1);
    let bench = Bench::new("uno", &bytes);
    let report = bench.deploy_hearing(&bench.request(), &mut |event, cancel| {
        let is_half = matches!(event, Event::Progress { phase: Phase::Write, done_bytes, .. } if *done_bytes > 15_000);
        if is_half {
            cancel.cancel();
        }
    });
    assert_eq!(report.outcome, OutcomeKind::Cancelled);
    assert!(
        report.message.contains("writing had begun (firmware)"),
        "{}",
        report.message
    );
    let report = bench.run(Mode::Auto);
    assert_eq!(
        report.outcome,
        OutcomeKind::SelectiveFlash,
        "{}",
        report.message
    );
    bench.holds(&bytes);
}

#[track_caller]
fn refused(bench: &Bench, request: &Request, code: &str, words: &str) {
    let before = bench.with_board(|board| board.flash().to_vec());
    let error = bench.deploy(request).error.unwrap();
    assert_eq!(error.code, code, "{error}");
    assert!(error.to_string().contains(words), "{error}");
    assert!(bench.with_board(|board| board.flash() == before));
}

#[test]
fn what_must_not_be_written_is_refused() {
    let bench = Bench::new("uno", &program(32_300, 1));
    let words =
        "ends at 0x7e2c, but the boot loader's own section of the ATmega328P begins at 0x7e00";
    refused(&bench, &bench.request(), "boot-section", words);
    assert_eq!(
        bench.with_board(|board| board.stats().resets),
        0,
        "not touched"
    );

    std::fs::write(bench.file("firmware.hex"), hex(&[1]).replace("01", "02")).unwrap();
    refused(
        &bench,
        &bench.request(),
        "hex",
        "firmware.hex, line 1: its length",
    );

    bench.build(&[1]);
    let mut request = bench.request();
    request.backend = fbuild_deploy::outcome::Backend::Esptool;
    refused(&bench, &request, "not-for-avr", "is for ATmega328P");

    // Another part: its boot loader says so.
    let ini = bench.folder.path().join("platformio.ini");
    let text = std::fs::read_to_string(&ini).unwrap() + "board_build.mcu = atmega328\n";
    std::fs::write(ini, text).unwrap();
    let words = "is for ATmega328, but the board is ATmega328P";
    refused(&bench, &bench.request(), "chip-mismatch", words);
}

#[test]
fn eeprom_is_written_by_name_and_never_by_optiboot() {
    let eeprom = program(300, 3);
    let of = |name: &str| {
        let bench = Bench::new(name, &program(1000, 1));
        std::fs::write(bench.file("firmware.eep"), hex(&eeprom)).unwrap();
        bench
    };
    let named = |bench: &Bench| Request {
        regions: Some(vec!["eeprom".to_owned()]),
        ..bench.request()
    };
    let old_nano = of("nanoatmega328");
    old_nano.run(Mode::Auto);
    assert_eq!(old_nano.with_board(|board| board.eeprom()[0]), 0xFF);
    let report = old_nano.deploy(&named(&old_nano));
    assert_eq!(
        report.message,
        "deploy succeeded (selective flash: eeprom; 3 of 3 pages)"
    );
    old_nano.with_board(|board| assert!(board.eeprom().starts_with(&eeprom)));
    old_nano.holds(&program(1000, 1));

    // What the file does not set stays: after its end, and what a gap in it would have overwritten.
    let shorter = [&[0x55], &eeprom[1..100]].concat();
    std::fs::write(old_nano.file("firmware.eep"), hex(&shorter)).unwrap();
    let report = old_nano.deploy(&named(&old_nano));
    assert_eq!(
        report.message,
        "deploy succeeded (selective flash: eeprom; 1 of 1 pages)"
    );
    let expected = [&shorter, &eeprom[100..]].concat();
    old_nano.with_board(|board| assert!(board.eeprom().starts_with(&expected)));
    let report = old_nano.deploy(&named(&old_nano));
    assert_eq!(report.outcome, OutcomeKind::VerifySkip);
    let gap = ":01000000aa55\n:01000500bb3f\n:00000001ff\n";
    std::fs::write(old_nano.file("firmware.eep"), gap).unwrap();
    let words = "leaves the byte at 0x1 unset and sets later ones";
    refused(&old_nano, &named(&old_nano), "eeprom-gap", words);
    old_nano.with_board(|board| assert!(board.eeprom().starts_with(&expected)));

    let uno = of("uno");
    refused(
        &uno,
        &named(&uno),
        "no-eeprom",
        "(optiboot 4.4) is not known to write EEPROM",
    );
}

#[test]
fn a_board_without_an_answer_is_left_alone() {
    let bench = Bench::new("uno", &program(1000, 1));
    let mut request = bench.request();
    // An old Nano's boot loader, at another rate.
    request.target.avr = Some(AvrBoard::named("nanoatmega328").facts);
    refused(
        &bench,
        &request,
        "no-loader",
        "no boot loader answered on board at 57600 baud",
    );
}

/// The same by the command line, and from what the other tools leave behind.
#[test]
fn targets_of_arduino_and_fbuild_go_the_same_way() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = program(3000, 1);
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("blink/blink.ino", "");
    write("blink/build/arduino.avr.nano/blink.ino.hex", &hex(&bytes));
    write(
        "blink/build/arduino.avr.nano/build.options.json",
        r#"{"fqbn": "arduino:avr:nano:cpu=atmega328old"}"#,
    );
    write(
        "old/platformio.ini",
        "[env:uno]\nplatform = atmelavr\nboard = uno\n",
    );
    write("old/.fbuild/build/uno/release/firmware.hex", &hex(&bytes));
    let flash = folder.path().join("flash.bin");
    for (project, target, board) in [
        ("blink", "arduino:arduino.avr.nano", "nanoatmega328"),
        ("old", "fbuild:uno/release", "uno"),
    ] {
        let port = format!("sim:{}?board={board}", flash.display());
        let project = folder.path().join(project);
        let done = cli(&project, &port, &["--target", target]);
        assert_eq!(done.code, Some(0), "{}", done.stderr);
        let result = done.json();
        assert_eq!(result["chip"], "atmega328p");
        assert_eq!(result["regions"][0]["pageBytes"], 128);
        assert_eq!(result["regions"][0]["sectors"], 24);
        assert_flash(&flash, &bytes);
        std::fs::remove_file(&flash).unwrap();
    }
}

fn assert_flash(flash: &Path, bytes: &[u8]) {
    assert!(std::fs::read(flash).unwrap().starts_with(bytes));
}

#[test]
fn the_command_line_counts_pages() {
    let bench = Bench::new("uno", &program(LEN, 1));
    let flash = bench.folder.path().join("flash.bin");
    let port = format!("sim:{}?chip=atmega328p", flash.display());
    let args = [
        "plan",
        bench.folder.path().to_str().unwrap(),
        "--port",
        &port,
    ];
    let planned: Run = run(&args);
    assert!(
        planned.stdout.contains(" pages  runs"),
        "{}",
        planned.stdout
    );
    let done = cli(bench.folder.path(), &port, &[]);
    let result: Value = done.json();
    assert_eq!(
        result["message"], "deploy succeeded (full flash)",
        "{}",
        done.stderr
    );
    assert!(done.stderr.contains("237 of 237 pages"), "{}", done.stderr);
}
