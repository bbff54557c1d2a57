//! `monitor`, `deploy --monitor` and `reset`, with a simulated board.

use std::path::{Path, PathBuf};

use fbuild_chip::Chip;
use serde_json::Value;

use crate::firmware::{APP_AT, FACTORY, NVS, TABLE_AT, image_of_sectors, sized, table};
use crate::harness::{Run, command, copy, root, run};

/// The example with an ELF file beside its app, and a board's port.
struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        let desk = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        std::fs::create_dir(desk.project()).unwrap();
        copy(&root().join("tests/example"), &desk.project());
        let elf = root().join("tests/panics/elf/clock-o0.elf");
        std::fs::copy(elf, desk.project().join("build/example.elf")).unwrap();
        desk
    }

    fn project(&self) -> PathBuf {
        self.folder.path().join("example")
    }

    fn port(&self, options: &str) -> String {
        format!(
            "sim:{}{options}",
            self.folder.path().join("board.bin").display()
        )
    }

    fn log(&self, text: &str) -> String {
        let path = self.folder.path().join("board.log");
        std::fs::write(&path, text).unwrap();
        self.port(&format!("?log={}", path.display()))
    }

    fn run(&self, command: &str, port: &str, more: &[&str]) -> crate::harness::Run {
        let project = self.project();
        let mut arguments = vec![command, project.to_str().unwrap(), "--port", port];
        arguments.extend(more);
        run(&arguments)
    }
}

fn events(stdout: &str) -> Vec<Value> {
    let lines = stdout.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Everything from the ROM's first word to the app's greeting, once: no byte is lost between the two, and
/// nothing resets the board again.
#[test]
fn a_deploy_s_monitor_has_the_whole_boot() {
    let desk = Desk::new();
    let done = desk.run(
        "deploy",
        &desk.port(""),
        &["--monitor", "--until", "Hello, world!", "--timeout", "30"],
    );
    assert_eq!(done.code, Some(0), "{}{}", done.stdout, done.stderr);
    let (outcome, boot) = done.stdout.split_once('\n').unwrap();
    assert!(
        outcome.starts_with("deploy succeeded (full flash)"),
        "{outcome}"
    );
    assert!(boot.starts_with("ets Jul 29 2019 12:21:46\n"), "{boot}");
    assert_eq!(boot.matches("rst:").count(), 1, "{boot}");
    assert!(boot.contains("entry 0x40078000\n"), "{boot}");
    assert!(boot.ends_with("example: Hello, world!\n"), "{boot}");

    // The same where nothing had to be written, each time.
    let is_full = std::env::var("FBUILD_MATRIX").is_ok_and(|value| value == "full");
    for n in 0..if is_full { 200 } else { 3 } {
        let skipped = desk.run("deploy", &desk.port(""), &["--monitor", "--until", "Hello"]);
        let (outcome, again) = skipped.stdout.split_once('\n').unwrap();
        assert!(outcome.contains("verify skipped"), "{n}: {outcome}");
        assert_eq!(again, boot, "{n}");
    }
}

/// Without control lines a deploy has the chip's watchdog reset the board, and that is no crash.
#[test]
fn a_reset_by_the_watchdog_is_the_deploy_s() {
    let desk = Desk::new();
    let chip = Chip::Esp32C3;
    let mut arguments = vec!["deploy".to_owned(), "--port".to_owned()];
    arguments.push(desk.port("?chip=esp32c3&lines=0&start=download"));
    for (n, (offset, bytes)) in [
        (0, sized(image_of_sectors(chip, 1, 1), 4 << 20)),
        (TABLE_AT, table(&[NVS, FACTORY])),
        (APP_AT, image_of_sectors(chip, 2, 1)),
    ]
    .into_iter()
    .enumerate()
    {
        let file = desk.folder.path().join(n.to_string());
        std::fs::write(&file, bytes).unwrap();
        let image = ["--image", &offset.to_string(), file.to_str().unwrap()];
        arguments.extend(image.map(str::to_owned));
    }
    let until = ["--monitor", "--until", "Loaded app", "--timeout", "30"];
    arguments.extend(until.map(str::to_owned));
    let done = run(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(done.code, Some(0), "{}{}", done.stdout, done.stderr);
    assert!(done.stdout.contains("RTCWDT_RTC_RST"), "{}", done.stdout);
    assert!(!done.stdout.contains("---"), "{}", done.stdout);
}

#[test]
fn opening_does_not_reset_the_board() {
    let desk = Desk::new();
    desk.run("deploy", &desk.port(""), &[]);
    let quiet = desk.run("monitor", &desk.port(""), &["--timeout", "1"]);
    assert_eq!(
        (quiet.code, quiet.stdout.as_str()),
        (Some(0), ""),
        "{}",
        quiet.stderr
    );
    let reset = desk.run("monitor", &desk.port(""), &["--reset", "--timeout", "1"]);
    assert_eq!(reset.code, Some(0), "{}", reset.stderr);
    assert!(
        reset.stdout.starts_with("ets Jul 29 2019"),
        "{}",
        reset.stdout
    );
}

#[test]
fn exit_codes_tell_the_ends_apart() {
    let desk = Desk::new();
    desk.run("deploy", &desk.port(""), &[]);
    let port =
        desk.log("I (300) app: up\nE (400) app: \u{1b}[31mno network\u{1b}[0m\nI (500) app: on\n");
    let monitor = |more: &[&str]| {
        let run = desk.run(
            "monitor",
            &port,
            &[&["--reset", "--timeout", "2"], more].concat(),
        );
        (run.code, run.stdout)
    };
    assert_eq!(monitor(&["--until", "up$"]).0, Some(0));
    let (code, shown) = monitor(&["--until", "app: on", "--fail", "no network$"]);
    assert_eq!(code, Some(3), "{shown}");
    assert!(shown.ends_with("E (400) app: no network\n"), "{shown:?}");
    assert_eq!(monitor(&["--until", "never"]).0, Some(4));
    assert_eq!(monitor(&[]).0, Some(0));
    assert_eq!(monitor(&["--until", "("]).0, Some(2));
    let missing = desk.run("monitor", "/dev/no-such-port", &[]);
    assert_eq!(missing.code, Some(2), "{}", missing.stderr);
}

#[test]
fn a_crash_is_shown_with_places() {
    let desk = Desk::new();
    desk.run("deploy", &desk.port(""), &[]);
    let port = desk.port("?crash=loadprohibited");
    let run = desk.run(
        "monitor",
        &port,
        &["--reset", "--until", "never", "--timeout", "30"],
    );
    assert_eq!(run.code, Some(5), "{}", run.stderr);
    let at = |words: &str| {
        let found = run.stdout.find(words);
        found.unwrap_or_else(|| panic!("{words}: {}", run.stdout))
    };
    assert!(at("Guru Meditation Error") < at("--- fault: LoadProhibited at 0x00000004"));
    assert!(
        at("the build that the board names")
            < at("digit_of (inlined) at /src/clock/main/main.c:11")
    );

    let json = desk.run(
        "monitor",
        &port,
        &["--reset", "--json", "--timeout", "30", "--until", "never"],
    );
    let events = events(&json.stdout);
    let crash = events.iter().find(|it| it["type"] == "crash").unwrap();
    assert_eq!(crash["crash"]["build"], "named");
    assert_eq!(crash["crash"]["place"]["line"], 11);
    let reset = events.iter().find(|it| it["type"] == "reset").unwrap();
    assert_eq!(reset["name"], "POWERON_RESET");
    assert_eq!(events.last().unwrap()["reason"], "crashed");
}

#[test]
fn lines_are_filtered_stamped_and_kept() {
    let desk = Desk::new();
    desk.run("deploy", &desk.port(""), &[]);
    let log = "W (200) wifi: weak\r\nI (210) wifi: up\r\nI (220) app: on\r\nno line end: \u{e4}";
    let port = desk.log(log);
    let saved = desk.folder.path().join("saved.log");
    let run = desk.run(
        "monitor",
        &port,
        &[
            "--reset",
            "--timeout",
            "2",
            "--filter",
            "wifi:W app:I",
            "--timestamps",
            "--save",
            saved.to_str().unwrap(),
        ],
    );
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(
        lines[0].starts_with('[') && lines[0].ends_with("Z] W (200) wifi: weak"),
        "{lines:?}"
    );
    assert!(lines[1].ends_with("I (220) app: on"), "{lines:?}");
    let saved = std::fs::read_to_string(saved).unwrap();
    assert!(
        saved.starts_with("ets ") && saved.ends_with(log),
        "{saved:?}"
    );

    let raw = desk.run("monitor", &port, &["--reset", "--timeout", "2", "--raw"]);
    assert_eq!(raw.stdout, saved);
    let json = desk.run("monitor", &port, &["--reset", "--timeout", "2", "--json"]);
    let events = events(&json.stdout);
    let weak = events.iter().find(|it| it["tag"] == "wifi").unwrap();
    assert_eq!(
        (&weak["level"], &weak["complete"]),
        (&"warning".into(), &true.into())
    );
}

#[test]
fn a_log_that_begins_with_a_boot_is_played_as_it_is() {
    let desk = Desk::new();
    desk.run("deploy", &desk.port(""), &[]);
    let log = "ets Jul 29 2019 12:21:46\r\n\r\nrst:0xc (SW_CPU_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)\r\nend\r\n";
    let port = desk.log(log);
    let more = ["--reset", "--raw", "--until", "end", "--timeout", "30"];
    assert_eq!(desk.run("monitor", &port, &more).stdout, log);
}

#[test]
fn a_prompt_without_a_line_end_is_waited_for() {
    let desk = Desk::new();
    desk.run("deploy", &desk.port(""), &[]);
    let port = desk.log("I (100) app: up\r\n>>> ");
    let run = desk.run(
        "monitor",
        &port,
        &["--reset", "--until", "^>>> $", "--timeout", "30"],
    );
    assert_eq!(run.code, Some(0), "{}", run.stdout);
    assert!(run.stdout.ends_with("up\n>>> \n"), "{:?}", run.stdout);
}

/// The rate is the project's where none is named, and the first line says whose it is.
#[test]
fn the_baud_rate_is_the_project_s() {
    let desk = Desk::new();
    let said = |more: &[&str]| {
        let run = desk.run(
            "monitor",
            &desk.port(""),
            &[&["--timeout", "0"], more].concat(),
        );
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        run.stderr
    };
    assert_eq!(said(&[]), "");
    let sdkconfig = "CONFIG_ESP_CONSOLE_UART_BAUDRATE=921600\n";
    std::fs::write(desk.project().join("sdkconfig"), sdkconfig).unwrap();
    let first = said(&[]);
    assert!(first.starts_with("--- monitor of "), "{first}");
    let whose = "at 921600 baud (CONFIG_ESP_CONSOLE_UART_BAUDRATE)\n";
    assert!(first.ends_with(whose), "{first}");
    assert_eq!(said(&["--baud", "115200"]), "");
    let port = desk.port("");
    let done = desk.run("deploy", &port, &["--monitor", "--timeout", "0"]);
    assert!(done.stderr.ends_with(whose), "{}", done.stderr);
}

#[test]
fn a_board_is_reset() {
    let desk = Desk::new();
    let run = |port: &str| run(&["reset", "--port", port]);
    let done = run(&desk.port(""));
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert!(
        done.stdout.starts_with("reset the board on sim:"),
        "{}",
        done.stdout
    );
    let deaf = run(&desk.port("?lines=0"));
    assert_eq!(deaf.code, Some(1));
    assert!(
        deaf.stderr.contains("has no control lines"),
        "{}",
        deaf.stderr
    );
}

#[test]
fn what_needs_the_monitor_says_so() {
    let desk = Desk::new();
    for more in [
        &["--until", "x"][..],
        &["--monitor", "--backend", "esptool"],
        &["--monitor", "--dry-run"],
        &["--monitor-baud", "9600"],
    ] {
        let run = desk.run("deploy", &desk.port(""), more);
        assert_eq!(run.code, Some(2), "{more:?}: {}", run.stderr);
        assert!(run.stderr.contains("--monitor"), "{more:?}: {}", run.stderr);
    }
    assert!(!Path::new(&desk.folder.path().join("board.bin")).exists());
}

/// A build goes on after a deploy, and the board still runs what it was given: its addresses are found in the copy of the
/// ELF file, by a monitor and in a log.
#[test]
fn what_was_deployed_explains_a_crash_after_the_next_build() {
    let desk = Desk::new();
    let state = desk.folder.path().join("state");
    let project = desk.project();
    let elf = |name: &str| root().join("tests/panics/elf").join(name);
    let next_build = || std::fs::copy(elf("clock-o2.elf"), project.join("build/example.elf"));
    let run = |arguments: &[&str]| {
        let mut command = command(arguments);
        command.current_dir(&project).env("XDG_STATE_HOME", &state);
        Run::of(&command.output().unwrap())
    };
    let crashing = desk.port("?crash=loadprohibited");
    let monitor = || run(&["monitor", "--port", &crashing, "--reset", "--timeout", "30"]);
    let log = root().join("tests/panics/text-elf/clock-o0-01.txt");
    let decode = || run(&["decode", log.to_str().unwrap()]);
    let place = " at /src/clock/main/main.c:11";

    let kept = state.join("fbuild-lsp/elfs");
    let done = run(&["deploy", "--port", &desk.port(""), "--no-keep-images"]);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    next_build().unwrap();
    assert!(!kept.exists());
    let other = decode().stdout;
    assert!(other.contains("the board runs another build"), "{other}");

    std::fs::copy(elf("clock-o0.elf"), project.join("build/example.elf")).unwrap();
    let done = run(&["deploy", "--port", &desk.port("")]);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    next_build().unwrap();
    for shown in [monitor(), decode()] {
        assert!(
            shown.stdout.contains(place),
            "{}{}",
            shown.stdout,
            shown.stderr
        );
    }
    assert_eq!(std::fs::read_dir(kept).unwrap().count(), 1);
}
