//! From the shell, onto a board that another process serves: what a person sees, and what `cmp` finds.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use super::{esptools, newer};
use crate::harness::{self, EXAMPLE_FILES, Run, assert_holds_example, edited_example, example};

/// Long enough for any machine; nothing waits for it to pass.
const PATIENCE: Duration = Duration::from_mins(2);

/// `fbuild-lsp sim`, a process of its own.
struct Simulated {
    folder: TempDir,
    process: Child,
    port: String,
}

impl Simulated {
    fn new(time: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let flash = folder.path().join("board.bin");
        let args = ["sim", "--chip", "esp32", "--time", time, "--flash"];
        let mut process = harness::command(&args)
            .arg(&flash)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut port = String::new();
        let mut said = BufReader::new(process.stdout.take().unwrap());
        said.read_line(&mut port).unwrap();
        Self {
            folder,
            process,
            port: port.trim_end().to_owned(),
        }
    }

    fn flash(&self) -> PathBuf {
        self.folder.path().join("board.bin")
    }

    fn assert_holds(&self, project: &Path) {
        assert_holds_example(&self.flash(), project);
    }
}

impl Drop for Simulated {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub(super) fn by_esptool(
    command: &str,
    project: &Path,
    port: &str,
    program: &Path,
    more: &[&str],
) -> Run {
    let (project, program) = (project.to_str().unwrap(), program.to_str().unwrap());
    let mut args = vec![command, project, "--port", port, "--json"];
    args.extend(["--backend", "esptool", "--esptool", program]);
    args.extend(more);
    harness::run(&args)
}

#[test]
fn a_blank_board_then_nothing_then_what_differs() {
    for program in esptools() {
        let board = Simulated::new("accounted");
        let port = &board.port;
        let differs = by_esptool("verify", &example(), port, &program, &[]);
        assert_eq!(differs.code, Some(1), "{}", differs.stderr);
        assert_eq!(differs.json()["error"]["code"], "differs");
        let first = by_esptool("deploy", &example(), port, &program, &[]);
        assert_eq!(first.code, Some(0), "{}", first.stderr);
        assert_eq!(first.json()["message"], "deploy succeeded (full flash)");
        assert_eq!(first.json()["backend"], "esptool");
        board.assert_holds(&example());
        let second = by_esptool("deploy", &example(), port, &program, &[]).json();
        assert_eq!(second["outcome"], "verifySkip", "{second:#}");

        let edited = board.folder.path().join("edited");
        edited_example(&edited);
        let third = by_esptool("deploy", &edited, port, &program, &[]).json();
        assert_eq!(
            third["message"],
            "deploy succeeded (selective flash: firmware; 61 of 61 sectors)"
        );
        board.assert_holds(&edited);
        // The other backend finds what this one wrote.
        let native = harness::deploy(&edited, port, &[]).json();
        assert_eq!(native["outcome"], "verifySkip", "{native:#}");
    }
}

/// A `sim:` port is served on a pty for as long as the deploy takes.
#[test]
fn a_simulated_port_is_made_a_device() {
    let Some(program) = newer() else { return };
    let folder = tempfile::tempdir().unwrap();
    let flash = folder.path().join("board.bin");
    let port = format!("sim:{}?chip=esp32", flash.display());
    let first = by_esptool("deploy", &example(), &port, &program, &[]).json();
    assert_eq!(first["outcome"], "fullFlash", "{first:#}");
    assert_eq!(first["port"], port);
    assert_holds_example(&flash, &example());
    let wrong = by_esptool("deploy", &example(), "sim:?colour=red", &program, &[]);
    assert_eq!(wrong.code, Some(2));
    assert_eq!(wrong.json()["error"]["code"], "port-name");
}

/// The same fields with the same contents, but for what the document says is different.
#[test]
fn the_json_is_the_native_backends() {
    for program in esptools() {
        let folder = tempfile::tempdir().unwrap();
        let port = |name: &str| format!("sim:{}", folder.path().join(name).display());
        for more in [
            &[][..],
            &[],
            &["--full"],
            &["--regions", "firmware"],
            &["--dry-run"],
        ] {
            let mut native = harness::deploy(&example(), &port("a.bin"), more).json();
            let mut esptool =
                by_esptool("deploy", &example(), &port("b.bin"), &program, more).json();
            assert_eq!(native["backend"].take(), "native");
            assert_eq!(esptool["backend"].take(), "esptool");
            for result in [&mut native, &mut esptool] {
                without_measures(result);
            }
            assert_eq!(native, esptool, "{more:?}");
        }
    }
}

/// Takes out what is measured or predicted, and the board's file.
fn without_measures(result: &mut Value) {
    for field in ["durationMs", "port"] {
        assert!(!result[field].take().is_null());
    }
    for region in result["regions"].as_array_mut().unwrap() {
        let sent = region["bytesSent"].take();
        assert_eq!(sent.as_u64().unwrap() > 0, region["written"] == true);
        if region["verdict"] == "differs" {
            region["sectorsDiffering"].take();
        }
    }
    result["plan"]["predictedMs"].take();
    for write in result["plan"]["writes"].as_array_mut().unwrap() {
        for field in ["predictedMs", "wireBytes", "runs"] {
            assert!(!write[field].take().is_null());
        }
    }
}

/// Everything that needs no board is checked before any program is started.
#[test]
#[cfg(unix)]
fn a_missing_file_is_named_before_anything_is_run() {
    let folder = tempfile::tempdir().unwrap();
    let project = folder.path().join("project");
    for (_, file) in EXAMPLE_FILES
        .iter()
        .chain(&[(0, "build/flasher_args.json")])
    {
        let to = project.join(file);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(example().join(file), to).unwrap();
    }
    let program = folder.path().join("esptool");
    // By a process of its own: what any process has open for writing cannot be run.
    let write = r#"printf '#!/bin/sh\ntouch "$0.was-run"\n' > "$1" && chmod 755 "$1""#;
    let status = std::process::Command::new("sh")
        .args(["-c", write, "sh"])
        .arg(&program)
        .status();
    assert!(status.unwrap().success());
    let was_run = || folder.path().join("esptool.was-run").exists();

    let missing = project.join("build/example.bin");
    std::fs::remove_file(&missing).unwrap();
    let refused = by_esptool("deploy", &project, "/dev/null", &program, &[]);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    let error = &refused.json()["error"];
    assert_eq!(error["code"], "file-missing");
    let what = error["message"].as_str().unwrap();
    assert!(
        what.starts_with("firmware: ") && what.contains("example.bin"),
        "{what}"
    );
    let empty = by_esptool(
        "deploy",
        &project,
        "/dev/null",
        &program,
        &["--regions", ""],
    );
    assert_eq!(empty.code, Some(2), "{}", empty.stderr);
    assert!(!was_run(), "esptool was started");

    // And it would have been started otherwise.
    let unusable = by_esptool("deploy", &example(), "/dev/null", &program, &[]);
    assert_eq!(unusable.json()["error"]["code"], "esptool-unusable");
    assert!(was_run());
}

#[test]
fn an_esptool_that_is_not_there_is_named_with_what_to_do() {
    let nothing = Path::new("/nonexistent/esptool");
    let refused = by_esptool("deploy", &example(), "/dev/null", nothing, &[]);
    assert_eq!(refused.code, Some(2));
    assert_eq!(refused.json()["error"]["code"], "esptool-unusable");
    // The native backend has a use for one with an ESP8266 only.
    let project = example();
    let args = ["deploy", project.to_str().unwrap(), "--port", "sim:"];
    let output = harness::command(&args)
        .args(["--esptool", "/nonexistent/esptool"])
        .output();
    let alone = Run::of(&output.unwrap());
    assert_eq!(alone.code, Some(2));
    assert!(
        alone.stderr.contains("--backend esptool"),
        "{}",
        alone.stderr
    );
    let folder = tempfile::tempdir().unwrap();
    let args = ["deploy", project.to_str().unwrap(), "--port", "/dev/null"];
    let output = harness::command(&args)
        .args(["--backend", "esptool"])
        .env("PATH", "")
        .env("HOME", folder.path())
        .env_remove("IDF_PYTHON_ENV_PATH")
        .env_remove("IDF_TOOLS_PATH")
        .output()
        .unwrap();
    let missing = Run::of(&output);
    assert_eq!(missing.code, Some(2));
    assert!(
        missing.stderr.contains("pip install esptool"),
        "{}",
        missing.stderr
    );
}

/// It is found on PATH by the name that its version has, and in PlatformIO's Python environment.
#[test]
#[cfg(unix)]
fn an_installed_esptool_is_found() {
    for program in esptools() {
        let folder = tempfile::tempdir().unwrap();
        let bin = program.parent().unwrap();
        let core = folder.path().join("platformio");
        std::fs::create_dir(&core).unwrap();
        std::os::unix::fs::symlink(bin.parent().unwrap(), core.join("penv")).unwrap();
        for (path, core) in [(bin, folder.path()), (folder.path(), core.as_path())] {
            let port = format!("sim:{}", folder.path().join("board.bin").display());
            let project = example();
            let args = [
                "verify",
                project.to_str().unwrap(),
                "--port",
                &port,
                "--json",
            ];
            let output = harness::command(&args)
                .args(["--backend", "esptool"])
                .env("PATH", path)
                .env("HOME", folder.path())
                .env("PLATFORMIO_CORE_DIR", core)
                .env_remove("IDF_PYTHON_ENV_PATH")
                .env_remove("IDF_TOOLS_PATH")
                .output()
                .unwrap();
            let run = Run::of(&output);
            assert_eq!(run.json()["error"]["code"], "differs", "{}", run.stderr);
        }
    }
}

/// Interrupted in the middle: esptool is gone when the command ends, its files as well, the board's
/// state is told, and the next deploy repairs it.
#[test]
#[cfg(target_os = "linux")] // where a process's folder can be looked up
fn an_interrupted_write_leaves_nothing_behind_and_is_repaired() {
    for program in esptools() {
        let board = Simulated::new("real");
        let temporary = tempfile::tempdir().unwrap();
        let project = example();
        let args = ["deploy", project.to_str().unwrap(), "--port", &board.port];
        let mut child = harness::command(&args)
            .args([
                "--json",
                "--baud",
                "115200",
                "--backend",
                "esptool",
                "--esptool",
            ])
            .arg(&program)
            .env("TMPDIR", temporary.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let since = Instant::now();
        let is_writing = || {
            let flash = std::fs::read(board.flash()).unwrap_or_default();
            flash.get(0x1_0000).is_some_and(|byte| *byte == 0xE9)
        };
        while !is_writing() {
            assert!(since.elapsed() < PATIENCE, "nothing is written");
            assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
            std::thread::sleep(Duration::from_millis(20));
        }
        let pid = child.id().to_string();
        let status = std::process::Command::new("kill")
            .args(["-INT", &pid])
            .status();
        assert!(status.unwrap().success());
        let run = Run::of(&child.wait_with_output().unwrap());
        assert_eq!(run.code, Some(130));
        let result = run.json();
        assert_eq!(result["outcome"], "cancelled", "{result:#}");
        let message = result["message"].as_str().unwrap();
        assert!(
            message.contains("writing had begun (firmware)"),
            "{message}"
        );
        let left: Vec<_> = std::fs::read_dir(temporary.path()).unwrap().collect();
        assert!(left.is_empty(), "{left:?}");
        assert!(!anybody_in(temporary.path()), "esptool runs on");

        // At full speed, onto the board as it was left.
        let repaired = by_esptool("deploy", &project, &board.port, &program, &[]);
        assert_eq!(repaired.code, Some(0), "{}", repaired.stderr);
        assert_ne!(repaired.json()["outcome"], "verifySkip");
        board.assert_holds(&project);
    }
}

/// Whether any process is in a folder below this one, also in one that is gone.
#[cfg(target_os = "linux")]
fn anybody_in(folder: &Path) -> bool {
    let processes = std::fs::read_dir("/proc").unwrap();
    let mut folders =
        processes.filter_map(|entry| std::fs::read_link(entry.ok()?.path().join("cwd")).ok());
    folders.any(|cwd| cwd.starts_with(folder))
}

/// Nothing but the end of its last user puts a board on a pty into download mode: a monitor does not keep it open.
#[test]
fn a_monitor_gives_a_board_on_a_pty_to_esptool() {
    let Some(program) = newer() else { return };
    let board = Simulated::new("accounted");
    let state = board.folder.path().join("state");
    let mut monitor = harness::command(&["monitor", "--port", &board.port])
        .env("XDG_STATE_HOME", &state)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let is_offered = || {
        let mut kept = std::fs::read_dir(state.join("fbuild-lsp"))
            .into_iter()
            .flatten();
        kept.any(|file| file.unwrap().path().extension() == Some("sock".as_ref()))
    };
    let begun = Instant::now();
    while !is_offered() {
        assert!(
            begun.elapsed() < PATIENCE,
            "the monitor does not offer its port"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
    let example = example();
    let deployed = harness::command(&["deploy", example.to_str().unwrap()])
        .env("XDG_STATE_HOME", &state)
        .args(["--port", &board.port, "--backend", "esptool", "--esptool"])
        .arg(program)
        .output()
        .unwrap();
    monitor.kill().unwrap();
    let notes = monitor.wait_with_output().unwrap().stderr;
    let notes = String::from_utf8(notes).unwrap();
    let said = String::from_utf8(deployed.stderr).unwrap();
    assert_eq!(deployed.status.code(), Some(0), "{said}");
    board.assert_holds(&example);
    assert!(notes.contains("is given to another fbuild-lsp"), "{notes}");
}
