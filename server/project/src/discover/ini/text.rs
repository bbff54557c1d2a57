//! One INI text, read to its end whatever is wrong with it, with the place of everything in it.

use std::collections::HashMap;
use std::ops::Range;

use super::{DEFAULT_SECTION, IniError};

/// Byte offsets into a text.
pub type Span = Range<usize>;

const COMMENT_SIGNS: [char; 2] = ['#', ';'];

/// What is in one text.
#[derive(Debug, Clone, Default)]
pub struct IniText {
    /// In the order of the text; a section that is listed twice is there twice.
    pub sections: Vec<SectionText>,
    /// What is wrong, in the order of the text.
    pub faults: Vec<IniFault>,
}

/// A section.
#[derive(Debug, Clone)]
pub struct SectionText {
    /// Its name, as it is written.
    pub name: String,
    /// Where the name is between the brackets.
    pub name_span: Span,
    /// Its header with the brackets.
    pub header: Span,
    /// From its header to the end of its last option.
    pub span: Span,
    /// In the order of the text; an option that is listed twice is there twice.
    pub options: Vec<OptionText>,
}

/// An option.
#[derive(Debug, Clone)]
pub struct OptionText {
    /// Its name in lower case, which is what counts.
    pub name: String,
    /// Where its name is.
    pub name_span: Span,
    /// From its name to the end of its value.
    pub span: Span,
    /// The value line by line, without comments and the white space around it. Lines may be empty.
    pub lines: Vec<Span>,
}

/// Something that Python does not take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IniFault {
    /// What is wrong.
    pub error: IniError,
    /// Where.
    pub span: Span,
    /// Where that is already, for something that is listed twice.
    pub first: Option<Span>,
}

/// Lines of a value that lie before a place, and their bytes.
#[derive(Default)]
struct Lines {
    count: usize,
    bytes: usize,
}

impl OptionText {
    /// The value: its lines without empty ones at the end.
    pub fn value(&self, text: &str) -> String {
        let mut value = String::new();
        for (n, line) in self.lines.iter().enumerate() {
            if n > 0 {
                value.push('\n');
            }
            value.push_str(text.get(line.clone()).unwrap_or_default());
        }
        value.truncate(value.trim_end().len());
        value
    }

    /// The place in the text of a part of [`Self::value`].
    pub fn place(&self, part: Span) -> Span {
        let mut lines = Lines::default();
        self.offset(part.start, false, &mut lines)..self.offset(part.end, true, &mut lines)
    }

    /// The places of several parts, of which none begins before the one ahead of it ends.
    pub fn places(&self, parts: &[Span]) -> Vec<Span> {
        let mut lines = Lines::default();
        let place = |part: &Span| {
            self.offset(part.start, false, &mut lines)..self.offset(part.end, true, &mut lines)
        };
        parts.iter().map(place).collect()
    }

    /// Looks no further back than `passed`.
    fn offset(&self, at: usize, is_end: bool, passed: &mut Lines) -> usize {
        while let Some(line) = self.lines.get(passed.count) {
            let len = line.len();
            let before = passed.bytes;
            if at <= before + len && (is_end || at < before + len || len == 0) {
                return line.start + (at - before);
            }
            passed.count += 1;
            passed.bytes += len + 1;
        }
        self.value_span().end
    }

    /// From the first to the last character of the value; empty after the sign where there is none.
    pub fn value_span(&self) -> Span {
        let filled = || self.lines.iter().filter(|line| !line.is_empty());
        let empty = || self.lines.first().map_or(self.span.end, |line| line.start);
        let start = filled().next().map_or_else(empty, |line| line.start);
        let end = filled().next_back().map_or_else(empty, |line| line.end);
        start..end
    }
}

impl IniText {
    /// Reads a text.
    pub fn parse(text: &str) -> Self {
        let mut reader = Reader::default();
        let mut at = 0;
        for (index, line) in text.split_inclusive('\n').enumerate() {
            let start = at;
            at += line.len();
            let content = line.strip_suffix('\n').unwrap_or(line);
            let content = content.strip_suffix('\r').unwrap_or(content);
            let marked = content.strip_prefix('\u{feff}').filter(|_| index == 0);
            let kept = marked.unwrap_or(content);
            reader.read_line(kept, start + content.len() - kept.len(), index + 1);
        }
        reader.found
    }

    /// The fault that Python stops at: the first, but lines that cannot be read only come up at the
    /// end.
    pub fn fatal(&self) -> Option<&IniFault> {
        let at_end = |fault: &&IniFault| matches!(fault.error, IniError::Parsing { .. });
        let mut faults = self.faults.iter();
        faults
            .clone()
            .find(|fault| !at_end(fault))
            .or_else(|| faults.find(at_end))
    }

    /// The section that a place lies in: from its header to the next one.
    pub fn section_at(&self, at: usize) -> Option<&SectionText> {
        let mut sections = self.sections.iter().rev();
        sections.find(|section| section.header.start <= at)
    }
}

#[derive(Default)]
struct Reader {
    found: IniText,
    /// Where each section, and each option of a section, is first.
    sections: HashMap<String, Span>,
    options: HashMap<(String, String), Span>,
    /// Of the option that continuation lines belong to.
    indent: usize,
    in_option: bool,
    /// Something was before the first section; it is told once.
    stray: bool,
}

impl Reader {
    fn option(&mut self) -> Option<&mut OptionText> {
        if !self.in_option {
            return None;
        }
        self.found.sections.last_mut()?.options.last_mut()
    }

    fn read_line(&mut self, line: &str, start: usize, number: usize) {
        let comment = comment_start(line);
        let kept = &line[..comment.unwrap_or(line.len())];
        let value = kept.trim();
        let indent = line.len() - line.trim_start().len();
        if value.is_empty() {
            // An empty line within a value counts, a comment does not.
            if comment.is_none()
                && let Some(option) = self.option()
            {
                option.lines.push(start..start);
            }
            return;
        }
        let from = start + kept.len() - kept.trim_start().len();
        let span = from..from + value.len();
        if indent > self.indent
            && let Some(option) = self.option()
        {
            option.lines.push(span.clone());
            option.span.end = span.end;
            self.extend(span.end);
            return;
        }
        self.indent = indent;
        if let Some(name) = section_name(value) {
            self.open_section(name, span, number);
        } else {
            self.open_option(value, span, number);
        }
    }

    fn extend(&mut self, end: usize) {
        if let Some(section) = self.found.sections.last_mut() {
            section.span.end = end;
        }
    }

    fn open_section(&mut self, name: &str, span: Span, line: usize) {
        let header = span.start..span.start + name.len() + 2;
        let name_span = header.start + 1..header.end - 1;
        if name != DEFAULT_SECTION {
            if let Some(first) = self.sections.get(name) {
                let section = name.to_owned();
                self.found.faults.push(IniFault {
                    error: IniError::DuplicateSection { line, section },
                    span: header.clone(),
                    first: Some(first.clone()),
                });
            } else {
                self.sections.insert(name.to_owned(), header.clone());
            }
        }
        self.in_option = false;
        self.found.sections.push(SectionText {
            name: name.to_owned(),
            name_span,
            span: header.clone(),
            header,
            options: Vec::new(),
        });
    }

    fn open_option(&mut self, value: &str, span: Span, line: usize) {
        let fault = |error| IniFault {
            error,
            span: span.clone(),
            first: None,
        };
        let text = value.to_owned();
        let Some(section) = self.found.sections.last_mut() else {
            if !self.stray {
                let error = IniError::MissingSectionHeader { line, text };
                self.found.faults.push(fault(error));
            }
            self.stray = true;
            return;
        };
        let sign = value.find(['=', ':']);
        let name = sign.map(|at| value[..at].trim_end()).unwrap_or_default();
        let (Some(at), false) = (sign, name.is_empty()) else {
            let error = IniError::Parsing { line, text };
            self.found.faults.push(fault(error));
            return;
        };
        let name_span = span.start..span.start + name.len();
        let name = name.to_lowercase();
        let key = (section.name.clone(), name.clone());
        if let Some(first) = self.options.get(&key) {
            self.found.faults.push(IniFault {
                error: IniError::DuplicateOption {
                    line,
                    section: key.0,
                    option: key.1,
                },
                span: name_span.clone(),
                first: Some(first.clone()),
            });
        } else {
            self.options.insert(key, name_span.clone());
        }
        let after = &value[at + 1..];
        let first = after.trim_start();
        let behind_sign = span.start + at + 1;
        let from = if first.is_empty() {
            behind_sign
        } else {
            behind_sign + after.len() - first.len()
        };
        self.in_option = true;
        section.options.push(OptionText {
            name,
            name_span,
            span: span.clone(),
            lines: std::iter::once(from..span.end).collect(),
        });
        self.extend(span.end);
    }
}

/// Where the comment of a line begins. A sign in the middle counts only after white space.
///
/// Python compares the first `#` with the first `;`, then the second ones, and so on, and stops at
/// the first round in which one counts. That can overlook an earlier sign of the other kind, which
/// then stays in the value; the same is done here.
fn comment_start(line: &str) -> Option<usize> {
    if line.trim_start().starts_with(COMMENT_SIGNS) {
        return Some(0);
    }
    let counts = |at: &usize| {
        line[..*at]
            .chars()
            .next_back()
            .is_none_or(char::is_whitespace)
    };
    let [mut hashes, mut semicolons] =
        COMMENT_SIGNS.map(|sign| line.match_indices(sign).map(|m| m.0));
    loop {
        let round = [hashes.next(), semicolons.next()];
        if round == [None, None] {
            return None;
        }
        let start = round.into_iter().flatten().filter(counts).min();
        if start.is_some() {
            return start;
        }
    }
}

/// `[name]`, where the name goes up to the last bracket; what follows it does not matter.
fn section_name(value: &str) -> Option<&str> {
    let inner = value.strip_prefix('[')?;
    let end = inner.rfind(']')?;
    (end > 0).then(|| &inner[..end])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pieces<'t>(text: &'t str, ini: &IniText) -> Vec<(&'t str, &'t str)> {
        let options = ini.sections.iter().flat_map(|section| &section.options);
        options
            .map(|option| (&text[option.name_span.clone()], &text[option.value_span()]))
            .collect()
    }

    #[test]
    fn everything_has_its_place_with_crlf_bom_and_other_scripts() {
        let text = "\u{feff}[a 漢] ; c\r\nKey\t= 値 ; 😀\r\nlist =\r\n\tone\r\n\r\n\ttwo # x\r\n";
        let ini = IniText::parse(text);
        assert!(ini.faults.is_empty(), "{:?}", ini.faults);
        let section = &ini.sections[0];
        assert_eq!(&text[section.header.clone()], "[a 漢]");
        assert_eq!(&text[section.name_span.clone()], "a 漢");
        assert_eq!(
            pieces(text, &ini),
            [("Key", "値"), ("list", "one\r\n\r\n\ttwo")]
        );
        let list = &section.options[1];
        assert_eq!(list.value(text), "\none\n\ntwo");
        let two = list.value(text).find("two").unwrap();
        assert_eq!(&text[list.place(two..two + 3)], "two");
        assert_eq!(&text[list.place(1..4)], "one");
    }

    #[test]
    fn it_goes_on_after_every_fault() {
        let text = "stray\nmore\n[a]\nx = 1\nnothing\nx = 2\n[a]\ny = 3\n";
        let ini = IniText::parse(text);
        let found: Vec<_> = ini.faults.iter().map(|f| &text[f.span.clone()]).collect();
        assert_eq!(found, ["stray", "nothing", "x", "[a]"]);
        assert_eq!(pieces(text, &ini), [("x", "1"), ("x", "2"), ("y", "3")]);
        assert_eq!(ini.fatal().unwrap().error.line(), 1);
        // What cannot be read comes up last.
        let ini = IniText::parse(&text["stray\nmore\n".len()..]);
        assert_eq!(ini.fatal().unwrap().error.line(), 4);
    }

    proptest! {
        #[test]
        fn every_place_lies_in_the_text(text in "([ \t]{0,2}[a-z\\[\\]=:;#% ()ä漢😀\u{feff}]{0,12}(\n|\r\n|\r)){0,12}") {
            let ini = IniText::parse(&text);
            let mut spans: Vec<Span> = ini.faults.iter().map(|fault| fault.span.clone()).collect();
            spans.extend(ini.faults.iter().filter_map(|fault| fault.first.clone()));
            for section in &ini.sections {
                spans.extend([section.name_span.clone(), section.header.clone(), section.span.clone()]);
                for option in &section.options {
                    spans.extend([option.name_span.clone(), option.span.clone(), option.value_span()]);
                    spans.extend(option.lines.clone());
                    let value = option.value(&text);
                    for (at, c) in value.char_indices().filter(|(_, c)| *c != '\n') {
                        let place = option.place(at..at + c.len_utf8());
                        prop_assert_eq!(text[place].to_owned(), c.to_string());
                    }
                }
            }
            for span in spans {
                prop_assert!(span.start <= span.end && text.get(span.clone()).is_some(), "{:?}", span);
            }
        }
    }
}
