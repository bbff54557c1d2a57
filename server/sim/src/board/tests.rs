//! The board as a host sees it, in accounted time.

use std::sync::{Arc, Mutex};

use fbuild_link::memory::{MemoryLink, Time};
use fbuild_link::{Lines, LinesReach, Link};
use fbuild_loader::packet::{self, op};
use fbuild_loader::slip::{self, Piece};

use std::io;

use super::*;
use crate::boot::tests::{Flash, image, table_entry};
use crate::faults::When;
use crate::security::Encryption;
use crate::timing::Timing;

struct Host {
    board: Arc<Mutex<Board>>,
    link: MemoryLink<Board>,
}

impl Host {
    fn new(builder: BoardBuilder) -> Self {
        let board = Arc::new(Mutex::new(builder.build().unwrap()));
        let link = MemoryLink::new("sim:", Arc::clone(&board), Time::Accounted);
        Self { board, link }
    }

    fn state(&self) -> State {
        self.board.lock().unwrap().state()
    }

    fn starts(&self) -> u32 {
        self.board.lock().unwrap().firmware_starts()
    }

    fn stats(&self) -> Stats {
        self.board.lock().unwrap().stats().clone()
    }

    fn lines(&mut self, dtr: bool, rts: bool) {
        assert_eq!(
            self.link.set_lines(Lines { dtr, rts }).unwrap(),
            LinesReach::Board
        );
    }

    /// The classic sequence, one line at a time as some systems do it.
    fn reset(&mut self, download: bool) {
        self.lines(false, true);
        self.link.pause(Duration::from_millis(100));
        if download {
            self.lines(true, true);
            self.lines(true, false);
        }
        self.link.pause(Duration::from_millis(50));
        self.lines(false, false);
    }

    /// All frames that come within `wait`.
    fn frames(&mut self, wait: Duration) -> Vec<Vec<u8>> {
        let mut decoder = slip::Decoder::new(0x8000);
        let mut frames = Vec::new();
        let mut buffer = [0; 512];
        loop {
            let n = self.link.read(&mut buffer, wait).unwrap();
            if n == 0 {
                return frames;
            }
            decoder.extend(&buffer[..n], |piece| {
                if let Piece::Frame(frame) = piece {
                    frames.push(frame);
                }
            });
        }
    }

    fn send(&mut self, code: u8, checksum: u32, data: &[u8]) {
        let mut bytes = Vec::new();
        slip::encode(&packet::encode_request(code, checksum, data), &mut bytes);
        self.link.write(&bytes).unwrap();
    }

    fn ask(&mut self, code: u8, data: &[u8]) -> Option<Vec<u8>> {
        self.send(code, 0, data);
        self.frames(Duration::from_secs(2)).pop()
    }

    fn ask_words(&mut self, code: u8, words: &[u32]) -> Option<Vec<u8>> {
        self.ask(code, &packet::words(words))
    }

    fn block(&mut self, seq: u32, payload: &[u8]) -> Option<Vec<u8>> {
        let data = packet::data_block(seq, payload);
        self.send(op::FLASH_DATA, packet::checksum(payload), &data);
        self.frames(Duration::from_secs(2)).pop()
    }

    fn sync(&mut self) -> usize {
        self.send(op::SYNC, 0, &packet::SYNC_PAYLOAD);
        self.frames(Duration::from_millis(200)).len()
    }
}

/// What [`bootable`] starts.
const FIRMWARE: State = State::Firmware {
    app_offset: 0x1_0000,
};

fn bootable() -> Vec<u8> {
    Flash::blank()
        .with(0, &image(1))
        .with(0x1000, &image(1))
        .with(0x8000, &table_entry(0, 0, 0x1_0000))
        .with(0x1_0000, &image(2))
        .0
}

#[test]
fn resets_go_where_the_lines_say() {
    let mut host = Host::new(Board::builder(Chip::Esp32).flash_contents(bootable()));
    assert_eq!(host.state(), FIRMWARE);
    assert_eq!(host.starts(), 1);
    assert_eq!(host.sync(), 0, "firmware does not answer");
    host.reset(true);
    assert_eq!(host.state(), State::Download);
    assert_eq!(host.starts(), 1, "EN rose with IO0 high for a moment only");
    assert_eq!(host.sync(), 8);
    host.lines(false, true);
    assert_eq!(host.state(), State::InReset);
    host.link.pause(Duration::from_millis(100));
    host.lines(false, false);
    assert_eq!(host.state(), FIRMWARE);
    assert_eq!(host.starts(), 2);
}

#[test]
fn the_watchdog_starts_the_firmware() {
    let mut host = Host::new(Board::builder(Chip::Esp32C3).flash_contents(bootable()));
    host.reset(true);
    host.sync();
    for (register, value) in [
        (0x6000_80A8, 0x50D8_3AA1),
        (0x6000_8094, 2000),
        (0x6000_8090, 1 << 31 | 5 << 28 | 1 << 8 | 2),
    ] {
        host.link.discard_input().unwrap();
        let answer = host.ask_words(op::WRITE_REG, &[register, value, u32::MAX, 0]);
        assert_eq!(answer.unwrap()[..2], [1, op::WRITE_REG]);
    }
    // Whether its registers are locked again does not matter, nor whether anybody writes or looks.
    assert_eq!(host.starts(), 2);
    assert_eq!(host.state(), FIRMWARE);
}

#[test]
fn bytes_at_a_wrong_rate_are_garbage() {
    let mut host = Host::new(Board::builder(Chip::Esp32).start_in_download_mode());
    host.link.set_baud(460_800).unwrap();
    assert_eq!(
        host.sync(),
        8,
        "the ROM measures the rate of the first SYNC"
    );
    host.link.set_baud(115_200).unwrap();
    assert_eq!(host.sync(), 0);
    assert!(host.stats().garbled_bytes > 0);
    host.link.set_baud(460_800).unwrap();
    assert_eq!(host.sync(), 8);
    let answer = host.ask_words(op::CHANGE_BAUDRATE, &[921_600, 0]).unwrap();
    assert_eq!(answer[..2], [1, op::CHANGE_BAUDRATE]);
    assert_eq!(host.sync(), 0);
    host.link.set_baud(921_600).unwrap();
    assert_eq!(host.sync(), 8);
}

/// With a crystal of 26 MHz the C2's ROM sets 26/40 of what it was asked for.
#[test]
fn the_c2_needs_a_corrected_rate() {
    let mut host = Host::new(Board::builder(Chip::Esp32C2).start_in_download_mode());
    host.sync();
    host.ask_words(op::CHANGE_BAUDRATE, &[921_600 * 40 / 26, 0]);
    host.link.set_baud(921_600).unwrap();
    assert_eq!(host.sync(), 8);
}

/// 64 KiB at 921600: the wire, 16 round trips, nothing hidden.
#[test]
fn time_is_accounted_for() {
    let timing = Timing::cp2102n();
    let mut host = Host::new(Board::builder(Chip::Esp32).start_in_stub().timing(timing));
    host.ask_words(op::CHANGE_BAUDRATE, &[921_600, 115_200]);
    host.link.set_baud(921_600).unwrap();
    let before = host.link.now();
    host.send(op::SPI_FLASH_MD5, 0, &packet::words(&[0, 0x10_0000, 0, 0]));
    let mut buffer = [0; 64];
    assert!(host.link.read(&mut buffer, Duration::from_secs(9)).unwrap() > 0);
    let took = host.link.now().saturating_sub(before);
    let hash = Duration::from_nanos(0x10_0000 * 1_000_000_000 / u64::from(timing.stub.md5_rate));
    let wire = timing.link.bytes_time(26 + 28, 921_600);
    let least = hash + wire + timing.link.to_board + timing.link.to_host;
    assert!(
        took >= least && took < least + Duration::from_millis(1),
        "{took:?} {least:?}"
    );
    assert_eq!(host.stats().bytes_hashed, 0x10_0000);
    host.board.lock().unwrap().reset_stats();
    assert_eq!(host.stats(), Stats::default());
}

/// The stub acknowledges a block before it writes it: the next one travels meanwhile.
#[test]
fn the_stub_writes_while_it_receives() {
    let timing = Timing::cp2102n();
    let host_of = |erase: Duration| {
        let mut timing = timing;
        timing.flash.block_erase = erase;
        let mut host = Host::new(
            Board::builder(Chip::Esp32)
                .start_in_stub()
                .timing(timing)
                .flash_contents(vec![0; 0x2_0000]),
        );
        let begin = [0x1_0000, 4, 0x4000, 0, 0];
        host.ask_words(op::FLASH_BEGIN, &begin);
        let before = host.link.now();
        for seq in 0..4 {
            host.send(
                op::FLASH_DATA,
                packet::checksum(&[0x5A; 0x4000]),
                &packet::data_block(seq, &[0x5A; 0x4000]),
            );
            let mut buffer = [0; 64];
            assert!(host.link.read(&mut buffer, Duration::from_secs(9)).unwrap() > 0);
        }
        host.link.now().saturating_sub(before)
    };
    // An erase shorter than a block's way does not show at all.
    assert_eq!(
        host_of(Duration::from_millis(1)),
        host_of(Duration::from_millis(200))
    );
}

#[test]
fn lost_and_damaged_answers() {
    let faults = Faults::none()
        .drop_answer(When::nth_op(op::READ_REG, 1))
        .corrupt_answer(When::nth_op(op::READ_REG, 2), 5)
        .corrupt_request(When::nth_op(op::READ_REG, 3), 8);
    let mut host = Host::new(
        Board::builder(Chip::Esp32)
            .start_in_download_mode()
            .faults(faults),
    );
    host.sync();
    let magic = [0x4000_1000];
    assert_eq!(host.ask_words(op::READ_REG, &magic), None);
    assert_ne!(host.ask_words(op::READ_REG, &magic).unwrap()[4], 0x83);
    assert_eq!(
        host.ask_words(op::READ_REG, &magic).unwrap()[4..8],
        [0x36, 0x41, 0x00, 0x65],
        "the neighbouring register was read"
    );
    assert_eq!(host.ask_words(op::READ_REG, &magic).unwrap()[4], 0x83);
}

#[test]
fn boards_fall_silent_or_vanish() {
    let builder = || Board::builder(Chip::Esp32).start_in_download_mode();
    let mut mute = Host::new(builder().faults(Faults::none().mute_at(When::command(2))));
    assert_eq!(mute.sync(), 8);
    assert_eq!(mute.sync(), 0);
    mute.reset(true);
    assert_eq!(mute.sync(), 0);

    let mut hung = Host::new(builder().faults(Faults::none().hang_at(When::command(2))));
    assert_eq!(hung.sync(), 8);
    assert_eq!(hung.sync(), 0);
    assert_eq!(hung.state(), State::Stopped);
    hung.reset(true);
    assert_eq!(hung.sync(), 8);

    let mut gone = Host::new(builder().faults(Faults::none().vanish_at(When::op(op::SYNC))));
    gone.send(op::SYNC, 0, &packet::SYNC_PAYLOAD);
    let error = gone
        .link
        .read(&mut [0; 8], Duration::from_secs(1))
        .unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotConnected);
    assert!(gone.link.write(&[0]).is_err());
    assert!(gone.link.set_lines(Lines::default()).is_err());
}

#[test]
fn a_bad_sector_fails_the_read_back_on_the_rom() {
    let mut host = Host::new(
        Board::builder(Chip::Esp32)
            .flash_contents(vec![0; 0x2000])
            .start_in_download_mode()
            .faults(Faults::none().bad_sector(0x1000)),
    );
    host.sync();
    host.ask_words(op::FLASH_BEGIN, &[0x2000, 8, 0x400, 0]);
    for seq in 0..4 {
        assert_eq!(host.block(seq, &[1; 0x400]).unwrap()[8], 0);
    }
    assert_eq!(host.block(4, &[1; 0x400]).unwrap()[8..10], [1, 8]);
}

#[test]
fn power_that_fails_in_mid_write_comes_back_with_a_reset() {
    let mut host = Host::new(
        Board::builder(Chip::Esp32)
            .start_in_download_mode()
            .faults(Faults::none().power_loss_after(0x500)),
    );
    host.sync();
    host.ask_words(op::FLASH_BEGIN, &[0x1000, 4, 0x400, 0]);
    assert!(host.block(0, &[0; 0x400]).is_some());
    assert_eq!(host.block(1, &[0; 0x400]), None);
    assert_eq!(host.state(), State::Off);
    let written = |host: &Host| host.board.lock().unwrap().flash().contents()[..0x600].to_vec();
    assert_eq!(written(&host)[..0x500], [0; 0x500]);
    assert_eq!(written(&host)[0x500..], [0xFF; 0x100]);
    host.reset(true);
    assert_eq!(host.sync(), 8);
    host.ask_words(op::FLASH_BEGIN, &[0x1000, 4, 0x400, 0]);
    assert_eq!(host.block(0, &[0; 0x400]).unwrap()[8], 0);
    assert_eq!(host.block(1, &[0; 0x400]).unwrap()[8], 0);
}

#[test]
fn secure_download_mode_knows_a_handful_of_commands() {
    let mut host = Host::new(
        Board::builder(Chip::Esp32S3)
            .secure_download()
            .start_in_download_mode(),
    );
    assert_eq!(host.sync(), 8);
    let info = host.ask(op::GET_SECURITY_INFO, &[]).unwrap();
    assert_eq!(info[8] & 0b100, 0b100);
    for code in [
        op::READ_REG,
        op::SPI_FLASH_MD5,
        op::MEM_BEGIN,
        op::READ_FLASH_SLOW,
    ] {
        let answer = host.ask_words(code, &[0, 0, 0, 0]).unwrap();
        assert_eq!(answer[8..10], [1, 5], "{code:#x}");
    }
    let begin = host
        .ask_words(op::FLASH_BEGIN, &[0x1000, 4, 0x400, 0, 0])
        .unwrap();
    assert_eq!(begin[8], 0);
}

#[test]
fn encrypted_writes_store_ciphertext_that_the_chip_can_boot() {
    let mut host = Host::new(
        Board::builder(Chip::Esp32C3)
            .flash_encryption(Encryption::Development)
            .start_in_download_mode(),
    );
    host.sync();
    for (offset, bytes) in [
        (0, image(1)),
        (0x8000, table_entry(0, 0, 0x1_0000)),
        (0x1_0000, image(2)),
    ] {
        host.ask_words(op::FLASH_BEGIN, &[0x1000, 1, 0x400, offset, 1]);
        assert_eq!(host.block(0, &bytes).unwrap()[8], 0);
        let board = host.board.lock().unwrap();
        let stored = board.flash().read(offset, bytes.len() as u32).unwrap();
        assert_ne!(stored, bytes);
    }
    host.reset(false);
    assert_eq!(host.state(), FIRMWARE);
}

#[test]
fn release_mode_refuses_to_encrypt() {
    let mut host = Host::new(
        Board::builder(Chip::Esp32C3)
            .flash_encryption(Encryption::Release)
            .start_in_download_mode(),
    );
    host.sync();
    let begin = host
        .ask_words(op::FLASH_BEGIN, &[0x400, 1, 0x400, 0, 1])
        .unwrap();
    assert_eq!(begin[8], 1);
}

/// The stub erases 64 KiB where it can, and nothing as long as everything is blank.
#[test]
fn erase_units_of_the_stub() {
    let counts = |contents: Vec<u8>| {
        let mut host = Host::new(
            Board::builder(Chip::Esp32)
                .flash_contents(contents)
                .start_in_stub(),
        );
        host.ask_words(op::FLASH_BEGIN, &[0x1_4000, 5, 0x4000, 0xF000, 0]);
        for seq in 0..5 {
            assert_eq!(host.block(seq, &[0x77; 0x4000]).unwrap()[8], 0);
        }
        assert_eq!(host.ask_words(op::FLASH_END, &[1]).unwrap()[8], 0);
        let flash = host.stats().flash;
        (flash.sectors_erased, flash.block_erases)
    };
    assert_eq!(counts(Vec::new()), (0, 0), "blank");
    // F000, the block at 10000, and three sectors after it.
    assert_eq!(counts(vec![0; 0x10_0000]), (20, 1));
    // Sector F000 is blank and skipped; the first that is not ends the looking.
    let mut first_blank = vec![0; 0x10_0000];
    first_blank[0xF000..0x1_0000].fill(0xFF);
    first_blank[0x2_1000..0x2_2000].fill(0xFF);
    assert_eq!(counts(first_blank), (19, 1));
}

mod bounds;
mod program;
mod registers_at_once;
