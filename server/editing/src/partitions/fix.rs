//! Quick fixes. Each is tried on a copy of the table first, and offered only if what it is for is
//! gone then and nothing new is refused: an offered fix works.

mod cells;
mod places;

use fbuild_project::partitions::csv::{Column, Problem, Row};

use super::diagnose::diagnostics;
use super::table::Table;
use crate::format::{View, touches};
use crate::{Diagnostic, Edit, Fix, Severity, Span, applied};

/// Each fix that is tried reads the table again; a client that asks about all of a document at once
/// gets those of the first mistakes.
const DIAGNOSTICS_MAX: usize = 64;

/// The diagnostics that touch `span`, with their fixes.
pub(super) fn diagnostics_with_fixes(view: View<'_>, span: &Span) -> Vec<Diagnostic> {
    let table = Table::of(view);
    let all = diagnostics(&table);
    let here = all.iter().filter(|found| touches(&found.span, span));
    here.take(DIAGNOSTICS_MAX)
        .map(|about| {
            let works = |fix: &Fix| helps(view, &all, about, &fix.edits);
            Diagnostic {
                fixes: candidates(&table, about)
                    .into_iter()
                    .filter(works)
                    .collect(),
                ..about.clone()
            }
        })
        .collect()
}

/// Whether there are fewer diagnostics of this code after the edits, and no more errors of others.
fn helps(view: View<'_>, before: &[Diagnostic], about: &Diagnostic, edits: &[Edit]) -> bool {
    let Some(text) = applied(view.text, edits) else {
        return false;
    };
    let after = diagnostics(&Table::of(View {
        text: &text,
        ..view
    }));
    let same = |found: &[Diagnostic]| found.iter().filter(|d| d.code == about.code).count();
    let others = |found: &[Diagnostic]| {
        let others = found.iter().filter(|d| d.code != about.code);
        others.filter(|d| d.severity == Severity::Error).count()
    };
    same(&after) < same(before) && others(&after) <= others(before)
}

/// Fixes worth a try, the best first.
fn candidates(table: &Table<'_>, about: &Diagnostic) -> Vec<Fix> {
    let is_it = |problem: &&Problem| problem.code == about.code && problem.span == about.span;
    let problem = table.problems.iter().find(is_it);
    let index = problem.and_then(|problem| problem.row).or_else(|| {
        let mut rows = table.rows.iter();
        rows.position(|row| touches(&row.span, &about.span))
    });
    let subject = index.and_then(|index| {
        let row = table.rows.get(index)?;
        Some(Subject { table, index, row })
    });
    // Digits that were meant as hexadecimal need nothing but that.
    let is_hex = |problem: &&Problem| {
        let meant = problem.replacement.as_deref();
        meant.and_then(|meant| meant.strip_prefix("0x")) == table.text.get(problem.span.clone())
    };
    let as_hex = problem.filter(is_hex);
    let mut fixes = Vec::from_iter(as_hex.and_then(|it| plain(it, subject.as_ref())));
    let by_place = subject.as_ref().map(|s| s.places(about.code));
    fixes.extend(by_place.into_iter().flatten().flatten());
    if fixes.is_empty() {
        fixes.extend(problem.and_then(|problem| plain(problem, subject.as_ref())));
    }
    let by_cell = subject.as_ref().map(|s| s.cells(about.code));
    fixes.extend(by_cell.into_iter().flatten().flatten());
    let mut seen: Vec<Vec<Edit>> = Vec::new();
    fixes.retain(|fix| {
        let is_new = !seen.contains(&fix.edits);
        seen.push(fix.edits.clone());
        is_new
    });
    fixes
}

/// What the reader itself knows to be meant.
fn plain(problem: &Problem, subject: Option<&Subject<'_>>) -> Option<Fix> {
    let text = problem.replacement.clone()?;
    // Of an empty cell the whole row is shown; that is not what is to be replaced.
    if subject.is_some_and(|subject| subject.row.span == problem.span) {
        return None;
    }
    let title = match &*text {
        "" => "Remove it".to_owned(),
        text => format!("Change to {text}"),
    };
    let span = problem.span.clone();
    Some(one(title, Edit { span, text }))
}

/// A row that something is wrong with.
struct Subject<'t> {
    table: &'t Table<'t>,
    index: usize,
    row: &'t Row,
}

impl Subject<'_> {
    /// The cell of a column made to say `text`.
    fn set(&self, title: impl Into<String>, column: Column, text: &str) -> Option<Fix> {
        Some(one(title, self.table.set(self.row, column, text)?))
    }

    /// The row taken out.
    fn remove(&self) -> Fix {
        let edit = Edit {
            span: self.table.line_span(self.row),
            text: String::new(),
        };
        one(format!("Remove '{}'", self.row.name), edit)
    }

    fn alignment(&self) -> u64 {
        alignment(self.row)
    }
}

fn alignment(row: &Row) -> u64 {
    if row.kind == Some(0) {
        0x1_0000
    } else {
        0x1000
    }
}

fn one(title: impl Into<String>, edit: Edit) -> Fix {
    Fix {
        title: title.into(),
        edits: vec![edit],
    }
}
