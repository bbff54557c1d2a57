//! What a build prints: errors and warnings with their places, and how far it is.
//!
//! Pure: lines in, values out. It reads what GCC, Clang, GNU as and ld, lld, CMake, Kconfig, devicetree, Python
//! and rustc print in English, alone or in the output of make, ninja, idf.py, west, PlatformIO, arduino-cli and
//! cargo.

mod lines;
mod running;
mod rustc;
mod span;

use lines::{
    Speaker, begun_by_level, cmake, compiler_message, entered, included_from, indentation,
    is_scope, panicked, place_of, progress, required, source_of, underlined, without_escapes,
};
use running::Running;
pub use span::columns;

/// Findings that are kept.
const MAX_FINDINGS: usize = 500;
/// Places that are kept besides a finding's own.
const MAX_RELATED: usize = 20;
/// What is said of a place that includes another.
const INCLUDED: &str = "included from here";
/// Bytes of a finding's text.
const MAX_MESSAGE: usize = 4096;

/// A place, as it was printed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    /// Absolute, or relative to where the compiler ran.
    pub file: String,
    /// From 1.
    pub line: u32,
    /// From 1; 0: the whole line.
    pub column: u32,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Severity {
    Error,
    Warning,
}

/// An error or a warning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// Where.
    pub place: Place,
    /// Where it ends, if that was said: line and column.
    pub end: Option<(u32, u32)>,
    /// What it is.
    pub message: String,
    /// The compiler's name for it: `-Wunused-variable`, `E0425`.
    pub code: Option<String>,
    /// Who says it.
    pub source: &'static str,
    /// Other places that have to do with it, innermost first.
    pub related: Vec<(Place, String)>,
    /// The line as it was printed, and what of it was underlined, in characters.
    pub shown: Option<(String, std::ops::Range<usize>)>,
    /// The directory that make or ninja said they work in.
    pub directory: Option<String>,
}

/// How far a build is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// Steps that are done.
    pub done: u32,
    /// All of them, as far as is known.
    pub total: u32,
    /// What is done now.
    pub what: String,
}

/// What a line was.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Heard {
    /// What a person is to see of it, with its escape sequences; `None`: nothing.
    pub shown: Option<String>,
    /// How far the build is.
    pub progress: Option<Progress>,
}

/// Reads a build's output.
#[derive(Debug, Default)]
pub struct Output {
    found: Vec<Finding>,
    /// So many have been taken.
    n_taken: usize,
    /// The next line may belong to the last one.
    is_open: bool,
    /// Those that make or ninja work in, the inner last, and all that they ever did.
    directories: Vec<String>,
    entered: Vec<String>,
    /// `In file included from`, innermost first, and the file that it is about once that is known.
    included: (Vec<Place>, Option<String>),
    /// Whether the last line was of that kind: Clang begins each so, and the outermost comes first.
    was_included: bool,
    /// `required from here`, innermost first, of what comes next.
    required: Vec<(Place, String)>,
    /// Whether the lines of source that follow are the last finding's own.
    is_own: bool,
    /// The last line of source.
    source_line: Option<String>,
    running: Running,
    rustc: rustc::Text,
    /// What lld misses.
    symbol: Option<String>,
    /// The error that names no line and says most.
    placeless: Option<(Speaker, String)>,
    /// Lines until what a step of ninja's that failed has printed: its command comes first.
    until_failed: usize,
    /// The first line of that.
    failed: Option<String>,
}

impl Output {
    /// Takes the next line.
    pub fn hear(&mut self, printed: &str) -> Heard {
        let line = without_escapes(printed);
        if line.starts_with('{')
            && let Some(message) = rustc::message(&line)
        {
            self.is_open = false;
            for line in message.notes.lines() {
                self.read(line);
            }
            self.found
                .extend(message.finding.filter(|_| self.has_room()));
            return Heard {
                shown: message.rendered,
                progress: None,
            };
        }
        let progress = progress(&line);
        // cargo's bar is drawn again and again.
        let is_bar = progress.is_some() && line.trim_start().starts_with("Building [");
        if !is_bar {
            self.read(&line);
        }
        Heard {
            shown: (!is_bar).then(|| printed.trim_end().to_owned()),
            progress,
        }
    }

    /// What was found since this was last asked for, each once. Before the output is over, what may not be all
    /// of a finding is kept back.
    pub fn findings(&mut self, is_over: bool) -> Vec<Finding> {
        if is_over {
            self.stop();
        }
        let is_kept_back = self.is_open && !is_over;
        let end = self.found.len() - usize::from(is_kept_back);
        let from = std::mem::replace(&mut self.n_taken, end);
        let mut new = Vec::new();
        for at in from..end {
            let (before, next) = self.found.split_at_mut(at);
            let next = &mut next[0];
            next.message.truncate(next.message.trim_end().len());
            let is_same = |it: &Finding| it.place == next.place && it.message == next.message;
            if !before.iter().any(is_same) {
                new.push(next.clone());
            }
        }
        new
    }

    /// Why the build failed, where no finding says it: an error that names no line, else how what failed began.
    pub fn reason(&self) -> Option<&str> {
        let is_error = |it: &Finding| it.severity == Severity::Error;
        let begun = || {
            self.failed
                .as_deref()
                .filter(|_| !self.found.iter().any(is_error))
        };
        let said = self.placeless.as_ref();
        said.map(|(_, text)| text.as_str()).or_else(begun)
    }

    /// The directories that make or ninja said they work in.
    pub fn entered(&self) -> &[String] {
        &self.entered
    }

    fn has_room(&self) -> bool {
        self.found.len() < MAX_FINDINGS
    }

    fn read(&mut self, line: &str) {
        if self.goes_on(line) {
            return;
        }
        self.note_reason(line);
        let is_begun = std::mem::take(&mut self.is_open);
        let was_included = std::mem::take(&mut self.was_included);
        if let Some(directory) = entered(line) {
            if self.directories.len() < MAX_RELATED {
                self.directories.push(directory.to_owned());
            }
            if self.entered.len() < MAX_RELATED && !self.entered.iter().any(|it| it == directory) {
                self.entered.push(directory.to_owned());
            }
        } else if line.contains(": Leaving directory ") {
            self.directories.pop();
        } else if let Some(finding) = self.rustc.hear(line) {
            self.add(finding);
        } else if let Some(place) = included_from(line) {
            let chain = &mut self.included.0;
            if line.trim_start().starts_with("In file") && !was_included {
                self.included = (vec![place], None);
            } else if chain.len() < MAX_RELATED {
                let is_inner = line.trim_start().starts_with("In file");
                chain.insert(if is_inner { 0 } else { chain.len() }, place);
            }
            (self.is_open, self.was_included, self.is_own) = (is_begun, true, false);
        } else if self.source(line) {
            self.is_open = is_begun;
        } else if let Some((place, why)) = required(line) {
            // The outermost is what a person wrote.
            self.required.truncate(MAX_RELATED - 1);
            self.required.push((place, why.to_owned()));
            (self.is_open, self.is_own) = (is_begun, false);
        } else {
            self.message(line, is_begun);
            // Before version 9, GCC showed lines of source without their numbers.
            self.is_open |= is_begun && (line.starts_with(' ') || is_scope(line));
        }
    }

    fn add(&mut self, mut finding: Finding) {
        finding.directory = self.directories.last().cloned();
        self.is_own = self.has_room();
        self.is_open = self.is_own;
        self.source_line = None;
        if self.is_own {
            truncate(&mut finding.message);
            self.found.push(finding);
        }
    }

    /// `main.c:3:5: error: …`, and what has the same form.
    fn message(&mut self, line: &str, is_begun: bool) {
        if let Some((place, kind, message)) = compiler_message(line) {
            return self.compiler_says(place, kind, message, is_begun);
        }
        if let Some((severity, place)) = cmake(line) {
            self.add(finding(severity, place, "", "cmake"));
            self.running = Running::Cmake(indentation(line));
            return;
        }
        if let Some((severity, place, message)) = begun_by_level(line) {
            let source = source_of(&place.file);
            return self.add(finding(severity, place, message, source));
        }
        if let Some((who, rest)) = line.split_once(": ")
            && who.ends_with("KconfigError")
            && let Some((place, message)) = rest.split_once(": ")
            && let Some(place) = place_of(place)
        {
            return self.add(finding(Severity::Error, place, message, "kconfig"));
        }
        if let Some(place) = panicked(line) {
            self.add(finding(Severity::Error, place, "", "rust"));
            self.running = Running::Line;
            return;
        }
        if let Some(rest) = line.strip_prefix("devicetree error: ")
            && let Some((place, rest)) = rest.split_once(" (column ")
            && let Some((column, message)) = rest.split_once("): ")
            && let Some(mut place) = place_of(place)
        {
            place.column = column.parse().unwrap_or_default();
            return self.add(finding(Severity::Error, place, message, "devicetree"));
        }
        if let Some(symbol) = line.strip_prefix("warning: ")
            && let Some((name, rest)) = symbol.split_once(" (defined at ")
            && let Some(end) = rest.find([',', ')'])
            && let Some(place) = place_of(&rest[..end])
        {
            let message = format!("{name}{}", rest.split_once(')').map_or("", |it| it.1));
            self.add(finding(Severity::Warning, place, &message, "kconfig"));
            self.running = Running::Paragraph(0);
            return;
        }
        if line.starts_with("Traceback (most recent call last)") {
            self.running = Running::Calls(Vec::new(), None);
        } else if line.ends_with(':')
            && line
                .split_once(": ")
                .is_some_and(|it| it.0.ends_with("Error"))
        {
            // SCons says it before the calls.
            self.running = Running::Calls(Vec::new(), Some(line.trim_end_matches(':').to_owned()));
        } else {
            self.linker_says(line);
        }
    }

    fn linker_says(&mut self, line: &str) {
        for mark in [": undefined reference to ", ": multiple definition of "] {
            if let Some(at) = line.find(mark) {
                let Some(place) = place_of(&line[..at]) else {
                    return;
                };
                let (message, first) = line[at + 2..]
                    .split_once("; ")
                    .unwrap_or((&line[at + 2..], ""));
                let mut found = finding(Severity::Error, place, message, "ld");
                let first = first
                    .strip_suffix(": first defined here")
                    .and_then(place_of);
                found
                    .related
                    .extend(first.map(|it| (it, "first defined here".to_owned())));
                return self.add(found);
            }
        }
        // lld's: `>>> referenced by main.rs:12 (src/main.rs:12)`.
        if let Some((_, symbol)) = line.split_once(": error: undefined symbol: ") {
            self.symbol = Some(format!("undefined symbol: {symbol}"));
        } else if let Some((_, by)) = line.split_once(">>> referenced by ")
            && let Some((_, place)) = by.rsplit_once(" (")
            && let Some(place) = place_of(place.trim_end_matches(')'))
            && let Some(symbol) = self.symbol.clone()
        {
            self.add(finding(Severity::Error, place, &symbol, "ld"));
        }
    }

    fn compiler_says(
        &mut self,
        place: Place,
        kind: Option<Severity>,
        message: &str,
        is_begun: bool,
    ) {
        let (chain, about) = &mut self.included;
        let is_about = about.get_or_insert_with(|| place.file.clone()) == &place.file;
        let required = std::mem::take(&mut self.required);
        let Some(severity) = kind else {
            self.is_own = false;
            self.is_open = is_begun && self.n_taken < self.found.len();
            let mut message = message.trim_start().to_owned();
            truncate(&mut message);
            // A pragma's message is a note about nothing.
            let is_about_last = self.is_open && !message.contains("#pragma message");
            if let Some(last) = self.found.last_mut().filter(|_| is_about_last)
                && last.related.len() < MAX_RELATED
            {
                last.related.push((place, message));
            }
            return;
        };
        let source = source_of(&place.file);
        let mut found = finding(severity, place, message, source);
        if let Some(at) = message.rfind(" [-").filter(|_| message.ends_with(']')) {
            message[..at].clone_into(&mut found.message);
            found.code = Some(message[at + 2..message.len() - 1].to_owned());
        }
        found.related = required;
        if is_about {
            let chain = chain.iter();
            found
                .related
                .extend(chain.map(|it| (it.clone(), INCLUDED.to_owned())));
        }
        found.related.truncate(MAX_RELATED);
        self.add(found);
    }

    /// `    3 | return nope;` and `      |        ^~~~`.
    fn source(&mut self, line: &str) -> bool {
        let Some((before, text)) = line.split_once('|') else {
            return false;
        };
        let text = text.strip_prefix(' ').unwrap_or(text);
        let before = before.trim();
        if before.parse::<u32>().is_ok() {
            self.source_line = Some(text.to_owned());
            return true;
        }
        if !before.is_empty() {
            return false;
        }
        let last = self.found.last_mut().filter(|last| last.shown.is_none());
        if let (true, Some(last), Some(caret)) = (self.is_own, last, underlined(text))
            && let Some(source) = self.source_line.take()
        {
            last.shown = Some((source, caret));
        }
        true
    }
}

/// Whether a related place is where a person wrote what became wrong elsewhere.
pub fn leads_there(why: &str) -> bool {
    const WORDS: [&str; 8] = [
        "in expansion of ",
        "expanded from ",
        "required ",
        "recursively required ",
        "in instantiation of ",
        "in 'constexpr' expansion",
        "in ‘constexpr’ expansion",
        "called from here",
    ];
    WORDS.iter().any(|word| why.starts_with(word))
}

fn finding(severity: Severity, place: Place, message: &str, source: &'static str) -> Finding {
    Finding {
        severity,
        place,
        end: None,
        message: message.to_owned(),
        code: None,
        source,
        related: Vec::new(),
        shown: None,
        directory: None,
    }
}

fn truncate(text: &mut String) {
    let end = text.floor_char_boundary(MAX_MESSAGE.min(text.len()));
    text.truncate(end);
}

#[cfg(test)]
mod tests;
