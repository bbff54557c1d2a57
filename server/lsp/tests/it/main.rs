//! The built binary as its users start it: over stdio, and from a shell.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // a test that panics is a test that fails

mod board;
#[cfg(unix)] // the tools are shell scripts
mod builds;
#[cfg(unix)]
mod cargo_builds;
mod command_line;
mod editing;
mod endurance;
#[cfg(unix)]
mod first_builds;
#[cfg(target_os = "linux")]
mod large_projects;
mod layouts;
mod mcp;
#[cfg(target_os = "linux")]
mod monitor;
mod names;
mod project;
mod pygls;
mod python;
mod stdio;
#[cfg(target_os = "linux")]
mod strange_files;
#[cfg(unix)]
mod terminal;
mod unread;

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

/// Longest wait for anything in these tests; far more than anything takes.
const LONG: Duration = Duration::from_secs(30);

/// The binary in a directory, with its state there, too.
fn run(directory: &Path, arguments: &[&str]) -> Output {
    let mut command = fbuild_lsp(directory);
    let command = command.current_dir(directory).args(arguments);
    command.output().unwrap()
}

/// The binary, with a state directory of its own.
fn fbuild_lsp(state: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fbuild-lsp"));
    command
        .env("XDG_STATE_HOME", state)
        .env("HOME", state)
        .env("LOCALAPPDATA", state);
    command.env_remove("NO_COLOR");
    // glibc gives threads pools of their own, up to eight per core, so that memory that is held for
    // later grows with the number of threads that there ever were; one test measures what is held.
    command.env("MALLOC_ARENA_MAX", "1");
    command
}
