//! Programs that nobody here wrote, driving a board on a pty: esptool 5.6.0 from PyPI, espflash 4.7.0
//! built by cargo install. They are installed once, under `$XDG_CACHE_HOME/fbuild-tests` (or
//! `~/.cache/fbuild-tests`). Where that is impossible a test says so and returns, except with CI=true.

use std::io::Write as _; // straight to stderr: the test runner hides what passing tests print
mod espflash;
mod esptool;

use std::fs::File;
use std::path::PathBuf;
use std::process::{Command, Output};

/// What a finished program said.
pub(super) struct Finished {
    pub(super) exit: Option<i32>,
    pub(super) text: String,
}

impl From<Output> for Finished {
    fn from(output: Output) -> Self {
        Self {
            exit: output.status.code(),
            text: String::from_utf8_lossy(&output.stdout).into_owned()
                + &String::from_utf8_lossy(&output.stderr),
        }
    }
}

impl Finished {
    pub(super) fn expect(&self, exit: i32, text: &str) {
        assert_eq!(self.exit, Some(exit), "{}", self.text);
        assert!(
            self.text.contains(text),
            "'{text}' is not in:\n{}",
            self.text
        );
    }
}

pub(super) fn skip(what: &str) {
    assert!(
        std::env::var("CI").as_deref() != Ok("true"),
        "{what}, and nothing may be skipped with CI=true"
    );
    let _ = writeln!(std::io::stderr(), "skipped: {what}");
}

fn cache_dir() -> Option<PathBuf> {
    let base = match std::env::var_os("XDG_CACHE_HOME") {
        Some(base) => PathBuf::from(base),
        None => PathBuf::from(std::env::var_os("HOME")?).join(".cache"),
    };
    let dir = base.join("fbuild-tests");
    std::fs::create_dir_all(&dir).ok()?;
    Some(dir)
}

/// Holds off other tests, and other test processes, while a tool is installed.
fn install_lock(dir: &std::path::Path, name: &str) -> File {
    let file = File::create(dir.join(format!("{name}.lock"))).unwrap();
    file.lock().unwrap();
    file
}

fn run(command: &mut Command) -> Result<(), String> {
    match command.output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(format!(
            "{command:?} failed: {}",
            String::from_utf8_lossy(&output.stderr)
        )),
        Err(error) => Err(format!("{command:?}: {error}")),
    }
}

/// Bytes without pattern, the same in every run.
pub(super) fn noise(len: usize, seed: u32) -> Vec<u8> {
    let mut state = seed | 1;
    std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    })
    .take(len)
    .collect()
}
