//! CMake's grammar: commands and their arguments, which are parts of the text.
//!
//! Source: CMake's documentation, "cmake-language" (quoted, unquoted and bracket arguments, comments).

/// The commands of a text, in its order.
pub(super) struct Commands<'t>(&'t str);

#[derive(Clone, Copy)]
pub(super) struct Command<'t> {
    pub(super) name: &'t str,
    arguments: &'t str,
}

#[derive(Clone, Copy)]
pub(super) struct Argument<'t> {
    /// As it is written, without its quotes or brackets.
    pub(super) text: &'t str,
    pub(super) kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Bracket,
    Quoted,
    Unquoted,
}

pub(super) fn commands(text: &str) -> Commands<'_> {
    Commands(text.trim_start_matches('\u{feff}'))
}

impl<'t> Iterator for Commands<'t> {
    type Item = Command<'t>;

    fn next(&mut self) -> Option<Command<'t>> {
        loop {
            self.0 = after_space(self.0);
            let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let len = self.0.find(|c| !is_name(c)).unwrap_or(self.0.len());
            let (name, after) = self.0.split_at(len);
            let inner = after.trim_start_matches([' ', '\t']).strip_prefix('(');
            let Some(inner) = inner.filter(|_| len > 0) else {
                // What is no command is passed over, up to the end of the line.
                self.0 = self.0.split_once('\n')?.1;
                continue;
            };
            let mut arguments = Arguments::of(inner);
            arguments.by_ref().for_each(drop);
            self.0 = arguments.rest;
            return Some(Command {
                name,
                arguments: &inner[..inner.len() - arguments.rest.len()],
            });
        }
    }
}

impl<'t> Command<'t> {
    pub(super) fn arguments(&self) -> Arguments<'t> {
        Arguments::of(self.arguments)
    }
}

/// The arguments up to the command's closing bracket. One that is not there is at the end.
pub(super) struct Arguments<'t> {
    rest: &'t str,
    depth: usize,
}

impl<'t> Arguments<'t> {
    fn of(rest: &'t str) -> Self {
        Self { rest, depth: 0 }
    }
}

impl<'t> Iterator for Arguments<'t> {
    type Item = Argument<'t>;

    fn next(&mut self) -> Option<Argument<'t>> {
        loop {
            self.rest = after_space(self.rest);
            if let Some((body, after)) = bracket(self.rest) {
                self.rest = after;
                return Some(Argument {
                    text: body.strip_prefix('\n').unwrap_or(body),
                    kind: Kind::Bracket,
                });
            }
            let first = self.rest.chars().next()?;
            if !['(', ')'].contains(&first) {
                let (argument, after) = argument(self.rest);
                self.rest = after;
                return Some(argument);
            }
            self.rest = &self.rest[1..];
            if first == '(' {
                self.depth += 1;
            } else {
                self.depth = self.depth.checked_sub(1)?;
            }
        }
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

/// What is between `[[` and `]]`, with as many `=` between the brackets on either side, and what follows. One that
/// is not closed is closed by the end.
fn bracket(text: &str) -> Option<(&str, &str)> {
    let inner = text.strip_prefix('[')?;
    let equals = inner.len() - inner.trim_start_matches('=').len();
    let body = inner[equals..].strip_prefix('[')?;
    let end = format!("]{}]", &inner[..equals]);
    Some(body.split_once(&end).unwrap_or((body, "")))
}

/// One argument, quoted or not, and what follows it.
fn argument(text: &str) -> (Argument<'_>, &str) {
    let quoted = text.strip_prefix('"');
    let body = quoted.unwrap_or(text);
    let mut is_within_quotes = quoted.is_some();
    let mut is_escaped = false;
    let is_end = |letter: char| {
        if is_escaped {
            is_escaped = false;
            return false;
        }
        is_escaped = letter == '\\';
        if letter == '"' {
            // Within an unquoted argument quotes belong to it, as in `-D"X Y"`.
            is_within_quotes = !is_within_quotes;
            return quoted.is_some();
        }
        !is_within_quotes && (letter.is_whitespace() || ['(', ')', '#'].contains(&letter))
    };
    let (text, after) = body.split_at(body.find(is_end).unwrap_or(body.len()));
    let (kind, after) = match quoted {
        Some(_) => (Kind::Quoted, after.strip_prefix('"').unwrap_or(after)),
        None => (Kind::Unquoted, after),
    };
    (Argument { text, kind }, after)
}
