//! Arduino: which of a sketch's builds is meant, and what lies beside the sketch.

use std::time::{Duration, SystemTime};

use fbuild_chip::Chip;

use super::arduino::{BUILD, export};
use super::files::{Files, names};

const C3: &str = "build/esp32.esp32.esp32c3";

#[test]
fn the_board_that_the_sketch_asks_for_chooses_among_builds() {
    let other = "build/esp32.esp32.lolin_s3";
    for (file, text, expected) in [
        (
            "sketch.yaml",
            "default_fqbn: esp32:esp32:esp32s3:PSRAM=opi\n",
            Ok(BUILD),
        ),
        (
            "sketch.yaml",
            "profiles:\n  a:\n    fqbn: esp32:esp32:lolin_s3\ndefault_profile: a\n",
            Ok(other),
        ),
        (
            ".vscode/arduino.json",
            r#"{"board": "esp32:esp32:esp32s3"}"#,
            Ok(BUILD),
        ),
        (
            "sketch.yaml",
            "default_fqbn: esp32:esp32:esp32c6\n",
            Err("arduino:esp32.esp32.esp32c6 is the default and is not built"),
        ),
    ] {
        let files = Files::new(&[("blink/blink.ino", ""), (&format!("blink/{file}"), text)]);
        // Whichever was built last.
        for (newer, older) in [(BUILD, other), (other, BUILD)] {
            for (dir, age_secs) in [(newer, 100), (older, 200)] {
                export(&files, &format!("blink/{dir}"));
                let path = files.root().join("blink").join(dir).join("blink.ino.bin");
                let file = std::fs::File::options().write(true).open(path).unwrap();
                file.set_modified(SystemTime::now() - Duration::from_secs(age_secs))
                    .unwrap();
            }
            let found = files.found_in("blink");
            match (found.default_target(), expected) {
                (Ok(target), Ok(dir)) => assert_eq!(
                    target.found_in.parent().unwrap(),
                    files.root().join("blink").join(dir),
                    "{text}"
                ),
                (Err(problem), Err(expected)) => {
                    assert!(problem.to_string().starts_with(expected), "{problem}");
                }
                other => panic!("{text}: {other:?}"),
            }
        }
    }
}

#[test]
fn a_target_knows_those_of_its_sketch_for_other_chips() {
    let files = Files::new(&[("blink.ino", "")]);
    export(&files, BUILD);
    files.image(&format!("{C3}/blink.ino.bin"), Chip::Esp32C3);
    let known = |found: &crate::discover::Discovery, name: &str| {
        found.target(name).unwrap().for_others.clone()
    };
    let found = files.found_in("");
    assert_eq!(
        known(&found, "esp32.esp32.esp32s3"),
        [(Chip::Esp32C3, "arduino:esp32.esp32.esp32c3".to_owned())]
    );
    assert_eq!(
        known(&found, "esp32.esp32.esp32c3"),
        [(Chip::Esp32S3, "arduino:esp32.esp32.esp32s3".to_owned())]
    );
}

#[test]
fn a_build_may_lie_beside_its_sketch() {
    let files = Files::new(&[
        ("blink/blink.ino", ""),
        ("blink/sketch.yaml", "default_fqbn: esp32:esp32:esp32s3\n"),
    ]);
    export(&files, "blink");
    let found = files.found_in("blink");
    assert_eq!(names(&found), ["arduino:blink"]);
    let target = found.default_target().unwrap();
    assert_eq!(
        target.build,
        [
            "compile",
            "--fqbn",
            "esp32:esp32:esp32s3",
            "--output-dir",
            "."
        ]
    );
    assert_eq!(
        files.regions(target)[3],
        "0x10000 firmware blink/blink.ino.bin"
    );
    assert!(
        found.unbuilt.is_empty() && found.passed.is_empty(),
        "{found:?}"
    );
}

#[test]
fn an_erase_that_the_options_ask_for_is_told() {
    for (said, count) in [("all", 1), ("none", 0)] {
        let files = Files::new(&[("blink.ino", "")]);
        export(&files, BUILD);
        let options = format!(r#"{{"fqbn": "esp32:esp32:esp32s3:EraseFlash={said}"}}"#);
        files.write(&format!("{BUILD}/build.options.json"), options.as_bytes());
        let remarks = files.found_in("").targets[0].remarks.clone();
        assert_eq!(remarks.len(), count, "{remarks:?}");
    }
}

#[test]
fn an_image_of_the_whole_flash_alone_is_told_as_that() {
    let files = Files::new(&[("blink/blink.ino", "")]);
    files.write(&format!("blink/{BUILD}/blink.ino.merged.bin"), b"");
    let found = files.found_in("blink");
    let told = found.default_target().unwrap_err().to_string();
    assert!(told.ends_with("blink.ino.merged.bin is an image of the whole flash, and what it was made of is not beside it"), "{told}");
}
