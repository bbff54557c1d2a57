//! Requests about a document: the text and the facts go to the format, its answer to the client.
//!
//! The gate has applied every edit that arrived before the request, so the text here is at least as
//! new as the one the client asks about.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use fbuild_editing::facts::Facts;
use fbuild_editing::format::{Format, View};
use fbuild_editing::formats::{self, Kind};
use fbuild_editing::text::Encoding;
use lsp_types::{
    CodeAction, CodeActionContext, CodeActionOrCommand, CodeLens, CompletionItem, Diagnostic,
    DocumentSymbol, Hover, InlayHint, Position, Range, TextEdit, Url,
};

use super::Snapshot;
use super::protocol::Protocol;

/// A document with help.
pub(crate) struct Subject {
    snapshot: Snapshot,
    facts: Arc<Facts>,
    format: &'static dyn Format,
    encoding: Encoding,
}

impl Subject {
    /// `None`: not in a format with help.
    pub(super) fn new(snapshot: Snapshot, facts: Arc<Facts>, encoding: Encoding) -> Option<Self> {
        let format = formats::of(view(&snapshot, &facts))?;
        Some(Self {
            snapshot,
            facts,
            format,
            encoding,
        })
    }

    fn view(&self) -> View<'_> {
        view(&self.snapshot, &self.facts)
    }

    fn protocol(&self) -> Protocol<'_> {
        Protocol::new(&self.snapshot, &self.facts, self.encoding)
    }

    /// What the format says; a defect in it is logged and says nothing.
    fn ask<T: Default>(&self, ask: impl FnOnce(&dyn Format, View<'_>) -> T) -> T {
        guarded(&self.snapshot, || ask(self.format, self.view()))
    }

    fn actions(
        &self,
        uri: &Url,
        range: Range,
        context: &CodeActionContext,
    ) -> Option<Vec<CodeAction>> {
        let protocol = self.protocol();
        let span = protocol.span(range)?;
        let about = protocol.span(asked_about(range, context))?;
        let found = self.ask(|format, view| format.diagnostics_with_fixes(view, about));
        let mut actions = Vec::new();
        for diagnostic in &found {
            for (number, fix) in diagnostic.fixes.iter().enumerate() {
                let is_preferred = number == 0;
                actions.push(protocol.fix(fix, uri, Some((diagnostic, is_preferred))));
            }
        }
        let others = self.ask(|format, view| format.actions(view, span.clone()));
        actions.extend(others.iter().map(|fix| protocol.fix(fix, uri, None)));
        Some(actions)
    }

    pub(crate) fn hover(&self, at: Position) -> Option<Hover> {
        let protocol = self.protocol();
        let at = protocol.offset(at);
        let hover = self.ask(|format, view| format.hover(view, at))?;
        Some(protocol.hover(&hover))
    }

    pub(crate) fn completions(&self, at: Position) -> Vec<CompletionItem> {
        let protocol = self.protocol();
        let at = protocol.offset(at);
        let found = self.ask(|format, view| format.completions(view, at));
        let numbered = found.iter().enumerate();
        let item = |(n, item)| protocol.completion(n, item);
        numbered.map(item).collect()
    }

    pub(crate) fn inlay_hints(&self, range: Range) -> Option<Vec<InlayHint>> {
        let protocol = self.protocol();
        let span = protocol.span(range)?;
        let found = self.ask(|format, view| format.inlay_hints(view));
        let inside = found
            .iter()
            .filter(|hint| span.start <= hint.at && hint.at <= span.end);
        Some(inside.map(|hint| protocol.inlay_hint(hint)).collect())
    }

    pub(crate) fn lenses(&self) -> Vec<CodeLens> {
        let protocol = self.protocol();
        let found = self.ask(|format, view| format.lenses(view));
        found.iter().map(|lens| protocol.lens(lens)).collect()
    }

    pub(crate) fn symbols(&self) -> Vec<DocumentSymbol> {
        let protocol = self.protocol();
        let found = self.ask(|format, view| format.symbols(view));
        found.iter().map(|symbol| protocol.symbol(symbol)).collect()
    }

    pub(crate) fn tidy(&self) -> Vec<TextEdit> {
        let protocol = self.protocol();
        let found = self.ask(|format, view| format.tidy(view));
        found.iter().map(|edit| protocol.edit(edit)).collect()
    }
}

fn view<'a>(snapshot: &'a Snapshot, facts: &'a Facts) -> View<'a> {
    View {
        path: &snapshot.path,
        text: snapshot.text.as_str(),
        facts,
    }
}

/// One text that trips a defect must not end the help with all others.
fn guarded<T: Default>(snapshot: &Snapshot, work: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        tracing::error!(path = %snapshot.path.display(), "help while editing has a bug");
        T::default()
    })
}

/// `None`: it is a document without help.
pub(super) fn diagnostics(
    encoding: Encoding,
    snapshot: &Snapshot,
    facts: &Facts,
) -> Option<Vec<Diagnostic>> {
    let view = view(snapshot, facts);
    let format = formats::of(view)?;
    let found = if snapshot.is_too_long {
        vec![formats::too_long(Kind::of(&snapshot.path)?)]
    } else {
        guarded(snapshot, || format.diagnostics(view))
    };
    let protocol = Protocol::new(snapshot, facts, encoding);
    let uri = Url::parse(&snapshot.uri).ok()?;
    Some(found.iter().map(|d| protocol.diagnostic(d, &uri)).collect())
}

/// The range, and the diagnostics on its lines that the client names: Neovim names all of the line
/// that the cursor is in, wherever in it that is.
fn asked_about(range: Range, context: &CodeActionContext) -> Range {
    let is_near =
        |named: &&Range| named.start.line <= range.end.line && range.start.line <= named.end.line;
    let named = context
        .diagnostics
        .iter()
        .map(|diagnostic| diagnostic.range);
    let near = named.filter(|named| is_near(&named));
    near.fold(range, |all, named| {
        Range::new(all.start.min(named.start), all.end.max(named.end))
    })
}

/// Those of crashes, then fixes of the diagnostics that touch `range`, then what else can be done there.
pub(crate) fn actions(
    subject: Option<&Subject>,
    mut actions: Vec<CodeAction>,
    uri: &Url,
    range: Range,
    context: &CodeActionContext,
) -> Option<Vec<CodeActionOrCommand>> {
    let helped = subject.and_then(|subject| subject.actions(uri, range, context));
    let is_helped = helped.is_some() || !actions.is_empty();
    actions.extend(helped.unwrap_or_default());
    let wanted = |kind: &str| match &context.only {
        None => true,
        Some(only) => only.iter().any(|only| kind.starts_with(only.as_str())),
    };
    actions.retain(|action| {
        action
            .kind
            .as_ref()
            .is_none_or(|kind| wanted(kind.as_str()))
    });
    let actions = actions.into_iter().map(CodeActionOrCommand::CodeAction);
    is_helped.then(|| actions.collect())
}
