//! Values of `platformio.ini`, what can be wrong with it, and how texts become lists and paths.

use std::path::{Component, Path, PathBuf};

use super::super::ini::{IniError, Span};

/// A typed value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Text.
    Text(String),
    /// A list; of one item where only one is given.
    List(Vec<String>),
    /// A whole number.
    Int(i64),
    /// Yes or no.
    Bool(bool),
}

impl Value {
    /// As text, lists with one item a line.
    pub fn to_text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::List(items) => items.join("\n"),
            Self::Int(number) => number.to_string(),
            // As Python prints them.
            Self::Bool(true) => "True".to_owned(),
            Self::Bool(false) => "False".to_owned(),
        }
    }
}

/// What is wrong with a `platformio.ini`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ConfigProblem {
    /// What is wrong, as a stable name.
    pub kind: ProblemKind,
    /// The file it is in.
    pub file: PathBuf,
    /// Line, from 1, where it is known.
    pub line: Option<usize>,
    /// The section and the option that it is about, where it is about one.
    pub place: Option<(String, String)>,
    /// What is wrong, for people.
    pub message: String,
}

/// Kinds of [`ConfigProblem`], after PlatformIO's own errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum ProblemKind {
    Unreadable,
    Parsing,
    DuplicateOption,
    DuplicateSection,
    MissingSectionHeader,
    /// A `%` that is neither doubled nor the start of `%(name)s`.
    Percent,
    Interpolation,
    ExtendsCycle,
    /// More than is read of one project.
    TooMuch,
    BadValue,
    NoEnvs,
    UnknownEnvs,
    BadEnvName,
}

/// Without `.` and `..`, by the text alone (as Python's `abspath`).
pub(super) fn normal(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                out.pop();
            }
            other => out.push(other),
        }
    }
    out
}

pub(in crate::discover) fn is_env_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    !name.is_empty() && name.chars().all(allowed)
}

impl From<&IniError> for ProblemKind {
    fn from(error: &IniError) -> Self {
        match error {
            IniError::DuplicateSection { .. } => Self::DuplicateSection,
            IniError::DuplicateOption { .. } => Self::DuplicateOption,
            IniError::MissingSectionHeader { .. } => Self::MissingSectionHeader,
            IniError::Parsing { .. } => Self::Parsing,
        }
    }
}

/// A list: one item a line, or separated by comma *and* space where there is one line only.
pub(super) fn split_list(text: &str) -> Vec<String> {
    list_items(text)
        .into_iter()
        .map(|span| text[span].to_owned())
        .collect()
}

/// Where the items of a list are in its text.
pub fn list_items(text: &str) -> Vec<Span> {
    let separator = if text.contains('\n') { "\n" } else { ", " };
    let mut at = 0;
    let mut found = Vec::new();
    for piece in text.split(separator) {
        let item = piece.trim();
        if !item.is_empty() && !item.starts_with([';', '#']) {
            let start = at + piece.len() - piece.trim_start().len();
            found.push(start..start + without_comment(item).len());
        }
        at += piece.len() + separator.len();
    }
    found
}

/// An item up to a `;` that follows white space.
fn without_comment(item: &str) -> &str {
    let comment = item.match_indices(';').map(|(at, _)| at).find(|at| {
        item[..*at]
            .chars()
            .next_back()
            .is_some_and(char::is_whitespace)
    });
    comment.map_or(item, |at| item[..at].trim_end())
}
