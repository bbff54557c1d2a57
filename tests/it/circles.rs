//! No circle of files within a crate: a reader of a file can read what it uses first, and come to an
//! end. A module and what is below it may name each other.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::harness::root;
use crate::sources::programs;

/// A module's path: `["image", "load"]`; the crate's root is empty.
type Module = Vec<String>;

/// Every file of a crate without tests and comments.
fn files(sources: &Path) -> BTreeMap<Module, String> {
    let module = |path: &Path| -> Module {
        let path = path.strip_prefix(sources).unwrap().with_extension("");
        path.iter()
            .map(|part| part.to_str().unwrap().to_owned())
            .filter(|part| part != "lib" && part != "main")
            .collect()
    };
    let code = |program: &str| {
        let lines = program.lines().map(|line| line.split("//").next().unwrap());
        lines.collect::<Vec<_>>().join("\n")
    };
    let files = programs(sources).into_iter();
    files
        .map(|(path, program)| (module(&path), code(&program)))
        .collect()
}

/// The paths that begin at each `crate` and `super` of a text: `crate::a::{b, c::d}` is three.
fn paths(text: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for start in ["crate::", "super::"] {
        for (at, _) in text.match_indices(start) {
            let is_in_word = text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
            // `super::super::` is found at its first word.
            if !is_in_word && !text[..at].ends_with("::") {
                tree(&text[at..], &mut Vec::new(), &mut found);
            }
        }
    }
    found
}

/// Reads one path, or a tree of them; what is left of the text.
fn tree<'t>(mut text: &'t str, before: &mut Vec<String>, found: &mut Vec<Vec<String>>) -> &'t str {
    let depth = before.len();
    loop {
        text = text.trim_start();
        if let Some(inner) = text.strip_prefix('{') {
            text = inner;
            while !text.trim_start().starts_with('}') {
                text = tree(text, before, found).trim_start();
                text = text.strip_prefix(',').unwrap_or(text);
                assert!(!text.is_empty(), "no end of {before:?}");
            }
            text = &text.trim_start()[1..];
            break;
        }
        let end = text.find(|c: char| !c.is_alphanumeric() && c != '_');
        let (word, rest) = text.split_at(end.unwrap_or(text.len()));
        before.push(word.to_owned());
        text = rest;
        let Some(rest) = text.strip_prefix("::") else {
            found.push(before.clone());
            break;
        };
        text = rest;
    }
    before.truncate(depth);
    // `as name`, `*`, generics: up to where the next path of a tree begins, or the tree ends.
    if depth > 0 {
        text = &text[text.find([',', '}']).unwrap_or(text.len())..];
    }
    text
}

/// The files that a module names, its own family aside.
fn uses(module: &Module, text: &str, all: &BTreeMap<Module, String>) -> BTreeSet<Module> {
    let mut used = BTreeSet::new();
    for path in paths(text) {
        let mut full = module.clone();
        for word in path {
            match &*word {
                "crate" => full.clear(),
                "super" => {
                    full.pop();
                }
                _ => full.push(word),
            }
        }
        while !all.contains_key(&full) {
            full.pop();
        }
        if !full.starts_with(module) && !module.starts_with(&full) {
            used.insert(full);
        }
    }
    used
}

/// Everything that can be reached from each file.
fn circles(sources: &Path) -> Vec<String> {
    let all = files(sources);
    let uses: BTreeMap<_, _> = all
        .iter()
        .map(|(module, text)| (module, uses(module, text, &all)))
        .collect();
    let reach = |from: &Module| {
        let mut seen = BTreeSet::new();
        let mut waiting: Vec<&Module> = uses[from].iter().collect();
        while let Some(module) = waiting.pop() {
            if seen.insert(module) {
                waiting.extend(&uses[module]);
            }
        }
        seen
    };
    let is_in_one = |module: &&Module| reach(module).contains(module);
    uses.keys()
        .copied()
        .filter(is_in_one)
        .map(|module| module.join("/"))
        .collect()
}

#[test]
fn no_files_form_a_circle() {
    for entry in std::fs::read_dir(root().join("server")).unwrap() {
        let folder = entry.unwrap().path();
        let found = circles(&folder.join("src"));
        assert!(found.is_empty(), "{}: {found:?}", folder.display());
    }
}

#[test]
fn a_circle_is_seen() {
    let sources = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("lib.rs", "mod a;\nmod b;\nmod c;\n"),
        ("a.rs", "mod below;\nuse crate::{b::{B, C as D}, c};\n"),
        (
            "a/below.rs",
            "use super::A;\nfn f() { super::super::c::f() }\n",
        ),
        ("b.rs", "fn f(x: crate::c::C<u8>) {}\n"),
        (
            "c.rs",
            "// use crate::a;\n#[cfg(test)]\nmod tests { use crate::a; }\n",
        ),
    ] {
        let path = sources.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    assert_eq!(circles(sources.path()), [""; 0]);
    std::fs::write(sources.path().join("c.rs"), "use crate::a::below::X;\n").unwrap();
    assert_eq!(circles(sources.path()), ["a/below", "c"]);
}
