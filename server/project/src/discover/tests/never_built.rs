//! Projects that nothing was built of.

use super::files::{Files, names};
use crate::discover::{Discovery, Environment, discover};

const ESP_IDF: &str = "cmake_minimum_required(VERSION 3.16)\ninclude($ENV{IDF_PATH}/tools/cmake/project.cmake)\nproject(kiln)\n";
const ZEPHYR: &str = "find_package(Zephyr REQUIRED HINTS $ENV{ZEPHYR_BASE})\n";

fn unbuilt(found: &Discovery) -> Vec<String> {
    let lines = found.unbuilt.iter();
    lines
        .map(|it| format!("{}: {}", it.name, it.build_hint))
        .collect()
}

#[test]
fn a_project_is_known_by_its_own_files() {
    let settings = r#"{"idf.buildPath": "${workspaceFolder}/out/x"}"#;
    let profile = "profiles:\n  p:\n    fqbn: esp32:esp32:esp32c3\ndefault_profile: p\n";
    let of_code = r#"{"board": "esp32:esp32:esp32", "configuration": "PSRAM=enabled"}"#;
    for (files, expected) in [
        (
            vec![("k/CMakeLists.txt", ESP_IDF)],
            "espidf:build: idf.py build",
        ),
        (
            vec![
                ("k/CMakeLists.txt", ESP_IDF),
                ("k/.vscode/settings.json", settings),
            ],
            "espidf:out/x: idf.py -B out/x build",
        ),
        (
            vec![(
                "k/CMakeLists.txt",
                "set(BOARD esp32s3_devkitm)\nfind_package(Zephyr)\n",
            )],
            "zephyr:build: west build -d build -b esp32s3_devkitm",
        ),
        // Over several lines, in any case, and by a variable.
        (
            vec![(
                "k/CMakeLists.txt",
                "cmake_minimum_required(VERSION 3.20)\nset(CHIP esp32s3)\nSET(\n  BOARD  # for now\n  \
                 ${CHIP}_devkitm\n)\nFIND_PACKAGE (\n  Zephyr\n  REQUIRED)\n",
            )],
            "zephyr:build: west build -d build -b esp32s3_devkitm",
        ),
        (
            vec![(
                "k/CMakeLists.txt",
                "include (\n  $ENV{IDF_PATH}/tools/cmake/project.cmake\n)\n",
            )],
            "espidf:build: idf.py build",
        ),
        (
            vec![("k/k.ino", ""), ("k/sketch.yaml", profile)],
            "arduino:esp32.esp32.esp32c3: arduino-cli compile --export-binaries --profile p",
        ),
        (
            vec![
                ("k/k.ino", ""),
                ("k/sketch.yaml", "default_fqbn: arduino:avr:uno\n"),
            ],
            "arduino:arduino.avr.uno: arduino-cli compile --export-binaries --fqbn arduino:avr:uno",
        ),
        (
            vec![("k/k.ino", ""), ("k/.vscode/arduino.json", of_code)],
            "arduino:esp32.esp32.esp32: arduino-cli compile --export-binaries --fqbn \
             esp32:esp32:esp32:PSRAM=enabled",
        ),
    ] {
        let files = Files::new(&files);
        files.write("k/prj.conf", b"");
        let found = files.found_in("k");
        assert_eq!(unbuilt(&found), [expected]);
        let remedy = found.default_target().unwrap_err().remedy().to_string();
        let command = expected.split_once(": ").unwrap().1;
        assert_eq!(remedy, format!("Build it first: {command}"));
        // From above it has its place in its name.
        let below = unbuilt(&files.found_in(""));
        assert_eq!(
            below,
            [format!("{} (in k)", expected.replacen(':', ":k/", 1))]
        );
    }
}

#[test]
fn presets_and_profiles_name_several_builds() {
    let presets = r#"{"configurePresets": [
        {"name": "base", "hidden": true, "binaryDir": "build/${presetName}",
         "cacheVariables": {"SDKCONFIG": "./build/${presetName}/sdkconfig", "CCACHE_ENABLE": true}},
        {"name": "dev", "inherits": "base", "cacheVariables": {"CCACHE_ENABLE": null}},
        {"name": "prod", "inherits": ["base"],
         "cacheVariables": {"SDKCONFIG_DEFAULTS": {"type": "STRING", "value": "a;b"}}}]}"#;
    let profiles = r#"{"one": {"build": {"buildDirectoryPath": "${workspaceFolder}/out/one",
        "sdkconfigDefaults": ["a", "b"], "sdkconfigFilePath": ""}, "idfTarget": "esp32c3"},
        "two": {"build": {"buildDirectoryPath": ""}}}"#;
    let files = Files::new(&[
        ("k/CMakeLists.txt", ESP_IDF),
        ("k/CMakePresets.json", presets),
        ("k/esp_idf_project_configuration.json", profiles),
    ]);
    let mut found = unbuilt(&files.found_in("k"));
    found.sort();
    assert_eq!(
        found,
        [
            "espidf:build/dev: idf.py -B build/dev -D SDKCONFIG=./build/dev/sdkconfig build",
            "espidf:build/prod: idf.py -B build/prod -D CCACHE_ENABLE=TRUE \
             -D SDKCONFIG=./build/prod/sdkconfig -D 'SDKCONFIG_DEFAULTS=a;b' build",
            "espidf:out/one: idf.py -B out/one -D IDF_TARGET=esp32c3 -D 'SDKCONFIG_DEFAULTS=a;b' build",
        ]
    );
}

/// From version 6 on, idf.py takes a preset by its name, else the first one's variables for every build; macros in the
/// name of a directory it does not read.
#[test]
fn presets_are_named_to_an_idf_py_that_takes_them() {
    let presets = r#"{"version": 3, "include": ["more.json"], "configurePresets": [
        {"name": "dev", "binaryDir": "build/dev", "cacheVariables": {"SDKCONFIG": "a"}},
        {"name": "prod", "binaryDir": "${sourceDir}/build/prod", "environment": {"X": "y"}},
        {"name": "made", "binaryDir": "build/made"}]}"#;
    let more = r#"{"configurePresets": [{"name": "other", "binaryDir": "build/other"}]}"#;
    let files = Files::new(&[
        ("idf/tools/idf.py", ""),
        ("idf/version.txt", "v6.0.1\n"),
        ("k/CMakeLists.txt", ESP_IDF),
        ("k/CMakePresets.json", presets),
        ("k/more.json", more),
    ]);
    let found = |variables: &[(&str, &str)]| {
        let variables = variables.iter();
        let variables = variables.map(|(name, value)| ((*name).to_owned(), files.text(value)));
        discover(&files.root().join("k"), &Environment::from_pairs(variables))
    };
    let v6 = [("IDF_PATH", "@/idf")];
    assert_eq!(
        unbuilt(&found(&v6)),
        [
            "espidf:build/dev: idf.py --preset dev -B build/dev build",
            "espidf:build/prod: idf.py --preset prod -B build/prod build",
            "espidf:build/made: idf.py --preset made -B build/made build",
            "espidf:build/other: idf.py -B build/other build",
        ]
    );
    // Whoever ran export.sh has another one.
    let v5 = [
        ("IDF_PATH", "@/idf"),
        ("PATH", "@/idf/tools"),
        ("ESP_IDF_VERSION", "5.5"),
    ];
    let older = unbuilt(&found(&v5));
    assert_eq!(
        older[0],
        "espidf:build/dev: idf.py -B build/dev -D SDKCONFIG=a build"
    );
    assert_eq!(older.len(), 3, "{older:?}");
    // Without idf.py on PATH, what configured a build counts for it, and the installers' records for the rest.
    let record = r#"{"idfSelectedId": "new", "idfInstalled": {"new": {"path": "@/idf"}, "old": {"path": "@/old"}}}"#;
    for (name, text) in [
        ("old/tools/idf.py", ""),
        ("old/version.txt", "v5.5\n"),
        ("home/.espressif/idf-env.json", record),
        (
            "k/build/dev/project_description.json",
            r#"{"idf_path": "@/old"}"#,
        ),
    ] {
        files.write(name, files.text(text).as_bytes());
    }
    let recorded = unbuilt(&found(&[("HOME", "@/home"), ("USERPROFILE", "@/home")]));
    assert_eq!(recorded[0], "espidf:build/dev: idf.py -B build/dev build");
    std::fs::remove_dir_all(files.root().join("k/build/dev")).unwrap();
    // A build that is there is built again by its preset.
    files.write(
        "k/build/made/flasher_args.json",
        br#"{"flash_files": {"0x10000": "app.bin"}}"#,
    );
    let command = |variables| found(variables).targets[0].build_command();
    assert_eq!(command(&v6), "idf.py --preset made -B build/made build");
    assert_eq!(command(&v5), "idf.py -B build/made build");
}

/// What nobody here can tell is not built as if nothing were missing.
#[test]
fn what_a_preset_or_profile_gives_is_known_or_it_is_not_built() {
    for (file, text, expected) in [
        (
            "CMakePresets.json",
            r#"{"configurePresets": [
                {"name": "dev", "binaryDir": "build", "cacheVariables": {"SDKCONFIG_DEFAULTS": "dev"}},
                {"name": "prod", "binaryDir": "build", "cacheVariables": {"SDKCONFIG_DEFAULTS": "prod"}}]}"#,
            &[][..],
        ),
        (
            "CMakePresets.json",
            r#"{"configurePresets": [
                {"name": "one", "binaryDir": "build"}, {"name": "same", "binaryDir": "build"},
                {"name": "odd", "binaryDir": "b2", "cacheVariables": {"SDKCONFIG_DEFAULTS": "$vendor{x};a"}},
                {"name": "more", "binaryDir": "b3", "environment": {"IDF_TARGET": "esp32c3"}},
                {"name": "linux", "binaryDir": "b4", "cacheVariables": {"IDF_TARGET": "linux"}},
                {"name": "c6", "binaryDir": "b5", "cacheVariables": {"IDF_TARGET": "esp32c6"}}]}"#,
            &[
                "espidf:build: idf.py build",
                "espidf:b5: idf.py -B b5 -D IDF_TARGET=esp32c6 build",
            ][..],
        ),
        (
            "esp_idf_project_configuration.json",
            r#"{"one": {"build": {"buildDirectoryPath": "b1", "sdkconfigDefaults": ["a", "${env:NONE}"]}},
                "two": {"build": {"buildDirectoryPath": "b2", "sdkconfigFilePath": "${config:x}"}},
                "three": {"build": {"buildDirectoryPath": "b3"}}}"#,
            &["espidf:b3: idf.py -B b3 build"][..],
        ),
    ] {
        let file = format!("k/{file}");
        let found = Files::new(&[("k/CMakeLists.txt", ESP_IDF), (&file, text)]).found_in("k");
        assert_eq!(unbuilt(&found), expected, "{text}");
        let mut told = found.passed.iter();
        assert!(
            told.any(|it| it.why.contains("in several ways")),
            "{:?}",
            found.passed
        );
    }
}

#[test]
fn a_project_for_another_chip_or_board_is_not_told_to_be_built() {
    for (files, foreign) in [
        (
            vec![
                ("k/CMakeLists.txt", ESP_IDF),
                ("k/sdkconfig.defaults", "CONFIG_IDF_TARGET=\"linux\"\n"),
            ],
            "espidf:build is for linux",
        ),
        (
            vec![(
                "k/CMakeLists.txt",
                "set(BOARD nrf/nrf52840)\nfind_package(Zephyr)\n",
            )],
            "zephyr:build is for nrf/nrf52840",
        ),
        (
            vec![
                ("k/k.ino", ""),
                ("k/sketch.yaml", "default_fqbn: arduino:samd:zero\n"),
            ],
            "arduino.samd.zero is for samd",
        ),
    ] {
        let found = Files::new(&files).found_in("k");
        assert_eq!(unbuilt(&found), [""; 0]);
        assert_eq!(found.foreign, [foreign]);
    }
}

#[test]
fn where_nothing_names_the_board_that_is_said() {
    for (files, command) in [
        (("k/CMakeLists.txt", ZEPHYR), "west build -d build -b BOARD"),
        (
            ("k/k.ino", ""),
            "arduino-cli compile --export-binaries --fqbn esp32:esp32:BOARD",
        ),
    ] {
        let files = Files::new(&[files]);
        let error = files.found_in("k").default_target().unwrap_err();
        assert!(
            error.to_string().ends_with("and no file names its board"),
            "{error}"
        );
        let remedy = error.remedy().to_string();
        assert_eq!(remedy, format!("Build it once for its board: {command}"));
    }
    let files = Files::new(&[("CMakeLists.txt", ZEPHYR)]);
    let found = files.found_with(&[("BOARD", "esp32_devkitc/esp32/procpu")]);
    assert_eq!(found.unbuilt[0].name, "zephyr:build");
}

#[test]
fn what_is_built_or_somebody_elses_is_not_told_to_be_built() {
    let args =
        r#"{"flash_files": {"0x10000": "app.bin"}, "extra_esptool_args": {"chip": "esp32"}}"#;
    let component =
        "idf_component_register(SRCS x.c)\n# include($ENV{IDF_PATH}/tools/cmake/project.cmake)\n";
    for (files, targets) in [
        (
            vec![
                ("CMakeLists.txt", ESP_IDF),
                ("out/dev/flasher_args.json", args),
            ],
            vec!["espidf:out/dev"],
        ),
        (vec![("CMakeLists.txt", component)], vec![]),
    ] {
        let found = Files::new(&files).found_in("");
        assert_eq!((names(&found), unbuilt(&found)), (targets, vec![]));
    }
    // Several below a folder are told, all of them.
    let files = Files::new(&[
        ("a/CMakeLists.txt", ESP_IDF),
        ("a/main/x.c", ""),
        ("b/b.ino", ""),
        ("b/sketch.yaml", "default_fqbn: esp32:esp32:esp32\n"),
    ]);
    assert_eq!(unbuilt(&files.found_in("")).len(), 2);
    // ESP-IDF's CMake in the hands of PlatformIO; and examples below a project.
    let files = Files::new(&[
        (
            "platformio.ini",
            "[env:a]\nplatform = espressif32\nboard = esp32dev\nframework = espidf\n",
        ),
        ("CMakeLists.txt", ESP_IDF),
        ("examples/one/CMakeLists.txt", ESP_IDF),
        ("examples/one/main/x.c", ""),
    ]);
    let found = files.found_in("");
    assert_eq!(unbuilt(&found), ["platformio:a: pio run -e a"]);
    let mut passed = found.passed.iter().map(|it| &*it.why);
    assert!(passed.any(|why| why.starts_with("espidf:examples/one/build is not built")));
}

#[test]
fn the_chip_of_a_board_is_read_where_it_is_described() {
    const YML: &str = "board:\n  name: core2\n  vendor: m\n  socs:\n  - name: esp32\n";
    let set = |board: &str| format!("set(BOARD {board})\nfind_package(Zephyr)\n");
    let command = ["zephyr:build: west build -d build -b core2"];
    let ours = set("core2");
    let project = ("w/k/CMakeLists.txt", ours.as_str());
    for described in [
        ("w/k/boards/m/core2/board.yml", YML),
        ("w/k/boards/m/other_name/board.yml", YML),
        (
            "w/k/boards/xtensa/core2/core2_defconfig",
            "CONFIG_SOC_SERIES_ESP32=y\n",
        ),
        ("w/zephyr/boards/m/core2/board.yml", YML),
    ] {
        let files = Files::new(&[project, described, ("w/.west/config", "[manifest]\n")]);
        assert_eq!(unbuilt(&files.found_in("w/k")), command, "{described:?}");
    }
    let another = YML.replace("esp32", "nrf52840");
    let files = Files::new(&[project, ("w/k/boards/m/core2/board.yml", &another)]);
    assert_eq!(files.found_in("w/k").foreign, ["zephyr:build is for core2"]);
    // Where no file describes it, that is said.
    let found = Files::new(&[project]).found_in("w/k");
    let error = found.default_target().unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("no file here says what chip its board core2 has")
    );
    assert_eq!(
        error.remedy().to_string(),
        "Build it once for its board: west build -d build -b core2"
    );
    // West's own configuration may name the board.
    let files = Files::new(&[
        ("w/k/CMakeLists.txt", ZEPHYR),
        ("w/.west/config", "[build]\nboard = core2\n"),
        ("w/zephyr/boards/m/core2/board.yml", YML),
    ]);
    assert_eq!(unbuilt(&files.found_in("w/k")), command);
}
