use sha2::{Digest, Sha256};

use super::*;

/// An image of one segment, with a digest.
pub(crate) fn image(fill: u8) -> Vec<u8> {
    let mut image = vec![0xE9, 1, 2, 0x2F, 0, 0, 8, 0x40];
    image.resize(23, 0);
    image.push(1);
    image.extend_from_slice(&0x3FFF_0018u32.to_le_bytes());
    image.extend_from_slice(&100u32.to_le_bytes());
    image.extend(std::iter::repeat_n(fill, 99));
    image.push(fill ^ 0xEF);
    let checksum = 0xEF ^ fill ^ fill ^ 0xEF ^ image[32..130].iter().fold(0, |x, b| x ^ b);
    image.resize(image.len() / 16 * 16 + 15, 0);
    image.push(checksum);
    let digest = Sha256::digest(&image);
    image.extend_from_slice(&digest);
    image
}

pub(crate) fn table_entry(kind: u8, subtype: u8, offset: u32) -> Vec<u8> {
    let mut entry = vec![0xAA, 0x50, kind, subtype];
    entry.extend_from_slice(&offset.to_le_bytes());
    entry.extend_from_slice(&0x1_0000u32.to_le_bytes());
    entry.resize(32, 0);
    entry
}

pub(crate) struct Flash(pub(crate) Vec<u8>);

impl Flash {
    pub(crate) fn blank() -> Self {
        Self(vec![0xFF; 0x10_0000])
    }

    pub(crate) fn with(mut self, offset: usize, bytes: &[u8]) -> Self {
        self.0[offset..offset + bytes.len()].copy_from_slice(bytes);
        self
    }
}

/// factory at 10000, ota_0 at 20000, ota_1 at 30000, otadata at D000.
fn two_slots() -> Flash {
    let table: Vec<u8> = [
        table_entry(1, 0, 0xD000),
        table_entry(0, 0, 0x1_0000),
        table_entry(0, 0x10, 0x2_0000),
        table_entry(0, 0x11, 0x3_0000),
    ]
    .concat();
    Flash::blank()
        .with(0, &image(1))
        .with(0x8000, &table)
        .with(0x1_0000, &image(2))
        .with(0x2_0000, &image(3))
        .with(0x3_0000, &image(4))
}

/// An otadata entry; the CRCs of these sequence numbers are from arduino-esp32 and a genuine OTA.
fn otadata(sequence: u32, crc: u32, state: u32) -> Vec<u8> {
    let mut entry = sequence.to_le_bytes().to_vec();
    entry.resize(24, 0xFF);
    entry.extend_from_slice(&state.to_le_bytes());
    entry.extend_from_slice(&crc.to_le_bytes());
    entry
}

const CRC_1: u32 = 0x4743_989A;
const CRC_2: u32 = 0x55F6_3774;

fn app(flash: &Flash) -> Result<u32, BootFailure> {
    let nor = Nor::in_memory(0x10_0000, &flash.0[..]);
    boot(Chip::Esp32C3, &nor, false).app
}

#[test]
fn otadata_selects_the_slot() {
    let both = |first: &[u8], second: &[u8]| two_slots().with(0xD000, first).with(0xE000, second);
    assert_eq!(app(&two_slots()), Ok(0x1_0000), "none: factory");
    let one = otadata(1, CRC_1, u32::MAX);
    let two = otadata(2, CRC_2, u32::MAX);
    assert_eq!(app(&both(&one, &[])), Ok(0x2_0000));
    assert_eq!(app(&both(&one, &two)), Ok(0x3_0000), "the newer one");
    let bad_crc = otadata(2, CRC_1, u32::MAX);
    assert_eq!(app(&both(&one, &bad_crc)), Ok(0x2_0000));
    let aborted = otadata(2, CRC_2, 4);
    assert_eq!(app(&both(&one, &aborted)), Ok(0x2_0000));
}

#[test]
fn a_damaged_slot_gives_way_to_the_ones_before_it() {
    let two = otadata(2, CRC_2, u32::MAX);
    let flash = two_slots().with(0xD000, &two).with(0x3_0040, &[0]);
    assert_eq!(app(&flash), Ok(0x2_0000));
    let flash = flash.with(0x2_0040, &[0]);
    assert_eq!(app(&flash), Ok(0x1_0000));
    let flash = flash.with(0x1_0040, &[0]);
    assert_eq!(app(&flash), Err(BootFailure::NoApplication));
}

#[test]
fn each_missing_piece_has_its_name() {
    assert_eq!(
        app(&Flash::blank()),
        Err(BootFailure::NoBootloader(0xFFFF_FFFF))
    );
    let only_bootloader = Flash::blank().with(0, &image(1));
    assert_eq!(app(&only_bootloader), Err(BootFailure::NoPartitionTable));
    let damaged = two_slots().with(0x40, &[0]);
    assert_eq!(app(&damaged), Err(BootFailure::BootloaderDamaged));
}

#[test]
fn a_table_elsewhere_is_found() {
    let flash = Flash::blank()
        .with(0, &image(1))
        .with(0x1_5000, &table_entry(0, 0, 0x2_0000))
        .with(0x2_0000, &image(2));
    assert_eq!(app(&flash), Ok(0x2_0000));
}

#[test]
fn encrypted_flash_boots_only_with_encryption() {
    let mut flash = two_slots();
    crate::security::crypt(0, &mut flash.0);
    let nor = Nor::in_memory(0x10_0000, flash.0);
    assert_eq!(boot(Chip::Esp32C3, &nor, true).app, Ok(0x1_0000));
    assert!(boot(Chip::Esp32C3, &nor, false).app.is_err());
    let plain = Nor::in_memory(0x10_0000, two_slots().0);
    assert!(boot(Chip::Esp32C3, &plain, true).app.is_err());
}
