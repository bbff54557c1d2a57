//! What to do about a refusal: it has to point the right way.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use fbuild_chip::Chip;
use fbuild_deploy::image::{self, BoardFacts};
use fbuild_project::discover::{Environment, discover};
use fbuild_project::partitions::csv;
use fbuild_project::target::{Source, Target};

fn write(dir: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = dir.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, bytes).unwrap();
    path
}

/// An image with a segment of four bytes, for these revisions.
fn image(chip: Chip, revisions: (u16, u16)) -> Vec<u8> {
    let mut bytes = vec![0xE9, 1, 2, 0x20];
    bytes.resize(12, 0);
    bytes.extend(chip.facts().image_id.unwrap().to_le_bytes());
    bytes.push(0);
    bytes.extend(revisions.0.to_le_bytes());
    bytes.extend(revisions.1.to_le_bytes());
    bytes.resize(24, 0);
    bytes.extend([0, 0, 8, 0x40, 4, 0, 0, 0, 1, 2, 3, 4]);
    bytes.resize(47, 0);
    bytes.push(0xEF ^ 1 ^ 2 ^ 3 ^ 4);
    bytes
}

fn table() -> Vec<u8> {
    let mut bytes = vec![0xAA, 0x50, 0, 0];
    bytes.extend(0x1_0000u32.to_le_bytes());
    bytes.extend(0x10_0000u32.to_le_bytes());
    bytes.extend(b"factory\0\0\0\0\0\0\0\0\0");
    bytes.extend([0; 4]);
    bytes.resize(0xC00, 0xFF);
    bytes
}

fn find(root: &Path) -> Target {
    let found = discover(root, &Environment::default());
    found.default_target().unwrap().clone()
}

/// Builds for an ESP32-P4 are for revisions below v3, or for the others.
#[test]
fn a_board_that_is_too_new_is_not_replaced_by_a_newer_one() {
    let remedy = |chip, revisions, revision| {
        let dir = tempfile::tempdir().unwrap();
        let app = write(dir.path(), "app.bin", &image(chip, revisions));
        let target = Target::from_files(&[(0x1_0000, app)]).unwrap();
        let board = BoardFacts {
            revision: Some(revision),
            ..BoardFacts::new(chip)
        };
        let loaded = image::load(&target, None).unwrap();
        let error = loaded.for_board(&board, false).unwrap_err();
        assert_eq!(error.code(), "revision");
        error.remedy().to_string()
    };
    let too_new = remedy(Chip::Esp32P4, (1, 199), 301);
    for words in [
        "The board is newer",
        "CONFIG_ESP32P4_SELECTS_REV_LESS_V3 off",
        "or use an older board",
    ] {
        assert!(too_new.contains(words), "{too_new}");
    }
    let too_old = remedy(Chip::Esp32P4, (300, 399), 103);
    for words in [
        "The board is older",
        "CONFIG_ESP32P4_SELECTS_REV_LESS_V3 on",
        "or use a newer board",
    ] {
        assert!(too_old.contains(words), "{too_old}");
    }
    let other = remedy(Chip::Esp32C3, (0, 99), 101);
    assert!(other.contains("raise the maximum chip revision"), "{other}");
    let other = remedy(Chip::Esp32C3, (101, 199), 4);
    assert!(other.starts_with("Use a newer board"), "{other}");
}

#[test]
fn a_board_with_another_chip_gets_the_target_that_was_built_for_it() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("kiln");
    write(&root, "kiln.ino", b"");
    for (board, chip) in [("esp32", Chip::Esp32), ("esp32c3", Chip::Esp32C3)] {
        let file = |end: &str| format!("build/esp32.esp32.{board}/kiln.ino.{end}");
        write(&root, &file("bin"), &image(chip, (0, 0)));
        write(&root, &file("bootloader.bin"), &image(chip, (0, 0)));
        write(&root, &file("partitions.bin"), &table());
        write(
            &root,
            &format!("build/esp32.esp32.{board}/boot_app0.bin"),
            &[0xFF; 0x2000],
        );
    }
    let found = fbuild_project::discover::discover(&root, &Environment::default());
    let images = image::load(found.target("esp32.esp32.esp32").unwrap(), None).unwrap();
    let remedy = |chip| {
        let refused = images.for_board(&BoardFacts::new(chip), false).unwrap_err();
        assert_eq!(refused.code(), "chip-mismatch");
        refused.remedy().to_string()
    };
    assert_eq!(
        remedy(Chip::Esp32C3),
        "Deploy the target arduino:esp32.esp32.esp32c3, which is for it, or connect the right board."
    );
    assert!(remedy(Chip::Esp32S3).starts_with("Connect the right board"));
}

/// `idedata.json` names an image of the framework by a path from the project, and it is not there.
#[test]
fn an_image_that_no_build_makes_is_not_to_be_built() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    let ini = "[env:dev]\nplatform = espressif32\nboard = mine\nframework = arduino\n";
    write(root, "platformio.ini", ini.as_bytes());
    let build = root.join(".pio/build/dev");
    let made = [
        ("bootloader.bin", image(Chip::Esp32S3, (0, 99))),
        ("partitions.bin", table()),
        ("firmware.bin", image(Chip::Esp32S3, (0, 99))),
    ];
    for (name, bytes) in &made {
        write(&build, name, bytes);
    }
    let named = |offset: &str, path: &str| format!(r#"{{"offset": "{offset}", "path": "{path}"}}"#);
    let idedata = format!(
        r#"{{"prog_path": "/gone/.pio/build/dev/firmware.elf", "extra": {{"flash_images": [{}, {}, {}],
           "application_offset": "0x10000"}}}}"#,
        named("0x0000", "/gone/.pio/build/dev/bootloader.bin"),
        named("0x8000", "/gone/.pio/build/dev/partitions.bin"),
        named("0x2d0000", "variants/mine/tinyuf2.bin"),
    );
    let idedata = write(&build, "idedata.json", idedata.as_bytes());
    // Written after the build, as `pio run -t idedata` does.
    let later = SystemTime::now() + Duration::from_mins(1);
    let file = std::fs::File::options().write(true).open(idedata).unwrap();
    file.set_modified(later).unwrap();
    let target = find(root);
    let error = image::load(&target, None).unwrap_err();
    assert_eq!(error.code(), "file-missing");
    let missing = root.join("variants/mine/tinyuf2.bin");
    assert_eq!(error.path(), Some(&*missing));
    let remedy = error.remedy().to_string();
    assert!(
        remedy.contains("No build makes this file")
            && remedy.ends_with("deploy only the regions bootloader, partitions, firmware"),
        "{remedy}"
    );
    // Where it is, from wherever the program was started.
    write(root, "variants/mine/tinyuf2.bin", b"uf2");
    image::load(&target, None).unwrap();
    // What a build makes is to be built.
    std::fs::remove_file(build.join("partitions.bin")).unwrap();
    let error = image::load(&target, None).unwrap_err();
    assert!(
        error.remedy().to_string().contains("pio run -e dev"),
        "{error:?}"
    );
}

/// A build in a container leaves paths of the container in what it says.
#[test]
fn paths_of_a_container_lead_to_the_files_here() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    let args = r#"{"flash_files": {"0x1000": "bootloader/bootloader.bin", "0x8000": "table.bin",
        "0x10000": "app.bin", "0x110000": "/workspaces/app/build/fs/storage.bin"},
        "bootloader": {"offset": "0x1000", "file": "bootloader/bootloader.bin"},
        "partition-table": {"offset": "0x8000", "file": "table.bin"},
        "app": {"offset": "0x10000", "file": "app.bin"},
        "storage": {"offset": "0x110000", "file": "/workspaces/app/build/fs/storage.bin"},
        "extra_esptool_args": {"chip": "esp32"}}"#;
    write(root, "CMakeLists.txt", b"");
    write(root, "build/flasher_args.json", args.as_bytes());
    write(
        root,
        "build/bootloader/bootloader.bin",
        &image(Chip::Esp32, (0, 99)),
    );
    write(root, "build/app.bin", &image(Chip::Esp32, (0, 99)));
    write(root, "build/table.bin", &table());
    let error = image::load(&find(root), None).unwrap_err();
    assert_eq!(error.code(), "file-missing");
    let remedy = error.remedy().to_string();
    assert!(
        remedy.contains("from the container") && remedy.contains("idf.py build"),
        "{remedy}"
    );
    // A file of the same name elsewhere in the build is another one only where the longer end is there.
    write(root, "build/storage.bin", b"by name");
    let source = |target: &Target| match &target.region("storage").unwrap().source {
        Source::File(path) => path.clone(),
        Source::Elf(_) => unreachable!(),
    };
    assert_eq!(source(&find(root)), root.join("build/storage.bin"));
    write(root, "build/fs/storage.bin", b"by path");
    assert_eq!(source(&find(root)), root.join("build/fs/storage.bin"));
    image::load(&find(root), None).unwrap();
}

/// Nothing starts with less flash in the boot loader's header than the table needs, whoever put it there.
#[test]
fn a_header_for_less_flash_than_the_table_needs_is_refused_by_the_files_alone() {
    const ROWS: &str = "nvs,data,nvs,0x9000,0x5000\notadata,data,ota,0xe000,0x2000\n\
                        app0,app,ota_0,0x10000,0x640000\nspiffs,data,spiffs,0xc90000,0x370000\n";
    let rows = csv::compile(ROWS, &csv::Options::default())
        .unwrap()
        .to_bytes();
    let s3 = image(Chip::Esp32S3, (0, 99));
    let refused = |target: &Target, words: &[&str]| {
        let error = image::load(target, None)
            .unwrap()
            .check_unseen()
            .unwrap_err();
        assert_eq!(error.code(), "header-flash-size");
        let said = format!("{error} {}", error.remedy());
        for word in words {
            assert!(said.contains(word), "no '{word}' in: {said}");
        }
    };
    // ESP-IDF leaves the header as the boot loader has it: 4 MB.
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    let args = r#"{"flash_settings": {"flash_size": "keep"}, "flash_files": {
        "0x0": "bootloader/bootloader.bin", "0x8000": "table.bin", "0x10000": "app.bin"},
        "bootloader": {"offset": "0x0", "file": "bootloader/bootloader.bin"},
        "partition-table": {"offset": "0x8000", "file": "table.bin"},
        "app": {"offset": "0x10000", "file": "app.bin"}, "extra_esptool_args": {"chip": "esp32s3"}}"#;
    write(root, "CMakeLists.txt", b"");
    write(root, "build/flasher_args.json", args.as_bytes());
    write(root, "build/bootloader/bootloader.bin", &s3);
    write(root, "build/app.bin", &s3);
    write(root, "build/table.bin", &rows);
    refused(
        &find(root),
        &["says 4 MB of flash", "'spiffs' ends at 0x1000000"],
    );
    // PlatformIO writes the board's into it; the option that nobody reads changes nothing.
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    let board = r#"{"build": {"mcu": "esp32s3"}, "upload": {"flash_size": "8MB"}}"#;
    let framework = "core/packages/framework-arduinoespressif32";
    write(root, "boards/mine.json", board.as_bytes());
    write(root, "p16.csv", ROWS.as_bytes());
    write(
        root,
        &format!("{framework}/tools/partitions/boot_app0.bin"),
        b"x",
    );
    for (name, bytes) in [
        ("bootloader", &s3),
        ("partitions", &rows),
        ("firmware", &s3),
    ] {
        write(root, &format!(".pio/build/dev/{name}.bin"), bytes);
    }
    let found = |more: &str| {
        let ini = format!(
            "[env:dev]\nplatform = espressif32\nboard = mine\nframework = arduino\n\
             board_build.partitions = p16.csv\n{more}"
        );
        write(root, "platformio.ini", ini.as_bytes());
        let core = root.join("core").display().to_string();
        let environment = Environment::from_pairs([("PLATFORMIO_CORE_DIR".to_owned(), core)]);
        discover(root, &environment)
            .default_target()
            .unwrap()
            .clone()
    };
    for more in ["", "board_build.flash_size = 16MB\n"] {
        let words = [
            "says 8 MB of flash",
            "'spiffs' ends at 0x1000000",
            "board_upload.flash_size",
        ];
        refused(&found(more), &words);
    }
    let right = found("board_upload.flash_size = 16MB\n");
    image::load(&right, None).unwrap().check_unseen().unwrap();
}
