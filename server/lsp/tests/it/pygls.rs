//! A client that nobody here wrote: pygls 2.1.1 from PyPI drives the server over stdio, with every
//! message typed and checked by lsprotocol. `pygls/client.py` is the conversation.
//!
//! Installed once, under `$XDG_CACHE_HOME/fbuild-tests` (or `~/.cache/fbuild-tests`). Where that is
//! impossible the test says so and returns, except with CI=true.

use std::fs::File;
use std::io::Write as _; // straight to stderr: the test runner hides what passing tests print
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::project;

const PACKAGE: &str = "pygls==2.1.1";

fn cache_dir() -> Option<PathBuf> {
    let base = match std::env::var_os("XDG_CACHE_HOME") {
        Some(base) => PathBuf::from(base),
        None => PathBuf::from(std::env::var_os("HOME")?).join(".cache"),
    };
    let dir = base.join("fbuild-tests");
    std::fs::create_dir_all(&dir).ok()?;
    Some(dir)
}

/// A Python that has pygls.
fn python() -> Result<PathBuf, String> {
    let cache = cache_dir().ok_or("there is no cache directory")?;
    let lock = File::create(cache.join("pygls.lock")).map_err(|error| error.to_string())?;
    // Held off until another test run has installed it.
    lock.lock().map_err(|error| error.to_string())?;
    let venv = cache.join("venv-pygls-2.1.1");
    let bin = if cfg!(windows) { "Scripts" } else { "bin" };
    let python = venv.join(bin).join("python");
    if venv.join(".complete").exists() {
        return Ok(python);
    }
    let _ = std::fs::remove_dir_all(&venv);
    run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
    let install = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        PACKAGE,
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

#[test]
fn an_independent_client_deploys_erases_and_cancels() {
    let python = match python() {
        Ok(python) => python,
        Err(why) => {
            assert!(
                std::env::var("CI").as_deref() != Ok("true"),
                "{why}, and nothing may be skipped with CI=true"
            );
            let _ = writeln!(std::io::stderr(), "skipped: pygls ({why})");
            return;
        }
    };
    let folder = tempfile::tempdir().unwrap();
    let app = project::app_image(&project::body(40_000, 1));
    project::write(folder.path(), &app);
    let large = folder.path().join("large");
    std::fs::create_dir(&large).unwrap();
    project::write(&large, &project::app_image(&project::body(1_000_000, 2)));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/pygls/client.py");
    let output = Command::new(python)
        .arg(script)
        .arg(env!("CARGO_BIN_EXE_fbuild-lsp"))
        .arg(folder.path())
        .env("XDG_STATE_HOME", folder.path())
        .env("HOME", folder.path())
        .env("LOCALAPPDATA", folder.path())
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (said, errors) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{said}\n{errors}");
    assert!(said.ends_with("all said\n"), "{said}\n{errors}");
    // Read without any of their code or ours.
    let flash = std::fs::read(folder.path().join("board.bin")).unwrap();
    assert!(flash[project::APP_OFFSET..].starts_with(&app));
    assert!(
        flash[..project::APP_OFFSET]
            .iter()
            .all(|byte| *byte == 0xFF)
    );
}
