//! Change what a board holds into what it is to hold by sending the differences, where that is known to work and faster.

use std::ops::Range;

use fbuild_chip::flash::SECTOR_LEN;
use fbuild_loader::delta::place;
use fbuild_loader::error::LoaderError;
use fbuild_loader::session::{LoaderKind, Session};
use fbuild_project::target::RegionKind;

use super::Native;
use super::ahead::Ahead;
use crate::delta::{Change, Differences, differences, units};
use crate::event::Phase;
use crate::failure::DeployError;
use crate::image::board::THREE_BYTE_END;
use crate::image::is_app;
use crate::job::Job;
use crate::job::survey::Region;
use crate::old_images::OldImages;
use crate::request::Mode;
use crate::search::{SAMPLED_FROM, Sector};

/// Share of the ordinary way's time that differences may take: less gain is not worth their risk.
const WORTH: f64 = 0.85;

/// Whether an image may be changed in place. What failed once is not tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InPlace {
    Allowed,
    /// It is what the attempt failed at that has just ended.
    Failed,
    Off,
}

/// Begins to look for differences to what the board probably holds: that takes up to some tenths of a second.
pub(super) fn begin(job: &Job<'_>, native: &mut Native) {
    native.ahead.clear();
    let dir = job.request().old_images.as_deref();
    let is_asked_for = matches!(job.request().mode, Mode::Auto | Mode::Plan);
    let is_on_a_wire = job.survey().measured.baud.is_some();
    let Some(dir) = dir.filter(|_| is_asked_for && is_on_a_wire && may_be_tried(job, native))
    else {
        return;
    };
    let kept = OldImages::new(dir);
    for region in &job.survey().regions {
        if region.sectors.len() >= SAMPLED_FROM && may_be_changed(region) {
            let (offset, bytes) = (region.image.region.offset, &region.image.bytes);
            let ahead = Ahead::begin(&kept, offset, bytes);
            native
                .ahead
                .extend(ahead.map(|it| (region.name.clone(), it)));
        }
    }
}

/// Finds the differences of each region whose old image is known, where they pay.
pub(super) fn consider(job: &mut Job<'_>, native: &mut Native) {
    if native.session.kind() != LoaderKind::Stub || !may_be_tried(job, native) {
        return;
    }
    let known = job.survey().regions.iter();
    let known: Vec<Vec<Sector>> = known.map(|region| region.sectors.clone()).collect();
    for n in 0..job.survey().regions.len() {
        let ahead = native.ahead.remove(&job.survey().regions[n].name);
        let Some(old) = old_image(&mut job.survey_mut().regions[n]) else {
            continue;
        };
        let region = &job.survey().regions[n];
        let change = Change {
            offset: region.image.region.offset,
            old: &old,
            new: &region.image.bytes,
        };
        let to_write: Vec<bool> = known[n].iter().map(|it| it.is_to_be_written()).collect();
        let units = units(change.offset, &to_write);
        let ordinary_s = seconds(job, &known, n);
        let most_s = WORTH * ordinary_s;
        // Most of the time nothing is won: that is known before looking for differences.
        if units.is_empty()
            || job
                .survey()
                .measured
                .in_place_s(&change.without_streams(&units))
                > most_s
        {
            continue;
        }
        let ahead = ahead.and_then(|ahead| ahead.differences(&old, &units));
        let Some(found) = ahead.or_else(|| differences(&change, &units)) else {
            continue;
        };
        job.survey_mut().regions[n].differences = Some(found);
        if seconds(job, &known, n) > most_s {
            job.survey_mut().regions[n].differences = None;
        }
    }
}

/// Where it was seen to work, or a person wants it all the same, and what is read from flash is what was written.
fn may_be_tried(job: &Job<'_>, native: &Native) -> bool {
    let is_plain = job
        .board()
        .is_some_and(|board| !board.security.flash_encryption && !board.security.secure_download);
    job.request().delta
        && native.in_place == InPlace::Allowed
        && place::for_chip(native.session.chip())
            .is_some_and(|place| place.was_seen || job.request().delta_on_any_chip)
        && is_plain
        && job.survey().flash_bytes() <= THREE_BYTE_END
}

/// What an app is to be made from, if that is known.
fn old_image(region: &mut Region) -> Option<Vec<u8>> {
    region.old.take().filter(|_| may_be_changed(region))
}

/// An app. A list of files without an "app" does not say which one it is; the file does.
fn may_be_changed(region: &Region) -> bool {
    let is_app = region.image.region.kind == RegionKind::App || is_app(&region.image.bytes);
    is_app && region.provable
}

/// What a plan for this region is expected to take.
fn seconds(job: &Job<'_>, known: &[Vec<Sector>], n: usize) -> f64 {
    let summary = job.survey().summarize(&job.plan_for(known), false);
    let name = &job.survey().regions[n].name;
    let writes = summary.writes.iter().filter(|write| write.region == *name);
    writes.map(|write| write.predicted.as_secs_f64()).sum()
}

/// Sends the differences.
pub(super) fn write(
    job: &mut Job<'_>,
    native: &mut Native,
    n: usize,
    differences: &Differences,
) -> Result<(), DeployError> {
    let result = send(job, &mut native.session, n, differences);
    if result.is_err() {
        native.in_place = InPlace::Failed;
    }
    Ok(result?)
}

fn send(
    job: &mut Job<'_>,
    session: &mut Session,
    n: usize,
    differences: &Differences,
) -> Result<(), LoaderError> {
    let Range { start: first, end } = job.survey().regions[n].range();
    session.bound_flash(end)?;
    let mut plugin = session.start_delta(first, end)?;
    let total_bytes = differences.made_bytes();
    let mut done_bytes = 0;
    for piece in &differences.pieces {
        // From here on the board is not what it was.
        job.writing(n);
        job.survey_mut().regions[n].touched = true;
        plugin.send(piece)?;
        let region = &mut job.survey_mut().regions[n];
        let start = ((piece.at - first) / SECTOR_LEN) as usize;
        let sectors = (piece.len_bytes / SECTOR_LEN) as usize;
        region.written[start..start + sectors].fill(true);
        region.sent_bytes += piece.stream.len() as u64;
        region.delta_bytes += piece.stream.len() as u64;
        done_bytes += u64::from(piece.len_bytes);
        job.progress(n, Phase::Write, done_bytes, total_bytes);
    }
    plugin.finish()
}
