//! What an editor is told of workspaces as people have them: targets, their regions, and sentences on what
//! contradicts what.

use fbuild_project::partitions::csv;
use serde_json::{Value, json};

use crate::project::app_image;
use crate::stdio::Server;

const ROWS: &str = "nvs,data,nvs,0x9000,0x5000\notadata,data,ota,0xe000,0x2000\napp0,app,ota_0,0x10000,0x140000\n\
                    app1,app,ota_1,0x150000,0x140000\n";

/// A workspace's files, and what is told: a line for each target, and parts of its remarks.
type Case<'c> = (&'c [(&'c str, &'c str)], &'c [&'c str], &'c str);

const IDF: &str = "[env:dev]\nplatform = espressif32\nframework = espidf\nboard_build.mcu = esp32\n\
                   board_build.esp-idf.sdkconfig_path = ${sysenv.NOT_SET_HERE}$NOT_SET_EITHER/cfg\n";
const MCUBOOT: &str = "flash-runner: esp32\nconfig:\n  bin_file: zephyr.bin\nargs:\n  esp32:\n    - --esp-app-address=0x1000\n";
const APP: &str = "flash-runner: esp32\nconfig:\n  bin_file: zephyr.bin\nargs:\n  esp32:\n    - --esp-app-address=0x20000\n";
const SCHEME: &str = "default_fqbn: esp32:esp32:esp32:PartitionScheme=huge_app\n";

const CASES: &[Case<'_>] = &[
    (
        &[
            ("kiln-bootloader.bin", "<image>"),
            ("kiln-partitions.bin", "<table>"),
            ("kiln-firmware.bin", "<image>"),
            ("oven-bootloader.bin", "<image>"),
            ("oven-partitions.bin", "<table>"),
            ("oven-firmware.bin", "<image>"),
        ],
        &[
            "files:case/kiln: bootloader 0x1000, partitions 0x8000, firmware 0x10000",
            "files:case/oven: bootloader 0x1000, partitions 0x8000, firmware 0x10000",
        ],
        "",
    ),
    (
        &[
            (".pio/build/dev/bootloader.bin", "<image>"),
            (".pio/build/dev/partitions.bin", "<table>"),
            (".pio/build/dev/firmware.bin", "<image>"),
        ],
        &["files:.pio/build/dev: bootloader 0x1000, partitions 0x8000, firmware 0x10000"],
        "",
    ),
    (
        &[
            ("platformio.ini", "[env:dev]\nplatform = espressif32\n"),
            (".pio/build/dev/firmware.bin", "<image>"),
        ],
        &["platformio:dev: firmware 0x10000"],
        "the environment has no framework",
    ),
    (
        &[
            ("platformio.ini", IDF),
            (".pio/build/dev/bootloader.bin", "<image>"),
            (".pio/build/dev/partitions.bin", "<table>"),
            (".pio/build/dev/firmware.bin", "<image>"),
        ],
        &["platformio:dev: bootloader 0x1000, partitions 0x8000, firmware 0x10000"],
        "$NOT_SET_EITHER/cfg, with a variable that is not set here",
    ),
    (
        &[
            ("case.ino", ""),
            ("sketch.yaml", SCHEME),
            ("build/esp32.esp32.esp32/case.ino.bin", "<image>"),
            ("build/esp32.esp32.esp32/case.ino.bootloader.bin", "<image>"),
            ("build/esp32.esp32.esp32/case.ino.partitions.bin", "<table>"),
            ("build/esp32.esp32.esp32/boot_app0.bin", "x"),
        ],
        &[
            "arduino:esp32.esp32.esp32: bootloader 0x1000, partitions 0x8000, otadata 0xe000, firmware 0x10000",
        ],
        "PartitionScheme=huge_app, which has 1 app of 3072 KiB",
    ),
    (
        &[
            ("prj.conf", ""),
            (
                "build/domains.yaml",
                "default: app\nbuild_dir: .\ndomains:\n- name: mcuboot # first\n  build_dir: mcuboot\n- name: app\n  build_dir: app\n",
            ),
            ("build/mcuboot/zephyr/runners.yaml", MCUBOOT),
            ("build/mcuboot/zephyr/zephyr.bin", "<image>"),
            ("build/app/zephyr/runners.yaml", APP),
            ("build/app/zephyr/zephyr.bin", "<image>"),
        ],
        &["zephyr:build: bootloader 0x1000, firmware 0x20000"],
        "",
    ),
    (
        &[
            ("CMakeLists.txt", "include(pico_sdk_import.cmake)\n"),
            (
                "build/CMakeCache.txt",
                "PICO_SDK_PATH:PATH=/p\nPICO_PLATFORM:STRING=rp2350-arm-s\n",
            ),
            ("build/blink.uf2", "x"),
            ("build/blink.elf", "x"),
        ],
        &["picosdk:build: firmware 0x0"],
        "",
    ),
];

/// A name for each region and its offset.
fn described(target: &Value) -> String {
    let regions = target["regions"].as_array().unwrap();
    let region = |it: &Value| {
        format!(
            "{} {:#x}",
            it["name"].as_str().unwrap(),
            it["offset"].as_u64().unwrap()
        )
    };
    let regions: Vec<_> = regions.iter().map(region).collect();
    format!(
        "{}: {}",
        target["name"].as_str().unwrap(),
        regions.join(", ")
    )
}

#[test]
fn an_editor_is_told_what_is_there_and_what_contradicts_what() {
    let mut server = Server::start(&[]);
    server.initialize(None);
    for (id, (files, expected, told)) in (2..).zip(CASES) {
        let root = server.folder.path().join(format!("{id}/case"));
        for (name, text) in *files {
            let path = root.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            let bytes = match *text {
                "<image>" => app_image(&[0; 16]),
                "<table>" => csv::compile(ROWS, &csv::Options::default())
                    .unwrap()
                    .to_bytes(),
                text => text.as_bytes().to_vec(),
            };
            std::fs::write(path, bytes).unwrap();
        }
        let listed = server.command(id, "targets", &json!({"root": root}));
        let targets = listed["targets"]
            .as_array()
            .unwrap_or_else(|| panic!("{listed:#}"));
        let actual: Vec<_> = targets.iter().map(described).collect();
        assert_eq!(actual, *expected, "{listed:#}");
        let remarks = targets[0]["remarks"].to_string();
        assert!(remarks.contains(told), "{remarks}");
        assert_eq!(told.is_empty(), remarks == "[]", "{remarks}");
    }
}
