//! Help with platformio.ini, and with the files that its `extra_configs` names.
//!
//! [`Project`] is the text together with the project's other files. What is wrong is found by
//! [`check`] (what PlatformIO refuses or ignores) and [`values`] (what a deploy would stumble over).

mod check;
mod completion;
mod hover;
mod keys;
mod misspelt;
mod outline;
mod syntax;
mod values;

use std::cell::Cell;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

use fbuild_project::discover::ini::{IniText, OptionText, SectionText};
use fbuild_project::discover::platformio_config::{
    Files, Origin, ProblemKind, ProjectConfig, TooWide, list_items,
};
use fbuild_project::file::ReadError;
use strsim::levenshtein;

use super::format::{Format, View};
use super::project_files::ProjectFiles;
use super::{Completion, Diagnostic, Hover, Lens, Span, Symbol};
use crate::{Edit, Fix};

/// The format of platformio.ini.
pub(crate) struct PlatformIo;

impl Format for PlatformIo {
    fn diagnostics(&self, view: View<'_>) -> Vec<Diagnostic> {
        check::check(&Project::new(view))
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
    /// The document alone; empty if it is too much.
    ini: IniText,
    /// The configuration as a whole is more than belongs to a project: that is told, and nothing else
    /// is reported of it.
    is_too_much: bool,
    /// Pairs of letters that may yet be compared to guess what was meant.
    guesses_left: Cell<usize>,
}

/// Pairs of letters that are compared for one look at a document: some thousand misspelt names.
const MAX_GUESSED: usize = 4_000_000;

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
        let main = root.join("platformio.ini");
        let is_too_much = config.faults().iter().any(|fault| {
            let is_of_file = fault.kind == ProblemKind::TooMuch && fault.place.is_none();
            is_of_file && (fault.file == view.path || fault.file == main)
        });
        let ini = if is_too_much {
            IniText::default()
        } else {
            IniText::parse(view.text)
        };
        Self {
            view,
            config,
            ini,
            is_too_much,
            guesses_left: Cell::new(MAX_GUESSED),
        }
    }

    /// Whether the document is platformio.ini itself.
    fn is_main(&self) -> bool {
        is_main(self.view.path)
    }

    fn files(&self) -> &'v ProjectFiles {
        &self.view.facts.files
    }

    /// The document; what it extends may be in other files.
    fn ini(&self) -> &IniText {
        &self.ini
    }

    /// Every option of the document, with its section.
    fn options(&self) -> impl Iterator<Item = (&SectionText, &OptionText)> {
        let sections = self.ini().sections.iter();
        sections.flat_map(|section| section.options.iter().map(move |option| (section, option)))
    }

    /// The names of environments, with the sections that they are in here.
    fn envs(&self) -> impl Iterator<Item = (&str, &SectionText)> {
        let sections = self.ini().sections.iter();
        sections.filter_map(|section| Some((section.name.strip_prefix("env:")?, section)))
    }

    /// Where the value of an option is, if it is in this document.
    fn option_here(&self, section: &str, option: &str) -> Option<&OptionText> {
        match self.config.origin(section, option)? {
            Origin::File { file, option, .. } if file.path == self.view.path => Some(option),
            _ => None,
        }
    }

    /// The value of an option and its place, if nothing is wrong with it and it is in this document.
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
        let items = list_items(&value);
        let places = option.places(&items);
        let items = items.into_iter().map(|span| value[span].to_owned());
        items.zip(places).collect()
    }

    /// The one of `known` that was probably meant. Where there is too much to compare, nothing is
    /// guessed.
    fn closest<'k>(&self, word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
        let word = word.to_lowercase();
        let len = word.chars().count();
        let limit = 1 + len / 4;
        let mut best = None;
        for known in known {
            let other = known.to_lowercase();
            let other_len = other.chars().count();
            // Words that differ more in length are further apart.
            let is_near = len.abs_diff(other_len) <= limit;
            let cost = 1 + other_len + if is_near { len * other_len } else { 0 };
            let left = self.guesses_left.get().checked_sub(cost);
            self.guesses_left.set(left.unwrap_or(0));
            left?;
            if !is_near {
                continue;
            }
            let distance = levenshtein(&word, &other);
            if distance <= limit && best.is_none_or(|(least, _)| distance < least) {
                best = Some((distance, known));
            }
        }
        best.map(|(_, known)| known)
    }

    /// Whether an environment is for the chips that can be deployed to.
    fn is_for_esp32(&self, env: &str) -> bool {
        let section = format!("env:{env}");
        let platform = self.config.platform(&section).unwrap_or_default();
        let target = format!("platformio:{env}");
        let mut builds = self.view.facts.builds.iter();
        platform.contains("espressif32") || builds.any(|build| build.target.name == target)
    }
}

fn is_main(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| name.eq_ignore_ascii_case("platformio.ini"))
}

/// Puts something else in place of what is wrong.
pub(super) fn replace(title: impl Into<String>, span: Span, text: impl Into<String>) -> Fix {
    Fix {
        title: title.into(),
        edits: vec![Edit {
            span,
            text: text.into(),
        }],
    }
}

/// Adds what is not told yet: environments that inherit a value find the same in one place.
pub(super) fn add_new(new: Vec<Diagnostic>, found: &mut Vec<Diagnostic>) {
    let key = |it: &Diagnostic| (it.span.start, it.span.end, it.code);
    let mut told: HashSet<_> = found.iter().map(key).collect();
    found.extend(new.into_iter().filter(|it| told.insert(key(it))));
}

#[cfg(test)]
mod tests;
