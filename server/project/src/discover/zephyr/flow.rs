//! YAML's flow style (`[a, {b: c}]`), over as many lines as it likes, as the block style that the readers of Zephyr's
//! files go through line by line.
//!
//! Source: YAML 1.2.2, chapter 7.4.

use std::fmt::Write as _;
use std::path::Path;

use super::super::look::Look;

/// Collections within each other, at most.
const MAX_DEPTH: usize = 16;
/// How far the first entries are indented at most: each entry is given it anew, and only the left edge differs from the
/// rest to a reader.
const MAX_INDENT: usize = 4;

/// A file's text with one entry a line, if there are no more of them than are read.
pub(in crate::discover) fn read(path: &Path, look: &Look) -> Option<String> {
    let text = look.lines(path)?;
    let entries = text.matches(',').count();
    look.has_room(path, "entries", entries)
        .then(|| unfolded(&text))
}

/// The same text with one entry a line. What is no flow collection stays as it is.
pub(super) fn unfolded(text: &str) -> String {
    let mut out = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(start) = begin(line) else {
            out.push_str(line);
            out.push('\n');
            continue;
        };
        let (head, flow) = line.split_at(start);
        let mut flow = without_comment(flow).to_owned();
        let mut open = Open::default();
        let mut is_closed = open.is_all_closed(&flow);
        while !is_closed {
            let Some(next) = lines.next().map(without_comment) else {
                break;
            };
            flow.push(' ');
            flow.push_str(next);
            is_closed = open.is_all_closed(next);
        }
        let indent = (head.len() - head.trim_start().len()).min(MAX_INDENT);
        let head = head.trim_end();
        if !head.is_empty() && head.trim_start() != "-" {
            out.push_str(head);
            out.push('\n');
        }
        let (indent, first) = match head.trim_start() {
            "" => (indent, ""),
            "-" => (indent + 2, "- "),
            _ => (indent + 2, ""),
        };
        collection(&flow, indent, first, 0, &mut out);
    }
    out
}

/// Where a collection begins that is a line's value.
fn begin(line: &str) -> Option<usize> {
    let body = line.trim_start();
    let start = line.len() - body.len();
    let value = match body.strip_prefix("- ") {
        Some(item) => item,
        None if body.starts_with(['[', '{']) => body,
        None => body.split_once(": ").map_or("", |(_, value)| value),
    };
    let value = value.trim_start();
    (value.starts_with(['[', '{']) && !body.starts_with('#'))
        .then(|| start + body.len() - value.len())
}

fn without_comment(line: &str) -> &str {
    let mut quote = None;
    let mut before = ' ';
    for (at, letter) in line.char_indices() {
        match quote {
            Some(open) if letter == open => quote = None,
            None if letter == '#' && before.is_whitespace() => return &line[..at],
            None if ['"', '\''].contains(&letter) => quote = Some(letter),
            _ => {}
        }
        before = letter;
    }
    line
}

/// What is open where a text has been read up to.
#[derive(Default)]
struct Open {
    depth: usize,
    quote: Option<char>,
    /// The last letter that is no white space: a quote begins only behind a sign of the collection.
    before: Option<char>,
}

impl Open {
    /// Goes on by a letter; whether that separates entries of the outermost collection, or ends it.
    fn is_end(&mut self, letter: char) -> bool {
        let may_quote = self.before.is_none_or(|it| "[{,:".contains(it));
        if !letter.is_whitespace() {
            self.before = Some(letter);
        }
        match (self.quote, letter) {
            (Some(open), _) => {
                self.quote = Some(open).filter(|_| letter != open);
                return false;
            }
            (None, '"' | '\'') if may_quote => self.quote = Some(letter),
            (None, '[' | '{') => self.depth += 1,
            (None, ']' | '}') => self.depth = self.depth.saturating_sub(1),
            _ => return letter == ',' && self.depth == 1,
        }
        self.depth == 0
    }

    fn is_all_closed(&mut self, text: &str) -> bool {
        text.chars()
            .any(|letter| self.is_end(letter) && self.depth == 0)
    }
}

/// Writes the entries of a collection; `first` begins the first of them.
fn collection(flow: &str, indent: usize, mut first: &str, depth: usize, out: &mut String) {
    if depth > MAX_DEPTH {
        return;
    }
    let is_list = flow.starts_with('[');
    let (mut from, mut open) = (1, Open::default());
    for (end, letter) in flow.char_indices() {
        if !open.is_end(letter) {
            continue;
        }
        let entry = flow.get(from..end).unwrap_or_default().trim();
        from = end + 1;
        if entry.is_empty() {
            continue;
        }
        let pad = indent.saturating_sub(first.len());
        let begin = format!("{}{first}", " ".repeat(pad));
        first = "";
        let is_inner = entry.starts_with(['[', '{']);
        if is_list && is_inner {
            collection(entry, indent + 2, "- ", depth + 1, out);
        } else if is_list {
            let _ = writeln!(out, "{begin}- {entry}");
        } else if let Some((key, inner)) = pair(entry).filter(|it| it.1.starts_with(['[', '{'])) {
            let _ = writeln!(out, "{begin}{key}:");
            collection(inner, indent + 2, "", depth + 1, out);
        } else if let Some((key, value)) = pair(entry) {
            let _ = writeln!(out, "{begin}{key}: {value}");
        }
        if open.depth == 0 {
            return;
        }
    }
}

/// A key and its value; a quoted key may have the value right behind the colon.
fn pair(entry: &str) -> Option<(&str, &str)> {
    let (key, value) = match entry.strip_prefix(['"', '\'']) {
        Some(_) => {
            let end = entry[1..].find(&entry[..1])? + 2;
            (&entry[..end], entry[end..].trim_start().strip_prefix(':')?)
        }
        None => entry.split_once(':')?,
    };
    Some((key.trim().trim_matches(['"', '\'']), value.trim()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::unfolded;

    #[test]
    fn entries_are_on_lines_of_their_own() {
        let block = "default: app\ndomains:\n  - name: app\n    build_dir: \"/x, y/app\"\n  - name: mcuboot\n    \
                     build_dir: C:/b\nflash_order:\n  - mcuboot\n  - app\n";
        for flow in [
            "default: app\ndomains: [{name: app, build_dir: \"/x, y/app\"}, {name: mcuboot, build_dir: C:/b}]\n\
             flash_order: [mcuboot, app]\n",
            "default: app\ndomains: [ # all\n  {\n    name: app, # the first\n    build_dir: \"/x, y/app\",\n  },\n  \
             { name: mcuboot, build_dir: C:/b },\n]\nflash_order: [\n  mcuboot,\n  app\n]\n",
            "{default: app,\n domains: [{\"name\": app, \"build_dir\":\"/x, y/app\"},\n {name: mcuboot, build_dir: \
             C:/b}], flash_order: [mcuboot, app]}\n",
        ] {
            let flat = |text: &str| -> Vec<String> {
                text.lines().map(|line| line.trim().to_owned()).collect()
            };
            assert_eq!(flat(&unfolded(flow)), flat(block), "{flow}");
        }
        assert_eq!(unfolded(block), block);
        assert_eq!(
            unfolded("domains:\n  - {name: a,\n     build_dir: b}\n"),
            "domains:\n  - name: a\n    build_dir: b\n"
        );
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "([-a: ,\\[\\]{}\"'#\nä]{0,60})") {
            unfolded(&text);
        }

        #[test]
        fn what_is_written_grows_only_with_what_is_read(
            indent in 0..5000_usize,
            head in "(- |k: |)",
            inner in "[\\[{]{0,18}",
            entries in 0..2000_usize,
        ) {
            let text = format!("{}{head}[{inner}{}]\n", " ".repeat(indent), "a,".repeat(entries));
            prop_assert!(unfolded(&text).len() <= 32 * text.len());
        }
    }
}
