//! Boards whose boot loader is on USB: which projects and builds are for one.

use super::files::{Files, names};
use crate::target::Target;

fn only(files: &Files) -> Target {
    let found = files.found_in("");
    let [target] = found.targets.as_slice() else {
        panic!("{found:?}")
    };
    target.clone()
}

fn board(target: &Target) -> String {
    target
        .usb
        .map(|board| board.to_string())
        .unwrap_or_default()
}

#[test]
fn environments_of_platformio() {
    const FORK: &str = "https://github.com/maxgerhardt/platform-raspberrypi.git";
    for (platform, name, more, file, expected) in [
        ("teensy", "teensy41", "", "hex", "Teensy 4.1"),
        ("platformio/teensy@5.2", "teensylc", "", "hex", "Teensy LC"),
        ("raspberrypi", "pico", "", "uf2", "RP2040 or RP2350"),
        (
            FORK,
            "rpipico2",
            "board_build.mcu = rp2350\n",
            "uf2",
            "RP2350",
        ),
    ] {
        let ini = format!("[env:it]\nplatform = {platform}\nboard = {name}\n{more}");
        let files = Files::new(&[("platformio.ini", &ini)]);
        let found = files.found_in("");
        let looked_for = format!(".pio/build/it/firmware.{file}");
        assert!(
            found.unbuilt[0].looked_for.ends_with(&looked_for),
            "{found:?}"
        );
        let files = Files::new(&[("platformio.ini", &ini), (&looked_for, "x")]);
        let target = only(&files);
        assert_eq!(target.name, "platformio:it");
        assert_eq!(board(&target), expected);
        assert!(target.regions[0].source.path().ends_with(&looked_for));
        assert_eq!((target.chip, target.remarks.len()), (None, 0));
    }
    let ini = "[env:it]\nplatform = teensy\nboard = teensy99\n";
    let files = Files::new(&[("platformio.ini", ini), (".pio/build/it/firmware.hex", "x")]);
    assert_eq!(files.found_in("").foreign, ["env:it is for teensy"]);
}

#[test]
fn another_way_to_upload_is_told() {
    const LOADER: &str = "a deploy writes by the board's own boot loader, on USB";
    let ini = "[env:it]\nplatform = teensy\nboard = teensy41\nupload_protocol = jlink\nupload_command = burn\n";
    let files = Files::new(&[("platformio.ini", ini), (".pio/build/it/firmware.hex", "x")]);
    let expected = [
        "upload_protocol jlink is not used",
        "upload_command is not run",
    ];
    assert_eq!(
        only(&files).remarks,
        expected.map(|what| format!("{what}: {LOADER}"))
    );
}

#[test]
fn exports_of_arduino_and_builds_of_fbuild() {
    let files = Files::new(&[
        ("blink.ino", ""),
        ("build/teensy.avr.teensy40/blink.ino.hex", "x"),
        ("build/rp2040.rp2040.rpipico/blink.ino.bin", "x"),
        ("build/rp2040.rp2040.rpipico/blink.ino.uf2", "x"),
    ]);
    let found = files.found_in("");
    let expected = [
        "arduino:rp2040.rp2040.rpipico",
        "arduino:teensy.avr.teensy40",
    ];
    let mut found_names = names(&found);
    found_names.sort_unstable();
    assert_eq!(found_names, expected);
    let files = Files::new(&[
        (
            "platformio.ini",
            "[env:t]\nplatform = teensy\nboard = teensy36\n",
        ),
        (".fbuild/build/t/release/firmware.hex", "x"),
    ]);
    let target = only(&files);
    assert_eq!(
        (&*target.name, &*board(&target)),
        ("fbuild:t/release", "Teensy 3.6")
    );
}

/// What CMake and pico-sdk leave of a project with one program, and with several.
#[test]
fn builds_of_pico_sdk() {
    const LIST: &str =
        "include(pico_sdk_import.cmake)\nproject(blink C CXX ASM)\npico_sdk_init()\n";
    let cache = |platform: &str| {
        format!(
            "# This is the CMakeCache file.\n//Path to the Raspberry Pi Pico SDK\nPICO_SDK_PATH:PATH=/home/me/pico-sdk\n\
             PICO_BOARD:STRING=x\n{platform}"
        )
    };
    let lay_out = |dir: &str, platform: &str, programs: &[&str]| {
        let files = Files::new(&[
            ("CMakeLists.txt", LIST),
            ("pico_sdk_import.cmake", ""),
            ("blink.c", ""),
            (&format!("{dir}/CMakeCache.txt"), &cache(platform)),
            (&format!("{dir}/pico-sdk/src/rp2_common/x.uf2"), ""),
            (&format!("{dir}/_deps/picotool/x.uf2"), ""),
            (&format!("{dir}/_deps/picotool/x.elf"), ""),
        ]);
        for program in programs {
            files.write(&format!("{dir}/{program}.uf2"), b"x");
            files.write(&format!("{dir}/{program}.elf"), b"x");
        }
        // A copy of somebody's.
        files.write(&format!("{dir}/release-1.uf2"), b"x");
        files
    };
    for (platform, expected) in [
        ("PICO_PLATFORM:STRING=rp2040\n", "RP2040"),
        ("PICO_PLATFORM:STRING=rp2350-arm-s\n", "RP2350"),
        ("PICO_PLATFORM:STRING=rp2350-riscv\n", "RP2350"),
        ("PICO_PLATFORM:STRING=\n", "RP2040 or RP2350"),
        ("", "RP2040 or RP2350"),
    ] {
        for dir in ["build", "build-debug", "out/pico"] {
            let files = lay_out(dir, platform, &["blink"]);
            let target = only(&files);
            assert_eq!(target.name, format!("picosdk:{dir}"));
            assert_eq!(board(&target), expected);
            assert_eq!(target.build_command(), format!("cmake --build {dir}"));
            let program = format!("0x0 firmware {dir}/blink.uf2");
            assert_eq!(files.regions(&target), [program]);
            assert!(target.inputs.contains(&files.root().join("blink.c")));
        }
    }
    let several = lay_out("build", "", &["hello/hello", "fw/blink/blink"]);
    assert_eq!(
        names(&several.found_in("")),
        ["picosdk:build/blink", "picosdk:build/hello"]
    );
    let host = lay_out("build", "PICO_PLATFORM:STRING=host\n", &["blink"]);
    assert_eq!(host.found_in("").foreign, ["picosdk:build is for host"]);
    let unbuilt = lay_out("build", "", &[]).found_in("");
    assert_eq!(unbuilt.unbuilt[0].build_hint, "cmake --build build");
    // Without a build directory, and one that is CMake's alone.
    for more in [
        ("README", ""),
        ("build/CMakeCache.txt", "CMAKE_BUILD_TYPE:STRING=\n"),
    ] {
        let files = Files::new(&[
            ("CMakeLists.txt", LIST),
            ("pico_sdk_import.cmake", ""),
            more,
        ]);
        let why = files.found_in("").default_target().unwrap_err().to_string();
        assert!(why.contains("it has no build directory"), "{why}");
    }
}

/// What cargo leaves, by the crates that a package depends on or by what runs its programs.
#[test]
fn programs_of_cargo() {
    let elf = |machine: u8| {
        let mut bytes = vec![0; 52];
        bytes[..6].copy_from_slice(b"\x7fELF\x01\x01");
        (bytes[16], bytes[18]) = (2, machine);
        bytes
    };
    let package = |dependency: &str| {
        format!("[package]\nname = \"blink\"\n[dependencies]\n{dependency} = \"1\"\n")
    };
    let runner = |words: &str| format!("[target.'cfg(all())']\nrunner = {words}\n");
    for (dependency, config, triple, machine, expected) in [
        ("rp-pico", String::new(), "thumbv6m-none-eabi", 40, "RP2040"),
        (
            "embassy-rp",
            String::new(),
            "thumbv8m.main-none-eabihf",
            40,
            "RP2350",
        ),
        (
            "rp235x-hal",
            String::new(),
            "riscv32imac-unknown-none-elf",
            243,
            "RP2350",
        ),
        (
            "mine",
            runner("\"elf2uf2-rs -d\""),
            "thumbv6m-none-eabi",
            40,
            "RP2040",
        ),
        (
            "mine",
            runner("[\"picotool\", \"load\", \"-u\", \"-v\", \"-x\", \"-t\", \"elf\"]"),
            "thumbv8m.main-none-eabihf",
            40,
            "RP2350",
        ),
        (
            "mine",
            runner("\"probe-rs run --chip RP2040\""),
            "thumbv6m-none-eabi",
            40,
            "RP2040",
        ),
        ("nrf-hal", String::new(), "thumbv6m-none-eabi", 40, ""),
    ] {
        let files = Files::new(&[
            ("Cargo.toml", &package(dependency)),
            (".cargo/config.toml", &config),
        ]);
        let program = format!("target/{triple}/release/blink");
        let found = files.found_in("");
        assert_eq!(
            found.unbuilt.len(),
            usize::from(!expected.is_empty()),
            "{dependency}"
        );
        files.write(&program, &elf(machine));
        files.write(&format!("target/{triple}/release/libblink.rlib"), b"");
        if expected.is_empty() {
            let found = files.found_in("");
            assert_eq!(found.foreign, ["cargo:blink is for thumbv6m-none-eabi"]);
            continue;
        }
        let target = only(&files);
        assert_eq!(
            (target.name.as_str(), board(&target).as_str()),
            ("cargo:blink/release", expected)
        );
        assert_eq!(files.regions(&target), [format!("0x0 firmware {program}")]);
        assert_eq!(
            target.build_command(),
            format!("cargo build --release --target {triple}")
        );
    }
}
