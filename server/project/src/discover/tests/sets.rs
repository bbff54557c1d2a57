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

/// A boot loader of one segment, with its checksum.
fn boot_loader(chip: Chip) -> Vec<u8> {
    let mut bytes = super::files::image(chip);
    bytes[1] = 1;
    bytes.extend([0, 0, 8, 0x40, 4, 0, 0, 0, 1, 2, 3, 4]);
    bytes.resize(47, 0);
    bytes.push(0xEF ^ 1 ^ 2 ^ 3 ^ 4);
    bytes
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
    // One that lacks its table does not hide the other, and is told.
    let files = two_sets("esp32-*", "esp32s3-*", &["bootloader", "firmware"]);
    files.table("esp32-partitions.bin", ROWS);
    let found = files.found_in("");
    assert_eq!(names(&found).len(), 1, "{found:?}");
    assert!(names(&found)[0].ends_with("/esp32"));
    assert_eq!(
        told(&files, &found),
        [": esp32s3: there is no partition table"]
    );
    // Neither has one.
    let files = two_sets("esp32-*", "esp32s3-*", &["bootloader", "firmware"]);
    let found = files.found_in("");
    assert_eq!(
        told(&files, &found),
        [": esp32, esp32s3: there is no partition table"]
    );
    let error = found.default_target().unwrap_err().to_string();
    assert!(error.contains("there is no partition table"), "{error}");
    // Images of the whole flash beside them have theirs.
    let mut whole = super::files::image(Chip::Esp32S3);
    whole.resize(0x8000, 0xFF);
    whole.extend(table(ROWS));
    files.write("esp32s3-merged.bin", &whole);
    let found = files.found_in("");
    assert_eq!(
        files.regions(&found.targets[0]),
        ["0x0 esp32s3-merged esp32s3-merged.bin"]
    );
    assert_eq!(found.passed.len(), 4, "{found:?}");
    // Two programs for one boot loader are as unclear as ever.
    let files = two_sets("a-*", "a-*", &["bootloader", "partitions", "firmware"]);
    files.image("b-firmware.bin", Chip::Esp32);
    let why = files.found_in("").default_target().unwrap_err().to_string();
    assert!(why.contains("several programs"), "{why}");
}

/// What was passed over: its name, and why.
fn told(files: &Files, found: &Discovery) -> Vec<String> {
    let passed = found.passed.iter();
    let line = |it: &crate::discover::Passed| {
        let place = it.place.strip_prefix(files.root()).unwrap_or(&it.place);
        format!("{}: {}", place.display(), it.why)
    };
    passed.map(line).collect()
}

/// By its words a file is one set's, where it does not begin and end like the set's.
#[test]
fn a_file_is_for_the_set_that_its_name_says() {
    const UNCLEAR: &str = "its name does not say which of the firmwares here it is for";
    const NONE: Option<&str> = None;
    for (plain, s3, file, of_plain, of_s3) in [
        ("esp32-*", "esp32s3-*", "littlefs-esp32", true, false),
        ("esp32-*", "esp32-s3-*", "littlefs-esp32", true, false),
        ("esp32-*", "esp32-s3-*", "littlefs_esp32s3", false, true),
        ("esp32-*", "esp32s3-*", "esp32_littlefs", true, false),
        ("esp32-*", "s3-*", "littlefs-esp32-s3", false, true),
        ("*", "s3-*", "littlefs_s3", false, true),
        ("*", "s3-*", "littlefs", true, true),
        ("kiln-a-*", "kiln-b-*", "kiln_littlefs", true, true),
        ("kiln-a-*", "kiln-b-*", "littlefs.esp32", true, false),
        ("kiln-a-*", "kiln-b-*", "littlefs-c3", false, false),
        ("a-x-*", "b-y-*", "littlefs-x", false, false),
        ("a-x-*", "b-y-*", "littlefs-a-b", false, false),
        ("a-x-*", "b-y-*", "littlefs-a-x-b-y", false, false),
    ] {
        let files = two_sets(plain, s3, &["bootloader", "partitions", "firmware"]);
        files.write(&format!("{file}.bin"), b"x");
        let found = files.found_in("");
        let lines = described(&files, &found);
        let has = |boot_loader: &str| {
            let line = lines.iter().find(|it| it.contains(boot_loader)).unwrap();
            line.ends_with(&format!("0x110000 spiffs {file}.bin"))
        };
        let context = format!("{plain} {s3} {file}: {lines:?}");
        assert_eq!(has(": 0x1000 bootloader"), of_plain, "{context}");
        assert_eq!(has(": 0x0 bootloader"), of_s3, "{context}");
        let unclear = (!of_plain && !of_s3).then(|| format!("{file}.bin: {UNCLEAR}"));
        assert_eq!(told(&files, &found), Vec::from_iter(unclear), "{context}");
    }
    // A table is no less its set's.
    let files = two_sets("esp32-*", "esp32s3-*", &["bootloader", "firmware"]);
    files.table("esp32_partitions.bin", MOVED);
    files.table("esp32s3-partitions.bin", ROWS);
    let found = files.found_in("");
    assert_eq!(found.targets.len(), 2, "{found:?}");
    for target in &found.targets {
        let app = target.firmware().unwrap().offset;
        let is_s3 = target.chip == Some(Chip::Esp32S3);
        assert_eq!(app, if is_s3 { 0x1_0000 } else { 0x2_0000 });
    }
    assert_eq!(told(&files, &found).first().map(String::as_str), NONE);
}

#[test]
fn what_has_no_sets_name_is_shared_and_told_once() {
    // Beside a set whose names have nothing more.
    for with_s3 in [
        &["bootloader", "firmware"][..],
        &["bootloader", "firmware", "partitions"],
    ] {
        let files = two_sets("*", "s3-*", with_s3);
        files.table("partitions.bin", ROWS);
        files.write("boot_app0.bin", b"x");
        let found = files.found_in("");
        let lines = described(&files, &found);
        assert_eq!(lines.len(), 2, "{found:?}");
        let shared = |line: &String| line.contains("0xe000 otadata boot_app0.bin");
        assert!(lines.iter().all(shared), "{lines:?}");
        assert_eq!(found.passed, []);
    }
    // Beside a boot loader that nothing goes with; and what nobody takes.
    for stray in ["", "kiln-"] {
        let files = two_sets(
            &format!("{stray}a-*"),
            &format!("{stray}b-*"),
            &["bootloader", "firmware"],
        );
        files.image(&format!("{stray}bootloader.bin"), Chip::Esp32);
        files.table(&format!("{stray}partitions.bin"), ROWS);
        files.write(&format!("{stray}boot_app0.bin"), b"x");
        files.write("what.bin", b"x");
        // Beside `bootloader.bin` it would be the program of a third.
        if !stray.is_empty() {
            files.image("extra.bin", Chip::Esp32);
        }
        let found = files.found_in("");
        let lines = described(&files, &found);
        assert_eq!(lines.len(), 2, "{found:?}");
        let shared = |line: &String| line.contains(&format!("0xe000 otadata {stray}boot_app0.bin"));
        assert!(lines.iter().all(shared), "{lines:?}");
        let mut told = told(&files, &found);
        told.sort();
        let mut expected = vec![
            format!("{stray}bootloader.bin: there is no program whose name goes with it"),
            "what.bin: no partition of the table has its name".to_owned(),
        ];
        let extra = "extra.bin: there is no boot loader whose name goes with it";
        expected.extend((!stray.is_empty()).then(|| extra.to_owned()));
        expected.sort();
        assert_eq!(told, expected);
    }
}

/// Each is read once, whatever the number of sets, and only so much of all of them.
#[test]
fn images_that_may_be_of_the_whole_flash_are_read_to_a_limit() {
    let files = two_sets("a-*", "b-*", &["bootloader", "partitions", "firmware"]);
    let mut image = boot_loader(Chip::Esp32S3);
    image.resize(0x100, 0xFF);
    for (count, is_told) in [(40, false), (70, true)] {
        for index in 0..count {
            let name = format!("merged_{index:02}.bin");
            files.write(&name, &image);
            let file = std::fs::File::options()
                .write(true)
                .open(files.root().join(&name));
            file.unwrap().set_len((1 << 20) + index * 0x1000).unwrap();
        }
        let problems = files.found_in("").problems;
        let told = problems
            .iter()
            .any(|it| it.to_string().contains("MiB of images"));
        assert_eq!(told, is_told, "{problems:?}");
    }
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
