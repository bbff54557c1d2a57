//! rustc's findings: as cargo's `--message-format=json` has them, and as people read them.

use serde_json::Value;

use super::{Finding, MAX_MESSAGE, MAX_RELATED, Place, Severity, finding, place_of, truncate};

/// Expansions of macros that are followed outwards.
const MAX_EXPANSIONS: usize = 16;

/// A line of `--message-format=json`.
pub(super) struct Message {
    pub(super) finding: Option<Finding>,
    /// Of a message that names no line: what it says, the linker's words for instance.
    pub(super) notes: String,
    /// What a person is to see.
    pub(super) rendered: Option<String>,
}

/// `None`: it is no message of cargo's.
pub(super) fn message(line: &str) -> Option<Message> {
    let value: Value = serde_json::from_str(line).ok()?;
    let reason = value.get("reason")?.as_str()?;
    let message = value
        .get("message")
        .filter(|_| reason == "compiler-message");
    let rendered = message.and_then(|it| it.get("rendered")?.as_str());
    let finding = message.and_then(of_json);
    let notes = message.filter(|_| finding.is_none()).map(notes);
    Some(Message {
        finding,
        notes: notes.unwrap_or_default(),
        rendered: rendered.map(|text| text.trim_end().to_owned()),
    })
}

/// A message and those below it, a line each or more.
fn notes(message: &Value) -> String {
    let said = |value: &Value| Some(value.get("message")?.as_str()?.to_owned());
    let level = message.get("level").and_then(Value::as_str);
    let first = said(message).map(|said| format!("{}: {said}", level.unwrap_or_default()));
    let children = message.get("children").and_then(Value::as_array);
    let children = children.into_iter().flatten().filter_map(said);
    let all: Vec<String> = first.into_iter().chain(children).collect();
    all.join("\n")
}

fn of_json(message: &Value) -> Option<Finding> {
    let text = |value: &Value, name: &str| Some(value.get(name)?.as_str()?.to_owned());
    let severity = severity(message.get("level")?.as_str()?)?;
    let spans = message.get("spans")?.as_array()?;
    let is_primary = |span: &&Value| span.get("is_primary") == Some(&Value::Bool(true));
    let primary = written(spans.iter().find(is_primary)?);
    let mut found = finding(severity, place(primary)?, "", "rustc");
    let number = |name: &str| u32::try_from(primary.get(name)?.as_u64()?).ok();
    found.end = number("line_end").zip(number("column_end"));
    found.message = text(message, "message")?;
    found.code = message.get("code").and_then(|code| text(code, "code"));
    if let Some(label) = text(primary, "label") {
        found.message.extend(["\n", &label]);
    }
    let others = spans.iter().filter(|span| !is_primary(span));
    for span in others {
        let label = text(span, "label").unwrap_or_default();
        found
            .related
            .extend(place(written(span)).map(|place| (place, label)));
    }
    let children = message.get("children").and_then(Value::as_array);
    for child in children.into_iter().flatten() {
        let said = text(child, "message").unwrap_or_default();
        let spans = child.get("spans").and_then(Value::as_array);
        let place = spans.and_then(|spans| place(written(spans.first()?)));
        match place {
            Some(place) => found.related.push((place, said)),
            None if found.message.len() < MAX_MESSAGE => {
                let level = text(child, "level").unwrap_or_default();
                found.message.extend(["\n", &level, ": ", &said]);
            }
            None => {}
        }
    }
    found.related.truncate(MAX_RELATED);
    truncate(&mut found.message);
    Some(found)
}

/// Where a person wrote it: what a macro of another crate expands to is nobody's line.
fn written(span: &Value) -> &Value {
    let outwards = std::iter::successors(Some(span), |span| span.get("expansion")?.get("span"));
    outwards.take(MAX_EXPANSIONS).last().unwrap_or(span)
}

fn place(span: &Value) -> Option<Place> {
    let number = |name: &str| u32::try_from(span.get(name)?.as_u64()?).ok();
    Some(Place {
        file: span.get("file_name")?.as_str()?.to_owned(),
        line: number("line_start")?,
        column: number("column_start")?,
    })
}

fn severity(level: &str) -> Option<Severity> {
    if level.starts_with("error") {
        Some(Severity::Error)
    } else {
        level.starts_with("warning").then_some(Severity::Warning)
    }
}

/// `error[E0425]: …`, then `  --> src/main.rs:4:5`.
#[derive(Debug, Default)]
pub(super) struct Text {
    begun: Option<(Severity, Option<String>, String)>,
}

impl Text {
    pub(super) fn hear(&mut self, line: &str) -> Option<Finding> {
        if let Some(place) = line.trim_start().strip_prefix("--> ") {
            let (severity, code, message) = self.begun.take()?;
            let mut found = finding(severity, place_of(place)?, &message, "rustc");
            found.code = code;
            return Some(found);
        }
        let (level, message) = line.split_once(": ")?;
        let (word, code) = match level.split_once('[') {
            Some((word, code)) => (word, Some(code.strip_suffix(']')?.to_owned())),
            None => (level, None),
        };
        if matches!(word, "error" | "warning") {
            self.begun = severity(word).map(|severity| (severity, code, message.to_owned()));
        }
        None
    }
}
