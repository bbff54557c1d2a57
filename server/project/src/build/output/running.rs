//! What goes on over several lines: CMake's messages, paragraphs, calls of a script; and why a build fails where no
//! line of a source is named.

use super::lines::{
    Speaker, begun_by_level, cmake, compiler_message, entered, included_from, indentation,
    panicked, place_of, placeless, progress, python_frame,
};
use super::{MAX_RELATED, Output, Place, Severity, finding, truncate};

/// Calls of a script that are kept.
const MAX_CALLS: usize = 100;
/// Lines of a paragraph that are kept, where it does not end by itself.
const MAX_PARAGRAPH: usize = 12;

/// What goes on over several lines, until one that is not indented or, for a paragraph, is blank.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum Running {
    #[default]
    Nothing,
    /// CMake's message, indented by more than this.
    Cmake(usize),
    CmakeStack(usize),
    /// So many lines of it are there.
    Paragraph(usize),
    Line,
    /// Python's calls, outermost first, and what it said before them.
    Calls(Vec<Place>, Option<String>),
}

impl Output {
    /// Whether this line is a part of what runs on.
    pub(super) fn goes_on(&mut self, line: &str) -> bool {
        let text = line.trim();
        let is_inside = |outer: usize| text.is_empty() || indentation(line) > outer;
        match &mut self.running {
            Running::Nothing => return false,
            // It may be indented by who runs CMake.
            Running::Cmake(_) | Running::CmakeStack(_) if cmake(line).is_some() => {}
            Running::Cmake(outer) | Running::CmakeStack(outer)
                if text.starts_with("Call Stack") =>
            {
                self.running = Running::CmakeStack(*outer);
                return true;
            }
            Running::Cmake(outer) if is_inside(*outer) => {
                self.continue_message(text, "\n");
                return true;
            }
            Running::CmakeStack(outer) if is_inside(*outer) => {
                if let Some((place, function)) = text.rsplit_once(" (")
                    && let Some(place) = place_of(place)
                    && let Some(last) = self.found.last_mut()
                    && last.related.len() < MAX_RELATED
                {
                    let function = function.trim_end_matches(')');
                    let text = format!("called from here, in {function}");
                    last.related.push((place, text));
                }
                return true;
            }
            Running::Paragraph(n_lines)
                if *n_lines < MAX_PARAGRAPH && !text.is_empty() && !stands_alone(line) =>
            {
                *n_lines += 1;
                self.continue_message(text, " ");
                return true;
            }
            Running::Line => {
                self.continue_message(text, "");
                self.running = Running::Nothing;
                return true;
            }
            Running::Calls(calls, said) => {
                if let Some(place) = python_frame(line) {
                    if calls.len() < MAX_CALLS {
                        calls.push(place);
                    }
                    return true;
                }
                if is_inside(0) {
                    return true;
                }
                if said.is_none() {
                    *said = Some(line.to_owned());
                    // Some say their own place.
                    let n_before = self.found.len();
                    let running = std::mem::take(&mut self.running);
                    self.note_reason(line);
                    self.message(line, false);
                    if self.found.len() == n_before {
                        self.running = running;
                    }
                    self.stop();
                    return true;
                }
            }
            _ => {}
        }
        self.stop();
        false
    }

    /// Ends what runs on.
    pub(super) fn stop(&mut self) {
        if let Running::Calls(mut calls, Some(said)) = std::mem::take(&mut self.running)
            && let Some(place) = calls.pop()
        {
            let mut found = finding(Severity::Error, place, &said, "python");
            let outer = calls.into_iter().rev().take(MAX_RELATED);
            found.related = outer
                .map(|it| (it, "called from here".to_owned()))
                .collect();
            self.add(found);
        }
    }

    fn continue_message(&mut self, text: &str, gap: &str) {
        if let Some(last) = self.found.last_mut() {
            if !last.message.is_empty() && !text.is_empty() {
                last.message.push_str(gap);
            }
            last.message.push_str(text);
            truncate(&mut last.message);
        }
    }

    /// Remembers what says why a build fails, where that has no place.
    pub(super) fn note_reason(&mut self, line: &str) {
        let cut = |text: &str| {
            let mut text = text.to_owned();
            truncate(&mut text);
            text
        };
        let known = self.placeless.as_ref().map(|it| it.0);
        if known != Some(Speaker::Compiler)
            && let Some((speaker, text)) = placeless(line)
        {
            self.placeless = Some((speaker, cut(text)));
        }
        if line.starts_with("FAILED: ") {
            self.until_failed = 2;
        } else if self.until_failed > 0 && !line.trim().is_empty() {
            self.until_failed -= 1;
            if self.until_failed == 0 && self.failed.is_none() && !line.starts_with("ninja: ") {
                self.failed = Some(cut(line.trim()));
            }
        }
    }
}

/// Whether a line is something by itself, and so no part of a paragraph.
fn stands_alone(line: &str) -> bool {
    const BEGINNINGS: [&str; 5] = ["-- ", "FAILED: ", "warning: ", "Traceback (most", "ninja: "];
    BEGINNINGS.iter().any(|begun| line.starts_with(begun))
        || progress(line).is_some()
        || cmake(line).is_some()
        || begun_by_level(line).is_some()
        || compiler_message(line).is_some()
        || placeless(line).is_some()
        || entered(line).is_some()
        || panicked(line).is_some()
        || line.starts_with("In file included ") && included_from(line).is_some()
}
