//! What physics and the loaders' protocol allow: the least time in which anything could do a
//! scenario and prove it, from the same parameters as the simulated board's.
//!
//! The limit is the sum of
//!
//! * **contact**: one SYNC and the first answer to it at 115200 baud, and one CHANGE_BAUDRATE and its
//!   answer where there is a rate to change to;
//! * **loader**: nothing for the boot ROM; for the stub its upload at the raised rate (each request
//!   with its answer), its start, and its greeting;
//! * **write**: the longer one of wire and flash chip. Wire: the bytes of the sectors that differ and
//!   are not blank in the new build, as one zlib stream of level 9 in full blocks, escapes included,
//!   with no pause between blocks. Flash chip: for each block of 64 KiB the cheaper one of erasing
//!   the sectors that need it one by one and erasing the block and writing all of it again; a page
//!   program for every page that is not blank. With the ROM it is the sum of both, since that does
//!   one after the other, and an ESP32's ROM takes no compressed data. Where the old build is
//!   remembered, only the difference is sent, as small as anybody made it
//!   (`Scenario::difference_bytes`), and a stub applies it;
//! * **hash**: every byte of the build once, at the loader's rate, one request per region: the
//!   proof. That the sectors that differ were known before is assumed: finding them is not part of
//!   the limit.
//!
//! The better one of ROM and stub counts. The process' start, finding files, the bus between
//! requests, and the start of the firmware are not part of it, so it cannot be reached.

use std::io::Write as _;
use std::time::Duration;

use fbuild_chip::flash::{BLOCK_LEN, SECTOR_LEN};
use fbuild_chip::{Chip, Deflate};
use fbuild_loader::packet::{self, op};
use fbuild_loader::{slip, stub};
use fbuild_sim::flash::PAGE_LEN;
use fbuild_sim::timing::{LoaderTiming, Timing, at_rate};
use flate2::Compression;
use flate2::write::ZlibEncoder;
use serde::{Deserialize, Serialize};

use crate::parameters::{Conditions, FLASH_SIZE, Link};
use crate::scenario::Case;

/// Rate of the first contact.
const FIRST_BAUD: u32 = 115_200;
/// Largest block of RAM upload and of the stub's and the ROM's writes; esptool's figures.
const RAM_BLOCK_LEN: usize = 0x1800;
const STUB_BLOCK_LEN: usize = 0x4000;
const ROM_BLOCK_LEN: usize = 0x400;

/// The limit and its parts, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Limit {
    pub(crate) total_s: f64,
    pub(crate) contact_s: f64,
    pub(crate) loader_s: f64,
    pub(crate) wire_s: f64,
    pub(crate) flash_s: f64,
    pub(crate) hash_s: f64,
    /// Whether the stub is the better loader.
    pub(crate) stub: bool,
}

impl Limit {
    /// Seconds of writing: the stub does two things at the same time.
    pub(crate) fn write_s(&self) -> f64 {
        if self.stub {
            self.wire_s.max(self.flash_s)
        } else {
            self.wire_s + self.flash_s
        }
    }
}

/// What has to be written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Work {
    /// Bytes of sectors that differ and are not blank in the new build.
    plain: Vec<u8>,
    flash_busy: Duration,
}

/// The limit of a case on a link.
pub(crate) fn limit(case: &Case, link: &Link, conditions: Conditions) -> Limit {
    let timing = link.timing(conditions);
    let wire = Wire {
        timing,
        baud: link.best_baud().unwrap_or(FIRST_BAUD),
    };
    let first = Wire {
        timing,
        baud: FIRST_BAUD,
    };
    let mut contact = first.exchange(
        &packet::encode_request(op::SYNC, 0, &packet::SYNC_PAYLOAD),
        4,
    );
    if link.best_baud().is_some_and(|baud| baud != FIRST_BAUD) {
        let request = packet::encode_request(op::CHANGE_BAUDRATE, 0, &packet::words(&[0, 0]));
        contact += first.exchange(&request, 4);
    }
    let work = work(case, &timing);
    let rom = with_rom(case, &wire, contact, &work);
    let stub = with_stub(case, &wire, contact, &work);
    if case.scenario.remembers() || stub.total_s < rom.total_s {
        stub
    } else {
        rom
    }
}

fn with_rom(case: &Case, wire: &Wire, contact: Duration, work: &Work) -> Limit {
    let deflates = case.chip.facts().rom_deflate == Deflate::Exact;
    let payload = if deflates {
        deflate(&work.plain)
    } else {
        work.plain.clone()
    };
    let sent = wire.blocks(&payload, ROM_BLOCK_LEN);
    let hash = hash(case, wire, &wire.timing.rom, 36);
    let write = sent + work.flash_busy;
    Limit {
        total_s: (contact + write + hash).as_secs_f64(),
        contact_s: contact.as_secs_f64(),
        loader_s: 0.0,
        wire_s: sent.as_secs_f64(),
        flash_s: work.flash_busy.as_secs_f64(),
        hash_s: hash.as_secs_f64(),
        stub: false,
    }
}

fn with_stub(case: &Case, wire: &Wire, contact: Duration, work: &Work) -> Limit {
    let loader = upload(case.chip, wire);
    let payload = match case.scenario.difference_bytes() {
        Some(len) => vec![0; len],
        None => deflate(&work.plain),
    };
    let sent = wire.blocks(&payload, STUB_BLOCK_LEN);
    let hash = hash(case, wire, &wire.timing.stub, 18);
    let write = sent.max(work.flash_busy);
    Limit {
        total_s: (contact + loader + write + hash).as_secs_f64(),
        contact_s: contact.as_secs_f64(),
        loader_s: loader.as_secs_f64(),
        wire_s: sent.as_secs_f64(),
        flash_s: work.flash_busy.as_secs_f64(),
        hash_s: hash.as_secs_f64(),
        stub: true,
    }
}

fn upload(chip: Chip, wire: &Wire) -> Duration {
    let Some(stub) = stub::for_chip(chip, None) else {
        return Duration::MAX / 4;
    };
    let mut total = wire.timing.stub_start + wire.bytes(framed(packet::STUB_GREETING));
    for segment in [&stub.text, &stub.data] {
        let words = [
            segment.bytes.len() as u32,
            1,
            RAM_BLOCK_LEN as u32,
            segment.address,
        ];
        let begin = packet::encode_request(op::MEM_BEGIN, 0, &packet::words(&words));
        total += wire.exchange(&begin, 4);
        for block in segment.bytes.chunks(RAM_BLOCK_LEN) {
            let data = packet::data_block(0, block);
            total += wire.exchange(&packet::encode_request(op::MEM_DATA, 0, &data), 4);
        }
    }
    let end = packet::encode_request(op::MEM_END, 0, &packet::words(&[0, stub.entry]));
    total + wire.exchange(&end, 4)
}

fn hash(case: &Case, wire: &Wire, loader: &LoaderTiming, answer_len: usize) -> Duration {
    let request = packet::encode_request(op::SPI_FLASH_MD5, 0, &packet::words(&[0; 4]));
    let hash = |region: &crate::scenario::Region| {
        wire.exchange(&request, answer_len) + at_rate(region.bytes.len() as u64, loader.md5_rate)
    };
    case.new.regions.iter().map(hash).sum()
}

fn work(case: &Case, timing: &Timing) -> Work {
    let before = case.flash_before();
    let mut after = before.clone();
    for region in &case.new.regions {
        let sectors = region.sectors();
        after[sectors.clone()].fill(0xFF);
        after[sectors.start..sectors.start + region.bytes.len()].copy_from_slice(&region.bytes);
    }
    let mut work = Work::default();
    for block in (0..FLASH_SIZE as usize).step_by(BLOCK_LEN as usize) {
        let range = block..block + BLOCK_LEN as usize;
        let (old, new) = (&before[range.clone()], &after[range]);
        work.flash_busy += block_busy(old, new, timing);
        let sectors = old
            .chunks(SECTOR_LEN as usize)
            .zip(new.chunks(SECTOR_LEN as usize));
        for (old, new) in sectors {
            if old != new && !is_blank(new) {
                work.plain.extend_from_slice(new);
            }
        }
    }
    work
}

/// The least time that the flash chip is busy to turn `old` into `new`, one block of 64 KiB.
fn block_busy(old: &[u8], new: &[u8], timing: &Timing) -> Duration {
    if old == new {
        return Duration::ZERO;
    }
    let mut one_by_one = Duration::ZERO;
    for (old, new) in old
        .chunks(SECTOR_LEN as usize)
        .zip(new.chunks(SECTOR_LEN as usize))
    {
        if old != new {
            if !is_blank(old) {
                one_by_one += timing.flash.sector_erase;
            }
            one_by_one += pages_busy(new, timing);
        }
    }
    one_by_one.min(timing.flash.block_erase + pages_busy(new, timing))
}

fn pages_busy(new: &[u8], timing: &Timing) -> Duration {
    let pages = new
        .chunks(PAGE_LEN as usize)
        .filter(|page| !is_blank(page))
        .count();
    timing.flash.page_program * pages as u32
}

fn is_blank(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0xFF)
}

fn deflate(plain: &[u8]) -> Vec<u8> {
    if plain.is_empty() {
        return Vec::new();
    }
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    // Writing to memory does not fail.
    let _ = encoder.write_all(plain);
    encoder.finish().unwrap_or_default()
}

struct Wire {
    timing: Timing,
    baud: u32,
}

impl Wire {
    fn bytes(&self, len: usize) -> Duration {
        self.timing.link.bytes_time(len, self.baud)
    }

    /// A request and an answer with `data_len` bytes of data, status included.
    fn exchange(&self, request: &[u8], data_len: usize) -> Duration {
        let answer = packet::HEADER_LEN + data_len + 2;
        let link = &self.timing.link;
        link.to_board + self.bytes(framed(request)) + self.bytes(answer) + link.to_host
    }

    /// Data blocks without a pause between them.
    fn blocks(&self, payload: &[u8], block_len: usize) -> Duration {
        let len = |chunk| framed(&packet::encode_request(0, 0, &packet::data_block(0, chunk)));
        self.bytes(payload.chunks(block_len).map(len).sum())
    }
}

/// Length on the wire.
fn framed(payload: &[u8]) -> usize {
    let mut bytes = Vec::new();
    slip::encode(payload, &mut bytes);
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parameters::LINKS;

    const MS: Duration = Duration::from_millis(1);

    fn sectors(text: &str) -> Vec<u8> {
        text.bytes()
            .flat_map(|c| vec![if c == b'.' { 0xFF } else { c }; SECTOR_LEN as usize])
            .collect()
    }

    #[test]
    fn one_sector_is_erased_alone_and_many_in_a_block() {
        let timing = LINKS[0].timing(Conditions::USUAL);
        let busy = |old: &str, new: &str| block_busy(&sectors(old), &sectors(new), &timing);
        let (sixteen, one) = (MS * 16 * 64 / 10, MS * 64 / 10);
        assert_eq!(busy("aaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaa"), Duration::ZERO);
        assert_eq!(busy("aaaaaaaaaaaaaaaa", "abaaaaaaaaaaaaaa"), 45 * MS + one);
        assert_eq!(
            busy("aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb"),
            150 * MS + sixteen
        );
        assert_eq!(busy("................", "bbbbbbbbbbbbbbbb"), sixteen);
        assert_eq!(busy("a...............", "................"), 45 * MS);
    }

    #[test]
    fn an_exchange_counts_both_ways_and_both_latencies() {
        let wire = Wire {
            timing: LINKS[0].timing(Conditions::USUAL),
            baud: 1_000_000,
        };
        // 8 + 4 bytes and two delimiters out; 8 + 4 and two delimiters back; 10 us each.
        let request = packet::encode_request(op::READ_REG, 0, &[1; 4]);
        assert_eq!(
            wire.exchange(&request, 4),
            2 * MS + Duration::from_micros(14 * 10 * 2)
        );
    }
}
