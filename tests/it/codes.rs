//! Every error code has its row in docs/troubleshooting.md, and what the page quotes occurs.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::harness::root;
use crate::sources::programs;

/// Where codes are rules of an editor's diagnostics, which docs/protocol.md lists.
const OF_DIAGNOSTICS: [&str; 3] = [
    "server/project/src/partitions/csv",
    "server/editing/src",
    "server/lsp/src/server/editing",
];

/// Where a failure takes its code from what it is given, which is itself looked through.
const PASSED_ON: [&str; 4] = [
    "server/deploy/src/native/erase.rs",
    "server/deploy/src/job/report.rs",
    "server/deploy/src/failure.rs",
    "server/lsp/src/server/job/stand.rs",
];

/// The program's own files with their text, without unit tests.
fn sources() -> Vec<(PathBuf, String)> {
    let found = programs(&root().join("server")).into_iter();
    let found: Vec<_> = found
        .map(|(path, text)| (path.strip_prefix(root()).unwrap().to_owned(), text))
        .collect();
    assert!(found.len() > 100, "{}", found.len());
    found
}

fn is_of_diagnostics(path: &Path) -> bool {
    let path = path.to_str().unwrap();
    OF_DIAGNOSTICS.iter().any(|there| path.starts_with(there))
}

fn is_code(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    text.starts_with(|c: char| c.is_ascii_lowercase()) && text.chars().all(is_plain)
}

/// Whether what begins here is the rest of a tuple of advice: code, whether the request is to blame
/// (or the text of a report), what to do.
fn is_rest_of_advice(rest: &str) -> bool {
    let rest = rest.trim_start().strip_prefix(',').map(str::trim_start);
    rest.is_some_and(|rest| {
        ["true,", "false,", "text,"]
            .iter()
            .any(|it| rest.starts_with(it))
    })
}

/// The codes that a file gives to failures.
fn codes(path: &Path, text: &str) -> BTreeSet<String> {
    let literals = text.match_indices('"').filter_map(|(at, _)| {
        let (code, rest) = text[at + 1..].split_once('"')?;
        let before = text[..at].trim_end();
        let constant = before
            .strip_suffix(": &str =")
            .and_then(|declared| declared.rsplit(' ').next());
        let is_used = |name: &str| {
            let mut uses = text.match_indices(name);
            uses.any(|(at, name)| is_rest_of_advice(&text[at + name.len()..]))
        };
        let is_given = before.ends_with("code:")
            || before.ends_with("refused(")
            || (before.ends_with('(') && is_rest_of_advice(rest))
            || before.ends_with("InputError::new(")
            || before.ends_with("Failure::of_input(")
            || before.ends_with("Self::new(") && path.ends_with("input_error.rs")
            || constant.is_some_and(is_used);
        (is_code(code) && is_given).then(|| code.to_owned())
    });
    literals.collect()
}

fn page() -> String {
    std::fs::read_to_string(root().join("docs/troubleshooting.md")).unwrap()
}

/// The rows of the tables of codes: code, and its explanation.
fn rows(page: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut is_of_codes = false;
    for line in page.lines() {
        let Some(row) = line.strip_prefix("| ") else {
            is_of_codes &= line.starts_with('|');
            continue;
        };
        if row.starts_with("code |") {
            is_of_codes = true;
        } else if is_of_codes && row.starts_with('`') {
            let cells: Vec<&str> = row.trim_end_matches('|').split(" | ").collect();
            assert!(
                cells.len() == 3 && cells.iter().all(|it| !it.trim().is_empty()),
                "{line}"
            );
            for code in cells[0].split(", ") {
                found.push((code.trim_matches('`').to_owned(), cells[2].to_owned()));
            }
        }
    }
    found
}

#[test]
fn each_error_code_has_a_row_and_each_row_a_code() {
    let mut given = BTreeSet::new();
    for (path, text) in sources() {
        if !is_of_diagnostics(&path) {
            given.extend(codes(&path, &text));
        }
    }
    assert!(given.len() >= 66, "{given:?}");
    let rows = rows(&page());
    let explained: BTreeSet<String> = rows.iter().map(|(code, _)| code.clone()).collect();
    let missing: Vec<_> = given.difference(&explained).collect();
    assert!(
        missing.is_empty(),
        "no row in docs/troubleshooting.md: {missing:?}"
    );
    let gone: Vec<_> = explained.difference(&given).collect();
    assert!(gone.is_empty(), "no failure has these codes: {gone:?}");
    assert_eq!(rows.len(), explained.len(), "a code has two rows");
}

/// A code that is made in another way would not be found.
#[test]
fn a_failure_names_its_code_where_it_is_made() {
    let mut passed_on = BTreeSet::new();
    for (path, text) in sources() {
        for (at, made) in text.match_indices("Failure {") {
            let before = text[..at].trim_end();
            let fields = &text[at + made.len()..];
            let is_declared = ["struct", "enum", "impl", "for", "->"]
                .iter()
                .any(|it| before.ends_with(it));
            let is_made = text[..at].ends_with([' ', '(']) && !is_declared;
            if is_made && !fields.trim_start().starts_with("code: \"") {
                passed_on.insert(path.clone());
            }
        }
    }
    assert_eq!(passed_on, PASSED_ON.map(PathBuf::from).into());
}

/// What a person looks for on the page are the words on the screen.
#[test]
fn what_the_page_quotes_is_said() {
    let mut said = String::new();
    for (_, text) in sources() {
        // A string that goes on in the next line goes on without its indentation.
        let mut lines = text.split("\\\n");
        said.push_str(lines.next().unwrap_or_default());
        lines.for_each(|line| said.push_str(line.trim_start()));
    }
    let page = page();
    let headings: Vec<&str> = page.lines().filter(|it| it.starts_with("**\"")).collect();
    assert!(headings.len() >= 3, "{headings:?}");
    for heading in headings {
        let heading = heading[2..].split("**").next().unwrap_or_default();
        let quotes = heading.split('"').skip(1).step_by(2);
        let pieces = quotes.flat_map(|quote| quote.split('…')).map(str::trim);
        for piece in pieces.filter(|piece| !piece.is_empty()) {
            assert!(
                said.contains(piece.trim_end_matches('.')),
                "nobody says \"{piece}\""
            );
        }
    }
}
