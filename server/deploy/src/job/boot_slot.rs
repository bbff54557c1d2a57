//! Make sure that what is written is what boots.
//!
//! With OTA slots, otadata on the board decides which one starts. A board that once updated itself
//! goes on starting its other slot after a deploy that does not look; the deploy would report
//! success and the old firmware would run.

use fbuild_chip::flash::SECTOR_LEN;

use super::Job;
use super::on_board::OnBoard;
use super::survey::Region;
use crate::failure::DeployError;
use crate::image::{BoardFacts, Image, LoadedImages, brought_table};
use crate::outcome::Verdict;
use crate::request::Mode;
use crate::search::is_blank;
use fbuild_project::otadata;
use fbuild_project::partitions::{Partition, PartitionTable, TABLE_BYTES, TableError};
use fbuild_project::target::Tool;

/// An otadata entry is read with this much, the unit of the ROM's slow read.
const ENTRY_READ_LEN: u32 = 64;
/// So much of a partition table is read at once: most end within it.
const TABLE_READ_LEN: u32 = 256;

impl Job<'_> {
    /// Looks at the board's otadata. If it selects another slot than the one that the firmware goes
    /// to, the project's initial otadata is added to what will be written, or else a warning says
    /// what will happen.
    pub(crate) fn select_boot_slot(
        &mut self,
        board: &mut dyn OnBoard,
        loaded: &LoadedImages,
        facts: &BoardFacts,
    ) -> Result<(), DeployError> {
        let apps = self.apps_brought(loaded);
        let Some(&app) = apps.first() else {
            return Ok(());
        };
        if facts.chip.starts_app_at(app) {
            return Ok(());
        }
        if facts.security.secure_download || facts.security.flash_encryption {
            self.note_unreadable(loaded);
            return Ok(());
        }
        let Some(table) = self.table_to_boot_by(board, loaded)? else {
            return Ok(());
        };
        let Some(slot) = table.app_at(app) else {
            self.journal.note(format!(
                "the firmware is written to {app:#x}, where the partition table on the board has no \
                 app: it does not start until the project's own table is deployed"
            ));
            return Ok(());
        };
        let Some(otadata) = table.otadata() else {
            return Ok(());
        };
        // A file that cannot be read leads to the warning: the regions that were asked for are fine.
        let initial = loaded.initial_otadata_image(facts).ok().flatten();
        let initial = initial.filter(|initial| initial.region.offset == otadata.offset);
        let content = self.otadata_to_boot_by(board, otadata, initial.as_ref())?;
        for damaged in self.damaged(otadata, &content) {
            self.journal.note(damaged);
        }
        let starts = |content: &[u8]| otadata::selected_slot(&table, content).cloned();
        let Some(selected) = starts(&content).filter(|it| !apps.contains(&it.offset)) else {
            return Ok(());
        };
        let initial = initial.filter(|initial| {
            starts(initial.content()).is_some_and(|starts| starts.offset == slot.offset)
        });
        match initial {
            Some(initial) if !self.deploys_to(otadata) => {
                self.write_along(initial, facts, &selected, slot);
            }
            _ => {
                let holds_app = self.holds_app(board, &selected)?;
                self.journal
                    .note(warning(&table, otadata, &selected, slot, holds_app));
            }
        }
        Ok(())
    }

    /// What is told of entries that are no entries: they are a file's of this deploy, or the board's own.
    fn damaged(&self, otadata: &Partition, content: &[u8]) -> Vec<String> {
        let whose = |n: usize| {
            let at = otadata.offset.saturating_add(n as u32 * SECTOR_LEN);
            let mut images = self.survey.regions.iter().map(|it| &it.image);
            let image = images.find(|image| {
                let within = at.checked_sub(image.region.offset);
                within.is_some_and(|at| (at as usize) < image.bytes.len())
            });
            match image {
                Some(image) => format!(
                    "{}: {}",
                    image.region.name,
                    image.region.source.path().display()
                ),
                None => format!("otadata on the board ({:#x})", otadata.offset),
            }
        };
        let entries = otadata::entries(content).into_iter().enumerate();
        let damaged = entries.filter(|(_, entry)| entry.is_damaged());
        let told = damaged.map(|(n, _)| {
            let whose = whose(n);
            format!("{whose} is neither blank nor valid: the boot loader ignores the damaged part")
        });
        let mut told: Vec<_> = told.collect();
        told.dedup();
        told
    }

    fn note_unreadable(&mut self, loaded: &LoadedImages) {
        let has_otadata = loaded
            .table()
            .is_some_and(|table| table.otadata().is_some());
        if let Some(slot) = loaded.app_slot().filter(|_| has_otadata) {
            self.journal.note(format!(
                "otadata cannot be read on a secured board, so it is not known whether {} is the \
                 slot that starts",
                slot.label
            ));
        }
    }

    /// Whether a region of this deploy lies in a partition.
    fn deploys_to(&self, partition: &Partition) -> bool {
        let regions = &self.survey.regions;
        let mut ranges = regions.iter().map(Region::range);
        ranges.any(|it| u64::from(it.start) < partition.end() && it.end > partition.offset)
    }

    /// What otadata will say when this deploy is done: its two entries, one at the start of each
    /// sector; the rest does not decide anything. What is deployed there was compared already. What
    /// most boards hold, nothing or the project's initial entries, is asked for by its hash.
    fn otadata_to_boot_by(
        &self,
        board: &mut dyn OnBoard,
        partition: &Partition,
        initial: Option<&Image>,
    ) -> Result<Vec<u8>, DeployError> {
        let sector_len = SECTOR_LEN as usize;
        let mut content = vec![0xFF; 2 * sector_len];
        for (n, sector) in content.chunks_mut(sector_len).enumerate() {
            let at = partition.offset.saturating_add(n as u32 * SECTOR_LEN);
            let deployed = self.survey.regions.iter().find_map(|region| {
                let start = at.checked_sub(region.image.region.offset)? as usize;
                region.image.bytes.get(start..start + sector_len)
            });
            if let Some(deployed) = deployed {
                sector.copy_from_slice(deployed);
                continue;
            }
            let entry = n * sector_len..n * sector_len + ENTRY_READ_LEN as usize;
            let initial = initial.and_then(|it| it.content().get(entry));
            let blank = [0xFF; ENTRY_READ_LEN as usize];
            let mut known = None;
            for usual in initial.into_iter().chain([&blank[..]]) {
                if known.is_none() && board.holds(at, usual)? {
                    known = Some(usual.to_vec());
                }
            }
            let entry = match known {
                Some(entry) => entry,
                None => board.read(at, ENTRY_READ_LEN)?,
            };
            sector[..entry.len()].copy_from_slice(&entry);
        }
        Ok(content)
    }

    fn write_along(
        &mut self,
        initial: Image,
        facts: &BoardFacts,
        selected: &Partition,
        slot: &Partition,
    ) {
        if self.request.mode == Mode::Verify {
            self.journal.note(format!(
                "the board starts {}, not {}; a deploy would write otadata so that it starts {}",
                selected.label, slot.label, slot.label
            ));
            return;
        }
        self.journal.note(format!(
            "the board would start {}; otadata is written so that it starts {}",
            selected.label, slot.label
        ));
        let mut region = Region::new(initial, facts.security);
        region.verdict = Verdict::Differs;
        self.survey.regions.push(region);
        self.survey
            .regions
            .sort_by_key(|region| region.image.region.offset);
    }

    /// The partition table that the board will have when this deploy is done, as far as it is known.
    fn table_to_boot_by(
        &mut self,
        board: &mut dyn OnBoard,
        loaded: &LoadedImages,
    ) -> Result<Option<PartitionTable>, DeployError> {
        let project = loaded.table();
        let offset = loaded.table_offset();
        let images = self.survey.regions.iter().map(|region| &region.image);
        if let Some(brought) = brought_table(images, offset) {
            return Ok(Some(brought));
        }
        let Some(project) = project else {
            // Of tools that know their table, only Zephyr has none; files say nothing about it.
            return if loaded.target().tool == Tool::Files {
                Ok(read_table(board, offset)?.valid())
            } else {
                Ok(None)
            };
        };
        if board.holds(offset, &project.to_bytes())? {
            return Ok(Some(project.clone()));
        }
        match read_table(board, offset)?.valid() {
            // Its bytes differ, and it says the same.
            Some(table) if table.partitions == project.partitions => Ok(Some(table)),
            Some(table) => {
                self.journal.note(
                    "the partition table on the board is not the project's, and it is not among the \
                     regions of this deploy"
                        .to_owned(),
                );
                Ok(Some(table))
            }
            None => {
                self.journal.note(format!(
                    "the board has no partition table at {offset:#x}, and none is among the regions \
                     of this deploy: nothing starts until one is deployed"
                ));
                Ok(None)
            }
        }
    }
}

fn warning(
    table: &PartitionTable,
    otadata: &Partition,
    selected: &Partition,
    slot: &Partition,
    holds_app: bool,
) -> String {
    let follows = if holds_app {
        "and what is there keeps running"
    } else {
        "where there is no app: the boot loader tries the slots before it, then those after it"
    };
    let what = format!(
        "the firmware is in {} ({:#x}), but otadata selects {} ({:#x}), {follows}",
        slot.label, slot.offset, selected.label, selected.offset
    );
    let is_default = table
        .boot_default()
        .is_some_and(|default| default.offset == slot.offset);
    if is_default {
        format!(
            "{what}; to start {}, erase otadata ({} bytes at {:#x}) or deploy the project's initial \
             otadata",
            slot.label, otadata.size, otadata.offset
        )
    } else {
        format!(
            "{what}; to start {}, deploy otadata that selects it, or deploy to the slot that starts",
            slot.label
        )
    }
}

/// What is where the board's partition table is expected.
pub(super) enum TableOnBoard {
    Valid(PartitionTable),
    Blank,
    /// Neither, and why not.
    Unreadable(String),
}

impl TableOnBoard {
    pub(super) fn valid(self) -> Option<PartitionTable> {
        match self {
            Self::Valid(table) => Some(table),
            Self::Blank | Self::Unreadable(_) => None,
        }
    }
}

/// Looks at the table on the board.
pub(super) fn read_table(
    board: &mut dyn OnBoard,
    offset: u32,
) -> Result<TableOnBoard, DeployError> {
    let mut content = Vec::new();
    while content.len() < TABLE_BYTES {
        let at = offset.saturating_add(content.len() as u32);
        content.extend(board.read(at, TABLE_READ_LEN)?);
        if is_blank(&content) {
            return Ok(TableOnBoard::Blank);
        }
        match PartitionTable::parse(&content) {
            Ok(table) => return Ok(TableOnBoard::Valid(table)),
            Err(TableError::NoEnd) => {}
            Err(error) => return Ok(TableOnBoard::Unreadable(error.to_string())),
        }
    }
    Ok(TableOnBoard::Unreadable(TableError::NoEnd.to_string()))
}
