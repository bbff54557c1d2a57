//! `decode`: a log in, places out.

use std::io::Write as _;
use std::process::Stdio;

use crate::harness::{Run, command, copy, root, run};

fn panics(file: &str) -> String {
    root()
        .join("tests/panics")
        .join(file)
        .to_str()
        .unwrap()
        .to_owned()
}

#[test]
fn a_log_is_shown_with_places() {
    let elf = panics("elf/thermo-og.elf");
    let log = panics("text-elf/thermo-og-02.txt");
    let run = run(&["decode", "--elf", &elf, &log]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(!run.stdout.contains('\x1b'), "colours without a terminal");
    let lines: Vec<_> = run.stdout.lines().collect();
    let found = |words: &str| {
        let found = lines.iter().position(|line| line.contains(words));
        found.unwrap_or_else(|| panic!("{words}: {}", run.stdout))
    };
    let top = found("net_store_route at /project/components/net/net.c:29");
    assert!(found("Guru Meditation") < top);
    assert!(found("Rebooting...") < top, "after the crash's own lines");
    assert!(top < found("rst:0xc"), "before the next boot");
    assert!(top < found("app_main at /project/main/main.c:93"));
    let of_log = lines.iter().filter(|line| !line.starts_with("---")).count();
    assert_eq!(
        of_log,
        std::fs::read_to_string(&log).unwrap().lines().count()
    );
}

#[test]
fn json_has_each_frame_and_the_place_at_fault() {
    let elf = panics("elf/thermo-og.elf");
    let other = panics("elf/rover-og.elf");
    let log = panics("text-elf/thermo-og-01.txt");
    let result = run(&["decode", "--json", "--elf", &other, "--elf", &elf, &log]).json();
    let crash = &result["crashes"][0];
    assert_eq!(crash["kind"], "fault");
    assert_eq!(crash["build"], "named");
    assert_eq!(crash["elf"], elf.as_str());
    assert_eq!(crash["frames"].as_array().unwrap().len(), 5);
    assert_eq!(crash["frames"][0]["function"], "pick");
    assert_eq!(crash["frames"][0]["inlined"], true);
    assert_eq!(crash["place"]["file"], "/project/main/main.c");
    assert_eq!(crash["place"]["line"], 11);
    assert_eq!(crash["complete"], true);
    assert_eq!(crash["registers"][0]["value"], "0x4200021c");

    let result = run(&["decode", "--json", "--elf", &other, &log]).json();
    assert_eq!(result["crashes"][0]["build"], "other");
    assert_eq!(result["crashes"][0]["frames"], serde_json::json!([]));
}

/// A build of ESP-IDF keeps the ELF file beside the app.
#[test]
fn standard_input_and_the_elf_files_of_the_project() {
    let folder = tempfile::tempdir().unwrap();
    copy(&root().join("tests/example"), folder.path());
    let elf = folder.path().join("build/example.elf");
    std::fs::copy(panics("elf/thermo-og.elf"), elf).unwrap();
    let mut child = command(&["decode", "--json", "-"])
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let log = std::fs::read(panics("text-elf/thermo-og-02.txt")).unwrap();
    child.stdin.take().unwrap().write_all(&log).unwrap();
    let run = Run::of(&child.wait_with_output().unwrap());
    let crash = &run.json()["crashes"][0];
    assert_eq!(crash["build"], "named", "{crash:#}");
    assert_eq!(crash["place"]["line"], 29);
}

#[test]
fn what_cannot_be_read_is_said() {
    let run = run(&["decode", "--elf", "no-such.elf", "-"]);
    assert_eq!(run.code, Some(2));
    assert!(
        run.stderr.contains("no-such.elf does not exist"),
        "{}",
        run.stderr
    );
}

/// What a board prints and what a file is called do nothing to a terminal.
#[test]
fn what_strangers_wrote_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let said = "\u{1b}]0;owned\u{7}one\ttwo \u{202e}elbisrever\u{1b}[2J\n";
    std::fs::write(&log, said).unwrap();
    let log = log.to_str().unwrap();
    let shown = run(&["decode", log]);
    assert_eq!(shown.stdout, "one\ttwo \\u{202e}elbisrever\n");

    let shown = run(&["decode", "--elf", "\u{1b}[2J\r\nerror: forged", log]);
    let error = "error: \\u{1b}[2J\\r\\nerror: forged does not exist";
    assert!(shown.stderr.starts_with(error), "{}", shown.stderr);
}

#[test]
#[cfg(target_os = "linux")]
fn a_result_that_cannot_be_written_is_a_failure() {
    let log = panics("text-elf/thermo-og-01.txt");
    for arguments in [&["decode", "--json", &log][..], &["decode", &log]] {
        let full = std::fs::File::create("/dev/full").unwrap();
        let output = command(arguments).stdout(full).output().unwrap();
        let run = Run::of(&output);
        assert_eq!(run.code, Some(1), "{arguments:?}: {}", run.stderr);
        assert!(run.stderr.contains("cannot be written"), "{}", run.stderr);
    }
}
