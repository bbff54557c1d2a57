//! What a project's files say of where things go, and what is taken where they contradict each other.

use std::time::{Duration, SystemTime};

use fbuild_project::discover::Discovery;
use fbuild_project::target::Setting;

use crate::layouts::{Files, names};
use crate::projects::{idf, lay_out, lines};

/// Makes these files older, each by an hour more than the one before.
fn age(files: &Files, names: &[&str]) {
    for (n, name) in (1..).zip(names) {
        let path = files.root().join(name);
        let file = std::fs::File::options().write(true).open(path).unwrap();
        let then = SystemTime::now() - Duration::from_secs(3600 * n);
        file.set_modified(then).unwrap();
    }
}

/// An environment of PlatformIO's that was built, with a table and more files.
fn platformio(ini: &str, table: &str, more: &[(&str, &str)]) -> Files {
    let ini = format!("[env:dev]\n{ini}\n");
    let table = format!("<table>{table}");
    let mut files = vec![
        ("platformio.ini", ini.as_str()),
        (".pio/build/dev/bootloader.bin", "<image>"),
        (".pio/build/dev/partitions.bin", &table),
        (".pio/build/dev/firmware.bin", "<image>"),
    ];
    files.extend(more);
    lay_out(&files)
}

fn discover_with_core(files: &Files) -> Discovery {
    files.discover(&[("PLATFORMIO_CORE_DIR", "@/core")])
}

const SAFEBOOT: &str = "otadata,data,ota,0xe000,0x2000\nsafe,app,factory,0x10000,0x80000\n\
                        app0,app,ota_0,0x90000,1M\nfs,data,spiffs,0x200000,1M\n";
const ARDUINO: &str = "framework = arduino\nboard = mine\nplatform = ";
const IDF: &str = "framework = espidf\nplatform = espressif32\n";

#[test]
fn options_that_move_things_move_them() {
    let fork = "https://example.com/x/platform-espressif32.zip";
    let board = r#"{"build": {"mcu": "esp32", "variant": "v"}, "upload": {"arduino":
        {"flash_extra_images": [["0x2d0000", "variants/v/uf2.bin"]]}}}"#;
    let main = "core/platforms/espressif32@src/builder/main.py";
    let piopm = "core/platforms/espressif32@src/.piopm";
    let origin = format!(r#"{{"spec": {{"uri": "{fork}"}}}}"#);
    let uf2 = "core/packages/framework-arduinoespressif32/variants/v/tinyuf2.bin";
    for (ini, more, expected) in [
        (
            format!("{ARDUINO}espressif32"),
            &[][..],
            "bootloader 0x1000, partitions 0x8000, otadata 0xe000, firmware 0x10000",
        ),
        (
            format!("{ARDUINO}espressif32\nboard_upload.offset_address = 0x90000"),
            &[],
            "bootloader 0x1000, partitions 0x8000, otadata 0xe000, firmware 0x90000",
        ),
        // pioarduino's ways are those of what was made from it.
        (
            format!("{ARDUINO}https://github.com/tasmota/platform-espressif32/x.zip"),
            &[],
            "bootloader 0x1000, partitions 0x8000, otadata 0xe000, firmware 0x90000",
        ),
        (
            format!("{ARDUINO}{fork}"),
            &[],
            "bootloader 0x1000, partitions 0x8000, otadata 0xe000, firmware 0x90000",
        ),
        (
            format!("{ARDUINO}{fork}"),
            &[
                (piopm, origin.as_str()),
                (main, "ESP32_APP_OFFSET=board.get("),
            ],
            "bootloader 0x1000, partitions 0x8000, otadata 0xe000, firmware 0x10000",
        ),
        // Images of the board's file and of TinyUF2's tables.
        (
            format!("{ARDUINO}espressif32"),
            &[("boards/mine.json", board)],
            "bootloader 0x1000, partitions 0x8000, otadata 0xe000, firmware 0x10000, uf2 0x2d0000",
        ),
        (
            format!(
                "{ARDUINO}espressif32\nboard_build.variant = v\nboard_build.partitions = x-tinyuf2.csv"
            ),
            &[(uf2, "x")],
            "bootloader 0x1000, partitions 0x8000, otadata 0xe000, firmware 0x10000, tinyuf2 0x410000",
        ),
        // ESP-IDF: hexadecimal with 0x or without, another sdkconfig, and what CMake decided.
        (
            IDF.to_owned(),
            &[("sdkconfig.dev", "CONFIG_PARTITION_TABLE_OFFSET=c000\n")],
            "bootloader 0x1000, partitions 0xc000, firmware 0x10000",
        ),
        (
            format!("{IDF}board_build.esp-idf.sdkconfig_path = cfg/a b.sdk"),
            &[("cfg/a b.sdk", "CONFIG_PARTITION_TABLE_OFFSET=9000\n")],
            "bootloader 0x1000, partitions 0x9000, firmware 0x10000",
        ),
        (
            IDF.to_owned(),
            &[
                ("sdkconfig.dev", "CONFIG_PARTITION_TABLE_OFFSET=c000\n"),
                (
                    ".pio/build/dev/flasher_args.json",
                    r#"{"flash_files": {}, "partition-table": {"offset": "0xd000", "file": "p"}}"#,
                ),
            ],
            "bootloader 0x1000, partitions 0xd000, firmware 0x10000",
        ),
        (
            format!("{IDF}board_upload.ota_partition_offset = 0xa000"),
            &[(".pio/build/dev/ota_data_initial.bin", "x")],
            "bootloader 0x1000, partitions 0x8000, otadata 0xa000, firmware 0x10000",
        ),
    ] {
        let files = platformio(&ini, SAFEBOOT, more);
        let expected = format!("platformio:dev: {expected}");
        assert_eq!(lines(&discover_with_core(&files)), [expected], "{ini}");
    }
}

#[test]
fn octal_flash_starts_in_dout() {
    for (ini, expected) in [
        (
            format!("{ARDUINO}espressif32\nboard_build.flash_mode = qio"),
            "dio",
        ),
        (
            format!("{ARDUINO}espressif32\nboard_build.arduino.memory_type = opi_opi"),
            "dout",
        ),
        (
            format!("{IDF}board_build.flash_mode = dio\nboard_build.memory_type = opi_opi"),
            "dio",
        ),
        (
            format!("{ARDUINO}pioarduino\nboard_build.memory_type = opi_qspi"),
            "dout",
        ),
    ] {
        let found = platformio(&ini, SAFEBOOT, &[]).discover(&[]);
        let mode = &found.targets[0].flash.mode;
        assert_eq!(*mode, Setting::Set(expected.to_owned()), "{ini}");
    }
}

/// `idedata.json` is written when it is asked for, not by every build.
#[test]
fn what_is_older_than_the_build_does_not_decide() {
    const IDEDATA: &str = r#"{"prog_path": "@/.pio/build/dev/firmware.elf", "extra": {"flash_images":
        [{"offset": "0x1000", "path": "@/.pio/build/dev/bootloader.bin"},
         {"offset": "0x8000", "path": "@/.pio/build/dev/partitions.bin"},
         {"offset": "0x300000", "path": "@/extra.bin"}], "application_offset": "0x10000"}}"#;
    let ini = format!("{ARDUINO}pioarduino");
    let scripts = format!("{ini}\nextra_scripts = pre:a.py");
    let (idedata, table) = (
        ".pio/build/dev/idedata.json",
        ".pio/build/dev/partitions.bin",
    );
    for (ini, aged, firmware, remarks) in [
        (&ini, &[table, "platformio.ini"][..], 0x1_0000, 1),
        (&scripts, &[table, "platformio.ini"], 0x1_0000, 0),
        (&ini, &[idedata], 0x9_0000, 1),
        (&ini, &[idedata, table], 0x9_0000, 1),
        // A script may be what moved it.
        (&scripts, &[idedata, table], 0x1_0000, 1),
        (&scripts, &[idedata], 0x1_0000, 1),
    ] {
        let files = platformio(ini, SAFEBOOT, &[(idedata, IDEDATA)]);
        // Before everything else, and in this order.
        let rest = ["platformio.ini", table, idedata]
            .into_iter()
            .filter(|it| !aged.contains(it));
        let order: Vec<_> = rest.chain(aged.iter().copied()).collect();
        age(&files, &order);
        let found = discover_with_core(&files);
        let target = &found.targets[0];
        assert_eq!(target.firmware().unwrap().offset, firmware, "{aged:?}");
        assert_eq!(
            target.remarks.len(),
            remarks,
            "{aged:?}: {:?}",
            target.remarks
        );
        assert!(target.region("extra").is_some(), "{aged:?}");
    }
    // Unpacked or copied together: nothing tells which was first.
    let files = platformio(&ini, SAFEBOOT, &[(idedata, IDEDATA)]);
    let target = discover_with_core(&files).targets[0].clone();
    assert_eq!(target.firmware().unwrap().offset, 0x9_0000);
    assert!(
        target.remarks[0].contains("idedata.json is not newer"),
        "{:?}",
        target.remarks
    );
}

#[test]
fn the_older_of_two_programs_is_not_deployed_in_silence() {
    let ini = format!("{ARDUINO}espressif32");
    let program = |files: &Files| {
        let found = discover_with_core(files);
        let target = found.targets[0].clone();
        let name = target
            .firmware()
            .unwrap()
            .source
            .path()
            .file_name()
            .unwrap()
            .to_owned();
        (name.into_string().unwrap(), target.remarks)
    };
    let old = ".pio/build/dev/firmware.bin";
    let renamed = ".pio/build/dev/kiln-ctl_1.4.2+7.bin";
    let files = platformio(&ini, SAFEBOOT, &[(renamed, "<s3>")]);
    age(&files, &[old]);
    let (name, remarks) = program(&files);
    assert_eq!(name, "kiln-ctl_1.4.2+7.bin");
    assert!(
        remarks[0].contains("firmware.bin and is deployed: a script sets PROGNAME"),
        "{remarks:?}"
    );
    // Not even there.
    std::fs::remove_file(files.root().join(old)).unwrap();
    assert_eq!(program(&files), ("kiln-ctl_1.4.2+7.bin".to_owned(), vec![]));
    // The script that names it is among what makes the build stale.
    let scripted = format!("{ini}\nextra_scripts = pre:name.py");
    let files = platformio(&scripted, SAFEBOOT, &[("name.py", ""), (renamed, "<s3>")]);
    age(&files, &[renamed, "platformio.ini", old]);
    assert_eq!(program(&files).0, "kiln-ctl_1.4.2+7.bin");
    let stale = discover_with_core(&files).targets[0].stale_inputs();
    assert_eq!(stale, [files.root().join("name.py")]);
    // A copy is not a program of its own: of the same bytes, or without an ELF file where there is one.
    for (bytes, elf) in [("<image>", false), ("<s3>", true)] {
        let files = platformio(&ini, SAFEBOOT, &[(renamed, bytes)]);
        age(&files, &[old]);
        if elf {
            files.write(".pio/build/dev/firmware.elf", b"");
        }
        let (name, remarks) = program(&files);
        assert_eq!(name, "firmware.bin");
        // That the ELF file is newer is told, of itself.
        assert_eq!(remarks.len(), usize::from(elf), "{remarks:?}");
    }
    // ESP-IDF names its program; the other one is told.
    let files = lay_out(&[
        idf("build/flasher_args.json"),
        ("build/app.bin", "<image>"),
        ("build/renamed.bin", "<s3>"),
        ("build/bootloader.bin", "<s3>"),
    ]);
    age(&files, &["build/app.bin"]);
    let (name, remarks) = program(&files);
    assert_eq!((name.as_str(), remarks.len()), ("app.bin", 1));
    assert!(
        remarks[0].contains("renamed.bin is newer than"),
        "{remarks:?}"
    );
    // A sketch that was renamed.
    let files = lay_out(&[
        ("b.ino", ""),
        ("build/a.ino.bin", "<image>"),
        ("build/b.ino.bin", "<image>"),
    ]);
    age(&files, &["build/a.ino.bin"]);
    assert_eq!(program(&files).0, "b.ino.bin");
}

#[test]
fn a_table_that_was_made_for_another_place_is_told() {
    let files = platformio(
        IDF,
        "nvs,data,nvs,0x9000,0x4000\na,app,factory,,1M\n",
        &[("sdkconfig.dev", "CONFIG_PARTITION_TABLE_OFFSET=0xa000\n")],
    );
    let found = files.discover(&[]);
    let remark = &found.targets[0].remarks[0];
    assert!(
        remark.contains("goes to 0xa000, but was made for another place"),
        "{remark}"
    );
    assert!(remark.contains("'nvs' begins at 0x9000"), "{remark}");
}

#[test]
fn build_directories_are_named_by_the_projects_hash() {
    for written in ["$PROJECT_HASH", "${PROJECT_HASH}"] {
        let files = platformio("platform = espressif32", "a,app,factory,,1M\n", &[]);
        let config =
            format!("[platformio]\nbuild_dir = out/{written}\n[env:dev]\nplatform = espressif32\n");
        files.write("platformio.ini", config.as_bytes());
        let name = files
            .root()
            .file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();
        let found = files.discover(&[]);
        // Found as `.pio/build` is there; the name is compared with PlatformIO's beside the code.
        assert_eq!(names(&found), ["platformio:dev"]);
        std::fs::rename(files.root().join(".pio"), files.root().join("gone")).unwrap();
        let place = files.discover(&[]).unbuilt[0].looked_for.clone();
        let dir = place
            .parent()
            .unwrap()
            .parent()
            .unwrap()
            .file_name()
            .unwrap();
        let dir = dir.to_str().unwrap();
        assert!(
            dir.starts_with(&format!("{name}-")) && dir.len() == name.len() + 11,
            "{dir}"
        );
        // And found there.
        let built = files.root().join("out").join(dir);
        std::fs::create_dir(files.root().join("out")).unwrap();
        std::fs::rename(files.root().join("gone/build"), &built).unwrap();
        let found = files.discover(&[]);
        assert_eq!(names(&found), ["platformio:dev"]);
        let firmware = found.targets[0].firmware().unwrap();
        assert_eq!(firmware.source.path(), built.join("dev/firmware.bin"));
        let elsewhere = |it: &String| it.contains("it was built into");
        assert!(!found.targets[0].remarks.iter().any(elsewhere));
    }
}

/// As an IDE's editor saves it.
#[test]
fn a_table_offset_without_0x_is_hexadecimal() {
    let rows = "nvs,data,nvs,0x11000,0x6000\nfactory,app,factory,0x20000,1M\n";
    let offset = ("sdkconfig.dev", "CONFIG_PARTITION_TABLE_OFFSET=10000\n");
    let files = platformio(IDF, rows, &[offset]);
    assert_eq!(
        lines(&files.discover(&[])),
        ["platformio:dev: bootloader 0x1000, partitions 0x10000, firmware 0x20000"]
    );
}
