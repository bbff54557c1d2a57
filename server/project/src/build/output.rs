//! What a build prints: errors and warnings with their places, and how far it is.
//!
//! Pure: lines in, values out. It reads what GCC, Clang, GNU ld, CMake, Kconfig and rustc print, alone
//! or in the output of make, ninja, idf.py, west, PlatformIO, arduino-cli and cargo.

mod rustc;
mod span;

pub use span::columns;

/// Findings that are kept.
const MAX_FINDINGS: usize = 500;
/// Places that are kept besides a finding's own.
const MAX_RELATED: usize = 20;
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

/// CMake's message goes on until a line that is not indented.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Cmake {
    #[default]
    Over,
    Message,
    Stack,
}

/// Reads a build's output.
#[derive(Debug, Default)]
pub struct Output {
    found: Vec<Finding>,
    /// So many have been taken.
    n_taken: usize,
    /// The next line may belong to the last one.
    is_open: bool,
    directory: Option<String>,
    /// `In file included from`, innermost first, and the file that it is about once that is known.
    included: (Vec<Place>, Option<String>),
    /// Whether the lines of source that follow are the last finding's own.
    is_own: bool,
    /// The last line of source.
    source_line: Option<String>,
    cmake: Cmake,
    rustc: rustc::Text,
}

impl Output {
    /// Takes the next line.
    pub fn hear(&mut self, printed: &str) -> Heard {
        let line = without_escapes(printed);
        if line.starts_with('{')
            && let Some(message) = rustc::message(&line)
        {
            self.is_open = false;
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

    fn has_room(&self) -> bool {
        self.found.len() < MAX_FINDINGS
    }

    fn read(&mut self, line: &str) {
        if self.cmake != Cmake::Over && self.cmake_goes_on(line) {
            return;
        }
        let is_begun = std::mem::take(&mut self.is_open);
        if let Some(directory) = entered(line) {
            self.directory = Some(directory.to_owned());
        } else if let Some(finding) = self.rustc.hear(line) {
            self.add(finding);
        } else if let Some(place) = included_from(line) {
            if line.starts_with("In file") {
                self.included = (Vec::new(), None);
            }
            if self.included.0.len() < MAX_RELATED {
                self.included.0.push(place);
            }
        } else if self.source(line) {
            self.is_open = is_begun;
        } else {
            self.message(line);
        }
    }

    fn add(&mut self, mut finding: Finding) {
        finding.directory.clone_from(&self.directory);
        self.is_own = self.has_room();
        self.is_open = self.is_own;
        self.source_line = None;
        if self.is_own {
            truncate(&mut finding.message);
            self.found.push(finding);
        }
    }

    /// `main.c:3:5: error: …`, and what has the same form.
    fn message(&mut self, line: &str) {
        let kinds = [
            (": fatal error: ", Some(Severity::Error)),
            (": error: ", Some(Severity::Error)),
            (": warning: ", Some(Severity::Warning)),
            (": note: ", None),
        ];
        let parts = |(mark, kind): &(&'static str, _)| {
            let (place, message) = line.split_once(*mark)?;
            Some((place_of(place)?, *kind, message))
        };
        if let Some((place, kind, message)) = kinds.iter().find_map(parts) {
            return self.compiler_says(place, kind, message);
        }
        if let Some((severity, place)) = cmake(line) {
            self.add(finding(severity, place, "", "cmake"));
            self.cmake = Cmake::Message;
            return;
        }
        if let Some((_, rest)) = line.split_once("KconfigError: ")
            && let Some((place, message)) = rest.split_once(": ")
            && let Some(place) = place_of(place)
        {
            return self.add(finding(Severity::Error, place, message, "kconfig"));
        }
        for mark in [": undefined reference to ", ": multiple definition of "] {
            if let Some((before, _)) = line.split_once(mark) {
                // The linker's own name comes first where no function is named.
                let before = before.rsplit_once("ld: ").map_or(before, |(_, rest)| rest);
                if let Some(place) = place_of(before) {
                    let message = line[line.find(mark).map_or(0, |at| at + 2)..].to_owned();
                    self.add(finding(Severity::Error, place, &message, "ld"));
                }
                return;
            }
        }
    }

    fn compiler_says(&mut self, place: Place, kind: Option<Severity>, message: &str) {
        let Some(severity) = kind else {
            self.is_own = false;
            self.is_open = self.n_taken < self.found.len();
            if let Some(last) = self.found.last_mut()
                && last.related.len() < MAX_RELATED
            {
                let mut message = message.to_owned();
                truncate(&mut message);
                last.related.push((place, message));
            }
            return;
        };
        let mut found = finding(severity, place, message, "gcc");
        if let Some(at) = message.rfind(" [-W").filter(|_| message.ends_with(']')) {
            message[..at].clone_into(&mut found.message);
            found.code = Some(message[at + 2..message.len() - 1].to_owned());
        }
        let (chain, about) = &mut self.included;
        if about.get_or_insert_with(|| found.place.file.clone()) == &found.place.file {
            let related = chain
                .iter()
                .map(|it| (it.clone(), "included from here".to_owned()));
            found.related = related.collect();
        }
        if ["sdkconfig", "Kconfig"]
            .iter()
            .any(|name| found.place.file.contains(name))
        {
            found.source = "kconfig";
        }
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

    /// The indented lines after `CMake Error at`. Whether this line is one of them.
    fn cmake_goes_on(&mut self, line: &str) -> bool {
        let is_stack = line.starts_with("Call Stack");
        if !line.is_empty() && !line.starts_with("  ") && !is_stack {
            self.cmake = Cmake::Over;
            return false;
        }
        if is_stack {
            self.cmake = Cmake::Stack;
        }
        let Some(last) = self.found.last_mut() else {
            return true;
        };
        let text = line.trim();
        if self.cmake == Cmake::Message {
            let gap = if last.message.is_empty() || text.is_empty() {
                ""
            } else {
                "\n"
            };
            last.message.push_str(gap);
            last.message.push_str(text);
            truncate(&mut last.message);
        } else if let Some((place, function)) = text.split_once(" (")
            && let Some(place) = place_of(place)
            && last.related.len() < MAX_RELATED
        {
            let function = function.trim_end_matches(')');
            last.related
                .push((place, format!("called from here, in {function}")));
        }
        true
    }
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

/// `FILE:LINE:COLUMN` or `FILE:LINE`; a file of Windows may begin with `C:`.
fn place_of(text: &str) -> Option<Place> {
    let text = text.trim();
    let (rest, last) = text.rsplit_once(':')?;
    let last: u32 = last.parse().ok()?;
    let with_column = rest
        .rsplit_once(':')
        .and_then(|(file, line)| Some((file, line.parse().ok()?, last)));
    let (file, line, column) = with_column.unwrap_or((rest, last, 0));
    (!file.is_empty() && line > 0).then(|| Place {
        file: file.to_owned(),
        line,
        column,
    })
}

fn included_from(line: &str) -> Option<Place> {
    let rest = line.strip_prefix("In file included from ");
    let rest = rest.or_else(|| line.trim_start().strip_prefix("from "))?;
    place_of(rest.trim_end_matches([',', ':']))
}

/// `ninja: Entering directory 'build'`, `make[1]: Entering directory '/p'`.
fn entered(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once(": Entering directory ")?;
    Some(rest.trim().trim_matches(['`', '\'', '"']))
}

/// `CMake Error at main/CMakeLists.txt:3 (idf_component_register):`
fn cmake(line: &str) -> Option<(Severity, Place)> {
    let rest = line.strip_prefix("CMake ")?;
    let severity = match rest.split_once(' ')?.0 {
        "Error" => Severity::Error,
        "Warning" | "Deprecation" => Severity::Warning,
        _ => return None,
    };
    let (_, rest) = rest.split_once(" at ")?;
    let place = rest
        .split_once(" (")
        .map_or(rest.trim_end_matches(':'), |it| it.0);
    Some((severity, place_of(place)?))
}

/// What `^~~~` is under, in characters.
fn underlined(text: &str) -> Option<std::ops::Range<usize>> {
    let chars: Vec<char> = text.chars().collect();
    let caret = chars.iter().position(|c| *c == '^')?;
    let is_mark = |c: &&char| matches!(c, '^' | '~');
    let before = chars[..caret].iter().rev().take_while(is_mark).count();
    let after = chars[caret..].iter().take_while(is_mark).count();
    Some(caret - before..caret + after)
}

/// ninja's `[12/340] …`, make's `[ 43%] …`, and cargo's bar.
fn progress(line: &str) -> Option<Progress> {
    let line = line.trim_start();
    let made = |done: &str, total: &str, what: &str| {
        let (done, total) = (done.trim().parse().ok()?, total.trim().parse().ok()?);
        (done <= total && total > 0).then(|| Progress {
            done,
            total,
            what: what.trim().to_owned(),
        })
    };
    if let Some(rest) = line.strip_prefix("Building [") {
        let (_, rest) = rest.split_once("] ")?;
        let (count, what) = rest.split_once(':').unwrap_or((rest, ""));
        let (done, total) = count.split_once('/')?;
        return made(done, total, what);
    }
    let (count, what) = line.strip_prefix('[')?.split_once(']')?;
    match count.split_once('/') {
        Some((done, total)) => made(done, total, what),
        None => made(count.strip_suffix('%')?, "100", what),
    }
}

/// A line without colours and the like.
fn without_escapes(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        if c != '\x1b' {
            plain.push(c);
        } else if chars.next() == Some('[') {
            // Up to the letter that ends it.
            for c in chars.by_ref() {
                if ('@'..='~').contains(&c) {
                    break;
                }
            }
        }
    }
    plain.truncate(plain.trim_end().len());
    plain
}

#[cfg(test)]
mod tests;
