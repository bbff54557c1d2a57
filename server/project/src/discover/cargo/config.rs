//! Cargo's configuration, as far as it says where programs are and what runs them.
//!
//! Source: cargo's documentation, "Configuration": the files of all directories around a package
//! count, the nearest first, then the user's.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use cargo_platform::{Cfg, Platform};
use fbuild_chip::Chip;
use toml::{Table, Value};

use crate::discover::environment::Environment;
use crate::discover::espflash_toml::Runner;
use crate::discover::look::Look;
use crate::discover::without_dots;

/// Directories around a package whose configuration is read.
const MAX_LEVELS: usize = 16;

/// The configuration that counts in one directory.
#[derive(Debug, Default)]
pub(super) struct Config {
    /// Directories that have a file, the nearest first, and what is in it.
    files: Vec<(PathBuf, Table)>,
}

impl Config {
    pub(super) fn of(dir: &Path, environment: &Environment, look: &Look) -> Self {
        let around = dir.ancestors().take(MAX_LEVELS);
        let mut places: Vec<_> = around
            .map(|dir| (dir.to_owned(), dir.join(".cargo")))
            .collect();
        let user = environment.dir("CARGO_HOME");
        let user = user.or_else(|| environment.home().map(|home| home.join(".cargo")));
        if let Some(user) = user.filter(|user| places.iter().all(|(_, place)| place != user)) {
            places.push((user.parent().unwrap_or(&user).to_owned(), user));
        }
        let read = |(dir, place): (PathBuf, PathBuf)| {
            let table = look.toml(&place.join("config.toml"));
            let table = table.or_else(|| look.toml(&place.join("config")));
            Some((dir, table?))
        };
        Self {
            files: places.into_iter().filter_map(read).collect(),
        }
    }

    /// Whether a directory has configuration of its own.
    pub(super) fn is_set_in(&self, dir: &Path) -> bool {
        self.files.iter().any(|(place, _)| place == dir)
    }

    /// `build.target-dir`, relative to the directory whose configuration it is in.
    pub(super) fn target_dir(&self) -> Option<PathBuf> {
        self.files.iter().find_map(|(dir, table)| {
            let said = table.get("build")?.get("target-dir")?.as_str()?;
            Some(without_dots(&dir.join(said)))
        })
    }

    /// `env.MCU`, which esp-idf-sys reads.
    pub(super) fn mcu(&self) -> Option<Chip> {
        let said = |table: &Table| {
            let mcu = table.get("env")?.get("MCU")?;
            let text = mcu.as_str().or_else(|| mcu.get("value")?.as_str())?;
            text.parse().ok()
        };
        self.files.iter().find_map(|(_, table)| said(table))
    }

    /// What runs a program for `triple`: its own runner, else the one whose condition it meets.
    pub(super) fn runner(&self, triple: &str) -> Runner {
        let facts = facts(triple);
        let own = |name: &str| name == triple;
        let by_condition = |name: &str| match Platform::from_str(name) {
            Ok(Platform::Cfg(condition)) => condition.matches(&facts),
            _ => false,
        };
        let found = self.runners(own).next();
        found
            .or_else(|| self.runners(by_condition).next())
            .unwrap_or_default()
    }

    /// The runners of targets whose name or condition `is_meant`, the nearest first.
    pub(super) fn runners(&self, is_meant: impl Fn(&str) -> bool) -> impl Iterator<Item = Runner> {
        self.files.iter().flat_map(move |(dir, table)| {
            let targets = table.get("target").and_then(Value::as_table);
            let targets = targets.into_iter().flatten();
            let meant: Vec<_> = targets.filter(|(name, _)| is_meant(name)).collect();
            meant.into_iter().filter_map(|(_, target)| {
                let words = words(target.get("runner")?);
                let dir = dir.clone();
                Some(Runner { words, dir })
            })
        })
    }
}

fn words(runner: &Value) -> Vec<String> {
    match runner {
        Value::String(text) => text.split_whitespace().map(str::to_owned).collect(),
        Value::Array(words) => words
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        _ => Vec::new(),
    }
}

/// What a condition may ask of `xtensa-esp32s3-none-elf`, `riscv32imc-esp-espidf` and the like.
fn facts(triple: &str) -> Vec<Cfg> {
    let is_xtensa = triple.starts_with("xtensa");
    let has_os = triple.ends_with("espidf");
    let arch = if is_xtensa { "xtensa" } else { "riscv32" };
    let mut facts = vec![
        format!("target_arch=\"{arch}\""),
        format!("target_os=\"{}\"", if has_os { "espidf" } else { "none" }),
        "target_pointer_width=\"32\"".to_owned(),
        "target_endian=\"little\"".to_owned(),
        "panic=\"abort\"".to_owned(),
    ];
    let vendor = if is_xtensa || has_os {
        "espressif"
    } else {
        "unknown"
    };
    facts.push(format!("target_vendor=\"{vendor}\""));
    if has_os {
        let more = ["unix", "target_family=\"unix\"", "target_env=\"newlib\""];
        facts.extend(more.map(str::to_owned));
    }
    facts
        .iter()
        .filter_map(|fact| Cfg::from_str(fact).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runner(text: &str, triple: &str) -> Vec<String> {
        let files = vec![(PathBuf::from("/p"), text.parse().unwrap())];
        Config { files }.runner(triple).words
    }

    #[test]
    fn runners_are_texts_or_lists() {
        let expected = ["espflash", "flash", "--chip", "esp32"];
        for text in [
            "[target.xtensa-esp32-none-elf]\nrunner = \"espflash flash --chip esp32\"",
            "[target.'cfg(target_arch = \"xtensa\")']\nrunner = [\"espflash\", \"flash\", \"--chip\", \"esp32\"]",
        ] {
            assert_eq!(runner(text, "xtensa-esp32-none-elf"), expected);
        }
    }

    #[test]
    fn every_triple_has_the_runner_that_is_meant_for_it() {
        let text = "[target.'cfg(all(target_arch = \"riscv32\", target_os = \"none\"))']\nrunner = \"bare\"\n\
                    [target.riscv32imac-unknown-none-elf]\nrunner = \"own\"\n\
                    [target.'cfg(target_os = \"espidf\")']\nrunner = \"std\"\n\
                    [target.x86_64-unknown-linux-gnu]\nrunner = \"host\"";
        for (triple, expected) in [
            ("riscv32imc-unknown-none-elf", Some("bare")),
            ("riscv32imac-unknown-none-elf", Some("own")),
            ("riscv32imc-esp-espidf", Some("std")),
            ("xtensa-esp32s3-none-elf", None),
        ] {
            let words = runner(text, triple);
            assert_eq!(words.first().map(String::as_str), expected, "{triple}");
        }
    }
}
