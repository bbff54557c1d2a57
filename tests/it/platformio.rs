//! What unmodified PlatformIO gives esptool is what is deployed: its configuration, its scripts and its
//! `idedata.json`. The platform is one of this test's own, as those for ESP32 are downloads.

use std::path::{Path, PathBuf};
use std::process::Command;

use fbuild_project::discover::{Environment, discover};
use fbuild_project::target::Target;

use crate::harness::python_tool;

/// An esptool that writes down what it is called with.
const ESPTOOL: &str = r#"
import os, sys
with open(os.environ["ASKED"], "a") as asked:
    asked.write("\n".join(sys.argv[sys.argv.index("write_flash") + 1:]) + "\n\n")
"#;

/// In the platforms' words: the variables that PlatformIO and scripts know, and the order of an upload.
const BUILDER: &str = r#"
import os
from SCons.Script import Default, DefaultEnvironment

env = DefaultEnvironment()
board = env.BoardConfig()
if env.get("PROGNAME", "program") == "program":
    env.Replace(PROGNAME="firmware")
env.Replace(
    PROGSUFFIX=".elf",
    ESP32_APP_OFFSET=board.get("upload.offset_address", "0x10000"),
    UPLOADER=os.environ["ESPTOOL"],
    UPLOADERFLAGS=["write_flash"],
    UPLOADCMD='"$PYTHONEXE" "$UPLOADER" $UPLOADERFLAGS $ESP32_APP_OFFSET $SOURCE',
)
framework = os.path.join("$PROJECT_PACKAGES_DIR", "framework-arduinoespressif32")
images = [
    ("0x1000", os.path.join("$BUILD_DIR", "bootloader.bin")),
    ("0x8000", os.path.join("$BUILD_DIR", "partitions.bin")),
    ("0xe000", os.path.join(framework, "tools", "partitions", "boot_app0.bin")),
]
images += [
    (offset, os.path.join(framework, path))
    for offset, path in board.get("upload.arduino.flash_extra_images", [])
]
# Frameworks bring them, and the files that they are.
if not env.get("PIOFRAMEWORK"):
    images = []
env.Append(FLASH_EXTRA_IMAGES=images)

def make(target, source, env):
    for made in target:
        with open(str(made), "wb") as file:
            file.write(b"\xe9" + bytes(23))

elf = env.Command(os.path.join("$BUILD_DIR", "${PROGNAME}.elf"), [], make)
env.Replace(PIOMAINPROG=elf)
names = ["${PROGNAME}.bin"] + (["bootloader.bin", "partitions.bin"] if images else [])
program = env.Command([os.path.join("$BUILD_DIR", name) for name in names], elf, make)
for offset, path in env["FLASH_EXTRA_IMAGES"]:
    env.Append(UPLOADERFLAGS=[offset, env.subst(path)])
env.Append(INTEGRATION_EXTRA_DATA={"application_offset": env.subst("$ESP32_APP_OFFSET")})
env.AddPlatformTarget("upload", program[0], env.VerboseAction("$UPLOADCMD", "Uploading"), "Upload")
Default(program)
"#;

const BOARD: &str = r#"{"build": {"mcu": "esp32", "core": "esp32"}, "frameworks": ["arduino"], "name": "x",
    "upload": {"maximum_size": 1000, "arduino": {"flash_extra_images": [["0x2d0000", "variants/m/uf2.bin"]]}},
    "url": "x", "vendor": "x"}"#;

/// What a project may do to what is uploaded: its directory, the program's name, offsets and images.
const INI: &str = r"
[platformio]
build_dir = out dir/$PROJECT_HASH
extra_configs = more/*.ini
[env]
platform = symlink://@/platform
framework = arduino
board = mine
upload_port = /dev/null
[env:plain]
[env:moved]
extends = of_more
board_upload.offset_address = ${of_more.place}
[env:named]
extra_scripts = pre:name.py
[env:bare]
framework =
board_upload.offset_address = 0x30000
[env:scripted]
extra_scripts = post:more.py
";

struct Project {
    folder: tempfile::TempDir,
    pio: PathBuf,
}

impl Project {
    fn new(pio: PathBuf) -> Self {
        let made = Self {
            folder: tempfile::tempdir().unwrap(),
            pio,
        };
        let frameworks = "core/packages/framework-arduinoespressif32";
        let spec = r#""spec": {"owner": "platformio", "name": "tool-scons"}"#;
        for (name, text) in [
            ("esptool.py", ESPTOOL),
            ("platform/builder/main.py", BUILDER),
            ("platform/builder/framework.py", ""),
            (
                "platform/platform.json",
                r#"{"name": "espressif32", "title": "x", "version": "1.0.0", "packages": {},
                    "frameworks": {"arduino": {"script": "builder/framework.py"}}}"#,
            ),
            (
                "platform/platform.py",
                "from platformio.public import PlatformBase\n\
                 class Espressif32Platform(PlatformBase):\n    pass\n",
            ),
            // SCons from PyPI, where PlatformIO looks for its own download of it.
            (
                "core/packages/tool-scons/scons.py",
                "from SCons.Script import main\nmain()\n",
            ),
            (
                "core/packages/tool-scons/package.json",
                r#"{"name": "tool-scons", "version": "4.41101.0", "system": "*"}"#,
            ),
            (
                "core/packages/tool-scons/.piopm",
                &format!(
                    r#"{{"type": "tool", "name": "tool-scons", "version": "4.41101.0", {spec}}}"#
                ),
            ),
            (&format!("{frameworks}/tools/partitions/boot_app0.bin"), "x"),
            (&format!("{frameworks}/variants/m/uf2.bin"), "x"),
            ("größe 1/platformio.ini", INI),
            ("größe 1/more/a.ini", "[of_more]\nplace = 0x20000\n"),
            ("größe 1/boards/mine.json", BOARD),
            ("größe 1/src/main.c", ""),
            (
                "größe 1/name.py",
                "Import('env')\nenv.Replace(PROGNAME='kiln-ctl_1.4+7')\n",
            ),
            (
                "größe 1/more.py",
                "Import('env')\nenv.Replace(ESP32_APP_OFFSET='0x90000')\n\
                 env.Append(INTEGRATION_EXTRA_DATA={'application_offset': '0x90000'})\n",
            ),
        ] {
            let path = made.folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            let place = made.folder.path().to_str().unwrap();
            std::fs::write(path, text.replace('@', place)).unwrap();
        }
        made
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("größe 1")
    }

    fn core(&self) -> PathBuf {
        self.folder.path().join("core")
    }

    fn pio(&self, target: &str) {
        let output = Command::new(&self.pio)
            .args(["run", "-t", target, "-d"])
            .arg(self.root())
            .env("PLATFORMIO_CORE_DIR", self.core())
            .env("PLATFORMIO_DISABLE_UPGRADE_CHECK", "true")
            .env("PLATFORMIO_SETTING_ENABLE_TELEMETRY", "No")
            .env("ESPTOOL", self.folder.path().join("esptool.py"))
            .env("ASKED", self.folder.path().join("asked"))
            .env("PYTHONUTF8", "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        let out = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "pio run -t {target}: {out}{said}");
    }

    /// Offsets and files that esptool was called with, a line for each environment.
    fn uploaded(&self) -> Vec<Vec<(u32, PathBuf)>> {
        let asked = std::fs::read_to_string(self.folder.path().join("asked")).unwrap();
        let calls = asked.trim_end().split("\n\n");
        calls
            .map(|call| {
                let words: Vec<_> = call.lines().collect();
                let pairs = words.chunks(2).map(|pair| {
                    let offset = u32::from_str_radix(&pair[0][2..], 16).unwrap();
                    // The program is named within the project, where esptool is started.
                    (offset, self.root().join(pair[1]))
                });
                sorted(pairs.collect())
            })
            .collect()
    }

    /// The same of what would be deployed.
    fn deployed(&self) -> Vec<Vec<(u32, PathBuf)>> {
        let core = self.core().to_str().unwrap().to_owned();
        let environment = Environment::from_pairs([("PLATFORMIO_CORE_DIR".to_owned(), core)]);
        let found = discover(&self.root(), &environment);
        assert_eq!(found.problems, []);
        let files = |target: &Target| {
            let regions = target.regions.iter();
            sorted(
                regions
                    .map(|region| (region.offset, region.source.path().to_owned()))
                    .collect(),
            )
        };
        let names: Vec<_> = found.targets.iter().map(|it| it.name.as_str()).collect();
        let all =
            ["plain", "moved", "named", "bare", "scripted"].map(|env| format!("platformio:{env}"));
        assert_eq!(names, all);
        found.targets.iter().map(files).collect()
    }
}

fn sorted(mut files: Vec<(u32, PathBuf)>) -> Vec<(u32, PathBuf)> {
    files.sort();
    files
}

fn program(files: &[(u32, PathBuf)], name: &str) -> Option<u32> {
    let is_program = |path: &Path| path.file_name().is_some_and(|it| it == name);
    let found = files.iter().find(|(_, path)| is_program(path));
    found.map(|(offset, _)| *offset)
}

#[test]
fn an_upload_of_platformio_is_what_is_deployed() {
    let Some(pio) = python_tool("venv-platformio-6.2.0", "pio") else {
        return;
    };
    let project = Project::new(pio);
    project.pio("upload");
    let uploaded = project.uploaded();
    // The test says something: what was to be moved and named was, and what a framework brings is there.
    let renamed = "kiln-ctl_1.4+7.bin";
    for (files, name, place, count) in [
        (&uploaded[0], "firmware.bin", 0x1_0000, 5),
        (&uploaded[1], "firmware.bin", 0x2_0000, 5),
        (&uploaded[2], renamed, 0x1_0000, 5),
        (&uploaded[3], "firmware.bin", 0x3_0000, 1),
        (&uploaded[4], "firmware.bin", 0x9_0000, 5),
    ] {
        assert_eq!(program(files, name), Some(place), "{uploaded:#?}");
        assert_eq!(files.len(), count, "{uploaded:#?}");
    }
    // What a script moves is known only once PlatformIO has written it down.
    assert_eq!(project.deployed()[..4], uploaded[..4]);
    project.pio("idedata");
    assert_eq!(project.deployed(), uploaded);
}
