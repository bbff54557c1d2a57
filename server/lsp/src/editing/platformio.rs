//! Help with platformio.ini, and with the files that its `extra_configs` names.
//!
//! [`Project`] is the text together with the project's other files. What is wrong is found by
//! [`check`] (what PlatformIO refuses or ignores) and [`values`] (what a deploy would stumble over).

mod check;
mod completion;
mod hover;
mod keys;
mod outline;
mod values;

use std::path::{Path, PathBuf};

use fbuild_deploy::discover::ini::{IniText, OptionText, SectionText};
use fbuild_deploy::discover::platformio_config::{
    Files, Origin, ProjectConfig, TooWide, list_items,
};
use fbuild_deploy::edit_distance::edit_distance;
use fbuild_deploy::file::ReadError;

use super::format::{Format, View};
use super::project_files::ProjectFiles;
use super::{Completion, Diagnostic, Hover, Lens, Span, Symbol};

/// The format of platformio.ini.
pub(crate) struct PlatformIo;

impl Format for PlatformIo {
    fn diagnostics(&self, view: View<'_>) -> Vec<Diagnostic> {
        let project = Project::new(view);
        let mut found = check::check(&project);
        values::check(&project, &mut found);
        found
    }

    fn hover(&self, view: View<'_>, at: usize) -> Option<Hover> {
        hover::hover(&Project::new(view), at)
    }

    fn completions(&self, view: View<'_>, at: usize) -> Vec<Completion> {
        completion::completions(&Project::new(view), at)
    }

    fn lenses(&self, view: View<'_>) -> Vec<Lens> {
        outline::lenses(&Project::new(view))
    }

    fn symbols(&self, view: View<'_>) -> Vec<Symbol> {
        outline::symbols(&Project::new(view))
    }
}

/// The document, and what the project says with it.
struct Project<'v> {
    view: View<'v>,
    config: ProjectConfig<'v>,
    /// The document alone.
    ini: IniText,
}

/// The project's files, with the document as it is being edited.
struct Edited<'v>(View<'v>);

impl Files for Edited<'_> {
    fn read(&self, path: &Path) -> Result<String, ReadError> {
        if path == self.0.path {
            return Ok(self.0.text.to_owned());
        }
        self.0.facts.files.read(path)
    }

    fn find(&self, root: &Path, pattern: &str) -> Result<Vec<PathBuf>, TooWide> {
        self.0.facts.files.find(root, pattern)
    }

    fn is_outside(&self, root: &Path, path: &Path) -> bool {
        self.0.facts.files.is_outside(root, path)
    }
}

impl<'v> Project<'v> {
    fn new(view: View<'v>) -> Self {
        let own = view.path.parent().unwrap_or(view.path);
        let root = if is_main(view.path) {
            own
        } else {
            &view.facts.root
        };
        let environment = &view.facts.files.environment;
        let config = ProjectConfig::read(root, environment, &Edited(view));
        let ini = IniText::parse(view.text);
        Self { view, config, ini }
    }

    /// Whether the document is platformio.ini itself.
    fn is_main(&self) -> bool {
        is_main(self.view.path)
    }

    fn files(&self) -> &'v ProjectFiles {
        &self.view.facts.files
    }

    /// The document; what it extends may stand in other files.
    fn ini(&self) -> &IniText {
        &self.ini
    }

    /// Every option of the document, with its section.
    fn options(&self) -> impl Iterator<Item = (&SectionText, &OptionText)> {
        let sections = self.ini().sections.iter();
        sections.flat_map(|section| section.options.iter().map(move |option| (section, option)))
    }

    /// The names of environments, with the sections that they stand in here.
    fn envs(&self) -> impl Iterator<Item = (&str, &SectionText)> {
        let sections = self.ini().sections.iter();
        sections.filter_map(|section| Some((section.name.strip_prefix("env:")?, section)))
    }

    /// Where the value of an option stands, if it is in this document.
    fn option_here(&self, section: &str, option: &str) -> Option<&OptionText> {
        match self.config.origin(section, option)? {
            Origin::File { file, option, .. } if file.path == self.view.path => Some(option),
            _ => None,
        }
    }

    /// The value of an option and its place, if nothing is wrong with it and it stands in this document.
    fn text_here(&self, section: &str, option: &str) -> Option<(String, &OptionText)> {
        Some((
            self.text(section, option)?,
            self.option_here(section, option)?,
        ))
    }

    /// The value of an option where nothing is wrong with it.
    fn text(&self, section: &str, option: &str) -> Option<String> {
        let text = self.config.text(section, option).ok().flatten()?;
        Some(text).filter(|text| !text.is_empty())
    }

    /// The items of a list in the document with their places, as they are written.
    fn items(&self, option: &OptionText) -> Vec<(String, Span)> {
        let value = option.value(self.view.text);
        let items = list_items(&value).into_iter();
        items
            .map(|span| (value[span.clone()].to_owned(), option.place(span)))
            .collect()
    }

    /// Whether an environment is for the chips that can be deployed to.
    fn is_for_esp32(&self, env: &str) -> bool {
        let section = format!("env:{env}");
        let platform = self.text(&section, "platform").unwrap_or_default();
        let target = format!("platformio:{env}");
        let mut builds = self.view.facts.builds.iter();
        platform.contains("espressif32") || builds.any(|build| build.target.name == target)
    }
}

fn is_main(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| name.eq_ignore_ascii_case("platformio.ini"))
}

/// The one of `known` that was probably meant.
fn closest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let distance = |known: &&str| edit_distance(&word.to_lowercase(), &known.to_lowercase());
    let best = known.into_iter().min_by_key(distance)?;
    let limit = 1 + word.chars().count() / 4;
    (distance(&best) <= limit).then_some(best)
}

#[cfg(test)]
mod tests;
