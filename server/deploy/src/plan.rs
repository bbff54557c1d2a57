//! The decision: which sectors are written, in which order. Pure: values in, values out.

use std::ops::Range;

use fbuild_chip::flash::SECTOR_LEN;
use fbuild_project::target::RegionKind;

use crate::search::{SECTORS_PER_BLOCK, Sector, in_bytes};

/// What is known of one region when the plan is made.
#[derive(Debug, Clone, Copy)]
pub struct Surveyed<'a> {
    /// What it is, which decides when it is written.
    pub kind: RegionKind,
    /// Byte offset in flash.
    pub offset: u32,
    /// What is known of its sectors.
    pub sectors: &'a [Sector],
}

/// What a plan weighs against each other, all for the loader that will write.
#[derive(Debug, Clone, Copy)]
pub struct WriteCosts {
    /// Seconds that one more run costs: a BEGIN, and the pause in the pipeline.
    pub run_s: f64,
    /// Seconds that one more sector costs: wire, erase and program.
    pub sector_s: f64,
    /// Seconds that a whole erase block costs, for loaders that erase it at once.
    pub block_s: Option<f64>,
}

impl WriteCosts {
    /// Sectors of an erase block from which on it is cheaper to write all of it.
    pub fn sectors_for_a_block(&self) -> Option<usize> {
        let block_s = self.block_s?;
        (1..=SECTORS_PER_BLOCK).find(|&n| n as f64 * self.sector_s >= block_s)
    }
}

/// Consecutive sectors of one region, to be written in one begin/data cycle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedRun {
    /// Index of the region in what was surveyed.
    pub region: usize,
    /// Sectors within the region.
    pub sectors: Range<usize>,
}

impl PlannedRun {
    /// Bytes within the region's image.
    pub fn bytes(&self) -> Range<usize> {
        in_bytes(&self.sectors)
    }
}

/// The writes that turn what is on the board into the image, in the order in which they are made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// Disjoint; regions do not interleave.
    pub runs: Vec<PlannedRun>,
}

impl Plan {
    /// Regions and sectors, in the order in which they are written.
    pub fn units(&self) -> impl Iterator<Item = (usize, usize)> {
        let runs = self.runs.iter();
        runs.flat_map(|run| run.sectors.clone().map(|sector| (run.region, sector)))
    }

    /// Sectors to be written, of one region.
    pub fn sectors_of(&self, region: usize) -> usize {
        self.runs
            .iter()
            .filter(|run| run.region == region)
            .map(|run| run.sectors.len())
            .sum()
    }

    /// Other sectors of a region instead of those that the plan has of it.
    pub(crate) fn replace(&mut self, region: usize, sectors: &[Range<usize>]) {
        let Some(at) = self.runs.iter().position(|run| run.region == region) else {
            return;
        };
        self.runs.retain(|run| run.region != region);
        let runs = sectors.iter().cloned();
        let runs = runs.map(|sectors| PlannedRun { region, sectors });
        self.runs.splice(at..at, runs);
    }

    /// Bytes to be written, before compression.
    pub fn len_bytes(&self) -> u64 {
        self.runs.iter().map(|run| run.bytes().len() as u64).sum()
    }
}

/// When a kind of region is written. A board that is interrupted anywhere keeps a boot loader and a
/// table that fit together, and otadata never selects an app that is not there yet.
fn rank(kind: RegionKind) -> u8 {
    match kind {
        RegionKind::Data => 0,
        RegionKind::App => 1,
        RegionKind::OtaData => 2,
        RegionKind::PartitionTable => 3,
        RegionKind::Bootloader => 4,
    }
}

/// Makes the plan.
pub fn plan(surveyed: &[Surveyed<'_>], costs: &WriteCosts) -> Plan {
    let mut order: Vec<usize> = (0..surveyed.len()).collect();
    order.sort_by_key(|&n| (rank(surveyed[n].kind), surveyed[n].offset));
    let mut runs = Vec::new();
    for region in order {
        let sectors = with_whole_blocks(&surveyed[region], costs);
        for sectors in merged_runs(&sectors, costs) {
            runs.push(PlannedRun { region, sectors });
        }
    }
    Plan { runs }
}

/// The sectors, those that match marked along where their erase block is better written whole.
fn with_whole_blocks(region: &Surveyed<'_>, costs: &WriteCosts) -> Vec<Sector> {
    let mut sectors = region.sectors.to_vec();
    let Some(enough) = costs.sectors_for_a_block() else {
        return sectors;
    };
    let first_in_flash = (region.offset / SECTOR_LEN) as usize;
    let first_block = first_in_flash.next_multiple_of(SECTORS_PER_BLOCK) - first_in_flash;
    let Some(whole_blocks) = sectors.get_mut(first_block..) else {
        return sectors;
    };
    for block in whole_blocks.chunks_exact_mut(SECTORS_PER_BLOCK) {
        if block
            .iter()
            .filter(|sector| sector.is_to_be_written())
            .count()
            >= enough
        {
            block.fill(Sector::Assumed);
        }
    }
    sectors
}

/// Runs of sectors to be written; a gap is written along where that is cheaper than another run.
fn merged_runs(sectors: &[Sector], costs: &WriteCosts) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for n in (0..sectors.len()).filter(|&n| sectors[n].is_to_be_written()) {
        match runs.last_mut() {
            Some(run) if (n - run.end) as f64 * costs.sector_s < costs.run_s => run.end = n + 1,
            Some(run) if run.end == n => run.end = n + 1,
            _ => runs.push(n..n + 1),
        }
    }
    runs
}

#[cfg(test)]
#[allow(clippy::single_range_in_vec_init)] // lists of ranges that happen to hold one
mod tests {
    use super::*;

    const CHEAP_RUNS: WriteCosts = WriteCosts {
        run_s: 0.01,
        sector_s: 0.1,
        block_s: None,
    };

    fn sectors(text: &str) -> Vec<Sector> {
        text.chars()
            .map(|c| match c {
                '.' => Sector::Match,
                'x' => Sector::Differs,
                'a' => Sector::Assumed,
                _ => Sector::Unknown,
            })
            .collect()
    }

    fn check(text: &str, costs: WriteCosts, expected: &[Range<usize>]) {
        let sectors = sectors(text);
        let surveyed = Surveyed {
            kind: RegionKind::App,
            offset: 0x1_0000,
            sectors: &sectors,
        };
        let runs: Vec<_> = plan(&[surveyed], &costs)
            .runs
            .into_iter()
            .map(|run| run.sectors)
            .collect();
        assert_eq!(runs, expected, "{text}");
    }

    #[test]
    fn only_what_differs_is_written() {
        check("........", CHEAP_RUNS, &[]);
        check("..x.....", CHEAP_RUNS, &[2..3]);
        check("..xxx..x", CHEAP_RUNS, &[2..5, 7..8]);
        check("aaaa", CHEAP_RUNS, &[0..4]);
        check("????", CHEAP_RUNS, &[0..4]);
    }

    #[test]
    fn a_gap_is_written_along_only_where_another_run_costs_more() {
        let dear_runs = WriteCosts {
            run_s: 0.25,
            sector_s: 0.1,
            block_s: None,
        };
        check("x..x", dear_runs, &[0..4]);
        check("x...x", dear_runs, &[0..1, 4..5]);
    }

    #[test]
    fn a_block_of_which_most_differs_is_written_whole() {
        let costs = WriteCosts {
            block_s: Some(0.5),
            ..CHEAP_RUNS
        };
        // The region begins on a block's border: 16 sectors of it, then 16 of the next.
        check("xx..xx..x.......................", costs, &[0..16]);
        check(
            "xx..xx..................xx......",
            costs,
            &[0..2, 4..6, 24..26],
        );
        // What is not a whole block of this region is never written whole.
        check("xx..xx..x......", costs, &[0..2, 4..6, 8..9]);
    }

    #[test]
    fn the_boot_loader_comes_last_and_the_table_before_it() {
        let one = sectors("x");
        let region = |kind, offset| Surveyed {
            kind,
            offset,
            sectors: &one,
        };
        let surveyed = [
            region(RegionKind::Bootloader, 0x1000),
            region(RegionKind::PartitionTable, 0x8000),
            region(RegionKind::OtaData, 0xE000),
            region(RegionKind::App, 0x1_0000),
            region(RegionKind::Data, 0x29_0000),
        ];
        let order: Vec<usize> = plan(&surveyed, &CHEAP_RUNS)
            .runs
            .iter()
            .map(|run| run.region)
            .collect();
        assert_eq!(order, [4, 3, 2, 1, 0]);
    }
}
