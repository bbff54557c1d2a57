//! What a plan must leave alone and could touch: sectors that belong to no region of this deploy, such as
//! NVS, user data and free space.
//!
//! A write or an erase that goes too far begins right beside its run. One whose offset is damaged on the
//! way goes where one bit of it leads; a hash of the run shows that, unless the board held there already
//! what was to be written.

use std::collections::BTreeSet;

use fbuild_chip::flash::SECTOR_LEN;
use fbuild_loader::error::LoaderError;
use fbuild_loader::session::{Session, md5_of};

use crate::image::board::THREE_BYTE_END;
use crate::job::cycles::pieces;
use crate::job::survey::{Region, Survey};
use crate::plan::{Plan, PlannedRun};
use crate::search::{Sector, in_bytes};

impl Survey {
    /// Whether the sector at this offset is on the flash and in no region of this deploy.
    fn is_outside(&self, offset: u32) -> bool {
        let mut ranges = self.regions.iter().map(Region::range);
        offset < self.flash_bytes() && !ranges.any(|range| range.contains(&offset))
    }

    /// Offsets of the sectors next to what a plan writes that lie in no region of this deploy.
    pub(super) fn beside(&self, plan: &Plan) -> BTreeSet<u32> {
        let neighbours = plan.runs.iter().flat_map(|run| {
            let region = &self.regions[run.region];
            let before = region
                .sector_offset(run.sectors.start)
                .checked_sub(SECTOR_LEN);
            before
                .into_iter()
                .chain([region.sector_offset(run.sectors.end)])
        });
        neighbours
            .filter(|offset| self.is_outside(*offset))
            .collect()
    }

    /// Remembers what they hold, before the plan is carried out.
    pub(super) fn look_beside(
        &mut self,
        session: &mut Session,
        plan: &Plan,
    ) -> Result<(), LoaderError> {
        if session.secure_download() {
            return Ok(());
        }
        for offset in self.beside(plan) {
            self.look_at(session, offset)?;
        }
        for piece in pieces(&plan.runs, &self.regions) {
            let sectors = &self.regions[piece.region].sectors[piece.sectors.clone()];
            // What is known to differ is known to have been written once it matches.
            if !sectors.contains(&Sector::Differs) {
                self.look_where_it_may_go(session, &piece)?;
            }
        }
        Ok(())
    }

    /// Remembers, for each place that one bit of the piece's offset leads to, a sector that would show
    /// that the piece was written there.
    fn look_where_it_may_go(
        &mut self,
        session: &mut Session,
        piece: &PlannedRun,
    ) -> Result<(), LoaderError> {
        let region = &self.regions[piece.region];
        let start = region.sector_offset(piece.sectors.start);
        // Lower bits do not lead past the sectors beside the run.
        // A loader that was told that the flash ends with the piece does not go beyond it.
        let is_bounded = self.flash_bytes() <= THREE_BYTE_END;
        let end = if is_bounded {
            start
        } else {
            self.flash_bytes()
        };
        let places = (SECTOR_LEN.ilog2()..u32::BITS).map(|bit| start ^ (1 << bit));
        for place in places.filter(|place| *place < end) {
            for (sector, at) in piece
                .sectors
                .clone()
                .zip((place..).step_by(SECTOR_LEN as usize))
            {
                if !self.is_outside(at) {
                    continue;
                }
                let image = &self.regions[piece.region].image.bytes;
                let to_come = md5_of(&image[in_bytes(&(sector..sector + 1))]);
                if self.look_at(session, at)? != to_come {
                    break;
                }
            }
        }
        Ok(())
    }

    /// What a sector held before, asked for once.
    fn look_at(&mut self, session: &mut Session, offset: u32) -> Result<[u8; 16], LoaderError> {
        if let Some(digest) = self.beside.get(&offset) {
            return Ok(*digest);
        }
        let digest = self.hash(session, offset, SECTOR_LEN)?;
        self.beside.insert(offset, digest);
        Ok(digest)
    }

    /// The first of them that holds something else by now.
    pub(super) fn changed_beside(
        &mut self,
        session: &mut Session,
    ) -> Result<Option<u32>, LoaderError> {
        for (offset, before) in self.beside.clone() {
            if self.hash(session, offset, SECTOR_LEN)? != before {
                return Ok(Some(offset));
            }
        }
        Ok(None)
    }
}
