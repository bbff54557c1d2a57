//! What is shown under the pointer.

use std::fmt::Write as _;

use super::{Config, Role, board_name, keys};
use crate::editing::Hover;

pub(super) fn hover(config: &Config<'_>, at: usize) -> Option<Hover> {
    let mut entries = config.text.entries.iter();
    let entry = entries.find(|entry| entry.span.start <= at && at <= entry.span.end)?;
    let key = keys::find(&entry.name)?;
    let mut markdown = format!(
        "**CONFIG_{}** = `{}`\n\n{}",
        entry.name, entry.value, key.text
    );
    let is_about_flash = entry.name.starts_with("ESPTOOLPY_FLASHSIZE");
    if let Some(board) = config
        .board()
        .filter(|_| is_about_flash || entry.name == "IDF_TARGET")
    {
        let chip = board.chip.as_deref().unwrap_or("unknown chip");
        let _ = write!(
            markdown,
            "\n\nDeployed to last: {} ({chip}",
            board_name(board)
        );
        if let Some(flash) = board.flash_bytes {
            let _ = write!(markdown, ", {} MB of flash", flash >> 20);
        }
        markdown.push_str(").");
    }
    if entry.name == "PARTITION_TABLE_OFFSET" {
        for build in config.builds() {
            let (name, offset) = (&build.target.name, build.target.table_offset);
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
