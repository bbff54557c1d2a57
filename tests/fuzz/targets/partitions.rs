//! Any text as a partition table, by the rules of any version; any bytes as a binary table.
#![no_main]

use fbuild_project::partitions::PartitionTable;
use fbuild_project::partitions::csv::{self, IdfVersion, Options, SecureBoot};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((&how, bytes)) = data.split_first() else {
        return;
    };
    if let Ok(table) = PartitionTable::parse(bytes) {
        // A name that is not UTF-8 cannot be written back, and more rows than fit have no end.
        let is_exact = |name: &str| !name.contains('\u{fffd}');
        if table.partitions.len() < 95 && table.partitions.iter().all(|it| is_exact(&it.label)) {
            assert_eq!(PartitionTable::parse(&table.to_bytes()).as_ref(), Ok(&table));
        }
    }
    let text = String::from_utf8_lossy(bytes);
    let versions = [(4, 4), (5, 0), (5, 1), (5, 2), (5, 3), (5, 4), (5, 5), (6, 0)];
    let (major, minor) = versions[usize::from(how & 7)];
    let options = Options {
        version: Some(IdfVersion::new(major, minor)),
        flash_bytes: (how & 8 != 0).then_some(4 << 20),
        bootloader_offset: (how & 16 != 0).then_some(0x1000),
        recovery_offset: (how & 16 != 0).then_some(0x3f_0000),
        variables: [("a".to_owned(), "x,\n y".to_owned())].into(),
        secure_boot: [None, Some(SecureBoot::V2), Some(SecureBoot::V1 { short_apps: false })]
            [usize::from(how >> 5) % 3],
        ..Options::default()
    };
    let read = csv::read(&text, &options);
    let inside = |span: &std::ops::Range<usize>| assert!(text.get(span.clone()).is_some(), "{span:?}");
    for row in &read.rows {
        inside(&row.span);
        for cell in &row.cells {
            inside(&cell.span);
            inside(&cell.whole);
        }
    }
    for problem in &read.problems {
        inside(&problem.span);
        assert!(problem.row.is_none_or(|row| row < read.rows.len()));
        assert!(problem.related.as_ref().is_none_or(|(row, _)| *row < read.rows.len()));
    }
    let compiled = csv::compile(&text, &options);
    let is_refused = read.problems.iter().any(|problem| problem.is_refused);
    assert_eq!(compiled.is_err(), is_refused, "what is said while editing and when deploying");
    // What the rules accept survives being written.
    let compiled = compiled.ok().filter(|table| !table.partitions.is_empty());
    if let Some(table) = compiled {
        let again = PartitionTable::parse(&table.to_bytes()).expect("a table that was compiled");
        assert_eq!(again.partitions.len(), table.partitions.len());
    }
});
