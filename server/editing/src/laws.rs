//! What holds of every document, whatever it contains.

use fbuild_project::partitions::csv;

use crate::format::{Format, View};
use crate::formats;
use crate::text::{Encoding, Text};
use crate::{Diagnostic, Edit, Fix, Span, Symbol, applied};

/// Asks a document for everything, at every `step`th place. Panics where something said of it cannot
/// be.
pub(crate) fn hold(view: View<'_>, step: usize) {
    let Some(format) = formats::of(view) else {
        return;
    };
    let document = Document {
        text: view.text,
        index: Text::new(view.text.to_owned()),
    };
    for diagnostic in format.diagnostics(view) {
        document.diagnostic(&diagnostic);
    }
    for diagnostic in format.diagnostics_with_fixes(view, 0..view.text.len()) {
        document.diagnostic(&diagnostic);
    }
    for lens in format.lenses(view) {
        document.place(&lens.span);
    }
    for hint in format.inlay_hints(view) {
        document.place(&(hint.at..hint.at));
    }
    for symbol in format.symbols(view) {
        document.symbol(&symbol);
    }
    let places = view.text.char_indices().map(|(at, _)| at).step_by(step);
    for at in places.chain([view.text.len()]) {
        // Between the two characters that end a line no client can ask.
        if !document.is_place(at) {
            continue;
        }
        if let Some(hover) = format.hover(view, at) {
            document.place(&hover.span);
            assert!(
                hover.span.start <= at && at <= hover.span.end,
                "hover at {at}: {hover:?}"
            );
            assert!(!hover.markdown.trim().is_empty(), "an empty hover at {at}");
        }
        for item in format.completions(view, at) {
            document.place(&item.span);
            let line = &view.text[item.span.clone()];
            let is_one_line = !line.contains(['\n', '\r']);
            let is_around = item.span.start <= at && at <= item.span.end;
            assert!(is_one_line && is_around, "completion at {at}: {item:?}");
        }
        format
            .actions(view, at..at)
            .iter()
            .for_each(|fix| document.fix(fix));
    }
    tidy(format, view, &document);
}

/// Formatting keeps what a text means, and has nothing to do the second time.
fn tidy(format: &dyn Format, view: View<'_>, document: &Document<'_>) {
    let edits = format.tidy(view);
    if edits.is_empty() {
        return;
    }
    let tidy = document.edited(&edits);
    let again = format.tidy(View {
        text: &tidy,
        ..view
    });
    assert_eq!(again, [], "formatting {tidy:?} again");
    assert_eq!(rows(&tidy), rows(view.text));
}

/// What a table means, by the rules of the oldest and of the newest version.
fn rows(text: &str) -> Vec<String> {
    let versions = [Some(csv::IdfVersion::new(4, 4)), None];
    let readings = versions.map(|version| {
        csv::read(
            text,
            &csv::Options {
                version,
                ..csv::Options::default()
            },
        )
    });
    let mut found = Vec::new();
    for csv::Reading { rows, problems } in readings {
        for row in rows {
            let cells: Vec<&str> = row.cells.iter().map(|cell| cell.text.as_str()).collect();
            found.push(format!("{cells:?} {:?} {:?}", row.offset, row.size));
        }
        found.extend(problems.iter().map(|problem| problem.message.clone()));
    }
    found
}

struct Document<'t> {
    text: &'t str,
    index: Text,
}

impl Document<'_> {
    /// It lies in the text, between characters, and a client's way of counting leads back to it.
    fn place(&self, span: &Span) {
        assert!(
            self.text.get(span.clone()).is_some(),
            "{span:?} in {:?}",
            self.text
        );
        assert!(
            self.is_place(span.start) && self.is_place(span.end),
            "{span:?} in {:?}",
            self.text
        );
    }

    fn is_place(&self, at: usize) -> bool {
        let is_same = |encoding| {
            let place = self.index.place(at, encoding);
            self.index.offset(place, encoding) == at
        };
        is_same(Encoding::Utf8) && is_same(Encoding::Utf16)
    }

    fn diagnostic(&self, diagnostic: &Diagnostic) {
        self.place(&diagnostic.span);
        assert!(!diagnostic.message.trim().is_empty() && !diagnostic.code.is_empty());
        let here = diagnostic
            .related
            .iter()
            .filter(|related| related.path.is_none());
        here.for_each(|related| self.place(&related.span));
        diagnostic.fixes.iter().for_each(|fix| self.fix(fix));
    }

    fn fix(&self, fix: &Fix) {
        assert!(!fix.title.is_empty());
        fix.edits.iter().for_each(|edit| self.place(&edit.span));
        assert_ne!(
            self.edited(&fix.edits),
            self.text,
            "'{}' changes nothing",
            fix.title
        );
    }

    fn edited(&self, edits: &[Edit]) -> String {
        let edited = applied(self.text, edits);
        edited.unwrap_or_else(|| panic!("{edits:?} do not fit {:?}", self.text))
    }

    /// A client refuses an outline whose names are outside of their entries.
    fn symbol(&self, symbol: &Symbol) {
        self.place(&symbol.span);
        self.place(&symbol.name_span);
        let (all, name) = (&symbol.span, &symbol.name_span);
        assert!(all.start <= name.start && name.end <= all.end, "{symbol:?}");
        for child in &symbol.children {
            assert!(
                all.start <= child.span.start && child.span.end <= all.end,
                "{symbol:?}"
            );
            self.symbol(child);
        }
    }
}
