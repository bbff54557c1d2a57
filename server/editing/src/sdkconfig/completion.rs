//! What could be typed.

use super::Config;
use super::keys::{self, Holds, KEYS};
use crate::{Completion, CompletionKind, Span};

pub(super) fn completions(config: &Config<'_>, at: usize) -> Vec<Completion> {
    let text = config.view.text;
    let start = text[..at]
        .rfind(['\r', '\n'])
        .map_or(0, |newline| newline + 1);
    let start = start + text[start..at].len() - text[start..at].trim_start().len();
    let end = at + text[at..].find(['\r', '\n']).unwrap_or(text.len() - at);
    let before = &text[start..at];
    if before.starts_with('#') {
        return Vec::new();
    }
    if let Some((name, _)) = before.split_once('=') {
        let span = start + name.len() + 1..end;
        return of_value(config, name.strip_prefix("CONFIG_").unwrap_or(name), &span);
    }
    let word_end = at + text[at..end].find('=').unwrap_or(end - at);
    let span = start..word_end;
    let has_sign = text[word_end..end].starts_with('=');
    let is_there = |name: &str| {
        let entry = config.entry(name);
        entry.is_some_and(|entry| entry.name_span != span)
    };
    let keys = KEYS.iter().filter(|key| !is_there(key.name));
    keys.map(|key| {
        let value = match key.holds {
            _ if has_sign => "",
            Holds::Flag => "=y",
            Holds::Text(_) | Holds::Number(_) => "=",
        };
        Completion {
            span: span.clone(),
            text: format!("CONFIG_{}{value}", key.name),
            kind: CompletionKind::Key,
            detail: String::new(),
            documentation: Some(key.text.to_owned()),
        }
    })
    .collect()
}

fn of_value(config: &Config<'_>, name: &str, span: &Span) -> Vec<Completion> {
    let completion = |text: String, kind| Completion {
        span: span.clone(),
        text,
        kind,
        detail: String::new(),
        documentation: None,
    };
    if name == "PARTITION_TABLE_CUSTOM_FILENAME" {
        let tables = config.view.facts.files.tables.iter();
        return tables
            .filter_map(|path| path.strip_prefix(config.root()).ok()?.to_str())
            .map(|path| {
                completion(
                    format!("\"{}\"", path.replace('\\', "/")),
                    CompletionKind::File,
                )
            })
            .collect();
    }
    let Some(key) = keys::find(name) else {
        return Vec::new();
    };
    let words: Vec<String> = match key.holds {
        Holds::Flag => vec!["y".to_owned(), "n".to_owned()],
        Holds::Text(values) => values.iter().map(|value| format!("\"{value}\"")).collect(),
        Holds::Number(values) => values.iter().map(|value| (*value).to_owned()).collect(),
    };
    words
        .into_iter()
        .map(|word| completion(word, CompletionKind::Value))
        .collect()
}
