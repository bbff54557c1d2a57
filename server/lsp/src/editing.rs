//! Help while editing the files that decide a deploy: what is wrong, and what would help.
//!
//! Pure: a text and the facts around it in, values out. Nothing here knows LSP or reads a disk;
//! [`crate::server`] gathers the facts and speaks the protocol. Positions are byte offsets into the
//! text, so that no part of this has to know how a client counts.

pub(crate) mod facts;
pub(crate) mod flasher_args;
pub(crate) mod format;
#[cfg(test)]
pub(crate) mod laws;
pub(crate) mod partitions;
pub(crate) mod platformio;
pub(crate) mod project_files;
pub(crate) mod sdkconfig;
pub(crate) mod text;

use std::borrow::Borrow;
use std::ops::Range;
use std::path::PathBuf;

use serde_json::Value;

/// Byte offsets into a text. Both ends stand between characters.
pub(crate) type Span = Range<usize>;

/// How much something matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Severity {
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
pub(crate) struct Diagnostic {
    pub(crate) span: Span,
    pub(crate) severity: Severity,
    /// Stable code of the rule.
    pub(crate) code: &'static str,
    /// What is wrong and what to do about it, for people.
    pub(crate) message: String,
    /// Other places that have to do with it.
    pub(crate) related: Vec<Related>,
    /// Edits that make it right; the first is the one to prefer.
    pub(crate) fixes: Vec<Fix>,
    /// Shown struck through.
    pub(crate) is_deprecated: bool,
}

impl Diagnostic {
    /// One without anything around it.
    pub(crate) fn new(
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
pub(crate) struct Related {
    /// `None`: the same document.
    pub(crate) path: Option<PathBuf>,
    pub(crate) span: Span,
    pub(crate) message: String,
}

/// A change that the user can choose.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fix {
    pub(crate) title: String,
    pub(crate) edits: Vec<Edit>,
}

/// Text put in place of a span of the same document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Edit {
    pub(crate) span: Span,
    pub(crate) text: String,
}

/// A text after some edits; `None` if they overlap or do not fit.
pub(crate) fn applied(text: &str, edits: &[Edit]) -> Option<String> {
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
pub(crate) struct Hover {
    pub(crate) span: Span,
    pub(crate) markdown: String,
}

/// Something that could be typed here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Completion {
    /// What it replaces.
    pub(crate) span: Span,
    pub(crate) text: String,
    pub(crate) kind: CompletionKind,
    /// One line beside the name.
    pub(crate) detail: String,
    pub(crate) documentation: Option<String>,
}

/// Which picture a client shows for a completion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CompletionKind {
    Key,
    Value,
    Section,
    Port,
    File,
}

/// A line of text over the document that runs a command when it is clicked.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Lens {
    pub(crate) span: Span,
    pub(crate) title: String,
    /// A name of `fbuild.server.*`.
    pub(crate) command: &'static str,
    /// Its only argument.
    pub(crate) arguments: Value,
}

/// Text shown inside a line without being in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InlayHint {
    pub(crate) at: usize,
    pub(crate) label: String,
    pub(crate) tooltip: Option<String>,
}

/// An entry of the document's outline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Symbol {
    pub(crate) name: String,
    pub(crate) detail: String,
    pub(crate) kind: SymbolKind,
    /// All of it.
    pub(crate) span: Span,
    /// Its name.
    pub(crate) name_span: Span,
    pub(crate) children: Vec<Symbol>,
}

/// Which picture a client shows for a symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SymbolKind {
    Partition,
    Section,
    Key,
}

#[cfg(test)]
mod tests;
