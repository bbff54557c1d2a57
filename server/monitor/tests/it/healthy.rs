//! What programs print that is no crash, or not this crash's: nothing is invented, and nothing is waited for.

use std::time::Duration;

use fbuild_monitor::line::{Line, LineEnd};
use fbuild_monitor::watch::Watch;

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
