//! fbuild: `.fbuild/build/<env>/<profile>/`.
//!
//! Source: FastLED/fbuild 72739a12, `crates/fbuild-build-esp` and its `configs/<mcu>.json`. fbuild
//! writes boot loader, table and firmware at fixed offsets and nothing else; the `boot_app0.bin`
//! that it stages is offered as spare otadata.

use std::path::{Path, PathBuf};

use super::environment::Environment;
use super::platformio::console;
use super::platformio::{avr, usb};
use super::platformio_config::{FILE_NAME, ProjectConfig};
use super::programs::older_program;
use super::{Discovery, Look, image_chip, read_table, regions};
use crate::partitions::{DEFAULT_TABLE_OFFSET, PartitionTable};
use crate::target::{Target, Tool};

const FIRMWARE_OFFSET: u32 = 0x1_0000;
const PROFILES: [&str; 2] = ["release", "quick"];

pub(super) fn find(root: &Path, environment: &Environment, look: &Look, found: &mut Discovery) {
    let configured = environment
        .dir("FBUILD_BUILD_DIR")
        .map(|dir| root.join(dir));
    let base = configured.unwrap_or_else(|| root.join(".fbuild/build"));
    // A broken platformio.ini is reported by its own module; here it only makes targets poorer.
    let config = ProjectConfig::load(root, environment).ok();
    let defaults = config
        .as_ref()
        .and_then(|config| config.default_envs().ok())
        .unwrap_or_default();
    // fbuild leaves the directory of the environment out where the project is named like it.
    let project_name = root
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    let mut places: Vec<(Option<String>, Option<String>, PathBuf)> = Vec::new();
    for dir in look.subdirectories(&base, |_| true) {
        let name = dir
            .file_name()
            .map(|n| n.to_string_lossy().into_owned())
            .unwrap_or_default();
        let has_program = || {
            let names = ["firmware.bin", "firmware.hex", "firmware.uf2"];
            names.iter().any(|name| dir.join(name).is_file())
        };
        if PROFILES.contains(&name.as_str()) && has_program() {
            places.push((project_name.clone(), Some(name), dir));
            continue;
        }
        for profile in look.subdirectories(&dir, |_| true) {
            let profile_name = profile
                .file_name()
                .map(|n| n.to_string_lossy().into_owned());
            places.push((Some(name.clone()), profile_name, profile));
        }
        places.push((Some(name), None, dir));
    }
    for (env, profile, dir) in places {
        let hex = dir.join("firmware.hex");
        let avr = match (&config, &env) {
            (Some(config), Some(env)) if hex.is_file() => avr::board(config, env).ok().flatten(),
            _ => None,
        };
        let usb = match (&config, &env) {
            (Some(config), Some(env)) => usb::board(config, env).ok().flatten(),
            _ => None,
        };
        let usb = usb.map(|board| {
            (
                board,
                dir.join("firmware").with_extension(board.extension()),
            )
        });
        let usb = usb.filter(|(_, program)| program.is_file());
        if avr.is_none() && usb.is_none() && !dir.join("firmware.bin").is_file() {
            continue;
        }
        let mut target = read(root, env, profile, &dir, config.as_ref());
        if let Some(board) = avr {
            target.chip = None;
            avr::fill(&mut target, board, &hex);
        }
        if let Some((board, program)) = usb {
            target.chip = None;
            usb::fill(&mut target, board, &program);
        }
        target
            .remarks
            .extend(older_program(&target, "fbuild", look));
        let is_default = target.env.as_ref().is_none_or(|env| defaults.contains(env));
        if !defaults.is_empty() && !is_default {
            found.not_default.push(target.name.clone());
        }
        found.targets.push(target);
    }
}

fn read(
    root: &Path,
    env: Option<String>,
    profile: Option<String>,
    dir: &Path,
    config: Option<&ProjectConfig<'_>>,
) -> Target {
    let parts: Vec<_> = [&env, &profile]
        .into_iter()
        .flatten()
        .map(String::as_str)
        .collect();
    let mut target = Target::new(
        format!("fbuild:{}", parts.join("/")),
        Tool::Fbuild,
        root,
        dir,
    );
    let firmware = dir.join("firmware.bin");
    let bootloader = dir.join("bootloader.bin");
    target.chip = image_chip(&firmware).or_else(|| image_chip(&bootloader));
    let bootloader_at = target.chip.map_or(0, |chip| chip.facts().bootloader_offset);
    let table = dir.join("partitions.bin");
    let rows = read_table(&table);
    target.regions = regions::tidy(vec![
        regions::bootloader(bootloader_at, bootloader),
        regions::partitions(DEFAULT_TABLE_OFFSET, table),
        regions::firmware(FIRMWARE_OFFSET, firmware),
    ]);
    let staged = dir.join("boot_app0.bin");
    let otadata = rows
        .as_ref()
        .and_then(PartitionTable::otadata)
        .filter(|_| staged.is_file());
    target.spare_otadata = otadata.map(|partition| regions::otadata(partition.offset, staged));
    target.inputs = vec![
        root.join("src"),
        root.join("include"),
        root.join("lib"),
        root.join(FILE_NAME),
    ];
    target.inputs.retain(|path| path.exists());
    if let (Some(config), Some(env)) = (config, &env) {
        let option = |name: &str| config.text(&format!("env:{env}"), name).ok().flatten();
        // A file of the project comes before the framework's tables.
        target.partitions_csv = option("board_build.partitions")
            .map(|name| root.join(name))
            .filter(|path| path.is_file());
        target.baud = option("upload_speed").and_then(|speed| speed.parse().ok());
        target.port = option("upload_port").filter(|port| !port.is_empty());
        target.console = console(config, &format!("env:{env}")).unwrap_or_default();
    }
    target.build = vec!["build".to_owned()];
    if let Some(env) = &env {
        target.build.extend(["-e".to_owned(), env.clone()]);
    }
    target.env = env;
    target.profile = profile;
    target
}
