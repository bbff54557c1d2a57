//! PlatformIO with ESP-IDF: what its build decided, and what its configuration says now.

use fbuild_chip::Chip;

use super::platforms::{only, places, project};

const IDF: &str = "platform = espressif32\nframework = espidf";
const ARGS: &str = r#"{"flash_settings": {"flash_size": "4MB"}, "flash_files": {},
    "bootloader": {"offset": "0x1000", "file": "b"},
    "partition-table": {"offset": "0x8000", "file": "p"}}"#;
const JSON: &str = r#"{"PARTITION_TABLE_OFFSET": 32768, "BOOTLOADER_OFFSET_IN_FLASH": 4096,
    "ESPTOOLPY_FLASHSIZE": "4MB", "ESP_CONSOLE_UART_BAUDRATE": 74880, "SECURE_BOOT": true}"#;

/// `flasher_args.json` and `config/sdkconfig.json` are of one build; each says it alone, too.
#[test]
fn a_configuration_that_is_not_the_builds_any_more_is_told() {
    let now = "CONFIG_PARTITION_TABLE_OFFSET=0xc000\nCONFIG_BOOTLOADER_OFFSET_IN_FLASH=0x1000\n\
               CONFIG_ESPTOOLPY_FLASHSIZE=\"16MB\"\n";
    let json = JSON.replace("true", "false");
    for (name, text) in [
        ("flasher_args.json", ARGS),
        ("config/sdkconfig.json", &json),
    ] {
        for (ini, file) in [
            (IDF.to_owned(), "sdkconfig.dev"),
            (
                format!("{IDF}\nboard_build.esp-idf.sdkconfig_path = cfg/my"),
                "cfg/my",
            ),
            (IDF.to_owned(), "sdkconfig.defaults"),
        ] {
            let files = project(&ini);
            files.write(&format!(".pio/build/dev/{name}"), text.as_bytes());
            files.write(file, now.as_bytes());
            let target = only(&files);
            assert_eq!(target.table_offset, 0x8000, "{name}, {file}");
            let [table, size] = target.remarks.as_slice() else {
                panic!("{name}, {file}: {:?}", target.remarks)
            };
            for (remark, what) in [
                (
                    table,
                    "CONFIG_PARTITION_TABLE_OFFSET in @ is 0xc000, and this build was made with 0x8000",
                ),
                (
                    size,
                    "CONFIG_ESPTOOLPY_FLASHSIZE in @ is 16MB, and this build was made with 4MB",
                ),
            ] {
                let place = files.root().join(file);
                let expected = what.replace('@', place.to_str().unwrap());
                assert_eq!(
                    *remark,
                    format!("{expected}; `pio run -e dev` makes it anew")
                );
            }
            // What the build was made with is told of nothing else.
            files.write(
                file,
                b"CONFIG_PARTITION_TABLE_OFFSET=8000\nCONFIG_ESPTOOLPY_FLASHSIZE=\"4MB\"\n",
            );
            assert_eq!(only(&files).remarks, [""; 0], "{name}, {file}");
        }
    }
}

#[test]
fn what_the_build_decided_is_read_wherever_it_is_written() {
    let table = ("partitions".to_owned(), 0xa000);
    let sdkconfig = "CONFIG_PARTITION_TABLE_OFFSET=0xa000\nCONFIG_ESPTOOLPY_MONITOR_BAUD=74880\n\
                     CONFIG_SECURE_BOOT=y\n";
    let json = JSON.replace("32768", "40960");
    let extra = "board_build.cmake_extra_args = -DA=1 -DSDKCONFIG_DEFAULTS=\"none;my.defaults\"";
    for (lines, name, text) in [
        ("", "sdkconfig.dev", sdkconfig),
        ("", ".pio/build/dev/config/sdkconfig.json", &json),
        ("", "sdkconfig.defaults", sdkconfig),
        (
            "board_build.mcu = esp32",
            "sdkconfig.defaults.esp32",
            sdkconfig,
        ),
        (extra, "my.defaults", sdkconfig),
    ] {
        let files = project(&format!("{IDF}\n{lines}"));
        files.table(
            ".pio/build/dev/partitions.bin",
            "app0,app,ota_0,0x90000,1M\n",
        );
        files.write(name, text.as_bytes());
        let target = only(&files);
        assert!(
            places(&target).contains(&table),
            "{name}: {:?}",
            places(&target)
        );
        assert!(target.secure_boot, "{name}");
        assert_eq!(target.console.baud.map(|it| it.0), Some(74880), "{name}");
    }
    // What CMake is told counts, and nothing where it is not known here; not the usual name.
    for (set, expected) in [
        (
            "\"${CMAKE_SOURCE_DIR}/a.defaults;${CMAKE_SOURCE_DIR}/b.defaults\"",
            0xa000,
        ),
        ("b.defaults a.defaults", 0xa000),
        ("\"${X}/a\"", 0x8000),
        (
            "b.defaults)\nif(IDF_TARGET STREQUAL \"esp32s3\")\n  list(APPEND SDKCONFIG_DEFAULTS \
             sdkconfig.defaults)\nendif(",
            0xa000,
        ),
    ] {
        let files = project(IDF);
        let list = format!("set(SDKCONFIG_DEFAULTS {set})\n");
        files.write("CMakeLists.txt", list.as_bytes());
        files.write("b.defaults", sdkconfig.as_bytes());
        let usual = "CONFIG_PARTITION_TABLE_OFFSET=0xc000\n";
        files.write("sdkconfig.defaults", usual.as_bytes());
        let target = only(&files);
        assert_eq!(target.table_offset, expected, "{set}");
        let is_told = |remark: &String| remark.contains("none of the defaults was read");
        let is_unknown = set.contains("${X}");
        assert_eq!(target.remarks.iter().any(is_told), is_unknown, "{set}");
    }
    // Over several lines, and a directory that a variable names.
    let files = project(IDF);
    let list = "set(\n  DIR\n  ${CMAKE_SOURCE_DIR}/cfg)\nset(SDKCONFIG_DEFAULTS  # ours\n  ${DIR}/a\n)\n\
                list(APPEND SDKCONFIG_DEFAULTS\n  \"${DIR}/b\")\n";
    files.write("CMakeLists.txt", list.as_bytes());
    files.write("cfg/b", sdkconfig.as_bytes());
    assert_eq!(only(&files).table_offset, 0xa000);
    // With Arduino alone none of them moves anything.
    let files = project("platform = espressif32\nframework = arduino");
    files.write("sdkconfig.dev", sdkconfig.as_bytes());
    assert_eq!(only(&files).table_offset, 0x8000);
}

/// What of the environment may be in the name of a file, and how the platform puts it in.
#[test]
fn the_sdkconfig_may_be_named_with_variables() {
    let sdkconfig = "CONFIG_PARTITION_TABLE_OFFSET=0xa000\n";
    for (named, file, expected) in [
        ("$CFG/${KIND}.sdk", "cfg/big.sdk", 0xa000),
        ("${sysenv.CFG}/a", "cfg/a", 0xa000),
        ("${PROJECT_DIR}/cfg/a", "cfg/a", 0xa000),
        ("cfg/$KIND$KIND", "cfg/bigbig", 0xa000),
        ("${platformio.description}/a", "kiln/a", 0xa000),
        ("$NONE/a", "a", 0x8000),
    ] {
        let files = project(&format!(
            "{IDF}\nboard_build.esp-idf.sdkconfig_path = {named}\n[platformio]\ndescription = kiln"
        ));
        files.table(
            ".pio/build/dev/partitions.bin",
            "app0,app,ota_0,0x90000,1M\n",
        );
        files.write(file, sdkconfig.as_bytes());
        let found = files.found_with(&[("CFG", "@/cfg"), ("KIND", "big")]);
        let target = &found.targets[0];
        assert_eq!(target.table_offset, expected, "{named}: {found:?}");
        let is_told = |it: &String| it.contains("$NONE/a, with a variable that is not set here");
        let told = target.remarks.iter().any(is_told);
        assert_eq!(told, named.starts_with("$NONE"), "{:?}", target.remarks);
    }
    let long = "${".repeat(100_000);
    let files = project(&format!(
        "{IDF}\nboard_build.esp-idf.sdkconfig_path = {long}"
    ));
    files.table(
        ".pio/build/dev/partitions.bin",
        "app0,app,ota_0,0x90000,1M\n",
    );
    let remarks = only(&files).remarks;
    let told = |it: &String| it.contains("…, with a variable that is not set here");
    assert!(remarks.iter().any(told), "{remarks:.900?}");
    assert!(remarks.iter().all(|it| it.len() < 900));
}

/// PlatformIO's own platform signs what sdkconfig has signed, and leaves the boot loader alone.
#[test]
fn with_secure_boot_the_signed_images_are_those_that_count() {
    let secure = "CONFIG_SECURE_BOOT=y\nCONFIG_SECURE_BOOT_V2_ENABLED=y\n";
    let signed = "CONFIG_SECURE_BOOT_BUILD_SIGNED_BINARIES=y\n";
    let flashed = "CONFIG_SECURE_BOOT_FLASH_BOOTLOADER_DEFAULT=y\n";
    let pioarduino = IDF.replace("espressif32", "pioarduino");
    let plain = "firmware.bin";
    for (ini, sdkconfig, has_bootloader, program) in [
        (IDF, String::new(), true, plain),
        (IDF, secure.to_owned(), false, plain),
        (IDF, format!("{secure}{flashed}"), true, plain),
        (
            IDF,
            format!("{secure}{signed}"),
            false,
            "firmware-signed.bin",
        ),
        (IDF, signed.to_owned(), true, plain),
        (&pioarduino, format!("{secure}{signed}"), true, plain),
    ] {
        for has_idedata in [false, true] {
            let files = project(ini);
            files.write("sdkconfig.dev", sdkconfig.as_bytes());
            for name in ["firmware-signed.bin", "bootloader-signed.bin"] {
                files.image(&format!(".pio/build/dev/{name}"), Chip::Esp32);
            }
            if has_idedata {
                let bootloader = if has_bootloader {
                    r#"{"offset": "0x1000", "path": "@/.pio/build/dev/bootloader.bin"},"#
                } else {
                    ""
                };
                let text = format!(
                    r#"{{"prog_path": "@/.pio/build/dev/firmware.elf", "extra": {{"application_offset":
                        "0x10000", "flash_images": [{bootloader} {{"offset": 32768, "path":
                        "@/.pio/build/dev/partitions.bin"}}, {{"offset": 3145728, "path": "@/x"}}]}}}}"#
                );
                files.write(".pio/build/dev/idedata.json", files.text(&text).as_bytes());
            }
            let target = only(&files);
            let firmware = target.firmware().unwrap().source.path();
            assert!(firmware.ends_with(program), "{sdkconfig}: {firmware:?}");
            let bootloader = target.region("bootloader");
            assert_eq!(
                bootloader.is_some(),
                has_bootloader,
                "{sdkconfig} {has_idedata}"
            );
            let is_told = |it: &String| it.starts_with("the boot loader is left out");
            let told = target.remarks.iter().any(is_told);
            assert_eq!(told, !has_bootloader, "{:?}", target.remarks);
            // A script wrote numbers.
            assert_eq!(target.region("x").is_some(), has_idedata);
            assert!(target.region("partitions").is_some());
        }
    }
}
