//! Whatever the editor contains: no panic, every place in the text, and formatting changes nothing.

use fbuild_project::partitions::csv;
use proptest::prelude::*;

use super::*;
use crate::{applied, laws};

/// Texts that look like tables, broken in every way.
fn table() -> impl Strategy<Value = String> {
    let cell = prop_oneof![
        Just("app"),
        Just("data"),
        Just("nvs"),
        Just("ota"),
        Just("ota_0"),
        Just("factory"),
        Just("0x9000"),
        Just("0x10000"),
        Just("1M"),
        Just("-2M"),
        Just("readonly"),
        Just("encrypted: readonly"),
        Just("0x1100"),
        Just("分区😀"),
        Just("$X"),
        Just("#"),
        Just(""),
        Just("abcdefghijklmnopqrs"),
    ];
    let space = prop_oneof![
        Just(""),
        Just(" "),
        Just("\t "),
        Just("\u{a0}"),
        Just("\x1f")
    ];
    let cells = proptest::collection::vec((space, cell), 0..8);
    let end =
        prop_oneof![4 => Just("\n"), 1 => Just("\r\n"), 1 => Just("\r"), 1 => Just("\u{2028}")];
    let lines = proptest::collection::vec((cells, end), 0..7);
    let start = prop_oneof![5 => Just(""), 1 => Just("\u{feff}")];
    (start, lines).prop_map(|(start, lines)| {
        let mut text = start.to_owned();
        for (cells, end) in lines {
            let cells: Vec<String> = cells
                .iter()
                .map(|(space, cell)| format!("{space}{cell}"))
                .collect();
            text.push_str(&cells.join(","));
            text.push_str(end);
        }
        text
    })
}

/// What a table means: everything but places in the text.
fn meaning(text: &str) -> (Vec<String>, Vec<&'static str>) {
    let options = csv::Options {
        flash_bytes: Some(4 << 20),
        ..csv::Options::default()
    };
    let csv::Reading { rows, problems } = csv::read(text, &options);
    let row = |row: &csv::Row| {
        let cells: Vec<&str> = row.cells.iter().map(|cell| cell.text.as_str()).collect();
        format!("{cells:?} {:?} {:?}", row.offset, row.size)
    };
    (
        rows.iter().map(row).collect(),
        problems.iter().map(|problem| problem.code).collect(),
    )
}

fn comments(text: &str) -> Vec<&str> {
    let lines = csv::lines(text).map(|line| &text[line]);
    lines
        .filter(|line| line.trim_start().starts_with('#'))
        .collect()
}

proptest! {
    // Each case asks for everything at every place.
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_laws_hold(text in table()) {
        for facts in [Facts::default(), built(1 << 20)] {
            laws::hold(view(&text, &facts), 3);
        }
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let text = String::from_utf8_lossy(&bytes);
        laws::hold(view(&text, &built(1 << 20)), 3);
    }

}

proptest! {
    #[test]
    fn formatting_changes_space_only_and_nothing_the_second_time(text in table()) {
        let edits = Partitions.tidy(view(&text, &Facts::default()));
        let tidy = applied(&text, &edits).unwrap();
        prop_assert_eq!(meaning(&tidy), meaning(&text), "{:?}\n{:?}", text, tidy);
        let without_space = |text: &str| text.replace([' ', '\t'], "");
        prop_assert_eq!(without_space(&tidy), without_space(&text));
        prop_assert_eq!(comments(&tidy).len(), comments(&text).len());
        let again = Partitions.tidy(view(&tidy, &Facts::default()));
        prop_assert_eq!(again, [], "{:?}", tidy);
    }
}
