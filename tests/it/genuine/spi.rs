//! The controller between a chip and its flash (SPI1): commands of its own, and any command with an address and data.
//!
//! Source: ESP-IDF, `soc/spi_mem_reg.h`; what its own commands do is in ESP32's technical reference manual, "SPI
//! Controller".

use super::nor::Nor;

/// Where its registers are, from its base.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    pub(super) user: u32,
    pub(super) user1: u32,
    pub(super) user2: u32,
    pub(super) sent_len: u32,
    pub(super) answer_len: u32,
    pub(super) status: u32,
    pub(super) data: u32,
    /// Whether an address stands in the upper bits of its register.
    pub(super) address_is_left: bool,
}

/// Of all chips since the ESP32-S2.
pub(super) const SPI_MEM: Layout = Layout {
    user: 0x18,
    user1: 0x1C,
    user2: 0x20,
    sent_len: 0x24,
    answer_len: 0x28,
    status: 0x2C,
    data: 0x58,
    address_is_left: false,
};

const COMMAND: u32 = 0;
const ADDRESS: u32 = 4;
const LEN: usize = 0x100;
/// Bytes of data that it holds.
const DATA_LEN: usize = 64;

/// Bits of the command register.
mod command {
    pub(super) const WRITE_ENABLE: u32 = 1 << 30;
    pub(super) const WRITE_DISABLE: u32 = 1 << 29;
    pub(super) const ID: u32 = 1 << 28;
    pub(super) const READ_STATUS: u32 = 1 << 27;
    pub(super) const WRITE_STATUS: u32 = 1 << 26;
    pub(super) const PROGRAM: u32 = 1 << 25;
    pub(super) const ERASE_SECTOR: u32 = 1 << 24;
    pub(super) const ERASE_BLOCK: u32 = 1 << 23;
    pub(super) const ERASE_CHIP: u32 = 1 << 22;
    pub(super) const RELEASE: u32 = 1 << 20;
    pub(super) const USER: u32 = 1 << 18;
    /// Beside an erase or a program: goes on by itself.
    pub(super) const MORE: u32 = 1 << 17;
}

/// Bits of the user register: which parts a command has.
mod user {
    pub(super) const COMMAND: u32 = 1 << 31;
    pub(super) const ADDRESS: u32 = 1 << 30;
    pub(super) const ANSWER: u32 = 1 << 28;
    pub(super) const DATA: u32 = 1 << 27;
}

pub(super) struct Spi {
    layout: Layout,
    registers: Vec<u8>,
}

impl Spi {
    pub(super) fn new(layout: Layout) -> Self {
        let mut spi = Self {
            layout,
            registers: vec![0; LEN],
        };
        // After a reset a command has a code; the ROM counts on it.
        spi.put(layout.user, user::COMMAND);
        spi
    }

    pub(super) fn load(&self, at: u32) -> u32 {
        let bytes = self.registers.get(at as usize..at as usize + 4);
        bytes.map_or(0, |it| u32::from_le_bytes([it[0], it[1], it[2], it[3]]))
    }

    fn put(&mut self, at: u32, value: u32) {
        if let Some(bytes) = self.registers.get_mut(at as usize..at as usize + 4) {
            bytes.copy_from_slice(&value.to_le_bytes());
        }
    }

    pub(super) fn store(&mut self, at: u32, value: u32, flash: &mut Nor) {
        if at == COMMAND {
            self.run(value & !command::MORE, flash);
        } else {
            self.put(at, value);
        }
    }

    fn data(&mut self) -> &mut [u8] {
        let at = self.layout.data as usize;
        &mut self.registers[at..at + DATA_LEN]
    }

    fn run(&mut self, what: u32, flash: &mut Nor) {
        let word = self.load(ADDRESS);
        let address = Some(word & 0xFF_FFFF);
        let status = self.layout.status;
        match what {
            0 => {}
            command::WRITE_ENABLE => drop(flash.command(0x06, None, &[], 0)),
            command::WRITE_DISABLE => drop(flash.command(0x04, None, &[], 0)),
            command::RELEASE => drop(flash.command(0xAB, None, &[], 0)),
            command::ERASE_SECTOR => drop(flash.command(0x20, address, &[], 0)),
            command::ERASE_BLOCK => drop(flash.command(0xD8, address, &[], 0)),
            command::ERASE_CHIP => drop(flash.command(0xC7, None, &[], 0)),
            command::ID => {
                let id = flash.command(0x9F, None, &[], 3);
                self.put(
                    self.layout.data,
                    u32::from_le_bytes([id[0], id[1], id[2], 0]),
                );
            }
            command::READ_STATUS => {
                let [value] = flash.command(0x05, None, &[], 1)[..] else {
                    return;
                };
                let above = self.load(status) & !0xFF;
                self.put(status, above | u32::from(value));
            }
            command::WRITE_STATUS => {
                let value = self.load(status).to_le_bytes();
                flash.command(0x01, None, &value[..2], 0);
            }
            command::PROGRAM => {
                let len = (word >> 24) as usize;
                let data = self.data()[..len.min(DATA_LEN)].to_vec();
                flash.command(0x02, address, &data, 0);
            }
            command::USER => self.user(flash),
            _ => flash.refused.push(((what >> 24) as u8, address)),
        }
    }

    fn user(&mut self, flash: &mut Nor) {
        let parts = self.load(self.layout.user);
        let (user1, user2) = (self.load(self.layout.user1), self.load(self.layout.user2));
        let len = |register: u32| ((register & 0x3FF) as usize + 1).div_ceil(8).min(DATA_LEN);
        let bits = (user1 >> 26) + 1;
        let address = (parts & user::ADDRESS != 0).then(|| {
            let word = self.load(ADDRESS);
            if self.layout.address_is_left {
                word.checked_shr(32 - bits).unwrap_or(0)
            } else {
                word & u32::MAX.checked_shr(32 - bits.min(32)).unwrap_or(0)
            }
        });
        let sent = if parts & user::DATA == 0 {
            Vec::new()
        } else {
            let len = len(self.load(self.layout.sent_len));
            self.data()[..len].to_vec()
        };
        let answer_len = if parts & user::ANSWER == 0 {
            0
        } else {
            len(self.load(self.layout.answer_len))
        };
        if parts & user::COMMAND == 0 {
            return;
        }
        let answer = flash.command(user2 as u8, address, &sent, answer_len);
        self.data()[..answer.len()].copy_from_slice(&answer);
    }
}
