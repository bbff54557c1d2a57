//! One look at a workspace. Everything that finding targets reads and lists goes through here: it is
//! counted, ends at a limit, and what is there and cannot be read is told instead of being taken for
//! absent.
//!
//! The limits are far above any project that was seen, and together keep a look at whatever a
//! stranger put into a folder below a fifth of a second and some 20 MiB.

use std::cell::{Cell, OnceCell, RefCell};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::build::{Machine, TakesPresets};
use crate::file::{self, ReadError, TEXT_LIMIT};
use crate::input_error::InputError;

/// Entries of directories, and places of files, that are looked at.
const MAX_ENTRIES: usize = 20_000;
/// The same for what lies around a project.
const MAX_ENTRIES_AROUND: usize = 5_000;
/// Bytes of text that are read, all files together.
const MAX_TEXT_BYTES: usize = 8 << 20;
/// Values in one JSON or TOML file, lines in one of another kind: in memory each takes many times
/// what it takes in the file.
const MAX_VALUES: usize = 50_000;
/// The largest ELF file that is read for nothing but its chip, which nearly every project says
/// elsewhere; and how much of such files together.
const MAX_ELF: u64 = 32 << 20;
const MAX_ELF_BYTES: u64 = 64 << 20;
/// Beginnings of images that are looked into for a partition table, all files together.
const MAX_IMAGE_BYTES: u64 = 64 << 20;
/// Files that are told as unreadable.
const MAX_TOLD: usize = 20;

/// What was read so far, and what was wrong with it.
#[derive(Debug, Default)]
pub(crate) struct Look {
    entries: Cell<usize>,
    text_bytes: Cell<usize>,
    elf_bytes: Cell<u64>,
    image_bytes: Cell<u64>,
    problems: RefCell<Vec<InputError>>,
    takes_presets: OnceCell<TakesPresets>,
}

impl Look {
    /// One at what lies around a project, where less is looked for.
    pub(super) fn at_neighbours() -> Self {
        Self {
            entries: Cell::new(MAX_ENTRIES - MAX_ENTRIES_AROUND),
            ..Self::default()
        }
    }

    /// Which idf.py of this machine takes presets: the records of ESP-IDF's installers are read once.
    pub(super) fn takes_presets(&self, machine: &Machine<'_>) -> &TakesPresets {
        self.takes_presets.get_or_init(|| TakesPresets::on(machine))
    }

    /// Counts something that is looked at. `false`: that is more than is looked at.
    pub(super) fn spend(&self, entries: usize) -> bool {
        self.entries.set(self.entries.get().saturating_add(entries));
        self.entries.get() <= MAX_ENTRIES
    }

    /// Whether there is a file. What is there and is not a file is told.
    pub(super) fn has(&self, path: &Path) -> bool {
        self.spend(1) && self.told(path, file::check(path, TEXT_LIMIT)).is_some()
    }

    /// The text of a file; `None` if there is none, or none that can be read, which is told.
    pub(super) fn text(&self, path: &Path) -> Option<String> {
        let text = self.read(path);
        self.told(path, text)
    }

    /// The text of a file.
    pub(super) fn read(&self, path: &Path) -> Result<String, ReadError> {
        if !self.spend(1) {
            return Err(ReadError::NotFound);
        }
        let left = MAX_TEXT_BYTES.saturating_sub(self.text_bytes.get());
        let text = file::read_text(path, TEXT_LIMIT.min(left as u64));
        let len = match &text {
            Ok(text) => text.len(),
            Err(ReadError::TooLarge { limit_bytes }) if *limit_bytes < TEXT_LIMIT => left + 1,
            Err(_) => 0,
        };
        self.text_bytes.set(self.text_bytes.get() + len);
        text
    }

    /// A JSON file, if it can be read as such.
    pub(super) fn json(&self, path: &Path) -> Option<Value> {
        let text = self.text(path)?;
        let values = text.matches([',', '[', '{']).count();
        self.has_room(path, "values", values)
            .then(|| serde_json::from_str(&text).ok())?
    }

    /// The same of a file in which an editor allows comments and a comma too many.
    pub(super) fn jsonc(&self, path: &Path) -> Option<Value> {
        let text = without_comments(&self.text(path)?);
        let values = text.matches([',', '[', '{']).count();
        self.has_room(path, "values", values)
            .then(|| serde_json::from_str(&text).ok())?
    }

    /// A TOML file, if it can be read as such.
    pub(super) fn toml(&self, path: &Path) -> Option<toml::Table> {
        let text = self.text(path)?;
        let values = text.matches([',', '[', '{', '=']).count();
        self.has_room(path, "values", values)
            .then(|| text.parse().ok())?
    }

    /// A text of which every line counts.
    pub(super) fn lines(&self, path: &Path) -> Option<String> {
        let text = self.text(path)?;
        let lines = text.lines().count();
        self.has_room(path, "lines", lines).then_some(text)
    }

    /// Whether a file does not have more of something than is read. One that has is told.
    pub(super) fn has_room(&self, path: &Path, what: &str, count: usize) -> bool {
        if count > MAX_VALUES {
            let what = format!("it has more than {MAX_VALUES} {what}, and is not read");
            self.tell(InputError::too_much(path, &what));
        }
        count <= MAX_VALUES
    }

    /// An ELF file, if it is not too large for a mere look.
    pub(super) fn elf(&self, path: &Path) -> Option<Vec<u8>> {
        let left = MAX_ELF_BYTES.saturating_sub(self.elf_bytes.get());
        let bytes = file::read(path, MAX_ELF.min(left)).ok()?;
        self.elf_bytes
            .set(self.elf_bytes.get() + bytes.len() as u64);
        Some(bytes)
    }

    /// The beginning of an image, if that is not too much of all of them.
    pub(super) fn image_start(&self, path: &Path, len_bytes: u64) -> Option<Vec<u8>> {
        if self.image_bytes.get() > MAX_IMAGE_BYTES {
            return None;
        }
        let bytes = file::read_start(path, len_bytes).ok()?;
        self.image_bytes
            .set(self.image_bytes.get() + bytes.len() as u64);
        Some(bytes)
    }

    /// What is in a directory, in alphabetical order.
    pub(super) fn entries(&self, dir: &Path) -> Vec<Entry> {
        let mut found = Vec::new();
        if !self.spend(1) {
            return found;
        }
        for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
            if !self.spend(1) {
                break;
            }
            found.push(Entry {
                name: entry.file_name().to_string_lossy().into_owned(),
                path: entry.path(),
                is_plain_dir: entry.file_type().is_ok_and(|kind| kind.is_dir()),
            });
        }
        found.sort_by(|a, b| a.path.cmp(&b.path));
        found
    }

    /// The directories in `dir` whose names `keep` accepts, in alphabetical order.
    pub(super) fn subdirectories(&self, dir: &Path, keep: impl Fn(&str) -> bool) -> Vec<PathBuf> {
        let entries = self.entries(dir).into_iter();
        entries
            .filter(|entry| keep(&entry.name))
            .filter(|entry| entry.is_plain_dir || entry.path.is_dir())
            .map(|entry| entry.path)
            .collect()
    }

    fn told<T>(&self, path: &Path, read: Result<T, ReadError>) -> Option<T> {
        match read {
            Ok(read) => Some(read),
            Err(ReadError::NotFound) => None,
            // That is told for all files together.
            Err(ReadError::TooLarge { limit_bytes }) if limit_bytes < TEXT_LIMIT => None,
            Err(why) => {
                self.tell(InputError::unreadable(path, &why));
                None
            }
        }
    }

    /// Remembers a problem, once.
    pub(super) fn tell(&self, problem: InputError) {
        let mut problems = self.problems.borrow_mut();
        if problems.len() < MAX_TOLD && !problems.contains(&problem) {
            problems.push(problem);
        }
    }

    /// What was wrong.
    pub(super) fn problems(&self, root: &Path) -> Vec<InputError> {
        let mut problems = self.problems.borrow().clone();
        let too_much = |what: &str| InputError::too_much(root, what);
        if self.entries.get() > MAX_ENTRIES {
            let what = format!(
                "there are more than {MAX_ENTRIES} files and directories to look at; the rest was left \
                 out"
            );
            problems.push(too_much(&what));
        }
        if self.text_bytes.get() > MAX_TEXT_BYTES {
            let mib = MAX_TEXT_BYTES >> 20;
            let what =
                format!("there are more than {mib} MiB of text to read; the rest was left out");
            problems.push(too_much(&what));
        }
        if self.image_bytes.get() > MAX_IMAGE_BYTES {
            let mib = MAX_IMAGE_BYTES >> 20;
            let what = format!(
                "there are more than {mib} MiB of images to look into; the rest was left out"
            );
            problems.push(too_much(&what));
        }
        problems
    }
}

/// JSON as VS Code reads its settings, made into JSON: comments become spaces, as does a comma before a
/// closing bracket and a byte order mark.
fn without_comments(text: &str) -> String {
    let mut out: Vec<u8> = Vec::with_capacity(text.len());
    let mut comma = None;
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text).as_bytes();
    while let [first, ..] = *rest {
        let find = |end: &[u8]| rest.windows(end.len()).position(|it| it == end);
        let len = match rest {
            [b'"', ..] => string_len(rest),
            [b'/', b'/', ..] => find(b"\n").unwrap_or(rest.len()),
            [b'/', b'*', ..] => rest[2..]
                .windows(2)
                .position(|it| it == b"*/")
                .map_or(rest.len(), |at| at + 4),
            _ => 1,
        };
        let (piece, after) = rest.split_at(len);
        rest = after;
        match first {
            b'/' if len > 1 => out.push(b' '),
            b',' => {
                comma = Some(out.len());
                out.push(b',');
            }
            _ if first.is_ascii_whitespace() => out.push(first),
            _ => {
                if let (b']' | b'}', Some(at)) = (first, comma) {
                    out[at] = b' ';
                }
                comma = None;
                out.extend_from_slice(piece);
            }
        }
    }
    String::from_utf8(out).unwrap_or_default()
}

/// The length of a string that begins a text, with its quotes.
fn string_len(text: &[u8]) -> usize {
    let mut at = 1;
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    text.len()
}

/// Something in a directory.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) path: PathBuf,
    /// A directory, and no link to one.
    pub(super) is_plain_dir: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_trailing_commas_are_no_part_of_json() {
        for (text, expected) in [
            (
                "\u{feff}{ // one\n \"a\": \"x // no, /* neither */ \\\" ä\", /* two */ \"b\": [1, 2,\n],\n}",
                r#"{"a":"x // no, /* neither */ \" ä","b":[1,2]}"#,
            ),
            ("{\"a\": 1} // end", r#"{"a":1}"#),
            ("[1,/**/]", "[1]"),
        ] {
            let read: Value = serde_json::from_str(&without_comments(text)).unwrap();
            assert_eq!(read.to_string(), expected);
        }
        for broken in ["/", "/*", "\"", "\"\\", "{,", "[1,,]", "//"] {
            let read = serde_json::from_str::<Value>(&without_comments(broken));
            assert!(read.is_err(), "{broken}");
        }
    }
}
