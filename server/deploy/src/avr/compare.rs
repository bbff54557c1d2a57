//! Reading what a board holds, to compare it.

use fbuild_loader::stk500::{BootLoader, READ_LIMIT};

use super::images::memory_of;
use crate::event::Phase;
use crate::failure::DeployError;
use crate::job::Job;
use crate::request::Mode;
use crate::search::{SAMPLED_FROM, Sector};

/// Where samples are taken, in sixteenths of the program: neither the beginning nor the end, which changes
/// with every build.
const SAMPLES: [usize; 4] = [9, 3, 13, 6];

/// Gives every region its verdict, page by page.
pub(super) fn compare(job: &mut Job<'_>, loader: &mut dyn BootLoader) -> Result<(), DeployError> {
    if job.request().mode == Mode::Full {
        return Ok(());
    }
    for n in 0..job.survey().regions.len() {
        let total = job.survey().regions[n].sectors.len();
        let samples = if job.request().mode == Mode::Auto && total >= SAMPLED_FROM {
            sample(job, n)
        } else {
            Vec::new()
        };
        let wrong = differing(job, loader, n, &samples, None)?;
        let is_new = !samples.is_empty() && wrong.len() == samples.len();
        let pages = if is_new {
            vec![Sector::Assumed; total]
        } else {
            let all: Vec<usize> = (0..total).collect();
            let mut pages = vec![Sector::Match; total];
            for page in differing(job, loader, n, &all, Some(Phase::Verify))? {
                pages[page] = Sector::Differs;
            }
            pages
        };
        job.survey_mut().regions[n].compared(pages);
    }
    Ok(())
}

/// Some pages whose bytes are not likely to be on a board that holds another program.
fn sample(job: &Job<'_>, n: usize) -> Vec<usize> {
    let region = &job.survey().regions[n];
    let total = region.sectors.len();
    let pages = SAMPLES.iter().map(|sixteenth| total * sixteenth / 16);
    let is_blank = |page: &usize| region.unit_bytes(*page).iter().all(|byte| *byte == 0xFF);
    pages.filter(|page| !is_blank(page)).collect()
}

/// Which of these pages, in their order, do not hold what they should. Without a phase no progress is told.
pub(super) fn differing(
    job: &mut Job<'_>,
    loader: &mut dyn BootLoader,
    n: usize,
    pages: &[usize],
    phase: Option<Phase>,
) -> Result<Vec<usize>, DeployError> {
    let mut wrong = Vec::new();
    let mut done_bytes = 0;
    // As many pages that follow each other as one request reads.
    let mut rest = pages;
    while let Some(&first) = rest.first() {
        let region = &job.survey().regions[n];
        let page_bytes = region.image.unit.len_bytes();
        let memory = memory_of(&region.image);
        let most = (READ_LIMIT / page_bytes).max(1) as usize;
        let together = rest.iter().zip(first..).take(most);
        let count = together.take_while(|&(page, next)| *page == next).count();
        let lengths = (first..first + count).map(|page| region.unit_bytes(page).len() as u32);
        let len_bytes = lengths.sum();
        let held = loader.read(memory, region.sector_offset(first), len_bytes)?;
        for (index, held) in held.chunks(page_bytes as usize).enumerate() {
            if held != region.unit_bytes(first + index) {
                wrong.push(first + index);
            }
        }
        rest = &rest[count..];
        done_bytes += count as u64 * u64::from(page_bytes);
        let total_bytes = pages.len() as u64 * u64::from(page_bytes);
        if let Some(phase) = phase {
            job.progress(n, phase, done_bytes, total_bytes);
        }
    }
    Ok(wrong)
}
