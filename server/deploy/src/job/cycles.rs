//! A plan in the requests that it takes: what is written in one begin/data cycle, and what is hashed
//! afterwards. Pure, so that a plan can tell beforehand what it costs.

use std::ops::Range;

use fbuild_chip::flash::SECTOR_LEN;
use flate2::Compression;
use flate2::write::ZlibEncoder;

use super::survey::{Region, Survey};
use crate::cost::Measured;
use crate::plan::{Plan, PlannedRun};
use crate::search::{SECTORS_PER_BLOCK, aligned_chunks};

/// Begin/data cycles end at multiples of this many sectors in flash (512 KiB). Between two the wire
/// waits for the flash chip. Longer ones take more memory for compressing ahead, and the stub's
/// erasing runs further ahead of the wire, so that the first blocks wait for it. Measured on the
/// simulated board against 256 KiB: 1.5 % less for a full write at 460800 baud and at 3 M, 1 % more
/// at 921600, where wire and flash chip are equally fast; 1 MiB: 4 % more there.
const PIECE_SECTORS: usize = 8 * SECTORS_PER_BLOCK;
/// Where nothing is erased, only the memory counts (1 MiB).
const BLANK_PIECE_SECTORS: usize = 2 * PIECE_SECTORS;
/// Longest stretch hashed at once, in sectors.
const MAX_SECTORS: usize = 8 * SECTORS_PER_BLOCK;

/// Runs cut into begin/data cycles.
pub(crate) fn pieces(runs: &[PlannedRun], regions: &[Region]) -> Vec<PlannedRun> {
    let mut pieces = Vec::new();
    for run in runs {
        let region = run.region;
        let most = if regions[region].looks_blank {
            BLANK_PIECE_SECTORS
        } else {
            PIECE_SECTORS
        };
        let offset = regions[region].image.region.offset;
        let cut = aligned_chunks(offset, run.sectors.clone(), most).into_iter();
        pieces.extend(cut.map(|sectors| PlannedRun { region, sectors }));
    }
    pieces
}

/// Whether to send a cycle as a stream of this length rather than as it is.
pub(crate) fn pays(
    measured: &Measured,
    region: &Region,
    run: &PlannedRun,
    stream_len: usize,
) -> bool {
    let offset = region.sector_offset(run.sectors.start);
    let plain_len = run.bytes().len();
    stream_len < plain_len
        && measured.deflating_pays(
            offset,
            plain_len as u64,
            stream_len as u64,
            region.looks_blank,
        )
}

/// One zlib stream.
pub(crate) fn compress(plain: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    // Writing to memory does not fail; an unfinished stream would be longer than nothing and shorter
    // than the plain bytes, so it must not be used.
    match encoder.write_all(plain).and_then(|()| encoder.finish()) {
        Ok(stream) => stream,
        Err(_) => plain.to_vec(),
    }
}

/// What the plan writes of the `n`-th region and the sectors beside what it writes, in stretches that
/// are short enough to be cancelled between.
pub(crate) fn ranges_to_prove(survey: &Survey, n: usize, plan: &Plan) -> Vec<Range<usize>> {
    let own = survey.regions[n].in_flash(&(0..survey.regions[n].sectors.len()));
    let mut runs: Vec<Range<usize>> = plan
        .runs
        .iter()
        .map(|run| survey.regions[run.region].in_flash(&run.sectors))
        .map(|run| run.start.saturating_sub(1).max(own.start)..(run.end + 1).min(own.end))
        .filter(|run| run.start < run.end)
        .map(|run| run.start - own.start..run.end - own.start)
        .collect();
    runs.sort_by_key(|run| run.start);
    joined(runs, survey.measured.sectors_worth_a_hash())
}

/// A gap of no more than `gap` sectors is hashed along.
fn joined(runs: Vec<Range<usize>>, gap: usize) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for run in runs {
        match ranges.last_mut() {
            Some(last) if run.start <= last.end + gap => last.end = last.end.max(run.end),
            _ => ranges.push(run),
        }
    }
    let stretches = |range: Range<usize>| {
        range
            .clone()
            .step_by(MAX_SECTORS)
            .map(move |at| at..(at + MAX_SECTORS).min(range.end))
    };
    ranges.into_iter().flat_map(stretches).collect()
}

pub(crate) fn bytes_of(ranges: &[Range<usize>]) -> u64 {
    ranges
        .iter()
        .map(|range| range.len() as u64 * u64::from(SECTOR_LEN))
        .sum()
}

#[cfg(test)]
#[allow(clippy::single_range_in_vec_init)] // lists of ranges that happen to hold one
mod tests {
    use super::*;

    #[test]
    fn gaps_that_cost_less_than_a_question_are_hashed_along() {
        assert_eq!(joined(vec![13..16, 364..366], 2), [13..16, 364..366]);
        assert_eq!(joined(vec![0..2, 4..7], 2), [0..7]);
        assert_eq!(joined(vec![0..2, 4..7], 1), [0..2, 4..7]);
        assert_eq!(joined(vec![2..5, 3..6], 0), [2..6]);
        assert_eq!(joined(vec![2..9, 3..6], 0), [2..9]);
        assert_eq!(joined(vec![0..366], 2), [0..128, 128..256, 256..366]);
    }
}
