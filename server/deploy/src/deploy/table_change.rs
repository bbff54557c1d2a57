//! A new partition table must not silently make the firmware lose what it has stored.

use super::boot_slot::read_table;
use super::on_board::OnBoard;
use super::{Job, Mode};
use crate::failure::DeployError;
use crate::image::{BoardFacts, LoadedImages};
use crate::outcome::Verdict;
use crate::partitions::loss::{Fate, Loss, losses, losses_text};
use crate::target::RegionKind;

/// Blank flash that is looked through at most, all partitions together: some seconds with a stub, a
/// dozen with the slowest ROM. What lies behind it is taken for blank, too.
const LOOKED_AT_BYTES: u32 = 8 * 1024 * 1024;

impl Job<'_> {
    /// Where the table is going to be replaced: compares it with the one on the board, and tells
    /// which data partitions the firmware will not find again. With [`super::Request::keep_data`]
    /// the deploy ends here instead.
    pub(crate) fn look_after_data(
        &mut self,
        board: &mut dyn OnBoard,
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
        let Some(old) = read_table(board, offset)? else {
            return Ok(());
        };
        let flash = facts.flash_size.map_or(u64::MAX, u64::from);
        let mut left_bytes = LOOKED_AT_BYTES;
        let (mut lost, mut stretches) = (Vec::new(), Vec::new());
        for loss in losses(&old, new) {
            let len_bytes = loss.partition.size.min(left_bytes);
            if len_bytes == 0 || loss.partition.end() > flash || self.is_replaced(&loss) {
                continue;
            }
            left_bytes -= len_bytes;
            stretches.push((loss.partition.offset, len_bytes));
            lost.push(loss);
        }
        if lost.is_empty() {
            return Ok(());
        }
        let mut blank = board.are_blank(&stretches)?.into_iter();
        lost.retain(|_| blank.next() != Some(true));
        if lost.is_empty() {
            return Ok(());
        }
        self.keep_data_or_note(losses_text(&lost))
    }

    /// What may be lost ends the deploy where that is not wanted, and is a warning elsewhere.
    pub(crate) fn keep_data_or_note(&mut self, what: String) -> Result<(), DeployError> {
        let is_written = matches!(self.request.mode, Mode::Auto | Mode::Full);
        if is_written && self.request.keep_data {
            return Err(DeployError::DataLoss { what });
        }
        self.note(what);
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
}
