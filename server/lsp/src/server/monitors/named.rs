//! What a line that a board has printed names: lines of sources, and what may be the address of code.

use std::sync::LazyLock;

use fbuild_monitor::elf::Place;
use fbuild_monitor::trace::Frame;
use regex::{Captures, Regex};
use serde_json::{Value, json};

use crate::server::crashes::place::Scene;
use crate::server::uri;

/// Something that may lead to the sources.
#[derive(Debug, PartialEq)]
pub(crate) struct Named {
    /// Where it stands in the line, in UTF-16 code units, as the protocol counts.
    pub(crate) start: usize,
    pub(crate) length: usize,
    pub(crate) what: What,
}

#[derive(Debug, PartialEq)]
pub(crate) enum What {
    Address(u32),
    Place(Place),
}

static NAMED: LazyLock<Regex> = LazyLock::new(|| {
    let place = r#"((?:[A-Za-z]:)?[^\s:()"'<>|]+\.(?:c|cc|cpp|cxx|h|hh|hpp|ino|rs|s|S|ld|x|txt|cmake|toml|conf|defaults|projbuild|dts|dtsi|overlay|csv|ini|py|mk)|(?:[^\s:()"'<>|]*[/\\])?(?:Kconfig|Makefile)):(\d{1,7})(?::(\d{1,5}))?"#;
    // Where the chips have code.
    let address = r"(?-u:\b)0x([45][0-9a-fA-F]{7})(?-u:\b)";
    Regex::new(&format!("{place}|{address}")).expect("a valid pattern")
});

pub(crate) fn named(line: &str) -> Vec<Named> {
    let units = |text: &str| text.encode_utf16().count();
    let named = |found: Captures<'_>| {
        let whole = found.get(0)?;
        let text = |group| found.get(group).map(|it| it.as_str());
        let what = match text(4) {
            Some(digits) => What::Address(u32::from_str_radix(digits, 16).ok()?),
            // To look whether there is such a file would open a connection.
            None if is_on_network(text(1)?) => return None,
            None => What::Place(Place {
                file: text(1)?.to_owned(),
                line: text(2)?.parse().ok(),
                column: text(3).and_then(|digits| digits.parse().ok()),
            }),
        };
        let start = units(&line[..whole.start()]);
        let length = units(whole.as_str());
        Some(Named {
            start,
            length,
            what,
        })
    };
    NAMED.captures_iter(line).filter_map(named).collect()
}

/// Whether Windows takes it for another machine's, or for a device: `\\host\share`, `//host`, `\\?\`.
fn is_on_network(file: &str) -> bool {
    let is_separator = |byte: Option<&u8>| matches!(byte, Some(b'/' | b'\\'));
    let bytes = file.as_bytes();
    is_separator(bytes.first()) && is_separator(bytes.get(1))
}

/// The same of a line that a build has printed, where files are named with spaces, too: what `is_file` counts from
/// as far left as it can.
pub(crate) fn named_by_build(line: &str, is_file: impl Fn(&str) -> bool) -> Vec<Named> {
    const WORDS_MAX: usize = 12;
    let mut found = named(line);
    let units: Vec<u16> = line.encode_utf16().collect();
    for one in &mut found {
        let What::Place(place) = &mut one.what else {
            continue;
        };
        let before = String::from_utf16_lossy(&units[..one.start]);
        let starts = before
            .char_indices()
            .rev()
            .filter(|(_, c)| matches!(c, ' ' | '\'' | '"'));
        let starts = starts.map(|(at, _)| at + 1).take(WORDS_MAX).chain([0]);
        let longer = starts.map(|at| (before[at..].to_owned() + &place.file, at));
        let is_there = |(file, _): &(String, usize)| !is_on_network(file) && is_file(file);
        if let Some((file, at)) = longer.filter(is_there).last() {
            let start = before[..at].encode_utf16().count();
            one.length += one.start - start;
            (one.start, place.file) = (start, file);
        }
    }
    found.retain(|one| matches!(one.what, What::Place(_)));
    found
}

/// Where in the sources that is; `at` knows addresses.
pub(crate) fn places(
    scene: &Scene,
    named: &[Named],
    mut at: impl FnMut(u32) -> Vec<Frame>,
) -> Vec<Value> {
    let place = |named: &Named| {
        let column = match &named.what {
            What::Place(place) => place.column.unwrap_or(1).saturating_sub(1),
            What::Address(_) => 0,
        };
        let (address, function, spot) = match &named.what {
            What::Place(place) => (None, None, scene.of(place)?),
            What::Address(address) => {
                let (function, spot) = at(*address).into_iter().find_map(|frame| {
                    let spot = scene.of(frame.place.as_ref()?)?;
                    Some((frame.function, spot))
                })?;
                (Some(format!("{address:#010x}")), function, spot)
            }
        };
        Some(json!({
            "address": address, "function": function, "uri": uri::of(&spot.path)?,
            "line": spot.number(), "column": column, "start": named.start, "length": named.length,
        }))
    };
    named.iter().filter_map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(line: &str) -> Vec<String> {
        let text = |named: Named| match named.what {
            What::Address(address) => format!("{address:#010x}"),
            What::Place(Place { file, line, .. }) => format!("{file}|{}", line.unwrap()),
        };
        named(line).into_iter().map(text).collect()
    }

    #[test]
    fn places_and_addresses_stand_where_they_are_marked() {
        let line = "ä 0x400d0313  digit_of (inlined) at /src/clock/main/main.c:11";
        let [address, place] = &named(line)[..] else {
            panic!("{:?}", named(line));
        };
        assert_eq!((address.start, address.length), (2, 10));
        assert_eq!(address.what, What::Address(0x400d_0313));
        assert_eq!((place.start, place.length), (36, 25));
        assert_eq!(texts(line)[1], "/src/clock/main/main.c|11");
    }

    #[test]
    fn other_ways_to_name_a_place_and_what_is_none() {
        let panicked = "panicked at src/main.rs:7:9:";
        assert_eq!(texts(panicked), ["src/main.rs|7"]);
        assert_eq!(named(panicked)[0].length, "src/main.rs:7:9".len());
        assert_eq!(
            texts("CMake Error at CMakeLists.txt:5 (x)"),
            ["CMakeLists.txt|5"]
        );
        assert_eq!(
            texts("(main.cpp:3), C:\\work\\a.ino:12"),
            ["main.cpp|3", "C:\\work\\a.ino|12"]
        );
        assert_eq!(texts("I (312) wifi: 12:30:01 http://host:80 a.c"), [""; 0]);
        assert_eq!(
            texts(r"\\host\share\a.c:1 //host/share/a.c:1 \\?\C:\a.c"),
            [""; 0]
        );
    }

    #[test]
    fn what_may_be_code_is_an_address() {
        let line = "PC 0x400D0313, 0x3ffb0000 0x42000218:0x3fc91230 0x400d03130 x0x400d0313";
        assert_eq!(texts(line), ["0x400d0313", "0x42000218"]);
    }
}
