//! A target's regions after reading: what they say together, and their bytes for one board.

use std::sync::Arc;

use fbuild_chip::Chip;
use fbuild_project::esp_image::EspImage;
use fbuild_project::file::{self, TABLE_TEXT_LIMIT};
use fbuild_project::flash_size::size_bytes;
use fbuild_project::input_error::InputError;
use fbuild_project::partitions::{Partition, PartitionTable, csv};
use fbuild_project::target::{Region, RegionKind, Setting, Source, Target};
use fbuild_project::whole_image::table_in;

use super::Image;
use super::board::{
    BoardFacts, CONFIGURED, OF_THE_BOARD, Standing, check_chip, check_end, check_reach,
    check_revision, check_security, past_flash_end,
};
use super::check::Contents;
use super::elf::{Conditions, Part, convert};
use super::layout::{self, Placed};
use super::patch::patch_header;
use super::read::{elf_source, part, read};
use super::start::{brought, brought_table, check_start};

/// Flash writes are padded to this with FF. Source: esptool 5.6.0 `write-flash`.
const PADDING_BYTES: usize = 4;

/// How many stale files a warning names.
const STALE_NAMED: usize = 3;

/// A target's regions, read and checked.
#[derive(Debug, Clone)]
pub struct LoadedImages {
    pub(super) target: Target,
    /// By offset; as in their files.
    pub(super) images: Vec<(Image, Contents)>,
    pub(super) is_subset: bool,
    pub(super) table: Option<PartitionTable>,
    pub(super) chip: Option<Chip>,
    pub(super) warnings: Vec<String>,
    pub(super) elf: Option<Vec<u8>>,
}

impl LoadedImages {
    /// The images to write to this board, by offset: checked against it, headers patched, padded.
    ///
    /// `force` lets pass what [`Self::check_board`] refuses; never another chip, nor a region past
    /// the end of the flash. What the board cannot encrypt is then written as it is.
    ///
    /// # Errors
    /// The images may not be written to this board; the error says why and what to do. What [`Self::check_board`]
    /// refuses passes with `force`.
    pub fn for_board(&self, board: &BoardFacts, force: bool) -> Result<Vec<Image>, InputError> {
        let mut images = self.for_comparing(board)?;
        if force {
            for image in &mut images {
                image.standing = image.standing.forced(&image.region, board);
            }
        } else {
            self.check_board(&images, board)?;
        }
        Ok(images)
    }

    /// The images as this board should hold them, whether or not they may be written to it.
    ///
    /// # Errors
    /// The images cannot be on this board: another chip, or past the end of its flash.
    pub fn for_comparing(&self, board: &BoardFacts) -> Result<Vec<Image>, InputError> {
        let parts = self.parts_for(board)?;
        self.images
            .iter()
            .map(|(image, contents)| self.finish(image, contents, parts.as_deref(), board))
            .collect()
    }

    /// Whether these images would leave the board able to start: chip revision, security state, a
    /// table that fits the flash, and what they say about each other.
    ///
    /// # Errors
    /// Why the board might not start. Deploy another build, or force it at one's own risk.
    pub fn check_board(&self, images: &[Image], board: &BoardFacts) -> Result<(), InputError> {
        for (image, (_, contents)) in images.iter().zip(&self.images) {
            let Contents::Image(parsed) = contents else {
                continue;
            };
            // An ELF file's boot loader depends on the board.
            let is_elf = matches!(image.region.source, Source::Elf(_));
            let made = is_elf.then(|| EspImage::parse(image.content()).ok());
            check_revision(image, made.flatten().as_ref().unwrap_or(parsed), board)?;
        }
        check_security(images, self.target.flash_encryption, board)?;
        check_start(&self.target, images, self.table_offset(), board)?;
        self.check_table_fits(images, board)
    }

    /// Finds the table within an image of the whole flash: nothing else says where it is.
    pub(super) fn place_table(&mut self) {
        let usual = self.table_offset();
        let has_own = |region: &Region| region.kind == RegionKind::PartitionTable;
        if self.target.regions.iter().any(has_own) {
            return;
        }
        let chips = self
            .chip
            .map_or_else(|| Chip::ALL.to_vec(), |chip| vec![chip]);
        let found = chips.iter().find_map(|chip| {
            let place = chip.facts().bootloader_offset;
            let (_, bytes) = brought(self.images.iter().map(|(image, _)| image), place)?;
            table_in(bytes, place, usual)
        });
        if let Some(offset) = found {
            self.target.table_offset = offset;
        }
    }

    /// Whether this build can start on any board at all, as far as its files say.
    ///
    /// # Errors
    /// No board could start this build; the error names the region and what to correct.
    pub fn check_unseen(&self) -> Result<(), InputError> {
        let Some(board) = self.chip.map(BoardFacts::new) else {
            return Ok(());
        };
        let images = self.for_comparing(&board)?;
        check_start(&self.target, &images, self.table_offset(), &board)
    }

    fn finish(
        &self,
        image: &Image,
        contents: &Contents,
        parts: Option<&[Part]>,
        board: &BoardFacts,
    ) -> Result<Image, InputError> {
        let mut image = image.clone();
        let is_elf = matches!(image.region.source, Source::Elf(_));
        if let Some(part) = part(parts, image.region.kind).filter(|_| is_elf) {
            image.region.offset = part.offset;
            image = super::read::image(image.region, part.bytes.clone());
        }
        if let Contents::Image(parsed) = contents {
            let checked = check_chip(&image, parsed, board.chip);
            checked.map_err(|problem| self.for_its_chip(problem, board.chip))?;
        }
        // espflash has patched the header of what it made already, by its own rules.
        if !is_elf {
            self.patch(&mut image, board)?;
        }
        image.len_bytes = image.len_bytes.next_multiple_of(PADDING_BYTES);
        image.standing = Standing::of(&image.region, self.target.flash_encryption, board);
        check_reach(&image, board.chip)?;
        match (board.flash_size, &self.target.flash.size) {
            (Some(bytes), _) => check_end(&image, bytes, OF_THE_BOARD)?,
            (None, Setting::Set(name)) => {
                if let Some(bytes) = size_bytes(name) {
                    check_end(&image, bytes, CONFIGURED)?;
                }
            }
            (None, _) => {}
        }
        Ok(image)
    }

    /// Names the target that was built for the chip that is connected, if there is one.
    fn for_its_chip(&self, problem: InputError, chip: Chip) -> InputError {
        let mut others = self.target.for_others.iter();
        match others.find(|(other, _)| *other == chip) {
            Some((_, name)) => problem.with_remedy(format!(
                "Deploy the target {name}, which is for it, or connect the right board."
            )),
            None => problem,
        }
    }

    /// Patches the boot loader's header. Only the boot loader is copied for that, and not what
    /// follows it in an image of the whole flash, unless the header changes.
    fn patch(&self, image: &mut Image, board: &BoardFacts) -> Result<(), InputError> {
        let offset = image.region.offset;
        if offset != board.chip.facts().bootloader_offset {
            return Ok(());
        }
        let Ok(parsed) = EspImage::parse(image.content()) else {
            return Ok(());
        };
        let before = &image.bytes[..parsed.len_bytes()];
        let mut patched = before.to_vec();
        patch_header(&mut patched, offset, &self.target.flash, board)?;
        if patched != before {
            Arc::make_mut(&mut image.bytes)[..patched.len()].copy_from_slice(&patched);
        }
        Ok(())
    }

    /// An ELF file's images depend on the board's flash size and crystal.
    fn parts_for(&self, board: &BoardFacts) -> Result<Option<Vec<Part>>, InputError> {
        let (Some(elf), Some(source)) = (&self.elf, elf_source(&self.target)) else {
            return Ok(None);
        };
        let Some(chip) = self.chip else {
            return Ok(None);
        };
        let conditions = Conditions {
            chip,
            flash_size: board.flash_size,
            crystal_mhz: board.crystal_mhz,
            revision: board.revision,
        };
        convert(elf, source, &self.target.flash, conditions).map(Some)
    }

    /// The boot loader refuses a table with a partition past the end of the flash.
    ///
    /// Source: ESP-IDF `flash_partitions.c`, `esp_partition_table_verify` (v6.0).
    fn check_table_fits(&self, images: &[Image], board: &BoardFacts) -> Result<(), InputError> {
        let table = brought_table(images, self.table_offset());
        let (Some(table), Some(flash)) = (table, board.flash_size) else {
            return Ok(());
        };
        let past = table
            .partitions
            .iter()
            .find(|partition| partition.end() > u64::from(flash));
        past.map_or(Ok(()), |partition| {
            let what = format!("the partition '{}'", partition.label);
            Err(past_flash_end(&what, partition.end(), OF_THE_BOARD, flash))
        })
    }

    /// Whether the images depend on the board's crystal.
    pub fn depends_on_crystal(&self) -> bool {
        self.elf.is_some()
    }

    /// Whether any image asks for a certain revision of the chip: only then it is worth reading.
    pub fn limits_revision(&self) -> bool {
        self.images.iter().any(|(_, contents)| match contents {
            Contents::Image(image) => {
                image.min_revision > 0
                    || image.min_revision_legacy > 0
                    || !matches!(image.max_revision, 0 | u16::MAX)
            }
            _ => false,
        })
    }

    /// The chip that the images are for, where something says so.
    pub fn chip(&self) -> Option<Chip> {
        self.chip
    }

    /// The target that was loaded.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The target's partition table, also where its region was not chosen.
    pub fn table(&self) -> Option<&PartitionTable> {
        self.table.as_ref()
    }

    /// Where the partition table is in flash.
    pub fn table_offset(&self) -> u32 {
        let table = self
            .target
            .regions
            .iter()
            .find(|r| r.kind == RegionKind::PartitionTable);
        table.map_or(self.target.table_offset, |region| region.offset)
    }

    /// The partition that the firmware goes to, if it was chosen and the table is known.
    pub fn app_slot(&self) -> Option<&Partition> {
        let app = self
            .images
            .iter()
            .find(|(image, _)| image.region.kind == RegionKind::App)?;
        self.table.as_ref()?.app_at(app.0.region.offset)
    }

    /// Otadata that makes the freshly written app boot, if the project has it: a region of the
    /// target, chosen or not, or a file that its tool leaves unwritten.
    fn initial_otadata(&self) -> Option<&Region> {
        let region = self
            .target
            .regions
            .iter()
            .find(|r| r.kind == RegionKind::OtaData);
        region.or(self.target.spare_otadata.as_ref())
    }

    /// That otadata's bytes for this board.
    ///
    /// # Errors
    /// As [`Self::for_comparing`].
    pub fn initial_otadata_image(&self, board: &BoardFacts) -> Result<Option<Image>, InputError> {
        let Some(region) = self.initial_otadata() else {
            return Ok(None);
        };
        let (image, contents) = read(&self.target, region, None, &|| false)?;
        self.finish(&image, &contents, None, board).map(Some)
    }

    /// Things to know that do not stand in the way.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Bytes of the chosen regions together.
    pub fn len_bytes(&self) -> u64 {
        self.images
            .iter()
            .map(|(image, _)| image.len_bytes as u64)
            .sum()
    }

    /// Names of the chosen regions, by offset.
    pub fn region_names(&self) -> Vec<&str> {
        self.images
            .iter()
            .map(|(image, _)| image.region.name.as_str())
            .collect()
    }

    /// Whether some regions of the target were not chosen.
    pub fn is_subset(&self) -> bool {
        self.is_subset
    }

    pub(super) fn find_table(&mut self, parts: Option<&[Part]>) {
        let chosen = self.images.iter().find_map(|(_, contents)| match contents {
            Contents::Table(table) => Some(table.clone()),
            _ => None,
        });
        if chosen.is_some() {
            self.table = chosen;
            return;
        }
        let mut regions = self.target.regions.iter();
        let Some(region) = regions.find(|r| r.kind == RegionKind::PartitionTable) else {
            return;
        };
        let bytes = match &region.source {
            Source::File(path) => {
                file::read(path, TABLE_TEXT_LIMIT).map_err(|error| format!("it {error}"))
            }
            Source::Elf(_) => part(parts, RegionKind::PartitionTable)
                .map(|part| part.bytes.clone())
                .ok_or_else(|| "espflash makes none".to_owned()),
        };
        match bytes.and_then(|b| PartitionTable::parse(&b).map_err(|error| error.to_string())) {
            Ok(table) => self.table = Some(table),
            Err(why) => self.warnings.push(format!(
                "the regions could not be checked against the partition table {}: {why}",
                region.source.path().display()
            )),
        }
    }

    /// The binary table must be what the project's CSV says, if it is going to be written.
    pub(super) fn check_table_is_current(&mut self) -> Result<(), InputError> {
        let Some(csv_path) = self.target.partitions_csv.clone() else {
            return Ok(());
        };
        let chosen = self
            .images
            .iter()
            .find_map(|(image, contents)| match contents {
                Contents::Table(table) => Some((image, table)),
                _ => None,
            });
        let Some((image, built)) = chosen else {
            return Ok(());
        };
        let options = csv::Options {
            table_offset: image.region.offset,
            bootloader_offset: self.chip.map(|chip| chip.facts().bootloader_offset),
            md5: built.has_md5,
            ..csv::Options::default()
        };
        let text = match file::read_text(&csv_path, TABLE_TEXT_LIMIT) {
            Ok(text) => text,
            Err(error) => {
                let path = csv_path.display();
                self.warnings.push(format!(
                    "{path} could not be compared with the table: it {error}"
                ));
                return Ok(());
            }
        };
        // Rows may name subtypes and variables that only the project's own build knows.
        match csv::compile_unverified(&text, &options) {
            Err(error) => {
                let path = csv_path.display();
                self.warnings.push(format!(
                    "{path} could not be compared with the table: {error}"
                ));
                Ok(())
            }
            Ok(wanted) => wanted.first_difference(built).map_or(Ok(()), |difference| {
                let path = image.region.source.path();
                let what = format!(
                    "{}: {} does not match {}: {difference}",
                    image.region.name,
                    path.display(),
                    csv_path.display()
                );
                let remedy = self.target.build_remedy();
                Err(InputError::new("table-stale", what, remedy).in_file(path))
            }),
        }
    }

    pub(super) fn check_layout(&mut self, parts: Option<&[Part]>) -> Result<(), InputError> {
        let chosen = self.region_names();
        let others = self
            .target
            .regions
            .iter()
            .filter(|r| !chosen.contains(&r.name.as_str()));
        let others = others.filter_map(|region| {
            let len = match &region.source {
                Source::File(path) => path.metadata().ok()?.len(),
                Source::Elf(_) => part(parts, region.kind)?.bytes.len() as u64,
            };
            Placed::new(region, len)
        });
        let placed: Vec<_> = self
            .images
            .iter()
            .filter_map(|(image, _)| Placed::new(&image.region, image.len_bytes as u64))
            .collect();
        let everything: Vec<_> = placed.iter().cloned().chain(others).collect();
        layout::check_overlaps(&everything)?;
        if let Some(chip) = self.chip {
            placed
                .iter()
                .try_for_each(|region| layout::check_bootloader(region, chip))?;
        }
        if let Some(table) = &self.table {
            for region in &placed {
                let warning = layout::check_in_table(region, table, self.table_offset())?;
                self.warnings.extend(warning);
            }
        }
        Ok(())
    }

    /// Both settings burn eFuses at the first start, which nothing takes back.
    pub(super) fn warn_of_security(&mut self) {
        if self.target.flash_encryption {
            let text = "the build enables flash encryption: at its first start the board encrypts \
                        its flash permanently, and accepts no plain images afterwards";
            self.warnings.push(text.to_owned());
        }
        if self.target.secure_boot {
            let text = "the build enables secure boot: at its first start the board locks itself \
                        to images signed with the project's key";
            self.warnings.push(text.to_owned());
        }
    }

    pub(super) fn warn_of_stale_files(&mut self) {
        let stale = self.target.stale_inputs();
        if stale.is_empty() {
            return;
        }
        let named: Vec<_> = stale
            .iter()
            .take(STALE_NAMED)
            .map(|path| {
                path.strip_prefix(&self.target.root)
                    .unwrap_or(path)
                    .display()
                    .to_string()
            })
            .collect();
        let more = match stale.len().saturating_sub(STALE_NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let command = self
            .target
            .recipe()
            .map(|recipe| format!(" ({})", recipe.line()));
        self.warnings.push(format!(
            "changed since the last build: {}{more}{}",
            named.join(", "),
            command.unwrap_or_default()
        ));
    }
}
