//! What a chip does with its flash when it is reset without the boot pin held: boot ROM, second
//! stage, application, by the rules of ESP-IDF's boot loader (documentation, "Bootloader" and "OTA").

mod image;
pub(crate) mod log;
mod otadata;
mod table;

use std::fmt::Write as _;

use fbuild_chip::Chip;

use crate::flash::Nor;
use crate::security;

pub(crate) use image::{Image, ImageFault};

/// How a boot from flash ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Boot {
    pub(crate) bootloader: Result<Image, ImageFault>,
    pub(crate) app: Result<u32, BootFailure>,
}

/// Why no application runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BootFailure {
    /// No image where the ROM looks for the second stage; what is there instead.
    NoBootloader(u32),
    /// An image with a wrong checksum.
    BootloaderDamaged,
    /// No partition table that can be read.
    NoPartitionTable,
    /// The table has no application, or none of them is intact.
    NoApplication,
}

/// Flash as the boot code reads it: decrypted if encryption is on.
#[derive(Clone, Copy)]
struct View<'a> {
    chip: Chip,
    flash: &'a Nor,
    encrypted: bool,
}

impl View<'_> {
    fn read(&self, offset: u32, len: u32) -> Option<Vec<u8>> {
        let mut bytes = self.flash.read(offset, len)?.to_vec();
        if self.encrypted {
            security::crypt(offset, &mut bytes);
        }
        Some(bytes)
    }
}

/// What an app in flash says of itself (ESP-IDF's `esp_app_desc_t`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Description {
    pub(crate) project: String,
    pub(crate) version: String,
    pub(crate) time: String,
    pub(crate) date: String,
    pub(crate) idf: String,
    /// Its first nine digits, as ESP-IDF prints them.
    pub(crate) elf_sha256: String,
    /// What our example (`tests/example/make.py`) prints.
    pub(crate) greeting: Option<String>,
}

/// The description of the app at `offset`, if it has one.
pub(crate) fn description(
    chip: Chip,
    flash: &Nor,
    encrypted: bool,
    offset: u32,
) -> Option<Description> {
    /// After the headers of the image and of its first segment.
    const AT: u32 = 32;
    const MAGIC: [u8; 4] = 0xABCD_5432_u32.to_le_bytes();
    const GREETING_AT: u32 = AT + 252 + 100 * 1024;
    let view = View {
        chip,
        flash,
        encrypted,
    };
    let bytes = view.read(offset + AT, 256)?;
    if !bytes.starts_with(&MAGIC) {
        return None;
    }
    let text = |at: usize, len: usize| text(&bytes[at..at + len]);
    let project = text(48, 32);
    let greeting = (project == "example").then(|| view.read(offset + GREETING_AT, 64));
    Some(Description {
        version: text(16, 32),
        time: text(80, 16),
        date: text(96, 16),
        idf: text(112, 32),
        elf_sha256: hex(&bytes[144..149])[..9].to_owned(),
        greeting: greeting.flatten().map(|bytes| self::text(&bytes)),
        project,
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut digits, byte| {
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

/// Up to the first zero; what cannot be printed is a question mark.
fn text(bytes: &[u8]) -> String {
    let end = bytes
        .iter()
        .position(|&byte| byte == 0)
        .unwrap_or(bytes.len());
    let shown = |&byte: &u8| {
        if (0x20..0x7F).contains(&byte) {
            byte.into()
        } else {
            '?'
        }
    };
    bytes[..end].iter().map(shown).collect()
}

/// Boots from flash.
pub(crate) fn boot(chip: Chip, flash: &Nor, encrypted: bool) -> Boot {
    let view = View {
        chip,
        flash,
        encrypted,
    };
    let offset = chip.facts().bootloader_offset;
    let bootloader = image::read(view, offset);
    let app = match &bootloader {
        Err(ImageFault::Header(word)) => Err(BootFailure::NoBootloader(*word)),
        Err(_) => Err(BootFailure::BootloaderDamaged),
        // Whatever an ESP8266's ROM starts is an application, unless it is a boot loader of
        // ESP8266_RTOS_SDK, which reads a table.
        Ok(_) if chip == Chip::Esp8266 && !table::is_at_usual_place(view) => Ok(offset),
        Ok(bootloader) => select_app(view, bootloader.end),
    };
    Boot { bootloader, app }
}

/// The slot that otadata selects if it is intact, else the ones before it, down to the factory
/// application, then the ones after (ESP-IDF, `bootloader_utility.c`).
fn select_app(view: View<'_>, bootloader_end: u32) -> Result<u32, BootFailure> {
    let table = table::find(view, bootloader_end).ok_or(BootFailure::NoPartitionTable)?;
    let selected = match table.otadata {
        Some(offset) => otadata::selected_slot(view, offset, table.ota.len()),
        None => None,
    };
    let start = match (selected, table.factory) {
        (Some(slot), _) => slot + 1,
        (None, Some(_)) => 0,
        (None, None) => 1,
    };
    // Index 0 is the factory application, n the slot n - 1.
    let candidates = (0..=start).rev().chain(start + 1..=table.ota.len());
    candidates
        .filter_map(|index| match index.checked_sub(1) {
            None => table.factory,
            Some(slot) => table.ota.get(slot).copied(),
        })
        .find(|offset| image::read(view, *offset).is_ok())
        .ok_or(BootFailure::NoApplication)
}

#[cfg(test)]
pub(crate) mod tests;
