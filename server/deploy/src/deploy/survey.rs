//! What is known, while a deploy runs, of the regions and of the loader that works on them.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::time::Duration;

use fbuild_chip::Chip;
use fbuild_loader::SECTOR_LEN;
use fbuild_loader::error::LoaderError;
use fbuild_loader::session::{LoaderKind, Session, md5_of};
use fbuild_project::target::Setting;

use super::connect::measured;
use super::{Name, Request};
use crate::cost::Measured;
use crate::image::{BoardFacts, Image, Standing, THREE_BYTE_END};
use crate::outcome::Verdict;
use crate::search::Sector;

/// Least flash size to work with where the board does not tell. What a loader assumes by itself is less.
const ASSUMED_FLASH_BYTES: u32 = 4 << 20;
/// Hashes of less say more about round trips than about hashing.
const MEASURED_FROM_BYTES: u64 = 16 * 1024;

/// One region under way.
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools)] // independent facts
pub(crate) struct Region {
    pub(crate) name: Name,
    /// Whole sectors: what will stand in flash.
    pub(crate) image: Image,
    /// Length before that padding.
    pub(super) len_bytes: u32,
    pub(crate) sectors: Vec<Sector>,
    pub(crate) verdict: Verdict,
    /// Whether a hash of the flash can be compared with the image.
    pub(crate) provable: bool,
    /// Whether the chip is to encrypt it.
    pub(crate) encrypt: bool,
    pub(crate) searched: bool,
    /// What differs is blank on the board, as far as is known.
    pub(super) looks_blank: bool,
    /// Whether erasing or writing any of it was begun.
    pub(crate) touched: bool,
    /// Sectors that the loader took.
    pub(crate) written: Vec<bool>,
    pub(crate) sent_bytes: u64,
    /// Sectors whose bytes stand nowhere else in the images: their digest answers one question only.
    is_unique: Vec<bool>,
}

impl Region {
    pub(super) fn new(image: Image, security: fbuild_chip::security::BoardSecurity) -> Self {
        let encrypt = image.standing == Standing::Encrypted;
        Self {
            name: image.region.name.as_str().into(),
            sectors: vec![Sector::Unknown; image.bytes.len() / SECTOR_LEN as usize],
            len_bytes: image.len_bytes as u32,
            verdict: Verdict::Unknown,
            provable: !security.secure_download && !encrypt,
            encrypt,
            searched: false,
            looks_blank: false,
            touched: false,
            written: vec![false; image.bytes.len() / SECTOR_LEN as usize],
            sent_bytes: 0,
            is_unique: Vec::new(),
            image,
        }
    }

    /// How many different sectors were written.
    pub(crate) fn sectors_written(&self) -> u32 {
        self.written.iter().filter(|&&written| written).count() as u32
    }

    /// Byte offset in flash of one of its sectors.
    pub(super) fn sector_offset(&self, sector: usize) -> u32 {
        self.image.region.offset + sector as u32 * SECTOR_LEN
    }

    /// Sectors in flash, counted from its start.
    pub(super) fn in_flash(&self, sectors: &Range<usize>) -> Range<usize> {
        let first = (self.image.region.offset / SECTOR_LEN) as usize;
        first + sectors.start..first + sectors.end
    }
}

/// Marks the sectors whose bytes stand nowhere else in these regions, and are not one byte repeated,
/// which any flash may hold in many places.
fn mark_unique(regions: &mut [Region]) {
    let mut seen: HashMap<[u8; 16], u32> = HashMap::new();
    let digests = |region: &Region| -> Vec<[u8; 16]> {
        let sectors = region.image.bytes.chunks(SECTOR_LEN as usize);
        sectors.map(md5_of).collect()
    };
    let digests: Vec<Vec<[u8; 16]>> = regions.iter().map(digests).collect();
    for digest in digests.iter().flatten() {
        *seen.entry(*digest).or_default() += 1;
    }
    for (region, digests) in regions.iter_mut().zip(digests) {
        let sectors = region.image.bytes.chunks(SECTOR_LEN as usize);
        let is_unique = |(sector, digest): (&[u8], [u8; 16])| {
            seen[&digest] == 1 && sector.iter().any(|byte| *byte != sector[0])
        };
        region.is_unique = sectors.zip(digests).map(is_unique).collect();
    }
}

/// The regions, and the loader as it was measured.
#[derive(Debug)]
pub(crate) struct Survey {
    pub(crate) regions: Vec<Region>,
    pub(crate) measured: Measured,
    flash_size: Option<u32>,
    /// Sectors that belong to no region and lie beside one that is written, by their offset, and what
    /// they held before.
    pub(super) beside: BTreeMap<u32, [u8; 16]>,
}

impl Default for Survey {
    fn default() -> Self {
        let measured = Measured {
            chip: Chip::Esp32,
            kind: LoaderKind::Rom,
            baud: None,
            round_trip: Duration::ZERO,
            hash_bytes_per_s: None,
        };
        Self {
            regions: Vec::new(),
            measured,
            flash_size: None,
            beside: BTreeMap::new(),
        }
    }
}

impl Survey {
    /// A survey that knows nothing yet but what `earlier`, an attempt at the same deploy over a link
    /// that failed, has written.
    pub(super) fn new(
        images: Vec<Image>,
        session: &Session,
        facts: &BoardFacts,
        earlier: &Self,
    ) -> Self {
        let region = |image| {
            let mut region = Region::new(image, facts.security);
            if let Some(known) = earlier
                .regions
                .iter()
                .find(|known| known.name == region.name)
            {
                region.touched = known.touched;
                region.written.clone_from(&known.written);
                region.sent_bytes = known.sent_bytes;
            }
            region
        };
        let mut regions: Vec<Region> = images.into_iter().map(region).collect();
        mark_unique(&mut regions);
        Self {
            regions,
            measured: measured(session),
            flash_size: facts.flash_size,
            beside: BTreeMap::new(),
        }
    }

    /// The same for a loader that somebody else talks to.
    pub(crate) fn of(images: Vec<Image>, measured: Measured, facts: &BoardFacts) -> Self {
        let region = |image| Region::new(image, facts.security);
        Self {
            regions: images.into_iter().map(region).collect(),
            measured,
            flash_size: facts.flash_size,
            beside: BTreeMap::new(),
        }
    }

    /// Tells the loader the flash size, without which a ROM refuses everything behind 2 MiB.
    pub(super) fn prepare_flash(
        &mut self,
        session: &mut Session,
        facts: &BoardFacts,
        request: &Request,
    ) -> Result<(), LoaderError> {
        if facts.security.secure_download {
            session.attach_flash()?;
            self.take_flash_size_of(request);
        }
        session.set_flash_size(self.flash_bytes())?;
        let needs_stub = |region: &Region| {
            let end = region.sector_offset(region.sectors.len());
            // Only the stub of an ESP32 can write encrypted.
            (facts.chip == Chip::Esp32 && region.encrypt) || end > THREE_BYTE_END
        };
        if self.regions.iter().any(needs_stub) {
            self.start_stub(session)?;
        }
        Ok(())
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
        let end = |region: &Region| region.sector_offset(region.sectors.len());
        let needed = self.regions.iter().map(end).max().unwrap_or(0);
        let assumed = needed
            .checked_next_power_of_two()
            .unwrap_or(needed)
            .max(ASSUMED_FLASH_BYTES);
        self.flash_size.unwrap_or(assumed)
    }

    /// Bytes of all sectors that are not known to match.
    pub(super) fn bytes_to_write(&self) -> u64 {
        let sectors = self.regions.iter().flat_map(|region| &region.sectors);
        sectors.filter(|sector| sector.is_to_be_written()).count() as u64 * u64::from(SECTOR_LEN)
    }

    /// Changes from ROM to stub where that is cheaper for what is left.
    pub(super) fn start_stub_if_it_pays(
        &mut self,
        session: &mut Session,
        hash_bytes: u64,
        write_bytes: u64,
    ) -> Result<(), LoaderError> {
        if self.measured.stub_pays(hash_bytes, write_bytes) && session.stub_obstacle()?.is_none() {
            self.start_stub(session)?;
        }
        Ok(())
    }

    pub(super) fn start_stub(&mut self, session: &mut Session) -> Result<(), LoaderError> {
        session.start_stub()?;
        session.set_flash_size(self.flash_bytes())?;
        self.measured.kind = LoaderKind::Stub;
        self.measured.hash_bytes_per_s = None;
        Ok(())
    }

    /// MD5 of sectors of the `n`-th region, which are to hold `bytes`. Where other sectors hold the
    /// same, a digest that is right may be the answer to another question (one that came late, or one
    /// for which the offset was damaged on the way): it is asked for twice.
    pub(super) fn hash_sectors(
        &mut self,
        session: &mut Session,
        n: usize,
        sectors: Range<usize>,
        bytes: &[u8],
    ) -> Result<[u8; 16], LoaderError> {
        let region = &self.regions[n];
        let offset = region.sector_offset(sectors.start);
        let is_unique = |sector: usize| region.is_unique.get(sector) == Some(&true);
        let is_unique = sectors.clone().any(is_unique);
        let len_bytes = sectors.len() as u32 * SECTOR_LEN;
        let digest = self.hash(session, offset, len_bytes)?;
        if is_unique || digest != md5_of(bytes) {
            return Ok(digest);
        }
        self.hash(session, offset, len_bytes)
    }

    /// Hashes flash, and learns from how long it took.
    pub(super) fn hash(
        &mut self,
        session: &mut Session,
        offset: u32,
        len_bytes: u32,
    ) -> Result<[u8; 16], LoaderError> {
        let start = session.link().now();
        let digest = session.md5(offset, len_bytes)?;
        let took = session.link().now().saturating_sub(start);
        let hashing = took.saturating_sub(self.measured.round_trip).as_secs_f64();
        if u64::from(len_bytes) >= MEASURED_FROM_BYTES && hashing > 0.0 {
            self.measured.hash_bytes_per_s = Some(f64::from(len_bytes) / hashing);
        }
        Ok(digest)
    }
}
