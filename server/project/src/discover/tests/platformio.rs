//! PlatformIO: what the platform and the framework choose between.

use fbuild_chip::Chip;

use super::files::{Files, names};
use crate::target::{Console, Target};

const FRAMEWORK: &str = "core/packages/framework-arduinoespressif32";
const BOOT_APP0: &str = "tools/partitions/boot_app0.bin";
const ROWS: &str =
    "nvs,data,nvs,0x9000,0x5000\notadata,data,ota,0xe000,0x2000\napp0,app,ota_0,0x10000,1M\n";
const INI: &str = "[env:dev]\nplatform = espressif32\nframework = arduino\nboard = mine\n";

/// A project that was built, with these lines more in its platformio.ini.
fn project(lines: &str, board: &str) -> Files {
    let files = Files::new(&[
        ("boards/mine.json", board),
        (&format!("{FRAMEWORK}/{BOOT_APP0}"), ""),
    ]);
    let root = files.root().to_str().unwrap();
    let lines = lines.replace("ROOT", root);
    files.write("platformio.ini", format!("{INI}{lines}").as_bytes());
    for name in ["firmware.bin", "bootloader.bin"] {
        files.image(&format!(".pio/build/dev/{name}"), Chip::Esp32S3);
    }
    files.table(".pio/build/dev/partitions.bin", ROWS);
    files
}

const BOARD: &str = r#"{"build": {"mcu": "esp32s3", "variant": "v"}, "upload": {}}"#;

fn only(files: &Files) -> Target {
    let found = files.found_with(&[("PLATFORMIO_CORE_DIR", "@/core")]);
    let [target] = found.targets.as_slice() else {
        panic!("{found:?}")
    };
    target.clone()
}

fn regions(files: &Files) -> Vec<String> {
    files.regions(&only(files))
}

#[test]
fn a_part_of_the_configuration_is_no_project_of_its_own() {
    let ini = "[platformio]\nextra_configs = variants/*/*/platformio.ini\n[base]\nplatform =\n  # a comment\n  \
               espressif32\n[env:n]\nplatform =\n  platformio/nordicnrf52\n";
    let part = "[env:x]\nextends = base\nbuild_flags = ${base.build_flags} -DX\n";
    let files = Files::new(&[
        ("platformio.ini", ini),
        (
            "variants/esp32/x/platformio.ini",
            &part.replace("${base.build_flags}", ""),
        ),
        (
            "variants/esp32/y/platformio.ini",
            &part
                .replace("env:x", "env:y")
                .replace("${base.build_flags}", ""),
        ),
        (
            "examples/own/platformio.ini",
            "[env:z]\nplatform = espressif32\n",
        ),
    ]);
    files.image("variants/esp32/y/.pio/build/y/firmware.bin", Chip::Esp32);
    let found = files.found_in("");
    let unbuilt: Vec<_> = found.unbuilt.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(unbuilt, ["platformio:x", "platformio:y"]);
    // What was built there was built from there.
    let own = found
        .passed
        .iter()
        .filter(|passed| passed.place.starts_with(files.root().join("variants")));
    let own: Vec<_> = own.map(|passed| passed.why.as_str()).collect();
    assert!(!own.iter().any(|why| why.contains("env:x")), "{own:?}");
    assert_eq!(found.foreign, ["env:n is for platformio/nordicnrf52"]);
}

#[test]
fn a_part_of_the_configuration_may_be_a_project_of_another_tool() {
    let idf = "include($ENV{IDF_PATH}/tools/cmake/project.cmake)\nproject(a)\n";
    let files = Files::new(&[
        (
            "platformio.ini",
            "[platformio]\nextra_configs = */platformio.ini\n",
        ),
        ("a/platformio.ini", "[env:a]\nplatform = espressif32\n"),
        ("a/CMakeLists.txt", idf),
        (
            "a/build/flasher_args.json",
            r#"{"flash_files": {"0x10000": "app.bin"}}"#,
        ),
        ("b/platformio.ini", "[env:b]\nplatform = espressif32\n"),
        ("b/CMakeLists.txt", idf),
    ]);
    let found = files.found_in("");
    let [built] = found.targets.as_slice() else {
        panic!("{found:?}")
    };
    assert_eq!(built.name, "espidf:a/build");
    assert_eq!(built.build_command(), "idf.py build");
    let unbuilt: Vec<_> = found.unbuilt.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(unbuilt, ["platformio:a", "platformio:b"]);
}

#[test]
fn a_boot_loader_of_the_variant_is_flashed_in_place_of_the_builds() {
    let own = "variants/me/x.bin";
    for (lines, place) in [
        ("", ".pio/build/dev/bootloader.bin".to_owned()),
        (
            "board_build.partitions = my-tinyuf2.csv\n",
            format!("{FRAMEWORK}/variants/v/bootloader-tinyuf2.bin"),
        ),
        (
            "board_build.arduino.custom_bootloader = x.bin\n",
            format!("{FRAMEWORK}/variants/v/x.bin"),
        ),
        (
            "board_build.variants_dir = variants\nboard_build.variant = me\n\
             board_build.arduino.custom_bootloader = x.bin\n",
            own.to_owned(),
        ),
    ] {
        let files = project(lines, BOARD);
        for name in ["bootloader-tinyuf2.bin", "x.bin"] {
            files.image(&format!("{FRAMEWORK}/variants/v/{name}"), Chip::Esp32S3);
        }
        files.image(own, Chip::Esp32S3);
        assert_eq!(
            regions(&files)[0],
            format!("0x0 bootloader {place}"),
            "{lines}"
        );
    }
}

#[test]
fn tinyuf2_is_the_projects_where_that_is_named() {
    for (lines, place) in [
        ("", None),
        (
            "board_upload.arduino.tinyuf2_image = uf2/t.bin\n",
            Some("uf2/t.bin"),
        ),
        (
            "board_build.partitions = my-tinyuf2.csv\nboard_build.variants_dir = variants\n",
            Some("variants/v/tinyuf2.bin"),
        ),
    ] {
        let files = project(lines, BOARD);
        files.image("uf2/t.bin", Chip::Esp32S3);
        files.image("variants/v/tinyuf2.bin", Chip::Esp32S3);
        let found = regions(&files);
        let found = found.iter().find_map(|line| line.strip_prefix("0x410000 "));
        let found = found.and_then(|line| line.split_once(' '));
        assert_eq!(found.map(|(_, path)| path), place, "{lines}");
    }
}

#[test]
fn the_table_and_the_file_system_may_be_the_boards() {
    let of_board = r#"{"build": {"mcu": "esp32s3", "arduino": {"partitions": "t.csv"}, "filesystem": "littlefs"}}"#;
    for (lines, board) in [
        ("", of_board),
        (
            "board_build.partitions = t.csv\nboard_build.filesystem = littlefs\n",
            BOARD,
        ),
        (
            "board_build.partitions = ROOT/t.csv\nboard_build.filesystem = littlefs\n",
            BOARD,
        ),
        (
            "board_build.arduino.partitions = t.csv\nboard_build.filesystem = littlefs\n",
            BOARD,
        ),
    ] {
        let files = project(lines, board);
        files.table(
            ".pio/build/dev/partitions.bin",
            &format!("{ROWS}fs,data,spiffs,,1M\n"),
        );
        files.write("t.csv", b"");
        files.write(".pio/build/dev/littlefs.bin", b"");
        let target = only(&files);
        assert_eq!(
            target.partitions_csv,
            Some(files.root().join("t.csv")),
            "{lines}"
        );
        assert_eq!(target.on_request.len(), 1, "{lines}");
    }
}

#[test]
fn an_offset_is_what_esptool_takes_or_an_error_that_names_the_option() {
    let files = project("board_upload.offset_address = 0x2_0000\n", BOARD);
    assert_eq!(only(&files).firmware().unwrap().offset, 0x2_0000);
    let files = project("board_upload.offset_address = 128K\n", BOARD);
    let found = files.found_in("");
    assert_eq!(names(&found), [""; 0]);
    let problem = found.problems[0].to_string();
    assert!(
        problem.contains("board_upload.offset_address = 128K"),
        "{problem}"
    );
}

#[test]
fn a_number_that_the_platform_does_not_take_is_an_error_that_names_where_it_is() {
    let of_board = r#"{"build": {"f_flash": "80m"}, "upload": {"arduino": {"flash_extra_images": [["128K", "x.bin"]]}}}"#;
    for (lines, board, expected) in [
        (
            "board_build.f_flash = 0x4C4B400\n",
            BOARD,
            "board_build.f_flash = 0x4C4B400 is not a frequency; PlatformIO takes 80000000L",
        ),
        (
            "",
            of_board,
            "build.f_flash of board mine = 80m is not a frequency",
        ),
        (
            "board_build.f_flash = 80000000L\n",
            of_board,
            "upload.arduino.flash_extra_images of board mine = 128K is not an offset",
        ),
    ] {
        let files = project(lines, board);
        let found = files.found_with(&[("PLATFORMIO_CORE_DIR", "@/core")]);
        assert_eq!(names(&found), [""; 0]);
        let problem = found.problems[0].to_string();
        assert!(problem.contains(expected), "{problem}");
    }
}

#[test]
fn a_foreign_platform_is_foreign_whatever_its_image_looks_like() {
    let files = Files::new(&[(
        "platformio.ini",
        "[env:d1]\nplatform = espressif8266\nframework = esp8266-rtos-sdk\n[env:own]\nplatform = symlink:///none/mine\nboard = esp32dev\n",
    )]);
    files.image(".pio/build/d1/firmware.bin", Chip::Esp32);
    let found = files.found_in("");
    assert_eq!(names(&found), [""; 0]);
    assert_eq!(found.foreign, ["env:d1 is for espressif8266"]);
    let told = found.target("d1").unwrap_err().to_string();
    assert_eq!(told, "env:d1 is for espressif8266");
    let unbuilt: Vec<_> = found.unbuilt.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(unbuilt, ["platformio:own"]);
}

#[test]
fn what_is_uploaded_in_another_way_is_told() {
    for (lines, port, expected) in [
        (
            "upload_port = /dev/ttyX\nupload_protocol = esptool\n",
            Some("/dev/ttyX"),
            "",
        ),
        (
            "upload_port = /dev/ttyX\nupload_command = make burn\n",
            Some("/dev/ttyX"),
            "upload_command is not run: a deploy writes over the serial line",
        ),
        (
            "upload_port = kiln.local\nupload_protocol = espota\nupload_flags = --port=8266\n",
            Some("espota://kiln.local:8266"),
            "",
        ),
        ("upload_port = 10.0.0.7\n", Some("espota://10.0.0.7"), ""),
        (
            "upload_port = rfc2217://127.0.0.1:4000?ign_set_control\n",
            Some("rfc2217://127.0.0.1:4000?ign_set_control"),
            "",
        ),
        (
            "upload_protocol = espota\n",
            None,
            "upload_protocol espota is not used: a deploy writes",
        ),
        (
            "upload_protocol = my-probe\n",
            None,
            "upload_protocol my-probe is not used",
        ),
        (
            "upload_port = /dev/ttyX\nupload_protocol = esptol\n",
            None,
            "upload_protocol esptol is none that PlatformIO's platform knows, and `pio run -t upload` \
             writes nothing; a deploy writes",
        ),
    ] {
        let board = r#"{"build": {"mcu": "esp32s3"}, "debug": {"tools": {"my-probe": {}}}}"#;
        let target = only(&project(lines, board));
        assert_eq!(target.port.as_deref(), port, "{lines}");
        let told = target.remarks.join("\n");
        assert_eq!(told.is_empty(), expected.is_empty(), "{told}");
        assert!(told.starts_with(expected) && !told.contains('\n'), "{told}");
    }
}

#[test]
fn the_framework_is_where_its_package_is() {
    for (lines, place) in [
        (
            "platform_packages = framework-arduinoespressif32@3.2.0\n",
            "core/packages/framework-arduinoespressif32@3.2.0",
        ),
        (
            "platform_packages = framework-arduinoespressif32 @ symlink://ROOT/own\n",
            "own",
        ),
    ] {
        let files = project(lines, BOARD);
        files.write(&format!("{place}/{BOOT_APP0}"), b"");
        let expected = format!("0xe000 otadata {place}/{BOOT_APP0}");
        assert!(regions(&files).contains(&expected), "{:?}", regions(&files));
    }
}

#[test]
fn a_build_that_a_variable_moved_is_found_where_the_variable_is_not_set() {
    for (option, variable) in [
        ("", ("PLATFORMIO_BUILD_DIR", "@/out/pio")),
        (
            "[platformio]\nbuild_dir = ${sysenv.OUT}/pio\n",
            ("OUT", "@/out"),
        ),
    ] {
        let files = Files::new(&[("platformio.ini", &format!("{option}{INI}"))]);
        let unbuilt = files.found_in("").unbuilt;
        assert_eq!(
            unbuilt[0]
                .build_hint
                .contains("(build_dir is ${sysenv.OUT}/pio, and the variable OUT is not set)"),
            !option.is_empty()
        );
        files.image("out/pio/dev/firmware.bin", Chip::Esp32);
        files.image("out/pio/dev/bootloader.bin", Chip::Esp32);
        files.write("out/pio/project.checksum", b"");
        let told = |variables: &[_]| {
            let found = files.found_with(variables);
            let [target] = found.targets.as_slice() else {
                panic!("{found:?}")
            };
            assert_eq!(
                target.firmware().unwrap().source.path(),
                files.root().join("out/pio/dev/firmware.bin")
            );
            target.remarks.join("\n")
        };
        assert_eq!(told(&[variable]), "");
        let expected =
            files.text("it was built into @/out/pio/dev, and here PlatformIO would build into ");
        assert!(told(&[]).starts_with(&expected), "{}", told(&[]));
    }
}

#[test]
fn packages_that_another_system_names_are_those_here() {
    let files = project("", BOARD);
    let image =
        |offset: &str, path: &str| format!(r#"{{"offset": "{offset}", "path": "C:\\p\\{path}"}}"#);
    let build = |name: &str| format!(r".pio\\build\\dev\\{name}");
    let images = [
        image("0x0", &build("bootloader.bin")),
        image("0x8000", &build("partitions.bin")),
        image(
            "0xe000",
            r"packages\\framework-arduinoespressif32\\tools\\partitions\\boot_app0.bin",
        ),
    ];
    let json = format!(
        r#"{{"prog_path": "C:\\p\\{}", "extra": {{"application_offset": "0x10000", "flash_images": [{}]}}}}"#,
        build("firmware.elf"),
        images.join(",")
    );
    files.write(".pio/build/dev/idedata.json", json.as_bytes());
    let expected = format!("0xe000 otadata {FRAMEWORK}/{BOOT_APP0}");
    assert!(regions(&files).contains(&expected), "{:?}", regions(&files));
}

#[test]
fn the_monitor_listens_as_the_project_s_own_does() {
    let console = |lines: &str, sdkconfig: &str| {
        let files = project(lines, BOARD);
        files.write("sdkconfig.dev", sdkconfig.as_bytes());
        only(&files).console
    };
    assert_eq!(console("", ""), Console::default());
    let lines = "monitor_speed = 460800\nmonitor_filters = time, log2file\n";
    let found = console(lines, "");
    assert_eq!(found.baud, Some((460_800, "monitor_speed")));
    assert!(found.has_filter("time") && found.has_filter("log2file") && !found.has_filter("log"));
    assert_eq!(
        console("[env]\nmonitor_speed = 74880\n", "").baud,
        Some((74880, "monitor_speed"))
    );
    let sdkconfig = "CONFIG_ESP_CONSOLE_UART_BAUDRATE=921600\n";
    assert_eq!(console("", sdkconfig).baud, None, "not a build of ESP-IDF");
    let espidf = "framework = espidf\n";
    let option = "CONFIG_ESP_CONSOLE_UART_BAUDRATE";
    let of_espidf = |lines: &str| {
        let files = project("", BOARD);
        let ini = INI.replace("framework = arduino\n", espidf) + lines;
        files.write("platformio.ini", ini.as_bytes());
        files.write("sdkconfig.dev", sdkconfig.as_bytes());
        only(&files).console.baud
    };
    assert_eq!(of_espidf(""), Some((921_600, option)));
    assert_eq!(
        of_espidf("monitor_speed = 9600\n"),
        Some((9600, "monitor_speed"))
    );
}

#[test]
fn a_default_for_another_chip_is_told_whatever_else_is_built() {
    let files = Files::new(&[(
        "platformio.ini",
        "[platformio]\ndefault_envs = d1\n[env:d1]\nplatform = ststm32\n[env:dev]\nplatform = \
             espressif32\nboard = esp32dev\n",
    )]);
    files.image(".pio/build/dev/firmware.bin", Chip::Esp32);
    files.image("out/x/a.ino.bin", Chip::Esp32);
    let said = files.found_in("").default_target().unwrap_err().to_string();
    assert!(
        said.starts_with("env:d1 is for ststm32, and is the default"),
        "{said}"
    );
}

/// The one file has the core's boot loader and the sketch; the linker script places the file system.
#[test]
fn an_esp8266_gets_one_file_and_its_files_on_request() {
    let files = Files::new(&[
        (
            "r/platformio.ini",
            "[platformio]\npackages_dir = packages\n[env:d1]\nplatform = espressif8266\n\
             framework = arduino\nboard = d1_mini\nboard_build.filesystem = littlefs\n\
             board_build.ldscript = eagle.flash.4m2m.ld\nupload_speed = 460800\n",
        ),
        (
            "r/packages/framework-arduinoespressif8266/tools/sdk/ld/eagle.flash.4m2m.ld",
            "PROVIDE ( _FS_start = 0x40400000 );\n",
        ),
        ("r/.pio/build/d1/firmware.bin", "built"),
        ("r/.pio/build/d1/littlefs.bin", "files"),
    ]);
    let found = files.found_in("r");
    assert_eq!(names(&found), ["platformio:d1"]);
    let target = &found.targets[0];
    assert_eq!(target.chip, Some(Chip::Esp8266));
    let places = |regions: &[crate::target::Region]| -> Vec<(String, u32)> {
        regions
            .iter()
            .map(|region| (region.name.clone(), region.offset))
            .collect()
    };
    assert_eq!(places(&target.regions), [("firmware".to_owned(), 0)]);
    assert_eq!(
        places(&target.on_request),
        [("littlefs".to_owned(), 0x20_0000)]
    );
    assert_eq!(target.baud, Some(460_800));
    assert!(found.foreign.is_empty(), "{:?}", found.foreign);
}
