//! Carry out a plan through esptool.

use fbuild_loader::reset::After;

use super::arguments::{Placed, Work};
use super::fault::fault;
use super::output::Said;
use super::tool::{Esptool, placed, span};
use crate::event::Phase;
use crate::failure::DeployError;
use crate::job::Job;
use crate::job::survey::Region;
use crate::plan::Plan;
use fbuild_project::flash_size::size_name;

/// Writes what is planned, in that order. Returns the regions that esptool did not prove.
pub(super) fn write(
    job: &mut Job<'_>,
    esptool: &mut Esptool<'_>,
    plan: &Plan,
) -> Result<Vec<usize>, DeployError> {
    let mut order: Vec<usize> = plan.runs.iter().map(|run| run.region).collect();
    order.dedup();
    let mut unproved = Vec::new();
    let regions = &job.survey().regions;
    // One run encrypts everything or nothing.
    let groups: Vec<Vec<usize>> = order
        .chunk_by(|&a, &b| regions[a].encrypt == regions[b].encrypt)
        .map(<[usize]>::to_vec)
        .collect();
    for (n, group) in groups.iter().enumerate() {
        let is_last = n + 1 == groups.len();
        let after = if is_last {
            job.request().after
        } else {
            After::NoReset
        };
        unproved.extend(write_group(job, esptool, group, after)?);
    }
    if !order.is_empty() {
        job.written();
    }
    Ok(unproved)
}

fn write_group(
    job: &mut Job<'_>,
    esptool: &mut Esptool<'_>,
    group: &[usize],
    after: After,
) -> Result<Vec<usize>, DeployError> {
    let files: Vec<Placed> = group
        .iter()
        .map(|&n| placed(&job.survey().regions[n]))
        .collect();
    // Without it the ROM refuses what follows the size that it takes for granted.
    let size = esptool.secure_download.then(|| job.survey().flash_bytes());
    let work = Work::Write {
        files: &files,
        flash_size: size.and_then(size_name),
        encrypt: group.iter().any(|&n| job.survey().regions[n].encrypt),
        force: job.request().force,
    };
    let mut writing = Writing::new(group);
    let mut hear = |said: &Said| writing.hear(said, job);
    let ran = esptool.run(after, work, &mut hear)?;
    if !ran.status.success() {
        let region = &job.survey().regions[writing.now];
        return Err(fault(
            &ran.lines,
            &ran.how(),
            &job.request().port,
            &region.name,
        ));
    }
    Ok(writing.unproved)
}

/// Follows one `write-flash`.
struct Writing<'g> {
    group: &'g [usize],
    /// The region that is being written.
    now: usize,
    /// The region that was written last, until it is proved.
    written: Option<usize>,
    unproved: Vec<usize>,
}

impl<'g> Writing<'g> {
    /// `group` is not empty.
    fn new(group: &'g [usize]) -> Self {
        Self {
            group,
            now: group.first().copied().unwrap_or_default(),
            written: None,
            unproved: group.to_vec(),
        }
    }

    fn hear(&mut self, said: &Said, job: &mut Job<'_>) {
        let tell = |job: &mut Job<'_>, n: usize, phase, thousandths: u64| {
            let total_bytes = job.survey().regions[n].image.bytes.len() as u64;
            let done_bytes = total_bytes * thousandths / 1000;
            job.progress(n, phase, done_bytes, total_bytes);
        };
        let regions = &mut job.survey_mut().regions;
        match said {
            Said::Touching => {}
            Said::Writing {
                offset,
                thousandths,
            } => {
                self.now = self.region_at(*offset, regions);
                let region = &mut regions[self.now];
                let n_sectors = region.written.len() * *thousandths as usize / 1000;
                region.touched = true;
                region.written[..n_sectors].fill(true);
                // Its end is told by `Wrote`, once.
                let thousandths = u64::from(*thousandths).min(999);
                tell(job, self.now, Phase::Write, thousandths);
            }
            Said::Wrote {
                offset,
                len_bytes,
                sent_bytes,
            } => {
                let wrote = (*offset, *len_bytes);
                let found = self.group.iter().find(|&&n| span(&regions[n]) == wrote);
                self.written = found.copied();
                if let Some(n) = self.written {
                    let region = &mut regions[n];
                    region.sent_bytes += u64::from(*sent_bytes);
                    region.touched = true;
                    region.written.fill(true);
                    tell(job, n, Phase::Write, 1000);
                    if job.survey().regions[n].provable {
                        tell(job, n, Phase::Check, 0);
                    }
                    self.now = self.after(n);
                }
            }
            Said::Proved => {
                if let Some(n) = self.written.take() {
                    self.unproved.retain(|&unproved| unproved != n);
                    tell(job, n, Phase::Check, 1000);
                }
            }
            _ => return,
        }
        job.writing(self.now);
    }

    /// esptool writes in the order that it is given. The end of one region may be the beginning of
    /// another: the one that is due comes before others.
    fn region_at(&self, offset: u32, regions: &[Region]) -> usize {
        let reaches = |n: &usize| {
            let (start, len_bytes) = span(&regions[*n]);
            (start..=start + len_bytes).contains(&offset)
        };
        let due = [self.now];
        let found = due.iter().chain(self.group).find(|n| reaches(n));
        found.copied().unwrap_or(self.now)
    }

    /// The region after this one.
    fn after(&self, region: usize) -> usize {
        let next = self.group.iter().skip_while(|&&n| n != region).nth(1);
        next.copied().unwrap_or(region)
    }
}
