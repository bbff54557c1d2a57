//! What a survey asks of the loader.

use std::collections::HashMap;
use std::ops::Range;

use fbuild_chip::Chip;
use fbuild_chip::flash::SECTOR_LEN;
use fbuild_loader::error::LoaderError;
use fbuild_loader::session::{LoaderKind, Session, md5_of};

use crate::image::BoardFacts;
use crate::image::board::THREE_BYTE_END;
use crate::job::survey::{Region, Survey};
use crate::old_images::sector_digests;
use crate::request::Request;

/// Hashes of less say more about round trips than about hashing.
const MEASURED_FROM_BYTES: u64 = 16 * 1024;

/// Marks the sectors whose bytes occur nowhere else in these regions, and are not one byte repeated,
/// which any flash may hold in many places.
pub(super) fn mark_unique(regions: &mut [Region]) {
    let bytes: Vec<&[u8]> = regions.iter().map(|it| &it.image.bytes[..]).collect();
    let digests: Vec<_> = bytes.iter().map(|bytes| sector_digests(bytes)).collect();
    let unique = unique(&bytes, &digests);
    for (region, is_unique) in regions.iter_mut().zip(unique) {
        region.is_unique = is_unique;
    }
}

/// Which sectors of which images occur in none of them again, and are not one byte repeated.
pub(super) fn unique(images: &[&[u8]], digests: &[Vec<[u8; 16]>]) -> Vec<Vec<bool>> {
    let mut seen: HashMap<[u8; 16], u32> = HashMap::new();
    for digest in digests.iter().flatten() {
        *seen.entry(*digest).or_default() += 1;
    }
    let of_image = |(bytes, digests): (&&[u8], &Vec<[u8; 16]>)| {
        let sectors = bytes.chunks(SECTOR_LEN as usize).zip(digests);
        let is_unique = |(sector, digest): (&[u8], &[u8; 16])| {
            seen[digest] == 1 && sector.iter().any(|byte| *byte != sector[0])
        };
        sectors.map(is_unique).collect()
    };
    images.iter().zip(digests).map(of_image).collect()
}

impl Survey {
    /// Tells the loader the flash size, without which a ROM refuses everything beyond 2 MiB.
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
            // Only the stub of an ESP32 can write encrypted.
            (facts.chip == Chip::Esp32 && region.encrypt) || region.range().end > THREE_BYTE_END
        };
        if self.regions.iter().any(needs_stub) {
            self.start_stub(session)?;
        }
        Ok(())
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
