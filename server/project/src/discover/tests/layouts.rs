//! Layouts of several images or tools in one build: sysbuild's domains, and esp-idf-sys in cargo's directory.
//!
//! Sources: Zephyr, `share/sysbuild/cmake/domains.cmake` and `scripts/pylib/build_helpers/domains.py`;
//! esp-idf-sys 0.37, `build/native/cargo_driver.rs`.

use fbuild_chip::Chip;

use super::files::{Files, elf, names};
use crate::target::{Source, Target};

fn runners(place: &str, file: &str) -> String {
    format!(
        "runners:\n- esp32\n- openocd\nflash-runner: esp32\ndebug-runner: openocd\nconfig:\n  \
         board_dir: /z/boards/x\n  elf_file: zephyr.elf\n  hex_file: zephyr.hex\n  bin_file: {file}\nargs:\n  \
         esp32:\n    - --esp-idf-path=/z/hal\n    - --esp-app-address={place}\n    - --esp-flash-size=8MB\n"
    )
}

/// A build by sysbuild in `dir`: MCUboot, the application, and what else is named.
fn sysbuild(dir: &str, domains: &str, others: &[(&str, &str)]) -> Files {
    let files = Files::new(&[
        ("CMakeLists.txt", "find_package(Zephyr)"),
        ("prj.conf", ""),
        (&format!("{dir}/domains.yaml"), domains),
        (
            &format!("{dir}/mcuboot/zephyr/runners.yaml"),
            &runners("0x0", "zephyr.bin"),
        ),
    ]);
    files.image(&format!("{dir}/mcuboot/zephyr/zephyr.bin"), Chip::Esp32S3);
    for (name, place) in [("app", "0x20000")].iter().chain(others) {
        let signed = format!("{dir}/{name}/zephyr/zephyr.signed.bin");
        files.write(&signed, &[0x3D, 0xB8, 0xF3, 0x96, place.as_bytes()[2]]);
        let text = runners(place, "zephyr.signed.bin");
        files.write(
            &format!("{dir}/{name}/zephyr/runners.yaml"),
            text.as_bytes(),
        );
    }
    files
}

const USUAL: &str = "default: app\nbuild_dir: TOP\ndomains:\n  - name: mcuboot\n    build_dir: BELOWmcuboot\n  \
                     - name: app\n    build_dir: BELOWapp\nflash_order:\n  - mcuboot\n  - app\n";

#[test]
fn sysbuild_names_its_domains_in_many_ways() {
    let of = |top: &str, below: &str| USUAL.replace("TOP", top).replace("BELOW", below);
    let ordered = |order: &str| {
        let text = of("@/build", "@/build/");
        text.split_once("flash_order").unwrap().0.to_owned() + order
    };
    for domains in [
        of("@/build", "@/build/"),
        of("/ci/w/build", "/ci/w/build/"),
        of("C:/w/build", "C:/w/build/"),
        of("C:\\w\\build", "C:\\w\\build\\"),
        of(".", ""),
        of("./", "./"),
        of("\"@/build\"", "@/build/"),
        format!("# made by sysbuild\n\n{}", of("@/build # here", "@/build/")),
        ordered(""),
        ordered("flash_order: []\n"),
        ordered("flash_order: [mcuboot, app]\n"),
        ordered("flash_order: # in this order\n- \"mcuboot\" # first\n- 'app'\n"),
        "build_dir: @/build\ndefault: app\ndomains:\n- build_dir: @/build/mcuboot\n  name: mcuboot\n- build_dir: \
         @/build/app\n  name: app\n"
            .to_owned(),
    ] {
        let files = sysbuild("build", &domains, &[]);
        let found = files.found_in("");
        let [target] = found.targets.as_slice() else {
            panic!("{domains}: {found:?}")
        };
        assert_eq!(
            files.regions(target),
            [
                "0x0 bootloader build/mcuboot/zephyr/zephyr.bin",
                "0x20000 firmware build/app/zephyr/zephyr.signed.bin"
            ],
            "{domains}"
        );
        assert_eq!((&*target.remarks, &*found.passed), (&[][..], &[][..]));
    }
}

/// An ESP32-S3 has a second core for programs of its own.
#[test]
fn a_program_for_another_core_has_its_domains_name() {
    let domains = "default: app\nbuild_dir: .\ndomains:\n  - name: remote\n    build_dir: remote\n  - name: mcuboot\n    \
                   build_dir: mcuboot\n  - name: app\n    build_dir: app\nflash_order:\n  - mcuboot\n  - remote\n  \
                   - app\n";
    let files = sysbuild("build", domains, &[("remote", "0x190000")]);
    let found = files.found_in("");
    assert_eq!(
        files.regions(&found.targets[0]),
        [
            "0x0 bootloader build/mcuboot/zephyr/zephyr.bin",
            "0x20000 firmware build/app/zephyr/zephyr.signed.bin",
            "0x190000 remote build/remote/zephyr/zephyr.signed.bin"
        ]
    );
    assert_eq!(found.targets[0].remarks, [""; 0]);
}

#[test]
fn a_build_by_sysbuild_is_one_target_wherever_it_lies_and_what_is_opened() {
    let domains = USUAL.replace("TOP", "/ci/b").replace("BELOW", "/ci/b/");
    for dir in [
        "build",
        "build-dev",
        "build/esp32s3",
        "build/x/app",
        "out/x",
        "a/b/build",
    ] {
        let files = sysbuild(dir, &domains, &[]);
        let expected = [
            format!("0x0 bootloader {dir}/mcuboot/zephyr/zephyr.bin"),
            format!("0x20000 firmware {dir}/app/zephyr/zephyr.signed.bin"),
        ];
        for opened in ["", dir] {
            let found = files.found_in(opened);
            let [target] = found.targets.as_slice() else {
                panic!("{dir} {opened}: {found:?}")
            };
            assert_eq!(files.regions(target), expected, "{dir} {opened}");
            let name = if opened.is_empty() {
                dir
            } else {
                dir.rsplit('/').next().unwrap()
            };
            assert_eq!(target.name, format!("zephyr:{name}"));
            // Where the application is not opened, nothing says how it is built.
            assert_eq!(target.recipe().is_some(), opened.is_empty());
        }
    }
    // Without sysbuild as well.
    let files = Files::new(&[(
        "build/zephyr/runners.yaml",
        &runners("0x20000", "zephyr.bin"),
    )]);
    files.image("build/zephyr/zephyr.bin", Chip::Esp32);
    assert_eq!(names(&files.found_in("build")), ["zephyr:build"]);
}

/// What the version of esp-idf-sys leaves where: before 0.34 nothing lies beside the program.
#[test]
fn esp_idf_sys_has_built_the_boot_loader_and_the_table() {
    const ROWS: &str = "nvs,data,nvs,0x11000,0x6000\nfactory,app,factory,0x20000,1M\n";
    const BUILT: &str = "build/esp-idf-sys-0123456789abcdef/out";
    let std = "[package]\nname = \"fw\"\n[dependencies]\nesp-idf-svc = \"0.51\"\n";
    let bare = std.replace("esp-idf-svc", "esp-hal");
    let workspace = "[workspace]\nmembers = [\"fw\"]\n";
    let own = "[build]\ntarget-dir = \"out\"\n";
    for (triple, chip) in [
        ("xtensa-esp32-espidf", Chip::Esp32),
        ("xtensa-esp32s2-espidf", Chip::Esp32S2),
        ("xtensa-esp32s3-espidf", Chip::Esp32S3),
        // The triple is of several chips, and no setting names one.
        ("riscv32imc-esp-espidf", Chip::Esp32C3),
        ("riscv32imac-esp-espidf", Chip::Esp32C6),
    ] {
        const OF_PIO: [&str; 2] = [
            "esp-idf/.pio/build/release/bootloader.bin",
            "esp-idf/.pio/build/release/partitions.bin",
        ];
        const NATIVE: [&str; 2] = [
            "build/bootloader/bootloader.bin",
            "build/partition_table/partition-table.bin",
        ];
        for (package, manifest, target_dir, place, within, is_beside) in [
            ("Cargo.toml", std, "target", "release/fw", NATIVE, true),
            ("Cargo.toml", std, "target", "release/fw", NATIVE, false),
            ("Cargo.toml", std, "target", "release/fw", OF_PIO, false),
            (
                "Cargo.toml",
                std,
                "target",
                "debug/examples/x",
                NATIVE,
                false,
            ),
            ("Cargo.toml", std, "out", "release/fw", NATIVE, false),
            (
                "fw/Cargo.toml",
                std,
                "target",
                "my-profile/fw",
                NATIVE,
                true,
            ),
            ("Cargo.toml", &*bare, "target", "release/fw", NATIVE, true),
        ] {
            let files = Files::new(&[("Cargo.toml", workspace), (package, manifest)]);
            if target_dir == "out" {
                files.write(".cargo/config.toml", own.as_bytes());
            }
            let place = format!("{target_dir}/{triple}/{place}");
            let machine = if triple.starts_with('x') { 94 } else { 243 };
            files.write(&place, &elf(machine));
            let profile = place.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
            let out = format!("{profile}/{BUILT}");
            for (file, text) in [
                (
                    "CMakeLists.txt",
                    "include($ENV{IDF_PATH}/tools/cmake/project.cmake)\n",
                ),
                ("sdkconfig", "CONFIG_PARTITION_TABLE_OFFSET=0x10000\n"),
                (
                    "build/flasher_args.json",
                    r#"{"flash_files": {"0x20000": "libespidf.bin"}}"#,
                ),
                ("build/project_description.json", "{}"),
            ] {
                files.write(&format!("{out}/{file}"), text.as_bytes());
            }
            let mut expected = within.map(|file| format!("{out}/{file}"));
            files.image(&expected[0], chip);
            files.table(&expected[1], ROWS);
            if is_beside {
                expected =
                    ["bootloader", "partition-table"].map(|it| format!("{profile}/{it}.bin"));
                files.image(&expected[0], chip);
                files.table(&expected[1], ROWS);
            }
            let found = files.found_in("");
            let [target] = found.targets.as_slice() else {
                panic!("{place}: {found:?}")
            };
            let made = made(&files, target);
            if manifest == bare {
                assert_eq!(made, [None, None], "{place}");
                continue;
            }
            assert_eq!(made, expected.map(Some), "{place}");
            assert_eq!(target.chip, Some(chip), "{place}");
            let app = target.firmware().unwrap().offset;
            assert_eq!((target.table_offset, app), (0x1_0000, 0x2_0000), "{place}");
        }
    }
}

/// The boot loader and the table that are not espflash's own.
fn made(files: &Files, target: &Target) -> [Option<String>; 2] {
    let Source::Elf(source) = &target.regions[0].source else {
        panic!("{target:?}")
    };
    [&source.bootloader, &source.partition_table].map(|path| {
        let place = path.as_ref()?.strip_prefix(files.root()).unwrap();
        Some(place.display().to_string().replace('\\', "/"))
    })
}
