//! What is on the board when a deploy is done has to start: boot ROM, boot loader, partition table,
//! app. What the deploy brings itself was checked by its files (`image::start`); what it leaves to the
//! board is looked at here, and no more than that: a full deploy asks the board nothing.
//!
//! What cannot start for certain is refused where all of a build is deployed. Anyone who names regions
//! or files asks for a part, and may bring the rest afterwards: they are told. So is a build of an app
//! alone.

use super::Job;
use super::boot_slot::read_table;
use super::on_board::OnBoard;
use crate::failure::DeployError;
use crate::image::{
    BoardFacts, Found, Image, LoadedImages, START_BYTES, brought, brought_table, header_of, is_app,
};
use crate::request::Mode;
use fbuild_chip::Chip;
use fbuild_project::flash_size::{Sizes, conflicts, header_flash_size};
use fbuild_project::input_error::InputError;
use fbuild_project::partitions::{Partition, PartitionTable};
use fbuild_project::target::{RegionKind, Tool};

/// Begins every image.
pub(super) const IMAGE_MAGIC: [u8; 1] = [0xE9];

/// A piece of the chain, and whether this deploy brings it or the board has it.
struct Piece<T> {
    is_brought: bool,
    what: T,
}

impl Job<'_> {
    /// Looks at what this deploy leaves to the board of what it takes to start, and at whether it
    /// goes with what the deploy brings.
    pub(crate) fn check_chain(
        &mut self,
        board: &mut dyn OnBoard,
        loaded: &LoadedImages,
        facts: &BoardFacts,
    ) -> Result<(), DeployError> {
        let place = facts.chip.facts().bootloader_offset;
        if facts.security.secure_download || facts.security.flash_encryption {
            self.note_unseen(place, loaded.table_offset());
            return Ok(());
        }
        self.note_overwritten(board, loaded, facts.chip)?;
        let boot_loader = self.boot_loader(board, loaded, facts)?;
        let (header_of, start) = &boot_loader.what;
        let apps = self.apps_brought(loaded);
        if apps.iter().any(|app| facts.chip.starts_app_at(*app)) {
            return Ok(());
        }
        let table = self.table_of_chain(board, loaded, place)?;
        let table_is_brought = table.as_ref().is_some_and(|it| it.is_brought);
        let is_any_brought = boot_loader.is_brought || table_is_brought;
        let sizes = Sizes {
            header: header_flash_size(start),
            table: table.as_ref().map(|it| &it.what),
            // What follows where the chip is smaller is known of ESP-IDF.
            board: facts.flash_size.filter(|_| facts.chip != Chip::Esp8266),
        };
        for conflict in conflicts(&sizes) {
            match conflict.refusal(header_of, loaded.target().tool, facts.flash_size) {
                // That was refused, or forced, by the files alone.
                Some(_) if boot_loader.is_brought && table_is_brought => {}
                Some(refusal) if is_any_brought => self.refuse(refusal)?,
                _ => self.journal.note(conflict.text(header_of)),
            }
        }
        match table {
            Some(table) if is_any_brought && self.apps_brought(loaded).is_empty() => {
                self.check_app(board, loaded, &table.what)
            }
            _ => Ok(()),
        }
    }

    /// What the boot ROM will find: whose header it is, and how it begins.
    fn boot_loader(
        &mut self,
        board: &mut dyn OnBoard,
        loaded: &LoadedImages,
        facts: &BoardFacts,
    ) -> Result<Piece<(String, Vec<u8>)>, DeployError> {
        let (chip, place) = (facts.chip, facts.chip.facts().bootloader_offset);
        let brought = brought(self.images(), place).map(|(image, bytes)| {
            let start = bytes.iter().copied().take(START_BYTES as usize);
            (header_of(image), start.collect::<Vec<u8>>())
        });
        if let Some(what) = brought {
            if is_app(&what.1) {
                self.journal.note(format!(
                    "what goes to {place:#x}, where an {chip} starts its boot loader, looks like an \
                     app: most apps do not start without a boot loader"
                ));
            }
            return Ok(Piece {
                is_brought: true,
                what,
            });
        }
        let start = board.read(place, START_BYTES)?;
        if let Some(instead) = Found::at(&start, chip).instead() {
            let what = format!(
                "the board has no boot loader at {place:#x}, where an {chip} starts it ({instead}), \
                 and none is among the regions of this deploy: nothing starts until one is deployed"
            );
            self.missing(loaded, what)?;
        }
        Ok(Piece {
            is_brought: false,
            what: ("the header of the board's boot loader".to_owned(), start),
        })
    }

    pub(super) fn images(&self) -> impl Iterator<Item = &Image> {
        self.survey.regions.iter().map(|region| &region.image)
    }

    fn brings(&self, kind: RegionKind) -> bool {
        self.images().any(|image| image.region.kind == kind)
    }

    /// Where this deploy puts apps: as regions of their own, or within an image of the whole flash.
    pub(super) fn apps_brought(&self, loaded: &LoadedImages) -> Vec<u32> {
        let of_kind = |image: &&Image| image.region.kind == RegionKind::App;
        let apps: Vec<u32> = self
            .images()
            .filter(of_kind)
            .map(|image| image.region.offset)
            .collect();
        if !apps.is_empty() {
            return apps;
        }
        let table = brought_table(self.images(), loaded.table_offset());
        let is_brought = |app: &&Partition| {
            brought(self.images(), app.offset).is_some_and(|(_, it)| it.starts_with(&IMAGE_MAGIC))
        };
        let apps = table.iter().flat_map(PartitionTable::apps);
        apps.filter(is_brought).map(|app| app.offset).collect()
    }

    /// Whether an app will begin there when this deploy is done.
    pub(super) fn holds_app(
        &self,
        board: &mut dyn OnBoard,
        partition: &Partition,
    ) -> Result<bool, DeployError> {
        if let Some((_, bytes)) = brought(self.images(), partition.offset) {
            return Ok(bytes.starts_with(&IMAGE_MAGIC));
        }
        let start = board.read(partition.offset, START_BYTES)?;
        Ok(start.starts_with(&IMAGE_MAGIC))
    }

    /// The table that the boot loader is going to read, where it is one that reads a table. None of
    /// Zephyr's does, and an image that reaches over the table's place starts without one.
    fn table_of_chain(
        &mut self,
        board: &mut dyn OnBoard,
        loaded: &LoadedImages,
        boot_loader_at: u32,
    ) -> Result<Option<Piece<PartitionTable>>, DeployError> {
        let offset = loaded.table_offset();
        if let Some(what) = brought_table(self.images(), offset) {
            return Ok(Some(Piece {
                is_brought: true,
                what,
            }));
        }
        let reads_table = (self.brings(RegionKind::App)
            && brought(self.images(), offset).is_none())
            || brought(self.images(), boot_loader_at).is_some_and(|(image, _)| {
                image.len_bytes as u64 <= u64::from(offset.saturating_sub(boot_loader_at))
            });
        if !reads_table || loaded.target().tool == Tool::Zephyr {
            return Ok(None);
        }
        let project = loaded.table();
        if let Some(project) = project
            && board.holds(offset, &project.to_bytes())?
        {
            return Ok(Some(Piece {
                is_brought: false,
                what: project.clone(),
            }));
        }
        let Some(what) = read_table(board, offset)?.valid() else {
            self.missing(
                loaded,
                format!(
                    "the board has no partition table at {offset:#x}, and none is among the regions \
                     of this deploy: nothing starts until one is deployed"
                ),
            )?;
            return Ok(None);
        };
        Ok(Some(Piece {
            is_brought: false,
            what,
        }))
    }

    /// A boot loader and a table without any app: the partitions that could hold one are looked at.
    fn check_app(
        &mut self,
        board: &mut dyn OnBoard,
        loaded: &LoadedImages,
        table: &PartitionTable,
    ) -> Result<(), DeployError> {
        for app in table.apps() {
            if self.holds_app(board, app)? {
                return Ok(());
            }
        }
        let place = |app: &Partition| format!("'{}' at {:#x}", app.label, app.offset);
        let apps: Vec<_> = table.apps().map(place).collect();
        let what = if apps.is_empty() {
            "the partition table has no partition for an app: nothing starts".to_owned()
        } else {
            format!(
                "there is no app on the board ({}), and none is among the regions of this deploy: \
                 nothing starts until one is deployed",
                apps.join(", ")
            )
        };
        self.missing(loaded, what)
    }

    /// What a part of a build leaves to a board that cannot be read.
    fn note_unseen(&mut self, boot_loader_at: u32, table_at: u32) {
        if !self.brings(RegionKind::App) {
            return;
        }
        let missing: Vec<_> = [
            ("boot loader", boot_loader_at),
            ("partition table", table_at),
        ]
        .into_iter()
        .filter(|(_, offset)| brought(self.images(), *offset).is_none())
        .map(|(what, _)| what)
        .collect();
        if !missing.is_empty() {
            self.journal.note(format!(
                "a secured board cannot be read, so it is not known whether it has the {} that this \
                 app needs",
                missing.join(" and the ")
            ));
        }
    }

    /// Something that is needed for a start is not there.
    fn missing(&mut self, loaded: &LoadedImages, what: String) -> Result<(), DeployError> {
        // A build of an app alone is an update of what is there.
        let is_app_alone =
            !self.brings(RegionKind::Bootloader) && !self.brings(RegionKind::PartitionTable);
        if self.subset || is_app_alone || loaded.target().tool == Tool::Files {
            self.journal.note(what);
            return Ok(());
        }
        self.refuse(InputError::not_bootable(
            what,
            "Deploy what is missing first; or force the write, and deploy it afterwards.",
        ))
    }

    /// Refuses as a build is refused for its board: comparing does no harm, and force goes on.
    fn refuse(&mut self, refusal: InputError) -> Result<(), DeployError> {
        let but = match self.request.mode {
            Mode::Verify => "a deploy of this build would be refused",
            _ if self.request.force => "force overrides a refusal",
            _ => return Err(refusal.into()),
        };
        self.journal.note(format!("{but}: {refusal}"));
        Ok(())
    }
}
