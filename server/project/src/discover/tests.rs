//! Choosing among targets. What is found where is tested over whole workspaces in `tests/`.

mod arduino;
mod avr;
mod cargo;
mod espidf;
mod files;
mod layouts;
mod loose;
mod named;
mod never_built;
mod platformio;
mod platformio_idf;
mod platforms;
mod sets;
mod sketches;
mod usb;
mod zephyr;

use std::time::{Duration, SystemTime};

use super::*;

/// A workspace with fbuild outputs of these names, each an hour older than the next.
fn workspace(places: &[&str]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let now = SystemTime::now();
    for (age, place) in places.iter().rev().enumerate() {
        let path = dir.path().join(place).join("firmware.bin");
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, [0xE9; 24]).unwrap();
        let hours = Duration::from_secs(3600 * u64::try_from(age).unwrap());
        std::fs::File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_modified(now - hours)
            .unwrap();
    }
    dir
}

fn found(dir: &tempfile::TempDir) -> Discovery {
    discover(dir.path(), &Environment::default())
}

#[test]
fn the_newest_build_is_the_default() {
    let dir = workspace(&[".fbuild/build/b/release", ".fbuild/build/a/quick"]);
    let found = found(&dir);
    assert_eq!(found.default_target().unwrap().name, "fbuild:a/quick");
    assert_eq!(found.target("b").unwrap().name, "fbuild:b/release");
    assert_eq!(
        found
            .choose(Some("fbuild:b/release"))
            .unwrap()
            .env
            .as_deref(),
        Some("b")
    );
}

#[test]
fn default_envs_narrow_the_choice() {
    let dir = workspace(&[".fbuild/build/b/release", ".fbuild/build/a/quick"]);
    let ini = "[platformio]\ndefault_envs = b\n[env:a]\n[env:b]\n";
    std::fs::write(dir.path().join("platformio.ini"), ini).unwrap();
    assert_eq!(
        found(&dir).default_target().unwrap().name,
        "fbuild:b/release"
    );
}

#[test]
fn what_the_tool_would_choose_is_not_replaced_by_what_happens_to_be_built() {
    let envs = "[env]\nplatform = espressif32\nboard = esp32dev\n[env:a]\n[env:b]\n";
    let files = files::Files::new(&[(
        "platformio.ini",
        &format!("[platformio]\ndefault_envs = b\n{envs}"),
    )]);
    files.image(".pio/build/a/firmware.bin", fbuild_chip::Chip::Esp32);
    let found = files.found_in("");
    let error = found.default_target().unwrap_err();
    assert_eq!(
        error.to_string(),
        "platformio:b is the default and is not built; there are platformio:a"
    );
    assert!(
        error
            .remedy()
            .to_string()
            .starts_with("Build it: pio run -e b; or ")
    );
    assert_eq!(found.unbuilt(None).unwrap().name, "platformio:b");
    assert_eq!(found.target("a").unwrap().name, "platformio:a");
}

#[test]
fn equal_times_are_ambiguous() {
    let dir = workspace(&[".fbuild/build/a/quick", ".fbuild/build/a/release"]);
    let same = SystemTime::now();
    for profile in ["quick", "release"] {
        let path = dir
            .path()
            .join(".fbuild/build/a")
            .join(profile)
            .join("firmware.bin");
        std::fs::File::options()
            .write(true)
            .open(path)
            .unwrap()
            .set_modified(same)
            .unwrap();
    }
    let found = found(&dir);
    let error = found.default_target().unwrap_err();
    assert_eq!(
        error.to_string(),
        "several targets could be meant: fbuild:a/quick, fbuild:a/release"
    );
    assert_eq!(found.target("a").unwrap_err().code(), "ambiguous-target");
    assert_eq!(
        found.target("x").unwrap_err().remedy().to_string(),
        "Known: fbuild:a/quick, fbuild:a/release."
    );
}

#[test]
fn an_empty_directory_says_what_was_looked_for() {
    let dir = tempfile::tempdir().unwrap();
    let error = found(&dir).default_target().unwrap_err();
    assert_eq!(error.code(), "no-target");
    let said = error.to_string();
    for looked_for in [
        "build*/flasher_args.json (ESP-IDF)",
        "*.ino.hex (AVR, Teensy)",
        "*.uf2 (pico-sdk)",
    ] {
        assert!(said.contains(looked_for), "{looked_for}: {said}");
    }
}

#[test]
fn a_project_that_was_not_built_says_how_to_build_it() {
    let dir = tempfile::tempdir().unwrap();
    let ini = "[env:esp32dev]\nplatform = espressif32\nboard = esp32dev\n[env:uno]\nplatform = atmelavr\n";
    std::fs::write(dir.path().join("platformio.ini"), ini).unwrap();
    let found = found(&dir);
    assert_eq!(found.unbuilt.len(), 1);
    let error = found.default_target().unwrap_err();
    assert_eq!(error.code(), "no-target");
    assert_eq!(
        error.remedy().to_string(),
        "Build platformio:esp32dev: pio run -e esp32dev; what is for another chip is deployed with the tool \
         that built it"
    );
    let error = found.target("platformio:esp32dev").unwrap_err();
    assert!(
        error
            .remedy()
            .to_string()
            .ends_with("firmware.bin is missing): pio run -e esp32dev"),
        "{error:?}"
    );
}

/// One is built and for another chip, and the other one is not built: each is told for what it is.
#[test]
fn what_is_not_built_and_what_is_for_another_chip_are_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let ini = "[env:dev]\nplatform = espressif32\n[env:d1]\nplatform = espressif8266\n";
    std::fs::write(dir.path().join("platformio.ini"), ini).unwrap();
    let built = dir.path().join(".pio/build/d1");
    std::fs::create_dir_all(&built).unwrap();
    std::fs::write(built.join("firmware.bin"), "x").unwrap();
    let said = found(&dir).default_target().unwrap_err().to_string();
    let expected = ": env:d1 is for espressif8266; not built: platformio:dev; looked for ";
    assert!(said.contains(expected), "{said}");
}

#[test]
fn a_build_for_a_chip_that_is_not_deployed_to_says_which_it_is_for() {
    let foreign = |rows: &[(&str, &str)], name: &str| {
        let files = files::Files::new(rows);
        let found = files.found_in("");
        assert_eq!(files::names(&found), [""; 0]);
        let error = found.default_target().unwrap_err();
        assert!(
            !error.remedy().to_string().contains("uild it first"),
            "{error:?}"
        );
        assert_eq!(
            found.target(name).unwrap_err().to_string(),
            found.foreign[0]
        );
        found.foreign[0].clone()
    };
    let args = r#"{"flash_files": {"0x2000": "b.bin"}, "extra_esptool_args": {"chip": "esp32x9"}}"#;
    assert_eq!(
        foreign(&[("build/flasher_args.json", args)], "build"),
        "espidf:build is for esp32x9"
    );
    let description = r#"{"target": "linux"}"#;
    assert_eq!(
        foreign(&[("build/project_description.json", description)], "build"),
        "espidf:build is for linux"
    );
    let hex = [("a.ino", ""), ("build/arduino.avr.leonardo/a.ino.hex", "")];
    assert_eq!(
        foreign(&hex, "arduino.avr.leonardo"),
        "arduino.avr.leonardo is for avr (board leonardo, programmed by avr109)"
    );
    let crate_for_arm = [
        ("Cargo.toml", "[package]\nname = \"x\"\n"),
        ("target/thumbv7em-none-eabihf/release/x", ""),
    ];
    assert_eq!(
        foreign(&crate_for_arm, "x"),
        "cargo:x is for thumbv7em-none-eabihf"
    );
}

#[test]
fn a_broken_target_does_not_hide_the_others() {
    let dir = workspace(&[".fbuild/build/a/release"]);
    std::fs::create_dir(dir.path().join("build")).unwrap();
    std::fs::write(
        dir.path().join("build/flasher_args.json"),
        "{\n  \"flash_files\" : {\n",
    )
    .unwrap();
    let found = found(&dir);
    assert_eq!(found.problems[0].code(), "json");
    assert!(
        found.problems[0]
            .to_string()
            .contains("flasher_args.json, line 3: ")
    );
    assert_eq!(found.default_target().unwrap().name, "fbuild:a/release");
}

#[test]
fn somebody_in_the_wrong_directory_is_told_the_right_one() {
    let dir = workspace(&[".fbuild/build/a"]);
    let inner = dir.path().join("main/deep");
    std::fs::create_dir_all(&inner).unwrap();
    let remedy = |root: &Path| {
        let found = discover(root, &Environment::default());
        found.default_target().unwrap_err().remedy().to_string()
    };
    let expected = format!("The project is in {}: use that.", dir.path().display());
    assert_eq!(remedy(&inner), expected);
    let missing = remedy(&inner.join("misspelt"));
    assert_eq!(missing, "There is no such directory: check the path.");
    let file = inner.join("app.bin");
    std::fs::write(&file, "").unwrap();
    assert!(remedy(&file).starts_with("This is a file: "));
}
