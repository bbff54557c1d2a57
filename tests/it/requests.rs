//! How often a board is asked: every request costs a round trip, which over a bridge is milliseconds.

use std::sync::{Arc, Mutex};

use fbuild_chip::Chip;
use fbuild_deploy::native::board_info;
use fbuild_deploy::request::Baud;
use fbuild_link::Link;
use fbuild_link::memory::{MemoryLink, Time};
use fbuild_loader::cancel::CancelToken;
use fbuild_loader::packet::op;
use fbuild_sim::{Board, Timing};

use crate::bench::Bench;
use crate::firmware::{APP_AT, Build, NVS, TABLE_AT, image_of_sectors, table};

/// The most that finding out that nothing changed may take: registers read and written, hashes, all.
fn check(chip: Chip, baud: u32, most: (u32, u32, u32)) {
    let build = Build::new(&[
        (chip.facts().bootloader_offset, image_of_sectors(chip, 1, 6)),
        (
            TABLE_AT,
            table(&[NVS, ("factory", 0, 0, APP_AT, 0x18_0000)]),
        ),
        // 22 blocks and a bit.
        (APP_AT, image_of_sectors(chip, 2, 366)),
    ]);
    let board = Board::builder(chip)
        .flash_contents(build.flashed(4 << 20))
        .timing(Timing::cp2102n());
    let bench = Bench::new(board);
    let deployed = bench.deploy(&build.with(|it| it.baud = Baud::Fixed(baud)));
    deployed.assert_message("deploy succeeded (verify skipped, device already matched)");
    let registers = deployed.count(op::READ_REG) + deployed.count(op::WRITE_REG);
    let hashes = deployed.count(op::SPI_FLASH_MD5);
    let all = bench.board().stats().commands;
    assert!(
        (registers, hashes, all) == most,
        "{chip} at {baud} baud: {registers} for registers, {hashes} hashes, {all} in all; \
         expected {most:?}"
    );
}

/// Equal, not at most: a change that needs fewer lowers the number.
#[test]
fn a_verify_asks_no_more_than_it_has_to() {
    check(Chip::Esp32, 921_600, (10, 12, 31));
    // Three more than a port with a USB id: what hides its id may be this chip's USB-OTG, which takes
    // small blocks of the stub.
    check(Chip::Esp32S3, 921_600, (6, 12, 31));
    check(Chip::Esp32, 115_200, (8, 11, 29));
}

/// How fast the ROM hashes is known after its first block, and the stub pays for itself in the rest.
#[test]
fn a_slow_wire_gets_the_stub_in_the_middle_of_a_region() {
    let build = Build::new(&[(APP_AT, image_of_sectors(Chip::Esp32, 2, 366))]);
    let board = Board::builder(Chip::Esp32)
        .flash_contents(build.flashed(4 << 20))
        .timing(Timing::cp2102n());
    let deployed = Bench::new(board).deploy(&build.with(|it| it.baud = Baud::Fixed(115_200)));
    deployed.assert_message("deploy succeeded (verify skipped, device already matched)");
    assert!(deployed.used_stub());
}

/// A size that nobody knows could be an answer that came too early: it is asked again, the long way.
#[test]
fn a_flash_chip_with_an_unknown_size_is_asked_twice() {
    let board = Board::builder(Chip::Esp32)
        .flash_size(128 << 10)
        .timing(Timing::cp2102n());
    let board = Arc::new(Mutex::new(board.build().unwrap()));
    let mut open = || {
        let link = MemoryLink::new("sim:", Arc::clone(&board), Time::Accounted);
        Ok(Box::new(link) as Box<dyn Link>)
    };
    let info = board_info("sim:", &mut open, &CancelToken::new()).unwrap();
    let flash = info.flash.unwrap();
    assert_eq!((flash.jedec, flash.len_bytes), (0xC8_4011, None));
}
