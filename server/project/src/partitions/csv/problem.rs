//! What is wrong with a table, and in which order the genuine tool would notice.

use std::ops::Range;

/// When the genuine tool looks at something. It stops at the first problem; here all are found, and
/// the first in this order is the one that a build would name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Line by line, each on its own.
    Line,
    /// Blank offsets, and the order of the rows.
    Place,
    /// Partition by partition.
    Partition,
    /// The table as a whole.
    Table,
}

/// Something wrong with a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// When the genuine tool notices.
    pub stage: Stage,
    /// Stable code of the rule.
    pub code: &'static str,
    /// Whether the genuine tool refuses the table for it; else it only warns.
    pub is_refused: bool,
    /// Where, in bytes of the text.
    pub span: Range<usize>,
    /// Index of the row; `None` where no row is meant.
    pub row: Option<usize>,
    /// Line, from 1; `None` where the whole table is meant.
    pub line: Option<usize>,
    /// What is wrong, for people.
    pub message: String,
    /// Another row that has to do with it, and how.
    pub related: Option<(usize, String)>,
    /// What to write in place of the span, where that is plain.
    pub replacement: Option<String>,
}

/// A problem with a piece of one row, before its place is known.
#[derive(Debug)]
pub(super) struct Complaint {
    pub(super) code: &'static str,
    pub(super) message: String,
    /// A part of the cell, in bytes of the cell's text; `None`: all of it.
    pub(super) part: Option<Range<usize>>,
    pub(super) replacement: Option<String>,
}

impl Complaint {
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            part: None,
            replacement: None,
        }
    }

    pub(super) fn replaced_by(mut self, replacement: Option<String>) -> Self {
        self.replacement = replacement;
        self
    }
}
