//! The boot ROM's serial loader.
//!
//! What it answers was learned from recordings of the genuine code (`tests/recordings`, files `*-a*`,
//! `*-b*` and `*-p*`), its oddities included: the second status byte and the two reserved ones are
//! what earlier commands left behind, the value field repeats the last READ_REG, short requests read
//! words of earlier ones, unknown commands are answered in the name of the previous one.

mod flash_ops;
mod receiver;

use std::time::Duration;

use fbuild_chip::Chip;
use fbuild_loader::packet::{self, op};

use crate::hardware::Hardware;
use crate::security::Encryption;
use flash_ops::FlashOps;
use receiver::Receiver;

/// Length of the status in a ROM's answers, the reserved bytes included; an ESP8266's has none of those.
const STATUS_LEN: usize = 4;
const STATUS_LEN_8266: usize = 2;
/// Longest data of an answer (READ_FLASH_SLOW).
const LONGEST_DATA: usize = 64;
/// An MD5 as text.
const DIGEST_TEXT_LEN: usize = 32;
/// How often a SYNC is answered.
const SYNC_ANSWERS: usize = 8;
/// Length of one entry of WRITE_REG.
pub(crate) const WRITE_REG_ENTRY_LEN: usize = 16;

/// Size that range checks use before SPI_ATTACH: at least 4 MiB (recording esp32c3-p03 has a write at
/// 3.1 MB succeed there), how much exactly was not seen.
const SIZE_BEFORE_ATTACH: u32 = 16 << 20;
/// The same between SPI_ATTACH and SPI_SET_PARAMS. Source: esptool 5.6.0, comment at
/// `flash_set_parameters`; recordings `*-p08-*` have FLASH_BEGIN at 3 MB refused there.
const SIZE_AFTER_ATTACH: u32 = 2 << 20;

/// Error codes. Source: esptool's documentation, "Serial Protocol", ROM loader errors.
mod error {
    pub(super) const INVALID: u8 = 0x05;
    pub(super) const FAILED: u8 = 0x06;
    pub(super) const CHECKSUM: u8 = 0x07;
    pub(super) const FLASH_WRITE: u8 = 0x08;
    pub(super) const FLASH_READ: u8 = 0x09;
    pub(super) const READ_LENGTH: u8 = 0x0A;
    pub(super) const DEFLATE: u8 = 0x0B;
    pub(super) const ADLER: u8 = 0x0C;
}

/// How a command came out.
enum Outcome {
    /// Fine, and the error byte is cleared.
    Clean,
    /// Fine; the error byte keeps what an earlier command left there.
    Stale,
    /// Failed with this code.
    Error(u8),
}

impl From<Result<(), u8>> for Outcome {
    /// Writing commands do not clear the error byte when they succeed.
    fn from(result: Result<(), u8>) -> Self {
        match result {
            Ok(()) => Self::Stale,
            Err(code) => Self::Error(code),
        }
    }
}

/// A command's answer, apart from what is in the answer buffer.
struct Reply {
    outcome: Outcome,
    data_len: usize,
    next: Next,
}

impl Reply {
    fn with_data(outcome: Outcome, data_len: usize) -> Self {
        Self {
            outcome,
            data_len,
            next: Next::Stay,
        }
    }
}

impl From<Outcome> for Reply {
    fn from(outcome: Outcome) -> Self {
        Self::with_data(outcome, 0)
    }
}

/// What happens after the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// The loader goes on.
    Stay,
    /// The uploaded code runs.
    RunUploaded,
    /// The chip resets itself.
    Reset,
    /// The loader ends and does not come back without a reset.
    Leave,
}

/// The loader's memory.
#[derive(Debug)]
pub(crate) struct Rom {
    receiver: Receiver,
    /// Requests are received into the same buffer; a short one leaves the rest of the last.
    request: Vec<u8>,
    /// So are answers built.
    answer: [u8; LONGEST_DATA + STATUS_LEN],
    last_op: u8,
    value: u32,
    error: u8,
    /// Flash size that range checks use.
    flash_size: u32,
    ops: FlashOps,
    upload: Upload,
}

#[derive(Debug, Default)]
struct Upload {
    expected_seq: u32,
    bytes: u32,
}

impl Rom {
    pub(crate) fn new(chip: Chip) -> Self {
        Self {
            receiver: Receiver::default(),
            request: vec![0; 0x40],
            answer: [0; LONGEST_DATA + STATUS_LEN],
            last_op: 0,
            value: 0,
            error: 0,
            flash_size: SIZE_BEFORE_ATTACH,
            ops: FlashOps::new(chip),
            upload: Upload::default(),
        }
    }

    /// Takes a byte from the line; gives the request that it completed.
    pub(crate) fn receive(&mut self, byte: u8) -> Option<Vec<u8>> {
        self.receiver.push(byte)
    }

    /// Obeys a request whose last byte arrived at `at`, and answers.
    pub(crate) fn obey(&mut self, at: Duration, frame: &[u8], hw: &mut Hardware) -> Next {
        let mut padded = [0; packet::HEADER_LEN];
        let frame = if frame.len() < padded.len() {
            padded[..frame.len()].copy_from_slice(frame);
            &padded
        } else {
            frame
        };
        let Some(request) = packet::Packet::parse(frame) else {
            return Next::Stay;
        };
        hw.now = hw.now.max(at);
        hw.spend(hw.timing.rom.command_overhead);
        let len = request.data.len();
        if self.request.len() < len {
            self.request.resize(len, 0);
        }
        self.request[..len].copy_from_slice(request.data);
        let known = request.direction == 0 && knows(request.op, hw);
        let reply = if known {
            self.last_op = request.op;
            self.execute(request.op, len, request.word, hw)
        } else {
            Outcome::Error(error::INVALID).into()
        };
        if hw.power_lost {
            return Next::Stay;
        }
        self.answer_with(&reply, hw);
        if known && request.op == op::CHANGE_BAUDRATE {
            hw.change_baud(self.word(0), true);
        }
        reply.next
    }

    fn execute(&mut self, code: u8, len: usize, checksum: u32, hw: &mut Hardware) -> Reply {
        match code {
            op::SYNC => {
                // The rate is known from here on.
                hw.wire.keep_measured_baud();
                self.value = self.word(0);
                Outcome::Clean.into()
            }
            op::READ_REG => {
                self.value = hw.read_register(self.word(0));
                Outcome::Clean.into()
            }
            op::WRITE_REG => {
                // Every whole entry, in order; what is left of one is ignored (seen on the genuine
                // ROMs of ESP32, C3 and S3: 0 and 8 bytes write nothing, 20 bytes the first entry).
                for entry in self.request[..len].chunks_exact(WRITE_REG_ENTRY_LEN) {
                    let word = |index| packet::word_at(entry, index).unwrap_or(0);
                    hw.write_register(word(0), word(1), word(2));
                    hw.spend(Duration::from_micros(u64::from(word(3))));
                }
                Outcome::Clean.into()
            }
            op::SPI_ATTACH => {
                self.flash_size = SIZE_AFTER_ATTACH;
                Outcome::Clean.into()
            }
            op::CHANGE_BAUDRATE => Outcome::Clean.into(),
            op::SPI_SET_PARAMS => {
                self.flash_size = self.word(1);
                Outcome::Stale.into()
            }
            op::MEM_BEGIN => {
                self.upload.expected_seq = 0;
                Outcome::Stale.into()
            }
            op::MEM_DATA => Outcome::from(self.mem_data(len, checksum)).into(),
            op::MEM_END => {
                let run = self.word(0) == 0 && self.upload.bytes > 0 && self.word(1) != 0;
                Reply {
                    outcome: Outcome::Stale,
                    data_len: 0,
                    next: if run { Next::RunUploaded } else { Next::Stay },
                }
            }
            op::SPI_FLASH_MD5 => Reply::with_data(self.md5(hw), DIGEST_TEXT_LEN),
            op::READ_FLASH_SLOW => Reply::with_data(self.read_flash_slow(hw), LONGEST_DATA),
            op::GET_SECURITY_INFO => {
                let info = security_info(hw);
                self.answer[..info.len()].copy_from_slice(&info);
                Reply::with_data(Outcome::Stale, info.len())
            }
            op::FLASH_BEGIN | op::FLASH_DEFL_BEGIN => Outcome::from(self.begin(len, hw)).into(),
            op::FLASH_DATA | op::FLASH_DEFL_DATA => {
                let payload = &self.request[packet::DATA_HEADER_LEN.min(len)..len];
                let seq = self.word(1);
                let size = self.flash_size;
                let result = if code == op::FLASH_DATA {
                    self.ops.data(seq, payload, checksum, size, hw)
                } else {
                    self.ops.deflated(seq, payload, checksum, size, hw)
                };
                Outcome::from(result).into()
            }
            op::FLASH_END | op::FLASH_DEFL_END => {
                let outcome = if code == op::FLASH_END {
                    self.ops.end().into()
                } else {
                    Outcome::Stale
                };
                Reply {
                    outcome,
                    data_len: 0,
                    next: if self.word(0) == 0 {
                        Next::Reset
                    } else {
                        Next::Leave
                    },
                }
            }
            _ => Outcome::Error(error::INVALID).into(),
        }
    }

    /// The `index`-th word of the request, or what an earlier request left there.
    fn word(&self, index: usize) -> u32 {
        packet::word_at(&self.request, index).unwrap_or(0)
    }

    fn begin(&mut self, len: usize, hw: &mut Hardware) -> Result<(), u8> {
        // The ESP32's ROM refuses a fifth word, the others refuse its absence (recordings `*-p12-*`).
        let has_encrypt_word = hw.chip.facts().begin_has_encrypt_word;
        let expected_len = if has_encrypt_word { 20 } else { 16 };
        if len != expected_len {
            return Err(error::INVALID);
        }
        let encrypt = has_encrypt_word && self.word(4) != 0;
        if encrypt && hw.security.encryption == Encryption::Release {
            return Err(error::FAILED);
        }
        self.ops.begin(
            &flash_ops::Begin {
                size: self.word(0),
                offset: self.word(3),
                encrypt,
            },
            self.flash_size,
            hw,
        )
    }

    fn mem_data(&mut self, len: usize, checksum: u32) -> Result<(), u8> {
        let payload = &self.request[packet::DATA_HEADER_LEN.min(len)..len];
        if packet::word_at(&self.request, 1) != Some(self.upload.expected_seq) {
            return Err(error::INVALID);
        }
        if packet::checksum(payload) != checksum {
            return Err(error::CHECKSUM);
        }
        self.upload.expected_seq += 1;
        self.upload.bytes += payload.len() as u32;
        Ok(())
    }

    /// On failure the digest field keeps what was there (recordings `*-p02-*`).
    fn md5(&mut self, hw: &mut Hardware) -> Outcome {
        let (offset, len) = (self.word(0), self.word(1));
        let end = u64::from(offset) + u64::from(len);
        if end > u64::from(self.flash_size) {
            return Outcome::Error(error::FLASH_READ);
        }
        let timing = hw.timing.rom;
        let Some(digest) = hw.hash(offset, len, &timing) else {
            return Outcome::Error(error::FLASH_READ);
        };
        for (index, byte) in digest.iter().enumerate() {
            let digit = |nibble: u8| b"0123456789abcdef"[usize::from(nibble)];
            self.answer[2 * index] = digit(byte >> 4);
            self.answer[2 * index + 1] = digit(byte & 0xF);
        }
        Outcome::Clean
    }

    /// Always 64 bytes, whatever length was asked for (recordings `*-p13-*`).
    fn read_flash_slow(&mut self, hw: &mut Hardware) -> Outcome {
        let (offset, len) = (self.word(0), self.word(1));
        if len as usize > LONGEST_DATA {
            return Outcome::Error(error::READ_LENGTH);
        }
        match hw.read_flash(offset, LONGEST_DATA as u32) {
            Some(bytes) => {
                self.answer[..LONGEST_DATA].copy_from_slice(&bytes);
                Outcome::Clean
            }
            None => Outcome::Error(error::FLASH_READ),
        }
    }

    /// READ_FLASH_SLOW and MD5 send their data field even when they failed.
    fn answer_with(&mut self, reply: &Reply, hw: &mut Hardware) {
        let data_len = reply.data_len;
        let status = match &reply.outcome {
            Outcome::Clean => {
                self.error = 0;
                0
            }
            Outcome::Stale => 0,
            Outcome::Error(code) => {
                self.error = *code;
                1
            }
        };
        self.answer[data_len] = status;
        self.answer[data_len + 1] = self.error;
        let status_len = if hw.chip == Chip::Esp8266 {
            STATUS_LEN_8266
        } else {
            STATUS_LEN
        };
        let frame = packet::encode_response(
            self.last_op,
            self.value,
            &self.answer[..data_len + status_len],
        );
        let times = if self.last_op == op::SYNC {
            SYNC_ANSWERS
        } else {
            1
        };
        for _ in 0..times {
            hw.send(&frame);
        }
    }
}

/// Whether the loader has such a command, in the mode it is in.
fn knows(code: u8, hw: &Hardware) -> bool {
    let facts = hw.chip.facts();
    if hw.chip == Chip::Esp8266 {
        // Source: esptool's documentation, "Serial Protocol", commands of the ESP8266's ROM.
        return (op::FLASH_BEGIN..=op::READ_REG).contains(&code);
    }
    match code {
        op::GET_SECURITY_INFO => facts.security_info_len.is_some(),
        op::SYNC
        | op::SPI_ATTACH
        | op::SPI_SET_PARAMS
        | op::FLASH_BEGIN
        | op::FLASH_DATA
        | op::FLASH_END
        | op::FLASH_DEFL_BEGIN
        | op::FLASH_DEFL_DATA
        | op::FLASH_DEFL_END => true,
        // The C2 cannot change its rate in Secure Download Mode (esptool 5.6.0).
        op::CHANGE_BAUDRATE => !(hw.security.secure_download && hw.chip == Chip::Esp32C2),
        op::READ_REG
        | op::WRITE_REG
        | op::MEM_BEGIN
        | op::MEM_DATA
        | op::MEM_END
        | op::SPI_FLASH_MD5
        | op::READ_FLASH_SLOW => !hw.security.secure_download,
        _ => false,
    }
}

/// Answer to GET_SECURITY_INFO without status: flags, encryption counter, key purposes, chip id, API
/// version; the S2 stops before the chip id. Source: esptool 5.6.0 `loader.py`; the key purpose 0C
/// and the version are the recorded ones.
pub(crate) fn security_info(hw: &Hardware) -> Vec<u8> {
    let mut info = vec![0; 20];
    let flags = u8::from(hw.security.secure_boot) | u8::from(hw.security.secure_download) << 2;
    info[0] = flags;
    info[4] = u8::from(hw.security.encryption.is_on());
    info[11] = 0x0C;
    let id = hw.chip.facts().image_id.unwrap_or_default();
    info[12..14].copy_from_slice(&id.to_le_bytes());
    info[16] = match hw.chip {
        Chip::Esp32C3 => 3,
        _ => 0,
    };
    info.truncate(hw.chip.facts().security_info_len.unwrap_or(0));
    info
}
