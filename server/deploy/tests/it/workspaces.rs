//! Every good workspace of the shared manifest is found with the result written there.

use std::collections::BTreeSet;

use fbuild_chip::Chip;
use fbuild_deploy::image::{self, BoardFacts};
use fbuild_project::target::{Source, Target};
use serde_json::Value;

use crate::fixtures::{Workspace, workspace, workspaces};

fn offset(text: &Value) -> u32 {
    let hex = text.as_str().unwrap().strip_prefix("0x").unwrap();
    u32::from_str_radix(hex, 16).unwrap()
}

/// The one target that the workspace should offer first.
fn target_of(workspace: &Workspace) -> Target {
    let found = workspace.discover();
    assert_eq!(found.problems, [], "{}", workspace.name);
    let tool = workspace.expect["tool"].as_str().unwrap();
    let target = found.default_target().unwrap();
    assert_eq!(target.tool.name(), tool, "{}", workspace.name);
    target.clone()
}

#[test]
fn every_workspace_is_found_as_the_manifest_says() {
    let mut tools = BTreeSet::new();
    for workspace in workspaces("discovery", |name| !name.starts_with("bad/")) {
        let name = &workspace.name;
        let target = target_of(&workspace);
        let expect = &workspace.expect;
        tools.insert(target.tool.name());
        assert_eq!(
            target.chip.map(Chip::name),
            expect["chip"].as_str(),
            "{name}"
        );
        for (key, actual) in [("env", &target.env), ("profile", &target.profile)] {
            if let Some(expected) = expect[key].as_str() {
                assert_eq!(actual.as_deref(), Some(expected), "{name}: {key}");
            }
        }
        if let Some(regions) = expect["regions"].as_array() {
            check_regions(&workspace, &target, regions);
        }
        if let Some(elf) = expect["elf"].as_str() {
            let firmware = target.region("firmware").unwrap();
            assert!(matches!(firmware.source, Source::Elf(_)), "{name}");
            assert_eq!(firmware.source.path(), workspace.path(elf), "{name}");
            assert_eq!(firmware.offset, offset(&expect["app_offset"]), "{name}");
        }
        let encrypted = expect["encrypted"].as_bool().unwrap_or(false);
        assert_eq!(target.flash_encryption, encrypted, "{name}");
        assert!(
            target
                .regions
                .iter()
                .all(|region| region.encrypted == encrypted),
            "{name}"
        );
        for ignored in expect["ignore"].as_array().into_iter().flatten() {
            let ignored = workspace.path(ignored.as_str().unwrap());
            assert!(
                ignored.is_file(),
                "{name}: the fixture lost {}",
                ignored.display()
            );
            assert!(
                target.regions.iter().all(|r| r.source.path() != ignored),
                "{name}"
            );
        }
        let stale: Vec<_> = target
            .stale_inputs()
            .iter()
            .map(|path| {
                path.strip_prefix(&workspace.root)
                    .unwrap()
                    .display()
                    .to_string()
            })
            .collect();
        let expected: Vec<_> = expect["stale"].as_array().into_iter().flatten().collect();
        assert_eq!(
            stale,
            expected
                .iter()
                .map(|v| v.as_str().unwrap())
                .collect::<Vec<_>>(),
            "{name}"
        );
        assert!(!target.secure_boot, "{name}");
    }
    let all = BTreeSet::from([
        "arduino",
        "cargo",
        "espidf",
        "fbuild",
        "platformio",
        "zephyr",
    ]);
    assert!(tools.is_empty() || tools == all, "{tools:?}");
}

fn check_regions(workspace: &Workspace, target: &Target, expected: &[Value]) {
    let mut expected: Vec<_> = expected
        .iter()
        .map(|region| {
            let file = workspace.path(region["file"].as_str().unwrap());
            (
                offset(&region["offset"]),
                region["name"].as_str().unwrap().to_owned(),
                file,
            )
        })
        .collect();
    expected.sort();
    let actual: Vec<_> = target
        .regions
        .iter()
        .map(|region| {
            (
                region.offset,
                region.name.clone(),
                region.source.path().to_owned(),
            )
        })
        .collect();
    assert_eq!(actual, expected, "{}", workspace.name);
}

#[test]
fn every_good_workspace_loads() {
    let mut refused = Vec::new();
    let found = workspaces("loading", |name| !name.starts_with("bad/"));
    if found.is_empty() {
        return;
    }
    for workspace in found {
        let target = target_of(&workspace);
        let loaded =
            image::load(&target, None).unwrap_or_else(|e| panic!("{}: {e}", workspace.name));
        let board = BoardFacts {
            flash_size: Some(0x40_0000),
            ..BoardFacts::new(target.chip.unwrap())
        };
        if let Err(error) = loaded.for_board(&board, false) {
            refused.push((workspace.name.clone(), error.code()));
        }
        let images = loaded.for_board(&board, true).unwrap();
        assert_eq!(images.len(), target.regions.len());
        for image in &images {
            assert_eq!(image.bytes.len() % 4, 0);
            if let Source::File(path) = &image.region.source {
                let file = std::fs::read(path).unwrap();
                // Only what is where the ROM starts from may have its header patched.
                let patchable = image.region.offset == board.chip.facts().bootloader_offset;
                assert!(
                    image.bytes.starts_with(&file) || patchable,
                    "{}",
                    image.region.name
                );
            }
        }
        let encrypts = loaded
            .warnings()
            .iter()
            .any(|warning| warning.contains("flash encryption"));
        assert_eq!(encrypts, !workspace.expect["encrypted"].is_null());
        let stale = loaded
            .warnings()
            .iter()
            .any(|warning| warning.contains("changed since"));
        assert_eq!(
            stale,
            !workspace.expect["stale"].is_null(),
            "{:?}",
            loaded.warnings()
        );
    }
    // These were put together from parts: their boot loader is for 2 MB, and their table for 4 MB.
    let mixed = ["esp32s3/arduino", "esp32s3/platformio-arduino"];
    let mixed = mixed.map(|name| (name.to_owned(), "header-flash-size"));
    refused.sort();
    assert_eq!(refused, mixed);
}

#[test]
fn names_are_stable() {
    let names = |name: &str| {
        let workspace = workspace(name)?;
        Some(
            workspace
                .discover()
                .targets
                .iter()
                .map(|t| t.name.clone())
                .collect::<Vec<_>>(),
        )
    };
    for (workspace, expected) in [
        ("micropython-0831/espidf", "espidf:build"),
        ("micropython-0831/platformio", "platformio:esp32dev"),
        ("micropython-0831/fbuild", "fbuild:esp32dev/release"),
        ("esp32s3/arduino", "arduino:esp32.esp32.esp32s3"),
        ("esp32c3/cargo", "cargo:esp32c3/release"),
        ("esp32c3/zephyr", "zephyr:build"),
    ] {
        if let Some(names) = names(workspace) {
            assert_eq!(names, [expected]);
        }
    }
}

#[test]
fn a_project_of_several_tools_offers_them_all() {
    let Some(workspace) = workspace("micropython-0831/fbuild") else {
        return;
    };
    let fbuild = workspace.root.join(".fbuild/build/esp32dev/release");
    let pio = workspace.root.join(".pio/build/esp32dev");
    std::fs::create_dir_all(&pio).unwrap();
    for name in ["firmware.bin", "bootloader.bin", "partitions.bin"] {
        std::fs::copy(fbuild.join(name), pio.join(name)).unwrap();
    }
    let found = workspace.discover();
    let names: Vec<_> = found
        .targets
        .iter()
        .map(|target| target.name.as_str())
        .collect();
    assert_eq!(names, ["fbuild:esp32dev/release", "platformio:esp32dev"]);
    let time = std::time::SystemTime::now() + std::time::Duration::from_mins(1);
    let app = std::fs::File::options()
        .write(true)
        .open(pio.join("firmware.bin"))
        .unwrap();
    app.set_modified(time).unwrap();
    assert_eq!(found.default_target().unwrap().name, "platformio:esp32dev");
}

#[test]
fn explicit_files_get_the_names_of_the_same_build() {
    let Some(workspace) = workspace("esp32s3/platformio-arduino") else {
        return;
    };
    let built = target_of(&workspace);
    let pairs: Vec<_> = built
        .regions
        .iter()
        .map(|r| (r.offset, r.source.path().to_owned()))
        .collect();
    let target = Target::from_files(&pairs).unwrap();
    let names = |target: &Target| {
        target
            .regions
            .iter()
            .map(|r| r.name.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&target), names(&built));
    assert_eq!(target.chip, built.chip);
    image::load(&target, None).unwrap();
}

#[test]
fn the_table_and_the_slot_are_known() {
    let Some(workspace) = workspace("esp32s3/platformio-arduino") else {
        return;
    };
    let target = target_of(&workspace);
    let loaded = image::load(&target, Some(&["firmware".to_owned()])).unwrap();
    assert!(loaded.is_subset());
    assert_eq!(loaded.region_names(), ["firmware"]);
    assert_eq!(loaded.app_slot().unwrap().label, "app0");
    assert_eq!(loaded.table_offset(), 0x8000);
    let table = loaded.table().unwrap();
    let board = BoardFacts::new(target.chip.unwrap());
    let otadata = loaded.initial_otadata_image(&board).unwrap().unwrap();
    assert_eq!(otadata.region.offset, 0xe000);
    let boots = |bytes: &[u8]| {
        fbuild_project::otadata::selected_slot(table, bytes)
            .map(|partition| partition.label.clone())
    };
    assert_eq!(boots(&otadata.bytes).as_deref(), Some("app0"));
    // The board had taken an update over the air: entry two with the next number.
    let mut updated = otadata.bytes.to_vec();
    updated[0x1000..0x1004].copy_from_slice(&2u32.to_le_bytes());
    updated[0x101c..0x1020].copy_from_slice(&0x55F6_3774_u32.to_le_bytes());
    assert_eq!(boots(&updated).as_deref(), Some("app1"));
}

#[test]
fn fbuild_keeps_its_otadata_apart() {
    let Some(workspace) = workspace("micropython-0831/fbuild") else {
        return;
    };
    let dir = workspace.root.join(".fbuild/build/esp32dev/release");
    assert_eq!(
        target_of(&workspace).spare_otadata,
        None,
        "the table has no otadata partition"
    );
    let shared = crate::fixtures::shared("otadata").unwrap();
    std::fs::copy(
        shared.join("firmware/partitions-two-ota.bin"),
        dir.join("partitions.bin"),
    )
    .unwrap();
    let spare = target_of(&workspace).spare_otadata.unwrap();
    assert_eq!((spare.name.as_str(), spare.offset), ("otadata", 0xd000));
    assert_eq!(spare.source.path(), dir.join("boot_app0.bin"));
}
