//! What the menu entry "Partition Scheme" says, and whether a table is of that scheme.
//!
//! Source: arduino-esp32 2.0 to 3.3, `boards.txt` and `tools/partitions/`. `default` has two slots whose size
//! depends on the board's flash.

use std::path::Path;

use crate::amount::amount_in_kib;
use crate::partitions::PartitionTable;

/// A scheme, the size of its apps, and their number.
const SCHEMES: [(&str, Option<u32>, usize); 10] = [
    ("default", None, 2),
    ("huge_app", Some(0x30_0000), 1),
    ("min_spiffs", Some(0x1E_0000), 2),
    ("no_ota", Some(0x20_0000), 1),
    ("noota_3g", Some(0x10_0000), 1),
    ("noota_ffat", Some(0x20_0000), 1),
    ("noota_3gffat", Some(0x10_0000), 1),
    ("minimal", Some(0x14_0000), 1),
    ("default_8MB", Some(0x33_0000), 2),
    ("app3M_fat9M_16MB", Some(0x30_0000), 2),
];

/// What is told of a table that is of another scheme than the one that is asked for.
pub(super) fn contradiction(asked: &str, table: &PartitionTable, path: &Path) -> Option<String> {
    let (_, size, count) = *SCHEMES.iter().find(|(name, ..)| *name == asked)?;
    let built_size = table.boot_default()?.size;
    let built_count = table.apps().count();
    let is_other = size.is_some_and(|size| size != built_size) || count != built_count;
    let words = |size: Option<u32>, count: usize| {
        let of = size.map_or_else(String::new, |size| {
            format!(" of {}", amount_in_kib(size.into()))
        });
        let apps = if count == 1 { "app" } else { "apps" };
        format!("{count} {apps}{of}")
    };
    is_other.then(|| {
        format!(
            "the board's options say PartitionScheme={asked}, which has {}, and {} was built with another: {}",
            words(size, count),
            path.display(),
            words(size.map(|_| built_size), built_count)
        )
    })
}
