//! eFuse words: MAC address, revision, security bits.

use std::collections::HashMap;

use fbuild_chip::Chip;

use super::Identity;
use crate::security::Encryption;

/// Every eFuse word that is not 0.
pub(super) fn words(chip: Chip, identity: &Identity) -> HashMap<u32, u32> {
    let mut words = HashMap::new();
    mac(chip, identity.mac, &mut words);
    revision(chip, identity.revision, &mut words);
    let Some(bits) = &chip.facts().security else {
        return words;
    };
    let security = &identity.security;
    if security.encryption.is_on() {
        // An odd number of ones means on: the lowest bit of the counter.
        let (register, mask) = bits.crypt_count;
        *words.entry(register).or_default() |= mask & mask.wrapping_neg();
        let (register, bits) = encryption_key(chip, register);
        *words.entry(register).or_default() |= bits;
    }
    if security.encryption == Encryption::Release {
        let (register, mask) = bits.encrypted_download_disabled;
        *words.entry(register).or_default() |= mask;
    }
    if security.secure_boot {
        let (register, mask) = bits.secure_boot;
        *words.entry(register).or_default() |= mask;
    }
    words
}

/// What shows that a key is burnt: esptool encrypts for no board without one. On an ESP32 key and
/// configuration are read-protected; on the others, of which only those are known that keep key 0's
/// purpose beside the counter, that purpose is XTS-AES-128.
///
/// Source: esptool 5.6.0, `is_flash_encryption_key_valid` and `get_flash_crypt_config` of each target.
fn encryption_key(chip: Chip, counter: u32) -> (u32, u32) {
    const READ_PROTECTED: u32 = 1 << 16 | 1 << 19;
    const XTS_AES_128: u32 = 4 << 24;
    match chip {
        Chip::Esp32 => (counter, READ_PROTECTED),
        Chip::Esp32S2 | Chip::Esp32S3 | Chip::Esp32C3 | Chip::Esp32C6 | Chip::Esp32H2 => {
            (counter, XTS_AES_128)
        }
        Chip::Esp32C2
        | Chip::Esp32C5
        | Chip::Esp32C61
        | Chip::Esp32H4
        | Chip::Esp32P4
        | Chip::Esp32S31
        | Chip::Esp8266 => (counter, 0),
    }
}

fn mac(chip: Chip, mac: [u8; 6], words: &mut HashMap<u32, u32>) {
    if chip == Chip::Esp8266 {
        // The vendor has a word of its own, as on the newer chips (esptool 5.6.0 `targets/esp8266.py`).
        let word = |bytes: [u8; 3]| u32::from_be_bytes([0, bytes[0], bytes[1], bytes[2]]);
        words.insert(0x3FF0_0050, u32::from(mac[5]) << 24);
        words.insert(0x3FF0_0054, word([0, mac[3], mac[4]]));
        words.insert(0x3FF0_005C, word([mac[0], mac[1], mac[2]]));
        return;
    }
    let low = u32::from_be_bytes([mac[2], mac[3], mac[4], mac[5]]);
    let mut high = u32::from(u16::from_be_bytes([mac[0], mac[1]]));
    if chip == Chip::Esp32 {
        high |= u32::from(mac_crc(mac)) << 16;
    }
    *words.entry(chip.facts().mac.low).or_default() |= low;
    *words.entry(chip.facts().mac.high).or_default() |= high;
}

/// CRC-8 (Maxim) over the address, as the ESP32's eFuses hold it (recording esp32-a1: B9 for
/// 24:0A:C4:00:01:10).
fn mac_crc(mac: [u8; 6]) -> u8 {
    let mut crc = 0u8;
    for byte in mac {
        crc ^= byte;
        for _ in 0..8 {
            crc = if crc & 1 != 0 {
                (crc >> 1) ^ 0x8C
            } else {
                crc >> 1
            };
        }
    }
    crc
}

/// Places of the revision fields. Source: esptool 5.6.0, `get_major_chip_version` and
/// `get_minor_chip_version` of each target. Word numbers count from the MAC's first word (eFuse block
/// 1; block 2 on the C2).
fn revision(chip: Chip, (major, minor): (u8, u8), words: &mut HashMap<u32, u32>) {
    let (major, minor) = (u32::from(major), u32::from(minor));
    let block = chip.facts().mac.low;
    let mut set = |address: u32, bits: u32| *words.entry(address).or_default() |= bits;
    let mut word = |number: u32, bits: u32| set(block + 4 * number, bits);
    match chip {
        Chip::Esp32 => {
            // Three bits in three places, set one after the other; package and CK8M frequency are
            // what recording esp32-a1 shows.
            set(0x3FF5_A00C, if major >= 1 { 1 << 15 } else { 0 });
            set(
                0x3FF5_A014,
                (if major >= 2 { 1 << 20 } else { 0 }) | (minor & 3) << 24,
            );
            set(
                0x3FF6_607C,
                if major >= 3 { 0x9604_2000 } else { 0x1604_2000 },
            );
            set(0x3FF5_A010, 0x50);
        }
        Chip::Esp32S2 => {
            word(3, (major & 3) << 18 | (minor >> 3 & 1) << 20);
            word(4, (minor & 7) << 4);
        }
        Chip::Esp32S3 => {
            word(3, (minor & 7) << 18);
            word(5, (minor >> 3 & 1) << 23 | (major & 3) << 24);
        }
        Chip::Esp32C3 => {
            // The two upper bits are what recording esp32c3-a1 shows.
            word(3, (minor & 7) << 18 | 0x0300_0000);
            word(5, (minor >> 3 & 1) << 23 | (major & 3) << 24);
        }
        Chip::Esp32C2 => word(1, (minor & 0xF) << 16 | (major & 3) << 20),
        Chip::Esp32C5 | Chip::Esp32C61 => word(2, minor & 0xF | (major & 3) << 4),
        Chip::Esp32C6 | Chip::Esp32H4 | Chip::Esp32S31 => {
            word(3, (minor & 0xF) << 18 | (major & 3) << 22);
        }
        Chip::Esp32H2 => word(3, (minor & 7) << 18 | (major & 3) << 21),
        Chip::Esp32P4 => word(2, minor & 0xF | (major & 3) << 4 | (major >> 2 & 1) << 23),
        Chip::Esp8266 => {}
    }
}
