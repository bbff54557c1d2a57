//! Projects as people have them, from public reports: what is found, and what goes where. A row is
//! files, and the lines that are found.

use std::path::Path;
use std::time::{Duration, SystemTime};

use fbuild_chip::Chip;
use fbuild_project::discover::{Discovery, Environment, discover};
use fbuild_project::partitions::csv;

use crate::layouts::{FLASHER_ARGS, Files, names};

/// Files, and what is found in them.
type Row<'r> = (&'r [(&'r str, &'r str)], &'r [&'r str]);

/// Files of a build, by the end of their names: what is not text is made here.
pub(crate) fn lay_out(files: &[(&str, &str)]) -> Files {
    let made = Files::new(&[]);
    for (name, text) in files {
        match *text {
            "<image>" => made.image(name, Chip::Esp32),
            "<s3>" => made.image(name, Chip::Esp32S3),
            rows if rows.starts_with("<table>") => {
                let table = csv::compile(&rows["<table>".len()..], &csv::Options::default());
                made.write(name, &table.unwrap().to_bytes());
            }
            text => {
                let text = text.replace('@', made.root().to_str().unwrap());
                made.write(name, text.as_bytes());
            }
        }
    }
    made
}

/// `name: region offset, …`, a line for each target.
pub(crate) fn lines(found: &Discovery) -> Vec<String> {
    let regions = |target: &fbuild_project::target::Target| {
        let regions = target.regions.iter();
        let shown = regions.map(|it| format!("{} {:#x}", it.name, it.offset));
        shown.collect::<Vec<_>>().join(", ")
    };
    let targets = found.targets.iter();
    targets
        .map(|target| format!("{}: {}", target.name, regions(target)))
        .collect()
}

pub(crate) const fn idf(place: &str) -> (&str, &str) {
    (place, FLASHER_ARGS)
}

#[track_caller]
fn assert_found(rows: &[Row<'_>]) {
    for (files, expected) in rows {
        let found = lay_out(files).discover(&[]);
        assert_eq!(found.problems, [], "{expected:?}");
        let mut actual = names(&found);
        actual.sort_unstable();
        assert_eq!(actual, *expected);
    }
}

#[test]
fn builds_of_esp_idf_are_found_where_they_are() {
    let rows: &[Row<'_>] = &[
        // Below the workspace, up to three levels; what lies in a build belongs to it.
        (
            &[
                idf("firmware/gateway/build/flasher_args.json"),
                ("firmware/gateway/CMakeLists.txt", ""),
                ("firmware/gateway/sdkconfig", ""),
                idf("firmware/gateway/build/bootloader/flasher_args.json"),
                idf("node_modules/x/flasher_args.json"),
                idf("a/managed_components/x/flasher_args.json"),
                idf(".git/x/flasher_args.json"),
                idf("1/2/3/4/flasher_args.json"),
            ],
            &["espidf:firmware/gateway/build"],
        ),
        // The project of three levels has its own usual places.
        (
            &[
                idf("a/b/größe 1/build/flasher_args.json"),
                ("a/b/größe 1/CMakeLists.txt", ""),
                ("a/b/größe 1/main/main.c", ""),
            ],
            &["espidf:a/b/größe 1/build"],
        ),
        // Names, in files with comments.
        (
            &[
                idf("o/u/t/win/flasher_args.json"),
                (
                    ".vscode/settings.json",
                    r#"{"idf.buildPathWin": "${workspaceFolder}\\o\\u\\t\\win"}"#,
                ),
            ],
            &["espidf:o/u/t/win"],
        ),
        (
            &[
                idf("o/u/t/named/flasher_args.json"),
                (
                    ".vscode/settings.json",
                    r#"{"idf.buildDirectoryName": "o/u/t/named"}"#,
                ),
            ],
            &["espidf:o/u/t/named"],
        ),
        (
            &[
                idf("o/u/t/deep/flasher_args.json"),
                (
                    ".vscode/settings.json",
                    "{ // where\n \"idf.buildPath\": \"${workspaceFolder}/o/u/t/deep\",\n}",
                ),
            ],
            &["espidf:o/u/t/deep"],
        ),
        (
            &[
                idf("o/u/t/prod x/flasher_args.json"),
                idf("o/u/t/dev/flasher_args.json"),
                (
                    "esp_idf_project_configuration.json",
                    r#"{"prod": {"build": {"buildDirectoryPath": "o/u/t/prod x"}},
                        "dev": {"build": {"buildDirectoryPath": "@/o/u/t/dev"}}}"#,
                ),
            ],
            &["espidf:o/u/t/dev", "espidf:o/u/t/prod x"],
        ),
        (
            &[
                idf("o/u/t/dev/flasher_args.json"),
                idf("o/u/t/rel/flasher_args.json"),
                (
                    "CMakePresets.json",
                    r#"{"include": ["cmake/more.json"], "configurePresets": [{"name": "base", "hidden": true,
                        "binaryDir": "${sourceDir}/o/u/t/${presetName}"}, {"name": "dev", "inherits": "base"}]}"#,
                ),
                (
                    "cmake/more.json",
                    r#"{"configurePresets": [{"name": "x", "binaryDir": "$penv{NONE}/y"},
                        {"name": "rel", "binaryDir": "o\\u\\t\\rel"}]}"#,
                ),
            ],
            &["espidf:o/u/t/dev", "espidf:o/u/t/rel"],
        ),
        // A release's folder, opened at its parent.
        (&[idf("Binaries/flasher_args.json")], &["espidf:Binaries"]),
    ];
    assert_found(rows);
}

#[test]
fn builds_of_other_tools_are_found_where_they_are() {
    let rows: &[Row<'_>] = &[
        // PlatformIO below, and ESPHome's.
        (
            &[
                ("fw/platformio.ini", "[env:dev]\nplatform = espressif32\n"),
                ("fw/.pio/build/dev/firmware.bin", "<image>"),
                ("kiln.yaml", ""),
                (
                    ".esphome/build/kiln/platformio.ini",
                    "[env:kiln]\nplatform = espressif32\n",
                ),
                (".esphome/build/kiln/.pioenvs/kiln/firmware.bin", "<image>"),
            ],
            &["platformio:.esphome/build/kiln/kiln", "platformio:fw/dev"],
        ),
        // What PlatformIO's builder left there is PlatformIO's.
        (
            &[
                (
                    "platformio.ini",
                    "[platformio]\nbuild_dir = out\n[env:a]\nplatform = espressif32\n",
                ),
                ("out/project.checksum", ""),
                idf("out/a/flasher_args.json"),
                ("out/a/firmware.bin", "<image>"),
            ],
            &["platformio:a"],
        ),
        (
            &[
                ("apps/x/prj.conf", ""),
                ("apps/x/out/zephyr/runners.yaml", "flash-runner: esp32\n"),
                ("apps/x/out/zephyr/zephyr.bin", "<image>"),
            ],
            &["zephyr:apps/x/out"],
        ),
        (
            &[
                ("blink/blink.ino", ""),
                ("blink/build/blink.ino.bin", "<image>"),
                ("x/out/other.ino.bin", "<image>"),
            ],
            &["arduino:blink/build", "arduino:x/out"],
        ),
    ];
    assert_found(rows);
}

/// The examples of a library do not take the place of the project itself.
#[test]
fn what_lies_below_is_chosen_by_name() {
    let files = lay_out(&[
        ("platformio.ini", "[env:dev]\nplatform = espressif32\n"),
        (".pio/build/dev/firmware.bin", "<image>"),
        (
            "examples/a/platformio.ini",
            "[env:dev]\nplatform = espressif32\n[env:b]\nplatform = espressif32\n",
        ),
        ("examples/a/.pio/build/dev/firmware.bin", "<image>"),
        ("examples/b/platformio.ini", "broken\n"),
    ]);
    let found = files.discover(&[]);
    assert_eq!(found.default_target().unwrap().name, "platformio:dev");
    let below = found.target("platformio:examples/a/dev").unwrap();
    assert_eq!(below.root, files.root().join("examples/a"));
    assert_eq!((found.unbuilt.len(), found.problems.len()), (0, 0));
    let passed: Vec<_> = found.passed.iter().map(|it| it.why.as_str()).collect();
    assert!(
        passed.contains(&"platformio:examples/a/b is not built: pio run -e b (in examples/a)"),
        "{passed:?}"
    );
    assert!(
        passed.iter().any(|why| why.contains("broken")),
        "{passed:?}"
    );
    // Where there is nothing else, they are told.
    let inner = discover(&files.root().join("examples"), &Environment::default());
    assert_eq!(inner.default_target().unwrap().name, "platformio:a/dev");
    assert_eq!(inner.unbuilt[0].build_hint, "pio run -e b (in a)");
    assert_eq!(inner.problems.len(), 1);
}

#[test]
fn a_build_below_is_not_taken_for_the_projects_own() {
    let files = lay_out(&[
        idf("build/flasher_args.json"),
        idf("large/build/flasher_args.json"),
    ]);
    let found = files.discover(&[]);
    assert_eq!(found.targets.len(), 2);
    assert_eq!(found.default_target().unwrap().name, "espidf:build");
}

#[test]
fn a_folder_of_builds_for_other_chips_says_which() {
    let files = lay_out(&[
        (
            "platformio.ini",
            "[env:uno]\nplatform = atmelavr\n[env:d1]\nplatform = espressif8266\n",
        ),
        ("blink/blink.ino", ""),
        ("blink/build/arduino.avr.uno/blink.ino.bin", "x"),
        ("z/build/zephyr/runners.yaml", "flash-runner: nrfutil\n"),
        ("z/build/zephyr/.config", "CONFIG_BOARD=\"nrf52840dk\"\n"),
        ("z/prj.conf", ""),
    ]);
    let found = files.discover(&[]);
    let error = found.default_target().unwrap_err();
    assert_eq!(error.code(), "no-target");
    let said = error.to_string();
    for what in [
        "env:uno is for atmelavr",
        "env:d1 is for espressif8266",
        "arduino.avr.uno is for avr (in blink)",
        "build is for nrf52840dk (in z)",
    ] {
        assert!(said.contains(what), "no '{what}' in: {said}");
    }
    assert!(
        !error.remedy().to_string().contains("Build it first"),
        "{}",
        error.remedy()
    );
    assert_eq!(found.passed.len(), 4, "{:?}", found.passed);
    // What is broken is told once.
    let broken = lay_out(&[("build/flasher_args.json", "{")]);
    assert_eq!(broken.discover(&[]).problems.len(), 1);
}

#[test]
fn what_is_named_and_not_there_is_told_by_name() {
    let files = lay_out(&[(".vscode/settings.json", r#"{"idf.buildPath": "out"}"#)]);
    let found = files.discover(&[]);
    let [passed] = found.passed.as_slice() else {
        panic!("{:?}", found.passed)
    };
    assert_eq!(passed.place, files.root().join("out"));
    assert!(
        passed.why.starts_with("does not exist; named by "),
        "{}",
        passed.why
    );
}

/// Everything below a workspace is a project: the search ends, and that is reported.
#[test]
fn a_search_ends() {
    let files = lay_out(&[]);
    for n in 0..150 {
        files.write(
            &format!("p{n}/platformio.ini"),
            b"[env:a]\nplatform = atmelavr\n",
        );
    }
    for n in 0..9000 {
        files.write(&format!("p0/x/{n}"), b"");
    }
    let found = files.discover(&[]);
    assert!(found.problems.is_empty(), "{:?}", found.problems);
    let last = found.passed.last().unwrap();
    assert!(last.why.contains("more than 100 projects"), "{last:?}");
    let found = discover(&files.root().join("p0"), &Environment::default());
    let last = found.passed.last().unwrap();
    assert!(last.why.contains("more than 8000 files"), "{last:?}");
}

/// What each tool writes by default, and besides the program.
#[test]
fn defaults_and_extra_images_are_those_of_the_tool() {
    let rows: &[Row<'_>] = &[
        // west's runner.
        (
            &[
                ("build/zephyr/runners.yaml", "flash-runner: esp32\n"),
                ("build/zephyr/zephyr.bin", "<image>"),
            ],
            &["zephyr:build: firmware 0x10000"],
        ),
        (
            &[
                (
                    "build/zephyr/runners.yaml",
                    "flash-runner: esp32\nargs:\n  esp32:\n    - --esp-boot-address=0x1000\n    \
                     - --esp-flash-bootloader=/gone/build/esp-idf/boot.bin\n    \
                     - --esp-flash-partition_table=esp-idf/t.bin\n",
                ),
                ("build/zephyr/zephyr.bin", "<image>"),
                ("build/esp-idf/boot.bin", "<image>"),
                ("build/esp-idf/t.bin", "<table>app,app,factory,,1M\n"),
            ],
            &["zephyr:build: bootloader 0x1000, partitions 0x8000, firmware 0x10000"],
        ),
        // The menu of Arduino's core.
        (
            &[
                ("s.ino", ""),
                ("build/esp32.esp32.esp32s3/s.ino.bin", "<s3>"),
                (
                    "build/esp32.esp32.esp32s3/s.ino.partitions.bin",
                    "<table>a,app,factory,,1M\nmodel,data,spiffs,0xD10000,1M\n",
                ),
                ("build/esp32.esp32.esp32s3/srmodels.bin", "x"),
                ("build/esp32.esp32.esp32s3/tinyuf2.bin", "x"),
            ],
            &[
                "arduino:esp32.esp32.esp32s3: bootloader 0x0, partitions 0x8000, otadata 0xe000, \
                 firmware 0x10000, model 0xd10000",
            ],
        ),
    ];
    for (files, expected) in rows {
        assert_eq!(lines(&lay_out(files).discover(&[])), *expected);
    }
}

/// `{build.variant.path}` in boards.txt: a file of the core, not of the build.
#[test]
fn an_image_of_the_boards_variant_is_deployed() {
    let core = "data/packages/esp32/hardware/esp32/3.1.1";
    let build = "build/esp32.esp32.um_pros3";
    let files = lay_out(&[
        ("s.ino", ""),
        (&format!("{build}/s.ino.bin"), "<s3>"),
        (
            &format!("{build}/s.ino.partitions.bin"),
            "<table>otadata,data,ota,0xe000,0x2000\na,app,ota_0,0x10000,1M\nuf2,app,factory,0x410000,256K\n",
        ),
        (&format!("{core}/tools/partitions/boot_app0.bin"), "x"),
        (&format!("{core}/variants/um_pros3/tinyuf2.bin"), "x"),
        (&format!("{core}/variants/other/tinyuf2.bin"), "x"),
    ]);
    let found = files.discover(&[("ARDUINO_DIRECTORIES_DATA", "@/data")]);
    let expected = "arduino:esp32.esp32.um_pros3: bootloader 0x0, partitions 0x8000, otadata 0xe000, \
                    firmware 0x10000, uf2 0x410000";
    assert_eq!(lines(&found), [expected]);
    let uf2 = found.targets[0].region("uf2").unwrap();
    let variant = files.root().join(core).join("variants/um_pros3");
    assert_eq!(uf2.source.path().parent(), Some(&*variant));
}

#[test]
fn the_build_of_esphome_is_found_from_its_own_folder() {
    let ini = "[env:kiln]\nplatform = espressif32\n";
    let files = lay_out(&[
        ("kiln.yaml", ""),
        (".esphome/build/kiln/platformio.ini", ini),
        (".esphome/build/kiln/.pioenvs/kiln/firmware.bin", "<image>"),
    ]);
    let place = files.root().join(".esphome/build/kiln");
    let found = discover(&place, &Environment::default());
    assert_eq!(names(&found), ["platformio:kiln"]);
    assert!(found.unbuilt.is_empty(), "{:?}", found.unbuilt);
}

/// The YAML file is the source; the project for PlatformIO is written anew from it.
#[test]
fn what_esphome_built_is_built_by_esphome_and_of_its_yaml_file() {
    let ini = "[env:kiln-1]\nplatform = espressif32\n";
    let record = r#"{"name": "kiln-1", "build_path": "/config/.esphome/build/kiln-1"}"#;
    let files = lay_out(&[
        (
            "oven.yaml",
            "wifi: !secret wifi\npackages:\n  base: !include {file: parts/base.yaml}\n",
        ),
        ("parts/base.yaml", "logger:\n"),
        ("secrets.yaml", "wifi: x\n"),
        ("other.yaml", ""),
        (
            ".esphome/storage/other.yaml.json",
            r#"{"build_path": "/config/.esphome/build/x"}"#,
        ),
        (".esphome/storage/oven.yaml.json", record),
        (".esphome/build/kiln-1/platformio.ini", ini),
        (
            ".esphome/build/kiln-1/.pioenvs/kiln-1/firmware.bin",
            "<image>",
        ),
    ]);
    let found = files.discover(&[]);
    let [target] = &found.targets[..] else {
        panic!("{:?}", names(&found));
    };
    let recipe = target.recipe().unwrap();
    assert_eq!(recipe.line(), "esphome compile oven.yaml");
    assert_eq!(recipe.directory, files.root().to_str().unwrap());
    let built = target.firmware().unwrap().source.path();
    change_at(built, SystemTime::now() - Duration::from_hours(1));
    let newer: Vec<_> = target.stale_inputs();
    let newer = newer
        .iter()
        .map(|path| path.strip_prefix(files.root()).unwrap());
    let newer: Vec<_> = newer.filter(|path| !path.starts_with(".esphome")).collect();
    // All devices share the secrets, and most are as they were after an edit.
    assert_eq!(newer.len(), 2, "{newer:?}");
    for name in ["oven.yaml", "parts/base.yaml"] {
        assert!(newer.contains(&Path::new(name)), "{newer:?}");
    }

    // One that was not compiled to its end.
    std::fs::remove_file(built).unwrap();
    let found = files.discover(&[]);
    assert_eq!(found.unbuilt[0].build_hint, "esphome compile oven.yaml");
}

fn change_at(path: &Path, time: SystemTime) {
    let file = std::fs::File::options().write(true).open(path).unwrap();
    let times = std::fs::FileTimes::new().set_modified(time);
    file.set_times(times).unwrap();
}
