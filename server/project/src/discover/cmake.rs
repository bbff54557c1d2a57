//! What a project's `CMakeLists.txt` says without being run: its commands and what it sets. Other files are not
//! looked at. What a variable holds is known where the commands before it leave no doubt: where one within a
//! condition, a loop or a function sets it, or one that is not understood here names it, it is not.
//!
//! Source: CMake's documentation, "cmake-language" (variable references, escapes), `set`, `unset` and `list(APPEND)`.

mod grammar;

use std::path::{Path, PathBuf};

use self::grammar::{Argument, Command, Kind, commands};
use super::environment::Environment;
use super::look::Look;

const FILE_NAME: &str = "CMakeLists.txt";
/// Variables that hold the directory of the file.
const ROOTS: [&str; 5] = [
    "CMAKE_SOURCE_DIR",
    "CMAKE_CURRENT_SOURCE_DIR",
    "CMAKE_CURRENT_LIST_DIR",
    "PROJECT_DIR",
    "COMPONENT_DIR",
];
/// Commands that set nothing, whatever they name.
const READERS: [&str; 8] = [
    "if",
    "elseif",
    "else",
    "endif",
    "while",
    "endwhile",
    "message",
    "endforeach",
];
/// Bytes that all values together may come to, those that references put in included.
const MAX_VALUES: usize = 64 << 10;
/// References that are followed, each of which reads the text again, and bytes that are read for them.
const MAX_REFERENCES: usize = 100;
const MAX_READ: usize = 4 << 20;
/// Commands that a value is put together by.
const MAX_PARTS: usize = 1000;

/// The text of the file.
#[derive(Default)]
pub(super) struct CMakeLists(String);

impl CMakeLists {
    /// That of the project in `root`.
    pub(super) fn read(root: &Path, look: &Look) -> Self {
        let text = look.lines(&root.join(FILE_NAME)).unwrap_or_default();
        Self(text.replace("\r\n", "\n"))
    }

    /// Whether a command of this name has a first argument like that.
    pub(super) fn has(&self, name: &str, is_it: impl Fn(&str) -> bool) -> bool {
        let mut named = commands(&self.0).filter(|it| it.name.eq_ignore_ascii_case(name));
        named.any(|it| it.arguments().next().is_some_and(|first| is_it(first.text)))
    }

    /// What it sets a variable to: a list, which is empty where that is not known; `None` where it sets nothing.
    pub(super) fn set(
        &self,
        name: &str,
        root: &Path,
        environment: &Environment,
    ) -> Option<Vec<String>> {
        let mut values = Values {
            text: &self.0,
            root,
            environment,
            bytes_left: MAX_VALUES,
            references_left: MAX_REFERENCES,
            reads_left: MAX_READ,
        };
        let list = match holds(&self.0, name, usize::MAX) {
            Holds::Untouched | Holds::Unset => return None,
            Holds::Unknown => None,
            Holds::Cached(parts) | Holds::Set(parts) => values.list(&parts),
        };
        match list.as_deref() {
            // What is set to nothing is not set.
            Some("") => None,
            list => {
                let items = list.unwrap_or_default().split(';');
                Some(
                    items
                        .filter(|it| !it.is_empty())
                        .map(str::to_owned)
                        .collect(),
                )
            }
        }
    }

    /// The same, as files below `root`.
    pub(super) fn files(
        &self,
        name: &str,
        root: &Path,
        environment: &Environment,
    ) -> Option<Vec<PathBuf>> {
        let names = self.set(name, root, environment)?;
        Some(names.iter().map(|name| root.join(name)).collect())
    }
}

/// What a variable holds somewhere in a file.
enum Holds<'t> {
    /// No command before names it.
    Untouched,
    Unset,
    Unknown,
    /// What a command with `CACHE` put there.
    Cached(Vec<Part<'t>>),
    Set(Vec<Part<'t>>),
}

/// A command that gives values, behind so many other arguments, and which of the file it is.
struct Part<'t> {
    command: Command<'t>,
    skipped: usize,
    at: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Action {
    Set,
    Append,
    Unset,
    /// Something is done to a variable whose name is put together, and may be this.
    Likely,
    /// Something that is not understood here.
    Other,
}

/// What a command does to a variable.
fn action(command: &Command<'_>, word: &str, name: &str) -> Option<Action> {
    if READERS.contains(&word) {
        return None;
    }
    let mut words = command.arguments();
    let action = match word {
        "set" if command.arguments().nth(1).is_none() => Action::Unset,
        "set" => Action::Set,
        "unset" => Action::Unset,
        "list" if words.next().is_some_and(|it| it.text == "APPEND") => Action::Append,
        _ => {
            let is_named = command.arguments().any(|it| it.text == name);
            return is_named.then_some(Action::Other);
        }
    };
    let written = words.next()?.text;
    if written == name {
        return Some(action);
    }
    let (start, rest) = written.split_once("${")?;
    let (_, end) = rest.rsplit_once('}')?;
    (name.starts_with(start) && name.ends_with(end)).then_some(Action::Likely)
}

/// What the first `before` commands leave in a variable.
fn holds<'t>(text: &'t str, name: &str, before: usize) -> Holds<'t> {
    let mut holds = Holds::Untouched;
    let (mut blocks, mut functions) = (0_usize, 0_usize);
    // Whether something may be in the cache, which shows where the variable is unset.
    let mut is_cached = false;
    for (at, command) in commands(text).take(before).enumerate() {
        let word = command.name.to_ascii_lowercase();
        match word.as_str() {
            "if" | "foreach" | "while" | "block" => blocks += 1,
            "endif" | "endforeach" | "endwhile" | "endblock" => blocks = blocks.saturating_sub(1),
            "function" | "macro" => functions += 1,
            "endfunction" | "endmacro" => functions = functions.saturating_sub(1),
            _ => {}
        }
        let Some(action) = action(&command, &word, name) else {
            continue;
        };
        if functions > 0 {
            if action == Action::Likely {
                // Who calls it names the variable.
                continue;
            }
            // When it is called is not known, nor whether this is a variable of its own.
            return Holds::Unknown;
        }
        let last = command.arguments().last().map(|it| it.text);
        if last == Some("PARENT_SCOPE") && action != Action::Other {
            continue;
        }
        let has = |words: &[&str]| command.arguments().any(|it| words.contains(&it.text));
        let is_in_cache = has(&["CACHE"]);
        let new = Part {
            command,
            skipped: if action == Action::Append { 2 } else { 1 },
            at,
        };
        holds = match (action, holds) {
            // What is there in any case is known to be.
            (Action::Append, held @ (Holds::Cached(_) | Holds::Set(_))) if blocks > 0 => held,
            _ if blocks > 0 => Holds::Unknown,
            (Action::Set, held) if is_in_cache => match held {
                Holds::Untouched | Holds::Unset => Holds::Cached(vec![new]),
                Holds::Cached(parts) if !has(&["FORCE", "INTERNAL"]) => Holds::Cached(parts),
                // Whether it wins over a variable is a matter of policies.
                _ => Holds::Unknown,
            },
            (Action::Set, _) | (Action::Append, Holds::Untouched | Holds::Unset) => {
                Holds::Set(vec![new])
            }
            (Action::Append, Holds::Cached(mut parts) | Holds::Set(mut parts))
                if parts.len() < MAX_PARTS =>
            {
                parts.push(new);
                Holds::Set(parts)
            }
            (Action::Unset, Holds::Cached(_)) if is_in_cache => Holds::Unset,
            (Action::Unset, held) if is_in_cache => held,
            (Action::Unset, Holds::Cached(parts)) => Holds::Cached(parts),
            (Action::Unset, Holds::Untouched | Holds::Unset | Holds::Set(_)) if !is_cached => {
                Holds::Unset
            }
            _ => Holds::Unknown,
        };
        is_cached = match action {
            Action::Set | Action::Append => is_cached || is_in_cache,
            Action::Unset => is_cached && !is_in_cache,
            Action::Likely | Action::Other => true,
        };
    }
    holds
}

/// Puts values together, within what is left for that.
struct Values<'s> {
    text: &'s str,
    root: &'s Path,
    environment: &'s Environment,
    bytes_left: usize,
    references_left: usize,
    reads_left: usize,
}

/// `None`: not known.
impl Values<'_> {
    fn list(&mut self, parts: &[Part<'_>]) -> Option<String> {
        let mut out = String::new();
        for part in parts {
            let arguments = part.command.arguments().skip(part.skipped);
            for argument in arguments.take_while(|it| it.text != "CACHE") {
                if !out.is_empty() {
                    self.push(&mut out, ";")?;
                }
                self.expand(argument, part.at, &mut out)?;
            }
        }
        Some(out)
    }

    fn push(&mut self, out: &mut String, text: &str) -> Option<()> {
        self.bytes_left = self.bytes_left.checked_sub(text.len())?;
        out.push_str(text);
        Some(())
    }

    /// Puts the references and escapes of an argument in.
    fn expand(&mut self, argument: Argument<'_>, before: usize, out: &mut String) -> Option<()> {
        let mut rest = argument.text;
        if argument.kind == Kind::Bracket {
            return self.push(out, rest);
        }
        while let Some(at) = rest.find(['$', '\\', '"']) {
            self.push(out, &rest[..at])?;
            let (special, after) = rest[at..].split_at(1);
            rest = match special {
                "$" => self.reference(after, before, out)?,
                "\\" => {
                    let letter = after.chars().next()?;
                    let (escaped, after) = after.split_at(letter.len_utf8());
                    match letter {
                        // The line goes on.
                        '\n' if argument.kind == Kind::Quoted => {}
                        // A line's end, a tab or a `;` that separates nothing.
                        _ if letter.is_alphanumeric() || [';', '\n'].contains(&letter) => {
                            return None;
                        }
                        _ => self.push(out, escaped)?,
                    }
                    after
                }
                // Quotes in the midst of an argument.
                _ => return None,
            };
        }
        self.push(out, rest)
    }

    /// Puts in what follows a `$`; what follows that. Nested references are not known.
    fn reference<'a>(&mut self, text: &'a str, before: usize, out: &mut String) -> Option<&'a str> {
        let behind = text.trim_start_matches(|c: char| c.is_ascii_uppercase());
        let scheme = &text[..text.len() - behind.len()];
        let Some(inner) = behind.strip_prefix('{') else {
            self.push(out, "$")?;
            return Some(text);
        };
        let (name, after) = inner.split_once('}')?;
        let value = match scheme {
            "" => self.value(name, before)?,
            "ENV" => self.value(&format!("ENV{{{name}}}"), before)?,
            _ => return None,
        };
        self.push(out, &value)?;
        Some(after)
    }

    fn value(&mut self, name: &str, before: usize) -> Option<String> {
        self.references_left = self.references_left.checked_sub(1)?;
        self.reads_left = self.reads_left.checked_sub(self.text.len())?;
        match holds(self.text, name, before) {
            Holds::Cached(parts) | Holds::Set(parts) => self.list(&parts),
            Holds::Untouched => match name.strip_prefix("ENV{") {
                Some(rest) => Some(self.environment.get(rest.strip_suffix('}')?)?.to_owned()),
                None => ROOTS
                    .contains(&name)
                    .then(|| self.root.display().to_string()),
            },
            Holds::Unset | Holds::Unknown => None,
        }
    }
}

#[cfg(test)]
mod tests;
