//! Workspaces of genuine firmware, whole and broken: what is reported about their files is what a deploy
//! says.

use std::io::Write as _; // straight to stderr: the test runner hides what passing tests print
use std::process::{Command, Stdio};

use fbuild_editing::facts::{Build, Facts};
use fbuild_editing::format::View;
use fbuild_editing::{Diagnostic, Severity, formats};
use fbuild_project::discover::discover;

use super::*;

/// The workspaces of the shared fixtures, laid out; `None` where they are absent.
fn workspaces(what: &str) -> Option<tempfile::TempDir> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let root = std::env::var_os("FBUILD_SHARED").map_or(beside, PathBuf::from);
    let fixtures = root.join("fixtures");
    if !fixtures.is_dir() {
        assert_ne!(
            std::env::var("CI").as_deref(),
            Ok("true"),
            "CI needs ../shared"
        );
        let _ = writeln!(std::io::stderr(), "skipped: {what} (no ../shared)");
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let status = Command::new("python3")
        .arg(fixtures.join("assemble.py"))
        .arg(folder.path())
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    Some(folder)
}

fn facts(root: &Path, environment: &Environment) -> (Facts, Discovery) {
    let found = discover(root, environment);
    let build = |target: &Target| Build {
        target: target.clone(),
        images: Vec::new(),
    };
    let facts = Facts {
        root: root.to_owned(),
        builds: found.targets.iter().map(build).collect(),
        files: gather(root, environment, &found, &[]),
        ..Facts::default()
    };
    (facts, found)
}

fn errors(path: &Path, facts: &Facts) -> Vec<Diagnostic> {
    let text = std::fs::read_to_string(path).unwrap();
    let view = View {
        path,
        text: &text,
        facts,
    };
    let mut found = formats::of(view).unwrap().diagnostics(view);
    found.retain(|it| it.severity == Severity::Error);
    found
}

/// Directories below `folder` that hold a file of this name, and where that is.
fn files(folder: &Path, name: &str, depth: usize, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() && depth > 0 {
            files(&path, name, depth - 1, found);
        } else if path.ends_with(name) {
            found.push(path);
        }
    }
}

/// What a deploy to any board would refuse a build for.
fn refusal_of(target: &Target) -> Option<&'static str> {
    match image::load(target, None) {
        Err(error) => Some(error.code()),
        Ok(loaded) => loaded.check_unseen().err().map(|error| error.code()),
    }
}

#[test]
fn what_a_deploy_refuses_is_an_error_and_nothing_else() {
    let Some(folder) = workspaces("help in the fixtures' workspaces") else {
        return;
    };
    let environment = Environment::from_pairs([]);
    let (mut whole, mut refused) = (0, 0);
    let mut args = Vec::new();
    files(folder.path(), "flasher_args.json", 5, &mut args);
    assert!(args.len() > 5, "{args:?}");
    for path in args {
        let root = path.parent().unwrap().parent().unwrap();
        let (facts, found) = facts(root, &environment);
        let errors = errors(&path, &facts);
        let target = found.targets.iter().find(|it| it.found_in == path);
        let code = match target {
            Some(target) => refusal_of(target),
            None => Some("json"),
        };
        let codes: Vec<&str> = errors.iter().map(|it| it.code).collect();
        match code {
            None => {
                assert_eq!(codes, [""; 0], "{}", path.display());
                whole += 1;
            }
            Some(code) => {
                assert!(
                    codes.contains(&code),
                    "{}: {code} is not in {codes:?}",
                    path.display()
                );
                refused += 1;
            }
        }
    }
    assert!(whole > 2 && refused > 2, "{whole} whole, {refused} refused");
}

#[test]
fn environments_have_the_errors_of_their_builds_and_no_others() {
    let Some(folder) = workspaces("help in the fixtures' platformio.ini") else {
        return;
    };
    let mut projects = Vec::new();
    files(folder.path(), "platformio.ini", 4, &mut projects);
    assert!(!projects.is_empty());
    for path in projects {
        let root = path.parent().unwrap();
        let core = format!("{}.side/.platformio", root.display());
        let core = ("PLATFORMIO_CORE_DIR".to_owned(), core);
        let environment = Environment::from_pairs([core]);
        let (facts, found) = facts(root, &environment);
        let refusals = found
            .targets
            .iter()
            .filter(|it| it.name.starts_with("platformio:"));
        let mut wanted: Vec<&str> = refusals.filter_map(refusal_of).collect();
        let errors = errors(&path, &facts);
        let mut codes: Vec<&str> = errors.iter().map(|it| it.code).collect();
        codes.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(codes, wanted, "{}: {errors:?}", path.display());
    }
}
