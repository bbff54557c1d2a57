//! What a file format offers while it is edited.

use std::path::Path;

use super::facts::Facts;
use super::{Completion, Diagnostic, Edit, Fix, Hover, InlayHint, Lens, Span, Symbol};

/// A document as features see it.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    pub path: &'a Path,
    pub text: &'a str,
    pub facts: &'a Facts,
}

/// A file format. Everything is pure and takes any text; what is not offered is left out.
pub trait Format: Sync {
    /// What is wrong, in any order.
    fn diagnostics(&self, view: View<'_>) -> Vec<Diagnostic>;

    /// The diagnostics that touch `span`, with their fixes. For formats whose fixes take time: they
    /// are asked for by hand, [`Self::diagnostics`] come with every keystroke.
    fn diagnostics_with_fixes(&self, view: View<'_>, span: Span) -> Vec<Diagnostic> {
        let mut found = self.diagnostics(view);
        found.retain(|diagnostic| touches(&diagnostic.span, &span));
        found
    }

    /// What the user can choose on `span` besides the fixes of diagnostics.
    fn actions(&self, _view: View<'_>, _span: Span) -> Vec<Fix> {
        Vec::new()
    }

    fn hover(&self, _view: View<'_>, _at: usize) -> Option<Hover> {
        None
    }

    fn completions(&self, _view: View<'_>, _at: usize) -> Vec<Completion> {
        Vec::new()
    }

    fn inlay_hints(&self, _view: View<'_>) -> Vec<InlayHint> {
        Vec::new()
    }

    fn lenses(&self, _view: View<'_>) -> Vec<Lens> {
        Vec::new()
    }

    fn symbols(&self, _view: View<'_>) -> Vec<Symbol> {
        Vec::new()
    }

    /// Edits that tidy the text without changing what it means.
    fn tidy(&self, _view: View<'_>) -> Vec<Edit> {
        Vec::new()
    }
}

/// Whether two spans share a byte or an end.
pub fn touches(a: &Span, b: &Span) -> bool {
    a.start <= b.end && b.start <= a.end
}
