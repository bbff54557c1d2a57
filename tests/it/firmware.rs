//! Firmware of our own making for any chip: what the boot ROM and the boot loader accept as images,
//! table and otadata. Made by the formats' documents, with none of the code under test.

use std::path::{Path, PathBuf};

use fbuild_chip::Chip;
use fbuild_deploy::request::Request;
use fbuild_project::target::{Region, Target};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

pub(crate) const SECTOR: usize = 0x1000;
pub(crate) const TABLE_AT: u32 = 0x8000;
pub(crate) const OTADATA_AT: u32 = 0xD000;
/// Where the app is in every layout here.
pub(crate) const APP_AT: u32 = 0x1_0000;

/// Bytes that do not repeat and do not shrink, different for every seed.
pub(crate) fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend(state.to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

/// Bytes that shrink about as well as machine code does.
pub(crate) fn code(seed: u64, len: usize) -> Vec<u8> {
    let words = noise(seed, 4 * 256);
    let order = noise(seed ^ 0xC0DE, len.div_ceil(4));
    let mut bytes = Vec::with_capacity(len + 4);
    for n in order {
        let at = 4 * usize::from(n);
        bytes.extend_from_slice(&words[at..at + 4]);
    }
    bytes.truncate(len);
    bytes
}

/// An image with one segment, its checksum and its SHA-256. `payload` is cut to whole words.
///
/// Source: esptool's documentation, "Firmware Image Format".
pub(crate) fn image(chip: Chip, payload: &[u8]) -> Vec<u8> {
    const DIO: u8 = 2;
    const SIZE_4MB_40MHZ: u8 = 0x20;
    const LOAD_ADDRESS: u32 = 0x4008_0000;
    let payload = &payload[..payload.len() / 4 * 4];
    let mut bytes = vec![0xE9, 1, DIO, SIZE_4MB_40MHZ];
    bytes.extend(LOAD_ADDRESS.to_le_bytes());
    bytes.extend([0xEE, 0, 0, 0]);
    bytes.extend(chip.facts().image_id.unwrap().to_le_bytes());
    bytes.extend([0, 0, 0]); // no least revision
    bytes.extend(u16::MAX.to_le_bytes()); // nor a highest
    bytes.extend([0, 0, 0, 0, 1]); // a SHA-256 follows
    bytes.extend(LOAD_ADDRESS.to_le_bytes());
    bytes.extend(u32::try_from(payload.len()).unwrap().to_le_bytes());
    bytes.extend(payload);
    let checksum = payload.iter().fold(0xEF, |sum, byte| sum ^ byte);
    bytes.resize(bytes.len() / 16 * 16 + 15, 0);
    bytes.push(checksum);
    let digest = Sha256::digest(&bytes);
    bytes.extend(digest);
    bytes
}

/// An image of an ESP8266's: a header of 8 bytes, one segment, its checksum.
///
/// Source: esptool's documentation, "Firmware Image Format".
pub(crate) fn image_8266(load_address: u32, payload: &[u8]) -> Vec<u8> {
    const DIO: u8 = 2;
    const SIZE_4MB_40MHZ: u8 = 0x40;
    let mut bytes = vec![0xE9, 1, DIO, SIZE_4MB_40MHZ];
    bytes.extend(load_address.to_le_bytes());
    bytes.extend(load_address.to_le_bytes());
    bytes.extend(u32::try_from(payload.len()).unwrap().to_le_bytes());
    bytes.extend(payload);
    bytes.resize(bytes.len() / 16 * 16 + 15, 0);
    bytes.push(payload.iter().fold(0xEF, |sum, byte| sum ^ byte));
    bytes
}

/// What the Arduino core makes for an ESP8266, of exactly so many sectors: its boot loader in the first
/// one, and the sketch. Source: the core's `elf2bin.py`.
pub(crate) fn sketch_8266(seed: u64, sectors: usize) -> Vec<u8> {
    let mut bytes = image_8266(0x4010_F000, &code(seed, 0xD60));
    bytes.resize(SECTOR, 0xAA);
    bytes.extend(image_8266(
        0x4020_1010,
        &code(seed + 1, (sectors - 1) * SECTOR - 64),
    ));
    assert_eq!(bytes.len().div_ceil(SECTOR), sectors);
    bytes
}

/// An image that covers exactly `sectors` sectors.
pub(crate) fn image_of_sectors(chip: Chip, seed: u64, sectors: usize) -> Vec<u8> {
    // Header, segment header, checksum and digest are 24 + 8 + 16 + 32 bytes at most.
    let image = image(chip, &code(seed, sectors * SECTOR - 80));
    assert_eq!(image.len().div_ceil(SECTOR), sectors);
    image
}

/// The image with this flash size in its header: a power of two, from 1 MiB on.
pub(crate) fn sized(mut image: Vec<u8>, flash_bytes: u32) -> Vec<u8> {
    const FREQUENCY: u8 = 0x0F;
    const DIGEST: usize = 32;
    image[3] = (((flash_bytes >> 20).trailing_zeros() as u8) << 4) | (image[3] & FREQUENCY);
    let end = image.len() - DIGEST;
    let digest = Sha256::digest(&image[..end]);
    image[end..].copy_from_slice(&digest);
    image
}

/// The image with a signature block of secure boot V2 after it; by no real key.
///
/// Source: ESP-IDF documentation, "Secure Boot V2", signature block format.
pub(crate) fn signed_v2(mut image: Vec<u8>) -> Vec<u8> {
    image.resize(image.len().next_multiple_of(SECTOR), 0xFF);
    let mut block = noise(2, 1216);
    block[..4].copy_from_slice(&[0xE7, 0x02, 0, 0]);
    block.resize(SECTOR, 0xFF);
    image.extend(block);
    image
}

/// The image with a signature of secure boot V1 after it: version 0 and 64 bytes.
pub(crate) fn signed_v1(mut image: Vec<u8>) -> Vec<u8> {
    image.extend([0; 4]);
    image.extend(noise(1, 64));
    image
}

/// One row of a partition table: label, type, subtype, offset, size.
pub(crate) type Row = (&'static str, u8, u8, u32, u32);

pub(crate) const NVS: Row = ("nvs", 1, 2, 0x9000, 0x4000);
pub(crate) const OTADATA: Row = ("otadata", 1, 0, OTADATA_AT, 0x2000);
pub(crate) const FACTORY: Row = ("factory", 0, 0, APP_AT, 0x10_0000);
pub(crate) const OTA_0: Row = ("ota_0", 0, 0x10, APP_AT, 0x10_0000);
pub(crate) const OTA_1: Row = ("ota_1", 0, 0x11, 0x11_0000, 0x10_0000);
pub(crate) const STORAGE: Row = ("storage", 1, 0x82, 0x20_0000, 0x10_0000);

/// Of a board that has stored something.
pub(crate) const OLD_LAYOUT: &[Row] = &[NVS, FACTORY, STORAGE];
/// What replaces it: NVS moves, and the storage begins where it did and is smaller.
pub(crate) const NEW_LAYOUT: &[Row] = &[
    ("nvs", 1, 2, 0xA000, 0x4000),
    FACTORY,
    ("storage", 1, 0x82, 0x20_0000, 0x8_0000),
];

/// A partition table's file. Source: ESP-IDF documentation, "Partition Tables".
pub(crate) fn table(rows: &[Row]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (label, kind, subtype, offset, size) in rows {
        bytes.extend([0xAA, 0x50, *kind, *subtype]);
        bytes.extend(offset.to_le_bytes());
        bytes.extend(size.to_le_bytes());
        let mut name = label.as_bytes().to_vec();
        name.resize(16, 0);
        bytes.extend(name);
        bytes.extend([0; 4]);
    }
    bytes.resize(0xC00, 0xFF);
    bytes
}

/// Contents of an otadata partition whose entries have these sequence numbers.
///
/// Source: ESP-IDF `esp_flash_partitions.h`. The checksums are those that boards in the field hold
/// for 1 and 2 (`boot_app0.bin`, and an update over the air after it).
pub(crate) fn otadata(first: Option<u32>, second: Option<u32>) -> Vec<u8> {
    let mut bytes = vec![0xFF; 0x2000];
    for (at, seq) in [(0, first), (SECTOR, second)] {
        let Some(seq) = seq else { continue };
        let crc: u32 = match seq {
            1 => 0x4743_989A,
            2 => 0x55F6_3774,
            _ => panic!("no checksum for {seq}"),
        };
        bytes[at..at + 4].copy_from_slice(&seq.to_le_bytes());
        bytes[at + 28..at + 32].copy_from_slice(&crc.to_le_bytes());
    }
    bytes
}

/// Files of a build, and the target that they make.
pub(crate) struct Build {
    folder: TempDir,
    pub(crate) target: Target,
}

impl Build {
    pub(crate) fn new(files: &[(u32, Vec<u8>)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pairs: Vec<(u32, PathBuf)> = files
            .iter()
            .map(|(offset, bytes)| {
                let path = folder.path().join(format!("at-{offset:x}.bin"));
                std::fs::write(&path, bytes).unwrap();
                (*offset, path)
            })
            .collect();
        let target = Target::from_files(&pairs).unwrap();
        Self { folder, target }
    }

    /// A file beside the build, that belongs to no region.
    pub(crate) fn spare(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    pub(crate) fn request(&self) -> Request {
        Request::new(self.target.clone(), "sim:")
    }

    /// The request with something changed.
    pub(crate) fn with(&self, change: impl FnOnce(&mut Request)) -> Request {
        let mut request = self.request();
        change(&mut request);
        request
    }

    /// Only these regions.
    pub(crate) fn subset(&self, names: &[&str]) -> Request {
        self.with(|it| it.regions = Some(names.iter().map(|&name| name.to_owned()).collect()))
    }

    pub(crate) fn region(&mut self, name: &str) -> &mut Region {
        let mut regions = self.target.regions.iter_mut();
        regions.find(|region| region.name == name).unwrap()
    }

    pub(crate) fn region_offset(&self, name: &str) -> u32 {
        self.target.region(name).unwrap().offset
    }

    pub(crate) fn path(&self, name: &str) -> &Path {
        self.target.region(name).unwrap().source.path()
    }

    pub(crate) fn bytes(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    /// Builds again with other bytes.
    pub(crate) fn rebuild(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.path(name), bytes).unwrap();
    }

    /// Flash of `len` bytes that holds this build, and FF elsewhere.
    pub(crate) fn flashed(&self, len: usize) -> Vec<u8> {
        let mut flash = vec![0xFF; len];
        for region in &self.target.regions {
            let bytes = std::fs::read(region.source.path()).unwrap();
            let start = region.offset as usize;
            flash[start..start + bytes.len()].copy_from_slice(&bytes);
        }
        flash
    }
}
