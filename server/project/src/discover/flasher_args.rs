//! `flasher_args.json`: what ESP-IDF's build says goes where.
//!
//! Source: `components/esptool_py/flasher_args.json.in` of ESP-IDF v4.4 to v6.1, and of ESP8266_RTOS_SDK v3.4.

use fbuild_chip::flash::parse_offset;

use super::json_text::{self, Member, Node};
pub use super::json_text::{JsonFault, JsonValue, Span};

/// Keys that do not name an image.
const FIXED_KEYS: [&str; 4] = [
    "write_flash_args",
    "flash_settings",
    "flash_files",
    "extra_esptool_args",
];

/// A value with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed<T> {
    /// Where it is; texts with their quotes.
    pub span: Span,
    /// What is there.
    pub value: T,
}

/// The file, read as far as it can be understood.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FlasherArgs {
    /// `flash_files`, which is what is flashed, in the order of the text.
    pub files: Vec<FileEntry>,
    /// The name `flash_files`, where it is.
    pub files_key: Option<Span>,
    /// `flash_settings`.
    pub mode: Option<Placed<String>>,
    /// `flash_settings`.
    pub size: Option<Placed<String>>,
    /// `flash_settings`.
    pub freq: Option<Placed<String>>,
    /// The flash size in `write_flash_args`: what `idf.py flash` gives esptool. A deploy takes
    /// [`Self::size`].
    pub size_argument: Option<Placed<String>>,
    /// `extra_esptool_args.chip`.
    pub chip: Option<Placed<String>>,
    /// The images by name, in the order of the text.
    pub named: Vec<Named>,
    /// What is wrong, in the order of the text. With any of them it cannot be deployed.
    pub faults: Vec<JsonFault>,
}

/// An entry of `flash_files`.
#[derive(Debug, Clone, PartialEq)]
pub struct FileEntry {
    /// Its offset as it is written.
    pub offset: Placed<String>,
    /// Its file, relative to the build directory; `None` if that is not a text.
    pub file: Option<String>,
    /// Where the file is.
    pub file_span: Span,
}

impl FileEntry {
    /// Its offset, if it is one.
    pub fn offset_bytes(&self) -> Option<u32> {
        parse_offset(&self.offset.value)
    }
}

/// An image by its name.
#[derive(Debug, Clone, PartialEq)]
pub struct Named {
    /// Its name.
    pub name: Placed<String>,
    /// Its offset in flash.
    pub offset: Placed<u32>,
    /// Its file, relative to the build directory.
    pub file: Placed<String>,
    /// Whether the chip is to encrypt it.
    pub encrypted: bool,
}

impl FlasherArgs {
    /// Reads a text, whatever it is.
    pub fn parse(text: &str) -> Self {
        let (root, faults) = json_text::parse(text.strip_prefix('\u{feff}').unwrap_or(text));
        let mut found = Self {
            faults,
            ..Self::default()
        };
        found.fill(&root);
        found.faults.sort_by_key(|fault| fault.span.start);
        if text.starts_with('\u{feff}') {
            found.shift('\u{feff}'.len_utf8());
        }
        found
    }

    fn fill(&mut self, root: &Node) {
        if !matches!(root.value, JsonValue::Object(_)) {
            self.fault(root.span.clone(), "expected an object");
            return;
        }
        for fixed in FIXED_KEYS {
            let again = root.members().iter().filter(|m| m.key == fixed).nth(1);
            if let Some(again) = again.filter(|_| fixed != "write_flash_args") {
                self.fault(
                    again.key_span.clone(),
                    &format!("duplicate field `{fixed}`"),
                );
            }
        }
        match root.get("flash_files") {
            Some(files) => {
                self.files_key = Some(files.key_span.clone());
                self.expect_object(files);
                let entries = files.value.members().iter().map(file_entry);
                // What the oldest templates leave of an image that a project does not have.
                let is_nothing = |entry: &FileEntry| {
                    entry.offset.value.is_empty() && entry.file.as_deref() == Some("")
                };
                self.files = entries.filter(|entry| !is_nothing(entry)).collect();
            }
            // At its opening brace: it may have no other one, and end in the middle of something.
            None => self.fault(
                root.span.start..root.span.start + 1,
                "missing field `flash_files`",
            ),
        }
        if let Some(settings) = root.get("flash_settings") {
            self.expect_object(settings);
            self.mode = self.setting(&settings.value, "flash_mode");
            self.size = self.setting(&settings.value, "flash_size");
            self.freq = self.setting(&settings.value, "flash_freq");
        }
        let arguments = root.get("write_flash_args");
        let argument = |option: &str| argument(&arguments?.value, option);
        self.size_argument = argument("size");
        if root.get("flash_settings").is_none() {
            self.mode = argument("mode");
            self.size = argument("size");
            self.freq = argument("freq");
        }
        let extra = root.get("extra_esptool_args");
        let chip = extra.and_then(|extra| extra.value.get("chip"));
        self.chip = chip.and_then(text_of);
        let images = root.members().iter();
        self.named = images
            .filter(|member| !FIXED_KEYS.contains(&member.key.as_str()))
            .filter_map(named)
            .collect();
    }

    fn expect_object(&mut self, member: &Member) {
        if !matches!(member.value.value, JsonValue::Object(_) | JsonValue::Broken) {
            let why = format!("expected an object in `{}`", member.key);
            self.fault(member.value.span.clone(), &why);
        }
    }

    fn setting(&mut self, settings: &Node, key: &str) -> Option<Placed<String>> {
        let member = settings.get(key)?;
        let text = text_of(member);
        if text.is_none() && !matches!(member.value.value, JsonValue::Null | JsonValue::Broken) {
            let why = format!("expected a string in `{key}`");
            self.fault(member.value.span.clone(), &why);
        }
        text
    }

    fn fault(&mut self, span: Span, why: &str) {
        self.faults.push(JsonFault {
            span,
            why: why.to_owned(),
        });
    }

    /// Moves every place after a byte order mark.
    fn shift(&mut self, by: usize) {
        let shift = |span: &mut Span| *span = span.start + by..span.end + by;
        for entry in &mut self.files {
            shift(&mut entry.offset.span);
            shift(&mut entry.file_span);
        }
        for image in &mut self.named {
            shift(&mut image.name.span);
            shift(&mut image.offset.span);
            shift(&mut image.file.span);
        }
        let settings = [
            &mut self.mode,
            &mut self.size,
            &mut self.freq,
            &mut self.size_argument,
            &mut self.chip,
        ];
        for setting in settings.into_iter().flatten() {
            shift(&mut setting.span);
        }
        self.files_key.iter_mut().for_each(shift);
        for fault in &mut self.faults {
            shift(&mut fault.span);
        }
    }
}

fn text_of(member: &Member) -> Option<Placed<String>> {
    placed_text(&member.value)
}

fn placed_text(node: &Node) -> Option<Placed<String>> {
    node.text().map(|text| Placed {
        span: node.span.clone(),
        value: text.to_owned(),
    })
}

/// The word after the last `--flash_size` and the like, which is `--flash-size` since ESP-IDF 6.0, or behind its `=`.
fn argument(arguments: &Node, option: &str) -> Option<Placed<String>> {
    let JsonValue::Array(words) = &arguments.value else {
        return None;
    };
    let option = format!("--flash-{option}");
    words.iter().enumerate().rev().find_map(|(at, word)| {
        let (name, value) = match word.text()?.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (word.text()?, None),
        };
        let value = value.map(|value| Placed {
            span: word.span.clone(),
            value: value.to_owned(),
        });
        let is_it = name.replace('_', "-") == option;
        is_it.then(|| value.or_else(|| placed_text(words.get(at + 1)?)))?
    })
}

fn file_entry(member: &Member) -> FileEntry {
    FileEntry {
        offset: Placed {
            span: member.key_span.clone(),
            value: member.key.clone(),
        },
        file: member.value.text().map(str::to_owned),
        file_span: member.value.span.clone(),
    }
}

fn named(member: &Member) -> Option<Named> {
    let offset = member.value.get("offset").and_then(text_of)?;
    Some(Named {
        name: Placed {
            span: member.key_span.clone(),
            // As ESP-IDF 3 and the ESP8266's SDK have it.
            value: match member.key.as_str() {
                "partition_table" => "partition-table".to_owned(),
                name => name.to_owned(),
            },
        },
        offset: Placed {
            span: offset.span,
            value: parse_offset(&offset.value)?,
        },
        file: member.value.get("file").and_then(text_of)?,
        // A text in every version so far; a bool would mean the same.
        encrypted: match member.value.get("encrypted").map(|m| &m.value.value) {
            Some(JsonValue::Text(text)) => text == "true",
            Some(JsonValue::Bool(value)) => *value,
            _ => false,
        },
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEXT: &str = "\u{feff}{\r\n\t\"flash_files\" : { \"0x10000\" : \"漢.bin\", \"x\": 1 },\r\n\
        \"flash_settings\": {\"flash_size\": \"4MB\"},\r\n\
        \"app\" : { \"offset\" : \"0x10000\", \"file\" : \"漢.bin\", \"encrypted\" : \"true\" },\r\n\
        \"extra_esptool_args\" : { \"chip\" : \"esp32s3\" }}";

    #[test]
    fn everything_has_its_place() {
        let args = FlasherArgs::parse(TEXT);
        assert!(args.faults.is_empty(), "{:?}", args.faults);
        let at = |span: &Span| &TEXT[span.clone()];
        assert_eq!(at(&args.files[0].offset.span), "\"0x10000\"");
        assert_eq!(at(&args.files[0].file_span), "\"漢.bin\"");
        assert_eq!(args.files[0].offset_bytes(), Some(0x1_0000));
        assert_eq!(
            (&args.files[1].file, at(&args.files[1].file_span)),
            (&None, "1")
        );
        assert_eq!(at(&args.size.unwrap().span), "\"4MB\"");
        assert_eq!(at(&args.chip.unwrap().span), "\"esp32s3\"");
        assert_eq!(at(args.files_key.as_ref().unwrap()), "\"flash_files\"");
        assert!(args.named[0].encrypted);
        assert_eq!(at(&args.named[0].file.span), "\"漢.bin\"");
    }

    #[test]
    fn a_broken_text_still_says_what_it_says() {
        let broken = TEXT.replacen("},\r\n", "}\r\n", 1);
        let args = FlasherArgs::parse(&broken);
        assert_eq!(args.faults.len(), 1);
        assert_eq!((args.files.len(), args.named.len()), (2, 1));
    }

    #[test]
    fn what_is_missing_is_told_at_the_brace_that_is_there() {
        for text in ["{}", "{\n}", "{ \"漢", "{ 漢]", "{漢"] {
            let args = FlasherArgs::parse(text);
            let missing = args
                .faults
                .iter()
                .find(|fault| fault.why.contains("flash_files"));
            assert_eq!(&text[missing.unwrap().span.clone()], "{", "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_damage_panics_and_every_place_lies_in_the_text(at in 0usize..200, len in 0usize..9, with in "[\\[\\]{},:\"\\\\0漢]{0,3}") {
            let mut text: Vec<char> = TEXT.chars().collect();
            let at = at.min(text.len());
            let end = (at + len).min(text.len());
            text.splice(at..end, with.chars());
            let text: String = text.into_iter().collect();
            let args = FlasherArgs::parse(&text);
            let files = args.files.iter().flat_map(|e| [&e.offset.span, &e.file_span]);
            let named = args.named.iter().flat_map(|n| [&n.name.span, &n.offset.span, &n.file.span]);
            let faults = args.faults.iter().map(|fault| &fault.span);
            for span in files.chain(named).chain(faults) {
                prop_assert!(text.get(span.clone()).is_some(), "{:?} in {}", span, text);
            }
        }
    }
}
