//! From the shell onto simulated boards. What is on a board is read from its flash file, without
//! any of our code.

use std::path::Path;
use std::process::{Output, Stdio};

use serde_json::Value;

use crate::{fbuild_lsp, project, run};

const PORT: &str = "sim:board.bin?chip=esp32";

fn outcome(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
}

fn flash(directory: &Path) -> Vec<u8> {
    std::fs::read(directory.join("board.bin")).unwrap()
}

#[test]
fn deploy_verify_and_deploy_again() {
    let directory = tempfile::tempdir().unwrap();
    let mut app = project::app_image(&project::body(40_000, 1));
    project::write(directory.path(), &app);
    let dir = directory.path();

    let verify = run(dir, &["verify", "--port", PORT, "--json"]);
    assert_eq!(
        verify.status.code(),
        Some(1),
        "a blank board does not hold the firmware"
    );

    let first = run(dir, &["deploy", "--port", PORT, "--json"]);
    assert_eq!(outcome(&first)["outcome"], "fullFlash");
    assert_eq!(first.status.code(), Some(0));
    assert!(flash(dir)[project::APP_OFFSET..].starts_with(&app));

    let again = run(dir, &["deploy", "--port", PORT]);
    let text = String::from_utf8(again.stdout).unwrap();
    assert!(
        text.starts_with("deploy succeeded (verify skipped, device already matched)"),
        "{text}"
    );
    let verify = run(dir, &["verify", "--port", PORT, "--json"]);
    assert_eq!(verify.status.code(), Some(0));

    // One word in the middle of the segment, and the checksum with it.
    app = project::app_image(&{
        let mut body = project::body(40_000, 1);
        body[20_000] ^= 0x55;
        body
    });
    project::write(dir, &app);
    let changed = run(dir, &["deploy", "--port", PORT, "--json"]);
    assert_eq!(
        outcome(&changed)["outcome"],
        "selectiveFlash",
        "{}",
        outcome(&changed)
    );
    assert!(flash(dir)[project::APP_OFFSET..].starts_with(&app));
}

/// A plan says what the next deploy then does, and changes nothing.
#[test]
fn a_plan_is_kept() {
    let directory = tempfile::tempdir().unwrap();
    let dir = directory.path();
    let app = project::app_image(&project::body(40_000, 5));
    project::write(dir, &app);
    for arguments in [&["plan"][..], &["deploy", "--dry-run"][..]] {
        let planned = run(dir, &[arguments, &["--port", PORT, "--json"]].concat());
        assert_eq!(planned.status.code(), Some(0), "{}", outcome(&planned));
        let planned = outcome(&planned);
        assert_eq!(planned["outcome"], "planned");
        assert_eq!(
            planned["plan"]["writes"][0]["region"], "firmware",
            "{planned}"
        );
        assert_eq!(planned["plan"]["writes"][0]["sectors"], 10);
        assert!(
            flash(dir).iter().all(|byte| *byte == 0xFF),
            "nothing was written"
        );
    }
    let table = run(dir, &["plan", "--port", PORT]);
    let table = String::from_utf8(table.stdout).unwrap();
    assert!(
        table.lines().nth(2).unwrap().starts_with("firmware"),
        "{table}"
    );
    assert!(table.contains("10 of 10"), "{table}");
    let deployed = outcome(&run(dir, &["deploy", "--port", PORT, "--json"]));
    assert_eq!(deployed["regions"][0]["sectorsWritten"], 10, "{deployed}");
}

#[test]
fn explicit_images_need_no_project() {
    let directory = tempfile::tempdir().unwrap();
    let dir = directory.path();
    let app = project::app_image(&project::body(8192, 2));
    std::fs::write(dir.join("app.bin"), &app).unwrap();
    std::fs::write(dir.join("data.bin"), b"some data").unwrap();
    let arguments = [
        "deploy", "--port", PORT, "--json", "--image", "0x10000", "app.bin", "--image", "0x200000",
        "data.bin",
    ];
    let output = run(dir, &arguments);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let flash = flash(dir);
    assert!(flash[project::APP_OFFSET..].starts_with(&app));
    assert!(flash[0x20_0000..].starts_with(b"some data"));
}

#[test]
fn board_says_who_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let output = run(
        directory.path(),
        &["board", "--port", "sim:b.bin?chip=esp32c3", "--json"],
    );
    let board = outcome(&output)["board"].take();
    assert_eq!(board["chip"], "esp32c3", "{board}");
    assert!(
        board["mac"].is_string() && board["flash"]["size"].is_number(),
        "{board}"
    );
    let output = run(
        directory.path(),
        &["board", "--port", "sim:b.bin?chip=esp32c3"],
    );
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("ESP32-C3"));
}

#[test]
fn a_board_without_a_file_lives_in_the_state_directory() {
    let directory = tempfile::tempdir().unwrap();
    let output = run(directory.path(), &["board", "--port", "sim:", "--json"]);
    assert_eq!(outcome(&output)["board"]["chip"], "esp32");
    assert_eq!(
        std::fs::read_dir(directory.path()).unwrap().count(),
        1,
        "state, nothing else"
    );
}

/// A flash file that somebody has open is a busy port.
#[cfg(unix)]
#[test]
fn ctrl_c_frees_the_port_and_the_next_deploy_repairs() {
    use rustix::process::{Pid, Signal, kill_process};
    use std::io::{BufRead as _, BufReader};

    let directory = tempfile::tempdir().unwrap();
    let dir = directory.path();
    let app = project::app_image(&project::body(1_000_000, 3));
    project::write(dir, &app);
    let real = format!("{PORT}&time=real");
    // Bytes that do not compress: at 115200 baud this would take a minute and a half.
    let mut child = fbuild_lsp(dir)
        .current_dir(dir)
        .args(["deploy", "--port", &real, "--json", "--baud", "115200"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let stderr = BufReader::new(child.stderr.take().unwrap());
    let mut lines = stderr.lines().map(Result::unwrap);
    let planned = lines.find(|line| line.starts_with("to write: "));
    assert!(planned.is_some(), "the write never began");

    let busy = run(dir, &["deploy", "--port", PORT, "--json"]);
    assert_eq!(
        outcome(&busy)["error"]["code"],
        "port-busy",
        "{}",
        outcome(&busy)
    );
    assert_eq!(busy.status.code(), Some(1));

    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
    lines.for_each(drop);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    assert_eq!(outcome(&output)["outcome"], "cancelled");

    let repaired = run(dir, &["deploy", "--port", PORT, "--json"]);
    assert_eq!(repaired.status.code(), Some(0), "{}", outcome(&repaired));
    assert!(flash(dir)[project::APP_OFFSET..].starts_with(&app));
}

/// `sim` prints where it is; a deploy finds it there.
#[test]
fn a_served_board_takes_a_deploy() {
    use std::io::{BufRead as _, BufReader};

    let directory = tempfile::tempdir().unwrap();
    let dir = directory.path();
    let app = project::app_image(&project::body(8192, 4));
    project::write(dir, &app);
    let mut ways = vec![&["--listen", "127.0.0.1:0"][..]];
    if cfg!(unix) {
        ways.push(&[]);
    }
    for way in ways {
        let mut sim = fbuild_lsp(dir)
            .current_dir(dir)
            .args(["sim", "--flash", "board.bin", "--time", "accounted"])
            .args(way)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut address = String::new();
        BufReader::new(sim.stdout.take().unwrap())
            .read_line(&mut address)
            .unwrap();
        let deployed = run(dir, &["deploy", "--port", address.trim(), "--json"]);
        sim.kill().unwrap();
        sim.wait().unwrap();
        assert_eq!(
            deployed.status.code(),
            Some(0),
            "{address}: {}",
            outcome(&deployed)
        );
        assert!(
            flash(dir)[project::APP_OFFSET..].starts_with(&app),
            "{address}"
        );
        std::fs::remove_file(dir.join("board.bin")).unwrap();
    }
}
