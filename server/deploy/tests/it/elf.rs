//! ELF files become what espflash makes of them.

use fbuild_deploy::image::{self, BoardFacts};
use fbuild_deploy::partitions::PartitionTable;
use fbuild_loader::chip::Chip;

use crate::fixtures::{shared, workspace};

/// Header byte with the flash size and frequency, which the reference was made with defaults of.
const SIZE_FREQ_AT: usize = 3;
const SHA256_BYTES: usize = 32;

#[test]
fn the_app_is_espflashs_apart_from_the_frequency() {
    let Some(workspace) = workspace("esp32c3/cargo") else {
        return;
    };
    let fixtures = shared("espflash's image").unwrap();
    let reference = std::fs::read(fixtures.join("firmware/esp32c3-app.bin")).unwrap();
    let target = workspace.discover().default_target().unwrap().clone();
    assert_eq!(target.baud, Some(921_600));
    let loaded = image::load(&target, None).unwrap();
    let board = BoardFacts {
        flash_size: Some(0x40_0000),
        ..BoardFacts::new(Chip::Esp32C3)
    };
    let images = loaded.for_board(&board, false).unwrap();
    let names: Vec<_> = images
        .iter()
        .map(|i| (i.region.name.as_str(), i.region.offset))
        .collect();
    assert_eq!(
        names,
        [
            ("bootloader", 0),
            ("partitions", 0x8000),
            ("firmware", 0x1_0000)
        ]
    );

    let app = images[2].content();
    assert_eq!(app.len(), reference.len());
    let hashed = app.len() - SHA256_BYTES;
    let differing: Vec<_> = (0..hashed)
        .filter(|at| app[*at] != reference[*at])
        .collect();
    assert_eq!(differing, [SIZE_FREQ_AT]);
    assert_eq!(
        (reference[SIZE_FREQ_AT], app[SIZE_FREQ_AT]),
        (0x20, 0x2F),
        "40 MHz, 80 MHz"
    );
    assert_ne!(
        app[hashed..],
        reference[hashed..],
        "the hash covers that byte"
    );

    let table = PartitionTable::parse(&images[1].bytes).unwrap();
    assert_eq!(table.app_at(0x1_0000).unwrap().size, 0x3f_0000);
    let bundled = std::fs::read(fixtures.join("firmware/esp32c3-bootloader.bin")).unwrap();
    let hashed = bundled.len() - SHA256_BYTES;
    assert!(
        images[0].bytes[4..hashed] == bundled[4..hashed],
        "espflash's boot loader"
    );
    assert_eq!(
        images[0].bytes[2..4],
        [2, 0x2F],
        "espflash.toml: dio, 80 MHz, 4 MB"
    );
}

#[test]
fn the_size_of_the_boards_flash_is_taken_where_none_is_given() {
    let Some(workspace) = workspace("esp32c3/cargo") else {
        return;
    };
    std::fs::write(workspace.root.join("espflash.toml"), "").unwrap();
    let target = workspace.discover().default_target().unwrap().clone();
    let loaded = image::load(&target, None).unwrap();
    let on = |flash_size| {
        let board = BoardFacts {
            flash_size,
            ..BoardFacts::new(Chip::Esp32C3)
        };
        let images = loaded.for_board(&board, false).unwrap();
        let table = PartitionTable::parse(&images[1].bytes).unwrap();
        (
            images[0].bytes[SIZE_FREQ_AT] >> 4,
            table.app_at(0x1_0000).unwrap().end(),
        )
    };
    assert_eq!(on(None), (2, 0x40_0000));
    assert_eq!(on(Some(0x80_0000)), (3, 0x80_0000));
}
