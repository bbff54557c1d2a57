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

/// What the names that each file imports stand for.
type Imports = BTreeMap<Module, BTreeMap<String, Module>>;

fn imports(all: &BTreeMap<Module, String>) -> Imports {
    let of_file = |(module, text): (&Module, &String)| {
        let mut paths = Vec::new();
        for (at, import) in text.match_indices("use ") {
            let before = text[..at].lines().last().unwrap_or_default().trim();
            if text[..at].ends_with('\n') || before.is_empty() || before.starts_with("pub") {
                tree(&text[at + import.len()..], &mut Vec::new(), &mut paths);
            }
        }
        let named = |path: &Vec<String>| (path[path.len() - 1].clone(), absolute(module, path));
        (module.clone(), paths.iter().map(named).collect())
    };
    all.iter().map(of_file).collect()
}

/// The path of what is named so in a module, as if that were below it.
fn absolute(module: &Module, path: &[String]) -> Module {
    let mut full = module.clone();
    for word in path {
        match &**word {
            "crate" => full.clear(),
            "self" => {}
            "super" => {
                full.pop();
            }
            _ => full.push(word.clone()),
        }
    }
    full
}

/// The paths that begin at each of these words in a text: `crate::a::{b, c::d}` is two.
fn paths<'t>(text: &str, starts: impl Iterator<Item = &'t str>) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for start in starts {
        for (at, _) in text.match_indices(&format!("{start}::")) {
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
            // Another name for it is one word more.
            let other = text.strip_prefix(" as ").map(|it| {
                let end = it.find(|c: char| !c.is_alphanumeric() && c != '_');
                it[..end.unwrap_or(it.len())].to_owned()
            });
            found.push(before.iter().cloned().chain(other).collect());
            break;
        };
        text = rest;
    }
    before.truncate(depth);
    // `*`, generics: up to where the next path of a tree begins, or the tree ends.
    if depth > 0 {
        text = &text[text.find([',', '}']).unwrap_or(text.len())..];
    }
    text
}

/// The files that a module names, its own family aside, and those that have what it names from there.
fn uses(module: &Module, text: &str, imports: &Imports) -> BTreeSet<Module> {
    let mut used = BTreeSet::new();
    let names = imports[module].keys().map(String::as_str);
    for path in paths(text, ["crate", "super"].into_iter().chain(names)) {
        let mut full = absolute(module, &path);
        // A name may stand for itself: another crate's.
        for _ in 0..8 {
            let file = (0..=full.len()).rev().map(|n| full[..n].to_vec());
            let file = file.clone().find(|it| imports.contains_key(it)).unwrap();
            let name = full.get(file.len());
            let meant = name.and_then(|name| imports[&file].get(name));
            let rest = full.iter().skip(file.len() + 1);
            let next = meant.map(|meant| meant.iter().chain(rest).cloned().collect());
            used.insert(file);
            match next {
                Some(next) => full = next,
                None => break,
            }
        }
    }
    used.retain(|it| !it.starts_with(module) && !module.starts_with(it));
    used
}

/// Everything that can be reached from each file.
fn circles(sources: &Path) -> Vec<String> {
    let all = files(sources);
    let imports = imports(&all);
    let uses: BTreeMap<_, _> = all
        .iter()
        .map(|(module, text)| (module, uses(module, text, &imports)))
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
    // By way of others, under another name.
    for (name, text) in [
        ("a.rs", "mod below;\npub(crate) use below::{X as Y};\n"),
        ("b.rs", "pub(super) use crate::a;\n"),
        ("c.rs", "use crate::b::a;\nfn f() -> a::Y {}\n"),
    ] {
        std::fs::write(sources.path().join(name), text).unwrap();
    }
    assert_eq!(circles(sources.path()), ["a/below", "c"]);
}
