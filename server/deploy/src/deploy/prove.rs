//! Prove that the image is on the board.
//!
//! Every byte of every region is covered by a hash that matched and was taken after the last write
//! that could have touched it: what was written is hashed again, and so is the sector on either side
//! of it, where a write or an erase that went too far would begin (an ESP32's ROM has such a write,
//! see `chip::Deflate`). Everything else keeps the hash that compared it.

use std::ops::Range;

use fbuild_loader::SECTOR_LEN;
use fbuild_loader::session::{Session, md5_of};

use super::Job;
use super::survey::Region;
use crate::cost::Measured;
use crate::event::{Event, Phase};
use crate::failure::DeployError;
use crate::plan::{Plan, PlannedRun};
use crate::search::SECTORS_PER_BLOCK;

/// Longest stretch hashed at once, in sectors.
const MAX_SECTORS: usize = 8 * SECTORS_PER_BLOCK;

impl Job<'_> {
    /// Hashes what was written. What is wrong is written once more, and if that does not help
    /// either, the deploy fails and names the sectors.
    pub(super) fn prove(&mut self, session: &mut Session, plan: &Plan) -> Result<(), DeployError> {
        let wrong = self.wrong_sectors(session, plan)?;
        if wrong.is_empty() {
            return Ok(());
        }
        let again = Plan { runs: wrong };
        let count = again.len_bytes() / u64::from(SECTOR_LEN);
        self.note(if count == 1 {
            "one sector did not read back as written; writing it once more".to_owned()
        } else {
            format!("{count} sectors did not read back as written; writing them once more")
        });
        self.write(session, &again)?;
        let wrong = self.wrong_sectors(session, &again)?;
        let Some(first) = wrong.first() else {
            return Ok(());
        };
        let region = &self.survey.regions[first.region];
        let offsets = wrong
            .iter()
            .filter(|run| run.region == first.region)
            .flat_map(|run| run.sectors.clone())
            .map(|sector| region.sector_offset(sector))
            .collect();
        Err(DeployError::NotProved {
            region: region.name.to_string(),
            offsets,
        })
    }

    /// Sectors, in and around what the plan wrote, that are not as they should be.
    fn wrong_sectors(
        &mut self,
        session: &mut Session,
        plan: &Plan,
    ) -> Result<Vec<PlannedRun>, DeployError> {
        let mut wrong = Vec::new();
        for n in 0..self.survey.regions.len() {
            if !self.survey.regions[n].provable {
                continue;
            }
            let ranges = ranges_to_prove(&self.survey.regions[n], plan, n, &self.survey.measured);
            let total_bytes = bytes_of(&ranges);
            let mut done_bytes = 0;
            for range in ranges {
                if !self.hash_is_right(session, n, &range)? {
                    for sector in range.clone() {
                        if !self.hash_is_right(session, n, &(sector..sector + 1))? {
                            wrong.push(PlannedRun {
                                region: n,
                                sectors: sector..sector + 1,
                            });
                        }
                    }
                }
                done_bytes += bytes_of(std::slice::from_ref(&range));
                (self.events)(Event::Progress {
                    region: self.survey.regions[n].name.clone(),
                    phase: Phase::Check,
                    done_bytes,
                    total_bytes,
                });
            }
        }
        Ok(wrong)
    }

    fn hash_is_right(
        &mut self,
        session: &mut Session,
        n: usize,
        range: &Range<usize>,
    ) -> Result<bool, DeployError> {
        let offset = self.survey.regions[n].sector_offset(range.start);
        let digest = self
            .survey
            .hash(session, offset, range.len() as u32 * SECTOR_LEN)?;
        let len = SECTOR_LEN as usize;
        let bytes = &self.survey.regions[n].image.bytes[range.start * len..range.end * len];
        Ok(digest == md5_of(bytes))
    }
}

/// What the plan writes of the `n`-th region and the sectors beside it, in stretches that are short
/// enough to be cancelled between.
pub(super) fn ranges_to_prove(
    region: &Region,
    plan: &Plan,
    n: usize,
    measured: &Measured,
) -> Vec<Range<usize>> {
    let runs = plan
        .runs
        .iter()
        .filter(|run| run.region == n)
        .map(|run| run.sectors.clone());
    with_neighbours(region.sectors.len(), runs, measured.sectors_worth_a_hash())
}

/// A gap of no more than `gap` sectors is hashed along.
fn with_neighbours(
    n_sectors: usize,
    runs: impl Iterator<Item = Range<usize>>,
    gap: usize,
) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for run in runs {
        let start = run.start.saturating_sub(1);
        let end = (run.end + 1).min(n_sectors);
        match ranges.last_mut() {
            Some(last) if start <= last.end + gap => last.end = end,
            _ => ranges.push(start..end),
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

fn bytes_of(ranges: &[Range<usize>]) -> u64 {
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
    fn what_was_written_is_hashed_with_the_sectors_beside_it() {
        let ranges = |n, runs: &[Range<usize>], gap| with_neighbours(n, runs.iter().cloned(), gap);
        assert_eq!(ranges(366, &[14..15, 365..366], 2), [13..16, 364..366]);
        assert_eq!(ranges(366, &[0..1, 5..6], 2), [0..7]);
        assert_eq!(ranges(366, &[0..1, 5..6], 1), [0..2, 4..7]);
        assert_eq!(ranges(366, &[3..4, 4..5], 0), [2..6]);
        assert_eq!(ranges(1, &[0..1], 2), [0..1]);
        assert_eq!(ranges(366, &[0..366], 2), [0..128, 128..256, 256..366]);
    }
}
