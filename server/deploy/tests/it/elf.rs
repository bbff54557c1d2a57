//! ELF files become what espflash makes of them.

use fbuild_chip::Chip;
use fbuild_deploy::image::{self, BoardFacts, Image};
use fbuild_project::esp_image::EspImage;
use fbuild_project::partitions::PartitionTable;
use fbuild_project::target::Target;

use crate::fixtures::{Workspace, shared, workspace};

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

/// An ELF file for a chip without an ELF file in the corpus: the C3's, with its own name for the chip made
/// unreadable. Only the boot loader that comes along is looked at.
fn target_for(chip: Chip) -> Option<(Workspace, Target)> {
    const NAME: &[u8] = b"esp32c3";
    let workspace = workspace("esp32c3/cargo")?;
    std::fs::write(workspace.root.join("espflash.toml"), "").unwrap();
    let mut target = workspace.discover().default_target().unwrap().clone();
    let elf = target.firmware().unwrap().source.path().to_owned();
    let mut bytes = std::fs::read(&elf).unwrap();
    for at in 0..bytes.len() - NAME.len() {
        if bytes[at..].starts_with(NAME) {
            bytes[at] = b'x';
        }
    }
    std::fs::write(&elf, bytes).unwrap();
    target.chip = Some(chip);
    target.regions[0].offset = chip.facts().bootloader_offset;
    Some((workspace, target))
}

#[test]
fn a_p4_gets_the_boot_loader_of_its_revision() {
    let Some((_workspace, target)) = target_for(Chip::Esp32P4) else {
        return;
    };
    let loaded = image::load(&target, None).unwrap();
    let revisions = |revision| {
        let board = BoardFacts {
            revision: Some(revision),
            flash_size: Some(16 << 20),
            ..BoardFacts::new(Chip::Esp32P4)
        };
        let images = loaded.for_board(&board, false).unwrap();
        let least = |image: &Image| EspImage::parse(image.content()).unwrap().min_revision;
        (least(&images[0]), least(&images[2]))
    };
    assert_eq!(revisions(103), (100, 0));
    assert_eq!(revisions(301), (300, 300));
}

#[test]
fn a_c2_gets_the_boot_loader_of_its_crystal() {
    let Some((_workspace, target)) = target_for(Chip::Esp32C2) else {
        return;
    };
    let loaded = image::load(&target, None).unwrap();
    let bootloader = |crystal_mhz| {
        let board = BoardFacts {
            crystal_mhz: Some(crystal_mhz),
            ..BoardFacts::new(Chip::Esp32C2)
        };
        loaded.for_board(&board, false).unwrap()[0].bytes.clone()
    };
    assert!(bootloader(26) != bootloader(40));
}
