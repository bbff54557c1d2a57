//! What things cost in time: the one table of assumptions behind every choice and every prediction.
//!
//! Measured on the spot: the round trip and the loader's hash rate. Assumed: everything here. The
//! assumptions only decide which of two correct ways is taken; they never decide what is written.

use std::time::Duration;

use fbuild_chip::flash::{BLOCK_LEN, SECTOR_LEN};
use fbuild_loader::delta::Piece;
use fbuild_loader::session::LoaderKind;

use crate::search::{LONGEST_CHUNK, SECTORS_PER_BLOCK};

/// Erasing a 4 KiB sector. Typical value of the Winbond W25Q32JV data sheet; parts on boards are of
/// that class.
const SECTOR_ERASE_S: f64 = 0.045;
/// Erasing a 64 KiB block. Same source.
const BLOCK_ERASE_S: f64 = 0.150;
/// Programming, bytes a second: 256 bytes in 0.4 ms. Same source.
const PROGRAM_BYTES_PER_S: f64 = 640_000.0;
/// Inflating on the chip, bytes of output a second. Estimate.
const INFLATE_BYTES_PER_S: f64 = 1_000_000.0;
/// How firmware shrinks with zlib. The MicroPython and ESP-IDF images that were measured lie between
/// 0.1 and 0.65; the upper end is assumed.
const DEFLATE_RATIO: f64 = 0.65;
/// Bits on a UART per byte.
const BITS_PER_BYTE: f64 = 10.0;
/// Bytes a second over USB-Serial/JTAG, which has no baud rate. Estimate: half of what full speed
/// carries (19 packets of 64 bytes a millisecond; USB 2.0, table 5-9), since the chip's buffer is one
/// packet long.
const USB_BYTES_PER_S: f64 = 600_000.0;
/// Size of a stub upload with its headers; the stubs of espflash 4.7.0 have 5 to 9 KiB.
const STUB_UPLOAD_BYTES: f64 = 8_000.0;
/// Requests that an upload takes, and what the start of the stub takes besides. Estimates.
const STUB_ROUND_TRIPS: f64 = 8.0;
const STUB_START_S: f64 = 0.02;
/// How much faster the stub hashes than the ROM: it raises the CPU clock and reads flash with more
/// lines. Estimate; nobody has published one.
const STUB_HASH_SPEEDUP: f64 = 2.0;
/// A ROM that hashes this fast would be a surprise.
const FAST_ROM_HASH_BYTES_PER_S: f64 = 2_000_000.0;
/// Plain and compressed blocks of the two loaders.
const ROM_BLOCK_BYTES: f64 = 1024.0;
const STUB_BLOCK_BYTES: f64 = 16_384.0;
/// Header, checksum and delimiters around a block, and what escaping adds to firmware.
const BLOCK_OVERHEAD_BYTES: f64 = 26.0;
const ESCAPES: f64 = 1.008;
/// By how much a hash's request and the stub's answer are longer than those of a register read, by
/// which the round trip is measured.
const HASH_EXTRA_BYTES: f64 = 28.0;
/// Share of hashing time that round trips may cost.
const ROUND_TRIP_SHARE: f64 = 0.03;
/// Reading flash over the SPI bus, bytes a second. Estimate: 40 MHz and two data lines.
const READ_BYTES_PER_S: f64 = 4_000_000.0;
/// Copying on the chip, a byte at a time, bytes a second. Estimate: ten cycles each at 40 MHz. Words are
/// summed up in the same steps.
const COPY_BYTES_PER_S: f64 = 4_000_000.0;
const SUM_BYTES_PER_S: f64 = 4.0 * COPY_BYTES_PER_S;
/// Upload of the plugin that applies differences, and requests until it is known to have arrived.
const PLUGIN_UPLOAD_BYTES: f64 = 2_400.0;
const PLUGIN_ROUND_TRIPS: f64 = 11.0;
/// A piece's request and its answer, without its differences.
const PIECE_OVERHEAD_BYTES: f64 = 66.0;

/// Seconds of erasing: a ROM goes sector by sector, the stub takes whole blocks where it can.
fn erase_s(kind: LoaderKind, offset: u32, plain_bytes: u64) -> f64 {
    let sectors = plain_bytes.div_ceil(u64::from(SECTOR_LEN)) as f64;
    if kind == LoaderKind::Rom {
        return sectors * SECTOR_ERASE_S;
    }
    let start = u64::from(offset).next_multiple_of(u64::from(BLOCK_LEN));
    let end = u64::from(offset) + plain_bytes;
    let blocks = (end.saturating_sub(start) / u64::from(BLOCK_LEN)) as f64;
    let single = sectors - blocks * f64::from(BLOCK_LEN / SECTOR_LEN);
    blocks * BLOCK_ERASE_S + single * SECTOR_ERASE_S
}

/// What was measured, and what the link is.
#[derive(Debug, Clone, Copy)]
pub struct Measured {
    /// Loader that was measured.
    pub kind: LoaderKind,
    /// Whether the chip's ROM takes compressed data; a stub does.
    pub rom_deflates: bool,
    /// Rate at which bits go over the wire; `None` where none are clocked.
    pub baud: Option<u32>,
    /// One small request and its answer.
    pub round_trip: Duration,
    /// Bytes a second that the loader hashes, once it has hashed something.
    pub hash_bytes_per_s: Option<f64>,
}

/// Nothing was measured: the least that a loader can do, over a link that clocks no bits.
impl Default for Measured {
    fn default() -> Self {
        Self {
            kind: LoaderKind::Rom,
            rom_deflates: false,
            baud: None,
            round_trip: Duration::ZERO,
            hash_bytes_per_s: None,
        }
    }
}

impl Measured {
    fn wire_bytes_per_s(&self) -> f64 {
        self.baud
            .map_or(USB_BYTES_PER_S, |baud| f64::from(baud) / BITS_PER_BYTE)
    }

    fn hash_rate(&self, kind: LoaderKind) -> f64 {
        // Before anything was measured: a rate at which a stub just about pays for 64 KiB.
        let measured = self.hash_bytes_per_s.unwrap_or(1_000_000.0);
        match (self.kind, kind) {
            (LoaderKind::Rom, LoaderKind::Stub) => measured * STUB_HASH_SPEEDUP,
            (LoaderKind::Stub, LoaderKind::Rom) => measured / STUB_HASH_SPEEDUP,
            _ => measured,
        }
    }

    /// Seconds to hash.
    pub fn hash_s(&self, kind: LoaderKind, len_bytes: u64) -> f64 {
        len_bytes as f64 / self.hash_rate(kind)
    }

    /// Whether this loader takes compressed data.
    pub fn deflates(&self) -> bool {
        self.rom_deflates || self.kind == LoaderKind::Stub
    }

    /// Bytes on the wire for plain bytes whose compression is not known yet.
    pub fn usual_wire_bytes(&self, plain_bytes: u64) -> u64 {
        #[allow(clippy::cast_sign_loss)] // a positive number times a positive ratio
        let wire_bytes = (plain_bytes as f64 * DEFLATE_RATIO) as u64;
        wire_bytes
    }

    /// Whether a cycle is done sooner if it is sent compressed. Where the wire outruns the flash
    /// chip, the chip would only spend time on inflating.
    pub fn deflating_pays(
        &self,
        offset: u32,
        plain_bytes: u64,
        wire_bytes: u64,
        is_blank: bool,
    ) -> bool {
        self.run_s(offset, plain_bytes, wire_bytes, is_blank)
            < self.run_s(offset, plain_bytes, plain_bytes, is_blank)
    }

    /// Seconds for one begin/data cycle of the loader that was measured; what is not sent compressed
    /// has as many bytes on the wire as without. The stub does not erase what `is_blank` already.
    pub fn run_s(&self, offset: u32, plain_bytes: u64, wire_bytes: u64, is_blank: bool) -> f64 {
        let erase = if is_blank && self.kind == LoaderKind::Stub {
            0.0
        } else {
            erase_s(self.kind, offset, plain_bytes)
        };
        self.cycle_s(self.kind, erase, plain_bytes, wire_bytes) + self.round_trip.as_secs_f64()
    }

    /// Seconds to write with either loader, for choosing between them.
    fn write_s(&self, kind: LoaderKind, plain_bytes: u64) -> f64 {
        let erase = erase_s(kind, 0, plain_bytes);
        let plain = self.cycle_s(kind, erase, plain_bytes, plain_bytes);
        if !self.rom_deflates && kind == LoaderKind::Rom {
            return plain;
        }
        let wire_bytes = self.usual_wire_bytes(plain_bytes);
        plain.min(self.cycle_s(kind, erase, plain_bytes, wire_bytes))
    }

    fn cycle_s(&self, kind: LoaderKind, erase: f64, plain_bytes: u64, wire_bytes: u64) -> f64 {
        let block = match kind {
            LoaderKind::Rom => ROM_BLOCK_BYTES,
            LoaderKind::Stub => STUB_BLOCK_BYTES,
        };
        let blocks = (wire_bytes as f64 / block).ceil();
        let wire = (wire_bytes as f64 + blocks * BLOCK_OVERHEAD_BYTES) * ESCAPES
            / self.wire_bytes_per_s()
            + blocks * self.turnaround_s();
        let program = plain_bytes as f64 / PROGRAM_BYTES_PER_S;
        match kind {
            LoaderKind::Rom => wire + erase + program,
            LoaderKind::Stub => {
                // While a block comes in, the one before is inflated, erased for and programmed; the
                // first erase goes on while the first block comes in. For plain blocks, the stub
                // erases a block of flash at once when it needs it, and only one data block comes in
                // meanwhile: most of that is waited for.
                let blocks = blocks.max(1.0);
                let wire = wire / blocks;
                let (spread, waited) = if wire_bytes < plain_bytes {
                    let inflate = plain_bytes as f64 / INFLATE_BYTES_PER_S;
                    (erase + program + inflate, 0.0)
                } else {
                    (program, erase)
                };
                let busy = spread / blocks;
                let first_erase = if plain_bytes >= u64::from(BLOCK_LEN) {
                    BLOCK_ERASE_S
                } else {
                    SECTOR_ERASE_S
                };
                let overlap = first_erase.min(wire).min(erase);
                wire + busy + (blocks - 1.0) * wire.max(busy) + waited - overlap
            }
        }
    }

    /// Seconds to make these pieces in place, with the stub: while one is made, the next one comes in.
    pub fn in_place_s(&self, pieces: &[Piece]) -> f64 {
        let wire = |bytes: f64| bytes * ESCAPES / self.wire_bytes_per_s();
        let setup = wire(PLUGIN_UPLOAD_BYTES) + PLUGIN_ROUND_TRIPS * self.round_trip.as_secs_f64();
        let (mut total, mut busy) = (setup, 0.0_f64);
        for piece in pieces {
            let stream = piece.stream.len() as f64 + PIECE_OVERHEAD_BYTES;
            total += busy.max(wire(stream) + self.turnaround_s());
            let erased = u64::from(piece.erase.end - piece.erase.start);
            let made = f64::from(piece.len_bytes);
            busy = erase_s(LoaderKind::Stub, piece.erase.start, erased)
                + erased as f64 / READ_BYTES_PER_S
                + f64::from(piece.known_len) / SUM_BYTES_PER_S
                + f64::from(piece.operations_len) / INFLATE_BYTES_PER_S
                + made / COPY_BYTES_PER_S
                + made / PROGRAM_BYTES_PER_S;
        }
        total + busy
    }

    /// What a block's answer and the next request cost besides their bytes.
    fn turnaround_s(&self) -> f64 {
        const SMALL_EXCHANGE_BYTES: f64 = 28.0;
        let bytes = SMALL_EXCHANGE_BYTES / self.wire_bytes_per_s();
        (self.round_trip.as_secs_f64() - bytes).max(0.0)
    }

    /// Whether uploading the stub now is cheaper than going on with the ROM, for what is left.
    pub fn stub_pays(&self, hash_bytes: u64, write_bytes: u64) -> bool {
        // What is written is hashed again.
        let hash_bytes = hash_bytes + write_bytes;
        let total = |kind| self.hash_s(kind, hash_bytes) + self.write_s(kind, write_bytes);
        let upload = STUB_UPLOAD_BYTES / self.wire_bytes_per_s()
            + STUB_ROUND_TRIPS * self.round_trip.as_secs_f64()
            + STUB_START_S;
        self.kind == LoaderKind::Rom && upload + total(LoaderKind::Stub) < total(LoaderKind::Rom)
    }

    /// The same before anything was hashed, for work that begins with hashing `hash_bytes`: only
    /// where even a fast ROM would take longer than the upload.
    pub fn stub_surely_pays(&self, hash_bytes: u64) -> bool {
        let fast = Self {
            hash_bytes_per_s: Some(FAST_ROM_HASH_BYTES_PER_S),
            ..*self
        };
        fast.stub_pays(hash_bytes, 0)
    }

    /// Seconds that a hash takes besides the hashing.
    pub fn hash_exchange_s(&self) -> f64 {
        self.round_trip.as_secs_f64() + HASH_EXTRA_BYTES / self.wire_bytes_per_s()
    }

    /// Sectors that are hashed along in the time that asking for one more hash takes; a block at most.
    pub fn sectors_worth_a_hash(&self) -> usize {
        let bytes = self.hash_exchange_s() * self.hash_rate(self.kind);
        #[allow(clippy::cast_sign_loss)] // between 0 and a block's length
        let bytes = bytes.min(f64::from(BLOCK_LEN)) as u32;
        (bytes / SECTOR_LEN) as usize
    }

    /// Sectors to hash at once, so that round trips cost little; a whole number of erase blocks.
    pub fn chunk_sectors(&self) -> usize {
        let bytes = self.hash_exchange_s() / ROUND_TRIP_SHARE * self.hash_rate(self.kind);
        let blocks = (bytes / f64::from(BLOCK_LEN)).ceil().max(1.0);
        #[allow(clippy::cast_sign_loss)] // at least 1
        let blocks = blocks as usize;
        (blocks * SECTORS_PER_BLOCK).min(LONGEST_CHUNK)
    }

    /// What the planner weighs.
    pub fn write_costs(&self) -> crate::plan::WriteCosts {
        let (sector, block) = (u64::from(SECTOR_LEN), u64::from(BLOCK_LEN));
        // In the middle of a longer run, where one block's work hides behind the next one's wire.
        let wire = |bytes: u64| bytes as f64 * ESCAPES / self.wire_bytes_per_s();
        let busy = BLOCK_ERASE_S + block as f64 / PROGRAM_BYTES_PER_S;
        let plain = wire(block).max(busy - BLOCK_ERASE_S) + BLOCK_ERASE_S;
        let deflated =
            wire(self.usual_wire_bytes(block)).max(busy + block as f64 / INFLATE_BYTES_PER_S);
        crate::plan::WriteCosts {
            // A BEGIN, and a pipeline that runs empty and fills again.
            run_s: 3.0 * self.round_trip.as_secs_f64(),
            sector_s: self.write_s(self.kind, sector),
            block_s: (self.kind == LoaderKind::Stub).then(|| plain.min(deflated)),
        }
    }
}

/// What an AVR part's pages cost, in seconds.
#[derive(Debug, Clone, Copy)]
pub struct PageCosts {
    /// Reading one.
    pub read_s: f64,
    /// Writing one.
    pub write_s: f64,
}

impl PageCosts {
    /// By the boot loader's baud rate and the time that an answer takes at least.
    pub fn new(page_bytes: u32, baud: u32, round_trip: Duration) -> Self {
        /// Erasing and writing one, where erasing hides behind the wire. Source: data sheets.
        const PROGRAM_S: f64 = 0.0045;
        /// Bytes of the requests and answers around a page.
        const AROUND: u32 = 13;
        let wire_s = f64::from(page_bytes + AROUND) * BITS_PER_BYTE / f64::from(baud);
        let read_s = wire_s + round_trip.as_secs_f64();
        Self {
            read_s,
            write_s: read_s + PROGRAM_S,
        }
    }

    /// What the planner weighs: a page more is never cheaper.
    pub fn write_costs(&self) -> crate::plan::WriteCosts {
        crate::plan::WriteCosts {
            run_s: 0.0,
            sector_s: self.write_s,
            block_s: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fbuild_chip::{Chip, Deflate};

    fn measured(chip: Chip, baud: u32, hash_bytes_per_s: f64) -> Measured {
        Measured {
            rom_deflates: chip.facts().rom_deflate == Deflate::Exact,
            baud: Some(baud),
            round_trip: Duration::from_millis(3),
            hash_bytes_per_s: Some(hash_bytes_per_s),
            ..Measured::default()
        }
    }

    #[test]
    fn the_stub_pays_for_large_work_and_not_for_small() {
        let esp32 = measured(Chip::Esp32, 921_600, 700_000.0);
        assert!(esp32.stub_pays(1_500_000, 0));
        assert!(esp32.stub_pays(0, 1_500_000));
        assert!(!esp32.stub_pays(64 * 1024, 0));
        let slow = measured(Chip::Esp32C3, 115_200, 5_000_000.0);
        assert!(
            !slow.stub_pays(1_500_000, 0),
            "a fast ROM behind a slow wire"
        );
    }

    /// At 921600 baud the wire is what takes time, over the chip's own USB it is the flash chip; and
    /// what shrinks to nothing is compressed everywhere.
    #[test]
    fn firmware_is_compressed_where_the_wire_is_slower_than_the_flash() {
        const PLAIN: u64 = 256 * 1024;
        let bridge = Measured {
            kind: LoaderKind::Stub,
            ..measured(Chip::Esp32S3, 921_600, 2_000_000.0)
        };
        let usb = Measured {
            baud: None,
            round_trip: Duration::from_micros(600),
            ..bridge
        };
        let pays = |link: &Measured, wire_bytes| link.deflating_pays(0, PLAIN, wire_bytes, false);
        assert!(pays(&bridge, PLAIN * 2 / 3));
        assert!(!pays(&usb, PLAIN * 2 / 3));
        assert!(bridge.deflating_pays(0, PLAIN, PLAIN / 100, true));
    }

    #[test]
    fn chunks_grow_with_the_round_trip() {
        let mut m = measured(Chip::Esp32, 921_600, 700_000.0);
        assert_eq!(m.sectors_worth_a_hash(), 0);
        assert_eq!(m.chunk_sectors(), 32);
        m.round_trip = Duration::from_micros(500);
        assert_eq!(m.chunk_sectors(), 16);
        m.round_trip = Duration::from_millis(40);
        assert_eq!(m.chunk_sectors(), 128);
        assert_eq!(m.sectors_worth_a_hash(), 6);
    }
}
