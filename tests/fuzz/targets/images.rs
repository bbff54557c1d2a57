//! Any bytes as an image, as otadata, as a UF2 file, and as the ELF file of a target that is loaded.
#![no_main]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::LazyLock;

use fbuild_deploy::image;
use fbuild_project::esp_image::EspImage;
use fbuild_project::partitions::PartitionTable;
use fbuild_project::target::{ElfSource, Source, Target};
use fbuild_project::otadata;
use fbuild_project::uf2;
use fbuild_chip::Chip;
use libfuzzer_sys::fuzz_target;

static DIR: LazyLock<tempfile::TempDir> = LazyLock::new(|| tempfile::tempdir().expect("a directory"));

fuzz_target!(|data: &[u8]| {
    let Some((&how, bytes)) = data.split_first() else {
        return;
    };
    if let Ok(image) = EspImage::parse(bytes) {
        assert!(image.len_bytes() <= bytes.len());
    }
    if let Ok(program) = uf2::read(bytes, None) {
        assert!(program.bytes.len() <= 16 << 20);
    }
    let table = PartitionTable { partitions: Vec::new(), has_md5: true };
    let _ = (otadata::entries(bytes), otadata::selected_slot(&table, bytes));
    let path = DIR.path().join("firmware");
    std::fs::write(&path, bytes).expect("a file");
    let Ok(mut target) = Target::from_files(&[(0x1_0000, path.clone())]) else {
        return;
    };
    if how & 1 == 1 {
        target.chip = Some([Chip::Esp32, Chip::Esp32C3, Chip::Esp32S3][usize::from(how >> 1) % 3]);
        for region in &mut target.regions {
            region.source = Source::Elf(ElfSource {
                elf: path.clone(),
                bootloader: None,
                partition_table: None,
                partition_table_offset: None,
                target_app_partition: None,
            });
        }
    }
    // The crate that reads ELF files panics on some, and the product catches that; libFuzzer's own
    // hook would end the process before it can.
    std::panic::set_hook(Box::new(|_| {}));
    if catch_unwind(AssertUnwindSafe(|| image::load(&target, None).map(drop))).is_err() {
        std::process::abort();
    }
});
