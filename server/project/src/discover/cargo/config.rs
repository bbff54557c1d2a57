//! Cargo's configuration, as far as it says where programs are and what runs them.
//!
//! Source: cargo's documentation, "Configuration": the files of all directories around a package
//! count, the nearest first, then the user's; each before what it includes, of which the last counts first.

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

/// Files that are read, with those that are included.
const MAX_FILES: usize = 100;

/// A file of configuration.
#[derive(Debug)]
struct File {
    path: PathBuf,
    /// The directory that it is configuration of.
    of: PathBuf,
    /// The directory that its paths are relative to.
    dir: PathBuf,
    table: Table,
}

/// The configuration that counts in one directory.
#[derive(Debug, Default)]
pub(super) struct Config {
    /// What the environment says runs programs, by the triple as it is written there.
    runners: Vec<(String, Runner)>,
    /// What counts first.
    files: Vec<File>,
}

impl Config {
    pub(super) fn of(dir: &Path, environment: &Environment, look: &Look) -> Self {
        let around = dir.ancestors().take(MAX_LEVELS);
        let mut places: Vec<_> = around
            .map(|dir| (dir.to_owned(), dir.join(".cargo")))
            .collect();
        if let Some(user) =
            cargo_home(environment).filter(|user| places.iter().all(|(_, place)| place != user))
        {
            places.push((user.parent().unwrap_or(&user).to_owned(), user));
        }
        let runner = |(name, words): (&String, &String)| {
            let triple = name
                .strip_prefix("CARGO_TARGET_")?
                .strip_suffix("_RUNNER")?;
            let words = words_of(words);
            let dir = dir.to_owned();
            (!words.is_empty()).then(|| (triple.to_owned(), Runner { words, dir }))
        };
        let mut found = Self {
            runners: environment.variables().iter().filter_map(runner).collect(),
            files: Vec::new(),
        };
        for (dir, place) in places {
            let names = ["config", "config.toml"].map(|name| place.join(name));
            if let Some(path) = names.into_iter().find(|path| look.has(path)) {
                found.read(&path, &dir, look);
            }
        }
        found
    }

    fn read(&mut self, path: &Path, of: &Path, look: &Look) {
        let plain = without_dots(path);
        let is_known = self.files.iter().any(|file| file.path == plain);
        if is_known || self.files.len() == MAX_FILES {
            return;
        }
        let (Some(table), Some(place)) = (look.toml(&plain), path.parent()) else {
            return;
        };
        let named = |one: &Value| {
            let name = one.get("path").unwrap_or(one).as_str()?;
            Some(place.join(name))
        };
        let included: Vec<_> = match table.get("include") {
            Some(Value::Array(all)) => all.iter().filter_map(named).collect(),
            one => one.and_then(named).into_iter().collect(),
        };
        self.files.push(File {
            path: plain,
            of: of.to_owned(),
            // By the text alone, as cargo takes it.
            dir: without_dots(place.parent().unwrap_or(place)),
            table,
        });
        for path in included.iter().rev() {
            self.read(path, of, look);
        }
    }

    /// The files of a directory's own configuration.
    pub(super) fn own(&self, dir: &Path) -> impl Iterator<Item = &PathBuf> {
        let own = self.files.iter().filter(move |file| file.of == dir);
        own.map(|file| &file.path)
    }

    /// Whether a directory has configuration of its own.
    pub(super) fn is_set_in(&self, dir: &Path) -> bool {
        self.own(dir).next().is_some()
    }

    /// Whether a directory's own configuration has such a runner for a target that `is_meant`.
    pub(super) fn has_runner(
        &self,
        dir: &Path,
        is_meant: impl Fn(&str) -> bool,
        is_such: impl Fn(&[String]) -> bool,
    ) -> bool {
        let own = self.files.iter().filter(|file| file.of == dir);
        let mut runners = own.flat_map(|file| file.runners(&is_meant));
        runners.any(|runner| is_such(&runner.words))
    }

    /// `build.target-dir`, relative to the directory whose configuration it is in.
    pub(super) fn target_dir(&self) -> Option<PathBuf> {
        self.dir_in_build("target-dir", str::to_owned)
    }

    /// `build.build-dir`, where cargo has it apart; the hash of a workspace is not known here.
    pub(super) fn build_dir(&self, workspace: &Path, environment: &Environment) -> Option<PathBuf> {
        let put_in = |text: &str| {
            let text = text.replace("{workspace-root}", &workspace.display().to_string());
            match cargo_home(environment) {
                Some(home) => text.replace("{cargo-cache-home}", &home.display().to_string()),
                None => text,
            }
        };
        let said = environment.get("CARGO_BUILD_BUILD_DIR");
        let said = said.filter(|said| !said.is_empty());
        said.map(|said| workspace.join(put_in(said)))
            .or_else(|| self.dir_in_build("build-dir", put_in))
    }

    fn dir_in_build(&self, key: &str, put_in: impl Fn(&str) -> String) -> Option<PathBuf> {
        self.files.iter().find_map(|file| {
            let said = file.table.get("build")?.get(key)?.as_str()?;
            Some(without_dots(&file.dir.join(put_in(said))))
        })
    }

    /// `env.MCU`, which esp-idf-sys reads.
    pub(super) fn mcu(&self) -> Option<Chip> {
        let said = |table: &Table| {
            let mcu = table.get("env")?.get("MCU")?;
            let text = mcu.as_str().or_else(|| mcu.get("value")?.as_str())?;
            text.parse().ok()
        };
        self.files.iter().find_map(|file| said(&file.table))
    }

    /// What runs a program for `triple`: the environment's runner, its own, else the one whose condition it meets.
    pub(super) fn runner(&self, triple: &str) -> Runner {
        let facts = facts(triple);
        let own = |name: &str| name == triple;
        let by_condition = |name: &str| match Platform::from_str(name) {
            Ok(Platform::Cfg(condition)) => condition.matches(&facts),
            _ => false,
        };
        let variable = triple.to_uppercase().replace(['-', '.'], "_");
        let mut said = self.runners.iter().filter(|(name, _)| *name == variable);
        let files = &self.files;
        let found = said.next().map(|(_, runner)| runner.clone());
        found
            .or_else(|| files.iter().find_map(|file| file.runners(own).next()))
            .or_else(|| {
                files
                    .iter()
                    .find_map(|file| file.runners(by_condition).next())
            })
            .unwrap_or_default()
    }
}

fn cargo_home(environment: &Environment) -> Option<PathBuf> {
    let said = environment.dir("CARGO_HOME");
    said.or_else(|| environment.home().map(|home| home.join(".cargo")))
}

impl File {
    /// The runners of targets whose name or condition `is_meant`.
    fn runners(&self, is_meant: impl Fn(&str) -> bool) -> impl Iterator<Item = Runner> {
        let targets = self.table.get("target").and_then(Value::as_table);
        let meant = targets.into_iter().flatten();
        let meant = meant.filter(move |(name, _)| is_meant(name));
        meant.filter_map(|(_, target)| {
            Some(Runner {
                words: words(target.get("runner")?),
                dir: self.dir.clone(),
            })
        })
    }
}

fn words_of(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

fn words(runner: &Value) -> Vec<String> {
    match runner {
        Value::String(text) => words_of(text),
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
        let file = File {
            path: PathBuf::new(),
            of: PathBuf::new(),
            dir: PathBuf::new(),
            table: text.parse().unwrap(),
        };
        let config = Config {
            files: vec![file],
            ..Config::default()
        };
        config.runner(triple).words
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
