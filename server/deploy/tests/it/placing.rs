//! Files of any bytes at any place: what is refused, and what is written exactly.

use fbuild_chip::Chip;
use fbuild_deploy::image::{self, BoardFacts};
use fbuild_project::discover::{Environment, discover};
use fbuild_project::partitions::csv;
use fbuild_project::target::Target;

/// A target of files of this length, named after the letters of the alphabet.
fn target(files: &[(u32, usize)]) -> (tempfile::TempDir, Target) {
    let folder = tempfile::tempdir().unwrap();
    let write = |(name, &(offset, len)): (char, &(u32, usize))| {
        let path = folder.path().join(format!("{name}.bin"));
        std::fs::write(&path, vec![7; len]).unwrap();
        (offset, path)
    };
    let pairs: Vec<_> = ('a'..).zip(files).map(write).collect();
    let target = Target::from_files(&pairs).unwrap();
    (folder, target)
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

/// What is on the board there belongs to somebody, chosen or not.
#[test]
fn a_region_may_not_reach_into_one_that_was_not_chosen() {
    let (_folder, target) = target(&[(0x1_0000, 0x1001), (0x1_1000, 10), (0x2_0000, 10)]);
    let code = |choice: &[&str]| {
        let loaded = image::load(&target, Some(&names(choice)));
        loaded.err().map(|error| error.code())
    };
    assert_eq!(code(&["a"]), Some("regions-overlap"));
    assert_eq!(code(&["a", "c"]), Some("regions-overlap"));
}

#[test]
fn a_region_may_end_where_the_flash_does() {
    const FLASH: u32 = 0x40_0000;
    let board = BoardFacts {
        flash_size: Some(FLASH),
        ..BoardFacts::new(Chip::Esp32)
    };
    let code = |len| {
        let (_folder, target) = target(&[(FLASH - 0x1000, len)]);
        let loaded = image::load(&target, None).unwrap();
        loaded.for_board(&board, false).err().map(|it| it.code())
    };
    assert_eq!(code(0x1000), None);
    assert_eq!(code(0x1001), Some("past-flash-end"));
}

/// As esptool pads: to whole words.
#[test]
fn what_is_written_is_whole_words() {
    let (_folder, target) = target(&[(0x1_0000, 5)]);
    let loaded = image::load(&target, None).unwrap();
    let images = loaded.for_board(&BoardFacts::new(Chip::Esp32), false);
    let content = images.unwrap()[0].content().to_vec();
    assert_eq!(content, [7, 7, 7, 7, 7, 0xFF, 0xFF, 0xFF]);
}

/// PlatformIO's `upload` does not write it, so a deploy does not either, unless it is named.
#[test]
fn a_file_system_is_deployed_on_request() {
    let dir = tempfile::tempdir().unwrap();
    let build = dir.path().join(".pio/build/uno");
    std::fs::create_dir_all(&build).unwrap();
    let rows = "app,app,factory,0x10000,1M\nfs,data,spiffs,0x290000,64K\n";
    let table = csv::compile(rows, &csv::Options::default());
    let table = table.unwrap().to_bytes();
    let ini = "[env:uno]\nplatform = espressif32\nframework = arduino\n";
    for (path, bytes) in [
        (dir.path().join("platformio.ini"), ini.as_bytes()),
        (build.join("firmware.bin"), &[0xE9; 24]),
        (build.join("partitions.bin"), &table),
        (build.join("spiffs.bin"), &[7; 5000]),
        // Of another time: the project says, or means, spiffs.
        (build.join("littlefs.bin"), &[8; 5000]),
    ] {
        std::fs::write(path, bytes).unwrap();
    }
    let found = discover(dir.path(), &Environment::default());
    let target = found.default_target().unwrap();
    assert!(target.region("fs").is_none(), "{target:#?}");
    let choice = ["fs".to_owned()];
    let loaded = image::load(target, Some(&choice)).unwrap();
    assert!(loaded.is_subset());
    let board = BoardFacts::new(Chip::Esp32);
    let images = loaded.for_board(&board, false).unwrap();
    assert_eq!(images.len(), 1);
    assert_eq!(images[0].region.offset, 0x29_0000);
    assert_eq!(images[0].content(), [7; 5000]);
}
