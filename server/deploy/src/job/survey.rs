//! What is known, while a deploy runs, of the regions and of the loader that works on them.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use fbuild_chip::flash::SECTOR_LEN;
use fbuild_chip::security::BoardSecurity;

use crate::cost::{Measured, PageCosts};
use crate::delta::Differences;
use crate::failure::DeployError;
use crate::image::{BoardFacts, Image, Standing};
use crate::outcome::Verdict;
use crate::plan::WriteCosts;
use crate::request::Request;
use crate::search::Sector;
use fbuild_project::partitions::PartitionTable;
use fbuild_project::target::Setting;

/// Least flash size to work with where the board does not tell. What a loader assumes by itself is less.
const ASSUMED_FLASH_BYTES: u32 = 4 << 20;

/// One region under way.
#[derive(Debug, Clone)]
#[allow(clippy::struct_excessive_bools)] // independent facts
pub(crate) struct Region {
    pub(crate) name: Arc<str>,
    /// Whole sectors, or pages of an AVR part's flash: what will be there.
    pub(crate) image: Image,
    /// Length before that padding.
    pub(crate) len_bytes: u32,
    pub(crate) sectors: Vec<Sector>,
    pub(crate) verdict: Verdict,
    /// Whether a hash of the flash can be compared with the image.
    pub(crate) provable: bool,
    /// Whether the chip is to encrypt it.
    pub(crate) encrypt: bool,
    pub(crate) searched: bool,
    /// What differs is blank on the board, as far as is known.
    pub(crate) looks_blank: bool,
    /// Whether erasing or writing any of it was begun.
    pub(crate) touched: bool,
    /// Sectors that the loader took.
    pub(crate) written: Vec<bool>,
    pub(crate) sent_bytes: u64,
    /// How many of them were differences.
    pub(crate) delta_bytes: u64,
    /// What the board holds instead, where that is known: an image that it was given before.
    pub(crate) old: Option<Vec<u8>>,
    /// How that is changed in place, where it pays.
    pub(crate) differences: Option<Differences>,
    /// Sectors whose bytes occur nowhere else in the images: their digest answers one question only.
    pub(crate) is_unique: Vec<bool>,
}

impl Region {
    pub(crate) fn new(image: Image, security: BoardSecurity) -> Self {
        let encrypt = image.standing == Standing::Encrypted;
        let n_units = image.bytes.len().div_ceil(image.unit.len_bytes() as usize);
        Self {
            name: image.region.name.as_str().into(),
            sectors: vec![Sector::Unknown; n_units],
            len_bytes: image.len_bytes as u32,
            verdict: Verdict::Unknown,
            provable: !security.secure_download && !encrypt,
            encrypt,
            searched: false,
            looks_blank: false,
            touched: false,
            written: vec![false; n_units],
            sent_bytes: 0,
            delta_bytes: 0,
            old: None,
            differences: None,
            is_unique: Vec::new(),
            image,
        }
    }

    /// Takes what a comparison found of every sector.
    pub(crate) fn compared(&mut self, sectors: Vec<Sector>) {
        // What an earlier attempt of this deploy wrote did differ.
        let is_same = !self.touched && sectors.iter().all(|sector| *sector == Sector::Match);
        self.verdict = if is_same {
            Verdict::Match
        } else {
            Verdict::Differs
        };
        self.searched = !sectors.contains(&Sector::Assumed);
        self.sectors = sectors;
    }

    /// The error of a deploy after which these sectors hold something else.
    pub(crate) fn not_proved(&self, sectors: impl IntoIterator<Item = usize>) -> DeployError {
        let offsets = sectors.into_iter().map(|sector| self.sector_offset(sector));
        DeployError::NotProved {
            region: self.name.to_string(),
            unit: self.image.unit,
            offsets: offsets.collect(),
        }
    }

    /// How many different sectors were written.
    pub(crate) fn sectors_written(&self) -> u32 {
        self.written.iter().filter(|&&written| written).count() as u32
    }

    /// Byte offset in flash of one of its sectors.
    pub(crate) fn sector_offset(&self, sector: usize) -> u32 {
        self.image.region.offset + sector as u32 * self.image.unit.len_bytes()
    }

    /// Where it is in flash. Ends of images were checked when they were loaded.
    pub(crate) fn range(&self) -> Range<u32> {
        self.sector_offset(0)..self.sector_offset(self.sectors.len())
    }

    /// The bytes of one of them. The last one of EEPROM may be shorter.
    pub(crate) fn unit_bytes(&self, unit: usize) -> &[u8] {
        let len_bytes = self.image.unit.len_bytes() as usize;
        let rest = &self.image.bytes[unit * len_bytes..];
        &rest[..len_bytes.min(rest.len())]
    }

    /// Sectors in flash, counted from its start.
    pub(crate) fn in_flash(&self, sectors: &Range<usize>) -> Range<usize> {
        let first = (self.image.region.offset / SECTOR_LEN) as usize;
        first + sectors.start..first + sectors.end
    }
}

/// The regions, and the loader as it was measured: nothing at all until a board is known.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    pub(crate) regions: Vec<Region>,
    pub(crate) measured: Measured,
    /// What reading and writing cost, where it is done by pages.
    pub(crate) pages: Option<PageCosts>,
    flash_size: Option<u32>,
    /// Sectors that belong to no region and lie beside one that is written, by their offset, and what
    /// they held before.
    pub(crate) beside: BTreeMap<u32, [u8; 16]>,
    /// Partitions of the project, where its table is known.
    pub(crate) table: Option<PartitionTable>,
}

impl Survey {
    /// Begins with these images: nothing is known yet but what an earlier attempt at the same deploy,
    /// over a link that failed, has written.
    pub(crate) fn begin(&mut self, images: Vec<Image>, measured: Measured, facts: &BoardFacts) {
        *self = Self {
            regions: self.continued(images, facts.security),
            measured,
            flash_size: facts.flash_size,
            ..Self::default()
        };
    }

    /// The same of a board that is written by pages.
    pub(crate) fn begin_pages(&mut self, images: Vec<Image>, costs: PageCosts) {
        *self = Self {
            regions: self.continued(images, BoardSecurity::default()),
            pages: Some(costs),
            ..Self::default()
        };
    }

    /// These images as regions, with what this attempt has written of them.
    fn continued(&self, images: Vec<Image>, security: BoardSecurity) -> Vec<Region> {
        let region = |image| {
            let mut region = Region::new(image, security);
            let mut known = self.regions.iter();
            if let Some(known) = known.find(|known| known.name == region.name) {
                region.touched = known.touched;
                region.written.clone_from(&known.written);
                region.sent_bytes = known.sent_bytes;
                region.delta_bytes = known.delta_bytes;
            }
            region
        };
        images.into_iter().map(region).collect()
    }

    /// What the planner weighs.
    pub(crate) fn write_costs(&self) -> WriteCosts {
        match self.pages {
            Some(pages) => pages.write_costs(),
            None => self.measured.write_costs(),
        }
    }

    /// A board in Secure Download Mode does not tell it; the build may.
    pub(crate) fn take_flash_size_of(&mut self, request: &Request) {
        self.flash_size = match &request.target.flash.size {
            Setting::Set(text) => fbuild_project::flash_size::size_bytes(text),
            Setting::Keep | Setting::Detect => None,
        };
    }

    /// Flash size to work with. Where nobody knows it, large enough for what is to be written: a
    /// loader that refuses the last region would do so after the others were written.
    pub(crate) fn flash_bytes(&self) -> u32 {
        let ends = self.regions.iter().map(|region| region.range().end);
        let needed = ends.max().unwrap_or(0);
        let assumed = needed
            .checked_next_power_of_two()
            .unwrap_or(needed)
            .max(ASSUMED_FLASH_BYTES);
        self.flash_size.unwrap_or(assumed)
    }

    /// Bytes of all sectors that are not known to match.
    pub(crate) fn bytes_to_write(&self) -> u64 {
        let sectors = self.regions.iter().flat_map(|region| &region.sectors);
        sectors.filter(|sector| sector.is_to_be_written()).count() as u64 * u64::from(SECTOR_LEN)
    }
}
