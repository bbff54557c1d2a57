//! The boot loader's header as the real esptool writes it. `esptool merge-bin` patches by the same
//! code as `write-flash`, without a board.

use std::io::Write as _; // straight to stderr: the test runner hides what passing tests print
use std::path::{Path, PathBuf};
use std::process::Command;

use fbuild_chip::Chip;
use fbuild_deploy::image::{self, BoardFacts};
use fbuild_project::target::{FlashParams, Setting, Target};

use crate::fixtures::shared;

/// The recordings and the outputs in this repository are of this version.
const ESPTOOL: &str = "esptool==5.6.0";

/// esptool in a virtual environment below the user's cache, made at the first use.
fn esptool() -> Option<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))?;
    let venv = cache.join("fbuild-tests/venv-esptool-5.6.0");
    let esptool = venv.join("bin/esptool");
    let works = || {
        Command::new(&esptool)
            .arg("version")
            .output()
            .is_ok_and(|out| out.status.success())
    };
    if !works() {
        let run = |program: &Path, args: &[&str]| {
            Command::new(program)
                .args(args)
                .status()
                .is_ok_and(|status| status.success())
        };
        let made = run(Path::new("python3"), &["-m", "venv", venv.to_str()?])
            && run(&venv.join("bin/pip"), &["install", "--quiet", ESPTOOL]);
        if !made || !works() {
            assert_ne!(
                std::env::var("CI").as_deref(),
                Ok("true"),
                "{ESPTOOL} could not be installed"
            );
            let _ = writeln!(
                std::io::stderr(),
                "skipped: header patching ({ESPTOOL} could not be installed)"
            );
            return None;
        }
    }
    Some(esptool)
}

fn setting(text: &str) -> Setting<String> {
    match text {
        "keep" => Setting::Keep,
        "detect" => Setting::Detect,
        text => Setting::Set(text.to_owned()),
    }
}

/// The boot loader as our deploy would write it.
fn ours(chip: Chip, file: &Path, [mode, freq, size]: [&str; 3]) -> Vec<u8> {
    let mut target =
        Target::from_files(&[(chip.facts().bootloader_offset, file.to_owned())]).unwrap();
    target.flash = FlashParams {
        mode: setting(mode),
        freq: setting(freq),
        size: setting(size),
    };
    let images = image::load(&target, None).unwrap();
    let board = BoardFacts {
        flash_size: Some(0x100_0000),
        ..BoardFacts::new(chip)
    };
    images
        .for_board(&board, false)
        .unwrap()
        .remove(0)
        .content()
        .to_vec()
}

/// The boot loader as esptool would write it.
fn theirs(esptool: &Path, chip: Chip, file: &Path, [mode, freq, size]: [&str; 3]) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("merged.bin");
    let offset = format!("{:#x}", chip.facts().bootloader_offset);
    // A size that is detected has no counterpart without a board: give what the board above has.
    let size = if size == "detect" { "16MB" } else { size };
    let status = Command::new(esptool)
        .args(["--chip", chip.name(), "merge-bin", "-o"])
        .arg(&out)
        .args(["--target-offset", &offset])
        .args([
            "--flash-mode",
            mode,
            "--flash-freq",
            freq,
            "--flash-size",
            size,
            &offset,
        ])
        .arg(file)
        .output()
        .unwrap();
    assert!(
        status.status.success(),
        "{}",
        String::from_utf8_lossy(&status.stdout)
    );
    std::fs::read(out).unwrap()
}

#[test]
fn the_patched_boot_loader_is_esptools_byte_for_byte() {
    let Some(fixtures) = shared("header patching") else {
        return;
    };
    let Some(esptool) = esptool() else { return };
    let mut changed = 0;
    for (chip, file, settings) in [
        (
            Chip::Esp32,
            "micropython-0831",
            &[
                ["dio", "40m", "4MB"],
                ["qio", "80m", "16MB"],
                ["dout", "20m", "2MB"],
                ["keep", "26m", "keep"],
                ["keep", "keep", "keep"],
                ["keep", "keep", "detect"],
            ][..],
        ),
        (
            Chip::Esp32,
            "micropython-0608",
            &[["qout", "80m", "8MB"], ["dio", "keep", "detect"]],
        ),
        (
            Chip::Esp32C3,
            "esp32c3",
            &[
                ["dio", "80m", "2MB"],
                ["qio", "20m", "128MB"],
                ["keep", "keep", "1MB"],
            ],
        ),
        (
            Chip::Esp32S3,
            "esp32s3",
            &[["dio", "80m", "32MB"], ["qio", "40m", "keep"]],
        ),
        (
            Chip::Esp32C6,
            "esp32c6",
            &[
                ["dio", "80m", "4MB"],
                ["dout", "20m", "8MB"],
                ["keep", "40m", "detect"],
            ],
        ),
    ] {
        let file = fixtures.join(format!("firmware/{file}-bootloader.bin"));
        let original = std::fs::read(&file).unwrap();
        for settings in settings {
            let (ours, theirs) = (
                ours(chip, &file, *settings),
                theirs(&esptool, chip, &file, *settings),
            );
            assert!(
                ours == theirs,
                "{chip} {settings:?}: {:?} {:?}",
                &ours[..4],
                &theirs[..4]
            );
            changed += usize::from(ours != original);
        }
    }
    assert!(changed >= 10, "most settings change the file: {changed}");
}
