//! Cargo: which of several configurations counts for a program.

use fbuild_chip::Chip;

use super::files::{Files, elf, names};
use crate::discover::{Environment, discover};
use crate::target::{Setting, Source};

const PACKAGE: &str = "[package]\nname = \"fw\"\n[dependencies]\nesp-hal = \"1\"\n";
const ESP32S3: &str = "xtensa-esp32s3-none-elf";
const ESP32C3: &str = "riscv32imc-unknown-none-elf";

fn table_of(target: &crate::target::Target) -> Option<&std::path::Path> {
    match &target.regions[0].source {
        Source::Elf(elf) => elf.partition_table.as_deref(),
        Source::File(_) => None,
    }
}

#[test]
fn every_triple_is_flashed_as_its_own_runner_says() {
    let files = Files::new(&[
        ("Cargo.toml", PACKAGE),
        (
            ".cargo/config.toml",
            "[target.riscv32imc-unknown-none-elf]\nrunner = \"espflash flash --chip esp32c3 -T c3.csv -s 4mb\"\n\
             [target.xtensa-esp32s3-none-elf]\nrunner = \"espflash flash --chip esp32s3 -T s3.csv -s 16mb\"\n",
        ),
        (
            "c3.csv",
            "nvs,data,nvs,0x9000,0x6000\nfactory,app,factory,0x10000,2M\n",
        ),
        (
            "s3.csv",
            "nvs,data,nvs,0x9000,0x6000\nfactory,app,factory,0x20000,4M\n",
        ),
    ]);
    files.write(&format!("target/{ESP32C3}/release/fw"), &elf(243));
    files.write(&format!("target/{ESP32S3}/release/fw"), &elf(94));
    let found = files.found_in("");
    let of = |target: &crate::target::Target| {
        let Setting::Set(size) = target.flash.size.clone() else {
            panic!("{:?}", target.flash)
        };
        let app = target.firmware().unwrap().offset;
        (target.chip.unwrap(), size, app)
    };
    let said: Vec<_> = found.targets.iter().map(of).collect();
    assert_eq!(
        said,
        [
            (Chip::Esp32C3, "4MB".to_owned(), 0x1_0000),
            (Chip::Esp32S3, "16MB".to_owned(), 0x2_0000)
        ]
    );
}

#[test]
fn configuration_counts_upwards_and_its_target_directory_lies_beside_it() {
    let files = Files::new(&[
        ("w/Cargo.toml", "[workspace]\nmembers = [\"fw\"]\n"),
        ("w/.cargo/config.toml", "[build]\ntarget-dir = \"../out\"\n"),
        ("w/fw/Cargo.toml", PACKAGE),
        (
            "w/fw/.cargo/config.toml",
            "[target.xtensa-esp32s3-none-elf]\nrunner = \"espflash flash -B 460800\"\n",
        ),
    ]);
    files.write(&format!("out/{ESP32S3}/debug/fw"), &elf(94));
    for place in ["w/fw", "w"] {
        let found = files.found_in(place);
        assert_eq!(names(&found), ["cargo:fw/debug"], "{place}");
        assert_eq!(found.targets[0].baud, Some(460_800), "{place}");
    }
}

/// Each of them as cargo 1.95 takes it: a file before what it includes, of which the last counts first, paths by the
/// directory that the file's own is in, the environment before all of them.
#[test]
fn configuration_may_be_included_and_the_environment_goes_before_it() {
    let runner =
        |baud: &str| format!("[target.{ESP32S3}]\nrunner = [\"espflash\", \"-B\", \"{baud}\"]\n");
    let files = Files::new(&[
        ("p/Cargo.toml", PACKAGE),
        ("p/.cargo/first.toml", &runner("9600")),
        (
            "p/.cargo/more/last.toml",
            &format!("include = [\"own.toml\"]\n{}", runner("57600")),
        ),
        (
            "p/.cargo/more/own.toml",
            "include = [\"last.toml\"]\n[build]\ntarget-dir = \"out\"\n",
        ),
        (".cargo/config.toml", &runner("300")),
    ]);
    files.write(&format!("p/.cargo/out/{ESP32S3}/debug/fw"), &elf(94));
    files.write(&format!("p/target/{ESP32S3}/debug/other"), &elf(94));
    let variable = (
        "CARGO_TARGET_XTENSA_ESP32S3_NONE_ELF_RUNNER",
        "espflash -B 4800",
    );
    for (config, variables, program, baud) in [
        (
            "include = [\"first.toml\", \"more/last.toml\"]",
            &[][..],
            "fw",
            57600,
        ),
        (
            "include = [{path = \"more/last.toml\"}, {path = \"no.toml\", optional = true}, {path = \"first.toml\"}]",
            &[],
            "fw",
            9600,
        ),
        (
            &format!("include = [\"more/last.toml\"]\n{}", runner("1200")),
            &[],
            "fw",
            1200,
        ),
        (
            "include = [\"more/last.toml\"]\nbuild.target-dir = \"target\"",
            &[],
            "other",
            57600,
        ),
        ("include = [\"more/last.toml\"]", &[variable], "fw", 4800),
        ("", &[variable], "other", 4800),
        ("", &[], "other", 300),
    ] {
        files.write("p/.cargo/config.toml", config.as_bytes());
        let variables = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let found = discover(&files.root().join("p"), &Environment::from_pairs(variables));
        let [target] = found.targets.as_slice() else {
            panic!("{config}: {found:?}")
        };
        assert_eq!(
            (target.env.as_deref(), target.baud),
            (Some(program), Some(baud)),
            "{config}"
        );
        let is_input = target
            .inputs
            .contains(&files.root().join("p/.cargo/more/last.toml"));
        assert_eq!(is_input, config.contains("more/last"), "{config}");
    }
    // Where both are there, cargo takes the older name.
    files.write("p/.cargo/config", runner("600").as_bytes());
    assert_eq!(files.found_in("p").targets[0].baud, Some(600));
}

#[test]
fn a_member_may_have_a_target_directory_of_its_own() {
    let files = Files::new(&[
        ("Cargo.toml", "[workspace]\nmembers = [\"fw\"]\n"),
        ("fw/Cargo.toml", PACKAGE),
        ("fw/.cargo/config.toml", "[build]\ntarget-dir = \"out\"\n"),
    ]);
    files.write(&format!("fw/out/{ESP32S3}/release/fw"), &elf(94));
    for place in ["", "fw"] {
        let found = files.found_in(place);
        assert_eq!(names(&found), ["cargo:fw/release"], "'{place}'");
        assert_eq!(found.targets[0].root, files.root().join("fw"));
    }
}

#[test]
fn a_program_of_a_workspace_is_one_target_with_the_settings_of_its_member() {
    let member = |name: &str, chip: &str| {
        format!(
            "[package]\nname = \"{name}\"\n[dependencies]\nesp-hal = {{ version = \"1\", features = [\"{chip}\"] }}\n"
        )
    };
    let runner =
        |table: &str| format!("[target.{ESP32C3}]\nrunner = \"espflash flash -T {table}\"\n");
    let rows = "nvs,data,nvs,0x9000,0x6000\nfactory,app,factory,0x20000,1M\n";
    let files = Files::new(&[
        ("Cargo.toml", "[workspace]\nmembers = [\"a\", \"b\"]\n"),
        ("espflash.toml", "baudrate = 115200\n"),
        ("a/Cargo.toml", &member("a", "esp32c6")),
        ("a/.cargo/config.toml", &runner("a.csv")),
        ("a/a.csv", rows),
        ("b/Cargo.toml", &member("b", "esp32h2")),
    ]);
    for name in ["a", "b"] {
        let program = format!("target/{ESP32C3}/release/{name}");
        files.write(&program, &elf(243));
        let rule = files.text(&format!("@/{program}: @/{name}/src/main.rs\n"));
        files.write(&format!("{program}.d"), rule.as_bytes());
    }
    let found = files.found_in("");
    assert_eq!(names(&found), ["cargo:a/release", "cargo:b/release"]);
    let [a, b] = found.targets.as_slice() else {
        panic!("{found:?}")
    };
    assert_eq!((a.chip, b.chip), (Some(Chip::Esp32C6), Some(Chip::Esp32H2)));
    assert_eq!(table_of(a), Some(&*files.root().join("a/a.csv")));
    assert_eq!(table_of(b), None);
    assert_eq!(a.firmware().unwrap().offset, 0x2_0000);
}

/// A boot loader does not find the table of another build.
#[test]
fn the_boot_loader_and_the_table_are_of_one_build_of_esp_idf_sys() {
    use std::time::{Duration, SystemTime};

    const TRIPLE: &str = "riscv32imc-esp-espidf";
    let files = Files::new(&[(
        "Cargo.toml",
        "[package]\nname = \"fw\"\n[dependencies]\nesp-idf-svc = \"0.51\"\n",
    )]);
    let profile = format!("target/{TRIPLE}/debug");
    files.write(&format!("{profile}/fw"), &elf(243));
    let made = |build: &str, name: &str, age_secs: u64| {
        let name = format!("{profile}/build/esp-idf-sys-{build}/out/build/{name}");
        match name.ends_with("loader.bin") {
            true if build == "a" => files.image(&name, Chip::Esp32C3),
            true => files.image(&name, Chip::Esp32C6),
            false => files.table(&name, "factory,app,factory,0x20000,1M\n"),
        }
        let path = files.root().join(&name);
        let time = SystemTime::now() - Duration::from_secs(age_secs);
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(time).unwrap();
        path
    };
    let (loader, table) = (
        "bootloader/bootloader.bin",
        "partition_table/partition-table.bin",
    );
    let source = || {
        let target = files.found_in("").targets[0].clone();
        let Source::Elf(elf) = &target.regions[0].source else {
            panic!("{target:?}")
        };
        let paths = [elf.bootloader.clone(), elf.partition_table.clone()];
        (paths.map(Option::unwrap), target.remarks)
    };
    let older = [made("a", loader, 2000), made("a", table, 2000)];
    assert_eq!(source(), (older.clone(), vec![]));
    // One that was not finished.
    let newer = made("b", loader, 1000);
    let (paths, remarks) = source();
    assert_eq!(paths, older);
    assert!(remarks[0].starts_with("there are several builds of esp-idf-sys, which differ"));
    let newer = [newer, made("b", table, 1000)];
    assert_eq!(source().0, newer);
}

#[test]
fn what_esp_idf_sys_built_may_be_in_a_directory_of_its_own() {
    const BUILT: &str = "riscv32imc-esp-espidf/release/build/esp-idf-sys-1/out/build";
    let files = Files::new(&[(
        "Cargo.toml",
        "[package]\nname = \"fw\"\n[dependencies]\nesp-idf-svc = \"0.51\"\n",
    )]);
    files.write("target/riscv32imc-esp-espidf/release/fw", &elf(243));
    for dir in ["target", "bd", "home/bd"] {
        files.image(
            &format!("{dir}/{BUILT}/bootloader/bootloader.bin"),
            Chip::Esp32C3,
        );
        let table = format!("{dir}/{BUILT}/partition_table/partition-table.bin");
        files.table(&table, "factory,app,factory,0x20000,1M\n");
    }
    for (said, variable, dir) in [
        ("", None, "target"),
        ("bd", None, "bd"),
        ("none", None, "target"),
        ("{workspace-root}/bd", None, "bd"),
        ("{cargo-cache-home}/bd", None, "home/bd"),
        ("none", Some("bd"), "bd"),
    ] {
        let config = if said.is_empty() {
            String::new()
        } else {
            format!("build.build-dir = \"{said}\"\n")
        };
        files.write(".cargo/config.toml", config.as_bytes());
        let mut variables = vec![("CARGO_HOME", "@/home")];
        variables.extend(variable.map(|dir| ("CARGO_BUILD_BUILD_DIR", dir)));
        let target = files.found_with(&variables).targets[0].clone();
        let expected = files
            .root()
            .join(format!("{dir}/{BUILT}/partition_table/partition-table.bin"));
        assert_eq!(table_of(&target), Some(&*expected), "{said} {variable:?}");
    }
}
