//! What is refused before any board is touched: the broken workspaces of the shared manifest, and
//! workspaces broken here in one place each.

use fbuild_chip::Chip;
use fbuild_chip::security::BoardSecurity;
use fbuild_deploy::image::{self, BoardFacts, LoadedImages};
use fbuild_deploy::outcome::Failure;
use fbuild_project::input_error::InputError;
use fbuild_project::target::{Source, Target};

use crate::fixtures::{Workspace, workspace, workspaces};

fn first_problem(workspace: &Workspace) -> InputError {
    let found = workspace.discover();
    match found.default_target() {
        Err(problem) => problem,
        Ok(target) => image::load(target, None).expect_err(&workspace.name),
    }
}

#[test]
fn every_bad_workspace_is_refused_with_its_code() {
    for workspace in workspaces("refusals", |name| name.starts_with("bad/")) {
        let problem = first_problem(&workspace);
        let expected = workspace.expect["problem"].as_str().unwrap();
        assert_eq!(problem.code(), expected, "{}: {problem}", workspace.name);
        let failure = Failure::from(problem);
        assert!(
            !failure.what.is_empty() && !failure.remedy.is_empty(),
            "{failure:?}"
        );
        let text = failure
            .to_string()
            .replace(workspace.root.to_str().unwrap(), "W");
        eprintln!("{}: {text}\n", workspace.name);
    }
}

#[test]
fn messages_name_region_file_and_remedy() {
    let message = |name: &str| {
        let workspace = workspace(name)?;
        let failure = Failure::from(first_problem(&workspace));
        Some(
            failure
                .to_string()
                .replace(workspace.root.to_str().unwrap(), "W"),
        )
    };
    for (name, expected) in [
        (
            "bad/missing-file",
            "bootloader: the file W/build/bootloader/bootloader.bin does not exist\n  Build the \
             project: idf.py build",
        ),
        (
            "bad/wrong-chip",
            "bootloader: W/build/bootloader/bootloader.bin is for ESP32, but the build is for \
             ESP32-S3\n  Connect the right board, or build for the chip that is connected.",
        ),
        (
            "bad/truncated",
            "firmware: W/build/micropython.bin is cut short: 1000000 bytes, at least 1395928 \
             expected\n  Build the project: idf.py build",
        ),
        (
            "bad/table-csv-mismatch",
            "partitions: W/build/partition_table/partition-table.bin does not match \
             W/partitions.csv: 'factory' has size 1600 KiB in the CSV, 1536 KiB in the built \
             table\n  Build the project: \
             idf.py build",
        ),
        (
            "bad/bootloader-overlap",
            "bootloader (0x7000-0xc8b0) and partitions (0x8000-0x8c00) overlap\n  Correct the \
             offsets, and build again.",
        ),
    ] {
        if let Some(message) = message(name) {
            assert_eq!(message, expected);
        }
    }
}

/// A good workspace, and its target.
fn good(name: &str) -> Option<(Workspace, Target)> {
    let workspace = workspace(name)?;
    let target = workspace.discover().default_target().unwrap().clone();
    Some((workspace, target))
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn subsets_are_what_was_asked_for_or_nothing() {
    let Some((_workspace, target)) = good("micropython-0831/espidf") else {
        return;
    };
    let code = |wanted: &[&str]| {
        image::load(&target, Some(&names(wanted)))
            .unwrap_err()
            .code()
    };
    assert_eq!(code(&[]), "empty-selection");
    assert_eq!(code(&["firmware", "spiffs"]), "unknown-region");
    assert_eq!(code(&["firmware", "firmware"]), "duplicate-region");
    let error = image::load(&target, Some(&names(&["app"]))).unwrap_err();
    assert_eq!(
        error.to_string(),
        "espidf:build has no region 'app'; its regions: bootloader, partitions, firmware"
    );
    let loaded = image::load(&target, Some(&names(&["firmware", "bootloader"]))).unwrap();
    assert_eq!(loaded.region_names(), ["bootloader", "firmware"]);
    let std_file = target.region("bootloader").unwrap().source.path();
    std::fs::remove_file(std_file).unwrap();
    assert_eq!(code(&["bootloader"]), "file-missing");
    image::load(&target, Some(&names(&["firmware"]))).unwrap();
}

/// Change one region's file, and say what loading answers.
fn with_bytes(target: &Target, region: &str, change: impl FnOnce(&mut Vec<u8>)) -> InputError {
    let path = target.region(region).unwrap().source.path();
    let before = std::fs::read(path).unwrap();
    let mut bytes = before.clone();
    change(&mut bytes);
    std::fs::write(path, bytes).unwrap();
    let error = image::load(target, None).unwrap_err();
    std::fs::write(path, before).unwrap();
    error
}

#[test]
fn damage_is_told_apart() {
    let Some((_workspace, target)) = good("micropython-0831/espidf") else {
        return;
    };
    let code = |region, change: fn(&mut Vec<u8>)| with_bytes(&target, region, change).code();
    assert_eq!(code("firmware", |b| b[1] = 17), "image-header");
    assert_eq!(code("bootloader", |b| b.truncate(100)), "image-truncated");
    assert_eq!(code("bootloader", |b| b[200] ^= 1), "image-hash");
    // Without an appended SHA-256 only the checksum is left.
    assert_eq!(
        code("bootloader", |b| {
            b[23] = 0;
            b[200] ^= 1;
        }),
        "image-checksum"
    );
    assert_eq!(code("partitions", |b| b[6] ^= 1), "table-unreadable");
    assert_eq!(code("partitions", |b| b.fill(0)), "table-unreadable");
    assert_eq!(code("firmware", |b| b[12] = 0x77), "image-hash");
}

#[test]
fn regions_must_stand_where_they_can() {
    let Some((_workspace, target)) = good("micropython-0831/espidf") else {
        return;
    };
    let moved = |region: &str, offset: u32| {
        let mut target = target.clone();
        target
            .regions
            .iter_mut()
            .find(|r| r.name == region)
            .unwrap()
            .offset = offset;
        image::load(&target, None).unwrap_err()
    };
    assert_eq!(moved("firmware", 0x1_0800).code(), "misaligned-offset");
    assert_eq!(moved("firmware", 0x8000).code(), "regions-overlap");
    let error = moved("bootloader", 0);
    assert_eq!(error.code(), "bootloader-misplaced");
    assert!(
        error
            .to_string()
            .ends_with("goes to 0x0, but an ESP32 starts it from 0x1000"),
        "{error}"
    );
    let error = moved("firmware", 0x2_0000);
    assert_eq!(error.code(), "app-outside-partition");
    assert!(
        error
            .to_string()
            .ends_with("(its app partitions: 'factory' at 0x10000)"),
        "{error}"
    );
}

fn loaded(name: &str) -> Option<(Workspace, LoadedImages)> {
    let (workspace, target) = good(name)?;
    let loaded = image::load(&target, None).unwrap();
    Some((workspace, loaded))
}

#[test]
fn boards_that_do_not_fit_are_refused() {
    let Some((_workspace, images)) = loaded("micropython-0831/espidf") else {
        return;
    };
    let esp32 = BoardFacts {
        flash_size: Some(0x40_0000),
        ..BoardFacts::new(Chip::Esp32)
    };
    let refused = |board: BoardFacts, force| images.for_board(&board, force).unwrap_err();
    images.for_board(&esp32, false).unwrap();

    let other = BoardFacts {
        chip: Chip::Esp32S3,
        ..esp32
    };
    assert_eq!(refused(other, true).code(), "chip-mismatch");

    let small = BoardFacts {
        flash_size: Some(0x20_0000),
        ..esp32
    };
    let error = refused(small, false);
    assert_eq!(error.code(), "past-flash-end");
    assert_eq!(
        error.to_string(),
        "the partition 'vfs' ends at 0x400000, but the flash of the board ends at 0x200000 (2 MiB)"
    );
    images.for_board(&small, true).unwrap();
    let tiny = BoardFacts {
        flash_size: Some(0x10_0000),
        ..esp32
    };
    let error = refused(tiny, true);
    assert_eq!(error.code(), "past-flash-end");
    assert!(error.to_string().starts_with("firmware ("), "{error}");
}

#[test]
fn security_states_are_refused_unless_forced() {
    let Some((_workspace, images)) = loaded("micropython-0831/espidf") else {
        return;
    };
    let with = |security| BoardFacts {
        security,
        ..BoardFacts::new(Chip::Esp32)
    };
    let on = BoardSecurity {
        flash_encryption: true,
        ..BoardSecurity::default()
    };
    let release = BoardSecurity {
        encrypted_download_disabled: true,
        ..on
    };
    let boot = BoardSecurity {
        secure_boot: true,
        ..BoardSecurity::default()
    };
    for (security, code) in [
        (on, "flash-encrypted"),
        (release, "flash-encrypted"),
        (boot, "secure-boot"),
    ] {
        assert_eq!(
            images.for_board(&with(security), false).unwrap_err().code(),
            code
        );
        images.for_board(&with(security), true).unwrap();
    }
}

#[test]
fn revisions_are_compared_with_the_header() {
    let Some((_workspace, target)) = good("esp32c3/espidf") else {
        return;
    };
    // The header of the app: minimum at 15, maximum at 17; 0 as maximum means a header of before
    // ESP-IDF 4.4, where only the legacy minimum at 14 counts (on the C3: the minor number).
    let with = |legacy: u8, min: u16, max: u16, revision: u16| {
        let path = target.region("firmware").unwrap().source.path();
        let before = std::fs::read(path).unwrap();
        let mut bytes = before.clone();
        bytes[14] = legacy;
        bytes[15..17].copy_from_slice(&min.to_le_bytes());
        bytes[17..19].copy_from_slice(&max.to_le_bytes());
        let end = bytes.len() - 32;
        let digest = <sha2::Sha256 as sha2::Digest>::digest(&bytes[..end]);
        bytes[end..].copy_from_slice(&digest);
        std::fs::write(path, bytes).unwrap();
        let loaded = image::load(&target, Some(&["firmware".to_owned()])).unwrap();
        std::fs::write(path, before).unwrap();
        let board = BoardFacts {
            revision: Some(revision),
            ..BoardFacts::new(Chip::Esp32C3)
        };
        assert!(loaded.for_board(&board, true).is_ok());
        loaded
            .for_board(&board, false)
            .map(|_| ())
            .map_err(|error| error.to_string())
    };
    let tail = |result: Result<(), String>| {
        result
            .unwrap_err()
            .split(" needs ")
            .nth(1)
            .unwrap()
            .to_owned()
    };
    assert_eq!(with(0, 3, 199, 4), Ok(()));
    assert_eq!(
        tail(with(0, 3, 199, 2)),
        "chip revision v0.3 or newer, but the board has v0.2"
    );
    assert_eq!(
        tail(with(0, 3, 199, 200)),
        "chip revision v1.99 or older, but the board has v2.0"
    );
    assert_eq!(with(0, 3, 65535, 900), Ok(()));
    assert_eq!(
        with(3, 900, 0, 4),
        Ok(()),
        "the full minimum was not written then"
    );
    assert_eq!(
        tail(with(3, 0, 0, 102)),
        "chip revision v0.3 or newer, but the board has v1.2"
    );
}

#[test]
fn elf_files_are_checked_too() {
    let Some((_workspace, target)) = good("esp32c3/cargo") else {
        return;
    };
    let elf = target.region("firmware").unwrap().source.path().to_owned();
    let good = std::fs::read(&elf).unwrap();
    let answer = |bytes: &[u8], target: &Target| {
        std::fs::write(&elf, bytes).unwrap();
        let error = image::load(target, None).map(|_| ()).unwrap_err();
        std::fs::write(&elf, &good).unwrap();
        error.code()
    };
    assert_eq!(answer(b"", &target), "file-empty");
    assert_eq!(answer(b"\x7fELF", &target), "elf");
    assert_eq!(answer(&good[..2000], &target), "elf");
    let mut other = target.clone();
    other.chip = None;
    assert_eq!(answer(&good, &other), "chip-unknown");
    other.chip = Some(Chip::Esp32C6);
    assert_eq!(answer(&good, &other), "chip-mismatch");
    let mut small = target.clone();
    let table = small.root.join("small.csv");
    std::fs::write(
        &table,
        "nvs,data,nvs,,0x6000\nphy,data,phy,,0x1000\nfactory,app,factory,,64K\n",
    )
    .unwrap();
    for region in &mut small.regions {
        if let Source::Elf(source) = &mut region.source {
            source.partition_table = Some(table.clone());
        }
    }
    assert_eq!(answer(&good, &small), "app-exceeds-partition");
    std::fs::write(&table, "nvs,data\n").unwrap();
    assert_eq!(answer(&good, &small), "table-unreadable");
    std::fs::remove_file(&table).unwrap();
    assert_eq!(answer(&good, &small), "file-missing");
}

/// Damaged ELF files must be refused, never end the process. Positions are spread over the file.
#[test]
fn damaged_elf_files_do_not_panic() {
    let Some((_workspace, target)) = good("esp32c3/cargo") else {
        return;
    };
    let elf = target.region("firmware").unwrap().source.path().to_owned();
    let good = std::fs::read(&elf).unwrap();
    let headers = (0..0x200).step_by(7);
    for at in headers {
        let mut bytes = good.clone();
        for byte in &mut bytes[at..at + 4] {
            *byte = byte.wrapping_mul(31).wrapping_add(0x55);
        }
        std::fs::write(&elf, &bytes).unwrap();
        let _ = image::load(&target, None);
    }
}
