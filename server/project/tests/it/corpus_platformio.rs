//! `platformio.ini` as PlatformIO Core 6.2.0 reads it.

use std::path::Path;

use fbuild_project::discover::Environment;
use fbuild_project::discover::platformio_config::{
    ConfigProblem, ProblemKind, ProjectConfig, Value,
};
use serde_json::Value as Json;

use crate::fixtures::{json, repository};

const CORE_DIR: &str = "/core";

fn to_json(value: Option<Value>) -> Json {
    match value {
        None => Json::Null,
        Some(Value::Text(text)) => text.into(),
        Some(Value::List(items)) => items.into(),
        Some(Value::Int(number)) => number.into(),
        Some(Value::Bool(value)) => value.into(),
    }
}

/// Every section with every value, as `pio project config --json-output` prints them.
fn resolved(config: &ProjectConfig<'_>) -> Result<Json, ConfigProblem> {
    let mut sections = Vec::new();
    for section in config.sections() {
        let items = config.items(section)?;
        let items: Vec<_> = items
            .into_iter()
            .map(|(name, value)| Json::from(vec![name.into(), to_json(value)]))
            .collect();
        sections.push(Json::from(vec![section.into(), Json::from(items)]));
    }
    Ok(sections.into())
}

/// Paths and the time as the corpus writes them.
fn placeholders(value: &Json, project: &Path) -> Json {
    let digits_after = |text: &str, mark: &str| {
        let Some((before, after)) = text.split_once(mark) else {
            return text.to_owned();
        };
        let rest = after.trim_start_matches(|c: char| c.is_ascii_digit());
        if rest.len() == after.len() {
            text.to_owned()
        } else {
            format!("{before}{mark}@UNIX_TIME@{rest}")
        }
    };
    match value {
        Json::String(text) => {
            let text = text.replace(project.to_str().unwrap(), "@PROJECT@");
            let text = if text == CORE_DIR {
                "@CORE@".to_owned()
            } else {
                text
            };
            digits_after(&text, "-DNOW=").into()
        }
        Json::Array(items) => items
            .iter()
            .map(|item| placeholders(item, project))
            .collect(),
        other => other.clone(),
    }
}

/// The kind that stands for PlatformIO's own name of an error.
fn kind(name: &str, message: &str) -> ProblemKind {
    match name {
        "UnknownEnvNamesError" => ProblemKind::UnknownEnvs,
        "DuplicateOptionError" => ProblemKind::DuplicateOption,
        "DuplicateSectionError" => ProblemKind::DuplicateSection,
        "MissingSectionHeaderError" => ProblemKind::MissingSectionHeader,
        "ParsingError" => ProblemKind::Parsing,
        "ProjectEnvsNotAvailableError" => ProblemKind::NoEnvs,
        "InvalidEnvNameError" => ProblemKind::BadEnvName,
        "ProjectOptionValueError" if message.contains("__env__") => ProblemKind::Interpolation,
        "ProjectOptionValueError" if message.starts_with("Invalid value") => ProblemKind::BadValue,
        "InvalidProjectConfError"
            if message.contains("'%' must be followed")
                || message.contains("Bad value substitution") =>
        {
            ProblemKind::Percent
        }
        // The second is what refers to itself.
        "InvalidProjectConfError" | "RecursionError" => ProblemKind::Interpolation,
        other => panic!("no kind for {other}: {message}"),
    }
}

#[test]
fn every_file_of_the_corpus_is_read_as_platformio_reads_it() {
    let corpus = repository().join("tests/platformio");
    let environment = Environment::from_pairs(
        [
            ("PLATFORMIO_CORE_DIR", CORE_DIR),
            ("FBUILD_TEST_PORT", "/dev/ttyUSB7"),
            ("HOME", "/home/u"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    let expected = json(&corpus.join("expected.json"));
    let files = expected["files"].as_object().unwrap();
    assert_eq!(files.len(), 42);
    let (mut good, mut refused) = (0, 0);
    for (name, expected) in files {
        let project = corpus.join(name);
        let config = ProjectConfig::load(&project, &environment);
        let all = config.as_ref().map_err(Clone::clone).and_then(resolved);
        if name == "42-err-bom" {
            // The error is shown where it is edited; what was built before is deployed.
            assert!(all.is_ok(), "{name}");
        } else if expected["resolved"].is_array() {
            let actual = placeholders(&all.unwrap_or_else(|e| panic!("{name}: {e}")), &project);
            assert_eq!(actual, expected["resolved"], "{name}");
            good += 1;
        } else {
            let problem = all.expect_err(name);
            let lint = &expected["lint"]["errors"][0];
            let wanted = if name == "14-err-extends-cycle" {
                ProblemKind::ExtendsCycle // PlatformIO never returns
            } else {
                kind(
                    lint["type"].as_str().unwrap(),
                    lint["message"].as_str().unwrap(),
                )
            };
            assert_eq!(problem.kind, wanted, "{name}: {problem}");
            if let Some(line) = lint["lineno"].as_u64() {
                assert_eq!(problem.line, usize::try_from(line).ok(), "{name}");
            }
            refused += 1;
        }
        // What reads well and cannot be used.
        if let Ok(config) = &config {
            let problems: Vec<_> = config
                .problems()
                .iter()
                .map(|problem| problem.kind)
                .collect();
            let lint = expected["lint"]["errors"].as_array();
            let wanted: Vec<_> = lint
                .into_iter()
                .flatten()
                .map(|error| {
                    kind(
                        error["type"].as_str().unwrap(),
                        error["message"].as_str().unwrap(),
                    )
                })
                .filter(|_| expected["resolved"].is_array())
                .collect();
            assert_eq!(problems, wanted, "{name}");
        }
    }
    assert_eq!((good, refused), (24, 17));
}

#[test]
fn messages_say_what_is_wrong_and_where() {
    let corpus = repository().join("tests/platformio");
    let environment = Environment::default();
    let message = |name: &str, option: &str| {
        let config = match ProjectConfig::load(&corpus.join(name), &environment) {
            Ok(config) => config,
            Err(problem) => return problem.to_string(),
        };
        let first = config.problems().first().map(ToString::to_string);
        first.unwrap_or_else(|| config.get("env:esp32dev", option).unwrap_err().to_string())
    };
    assert_eq!(
        message("11-err-unknown-default-env", ""),
        "default_envs names 'esp32-dev', but the environments are 'esp32dev'"
    );
    assert_eq!(
        message("13-err-parse", ""),
        "'board esp32dev' is neither a section nor an option (name = value)"
    );
    assert_eq!(
        message("14-err-extends-cycle", "board"),
        "[a] extends itself: env:esp32dev -> a -> b -> a"
    );
    assert_eq!(
        message("20-err-bad-int", "upload_speed"),
        "option 'upload_speed' in [env:esp32dev]: 'fast' is not a whole number"
    );
    assert_eq!(
        message("21-err-interpolation-missing", "build_flags"),
        "option 'build_flags' in [env:esp32dev] refers to ${common.build_flags}, but there is no \
         section [common]"
    );
}
