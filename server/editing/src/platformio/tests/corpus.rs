//! The corpus, and what PlatformIO itself makes of it.

use std::path::PathBuf;

use fbuild_project::discover::Environment;
use fbuild_project::discover::platformio_config::{Files, OnDisk};

use super::*;
use crate::project_files::ProjectFiles;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/platformio")
}

/// The kinds of errors that PlatformIO knows.
fn kind(code: &str, message: &str) -> &'static str {
    match code {
        "UnknownEnvNamesError" => "unknown-environment",
        "DuplicateOptionError" => "duplicate-option",
        "DuplicateSectionError" => "duplicate-section",
        "MissingSectionHeaderError" if message.contains("ufeff") => "byte-order-mark",
        "MissingSectionHeaderError" => "text-before-section",
        "ParsingError" => "not-an-option",
        "ProjectEnvsNotAvailableError" => "no-environment",
        "InvalidEnvNameError" => "environment-name",
        "ProjectOptionValueError" if message.contains("__env__") => "unresolved",
        "ProjectOptionValueError" => "bad-value",
        "InvalidProjectConfError" if message.contains('%') => "percent",
        // What refers to itself.
        "RecursionError" | "InvalidProjectConfError" => "unresolved",
        other => panic!("no code for {other}: {message}"),
    }
}

#[test]
fn what_platformio_refuses_is_an_error_and_nothing_else_of_the_corpus() {
    let expected = std::fs::read_to_string(corpus().join("expected.json")).unwrap();
    let expected: serde_json::Value = serde_json::from_str(&expected).unwrap();
    let files = expected["files"].as_object().unwrap();
    assert!(files.len() >= 42);
    for (name, expected) in files {
        let root = corpus().join(name);
        let path = root.join("platformio.ini");
        let text = std::fs::read_to_string(&path).unwrap();
        let mut files = ProjectFiles {
            environment: Environment::from_pairs([(
                "FBUILD_TEST_PORT".to_owned(),
                "/dev/ttyUSB7".to_owned(),
            )]),
            ..ProjectFiles::default()
        };
        for pattern in ["boards/*.ini", "local.ini"] {
            let found = OnDisk::default().find(&root, pattern);
            for path in found.iter().flatten() {
                let text = std::fs::read_to_string(path).unwrap();
                files.texts.insert(path.clone(), text);
            }
            files.patterns.insert(pattern.to_owned(), found);
        }
        let facts = Facts {
            files,
            ..Facts::default()
        };
        let view = View {
            path: &path,
            text: &text,
            facts: &facts,
        };
        let found = PlatformIo.diagnostics(view);
        let mut errors: Vec<&str> = found
            .iter()
            // Whether a table is there is no question of `pio project config`.
            .filter(|it| it.severity == Severity::Error && it.code != "table-missing")
            .map(|it| it.code)
            .collect();
        errors.dedup();
        let lint = &expected["lint"];
        let mut wanted: Vec<&str> = match lint["errors"].as_array() {
            // PlatformIO does not return.
            None => vec!["extends-cycle"],
            Some(errors) => errors
                .iter()
                .map(|it| {
                    kind(
                        it["type"].as_str().unwrap(),
                        it["message"].as_str().unwrap(),
                    )
                })
                .collect(),
        };
        wanted.dedup();
        assert_eq!(errors, wanted, "{name}");
        for error in lint["errors"].as_array().into_iter().flatten() {
            if let Some(line) = error["lineno"].as_u64() {
                let ours = found
                    .iter()
                    .any(|it| 1 + text[..it.span.start].matches('\n').count() as u64 == line);
                assert!(ours, "{name}: nothing on line {line}");
            }
        }
        let warnings = lint["warnings"].as_array().map_or(0, Vec::len);
        let ours = found
            .iter()
            .filter(|it| matches!(it.code, "renamed-option" | "unknown-option"));
        assert_eq!(ours.count(), warnings, "{name}: {found:?}");
    }
}
