//! What a shell sees: exit codes, and what is on which stream.

use std::process::Output;

use serde_json::Value;

use crate::{project, run};

fn json(output: &Output) -> Value {
    let text = std::str::from_utf8(&output.stdout).unwrap();
    assert_eq!(
        text.lines().count(),
        1,
        "one object and nothing else: {text}"
    );
    serde_json::from_str(text).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn help_shows_an_example_first() {
    let directory = tempfile::tempdir().unwrap();
    let output = run(directory.path(), &["--help"]);
    let text = String::from_utf8(output.stdout).unwrap();
    let (example, usage) = (
        text.find("fbuild-lsp deploy").unwrap(),
        text.find("Usage:").unwrap(),
    );
    assert!(example < usage, "{text}");
    for family in ["ESP32", "ESP8266", "AVR", "Teensy", "RP2040"] {
        assert!(text.contains(family), "{text}");
    }
    let output = run(directory.path(), &["deploy", "--help"]);
    let text = String::from_utf8(output.stdout).unwrap();
    for port in ["ser=", "usb=", "loc=", "rfc2217://", "espota://", "sim:"] {
        assert!(text.contains(port), "{port}: {text}");
    }
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn wrong_usage_is_2() {
    let directory = tempfile::tempdir().unwrap();
    for arguments in [
        &["deploy", "--baud", "fast"][..],
        &["deploy", "--image", "here", "app.bin", "--port", "sim:"],
        &["explode"],
        &["mcp", "/nope"],
        &["board", "--baud", "9600"],
        &["sim", "--chip", "esp8285"],
        &["sim", "--option", "colour=red"],
    ] {
        let output = run(directory.path(), arguments);
        assert_eq!(
            output.status.code(),
            Some(2),
            "{arguments:?}: {}",
            stderr(&output)
        );
        assert!(
            stderr(&output).contains("error:"),
            "{arguments:?}: {}",
            stderr(&output)
        );
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn a_port_that_is_described_and_not_there_is_2() {
    let directory = tempfile::tempdir().unwrap();
    for arguments in [
        &["board"][..],
        &["reset"],
        &["monitor"],
        &[
            "deploy",
            concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/example"),
        ],
    ] {
        let port = ["--port", "ser=no such board"];
        let output = run(directory.path(), &[arguments, &port].concat());
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let said = stderr(&output);
        assert!(
            said.contains("no port of this machine is ser=no such board"),
            "{arguments:?}: {said}"
        );
    }
}

/// Each says what the port is to be called.
#[test]
fn a_name_that_is_no_port_is_2_and_says_how_one_is_written() {
    let directory = tempfile::tempdir().unwrap();
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/example");
    for (port, code, hint) in [
        ("usb=zz", "port-name", "usb=VID:PID[:SERIAL]"),
        ("ser=", "port-name", "ser=SERIAL"),
        ("loc=desk", "port-name", "loc=1-2.3"),
        ("usb:", "port-name", "a Teensy, RP2040 or RP2350"),
        (
            "foo://x",
            "port-name",
            "rfc2217://, espota:// and hwgrep://",
        ),
        ("sim", "port-not-found", "`sim:`"),
    ] {
        let output = run(
            directory.path(),
            &["deploy", example, "--json", "--port", port],
        );
        assert_eq!(output.status.code(), Some(2), "{port}");
        let error = json(&output)["error"].clone();
        assert_eq!(error["code"], code, "{port}: {error}");
        assert!(error.to_string().contains(hint), "{port}: {error}");
    }
}

#[test]
fn rules_for_udev_are_lines_that_it_takes() {
    let directory = tempfile::tempdir().unwrap();
    let output = run(directory.path(), &["ports", "--udev"]);
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().filter(|line| !line.is_empty());
    let (rules, comments): (Vec<&str>, Vec<&str>) = lines.partition(|line| !line.starts_with('#'));
    assert!(
        comments
            .iter()
            .any(|line| line.contains("/etc/udev/rules.d/")),
        "{text}"
    );
    assert!(rules.len() >= 6, "{text}");
    for rule in rules {
        // A key, an operator and a value in quotes, each.
        for part in rule.split(", ") {
            let (key, value) = part.split_once('=').unwrap();
            let key = key.trim_end_matches('+');
            assert!(key.starts_with(|c: char| c.is_ascii_uppercase()), "{rule}");
            let value = value.trim_start_matches('=');
            assert!(
                value.len() > 2 && value.starts_with('"') && value.ends_with('"'),
                "{rule}"
            );
        }
    }
}

#[test]
fn a_directory_without_a_target_is_2_and_an_outcome() {
    let directory = tempfile::tempdir().unwrap();
    let output = run(directory.path(), &["deploy", "--json", "--port", "sim:"]);
    assert_eq!(output.status.code(), Some(2));
    let outcome = json(&output);
    assert_eq!(outcome["outcome"], "failed");
    assert_eq!(outcome["error"]["isInput"], true);
    assert!(
        stderr(&output).starts_with("error: "),
        "{}",
        stderr(&output)
    );
    assert!(!stderr(&output).contains('\x1b'), "no colours in a pipe");
}

#[test]
fn a_port_that_does_not_exist_is_named() {
    let directory = tempfile::tempdir().unwrap();
    project::write(
        directory.path(),
        &project::app_image(&project::body(4096, 1)),
    );
    let port = if cfg!(windows) {
        "COM251"
    } else {
        "/dev/ttyNONE251"
    };
    let output = run(directory.path(), &["deploy", "--port", port]);
    assert_ne!(output.status.code(), Some(0));
    assert!(stderr(&output).contains(port), "{}", stderr(&output));
    assert!(stderr(&output).contains("try: "), "{}", stderr(&output));
    assert!(output.stdout.is_empty());
}

#[test]
fn a_board_that_does_not_answer_is_an_object_too() {
    let directory = tempfile::tempdir().unwrap();
    let output = run(
        directory.path(),
        &["board", "--port", "/dev/ttyNONE251", "--json"],
    );
    assert_eq!(output.status.code(), Some(2));
    let answer = json(&output);
    assert!(answer["board"].is_null(), "{answer}");
    assert_eq!(answer["error"]["code"], "port-not-found", "{answer}");
}

#[test]
fn of_several_targets_the_one_that_was_taken_is_named_and_a_plan_says_it_once() {
    let directory = tempfile::tempdir().unwrap();
    let dir = directory.path();
    project::write(dir, &project::app_image(&project::body(4096, 1)));
    let deployed = run(dir, &["deploy", "--port", "sim:b.bin"]);
    assert!(
        stderr(&deployed).contains("deploy of espidf:build\n"),
        "{}",
        stderr(&deployed)
    );
    let planned = run(dir, &["plan", "--port", "sim:b.bin"]);
    assert_eq!(
        planned.stdout,
        b"build command: idf.py build\nnothing to write\n"
    );
    assert!(
        !stderr(&planned).contains("nothing to write"),
        "{}",
        stderr(&planned)
    );
}

#[test]
fn what_is_wrong_with_a_port_that_is_no_device_is_not_its_cable() {
    let directory = tempfile::tempdir().unwrap();
    let dir = directory.path();
    for (port, message) in [
        (
            "sim:b.bin?colour=red",
            "is not a port: unknown option 'colour'",
        ),
        ("sim:.", "try: name another file"),
        (
            "socket://127.0.0.1:1",
            "try: check that the server at the far end runs",
        ),
    ] {
        let said = stderr(&run(dir, &["board", "--port", port]));
        assert!(said.contains(message), "{said}");
    }
}

#[test]
fn targets_lists_regions() {
    let directory = tempfile::tempdir().unwrap();
    project::write(
        directory.path(),
        &project::app_image(&project::body(4096, 1)),
    );
    let output = run(directory.path(), &["targets", "--json"]);
    let targets = json(&output);
    let target = &targets["targets"][0];
    assert_eq!(target["tool"], "espidf", "{targets}");
    assert_eq!(target["regions"][0]["name"], "firmware");
    assert_eq!(target["regions"][0]["offset"], project::APP_OFFSET);
    let output = run(directory.path(), &["targets"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("0x00010000 firmware"), "{text}");
    assert!(text.contains(target["name"].as_str().unwrap()), "{text}");
}

#[test]
fn ports_is_an_object() {
    let directory = tempfile::tempdir().unwrap();
    let output = run(directory.path(), &["ports", "--json"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(json(&output)["ports"].is_array());
}
