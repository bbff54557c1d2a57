//! Ask the board, through esptool, what it holds: before writing, and where a proof is missing.

use fbuild_project::target::RegionKind;

use super::arguments::{Placed, Work};
use super::error::EsptoolError;
use super::fault::{fault, is_mismatch};
use super::output::Said;
use super::tool::{Esptool, placed, span};
use super::verdicts::{Span, verdicts};
use crate::event::Phase;
use crate::failure::DeployError;
use crate::image::LoadedImages;
use crate::job::Job;
use crate::outcome::Verdict;
use crate::request::Mode;
use crate::search::Sector;

/// Gives every region that can be compared its verdict. What esptool did not give one is written.
pub(super) fn compare(
    job: &mut Job<'_>,
    esptool: &mut Esptool<'_>,
    loaded: &LoadedImages,
) -> Result<(), DeployError> {
    if job.request().mode == Mode::Full {
        return Ok(());
    }
    let asked: Vec<usize> = (0..job.survey().regions.len())
        .filter(|&n| job.survey().regions[n].provable)
        .collect();
    if asked.is_empty() {
        return Ok(());
    }
    let table = table_beside(job, loaded);
    let verdicts = ask(job, esptool, &asked, table, Phase::Verify)?;
    for (&n, verdict) in asked.iter().zip(verdicts) {
        let region = &mut job.survey_mut().regions[n];
        region.verdict = verdict;
        if verdict == Verdict::Match {
            region.sectors.fill(Sector::Match);
            region.searched = true;
        }
    }
    Ok(())
}

/// The project's partition table, where it is not deployed itself and says where the slots are:
/// whether the board has it is found out in the same run.
fn table_beside(job: &Job<'_>, loaded: &LoadedImages) -> Option<(u32, Vec<u8>)> {
    let has = |kind| {
        let mut regions = job.survey().regions.iter();
        regions.any(|region| region.image.region.kind == kind)
    };
    let table = loaded.table().filter(|_| has(RegionKind::App));
    let table = table.filter(|_| !has(RegionKind::PartitionTable))?;
    Some((loaded.table_offset(), table.to_bytes()))
}

/// One `verify-flash` of these regions, and of what else is to be known of the board.
fn ask(
    job: &mut Job<'_>,
    esptool: &mut Esptool<'_>,
    asked: &[usize],
    beside: Option<(u32, Vec<u8>)>,
    phase: Phase,
) -> Result<Vec<Verdict>, DeployError> {
    let regions = &job.survey().regions;
    let mut files: Vec<Placed> = asked.iter().map(|&n| placed(&regions[n])).collect();
    let spans: Vec<Span> = asked.iter().map(|&n| span(&regions[n])).collect();
    if let Some((offset, bytes)) = &beside {
        files.push(esptool.put(*offset, bytes)?);
    }
    let after = job.request().after;
    let mut at = None;
    let mut hear = |said: &Said| {
        let is_done = match said {
            Said::Verifying { offset, len_bytes } => {
                let span = (*offset, *len_bytes);
                at = spans.iter().position(|asked| *asked == span);
                false
            }
            Said::Compared { .. } => true,
            _ => return,
        };
        if let Some(n) = at {
            let total_bytes = u64::from(spans[n].1);
            let done_bytes = if is_done { total_bytes } else { 0 };
            job.progress(asked[n], phase, done_bytes, total_bytes);
        }
    };
    let ran = esptool.run(after, Work::Verify(&files), &mut hear)?;
    if ran.status.success() || is_mismatch(&ran.lines) {
        if let Some((offset, bytes)) = beside {
            let span = (offset, bytes.len() as u32);
            if verdicts(&ran.lines, &[span]) == [Verdict::Match] {
                esptool.known.add(offset, bytes);
            }
        }
        return Ok(verdicts(&ran.lines, &spans));
    }
    let error = fault(&ran.lines, &ran.how(), &job.request().port, "");
    let DeployError::Esptool(EsptoolError::Failed { .. }) = &error else {
        return Err(error);
    };
    // The board is there, and esptool cannot compare for a reason that is not known here: then
    // nothing is known of any region.
    job.note(format!("the board could not be compared: {error}"));
    Ok(vec![Verdict::Unknown; spans.len()])
}

/// esptool hashes each file that it has written, as the native backend does, and says so: that is
/// the proof. What it did not say it of is compared once more.
pub(super) fn prove(
    job: &mut Job<'_>,
    esptool: &mut Esptool<'_>,
    unproved: &[usize],
) -> Result<(), DeployError> {
    let provable = |n: &&usize| job.survey().regions[**n].provable;
    let asked: Vec<usize> = unproved.iter().filter(provable).copied().collect();
    if asked.is_empty() {
        return Ok(());
    }
    let verdicts = ask(job, esptool, &asked, None, Phase::Check)?;
    let wrong = asked
        .iter()
        .zip(verdicts)
        .find(|(_, v)| *v != Verdict::Match);
    match wrong {
        None => Ok(()),
        Some((&n, _)) => {
            let region = job.survey().regions[n].name.to_string();
            Err(EsptoolError::NotProved { region }.into())
        }
    }
}
