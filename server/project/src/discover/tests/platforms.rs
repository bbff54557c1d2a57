//! PlatformIO: which platform is meant, and what its build left behind.

use std::time::{Duration, SystemTime};

use fbuild_chip::Chip;

use super::files::{Files, image};
use crate::target::Target;

/// A small app before `ota_0`, which PlatformIO's own platform would overwrite.
const SAFEBOOT: &str = "otadata,data,ota,0xe000,0x2000\nsafe,app,factory,0x10000,0x80000\n\
                        app0,app,ota_0,0x90000,1M\n";
const OFFICIAL: &str =
    "env.Replace(\n    ESP32_APP_OFFSET=board.get(\"upload.offset_address\", \"0x10000\"),\n)";
const PIOARDUINO: &str = "    env.Replace(ESP32_APP_OFFSET=str(hex(app_offset)))\n\
                          env.Replace(ESP32_APP_OFFSET=env.get(\"INTEGRATION_EXTRA_DATA\"))";
const ZIP: &str =
    "https://github.com/pioarduino/platform-espressif32/releases/download/stable/x.zip";

/// An environment that was built, with the table above.
pub(super) fn project(lines: &str) -> Files {
    let ini = format!("[env:dev]\nboard = mine\n{lines}\n");
    let files = Files::new(&[]);
    files.write("platformio.ini", ini.as_bytes());
    for name in ["firmware.bin", "bootloader.bin"] {
        files.image(&format!(".pio/build/dev/{name}"), Chip::Esp32);
    }
    files.table(".pio/build/dev/partitions.bin", SAFEBOOT);
    files
}

pub(super) fn only(files: &Files) -> Target {
    let found = files.found_with(&[("PLATFORMIO_CORE_DIR", "@/core")]);
    let [target] = found.targets.as_slice() else {
        panic!("{found:?}")
    };
    target.clone()
}

pub(super) fn places(target: &Target) -> Vec<(String, u32)> {
    let regions = target.regions.iter();
    regions.map(|it| (it.name.clone(), it.offset)).collect()
}

fn app(files: &Files) -> u32 {
    only(files).firmware().unwrap().offset
}

/// A platform that is installed in `dir`: its version, where it came from, its builder.
fn install(files: &Files, dir: &str, version: &str, uri: Option<&str>, builder: &str) {
    let owner = if uri.is_none() {
        r#""platformio""#
    } else {
        "null"
    };
    let uri = uri.map_or_else(|| "null".to_owned(), |uri| format!("{uri:?}"));
    let piopm = format!(
        r#"{{"type": "platform", "name": "espressif32", "version": "{version}",
            "spec": {{"owner": {owner}, "name": "espressif32", "uri": {uri}}}}}"#
    );
    let json = format!(r#"{{"name": "espressif32", "version": "{version}"}}"#);
    files.write(&format!("{dir}/platform.json"), json.as_bytes());
    files.write(&format!("{dir}/.piopm"), piopm.as_bytes());
    if !builder.is_empty() {
        files.write(&format!("{dir}/builder/main.py"), builder.as_bytes());
    }
}

#[test]
fn the_platform_is_the_one_that_is_installed_whatever_it_is_called() {
    const NAME: &str = "core/platforms/espressif32";
    const SECOND: &str = "core/platforms/espressif32@src-0123";
    type Install<'i> = (&'i str, &'i str, Option<&'i str>, &'i str);
    let git = "https://github.com/me/platform-espressif32.git#next";
    let stored = format!("git+{git}");
    let official: Install<'_> = (NAME, "6.13.0", None, OFFICIAL);
    let other: Install<'_> = (NAME, "55.3.311", Some(ZIP), PIOARDUINO);
    let second: Install<'_> = (SECOND, "55.3.311", Some(ZIP), PIOARDUINO);
    let fork: Install<'_> = (SECOND, "6.9.0", Some(&stored), OFFICIAL);
    let rows: &[(&str, &[Install<'_>], u32)] = &[
        ("espressif32", &[], 0x1_0000),
        ("espressif32", &[official], 0x1_0000),
        ("espressif32", &[other], 0x9_0000),
        // The builder is not there to be asked: what the platform says of itself decides.
        (
            "espressif32",
            &[(NAME, "55.3.311", Some("file:///p"), "")],
            0x9_0000,
        ),
        ("espressif32", &[(NAME, "5.0.0", Some(ZIP), "")], 0x9_0000),
        // Of two that fit, PlatformIO takes the newer one.
        ("espressif32", &[official, second], 0x9_0000),
        ("platformio/espressif32", &[official, second], 0x1_0000),
        ("espressif32 @ ^6.1", &[official, second], 0x1_0000),
        ("espressif32@6.13.0", &[official, second], 0x1_0000),
        ("espressif32 @ >=50", &[official, second], 0x9_0000),
        // Not installed: it would be PlatformIO's own.
        ("espressif32@6.1.0", &[other], 0x1_0000),
        (ZIP, &[official, second], 0x9_0000),
        (git, &[official, fork], 0x1_0000),
        (git, &[official], 0x9_0000),
    ];
    for (option, installed, expected) in rows {
        let files = project(&format!("platform = {option}\nframework = arduino"));
        for (dir, version, uri, builder) in *installed {
            install(&files, dir, version, *uri, builder);
        }
        assert_eq!(app(&files), *expected, "{option}, {installed:?}");
    }
}

/// No file system takes such a name, and Windows takes no `:` in one.
#[test]
fn an_address_is_not_looked_for_as_a_directory() {
    let long = format!("espressif32-{}", "x".repeat(300));
    for platform in [format!("https://host/{long}.zip"), long] {
        let ini = format!("[env:dev]\nplatform = {platform}\nboard = esp32dev\n");
        let files = Files::new(&[("platformio.ini", &ini)]);
        let error = files.found_in("").default_target().unwrap_err().to_string();
        assert!(error.starts_with("nothing to deploy was found"), "{error}");
    }
}

#[test]
fn a_platform_lies_where_the_project_says() {
    let arduino = "framework = arduino\nplatform = ";
    for (lines, dir) in [
        (
            format!("{arduino}espressif32\n[platformio]\nplatforms_dir = own"),
            "own/espressif32",
        ),
        (
            format!("{arduino}espressif32\n[platformio]\ncore_dir = c"),
            "c/platforms/espressif32",
        ),
        (format!("{arduino}symlink://pf/mine"), "pf/mine"),
        (format!("{arduino}file://pf"), "pf"),
        (format!("{arduino}pf"), "pf"),
        (format!("{arduino}./pf"), "pf"),
    ] {
        let files = project(&lines);
        install(&files, dir, "55.3.311", Some("file://pf"), PIOARDUINO);
        let found = files.found_in("");
        let target = &found.targets[0];
        assert_eq!(target.firmware().unwrap().offset, 0x9_0000, "{lines}");
        // The board of that platform.
        let board = r#"{"build": {"mcu": "esp32s3", "f_flash": "80000000L"}}"#;
        files.write(&format!("{dir}/boards/mine.json"), board.as_bytes());
        let chip = files.found_in("").targets[0].chip;
        assert_eq!(chip, Some(Chip::Esp32S3), "{lines}");
    }
    // A link that `pio pkg install` made.
    let files = project(&format!("{arduino}espressif32"));
    install(&files, "elsewhere/pf", "55.3.311", None, PIOARDUINO);
    std::fs::remove_file(files.root().join("elsewhere/pf/.piopm")).unwrap();
    let link = files.text(r#"{"cwd": "@/elsewhere", "spec": {"uri": "symlink://pf"}}"#);
    files.write("core/platforms/espressif32.pio-link", link.as_bytes());
    assert_eq!(app(&files), 0x9_0000);
}

/// Two platforms on one machine have each their own framework.
#[test]
fn the_framework_is_the_one_that_the_platform_asks_for() {
    let address = "https://host/esp32-core-3.3.11.tar.xz";
    for (wanted, expected) in [
        (address, "framework-arduinoespressif32@src-77"),
        ("~3.20017.0", "framework-arduinoespressif32"),
        ("~2.0.0", "framework-arduinoespressif32"),
    ] {
        let files = project("platform = espressif32\nframework = arduino");
        install(
            &files,
            "core/platforms/espressif32",
            "6.13.0",
            None,
            OFFICIAL,
        );
        let json = format!(
            r#"{{"name": "espressif32", "packages": {{"framework-arduinoespressif32":
                {{"version": "{wanted}"}}}}}}"#
        );
        files.write("core/platforms/espressif32/platform.json", json.as_bytes());
        for (dir, version, uri) in [
            (
                "framework-arduinoespressif32",
                "3.20017.241212",
                "null".to_owned(),
            ),
            (
                "framework-arduinoespressif32@src-77",
                "3.3.11",
                format!("{address:?}"),
            ),
            (
                "framework-arduinoespressif32-libs",
                "5.5.0",
                "null".to_owned(),
            ),
        ] {
            let name = dir.split('@').next().unwrap();
            let piopm = format!(
                r#"{{"name": "{name}", "version": "{version}", "spec": {{"uri": {uri}}}}}"#
            );
            files.write(&format!("core/packages/{dir}/.piopm"), piopm.as_bytes());
        }
        let target = only(&files);
        let otadata = target.region("otadata").unwrap().source.path().to_owned();
        let dir = files.root().join("core/packages").join(expected);
        assert_eq!(
            otadata,
            dir.join("tools/partitions/boot_app0.bin"),
            "{wanted}"
        );
    }
}

/// pioarduino's build makes an image of the whole flash, whatever `platform` says now.
#[test]
fn the_builds_own_image_of_the_flash_says_where_the_program_is() {
    let firmware: Vec<u8> = [
        image(Chip::Esp32),
        (0..=250_u8).cycle().take(8000).collect(),
    ]
    .concat();
    for (place, expected, n_remarks) in [
        (Some(0x9_0000), 0x9_0000, 1),
        (Some(0x1_0000), 0x1_0000, 0),
        // Neither of the places, and no such image: the rules of the platform.
        (Some(0xA_0000), 0x1_0000, 0),
        (None, 0x1_0000, 0),
    ] {
        let files = project("platform = espressif32\nframework = arduino");
        files.write(".pio/build/dev/firmware.bin", &firmware);
        if let Some(place) = place {
            let mut whole = vec![0xFF; place];
            whole.extend(&firmware);
            files.write(".pio/build/dev/firmware.factory.bin", &whole);
        }
        let target = only(&files);
        assert_eq!(target.firmware().unwrap().offset, expected, "{place:?}");
        assert_eq!(target.remarks.len(), n_remarks, "{:?}", target.remarks);
    }
}

/// Linked, and not made into an image.
#[test]
fn an_elf_file_that_is_newer_than_its_image_is_told() {
    let files = project("platform = espressif32\nframework = arduino");
    files.write(".pio/build/dev/firmware.elf", b"");
    assert_eq!(only(&files).remarks, [""; 0]);
    let path = files.root().join(".pio/build/dev/firmware.elf");
    let elf = std::fs::File::options().write(true).open(path).unwrap();
    elf.set_modified(SystemTime::now() + Duration::from_hours(1))
        .unwrap();
    let remarks = only(&files).remarks;
    assert!(
        remarks[0].contains("firmware.elf is newer than"),
        "{remarks:?}"
    );
}

#[test]
fn the_default_for_another_chip_is_no_reason_to_deploy_what_is_there() {
    let dev = "platform = espressif32\nframework = arduino";
    let files = project(&format!(
        "{dev}\n[env:d1]\nplatform = espressif8266\n[platformio]\ndefault_envs = d1"
    ));
    let found = files.found_in("");
    let error = found.default_target().unwrap_err().to_string();
    assert!(
        error.starts_with(
            "env:d1 is for espressif8266, and is the default; there are platformio:dev"
        ),
        "{error}"
    );
    assert_eq!(found.target("dev").unwrap().name, "platformio:dev");
}

/// Where the framework is not installed, a deploy says so; it leaves nothing out.
#[test]
fn otadata_of_the_framework_is_not_left_out_in_silence() {
    let files = project("platform = pioarduino\nframework = arduino, espidf");
    let otadata = only(&files).region("otadata").cloned().unwrap();
    assert_eq!(otadata.offset, 0xe000);
    assert!(
        otadata
            .source
            .path()
            .ends_with("tools/partitions/boot_app0.bin")
    );
}

/// pioarduino writes down the place of the program only when it has built.
#[test]
fn images_that_idedata_names_count_without_the_place_of_the_program() {
    const IMAGES: &str = r#"{"prog_path": "@/.pio/build/dev/firmware.elf", "extra": {"flash_images": [
        {"offset": "0x1000", "path": "@/.pio/build/dev/bootloader.bin"},
        {"offset": "0x8000", "path": "@/.pio/build/dev/partitions.bin"},
        {"offset": "0xe000", "path": "@/boot_app0.bin"},
        {"offset": "0x3f0000", "path": "@/certs.bin"}]}}"#;
    const NONE: &str =
        r#"{"prog_path": "@/.pio/build/dev/firmware.elf", "extra": {"flash_images": []}}"#;
    for (text, has_extra) in [(IMAGES, true), (NONE, false)] {
        let files =
            project("platform = pioarduino\nframework = arduino\nextra_scripts = post:a.py");
        files.write(".pio/build/dev/idedata.json", files.text(text).as_bytes());
        let target = only(&files);
        let mut expected = vec!["bootloader", "partitions", "otadata", "firmware"];
        expected.extend(has_extra.then_some("certs"));
        let found: Vec<_> = target.regions.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(found, expected);
        assert_eq!(target.firmware().unwrap().offset, 0x9_0000);
    }
}

/// The builder of the platform writes the program, and what a framework or a script adds.
#[test]
fn without_a_framework_the_program_alone_is_deployed() {
    const ALONE: &str = "the program alone is deployed, as PlatformIO's own upload does";
    for (platform, more) in [
        ("espressif32", ""),
        ("espressif32", "board_upload.offset_address = 0x20000\n"),
        (ZIP, ""),
    ] {
        let ini = format!("[env:dev]\nplatform = {platform}\nboard = esp32dev\n{more}");
        let files = Files::new(&[("platformio.ini", &ini)]);
        files.image(".pio/build/dev/firmware.bin", Chip::Esp32);
        let target = only(&files);
        let place = if more.is_empty() { 0x1_0000 } else { 0x2_0000 };
        assert_eq!(places(&target), [("firmware".to_owned(), place)], "{ini}");
        assert!(target.remarks[0].starts_with(ALONE), "{:?}", target.remarks);
        // What a script makes where a framework would.
        files.image(".pio/build/dev/bootloader.bin", Chip::Esp32);
        let told = only(&files).remarks.join("\n");
        assert!(told.starts_with("no partition table is deployed"), "{told}");
        files.table(".pio/build/dev/partitions.bin", SAFEBOOT);
        let target = only(&files);
        let names: Vec<_> = target.regions.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(names, ["bootloader", "partitions", "firmware"], "{ini}");
        assert_eq!(target.remarks, [""; 0], "{ini}");
    }
}
