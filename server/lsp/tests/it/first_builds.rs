//! Projects that nothing was built of yet, through the server: listed, built and deployed. Each tool is
//! a stand-in, where its users have it, that puts what it would build into place.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::{Value, json};

use crate::stdio::Server;
use crate::{fbuild_lsp, project};

/// A project, its tool, and what becomes of it.
struct Case {
    /// Files of the project, `blink`.
    files: &'static [(&'static str, &'static str)],
    /// Where the program that builds it stands.
    tool: &'static str,
    /// Where its build puts the boot loader, the partition table and the app.
    images: [&'static str; 3],
    /// Another file of the build.
    list: Option<(&'static str, &'static str)>,
    /// What it is called, and what builds it.
    listed: (&'static str, &'static str),
}

const FLASHER_ARGS: &str = r#"{"flash_files": {"0x1000": "boot.bin", "0x8000": "table.bin", "0x10000": "app.bin"},
  "bootloader": {"offset": "0x1000", "file": "boot.bin"},
  "partition-table": {"offset": "0x8000", "file": "table.bin"},
  "app": {"offset": "0x10000", "file": "app.bin"}, "extra_esptool_args": {"chip": "esp32"}}"#;
const IDF: (&str, &str) = (
    "CMakeLists.txt",
    "include($ENV{IDF_PATH}/tools/cmake/project.cmake)\n",
);
const IDF_PY: &str = "esp/esp-idf/tools/idf.py";

const CASES: [Case; 6] = [
    Case {
        files: &[IDF],
        tool: IDF_PY,
        images: ["build/boot.bin", "build/table.bin", "build/app.bin"],
        list: Some(("build/flasher_args.json", FLASHER_ARGS)),
        listed: ("espidf:build", "idf.py build"),
    },
    Case {
        files: &[
            IDF,
            (".vscode/settings.json", r#"{"idf.buildPath": "out/x"}"#),
        ],
        tool: IDF_PY,
        images: ["out/x/boot.bin", "out/x/table.bin", "out/x/app.bin"],
        list: Some(("out/x/flasher_args.json", FLASHER_ARGS)),
        listed: ("espidf:out/x", "idf.py -B out/x build"),
    },
    Case {
        files: &[
            IDF,
            (
                "CMakePresets.json",
                r#"{"configurePresets": [{"name": "prod", "binaryDir": "build/${presetName}",
                    "cacheVariables": {"SDKCONFIG": "build/prod/sdkconfig"}}]}"#,
            ),
        ],
        tool: IDF_PY,
        images: [
            "build/prod/boot.bin",
            "build/prod/table.bin",
            "build/prod/app.bin",
        ],
        list: Some(("build/prod/flasher_args.json", FLASHER_ARGS)),
        listed: (
            "espidf:build/prod",
            "idf.py -B build/prod -D SDKCONFIG=build/prod/sdkconfig build",
        ),
    },
    Case {
        files: &[(
            "platformio.ini",
            "[env:dev]\nplatform = espressif32\nboard = esp32dev\nframework = espidf\n",
        )],
        tool: ".platformio/penv/bin/pio",
        images: [
            ".pio/build/dev/bootloader.bin",
            ".pio/build/dev/partitions.bin",
            ".pio/build/dev/firmware.bin",
        ],
        list: None,
        listed: ("platformio:dev", "pio run -e dev"),
    },
    Case {
        files: &[
            (
                "CMakeLists.txt",
                "set(BOARD esp32_devkitc)\nfind_package(Zephyr)\n",
            ),
            ("prj.conf", ""),
            ("west.yml", ""),
        ],
        tool: "bin/west",
        images: [
            "build/esp-idf/boot.bin",
            "build/esp-idf/table.bin",
            "build/zephyr/zephyr.bin",
        ],
        list: Some((
            "build/zephyr/runners.yaml",
            "flash-runner: esp32\nconfig:\n  bin_file: zephyr.bin\nargs:\n  esp32:\n    \
             - --esp-boot-address=0x1000\n    - --esp-flash-bootloader=PROJECT/build/esp-idf/boot.bin\n    \
             - --esp-partition-table-address=0x8000\n    \
             - --esp-flash-partition_table=PROJECT/build/esp-idf/table.bin\n    \
             - --esp-app-address=0x10000\n",
        )),
        listed: ("zephyr:build", "west build -d build -b esp32_devkitc"),
    },
    Case {
        files: &[
            ("blink.ino", ""),
            ("sketch.yaml", "default_fqbn: esp32:esp32:esp32\n"),
        ],
        tool: "bin/arduino-cli",
        images: [
            "build/esp32.esp32.esp32/blink.ino.bootloader.bin",
            "build/esp32.esp32.esp32/blink.ino.partitions.bin",
            "build/esp32.esp32.esp32/blink.ino.bin",
        ],
        list: Some((
            "build/esp32.esp32.esp32/flash_args",
            "--flash-mode dio --flash-freq 40m --flash-size 4MB\n0x1000 blink.ino.bootloader.bin\n\
             0x8000 blink.ino.partitions.bin\n0xe000 boot_app0.bin\n0x10000 blink.ino.bin\n",
        )),
        listed: (
            "arduino:esp32.esp32.esp32",
            "arduino-cli compile --export-binaries --fqbn esp32:esp32:esp32",
        ),
    },
];

fn write(path: &Path, bytes: impl AsRef<[u8]>) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

fn program(path: &Path, text: &str) {
    write(path, text);
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_project_that_was_never_built_is_listed_built_and_deployed() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/example/build");
    let boot = fs::read(example.join("bootloader/bootloader.bin")).unwrap();
    let table = fs::read(example.join("partition_table/partition-table.bin")).unwrap();
    let app = project::app_image(&project::body(40_000, 1));
    for case in &CASES {
        let (name, line) = case.listed;
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path();
        let blink = home.join("blink");
        for (file, text) in case.files {
            write(&blink.join(file), text);
        }
        let made = home.join("made");
        for (image, bytes) in case.images.iter().zip([&boot, &table, &app]) {
            write(&made.join(image), bytes);
        }
        if name.starts_with("arduino") {
            // It comes with the core: OTA data, here without a choice.
            let place = made.join(case.images[2]).with_file_name("boot_app0.bin");
            write(&place, vec![0xFF; 0x2000]);
        }
        if let Some((file, text)) = case.list {
            write(
                &made.join(file),
                text.replace("PROJECT", blink.to_str().unwrap()),
            );
        }
        let copy = format!(
            "#!/bin/sh\necho \"$*\" > \"$HOME/said\"\ncp -r '{}/.' .\n",
            made.display()
        );
        program(&home.join(case.tool), &copy);
        write(&home.join("esp/esp-idf/version.txt"), "v5.4.1\n");
        let python = home.join(".espressif/python_env/idf5.4_py3.12_env/bin/python");
        program(&python, "#!/bin/sh\nexec /bin/sh \"$@\"\n");

        let mut command = fbuild_lsp(home);
        let path = format!("{}:/usr/bin:/bin", home.join("bin").display());
        command.env("PATH", path);
        for tool in ["IDF_PATH", "ZEPHYR_BASE", "PLATFORMIO_CORE_DIR", "BOARD"] {
            command.env_remove(tool);
        }
        let said = home.join("said");
        let mut server = Server::over(command, folder);
        server.initialize_trusted(blink.clone());
        let listed = server.command(2, "targets", &json!({}));
        assert_eq!(listed["targets"], json!([]), "{name}");
        assert_eq!(listed["unbuilt"][0]["name"], name, "{listed}");
        assert_eq!(listed["unbuilt"][0]["buildHint"], line, "{listed}");

        let board = json!({"port": "sim:board.bin"});
        let outcome = server.command(3, "deploy", &board);
        assert_eq!(outcome["error"], Value::Null, "{name}: {outcome}");
        assert_eq!(outcome["target"], name);
        assert_eq!(outcome["build"]["command"], line);
        let words = fs::read_to_string(said).unwrap();
        assert!(line.ends_with(words.trim()), "{line}: {words}");
        let flash = fs::read(blink.join("board.bin")).unwrap();
        assert!(flash[project::APP_OFFSET..].starts_with(&app), "{name}");
        let listed = server.command(4, "targets", &json!({}));
        assert_eq!(listed["targets"][0]["name"], name, "{listed}");
    }
}
