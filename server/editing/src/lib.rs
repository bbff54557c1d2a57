//! Help while editing the files that decide a deploy: what is wrong, and what would help. Nothing here
//! hears of LSP, of a port or of a deploy going on, and nothing reads a disk: who calls it gathers the
//! facts and speaks the protocol.
//!
//! Pure: a text and the [`facts`] around it in, values out; [`mod@format`] says what can be offered, and
//! [`formats`] for which document. Positions are byte offsets into the text, so
//! that no part of this has to know how a client counts.

// Tests read files of their own making.
#![cfg_attr(test, allow(clippy::disallowed_methods))]
// Every type has its line; fields and variants only where the name does not say it.
#![allow(missing_docs)]

pub mod facts;
mod flasher_args;
pub mod format;
pub mod formats;
#[cfg(test)]
mod laws;
mod partitions;
mod platformio;
pub mod project_files;
mod sdkconfig;
pub mod text;

use std::borrow::Borrow;
use std::ops::Range;
use std::path::PathBuf;

use serde_json::Value;

/// Byte offsets into a text. Both ends lie between characters.
pub type Span = Range<usize>;

/// How much something matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The real tool refuses it, or a deploy would.
    Error,
    /// It is accepted and surprises.
    Warning,
    /// Worth knowing.
    Information,
    /// Waste and style.
    Hint,
}

/// Something wrong in a text.
#[derive(Debug, Clone, PartialEq)]
pub struct Diagnostic {
    pub span: Span,
    pub severity: Severity,
    /// Stable code of the rule.
    pub code: &'static str,
    /// What is wrong and what to do about it, for people.
    pub message: String,
    /// Other places that have to do with it.
    pub related: Vec<Related>,
    /// Edits that make it right; the first is the one to prefer.
    pub fixes: Vec<Fix>,
    /// Shown struck through.
    pub is_deprecated: bool,
}

impl Diagnostic {
    /// One without anything around it.
    pub fn new(
        span: impl Borrow<Span>,
        severity: Severity,
        code: &'static str,
        message: impl Into<String>,
    ) -> Self {
        Self {
            span: span.borrow().clone(),
            severity,
            code,
            message: message.into(),
            related: Vec::new(),
            fixes: Vec::new(),
            is_deprecated: false,
        }
    }
}

/// Another place that has to do with a diagnostic.
#[derive(Debug, Clone, PartialEq)]
pub struct Related {
    /// `None`: the same document.
    pub path: Option<PathBuf>,
    pub span: Span,
    pub message: String,
}

/// A change that the user can choose.
#[derive(Debug, Clone, PartialEq)]
pub struct Fix {
    pub title: String,
    pub edits: Vec<Edit>,
}

/// Text put in place of a span of the same document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    pub span: Span,
    pub text: String,
}

/// A text after some edits; `None` if they overlap or do not fit.
pub fn applied(text: &str, edits: &[Edit]) -> Option<String> {
    let mut edits: Vec<&Edit> = edits.iter().collect();
    edits.sort_by_key(|edit| (edit.span.start, edit.span.end));
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for edit in edits {
        out.push_str(text.get(done..edit.span.start)?);
        out.push_str(&edit.text);
        done = edit.span.end;
    }
    out.push_str(text.get(done..)?);
    Some(out)
}

/// What is shown about the thing under the pointer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hover {
    pub span: Span,
    pub markdown: String,
}

/// Something that could be typed here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    /// What it replaces.
    pub span: Span,
    pub text: String,
    pub kind: CompletionKind,
    /// One line beside the name.
    pub detail: String,
    pub documentation: Option<String>,
}

/// Which picture a client shows for a completion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompletionKind {
    Key,
    Value,
    Section,
    Port,
    File,
}

/// A line of text over the document that runs a command when it is clicked.
#[derive(Debug, Clone, PartialEq)]
pub struct Lens {
    pub span: Span,
    pub title: String,
    /// A name of `fbuild.server.*`.
    pub command: &'static str,
    /// Its only argument.
    pub arguments: Value,
}

/// Text shown inside a line without being in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InlayHint {
    pub at: usize,
    pub label: String,
    pub tooltip: Option<String>,
}

/// An entry of the document's outline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Symbol {
    pub name: String,
    pub detail: String,
    pub kind: SymbolKind,
    /// All of it.
    pub span: Span,
    /// Its name.
    pub name_span: Span,
    pub children: Vec<Symbol>,
}

/// Which picture a client shows for a symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SymbolKind {
    Partition,
    Section,
    Key,
}

#[cfg(test)]
mod tests;
