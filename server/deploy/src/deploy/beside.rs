//! What lies beside a run and belongs to no region: NVS, user data, free space. A write or an erase that
//! goes too far begins there.

use std::collections::BTreeSet;

use fbuild_loader::SECTOR_LEN;
use fbuild_loader::error::LoaderError;
use fbuild_loader::session::Session;

use super::survey::Survey;
use crate::plan::Plan;

impl Survey {
    /// Offsets of the sectors next to what a plan writes that lie in no region of this deploy.
    pub(super) fn beside(&self, plan: &Plan) -> BTreeSet<u32> {
        let is_outside = |offset: &u32| {
            *offset < self.flash_bytes()
                && !self.regions.iter().any(|region| {
                    let end = region.sector_offset(region.sectors.len());
                    (region.image.region.offset..end).contains(offset)
                })
        };
        let neighbours = plan.runs.iter().flat_map(|run| {
            let region = &self.regions[run.region];
            let before = region
                .sector_offset(run.sectors.start)
                .checked_sub(SECTOR_LEN);
            before
                .into_iter()
                .chain([region.sector_offset(run.sectors.end)])
        });
        neighbours.filter(is_outside).collect()
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
            if !self.beside.contains_key(&offset) {
                let digest = self.hash(session, offset, SECTOR_LEN)?;
                self.beside.insert(offset, digest);
            }
        }
        Ok(())
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
