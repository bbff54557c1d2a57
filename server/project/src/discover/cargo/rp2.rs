//! Programs for RP2040 and RP2350: an ELF file each, which a deploy makes a UF2 file of, as `elf2uf2-rs` and
//! `picotool` do.

use std::path::Path;

use fbuild_chip::usb::{Rp2, UsbBoard};

use super::config::Config;
use super::manifest::Package;
use super::{build_words, inputs, programs};
use crate::discover::look::Look;
use crate::discover::{Discovery, Unbuilt, regions};
use crate::target::{Target, Tool};

/// What the project in `root` has built; `false`: it is for no such chip.
pub(super) fn add(
    root: &Path,
    packages: &[Package],
    config: &Config,
    target_dir: &Path,
    look: &Look,
    found: &mut Discovery,
) -> bool {
    let is_run = config.has_runner(root, |_| true, is_runner);
    if !is_run && !packages.iter().any(Package::depends_on_rp2) {
        return false;
    }
    let name = packages.iter().find_map(Package::name).unwrap_or("app");
    let before = found.targets.len();
    for triple_dir in look.subdirectories(target_dir, |name| chip_of(name).is_some()) {
        let triple = triple_dir.file_name().unwrap_or_default().to_string_lossy();
        for profile_dir in look.subdirectories(&triple_dir, |_| true) {
            let profile = profile_dir
                .file_name()
                .unwrap_or_default()
                .to_string_lossy();
            for (program, elf) in programs(&profile_dir, look) {
                let name = format!("cargo:{program}/{profile}");
                let mut target = Target::new(name, Tool::Cargo, root, &root.join("Cargo.toml"));
                target.build = build_words(&program, &profile, &triple);
                target.inputs = inputs(root, root, config, &elf, look);
                target.usb = chip_of(&triple).map(|chip| UsbBoard::Rp2(Some(chip)));
                target.env = Some(program);
                target.profile = Some(profile.clone().into_owned());
                target.regions = vec![regions::firmware(0, elf)];
                found.targets.push(target);
            }
        }
    }
    if found.targets.len() == before {
        let looked_for = target_dir.join("<triple>/<profile>").join(name);
        let words = ["build", "--release"];
        let name = format!("cargo:{name}");
        let unbuilt = Unbuilt::new(name, looked_for, Tool::Cargo, root, &words);
        found.unbuilt.push(unbuilt);
    }
    true
}

/// The chip of a triple, in a project for one of the two.
fn chip_of(triple: &str) -> Option<Rp2> {
    match triple {
        "thumbv6m-none-eabi" => Some(Rp2::Rp2040),
        "thumbv8m.main-none-eabi"
        | "thumbv8m.main-none-eabihf"
        | "riscv32imac-unknown-none-elf" => Some(Rp2::Rp2350),
        _ => None,
    }
}

/// `picotool load …`, `elf2uf2-rs -d`, `probe-rs run --chip RP2040`.
fn is_runner(words: &[String]) -> bool {
    let is_word = |word: &String| {
        let name = word
            .rsplit('/')
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase();
        ["picotool", "elf2uf2-rs"].contains(&&*name)
            || name.trim_start_matches("--chip=").starts_with("rp2")
    };
    words.iter().any(is_word)
}
