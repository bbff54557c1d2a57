//! What a package's `Cargo.toml` says: its workspace, what it depends on, and the chip it is for.

use std::path::{Path, PathBuf};

use fbuild_chip::Chip;
use toml::{Table, Value};

use crate::discover::glob;
use crate::discover::look::Look;
use crate::input_error::InputError;

/// Directories around a package in which its workspace is looked for.
const MAX_AROUND: usize = 6;

/// Crates that only ESP firmware depends on.
const ESP_CRATES: &[&str] = &[
    "esp-hal",
    "esp-idf-sys",
    "esp-idf-svc",
    "esp-idf-hal",
    "esp-bootloader-esp-idf",
    "esp-wifi",
    "esp-radio",
    "esp-backtrace",
];

/// Crates that only firmware for an RP2040 or RP2350 depends on.
const RP2_CRATES: &[&str] = &[
    "rp2040-hal",
    "rp235x-hal",
    "rp-pico",
    "embassy-rp",
    "rp-hal",
];

/// A package, or a workspace that is none.
#[derive(Debug, Clone)]
pub(super) struct Package {
    pub(super) dir: PathBuf,
    pub(super) manifest: Table,
}

impl Package {
    pub(super) fn read(dir: &Path, look: &Look) -> Option<Self> {
        Some(Self {
            dir: dir.to_owned(),
            manifest: look.toml(&dir.join("Cargo.toml"))?,
        })
    }

    pub(super) fn is_workspace(&self) -> bool {
        self.manifest.contains_key("workspace")
    }

    pub(super) fn name(&self) -> Option<&str> {
        self.manifest.get("package")?.get("name")?.as_str()
    }

    /// The members of a workspace.
    pub(super) fn members(&self, look: &Look) -> Vec<Self> {
        let listed = self
            .manifest
            .get("workspace")
            .and_then(|w| w.get("members"));
        let patterns = listed.and_then(Value::as_array).into_iter().flatten();
        let mut dirs = Vec::new();
        for pattern in patterns.filter_map(Value::as_str) {
            match glob::find(&self.dir, pattern, look) {
                Ok(found) => dirs.extend(found),
                Err(glob::TooWide) => look.tell(InputError::too_much(
                    &self.dir.join("Cargo.toml"),
                    &format!("the member '{pattern}' {}", glob::TooWide),
                )),
            }
        }
        let members = dirs.iter().filter_map(|dir| Self::read(dir, look));
        members.collect()
    }

    /// The workspace that a member belongs to: the nearest one around it, unless it says otherwise.
    pub(super) fn workspace_around(&self, look: &Look) -> Option<Self> {
        if self.is_workspace() {
            return None;
        }
        let named = || self.manifest.get("package")?.get("workspace")?.as_str();
        let named = named().and_then(|place| self.dir.join(place).canonicalize().ok());
        let around = self.dir.ancestors().skip(1).map(Path::to_owned);
        let places: Vec<_> = named.map_or_else(|| around.take(MAX_AROUND).collect(), |it| vec![it]);
        let mut found = places.iter().filter_map(|dir| Self::read(dir, look));
        found.find(Self::is_workspace)
    }

    /// What it depends on, whatever it calls that, also for some targets only.
    fn dependencies(&self) -> impl Iterator<Item = (&str, &Value)> {
        let targets = self.manifest.get("target").and_then(Value::as_table);
        let of_targets = targets.into_iter().flatten().map(|(_, target)| target);
        let workspace = self.manifest.get("workspace");
        let places = workspace.into_iter().chain(of_targets);
        let tables = places.filter_map(|place| place.get("dependencies"));
        let tables = self.manifest.get("dependencies").into_iter().chain(tables);
        tables
            .filter_map(Value::as_table)
            .flatten()
            .map(|(name, dependency)| {
                let package = dependency.get("package").and_then(Value::as_str);
                (package.unwrap_or(name), dependency)
            })
    }

    pub(super) fn depends_on_esp(&self) -> bool {
        self.dependencies()
            .any(|(name, _)| ESP_CRATES.contains(&name))
    }

    pub(super) fn depends_on_rp2(&self) -> bool {
        self.dependencies()
            .any(|(name, _)| RP2_CRATES.contains(&name))
    }

    /// Whether esp-idf-sys builds ESP-IDF for it.
    pub(super) fn is_std(&self) -> bool {
        self.dependencies()
            .any(|(name, _)| name.starts_with("esp-idf-"))
    }

    /// Chips that features name: of a dependency, or by default.
    fn chips(&self) -> Vec<Chip> {
        let of_dependencies = self
            .dependencies()
            .filter(|(name, _)| name.starts_with("esp"))
            .filter_map(|(_, dependency)| dependency.get("features")?.as_array())
            .flatten();
        let default = self.manifest.get("features").and_then(|f| f.get("default"));
        let default = default.and_then(Value::as_array).into_iter().flatten();
        let features = of_dependencies.chain(default).filter_map(Value::as_str);
        let chips = features.map(|name| name.rsplit('/').next().unwrap_or(name).parse());
        chips.filter_map(Result::ok).collect()
    }
}

/// The one chip that features of these packages name.
pub(super) fn chip_of_features<'p>(
    packages: impl IntoIterator<Item = &'p Package>,
) -> Option<Chip> {
    let mut chips: Vec<_> = packages.into_iter().flat_map(Package::chips).collect();
    chips.sort();
    chips.dedup();
    match chips.as_slice() {
        [chip] => Some(*chip),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(text: &str) -> Package {
        Package {
            dir: PathBuf::new(),
            manifest: text.parse().unwrap(),
        }
    }

    #[test]
    fn the_chip_stands_in_features() {
        let chip = |text: &str| chip_of_features([&package(text)]);
        assert_eq!(
            chip(
                "[dependencies]\nesp-hal = { version = \"1\", features = [\"esp32c6\", \"unstable\"] }"
            ),
            Some(Chip::Esp32C6)
        );
        assert_eq!(
            chip("[features]\ndefault = [\"esp-hal/esp32h2\"]"),
            Some(Chip::Esp32H2)
        );
        assert_eq!(
            chip(
                "[features]\ndefault = [\"esp32c3\"]\n[dependencies]\nesp-hal = { features = [\"esp32\"] }"
            ),
            None
        );
    }

    #[test]
    fn a_crate_counts_by_its_own_name_and_for_some_targets() {
        for text in [
            "[dependencies]\nhal = { package = \"esp-hal\", version = \"1\" }",
            "[target.'cfg(target_arch = \"xtensa\")'.dependencies]\nesp-hal = \"1\"",
        ] {
            assert!(package(text).depends_on_esp(), "{text}");
        }
        assert!(
            !package("[dependencies]\nesp-hal = { package = \"mine\", version = \"1\" }")
                .depends_on_esp()
        );
    }
}
