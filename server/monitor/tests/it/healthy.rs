//! What programs print that is no crash, or not this crash's: nothing is invented, and nothing is waited for.

use std::time::Duration;

use fbuild_monitor::line::{Line, LineEnd};
use fbuild_monitor::watch::{Event, Watch};
use proptest::prelude::*;

use crate::forms::seen;

const GURU: &str =
    "Guru Meditation Error: Core  0 panic'ed (LoadProhibited). Exception was unhandled.\n";
const BACKTRACE: &str = "Backtrace: 0x400d1f37:0x3ffb2160 0x400d2a4e:0x3ffb2190\n";

/// How many crashes are reported before the log ends, and whether one is still coming then.
fn while_it_runs(text: &str) -> (usize, bool) {
    let mut watch = Watch::default();
    let mut reported = 0;
    for text in text.lines() {
        let line = Line {
            at: Duration::ZERO,
            text: text.to_owned(),
            end: LineEnd::Feed,
        };
        reported += watch.feed(&line).len();
    }
    (reported, watch.is_in_crash())
}

#[test]
fn numbers_behind_a_backtrace_are_not_its_rest() {
    for number in [
        "512",
        "0x12",
        "00 1f 2a : 3c",
        "0x400d1f37:0x3ffb2160",
        "- : |",
    ] {
        let numbers = format!("{number}\n").repeat(400);
        let log = format!("{GURU}{BACKTRACE}{numbers}");
        assert_eq!(while_it_runs(&log), (1, false), "{number}");
    }
}

/// A board that has crashed, and whose other core goes on to print what looks like details.
#[test]
fn details_of_another_kind_are_other_words() {
    for words in [
        "CPU 0: 12 %",
        " - pump (CPU 1)",
        "func: idle",
        "expression: x > 3",
        "file: \"a.csv\" line 8",
        "what(): nothing",
        "MMU entry fault",
        "0x1f",
    ] {
        let log = format!("{GURU}{}", format!("{words}\n").repeat(400));
        assert_eq!(while_it_runs(&log), (1, false), "{words}");
    }
}

/// Where no further dump is kept, its rest is not another's.
#[test]
fn the_rest_of_a_backtrace_that_is_not_kept() {
    let other = "Backtrace: 0x400d1111:0x3ffb2160 0x400d2222:0x3ffb2190\n0x400d3333:0x3ffb21c0\n";
    let log = format!("{GURU}Backtrace: 0x400d1f37:0x3ffb2160\n{GURU}{other}");
    assert_eq!(
        seen(&log),
        ["fault LoadProhibited, core 0: 400d1f37, nested 1"]
    );
}

/// Lines of programs that go well, each again and again: no crash, and nothing that `monitor --until` would wait for.
#[test]
fn lines_of_healthy_programs() {
    for line in [
        "t1: 23",
        "t1: 23 t2: 24",
        "a0: 512",
        "s1: 0 s2: 1",
        "sp: 25",
        "ra: 12345678",
        "mtval: 10",
        "mcause: 5",
        "mcause: 5, from the sensor",
        "PC: 3",
        "PC=0x0200 SP=0x00ff",
        "PC      : 0x00000003",
        "PC : 0x80000000  SP : 0x80001000",
        "** A0 12 **",
        "** SP 0 **",
        "Current thread: 0x3ffc1b90 (main)",
        "Halting system",
        "[1.23] T=25",
        "{\"a0\": 12, \"pc\": \"0x42001a3e\"}",
        "12,0x400d1f37,0x3ffb2160",
        "0x400d1f37",
        "0x400d1f37:0x3ffb2160",
        "00000000: 48 65 6c 6c 6f 20 77 6f  |Hello wo|",
        "3ffb2160: 0x00000000 0x00000001",
        "reason: timeout",
        "assert failed: 0x12 is not 0x13",
        "assert failed at PC 0x12",
        "assert failed, trying again",
        "Panic level:3 now",
        "(TIMEOUT) waiting for x",
        "Reboot was caused by a person",
        "Breakpoint 1 at 0x42001a3e: file main.c, line 3.",
        "Breakpoint 1, app_main () at main.c:3",
        "Stack overflow detected at 0x40001234 in unit test: passed",
        "Detected a write to the log at 0x40001234",
        "Exception occurred 'timeout', trying again",
        "Exception 'timeout' at pc=0x12345678",
        "Breakpoint on ProCpu",
        "Program received signal SIGTRAP, Trace/breakpoint trap.",
        "0x42001a3e in app_main () at main.c:3",
        "I (123) app: last reset: abort() was called at PC 0x400d1f37 on core 0",
        "last reset: Guru Meditation Error: Core  0 panic'ed (LoadProhibited).",
    ] {
        let log = format!("{line}\nready\nidle\nwaiting\n").repeat(60);
        assert_eq!(while_it_runs(&log), (0, false), "{line}");
        let log = format!("{line}\n").repeat(300);
        assert_eq!(seen(&log), [""; 0], "{line}");
    }
    let log = "PC : 0x80000000  SP : 0x80001000\n".repeat(300);
    assert_eq!(while_it_runs(&log), (0, false));
}

/// A log that quotes a panic, and then a backtrace of the program's own.
#[test]
fn a_quoted_panic_gets_no_other_dump() {
    let own = "W (200) app: where are we?\nI (201) app: here\n";
    for panic in ["abort() was called at PC 0x400d1f37 on core 0\n", GURU] {
        for between in [
            own.to_owned(),
            "I (1) app: x\n".repeat(20),
            "x\n".repeat(20),
        ] {
            for before in [
                "I (123) app: last reset: ",
                "I (123) app: \"",
                "[V][a.cpp:1] f(): ",
            ] {
                let log = format!("{before}{panic}{between}{BACKTRACE}");
                assert_eq!(seen(&log), [""; 0], "{log}");
                let log = format!("{before}{panic}{BACKTRACE}");
                assert_eq!(seen(&log), [""; 0], "{log}");
            }
        }
        let between = "x\n".repeat(3);
        let log = format!("last reset: {panic}{between}{BACKTRACE}");
        assert_eq!(seen(&log), [""; 0], "{log}");
    }
}

/// The message of a panic is the next line, whatever it looks like.
#[test]
fn messages_that_look_like_details() {
    for message in [
        "(TIMEOUT) waiting for x",
        "Halting system",
        "Reboot was caused by a person",
        "Code was executing from address 0x12345678",
        "Current thread: 0x3ffc1b90 (main)",
        "a0: 00000000 t0: 42017e74 are wrong",
        "sp: 3fc8f0b0",
        "func: missing",
        "CPU 0: too hot",
        "0x1f",
        "Aborting.",
        "Debug exception reason: none",
    ] {
        let log = format!("panicked at src/main.rs:27:9:\n{message}\n\nBacktrace:\n\n0x42001a3e\n");
        let expected = format!("rust-panic {message}, in src/main.rs:27: 42001a3e");
        assert_eq!(seen(&log), [expected]);
        let log = format!("\n*** PANIC ***\n\n{message}\n");
        assert_eq!(seen(&log), [format!("abort {message}")]);
    }
}

proptest! {
    /// Names of registers are names of sensors, too.
    #[test]
    fn readings_are_no_crash(
        lines in prop::collection::vec(
            ("[a-zA-Z]{1,6}[0-9]{0,2}|a0|t1|s1|sp|ra|pc|PC|SP|mepc|mcause", "[:=]|: |= ", "-?[0-9]{1,7}(\\.[0-9])?"),
            1..60,
        ),
        separator in "[ ,\n]",
    ) {
        let readings: Vec<String> =
            lines.iter().map(|(name, is, value)| format!("{name}{is}{value}")).collect();
        prop_assert_eq!(while_it_runs(&(readings.join(&separator) + "\n")), (0, false));
    }
}

#[test]
fn words_of_healthy_logs() {
    let log = "\
I (12) crash: no crash on previous boot
[I][esp32.crash:12]: *** CRASH DETECTED ON PREVIOUS BOOT *** is what it would say
Exception occurred 'timeout', trying again
Breakpoint on the list
a0: 00000012
ra: 12345678
mcause: unknown
[BOOT] ESP32-S3 reset=4 *** PANIC ***
No Crash Data To Report
  Hopefully all is well, but certain types of crashes can't be reported:
W (99) task_wdt: Task watchdog is not initialised
E (812) task_wdt: esp_task_wdt_reset(707): task not found
CPU 0: 12 %
 - loopTask (CPU 1)
Aborting.
E (88) BOD: Brownout detector was set up
ESP_ERROR_CHECK_WITHOUT_ABORT failed: esp_err_t 0x103 (ESP_ERR_INVALID_STATE) at 0x400d2a51
<inf> os: Halting system in 5 s
Current thread: 0x3ffc1b90 (main)
** 12 stars **
MMU entry fault
Reboot was caused by a person
Exception in thread \"main\" java.lang.NullPointerException
\tat com.example.Main.main(Main.java:12)
Traceback (most recent call last):
  File \"x.py\", line 1, in <module>
Unable to handle kernel NULL pointer dereference at virtual address 0000000000000010
Call trace:
Kernel panic - not syncing: VFS: Unable to mount root fs
CPU: 0 PID: 1 Comm: swapper/0 Not tainted 6.1.0
rst:0x1 (POWERON_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)
";
    assert_eq!(seen(log), [""; 0]);
}

/// A job resets a board by its watchdog where no line does; what comes later, or otherwise, is the board's own.
#[test]
fn a_watchdog_reset_that_somebody_wanted() {
    let reset = |at: u64, cause: &str| Line {
        at: Duration::from_secs(at),
        text: format!("rst:{cause},boot:0x8 (SPI_FAST_FLASH_BOOT)"),
        end: LineEnd::Feed,
    };
    let crashes = |lines: &[Line]| {
        let mut watch = Watch::default();
        watch.expect_reset(Duration::from_secs(2));
        let mut events: Vec<Event> = lines.iter().flat_map(|line| watch.feed(line)).collect();
        events.extend(watch.finish());
        let is_crash = |event: &&Event| matches!(event, Event::Crash(_));
        events.iter().filter(is_crash).count()
    };
    let watchdog = "0x10 (RTCWDT_RTC_RST)";
    assert_eq!(crashes(&[reset(1, watchdog)]), 0);
    assert_eq!(crashes(&[reset(1, watchdog), reset(2, watchdog)]), 1);
    assert_eq!(crashes(&[reset(1, "0x1 (POWERON)"), reset(2, watchdog)]), 1);
    assert_eq!(crashes(&[reset(3, watchdog)]), 1);
    assert_eq!(crashes(&[reset(1, "0xf (RTCWDT_BROWN_OUT_RESET)")]), 1);
}
