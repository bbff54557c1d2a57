//! An ESP8266: the main job, with the stub of an esptool that is installed, and nothing without it.
//! Nothing here ran on hardware; the simulated board has the ROM that esptool's documents describe.

use std::collections::BTreeSet;
use std::path::PathBuf;

use fbuild_chip::Chip;
use fbuild_deploy::native::board_info;
use fbuild_deploy::outcome::OutcomeKind;
use fbuild_deploy::request::{Baud, Request};
use fbuild_loader::cancel::CancelToken;
use fbuild_loader::packet::op;
use fbuild_loader::session::{ConnectOptions, Session};
use fbuild_sim::{Board, BoardBuilder};

use crate::bench::Bench;
use crate::firmware::{
    APP_AT, Build, FACTORY, NVS, SECTOR, TABLE_AT, code, image_8266, noise, sketch_8266, table,
};
use crate::harness::{self, Run};

const FILES_AT: u32 = 0x20_0000;
const SKETCH_SECTORS: usize = 80;
const FILES_SECTORS: usize = 30;

fn board() -> BoardBuilder {
    Board::builder(Chip::Esp8266)
}

fn esptool() -> Option<PathBuf> {
    harness::python_tool("venv-esptool-5.6.0", "esptool")
}

fn sketch_and_files() -> Build {
    Build::new(&[
        (0, sketch_8266(1, SKETCH_SECTORS)),
        // The last sector is not full.
        (FILES_AT, noise(3, FILES_SECTORS * SECTOR - 100)),
    ])
}

fn with_esptool(build: &Build, program: &std::path::Path) -> Request {
    build.with(|it| it.esptool = Some(program.to_owned()))
}

/// Blank board; the same again; one sector edited in the files and in the sketch.
#[test]
fn a_sketch_goes_onto_an_esp8266() {
    let Some(program) = esptool() else { return };
    for crystal_mhz in [26, 40] {
        let bench = Bench::new(board().crystal_mhz(crystal_mhz));
        let build = sketch_and_files();
        let request = with_esptool(&build, &program);

        let first = bench.deploy(&request);
        first.assert_message("deploy succeeded (full flash)");
        assert_eq!(first.outcome(), OutcomeKind::FullFlash);
        assert_eq!(first.report.chip, Some(Chip::Esp8266.into()));
        assert_eq!(first.report.warnings, [""; 0]);
        first.assert_holds(&build);
        bench.assert_runs(0);

        let again = bench.deploy(&request);
        again.assert_message("deploy succeeded (verify skipped, device already matched)");
        again.assert_untouched();
        bench.assert_runs(0);

        let name = format!("at-{FILES_AT:x}");
        let mut files = build.bytes(&name);
        files[7 * SECTOR + 7] ^= 0x40;
        build.rebuild(&name, &files);
        let edited = bench.deploy(&request);
        edited.assert_message(&format!(
            "deploy succeeded (selective flash: {name}; 1 of {FILES_SECTORS} sectors)"
        ));
        let offset = FILES_AT + 7 * SECTOR as u32;
        assert_eq!(edited.erased, BTreeSet::from([offset]));
        edited.assert_holds(&build);

        let mut sketch = build.bytes("firmware");
        let at = 40 * SECTOR + 9;
        sketch[at] ^= 0x40;
        build.rebuild("firmware", &sketch);
        let edited = bench.deploy(&request);
        edited.assert_message(&format!(
            "deploy succeeded (selective flash: firmware; 1 of {SKETCH_SECTORS} sectors)"
        ));
        edited.assert_holds(&build);
        bench.assert_runs(0);
    }
}

/// Its stub changes the baud rate rightly once; a fixed rate and the usual one are that one time.
#[test]
fn its_baud_rate_is_changed_once() {
    let Some(program) = esptool() else { return };
    for baud in [Baud::Auto, Baud::Fixed(460_800), Baud::Fixed(115_200)] {
        let bench = Bench::new(board());
        let build = sketch_and_files();
        let request = Request {
            baud,
            ..with_esptool(&build, &program)
        };
        let deployed = bench.deploy(&request);
        deployed.assert_message("deploy succeeded (full flash)");
        let changes = bench
            .board()
            .stats()
            .commands_by_op
            .get(&op::CHANGE_BAUDRATE)
            .copied();
        let expected = (baud != Baud::Fixed(115_200)).then_some(1);
        assert_eq!(changes, expected, "{baud:?}");
    }
}

/// Boot loader, table and app, as ESP8266_RTOS_SDK lays them out.
#[test]
fn an_app_with_a_table_goes_onto_an_esp8266() {
    let Some(program) = esptool() else { return };
    let bench = Bench::new(board());
    let build = Build::new(&[
        (0, image_8266(0x4010_0000, &code(1, 2 * SECTOR - 64))),
        (TABLE_AT, table(&[NVS, FACTORY])),
        (APP_AT, image_8266(0x4021_0010, &code(2, 30 * SECTOR - 64))),
    ]);
    let deployed = bench.deploy(&with_esptool(&build, &program));
    deployed.assert_message("deploy succeeded (full flash)");
    deployed.assert_holds(&build);
    bench.assert_runs(APP_AT);
}

#[test]
fn nothing_is_written_without_an_esptool() {
    let bench = Bench::new(board());
    let build = sketch_and_files();
    let nowhere = PathBuf::from("/nowhere/bin/esptool");
    let refused = bench.deploy(&with_esptool(&build, &nowhere));
    let error = refused.report.error.as_ref().unwrap();
    assert_eq!(error.code, "stub-missing", "{error:?}");
    assert!(
        error.remedy.to_string().contains("pip install esptool"),
        "{error:?}"
    );
    refused.assert_untouched();
    assert_eq!(bench.board().stats().commands, 0, "the port was opened");

    // Where only the board tells that it is one.
    let mut request = with_esptool(&build, &nowhere);
    request.target.chip = None;
    let refused = bench.deploy(&request);
    let error = refused.report.error.as_ref().unwrap();
    assert_eq!(error.code, "stub-missing", "{error:?}");
    assert_eq!(
        error.board_state,
        "nothing was written; the board is unchanged"
    );
    refused.assert_untouched();
}

/// A build for another chip is kept off it, and its sketch off another chip.
#[test]
fn an_esp8266_and_an_esp32_are_not_mistaken_for_each_other() {
    let Some(program) = esptool() else { return };
    let build = sketch_and_files();
    let sketch = with_esptool(&build, &program);
    let refused = Bench::new(Board::builder(Chip::Esp32C3)).deploy(&sketch);
    let error = refused.report.error.as_ref().unwrap();
    assert_eq!(error.code, "chip-mismatch", "{error:?}");
    assert!(error.what.contains("ESP8266"), "{error:?}");
    refused.assert_untouched();

    let other = crate::firmware::image_of_sectors(Chip::Esp32C3, 1, 4);
    let build = Build::new(&[(0, other), (TABLE_AT, table(&[NVS, FACTORY]))]);
    let refused = Bench::new(board()).deploy(&with_esptool(&build, &program));
    let error = refused.report.error.as_ref().unwrap();
    assert_eq!(error.code, "chip-mismatch", "{error:?}");
    refused.assert_untouched();
}

/// What its ROM alone tells: no stub is needed for that.
#[test]
fn an_esp8266_is_identified_by_its_rom() {
    let bench = Bench::new(board().flash_size(1 << 20));
    let mut open = || Ok(bench.link());
    let info = board_info("sim:", &mut open, &CancelToken::new()).unwrap();
    assert_eq!(info.chip, Chip::Esp8266);
    assert_eq!(info.mac.as_deref(), Some("ec:fa:bc:00:82:66"));
    assert_eq!(info.revision, None);
    assert_eq!(info.flash.unwrap().len_bytes, Some(1 << 20));
    assert!(!info.security.secure_boot && !info.security.flash_encryption);

    // Older chips have a number for the first half of their address.
    let old = Bench::new(board().register(0x3FF0_005C, 0));
    let options = ConnectOptions::default();
    let mut session = Session::connect(old.link(), options, &CancelToken::new()).unwrap();
    assert_eq!(session.mac().unwrap()[..3], [0x18, 0xFE, 0x34]);
}

/// The command line: the stub out of the esptool that is named, and what the board prints then, at the rate of its
/// ROM.
#[test]
fn a_named_esptool_reaches_it_and_its_boot_log_is_read() {
    let Some(program) = esptool() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).display().to_string();
    let (sketch, program) = (file("sketch.bin"), program.display().to_string());
    std::fs::write(&sketch, sketch_8266(1, 8)).unwrap();
    let port = |chip: &str| format!("sim:{}?chip={chip}", file(&format!("{chip}.bin")));
    let deploy = |chip: &str, more: &[&str]| {
        let port = port(chip);
        let usual = ["deploy", "--image", "0x0", &sketch, "--port", &port];
        let mut command = harness::command(&[&usual[..], more].concat());
        // No other esptool is found.
        command
            .env("PATH", folder.path())
            .env("HOME", folder.path());
        Run::of(&command.output().unwrap())
    };
    let without = deploy("esp8266", &["--json"]);
    assert_eq!(without.json()["error"]["code"], "stub-missing");
    let done = deploy("esp8266", &["--json", "--esptool", &program]);
    assert_eq!(done.json()["outcome"], "fullFlash", "{}", done.stderr);
    assert_eq!(done.json()["backend"], "native");

    let board = port("esp8266");
    let monitor = ["monitor", "--reset", "--port", &board, "--baud", "74880"];
    let read = harness::run(&[&monitor[..], &["--until", "boot mode:\\(3,6\\)"]].concat());
    assert_eq!(read.code, Some(0), "{}{}", read.stdout, read.stderr);
    assert!(
        read.stdout.contains("ets Jan  8 2013,rst cause:2"),
        "{}",
        read.stdout
    );

    // For another chip it changes nothing, which files do not tell.
    let noise = file("noise.bin");
    std::fs::write(&noise, [7; 999]).unwrap();
    for (chip, is_told) in [("esp32", true), ("esp8266", false)] {
        let port = port(chip);
        let usual = ["plan", "--image", "0x10000", &noise, "--port", &port];
        let planned = harness::run(&[&usual[..], &["--json", "--esptool", &program]].concat());
        let warnings = planned.json()["warnings"].to_string();
        let tells = warnings.contains("--esptool did nothing");
        assert_eq!(tells, is_told, "{warnings} {}", planned.stderr);
    }
    let folder_of = harness::example().display().to_string();
    let port = port("esp32");
    let refused = harness::run(&["plan", &folder_of, "--port", &port, "--esptool", &program]);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(
        refused.stderr.contains("--esptool needs --backend esptool"),
        "{}",
        refused.stderr
    );
}
