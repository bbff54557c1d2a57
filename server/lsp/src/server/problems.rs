//! What builds found wrong, on the lines that they name.
//!
//! Kept per build until the next one in the same directory. The task that publishes what [`super::editing`]
//! finds adds this to it: a document has one list of diagnostics.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

use fbuild_editing::text::{Encoding, Text};
use fbuild_project::build::output::{Finding, Place, Severity, columns};
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
    /// By the directory that is built in, then by URI.
    by_build: Locked<BTreeMap<PathBuf, ByDocument>>,
}

impl Problems {
    /// What builds found in a document.
    pub(crate) fn of(&self, uri: &str) -> Vec<Diagnostic> {
        let all = self.by_build.lock();
        let found = all.values().filter_map(|found| found.get(uri));
        found.flatten().cloned().collect()
    }

    /// Forgets what the last build in this directory found; the documents that it matters to.
    pub(crate) fn clear(&self, build: &Path) -> HashSet<String> {
        let before = self.by_build.lock().remove(build);
        before.into_iter().flat_map(HashMap::into_keys).collect()
    }

    /// Adds what a build in this directory has found; the documents that it matters to.
    pub(crate) fn add(&self, build: &Path, found: ByDocument) -> HashSet<String> {
        let mut all = self.by_build.lock();
        let known = all.entry(build.to_owned()).or_default();
        let mut touched = HashSet::new();
        for (uri, more) in found {
            known.entry(uri.clone()).or_default().extend(more);
            touched.insert(uri);
        }
        touched
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

    /// Where it is shown, and how. A warning about somebody else's file is left out; an error there is
    /// shown on the line of the workspace that leads to it.
    fn diagnostic(&self, mut found: Finding, texts: &mut Texts) -> Option<(PathBuf, Diagnostic)> {
        let directory = found.directory.clone();
        let resolve = |place: &Place| self.resolve(place, directory.as_deref());
        let mut path = resolve(&found.place)?;
        if !self.is_inside(&path) {
            if found.severity == Severity::Warning {
                return None;
            }
            let inside = |(place, _): &(Place, String)| {
                resolve(place).is_some_and(|path| self.is_inside(&path))
            };
            if let Some(at) = found.related.iter().position(inside) {
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
    fn resolve(&self, place: &Place, directory: Option<&str>) -> Option<PathBuf> {
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
