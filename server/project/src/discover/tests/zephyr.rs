//! Zephyr: builds that are not whole.

use super::files::Files;

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
