//! ESP-IDF: builds that were made elsewhere, or copied.

use fbuild_chip::Chip;

use super::files::{Files, image_8266};
use crate::target::{Setting, Target};

const FLASHER_ARGS: &str = r#"{
    "flash_files": { "0x10000": "app.bin", "0x110000": "/project/model/app.bin" },
    "app": { "offset": "0x10000", "file": "app.bin" },
    "extra_esptool_args": { "chip": "esp32" }
}"#;
const IN_CONTAINER: &str = r#"{"project_path": "/project", "build_dir": "/project/build",
    "config_file": "/project/build/sdkconfig"}"#;

fn only(files: &Files, place: &str) -> Target {
    let found = files.found_in(place);
    let [target] = found.targets.as_slice() else {
        panic!("{found:?}")
    };
    target.clone()
}

#[test]
fn files_of_a_build_in_a_container_are_in_the_same_places_here() {
    let files = Files::new(&[
        ("build/flasher_args.json", FLASHER_ARGS),
        ("build/project_description.json", IN_CONTAINER),
        ("build/sdkconfig", "CONFIG_SECURE_BOOT=y\n"),
        ("sdkconfig", "# plain\n"),
        ("build/app.bin", ""),
        ("model/app.bin", ""),
    ]);
    let target = only(&files, "");
    assert_eq!(
        files.regions(&target),
        [
            "0x10000 firmware build/app.bin",
            "0x110000 app model/app.bin"
        ]
    );
    assert!(target.secure_boot);
    assert_eq!(target.remarks, [""; 0]);
}

#[test]
fn one_file_does_not_stand_for_two() {
    let files = Files::new(&[
        ("build/flasher_args.json", FLASHER_ARGS),
        ("build/app.bin", ""),
    ]);
    let regions = files.regions(&only(&files, ""));
    assert_eq!(regions[1], "0x110000 app /project/model/app.bin");
}

#[test]
fn the_sdkconfig_is_found_by_the_end_of_its_path() {
    let files = Files::new(&[
        ("build/flasher_args.json", FLASHER_ARGS),
        (
            "build/project_description.json",
            r#"{"config_file": "/other/build/sdkconfig"}"#,
        ),
        ("build/sdkconfig", "CONFIG_SECURE_BOOT=y\n"),
        ("sdkconfig", "# plain\n"),
    ]);
    assert!(only(&files, "").secure_boot);
}

#[test]
fn a_copied_project_has_its_own_sdkconfig() {
    let files = Files::new(&[
        ("a/CMakeLists.txt", ""),
        ("a/sdkconfig", "CONFIG_SECURE_BOOT=y\n"),
        ("b/CMakeLists.txt", ""),
        ("b/sdkconfig", "# plain\n"),
        ("b/build/flasher_args.json", FLASHER_ARGS),
        (
            "b/build/project_description.json",
            r#"{"project_path": "@/a", "build_dir": "@/a/build", "config_file": "@/a/sdkconfig"}"#,
        ),
    ]);
    assert!(!only(&files, "b").secure_boot);
}

#[test]
fn files_of_another_copy_are_told() {
    let files = Files::new(&[
        ("a/build/app.bin", ""),
        ("b/build/app.bin", ""),
        (
            "b/build/flasher_args.json",
            r#"{"flash_files": {"0x10000": "@/a/build/app.bin"}}"#,
        ),
    ]);
    let remarks = only(&files, "b").remarks.join("\n");
    let expected = files.text(
        "@/a/build/app.bin is deployed, which lies outside this build, and not @/b/build/app.bin",
    );
    assert!(remarks.starts_with(&expected), "{remarks}");
}

#[test]
fn a_project_may_be_called_esp_idf_and_esp_idf_itself_is_none() {
    let files = Files::new(&[
        ("esp-idf/build/flasher_args.json", FLASHER_ARGS),
        ("sdk/tools/idf.py", ""),
        ("sdk/components/x/x.c", ""),
        ("sdk/examples/hello/flasher_args.json", FLASHER_ARGS),
    ]);
    assert_eq!(only(&files, "").name, "espidf:esp-idf/build");
}

#[test]
fn the_console_s_baud_rate_is_the_build_s_else_the_configuration_s() {
    let files = Files::new(&[("build/flasher_args.json", FLASHER_ARGS)]);
    assert_eq!(only(&files, "").console.baud, None);
    for (name, text, from) in [
        (
            "sdkconfig",
            "CONFIG_ESP_CONSOLE_UART_BAUDRATE=1\n",
            "CONFIG_ESP_CONSOLE_UART_BAUDRATE",
        ),
        (
            "sdkconfig",
            "CONFIG_ESPTOOLPY_MONITOR_BAUD=1\n",
            "CONFIG_ESPTOOLPY_MONITOR_BAUD",
        ),
        (
            "build/project_description.json",
            r#"{"monitor_baud": "1"}"#,
            "project_description.json",
        ),
    ] {
        files.write(name, text.as_bytes());
        assert_eq!(only(&files, "").console.baud, Some((1, from)));
    }
    let found = files.found_with(&[("IDF_MONITOR_BAUD", "2")]);
    assert_eq!(found.targets[0].console.baud, Some((2, "IDF_MONITOR_BAUD")));
}

#[test]
fn a_configuration_that_the_build_was_not_made_with_is_told() {
    const ARGS: &str = r#"{"flash_files": {"0x8000": "t.bin", "0x10000": "app.bin"},
        "flash_settings": {"flash_size": "4MB"}, "partition-table": {"offset": "0x8000", "file": "t.bin"}}"#;
    for (sdkconfig, expected) in [
        (
            "CONFIG_PARTITION_TABLE_OFFSET=8000\nCONFIG_ESPTOOLPY_FLASHSIZE=\"4MB\"\n",
            "",
        ),
        (
            "CONFIG_PARTITION_TABLE_OFFSET=0xc000\n",
            "CONFIG_PARTITION_TABLE_OFFSET in @/sdkconfig is 0xc000, and this build was made with 0x8000, \
             which is deployed; idf.py build makes it anew",
        ),
        (
            "CONFIG_ESPTOOLPY_FLASHSIZE=\"8MB\"\n",
            "CONFIG_ESPTOOLPY_FLASHSIZE in @/sdkconfig is 8MB, and this build was made with 4MB, which is \
             deployed; idf.py build makes it anew",
        ),
    ] {
        let files = Files::new(&[("sdkconfig", sdkconfig), ("build/flasher_args.json", ARGS)]);
        let remarks = only(&files, "").remarks.join("\n");
        assert_eq!(remarks, files.text(expected));
    }
}

#[test]
fn what_two_places_of_a_build_say_differently_is_told() {
    const ARGS: &str = r#"{"flash_files": {"0x10000": "app.bin", "0x8000": "table.bin"},
        "app": {"offset": "APP", "file": "app.bin"},
        "partition-table": {"offset": "0x8000", "file": "TABLE"},
        "extra_esptool_args": {"chip": "esp32"}}"#;
    const FINE: [&str; 4] = ["0x10000", "table.bin", "esp32", ""];
    let remarks = |[app, table, chip, variable]: [&str; 4]| {
        let args = ARGS.replace("APP", app).replace("TABLE", table);
        let files = Files::new(&[
            ("build/flasher_args.json", &args),
            ("build/app.bin", ""),
            ("build/table.bin", ""),
            ("sdkconfig", &format!("CONFIG_IDF_TARGET=\"{chip}\"\n")),
        ]);
        let found = files.found_with(&[("IDF_TARGET", variable)]);
        let [target] = found.targets.as_slice() else {
            panic!("{found:?}")
        };
        assert!(target.regions.iter().any(|it| it.offset == 0x1_0000));
        target
            .remarks
            .join("\n")
            .replace(files.root().to_str().unwrap(), "@")
    };
    assert_eq!(remarks(FINE), "");
    for (what, expected) in [
        (
            ["0x20000", "table.bin", "esp32", ""],
            "flasher_args.json contradicts itself: app.offset is 0x20000, and flash_files puts app.bin to \
             0x10000, which is deployed",
        ),
        (
            ["0x10000", "other.bin", "esp32", ""],
            "flasher_args.json contradicts itself: partition-table.file is other.bin, and flash_files \
             puts table.bin to 0x8000, which is deployed",
        ),
        (
            ["0x10000", "table.bin", "esp32s3", ""],
            "@/sdkconfig says esp32s3, and this build is for ESP32",
        ),
        (
            ["0x10000", "table.bin", "esp32", "esp32c3"],
            "the environment variable IDF_TARGET says esp32c3, and this build is for ESP32",
        ),
    ] {
        let told = remarks(what);
        assert!(told.starts_with(expected) && !told.contains('\n'), "{told}");
    }
}

/// The second app is deployed, too, and is no program that a rename left behind.
#[test]
fn two_apps_of_one_build_are_both_deployed_and_neither_is_told() {
    let args = r#"{"flash_files": {"0x10000": "app.bin", "0x110000": "other.bin"},
        "app": {"offset": "0x10000", "file": "app.bin"}, "extra_esptool_args": {"chip": "esp32"}}"#;
    let files = Files::new(&[("build/flasher_args.json", args), ("CMakeLists.txt", "")]);
    files.image("build/app.bin", fbuild_chip::Chip::Esp32);
    files.image("build/other.bin", fbuild_chip::Chip::Esp32S3);
    let old = files.root().join("build/app.bin");
    let file = std::fs::File::options().write(true).open(old).unwrap();
    let then = std::time::SystemTime::now() - std::time::Duration::from_hours(1);
    file.set_modified(then).unwrap();
    let target = only(&files, "");
    assert_eq!((target.regions.len(), target.remarks.len()), (2, 0));
}

/// What the SDK for the ESP8266 leaves, with the template's own contradictions: images that the project does not
/// have, and the ESP32's place of the boot loader.
#[test]
fn a_build_of_the_esp8266s_sdk_is_a_target() {
    let args = r#"{
        "write_flash_args" : [ "--flash_mode", "dio", "--flash_size", "1MB", "--flash_freq=40m", "--flash_size", "2MB" ],
        "flash_files" : {
            "0x0000" : "bootloader/bootloader.bin",
            "0x8000" : "partition_table/partition-table.bin",
            "" : "",
            "0xd000" : "ota_data_initial.bin",
            "0x10000" : "kiln.bin"
        },
        "bootloader" : { "offset" : "0x1000", "file" : "bootloader/bootloader.bin" },
        "partition_table" : { "offset" : "0x8000", "file" : "partition_table/partition-table.bin" },
        "otadata" : { "offset" : "0xd000", "file" : "ota_data_initial.bin" },
        "app" : { "offset" : "0x10000", "file" : "kiln.bin" }
    }"#;
    let sdkconfig = "CONFIG_IDF_TARGET_ESP8266=y\nCONFIG_IDF_TARGET=\"esp8266\"\n";
    let without_otadata = args
        .replace("\"0xd000\" : \"ota_data_initial.bin\",", "\"\" : \"\",")
        .replace("\"offset\" : \"0xd000\"", "\"offset\" : \"\"");
    for (args, config, with_otadata) in [(args, sdkconfig, true), (&without_otadata, "", false)] {
        let files = Files::new(&[
            (
                "CMakeLists.txt",
                "include($ENV{IDF_PATH}/tools/cmake/project.cmake)\nproject(kiln)\n",
            ),
            ("sdkconfig", config),
            ("build/flasher_args.json", args),
            (
                "build/project_description.json",
                "{\"monitor_baud\": \"74880\"}",
            ),
            ("build/ota_data_initial.bin", ""),
        ]);
        let image = image_8266();
        for name in ["bootloader/bootloader", "kiln"] {
            files.write(&format!("build/{name}.bin"), &image);
        }
        files.table(
            "build/partition_table/partition-table.bin",
            "nvs,data,nvs,0x9000,0x4000\notadata,data,ota,0xd000,0x2000\napp,app,ota_0,0x10000,0xF0000\n",
        );
        let found = files.found_in("");
        let [target] = found.targets.as_slice() else {
            panic!("{found:?}")
        };
        assert_eq!(target.chip, Some(Chip::Esp8266));
        let mut expected = vec![
            "0x0 bootloader build/bootloader/bootloader.bin",
            "0x8000 partitions build/partition_table/partition-table.bin",
            "0xd000 otadata build/ota_data_initial.bin",
            "0x10000 firmware build/kiln.bin",
        ];
        if !with_otadata {
            expected.remove(2);
        }
        assert_eq!(files.regions(target), expected);
        let set = |text: &str| Setting::Set(text.to_owned());
        let flash = (
            target.flash.mode.clone(),
            target.flash.freq.clone(),
            target.flash.size.clone(),
        );
        assert_eq!(flash, (set("dio"), set("40m"), set("2MB")));
        assert_eq!(target.console.baud.map(|it| it.0), Some(74880));
        assert_eq!(
            (target.remarks.len(), target.build_command()),
            (0, "idf.py build".to_owned())
        );
    }
}
