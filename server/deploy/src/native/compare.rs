//! Ask the board what it holds.

use std::ops::Range;
use std::sync::Arc;

use fbuild_chip::flash::SECTOR_LEN;
use fbuild_loader::error::LoaderError;
use fbuild_loader::session::{Session, md5_of};

use super::loader::unique;
use crate::event::Phase;
use crate::failure::DeployError;
use crate::image::is_app;
use crate::job::Job;
use crate::old_images::{OldImages, sector_digests};
use crate::plan::Plan;
use crate::request::Mode;
use crate::search::{Found, SAMPLED_FROM, Search, Sector, in_bytes, recognize};

/// What a region's place on the board probably holds.
struct Guess {
    bytes: Vec<u8>,
    is_unique: Vec<bool>,
}

impl Guess {
    fn new(bytes: Vec<u8>, digests: &[[u8; 16]]) -> Self {
        let is_unique = unique(&[&bytes], &[digests.to_vec()]).remove(0);
        Self { bytes, is_unique }
    }

    /// Whether a digest that is right for these sectors may be the answer to another question, as in
    /// the survey's `hash_sectors`.
    fn may_be_elsewhere(&self, sectors: &Range<usize>, digest: [u8; 16]) -> bool {
        let is_unique = self.is_unique.get(sectors.clone());
        let held = self.bytes.get(in_bytes(sectors));
        is_unique.is_some_and(|unique| !unique.contains(&true))
            && held.is_some_and(|held| digest == md5_of(held))
    }
}

/// Gives every region that can be compared its verdict, sector by sector.
pub(super) fn compare(job: &mut Job<'_>, session: &mut Session) -> Result<(), DeployError> {
    if job.request().mode == Mode::Full {
        return Ok(());
    }
    for n in 0..job.survey().regions.len() {
        if !job.survey().regions[n].provable {
            continue;
        }
        let left: u64 = job.survey().regions[n..]
            .iter()
            .map(|region| region.image.bytes.len() as u64)
            .sum();
        if job.survey().measured.hash_bytes_per_s.is_some() {
            job.survey_mut().start_stub_if_it_pays(session, left, 0)?;
        }
        compare_region(job, session, n)?;
    }
    Ok(())
}

fn compare_region(job: &mut Job<'_>, session: &mut Session, n: usize) -> Result<(), DeployError> {
    let is_deploy = job.request().mode == Mode::Auto;
    let write_costs = job.survey().measured.write_costs();
    let search = Search {
        chunk_sectors: job.survey().measured.chunk_sectors(),
        first_tells: is_app(&job.survey().regions[n].image.bytes),
        // A verify shows how much differs; a deploy wants to get on.
        sample: is_deploy,
        enough: write_costs.sectors_for_a_block().filter(|_| is_deploy),
    };
    let old = guess(job, session, n)?;
    let found = search_board(job, session, n, search, old.as_ref())?;
    let region = &mut job.survey_mut().regions[n];
    region.old = old.filter(|_| found.is_as_guessed).map(|old| old.bytes);
    region.looks_blank = found.looks_blank;
    region.compared(found.sectors);
    Ok(())
}

/// Every sector of every region again, after something went wrong: the plan that puts right what
/// differs now.
pub(super) fn compare_again(job: &mut Job<'_>, session: &mut Session) -> Result<Plan, DeployError> {
    let search = Search {
        chunk_sectors: job.survey().measured.chunk_sectors(),
        first_tells: false,
        sample: false,
        enough: None,
    };
    let mut found = Vec::new();
    for n in 0..job.survey().regions.len() {
        let region = &job.survey().regions[n];
        found.push(if region.provable {
            search_board(job, session, n, search, None)?.sectors
        } else {
            vec![Sector::Match; region.sectors.len()]
        });
    }
    Ok(job.plan_for(&found))
}

/// What the board held before, if that is remembered and a hash or two of the board agree.
fn guess(job: &mut Job<'_>, session: &mut Session, n: usize) -> Result<Option<Guess>, DeployError> {
    let region = &job.survey().regions[n];
    let dir = job.request().old_images.as_deref();
    let Some(dir) = dir.filter(|_| region.sectors.len() >= SAMPLED_FROM) else {
        return Ok(None);
    };
    let old = OldImages::new(dir).newest();
    let digests: Vec<&[[u8; 16]]> = old.iter().map(|old| old.digests.as_slice()).collect();
    let new = sector_digests(&region.image.bytes);
    let found = recognize(&digests, &new, &mut |sectors| {
        let offset = job.survey().regions[n].sector_offset(sectors.start);
        job.survey_mut().hash(session, offset, SECTOR_LEN)
    })?;
    let guess = found.and_then(|at| Some(Guess::new(old[at].bytes()?, &old[at].digests)));
    Ok(guess)
}

fn search_board(
    job: &mut Job<'_>,
    session: &mut Session,
    n: usize,
    search: Search,
    old: Option<&Guess>,
) -> Result<Found, DeployError> {
    let bytes = Arc::clone(&job.survey().regions[n].image.bytes);
    let offset = job.survey().regions[n].image.region.offset;
    let total_bytes = bytes.len() as u64;
    // Stretches are asked about in order: what lies before one is settled. Single sectors are
    // samples, or inside a block that differs.
    let mut settled = 0;
    job.progress(n, Phase::Verify, settled, total_bytes);
    let guessed = old.map(|old| old.bytes.as_slice());
    let found = search.run(offset, &bytes, guessed, &mut |range: Range<usize>| {
        let before = range.start as u64 * u64::from(SECTOR_LEN);
        if range.len() > 1 && before > settled {
            settled = before;
            job.progress(n, Phase::Verify, settled, total_bytes);
        }
        let survey = job.survey_mut();
        let was_measured = survey.measured.hash_bytes_per_s.is_some();
        let expected = &bytes[in_bytes(&range)];
        let mut digest = survey.hash_sectors(session, n, range.clone(), expected)?;
        let may_be_elsewhere = old.is_some_and(|old| old.may_be_elsewhere(&range, digest));
        let was = guessed.and_then(|old| old.get(in_bytes(&range)));
        let meant: Vec<&[u8]> = was.into_iter().chain([expected]).collect();
        if may_be_elsewhere || survey.may_be_a_twins(session, n, &range, digest, &meant)? {
            digest = survey.hash_sectors(session, n, range.clone(), expected)?;
        }
        if !was_measured && survey.measured.hash_bytes_per_s.is_some() {
            let hashed = range.end as u64 * u64::from(SECTOR_LEN);
            survey.start_stub_if_it_pays(session, total_bytes - hashed, 0)?;
        }
        Ok::<_, LoaderError>(digest)
    })?;
    job.progress(n, Phase::Verify, total_bytes, total_bytes);
    Ok(found)
}
