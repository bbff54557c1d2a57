//! Boards whose eFuses are burnt: what may be written is written as the board needs it, what cannot
//! be proved is not claimed, and what would leave a dead board is refused before anything is erased.

use std::collections::BTreeSet;

use fbuild_chip::Chip;
use fbuild_deploy::outcome::{OutcomeKind, Verdict};
use fbuild_deploy::request::{Baud, Mode, Request};
use fbuild_loader::packet::op;
use fbuild_sim::{Board, BoardBuilder, Encryption, Faults};

use crate::bench::{Bench, Deployed};
use crate::firmware::{
    APP_AT, Build, FACTORY, NVS, Row, SECTOR, TABLE_AT, image_of_sectors, noise, signed_v1,
    signed_v2, sized, table,
};

/// Behind the 2 MiB that a ROM takes for granted.
const ASSETS: Row = ("assets", 1, 0x82, 0x30_0000, 0x8_0000);
const NAMES: [&str; 4] = ["bootloader", "partitions", "firmware", "assets"];
/// Chips with Secure Download Mode: all but one.
const WITH_SECURE_DOWNLOAD: &[Chip] = Chip::ESP32_FAMILY.split_at(1).1;

fn plain_images(chip: Chip, app_sectors: usize) -> [(u32, Vec<u8>); 4] {
    [
        (chip.facts().bootloader_offset, image_of_sectors(chip, 1, 2)),
        (TABLE_AT, table(&[NVS, FACTORY, ASSETS])),
        (APP_AT, image_of_sectors(chip, 2, app_sectors)),
        (ASSETS.3, noise(3, 3 * SECTOR)),
    ]
}

/// A build that knows nothing of encryption.
fn plain_build(chip: Chip, app_sectors: usize) -> Build {
    Build::new(&plain_images(chip, app_sectors))
}

/// A build as ESP-IDF makes it for flash encryption in development mode: the assets stay plain.
fn encrypting_build(chip: Chip, app_sectors: usize) -> Build {
    let mut build = plain_build(chip, app_sectors);
    build.target.flash_encryption = true;
    for name in ["bootloader", "partitions", "firmware"] {
        build.region(name).encrypted = true;
    }
    build
}

fn in_mode(build: &Build, mode: Mode) -> Request {
    build.with(|it| it.mode = mode)
}

fn forced(build: &Build) -> Request {
    build.with(|it| it.force = true)
}

fn encrypted(chip: Chip, encryption: Encryption) -> BoardBuilder {
    Board::builder(chip).flash_encryption(encryption)
}

/// Refused in every mode that would write, with this code and these words, and nothing happened.
#[track_caller]
fn assert_refused(board: &BoardBuilder, build: &Build, code: &str, words: &[&str]) {
    for mode in [Mode::Auto, Mode::Full, Mode::Plan] {
        let bench = Bench::new(board.clone());
        let before = bench.board().state();
        let deployed = bench.deploy(&in_mode(build, mode));
        assert_eq!(deployed.outcome(), OutcomeKind::Failed);
        let error = deployed.report.error.as_ref().unwrap();
        assert_eq!(error.code, code, "{error:?}");
        for word in words {
            assert!(error.what.contains(word), "no '{word}' in {error:?}");
        }
        assert!(!error.remedy.is_empty());
        deployed.assert_untouched();
        assert_eq!(deployed.count(op::FLASH_BEGIN), 0);
        assert_eq!(deployed.count(op::FLASH_DEFL_BEGIN), 0);
        assert_eq!(bench.board().state(), before, "it goes on with what it had");
    }
}

#[track_caller]
fn assert_not_verifiable(deployed: &Deployed, regions: &[&str]) {
    deployed.assert_message(&format!(
        "verify failed (not verifiable: {})",
        regions.join(", ")
    ));
    assert_eq!(
        deployed.report.error.as_ref().unwrap().code,
        "not-verifiable"
    );
    deployed.assert_untouched();
}

fn verdict(deployed: &Deployed, name: &str) -> Verdict {
    let mut regions = deployed.report.regions.iter();
    regions.find(|region| region.name == name).unwrap().verdict
}

#[test]
fn secure_download_mode_is_written_and_not_claimed() {
    for &chip in WITH_SECURE_DOWNLOAD {
        let build = plain_build(chip, 12);
        let bench = Bench::new(Board::builder(chip).secure_download());
        // Nothing can be compared, so the second deploy writes all the same.
        for _ in 0..2 {
            let deployed = bench.deploy(&build.request());
            deployed.assert_message(
                "deploy succeeded (full flash; written, not verifiable: Secure Download Mode)",
            );
            deployed.assert_holds(&build);
            deployed.assert_within_plan();
            assert_eq!(deployed.erased.len(), 2 + 1 + 12 + 3);
            assert!(!deployed.used_stub());
            for name in NAMES {
                assert_eq!(verdict(&deployed, name), Verdict::Unknown);
            }
            bench.assert_runs(APP_AT);
        }
        let verified = bench.deploy(&in_mode(&build, Mode::Verify));
        assert_not_verifiable(&verified, &NAMES);
        bench.assert_runs(APP_AT);
    }
}

/// The C2's ROM does not change its baud rate in this mode.
#[test]
fn secure_download_mode_at_a_fixed_baud_rate() {
    for chip in [Chip::Esp32C2, Chip::Esp32C3] {
        let build = plain_build(chip, 2);
        let bench = Bench::new(Board::builder(chip).secure_download());
        let request = build.with(|it| it.baud = Baud::Fixed(460_800));
        let deployed = bench.deploy(&request);
        assert_eq!(deployed.outcome(), OutcomeKind::FullFlash);
        deployed.assert_holds(&build);
        let changes = u32::from(chip == Chip::Esp32C3);
        assert_eq!(deployed.count(op::CHANGE_BAUDRATE), changes, "{chip}");
    }
}

/// The size of the flash cannot be asked, and the loader must not refuse the last region after the
/// others were written.
#[test]
fn secure_download_mode_on_a_large_flash() {
    let chip = Chip::Esp32S3;
    let mut images = plain_images(chip, 2);
    images[3].0 = 0xE0_0000;
    images[1].1 = table(&[NVS, FACTORY, ("assets", 1, 0x82, 0xE0_0000, 0x10_0000)]);
    images[0].1 = sized(images[0].1.clone(), 16 << 20);
    let build = Build::new(&images);
    let bench = Bench::new(Board::builder(chip).secure_download().flash_size(16 << 20));
    let deployed = bench.deploy(&build.request());
    assert_eq!(deployed.outcome(), OutcomeKind::FullFlash);
    deployed.assert_holds(&build);
    bench.assert_runs(APP_AT);
}

#[test]
fn a_plain_build_is_kept_off_an_encrypted_chip() {
    for &chip in Chip::ESP32_FAMILY {
        let board = encrypted(chip, Encryption::Development);
        let words = ["bootloader (", "does not mark"];
        assert_refused(&board, &plain_build(chip, 2), "flash-encrypted", &words);
        // Also a part of it, and also a part that a board might want plain: the build does not say.
        let bench = Bench::new(board);
        for name in ["firmware", "assets"] {
            let deployed = bench.deploy(&plain_build(chip, 2).subset(&[name]));
            let error = deployed.report.error.as_ref().unwrap();
            assert_eq!(error.code, "flash-encrypted", "{error:?}");
            assert!(error.what.contains(name), "{error:?}");
            deployed.assert_untouched();
        }
    }
}

#[test]
fn an_app_that_an_encrypting_build_leaves_plain() {
    let chip = Chip::Esp32S3;
    let mut build = encrypting_build(chip, 2);
    build.region("firmware").encrypted = false;
    let board = encrypted(chip, Encryption::Development);
    let words = ["firmware (0x10000-", "does not mark"];
    assert_refused(&board, &build, "flash-encrypted", &words);
}

#[test]
fn force_writes_plainly_and_says_what_it_overrode() {
    for encryption in [Encryption::Development, Encryption::Release] {
        let build = plain_build(Chip::Esp32C3, 2);
        let bench = Bench::new(encrypted(Chip::Esp32C3, encryption));
        let deployed = bench.deploy(&forced(&build));
        deployed.assert_message("deploy succeeded (full flash)");
        deployed.assert_holds(&build);
        let warnings = deployed.report.warnings.join("\n");
        assert!(
            warnings.contains("force overrides a refusal") && warnings.contains("encryption"),
            "{warnings}"
        );
        assert_eq!(bench.board().booted_app_offset(), None, "as was foretold");
    }
}

/// Development mode: the chip encrypts what the build marks; what stays plain is compared.
#[test]
fn an_encrypting_build_on_an_encrypted_chip() {
    const MARKED: [&str; 3] = ["bootloader", "partitions", "firmware"];
    let mut by_rom = BTreeSet::new();
    for &chip in Chip::ESP32_FAMILY {
        for app_sectors in [2, 40] {
            let build = encrypting_build(chip, app_sectors);
            let bench = Bench::new(encrypted(chip, Encryption::Development));
            let first = bench.deploy(&build.request());
            first.assert_message(
                "deploy succeeded (full flash; written, not verifiable: flash encryption)",
            );
            first.assert_within_plan();
            // The chip's boot code decrypts what it runs.
            bench.assert_runs(APP_AT);
            for name in MARKED {
                let bytes = build.bytes(name);
                let start = build.region_offset(name) as usize;
                assert!(first.after[start..start + bytes.len()] != bytes, "{name}");
                assert_eq!(verdict(&first, name), Verdict::Unknown);
            }
            let assets = build.bytes("assets");
            let start = ASSETS.3 as usize;
            assert!(first.after[start..start + assets.len()] == assets);
            assert_eq!(verdict(&first, "assets"), Verdict::Differs);
            // Only the stub of an ESP32 can encrypt.
            assert!(first.used_stub() || chip != Chip::Esp32);

            let again = bench.deploy(&build.request());
            let sectors = 2 + 1 + app_sectors;
            again.assert_message(&format!(
                "deploy succeeded (selective flash: bootloader, partitions, firmware; {sectors} of \
                 {sectors} sectors; written, not verifiable: flash encryption)"
            ));
            assert_eq!(verdict(&again, "assets"), Verdict::Match);
            assert_eq!(again.erased.len(), sectors, "never skipped");
            if !again.used_stub() {
                // No ROM was ever seen to encrypt what it inflates.
                assert_eq!(again.count(op::FLASH_DEFL_BEGIN), 0, "{chip}");
                assert!(again.count(op::FLASH_BEGIN) > 0, "{chip}");
                by_rom.insert(chip);
            }
            bench.assert_runs(APP_AT);

            let verified = bench.deploy(&in_mode(&build, Mode::Verify));
            assert_not_verifiable(&verified, &MARKED);
            assert_eq!(verdict(&verified, "assets"), Verdict::Match);
            bench.assert_runs(APP_AT);
        }
    }
    assert!(by_rom.len() > 1, "only {by_rom:?} wrote with the ROM");
}

/// The stub answers the last block before it writes it, and no hash will tell whether it did.
#[test]
fn the_last_block_of_an_encrypted_write_is_waited_for() {
    let chip = Chip::Esp32;
    let build = encrypting_build(chip, 20);
    let request = Request {
        baud: Baud::Fixed(921_600),
        ..build.subset(&["firmware"])
    };
    let bench = Bench::new(encrypted(chip, Encryption::Development));
    let sound = bench.deploy(&request);
    assert!(sound.report.error.is_none() && sound.used_stub());
    let bytes = bench.board().stats().flash.bytes_programmed;

    let bench = Bench::new(encrypted(chip, Encryption::Development));
    bench.faults(Faults::none().power_loss_after(bytes - 1));
    let deployed = bench.deploy(&request);
    // It is noticed, and a reset brings the board back.
    let warnings = deployed.report.warnings.join("\n");
    assert!(warnings.contains("trying again"), "{warnings}");
    assert!(deployed.report.error.is_none(), "{:?}", deployed.report);
}

/// Only its stub can, though the upload takes longer than the writing at this rate.
#[test]
fn an_esp32_encrypts_with_the_stub_however_little_there_is() {
    let build = encrypting_build(Chip::Esp32, 2);
    let bench = Bench::new(encrypted(Chip::Esp32, Encryption::Development));
    let request = Request {
        baud: Baud::Fixed(115_200),
        ..build.subset(&["partitions"])
    };
    let deployed = bench.deploy(&request);
    assert_eq!(deployed.outcome(), OutcomeKind::SelectiveFlash);
    assert!(deployed.used_stub(), "{:#?}", deployed.report);
}

/// Until its first start the chip does not encrypt: then its boot loader encrypts what it finds.
#[test]
fn an_encrypting_build_on_a_new_chip() {
    let build = encrypting_build(Chip::Esp32S3, 2);
    let bench = Bench::new(Board::builder(Chip::Esp32S3));
    let deployed = bench.deploy(&build.request());
    deployed.assert_message("deploy succeeded (full flash)");
    deployed.assert_holds(&build);
    assert_eq!(
        bench.deploy(&build.request()).outcome(),
        OutcomeKind::VerifySkip
    );
}

#[test]
fn release_mode_takes_nothing() {
    for &chip in Chip::ESP32_FAMILY {
        let board = encrypted(chip, Encryption::Release);
        for build in [plain_build(chip, 2), encrypting_build(chip, 2)] {
            assert_refused(&board, &build, "flash-encrypted", &["release mode"]);
        }
        let verified = Bench::new(board).deploy(&in_mode(&encrypting_build(chip, 2), Mode::Verify));
        // The blank board holds other assets, which can be told.
        verified.assert_message("verify failed (differs: assets)");
        verified.assert_untouched();
    }
}

#[test]
fn secure_download_mode_with_encryption() {
    let chip = Chip::Esp32C6;
    let board = encrypted(chip, Encryption::Development).secure_download();
    for build in [plain_build(chip, 2), encrypting_build(chip, 2)] {
        let words = ["Secure Download Mode", "encrypted"];
        assert_refused(&board, &build, "flash-encrypted", &words);
    }
    // Somebody who knows that the chip still encrypts can have it.
    let build = encrypting_build(chip, 2);
    let bench = Bench::new(board);
    let deployed = bench.deploy(&forced(&build));
    assert!(
        deployed.report.message.contains("written, not verifiable"),
        "{}",
        deployed.report.message
    );
    bench.assert_runs(APP_AT);
}

/// What a verify of a build that does not belong on the board says.
#[test]
fn verifying_a_plain_build_on_an_encrypted_chip() {
    let build = plain_build(Chip::Esp32S3, 2);
    let bench = Bench::new(encrypted(Chip::Esp32S3, Encryption::Development));
    let verified = bench.deploy(&in_mode(&build, Mode::Verify));
    assert_not_verifiable(&verified, &NAMES);
    let warnings = verified.report.warnings.join("\n");
    assert!(warnings.contains("would be refused"), "{warnings}");
}

/// The first 8 KiB may hold what recovers the key.
#[test]
fn the_key_managers_place_is_left_alone() {
    for chip in [Chip::Esp32C5, Chip::Esp32P4] {
        let mut build = Build::new(&[(0x1000, noise(1, 100))]);
        build.target.flash_encryption = true;
        build.target.regions[0].encrypted = true;
        let board = encrypted(chip, Encryption::Development);
        assert_refused(&board, &build, "flash-encrypted", &["0x1000", "key"]);
    }
}

/// Boot loader and app with a signature after each.
fn signed_build(chip: Chip, app_sectors: usize, sign: fn(Vec<u8>) -> Vec<u8>) -> Build {
    let mut images = plain_images(chip, app_sectors);
    for index in [0, 2] {
        images[index].1 = sign(std::mem::take(&mut images[index].1));
    }
    Build::new(&images)
}

/// ABS_DONE_1 alone: an ESP32 with the second version of secure boot.
fn esp32_with_secure_boot_v2() -> BoardBuilder {
    Board::builder(Chip::Esp32).register(0x3FF5_A018, 1 << 5)
}

#[test]
fn unsigned_images_are_kept_off_a_board_with_secure_boot() {
    for &chip in Chip::ESP32_FAMILY {
        let board = if chip == Chip::Esp32 {
            esp32_with_secure_boot_v2()
        } else {
            Board::builder(chip).secure_boot()
        };
        let words = ["bootloader (", "is not signed"];
        assert_refused(&board, &plain_build(chip, 2), "secure-boot", &words);
        // A signed boot loader does not help an unsigned app, whatever the build's settings say.
        let build = signed_build(chip, 2, signed_v2);
        let plain = plain_build(chip, 2).bytes("firmware");
        build.rebuild("firmware", &plain);
        assert_refused(
            &board,
            &build,
            "secure-boot",
            &["firmware (", "is not signed"],
        );
    }
}

#[test]
fn signed_images_go_onto_a_board_with_secure_boot() {
    for &chip in Chip::ESP32_FAMILY {
        let board = if chip == Chip::Esp32 {
            esp32_with_secure_boot_v2()
        } else {
            Board::builder(chip).secure_boot()
        };
        let build = signed_build(chip, 80, signed_v2);
        let bench = Bench::new(board);
        let deployed = bench.deploy(&build.request());
        deployed.assert_message("deploy succeeded (full flash)");
        deployed.assert_holds(&build);
        bench.assert_runs(APP_AT);
        let no_stub = matches!(chip, Chip::Esp32C3 | Chip::Esp32S3);
        assert_eq!(deployed.used_stub(), !no_stub, "{chip}");
        let again = bench.deploy(&build.request());
        assert_eq!(again.outcome(), OutcomeKind::VerifySkip);
    }
}

/// A changed header would break the signature.
#[test]
fn a_signed_boot_loader_is_not_patched() {
    use fbuild_project::target::{FlashParams, Setting};
    let mut build = signed_build(Chip::Esp32S3, 2, signed_v2);
    build.target.flash = FlashParams {
        mode: Setting::Set("qio".to_owned()),
        freq: Setting::Set("80m".to_owned()),
        size: Setting::Detect,
    };
    let bench = Bench::new(Board::builder(Chip::Esp32S3).secure_boot());
    bench.deploy(&build.request()).assert_holds(&build);
}

/// The first version keeps one boot loader for good.
#[test]
fn the_boot_loader_of_secure_boot_v1_is_left_alone() {
    let chip = Chip::Esp32;
    let board = Board::builder(chip).secure_boot();
    let build = signed_build(chip, 2, signed_v1);
    let words = ["bootloader (0x1000-", "secure boot V1"];
    assert_refused(&board, &build, "secure-boot", &words);
    let unsigned = plain_build(chip, 2);
    let refused = Bench::new(board.clone()).deploy(&unsigned.subset(&["firmware"]));
    assert_eq!(refused.report.error.as_ref().unwrap().code, "secure-boot");
    refused.assert_untouched();

    let bench = Bench::new(board);
    let deployed = bench.deploy(&build.subset(&["partitions", "firmware", "assets"]));
    assert!(deployed.report.error.is_none(), "{:#?}", deployed.report);
    let app = build.bytes("firmware");
    assert!(deployed.after[APP_AT as usize..][..app.len()] == app);

    let deployed = bench.deploy(&forced(&build));
    deployed.assert_holds(&build);
    assert!(deployed.report.warnings[0].contains("force overrides a refusal"));
}
