//! Where values come from, and which there could be: what an editor asks about.

use super::{ConfigFile, Kind, OptionText, ProjectConfig, SectionText, options};
use std::path::Path;

/// Where the value of an option comes from.
#[derive(Debug)]
pub enum Origin<'c> {
    /// It is written in a file.
    File {
        /// The file.
        file: &'c ConfigFile,
        /// The section in it, which may be another one than was asked about.
        section: &'c SectionText,
        /// The option in it, which may have an older name.
        option: &'c OptionText,
    },
    /// An environment variable overrides what the files say (or adds to it, for lists).
    Variable(&'static str),
    /// PlatformIO's own default.
    Default,
}

impl ProjectConfig<'_> {
    /// Where the value of an option comes from; `None` where it has none.
    pub fn origin(&self, section: &str, option: &str) -> Option<Origin<'_>> {
        let facts = options::facts(section, option);
        if let Some(variable) = facts.and_then(|facts| self.variable_of(facts)) {
            return Some(Origin::Variable(variable.0));
        }
        let Ok(places) = self.walk(section) else {
            // What a section itself says is known even if what it extends goes in circles.
            return self.written(section, option);
        };
        match self.hit(&places, option, facts) {
            Some((section, name)) => self.written(section, name),
            None => facts?.default.map(|_| Origin::Default),
        }
    }

    /// Where an option of a section itself is.
    fn written(&self, section: &str, name: &str) -> Option<Origin<'_>> {
        let set = self.ini.set_by(section, name)?;
        let file = self.files.get(set.file)?;
        let section = file.ini.sections.get(set.section)?;
        let option = section.options.get(set.option)?;
        Some(Origin::File {
            file,
            section,
            option,
        })
    }

    /// Whether PlatformIO takes notice of an option in a section.
    pub fn is_known(section: &str, option: &str) -> bool {
        options::is_known(section, option)
    }

    /// The name that replaced an old one in sections like this.
    pub fn renamed(section: &str, option: &str) -> Option<&'static str> {
        let facts = options::facts(section, option)?;
        facts.old_names.contains(&option).then_some(facts.name)
    }

    /// Names of the options that PlatformIO knows for sections like this.
    pub fn known_options(section: &str) -> impl Iterator<Item = &'static str> {
        options::names(section).map(|facts| facts.name)
    }

    /// The words that an option takes, where it takes only certain ones.
    pub fn choices(section: &str, option: &str) -> &'static [&'static str] {
        match options::facts(section, option).map(|facts| facts.kind) {
            Some(Kind::Choice(words)) => words,
            Some(Kind::Bool) => &["yes", "no"],
            Some(Kind::Bit) => &["0", "1"],
            _ => &[],
        }
    }

    /// Whether there is a section of this name.
    pub fn has_section(&self, name: &str) -> bool {
        self.ini.has_section(name)
    }

    /// The directory of the project.
    pub fn project(&self) -> &Path {
        &self.project
    }
}
