//! A new partition table must not silently make the firmware lose what it has stored.

use super::Job;
use super::boot_slot::{TableOnBoard, read_table};
use super::on_board::OnBoard;
use crate::failure::DeployError;
use crate::image::{BoardFacts, LoadedImages};
use crate::outcome::Verdict;
use crate::request::Mode;
use fbuild_project::partitions::loss::{Fate, Loss, losses, losses_text};
use fbuild_project::target::RegionKind;

/// Blank flash that is looked through at most, all partitions together: some seconds with a stub, a
/// dozen with the slowest ROM. What follows it counts as data.
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
        let security = facts.security;
        if security.secure_download || security.flash_encryption {
            return self.keep_data_unseen(if security.secure_download {
                "in Secure Download Mode it cannot be read"
            } else {
                "it is encrypted"
            });
        }
        let Some(new) = loaded.table() else {
            return Ok(());
        };
        let old = match read_table(board, offset)? {
            TableOnBoard::Valid(old) => old,
            TableOnBoard::Blank => return Ok(()),
            TableOnBoard::Unreadable(why) => {
                return self.keep_data_or_note(format!(
                    "what the board holds at {offset:#x} is neither blank nor a partition table \
                     ({why}); it is not known whether the new table loses data on the board"
                ));
            }
        };
        let flash = facts.flash_size.map_or(u64::MAX, u64::from);
        let mut left_bytes = LOOKED_AT_BYTES;
        let (mut lost, mut stretches) = (Vec::new(), Vec::new());
        for loss in losses(&old, new) {
            if loss.partition.end() > flash || self.is_replaced(&loss) {
                continue;
            }
            let len_bytes = loss.partition.size.min(left_bytes);
            left_bytes -= len_bytes;
            stretches.push((loss.partition.offset, len_bytes));
            lost.push(loss);
        }
        if lost.is_empty() {
            return Ok(());
        }
        let mut looked = stretches.iter().zip(board.are_blank(&stretches)?);
        lost.retain(|loss| match looked.next() {
            Some(((_, len_bytes), is_blank)) => !is_blank || *len_bytes < loss.partition.size,
            None => true,
        });
        if lost.is_empty() {
            return Ok(());
        }
        self.keep_data_or_note(losses_text(&lost))
    }

    /// The same where the board does not let its flash be looked at.
    fn keep_data_unseen(&mut self, why: &str) -> Result<(), DeployError> {
        if self.request.mode == Mode::Verify {
            return Ok(());
        }
        self.keep_data_or_note(format!(
            "the partition table is replaced, and the old one could not be read ({why}): the firmware \
             may no longer find its stored data"
        ))
    }

    /// What may be lost ends the deploy where that is not wanted, and is a warning elsewhere.
    pub(crate) fn keep_data_or_note(&mut self, what: String) -> Result<(), DeployError> {
        let is_written = matches!(self.request.mode, Mode::Auto | Mode::Full);
        if is_written && self.request.keep_data {
            return Err(DeployError::DataLoss { what });
        }
        self.journal.note(what);
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
