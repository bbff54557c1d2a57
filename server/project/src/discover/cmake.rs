//! What a project's `CMakeLists.txt` says without being run: its commands and what it sets. Conditions, loops
//! and other files are not looked at: the last value counts.
//!
//! Source: CMake's documentation, "cmake-language" (commands, quoted, unquoted and bracket arguments,
//! comments, variable references), `set`, `unset` and `list(APPEND)`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::environment::Environment;
use super::look::Look;

const FILE_NAME: &str = "CMakeLists.txt";
/// Bytes that a value may grow to by its references.
const MAX_VALUE: usize = 64 << 10;
/// Variables that hold the directory of the file.
const ROOTS: [&str; 5] = [
    "CMAKE_SOURCE_DIR",
    "CMAKE_CURRENT_SOURCE_DIR",
    "CMAKE_CURRENT_LIST_DIR",
    "PROJECT_DIR",
    "COMPONENT_DIR",
];

/// The commands of a file, in its order.
#[derive(Default)]
pub(super) struct CMakeLists(Vec<Command>);

struct Command {
    name: String,
    arguments: Vec<Argument>,
}

struct Argument {
    text: String,
    /// What is between brackets refers to nothing.
    is_bracket: bool,
}

impl CMakeLists {
    /// Those of the project in `root`.
    pub(super) fn read(root: &Path, look: &Look) -> Self {
        let text = look.lines(&root.join(FILE_NAME)).unwrap_or_default();
        Self::parse(&text)
    }

    fn parse(text: &str) -> Self {
        let mut rest = text.trim_start_matches('\u{feff}');
        let mut found = Vec::new();
        loop {
            rest = after_space(rest);
            let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let len = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
            let (name, after) = rest.split_at(len);
            let inner = after.trim_start_matches([' ', '\t']).strip_prefix('(');
            let Some(inner) = inner.filter(|_| len > 0) else {
                // What is no command is passed over, up to the end of the line.
                match rest.split_once('\n') {
                    Some((_, next)) => rest = next,
                    None => return Self(found),
                }
                continue;
            };
            let (arguments, after) = arguments(inner);
            rest = after;
            let name = name.to_ascii_lowercase();
            found.push(Command { name, arguments });
        }
    }

    /// Whether a command of this name has a first argument like that.
    pub(super) fn has(&self, name: &str, is_it: impl Fn(&str) -> bool) -> bool {
        let mut commands = self.0.iter().filter(|command| command.name == name);
        commands.any(|it| it.arguments.first().is_some_and(|first| is_it(&first.text)))
    }

    /// What it sets a variable to: a list, which is empty where a variable of it is not known here; `None` where
    /// it sets nothing.
    pub(super) fn set(
        &self,
        name: &str,
        root: &Path,
        environment: &Environment,
    ) -> Option<Vec<String>> {
        let mut scope = Scope {
            root,
            environment,
            values: BTreeMap::new(),
        };
        for command in &self.0 {
            scope.run(command);
        }
        let list = scope.values.remove(name)?.unwrap_or_default();
        let items = list.split(';').filter(|item| !item.is_empty());
        Some(items.map(str::to_owned).collect())
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

/// What is set so far; `None` where a variable in it is not known.
struct Scope<'s> {
    root: &'s Path,
    environment: &'s Environment,
    values: BTreeMap<String, Option<String>>,
}

impl Scope<'_> {
    fn run(&mut self, command: &Command) {
        let texts = command.arguments.iter().map(|it| it.text.as_str());
        let texts: Vec<_> = texts.collect();
        match (command.name.as_str(), texts.as_slice()) {
            ("set", [name, words @ ..]) => {
                if words.last() == Some(&"PARENT_SCOPE") {
                    return;
                }
                let len = words.iter().position(|word| *word == "CACHE");
                let values = &command.arguments[1..=len.unwrap_or(words.len())];
                let value = self.list(values);
                // What is set to nothing is not set.
                if value.as_deref() == Some("") {
                    self.values.remove(*name);
                } else {
                    self.values.insert((*name).to_owned(), value);
                }
            }
            ("unset", [name, ..]) => {
                self.values.remove(*name);
            }
            ("list", ["APPEND", name, _, ..]) => {
                let more = self.list(&command.arguments[2..]);
                let known = self.values.remove(*name);
                let value = match (known, more) {
                    (None, more) => more,
                    (Some(known), more) => known
                        .zip(more)
                        .map(|(known, more)| format!("{known};{more}"))
                        .filter(|value| value.len() <= MAX_VALUE),
                };
                self.values.insert((*name).to_owned(), value);
            }
            _ => {}
        }
    }

    fn list(&self, arguments: &[Argument]) -> Option<String> {
        let values = arguments.iter().map(|it| {
            let literal = it.is_bracket.then(|| it.text.clone());
            literal.or_else(|| self.expand(&it.text))
        });
        let list = values.collect::<Option<Vec<_>>>()?.join(";");
        (list.len() <= MAX_VALUE).then_some(list)
    }

    /// A text with its references put in, the inner ones of nested ones not.
    fn expand(&self, text: &str) -> Option<String> {
        let mut out = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            out.push_str(&rest[..at]);
            let reference = &rest[at + 1..];
            let is_scheme = |scheme: &str| scheme.chars().all(|c| c.is_ascii_uppercase());
            let named = reference.split_once('{');
            let Some((scheme, after)) = named.filter(|(scheme, _)| is_scheme(scheme)) else {
                out.push('$');
                rest = reference;
                continue;
            };
            let (name, behind) = after.split_once('}')?;
            let value = match scheme {
                "" => self.variable(name)?,
                "ENV" => self.variable_of_environment(name)?,
                _ => return None,
            };
            out.push_str(&value);
            if out.len() > MAX_VALUE {
                return None;
            }
            rest = behind;
        }
        out.push_str(rest);
        Some(out)
    }

    fn variable(&self, name: &str) -> Option<String> {
        if let Some(value) = self.values.get(name) {
            return value.clone();
        }
        let is_root = ROOTS.contains(&name);
        is_root.then(|| self.root.display().to_string())
    }

    fn variable_of_environment(&self, name: &str) -> Option<String> {
        let own = self.values.get(&format!("ENV{{{name}}}"));
        let set = || Some(self.environment.get(name)?.to_owned());
        own.cloned().unwrap_or_else(set)
    }
}

/// A text after blanks and comments.
fn after_space(text: &str) -> &str {
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        let Some(comment) = rest.strip_prefix('#') else {
            return rest;
        };
        rest = match bracket(comment) {
            Some((_, after)) => after,
            None => comment.split_once('\n').map_or("", |(_, next)| next),
        };
    }
}

/// What is between `[[` and `]]`, with as many `=` between the brackets on either side, and what follows.
fn bracket(text: &str) -> Option<(&str, &str)> {
    let inner = text.strip_prefix('[')?;
    let equals = inner.len() - inner.trim_start_matches('=').len();
    let body = inner[equals..].strip_prefix('[')?;
    body.split_once(&format!("]{}]", "=".repeat(equals)))
}

/// The arguments up to the command's closing bracket, and what follows it. One that is not there is at the end.
fn arguments(text: &str) -> (Vec<Argument>, &str) {
    let mut found = Vec::new();
    let mut rest = text;
    let mut depth = 0_usize;
    loop {
        rest = after_space(rest);
        let Some(first) = rest.chars().next() else {
            return (found, rest);
        };
        if let Some((body, after)) = bracket(rest) {
            found.push(Argument {
                text: body.strip_prefix('\n').unwrap_or(body).to_owned(),
                is_bracket: true,
            });
            rest = after;
            continue;
        }
        match first {
            ')' if depth == 0 => return (found, &rest[1..]),
            ')' => depth -= 1,
            '(' => depth += 1,
            _ => {
                let (text, after) = argument(rest);
                found.push(Argument {
                    text,
                    is_bracket: false,
                });
                rest = after;
                continue;
            }
        }
        rest = &rest[1..];
    }
}

/// One argument, quoted or not, without its escapes, and what follows it.
fn argument(text: &str) -> (String, &str) {
    let quoted = text.strip_prefix('"');
    let body = quoted.unwrap_or(text);
    let mut found = String::new();
    let mut letters = body.char_indices();
    while let Some((at, letter)) = letters.next() {
        let is_end = match quoted {
            Some(_) => letter == '"',
            None => letter.is_whitespace() || ['(', ')', '#', '"'].contains(&letter),
        };
        if is_end {
            let len = if quoted.is_some() { at + 1 } else { at };
            // A quote within an unquoted argument belongs to it, as in `-D"X"`.
            if quoted.is_none() && letter == '"' {
                let (inner, after) = argument(&body[at..]);
                return (found + &inner, after);
            }
            return (found, &body[len..]);
        }
        if letter == '\\' {
            match letters.next() {
                // The line goes on.
                Some((_, '\n')) | None => {}
                Some((_, escaped)) => found.push(escaped),
            }
        } else {
            found.push(letter);
        }
    }
    (found, "")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn set(text: &str, name: &str) -> Option<Vec<String>> {
        let environment = Environment::from_pairs([("CFG".to_owned(), "/cfg".to_owned())]);
        CMakeLists::parse(text).set(name, Path::new("/p"), &environment)
    }

    /// Each of them as CMake 4.4 prints it, where it runs without a fault, has no condition and knows all variables.
    #[test]
    fn what_is_set_over_lines_with_references_and_comments() {
        for (text, expected) in [
            ("set(A x)", Some("x")),
            ("SET ( A\n  x\n  \"y z\" # why\n)\n", Some("x|y z")),
            ("set(A \"x;y\" z;w)", Some("x|y|z|w")),
            ("set(A [[x ${B}]])", Some("x ${B}")),
            ("#[[\nset(A no)\n]]\nset(A yes) # set(A no)", Some("yes")),
            (
                "set(A x CACHE STRING \"why (not)\" FORCE)\nproject(p)",
                Some("x"),
            ),
            ("set(A x PARENT_SCOPE)", None),
            (
                "set(DIR ${CMAKE_CURRENT_LIST_DIR}/cfg)\nset(A\n${DIR}/a\n\"${DIR}/b\")",
                Some("/p/cfg/a|/p/cfg/b"),
            ),
            ("set(A $ENV{CFG}/a)", Some("/cfg/a")),
            ("set(ENV{CFG} /own)\nset(A $ENV{CFG}/a)", Some("/own/a")),
            ("set(A x)\nlist(APPEND A y z)", Some("x|y|z")),
            ("list(APPEND A\n  y)", Some("y")),
            ("set(A a\\ b)", Some("a b")),
            ("set(A $<x>/a$)", Some("$<x>/a$")),
            ("set(A \"a\\\nb\")", Some("ab")),
            ("if((A) AND (B))\n  set(A x)\nendif()", Some("x")),
            ("set(A x)\nset(A)", None),
            ("set(A x)\nunset(A)", None),
            ("set(A ${UNKNOWN}/a)", Some("")),
            ("set(A x)\nset(A $ENV{UNKNOWN})", Some("")),
            ("message(\"set(A x)\")", None),
            ("set(A x", Some("x")),
            ("?? set(B y)\nset(A x)", Some("x")),
        ] {
            let found = set(text, "A").map(|list| list.join("|"));
            assert_eq!(found.as_deref(), expected, "{text}");
        }
    }

    /// A value that doubles with every line.
    #[test]
    fn values_do_not_grow_without_end() {
        let lines = "set(A ${A}${A}${A}${A})\n".repeat(40);
        assert_eq!(set(&format!("set(A xx)\n{lines}"), "A"), Some(vec![]));
        let lines = "list(APPEND A ${A})\n".repeat(40);
        assert_eq!(set(&format!("set(A xx)\n{lines}"), "A"), Some(vec![]));
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "[set(A)\"$\\{}\\[\\]=#; \n漢x]{0,60}") {
            set(&text, "A");
        }
    }
}
