//! Boot ROM and boot loader, when there is nothing to start.

use super::Said;
use crate::crash::MAX_TEXT;
use crate::log::LogLine;
use crate::text::{hex, shortened};

pub(super) fn said(text: &str) -> Option<Said> {
    if text == "waiting for download" {
        return Some(Said::WaitsForDownload);
    }
    rom(text)
        .map(Said::BootFailure)
        .or_else(|| boot_loader(text))
}

fn rom(text: &str) -> Option<String> {
    if let Some(rest) = text.strip_prefix("invalid header: ") {
        let (word, _) = hex(rest)?;
        return Some(if word == u32::MAX {
            "flash empty at the boot address (invalid header 0xffffffff)".to_owned()
        } else {
            format!("no image at the boot address (invalid header {word:#010x})")
        });
    }
    let starts = [
        "flash read err, ",
        "csum err:0x",
        "Invalid image block, can't boot",
        "invalid segment length 0x",
    ];
    let is_one = starts.iter().any(|start| text.starts_with(start));
    is_one.then(|| shortened(text.trim_end(), MAX_TEXT))
}

fn boot_loader(text: &str) -> Option<Said> {
    let line = LogLine::parse(text)?;
    let message = shortened(line.message.trim_end(), MAX_TEXT);
    match line.tag.as_deref()? {
        "esp_image" if line.level == crate::log::Level::Error => {
            // "(nothing flashed here?)" is a guess.
            let message = message.split(" (").next().unwrap_or(&message);
            Some(Said::BadImage(message.to_owned()))
        }
        "boot"
            if message.starts_with("No bootable app partitions")
                || message.starts_with("No bootable test partition") =>
        {
            Some(Said::BootFailure("no bootable app".to_owned()))
        }
        "boot"
            if message.starts_with("Failed to verify partition table")
                || message.starts_with("load partition table error") =>
        {
            Some(Said::BootFailure(
                "no partition table that the boot loader accepts".to_owned(),
            ))
        }
        _ => None,
    }
}
