//! A line without what others have put around its words: colours, and time stamps of other programs.

use std::borrow::Cow;

/// The text without ANSI escape sequences: colours, cursor movements, titles.
pub fn without_colours(text: &str) -> Cow<'_, str> {
    if text.contains('\x1b') {
        Cow::Owned(filtered(text, false))
    } else {
        Cow::Borrowed(text)
    }
}

/// The text as it may be shown in a terminal: colours at most, no other escape sequence and no control character but the
/// tabulator. Whatever a board prints moves no cursor and sets no title.
pub fn for_terminal(text: &str, with_colours: bool) -> String {
    let mut text = filtered(text, with_colours);
    let is_shown = |character: char| !character.is_control() || matches!(character, '\t' | '\x1b');
    text.retain(is_shown);
    if text.contains('\x1b') {
        text.push_str("\x1b[0m");
    }
    text
}

/// Leaves out escape sequences; all but colours, where those are wanted.
fn filtered(text: &str, with_colours: bool) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        if character != '\x1b' {
            plain.push(character);
            continue;
        }
        match characters.peek() {
            // CSI: parameters and intermediates, then one byte from @ to ~.
            Some('[') => {
                characters.next();
                let mut parameters = String::new();
                while let Some(parameter) = characters.next_if(|next| matches!(next, ' '..='?')) {
                    parameters.push(parameter);
                }
                let last = characters.next_if(|next| matches!(next, '@'..='~'));
                let is_colour =
                    last == Some('m') && parameters.chars().all(|c| c.is_ascii_digit() || c == ';');
                if with_colours && is_colour {
                    plain.extend(['\x1b', '[']);
                    plain.push_str(&parameters);
                    plain.push('m');
                }
            }
            // OSC: up to BEL or ESC \.
            Some(']') => {
                while let Some(character) = characters.next() {
                    if character == '\x07' {
                        break;
                    }
                    if character == '\x1b' {
                        characters.next_if_eq(&'\\');
                        break;
                    }
                }
            }
            _ => {}
        }
    }
    plain
}

/// The text without a time stamp that another monitor has put in front: `[09:34:21]` (ESPHome, tio),
/// `09:34:21.123 > ` (PlatformIO), `09:34:21.123 -> ` (Arduino), `2026-01-31 09:34:21 ` (idf_monitor).
/// A text that is a stamp and nothing else becomes empty.
pub fn without_stamp(text: &str) -> &str {
    if let Some(rest) = text.strip_prefix('[')
        && let Some((inside, after)) = rest.split_once(']')
        && clock(inside).is_some_and(str::is_empty)
    {
        return after.strip_prefix(' ').unwrap_or(after);
    }
    let Some(after) = clock(text) else {
        return text;
    };
    let after = after.strip_prefix(' ').unwrap_or(after);
    ["-> ", "> ", "| "]
        .iter()
        .find_map(|arrow| after.strip_prefix(arrow))
        .unwrap_or(if matches!(after, "->" | ">" | "|") {
            ""
        } else {
            after
        })
}

/// Whether a line is another program's: the place of an address, which idf.py, PlatformIO, ESPHome and espflash write below
/// what the board has printed.
pub(crate) fn is_annotation(text: &str) -> bool {
    let starts = [
        "--- ",
        "=> 0x",
        "WARNING Decoded 0x",
        "WARNING Found stack trace!",
        "    at ",
    ];
    let trimmed = text.trim_start();
    let of_address =
        hex(text).is_some_and(|(_, rest)| rest.starts_with(": ") || rest.starts_with(" - "));
    let of_frame = trimmed.strip_prefix('#').and_then(decimal);
    of_address
        || of_frame.is_some_and(|(_, rest)| rest.trim_start().starts_with("0x"))
        || trimmed.starts_with("(inlined by) ")
        || starts.iter().any(|start| text.starts_with(start))
}

/// What follows a date (if there is one) and a time of day.
fn clock(text: &str) -> Option<&str> {
    let shape = |text: &str, shape: &[u8]| {
        let bytes = text.as_bytes();
        bytes.len() >= shape.len()
            && bytes
                .iter()
                .zip(shape)
                .all(|(&byte, &wanted)| match wanted {
                    b'0' => byte.is_ascii_digit(),
                    other => byte == other,
                })
    };
    let text = if shape(text, b"0000-00-00") && matches!(text.as_bytes().get(10), Some(b' ' | b'T'))
    {
        &text[11..]
    } else {
        text
    };
    if !shape(text, b"00:00:00") {
        return None;
    }
    let after = &text[8..];
    let is_digit = |character: char| character.is_ascii_digit();
    let mut after = after;
    // Zephyr writes `.123,456`, some terminals `:123`.
    while let Some(digits) = after.strip_prefix(['.', ',', ':'])
        && digits.starts_with(is_digit)
    {
        after = digits.trim_start_matches(is_digit);
    }
    Some(after.strip_prefix('Z').unwrap_or(after))
}

/// Up to `most` bytes of a text, cut between characters.
pub(crate) fn shortened(text: &str, most: usize) -> String {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

/// `0x` and one to eight digits at the beginning; the number and what follows it.
pub(crate) fn hex(text: &str) -> Option<(u32, &str)> {
    let digits = text
        .strip_prefix("0x")
        .or_else(|| text.strip_prefix("0X"))?;
    bare_hex(digits)
}

/// One to eight hexadecimal digits at the beginning, and not more.
pub(crate) fn bare_hex(text: &str) -> Option<(u32, &str)> {
    let end = text
        .find(|character: char| !character.is_ascii_hexdigit())
        .unwrap_or(text.len());
    if end > 8 {
        return None;
    }
    Some((u32::from_str_radix(&text[..end], 16).ok()?, &text[end..]))
}

/// A text that is one number with `0x` and nothing else.
pub(crate) fn only_hex(text: &str) -> Option<u32> {
    hex(text.trim())
        .filter(|(_, rest)| rest.is_empty())
        .map(|(number, _)| number)
}

/// The first `:LINE` that these words follow: what is before it, the line, and what is behind them. A path may have spaces,
/// brackets and a colon in it.
pub(crate) fn before_line<'t>(text: &'t str, behind: &str) -> Option<(&'t str, u32, &'t str)> {
    text.match_indices(':').find_map(|(at, _)| {
        let (line, rest) = decimal(&text[at + 1..])?;
        Some((&text[..at], line, rest.strip_prefix(behind)?))
    })
}

/// A decimal number at the beginning.
pub(crate) fn decimal(text: &str) -> Option<(u32, &str)> {
    let end = text
        .find(|character: char| !character.is_ascii_digit())
        .unwrap_or(text.len());
    Some((text[..end].parse().ok()?, &text[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_go_and_words_stay() {
        let text = "\x1b[0;31mE (88) x: no\x1b[0m \x1b]0;title\x07y\x1bz";
        assert_eq!(without_colours(text), "E (88) x: no yz");
        assert_eq!(without_colours("\x1b["), "");
    }

    #[test]
    fn a_terminal_gets_colours_at_most() {
        let text = "\x1b[2J\x1b[0;31mred\x1b]0;title\x07\x08\x1b[?25l\u{9b}x";
        assert_eq!(for_terminal(text, true), "\x1b[0;31mredx\x1b[0m");
        assert_eq!(for_terminal(text, false), "redx");
    }

    #[test]
    fn stamps_of_other_monitors_go() {
        for (stamped, bare) in [
            ("[09:34:21]abort()", "abort()"),
            ("[09:34:21.123] Guru", "Guru"),
            ("09:34:21.123 > Guru", "Guru"),
            ("09:34:21.123 -> Guru", "Guru"),
            ("2026-01-31 09:34:21 Guru", "Guru"),
            ("[2026-01-31T09:34:21.5Z] Guru", "Guru"),
            ("09:34:21.123 ->", ""),
            ("[00:00:13.107,000] <err> os: x", "<err> os: x"),
            ("[09:34:21:123] Guru", "Guru"),
            ("[   412][I][x.cpp:1] y", "[   412][I][x.cpp:1] y"),
            ("12:34 is late", "12:34 is late"),
            ("ä9:34:21", "ä9:34:21"),
        ] {
            assert_eq!(without_stamp(stamped), bare, "{stamped}");
        }
    }

    #[test]
    fn numbers_have_at_most_eight_digits() {
        assert_eq!(hex("0x3FCD48D0 x"), Some((0x3fcd_48d0, " x")));
        assert_eq!(hex("0x123456789"), None);
        assert_eq!(hex("0x"), None);
        assert_eq!(only_hex(" 0x10 "), Some(16));
    }
}
