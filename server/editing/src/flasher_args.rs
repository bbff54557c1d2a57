//! Help with `flasher_args.json`, which ESP-IDF's build writes and deploys read.

mod check;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use fbuild_project::amount::amount;
use fbuild_project::discover::flasher_args::{FileEntry, FlasherArgs as Args, Named};
use serde_json::json;

use super::facts::Build;
use super::format::{Format, View};
use super::{Diagnostic, Hover, Lens, Symbol, SymbolKind};
use fbuild_project::plain;

/// The format of `flasher_args.json`.
pub(crate) struct FlasherArgs;

impl Format for FlasherArgs {
    fn diagnostics(&self, view: View<'_>) -> Vec<Diagnostic> {
        check::check(&Document::new(view))
    }

    fn hover(&self, view: View<'_>, at: usize) -> Option<Hover> {
        hover(&Document::new(view), at)
    }

    fn lenses(&self, view: View<'_>) -> Vec<Lens> {
        lenses(&Document::new(view))
    }

    fn symbols(&self, view: View<'_>) -> Vec<Symbol> {
        let document = Document::new(view);
        let files = document.args.files.iter();
        files
            .map(|entry| Symbol {
                name: document
                    .named(entry)
                    .map_or_else(|| entry.offset.value.clone(), |it| it.name.value.clone()),
                detail: format!(
                    "{} {}",
                    entry.offset.value,
                    entry.file.as_deref().unwrap_or_default()
                ),
                kind: SymbolKind::Partition,
                span: entry.offset.span.start..entry.file_span.end,
                name_span: entry.offset.span.clone(),
                children: Vec::new(),
            })
            .collect()
    }
}

/// What is known of a file.
#[derive(Debug, Clone, Copy)]
enum OnDisk {
    /// Nobody has looked for it yet.
    Unknown,
    Missing,
    Bytes(u64),
}

/// The document.
struct Document<'v> {
    view: View<'v>,
    args: Args,
}

impl<'v> Document<'v> {
    fn new(view: View<'v>) -> Self {
        Self {
            view,
            args: Args::parse(view.text),
        }
    }

    fn dir(&self) -> &'v Path {
        self.view.path.parent().unwrap_or(self.view.path)
    }

    fn path(&self, entry: &FileEntry) -> Option<PathBuf> {
        Some(self.dir().join(entry.file.as_ref()?))
    }

    fn file(&self, entry: &FileEntry) -> OnDisk {
        let sizes = &self.view.facts.files.sizes;
        match self.path(entry).and_then(|path| sizes.get(&path)) {
            None => OnDisk::Unknown,
            Some(None) => OnDisk::Missing,
            Some(Some(bytes)) => OnDisk::Bytes(*bytes),
        }
    }

    fn named(&self, entry: &FileEntry) -> Option<&Named> {
        let file = entry.file.as_deref()?;
        let mut named = self.args.named.iter();
        named.find(|image| image.file.value == file)
    }

    /// What discovery made of the file as it was saved.
    fn build(&self) -> Option<&'v Build> {
        let mut builds = self.view.facts.builds.iter();
        builds.find(|build| build.target.found_in == self.view.path)
    }
}

fn hover(document: &Document<'_>, at: usize) -> Option<Hover> {
    let touches = |span: &super::Span| span.start <= at && at <= span.end;
    let mut files = document.args.files.iter();
    let entry = files.find(|entry| touches(&entry.offset.span) || touches(&entry.file_span))?;
    let name = document
        .named(entry)
        .map_or("an image without a name", |image| &image.name.value);
    let offset = entry.offset.value.as_str();
    let mut markdown = format!(
        "**{}** at {}",
        plain::markdown(name),
        plain::markdown(offset)
    );
    match document.file(entry) {
        OnDisk::Bytes(bytes) => {
            let _ = write!(markdown, "\n\n{bytes} bytes ({})", amount(bytes));
            if let Some(offset) = entry.offset_bytes() {
                let _ = write!(markdown, ", up to {:#x}", u64::from(offset) + bytes);
            }
        }
        OnDisk::Missing => markdown.push_str("\n\nNot built: `idf.py build`"),
        OnDisk::Unknown => {}
    }
    if document.named(entry).is_some_and(|image| image.encrypted) {
        markdown.push_str("\n\nThe chip is to encrypt it.");
    }
    Some(Hover {
        span: entry.offset.span.start..entry.file_span.end,
        markdown,
    })
}

/// Deploy, Verify and Plan over the list of files.
fn lenses(document: &Document<'_>) -> Vec<Lens> {
    let (Some(span), Some(build)) = (&document.args.files_key, document.build()) else {
        return Vec::new();
    };
    [
        ("Deploy", "fbuild.server.deploy"),
        ("Verify", "fbuild.server.verify"),
        ("Plan", "fbuild.server.plan"),
    ]
    .map(|(title, command)| Lens {
        span: span.clone(),
        title: title.to_owned(),
        command,
        arguments: json!({"root": document.view.facts.root, "target": build.target.name}),
    })
    .into()
}

#[cfg(test)]
mod tests;
