//! Help with sdkconfig and the files of defaults that it is made from.
//!
//! Only options that decide a deploy are looked at: [`keys`] lists them.

mod check;
mod completion;
mod hover;
mod keys;
mod security;
mod table;

use std::path::Path;

use fbuild_chip::Chip;
use fbuild_project::discover::sdkconfig::{self, Entry, SdkConfigText};
use fbuild_project::flash_size::size_bytes;
use fbuild_project::partitions::DEFAULT_TABLE_OFFSET;

use super::facts::Build;
use super::format::{Format, View};
use super::{Completion, Diagnostic, Hover};
use crate::facts::Board;

/// The format of sdkconfig.
pub(crate) struct SdkConfig;

impl Format for SdkConfig {
    fn diagnostics(&self, view: View<'_>) -> Vec<Diagnostic> {
        let config = Config::new(view);
        let mut found = check::check(&config);
        table::check(&config, &mut found);
        security::check(&config, &mut found);
        found
    }

    fn hover(&self, view: View<'_>, at: usize) -> Option<Hover> {
        hover::hover(&Config::new(view), at)
    }

    fn completions(&self, view: View<'_>, at: usize) -> Vec<Completion> {
        completion::completions(&Config::new(view), at)
    }
}

/// The document.
struct Config<'v> {
    view: View<'v>,
    text: SdkConfigText,
    values: sdkconfig::SdkConfig,
    role: Role,
}

/// Which part a file plays.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Role {
    /// What the build uses; made by ESP-IDF, which keeps what people change.
    Complete,
    /// What a new sdkconfig starts from.
    Defaults,
}

impl<'v> Config<'v> {
    fn new(view: View<'v>) -> Self {
        let text = SdkConfigText::parse(view.text);
        let values = text.config();
        let name = view.path.file_name().and_then(|name| name.to_str());
        let name = name.unwrap_or_default();
        let is_made = view.text.contains("Automatically generated file");
        let role = match name {
            "sdkconfig" => Role::Complete,
            // PlatformIO's are named after their environment.
            _ if is_made && !name.starts_with("sdkconfig.defaults") => Role::Complete,
            _ => Role::Defaults,
        };
        Self {
            view,
            text,
            values,
            role,
        }
    }

    fn root(&self) -> &'v Path {
        self.view.path.parent().unwrap_or(self.view.path)
    }

    fn entry(&self, name: &str) -> Option<&Entry> {
        self.text.entry(name)
    }

    /// The chip that it is for, and where that is.
    fn chip(&self) -> Option<(Chip, &Entry)> {
        let entry = self.entry("IDF_TARGET")?;
        Some((entry.value.parse().ok()?, entry))
    }

    /// The size of the flash, and the line that decides it.
    fn flash(&self) -> Option<(u32, &Entry)> {
        let chosen = self.text.entries.iter().rev().find_map(|entry| {
            let size = entry.name.strip_prefix("ESPTOOLPY_FLASHSIZE_")?;
            let bytes = size_bytes(size).filter(|_| entry.value == "y")?;
            Some((bytes, entry))
        });
        chosen.or_else(|| {
            let entry = self.entry("ESPTOOLPY_FLASHSIZE")?;
            Some((size_bytes(&entry.value)?, entry))
        })
    }

    fn table_offset(&self) -> u32 {
        let offset = self.values.hex("PARTITION_TABLE_OFFSET");
        offset.unwrap_or(DEFAULT_TABLE_OFFSET)
    }

    /// The board that was deployed to last from this project.
    fn board(&self) -> Option<&'v Board> {
        self.view.facts.boards.first()
    }

    /// Builds that were made with this file.
    fn builds(&self) -> impl Iterator<Item = &'v Build> {
        use fbuild_project::target::Tool;
        let env = self.view.path.file_name().and_then(|name| name.to_str());
        let env = env.and_then(|name| name.strip_prefix("sdkconfig."));
        let builds = self.view.facts.builds.iter();
        builds.filter(move |build| match build.target.tool {
            Tool::EspIdf => true,
            Tool::PlatformIo => env.is_some() && build.target.env.as_deref() == env,
            _ => false,
        })
    }
}

#[cfg(test)]
mod tests;
