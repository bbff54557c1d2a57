use comrak::nodes::{AstNode, NodeValue};
use comrak::{Arena, Options, parse_document};
use proptest::prelude::*;

use super::*;

/// What stands in the way of a terminal, a message or a document in Markdown.
pub(crate) const HOSTILE: [&str; 14] = [
    "\u{1b}[2J\u{1b}]0;owned\u{7}",
    "\u{9b}31m",
    "a\r\nerror: forged",
    "line\u{2028}paragraph\u{2029}",
    "\u{202e}nib.ppa\u{2066}\u{200e}\u{61c}\u{8}\u{7f}\0",
    "[Install](command:workbench.action.quit)",
    "![x](https://example.com/x.png)",
    "<img src=https://example.com/x.png><b>",
    "https://example.com/ www.example.com a@example.com",
    "`code` ``more` \\` |cell| \\|[x](command:y)",
    "**bold** _it_ ~~gone~~ # & &amp; &#91;",
    "[x]: https://example.com",
    "1. one\n- two\n=====",
    "[a\\](b) [c] [d][e] [^f] <https://example.com>",
];

#[test]
fn nothing_in_a_line_acts() {
    for name in HOSTILE {
        assert!(!line(name).contains(acts), "{}", line(name));
        assert!(!message(name).contains("]("), "{}", message(name));
    }
    assert_eq!(line("\u{1b}[31m\n"), "\\u{1b}[31m\\n");
    assert_eq!(line("日本 äöü 👩‍🚀"), "日本 äöü 👩‍🚀");
    assert_eq!(lines("a\tb\n\rc"), "a\tb\n\\rc");
    assert_eq!(message("a[1](2).bin"), "a[1] (2).bin");
}

fn options() -> Options<'static> {
    let mut options = Options::default();
    let extension = &mut options.extension;
    extension.autolink = true;
    extension.table = true;
    extension.strikethrough = true;
    extension.tasklist = true;
    extension.footnotes = true;
    options
}

/// The text that a reader sees, and what else a document in Markdown consists of.
pub(crate) fn rendered(markdown: &str) -> (String, Vec<String>) {
    let arena = Arena::new();
    let root = parse_document(&arena, markdown, &options());
    let (mut seen, mut other) = (String::new(), Vec::new());
    let nodes: Vec<&AstNode<'_>> = root.descendants().collect();
    for node in nodes {
        match &node.data.borrow().value {
            NodeValue::Text(text) => seen.push_str(text),
            NodeValue::Code(code) => seen.push_str(&code.literal),
            NodeValue::SoftBreak | NodeValue::LineBreak => seen.push('\n'),
            NodeValue::Document | NodeValue::Paragraph => {}
            value => other.push(format!("{value:?}")),
        }
    }
    (seen, other)
}

/// Links, images and HTML: what nobody's name may bring about anywhere.
pub(crate) fn assert_harmless(markdown: &str) {
    let (_, other) = rendered(markdown);
    let harmful = ["Link", "Image", "Html", "Footnote"];
    let found = other
        .iter()
        .find(|value| harmful.iter().any(|kind| value.contains(kind)));
    assert_eq!(found, None, "{markdown}");
    assert!(!markdown.contains(|c| acts(c) && c != '\n'), "{markdown:?}");
}

#[test]
fn hostile_names_are_shown_in_markdown_as_they_are() {
    for name in HOSTILE {
        check(name);
    }
}

fn check(name: &str) {
    let plain = line(name);
    for text in [markdown(name), code(name)] {
        // As it appears in our sentences.
        let (seen, other) = rendered(&format!("Its name: {text}; and so on"));
        assert_eq!(seen, format!("Its name: {plain}; and so on"), "{text}");
        assert!(other.is_empty(), "{text}: {other:?}");
        assert_harmless(&text);
    }
    let table = format!("| a | b |\n| --- | --- |\n| {} | c |", cell(name));
    let (seen, other) = rendered(&table);
    assert_eq!(seen, format!("ab{}c", plain.trim()), "{table}");
    // A table, two rows, four cells.
    assert_eq!(other.len(), 7, "{table}: {other:?}");
    assert_harmless(&table);
}

proptest! {
    #[test]
    fn any_name_is_shown_in_markdown_as_it_is(
        name in r"([a-z ]|[!-/:-@\[-`{-~]|https?://|www\.|\n|\PC|\\|`|\||\]\(|!\[|</?[a-z]+>){1,24}"
    ) {
        // Spaces at the edges are Markdown's own business.
        let name = name.trim();
        prop_assume!(!name.is_empty() && !name.contains("  "));
        check(name);
    }
}
