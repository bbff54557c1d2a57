//! What the tests share: the binary, the fixtures, and a comparison that our code has no part in.

use std::io::{BufRead as _, BufReader, Write as _}; // straight to stderr: the test runner hides what passing tests print
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;
use tempfile::TempDir;

/// The workspace's folder.
pub(crate) fn root() -> &'static Path {
    // This package lies one folder below it.
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// The binary, built from the sources as they are now.
pub(crate) fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let status = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--package", "fbuild-lsp"])
            .current_dir(root())
            .status()
            .unwrap();
        assert!(status.success(), "fbuild-lsp does not build");
        // …/target/debug/deps/it-… -> …/target/debug
        let folder = std::env::current_exe()
            .unwrap()
            .parent()
            .unwrap()
            .parent()
            .unwrap()
            .to_owned();
        folder.join(format!("fbuild-lsp{}", std::env::consts::EXE_SUFFIX))
    })
}

/// One run of the command line.
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    pub(crate) fn of(output: &Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// The one object on standard output.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|e| panic!("{e}: stdout {:?}, stderr {}", self.stdout, self.stderr))
    }
}

/// A place for the state of one command: what another deploy left would be found by this one.
fn nowhere_yet() -> PathBuf {
    static N: AtomicU32 = AtomicU32::new(0);
    static PLACE: OnceLock<PathBuf> = OnceLock::new();
    let place = PLACE.get_or_init(|| {
        let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("state");
        let _ = std::fs::remove_dir_all(&place);
        place
    });
    place.join(N.fetch_add(1, Ordering::Relaxed).to_string())
}

/// A command of the binary that finds nothing of this machine's: no state, no settings.
pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command.args(args).stdin(Stdio::null());
    command.env("XDG_STATE_HOME", nowhere_yet());
    for name in [
        "PLATFORMIO_CORE_DIR",
        "ARDUINO_DIRECTORIES_DATA",
        "FBUILD_BUILD_DIR",
        "FBUILD_OTA_PASSWORD",
    ] {
        command.env_remove(name);
    }
    command
}

/// A simulated board that a process of its own serves, until this is dropped.
pub(crate) struct Served {
    pub(crate) process: Child,
    /// What it says first: its pty, or its address.
    pub(crate) port: String,
}

impl Served {
    pub(crate) fn start(sim: &mut Command) -> Self {
        let mut process = sim.stdout(Stdio::piped()).spawn().unwrap();
        let mut port = String::new();
        let output = process.stdout.take().unwrap();
        BufReader::new(output).read_line(&mut port).unwrap();
        Self {
            process,
            port: port.trim().to_owned(),
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Runs the binary to its end.
pub(crate) fn run(args: &[&str]) -> Run {
    Run::of(&command(args).output().unwrap())
}

/// `deploy DIR --port PORT --json`.
pub(crate) fn deploy(project: &Path, port: &str, more: &[&str]) -> Run {
    let mut args = vec![
        "deploy",
        project.to_str().unwrap(),
        "--port",
        port,
        "--json",
    ];
    args.extend(more);
    run(&args)
}

/// Third-party firmware lies beside a developer's checkout and not in it. `None`, with a line that
/// says so, where it is absent; on CI it must be there.
pub(crate) fn shared(what: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("FBUILD_SHARED")
        .map_or_else(|| root().parent().unwrap().join("shared"), PathBuf::from);
    let fixtures = folder.join("fixtures");
    if fixtures.is_dir() {
        return Some(fixtures);
    }
    assert!(
        std::env::var_os("CI").is_none_or(|ci| ci != "true"),
        "CI needs ../shared: {what}"
    );
    let _ = writeln!(std::io::stderr(), "skipped: {what} (no ../shared)");
    None
}

/// The named fixture workspaces (or all of a group, `bad`), laid out in a folder of their own.
pub(crate) fn workspaces(fixtures: &Path, names: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let status = Command::new("python3")
        .arg(fixtures.join("assemble.py"))
        .arg(folder.path())
        .args(names)
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "assemble.py {names:?}");
    folder
}

/// Compares a file with flash contents at an offset, by `cmp`: our code has no part in it.
pub(crate) fn assert_in_flash(flash: &Path, offset: u32, file: &Path) {
    let len = std::fs::metadata(file).unwrap().len();
    let output = Command::new("cmp")
        .arg(format!("--ignore-initial={offset}:0"))
        .arg(format!("--bytes={len}"))
        .args([flash, file])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{} at {offset:#x}: {}{}",
        file.display(),
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// A tool from one of the Python environments that `tests/run` makes.
pub(crate) fn python_tool(environment: &str, tool: &str) -> Option<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache"),
        PathBuf::from,
    );
    let path = cache
        .join("fbuild-tests")
        .join(environment)
        .join("bin")
        .join(tool);
    if path.exists() {
        return Some(path);
    }
    assert!(
        std::env::var_os("CI").is_none_or(|ci| ci != "true"),
        "CI needs {}: run tests/run",
        path.display()
    );
    let _ = writeln!(
        std::io::stderr(),
        "skipped: {tool} is not installed (tests/run does it)"
    );
    None
}

/// Where the files of the example go.
pub(crate) const EXAMPLE_FILES: [(u32, &str); 3] = [
    (0x1000, "build/bootloader/bootloader.bin"),
    (0x8000, "build/partition_table/partition-table.bin"),
    (0x1_0000, "build/example.bin"),
];

/// The example of the README.
pub(crate) fn example() -> PathBuf {
    root().join("tests/example")
}

/// The example with another text in it, made in `to`.
pub(crate) fn edited_example(to: &Path) {
    let status = Command::new("python3")
        .arg(example().join("make.py"))
        .args(["--greeting", "Hello again!", "--out"])
        .arg(to.join("build"))
        .status();
    assert!(status.unwrap().success());
}

/// Flash contents hold what is built of the example in `project`.
#[track_caller]
pub(crate) fn assert_holds_example(flash: &Path, project: &Path) {
    for (offset, file) in EXAMPLE_FILES {
        assert_in_flash(flash, offset, &project.join(file));
    }
}

/// Copies a folder's contents into another.
pub(crate) fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let copied = to.join(path.file_name().unwrap());
        if path.is_dir() {
            std::fs::create_dir(&copied).unwrap();
            copy(&path, &copied);
        } else {
            std::fs::copy(&path, &copied).unwrap();
        }
    }
}

/// Region entries of a result, as (name, verdict, written).
pub(crate) fn regions(result: &Value) -> Vec<(String, String, bool)> {
    result["regions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|region| {
            let text = |key: &str| region[key].as_str().unwrap().to_owned();
            (
                text("name"),
                text("verdict"),
                region["written"].as_bool().unwrap(),
            )
        })
        .collect()
}
