//! The values of [`fbuild_editing`] as the protocol spells them, and the protocol's places as byte
//! offsets.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use fbuild_editing::facts::Facts;
use fbuild_editing::text::{Encoding, Place, Text};
use fbuild_editing::{
    Completion, CompletionKind, Diagnostic, Edit, Fix, Hover, InlayHint, Lens, Related, Severity,
    Span, Symbol, SymbolKind,
};
use fbuild_project::plain;
use lsp_types::{
    self as lsp, CodeAction, CodeActionKind, CodeLens, Command, CompletionItem, CompletionItemKind,
    CompletionTextEdit, DiagnosticRelatedInformation, DiagnosticSeverity, DiagnosticTag,
    DocumentSymbol, Documentation, HoverContents, InlayHintLabel, InlayHintTooltip, Location,
    MarkupContent, MarkupKind, NumberOrString, Position, Range, TextEdit, Url, WorkspaceEdit,
};

use crate::server::documents::Snapshot;
use crate::server::uri;

/// One document as its client counts in it.
pub(super) struct Protocol<'a> {
    text: &'a Text,
    encoding: Encoding,
    /// The project's other texts: those that the format looked at, so that places are right in them.
    texts: &'a BTreeMap<PathBuf, String>,
}

impl<'a> Protocol<'a> {
    pub(super) fn new(snapshot: &'a Snapshot, facts: &'a Facts, encoding: Encoding) -> Self {
        Self {
            text: &snapshot.text,
            encoding,
            texts: &facts.files.texts,
        }
    }

    pub(super) fn offset(&self, position: Position) -> usize {
        self.text.offset(from_protocol(position), self.encoding)
    }

    pub(super) fn span(&self, range: Range) -> Option<Span> {
        let (from, to) = (from_protocol(range.start), from_protocol(range.end));
        self.text.range(from, to, self.encoding)
    }

    fn position(&self, offset: usize) -> Position {
        position_in(self.text, offset, self.encoding)
    }

    fn range(&self, span: &Span) -> Range {
        Range::new(self.position(span.start), self.position(span.end))
    }

    pub(super) fn diagnostic(&self, found: &Diagnostic, document: &Url) -> lsp::Diagnostic {
        let related: Vec<_> = found
            .related
            .iter()
            .filter_map(|related| self.related(related, document))
            .collect();
        lsp::Diagnostic {
            range: self.range(&found.span),
            severity: Some(severity(found.severity)),
            code: Some(NumberOrString::String(found.code.to_owned())),
            source: Some("fbuild".to_owned()),
            message: shown(&found.message),
            related_information: Some(related).filter(|related| !related.is_empty()),
            tags: found.is_deprecated.then(|| vec![DiagnosticTag::DEPRECATED]),
            ..lsp::Diagnostic::default()
        }
    }

    fn related(&self, related: &Related, document: &Url) -> Option<DiagnosticRelatedInformation> {
        let (uri, range) = match &related.path {
            None => (document.clone(), self.range(&related.span)),
            Some(path) => {
                let text = Text::new(self.texts.get(path)?.clone());
                let position = |at| position_in(&text, at, self.encoding);
                let range = Range::new(position(related.span.start), position(related.span.end));
                (uri::of(path)?, range)
            }
        };
        Some(DiagnosticRelatedInformation {
            location: Location { uri, range },
            message: shown(&related.message),
        })
    }

    /// `cause`: the diagnostic that it fixes, and whether it is the fix to prefer.
    pub(super) fn fix(
        &self,
        fix: &Fix,
        document: &Url,
        cause: Option<(&Diagnostic, bool)>,
    ) -> CodeAction {
        let edits = fix.edits.iter().map(|edit| self.edit(edit)).collect();
        let kind = match cause {
            Some(_) => CodeActionKind::QUICKFIX,
            None => CodeActionKind::REFACTOR_REWRITE,
        };
        CodeAction {
            title: shown(&fix.title),
            kind: Some(kind),
            diagnostics: cause.map(|(found, _)| vec![self.diagnostic(found, document)]),
            edit: Some(WorkspaceEdit {
                changes: Some(HashMap::from([(document.clone(), edits)])),
                ..WorkspaceEdit::default()
            }),
            is_preferred: cause.map(|(_, is_preferred)| is_preferred),
            ..CodeAction::default()
        }
    }

    pub(super) fn edit(&self, edit: &Edit) -> TextEdit {
        TextEdit::new(self.range(&edit.span), edit.text.clone())
    }

    pub(super) fn hover(&self, hover: &Hover) -> lsp::Hover {
        lsp::Hover {
            contents: HoverContents::Markup(markdown(&hover.markdown)),
            range: Some(self.range(&hover.span)),
        }
    }

    /// `number`: its place in the list, which the client is to keep.
    pub(super) fn completion(&self, number: usize, item: &Completion) -> CompletionItem {
        let kind = match item.kind {
            CompletionKind::Key => CompletionItemKind::PROPERTY,
            CompletionKind::Value => CompletionItemKind::VALUE,
            CompletionKind::Section => CompletionItemKind::MODULE,
            CompletionKind::Port => CompletionItemKind::INTERFACE,
            CompletionKind::File => CompletionItemKind::FILE,
        };
        let documentation = item.documentation.as_deref().map(markdown);
        CompletionItem {
            label: shown(&item.text),
            kind: Some(kind),
            detail: Some(shown(&item.detail)).filter(|detail| !detail.is_empty()),
            documentation: documentation.map(Documentation::MarkupContent),
            sort_text: Some(format!("{number:04}")),
            filter_text: Some(item.text.clone()),
            text_edit: Some(CompletionTextEdit::Edit(TextEdit::new(
                self.range(&item.span),
                item.text.clone(),
            ))),
            ..CompletionItem::default()
        }
    }

    pub(super) fn inlay_hint(&self, hint: &InlayHint) -> lsp::InlayHint {
        lsp::InlayHint {
            position: self.position(hint.at),
            label: InlayHintLabel::String(shown(&hint.label)),
            kind: None,
            text_edits: None,
            tooltip: hint
                .tooltip
                .as_deref()
                .map(shown)
                .map(InlayHintTooltip::String),
            padding_left: Some(true),
            padding_right: None,
            data: None,
        }
    }

    pub(super) fn lens(&self, lens: &Lens) -> CodeLens {
        CodeLens {
            range: self.range(&lens.span),
            command: Some(Command {
                title: shown(&lens.title),
                command: lens.command.to_owned(),
                arguments: Some(vec![lens.arguments.clone()]),
            }),
            data: None,
        }
    }

    #[allow(deprecated)] // a field of the protocol that nobody fills has to be named
    pub(super) fn symbol(&self, symbol: &Symbol) -> DocumentSymbol {
        let kind = match symbol.kind {
            SymbolKind::Partition => lsp::SymbolKind::OBJECT,
            SymbolKind::Section => lsp::SymbolKind::MODULE,
            SymbolKind::Key => lsp::SymbolKind::PROPERTY,
        };
        let children: Vec<_> = symbol.children.iter().map(|c| self.symbol(c)).collect();
        DocumentSymbol {
            // Clients refuse symbols without a name.
            name: Some(shown(&symbol.name))
                .filter(|name| !name.is_empty())
                .unwrap_or_else(|| "(no name)".to_owned()),
            detail: Some(shown(&symbol.detail)).filter(|detail| !detail.is_empty()),
            kind,
            tags: None,
            deprecated: None,
            range: self.range(&symbol.span),
            selection_range: self.range(&symbol.name_span),
            children: Some(children).filter(|children| !children.is_empty()),
        }
    }
}

fn from_protocol(position: Position) -> Place {
    Place {
        line: position.line,
        column: position.character,
    }
}

fn position_in(text: &Text, offset: usize, encoding: Encoding) -> Position {
    let place = text.place(offset, encoding);
    Position::new(place.line, place.column)
}

fn severity(severity: Severity) -> DiagnosticSeverity {
    match severity {
        Severity::Error => DiagnosticSeverity::ERROR,
        Severity::Warning => DiagnosticSeverity::WARNING,
        Severity::Information => DiagnosticSeverity::INFORMATION,
        Severity::Hint => DiagnosticSeverity::HINT,
    }
}

fn markdown(text: &str) -> MarkupContent {
    MarkupContent {
        kind: MarkupKind::Markdown,
        value: plain::lines(text).into_owned(),
    }
}

/// Names in a document, in a line of text for people.
fn shown(text: &str) -> String {
    plain::line(text).into_owned()
}
