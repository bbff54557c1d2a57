//! Help with partitions.csv.
//!
//! What is refused, and where, is [`fbuild_project::partitions::csv`]'s to say, which reads tables for
//! deploys, too. Here is what else is worth saying ([`lint`]), and what helps.

mod complete;
mod diagnose;
mod fix;
mod hover;
mod lint;
mod shown;
mod table;
mod tidy;

use self::table::Table;
use super::format::{Format, View};
use super::{Completion, Diagnostic, Edit, Hover, InlayHint, Lens, Span, Symbol};

/// The format of partitions.csv.
pub(crate) struct Partitions;

impl Format for Partitions {
    fn diagnostics(&self, view: View<'_>) -> Vec<Diagnostic> {
        diagnose::diagnostics(&Table::of(view))
    }

    fn diagnostics_with_fixes(&self, view: View<'_>, span: Span) -> Vec<Diagnostic> {
        fix::diagnostics_with_fixes(view, &span)
    }

    fn hover(&self, view: View<'_>, at: usize) -> Option<Hover> {
        hover::hover(&Table::of(view), at)
    }

    fn completions(&self, view: View<'_>, at: usize) -> Vec<Completion> {
        complete::completions(&Table::of(view), at)
    }

    fn inlay_hints(&self, view: View<'_>) -> Vec<InlayHint> {
        shown::inlay_hints(&Table::of(view))
    }

    fn lenses(&self, view: View<'_>) -> Vec<Lens> {
        shown::lenses(&Table::of(view))
    }

    fn symbols(&self, view: View<'_>) -> Vec<Symbol> {
        shown::symbols(&Table::of(view))
    }

    fn tidy(&self, view: View<'_>) -> Vec<Edit> {
        tidy::tidy(view.text)
    }
}

#[cfg(test)]
mod tests;
