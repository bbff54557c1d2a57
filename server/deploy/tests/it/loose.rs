//! Images without a project, and members of a workspace that are opened alone.

use fbuild_chip::Chip;
use fbuild_project::discover::{Environment, discover};
use fbuild_project::partitions::csv;
use fbuild_project::target::{Setting, Source};

use crate::layouts::{Files, names};
use crate::projects::{lay_out, lines};

const TABLE: &str = "<table>nvs,data,nvs,0x9000,0x4000\notadata,data,ota,0xd000,0x2000\n\
                     a,app,ota_0,0x20000,1M\nb,app,ota_1,,1M\nstorage,data,spiffs,,1M\n";

#[test]
fn a_release_says_itself_what_goes_where() {
    let list = "--flash_mode dio --flash_freq 80m --flash_size 8MB\n0x0 boot loader/bootloader.bin\n\
                0x8000 partition-table.bin\n0x20000 /gone/build/app.bin\n0x300000 more.bin\n";
    let files = lay_out(&[
        ("release 1/flash_args", list),
        ("release 1/boot loader/bootloader.bin", "<s3>"),
        ("release 1/partition-table.bin", TABLE),
        ("release 1/app.bin", "<s3>"),
        ("release 1/more.bin", "x"),
    ]);
    let found = files.discover(&[]);
    let expected =
        "files:release 1: bootloader 0x0, partitions 0x8000, firmware 0x20000, more 0x300000";
    assert_eq!(lines(&found), [expected]);
    let target = found.default_target().unwrap();
    assert_eq!(target.chip, Some(Chip::Esp32S3));
    assert_eq!(target.flash.size, Setting::Set("8MB".to_owned()));
    assert_eq!(target.flash.mode, Setting::Set("dio".to_owned()));
    // What it lists and does not have is not left out.
    std::fs::remove_file(files.root().join("release 1/more.bin")).unwrap();
    let found = files.discover(&[]);
    assert_eq!(found.default_target().unwrap_err().code(), "file-missing");
}

#[test]
fn images_of_one_firmware_are_put_where_they_say() {
    let images: &[(&str, &str)] = &[
        ("bootloader.bin", "<image>"),
        ("partition-table.bin", TABLE),
        ("ota_data_initial.bin", "x"),
        ("kiln.bin", "<image>"),
        ("storage.bin", "x"),
        ("notes.txt", "x"),
    ];
    let expected =
        "bootloader 0x1000, partitions 0x8000, otadata 0xd000, firmware 0x20000, storage 0x220000";
    // The folder itself, one below it, and what a build without a project leaves.
    let files = lay_out(images);
    let name = files.root().file_name().unwrap().to_str().unwrap();
    assert_eq!(
        lines(&files.discover(&[])),
        [format!("files:{name}: {expected}")]
    );
    let below: Vec<_> = images
        .iter()
        .map(|(name, text)| (format!("out/größe 1/{name}"), *text))
        .collect();
    let mut below: Vec<_> = below
        .iter()
        .map(|(name, text)| (name.as_str(), *text))
        .collect();
    below.extend([
        ("out/größe 1/kiln.elf", "x"),
        ("out/größe 1/copy.bin", "<image>"),
    ]);
    assert_eq!(
        lines(&lay_out(&below).discover(&[])),
        [format!("files:out/größe 1: {expected}")]
    );
}

/// A boot loader, a table and an app as one file's bytes, from the boot loader's place on.
fn merged(chip: Chip) -> Vec<u8> {
    let table = csv::compile("a,app,factory,0x10000,1M\n", &csv::Options::default()).unwrap();
    let mut bytes = vec![0xFF; 0x1_0000];
    let boot_loader = chip.facts().bootloader_offset as usize;
    for at in [boot_loader, 0x1_0000] {
        bytes.resize(bytes.len().max(at + 24), 0);
        bytes[at..at + 24].fill(0);
        bytes[at] = 0xE9;
        bytes[at + 12..at + 14].copy_from_slice(&chip.facts().image_id.unwrap().to_le_bytes());
    }
    let table = table.to_bytes();
    bytes[0x8000..0x8000 + table.len()].copy_from_slice(&table);
    bytes
}

#[test]
fn one_image_of_the_whole_flash_goes_where_it_starts() {
    for chip in [Chip::Esp32, Chip::Esp32C3, Chip::Esp32C5] {
        let at = chip.facts().bootloader_offset;
        for (cut, offset) in [(0, 0), (at as usize, at)] {
            let files = Files::new(&[]);
            files.write("v1.2/kiln.factory.bin", &merged(chip)[cut..]);
            files.image("v1.2/kiln.bin", chip);
            let expected = format!("files:v1.2: kiln.factory {offset:#x}");
            assert_eq!(lines(&files.discover(&[])), [expected], "{chip}");
        }
    }
}

#[test]
fn what_is_not_certain_is_told_and_not_taken() {
    let passed = |files: &[(&str, &str)]| {
        let found = lay_out(files).discover(&[]);
        assert_eq!(names(&found), [""; 0]);
        assert_eq!(found.problems, []);
        found
            .passed
            .iter()
            .map(|it| it.why.clone())
            .collect::<Vec<_>>()
            .join("; ")
    };
    let whole = [("bootloader.bin", "<image>"), ("partitions.bin", TABLE)];
    let several = passed(&[whole[0], whole[1], ("a.bin", "<image>"), ("b.bin", "<s3>")]);
    assert!(several.contains("several programs"), "{several}");
    let none = passed(&whole);
    assert!(none.contains("no program"), "{none}");
    let alone = passed(&[("x/a.elf", "x"), ("x/a.bin", "<image>")]);
    assert!(
        alone.contains("not both a boot loader and a partition table"),
        "{alone}"
    );
    // Programs for other chips are nobody's business here, and told with what else was looked at.
    let other = passed(&[("x/a.elf", "x"), ("x/a.bin", "x")]);
    assert_eq!(other, "nothing says what its files are: a.bin");
    // Where there is a project, its builds count, also while there are none.
    let release: [(&str, &str); 4] = [
        ("release/bootloader.bin", "<image>"),
        ("release/partitions.bin", TABLE),
        ("release/a.bin", "<image>"),
        ("main/main.c", ""),
    ];
    for project in [
        &[("CMakeLists.txt", ""), ("sdkconfig", "")][..],
        &[("fw/prj.conf", "")],
    ] {
        let files: Vec<_> = release.iter().chain(project).copied().collect();
        let why = passed(&files);
        assert!(
            why.contains("counts only where there is no project"),
            "{why}"
        );
    }
}

fn elf() -> Vec<u8> {
    let mut bytes = vec![0; 64];
    bytes[..5].copy_from_slice(b"\x7fELF\x01");
    bytes[16] = 2;
    bytes[18] = 243;
    bytes
}

const TRIPLE: &str = "target/riscv32imac-unknown-none-elf/release";

fn workspace() -> Files {
    let files = Files::new(&[
        (
            "Cargo.toml",
            "[workspace]\nmembers = [\"fw/*\", \"host\"]\n[workspace.dependencies]\n\
             esp-hal = { version = \"1\", features = [\"esp32c6\"] }\n",
        ),
        (
            ".cargo/config.toml",
            "[target.riscv32imac-unknown-none-elf]\nrunner = \"espflash flash\"\n",
        ),
        (
            "fw/a/Cargo.toml",
            "[package]\nname = \"a\"\n[dependencies]\nesp-hal.workspace = true\n",
        ),
        (
            "fw/b/Cargo.toml",
            "[package]\nname = \"b\"\n[dependencies]\nesp-hal.workspace = true\n",
        ),
        ("host/Cargo.toml", "[package]\nname = \"host\"\n"),
        (
            &format!("{TRIPLE}/a-bin.d"),
            "@/target/a-bin: @/fw/a/src/main.rs\n",
        ),
        (&format!("{TRIPLE}/b.d"), "target/b: fw/b/src/main.rs\n"),
    ]);
    for name in ["a-bin", "b"] {
        files.write(&format!("{TRIPLE}/{name}"), &elf());
    }
    files
}

#[test]
fn a_member_of_a_workspace_has_its_programs_in_the_workspace() {
    let files = workspace();
    let of = |place: &str| {
        let found = discover(&files.root().join(place), &Environment::default());
        assert_eq!(found.problems, []);
        let names: Vec<_> = found.targets.iter().map(|it| it.name.clone()).collect();
        let unbuilt = found.unbuilt.len();
        (names, unbuilt, found.targets.first().and_then(|it| it.chip))
    };
    let c6 = Some(Chip::Esp32C6);
    assert_eq!(of("fw/a"), (vec!["cargo:a-bin/release".to_owned()], 0, c6));
    assert_eq!(of("fw/b"), (vec!["cargo:b/release".to_owned()], 0, c6));
    assert_eq!(of("host"), (vec![], 0, None));
    let both = ["cargo:a-bin/release", "cargo:b/release"].map(str::to_owned);
    assert_eq!(of(""), (both.to_vec(), 0, c6));
    // Not built, it is missed where it would be.
    std::fs::remove_dir_all(files.root().join("target")).unwrap();
    let found = discover(&files.root().join("fw/a"), &Environment::default());
    let place = &found.unbuilt[0].looked_for;
    assert!(
        place.starts_with(files.root().join("target")),
        "{}",
        place.display()
    );
}

/// espflash's options, from its file and from cargo's runner; and what esp-idf-sys leaves beside the program.
#[test]
fn what_espflash_is_told_is_read() {
    let std = "[package]\nname = \"a\"\n[dependencies]\nesp-idf-svc = \"0.51\"\n";
    let dir = "target/riscv32imc-esp-espidf/debug";
    let files = Files::new(&[
        ("größe 1/Cargo.toml", std),
        (
            "größe 1/.cargo/config.toml",
            "[target.riscv32imc-esp-espidf]\nrunner = [\"espflash\", \"flash\", \"--baud\", \"921600\", \
             \"--flash-size\", \"8mb\"]\n[env]\nMCU = \"esp32c3\"\n",
        ),
    ]);
    let place = |name: &str| format!("größe 1/{dir}/{name}");
    files.write(&place("a"), &elf());
    files.image(&place("bootloader.bin"), Chip::Esp32C3);
    let table = "nvs,data,nvs,0x11000,0x4000\na,app,ota_0,0x40000,1M\nb,app,ota_1,,1M\n";
    let options = csv::Options {
        table_offset: 0x1_0000,
        ..csv::Options::default()
    };
    let table = csv::compile(table, &options).unwrap();
    files.write(&place("partition-table.bin"), &table.to_bytes());
    let root = files.root().join("größe 1");
    let find = || {
        let found = discover(&root, &Environment::default());
        assert_eq!(found.problems, []);
        found.targets[0].clone()
    };
    let beside = |target: &fbuild_project::target::Target| {
        let Source::Elf(source) = &target.regions[0].source else {
            panic!("{target:?}");
        };
        (source.bootloader.clone(), source.partition_table.clone())
    };
    let target = find();
    assert_eq!(
        (target.chip, target.baud),
        (Some(Chip::Esp32C3), Some(921_600))
    );
    assert_eq!(target.flash.size, Setting::Set("8MB".to_owned()));
    let offset = |name: &str| target.region(name).map(|it| it.offset);
    assert_eq!(
        (offset("partitions"), offset("firmware")),
        (Some(0x1_0000), Some(0x4_0000))
    );
    let made = |name: &str| Some(root.join(dir).join(name));
    assert_eq!(
        beside(&target),
        (made("bootloader.bin"), made("partition-table.bin"))
    );
    // What espflash.toml names counts before what lies there; the runner before espflash.toml.
    std::fs::write(
        root.join("espflash.toml"),
        "baudrate = 115200\n[idf_format_args]\npartition_table = \"p 1.csv\"\n[flash]\nsize = \"4MB\"\n",
    )
    .unwrap();
    std::fs::write(root.join("p 1.csv"), "a,app,factory,0x30000,1M\n").unwrap();
    let target = find();
    assert_eq!(target.region("firmware").unwrap().offset, 0x3_0000);
    assert_eq!(
        beside(&target),
        (made("bootloader.bin"), Some(root.join("p 1.csv")))
    );
    assert_eq!(
        (target.baud, &target.flash.size),
        (Some(921_600), &Setting::Set("8MB".to_owned()))
    );
}
