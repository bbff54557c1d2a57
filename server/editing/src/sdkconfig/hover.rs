//! What is shown under the pointer.

use std::fmt::Write as _;

use fbuild_chip::security::BoardSecurity;
use fbuild_project::plain;

use super::{Config, Role, keys};
use crate::Hover;

pub(super) fn hover(config: &Config<'_>, at: usize) -> Option<Hover> {
    let mut entries = config.text.entries.iter();
    let entry = entries.find(|entry| entry.span.start <= at && at <= entry.span.end)?;
    let key = keys::find(&entry.name)?;
    let mut markdown = format!(
        "**CONFIG_{}** = {}\n\n{}",
        plain::markdown(&entry.name),
        plain::code(&entry.value),
        key.text
    );
    let is_about_flash = entry.name.starts_with("ESPTOOLPY_FLASHSIZE");
    let is_about_security = entry.name.starts_with("SECURE_");
    if let Some(board) = config
        .board()
        .filter(|_| is_about_flash || is_about_security || entry.name == "IDF_TARGET")
    {
        let chip = plain::markdown(board.chip.as_deref().unwrap_or("unknown chip"));
        let name = plain::markdown(&board.name());
        let _ = write!(markdown, "\n\nDeployed to last: {name} ({chip}");
        if let Some(flash) = board.flash_bytes {
            let _ = write!(markdown, ", {} MB of flash", flash >> 20);
        }
        markdown.push_str(").");
        if let Some(security) = board.security.filter(|_| is_about_security) {
            let _ = write!(markdown, " {}", security_text(security));
        }
    }
    if entry.name == "PARTITION_TABLE_OFFSET" {
        for build in config.builds() {
            let name = plain::markdown(&build.target.name);
            let offset = build.target.table_offset;
            let _ = write!(markdown, "\n\nBuilt in {name}: {offset:#x}.");
        }
    }
    if config.role == Role::Defaults {
        markdown.push_str("\n\nA default: it counts while there is no sdkconfig.");
    }
    Some(Hover {
        span: entry.span.clone(),
        markdown,
    })
}

/// What a board's eFuses said when it was seen.
fn security_text(security: BoardSecurity) -> String {
    let boot = match (security.secure_boot, security.secure_boot_v1) {
        (true, true) => "is on (version 1)",
        (true, false) => "is on",
        (false, _) => "is off",
    };
    let encryption = match (
        security.flash_encryption,
        security.encrypted_download_disabled,
    ) {
        (true, true) => "is on, in release mode",
        (true, false) => "is on",
        (false, _) => "is off",
    };
    let mode = if security.secure_download {
        " It is in Secure Download Mode."
    } else {
        ""
    };
    format!("Its secure boot {boot}, its flash encryption {encryption}.{mode}")
}
