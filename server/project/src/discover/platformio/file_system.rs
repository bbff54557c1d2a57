//! The image of a file system, which `uploadfs` writes and `upload` leaves out.

use super::Env;
use crate::discover::platformio_board::Board;
use crate::discover::platformio_config::ConfigProblem;
use crate::discover::regions;
use crate::partitions::{Partition, PartitionTable};
use crate::target::Region;

impl Env<'_> {
    /// The image, if `buildfs` made one: it goes into the last partition for file systems.
    pub(super) fn file_system(
        &self,
        board: &Board<'_>,
        table: Option<&PartitionTable>,
    ) -> Result<Vec<Region>, ConfigProblem> {
        const FAT: u8 = 0x81;
        const SPIFFS: u8 = 0x82;
        const LITTLEFS: u8 = 0x83;
        /// PlatformIO's FAT images begin after the sector that wear levelling keeps for itself.
        const FAT_OFFSET: u32 = 0x1000;
        let usual = if self.is_pioarduino {
            "littlefs"
        } else {
            "spiffs"
        };
        let kind = board.value("build.filesystem")?;
        let kind = kind.unwrap_or_else(|| usual.to_owned());
        let path = self.dir.join(format!("{kind}.bin"));
        let named = board.value("build.filesystem_partition")?;
        let named = named.filter(|_| self.is_pioarduino);
        let partition = table.and_then(|table| {
            let is_for_files =
                |row: &&Partition| row.kind == 1 && matches!(row.subtype, FAT | SPIFFS | LITTLEFS);
            let mut rows = table.partitions.iter().rev().filter(is_for_files);
            let by_name = rows.clone().find(|row| Some(&row.label) == named.as_ref());
            by_name.or_else(|| rows.next())
        });
        let Some(partition) = partition.filter(|_| path.is_file()) else {
            return Ok(Vec::new());
        };
        let is_behind = kind == "fatfs" && !self.is_pioarduino;
        let ahead = if is_behind { FAT_OFFSET } else { 0 };
        let offset = partition.offset.saturating_add(ahead);
        Ok(vec![regions::data(offset, path, table)])
    }
}
