//! The corpus of tables with what the genuine `gen_esp32part.py` makes of it is compared in
//! `tests/`; here are the rules that a corpus does not show.

use proptest::prelude::*;

use super::*;

fn code(text: &str) -> &'static str {
    compile(text, &Options::default()).unwrap_err().code
}

/// Spaces in place of commas, or what other programs write: one problem, with the code of what the genuine
/// tool stops at.
#[test]
fn a_row_that_is_none_is_told_once() {
    for (row, code, message) in [
        (
            "Name,Type,SubType,Offset,Size,Flags",
            "type-unknown",
            "This row names the columns: begin it with #.",
        ),
        (
            r#""nvs","data","nvs","","0x6000""#,
            "type-unknown",
            "Quotes are a part of the text here: write the cells without them.",
        ),
        (
            "partition_table   0xA000,   0x1000",
            "type-range",
            "This row has 2 cells; a comma is missing after 'partition_table'.",
        ),
        (
            "nvs data nvs 0x9000 0x5000",
            "type-empty",
            "This row has one cell; a comma is missing after 'nvs'.",
        ),
        (
            "nvs  data, nvs, 0x9000, 0x5000",
            "type-unknown",
            "This row has 4 cells; a comma is missing after 'nvs'.",
        ),
    ] {
        let read = read(
            &format!("{row}\nok, data, fat, 0x10000, 4K\n"),
            &Options::default(),
        );
        let told: Vec<_> = read
            .problems
            .iter()
            .map(|it| (it.code, it.message.as_str()))
            .collect();
        assert_eq!(told, [(code, message)], "{row}");
    }
    // A name may have a space in it.
    let read = super::read("my data, data, nvs, 0x9000\n", &Options::default());
    assert!(
        read.problems.iter().all(|it| !it.message.contains("comma")),
        "{:?}",
        read.problems
    );
}

#[test]
fn blanks_are_filled_and_a_negative_size_is_an_end_address() {
    let table = compile(
        "# comment\n nvs , data, nvs, , 24K\n\napp, APP, Factory, , 1M, encrypted\nrest, 0x40, 7, , -4M\n",
        &Options::default(),
    )
    .unwrap();
    let places: Vec<_> = table
        .partitions
        .iter()
        .map(|p| (p.offset, p.size))
        .collect();
    assert_eq!(
        places,
        [
            (0x9000, 0x6000),
            (0x1_0000, 0x10_0000),
            (0x11_0000, 0x2f_0000)
        ]
    );
    assert_eq!(table.partitions[1].flags, 1);
    assert_eq!(
        (table.partitions[2].kind, table.partitions[2].subtype),
        (0x40, 7)
    );
}

#[test]
fn variables_come_from_the_environment() {
    let options = Options {
        variables: [("SIZE".to_owned(), "2M".to_owned())].into(),
        ..Options::default()
    };
    let table = compile("app,app,factory,,$SIZE\ndata,data,fat,,${SIZE}\n", &options).unwrap();
    assert_eq!(table.partitions[1].size, 0x20_0000);
    assert_eq!(
        compile("$ROW\n", &options).unwrap_err().code,
        "unknown-variable"
    );
}

#[test]
fn rules_that_the_corpus_has_no_file_for() {
    assert_eq!(code("a,app,,,1M\n"), "subtype-empty-app");
    assert_eq!(code("a,app,factory\n"), "size-empty");
    assert_eq!(code("a,app,factory,0x11000,1M\n"), "align-app-offset");
    assert_eq!(
        code("a,app,factory,,1M\na,data,fat,,1M\n"),
        "name-duplicate"
    );
    assert_eq!(code("b,bootloader,primary,,\n"), "primary-offset-undefined");
    let rows: Vec<_> = (0..95).map(|n| format!("p{n},0x40,0,,4K")).collect();
    let rows = rows.join("\n");
    assert_eq!(code(&rows), "too-many-entries");
    let no_md5 = Options {
        md5: false,
        ..Options::default()
    };
    assert!(compile(&rows, &no_md5).is_ok());
}

#[test]
fn an_error_tells_the_line() {
    let error = compile(
        "nvs,data,nvs,,24K\n\nx,data,spifs,,1M\n",
        &Options::default(),
    )
    .unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("line 3: Unknown data subtype 'spifs'. Did you mean 'spiffs'? Known: ota"),
        "{error}"
    );
}

/// Codes of everything that is refused, with the text that each is about.
fn refusals<'t>(text: &'t str, options: &Options) -> Vec<(&'static str, &'t str)> {
    let found = read(text, options).problems.into_iter();
    found
        .filter(|problem| problem.is_refused)
        .map(|problem| (problem.code, &text[problem.span]))
        .collect()
}

fn by(version: &str) -> Options {
    Options {
        version: IdfVersion::find(version),
        ..Options::default()
    }
}

/// One table for each rule: what is between « and » is what the rule is about.
#[test]
fn every_rule_names_the_cell_that_breaks_it() {
    for (code, table) in [
        ("type-empty", "«a, , nvs, , 4K»"),
        ("type-unknown", "a, «apps», nvs, , 4K"),
        ("type-range", "a, «0x100», 1, , 4K"),
        ("type-range", "a, «-1», 1, , 4K"),
        ("type-range", "a, data, «256», , 4K"),
        ("subtype-empty-app", "«a, app, , , 1M»"),
        ("subtype-unknown", "a, app, «ota_16», , 1M"),
        ("subtype-unknown", "a, app, «ota_01», , 1M"),
        ("subtype-unknown", "a, data, «spifs», , 1M"),
        ("subtype-unknown", "a, 0x40, «nvs», , 1M"),
        ("size-empty", "«a, data, nvs, 0x9000»"),
        ("number-invalid", "a, data, nvs, «start», 0x4000"),
        ("number-invalid", "a, data, nvs, , «1.5M»"),
        ("number-invalid", "a, data, nvs, , «$SIZE»"),
        ("offset-range", "a, data, fat, «0x100000000», 4K"),
        ("offset-range", "a, data, fat, , «99999999999999999999999»"),
        ("offset-range", "a, data, fat, , «0x100000000»"),
        ("flag-unknown", "a, data, fat, , 4K, encrypted:«read»"),
        ("flag-unknown", "a, data, fat, , 4K, «Encrypted»"),
        ("flag-unknown", "a, data, fat, , 4K, «encrypted readonly»"),
        ("flag-unknown", "a, data, fat, , 4K, «# why»"),
        ("flag-unknown", "a, data, fat, , 4K, «encrypted:»"),
        ("unknown-variable", "«$ROW»"),
        ("primary-offset-undefined", "a, bootloader, «primary», , "),
        ("below-table-end", "a, data, fat, «0x8000», 4K"),
        ("below-table-end", "a, data, fat, «-0x8000», 4K"),
        (
            "overlap",
            "a, data, fat, 0x9000, 0x8000\nb, app, factory, «0x10000», 1M",
        ),
        (
            "overlap",
            "a, data, fat, 0x20000, 4K\nb, data, nvs, «0x9000», 0x4000",
        ),
        ("size-negative", "a, data, fat, 0x10000, «-0x8000»"),
        ("align-app-offset", "a, app, factory, «0x11000», 1M"),
        ("align-data-offset", "a, data, fat, «0x9100», 4K"),
        ("align-app-size", "a, app, factory, , «0x10100»"),
        ("readonly-forbidden", "a, data, ota, , 0x2000, «readonly»"),
        (
            "readonly-forbidden",
            "a, data, coredump, , 64K, encrypted:«readonly»",
        ),
        ("nvs-min-size", "a, data, nvs, , «8K»"),
        (
            "name-duplicate",
            "a, data, fat, , 4K\n«a», data, spiffs, , 4K",
        ),
        (
            "otadata-multiple",
            "a, data, ota, , 0x2000\nb, data, «ota», , 0x2000",
        ),
        ("otadata-size", "a, data, ota, , «0x1000»"),
        (
            "tee-otadata-multiple",
            "a, data, tee_ota, , 8K\nb, data, «tee_ota», , 8K",
        ),
        ("tee-otadata-size", "a, data, tee_ota, , «4K»"),
        ("flash-overflow", "a, data, fat, , «5M»"),
    ] {
        let (before, rest) = table.split_once('«').unwrap();
        let (marked, after) = rest.split_once('»').unwrap();
        // An empty type: nothing can be shown but the row.
        let text = format!("# 名😀\r\n{before}{marked}{after}\r\n");
        let options = Options {
            flash_bytes: Some(4 << 20),
            ..Options::default()
        };
        assert_eq!(refusals(&text, &options), [(code, marked)], "{table}");
        let refused = compile(&text, &options).unwrap_err();
        let line = 2 + before.matches('\n').count();
        assert_eq!((refused.code, refused.line), (code, Some(line)), "{table}");
    }
}

#[test]
fn rules_differ_between_versions() {
    let accepted = |version: &str, table: &str| compile(table, &by(version)).is_ok();
    for (table, last_refusing, first_accepting) in [
        ("a,bootloader,ota,0x9000,\n", "5.3", "5.4"),
        ("a,app,tee_0,,1M\n", "5.4", "5.5"),
        ("a,data,tee_ota,,8K\n", "5.4", "5.5"),
        ("a,data,littlefs,,1M\n", "5.1", "5.1.1"),
        ("a,data,fat,,1M,readonly\n", "5.1.9", "5.2"),
        ("\u{feff}# header\na,data,fat,,1M\n", "5.3", "5.4"),
        ("a,data,fat,0x9004,1M\n", "5.0", "4.4"),
        ("a,data,fat,0x9002,1M\n", "4.4", ""),
        ("a,app,factory,,0x10100\n", "5.3", "5.2"),
        ("a,data,nvs,,8K\n", "5.5", "5.4"),
    ] {
        let with_bootloader = |version| Options {
            bootloader_offset: Some(0x1000),
            ..by(version)
        };
        assert!(
            compile(table, &with_bootloader(last_refusing)).is_err(),
            "{table}"
        );
        if !first_accepting.is_empty() {
            let result = compile(table, &with_bootloader(first_accepting));
            assert!(result.is_ok(), "{table}: {result:?}");
        }
    }
    // Before 5.5 two TEE otadata partitions were two partitions of a number without a name.
    assert!(accepted("5.4", "a,data,0x90,,4K\nb,data,0x90,,4K\n"));
    assert!(!accepted("5.5", "a,data,0x90,,4K\nb,data,0x90,,4K\n"));
    let blanks = compile("a,data,fat,,0x1004\nb,data,fat,,4K\n", &by("4.4")).unwrap();
    assert_eq!(blanks.partitions[1].offset, 0xa004);
    let warned = read("a,data,fat,0x9004,1M\n", &by("4.4")).problems;
    assert_eq!(
        (warned[0].code, warned[0].is_refused),
        ("align-data-offset", false)
    );
}

#[test]
fn secure_boot_asks_for_more_of_app_sizes() {
    let code = |version, secure_boot, size: &str| {
        let options = Options {
            secure_boot,
            ..by(version)
        };
        let table = format!("a,app,factory,,{size}\n");
        compile(&table, &options).err().map(|error| error.code)
    };
    let v1 = |short_apps| Some(SecureBoot::V1 { short_apps });
    assert_eq!(code("5.0", None, "0x10100"), None);
    assert_eq!(
        code("5.0", Some(SecureBoot::V2), "0x10100"),
        Some("align-app-size")
    );
    assert_eq!(code("6.0", v1(false), "0x11000"), Some("align-app-size-v1"));
    assert_eq!(code("6.0", v1(true), "0x11000"), None);
}

#[test]
fn the_project_adds_subtypes() {
    let options = Options {
        extra_subtypes: ExtraSubtype::parse("data, mine, 0x99")
            .into_iter()
            .collect(),
        ..Options::default()
    };
    let table = compile("a,data,MINE,,4K\n", &options).unwrap();
    assert_eq!(table.partitions[0].subtype, 0x99);
    assert_eq!(code("a,data,mine,,4K\n"), "subtype-unknown");
}

/// A row that cannot be read does not make its neighbours wrong.
#[test]
fn one_mistake_is_one_problem() {
    let table = "a, data, nvs, , 0x4OOO\nb, app, factory, , 1M\nc, data, fat, 0x200000, 1M\n\
                 d, data, fat, , 4K\ne, apps, x, , 1M\nf, data, fat, , 4K, what\n";
    let options = Options::default();
    let codes: Vec<_> = refusals(table, &options)
        .into_iter()
        .map(|(code, _)| code)
        .collect();
    assert_eq!(codes, ["number-invalid", "type-unknown", "flag-unknown"]);
    let offsets: Vec<_> = read(table, &options)
        .rows
        .iter()
        .map(|row| row.offset)
        .collect();
    assert_eq!(
        offsets,
        [
            Some(0x9000),
            None,
            Some(0x20_0000),
            Some(0x30_0000),
            None,
            None
        ]
    );
}

#[test]
fn a_variable_may_stand_for_a_whole_row() {
    let options = Options {
        variables: [("ROW".to_owned(), "a,data,nvs,,16K".to_owned())].into(),
        ..Options::default()
    };
    let reading = read("$ROW\n$ROW\n", &options);
    assert_eq!(reading.rows[0].size, Some(0x4000));
    assert_eq!(
        reading.problems[0].span,
        5..9,
        "the second row has the first one's name"
    );
}

proptest! {
    #[test]
    fn no_text_panics(text in "([a-z_0]{0,6},(app|data|0x40|),(ota|factory|nvs|)?,-?[0-9kM]{0,9},-?[0-9xkM]{0,9}[,\n]){0,6}\\PC{0,20}") {
        let _ = compile(&text, &Options { flash_bytes: Some(0x40_0000), ..Options::default() });
    }

    /// Whatever bytes an editor shows: every place lies in the text and between characters.
    #[test]
    fn places_are_always_in_the_text(
        text in "([\u{feff}$a😀\u{2028}\r\n\t ]{0,3}(app|data|boot|0x40|名)?[,:]?(-?[0-9kMxK.]{0,9}[,\n]){0,3}){0,12}",
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
        minor in 0u16..6,
    ) {
        let options = Options {
            version: Some(IdfVersion::new(5, minor)),
            flash_bytes: Some(0x40_0000),
            variables: [("a".to_owned(), "x,y".to_owned())].into(),
            ..Options::default()
        };
        for text in [text.as_str(), &String::from_utf8_lossy(&bytes)] {
            let reading = read(text, &options);
            let cells = reading.rows.iter().flat_map(|row| {
                row.cells.iter().flat_map(|cell| [cell.whole.clone(), cell.span.clone()])
            });
            let rows = reading.rows.iter().map(|row| row.span.clone());
            let problems = reading.problems.iter().map(|problem| problem.span.clone());
            for span in cells.chain(rows).chain(problems) {
                prop_assert!(text.get(span.clone()).is_some(), "{span:?} in {text:?}");
            }
            for related in reading.problems.iter().filter_map(|problem| problem.related.as_ref()) {
                prop_assert!(related.0 < reading.rows.len());
            }
        }
    }
}
