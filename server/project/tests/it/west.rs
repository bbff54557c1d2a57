//! What is deployed of Zephyr is what the genuine runner of `west flash` would write (tests/west).

use std::path::Path;

use fbuild_project::discover::{Environment, discover};
use fbuild_project::target::{Setting, Target};

use crate::fixtures::{json, repository};

/// With a boot loader and no table the runner leaves the program out, too, and flashes what cannot start. Here it is
/// deployed.
const LEAVES_PROGRAM_OUT: &str = "a boot loader without a table";

const FILES: [&str; 3] = ["bootloader.bin", "table.bin", "zephyr.bin"];

/// Offsets and files, in order of offset.
type Writes = Vec<(u32, String)>;

/// A build whose `runners.yaml` has these options.
fn built(folder: &Path, options: &[&str]) -> Target {
    let build = folder.join("build/zephyr");
    std::fs::create_dir_all(&build).unwrap();
    let write = |name: &str, text: &str| std::fs::write(build.join(name), text).unwrap();
    for name in FILES {
        write(name, "");
    }
    write(".config", "CONFIG_SOC=\"esp32\"\n");
    std::fs::write(folder.join("prj.conf"), "").unwrap();
    // As west writes it: each option an item of the list, each file with its whole path.
    let items = options.iter().map(|option| match option.split_once('=') {
        Some((name, file)) if FILES.contains(&file) => {
            format!("    - {name}={}\n", build.join(file).display())
        }
        _ => format!("    - {option}\n"),
    });
    let items: String = items.collect();
    write(
        "runners.yaml",
        &format!(
            "runners:\n- esp32\nflash-runner: esp32\nconfig:\n  bin_file: zephyr.bin\nargs:\n  esp32:\n    - \
             --esp-idf-path=/idf\n{items}"
        ),
    );
    let mut found = discover(folder, &Environment::default());
    assert_eq!(found.problems, [], "{options:?}");
    found.targets.remove(0)
}

fn deployed(target: &Target) -> Writes {
    let regions = target.regions.iter().map(|region| {
        let name = region.source.path().file_name().unwrap();
        (region.offset, name.to_str().unwrap().to_owned())
    });
    regions.collect()
}

/// As esptool reads it.
fn offset(text: &str) -> u32 {
    let read = match text.strip_prefix("0x") {
        Some(hex) => u32::from_str_radix(hex, 16),
        None => text.parse(),
    };
    read.unwrap()
}

/// The word that follows an option.
fn after<'w>(words: &[&'w str], option: &str) -> Option<&'w str> {
    let at = words.iter().position(|word| *word == option)?;
    words.get(at + 1).copied()
}

fn shown(setting: &Setting<String>) -> &str {
    match setting {
        Setting::Keep => "keep",
        Setting::Detect => "detect",
        Setting::Set(value) => value,
    }
}

#[test]
fn what_is_deployed_is_what_west_flash_writes() {
    let cases = json(&repository().join("tests/west/esp32.json"));
    let cases = cases.as_array().unwrap();
    assert_eq!(cases.len(), 17);
    for case in cases {
        let name = case["case"].as_str().unwrap();
        let options: Vec<&str> = case["arguments"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it.as_str().unwrap())
            .collect();
        let calls: Vec<&str> = case["calls"].as_str().unwrap().split(' ').collect();
        let folder = tempfile::tempdir().unwrap();
        let target = built(folder.path(), &options);

        let writes = calls.windows(2).filter(|pair| FILES.contains(&pair[1]));
        let mut wanted: Writes = writes
            .map(|pair| (offset(pair[0]), pair[1].to_owned()))
            .collect();
        if name == LEAVES_PROGRAM_OUT {
            wanted.push((0x1_0000, "zephyr.bin".to_owned()));
        }
        wanted.sort();
        assert_eq!(deployed(&target), wanted, "{name}");

        let flash = &target.flash;
        for (option, setting) in [
            ("--flash_mode", &flash.mode),
            ("--flash_freq", &flash.freq),
            ("--flash_size", &flash.size),
        ] {
            assert_eq!(
                Some(shown(setting)),
                after(&calls, option),
                "{name}: {option}"
            );
        }
        assert_eq!(
            target.flash_encryption,
            calls.contains(&"--encrypt"),
            "{name}"
        );
        // Without the option the fastest rate that works is taken, which is no question of what is written.
        if let Some(baud) = target.baud {
            assert_eq!(Some(&*baud.to_string()), after(&calls, "--baud"), "{name}");
        }
    }
}
