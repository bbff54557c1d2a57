//! Clients that nobody here wrote, from PyPI.
//!
//! Installed once, under `$XDG_CACHE_HOME/fbuild-tests` (or `~/.cache/fbuild-tests`). Where that is
//! impossible a test says so and returns, except with CI=true.

use std::fs::File;
use std::io::Write as _; // straight to stderr: the test runner hides what passing tests print
use std::path::{Path, PathBuf};
use std::process::Command;

fn cache_dir() -> Option<PathBuf> {
    let base = match std::env::var_os("XDG_CACHE_HOME") {
        Some(base) => PathBuf::from(base),
        None => PathBuf::from(std::env::var_os("HOME")?).join(".cache"),
    };
    let dir = base.join("fbuild-tests");
    std::fs::create_dir_all(&dir).ok()?;
    Some(dir)
}

/// A Python that has this package.
fn install(name: &str, version: &str) -> Result<PathBuf, String> {
    let cache = cache_dir().ok_or("there is no cache directory")?;
    let lock =
        File::create(cache.join(format!("{name}.lock"))).map_err(|error| error.to_string())?;
    // Held off until another test run has installed it.
    lock.lock().map_err(|error| error.to_string())?;
    let venv = cache.join(format!("venv-{name}-{version}"));
    let bin = if cfg!(windows) { "Scripts" } else { "bin" };
    let python = venv.join(bin).join("python");
    if venv.join(".complete").exists() {
        return Ok(python);
    }
    let _ = std::fs::remove_dir_all(&venv);
    run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
    let package = format!("{name}=={version}");
    let install = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        &package,
    ];
    run(Command::new(&python).args(install))?;
    File::create(venv.join(".complete")).map_err(|error| error.to_string())?;
    Ok(python)
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command
        .output()
        .map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(format!("{command:?}: {said}"))
}

/// A Python that has this package; `None`: it cannot be had, which was said.
pub(crate) fn with(name: &str, version: &str) -> Option<PathBuf> {
    match install(name, version) {
        Ok(python) => Some(python),
        Err(why) => {
            assert!(
                std::env::var("CI").as_deref() != Ok("true"),
                "{why}, and nothing may be skipped with CI=true"
            );
            let _ = writeln!(std::io::stderr(), "skipped: {name} ({why})");
            None
        }
    }
}

/// Has a client's conversation with the built program about a folder, and with the folder as its home. It ends by
/// saying so.
pub(crate) fn conversation(python: &Path, script: &str, folder: &Path, more: &[&str]) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(script);
    let output = Command::new(python)
        .arg(script)
        .arg(env!("CARGO_BIN_EXE_fbuild-lsp"))
        .arg(folder)
        .args(more)
        .env("XDG_STATE_HOME", folder)
        .env("HOME", folder)
        .env("LOCALAPPDATA", folder)
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (said, errors) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{said}\n{errors}");
    assert!(said.ends_with("all said\n"), "{said}\n{errors}");
}
