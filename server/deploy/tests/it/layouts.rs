//! Where targets are looked for, on workspaces written here: no firmware, only headers.

use std::path::Path;

use fbuild_chip::Chip;
use fbuild_project::discover::{Discovery, Environment, discover};
use fbuild_project::target::Setting;

/// A directory with these files; `@` in a text stands for it.
pub(crate) struct Files(tempfile::TempDir);

impl Files {
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let made = Self(tempfile::tempdir().unwrap());
        for (name, text) in files {
            made.write(
                name,
                text.replace('@', made.root().to_str().unwrap()).as_bytes(),
            );
        }
        made
    }

    pub(crate) fn root(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.root().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    /// The start of an image for `chip`.
    pub(crate) fn image(&self, name: &str, chip: Chip) {
        let mut bytes = vec![0; 24];
        bytes[0] = 0xE9;
        bytes[12..14].copy_from_slice(&chip.facts().image_id.unwrap().to_le_bytes());
        self.write(name, &bytes);
    }

    pub(crate) fn discover(&self, variables: &[(&str, &str)]) -> Discovery {
        let variables = variables.iter().map(|(name, value)| {
            (
                (*name).to_owned(),
                value.replace('@', self.root().to_str().unwrap()),
            )
        });
        discover(self.root(), &Environment::from_pairs(variables))
    }
}

pub(crate) fn names(found: &Discovery) -> Vec<&str> {
    found
        .targets
        .iter()
        .map(|target| target.name.as_str())
        .collect()
}

/// A flasher_args.json with an app and a partition's image.
pub(crate) const FLASHER_ARGS: &str = r#"{
    "flash_settings" : { "flash_mode": "dio", "flash_size": "detect", "flash_freq": "keep" },
    "flash_files" : { "0x10000" : "app.bin", "0x110000" : "storage.bin" },
    "app" : { "offset" : "0x10000", "file" : "app.bin", "encrypted" : "false" },
    "storage" : { "offset" : "0x110000", "file" : "storage.bin", "encrypted" : "false" },
    "extra_esptool_args" : { "chip" : "esp32s3" }
}"#;

#[test]
fn every_build_directory_of_an_esp_idf_project_is_a_target() {
    let files = Files::new(&[
        ("CMakeLists.txt", ""),
        ("build/flasher_args.json", FLASHER_ARGS),
        ("build/bootloader/project_description.json", "{}"),
        ("build_s3/flasher_args.json", FLASHER_ARGS),
        ("builds/a/flasher_args.json", FLASHER_ARGS),
        ("out/x/flasher_args.json", FLASHER_ARGS),
        (
            ".vscode/settings.json",
            r#"{"idf.buildPath": "${workspaceFolder}/out/x"}"#,
        ),
        ("build_ram/project_description.json", "{}"),
    ]);
    let found = files.discover(&[]);
    assert_eq!(
        names(&found),
        [
            "espidf:build",
            "espidf:build_s3",
            "espidf:builds/a",
            "espidf:out/x"
        ]
    );
    assert_eq!(found.unbuilt[0].name, "espidf:build_ram");
    let target = found.target("build_s3").unwrap();
    assert_eq!(target.chip, Some(Chip::Esp32S3));
    let regions: Vec<_> = target
        .regions
        .iter()
        .map(|r| (r.name.as_str(), r.offset))
        .collect();
    assert_eq!(regions, [("firmware", 0x1_0000), ("storage", 0x11_0000)]);
    assert_eq!(target.flash.mode, Setting::Set("dio".into()));
    assert_eq!(
        (&target.flash.size, &target.flash.freq),
        (&Setting::Detect, &Setting::Keep)
    );
    assert_eq!(target.build_command(), "idf.py -B build_s3 build");
}

#[test]
fn the_build_directory_itself_may_be_opened() {
    let files = Files::new(&[("build/flasher_args.json", FLASHER_ARGS)]);
    let found = discover(&files.root().join("build"), &Environment::default());
    assert_eq!(names(&found), ["espidf:build"]);
    assert_eq!(found.targets[0].root, files.root());
}

#[test]
fn broken_flasher_args_are_named_with_their_line() {
    let problem = |text: &str| {
        let files = Files::new(&[("build/flasher_args.json", text)]);
        let found = files.discover(&[]);
        assert!(found.targets.is_empty());
        let root = files.root().display().to_string();
        found.problems[0].to_string().replace(&root, "W")
    };
    assert_eq!(
        problem("{\n\"flash_files\" : {\n\"here\" : \"app.bin\"\n}\n}"),
        "W/build/flasher_args.json, line 3: 'here' in flash_files is not an offset"
    );
    assert_eq!(
        problem("{\"flash_files\" : {}}"),
        "W/build/flasher_args.json, line 1: flash_files names no image"
    );
    assert_eq!(
        problem("{}"),
        "W/build/flasher_args.json, line 1: missing field `flash_files`"
    );
}

#[test]
fn one_offset_for_two_images_is_not_lost() {
    let text = r#"{ "flash_files" : { "0x10000" : "app.bin", "0x10000" : "other.bin" } }"#;
    let files = Files::new(&[("build/flasher_args.json", text)]);
    files.write("build/app.bin", &[1; 16]);
    files.write("build/other.bin", &[1; 16]);
    let found = files.discover(&[]);
    assert_eq!(found.targets[0].regions.len(), 2);
    let error = fbuild_deploy::image::load(&found.targets[0], None).unwrap_err();
    assert_eq!(error.code(), "regions-overlap");
}

#[test]
fn fbuild_builds_where_it_is_told_to() {
    let files = Files::new(&[("platformio.ini", "[env:a]\nupload_speed = 921600\n")]);
    files.image("out/a/quick/firmware.bin", Chip::Esp32C5);
    let found = files.discover(&[("FBUILD_BUILD_DIR", "out")]);
    assert_eq!(names(&found), ["fbuild:a/quick"]);
    assert_eq!(
        found.targets[0].region("bootloader").unwrap().offset,
        0x2000
    );
    assert_eq!(found.targets[0].baud, Some(921_600));
    // The directory of the environment is left out where the project is named like it.
    let files = Files::new(&[]);
    files.image(".fbuild/build/release/firmware.bin", Chip::Esp32);
    let found = files.discover(&[]);
    let project = files.root().file_name().unwrap().to_str().unwrap();
    assert_eq!(names(&found), [format!("fbuild:{project}/release")]);
}

#[test]
fn platformio_without_idedata_follows_the_rules_of_the_platform() {
    let ini = "[env]\nplatform = espressif32\nframework = arduino\n[env:a]\nboard = x\n\
               board_upload.offset_address = 0x20000\nupload_port = 192.168.1.7\n[env:b]\n\
               platform = https://github.com/pioarduino/platform-espressif32.git\n\
               board_build.partitions = t.csv\n[env:c]\nplatform = ststm32\n";
    let files = Files::new(&[("platformio.ini", ini), ("t.csv", "")]);
    let table = fbuild_project::partitions::csv::compile(
        "nvs,data,nvs,,20K\notadata,data,ota,,8K\na,app,ota_0,0x30000,1M\n",
        &fbuild_project::partitions::csv::Options::default(),
    )
    .unwrap();
    for env in ["a", "b"] {
        files.image(&format!(".pio/build/{env}/firmware.bin"), Chip::Esp32S3);
        files.write(
            &format!(".pio/build/{env}/partitions.bin"),
            &table.to_bytes(),
        );
    }
    files.write(".pio/build/c/firmware.bin", b"no image");
    let found = files.discover(&[("PLATFORMIO_CORE_DIR", "@/core")]);
    assert_eq!(names(&found), ["platformio:a", "platformio:b"]);
    let regions = |env: &str| {
        let target = found.target(env).unwrap();
        target
            .regions
            .iter()
            .map(|r| (r.name.clone(), r.offset))
            .collect::<Vec<_>>()
    };
    let expected = |app| {
        [
            ("bootloader", 0),
            ("partitions", 0x8000),
            ("otadata", 0xe000),
            ("firmware", app),
        ]
        .map(|(name, offset)| (name.to_owned(), offset))
    };
    assert_eq!(regions("a"), expected(0x2_0000));
    assert_eq!(
        regions("b"),
        expected(0x3_0000),
        "pioarduino looks the slot up"
    );
    let (a, b) = (found.target("a").unwrap(), found.target("b").unwrap());
    assert_eq!(a.port.as_deref(), Some("espota://192.168.1.7"));
    assert_eq!(
        (&a.flash.size, &b.flash.size),
        (&Setting::Keep, &Setting::Detect)
    );
    assert_eq!(b.partitions_csv, Some(files.root().join("t.csv")));
    let boot_app0 = a.region("otadata").unwrap().source.path();
    assert!(
        boot_app0.starts_with(files.root().join("core/packages")),
        "{}",
        boot_app0.display()
    );
}

#[test]
fn idedata_of_a_moved_project_is_still_good() {
    let idedata = r#"{ "prog_path": "/gone/.pio/build/a/firmware.elf", "extra": { "flash_images": [
        { "offset": "0x0", "path": "/gone/.pio/build/a/bootloader.bin" },
        { "offset": "0x8000", "path": "/gone/.pio/build/a/partitions.bin" },
        { "offset": "0x2d0000", "path": "/gone/packages/tinyuf2.bin" } ],
        "application_offset": "0x20000" } }"#;
    let files = Files::new(&[
        ("platformio.ini", "[env:a]\nplatform = espressif32\n"),
        (".pio/build/a/idedata.json", idedata),
    ]);
    for name in ["bootloader", "partitions", "firmware"] {
        files.image(&format!(".pio/build/a/{name}.bin"), Chip::Esp32S2);
    }
    let found = files.discover(&[]);
    let regions: Vec<_> = found.targets[0]
        .regions
        .iter()
        .map(|r| (r.name.as_str(), r.offset, r.source.path().to_owned()))
        .collect();
    let built = |name: &str| files.root().join(".pio/build/a").join(name);
    assert_eq!(
        regions,
        [
            ("bootloader", 0, built("bootloader.bin")),
            ("partitions", 0x8000, built("partitions.bin")),
            ("firmware", 0x2_0000, built("firmware.bin")),
            (
                "tinyuf2",
                0x2d_0000,
                Path::new("/gone/packages/tinyuf2.bin").to_owned()
            ),
        ]
    );
}

#[test]
fn arduinos_build_cache_is_found_by_the_sketchs_path() {
    let files = Files::new(&[("blink.ino", "")]);
    let digest = <md5::Md5 as md5::Digest>::digest(files.root().display().to_string().as_bytes());
    let hash = digest
        .iter()
        .fold(String::new(), |hash, byte| format!("{hash}{byte:02X}"));
    let dir = format!("cache/sketches/{hash}");
    files.image(&format!("{dir}/blink.ino.bin"), Chip::Esp32C6);
    files.write(
        &format!("{dir}/build.options.json"),
        br#"{"fqbn": "esp32:esp32:esp32c6:FlashSize=4M"}"#,
    );
    files.write("build/arduino.avr.uno/blink.ino.hex", b":00000001FF\n");
    let found = files.discover(&[("ARDUINO_BUILD_CACHE_PATH", "@/cache"), ("HOME", "@")]);
    assert_eq!(
        names(&found),
        [
            "arduino:arduino.avr.uno",
            "arduino:esp32.esp32.esp32c6/cache"
        ]
    );
    let device = |n: usize| found.targets[n].device().map(fbuild_chip::Device::name);
    assert_eq!(
        [device(0), device(1)],
        [Some("atmega328p"), Some("esp32c6")]
    );
}

/// The header of a 32-bit executable ELF file for RISC-V.
fn elf_start() -> Vec<u8> {
    let mut bytes = vec![0; 64];
    bytes[..5].copy_from_slice(b"\x7fELF\x01");
    bytes[16] = 2;
    bytes[18] = 243;
    bytes
}

#[test]
fn cargo_programs_are_found_in_workspaces_profiles_and_examples() {
    let files = Files::new(&[
        ("Cargo.toml", "[workspace]\nmembers = [\"fw/*\"]\n"),
        (
            "fw/a/Cargo.toml",
            "[package]\nname = \"a\"\n[dependencies]\nesp-hal = { features = [\"esp32c6\"] }\n",
        ),
        (
            "t/riscv32imac-unknown-none-elf/release/a.d",
            "a: @/fw/a/src/main.rs\n",
        ),
    ]);
    for program in [
        "release/a",
        "debug/a",
        "release/examples/e",
        "release/examples/e-0123456789abcdef",
    ] {
        files.write(
            &format!("t/riscv32imac-unknown-none-elf/{program}"),
            &elf_start(),
        );
    }
    files.write("t/x86_64-unknown-linux-gnu/release/host", &elf_start());
    files.write("t/riscv32imac-unknown-none-elf/release/notes", b"text");
    let found = files.discover(&[("CARGO_TARGET_DIR", "@/t")]);
    assert_eq!(
        names(&found),
        [
            "cargo:a/debug",
            "cargo:a/release",
            "cargo:examples/e/release"
        ]
    );
    assert!(
        found
            .targets
            .iter()
            .all(|target| target.chip == Some(Chip::Esp32C6))
    );
    assert_eq!(
        [1, 2].map(|n| found.targets[n].build_command()),
        [
            "cargo build --release --target riscv32imac-unknown-none-elf",
            "cargo build --release --example e --target riscv32imac-unknown-none-elf"
        ]
    );
    let host_only = Files::new(&[("Cargo.toml", "[package]\nname = \"x\"\n")]);
    assert_eq!(host_only.discover(&[]).unbuilt, []);
}
