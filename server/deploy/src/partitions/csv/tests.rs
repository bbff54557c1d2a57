//! The corpus of tables with what the genuine `gen_esp32part.py` makes of it is compared in
//! `tests/`; here are the rules that a corpus does not show.

use proptest::prelude::*;

use super::*;

fn code(text: &str) -> &'static str {
    compile(text, &Options::default()).unwrap_err().code
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
            .starts_with("line 3: Unknown subtype 'spifs'. Known: ota, phy"),
        "{error}"
    );
}

proptest! {
    #[test]
    fn no_text_panics(text in "([a-z_0]{0,6},(app|data|0x40|),(ota|factory|nvs|)?,-?[0-9kM]{0,9},-?[0-9xkM]{0,9}[,\n]){0,6}\\PC{0,20}") {
        let _ = compile(&text, &Options { flash_bytes: Some(0x40_0000), ..Options::default() });
    }
}
