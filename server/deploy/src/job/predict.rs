//! What a plan is expected to take, for people and for progress.

use std::ops::Range;
use std::time::Duration;

use fbuild_chip::flash::SECTOR_LEN;

use super::cycles::{compress, pays, pieces, ranges_to_prove};
use super::survey::{Region, Survey};
use crate::cost::PageCosts;
use crate::delta::Differences;
use crate::outcome::PlanSummary;
use crate::outcome::PlannedWrite;
use crate::plan::{Plan, PlannedRun};

/// As much of a cycle is compressed to guess how the whole of it shrinks.
const SAMPLE_LEN: usize = 16 * 1024;
/// Plans of less than this are compressed whole: that takes no time that anybody would notice.
const SMALL_PLAN_BYTES: u64 = 256 * 1024;

impl Survey {
    /// The plan in numbers. `exact`: compress everything to know the bytes on the wire, which takes
    /// a while; else a part of each cycle.
    pub(crate) fn summarize(&self, plan: &Plan, exact: bool) -> PlanSummary {
        if let Some(costs) = &self.pages {
            return self.summarize_pages(plan, costs);
        }
        let exact = exact || plan.len_bytes() <= SMALL_PLAN_BYTES;
        let mut writes: Vec<PlannedWrite> = Vec::new();
        for piece in pieces(&plan.runs, &self.regions) {
            let n = piece.region;
            let region = &self.regions[n];
            let differences = region.differences.as_ref();
            let (wire_bytes, seconds) = match differences {
                None => self.predict_piece(&piece, exact),
                Some(_) => (0, 0.0),
            };
            if writes
                .last()
                .is_none_or(|write| write.region != region.name)
            {
                let hash_s = if region.provable {
                    self.predict_proof(&ranges_to_prove(self, n, plan))
                } else {
                    0.0
                };
                let in_place_s = differences.map_or(0.0, |it| self.measured.in_place_s(&it.pieces));
                writes.push(PlannedWrite {
                    region: region.name.clone(),
                    unit: region.image.unit,
                    sectors: plan.sectors_of(n) as u32,
                    sectors_total: region.sectors.len() as u32,
                    runs: 0,
                    wire_bytes: differences.map_or(0, Differences::len_bytes),
                    delta_bytes: differences.map_or(0, Differences::len_bytes),
                    predicted: Duration::from_secs_f64(hash_s + in_place_s),
                });
            }
            if let Some(write) = writes.last_mut() {
                write.runs += 1;
                write.wire_bytes += wire_bytes;
                write.predicted += Duration::from_secs_f64(seconds);
            }
        }
        let predicted = writes.iter().map(|write| write.predicted).sum();
        PlanSummary {
            writes,
            predicted,
            built_by: None,
        }
    }

    /// Every page is sent as it is, and read back.
    fn summarize_pages(&self, plan: &Plan, costs: &PageCosts) -> PlanSummary {
        let write = |(n, region): (usize, &Region)| {
            let pages = plan.sectors_of(n);
            let runs = plan.runs.iter().filter(|run| run.region == n).count();
            let seconds = pages as f64 * (costs.write_s + costs.read_s);
            PlannedWrite {
                region: region.name.clone(),
                unit: region.image.unit,
                sectors: pages as u32,
                sectors_total: region.sectors.len() as u32,
                runs: runs as u32,
                wire_bytes: pages as u64 * u64::from(region.image.unit.len_bytes()),
                delta_bytes: 0,
                predicted: Duration::from_secs_f64(seconds),
            }
        };
        let writes = self.regions.iter().enumerate().map(write);
        let writes: Vec<_> = writes.filter(|write| write.sectors > 0).collect();
        let predicted = writes.iter().map(|write| write.predicted).sum();
        PlanSummary {
            writes,
            predicted,
            built_by: None,
        }
    }

    /// Payload bytes and seconds of one begin/data cycle.
    fn predict_piece(&self, piece: &PlannedRun, exact: bool) -> (u64, f64) {
        let region = &self.regions[piece.region];
        let plain = &region.image.bytes[piece.bytes()];
        let plain_bytes = plain.len() as u64;
        let stream_len = if !self.measured.deflates() {
            plain.len()
        } else if exact || plain.len() <= SAMPLE_LEN {
            compress(plain).len()
        } else {
            let middle = (plain.len() - SAMPLE_LEN) / 2;
            let sample = compress(&plain[middle..middle + SAMPLE_LEN]).len();
            plain.len() * sample / SAMPLE_LEN
        };
        let wire_bytes = if pays(&self.measured, region, piece, stream_len) {
            stream_len as u64
        } else {
            plain_bytes
        };
        let offset = region.sector_offset(piece.sectors.start);
        let seconds = self
            .measured
            .run_s(offset, plain_bytes, wire_bytes, region.looks_blank);
        (wire_bytes, seconds)
    }

    fn predict_proof(&self, ranges: &[Range<usize>]) -> f64 {
        let kind = self.measured.kind;
        let seconds = |range: &Range<usize>| {
            let bytes = range.len() as u64 * u64::from(SECTOR_LEN);
            self.measured.hash_s(kind, bytes) + self.measured.hash_exchange_s()
        };
        ranges.iter().map(seconds).sum()
    }
}
