//! What a person meets who does something wrong, or whose port does: the message, the exit code, and
//! that the board was not touched.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::harness::{self, Run, Served, root};

/// Every refused workspace of the fixtures, with the code that it must be refused with.
#[test]
fn broken_builds_are_refused_before_the_board_is_touched() {
    let Some(fixtures) = harness::shared("broken builds") else {
        return;
    };
    let manifest: Value =
        serde_json::from_slice(&std::fs::read(fixtures.join("manifest.json")).unwrap()).unwrap();
    let folder = harness::workspaces(&fixtures, &["bad"]);
    let mut refused = 0;
    for (name, workspace) in manifest["workspaces"].as_object().unwrap() {
        let Some(code) = workspace["expect"]["problem"].as_str() else {
            continue;
        };
        let flash = folder.path().join("board.bin");
        let port = format!("sim:{}?chip=esp32", flash.display());
        let run = harness::deploy(&folder.path().join(name), &port, &[]);
        assert_eq!(run.code, Some(2), "{name}: {}", run.stderr);
        let result = run.json();
        assert_eq!(result["outcome"], "failed", "{name}");
        assert_eq!(result["error"]["code"], code, "{name}: {result:#}");
        assert!(
            !result["error"]["remedy"].as_str().unwrap().is_empty(),
            "{name}"
        );
        assert!(!flash.exists(), "{name}: the port was opened");
        refused += 1;
    }
    assert_eq!(refused, 10);
}

fn example() -> String {
    root().join("tests/example").to_str().unwrap().to_owned()
}

fn refused(args: &[&str], code: i32, words: &[&str]) -> Run {
    let run = harness::run(args);
    assert_eq!(run.code, Some(code), "{args:?}: {}", run.stderr);
    for word in words {
        assert!(
            run.stderr.contains(word),
            "{args:?}: no '{word}' in {}",
            run.stderr
        );
    }
    run
}

#[test]
fn wrong_requests_name_what_would_be_right() {
    let folder = tempfile::tempdir().unwrap();
    let flash = folder.path().join("board.bin");
    let port = format!("sim:{}", flash.display());
    let (example, port) = (example(), port.as_str());
    let deploy = |more: &[&'static str], words: &[&str]| {
        let mut args = vec!["deploy", &example, "--port", port];
        args.extend(more);
        refused(&args, 2, words);
    };
    deploy(
        &["--regions", "firmwear"],
        &["firmwear", "bootloader", "partitions", "firmware"],
    );
    deploy(
        &["--regions", "firmware,firmware"],
        &["'firmware' is listed twice in the choice of regions"],
    );
    deploy(&["--regions", ""], &["region"]);
    deploy(&["--target", "release"], &["release", "espidf:build"]);
    for rate in ["fast", "7", "6000000"] {
        refused(
            &["deploy", &example, "--port", port, "--baud", rate],
            2,
            &["--baud", "\"auto\" or a number from 9600 to 5000000"],
        );
    }
    deploy(&["--no-such-option"], &["--no-such-option"]);
    // What such a chip does not have, and what no option means.
    for options in ["secure-download=1", "speed=1"] {
        let port = format!("{port}?{options}");
        let args = ["deploy", &example, "--port", &port];
        refused(&args, 2, &["sim:FILE?option=value", "options that exist"]);
    }
    let empty = folder.path().to_str().unwrap();
    refused(&["deploy", empty, "--port", port], 2, &["build"]);
    refused(
        &["deploy", &example, "--port", "sim:x.bin?chip=esp8285"],
        2,
        &["esp8285", "esp32c3"],
    );
    refused(
        &["deploy", &example, "--port", "sim:x.bin?colour=red"],
        2,
        &["colour", "chip"],
    );
    assert!(!flash.exists(), "the port was opened");
}

#[test]
fn a_port_that_does_not_exist() {
    refused(
        &["deploy", &example(), "--port", "/dev/does-not-exist"],
        2,
        &["/dev/does-not-exist does not exist", "fbuild-lsp ports"],
    );
}

/// Whatever else a name leads to, it is told and left alone.
#[cfg(unix)]
#[test]
fn what_is_no_serial_port() {
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("fifo");
    assert!(
        Command::new("mkfifo")
            .arg(&fifo)
            .status()
            .unwrap()
            .success()
    );
    let file = folder.path().join("file");
    std::fs::write(&file, "x").unwrap();
    for path in [Path::new("/dev/null"), &fifo, &file, folder.path()] {
        let port = path.to_str().unwrap();
        let said = format!("'{port}' is not a port: what is there is not a serial port");
        refused(&["deploy", &example(), "--port", port], 2, &[&said]);
    }
    assert_eq!(std::fs::read(&file).unwrap(), b"x");
    for path in [Path::new("/dev/zero"), &fifo] {
        let port = format!("sim:{}", path.display());
        let words = ["not a regular file", "with a regular file"];
        refused(&["deploy", &example(), "--port", &port], 2, &words);
    }
}

#[test]
fn a_tcp_port_that_nobody_serves() {
    // Bound and closed again: free, as far as can be known.
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let port = format!("socket://{free}");
    refused(&["deploy", &example(), "--port", &port], 1, &[&port]);
}

/// A served board: the pty that another program may hold.
fn serve(flash: &Path) -> Served {
    let mut sim = harness::command(&["sim", "--chip", "esp32", "--flash"]);
    Served::start(sim.arg(flash).stderr(Stdio::null()))
}

#[cfg(unix)]
#[test]
fn a_port_that_another_program_holds() {
    let folder = tempfile::tempdir().unwrap();
    let served = serve(&folder.path().join("board.bin"));
    // What a serial monitor does: it opens the port and locks it.
    let mut monitor = Command::new("flock")
        .args([
            // One process, so that ending it lets go of the lock.
            "--no-fork",
            "--exclusive",
            &served.port,
            "sh",
            "-c",
            "echo held; exec sleep 60",
        ])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(
        &mut std::io::BufReader::new(monitor.stdout.take().unwrap()),
        &mut line,
    )
    .unwrap();
    let run = harness::run(&["deploy", &example(), "--port", &served.port]);
    monitor.kill().unwrap();
    monitor.wait().unwrap();
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    // On other systems it may not be seen who that is.
    let said = if cfg!(target_os = "linux") {
        format!(
            "port {} is held by sleep (pid {})",
            served.port,
            monitor.id()
        )
    } else {
        format!("port {} is", served.port)
    };
    assert!(run.stderr.contains(&said), "{said}: {}", run.stderr);
    // And free again.
    let run = harness::deploy(
        &root().join("tests/example"),
        &served.port,
        &["--baud", "921600"],
    );
    assert_eq!(run.json()["outcome"], "fullFlash", "{}", run.stderr);
}

/// Another run of this program is named with what it does, for as long as it does that.
#[cfg(target_os = "linux")]
#[test]
fn a_port_that_another_deploy_holds() {
    let folder = tempfile::tempdir().unwrap();
    let served = serve(&folder.path().join("board.bin"));
    let command = |args: &[&str]| {
        let mut command = harness::command(args);
        command.env("XDG_STATE_HOME", folder.path());
        command
    };
    let args = ["deploy", &example(), "--port", &served.port];
    let mut first = command(&args)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // Its port is open and it says so; while it is stopped it stays at that.
    let notes = || {
        let kept = std::fs::read_dir(folder.path().join("fbuild-lsp")).into_iter();
        let paths = kept.flatten().flatten().map(|file| file.path());
        let is_note = |path: &std::path::PathBuf| {
            path.extension()
                .is_some_and(|extension| extension == "json")
                && path.file_name().is_some_and(|name| name != "rates.json")
        };
        paths.filter(is_note).count()
    };
    while notes() == 0 {
        assert_eq!(first.try_wait().unwrap(), None, "it printed nothing");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let signal = |name: &str| {
        let pid = first.id().to_string();
        assert!(
            Command::new("kill")
                .args([name, &pid])
                .status()
                .unwrap()
                .success()
        );
    };
    signal("-STOP");
    let mut refused = vec![Run::of(&command(&args).output().unwrap())];
    if let Some(esptool) = harness::python_tool("venv-esptool-5.6.0", "esptool") {
        let mut command = command(&args);
        command
            .args(["--backend", "esptool", "--esptool"])
            .arg(esptool);
        refused.push(Run::of(&command.output().unwrap()));
    }
    signal("-CONT");
    let said = format!(
        "port {} is held by fbuild-lsp (pid {}), deploying {}",
        served.port,
        first.id(),
        example()
    );
    for run in refused {
        assert_eq!(run.code, Some(1), "{}", run.stderr);
        assert!(run.stderr.contains(&said), "{said}: {}", run.stderr);
        let remedy = "wait until it is done, or cancel it there";
        assert!(run.stderr.contains(remedy), "{}", run.stderr);
    }

    // The refused run took nothing away, and the first takes its own note with it.
    assert_eq!(notes(), 1);
    assert!(first.wait().unwrap().success());
    assert_eq!(notes(), 0);
}

/// So is one of this program's that esptool works for: what holds the port is the esptool.
#[cfg(target_os = "linux")]
#[test]
fn a_port_that_the_esptool_of_another_deploy_holds() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let served = serve(&folder.path().join("board.bin"));
    let esptool = folder.path().join("esptool");
    let held = folder.path().join("held");
    let script = format!(
        "#!/bin/sh\ncase \" $* \" in *\" version \"*) echo 'esptool v5.6.0'; exit;; esac\n\
         exec flock --no-fork --exclusive {} sh -c 'echo $$ >{}; exec sleep 60'\n",
        served.port,
        held.display()
    );
    std::fs::write(&esptool, script).unwrap();
    std::fs::set_permissions(&esptool, std::fs::Permissions::from_mode(0o755)).unwrap();
    let command = |args: &[&str]| {
        let mut command = harness::command(args);
        command.env("XDG_STATE_HOME", folder.path());
        command
    };
    let example = example();
    let by_esptool = [
        "--backend",
        "esptool",
        "--esptool",
        esptool.to_str().unwrap(),
    ];
    let mut first = command(&["deploy", &example, "--port", &served.port])
        .args(by_esptool)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let pid = loop {
        let pid = std::fs::read_to_string(&held).unwrap_or_default();
        if pid.ends_with('\n') {
            break pid.trim().to_owned();
        }
        assert_eq!(first.try_wait().unwrap(), None, "esptool was not run");
        std::thread::sleep(std::time::Duration::from_millis(5));
    };
    let second = Run::of(
        &command(&["deploy", &example, "--port", &served.port])
            .output()
            .unwrap(),
    );
    assert!(Command::new("kill").arg(&pid).status().unwrap().success());
    first.wait().unwrap();
    assert_eq!(second.code, Some(1), "{}", second.stderr);
    let said = format!(
        "port {} is held by sleep (pid {pid}), deploying {example}",
        served.port
    );
    assert!(second.stderr.contains(&said), "{said}: {}", second.stderr);
}

/// Returns as soon as the app's first bytes are in flash.
#[cfg(unix)]
fn wait_for_first_write(flash: &Path) {
    use std::os::unix::fs::FileExt as _;
    let deadline = std::time::Instant::now() + std::time::Duration::from_mins(1);
    let file = std::fs::File::open(flash).unwrap();
    let mut magic = [0xFF];
    while magic == [0xFF] {
        assert!(
            std::time::Instant::now() < deadline,
            "nothing was ever written"
        );
        std::thread::sleep(std::time::Duration::from_millis(5));
        file.read_exact_at(&mut magic, 0x1_0000).unwrap();
    }
}

/// The server of the simulated board is ended in the middle of a write: to the deploy that is a
/// cable pulled out.
#[cfg(unix)]
#[test]
fn a_port_that_vanishes_half_way() {
    use std::io::BufRead as _;
    let folder = tempfile::tempdir().unwrap();
    let flash = folder.path().join("board.bin");
    let mut served = serve(&flash);
    let mut child = harness::command(&["deploy", &example(), "--port", &served.port, "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let stderr = std::io::BufReader::new(child.stderr.take().unwrap());
    // Keeps reading, so that the deploy never waits for its reader.
    let log = std::thread::spawn(move || stderr.lines().map_while(Result::ok).collect::<Vec<_>>());
    wait_for_first_write(&flash);
    served.process.kill().unwrap();
    let output = child.wait_with_output().unwrap();
    let run = Run::of(&output);
    assert_eq!(run.code, Some(1));
    let result = run.json();
    let log = log.join().unwrap();
    assert_eq!(
        result["error"]["code"], "link-lost",
        "{result:#}, log {log:?}"
    );
    assert!(
        result["error"]["boardState"]
            .as_str()
            .unwrap()
            .contains("next deploy"),
        "{result:#}"
    );

    drop(served);
    let served = serve(&flash);
    let repaired = harness::deploy(&root().join("tests/example"), &served.port, &[]).json();
    assert!(repaired["error"].is_null(), "{repaired:#}");
    let verified = harness::run(&["verify", &example(), "--port", &served.port]);
    assert_eq!(verified.code, Some(0), "{}", verified.stderr);
}

/// Ctrl-C while writing: stops at the next block, exit code 130, and the next deploy repairs.
#[cfg(unix)]
#[test]
fn ctrl_c_while_writing() {
    use std::io::BufRead as _;
    let folder = tempfile::tempdir().unwrap();
    let port = format!(
        "sim:{}?time=real",
        folder.path().join("board.bin").display()
    );
    let mut child = harness::command(&["deploy", &example(), "--port", &port, "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = std::io::BufReader::new(child.stderr.take().unwrap()).lines();
    while !stderr.next().unwrap().unwrap().starts_with("to write") {}
    let status = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(status.success());
    let rest: Vec<String> = stderr.map_while(Result::ok).collect();
    let run = Run::of(&child.wait_with_output().unwrap());
    assert_eq!(run.code, Some(130), "{rest:?}");
    assert_eq!(run.json()["outcome"], "cancelled");
    let port = port.replace("time=real", "time=accounted");
    let repaired = harness::deploy(&root().join("tests/example"), &port, &[]).json();
    assert!(repaired["error"].is_null(), "{repaired:#}");
}
