//! What is wrong with a table: what ESP-IDF refuses, then what else is worth saying.

use fbuild_project::partitions::csv::{Column, Problem, Row, SEPARATORS};

use super::lint;
use super::table::Table;
use crate::{Diagnostic, Related, Severity};

/// Far more rows than a table can have (94). Beyond that nobody reads on, and what takes time in
/// proportion to the square of the rows is left out.
const ROWS_MAX: usize = 256;

pub(super) fn diagnostics(table: &Table<'_>) -> Vec<Diagnostic> {
    let mut found: Vec<_> = table
        .problems
        .iter()
        .filter(|problem| problem.row.is_none_or(|row| row < ROWS_MAX))
        .map(|problem| diagnostic(table, problem))
        .collect();
    if table.rows.len() <= ROWS_MAX {
        found.extend(lint::lints(table));
    }
    found
}

fn diagnostic(table: &Table<'_>, problem: &Problem) -> Diagnostic {
    let row = problem.row.and_then(|index| table.rows.get(index));
    let mut message = problem.message.clone();
    let mut severity = if problem.is_refused {
        Severity::Error
    } else {
        Severity::Warning
    };
    if let Some(variable) = unset_variable(table, problem, row) {
        message = format!(
            "{variable} is not set here. The build takes it from its own environment, and ESP-IDF \
             refuses the table where it is not set."
        );
        severity = Severity::Warning;
    }
    if problem.code == "flash-overflow" && table.is_arduino() {
        message.push_str(
            " The Arduino build does not check this: its boot loader refuses the whole table, and \
             nothing starts.",
        );
    }
    if problem.code == "subtype-unknown" && problem.replacement.is_none() && may_be_added(table) {
        message.push_str(
            " The project may add subtypes (EXTRA_PARTITION_SUBTYPES); which ones is known once it is built.",
        );
        severity = Severity::Warning;
    }
    Diagnostic {
        related: problem
            .related
            .iter()
            .filter_map(|(index, message)| Some(related(table.rows.get(*index)?, message)))
            .collect(),
        ..Diagnostic::new(problem.span.clone(), severity, problem.code, message)
    }
}

/// What is wrong with a row only because of a variable that this program's environment does not have,
/// as it is written. The build's may have it, and a deploy looks at the table that was built.
fn unset_variable<'t>(
    table: &'t Table<'_>,
    problem: &Problem,
    row: Option<&Row>,
) -> Option<&'t str> {
    let is_left = |row: &Row| {
        let cell = row.cells.iter().find(|cell| cell.span == problem.span);
        cell.is_some_and(|cell| cell.text.contains('$'))
    };
    let is_unset = problem.code == "unknown-variable" || row.is_some_and(is_left);
    table.text.get(problem.span.clone()).filter(|_| is_unset)
}

/// Somebody took another separator.
pub(super) fn has_no_commas(row: &Row) -> bool {
    row.cells.len() == 1 && row.text(Column::Name).contains(SEPARATORS)
}

/// An ESP-IDF project that was not built yet, so that nobody knows what its `CMake` files add.
fn may_be_added(table: &Table<'_>) -> bool {
    table.configuration.is_some_and(|known| {
        known.env.is_none() && !known.is_arduino && known.extra_subtypes.is_none()
    })
}

fn related(row: &Row, message: &str) -> Related {
    Related {
        path: None,
        span: row.span.clone(),
        message: message.to_owned(),
    }
}
