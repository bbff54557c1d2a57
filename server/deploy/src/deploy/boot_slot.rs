//! Make sure that what is written is what boots.
//!
//! With OTA slots, otadata on the board decides which one starts. A board that once updated itself
//! goes on starting its other slot after a deploy that does not look; the deploy would report
//! success and the old firmware would run.

use fbuild_loader::SECTOR_LEN;
use fbuild_loader::error::LoaderError;
use fbuild_loader::session::{Session, md5_of};

use super::Job;
use super::survey::Region;
use crate::failure::DeployError;
use crate::image::{BoardFacts, LoadedImages};
use crate::otadata;
use crate::partitions::PartitionTable;
use crate::target::RegionKind;

/// An otadata entry is read with this much, the unit of the ROM's slow read.
const ENTRY_READ_LEN: u32 = 64;

impl Job<'_> {
    /// Looks at the board's otadata. If it selects another slot than the one that the firmware goes
    /// to, the project's initial otadata is added to what will be written, or else a warning says
    /// what will happen.
    pub(super) fn select_boot_slot(
        &mut self,
        session: &mut Session,
        loaded: &LoadedImages,
        facts: &BoardFacts,
    ) -> Result<(), DeployError> {
        let has = |kind| {
            self.survey
                .regions
                .iter()
                .any(|r| r.image.region.kind == kind)
        };
        // otadata that is deployed is compared like everything else.
        if !has(RegionKind::App) || has(RegionKind::OtaData) {
            return Ok(());
        }
        let (Some(project_table), Some(slot)) = (loaded.table(), loaded.app_slot()) else {
            return Ok(());
        };
        if facts.security.secure_download || facts.security.flash_encryption {
            if project_table.otadata().is_some() {
                self.note(format!(
                    "otadata cannot be read on a secured board: whether {} is the slot that starts \
                     is not known",
                    slot.label
                ));
            }
            return Ok(());
        }
        let board_table = if has(RegionKind::PartitionTable) {
            None
        } else {
            self.table_on_board(session, loaded.table_offset(), project_table)?
        };
        let table = board_table.as_ref().unwrap_or(project_table);
        let Some(ota_partition) = table.otadata() else {
            return Ok(());
        };
        let entries = read_entries(session, ota_partition.offset)?;
        let Some(selected) = otadata::selected_slot(table, &entries) else {
            return Ok(());
        };
        if selected.offset == slot.offset {
            return Ok(());
        }
        if let Some(initial) = loaded.initial_otadata_image(facts)? {
            let mut region = Region::new(initial, facts.security);
            region.verdict = crate::outcome::Verdict::Differs;
            self.note(format!(
                "the board would start {}; otadata is written so that it starts {}",
                selected.label, slot.label
            ));
            self.survey.regions.push(region);
            self.survey
                .regions
                .sort_by_key(|region| region.image.region.offset);
            return Ok(());
        }
        self.note(format!(
            "the firmware is written to {}, but the board's otadata selects {}: the old firmware \
             will go on running; erase otadata ({} bytes at {:#x}) or deploy the project's initial \
             otadata to start {}",
            slot.label, selected.label, ota_partition.size, ota_partition.offset, slot.label
        ));
        Ok(())
    }

    /// The table on the board, where it is another one than the project's and this deploy leaves it
    /// there.
    fn table_on_board(
        &mut self,
        session: &mut Session,
        table_offset: u32,
        project: &PartitionTable,
    ) -> Result<Option<PartitionTable>, LoaderError> {
        let expected = project.to_bytes();
        let len_bytes = expected.len() as u32;
        if session.md5(table_offset, len_bytes)? == md5_of(&expected) {
            return Ok(None);
        }
        let on_board = session.read_flash(table_offset, len_bytes)?;
        let table = PartitionTable::parse(&on_board)
            .ok()
            .filter(|table| table != project);
        if table.is_some() {
            self.note(
                "the partition table on the board is not the project's, and it is not among the \
                 regions of this deploy"
                    .to_owned(),
            );
        }
        Ok(table)
    }
}

/// The two otadata sectors, as far as they decide: the rest reads as erased.
fn read_entries(session: &mut Session, offset: u32) -> Result<Vec<u8>, LoaderError> {
    let sector = SECTOR_LEN as usize;
    let mut content = vec![0xFF; 2 * sector];
    for (n, at) in [(0, offset), (1, offset + SECTOR_LEN)] {
        let entry = session.read_flash(at, ENTRY_READ_LEN)?;
        content[n * sector..n * sector + entry.len()].copy_from_slice(&entry);
    }
    Ok(content)
}
