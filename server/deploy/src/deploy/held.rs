//! A full flash writes what the board may hold already, and there a right hash does not show that it was
//! written: it may have gone elsewhere. So what is held is overwritten with something else first.

use fbuild_loader::SECTOR_LEN;
use fbuild_loader::session::{Session, WriteRun, md5_of};

use super::survey::Region;
use super::write::{compress, pieces};
use super::{Job, Mode};
use crate::failure::{BoardState, DeployError};
use crate::plan::Plan;

impl Job<'_> {
    /// Overwrites what the board holds of a full flash's plan. Whether that went wrong somewhere is
    /// remembered for the proof.
    pub(super) fn overwrite_what_is_held(
        &mut self,
        session: &mut Session,
        plan: &Plan,
    ) -> Result<(), DeployError> {
        if self.request.mode != Mode::Full || session.secure_download() {
            return Ok(());
        }
        for piece in pieces(&plan.runs, &self.survey.regions) {
            let n = piece.region;
            if !self.survey.regions[n].provable || !self.survey.holds(session, n, &piece.sectors)? {
                continue;
            }
            let region = &self.survey.regions[n];
            let offset = region.sector_offset(piece.sectors.start);
            let other = other_than(region, &piece.bytes());
            self.state = BoardState::Writing {
                region: region.name.to_string(),
            };
            session.bound_flash(offset + other.len() as u32 + SECTOR_LEN)?;
            let stream = compress(&other);
            let deflated = session.can_inflate().then_some(&stream[..]);
            let run = WriteRun {
                offset,
                plain: &other,
                deflated,
                encrypt: false,
                block_len: None,
            };
            session.write_run(run, &mut |_, _| {})?;
            session.finish_writing(deflated.is_some())?;
            self.survey.went_astray |= session.md5(offset, other.len() as u32)? != md5_of(&other);
        }
        Ok(())
    }
}

/// As many bytes that differ from the region's in every sector.
fn other_than(region: &Region, bytes: &std::ops::Range<usize>) -> Vec<u8> {
    let sectors = region.image.bytes[bytes.clone()].chunks(SECTOR_LEN as usize);
    let other = |sector: &[u8]| {
        let is_zero = sector.iter().all(|byte| *byte == 0);
        vec![if is_zero { 0xFF } else { 0 }; sector.len()]
    };
    sectors.flat_map(other).collect()
}
