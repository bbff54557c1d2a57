//! Messages with a text that is too long to be looked at, without that text.
//!
//! Each message is read three times over: to see whether tower-lsp will be able to, by tower-lsp, and
//! as what it means; and each time its text is copied. Of a text of many MiB that is not looked at
//! anyway, none of that is worth the time and the memory.

use std::borrow::Cow;

use fbuild_editing::formats::TEXT_BYTES_MAX;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use serde_json::{Value, json};

/// Stands in what is left of such a message.
const MARK: &str = "isTextTooLong";
/// A shorter message has no such text: a byte of a text takes six in JSON at most.
const BODY_BYTES: usize = 6 * TEXT_BYTES_MAX;
const QUOTES: usize = 2;

#[derive(Deserialize)]
struct Message<'m> {
    #[serde(borrow)]
    method: Cow<'m, str>,
    #[serde(borrow)]
    params: Params<'m>,
    id: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params<'m> {
    #[serde(borrow)]
    text_document: Document<'m>,
    #[serde(borrow, default)]
    content_changes: Vec<Part<'m>>,
}

#[derive(Deserialize)]
struct Document<'m> {
    #[serde(borrow)]
    uri: Cow<'m, str>,
    version: Option<i64>,
    #[serde(borrow)]
    text: Option<&'m RawValue>,
}

#[derive(Deserialize)]
struct Part<'m> {
    #[serde(borrow)]
    text: Option<&'m RawValue>,
}

/// What is left of a notification that brings a text that is too long for every kind of file; `None`
/// for every other message.
pub(crate) fn shortened(body: &[u8]) -> Option<Vec<u8>> {
    if body.len() <= BODY_BYTES {
        return None;
    }
    let message: Message<'_> = serde_json::from_slice(body).ok()?;
    let document = message.params.text_document;
    let is_too_long = |text: &RawValue| text.get().len() > BODY_BYTES + QUOTES;
    let is_too_long = match &*message.method {
        "textDocument/didOpen" => document.text.is_some_and(is_too_long),
        "textDocument/didChange" => {
            let parts = message.params.content_changes.iter();
            parts.filter_map(|part| part.text).any(is_too_long)
        }
        _ => false,
    };
    if !is_too_long || message.id.is_some() {
        return None;
    }
    let left = json!({
        "jsonrpc": "2.0",
        "method": message.method,
        "params": {
            "textDocument": {"uri": document.uri, "version": document.version},
            MARK: true,
        },
    });
    Some(left.to_string().into_bytes())
}

/// Whether the text of these parameters was left out.
pub(crate) fn is_shortened(params: &Value) -> bool {
    params[MARK] == true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(text: &str) -> Value {
        let document = json!({"uri": "file:///p/a.csv", "version": 7, "text": text});
        json!({
            "jsonrpc": "2.0", "method": "textDocument/didOpen",
            "params": {"textDocument": document},
        })
    }

    fn change(texts: &[&str]) -> Value {
        let parts: Vec<Value> = texts.iter().map(|text| json!({"text": text})).collect();
        let document = json!({"uri": "file:///p/a.csv", "version": 7});
        json!({
            "jsonrpc": "2.0", "method": "textDocument/didChange",
            "params": {"textDocument": document, "contentChanges": parts},
        })
    }

    fn left(message: &Value) -> Option<Value> {
        let left = shortened(message.to_string().as_bytes())?;
        Some(serde_json::from_slice(&left).unwrap())
    }

    #[test]
    fn a_text_that_is_too_long_is_left_out() {
        let long = "\u{1}\"分".repeat(TEXT_BYTES_MAX);
        for message in [open(&long), change(&["a", &long])] {
            let left = left(&message).unwrap();
            let params = &left["params"];
            let document = json!({"uri": "file:///p/a.csv", "version": 7});
            assert_eq!(params["textDocument"], document);
            assert_eq!(left["method"], message["method"]);
            assert!(is_shortened(params) && !is_shortened(&message["params"]));
        }
    }

    #[test]
    fn other_messages_stay_as_they_are() {
        let most = "\u{1}".repeat(TEXT_BYTES_MAX);
        let many = vec!["x".repeat(1000); 8000];
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let mut asked = open(&"x".repeat(BODY_BYTES));
        asked["method"] = json!("textDocument/hover");
        for message in [open("x"), open(&most), change(&many), asked] {
            assert_eq!(left(&message), None, "{}", message["method"]);
        }
        assert_eq!(shortened(&vec![b'{'; BODY_BYTES + 1]), None);
    }
}
