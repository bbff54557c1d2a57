//! A new partition table must not silently make the firmware lose what it has stored.

use fbuild_loader::error::LoaderError;
use fbuild_loader::session::{Session, md5_of};

use super::boot_slot::read_table;
use super::{Job, Mode};
use crate::failure::DeployError;
use crate::image::{BoardFacts, LoadedImages};
use crate::outcome::Verdict;
use crate::partitions::Partition;
use crate::partitions::loss::{Fate, Loss, losses, losses_text};
use crate::target::RegionKind;

/// A partition is looked at in steps of this, up to the first that is not blank. File systems and NVS
/// keep what they start from at their beginning, so that one step is the rule.
const STEP_BYTES: u32 = 256 * 1024;

/// Blank flash that is looked through at most, all partitions together: some seconds with a stub, a
/// dozen with the slowest ROM. What lies behind it is taken for blank, too.
const LOOKED_AT_BYTES: u32 = 8 * 1024 * 1024;

impl Job<'_> {
    /// Where the table is going to be replaced: compares it with the one on the board, and tells
    /// which data partitions the firmware will not find again. With [`super::Request::keep_data`]
    /// the deploy ends here instead.
    pub(super) fn look_after_data(
        &mut self,
        session: &mut Session,
        loaded: &LoadedImages,
        facts: &BoardFacts,
    ) -> Result<(), DeployError> {
        let regions = &self.survey.regions;
        let table = regions
            .iter()
            .find(|region| region.image.region.kind == RegionKind::PartitionTable);
        let Some(region) = table.filter(|region| region.verdict != Verdict::Match) else {
            return Ok(());
        };
        let offset = region.image.region.offset;
        // What is there cannot be read, or is not what it reads as.
        if facts.security.secure_download || facts.security.flash_encryption {
            return Ok(());
        }
        let Some(new) = loaded.table() else {
            return Ok(());
        };
        let Some(old) = read_table(session, offset)? else {
            return Ok(());
        };
        let mut lost = Vec::new();
        let mut left_bytes = LOOKED_AT_BYTES;
        for loss in losses(&old, new) {
            if !self.is_replaced(&loss)
                && self.has_data(session, &loss.partition, facts, &mut left_bytes)?
            {
                lost.push(loss);
            }
        }
        if lost.is_empty() {
            return Ok(());
        }
        let is_written = matches!(self.request.mode, Mode::Auto | Mode::Full);
        if is_written && self.request.keep_data {
            return Err(DeployError::DataLoss {
                what: losses_text(&lost),
            });
        }
        self.note(losses_text(&lost));
        Ok(())
    }

    /// Whether this deploy brings the data for its new place itself.
    fn is_replaced(&self, loss: &Loss) -> bool {
        let place = match loss.fate {
            Fate::Gone => return false,
            Fate::Moved { to } => to,
            Fate::Shrunk { .. } => loss.partition.offset,
        };
        let mut regions = self.survey.regions.iter();
        regions.any(|region| region.image.region.offset == place)
    }

    /// Whether a partition is not blank. Takes what it looked through from `left_bytes`.
    fn has_data(
        &mut self,
        session: &mut Session,
        partition: &Partition,
        facts: &BoardFacts,
        left_bytes: &mut u32,
    ) -> Result<bool, LoaderError> {
        let flash = facts.flash_size.map_or(u64::MAX, u64::from);
        if partition.end() > flash {
            return Ok(false);
        }
        let mut done = 0;
        while done < partition.size && *left_bytes > 0 {
            let len_bytes = STEP_BYTES.min(partition.size - done).min(*left_bytes);
            let blank = md5_of(&vec![0xFF; len_bytes as usize]);
            if self
                .survey
                .hash(session, partition.offset + done, len_bytes)?
                != blank
            {
                return Ok(true);
            }
            done += len_bytes;
            *left_bytes -= len_bytes;
        }
        Ok(false)
    }
}
