//! Zephyr: builds that are not whole.

use fbuild_chip::Chip;

use super::files::{Files, names};
use crate::target::Setting;

const RUNNERS: &str = "flash-runner: esp32\nconfig:\n  bin_file: zephyr.bin\nargs:\n  esp32:\n    - --esp-app-address=0x20000\n";

#[test]
fn a_domain_that_is_not_built_is_told() {
    let domains = "domains:\n  - name: app\n    build_dir: /x/app\n  - name: mcuboot\n    build_dir: /x/mcuboot\n";
    for (built, missing, consequence) in [
        ("app", "mcuboot", "only with the MCUboot that is on it"),
        ("mcuboot", "app", "no application"),
    ] {
        let files = Files::new(&[
            ("build/domains.yaml", domains),
            (&format!("build/{built}/zephyr/runners.yaml"), RUNNERS),
            (&format!("build/{built}/zephyr/zephyr.bin"), ""),
        ]);
        let remarks = files.found_in("").targets[0].remarks.join("\n");
        let expected = format!("domain {missing} is not built and is left out");
        assert!(remarks.starts_with(&expected), "{remarks}");
        assert!(remarks.contains(consequence), "{remarks}");
    }
}

/// Each of them as Python's argparse reads it.
#[test]
fn of_an_option_that_is_repeated_the_last_counts_and_its_value_may_be_the_next_item() {
    for (options, at) in [
        (
            "--esp-app-address=0x10000 --esp-flash-size=4MB --esp-app-address=0x20000 --esp-flash-size=8MB",
            0x2_0000,
        ),
        (
            "--esp-app-address '0x20000' --esp-encrypt --esp-flash-size 8MB",
            0x2_0000,
        ),
        (
            "--esp-flash-size=2MB --esp-app-address=0x20000 --esp-flash-size \"8MB\" --esp-encrypt",
            0x2_0000,
        ),
        (
            "--esp-app-address=0x20000 --esp-flash-size=8MB --esp-app-address= --esp-monitor-baud=9600",
            0x1_0000,
        ),
    ] {
        let list = options.replace(' ', "\n    - ");
        let block = format!("flash-runner: esp32\nargs:\n  esp32:\n    - {list}\n");
        let list = options.replace(' ', ", ");
        let flow = format!("flash-runner: esp32\nargs: {{esp32: [{list}]}}\n");
        for runners in [block, flow] {
            let files = Files::new(&[
                ("build/zephyr/runners.yaml", &*runners),
                ("build/zephyr/zephyr.bin", ""),
            ]);
            let target = &files.found_in("").targets[0];
            assert_eq!(target.regions[0].offset, at, "{runners}");
            let size = Setting::Set("8MB".to_owned());
            assert_eq!(target.flash.size, size, "{runners}");
            let is_encrypted = runners.contains("encrypt");
            assert_eq!(target.flash_encryption, is_encrypted, "{runners}");
            let baud = runners
                .contains("monitor")
                .then_some((9600, "runners.yaml"));
            assert_eq!(target.console.baud, baud, "{runners}");
        }
    }
}

#[test]
fn a_table_without_a_boot_loader_is_left_out_as_west_does() {
    let runners = RUNNERS.replace(
        "    - --esp-app",
        "    - --esp-flash-partition_table=@/build/pt.bin\n    - --esp-app",
    );
    let files = Files::new(&[
        ("build/zephyr/runners.yaml", &runners),
        ("build/zephyr/zephyr.bin", ""),
        ("build/pt.bin", ""),
    ]);
    let target = files.found_in("").targets[0].clone();
    assert_eq!(
        files.regions(&target),
        ["0x20000 firmware build/zephyr/zephyr.bin"]
    );
    assert_eq!(
        target.remarks,
        [files.text(
            "@/build/pt.bin is left out, as west's runner does where runners.yaml names no boot loader"
        )]
    );
}

#[test]
fn another_runner_of_west_is_told_and_without_ones_own_the_build_is_not_taken() {
    let other = RUNNERS.replace("flash-runner: esp32", "flash-runner: openocd");
    let runners = ("build/zephyr/runners.yaml", &*other);
    let files = Files::new(&[runners, ("build/zephyr/zephyr.bin", "")]);
    let target = files.found_in("").targets[0].clone();
    let told = files.text(
        "`west flash` uses the runner openocd of @/build/zephyr/runners.yaml; what is deployed is what it \
         says for esp32",
    );
    assert_eq!(target.remarks, [told]);
    let files = Files::new(&[
        ("build/zephyr/runners.yaml", "flash-runner: openocd\n"),
        ("build/zephyr/.config", "CONFIG_BOARD=\"nucleo\"\n"),
    ]);
    let found = files.found_in("");
    assert!(found.targets.is_empty());
    assert_eq!(found.foreign, ["build is for nucleo"]);
}

#[test]
fn files_that_another_machine_named_are_those_of_this_build() {
    for there in ["C:/w/äpp/build/", "/workdir/app/build/", r"C:\w\äpp\build\"] {
        let file = |name: &str| {
            let slash = if there.contains('\\') { "\\" } else { "/" };
            format!("{there}{}", name.replace('/', slash))
        };
        let runners = RUNNERS
            .replace("zephyr.bin", &file("zephyr/zephyr.bin"))
            .replace(
                "    - --esp-app",
                &format!(
                    "    - --esp-flash-bootloader={}\n    - --esp-app",
                    file("esp-idf/build/bootloader/bootloader.bin")
                ),
            );
        let files = Files::new(&[("my äpp/build/zephyr/runners.yaml", &runners)]);
        let only = || files.regions(&files.found_in("my äpp").targets[0]);
        // Also where it is missing.
        assert!(only().contains(&"0x20000 firmware my äpp/build/zephyr/zephyr.bin".to_owned()));
        files.image("my äpp/build/zephyr/zephyr.bin", Chip::Esp32);
        files.image(
            "my äpp/build/esp-idf/build/bootloader/bootloader.bin",
            Chip::Esp32,
        );
        assert_eq!(
            only(),
            [
                "0x1000 bootloader my äpp/build/esp-idf/build/bootloader/bootloader.bin",
                "0x20000 firmware my äpp/build/zephyr/zephyr.bin"
            ]
        );
    }
}

#[test]
fn a_copied_build_has_its_own_files() {
    let runners = RUNNERS.replace("zephyr.bin", "@/one/build/zephyr/zephyr.bin");
    let cache = "CMAKE_CACHEFILE_DIR:INTERNAL=@/one/build\n";
    let files = Files::new(&[
        ("one/build/zephyr/zephyr.bin", ""),
        ("two/build/zephyr/runners.yaml", &runners),
        ("two/build/zephyr/zephyr.bin", ""),
        ("two/build/CMakeCache.txt", cache),
    ]);
    let target = files.found_in("two").targets[0].clone();
    assert_eq!(
        files.regions(&target),
        ["0x20000 firmware two/build/zephyr/zephyr.bin"]
    );
}

#[test]
fn domains_are_where_they_lie_here_and_those_that_west_leaves_out_are_told() {
    let domains = "default: app\nbuild_dir: C:/w/build\ndomains:\n  - name: app\n    build_dir: C:/w/build/my_app\n  \
                   - name: mcuboot\n    build_dir: C:/w/build/boot/mcu\n  - name: remote\n    build_dir: \
                   C:/w/build/remote\nflash_order:\n  - mcuboot\n  - app\n";
    let files = Files::new(&[
        ("build/domains.yaml", domains),
        ("build/my_app/zephyr/runners.yaml", RUNNERS),
        ("build/my_app/zephyr/zephyr.bin", ""),
        (
            "build/boot/mcu/zephyr/runners.yaml",
            &RUNNERS.replace("0x20000", "0x0"),
        ),
        ("build/boot/mcu/zephyr/zephyr.bin", ""),
        ("build/remote/zephyr/runners.yaml", RUNNERS),
    ]);
    let found = files.found_in("");
    assert_eq!(
        files.regions(&found.targets[0]),
        [
            "0x0 bootloader build/boot/mcu/zephyr/zephyr.bin",
            "0x20000 firmware build/my_app/zephyr/zephyr.bin"
        ]
    );
    assert!(found.passed[0].why.contains("flash_order"), "{found:?}");
    // In one line, which a person may write.
    let domains = domains.replace(
        "flash_order:\n  - mcuboot\n  - app\n",
        "flash_order: [ \"app\" ]\n",
    );
    files.write("build/domains.yaml", domains.as_bytes());
    let found = files.found_in("");
    assert_eq!(
        files.regions(&found.targets[0]),
        ["0x20000 firmware build/my_app/zephyr/zephyr.bin"]
    );
}

#[test]
fn what_runs_on_another_core_is_no_application() {
    let domains = "default: app\nbuild_dir: /x\ndomains:\n  - name: app\n    build_dir: /x/app\n  - name: remote\n    \
                   build_dir: /x/remote\n";
    let files = Files::new(&[
        ("build/domains.yaml", domains),
        ("build/remote/zephyr/runners.yaml", RUNNERS),
    ]);
    files.image("build/remote/zephyr/zephyr.bin", Chip::Esp32S3);
    let remarks = files.found_in("").targets[0].remarks.join("\n");
    assert!(remarks.contains("has no application"), "{remarks}");
}

#[test]
fn a_file_that_another_tool_calls_domains_hides_nothing() {
    let files = Files::new(&[
        ("domains.yaml", "domains:\n- name: example.org\n  ttl: 3\n"),
        ("fw/zones/domains.yaml", "zones:\n- name: example.org\n"),
        ("fw/zones/app/build/zephyr/runners.yaml", RUNNERS),
        ("fw/zones/app/build/zephyr/zephyr.bin", ""),
        ("fw/zones/app/prj.conf", ""),
    ]);
    let found = files.found_in("");
    assert_eq!(names(&found), ["zephyr:fw/zones/app/build"], "{found:?}");
    assert_eq!(found.passed, []);
}

#[test]
fn a_project_may_be_called_like_a_part_of_cargos_build() {
    let files = Files::new(&[
        ("esp-idf-sys-demo/build/zephyr/runners.yaml", RUNNERS),
        ("esp-idf-sys-demo/build/zephyr/zephyr.bin", ""),
        ("esp-idf-sys-demo/prj.conf", ""),
    ]);
    assert_eq!(
        names(&files.found_in("")),
        ["zephyr:esp-idf-sys-demo/build"]
    );
}

#[test]
fn the_sources_of_zephyr_are_no_projects() {
    let files = Files::new(&[
        ("zephyr/scripts/west_commands/build.py", ""),
        ("zephyr/samples/x/prj.conf", ""),
        ("zephyr/samples/x/CMakeLists.txt", "find_package(Zephyr)\n"),
        ("app/build/zephyr/runners.yaml", RUNNERS),
        ("app/build/zephyr/zephyr.bin", ""),
        ("app/prj.conf", ""),
    ]);
    let found = files.found_in("");
    assert_eq!(names(&found), ["zephyr:app/build"]);
    assert_eq!(found.passed, []);
}

#[test]
fn domains_in_flow_style_are_read_over_several_lines() {
    for domains in [
        "default: app\ndomains: [ # all\n  {\n    name: app, build_dir: /x/app },\n  { name: mcuboot,\n    \
         build_dir: /x/mcuboot }\n]\nflash_order: [\n  mcuboot,\n  app,\n]\n",
        "{\"default\": \"app\",\n \"build_dir\": \"/x\",\n \"domains\": [{\"name\": \"app\", \"build_dir\": \
         \"/x/app\"},\n {\"name\": \"mcuboot\", \"build_dir\": \"/x/mcuboot\"}],\n \"flash_order\": [\"mcuboot\", \
         \"app\"]}\n",
    ] {
        let files = Files::new(&[("build/domains.yaml", domains)]);
        for (domain, address) in [("app", "0x20000"), ("mcuboot", "0x0")] {
            let runners = RUNNERS.replace("0x20000", address);
            files.write(
                &format!("build/{domain}/zephyr/runners.yaml"),
                runners.as_bytes(),
            );
            files.write(&format!("build/{domain}/zephyr/zephyr.bin"), b"x");
        }
        let found = files.found_in("");
        assert_eq!(names(&found), ["zephyr:build"], "{domains}");
        assert_eq!(
            files.regions(&found.targets[0]),
            [
                "0x0 bootloader build/mcuboot/zephyr/zephyr.bin",
                "0x20000 firmware build/app/zephyr/zephyr.bin"
            ],
            "{domains}"
        );
    }
}
