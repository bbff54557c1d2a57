//! Arduino: what the build says itself, and where it is.

use fbuild_chip::Chip;

use std::time::{Duration, SystemTime};

use super::files::{Files, names};
use crate::target::Target;

const ROWS: &str = "nvs,data,nvs,0x9000,0x10000\notadata,data,ota,0x19000,0x2000\n\
                    app0,app,ota_0,0x20000,1M\n";
pub(super) const BUILD: &str = "build/esp32.esp32.esp32s3";

pub(super) fn export(files: &Files, dir: &str) {
    files.image(&format!("{dir}/blink.ino.bin"), Chip::Esp32S3);
    files.image(&format!("{dir}/blink.ino.bootloader.bin"), Chip::Esp32S3);
    files.table(&format!("{dir}/blink.ino.partitions.bin"), ROWS);
    files.write(&format!("{dir}/boot_app0.bin"), b"");
}

#[test]
fn the_builds_own_list_decides_where_images_go() {
    let files = Files::new(&[
        ("blink.ino", ""),
        (
            &format!("{BUILD}/flash_args"),
            "--flash-mode dio --flash-freq 80m --flash-size 4MB\n0x0 blink.ino.bootloader.bin\n\
             0x8000 blink.ino.partitions.bin\n0x19000 boot_app0.bin\n0x20000 blink.ino.bin\n",
        ),
    ]);
    export(&files, BUILD);
    let found = files.found_in("");
    let regions = files.regions(&found.targets[0]);
    assert_eq!(
        regions[2..],
        [
            format!("0x19000 otadata {BUILD}/boot_app0.bin"),
            format!("0x20000 firmware {BUILD}/blink.ino.bin")
        ]
    );
}

#[test]
fn speech_models_without_a_partition_are_told() {
    let files = Files::new(&[("blink.ino", "")]);
    export(&files, BUILD);
    files.write(&format!("{BUILD}/srmodels.bin"), b"x");
    let found = files.found_in("");
    assert_eq!(
        found.passed[0].place,
        files.root().join(BUILD).join("srmodels.bin")
    );
}

#[cfg(unix)]
#[test]
fn a_sketch_behind_a_link_has_its_build_in_the_cache() {
    use md5::{Digest, Md5};

    let files = Files::new(&[("real/blink/blink.ino", "")]);
    let sketch = files.root().join("real/blink").canonicalize().unwrap();
    let digest = Md5::digest(sketch.to_str().unwrap().as_bytes());
    let name = format!("{:032X}", u128::from_be_bytes(digest.into()));
    let cache = format!("cache/sketches/{name}");
    export(&files, &cache);
    files.write(
        &format!("{cache}/build.options.json"),
        br#"{"fqbn": "esp32:esp32:esp32s3"}"#,
    );
    std::os::unix::fs::symlink(&sketch, files.root().join("link")).unwrap();
    let cache = files.text("@/cache");
    let variables = [("ARDUINO_BUILD_CACHE_PATH".to_owned(), cache)];
    let environment = crate::discover::Environment::from_pairs(variables);
    let found = crate::discover::discover(&files.root().join("link"), &environment);
    assert_eq!(names(&found), ["arduino:esp32.esp32.esp32s3/cache"]);
}

#[test]
fn a_sketch_names_its_port() {
    for (text, expected) in [
        (
            "default_port: /dev/ttyACM7   # the board on the left\ndefault_protocol: serial\n",
            Some("/dev/ttyACM7"),
        ),
        (
            "default_port: 192.168.1.40\ndefault_protocol: network\n",
            None,
        ),
        (
            "profiles:\n  one:\n    fqbn: esp32:esp32:esp32s3\n    port: COM4\n",
            Some("COM4"),
        ),
    ] {
        let files = Files::new(&[("blink.ino", ""), ("sketch.yaml", text)]);
        export(&files, BUILD);
        assert_eq!(
            files.found_in("").targets[0].port.as_deref(),
            expected,
            "{text}"
        );
    }
}

const HEX: &str = ":00000001FF\n";

/// A sketch `k/n.ino` with these files beside it, and what is found in it.
fn only(files: &[(&str, &str)]) -> (Files, Target) {
    let made = Files::new(&[("k/n/n.ino", "")]);
    for (name, text) in files {
        made.write(&format!("k/n/{name}"), made.text(text).as_bytes());
    }
    let found = made.found_in("k/n");
    let [target] = found.targets.as_slice() else {
        panic!("{found:?}")
    };
    (made, target.clone())
}

#[test]
fn the_opened_sketch_has_its_own_program_however_old_it_is() {
    for (end, dir) in [("bin", "esp32.esp32.esp32"), ("hex", "arduino.avr.uno")] {
        let files = Files::new(&[("x1/x1.ino", "")]);
        let place = |name: &str| format!("x1/build/{dir}/{name}.ino.{end}");
        for name in ["x1", "Other"] {
            files.image(&place(name), Chip::Esp32);
        }
        let old = std::fs::File::options()
            .write(true)
            .open(files.root().join(place("x1")))
            .unwrap();
        old.set_modified(SystemTime::now() - Duration::from_mins(1))
            .unwrap();
        let found = files.found_in("x1");
        let [target] = found.targets.as_slice() else {
            panic!("{found:?}")
        };
        let program = target.firmware().unwrap().source.path();
        assert_eq!(program, files.root().join(place("x1")));
        assert!(target.remarks[0].contains("it is the program of Other.ino"));
        assert_eq!(found.passed[0].place, files.root().join(place("Other")));
    }
}

#[test]
fn a_program_of_a_sketch_that_is_not_there_is_told() {
    let files = Files::new(&[("new/new.ino", "")]);
    files.image("new/build/esp32.esp32.esp32/old.ino.bin", Chip::Esp32);
    let remarks = files.found_in("new").targets[0].remarks.join("\n");
    assert!(
        remarks.contains("is the program of old.ino, which is not in"),
        "{remarks}"
    );
}

#[test]
fn sketches_that_share_an_output_directory_have_a_target_each() {
    let of_code = r#"{"board": "esp32:esp32:esp32", "output": "../out"}"#;
    for settings in [
        vec![],
        vec![
            ("a/.vscode/arduino.json", of_code),
            ("b/.vscode/arduino.json", of_code),
        ],
    ] {
        let files = Files::new(&[("a/a.ino", ""), ("b/b.ino", "")]);
        for (name, text) in &settings {
            files.write(name, text.as_bytes());
        }
        for name in ["a", "b"] {
            files.image(&format!("out/{name}.ino.bin"), Chip::Esp32);
        }
        let found = files.found_in("");
        let roots: Vec<_> = found.targets.iter().map(|target| &target.root).collect();
        assert_eq!(roots, [&files.root().join("a"), &files.root().join("b")]);
        let expected = if settings.is_empty() {
            ["arduino:out/a", "arduino:out/b"]
        } else {
            ["arduino:a/out", "arduino:b/out"]
        };
        assert_eq!(names(&found), expected);
        assert_eq!(found.passed, []);
    }
    // For AVR, too, where no file names the directory.
    let files = Files::new(&[
        ("a/a.ino", ""),
        ("a/sketch.yaml", "default_fqbn: arduino:avr:mega\n"),
        ("out/a.ino.hex", HEX),
    ]);
    let target = files.found_in("").targets[0].clone();
    assert_eq!(target.avr.unwrap().part.name, "atmega2560");
}

#[test]
fn what_the_sketch_asks_for_reaches_an_export() {
    let nano = ("build/arduino.avr.nano/n.ino.hex", HEX);
    let (_, target) = only(&[
        (
            "sketch.yaml",
            "default_fqbn: arduino:avr:nano:cpu=atmega328old\n",
        ),
        nano,
    ]);
    assert_eq!(target.baud, Some(57_600));
    let line = target.build_command();
    assert!(line.contains("arduino:avr:nano:cpu=atmega328old"), "{line}");

    let of_code =
        r#"{"board": "arduino:avr:nano", "configuration": "cpu=atmega168", "port": "COM7"}"#;
    let (_, target) = only(&[(".vscode/arduino.json", of_code), nano]);
    assert_eq!(target.avr.unwrap().part.name, "atmega168");
    assert_eq!(target.port.as_deref(), Some("COM7"));

    let profiles = "\u{feff}profiles:\n  a:\n    fqbn: arduino:avr:uno\n  b:\n    fqbn: \
                    arduino:avr:nano:cpu=atmega168\n    port_config:\n      baudrate: 9600\ndefault_profile: a\n";
    let (_, target) = only(&[("sketch.yaml", profiles), nano]);
    assert_eq!(target.baud, Some(19_200));
    assert!(target.build_command().contains("--profile b"));

    let (_, target) = only(&[
        (
            "sketch.yaml",
            "default_fqbn: esp32:esp32:esp32:FlashSize=16M,UploadSpeed=512000.unix\n\
             default_port_config:\n  baudrate: 57600\n",
        ),
        ("out/my.own.place/n.ino.bin", "\u{0}"),
    ]);
    assert_eq!(target.baud, Some(512_000));
    assert_eq!(target.console.baud, Some((57_600, "sketch.yaml")));
}

#[test]
fn what_the_sketch_asks_for_and_the_build_was_not_made_with_is_told() {
    let nano = ("build/arduino.avr.nano/n.ino.hex", HEX);
    let (_, target) = only(&[
        (
            "sketch.yaml",
            "default_fqbn: arduino:avr:nano:cpu=atmega328\n",
        ),
        (
            "build/arduino.avr.nano/build.options.json",
            r#"{"fqbn": "arduino:avr:nano:cpu=atmega168"}"#,
        ),
        nano,
    ]);
    assert_eq!(target.baud, Some(19_200));
    assert_eq!(
        target.remarks,
        [
            "sketch.yaml asks for cpu=atmega328, and this was built for arduino:avr:nano:cpu=atmega168"
        ]
    );
    let (_, target) = only(&[
        (
            "sketch.yaml",
            "profiles:\n  a:\n    fqbn: arduino:avr:nano\n  b:\n    fqbn: arduino:avr:nano:cpu=atmega168\n",
        ),
        nano,
    ]);
    assert!(target.remarks[0].contains("several entries for this board"));
    let files = Files::new(&[
        ("n/n.ino", ""),
        (
            "n/sketch.yaml",
            "default_fqbn: esp32:esp32:esp32:FlashSize=16M\n",
        ),
    ]);
    for name in ["n.ino.bin", "n.ino.bootloader.bin"] {
        files.image(&format!("n/build/esp32.esp32.esp32/{name}"), Chip::Esp32);
    }
    let remarks = files.found_in("n").targets[0].remarks.join("\n");
    assert!(
        remarks.contains("FlashSize=16M") && remarks.ends_with("was built for 1MB"),
        "{remarks}"
    );
}

#[test]
fn a_board_in_the_network_is_told_with_its_port() {
    let (_, target) = only(&[
        (
            "sketch.yaml",
            "default_port: 192.168.1.40\ndefault_protocol: network\n",
        ),
        ("build/esp32.esp32.esp32/n.ino.bin", ""),
    ]);
    assert_eq!(target.port, None);
    assert!(target.remarks[0].ends_with("goes to the port espota://192.168.1.40"));
}

#[test]
fn a_build_whose_board_nothing_names_says_that_one_is_needed() {
    let files = Files::new(&[("n/n.ino", "")]);
    files.image("n/out/n.ino.bin", Chip::Esp32);
    let line = files.found_in("n").targets[0].build_command();
    assert_eq!(
        line,
        "arduino-cli compile --fqbn esp32:esp32:BOARD --output-dir out"
    );
}

#[test]
fn a_sketch_with_its_program_beside_it_stays_a_project() {
    for end in ["hex", "bin"] {
        let files = Files::new(&[
            ("t/blink/blink.ino", ""),
            ("t/blink/sketch.yaml", "default_fqbn: arduino:avr:uno\n"),
            (&format!("t/blink/blink.ino.{end}"), HEX),
        ]);
        let found = files.found_in("t");
        if end == "hex" {
            assert_eq!(names(&found), ["arduino:blink/blink"]);
        } else {
            assert_eq!(found.unbuilt[0].name, "arduino:blink/arduino.avr.uno");
        }
    }
}

#[test]
fn the_last_build_for_another_chip_says_nothing_of_an_image() {
    use md5::{Digest, Md5};

    for fqbn in ["esp8266:esp8266:d1_mini", "esp32:esp32:esp32s3"] {
        let files = Files::new(&[("n/n.ino", "")]);
        files.image("n/build/n.ino.bin", Chip::Esp32);
        let sketch = files.root().join("n");
        let digest = Md5::digest(sketch.to_str().unwrap().as_bytes());
        let name = format!("{:032X}", u128::from_be_bytes(digest.into()));
        files.write(
            &format!("cache/sketches/{name}/build.options.json"),
            format!(r#"{{"fqbn": "{fqbn}"}}"#).as_bytes(),
        );
        let cache = ("ARDUINO_BUILD_CACHE_PATH".to_owned(), files.text("@/cache"));
        let environment = crate::discover::Environment::from_pairs([cache]);
        let found = crate::discover::discover(&sketch, &environment);
        let line = found.targets[0].build_command();
        assert!(line.contains("--fqbn esp32:esp32:BOARD"), "{line}");
    }
}

#[test]
fn the_program_of_a_sketch_below_is_that_sketchs() {
    let files = Files::new(&[("A/A.ino", ""), ("A/tests/B/B.ino", "")]);
    files.image("A/out/B.ino.bin", Chip::Esp32);
    let target = files.found_in("A").targets[0].clone();
    assert_eq!(target.root, files.root().join("A/tests/B"));
    assert_eq!(target.remarks, [""; 0]);
}

/// What a sketch asks for now and what it was exported with.
#[test]
fn a_table_of_another_scheme_than_the_sketch_asks_for_is_told() {
    const HUGE: &str = "nvs,data,nvs,0x9000,0x5000\notadata,data,ota,0xe000,0x2000\n\
                        app0,app,ota_0,0x10000,0x300000\n";
    const TWO: &str = "nvs,data,nvs,0x9000,0x5000\notadata,data,ota,0xe000,0x2000\n\
                       app0,app,ota_0,0x10000,0x140000\napp1,app,ota_1,0x150000,0x140000\n";
    const FACTORY: &str = "nvs,data,nvs,0x9000,0x5000\notadata,data,ota,0xe000,0x2000\n\
                           app0,app,ota_0,0x10000,0x300000\napp1,app,ota_1,0x310000,0x300000\n\
                           factory,app,factory,0xF70000,0x80000\n";
    for (asked, rows, expected) in [
        ("huge_app", HUGE, None),
        (
            "huge_app",
            TWO,
            Some("which has 1 app of 3072 KiB, and @ was built with another: 2 apps of 1280 KiB"),
        ),
        // Which table that is depends on the board, and some have a factory app beside the slots.
        ("default", HUGE, None),
        ("default", FACTORY, None),
        ("app3M_fat9M_16MB", FACTORY, None),
        (
            "min_spiffs",
            TWO,
            Some("which has 2 apps of 1920 KiB, and @ was built with another: 2 apps of 1280 KiB"),
        ),
        ("mine", TWO, None),
        ("custom", HUGE, None),
    ] {
        let fqbn = format!("esp32:esp32:esp32s3:PartitionScheme={asked}");
        let of_yaml = format!("default_fqbn: {fqbn}\n");
        let of_profile = format!("profiles:\n  p:\n    fqbn: {fqbn}\ndefault_profile: p\n");
        let of_code = format!(
            "{{\"board\": \"esp32:esp32:esp32s3\", \"configuration\": \"PSRAM=opi,PartitionScheme={asked}\"}}"
        );
        for (name, text) in [
            ("sketch.yaml", of_yaml),
            ("sketch.yaml", of_profile),
            (".vscode/arduino.json", of_code),
        ] {
            let files = Files::new(&[("blink.ino", ""), (name, &text)]);
            export(&files, BUILD);
            let table = format!("{BUILD}/blink.ino.partitions.bin");
            files.table(&table, rows);
            let remarks = |files: &Files| -> Vec<String> {
                let found = files.found_in("");
                let all = found.targets[0].remarks.iter();
                all.filter(|it| it.contains("PartitionScheme"))
                    .cloned()
                    .collect()
            };
            let path = files.root().join(&table).display().to_string();
            let told = expected.map(|what| {
                let what = what.replace('@', &path);
                format!(
                    "the board's options say PartitionScheme={asked}, {what}; compiling the sketch makes it anew"
                )
            });
            assert_eq!(remarks(&files), Vec::from_iter(told), "{asked}, {name}");
            // The sketch's own table wins over the menu's.
            files.write("partitions.csv", rows.as_bytes());
            assert_eq!(remarks(&files), [""; 0], "{asked}, {name}");
        }
    }
}
