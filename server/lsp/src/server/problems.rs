//! What builds found wrong, on the lines that they name.
//!
//! Kept per build until the next one in the same directory. The task that publishes what [`super::editing`]
//! finds adds this to it: a document has one list of diagnostics.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

use fbuild_editing::text::{Encoding, Text};
use fbuild_project::build::output::{Finding, Place, Severity, columns, leads_there};
use fbuild_project::file::{self, TEXT_LIMIT};
use fbuild_project::plain;
use lsp_types::{
    Diagnostic, DiagnosticRelatedInformation, DiagnosticSeverity, Location, NumberOrString,
    Position, Range, Url,
};

use super::uri;
use crate::locked::Locked;

type ByDocument = HashMap<String, Vec<Diagnostic>>;

/// Files whose lines are looked up, for one build.
const MAX_FILES: usize = 100;

#[derive(Debug, Default)]
pub(crate) struct Problems {
    /// By the directory that is built in.
    by_build: Locked<BTreeMap<PathBuf, OfBuild>>,
}

#[derive(Debug, Default)]
struct OfBuild {
    found: ByDocument,
    /// Where its tools worked, the last one first: what they name is named from there.
    places: Vec<PathBuf>,
}

impl Problems {
    /// What builds found in a document.
    pub(crate) fn of(&self, uri: &str) -> Vec<Diagnostic> {
        let all = self.by_build.lock();
        let found = all.values().filter_map(|it| it.found.get(uri));
        found.flatten().cloned().collect()
    }

    /// Forgets what the last build in this directory found; the documents that it matters to.
    pub(crate) fn clear(&self, build: &Path) -> HashSet<String> {
        let before = self.by_build.lock().remove(build);
        let found = before.map(|it| it.found);
        found.into_iter().flat_map(HashMap::into_keys).collect()
    }

    /// Adds what a build in this directory has found; the documents that it matters to.
    pub(crate) fn add(&self, build: &Path, found: ByDocument) -> HashSet<String> {
        let mut all = self.by_build.lock();
        let known = &mut all.entry(build.to_owned()).or_default().found;
        let mut touched = HashSet::new();
        for (uri, more) in found {
            let known = known.entry(uri.clone()).or_default();
            // A file may be named in several ways, and be compiled for several programs.
            for it in more {
                let is_same =
                    |other: &Diagnostic| (other.range, &other.message) == (it.range, &it.message);
                if !known.iter().any(is_same) {
                    known.push(it);
                    touched.insert(uri.clone());
                }
            }
        }
        touched
    }

    /// Remembers where the tools of a build in this directory worked.
    pub(crate) fn worked_in<'p>(&self, build: &Path, places: impl Iterator<Item = &'p Path>) {
        let mut places: Vec<_> = places.map(|place| build.join(place)).collect();
        places.reverse();
        self.by_build
            .lock()
            .entry(build.to_owned())
            .or_default()
            .places = places;
    }

    /// The file that a line of that build's output may name, from where its tools worked.
    pub(crate) fn file(&self, build: &Path, named: &str) -> Option<PathBuf> {
        let places = self.by_build.lock().get(build).map(|it| it.places.clone());
        let mut places = places.unwrap_or_default();
        places.push(build.to_owned());
        let mut paths = places.iter().map(|place| place.join(named));
        paths.find(|path| path.is_file()).map(|path| tidy(&path))
    }

    /// The file that such a line names, and where on that line of the file (from 0) what it says is shown. Several
    /// directories may have a file of that name: the one counts where this was found.
    pub(crate) fn place(
        &self,
        build: &Path,
        named: &str,
        line: u32,
        said: &str,
    ) -> Option<(PathBuf, Option<u32>)> {
        let usual = self.file(build, named);
        let end = tidy(Path::new(named));
        let is_it = |it: &&Diagnostic| {
            let first = it.message.lines().next().unwrap_or_default();
            it.range.start.line == line && said.contains(first)
        };
        let all = self.by_build.lock();
        let found = all.get(build).into_iter().flat_map(|it| &it.found);
        let shown = found.filter_map(|(uri, found)| {
            let path = uri::to_path(uri).filter(|path| path.ends_with(&end))?;
            Some((path, found.iter().find(is_it)?.range.start.character))
        });
        let shown: BTreeMap<PathBuf, u32> = shown.collect();
        let meant = usual.as_ref().and_then(|path| shown.get_key_value(path));
        let meant = meant.or_else(|| shown.first_key_value());
        let meant = meant.map(|(path, character)| (path.clone(), Some(*character)));
        meant.or(usual.map(|path| (path, None)))
    }
}

/// Where a build's files are.
pub(crate) struct Scene<'s> {
    /// Where the command ran.
    pub(crate) root: &'s Path,
    /// Where the compiler ran, as far as that is known.
    pub(crate) build: Option<&'s Path>,
    /// The open folders: no other file is read.
    pub(crate) folders: Vec<PathBuf>,
    pub(crate) encoding: Encoding,
}

impl Scene<'_> {
    /// What was found, as the client counts.
    pub(crate) fn diagnostics(&self, found: Vec<Finding>) -> ByDocument {
        let mut texts = Texts::default();
        let mut shown = ByDocument::new();
        for finding in found {
            let Some((path, diagnostic)) = self.diagnostic(finding, &mut texts) else {
                continue;
            };
            if let Some(uri) = uri::of(&path) {
                shown.entry(uri.into()).or_default().push(diagnostic);
            }
        }
        shown
    }

    /// Where it is shown, and how. What is wrong in somebody else's file is shown on the line of the workspace
    /// that leads to it. Where none does, a warning is left out, as is a tool's own script that fails.
    fn diagnostic(&self, mut found: Finding, texts: &mut Texts) -> Option<(PathBuf, Diagnostic)> {
        let directory = found.directory.clone();
        let resolve = |place: &Place| self.resolve(place, directory.as_deref());
        let mut path = resolve(&found.place)?;
        if !self.is_inside(&path) {
            let inside = |(_, (place, why)): &(usize, &(Place, String))| {
                resolve(place).is_some_and(|path| self.is_inside(&path))
                    && (leads_there(why) || found.severity == Severity::Error)
            };
            // What was written there says more than where a header was included.
            let near = |(at, (_, why)): &(usize, &(Place, String))| (!leads_there(why), *at);
            let related = found.related.iter().enumerate().filter(inside);
            let nearest = related.min_by_key(near).map(|(at, _)| at);
            if nearest.is_none()
                && (found.severity == Severity::Warning || found.source == "python")
            {
                return None;
            }
            if let Some(at) = nearest {
                let (place, _) = found.related.remove(at);
                let message = found.message.clone();
                let outer = std::mem::replace(&mut found.place, place);
                found.related.insert(0, (outer, message));
                (found.shown, found.end) = (None, None);
                path = resolve(&found.place)?;
            }
        }
        let text = self.is_inside(&path).then(|| texts.get(&path)).flatten();
        let range = self.range(&found, text);
        let related = found.related.iter().filter_map(|(place, message)| {
            let line = place.line.saturating_sub(1);
            let start = Position::new(line, place.column.saturating_sub(1));
            let uri: Url = uri::of(&resolve(place)?)?;
            Some(DiagnosticRelatedInformation {
                location: Location::new(uri, Range::new(start, start)),
                message: plain::line(message).into_owned(),
            })
        });
        let related: Vec<_> = related.collect();
        let diagnostic = Diagnostic {
            range,
            severity: Some(match found.severity {
                Severity::Error => DiagnosticSeverity::ERROR,
                Severity::Warning => DiagnosticSeverity::WARNING,
            }),
            code: found
                .code
                .map(|code| NumberOrString::String(plain::line(&code).into_owned())),
            source: Some(found.source.to_owned()),
            message: plain::lines(&found.message).into_owned(),
            related_information: Some(related).filter(|related| !related.is_empty()),
            ..Diagnostic::default()
        };
        Some((path, diagnostic))
    }

    fn range(&self, found: &Finding, text: Option<&Text>) -> Range {
        let line = found.place.line.saturating_sub(1);
        let of_text = text.and_then(|text| {
            let all = text.as_str();
            let number = usize::try_from(line).ok()?;
            let before: usize = all.split_inclusive('\n').take(number).map(str::len).sum();
            let content = all.get(before..)?.split('\n').next()?;
            let span = columns(content.trim_end_matches('\r'), found);
            let position = |at: usize| {
                let place = text.place(before + at, self.encoding);
                Position::new(place.line, place.column)
            };
            Some(Range::new(position(span.start), position(span.end)))
        });
        of_text.unwrap_or_else(|| {
            let start = Position::new(line, found.place.column.saturating_sub(1));
            Range::new(start, start)
        })
    }

    fn is_inside(&self, path: &Path) -> bool {
        let is_in = |folder: &PathBuf| path.starts_with(folder);
        path.starts_with(self.root) || self.folders.iter().any(is_in)
    }

    /// The file that is meant: compilers name it from where they run.
    pub(crate) fn resolve(&self, place: &Place, directory: Option<&str>) -> Option<PathBuf> {
        let named = Path::new(&place.file);
        let said = directory.map(|dir| self.root.join(dir));
        let places = [said.as_deref(), self.build, Some(self.root)];
        let mut paths = places.into_iter().flatten().map(|dir| dir.join(named));
        let path = paths.find(|path| path.is_file())?;
        Some(tidy(&path))
    }
}

/// A path without `..`, as editors name files.
fn tidy(path: &Path) -> PathBuf {
    use std::path::Component;
    let mut tidy = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                tidy.pop();
            }
            Component::CurDir => {}
            part => tidy.push(part),
        }
    }
    tidy
}

/// Texts of files, each read once.
#[derive(Default)]
struct Texts(HashMap<PathBuf, Option<Text>>);

impl Texts {
    fn get(&mut self, path: &Path) -> Option<&Text> {
        if !self.0.contains_key(path) {
            let has_room = self.0.len() < MAX_FILES;
            let text = has_room
                .then(|| file::read_text(path, TEXT_LIMIT).ok())
                .flatten();
            self.0.insert(path.to_owned(), text.map(Text::new));
        }
        self.0.get(path)?.as_ref()
    }
}
