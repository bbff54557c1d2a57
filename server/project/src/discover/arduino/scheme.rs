//! What the menu entry "Partition Scheme" says, and whether a table is of that scheme.
//!
//! Source: arduino-esp32 2.0 to 3.3, `boards.txt` and `tools/partitions/`. `default` is another table for nearly
//! every board, and says nothing. Beside its slots a table may have a factory app, which is not counted.

use std::path::Path;

use crate::amount::amount_in_kib;
use crate::partitions::PartitionTable;

/// A scheme, the size of its apps, and their number.
const SCHEMES: [(&str, u32, usize); 9] = [
    ("huge_app", 0x30_0000, 1),
    ("min_spiffs", 0x1E_0000, 2),
    ("no_ota", 0x20_0000, 1),
    ("noota_3g", 0x10_0000, 1),
    ("noota_ffat", 0x20_0000, 1),
    ("noota_3gffat", 0x10_0000, 1),
    ("minimal", 0x14_0000, 1),
    ("default_8MB", 0x33_0000, 2),
    ("app3M_fat9M_16MB", 0x30_0000, 2),
];

/// What is told of a table that is of another scheme than the one that is asked for.
pub(super) fn contradiction(asked: &str, table: &PartitionTable, path: &Path) -> Option<String> {
    let (_, size, count) = *SCHEMES.iter().find(|(name, ..)| *name == asked)?;
    let slots = table.ota_slots();
    let apps: Vec<_> = if slots.is_empty() {
        table.apps().collect()
    } else {
        slots
    };
    let built_size = apps.first()?.size;
    let words = |size: u32, count: usize| {
        let apps = if count == 1 { "app" } else { "apps" };
        format!("{count} {apps} of {}", amount_in_kib(size.into()))
    };
    let is_other = size != built_size || count != apps.len();
    is_other.then(|| {
        format!(
            "the board's options say PartitionScheme={asked}, which has {}, and {} was built with another: {}; \
             compiling the sketch makes it anew",
            words(size, count),
            path.display(),
            words(built_size, apps.len())
        )
    })
}
