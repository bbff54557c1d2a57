//! Shell patterns as Python's `fnmatch` and `glob` know them: `*`, `?`, `[seq]`, `[!seq]`, `**`.

use std::path::{Path, PathBuf};

use super::look::Look;

/// How deep `**` descends. Deeper trees are not configuration.
const MAX_DEPTH: usize = 16;
/// Parts between slashes, and their lengths: no name of a file is longer.
const MAX_PARTS: usize = 64;
const MAX_PART: usize = 255;
/// `[…]` in one part.
const MAX_SETS: usize = 16;

/// A pattern that would look at more than is looked at of one project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("matches more files and directories than a project has")]
pub struct TooWide;

/// Whether a text has characters that make it a pattern.
pub fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

/// Whether the whole of `name` matches `pattern`; case counts.
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
/// alphabetical order. Hidden entries match only patterns that begin with a dot. `**` follows no
/// links: they can lead in circles.
pub(super) fn find(root: &Path, pattern: &str, look: &Look) -> Result<Vec<PathBuf>, TooWide> {
    let (start, rest) = match pattern.strip_prefix('/') {
        Some(rest) => (PathBuf::from("/"), rest),
        None => (root.to_owned(), pattern),
    };
    let parts: Vec<_> = rest.split('/').filter(|part| !part.is_empty()).collect();
    let is_long = |part: &&str| part.len() > MAX_PART || part.matches('[').count() > MAX_SETS;
    if parts.len() > MAX_PARTS || parts.iter().any(is_long) {
        return Err(TooWide);
    }
    let mut found = Vec::new();
    // Places to go on from, with the number of parts that are done and the depth below `**`.
    let mut waiting = vec![(start, 0, 0)];
    while let Some((dir, done, depth)) = waiting.pop() {
        let Some(part) = parts.get(done) else {
            found.push(dir);
            continue;
        };
        let spend = |n| look.spend(n).then_some(()).ok_or(TooWide);
        spend(1)?;
        if *part == "**" {
            if depth < MAX_DEPTH {
                for entry in look.entries(&dir) {
                    if is_shown("*", &entry.name) && entry.is_plain_dir {
                        waiting.push((entry.path, done, depth + 1));
                    }
                }
            }
            waiting.push((dir, done + 1, depth));
        } else if is_pattern(part) {
            for entry in look.entries(&dir) {
                spend(part.len() / 16)?;
                if is_shown(part, &entry.name) && matches(part, &entry.name) {
                    waiting.push((entry.path, done + 1, depth));
                }
            }
        } else {
            let path = dir.join(part);
            if path.exists() {
                waiting.push((path, done + 1, depth));
            }
        }
        spend(0)?;
    }
    found.sort();
    found.dedup();
    Ok(found)
}

fn is_shown(pattern: &str, name: &str) -> bool {
    !name.starts_with('.') || pattern.starts_with('.')
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
            find(dir.path(), pattern, &Look::default())
                .unwrap()
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
