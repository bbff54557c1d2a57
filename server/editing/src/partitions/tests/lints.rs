//! What is reported of tables that ESP-IDF accepts, and what is not.

use super::*;

/// Everything that is reported, with a flash of 4 MiB.
fn said(rows: &str) -> String {
    let found = diagnostics(rows, &project(configuration(Some(4 << 20))));
    listed(rows, &found)
}

#[test]
fn a_good_table_is_left_alone() {
    let table = "# Name, Type, SubType, Offset, Size, Flags\n\
                 nvs, data, nvs, , 0x4000,\notadata, data, ota, , 0x2000,\n\
                 phy_init, data, phy, , 0x1000,\nota_0, app, ota_0, , 0x1F0000,\n\
                 ota_1, app, ota_1, , 0x1F0000,\n\
                 coredump, data, coredump, , 64K,\n";
    assert_eq!(said(table), "");
}

#[test]
fn space_that_nobody_uses_is_a_hint() {
    let table = "nvs, data, nvs, 0x9000, 0x4000\napp, app, factory, 0x20000, 1M\n";
    assert_eq!(
        said(table),
        "2 hint gap '0x20000'\n2 hint flash-unused '1M'\n"
    );
    let table = "app, app, factory, 0x11000, 0x3EF000\n";
    assert_eq!(said(table), "1 error align-app-offset '0x11000'\n");
    // Space for alignment is not a gap.
    let table = "nvs, data, nvs, 0x9000, 0x4000\napp, app, factory, 0x10000, 0x3F0000\n";
    assert_eq!(said(table), "");
}

#[test]
fn apps_that_do_not_go_together() {
    for (rows, expected) in [
        (
            "a, app, ota_0, , 0x1F0000\nb, app, ota_1, , 0x200000\n",
            "1 warning otadata-missing 'ota_0'\n1 information ota-sizes-differ '0x1F0000'\n",
        ),
        (
            "o, data, ota, , 8K\na, app, ota_0, , 0x1F0000\nb, app, ota_2, , 0x1F0000\n",
            "3 warning ota-gap 'ota_2'\n",
        ),
        (
            "a, app, factory, , 0x3F0000, readonly\n",
            "1 hint readonly-app 'readonly'\n",
        ),
        (
            "a, 0x05, 1, , 0x3F7000\n",
            "1 warning no-app 'a, 0x05, 1, , 0x3F7000'\n1 hint type-reserved '0x05'\n",
        ),
    ] {
        let said = said(rows);
        let is_about_apps = |line: &&str| !line.contains(" gap ") && !line.contains("flash-unused");
        let only: Vec<&str> = said.lines().filter(is_about_apps).collect();
        let expected: Vec<&str> = expected.lines().collect();
        assert_eq!(only, expected, "{rows}");
    }
}

#[test]
fn an_app_that_outgrew_its_partition() {
    let codes = |table: &str, len| {
        let found = diagnostics(table, &built(len));
        let about = found.iter().filter(|d| d.code.starts_with("app-"));
        about.map(|d| (d.severity, d.code)).collect::<Vec<_>>()
    };
    let one = "app, app, factory, , 1M\n";
    // Five hundredths of 1 MiB are 51.2 KiB.
    assert_eq!(codes(one, (1 << 20) - 53_000), []);
    assert_eq!(
        codes(one, (1 << 20) - 52_000),
        [(Severity::Warning, "app-nearly-full")]
    );
    assert_eq!(
        codes(one, (1 << 20) + 1),
        [(Severity::Error, "app-too-large")]
    );
    // It fits another one: the build accepts that, with a warning.
    let two = "o, data, ota, , 8K\na, app, ota_0, , 1M\nb, app, ota_1, , 2M\n";
    assert_eq!(
        codes(two, 1 << 21),
        [
            (Severity::Warning, "app-too-large"),
            (Severity::Warning, "app-nearly-full")
        ]
    );
    // A TEE is another program.
    let tee = "t, app, tee_0, , 64K\na, app, factory, , 2M\n";
    assert_eq!(codes(tee, 1 << 20), []);
}

/// The Arduino build writes to fixed places and does not compare the table with the flash.
#[test]
fn arduino_is_told_what_its_build_does_not_check() {
    let mut known = configuration(Some(4 << 20));
    known.is_arduino = true;
    known.fixed_app_offset = Some(0x1_0000);
    let facts = project(known);
    let table = "nvs, data, nvs, 0x9000, 0x8000\napp, app, factory, 0x20000, 4M\n";
    let found = diagnostics(table, &facts);
    assert_eq!(
        listed(table, &found),
        "1 warning boot-app0-clobbers 'nvs, data, nvs, 0x9000, 0x8000'\n\
         2 warning app-not-at-fixed-offset '0x20000'\n2 error flash-overflow '4M'\n"
    );
    let beyond = found.iter().find(|it| it.code == "flash-overflow");
    let message = &beyond.unwrap().message;
    assert!(message.contains("nothing starts"), "{message}");
}

/// Subtypes come from CMake files, too, which only a build has read.
#[test]
fn an_unknown_subtype_is_certain_once_the_project_was_built() {
    let table = "a, data, mine, , 4K\nb, data, spifs, , 4K\n";
    let severities = |extra_subtypes| {
        let known = Configuration {
            extra_subtypes,
            ..configuration(None)
        };
        let found = diagnostics(table, &project(known)).into_iter();
        let about = found.filter(|d| d.code == "subtype-unknown");
        about.map(|d| d.severity).collect::<Vec<_>>()
    };
    assert_eq!(severities(None), [Severity::Warning, Severity::Error]);
    assert_eq!(
        severities(Some(Vec::new())),
        [Severity::Error, Severity::Error]
    );
    // Without a project nobody adds anything.
    assert!(has_errors(&diagnostics(table, &Facts::default())));
}

#[test]
fn an_overlap_shows_the_other_row() {
    let table = "nvs, data, nvs, 0x9000, 0x8000\napp, app, factory, 0x10000, 1M\n";
    let found = diagnostics(table, &Facts::default());
    let [related] = found[0].related.as_slice() else {
        panic!("{found:?}")
    };
    assert_eq!(
        &table[related.span.clone()],
        "nvs, data, nvs, 0x9000, 0x8000"
    );
    assert_eq!(related.message, "'nvs' ends at 0x11000");
}

/// Of several environments with one table the smallest flash counts.
#[test]
fn a_table_has_to_fit_the_smallest_flash() {
    let env = |name: &str, flash| Configuration {
        env: Some(name.to_owned()),
        ..configuration(Some(flash))
    };
    let facts = Facts {
        configurations: vec![env("big", 16 << 20), env("small", 4 << 20)],
        ..project(configuration(None))
    };
    let found = diagnostics("app, app, factory, , 8M\n", &facts);
    assert!(
        found.iter().any(|d| d.code == "flash-overflow"),
        "{found:?}"
    );
}

/// A log that somebody named partitions.csv: neither a flood of diagnostics nor an hour of thought.
#[test]
fn what_is_no_table_is_not_commented_line_by_line() {
    let rows = "1, data, nvs\n".repeat(5000);
    let found = diagnostics(&rows, &Facts::default());
    assert!(found.iter().any(|d| d.code == "too-many-entries"));
    assert!(found.len() < 1000, "{}", found.len());
}

/// As the documentation of another tool has it.
#[test]
fn a_missing_comma_is_the_only_error_of_its_row() {
    let table = "partition_table                0xA000,   0x1000\n\
                 otadata,        data, ota,     0xB000,   0x2000,\nota_0,          app,  ota_0,   0x40000,  0x3e0000,\n";
    let found = diagnostics(table, &project(configuration(Some(16 << 20))));
    let errors = found.iter().filter(|it| it.severity == Severity::Error);
    let errors: Vec<_> = errors.map(|it| it.message.as_str()).collect();
    assert_eq!(
        errors,
        ["This row has 2 cells; a comma is missing after 'partition_table'."]
    );
}

#[test]
fn one_fault_of_a_row_is_reported_once() {
    let app = "a, app, factory, 0x10000, 0x3F0000\n";
    for (row, expected) in [
        (
            "nvs;data;nvs;0x9000;20K",
            "1 error type-empty 'nvs;data;nvs;0x9000;20K'",
        ),
        (
            "a_name_of_many_letters|data|nvs|0x9000|20K",
            "1 error type-empty 'a_name_of_many_letters|data|nvs|0x9000|20K'",
        ),
        (
            "nvs,data;nvs;0x9000;20K",
            "1 error type-unknown 'nvs,data;nvs;0x9000;20K'",
        ),
        (
            "nvs, data, nvs; 0x9000; 20K",
            "1 error subtype-unknown 'nvs, data, nvs; 0x9000; 20K'",
        ),
        (
            "nvs, data, nvs, 9000, 0x7000",
            "1 error below-table-end '9000'",
        ),
        (
            "nvs, data, nvs, 40000, 0x6000",
            "1 error align-data-offset '40000'",
        ),
        (
            "nvs, data, nvs, c000, 0x4000",
            "1 error number-invalid 'c000'",
        ),
    ] {
        let table = format!("{row}\n{app}");
        let said = said(&table);
        let errors = said.lines().filter(|line| line.contains(" error "));
        let errors: Vec<_> = errors.collect();
        assert_eq!(errors, [expected], "{said}");
    }
    let table = format!("nvs, data, nvs, 9000, 0x7000\n{app}");
    let found = diagnostics(&table, &project(configuration(Some(4 << 20))));
    assert_eq!(found[0].message, "Offset 9000 is decimal; write 0x9000.");
    // Outside the flash, and in the app.
    for offset in ["400000", "11000"] {
        let table = format!("nvs, data, nvs, {offset}, 0x7000\n{app}");
        let found = diagnostics(&table, &project(configuration(Some(4 << 20))));
        let is_decimal = |it: &Diagnostic| it.message.contains("is decimal");
        assert!(
            !found.is_empty() && !found.iter().any(is_decimal),
            "{found:?}"
        );
    }
    // Really decimal, and in a place where it can be.
    assert_eq!(said(&format!("nvs, data, nvs, 36864, 0x7000\n{app}")), "");
}
