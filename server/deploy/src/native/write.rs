//! Carry out a plan.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use fbuild_chip::flash::SECTOR_LEN;
use fbuild_loader::session::{Session, WriteRun};

use super::{Native, in_place};
use crate::cost::Measured;
use crate::event::Phase;
use crate::failure::DeployError;
use crate::image::board::THREE_BYTE_END;
use crate::job::Job;
use crate::job::cycles::{compress, pays, pieces};
use crate::job::survey::Region;
use crate::plan::{Plan, PlannedRun};
use crate::search::SECTORS_PER_BLOCK;

/// Payload of a data block in a cycle that is erased sector by sector. The stub begins an erase when
/// it takes a block, so that blocks of about one compressed sector keep flash and wire busy at once
/// (measured: 6 % of a write of scattered sectors).
const SHORT_BLOCK_LEN: u32 = 0x1000;
/// Pieces that are compressed ahead of the one being written.
const AHEAD: usize = 1;

/// Erases and writes what the plan says, in its order.
pub(super) fn write(
    job: &mut Job<'_>,
    native: &mut Native,
    plan: &Plan,
) -> Result<(), DeployError> {
    if plan.runs.is_empty() {
        return Ok(());
    }
    job.survey_mut().look_beside(&mut native.session, plan)?;
    let differences: Vec<_> = job
        .survey_mut()
        .regions
        .iter_mut()
        .map(|region| {
            // A megabyte or more that nobody asks for any more: what is written is written from a copy of the regions.
            region.old = None;
            region.differences.take()
        })
        .collect();
    let is_same_way = |a: &PlannedRun, b: &PlannedRun| {
        let ways = [a, b].map(|run| differences[run.region].is_some());
        ways == [false, false] || a.region == b.region
    };
    for runs in plan.runs.chunk_by(is_same_way) {
        match &differences[runs[0].region] {
            Some(differences) => in_place::write(job, native, runs[0].region, differences)?,
            None => write_runs(
                job,
                &mut native.session,
                &Plan {
                    runs: runs.to_vec(),
                },
            )?,
        }
    }
    job.written();
    Ok(())
}

/// Erases and writes in begin/data cycles.
fn write_runs(job: &mut Job<'_>, session: &mut Session, plan: &Plan) -> Result<(), DeployError> {
    let pieces = pieces(&plan.runs, &job.survey().regions);
    // As they are before; the images' bytes are shared.
    let (regions, measured) = (&job.survey().regions.clone(), job.survey().measured);
    let flash_bytes = job.survey().flash_bytes();
    let deflate = session.can_inflate();
    let mut last_deflated = false;
    std::thread::scope(|scope| {
        let (sender, receiver) = sync_channel(AHEAD);
        let to_compress = &pieces;
        scope.spawn(move || {
            let measured = deflate.then_some(&measured);
            compress_ahead(to_compress, regions, measured, &sender);
        });
        write_pieces(
            session,
            &receiver,
            regions,
            flash_bytes,
            plan,
            &mut |progress| {
                last_deflated = progress.deflated;
                let n = progress.taken.region;
                let region = &mut job.survey_mut().regions[n];
                region.sent_bytes += progress.sent_now;
                region.touched = true;
                region.written[progress.taken.sectors].fill(true);
                job.writing(n);
                let (done, total) = (progress.done_bytes, progress.total_bytes);
                job.progress(n, Phase::Write, done, total);
            },
        )
    })?;
    session.finish_writing(last_deflated)?;
    Ok(())
}

/// A piece, compressed where that helps.
struct Piece {
    run: PlannedRun,
    deflated: Option<Vec<u8>>,
}

/// How far the writing is.
struct Progress {
    /// What the loader took of the piece that is being written.
    taken: PlannedRun,
    done_bytes: u64,
    total_bytes: u64,
    sent_now: u64,
    deflated: bool,
}

/// Whether the stub erases none of these sectors as a block.
fn is_erased_by_sector(region: &Region, run: &PlannedRun) -> bool {
    let sectors = region.in_flash(&run.sectors);
    sectors.start.next_multiple_of(SECTORS_PER_BLOCK) + SECTORS_PER_BLOCK > sectors.end
}

/// Compresses pieces in order, for a loader that can inflate, until they are all handed over or
/// nobody wants them any more.
fn compress_ahead(
    pieces: &[PlannedRun],
    regions: &[Region],
    inflating: Option<&Measured>,
    sender: &SyncSender<Piece>,
) {
    for run in pieces {
        let region = &regions[run.region];
        let plain = &region.image.bytes[run.bytes()];
        // Ciphertext is made on the chip: what goes over the wire still shrinks.
        let deflated = inflating.and_then(|measured| {
            let stream = compress(plain);
            pays(measured, region, run, stream.len()).then_some(stream)
        });
        if sender
            .send(Piece {
                run: run.clone(),
                deflated,
            })
            .is_err()
        {
            return;
        }
    }
}

fn write_pieces(
    session: &mut Session,
    pieces: &Receiver<Piece>,
    regions: &[Region],
    flash_bytes: u32,
    plan: &Plan,
    on_progress: &mut dyn FnMut(Progress),
) -> Result<(), DeployError> {
    let mut done = vec![0; regions.len()];
    for piece in pieces {
        let n = piece.run.region;
        let region = &regions[n];
        let total_bytes = (plan.sectors_of(n) * SECTOR_LEN as usize) as u64;
        let before: u64 = done[n];
        let deflated = piece.deflated.is_some();
        let taken = |plain_done: u64| {
            let start = piece.run.sectors.start;
            PlannedRun {
                region: n,
                sectors: start..start + (plain_done / u64::from(SECTOR_LEN)) as usize,
            }
        };
        // From here on the board is not what it was, even if not one block gets through.
        on_progress(Progress {
            taken: taken(0),
            done_bytes: before,
            total_bytes,
            sent_now: 0,
            deflated,
        });
        // A request that is damaged on the way erases nothing beyond what it is to write but the
        // sector that is hashed afterwards anyway. Where addresses have four bytes, no loader was
        // seen to take a size that needs three.
        if flash_bytes <= THREE_BYTE_END {
            let end = region.sector_offset(piece.run.sectors.end + 1);
            session.bound_flash(end.min(flash_bytes))?;
        }
        let run = WriteRun {
            offset: region.sector_offset(piece.run.sectors.start),
            plain: &region.image.bytes[piece.run.bytes()],
            deflated: piece.deflated.as_deref(),
            encrypt: region.encrypt,
            block_len: is_erased_by_sector(region, &piece.run).then_some(SHORT_BLOCK_LEN),
        };
        let mut sent_before = 0;
        session.write_run(run, &mut |plain_done, sent| {
            on_progress(Progress {
                taken: taken(plain_done),
                done_bytes: before + plain_done,
                total_bytes,
                sent_now: sent - sent_before,
                deflated,
            });
            sent_before = sent;
        })?;
        done[n] += piece.run.bytes().len() as u64;
    }
    Ok(())
}
