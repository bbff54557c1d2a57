//! Programs of others.

use std::io::Write as _; // straight to stderr: the test runner hides what passing tests print
use std::path::PathBuf;

/// A program of this machine; `None`, with a line that says so, where it is absent. CI has it.
pub(crate) fn program_or_skip(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places = std::env::split_paths(&path).map(|dir| dir.join(name));
    let found = places.find(|path| path.is_file());
    if found.is_none() {
        skip(&format!(
            "{name} is not installed (tests/run has its package)"
        ));
    }
    found
}

pub(super) fn skip(why: &str) {
    let is_ci = std::env::var_os("CI").is_some_and(|ci| ci == "true");
    assert!(!is_ci, "{why}, in CI");
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}
