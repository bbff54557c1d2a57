//! JSON, read to its end whatever is wrong with it, with the place of everything in it.
//!
//! Why not a crate: serde_json gives no places, and stops at the first fault. Of those that do
//! better none is both maintained and small. What is accepted without a fault is what serde_json
//! accepts; a test compares the two.

use std::ops::Range;

/// Byte offsets into a text.
pub type Span = Range<usize>;

/// Deeper nesting is a fault, as for serde_json: reading goes down with it.
const MAX_DEPTH: usize = 127;

/// What is wrong after so many faults is not told.
const MAX_FAULTS: usize = 1000;
/// More values are a fault, too. A build that lists a file for every row that fits into a partition
/// table has a tenth of them.
const MAX_VALUES: usize = 5000;

/// A value and its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// All of it.
    pub span: Span,
    /// What it is.
    pub value: JsonValue,
}

/// A value.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub enum JsonValue {
    Object(Vec<Member>),
    Array(Vec<Node>),
    Text(String),
    Bool(bool),
    /// As it is written.
    Number(String),
    Null,
    /// What is not a value.
    Broken,
}

/// One entry of an object. Keys may be listed twice.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    /// Its name.
    pub key: String,
    /// The name with its quotes.
    pub key_span: Span,
    /// Its value.
    pub value: Node,
}

/// Something that is not JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonFault {
    /// Where.
    pub span: Span,
    /// What is wrong, for people.
    pub why: String,
}

impl Node {
    /// The members of an object; nothing for other values.
    pub fn members(&self) -> &[Member] {
        match &self.value {
            JsonValue::Object(members) => members,
            _ => &[],
        }
    }

    /// The last member of this name.
    pub fn get(&self, key: &str) -> Option<&Member> {
        self.members().iter().rev().find(|member| member.key == key)
    }

    /// A text.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            JsonValue::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// Reads a text.
pub(super) fn parse(text: &str) -> (Node, Vec<JsonFault>) {
    let mut reader = Reader {
        text,
        at: 0,
        faults: Vec::new(),
        gave_up: false,
        n_values: 0,
    };
    let node = reader.value(0);
    reader.skip_space();
    if reader.at < text.len() {
        let end = reader.at + text[reader.at..].trim_end().len();
        reader.fault(reader.at..end, "nothing may follow the value");
    }
    (node, reader.faults)
}

/// Source: RFC 8259, section 2. Other white space is none here.
const SPACE: [char; 4] = [' ', '\t', '\n', '\r'];

struct Reader<'t> {
    text: &'t str,
    at: usize,
    faults: Vec<JsonFault>,
    gave_up: bool,
    n_values: usize,
}

impl Reader<'_> {
    fn fault(&mut self, span: Span, why: &str) {
        // One place, one fault: what follows from it is noise.
        let is_news = self
            .faults
            .last()
            .is_none_or(|last| last.span.start < span.start);
        if is_news && !self.gave_up {
            self.faults.push(JsonFault {
                span,
                why: why.to_owned(),
            });
        }
        self.gave_up |= self.faults.len() == MAX_FAULTS;
    }

    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn skip_space(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start_matches(SPACE).len();
    }

    fn eat(&mut self, c: char) -> bool {
        let found = self.peek() == Some(c);
        if found {
            self.at += c.len_utf8();
        }
        found
    }

    /// The character here, for a fault; empty at the end.
    fn here(&self) -> Span {
        self.at..self.at + self.peek().map_or(0, char::len_utf8)
    }

    fn value(&mut self, depth: usize) -> Node {
        self.skip_space();
        let start = self.at;
        self.n_values += 1;
        let value = match self.peek() {
            Some('{' | '[') if depth == MAX_DEPTH => self.give_up("nested too deep"),
            Some(_) if self.n_values > MAX_VALUES => self.give_up("more values than are read"),
            Some('{') => self.object(depth),
            Some('[') => self.array(depth),
            Some('"') => JsonValue::Text(self.string()),
            _ => self.word(),
        };
        Node {
            span: start..self.at,
            value,
        }
    }

    /// Reads no further.
    fn give_up(&mut self, why: &str) -> JsonValue {
        self.fault(self.here(), why);
        self.at = self.text.len();
        self.gave_up = true;
        JsonValue::Broken
    }

    fn object(&mut self, depth: usize) -> JsonValue {
        self.eat('{');
        let mut members = Vec::new();
        loop {
            self.skip_space();
            match self.peek() {
                None => {
                    self.fault(self.here(), "'}' is missing");
                    break;
                }
                Some('}') => {
                    self.eat('}');
                    break;
                }
                Some('"') => members.push(self.member(depth)),
                Some(']') => {
                    self.fault(self.here(), "expected a name in quotes, or '}'");
                    break;
                }
                Some(c) => {
                    let why = "expected a name in quotes, or '}'";
                    match c {
                        '{' | '[' => {
                            self.fault(self.here(), why);
                            self.value(depth + 1);
                        }
                        ',' | ':' => {
                            self.fault(self.here(), why);
                            self.at += 1;
                        }
                        _ => self.broken(why),
                    }
                    self.eat(':');
                    self.eat(',');
                    continue;
                }
            }
            if !self.separator('}', "expected ',' or '}'") {
                break;
            }
        }
        JsonValue::Object(members)
    }

    fn member(&mut self, depth: usize) -> Member {
        let start = self.at;
        let key = self.string();
        let key_span = start..self.at;
        self.skip_space();
        if !self.eat(':') {
            self.fault(self.here(), "expected ':'");
        }
        self.skip_space();
        let is_missing = matches!(self.peek(), None | Some('}' | ']' | ','));
        let value = if is_missing {
            self.fault(key_span.clone(), "a value is missing");
            Node {
                span: self.at..self.at,
                value: JsonValue::Broken,
            }
        } else {
            self.value(depth + 1)
        };
        Member {
            key,
            key_span,
            value,
        }
    }

    fn array(&mut self, depth: usize) -> JsonValue {
        self.eat('[');
        let mut items = Vec::new();
        loop {
            self.skip_space();
            match self.peek() {
                None => {
                    self.fault(self.here(), "']' is missing");
                    break;
                }
                Some(']') => {
                    self.eat(']');
                    break;
                }
                Some(',' | ':' | '}') => {
                    self.fault(self.here(), "expected a value, or ']'");
                    if self.peek() == Some('}') {
                        break;
                    }
                    self.at += 1;
                    continue;
                }
                Some(_) => items.push(self.value(depth + 1)),
            }
            if !self.separator(']', "expected ',' or ']'") {
                break;
            }
        }
        JsonValue::Array(items)
    }

    /// Between two entries. `false`: the other kind of bracket closes something around this.
    fn separator(&mut self, close: char, why: &str) -> bool {
        self.skip_space();
        let comma = self.here();
        if self.eat(',') {
            self.skip_space();
            if self.peek() == Some(close) {
                self.fault(comma, "nothing follows this comma");
            }
            return true;
        }
        match self.peek() {
            Some('}' | ']') if self.peek() != Some(close) => {
                self.fault(self.here(), why);
                false
            }
            Some(c) if c != close => {
                self.fault(self.here(), why);
                if c == ':' {
                    self.at += 1;
                }
                true
            }
            _ => true,
        }
    }

    /// What is neither bracket nor text.
    fn word(&mut self) -> JsonValue {
        let rest = &self.text[self.at..];
        let ends = |c: char| c.is_whitespace() || ",:[]{}\"".contains(c);
        let word = &rest[..rest.find(ends).unwrap_or(rest.len())];
        let value = match word {
            "true" => JsonValue::Bool(true),
            "false" => JsonValue::Bool(false),
            "null" => JsonValue::Null,
            _ if is_number(word) => JsonValue::Number(word.to_owned()),
            _ => {
                self.broken("this is not a value");
                return JsonValue::Broken;
            }
        };
        self.at += word.len();
        value
    }

    /// Skips what cannot be understood: up to the next sign that means something.
    fn broken(&mut self, why: &str) {
        let start = self.at;
        let rest = &self.text[start..];
        let ends = |c: char| ",:[]{}\"\n".contains(c);
        let len = rest.find(ends).unwrap_or(rest.len());
        // Not other white space: it is what cannot be understood here, and something has to be skipped.
        let skipped = rest[..len].trim_end_matches(SPACE).len();
        self.at += skipped;
        let span = if skipped == 0 {
            self.here()
        } else {
            start..self.at
        };
        self.fault(span, why);
    }

    /// A text in quotes; it ends with its line at the latest.
    fn string(&mut self) -> String {
        let start = self.at;
        self.at += 1;
        let mut out = String::new();
        loop {
            let from = self.at;
            let Some(c) = self.peek().filter(|c| *c != '\n' && *c != '\r') else {
                self.fault(start..from, "the closing quote is missing");
                return out;
            };
            self.at += c.len_utf8();
            match c {
                '"' => return out,
                '\\' => match self.escape() {
                    Some(c) => out.push(c),
                    None => self.fault(from..self.at, "this is not an escape sequence"),
                },
                c if c < ' ' => self.fault(from..self.at, "control characters must be escaped"),
                c => out.push(c),
            }
        }
    }

    fn escape(&mut self) -> Option<char> {
        let c = self.peek().filter(|c| *c != '\n' && *c != '\r')?;
        self.at += c.len_utf8();
        match c {
            '"' | '\\' | '/' => Some(c),
            'b' => Some('\u{8}'),
            'f' => Some('\u{c}'),
            'n' => Some('\n'),
            'r' => Some('\r'),
            't' => Some('\t'),
            'u' => {
                let first = self.hex()?;
                if !(0xD800..0xE000).contains(&first) {
                    return char::from_u32(first);
                }
                // The first half of a pair.
                if first >= 0xDC00 || !(self.eat('\\') && self.eat('u')) {
                    return None;
                }
                let second = self.hex().filter(|half| (0xDC00..0xE000).contains(half))?;
                char::from_u32(0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00))
            }
            _ => None,
        }
    }

    fn hex(&mut self) -> Option<u32> {
        let digits = self.text.get(self.at..self.at + 4)?;
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        self.at += 4;
        u32::from_str_radix(digits, 16).ok()
    }
}

/// Whether a word is a number of JSON that a program can hold.
fn is_number(word: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let unsigned = word.strip_prefix('-').unwrap_or(word);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent.is_none_or(|it| digits(it.strip_prefix(['+', '-']).unwrap_or(it)))
        && word.parse::<f64>().is_ok_and(f64::is_finite)
}

#[cfg(test)]
mod tests;
