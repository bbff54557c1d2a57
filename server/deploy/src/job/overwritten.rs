//! Files that are put where the boot loader looks for something else: what was there starts no more. A build
//! says what its files are; files that somebody names with an offset are what is found in them.

use fbuild_chip::Chip;
use fbuild_project::esp_image::EspImage;
use fbuild_project::partitions::PartitionTable;
use fbuild_project::target::{RegionKind, Tool};

use super::Job;
use super::boot_slot::read_table;
use super::chain::IMAGE_MAGIC;
use super::on_board::OnBoard;
use crate::failure::DeployError;
use crate::image::{Image, LoadedImages, START_BYTES, brought, brought_table};

impl Job<'_> {
    /// Warns of a file over the table's place that holds no table, and of one over an app's that is no app.
    pub(super) fn note_overwritten(
        &mut self,
        board: &mut dyn OnBoard,
        loaded: &LoadedImages,
        chip: Chip,
    ) -> Result<(), DeployError> {
        if loaded.target().tool != Tool::Files || chip == Chip::Esp8266 {
            return Ok(());
        }
        let table_at = loaded.table_offset();
        let place = chip.facts().bootloader_offset;
        if let Some((image, bytes)) = brought(self.images(), table_at)
            && PartitionTable::parse(bytes).is_err()
        {
            if !starts_without_table(image, place, table_at) {
                let what = format!(
                    "{} covers {table_at:#x}, where the boot loader looks for the partition table, and has none \
                     there: no app starts until one is deployed",
                    image.region.name
                );
                self.journal.note(what);
            }
            return Ok(());
        }
        let is_other =
            |image: &&Image| image.region.kind == RegionKind::Data && !covers(image, table_at);
        let others: Vec<Image> = self.images().filter(is_other).cloned().collect();
        if others.is_empty() {
            return Ok(());
        }
        let table = match brought_table(self.images(), table_at) {
            Some(table) => Some(table),
            None => read_table(board, table_at)?.valid(),
        };
        for app in table.iter().flat_map(PartitionTable::apps) {
            let (start, end) = (app.offset, app.offset.saturating_add(app.size));
            let is_in = |image: &&Image| image.region.offset < end && start < end_of(image);
            for image in others.iter().filter(is_in) {
                let is_app =
                    brought([image], start).is_some_and(|(_, it)| it.starts_with(&IMAGE_MAGIC));
                if is_app || !board.read(start, START_BYTES)?.starts_with(&IMAGE_MAGIC) {
                    continue;
                }
                self.journal.note(format!(
                    "{} goes into the partition '{}' ({start:#x} to {end:#x}), where the board has an app, and is \
                     none: that app may not start any more",
                    image.region.name, app.label
                ));
            }
        }
        Ok(())
    }
}

fn end_of(image: &Image) -> u32 {
    image.region.offset.saturating_add(image.bytes.len() as u32)
}

fn covers(image: &Image, offset: u32) -> bool {
    (image.region.offset..end_of(image)).contains(&offset)
}

/// Whether an image is started by the ROM and goes on past the table's place: Zephyr's and NuttX's without a boot
/// loader, and direct boot. A boot loader ends before it.
fn starts_without_table(image: &Image, place: u32, table_at: u32) -> bool {
    let Some((_, bytes)) = brought([image], place) else {
        return false;
    };
    let boot_loader = EspImage::parse(bytes);
    boot_loader.map_or(true, |it| {
        u64::from(place) + it.len_bytes() as u64 > u64::from(table_at)
    })
}
