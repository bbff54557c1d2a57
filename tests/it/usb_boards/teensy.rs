//! Teensy, by `teensy_loader_cli`.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::json;

use super::{Bench, hex};
use crate::avr::tools::program_or_skip;
use crate::harness::{Run, regions};
use crate::lsp_client::Client;

/// Where a Teensy 4's flash begins.
const FLASH: u32 = 0x6000_0000;
const TOOL: &str = "teensy_loader_cli";

/// What it does where a board is in its boot loader: 3 blocks, as the genuine one (2.2) prints them.
const LOADS: &str = r#"
case "$1" in --list-mcus) printf 'Supported MCUs are:\n - TEENSY40\n - TEENSY41\n'; exit;; esac
for file; do :; done
cp "$file" "$0.took"
printf 'Teensy Loader, Command Line, Version 2.2\nRead "%s": 2500 bytes, 0.1%% usage\n' "$file"
printf 'Found HalfKay Bootloader\nProgramming...\nBooting\n'
"#;

/// What it does where none is.
const FINDS_NONE: &str = r#"
case "$1" in --list-mcus) printf 'Supported MCUs are:\n - TEENSY41\n'; exit;; esac
echo 'Unable to open device (hint: try -w option)' >&2
exit 1
"#;

fn bench(body: &str) -> Bench {
    let bench = Bench::new("teensy", "teensy41");
    bench.built("firmware.hex", hex(FLASH, &[0x5A; 2500]).as_bytes());
    bench.program(TOOL, body);
    bench
}

#[test]
fn a_program_goes_to_a_teensy_without_a_port() {
    let bench = bench(LOADS);
    let outcome = bench.run("deploy", &[]).json();
    assert_eq!(
        outcome["message"],
        "deploy succeeded (full flash, as teensy_loader_cli says)"
    );
    assert_eq!(outcome["outcome"], "fullFlash");
    assert_eq!(
        (&outcome["backend"], &outcome["port"]),
        (&json!("usb"), &json!("usb:"))
    );
    assert_eq!(
        regions(&outcome),
        [("firmware".to_owned(), "unknown".to_owned(), true)]
    );
    let region = &outcome["regions"][0];
    assert_eq!(
        (&region["pageBytes"], &region["sectorsWritten"]),
        (&json!(1024), &json!(3))
    );
    let calls = bench.calls(TOOL);
    assert_eq!(calls, "--list-mcus\n--mcu=TEENSY41 -w -s -v firmware.hex\n");
    let took = std::fs::read(bench.path("bin/teensy_loader_cli.took")).unwrap();
    assert_eq!(took, hex(FLASH, &[0x5A; 2500]).as_bytes());
}

#[test]
fn what_stops_it_is_told_apart() {
    bench(FINDS_NONE).refused(
        "deploy",
        &[],
        "no-loader",
        "no Teensy 4.1 is in boot loader mode",
    );
    let old = "printf 'Supported MCUs are:\\n - TEENSY31\\n'";
    bench(old).refused(
        "deploy",
        &[],
        "tool-too-old",
        "does not know the Teensy 4.1",
    );
    bench("exit 3").refused("deploy", &[], "tool-unusable", "it prints nothing");
    let bench = bench(LOADS);
    std::fs::remove_file(bench.path("bin/teensy_loader_cli")).unwrap();
    bench.refused(
        "deploy",
        &[],
        "tool-missing",
        "teensy_loader_cli was not found",
    );
    // A project brings no program along.
    let own = bench.path("project/teensy_loader_cli");
    std::fs::write(own, "#!/bin/sh\n").unwrap();
    let mut command = bench.command(&["deploy", ".", "--json"]);
    command.current_dir(bench.path("project")).env("PATH", ".:");
    let run = Run::of(&command.output().unwrap());
    assert_eq!(run.json()["error"]["code"], "tool-missing");
}

/// It lost the board on the way: something was written, and that is said.
#[test]
fn a_board_that_goes_in_the_middle_is_not_said_to_be_whole() {
    let lost = LOADS.replace(
        "...\\nBooting\\n'",
        ".'; echo 'error writing to Teensy' >&2; exit 1 #'",
    );
    let outcome = bench(&lost).run("deploy", &[]).json();
    assert_eq!(outcome["error"]["code"], "tool-failed", "{outcome:#}");
    let state = outcome["error"]["boardState"].as_str().unwrap();
    assert!(state.starts_with("writing had begun"), "{state}");
    assert_eq!(outcome["regions"][0]["written"], true);
    // One that ends well and has programmed nothing is no success either.
    let silent = LOADS.replace("Found HalfKay Bootloader\\nProgramming...\\nBooting\\n", "");
    let outcome = bench(&silent).run("deploy", &[]).json();
    assert_eq!(outcome["error"]["code"], "tool-failed", "{outcome:#}");
    assert_eq!(outcome["regions"][0]["written"], false);
}

#[test]
fn what_cannot_be_done_is_refused_before_anything_is_run() {
    let bench = bench(LOADS);
    bench.refused("verify", &[], "not-verifiable", "cannot be compared");
    let esptool = ["--backend", "esptool"];
    bench.refused(
        "deploy",
        &esptool,
        "not-for-usb",
        "Teensy 4.1 is deployed to by its boot loader on USB",
    );
    let elsewhere = ["--port", "rfc2217://127.0.0.1:1"];
    bench.refused(
        "deploy",
        &elsewhere,
        "not-for-usb",
        "not at rfc2217://127.0.0.1:1",
    );
    let path = bench.path("project");
    let monitored = ["deploy", path.to_str().unwrap(), "--monitor"];
    let run = Run::of(&bench.command(&monitored).output().unwrap());
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    assert!(
        run.stderr.contains("--monitor needs a port"),
        "{}",
        run.stderr
    );
    let planned = bench.run("plan", &[]).json();
    assert_eq!(
        planned["message"], "would write firmware: 3 of 3 pages",
        "{planned:#}"
    );
    // A program for a Teensy 3 begins at 0; one that is too long ends behind the flash.
    bench.built("firmware.hex", hex(0, &[1; 16]).as_bytes());
    bench.refused("deploy", &[], "hex", "before the memory does at 0x60000000");
    bench.built("firmware.hex", hex(FLASH + 8_126_464, &[1; 16]).as_bytes());
    bench.refused("deploy", &[], "hex", "after the end of the memory");
    assert_eq!(bench.calls(TOOL), "");
}

/// The genuine one, without a board: it is found to know it, waits for the button, and goes with a cancel.
#[test]
fn the_genuine_program_waits_for_a_button() {
    let Some(genuine) = program_or_skip(TOOL) else {
        return;
    };
    // It would write to a board of this machine.
    let devices = std::fs::read_dir("/sys/bus/usb/devices")
        .into_iter()
        .flatten();
    let vendor =
        |device: std::fs::DirEntry| std::fs::read_to_string(device.path().join("idVendor"));
    if devices
        .flatten()
        .any(|device| vendor(device).is_ok_and(|id| id.trim() == "16c0"))
    {
        println!("skipped: a Teensy is connected to this machine");
        return;
    }
    let bench = bench(LOADS);
    let program = bench.path("bin/teensy_loader_cli");
    std::fs::remove_file(&program).unwrap();
    std::os::unix::fs::symlink(genuine, program).unwrap();
    let project = bench.path("project");
    let mut command = bench.command(&["deploy", project.to_str().unwrap(), "--json"]);
    let mut deploy = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(deploy.stderr.take().unwrap()).lines();
    let mut lines = lines.map(Result::unwrap);
    let waits = lines.find(|line| line.contains("press the button"));
    assert!(waits.is_some(), "it does not wait");
    let interrupt = Command::new("/bin/kill")
        .args(["-INT", &deploy.id().to_string()])
        .status();
    assert!(interrupt.unwrap().success());
    lines.for_each(drop);
    let outcome = Run::of(&deploy.wait_with_output().unwrap()).json();
    assert_eq!(outcome["outcome"], "cancelled", "{outcome:#}");
    let message = outcome["message"].as_str().unwrap();
    assert!(message.contains("the board is unchanged"), "{message}");
}

#[test]
fn an_editor_deploys_to_it_without_a_port_and_says_the_same() {
    let bench = bench(LOADS);
    let mut client = Client::over(
        bench.command(&["--stdio"]),
        Path::new(&bench.path("project")),
    );
    let asked = json!({ "build": false });
    let outcome = client.execute("fbuild.server.deploy", &asked).unwrap();
    assert_eq!(outcome["outcome"], "fullFlash", "{outcome:#}");
    let short = outcome["text"]["short"].as_str().unwrap();
    assert!(short.starts_with("full flash"), "{short}");
    let detail = outcome["text"]["detail"].as_str().unwrap();
    assert!(detail.contains("by its boot loader on USB"), "{detail}");
    std::fs::remove_file(bench.path("bin/teensy_loader_cli")).unwrap();
    let outcome = client.execute("fbuild.server.deploy", &asked).unwrap();
    let sentence = outcome["text"]["sentence"].as_str().unwrap();
    assert!(
        sentence.contains("apt install teensy-loader-cli"),
        "{sentence}"
    );
    client.shut_down();
}
