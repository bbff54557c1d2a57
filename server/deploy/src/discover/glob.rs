//! Shell patterns as Python's `fnmatch` and `glob` know them: `*`, `?`, `[seq]`, `[!seq]`, `**`.

use std::path::{Path, PathBuf};

/// How deep `**` descends. Deeper trees are not configuration.
const MAX_DEPTH: usize = 16;

/// Whether a text has characters that make it a pattern.
#[must_use]
pub fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

/// Whether the whole of `name` matches `pattern`; case counts.
#[must_use]
pub fn matches(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    // Greedy with one point of return: the last star takes one character more at each failure.
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        let step = match pattern.get(p) {
            Some('*') => {
                star = Some((p + 1, n));
                p += 1;
                continue;
            }
            Some('?') => Some(p + 1),
            Some('[') => match set(&pattern[p..], name[n]) {
                Some((true, len)) => Some(p + len),
                Some((false, _)) => None,
                None => (name[n] == '[').then_some(p + 1),
            },
            Some(c) if *c == name[n] => Some(p + 1),
            _ => None,
        };
        match (step, star) {
            (Some(next), _) => {
                p = next;
                n += 1;
            }
            (None, Some((after_star, taken_to))) => {
                p = after_star;
                n = taken_to + 1;
                star = Some((after_star, n));
            }
            (None, None) => return false,
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// Whether `c` is in the set that `pattern` begins with, and how long the set is; `None` if it does
/// not end, which makes `[` an ordinary character.
fn set(pattern: &[char], c: char) -> Option<(bool, usize)> {
    let negated = pattern.get(1) == Some(&'!');
    let first = if negated { 2 } else { 1 };
    // A `]` right at the start belongs to the set.
    let end = (first + 1..pattern.len()).find(|at| pattern[*at] == ']')?;
    let mut inside = false;
    let mut at = first;
    while at < end {
        if at + 2 < end && pattern[at + 1] == '-' {
            inside |= (pattern[at]..=pattern[at + 2]).contains(&c);
            at += 3;
        } else {
            inside |= pattern[at] == c;
            at += 1;
        }
    }
    Some((inside != negated, end + 1))
}

/// Files and directories below `root` that match `pattern` (absolute, or relative to `root`), in
/// alphabetical order. Hidden entries match only patterns that begin with a dot.
#[must_use]
pub fn find(root: &Path, pattern: &str) -> Vec<PathBuf> {
    let (start, rest) = match pattern.strip_prefix('/') {
        Some(rest) => (PathBuf::from("/"), rest),
        None => (root.to_owned(), pattern),
    };
    let parts: Vec<_> = rest.split('/').filter(|part| !part.is_empty()).collect();
    let mut found = Vec::new();
    descend(&start, &parts, 0, &mut found);
    found.sort();
    found.dedup();
    found
}

fn descend(dir: &Path, parts: &[&str], depth: usize, found: &mut Vec<PathBuf>) {
    if depth > MAX_DEPTH {
        return;
    }
    let Some((part, rest)) = parts.split_first() else {
        found.push(dir.to_owned());
        return;
    };
    if *part == "**" {
        descend(dir, rest, depth, found);
        for (path, _) in entries(dir)
            .into_iter()
            .filter(|(path, name)| is_shown("*", name) && path.is_dir())
        {
            descend(&path, parts, depth + 1, found);
        }
    } else if is_pattern(part) {
        for (path, name) in entries(dir) {
            if is_shown(part, &name) && matches(part, &name) {
                descend(&path, rest, depth + 1, found);
            }
        }
    } else {
        let path = dir.join(part);
        if path.exists() {
            descend(&path, rest, depth + 1, found);
        }
    }
}

fn is_shown(pattern: &str, name: &str) -> bool {
    !name.starts_with('.') || pattern.starts_with('.')
}

fn entries(dir: &Path) -> Vec<(PathBuf, String)> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut entries: Vec<_> = entries
        .map(|entry| {
            (
                entry.path(),
                entry.file_name().to_string_lossy().into_owned(),
            )
        })
        .collect();
    entries.sort();
    entries
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn matches_as_fnmatch_does() {
        for (pattern, name, expected) in [
            ("/dev/ttyUSB*", "/dev/ttyUSB0", true),
            ("/dev/ttyUSB[01]", "/dev/ttyUSB1", true),
            ("/dev/ttyUSB[01]", "/dev/ttyUSB2", false),
            ("COM[3]", "COM3", true),
            ("COM[3]", "COM[3]", false),
            ("[!a-c]x", "dx", true),
            ("[!a-c]x", "bx", false),
            ("a[", "a[", true),
            ("[]]", "]", true),
            ("*a*b", "xxaxxab", true),
            ("*a*b", "xxaxxba", false),
            ("?", "", false),
            ("", "", true),
            ("*", "", true),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn finds_files_in_order() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["b/x.ini", "b/.y.ini", "a.ini", "b/c/z.ini"] {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let names = |pattern: &str| {
            find(dir.path(), pattern)
                .iter()
                .map(|p| p.strip_prefix(dir.path()).unwrap().display().to_string())
                .collect::<Vec<_>>()
        };
        assert_eq!(names("b/*.ini"), ["b/x.ini"]);
        assert_eq!(names("a.ini"), ["a.ini"]);
        assert_eq!(names("**/*.ini"), ["a.ini", "b/c/z.ini", "b/x.ini"]);
        assert!(names("none/*.ini").is_empty());
    }

    proptest! {
        #[test]
        fn no_pattern_panics(pattern in "[a-c*?!\\[\\]-]{0,12}", name in "[a-c\\[\\]-]{0,12}") {
            let _ = matches(&pattern, &name);
        }
    }
}
