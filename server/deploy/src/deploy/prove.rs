//! Prove that the image is on the board.
//!
//! Every byte of every region is covered by a hash that matched and was taken after the last write
//! that could have touched it: what was written is hashed again, and so is the sector on either side
//! of it, where a write or an erase that went too far would begin (an ESP32's ROM has such a write,
//! see `chip::Deflate`). Everything else keeps the hash that compared it, as long as nothing is wrong.
//! If anything is, a request may have been carried out somewhere else: then everything is compared
//! again.

use std::ops::Range;

use fbuild_loader::SECTOR_LEN;
use fbuild_loader::session::{Session, md5_of};

use super::Job;
use super::survey::Survey;
use crate::event::{Event, Phase};
use crate::failure::DeployError;
use crate::plan::Plan;
use crate::search::{SECTORS_PER_BLOCK, in_bytes};

/// Longest stretch hashed at once, in sectors.
const MAX_SECTORS: usize = 8 * SECTORS_PER_BLOCK;

impl Job<'_> {
    /// Hashes what was written. If something is wrong, everything is compared again and what differs
    /// is written once more; if that does not help either, the deploy fails and names the sectors.
    pub(super) fn prove(&mut self, session: &mut Session, plan: &Plan) -> Result<(), DeployError> {
        let Some(what) = self.what_is_wrong(session, plan)? else {
            return Ok(());
        };
        self.note(format!(
            "{what}; everything is compared again, and something else on the board may have been \
             overwritten"
        ));
        let again = self.compare_again(session)?;
        if again.runs.is_empty() {
            return Ok(());
        }
        let count = again.len_bytes() / u64::from(SECTOR_LEN);
        self.note(if count == 1 {
            "one sector did not read back as written; writing it once more".to_owned()
        } else {
            format!("{count} sectors did not read back as written; writing them once more")
        });
        self.write(session, &again)?;
        let wrong = self.compare_again(session)?.runs;
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

    /// What shows that the plan was not carried out as it was meant, if anything does.
    fn what_is_wrong(
        &mut self,
        session: &mut Session,
        plan: &Plan,
    ) -> Result<Option<String>, DeployError> {
        for n in 0..self.survey.regions.len() {
            if !self.survey.regions[n].provable {
                continue;
            }
            let ranges = ranges_to_prove(&self.survey, n, plan);
            let total_bytes = bytes_of(&ranges);
            let mut done_bytes = 0;
            for range in ranges {
                if !self.survey.holds(session, n, &range)? {
                    let region = &self.survey.regions[n];
                    return Ok(Some(format!(
                        "{} did not read back as written between {:#x} and {:#x}",
                        region.name,
                        region.sector_offset(range.start),
                        region.sector_offset(range.end)
                    )));
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
        if let Some(offset) = self.survey.changed_beside(session)? {
            return Ok(Some(format!(
                "the sector at {offset:#x}, which no region of this deploy covers, changed while \
                 this deploy wrote"
            )));
        }
        let damaged = session.resent_blocks() > 0;
        Ok(damaged.then(|| "data arrived damaged and was sent again".to_owned()))
    }
}

impl Survey {
    fn holds(
        &mut self,
        session: &mut Session,
        n: usize,
        sectors: &Range<usize>,
    ) -> Result<bool, DeployError> {
        let bytes = self.regions[n].image.bytes[in_bytes(sectors)].to_vec();
        let digest = self.hash_sectors(session, n, sectors.clone(), &bytes)?;
        Ok(digest == md5_of(&bytes))
    }
}

/// What the plan writes of the `n`-th region and the sectors beside what it writes, in stretches that
/// are short enough to be cancelled between.
pub(super) fn ranges_to_prove(survey: &Survey, n: usize, plan: &Plan) -> Vec<Range<usize>> {
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
    fn gaps_that_cost_less_than_a_question_are_hashed_along() {
        assert_eq!(joined(vec![13..16, 364..366], 2), [13..16, 364..366]);
        assert_eq!(joined(vec![0..2, 4..7], 2), [0..7]);
        assert_eq!(joined(vec![0..2, 4..7], 1), [0..2, 4..7]);
        assert_eq!(joined(vec![2..5, 3..6], 0), [2..6]);
        assert_eq!(joined(vec![2..9, 3..6], 0), [2..9]);
        assert_eq!(joined(vec![0..366], 2), [0..128, 128..256, 256..366]);
    }
}
