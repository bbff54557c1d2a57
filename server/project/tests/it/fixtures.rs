//! Where test inputs lie.
//!
//! What others made is not in this repository: it lies in `../shared` (or `FBUILD_SHARED`), and tests
//! that need it say `skipped` without it.

use std::io::Write as _; // straight to stderr: the test runner hides what passing tests print
use std::path::{Path, PathBuf};

use serde_json::Value;

/// Root of the repository.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}

/// The shared fixtures. Without them `None`, and a line that says what is skipped; with `CI=true`
/// that is a failure.
pub(crate) fn shared(what: &str) -> Option<PathBuf> {
    let root = std::env::var_os("FBUILD_SHARED")
        .map_or_else(|| repository().join("../shared"), PathBuf::from);
    let fixtures = root.join("fixtures");
    if fixtures.is_dir() {
        return Some(fixtures);
    }
    assert_ne!(
        std::env::var("CI").as_deref(),
        Ok("true"),
        "{what}: no ../shared, in CI"
    );
    let _ = writeln!(std::io::stderr(), "skipped: {what} (no ../shared)");
    None
}

pub(crate) fn json(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}
