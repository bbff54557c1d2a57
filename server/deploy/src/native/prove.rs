//! Prove that the image is on the board.
//!
//! Every byte of every region is covered by a hash that matched and was taken after the last write
//! that could have touched it: what was written is hashed again, and so is the sector on either side
//! of it, where a write or an erase that went too far would begin (an ESP32's ROM has such a write,
//! see `chip::Deflate`). Everything else keeps the hash that compared it, as long as nothing is wrong.
//! If anything is, a request may have been carried out somewhere else: then everything is compared
//! again.

use std::ops::Range;

use fbuild_chip::flash::SECTOR_LEN;
use fbuild_loader::session::{Session, md5_of};

use super::Native;
use super::compare::compare_again;
use super::write::write;
use crate::event::Phase;
use crate::failure::DeployError;
use crate::job::Job;
use crate::job::cycles::{bytes_of, ranges_to_prove};
use crate::job::survey::Survey;
use crate::plan::Plan;
use crate::search::in_bytes;

/// Hashes what was written. If something is wrong, everything is compared again and what differs
/// is written once more; if that does not help either, the deploy fails and names the sectors.
pub(super) fn prove(
    job: &mut Job<'_>,
    native: &mut Native,
    plan: &Plan,
) -> Result<(), DeployError> {
    let Some(what) = what_is_wrong(job, &mut native.session, plan)? else {
        return Ok(());
    };
    job.note(format!(
        "{what}; everything is compared again, and something else on the board may have been \
             overwritten"
    ));
    let again = compare_again(job, &mut native.session)?;
    if again.runs.is_empty() {
        return Ok(());
    }
    let count = again.len_bytes() / u64::from(SECTOR_LEN);
    job.note(if count == 1 {
        "one sector did not read back as written; writing it again".to_owned()
    } else {
        format!("{count} sectors did not read back as written; writing them again")
    });
    write(job, native, &again)?;
    let wrong = compare_again(job, &mut native.session)?.runs;
    let Some(first) = wrong.first() else {
        return Ok(());
    };
    let same = wrong.iter().filter(|run| run.region == first.region);
    let sectors = same.flat_map(|run| run.sectors.clone());
    Err(job.survey().regions[first.region].not_proved(sectors))
}

/// What shows that the plan was not carried out as it was meant, if anything does.
fn what_is_wrong(
    job: &mut Job<'_>,
    session: &mut Session,
    plan: &Plan,
) -> Result<Option<String>, DeployError> {
    for n in 0..job.survey().regions.len() {
        if !job.survey().regions[n].provable {
            continue;
        }
        let ranges = ranges_to_prove(job.survey(), n, plan);
        let total_bytes = bytes_of(&ranges);
        let mut done_bytes = 0;
        for range in ranges {
            if !job.survey_mut().holds(session, n, &range)? {
                let region = &job.survey().regions[n];
                return Ok(Some(format!(
                    "{} did not read back as written between {:#x} and {:#x}",
                    region.name,
                    region.sector_offset(range.start),
                    region.sector_offset(range.end)
                )));
            }
            done_bytes += bytes_of(std::slice::from_ref(&range));
            job.progress(n, Phase::Check, done_bytes, total_bytes);
        }
    }
    if let Some(offset) = job.survey_mut().changed_beside(session)? {
        return Ok(Some(format!(
            "the sector at {offset:#x}, which no region of this deploy covers, changed while \
                 this deploy wrote"
        )));
    }
    let damaged = session.resent_blocks() > 0;
    Ok(damaged.then(|| "data arrived damaged and was sent again".to_owned()))
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
