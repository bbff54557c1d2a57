//! The main job on every chip: over a bridge and over its own USB, with the boot ROM alone and with
//! the stub, and on large flash.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::time::Duration;

use fbuild_chip::Chip;
use fbuild_deploy::outcome::OutcomeKind;
use fbuild_deploy::request::Baud;
use fbuild_loader::cancel::CancelToken;
use fbuild_loader::reset::Before;
use fbuild_loader::session::{ConnectOptions, Left, Session};
use fbuild_sim::{Board, BoardBuilder};

use crate::bench::{Bench, Deployed};
use crate::firmware::{
    APP_AT, Build, FACTORY, NVS, SECTOR, TABLE_AT, image_of_sectors, noise, sized, table,
};

/// Which loader did the writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wrote {
    Rom,
    Stub,
}

/// How much there is to write, and how fast.
#[derive(Clone, Copy)]
struct Sizes {
    baud: Baud,
    bootloader: usize,
    app: usize,
    assets: usize,
    assets_at: u32,
}

/// So little that no stub is worth its upload, which takes most of a second at this rate.
const SMALL: Sizes = Sizes {
    baud: Baud::Fixed(115_200),
    bootloader: 1,
    app: 1,
    assets: 1,
    assets_at: 0x11_0000,
};
/// So much that a stub pays on every chip.
const LARGE: Sizes = Sizes {
    baud: Baud::Auto,
    bootloader: 5,
    app: 70,
    assets: 40,
    assets_at: 0x11_0000,
};

fn build(chip: Chip, sizes: Sizes) -> Build {
    let assets = ("assets", 1, 0x82, sizes.assets_at, 0x10_0000);
    let flash_bytes = (assets.3 + assets.4).next_power_of_two().max(4 << 20);
    Build::new(&[
        (
            chip.facts().bootloader_offset,
            sized(image_of_sectors(chip, 1, sizes.bootloader), flash_bytes),
        ),
        (TABLE_AT, table(&[NVS, FACTORY, assets])),
        (APP_AT, image_of_sectors(chip, 2, sizes.app)),
        // The last sector is not full.
        (sizes.assets_at, noise(3, sizes.assets * SECTOR - 100)),
    ])
}

fn board(chip: Chip) -> BoardBuilder {
    Board::builder(chip)
}

fn wrote(deployed: &Deployed) -> Wrote {
    if deployed.used_stub() {
        Wrote::Stub
    } else {
        Wrote::Rom
    }
}

/// Blank board; the same again; one sector edited in a data region and in the app.
fn check(chip: Chip, bench: &Bench, sizes: Sizes, expected: Wrote) {
    let build = build(chip, sizes);
    let request = build.with(|it| it.baud = sizes.baud);
    let n_sectors = sizes.bootloader + 1 + sizes.app + sizes.assets;

    let first = bench.deploy(&request);
    first.assert_message("deploy succeeded (full flash)");
    assert_eq!(first.outcome(), OutcomeKind::FullFlash, "{chip}");
    assert_eq!(first.report.chip, Some(chip.into()));
    assert_eq!(wrote(&first), expected, "{chip}: {n_sectors} sectors");
    first.assert_holds(&build);
    first.assert_within_plan();
    bench.assert_runs(APP_AT);

    let again = bench.deploy(&request);
    again.assert_message("deploy succeeded (verify skipped, device already matched)");
    again.assert_untouched();
    bench.assert_runs(APP_AT);

    let mut assets = build.bytes("assets");
    let sector = sizes.assets / 2;
    assets[sector * SECTOR + 7] ^= 0x40;
    build.rebuild("assets", &assets);
    let edited = bench.deploy(&request);
    edited.assert_message(&format!(
        "deploy succeeded (selective flash: assets; 1 of {} sectors)",
        sizes.assets
    ));
    let offset = sizes.assets_at + (sector * SECTOR) as u32;
    assert_eq!(edited.erased, BTreeSet::from([offset]), "{chip}");
    assert_eq!(edited.touched(), edited.erased, "{chip}");
    edited.assert_holds(&build);
    bench.assert_runs(APP_AT);

    // Its checksum and digest are in the same sector.
    let mut payload = build.bytes("firmware")[32..].to_vec();
    payload.truncate(sizes.app * SECTOR - 80);
    *payload.last_mut().unwrap() ^= 0x40;
    build.rebuild("firmware", &crate::firmware::image(chip, &payload));
    let edited = bench.deploy(&request);
    edited.assert_message(&format!(
        "deploy succeeded (selective flash: firmware; 1 of {} sectors)",
        sizes.app
    ));
    let offset = APP_AT + ((sizes.app - 1) * SECTOR) as u32;
    assert_eq!(edited.erased, BTreeSet::from([offset]), "{chip}");
    edited.assert_holds(&build);
    bench.assert_runs(APP_AT);
}

#[test]
fn every_chip_with_its_rom_alone() {
    for &chip in Chip::ESP32_FAMILY {
        check(chip, &Bench::new(board(chip)), SMALL, Wrote::Rom);
    }
}

#[test]
fn every_chip_with_the_stub() {
    for &chip in Chip::ESP32_FAMILY {
        check(chip, &Bench::new(board(chip)), LARGE, Wrote::Stub);
    }
}

/// The chips that have the peripheral.
const WITH_SERIAL_JTAG: [Chip; 9] = [
    Chip::Esp32S3,
    Chip::Esp32C3,
    Chip::Esp32C5,
    Chip::Esp32C6,
    Chip::Esp32C61,
    Chip::Esp32H2,
    Chip::Esp32H4,
    Chip::Esp32P4,
    Chip::Esp32S31,
];

#[test]
fn every_chip_over_its_own_usb() {
    for chip in WITH_SERIAL_JTAG {
        check(chip, &Bench::over_usb(board(chip)), SMALL, Wrote::Rom);
        check(chip, &Bench::over_usb(board(chip)), LARGE, Wrote::Stub);
    }
}

/// Chips that cannot run the stub write much with the ROM.
#[test]
fn a_chip_that_cannot_run_the_stub() {
    let chip = Chip::Esp32C2;
    let old = Bench::new(board(chip).revision(0, 0));
    check(chip, &old, LARGE, Wrote::Rom);
}

/// A ROM takes the flash for 2 MiB until it is told otherwise, the assumed size is 4 MiB.
#[test]
fn a_region_far_behind() {
    for &chip in Chip::ESP32_FAMILY {
        for (sizes, expected) in [(SMALL, Wrote::Rom), (LARGE, Wrote::Stub)] {
            let sizes = Sizes {
                assets_at: 0xE0_0000,
                ..sizes
            };
            let bench = Bench::new(board(chip).flash_size(16 << 20));
            check(chip, &bench, sizes, expected);
        }
    }
}

/// Flash beyond 16 MiB has addresses of four bytes. No ROM sends them, and the older chips' stubs do
/// not either: they would write over the beginning.
#[test]
fn a_region_behind_16_mib() {
    const REACHING: [Chip; 6] = [
        Chip::Esp32S3,
        Chip::Esp32C5,
        Chip::Esp32C61,
        Chip::Esp32H4,
        Chip::Esp32P4,
        Chip::Esp32S31,
    ];
    for &chip in Chip::ESP32_FAMILY {
        let sizes = Sizes {
            assets_at: 0x180_0000,
            ..SMALL
        };
        let bench = Bench::new(board(chip).flash_size(32 << 20));
        if REACHING.contains(&chip) {
            check(chip, &bench, sizes, Wrote::Stub);
            continue;
        }
        let build = build(chip, sizes);
        let refused = bench.deploy(&build.request());
        let error = refused.report.error.as_ref().unwrap();
        assert_eq!(error.code, "past-flash-end", "{error:?}");
        assert!(error.what.contains("assets") && error.what.contains("reach"));
        refused.assert_untouched();
    }
}

/// Where a region needs the stub and the chip cannot run it, nothing is written either.
#[test]
fn a_region_behind_16_mib_without_the_stub() {
    let chip = Chip::Esp32S3;
    let sizes = Sizes {
        assets_at: 0x180_0000,
        ..SMALL
    };
    let build = build(chip, sizes);
    let bench = Bench::new(board(chip).flash_size(32 << 20).secure_boot());
    let refused = bench.deploy(&build.subset(&["assets"]));
    let error = refused.report.error.as_ref().unwrap();
    assert_eq!(error.code, "unsupported", "{error:?}");
    assert!(error.what.contains("secure boot"), "{error:?}");
    refused.assert_untouched();
}

/// The stub refuses a block that brings nothing but the end of a stream whose bytes are all written:
/// its inflater's window of 32 KiB was full exactly when they were.
#[test]
fn a_stream_whose_end_would_stand_alone() {
    const WINDOW_LEN: usize = 0x8000;
    const BLOCK_LEN: usize = 0x4000;
    let compressed_len = |bytes: &[u8]| {
        let level = flate2::Compression::best();
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), level);
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap().len()
    };
    let (assets, len) = (BLOCK_LEN - 0x200..BLOCK_LEN)
        .map(|n| {
            let mut bytes = noise(9, n);
            bytes.resize(WINDOW_LEN, 0);
            let len = compressed_len(&bytes);
            (bytes, len)
        })
        .find(|(_, len)| (1..6).contains(&(len % BLOCK_LEN)))
        .unwrap();
    for &chip in Chip::ESP32_FAMILY {
        let build = build(chip, LARGE);
        build.rebuild("assets", &assets);
        let bench = Bench::new(board(chip));
        let deployed = bench.deploy(&build.request());
        deployed.assert_message("deploy succeeded (full flash)");
        deployed.assert_holds(&build);
        assert!(deployed.used_stub());
        let mut regions = deployed.report.regions.iter();
        let sent = regions.find(|r| r.name == "assets").unwrap().sent_bytes;
        assert_eq!(
            sent, len as u64,
            "the stream is the one that was looked for"
        );
    }
}

/// The C2 comes with two crystals, and its ROM takes both for 40 MHz.
#[test]
fn a_chip_whose_rom_mistakes_its_crystal() {
    let chip = Chip::Esp32C2;
    for crystal_mhz in [26, 40] {
        let bench = Bench::new(board(chip).crystal_mhz(crystal_mhz));
        check(chip, &bench, SMALL, Wrote::Rom);
        check(
            chip,
            &Bench::new(board(chip).crystal_mhz(crystal_mhz)),
            LARGE,
            Wrote::Stub,
        );
    }
}

/// These revisions of the P4 leave it to the host to switch their flash on, unless an eFuse has the
/// ROM do it.
#[test]
fn a_chip_whose_flash_has_no_power() {
    const SWITCHED_ON_BY_ROM: (u32, u32) = (0x5012_D034, 1 << 16);
    let chip = Chip::Esp32P4;
    for minor in [1, 2] {
        let bench = Bench::new(board(chip).revision(3, minor));
        check(chip, &bench, SMALL, Wrote::Rom);
        let bench = Bench::new(board(chip).revision(3, minor));
        check(chip, &bench, LARGE, Wrote::Stub);
    }
    let (register, bit) = SWITCHED_ON_BY_ROM;
    let bench = Bench::new(board(chip).revision(3, 2).register(register, bit));
    check(chip, &bench, LARGE, Wrote::Stub);
}

/// A program may ask for download mode by a bit that survives the resets over the chip's own USB.
#[test]
fn a_chip_that_was_told_to_stay_in_download_mode() {
    for (chip, register, bit) in [
        (Chip::Esp32S3, 0x6000_812C, 0x1),
        (Chip::Esp32P4, 0x5011_0008, 0x4),
    ] {
        let bench = Bench::over_usb(board(chip));
        bench.deploy(&build(chip, SMALL).request());
        let options = ConnectOptions::default();
        let cancel = CancelToken::new();
        let mut session = Session::connect(bench.link(), options, &cancel).unwrap();
        session.write_registers(&[(register, bit, bit)]).unwrap();
        assert_eq!(session.leave().unwrap(), Left::Started);
        bench.assert_runs(APP_AT);
    }
}

/// The first S3 keeps a calibration value where later ones have their revision.
#[test]
fn the_first_s3_is_not_taken_for_a_later_one() {
    const MAJOR: (u32, u32) = (0x6000_7058, 3 << 24);
    const BLOCK_VERSION: [(u32, u32); 2] = [(0x6000_706C, 1), (0x6000_7050, 1 << 24)];
    let revision = |registers: &[(u32, u32)]| {
        let mut board = board(Chip::Esp32S3).revision(0, 0);
        for &(register, value) in registers {
            board = board.register(register, value);
        }
        let link = Bench::new(board).link();
        let options = ConnectOptions::default();
        let mut session = Session::connect(link, options, &CancelToken::new()).unwrap();
        session.revision().unwrap()
    };
    let [major, minor] = BLOCK_VERSION;
    assert_eq!(revision(&[MAJOR, major, minor]), 0);
    assert_eq!(revision(&[MAJOR, major]), 300);
}

/// A person put the board into download mode, for want of a line to the boot pin; the one to EN may
/// be there.
#[test]
fn a_board_that_was_not_reset_by_the_lines_is_started_by_them() {
    let chip = Chip::Esp32;
    let bench = Bench::new(board(chip));
    let build = build(chip, LARGE);
    let request = build.with(|it| it.before = Before::NoReset);
    bench.board().reset_into_download_mode(Duration::ZERO);
    let deployed = bench.deploy(&request);
    deployed.assert_message("deploy succeeded (full flash)");
    assert!(deployed.used_stub());
    bench.assert_runs(APP_AT);
}

/// An ELF file's boot loader depends on it.
#[test]
fn the_crystal_of_a_board_is_measured() {
    for chip in [Chip::Esp32, Chip::Esp32C2, Chip::Esp32C5] {
        for &mhz in chip.facts().crystal_mhz {
            let link = Bench::new(board(chip).crystal_mhz(mhz)).link();
            let options = ConnectOptions::default();
            let mut session = Session::connect(link, options, &CancelToken::new()).unwrap();
            assert_eq!(session.crystal_mhz().unwrap(), Some(mhz), "{chip}");
            session.change_baud(921_600).unwrap();
            assert_eq!(session.crystal_mhz().unwrap(), Some(mhz), "{chip}");
        }
    }
}
