//! Quick fixes, applied and looked at again.

use fbuild_project::partitions::csv;

use super::*;
use crate::{Fix, applied};

/// Every fix of the diagnostics of this code.
fn fixes(text: &str, facts: &Facts, code: &str) -> Vec<Fix> {
    let all = 0..text.len();
    let found = Partitions.diagnostics_with_fixes(view(text, facts), all);
    found
        .into_iter()
        .filter(|d| d.code == code)
        .flat_map(|d| d.fixes)
        .collect()
}

/// Code, table, title of the first fix, and the table that it makes.
const FIRST: &[(&str, &str, &str, &str)] = &[
    (
        "type-unknown",
        "a, apps, factory, , 1M",
        "Change to app",
        "a, app, factory, , 1M",
    ),
    (
        "subtype-unknown",
        "a, data, spifs, , 1M",
        "Change to spiffs",
        "a, data, spiffs, , 1M",
    ),
    (
        "subtype-empty-app",
        "a, app,, , 1M",
        "Make it factory",
        "a, app, factory, , 1M",
    ),
    (
        "type-empty",
        "a;app;factory;;1M",
        "Separate with commas",
        "a,app,factory,,1M",
    ),
    (
        "number-invalid",
        "a, data, fat, , 1.5M",
        "Change to 1536K",
        "a, data, fat, , 1536K",
    ),
    (
        "number-invalid",
        "a, data, fat, , 010",
        "Change to 10",
        "a, data, fat, , 10",
    ),
    (
        "flag-unknown",
        "a, data, fat, , 4K, encrypted readonly",
        "Change to encrypted:readonly",
        "a, data, fat, , 4K, encrypted:readonly",
    ),
    (
        "flag-unknown",
        "a, data, fat, , 4K, encrypt",
        "Change to encrypted",
        "a, data, fat, , 4K, encrypted",
    ),
    (
        "flag-unknown",
        "a, data, fat, , 4K, # settings",
        "Put the comment on a line of its own",
        "# settings\na, data, fat, , 4K,",
    ),
    (
        "size-empty",
        "a, data, fat, 0x9000",
        "Give 'a' all that is free: 4060 KiB",
        "a, data, fat, 0x9000, 4060K",
    ),
    (
        "below-table-end",
        "a, data, fat, 0x8000, 4K",
        "Move to 0x9000, the next free offset",
        "a, data, fat, 0x9000, 4K",
    ),
    (
        "overlap",
        "a, data, fat, 0x9000, 0x8000\nb, app, factory, 0x10000, 1M",
        "Move to 0x20000, the next free offset",
        "a, data, fat, 0x9000, 0x8000\nb, app, factory, 0x20000, 1M",
    ),
    (
        "overlap",
        "a, app, factory, 0x10000, 1M\nb, data, nvs, 0x9000, 0x4000\n",
        "Move the row up, before 'a'",
        "b, data, nvs, 0x9000, 0x4000\na, app, factory, 0x10000, 1M\n",
    ),
    // The next row has a fixed place: the one before has to give way.
    (
        "overlap",
        "a, data, fat, 0x9000, 0x8000\nb, data, nvs, 0x10000, 0x4000\nc, data, fat, 0x14000, 4K",
        "Shrink 'a' to 28 KiB",
        "a, data, fat, 0x9000, 28K\nb, data, nvs, 0x10000, 0x4000\nc, data, fat, 0x14000, 4K",
    ),
    (
        "align-app-offset",
        "a, app, factory, 0x11000, 1M",
        "Move to 0x20000",
        "a, app, factory, 0x20000, 1M",
    ),
    (
        "align-data-offset",
        "a, data, fat, 0x9100, 4K",
        "Move to 0xa000",
        "a, data, fat, 0xa000, 4K",
    ),
    (
        "align-app-size",
        "a, app, factory, , 0x10100",
        "Change the size to 68 KiB",
        "a, app, factory, , 68K",
    ),
    (
        "readonly-forbidden",
        "a, data, ota, , 8K, readonly:encrypted",
        "Remove 'readonly'",
        "a, data, ota, , 8K, encrypted",
    ),
    (
        "nvs-min-size",
        "a, data, nvs, , 8K",
        "Make it 12 KiB",
        "a, data, nvs, , 0x3000",
    ),
    (
        "name-duplicate",
        "a, data, fat, , 4K\na, data, fat, , 4K",
        "Rename to 'a_2'",
        "a, data, fat, , 4K\na_2, data, fat, , 4K",
    ),
    (
        "otadata-multiple",
        "a, data, ota, , 8K\r\nb, data, ota, , 8K\r\n",
        "Remove 'b'",
        "a, data, ota, , 8K\r\n",
    ),
    (
        "otadata-size",
        "a, data, ota, , 4K",
        "Make it 8 KiB",
        "a, data, ota, , 0x2000",
    ),
    (
        "flash-overflow",
        "a, data, fat, , 5M",
        "Shrink to 4060 KiB, up to the flash's end",
        "a, data, fat, , 4060K",
    ),
    (
        "name-too-long",
        "abcdefghijklmnopq, data, fat, , 4K",
        "Shorten to 'abcdefghijklmnop'",
        "abcdefghijklmnop, data, fat, , 4K",
    ),
    (
        "name-empty",
        ", data, fat, , 4K",
        "Name it 'fat_2'",
        "fat_2, data, fat, , 4K",
    ),
    (
        "size-unaligned-data",
        "a, data, fat, , 0x1100",
        "Change the size to 8 KiB",
        "a, data, fat, , 8K",
    ),
    (
        "extra-columns",
        "a, data, fat, , 4K, , x",
        "Remove what is ignored",
        "a, data, fat, , 4K, ",
    ),
    (
        "otadata-missing",
        "n, data, nvs, , 0x6000\na, app, ota_0, , 1M\nb, app, ota_1, , 1M\n",
        "Add otadata before 'n'",
        "otadata, data, ota, , 0x2000,\nn, data, nvs, , 0x6000\na, app, ota_0, , 1M\nb, app, ota_1, , 1M\n",
    ),
    (
        "otadata-missing",
        "n, data, nvs, 0x9000, 0x4000\na, app, ota_0, 0x10000, 1M\nb, app, ota_1, , 1M\n",
        "Add otadata before 'a'",
        "n, data, nvs, 0x9000, 0x4000\notadata, data, ota, 0xd000, 0x2000,\na, app, ota_0, 0x10000, 1M\nb, app, ota_1, , 1M\n",
    ),
    (
        "gap",
        "a, data, fat, 0x9000, 4K\nb, data, fat, 0x20000, 4K",
        "Give 'a' all that is free: 92 KiB",
        "a, data, fat, 0x9000, 92K\nb, data, fat, 0x20000, 4K",
    ),
];

#[test]
fn the_preferred_fix_is_the_one_that_was_meant() {
    for (code, table, title, fixed) in FIRST {
        let facts = project(configuration(Some(4 << 20)));
        let found = fixes(table, &facts, code);
        let first = found.first();
        let first = first.unwrap_or_else(|| panic!("no fix for {code}: {table}"));
        let text = applied(table, &first.edits).unwrap();
        assert_eq!((&*first.title, &*text), (*title, *fixed), "{code}: {table}");
    }
}

#[test]
fn a_partition_grows_to_what_was_built() {
    let table = "app, app, factory, 0x10000, 1M\nfs, data, fat, 0x110000, 1M\n";
    let found = fixes(table, &built((1 << 20) + 5), "app-too-large");
    // Growing alone would overlap what follows.
    let [only] = found.as_slice() else {
        panic!("{found:?}")
    };
    assert_eq!(
        only.title,
        "Grow 'app' to 1088 KiB and leave later offsets blank"
    );
    let text = applied(table, &only.edits).unwrap();
    assert_eq!(
        text,
        "app, app, factory, 0x10000, 1088K\nfs, data, fat, , 1M\n"
    );
}

/// A line ends where ESP-IDF ends it, which no editor shows.
#[test]
fn a_row_is_removed_and_not_its_neighbour() {
    let table = "a, data, ota, , 8K\n\u{2028}b, data, ota, , 8K\u{2028}c, data, fat, , 4K\n";
    let found = fixes(table, &Facts::default(), "otadata-multiple");
    let text = applied(table, &found[0].edits).unwrap();
    assert_eq!(text, "a, data, ota, , 8K\n\u{2028}c, data, fat, , 4K\n");
}

#[test]
fn a_byte_order_mark_is_taken_out_where_it_does_harm() {
    let text = "\u{feff}# Name\na, data, fat, , 4K\n";
    let mut known = configuration(None);
    known.idf_version = csv::IdfVersion::find("v5.3");
    let found = fixes(text, &project(known), "byte-order-mark");
    assert_eq!(applied(text, &found[0].edits).unwrap(), &text[3..]);
}

/// Whatever is offered on the tables of the corpus makes them better, by the compiler that deploys use.
#[test]
fn no_fix_of_the_corpus_makes_anything_worse() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/partitions-own/invalid");
    let facts = project(configuration(Some(4 << 20)));
    let options = csv::Options {
        bootloader_offset: Some(0x1000),
        flash_bytes: Some(4 << 20),
        ..csv::Options::default()
    };
    let refusals = |text: &str| {
        let found = csv::read(text, &options).problems;
        found
            .into_iter()
            .filter(|problem| problem.is_refused)
            .count()
    };
    let (mut n_fixes, mut n_repaired) = (0, 0);
    for entry in std::fs::read_dir(dir).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let found = Partitions.diagnostics_with_fixes(view(&text, &facts), 0..text.len());
        for fix in found.iter().flat_map(|d| &d.fixes) {
            let after = applied(&text, &fix.edits).unwrap();
            assert!(
                refusals(&after) <= refusals(&text),
                "{}:\n{text}\n{after}",
                fix.title
            );
            n_fixes += 1;
        }
        let refused = csv::compile(&text, &options).is_err();
        let first = found.iter().find(|d| d.severity == Severity::Error);
        let is_repaired =
            |fix: &Fix| csv::compile(&applied(&text, &fix.edits).unwrap(), &options).is_ok();
        n_repaired +=
            usize::from(refused && first.is_some_and(|d| d.fixes.iter().any(is_repaired)));
    }
    assert!(
        n_fixes >= 40 && n_repaired >= 20,
        "{n_fixes} fixes, {n_repaired} tables repaired by one"
    );
}
