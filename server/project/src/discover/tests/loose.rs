//! Directories of images.

use fbuild_chip::Chip;

use super::files::{Files, image, image_8266, names, table};
use crate::discover::Discovery;
use crate::target::Setting;

const ROWS: &str = "nvs,data,nvs,0x9000,0x5000\notadata,data,ota,0xe000,0x2000\n\
                    app0,app,ota_0,0x10000,1M\nspiffs,data,spiffs,,1M\n";

fn release(rows: &str) -> Files {
    let files = Files::new(&[]);
    files.image("bootloader.bin", Chip::Esp32);
    files.table("partitions.bin", rows);
    files.image("firmware.bin", Chip::Esp32);
    files
}

/// An image of the whole flash, from its first byte on.
fn whole(chip: Chip, rows: &str) -> Vec<u8> {
    let mut bytes = vec![0xFF; chip.facts().bootloader_offset as usize];
    bytes.extend(image(chip));
    bytes.resize(0x8000, 0xFF);
    bytes.extend(table(rows));
    bytes
}

fn why(found: &Discovery) -> String {
    found.default_target().unwrap_err().to_string()
}

#[test]
fn a_table_that_could_go_elsewhere_is_told() {
    let remarks = |files: &Files| files.found_in("").targets[0].remarks.join("\n");
    let moved = "nvs,data,nvs,0xd000,0x6000\nfactory,app,factory,0x20000,1M\n";
    let told = remarks(&release(moved));
    assert!(
        told.contains("looks for it at 0xc000 would not find it"),
        "{told}"
    );
    assert_eq!(remarks(&release(ROWS)), "");
}

/// As `make` leaves it in ESP-IDF before 4.0 and in the RTOS SDK for the ESP8266.
#[test]
fn a_boot_loader_may_have_a_folder_of_its_own() {
    for (image, place) in [(image(Chip::Esp32), "0x1000"), (image_8266(), "0x0")] {
        let files = Files::new(&[("Makefile", "PROJECT_NAME := hello\n")]);
        for name in ["bootloader/bootloader", "hello"] {
            files.write(&format!("build/{name}.bin"), &image);
        }
        let rows = "nvs,data,nvs,0x9000,0x6000\nfactory,app,factory,0x10000,0xf0000\n";
        files.table("build/partitions_singleapp.bin", rows);
        let found = files.found_in("");
        let boot_loader = format!("{place} bootloader build/bootloader/bootloader.bin");
        let expected = [
            &*boot_loader,
            "0x8000 partitions build/partitions_singleapp.bin",
            "0x10000 firmware build/hello.bin",
        ];
        assert_eq!(files.regions(&found.targets[0]), expected, "{found:#?}");
        assert_eq!(found.targets[0].root, files.root().join("build"));
    }
}

#[test]
fn a_file_system_goes_to_the_one_partition_for_it_and_the_rest_is_told() {
    let files = release(ROWS);
    files.write("littlefs.bin", b"x");
    files.write("certs.bin", b"y");
    let found = files.found_in("");
    let regions = files.regions(&found.targets[0]);
    assert_eq!(regions.last().unwrap(), "0x110000 spiffs littlefs.bin");
    let [passed] = found.passed.as_slice() else {
        panic!("{found:?}")
    };
    assert_eq!(passed.place, files.root().join("certs.bin"));
}

#[test]
fn a_copy_is_not_another_program_and_another_one_is_named() {
    let files = release(ROWS);
    files.image("firmware.ota.bin", Chip::Esp32);
    let found = files.found_in("");
    assert_eq!(found.passed, []);
    assert!(
        files
            .regions(&found.targets[0])
            .contains(&"0x10000 firmware firmware.bin".to_owned())
    );
    files.image("firmware-s3.bin", Chip::Esp32S3);
    let told = why(&files.found_in(""));
    assert!(
        told.contains("several programs (firmware.bin, firmware-s3.bin)"),
        "{told}"
    );
}

#[test]
fn an_image_of_the_whole_flash_is_known_by_its_contents() {
    let files = Files::new(&[]);
    files.write("ESP32_GENERIC-v1.28.0.bin", &whole(Chip::Esp32, ROWS));
    let found = files.found_in("");
    assert_eq!(names(&found).len(), 1);
    assert_eq!(found.targets[0].chip, Some(Chip::Esp32));
    assert_eq!(
        files.regions(&found.targets[0])[0].split(' ').next(),
        Some("0x0")
    );
    // Another beside it is a target of its own, and when it was unpacked decides nothing.
    files.write("ESP32_OTHER-v1.28.0.bin", &whole(Chip::Esp32S3, ROWS));
    files.image("update.bin", Chip::Esp32);
    let found = files.found_in("");
    let chips: Vec<_> = found.targets.iter().map(|target| target.chip).collect();
    assert_eq!(chips, [Some(Chip::Esp32), Some(Chip::Esp32S3)]);
    assert!(names(&found)[0].ends_with("/ESP32_GENERIC-v1.28.0"));
    assert!(why(&found).starts_with("several targets could be meant: files:"));
    assert_eq!(found.passed[0].place, files.root().join("update.bin"));
}

#[test]
fn names_say_offsets_and_a_contradiction_is_told() {
    let files = release(ROWS);
    files.write("boot_app0_0xe000.bin", b"x");
    files.write("certs-0x3f0000.bin", b"y");
    let target = files.found_in("").targets[0].clone();
    let regions = files.regions(&target);
    assert!(regions.contains(&"0xe000 otadata boot_app0_0xe000.bin".to_owned()));
    assert!(regions.contains(&"0x3f0000 certs-0x3f0000 certs-0x3f0000.bin".to_owned()));
    assert_eq!(target.remarks, [""; 0]);

    let files = Files::new(&[]);
    files.image("bootloader_0x0.bin", Chip::Esp32);
    files.table("partitions.bin", ROWS);
    files.image("0x150000_firmware.bin", Chip::Esp32);
    let target = files.found_in("").targets[0].clone();
    let program = "0x10000 firmware 0x150000_firmware.bin".to_owned();
    assert!(files.regions(&target).contains(&program));
    for told in [
        "0x10000, by the partition table and the chip, and not to 0x150000",
        "0x1000, by the partition table and the chip, and not to 0x0",
    ] {
        assert!(
            target.remarks.join("\n").contains(told),
            "{:?}",
            target.remarks
        );
    }
}

#[test]
fn files_that_say_nothing_of_themselves_are_told() {
    let files = Files::new(&[("fw/littlefs-1.bin", "x"), ("fw/notes.txt", "")]);
    let told = |files: &Files| files.found_in("").passed[0].why.clone();
    assert_eq!(
        told(&files),
        "nothing says what its files are: littlefs-1.bin"
    );
    files.image("fw/a-update.bin", Chip::Esp32);
    assert!(told(&files).starts_with("there is a program, but not both a boot loader"));
    let files = Files::new(&[("a.zip", "PK")]);
    assert!(why(&files.found_in("")).ends_with("a.zip: it is packed; unpack it"));
}

#[test]
fn a_list_of_what_goes_where_counts_in_a_project() {
    let files = Files::new(&[
        (
            "CMakeLists.txt",
            "include($ENV{IDF_PATH}/tools/cmake/project.cmake)\n",
        ),
        ("main/x.c", ""),
        (
            "build/flash_args",
            "--flash_size 4MB\r\n0x1000 \"boot loader\\bootloader.bin\"\r\n0x10000 C:\\w\\build\\app.bin\r\n",
        ),
    ]);
    files.image("build/boot loader/bootloader.bin", Chip::Esp32);
    files.image("build/app.bin", Chip::Esp32);
    let found = files.found_in("");
    assert_eq!(names(&found), ["files:build"]);
    assert_eq!(
        files.regions(&found.targets[0]),
        [
            "0x1000 bootloader build/boot loader/bootloader.bin",
            "0x10000 firmware build/app.bin"
        ]
    );
    assert!(found.unbuilt.is_empty());
}

/// Each line as `shlex.split` takes it apart for both esptools; the last one is Arduino's, which quotes nothing.
#[test]
fn a_list_of_what_goes_where_is_words_as_a_shell_takes_them() {
    let files = Files::new(&[(
        "flash_args",
        "--flash_mode dio --flash_size 2MB --flash-size=8MB --flash_mode qio\n4096 'my boot.bin' 0x8000 \"größe 1.bin\"\n\
         0x10000 my\\ app.bin\n0x200000 two words.bin\n",
    )]);
    for name in ["my boot.bin", "my app.bin"] {
        files.image(name, Chip::Esp32);
    }
    files.table("größe 1.bin", ROWS);
    files.write("two words.bin", b"");
    let found = files.found_in("");
    assert_eq!(
        files.regions(&found.targets[0]),
        [
            "0x1000 bootloader my boot.bin",
            "0x8000 partitions größe 1.bin",
            "0x10000 firmware my app.bin",
            "0x200000 two words two words.bin"
        ]
    );
    let flash = &found.targets[0].flash;
    assert_eq!(flash.size, Setting::Set("8MB".to_owned()));
    assert_eq!(flash.mode, Setting::Set("qio".to_owned()));
}

#[test]
fn a_build_without_its_project_has_no_command_that_builds_it() {
    const ARGS: &str =
        r#"{"flash_files": {"0x10000": "a.bin"}, "extra_esptool_args": {"chip": "esp32"}}"#;
    for (build, source) in [
        (
            vec![("build/flasher_args.json", ARGS), ("build/a.bin", "")],
            "CMakeLists.txt",
        ),
        (
            vec![
                ("build/zephyr/runners.yaml", "flash-runner: esp32\n"),
                ("build/zephyr/zephyr.bin", ""),
            ],
            "CMakeLists.txt",
        ),
        (vec![("build/esp32.esp32.x/a.ino.bin", "")], "a.ino"),
    ] {
        let files = Files::new(&build);
        let only = || {
            let found = files.found_in("");
            let [target] = found.targets.as_slice() else {
                panic!("{found:?}")
            };
            target.clone()
        };
        assert_eq!(only().recipe(), None);
        assert_eq!(
            only().build_remedy(),
            "The project is not here to be built: get these files anew from where they were made."
                .into()
        );
        files.write(source, b"");
        assert!(only().recipe().is_some(), "{source}");
    }
}

#[test]
fn the_manifest_of_a_web_installer_says_what_goes_where() {
    let part = |path: &str, offset: u32| format!(r#"{{"path": "{path}", "offset": {offset}}}"#);
    let build = |chip: &str, parts: &[String]| {
        format!(
            r#"{{"chipFamily": "{chip}", "parts": [{}]}}"#,
            parts.join(",")
        )
    };
    let builds = [
        build(
            "ESP32",
            &[part("bin/b.bin", 4096), part("bin/a.bin?v=2", 65536)],
        ),
        build("ESP32-C3", &[part("c3.bin", 0)]),
        build("RP2040", &[part("c3.bin", 0)]),
        build("ESP32-S3", &[part("gone.bin", 0)]),
    ];
    let files = Files::new(&[(
        "r/manifest.json",
        &format!(r#"{{"builds": [{}]}}"#, builds.join(",")),
    )]);
    for name in ["r/bin/b.bin", "r/bin/a.bin"] {
        files.image(name, Chip::Esp32);
    }
    files.image("r/c3.bin", Chip::Esp32C3);
    let found = files.found_in("r");
    assert_eq!(names(&found), ["files:r/esp32", "files:r/esp32-c3"]);
    assert_eq!(files.regions(&found.targets[0]).len(), 2);
    assert_eq!(found.targets[1].chip, Some(Chip::Esp32C3));
    assert_eq!(found.foreign, ["files:r/rp2040 is for RP2040"]);
    let passed = found
        .passed
        .iter()
        .find(|it| it.why.starts_with("files:r/esp32-s3"));
    assert!(passed.unwrap().why.contains("gone.bin"), "{passed:?}");
}

#[test]
fn the_parts_of_a_manifest_are_no_targets_of_their_own() {
    let part = |path: &str, offset: u32| format!(r#"{{"path": "{path}", "offset": {offset}}}"#);
    let parts = [
        part("../my%20f%C3%BC/bootloader.bin", 0x1000),
        part("./../my%20f%C3%BC/partitions.bin?x=1", 0x8000),
        part("../my%20f%C3%BC/firmware.bin#z", 0x1_0000),
    ];
    let build = format!(
        r#"{{"chipFamily": "ESP32", "parts": [{}]}}"#,
        parts.join(",")
    );
    let manifest = format!(r#"{{"builds": [{build}, {build}]}}"#);
    let files = Files::new(&[("web/manifest.json", &manifest)]);
    files.image("my fü/bootloader.bin", Chip::Esp32);
    files.table("my fü/partitions.bin", ROWS);
    files.image("my fü/firmware.bin", Chip::Esp32);
    let found = files.found_in("");
    assert_eq!(names(&found), ["files:web/esp32"]);
    assert_eq!(found.targets[0].regions.len(), 3);
    // The firmware that it has elsewhere may lie beside it.
    let elsewhere = build.replace("../my%20f%C3%BC", "https://example.org");
    files.write(
        "web/manifest.json",
        format!(r#"{{"builds": [{elsewhere}]}}"#).as_bytes(),
    );
    assert_eq!(names(&files.found_in("")), ["files:my fü"]);
}

const IDF: (&str, &str) = (
    "CMakeLists.txt",
    "include($ENV{IDF_PATH}/tools/cmake/project.cmake)\n",
);
const LIST: &str = "0x10000 app.bin\n";

#[test]
fn a_release_is_not_meant_where_the_project_has_something_else() {
    for project in [
        IDF,
        (
            "platformio.ini",
            "[env:a]\nplatform = espressif32\nboard = esp32dev\n",
        ),
    ] {
        let files = Files::new(&[project, ("main/x.c", ""), ("release/flash_args", LIST)]);
        files.image("release/app.bin", Chip::Esp32);
        let found = files.found_in("");
        assert_eq!((names(&found).len(), found.unbuilt.len()), (0, 1));
    }
    // Beside a built project below it is there, and is not the default.
    let files = Files::new(&[
        (
            "k/platformio.ini",
            "[env:a]\nplatform = espressif32\nboard = esp32dev\n",
        ),
        ("v1/flash_args", LIST),
        ("v2/flash_args", LIST),
    ]);
    for image in ["k/.pio/build/a/firmware.bin", "v1/app.bin", "v2/app.bin"] {
        files.image(image, Chip::Esp32);
    }
    let found = files.found_in("");
    assert_eq!(names(&found), ["platformio:k/a", "files:v1", "files:v2"]);
    assert_eq!(found.default_target().unwrap().name, "platformio:k/a");
}

#[test]
fn a_list_in_one_folder_of_a_release_hides_no_other_folder() {
    let files = Files::new(&[("esp32/flash_args", LIST)]);
    files.image("esp32/app.bin", Chip::Esp32);
    files.image("esp32s3/bootloader.bin", Chip::Esp32S3);
    files.table("esp32s3/partitions.bin", ROWS);
    files.image("esp32s3/firmware.bin", Chip::Esp32S3);
    assert_eq!(names(&files.found_in("")), ["files:esp32", "files:esp32s3"]);
}

#[test]
fn what_would_be_written_over_other_images_is_passed_over() {
    let files = release(ROWS);
    files.write("app_merged_0x0.bin", &whole(Chip::Esp32S3, ROWS));
    files.write("notes-0x8000.bin", b"x");
    files.write("littlefs-1.2.bin", b"older");
    files.write("littlefs.bin", b"y");
    files.write("littlefs-2.bin", b"y");
    let found = files.found_in("");
    let regions = files.regions(&found.targets[0]);
    assert_eq!(regions.len(), 4, "{regions:?}");
    assert_eq!(regions[3], "0x110000 spiffs littlefs.bin");
    let passed = found.passed.iter().map(|it| it.place.clone());
    let mut passed: Vec<_> = passed.collect();
    passed.sort();
    let told = ["app_merged_0x0.bin", "littlefs-1.2.bin", "notes-0x8000.bin"];
    assert_eq!(passed, told.map(|name| files.root().join(name)));
}

#[test]
fn an_archive_is_one_however_its_name_is_spelt() {
    let files = Files::new(&[("A.ZIP", "PK")]);
    assert!(why(&files.found_in("")).ends_with("A.ZIP: it is packed; unpack it"));
}
