//! No input whatever brings a board down: random bytes, random requests with plausible and with absurd
//! words, in the ROM and in the stub, line changes in between.

use std::time::Duration;

use fbuild_chip::Chip;
use fbuild_link::Lines;
use fbuild_link::memory::Device;
use fbuild_loader::{packet, slip};
use fbuild_sim::{Board, Connection};

struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        // xorshift64*
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % sides
    }

    fn word(&mut self) -> u32 {
        match self.roll(8) {
            0 => 0,
            1 => u32::MAX,
            2 => 0xFFFF_F000,
            3 => self.roll(8) as u32,
            4 => (self.roll(0x400) * 0x1000) as u32,
            5 => 0x4000,
            6 => 0x6000_0000 | self.roll(0x1_0000) as u32,
            _ => self.roll(1 << 32) as u32,
        }
    }

    fn request(&mut self) -> Vec<u8> {
        let code = match self.roll(4) {
            0 => 0xD0 + self.roll(5) as u8,
            _ => self.roll(0x16) as u8,
        };
        let mut data = Vec::new();
        for _ in 0..self.roll(8) {
            data.extend_from_slice(&self.word().to_le_bytes());
        }
        if self.roll(4) == 0 {
            let payload: Vec<u8> = (0..self.roll(600)).map(|_| self.roll(256) as u8).collect();
            data = packet::data_block(self.roll(3) as u32, &payload);
        }
        if self.roll(8) == 0 {
            data.truncate(self.roll(data.len() as u64 + 1) as usize);
        }
        let checksum = packet::checksum(data.get(16..).unwrap_or(&[]));
        packet::encode_request(code, checksum, &data)
    }
}

#[test]
fn nothing_brings_a_board_down() {
    let mut dice = Dice(0x1234_5678_9ABC_DEF1);
    for round in 0..60 {
        let chip = Chip::ALL[round % Chip::ALL.len()];
        let mut builder = Board::builder(chip).flash_size(0x10_0000);
        builder = match round % 3 {
            0 => builder.start_in_stub(),
            1 => builder.start_in_download_mode(),
            _ => builder,
        };
        if chip == Chip::Esp32C3 {
            builder = builder.connection(Connection::SerialJtag);
        }
        let mut board = builder.build().unwrap();
        let mut now = Duration::ZERO;
        for _ in 0..150 {
            let mut bytes = Vec::new();
            match dice.roll(12) {
                0 => bytes.extend((0..dice.roll(300)).map(|_| dice.roll(256) as u8)),
                1 => bytes.push(slip::END),
                2 => board.set_lines(
                    now,
                    Lines {
                        dtr: dice.roll(2) == 0,
                        rts: dice.roll(2) == 0,
                    },
                ),
                _ => slip::encode(&dice.request(), &mut bytes),
            }
            board.receive(now, &bytes, dice.roll(3) as u32 * 115_200);
            let mut last = Duration::ZERO;
            for _ in 0..300 {
                let Some(piece) = board.transmit(115_200, Duration::MAX) else {
                    break;
                };
                assert!(piece.arrives >= last, "pieces come in order of time");
                last = piece.arrives;
            }
            now += Duration::from_millis(dice.roll(100));
            let _ = board.state();
        }
        assert_eq!(board.flash().contents().len(), 0x10_0000);
    }
}
