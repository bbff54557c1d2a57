//! Several sets of images in one directory, builds of PlatformIO's without their project, and images of the whole
//! flash with the table where few have it.

use fbuild_chip::Chip;

use super::files::{Files, names, table};
use crate::discover::Discovery;

const ROWS: &str = "nvs,data,nvs,0x9000,0x5000\notadata,data,ota,0xe000,0x2000\n\
                    app0,app,ota_0,0x10000,1M\nspiffs,data,spiffs,,1M\n";
const MOVED: &str = "nvs,data,nvs,0x11000,0x5000\nfactory,app,factory,0x20000,1M\n";

/// A directory with images for an ESP32 and an ESP32-S3, by names with `*` for the kind.
fn two_sets(plain: &str, s3: &str, with: &[&str]) -> Files {
    let files = Files::new(&[]);
    for (pattern, chip) in [(plain, Chip::Esp32), (s3, Chip::Esp32S3)] {
        let name = |kind: &str| format!("{}.bin", pattern.replace('*', kind));
        for kind in with {
            match *kind {
                "partitions" => files.table(&name(kind), ROWS),
                "littlefs" => files.write(&name(kind), chip.name().as_bytes()),
                _ => files.image(&name(kind), chip),
            }
        }
    }
    files
}

fn described(files: &Files, found: &Discovery) -> Vec<String> {
    let targets = found.targets.iter();
    let line = |target: &crate::target::Target| {
        let name = target.name.rsplit('/').next().unwrap_or_default();
        format!("{name}: {}", files.regions(target).join(", "))
    };
    targets.map(line).collect()
}

#[test]
fn sets_with_names_in_common_are_targets_of_their_own() {
    const KINDS: &[&str] = &["bootloader", "partitions", "firmware", "littlefs"];
    for (plain, s3, one, other) in [
        ("esp32-*", "esp32s3-*", "esp32", "esp32s3"),
        ("kiln-*", "kiln-s3-*", "kiln", "kiln-s3"),
        ("*_esp32", "*_esp32_s3", "esp32", "esp32_s3"),
        ("kiln.*-1.2", "kiln.*-1.2-s3", "kiln-1.2", "kiln-1.2-s3"),
        ("größe 1 *", "größe 2 *", "größe 1", "größe 2"),
        ("*", "s3-*", "", "s3"),
    ] {
        let files = two_sets(plain, s3, KINDS);
        let found = files.found_in("");
        let line = |name: &str, pattern: &str, boot_loader: u32| {
            let file = |kind: &str| format!("{}.bin", pattern.replace('*', kind));
            let root = files.root().file_name().unwrap().to_str().unwrap();
            let name = if name.is_empty() {
                format!("files:{root}")
            } else {
                name.to_owned()
            };
            format!(
                "{name}: {boot_loader:#x} bootloader {}, 0x8000 partitions {}, 0x10000 firmware {}, \
                 0x110000 spiffs {}",
                file(KINDS[0]),
                file(KINDS[1]),
                file(KINDS[2]),
                file(KINDS[3])
            )
        };
        let mut expected = [line(one, plain, 0x1000), line(other, s3, 0)];
        let mut actual = described(&files, &found);
        expected.sort();
        actual.sort();
        assert_eq!(actual, expected);
        let chips = found.targets.iter().map(|it| it.chip);
        assert!(chips.into_iter().all(|chip| chip.is_some()));
        assert!(found.default_target().is_err(), "none of them is meant");
        assert_eq!(found.passed, []);
    }
}

#[test]
fn what_is_nobodys_is_for_each_set_and_half_a_set_is_told() {
    let files = two_sets("esp32-*", "esp32s3-*", &["bootloader", "firmware"]);
    files.table("partitions.bin", ROWS);
    files.write("boot_app0.bin", b"x");
    files.image("c3-bootloader.bin", Chip::Esp32C3);
    let found = files.found_in("");
    let lines = described(&files, &found);
    assert_eq!(lines.len(), 2, "{lines:?}");
    for line in lines {
        assert!(line.contains("0x8000 partitions partitions.bin, 0xe000 otadata boot_app0.bin"));
    }
    let [passed] = found.passed.as_slice() else {
        panic!("{:?}", found.passed)
    };
    assert_eq!(passed.place, files.root().join("c3-bootloader.bin"));
    assert_eq!(passed.why, "there is no program whose name goes with it");
    // One that lacks its table does not hide the other.
    let files = two_sets("esp32-*", "esp32s3-*", &["bootloader", "firmware"]);
    files.table("esp32-partitions.bin", ROWS);
    let found = files.found_in("");
    assert_eq!(names(&found).len(), 1, "{found:?}");
    assert!(names(&found)[0].ends_with("/esp32"));
    // Two programs for one boot loader are as unclear as ever.
    let files = two_sets("a-*", "a-*", &["bootloader", "partitions", "firmware"]);
    files.image("b-firmware.bin", Chip::Esp32);
    let why = files.found_in("").default_target().unwrap_err().to_string();
    assert!(why.contains("several programs"), "{why}");
}

#[test]
fn a_build_of_platformio_without_its_project_is_deployed() {
    const BUILD: &str = ".pio/build/dev";
    let files = Files::new(&[]);
    for name in ["bootloader", "firmware"] {
        files.image(&format!("ci/{BUILD}/{name}.bin"), Chip::Esp32);
    }
    files.table(&format!("ci/{BUILD}/partitions.bin"), ROWS);
    let by_contents = ["0x1000 bootloader", "0x8000 partitions", "0x10000 firmware"];
    let places = |found: &Discovery| -> Vec<String> {
        let [target] = found.targets.as_slice() else {
            panic!("{found:?}")
        };
        let regions = target.regions.iter();
        regions
            .map(|it| format!("{:#x} {}", it.offset, it.name))
            .collect()
    };
    for place in ["", "ci", "ci/.pio", "ci/.pio/build", "ci/.pio/build/dev"] {
        assert_eq!(places(&files.found_in(place)), by_contents, "{place}");
    }
    assert_eq!(names(&files.found_in("")), ["files:ci/.pio/build/dev"]);
    // What PlatformIO wrote down decides, by the names of the machine that it ran on.
    let idedata = r#"{"prog_path": "/ci/k/.pio/build/dev/firmware.elf", "extra": {"flash_images":
        [{"offset": "0x1000", "path": "/ci/k/.pio/build/dev/bootloader.bin"},
         {"offset": "0x8000", "path": "/ci/k/.pio/build/dev/partitions.bin"},
         {"offset": "0xe000", "path": "/home/ci/packages/x/boot_app0.bin"}],
        "application_offset": "0x90000"}}"#;
    files.write(&format!("ci/{BUILD}/idedata.json"), idedata.as_bytes());
    let found = files.found_in("");
    assert_eq!(places(&found), by_contents);
    let remark = &found.targets[0].remarks[0];
    assert!(
        remark
            .starts_with("idedata.json names /home/ci/packages/x/boot_app0.bin, which is not here"),
        "{remark}"
    );
    files.write(&format!("ci/{BUILD}/boot_app0.bin"), b"x");
    let found = files.found_in("");
    assert_eq!(places(&found)[2..], ["0xe000 otadata", "0x90000 firmware"]);
    assert_eq!(found.targets[0].remarks, [""; 0]);
    // A list without images says nothing of them.
    let without = r#"{"prog_path": "/x/firmware.elf", "extra": {"flash_images": [], "application_offset": "0x90000"}}"#;
    files.write(&format!("ci/{BUILD}/idedata.json"), without.as_bytes());
    assert_eq!(
        places(&files.found_in(""))[..3],
        ["0x1000 bootloader", "0x8000 partitions", "0xe000 otadata"]
    );
    // With the project it is that project's, once.
    files.write("ci/platformio.ini", b"[env:dev]\nplatform = espressif32\n");
    assert_eq!(names(&files.found_in("")), ["platformio:ci/dev"]);
}

/// The list of a copied build names the original's files, which are still there.
#[test]
fn a_copied_build_of_platformio_has_its_own_files() {
    const NAMES: [&str; 3] = ["bootloader", "partitions", "firmware"];
    let files = Files::new(&[("home/boot_app0.bin", "x")]);
    for dir in ["original", "copy"] {
        for name in NAMES {
            let file = format!("{dir}/{name}.bin");
            match name {
                "partitions" => files.table(&file, ROWS),
                _ => files.image(&file, Chip::Esp32),
            }
        }
    }
    let idedata = r#"{"prog_path": "@/original/firmware.elf", "extra": {"flash_images":
        [{"offset": "0x1000", "path": "@/original/bootloader.bin"},
         {"offset": "0x8000", "path": "@/original/partitions.bin"},
         {"offset": "0xe000", "path": "@/home/boot_app0.bin"}], "application_offset": "0x10000"}}"#;
    files.write("copy/idedata.json", files.text(idedata).as_bytes());
    let found = files.found_in("copy");
    let target = &found.targets[0];
    assert_eq!(
        files.regions(target),
        [
            "0x1000 bootloader copy/bootloader.bin",
            "0x8000 partitions copy/partitions.bin",
            "0xe000 otadata home/boot_app0.bin",
            "0x10000 firmware copy/firmware.bin",
        ]
    );
    let told = files.text("idedata.json names @/home/boot_app0.bin, which lies outside this build");
    assert!(target.remarks[0].starts_with(&told), "{:?}", target.remarks);
    // What the copy lacks is not the original's.
    std::fs::remove_file(files.root().join("copy/firmware.bin")).unwrap();
    let found = files.found_in("copy");
    assert_eq!(names(&found), [""; 0], "{found:?}");
    assert!(found.passed[0].why.contains("no program"), "{found:?}");
}

#[test]
fn the_table_of_an_image_of_the_whole_flash_may_be_elsewhere() {
    // A boot loader of one segment, with its checksum.
    let boot_loader = |chip: Chip| {
        let mut bytes = super::files::image(chip);
        bytes[1] = 1;
        bytes.extend([0, 0, 8, 0x40, 4, 0, 0, 0, 1, 2, 3, 4]);
        bytes.resize(47, 0);
        bytes.push(0xEF ^ 1 ^ 2 ^ 3 ^ 4);
        bytes
    };
    for (chip, table_at, from) in [
        (Chip::Esp32, 0x1_0000, 0),
        (Chip::Esp32, 0xf000, 0x1000),
        (Chip::Esp32S3, 0x1_0000, 0),
        (Chip::Esp32C3, 0xc000, 0),
    ] {
        let mut bytes = vec![0xFF; chip.facts().bootloader_offset as usize];
        bytes.extend(boot_loader(chip));
        bytes.resize(table_at, 0xFF);
        bytes.extend(table(MOVED));
        bytes.resize(0x2_0000, 0xFF);
        bytes.extend(super::files::image(chip));
        let files = Files::new(&[]);
        files.write("kiln.bin", &bytes[from..]);
        let found = files.found_in("");
        let [target] = found.targets.as_slice() else {
            panic!("{chip}, {table_at:#x}: {found:?}")
        };
        assert_eq!(target.chip, Some(chip));
        assert_eq!(files.regions(target), [format!("{from:#x} kiln kiln.bin")]);
        // A boot loader with nothing behind it is none, which is told once.
        files.write("kiln.bin", &bytes[from..table_at]);
        let found = files.found_in("");
        assert_eq!(
            (names(&found).len(), found.passed.len()),
            (0, 1),
            "{found:?}"
        );
    }
}
