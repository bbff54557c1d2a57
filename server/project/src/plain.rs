//! Texts with names from strangers in them, made fit for each place where people read them.
//!
//! File names, region names, partition labels, names of targets and ports, what a board prints: a
//! name is whatever somebody wrote, also a terminal's escape sequence, a line of its own, or a link
//! that runs a command. Inside this program names stay as they are, because they are compared and
//! opened. On the way out every text passes one of these functions, in the few modules that have a
//! way out: `cli::terminal`, `cli::bars`, `json`, `log`, `server::editor`, `server::editing::protocol`,
//! and everything that makes Markdown. (`tests/it/names.rs` sends hostile names through all of them.)

use std::borrow::Cow;

/// Characters that do something instead of being seen: control characters (C0, DEL, C1), the ends
/// of lines and paragraphs, and what changes the direction of what follows.
fn acts(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2066}'..='\u{2069}'
                | '\u{feff}'
        )
}

/// Text in which what acts is shown as what it is, but for what may stay.
pub fn shown(text: &str, stays: impl Fn(char) -> bool) -> Cow<'_, str> {
    let acts = |c: char| acts(c) && !stays(c);
    if !text.contains(acts) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if acts(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// One line of text.
pub fn line(text: &str) -> Cow<'_, str> {
    shown(text, |_| false)
}

/// Lines of text that this program put together, or that a compiler printed.
pub fn lines(text: &str) -> Cow<'_, str> {
    shown(text, |c| matches!(c, '\n' | '\t'))
}

/// A message for a client to show. VS Code makes a link of `[label](address)` in it, which runs a
/// command where the address is one, and takes a space between the two for plain text.
pub fn message(text: &str) -> String {
    line(text).replace("](", "] (")
}

/// Text in Markdown that is shown as it is: no format, link, address, image or HTML comes of it.
pub fn markdown(text: &str) -> String {
    let text = line(text);
    let mut out = String::with_capacity(text.len() + 16);
    for (at, c) in text.char_indices() {
        let (before, rest) = text.split_at(at);
        let is_special = match c {
            '\\' | '`' | '*' | '[' | ']' | '<' | '>' | '|' | '#' | '!' | '&' | '~' | '@' => true,
            // Within a word it is nothing but itself, and many names have it.
            '_' => {
                let is_word = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
                !is_word(before.chars().next_back()) || !is_word(rest.chars().nth(1))
            }
            // Links of GitHub's kind need no brackets: an address is enough.
            ':' => rest.starts_with(":/"),
            '.' if before.to_ascii_lowercase().ends_with("www") => true,
            // Lists and headings, where it begins a line.
            '.' | ')' => !before.is_empty() && before.bytes().all(|byte| byte.is_ascii_digit()),
            '-' | '+' | '=' => before.is_empty(),
            _ => false,
        };
        if is_special {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// Text as code in Markdown, outside of tables.
pub fn code(text: &str) -> String {
    let text = line(text);
    let runs = text.split(|c| c != '`').map(str::len);
    let fence = "`".repeat(runs.max().unwrap_or(0) + 1);
    // A space on either side is taken off again, and keeps a backtick from joining the fence.
    let touches = |c: char| text.starts_with(c) || text.ends_with(c);
    let pad = if text.is_empty() || touches('`') || touches(' ') {
        " "
    } else {
        ""
    };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// Text as code in a table of Markdown, if no character of it could end the cell or the code.
pub fn cell(text: &str) -> String {
    if text.contains(['`', '|', '\\']) {
        markdown(text)
    } else {
        code(text)
    }
}

#[cfg(test)]
mod tests;
