//! Crashes of boards, on the lines of the workspace that they lead to: one for each kind and line, with how
//! often it came, until the board gets another firmware, the line is edited, or somebody dismisses it.
//!
//! Owned by the [`super::desk::Desk`]. The task that publishes what [`super::editing`] finds adds these.

pub(crate) mod place;

use std::collections::{BTreeMap, HashSet};
use std::time::Instant;

use fbuild_link::port_name::PortName;
use fbuild_project::plain;
use lsp_types::{
    CodeAction, CodeActionKind, Command, Diagnostic, DiagnosticRelatedInformation,
    DiagnosticSeverity, Hover, HoverContents, MarkupContent, MarkupKind, NumberOrString, Position,
    Range, Url,
};
use serde_json::{Value, json};

use super::uri;
use crate::locked::Locked;

/// Most lines of one board that have a crash.
const MAX_SHOWN: usize = 50;
/// What of diagnostics says where they come from.
const SOURCE: &str = "fbuild";

/// One crash, and the line of the workspace that it leads to.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    /// `fault`
    pub(crate) kind: &'static str,
    /// `LoadProhibited reading 0x00000004`
    pub(crate) short: String,
    pub(crate) is_fatal: bool,
    /// The board starts and comes to it again and again.
    pub(crate) is_loop: bool,
    /// How often the board has come to it, as far as is known without those that are shown.
    pub(crate) times: u32,
    pub(crate) uri: Url,
    pub(crate) range: Range,
    /// `14:03:12 UTC`
    pub(crate) time: String,
    pub(crate) related: Vec<DiagnosticRelatedInformation>,
    /// What it is and where, a line each; then registers.
    pub(crate) lines: Vec<String>,
    /// What the board had printed before.
    pub(crate) log: String,
}

/// A crash that is shown.
#[derive(Debug)]
struct Shown {
    found: Found,
    /// Where its line is by now.
    range: Range,
    times: u32,
    last: Instant,
}

#[derive(Debug, Default)]
pub(crate) struct Crashes {
    by_port: Locked<BTreeMap<String, Vec<Shown>>>,
}

impl Crashes {
    /// Adds a crash of the board at this port; whether it is the first of its kind on its line.
    pub(crate) fn add(&self, port: &str, found: Found) -> bool {
        let mut by_port = self.by_port.lock();
        let shown = by_port.entry(PortName::of(port).identity()).or_default();
        // What differs from time to time (the address, the column) is of the last one.
        let of = |found: &Found| (found.kind, found.uri.clone(), found.range.start.line);
        if let Some(same) = shown.iter_mut().find(|it| of(&it.found) == of(&found)) {
            same.times = same.times.saturating_add(1).max(found.times);
            if same.range == same.found.range {
                same.range = found.range;
            }
            same.found = found;
            same.last = Instant::now();
            return false;
        }
        if shown.len() == MAX_SHOWN {
            shown.remove(0);
        }
        shown.push(Shown {
            range: found.range,
            times: found.times,
            found,
            last: Instant::now(),
        });
        true
    }

    /// The board at this port gets another firmware; the documents that this matters to.
    pub(crate) fn forget(&self, port: &str) -> Vec<String> {
        let gone = self.by_port.lock().remove(&PortName::of(port).identity());
        let gone = gone.into_iter().flatten();
        gone.map(|shown| shown.found.uri.into()).collect()
    }

    /// Takes a notification of edits; whether an edit has met a line with a crash, which then is gone.
    pub(crate) fn edited(&self, uri: &str, changes: &Value) -> bool {
        let mut has_met = false;
        let changes = changes.as_array().map_or(&[][..], Vec::as_slice);
        self.retain(|shown| {
            if shown.found.uri.as_str() != uri {
                return true;
            }
            let range = changes.iter().try_fold(shown.range, moved);
            has_met |= range.is_none();
            shown.range = range.unwrap_or(shown.range);
            range.is_some()
        });
        has_met
    }

    /// Somebody has seen what is on this line; without a line all of a document, without either all.
    pub(crate) fn dismiss(&self, uri: Option<&str>, line: Option<u32>) -> HashSet<String> {
        let mut gone = HashSet::new();
        self.retain(|shown| {
            let is_there = uri.is_none_or(|uri| shown.found.uri.as_str() == uri)
                && line.is_none_or(|line| shown.range.start.line == line);
            if is_there {
                gone.insert(shown.found.uri.clone().into());
            }
            !is_there
        });
        gone
    }

    /// What is shown in a document.
    pub(crate) fn of(&self, uri: &str) -> Vec<Diagnostic> {
        self.at(uri, |_| true, Shown::diagnostic)
    }

    /// What is known of the crashes on a line.
    pub(crate) fn hover(&self, uri: &str, at: Position) -> Option<Hover> {
        let texts = self.at(uri, |range| range.start.line == at.line, Shown::markdown);
        let markup = MarkupContent {
            kind: MarkupKind::Markdown,
            value: texts.join("\n\n"),
        };
        (!texts.is_empty()).then_some(Hover {
            contents: HoverContents::Markup(markup),
            range: None,
        })
    }

    /// What can be done about the crashes on these lines.
    pub(crate) fn actions(&self, uri: &str, range: Range, copies: bool) -> Vec<CodeAction> {
        let meets = |shown: Range| {
            range.start.line <= shown.start.line && shown.start.line <= range.end.line
        };
        self.at(uri, meets, |shown| shown.actions(copies))
            .into_iter()
            .flatten()
            .collect()
    }

    /// What is known of the crash on a line, or of the last one, for a page of its own.
    /// `is_short`: without what the board had printed before.
    pub(crate) fn page(
        &self,
        uri: Option<&str>,
        line: Option<u32>,
        is_short: bool,
    ) -> Option<String> {
        let by_port = self.by_port.lock();
        let shown = by_port.values().flatten().filter(|shown| {
            uri.is_none_or(|uri| shown.found.uri.as_str() == uri)
                && line.is_none_or(|line| shown.range.start.line == line)
        });
        let last = shown.max_by_key(|shown| shown.last)?;
        Some(last.page(is_short))
    }

    fn at<T>(
        &self,
        uri: &str,
        there: impl Fn(Range) -> bool,
        what: impl Fn(&Shown) -> T,
    ) -> Vec<T> {
        let by_port = self.by_port.lock();
        let shown = by_port.values().flatten();
        let shown = shown.filter(|it| it.found.uri.as_str() == uri && there(it.range));
        shown.map(what).collect()
    }

    fn retain(&self, keep: impl FnMut(&mut Shown) -> bool) {
        let mut keep = keep;
        for shown in self.by_port.lock().values_mut() {
            shown.retain_mut(&mut keep);
        }
    }
}

/// Where a line is after an edit; `None`: the edit has met it.
fn moved(range: Range, change: &Value) -> Option<Range> {
    let text = change["text"].as_str()?;
    let new = u32::try_from(text.matches('\n').count()).ok()?;
    let edit: Range = serde_json::from_value(change["range"].clone()).ok()?;
    let line = range.start.line;
    let ends_before = edit.end.line < line || (edit.end.line == line && edit.end.character == 0);
    let keeps_whole_lines = edit.start.character == 0 && (text.is_empty() || text.ends_with('\n'));
    let leaves_line = edit.end.line < line || keeps_whole_lines;
    if edit.start.line > line {
        return Some(range);
    }
    if !(ends_before && leaves_line) {
        return None;
    }
    let gone = edit.end.line.saturating_sub(edit.start.line);
    let line = line.saturating_add(new).saturating_sub(gone);
    Some(Range::new(
        Position::new(line, range.start.character),
        Position::new(line, range.end.character),
    ))
}

impl Shown {
    /// `LoadProhibited reading 0x00000004, 14:03:12 UTC`
    fn title(&self) -> String {
        let Found { short, time, .. } = &self.found;
        let title = match (self.times, self.found.is_loop) {
            (times, true) => format!("boot loop: {short}, {times} times, last at {time}"),
            (1, false) => format!("{short}, {time}"),
            (times, false) => format!("{short}, {times} times, last at {time}"),
        };
        plain::line(&title).into_owned()
    }

    fn diagnostic(&self) -> Diagnostic {
        let related = self.found.related.clone();
        Diagnostic {
            range: self.range,
            severity: Some(if self.found.is_fatal {
                DiagnosticSeverity::ERROR
            } else {
                DiagnosticSeverity::WARNING
            }),
            code: Some(NumberOrString::String(self.found.kind.to_owned())),
            source: Some(SOURCE.to_owned()),
            message: self.title(),
            related_information: Some(related).filter(|related| !related.is_empty()),
            // For clients that list the frames of crashes.
            data: Some(json!({"crash": true})),
            ..Diagnostic::default()
        }
    }

    fn markdown(&self) -> String {
        let lines = self.found.lines.join("\n");
        let lines = plain::lines(&lines).replace("```", "'''");
        format!(
            "**{}**\n\n```text\n{lines}\n```",
            plain::markdown(&self.title())
        )
    }

    fn page(&self, is_short: bool) -> String {
        let Found { lines, log, .. } = &self.found;
        let mut text = format!("{}\n\n{}\n", self.title(), lines.join("\n"));
        if !is_short {
            text += "\n";
            text += log;
        }
        plain::lines(&text).into_owned()
    }

    fn actions(&self, copies: bool) -> Vec<CodeAction> {
        let about = json!({"uri": self.found.uri, "line": self.range.start.line});
        let action = |title: &str, command: &str, about: &Value| CodeAction {
            title: title.to_owned(),
            kind: Some(CodeActionKind::QUICKFIX),
            diagnostics: Some(vec![self.diagnostic()]),
            command: Some(Command {
                title: title.to_owned(),
                command: format!("fbuild.server.monitor.{command}"),
                arguments: Some(vec![about.clone()]),
            }),
            ..CodeAction::default()
        };
        let show = action("Show the crash and the log before it", "showCrash", &about);
        let dismiss = action("Dismiss the crash", "dismiss", &about);
        let mut copying = about;
        copying["copy"] = true.into();
        let copy = copies.then(|| action("Copy the backtrace", "showCrash", &copying));
        [show].into_iter().chain(copy).chain([dismiss]).collect()
    }
}

/// A document as it is named here.
pub(crate) fn document(text: &str) -> String {
    match uri::or_path(text).as_deref().and_then(uri::of) {
        Some(url) => url.into(),
        None => uri::normal(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(line: u32, time: &str) -> Found {
        Found {
            kind: "fault",
            short: "LoadProhibited reading 0x00000004".to_owned(),
            is_fatal: true,
            is_loop: false,
            times: 1,
            uri: Url::parse("file:///clock/main.c").unwrap(),
            range: Range::new(Position::new(line, 4), Position::new(line, 20)),
            time: time.to_owned(),
            related: Vec::new(),
            lines: vec!["fault: LoadProhibited".to_owned()],
            log: "I (300) app: up\n".to_owned(),
        }
    }

    const URI: &str = "file:///clock/main.c";

    fn said(crashes: &Crashes) -> Vec<(u32, String)> {
        let found = crashes.of(URI).into_iter();
        found.map(|it| (it.range.start.line, it.message)).collect()
    }

    #[test]
    fn one_a_line_and_kind_with_a_count() {
        let crashes = Crashes::default();
        assert!(crashes.add("COM5", found(10, "14:03:12 UTC")));
        assert!(!crashes.add("COM5", found(10, "14:03:15 UTC")));
        assert!(crashes.add("COM5", found(20, "14:03:14 UTC")));
        assert_eq!(
            said(&crashes),
            [
                (
                    10,
                    "LoadProhibited reading 0x00000004, 2 times, last at 14:03:15 UTC".to_owned()
                ),
                (
                    20,
                    "LoadProhibited reading 0x00000004, 14:03:14 UTC".to_owned()
                ),
            ]
        );
        let again = Found {
            is_loop: true,
            ..found(10, "14:03:18 UTC")
        };
        crashes.add("COM5", again);
        assert_eq!(
            said(&crashes)[0].1,
            "boot loop: LoadProhibited reading 0x00000004, 3 times, last at 14:03:18 UTC"
        );
        // Another address and another column are the same crash.
        let mut again = found(20, "14:03:20 UTC");
        again.short = "LoadProhibited reading 0x0000005e".to_owned();
        again.range.end.character = 30;
        assert!(!crashes.add("COM5", again));
        assert_eq!(
            said(&crashes)[1].1,
            "LoadProhibited reading 0x0000005e, 2 times, last at 14:03:20 UTC"
        );
        let mut other = found(20, "14:03:21 UTC");
        other.kind = "task-wdt";
        assert!(crashes.add("COM5", other));
        crashes.dismiss(Some(URI), None);
        // What was dismissed has come before.
        let mut again = found(20, "14:03:24 UTC");
        (again.is_loop, again.times) = (true, 5);
        assert!(crashes.add("COM5", again.clone()));
        assert_eq!(
            said(&crashes)[0].1,
            "boot loop: LoadProhibited reading 0x00000004, 5 times, last at 14:03:24 UTC"
        );
        again.uri = Url::parse("file:///clock/other.c").unwrap();
        crashes.add("COM5", again);
        assert_eq!(crashes.forget("COM6"), [""; 0]);
        assert_eq!(crashes.forget("COM5"), [URI, "file:///clock/other.c"]);
        assert!(said(&crashes).is_empty());
        for line in 0..200 {
            crashes.add("COM5", found(line, "14:03:12 UTC"));
        }
        assert_eq!(said(&crashes).len(), MAX_SHOWN);
    }

    /// Edits as (start line, start character, end line, end character, text) and where line 10 is then.
    #[test]
    fn a_line_moves_with_its_text_until_it_is_edited() {
        for (edit, expected) in [
            ((3, 0, 3, 0, "one\ntwo\n"), Some(12)),
            ((3, 2, 5, 1, ""), Some(8)),
            ((10, 0, 10, 0, "above\n"), Some(11)),
            ((9, 0, 10, 0, ""), Some(9)),
            ((11, 0, 12, 0, ""), Some(10)),
            ((12, 3, 12, 3, "later"), Some(10)),
            ((10, 0, 10, 0, "x"), None),
            ((10, 7, 10, 8, ""), None),
            ((9, 5, 10, 0, ""), None),
            ((9, 0, 10, 0, "x"), None),
            ((9, 0, 3, 0, "backwards\n"), Some(11)),
            ((2, 0, 30, 0, ""), None),
            ((10, 12, 11, 0, ""), None),
        ] {
            let crashes = Crashes::default();
            crashes.add("COM5", found(10, "14:03:12 UTC"));
            let (line, from, end, to, text) = edit;
            let change = json!([{"text": text, "range": {
                "start": {"line": line, "character": from}, "end": {"line": end, "character": to},
            }}]);
            assert_eq!(crashes.edited(URI, &change), expected.is_none(), "{edit:?}");
            let line = said(&crashes).first().map(|(line, _)| *line);
            assert_eq!(line, expected, "{edit:?}");
            assert!(!crashes.edited("file:///clock/other.c", &change));
        }
        let crashes = Crashes::default();
        crashes.add("COM5", found(10, "14:03:12 UTC"));
        assert!(crashes.edited(URI, &json!([{"text": "all of it"}])));
    }

    #[test]
    fn it_says_what_is_known_and_is_dismissed() {
        let crashes = Crashes::default();
        crashes.add("COM5", found(10, "14:03:12 UTC"));
        assert!(crashes.hover(URI, Position::new(9, 0)).is_none());
        let hover = serde_json::to_value(crashes.hover(URI, Position::new(10, 0))).unwrap();
        let text = hover["contents"]["value"].as_str().unwrap();
        assert!(
            text.contains("```text\nfault: LoadProhibited\n```"),
            "{text}"
        );
        let range = Range::new(Position::new(10, 0), Position::new(10, 0));
        let actions = crashes.actions(URI, range, false);
        let commands = actions
            .iter()
            .map(|it| it.command.as_ref().unwrap().command.as_str());
        assert_eq!(
            commands.collect::<Vec<_>>(),
            [
                "fbuild.server.monitor.showCrash",
                "fbuild.server.monitor.dismiss"
            ]
        );
        let page = crashes.page(Some(URI), Some(10), false).unwrap();
        assert!(page.ends_with("I (300) app: up\n"), "{page}");
        assert!(crashes.dismiss(Some(URI), Some(11)).is_empty());
        assert_eq!(crashes.dismiss(Some(URI), Some(10)).len(), 1);
        assert_eq!(crashes.page(None, None, false), None);
    }
}
