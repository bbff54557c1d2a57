//! Hashing, erasing and writing flash.

use std::time::Duration;

use fbuild_chip::Deflate;
use md5::{Digest as _, Md5};

use super::{ANSWER_TIMEOUT, LoaderKind, Session, usual};
use crate::error::LoaderError;
use crate::packet::{self, checksum, data_block, op};
use fbuild_chip::flash::{BLOCK_LEN, SECTOR_LEN};

/// Bytes per FLASH_DATA block on a ROM; esptool's figure.
pub(super) const ROM_BLOCK_LEN: u32 = 0x400;
/// Bytes per FLASH_DATA or FLASH_DEFL_DATA block on the stub; its buffer holds no more.
pub(super) const STUB_BLOCK_LEN: u32 = 0x4000;
/// Least length of the last block of a zlib stream. When everything was written before its end came,
/// the stub refuses a block with nothing but that end: the code that ends the data, an empty block
/// perhaps, and the Adler-32, which are under 20 bytes. Source: esp-flasher-stub 1.x,
/// `command_handler.c`, `s_flash_defl_data`, which means to let the Adler-32 pass but counts the
/// block's header too.
const DEFLATE_TAIL: usize = 64;
/// A block that the stub refused because of its checksum was not looked at: sending it again is the
/// one safe repetition (recordings `*-q03-*`). A ROM's sequence number moves on even then.
const CHECKSUM_TRIES: u32 = 3;
const STUB_BAD_CHECKSUM: u8 = 0xC1;

/// What esptool waits per million bytes.
const MD5_PER_MB: Duration = Duration::from_secs(8);
pub(super) const ERASE_PER_MB: Duration = Duration::from_secs(40);

/// One stretch of flash to be written in one begin/data cycle.
#[derive(Debug, Clone, Copy)]
pub struct WriteRun<'a> {
    /// Byte offset in flash; a multiple of 4 KiB.
    pub offset: u32,
    /// Whole sectors as they will be in flash.
    pub plain: &'a [u8],
    /// The same as one zlib stream, to be sent instead.
    pub deflated: Option<&'a [u8]>,
    /// Let the chip encrypt it.
    pub encrypt: bool,
    /// Payload of one data block; at most, and by default, what the loader's buffer holds.
    pub block_len: Option<u32>,
}

/// What a BEGIN announces.
#[derive(Clone, Copy)]
struct Extent {
    offset: u32,
    len_bytes: u32,
    payload_len: u32,
    block_len: u32,
}

/// MD5 of bytes, as a loader would give it for flash that holds them.
pub fn md5_of(bytes: &[u8]) -> [u8; 16] {
    Md5::digest(bytes).into()
}

impl Session {
    /// Whether this loader takes compressed writes without damage: not the ESP32's ROM.
    pub fn can_inflate(&self) -> bool {
        self.kind == LoaderKind::Stub || self.chip.facts().rom_deflate == Deflate::Exact
    }

    /// MD5 of `len_bytes` of flash at `offset`, computed by the loader.
    ///
    /// # Errors
    /// [`LoaderError::Unsupported`] or a refusal if the chip does not hash (Secure Download Mode); else restart
    /// the session and ask again: nothing was changed.
    pub fn md5(&mut self, offset: u32, len_bytes: u32) -> Result<[u8; 16], LoaderError> {
        const HEX_LEN: usize = 32;
        const RAW_LEN: usize = 16;
        const COMMAND: &str = "SPI_FLASH_MD5";
        self.reach(offset, len_bytes)?;
        let request = packet::words(&[offset, len_bytes, 0, 0]);
        let timeout = usual(MD5_PER_MB, u64::from(len_bytes));
        let (_, data) = self.exchange(op::SPI_FLASH_MD5, &request, 0, timeout)?;
        // Told apart by length alone, since loaders differ in the status' length as well. The status
        // comes first: a ROM that fails sends the previous digest along.
        let digest_len = match data.len() {
            n if n >= HEX_LEN + 2 => HEX_LEN,
            n if n >= RAW_LEN + 2 => RAW_LEN,
            n if n >= 2 => 0,
            n => {
                let what = format!("{n} bytes");
                return Err(LoaderError::BadReply {
                    command: COMMAND,
                    what,
                });
            }
        };
        if data[digest_len] != 0 {
            let (status, error) = (data[digest_len], data[digest_len + 1]);
            return Err(super::refusal(COMMAND, status, error));
        }
        let digest = match digest_len {
            HEX_LEN => parse_hex(&data[..HEX_LEN]),
            RAW_LEN => data[..RAW_LEN].try_into().ok(),
            _ => None,
        };
        digest.ok_or_else(|| LoaderError::BadReply {
            command: COMMAND,
            what: format!("{:?} is not a digest", String::from_utf8_lossy(&data)),
        })
    }

    /// Erases `len_bytes` at `offset`, both multiples of 4 KiB.
    ///
    /// # Errors
    /// Part of the range may be erased. Restart the session and erase it again, or abandon it.
    pub fn erase_region(&mut self, offset: u32, len_bytes: u32) -> Result<(), LoaderError> {
        let timeout = usual(ERASE_PER_MB, u64::from(len_bytes));
        match self.kind {
            LoaderKind::Stub => {
                let request = packet::words(&[offset, len_bytes]);
                self.call(op::ERASE_REGION, &request, 0, timeout)?;
                Ok(())
            }
            // A ROM erases all that FLASH_BEGIN announces before it answers.
            LoaderKind::Rom => {
                let extent = Extent {
                    offset,
                    len_bytes,
                    payload_len: len_bytes,
                    block_len: ROM_BLOCK_LEN,
                };
                self.begin(op::FLASH_BEGIN, extent, false)
            }
        }
    }

    /// Erases and writes one run. `on_progress` hears how many plain bytes are done and how many
    /// bytes went over the link for them.
    ///
    /// The stub acknowledges a block before it writes it, so the end of this is not the end of the
    /// writing: a hash of the range, or [`Session::finish_writing`], is.
    ///
    /// # Errors
    /// Whatever comes, part of the range may be erased. Nothing is retried on a ROM.
    pub fn write_run(
        &mut self,
        run: WriteRun<'_>,
        on_progress: &mut dyn FnMut(u64, u64),
    ) -> Result<(), LoaderError> {
        debug_assert!(run.offset.is_multiple_of(SECTOR_LEN));
        let len = run.plain.len() as u32;
        // No ROM was seen to encrypt what it inflates: esptool sends it plain bytes too.
        let inflates = self.can_inflate() && !(run.encrypt && self.kind == LoaderKind::Rom);
        let (begin_op, data_op, payload) = match run.deflated {
            Some(stream) if inflates => (op::FLASH_DEFL_BEGIN, op::FLASH_DEFL_DATA, stream),
            _ => (op::FLASH_BEGIN, op::FLASH_DATA, run.plain),
        };
        let most = self.block_len();
        let block_len = run.block_len.map_or(most, |len| len.min(most));
        let extent = Extent {
            offset: run.offset,
            len_bytes: len,
            payload_len: payload.len() as u32,
            block_len,
        };
        self.begin(begin_op, extent, run.encrypt)?;
        let block_len = block_len as usize;
        let is_stub = self.kind == LoaderKind::Stub;
        let deflates = data_op == op::FLASH_DEFL_DATA;
        let mut expansion = deflates.then(Expansion::new);
        let tail = if deflates { DEFLATE_TAIL } else { 0 };
        let mut owed_bytes = 0;
        let (mut plain_done, mut sent) = (0, 0);
        for (sequence, chunk) in blocks(payload, block_len, tail).enumerate() {
            let expanded = match &mut expansion {
                Some(expansion) => expansion.of(chunk),
                None => chunk.len() as u64,
            };
            // The stub answers block n + 1 when it is done with block n.
            let work_bytes = if is_stub { owed_bytes } else { expanded };
            owed_bytes = expanded;
            let timeout = usual(ERASE_PER_MB, work_bytes + u64::from(BLOCK_LEN));
            self.write_block(data_op, sequence as u32, chunk, block_len, timeout)?;
            plain_done = (plain_done + expanded).min(u64::from(len));
            sent += chunk.len() as u64;
            on_progress(plain_done, sent);
        }
        Ok(())
    }

    /// Waits until the stub has written everything, and hears whether that went well.
    ///
    /// # Errors
    /// What was written last may not be in flash: restart the session, and compare again.
    pub fn finish_writing(&mut self, deflated: bool) -> Result<(), LoaderError> {
        const STAY: u32 = 1;
        if self.kind == LoaderKind::Rom {
            // A ROM leaves its loader on either END, and answers every block when it is written.
            return Ok(());
        }
        let end = if deflated {
            op::FLASH_DEFL_END
        } else {
            op::FLASH_END
        };
        let timeout = usual(ERASE_PER_MB, u64::from(STUB_BLOCK_LEN + 4 * BLOCK_LEN));
        self.call(end, &packet::words(&[STAY]), 0, timeout)?;
        Ok(())
    }

    /// Plain or compressed bytes that one data block carries on this loader.
    pub fn block_len(&self) -> u32 {
        match self.kind {
            LoaderKind::Rom => ROM_BLOCK_LEN,
            LoaderKind::Stub => STUB_BLOCK_LEN,
        }
    }

    fn begin(&mut self, op: u8, extent: Extent, encrypt: bool) -> Result<(), LoaderError> {
        let Extent {
            offset,
            len_bytes,
            payload_len,
            block_len,
        } = extent;
        let mut words = vec![
            len_bytes,
            payload_len.div_ceil(block_len),
            block_len,
            offset,
        ];
        if self.kind == LoaderKind::Stub || self.chip.facts().begin_has_encrypt_word {
            words.push(u32::from(encrypt));
        } else if encrypt {
            return Err(LoaderError::Unsupported {
                chip: self.chip.into(),
                what: "its ROM cannot write encrypted; only the stub can".to_owned(),
            });
        }
        // A ROM erases everything first. The stub may still be busy with the run before.
        let timeout = usual(ERASE_PER_MB, u64::from(len_bytes.max(4 * BLOCK_LEN)));
        self.call(op, &packet::words(&words), 0, timeout)?;
        Ok(())
    }

    fn write_block(
        &mut self,
        op: u8,
        sequence: u32,
        chunk: &[u8],
        block_len: usize,
        timeout: Duration,
    ) -> Result<(), LoaderError> {
        let padded;
        let payload = if op == op::FLASH_DATA && chunk.len() < block_len {
            let mut bytes = chunk.to_vec();
            // Bytes beyond the announced length: a stub cuts them, a ROM programs FF, which changes
            // nothing.
            bytes.resize(block_len, 0xFF);
            padded = bytes;
            &padded[..]
        } else {
            chunk
        };
        let data = data_block(sequence, payload);
        let sum = checksum(payload);
        let mut tries = 1;
        loop {
            match self.call_with_checksum(op, &data, sum, 0, timeout.max(ANSWER_TIMEOUT)) {
                Ok(_) => return Ok(()),
                Err(LoaderError::Refused {
                    code: STUB_BAD_CHECKSUM,
                    ..
                }) if self.kind == LoaderKind::Stub && tries < CHECKSUM_TRIES => {
                    self.resent_blocks += 1;
                    tries += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// Cuts a payload into data blocks. The last one is not shorter than `tail`, unless it is the only
/// one: then the one before gives it some of its bytes.
fn blocks(payload: &[u8], block_len: usize, tail: usize) -> impl Iterator<Item = &[u8]> {
    let rest = payload.len() % block_len;
    let is_short = payload.len() > block_len && (1..tail).contains(&rest);
    let last = if is_short { rest + tail } else { 0 };
    let (before, last) = payload.split_at(payload.len() - last);
    let last = (!last.is_empty()).then_some(last);
    before.chunks(block_len).chain(last)
}

/// How many plain bytes each block of a zlib stream stands for, which is what the loader needs time
/// for.
struct Expansion(flate2::Decompress);

impl Expansion {
    fn new() -> Self {
        Self(flate2::Decompress::new(true))
    }

    fn of(&mut self, chunk: &[u8]) -> u64 {
        let before = self.0.total_out();
        let mut scratch = [0; 16 * 1024];
        let mut rest = chunk;
        loop {
            let (total_in, total_out) = (self.0.total_in(), self.0.total_out());
            // An error would be a stream that we did not make; the loader will say so.
            let Ok(_) = self
                .0
                .decompress(rest, &mut scratch, flate2::FlushDecompress::None)
            else {
                break;
            };
            rest = &rest[(self.0.total_in() - total_in) as usize..];
            if self.0.total_in() == total_in && self.0.total_out() == total_out {
                break;
            }
        }
        self.0.total_out() - before
    }
}

fn parse_hex(text: &[u8]) -> Option<[u8; 16]> {
    let mut digest = [0; 16];
    for (byte, pair) in digest.iter_mut().zip(text.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(digest)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn expansion_counts_every_plain_byte_once() {
        let plain: Vec<u8> = (0..300_000u32)
            .flat_map(|n| (n / 7).to_le_bytes())
            .collect();
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(&plain).unwrap();
        let stream = encoder.finish().unwrap();
        let mut expansion = Expansion::new();
        let counts: Vec<u64> = stream
            .chunks(1000)
            .map(|chunk| expansion.of(chunk))
            .collect();
        assert_eq!(counts.iter().sum::<u64>(), plain.len() as u64);
        assert!(counts.len() > 2);
    }

    #[test]
    fn the_last_block_is_not_a_crumb() {
        let lens = |len: usize, tail| -> Vec<usize> {
            let payload: Vec<u8> = (0..len).map(|n| n as u8).collect();
            let joined: Vec<u8> = blocks(&payload, 1000, tail).flatten().copied().collect();
            assert_eq!(joined, payload);
            blocks(&payload, 1000, tail).map(<[u8]>::len).collect()
        };
        assert_eq!(lens(2003, 0), [1000, 1000, 3]);
        assert_eq!(lens(2003, 64), [1000, 936, 67]);
        assert_eq!(lens(2063, 64), [1000, 936, 127]);
        assert_eq!(lens(2064, 64), [1000, 1000, 64]);
        assert_eq!(lens(2000, 64), [1000, 1000]);
        assert_eq!(lens(3, 64), [3]);
        assert_eq!(lens(0, 64), [0; 0]);
    }

    #[test]
    fn digests_in_hex_are_read_strictly() {
        assert_eq!(
            parse_hex(b"d41d8cd98f00b204e9800998ecf8427e"),
            Some(md5_of(b""))
        );
        assert_eq!(parse_hex(b"d41d8cd98f00b204e9800998ecf8427g"), None);
    }
}
