//! Zephyr: `build/zephyr/runners.yaml`, one a domain where sysbuild was used.
//!
//! Source: Zephyr `scripts/west_commands/runners/esp32.py` and
//! `soc/espressif/common/CMakeLists.txt`. The files are YAML that Zephyr generates; the lines that
//! count are plain.

mod board;
mod domains;
mod flow;
pub(super) mod west;

use std::path::{Path, PathBuf};

use fbuild_chip::flash::parse_offset;

use super::arguments;
use super::programs::older_program;
use super::sdkconfig::SdkConfig;
use super::{Discovery, Look, image_chip, outer, read_start, regions, relative_name};
use crate::partitions::DEFAULT_TABLE_OFFSET;
use crate::target::{FlashParams, Region, RegionKind, Setting, Target, Tool};

/// Where west's runner puts what no option places, whatever the chip.
const BOOT_ADDRESS: u32 = 0x1000;
const APP_ADDRESS: u32 = 0x1_0000;

/// Begins an image for MCUboot. Source: MCUboot documentation, `image_header.ih_magic`.
const MCUBOOT_MAGIC: [u8; 4] = 0x96F3_B83D_u32.to_le_bytes();

pub(super) use board::{BoardOf, board_of_west, soc_of};
pub(super) use domains::{DOMAINS, has_domains};
use domains::{MCUBOOT, Place};
pub(super) use flow::read as unfolded;

pub(super) fn find(root: &Path, look: &Look, found: &mut Discovery) {
    // The build itself may be opened.
    add(root, root, look, found);
    for dir in look.subdirectories(root, |name| name.starts_with("build")) {
        add(root, &dir, look, found);
    }
}

/// Adds what a build directory of Zephyr's holds, if it is one.
pub(super) fn add(root: &Path, dir: &Path, look: &Look, found: &mut Discovery) {
    if look.has(&dir.join(DOMAINS)) && has_domains(dir)
        || look.has(&dir.join("zephyr/runners.yaml"))
    {
        let target = read(root, dir, look, found);
        found.targets.extend(target);
    }
}

/// What `runners.yaml` of one domain says.
#[derive(Debug, Default, PartialEq, Eq)]
struct Runner {
    /// `flash-runner`: the one that `west flash` uses.
    name: Option<String>,
    bin_file: Option<String>,
    /// Whether it can be flashed by the runner for ESPs.
    is_esp: bool,
    /// The items of its lists: the options of runners are words as on a command line.
    words: Vec<String>,
}

impl Runner {
    fn parse(text: &str) -> Self {
        let mut runner = Self::default();
        for line in text.lines() {
            let line = line.trim();
            let value = |value: &str| value.trim().trim_matches(['"', '\'']).to_owned();
            if let Some(file) = line.strip_prefix("bin_file:") {
                runner.bin_file = Some(value(file));
            } else if let Some(name) = line.strip_prefix("flash-runner:") {
                runner.name = Some(value(name));
            }
            runner.is_esp |= line == "esp32:";
            runner.words.extend(line.strip_prefix("- ").map(value));
        }
        runner.is_esp |= runner.name.as_deref() == Some("esp32");
        runner
    }

    fn get(&self, name: &str) -> Option<&str> {
        let is_it = |option: &str| option.strip_prefix("--esp-") == Some(name);
        arguments::value(&self.words, is_it).filter(|value| !value.is_empty())
    }

    fn has(&self, name: &str) -> bool {
        arguments::options(&self.words)
            .any(|(option, _)| option.strip_prefix("--esp-") == Some(name))
    }

    /// An offset, and where west's runner puts it by default.
    fn offset(&self, name: &str, usual: u32) -> u32 {
        self.get(name).and_then(parse_offset).unwrap_or(usual)
    }

    fn monitor_baud(&self) -> Option<(u32, &'static str)> {
        let baud = self.get("monitor-baud")?.parse().ok()?;
        Some((baud, "runners.yaml"))
    }

    fn setting(&self, name: &str, usual: &str) -> Setting<String> {
        match self.get(name).unwrap_or(usual) {
            "keep" => Setting::Keep,
            "detect" => Setting::Detect,
            value => Setting::Set(value.to_owned()),
        }
    }
}

fn read(root: &Path, dir: &Path, look: &Look, discovery: &mut Discovery) -> Option<Target> {
    let runners_yaml = dir.join("zephyr/runners.yaml");
    let name = match root.file_name() {
        Some(own) if dir == root => own.to_string_lossy().into_owned(),
        _ => relative_name(root, dir),
    };
    let project = outer::project_in(root, dir);
    let mut target = Target::new(
        format!("zephyr:{name}"),
        Tool::Zephyr,
        &project,
        &runners_yaml,
    );
    if dir != root {
        target.build = build_words(&project, dir, look);
    }
    target.env = Some(name);
    let mut found = Vec::new();
    let mut missing = Vec::new();
    let mut has_app = false;
    let domains = domains::of(dir, look, discovery);
    for (domain, domain_dir) in domains.all.clone() {
        let path = domain_dir.join("zephyr/runners.yaml");
        let Some(runner) = flow::read(&path, look).map(|text| Runner::parse(&text)) else {
            discovery.pass(&path, "does not exist: not built");
            missing.push((domain, path));
            continue;
        };
        let config = SdkConfig::read(&domain_dir.join("zephyr/.config"), look);
        if let Some(other) = runner.name.as_deref().filter(|name| *name != "esp32")
            && runner.is_esp
        {
            target.remarks.push(format!(
                "`west flash` uses the runner {other} of {}; what is deployed is what it says for esp32",
                path.display()
            ));
        }
        if !runner.is_esp {
            let board = config.get("BOARD").or_else(|| config.get("SOC"));
            let board = board.or(runner.name.as_deref()).unwrap_or("another chip");
            discovery.pass_foreign(&path, &relative_name(root, &domain_dir), board);
            continue;
        }
        has_app |= domains.is_app(&domain);
        let place = Place::of(&domain_dir, look);
        let (mut images, remark) = images(&domain, &place, &runner);
        if domains.is_other(&domain)
            && let Some(program) = images.first_mut()
        {
            program.name.clone_from(&domain);
        }
        found.extend(images);
        target.remarks.extend(remark);
        target.chip = target
            .chip
            .or_else(|| config.get("SOC").and_then(|soc| soc.parse().ok()));
        target.baud = target
            .baud
            .or_else(|| runner.get("baud-rate").and_then(|b| b.parse().ok()));
        target.console.baud = target.console.baud.or_else(|| runner.monitor_baud());
        target.flash = FlashParams {
            mode: runner.setting("flash-mode", "dio"),
            freq: runner.setting("flash-freq", "40m"),
            size: runner.setting("flash-size", "detect"),
        };
        target.table_offset = runner.offset("partition-table-address", DEFAULT_TABLE_OFFSET);
        target.flash_encryption |= runner.has("encrypt");
    }
    if found.is_empty() {
        return None;
    }
    target.regions = regions::tidy(found);
    let is_mcuboot = |(domain, _): &(String, PathBuf)| domain == MCUBOOT;
    target.remarks.extend(missing.iter().map(|(domain, path)| {
        format!(
            "domain {domain} is not built and is left out ({} does not exist){}",
            path.display(),
            if !has_app {
                ": what is deployed has no application"
            } else if missing.iter().any(is_mcuboot) {
                ": the board starts only with the MCUboot that is on it"
            } else {
                ""
            }
        )
    }));
    target
        .remarks
        .extend(older_program(&target, "runners.yaml", look));
    let firmware = target
        .firmware()
        .map(|region| region.source.path().to_owned());
    target.chip = target.chip.or_else(|| image_chip(&firmware?));
    target.inputs = ["src", "boards", "prj.conf", "CMakeLists.txt"]
        .iter()
        .map(|name| project.join(name))
        .collect();
    target.inputs.retain(|path| path.exists());
    Some(target)
}

/// What follows `west`. A release has a build's files, and no application.
fn build_words(project: &Path, dir: &Path, look: &Look) -> Vec<String> {
    let sources = ["CMakeLists.txt", "prj.conf"].map(|name| project.join(name));
    let mut sources = sources.into_iter().chain([dir.join("CMakeCache.txt")]);
    if !sources.any(|path| look.has(&path)) {
        return Vec::new();
    }
    let place = relative_name(project, dir);
    ["build", "-d", &place].map(str::to_owned).to_vec()
}

/// What west's runner writes, and a remark on what it leaves out.
fn images(domain: &str, place: &Place, runner: &Runner) -> (Vec<Region>, Option<String>) {
    let mut found = Vec::new();
    let bin = runner.bin_file.as_deref().unwrap_or("zephyr.bin");
    let app_at = runner.offset("app-address", APP_ADDRESS);
    let app = place.file(bin);
    found.push(if domain == MCUBOOT {
        regions::bootloader(app_at, app)
    } else if read_start(&app, 4).is_some_and(|start| start == MCUBOOT_MAGIC) {
        // A container of MCUboot's, which checks it by its own rules.
        Region {
            kind: RegionKind::Data,
            ..regions::firmware(app_at, app)
        }
    } else {
        regions::firmware(app_at, app)
    });
    // Older trees flash ESP-IDF's boot loader and table with the app.
    let file = |option: &str| runner.get(option).map(|path| place.file(path));
    let table = file("flash-partition_table");
    let Some(bootloader) = file("flash-bootloader") else {
        let remark = table.map(|table| {
            format!(
                "{} is left out, as west's runner does where runners.yaml names no boot loader",
                table.display()
            )
        });
        return (found, remark);
    };
    found.push(regions::bootloader(
        runner.offset("boot-address", BOOT_ADDRESS),
        bootloader,
    ));
    let table_at = runner.offset("partition-table-address", DEFAULT_TABLE_OFFSET);
    found.extend(table.map(|table| regions::partitions(table_at, table)));
    (found, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_lines_that_count() {
        let runner = Runner::parse(
            "runners:\n- esp32\nflash-runner: esp32\nconfig:\n  bin_file: zephyr.signed.bin\nargs:\n  \
             esp32:\n    - --esp-app-address=0x20000\n    - --esp-encrypt\n    - '--esp-flash-size=8MB'\n",
        );
        assert_eq!(runner.bin_file.as_deref(), Some("zephyr.signed.bin"));
        assert_eq!(runner.offset("app-address", 0), 0x2_0000);
        assert_eq!(
            runner.setting("flash-size", "detect"),
            Setting::Set("8MB".into())
        );
        assert_eq!(runner.setting("flash-mode", "keep"), Setting::Keep);
        assert!(runner.is_esp && !Runner::parse("flash-runner: openocd\n").is_esp);
    }

    #[test]
    fn sysbuild_gives_boot_loader_and_app() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        };
        write("build/domains.yaml", b"default: app\ndomains:\n  - name: app\n    build_dir: /gone/app\n  - name: mcuboot\n    build_dir: /gone/mcuboot\n");
        for (domain, file, address, start) in [
            ("mcuboot", "zephyr.bin", "0x0", vec![0xE9u8; 4]),
            (
                "app",
                "zephyr.signed.bin",
                "0x20000",
                MCUBOOT_MAGIC.to_vec(),
            ),
        ] {
            let runners = format!(
                "flash-runner: esp32\nconfig:\n  bin_file: {file}\nargs:\n  esp32:\n    - --esp-app-address={address}\n"
            );
            write(
                &format!("build/{domain}/zephyr/runners.yaml"),
                runners.as_bytes(),
            );
            write(
                &format!("build/{domain}/zephyr/.config"),
                b"CONFIG_SOC=\"esp32c3\"\n",
            );
            write(&format!("build/{domain}/zephyr/{file}"), &start);
        }
        let target = read(
            dir.path(),
            &dir.path().join("build"),
            &Look::default(),
            &mut Discovery::default(),
        )
        .unwrap();
        assert_eq!(target.name, "zephyr:build");
        let regions: Vec<_> = target
            .regions
            .iter()
            .map(|r| (r.name.as_str(), r.offset, r.kind))
            .collect();
        assert_eq!(
            regions,
            [
                ("bootloader", 0, RegionKind::Bootloader),
                ("firmware", 0x2_0000, RegionKind::Data)
            ]
        );
        assert_eq!(target.chip, Some(fbuild_chip::Chip::Esp32C3));
    }
}
