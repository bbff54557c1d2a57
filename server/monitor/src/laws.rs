//! Laws, for any bytes.

#![allow(clippy::format_push_string)] // texts of tests

use std::time::Duration;

use proptest::prelude::*;

use crate::crash::{MAX_BACKTRACE, MAX_OTHERS, MAX_STACK, MAX_TEXT};
use crate::filter::Filter;
use crate::line::{Line, Lines, MAX_LINE};
use crate::text::for_terminal;
use crate::watch::{Event, Watch};

fn lines(pieces: &[&[u8]]) -> Vec<Line> {
    let mut lines = Lines::default();
    let mut found = Vec::new();
    for piece in pieces {
        found.extend(lines.feed(piece, Duration::ZERO));
    }
    found.extend(lines.finish());
    found
}

fn events(lines: &[Line]) -> Vec<Event> {
    let mut watch = Watch::default();
    let mut events: Vec<_> = lines.iter().flat_map(|line| watch.feed(line)).collect();
    events.extend(watch.finish());
    events
}

/// Lines that mean something, whole, cut and in any order.
fn log() -> impl Strategy<Value = Vec<u8>> {
    const WORDS: [&str; 56] = [
        "Guru Meditation Error: Core  0 panic'ed (LoadProhibited). Exception was unhandled.\r\n",
        "Guru Meditation Error: Core  1 panic'ed (Unhandled debug exception). \n",
        "Debug exception reason: Stack canary watchpoint triggered (x) \n",
        "Core  0 register dump:\r\n",
        "PC      : 0x400d0316  PS      : 0x00060030  A0      : 0x800d026e\r\n",
        "MEPC    : 0x420000b2  RA      : 0x42000420  SP      : 0x3fc8bf90  GP      : 0x3fc88438  \r\n",
        "MCAUSE  : 0x00000005  MTVAL   : 0x0000001c",
        "Stack memory:\r\n",
        "3fc8bf90: 0x00000000 0x42000494\r\n",
        "fffffff8: 0x00000000 0x42000494 0x1 0x00000002 0x00000003\r\n",
        "Backtrace: 0x400d0313:0x3ffb1f60 0x400d026b:0x3ffb1fa00x400d01cc:0x3ffb1fd0 |<-CORRUPTED\r\n",
        "Backtrace:\r\n",
        "0x42010f02\r\n",
        "ELF file SHA256: 5688065d0\r\n",
        "Rebooting...\r\n",
        "ets Jul 29 2019 12:21:46\r\n",
        "ESP-ROM:esp32c3-api1-20210207\r\n",
        "Build:Feb  7 2021\r\n",
        "rst:0x8 (TG1WDT_SYS_RST),boot:0xd (SPI_FAST_FLASH_BOOT)\r\n",
        "rst:0xc (SW_CPU_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)\r\n",
        "Saved PC:0x42008a7e\r\n",
        "entry 0x4008064c\r\n",
        "invalid header: 0xffffffff\r\n",
        "waiting for download\r\n",
        "abort() was called at PC 0x42032795 on core 1\r\n",
        "assert failed: f a.c:1 (x)\r\n",
        "CORRUPT HEAP: Bad head at 0x3ffeb398. Expected\r\n",
        "ESP_ERROR_CHECK failed: esp_err_t 0x103 (ESP_ERR_INVALID_STATE) at 0x400ed329\r\n",
        "file: \"./main/wifi.c\" line 88\r\n",
        "\x1b[0;31mE (1) task_wdt: Task watchdog got triggered. x\x1b[0m\r\n",
        "E (1) task_wdt:  - IDLE1 (CPU 1)\r\n",
        "E (1) task_wdt: Aborting.\r\n",
        "E (1) task_wdt: Print CPU 1 backtrace\r\n",
        "====================== PANIC ======================\r\n",
        "panicked at src/bin/main.rs:41:22:\r\n",
        "thread 'main' panicked at 'x', src/main.rs:27:9\r\n",
        "STACKDUMP: 42000072 00000000900100\r\n",
        "[ProCpu] Exception 'Load access fault (5)' mepc=0x42001a3e, mtval=0x00000010\r\n",
        "Exception (28):\r\nepc1=0x4020104f epc2=0x00000000 excvaddr=0x00000008 depc=0x00000000\r\n",
        ">>>stack>>>\r\n3ffffe30:  3fffdad0 00000001 40201970 0000006b  \r\n",
        "<<<stack<<<\r\n",
        "================= CORE DUMP START =================\r\n",
        "[09:34:21] ",
        "I (812) core1: still alive\r\n",
        "0x400d1f37:0x3ffb2160 0x400d2a4e",
        "--- 0x42018a3c: radio_enable at /project/main/radio.c:88\r\n",
        "Exception occured 'LoadProhibited'\nContext { PC: 1107310771, PS: 394784, EXCVADDR: 16 }\n",
        "[00:00:13.107,000] <err> os:  ** CPU 0 EXCCAUSE 28 (load prohibited)\r\n",
        "[00:00:13.107,000] <err> os:  **  PC 0x400e55f7 VADDR (nil)\r\n",
        "[00:00:13.107,000] <err> os:    mepc: 4200736c\r\n",
        "E:       1: fp: 3fc8f0d0 ra: 42003b58 [serve+0x2e]\r\n",
        "E: >>> ZEPHYR FATAL ERROR 4: Kernel panic on CPU 0\r\n",
        "[E][esp32.crash:332]: *** CRASH DETECTED ON PREVIOUS BOOT ***\r\n",
        "[E][esp32.crash:305]:   BT0: 0x400D1F37  (backtrace)\r\n",
        "  A problem occurred at (system time) 0:0:25\r\n  Code was executing from address 0xD8\r\n",
        "*** PANIC ***\r\n",
    ];
    let word = prop_oneof![
        8 => prop::sample::select(&WORDS[..]).prop_map(|word| word.as_bytes().to_vec()),
        1 => prop::sample::select(&WORDS[..]).prop_flat_map(|word| (0..=word.len()).prop_map(move |end| word.as_bytes()[..end].to_vec())),
        1 => prop::collection::vec(any::<u8>(), 0..40),
    ];
    prop::collection::vec(word, 0..40).prop_map(|words| words.concat())
}

proptest! {
    #[test]
    fn however_bytes_are_cut_the_events_are_the_same(log in log(), sizes in prop::collection::vec(1_usize..200, 1..8)) {
        let mut pieces = Vec::new();
        let mut rest = log.as_slice();
        for size in sizes.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, behind) = rest.split_at(rest.len().min(*size));
            pieces.push(piece);
            rest = behind;
        }
        let whole = lines(&[&log]);
        prop_assert_eq!(&whole, &lines(&pieces));
        for event in events(&whole) {
            if let Event::Crash(crash) = event {
                let _ = crash.addresses();
                prop_assert!(crash.repeats >= 1);
                prop_assert!(crash.is_same(&crash) || crash.kind == crate::crash::Kind::Brownout);
            }
        }
    }

    #[test]
    fn a_terminal_gets_nothing_but_text_and_colours(text in any::<String>(), mut bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        bytes.extend(b"\x1b[31m\x1b[2J");
        for text in [text, String::from_utf8_lossy(&bytes).into_owned()] {
            let plain = for_terminal(&text, false);
            prop_assert!(plain.chars().all(|c| c == '\t' || !c.is_control()), "{plain:?}");
            let coloured = for_terminal(&text, true);
            for sequence in coloured.split('\x1b').skip(1) {
                let end = sequence.find(|c: char| !(c.is_ascii_digit() || c == ';' || c == '['));
                prop_assert!(sequence.starts_with('[') && sequence[end.unwrap_or(0)..].starts_with('m'), "{coloured:?}");
            }
        }
    }

    #[test]
    fn a_filter_is_one_or_says_what_is_wrong(filter in "[a-z*:NEWIDV ]{0,12}", line in "[EWID] \\(1\\) [a-z]: x|hello") {
        if let Ok(filter) = Filter::parse(&filter) {
            let _ = filter.shows(&line);
        }
    }
}

/// A board that never stops: every list and text of a crash has its limit.
#[test]
fn memory_is_bounded() {
    let long = "x".repeat(MAX_LINE);
    let mut text = format!("assert failed: {long} a.c:1 ({long})\n");
    text += "Guru Meditation Error: Core  0 panic'ed (LoadProhibited).\n";
    text += "E (1) task_wdt: Task watchdog got triggered. x\n";
    for index in 0_u32..3000 {
        text += &format!("E (1) task_wdt:  - {long:.100}{index} (CPU 0)\n");
        text += &format!("E (1) task_wdt: CPU {index}: {index}\n");
    }
    text += "Guru Meditation Error: Core  0 panic'ed (Load access fault).\n";
    text += "Core  0 register dump:\nMEPC    : 0x420000b2  RA      : 0x42000420\n";
    for index in 0_u32..40_000 {
        text += &format!(
            "{:08x}: 0x00000000 0x42000494 0x00000000 0x42000494\n",
            0x3fc0_0000 + index * 16
        );
    }
    text += &format!("Backtrace:{}\n", " 0x400d0313:0x3ffb1f60".repeat(3000));
    for index in 0..100 {
        text +=
            &format!("Core  {index} register dump:\nMEPC    : 0x420000b2  RA      : 0x42000420\n");
    }
    text += "====================== PANIC ======================\npanicked at a.rs:1:1:\nx\nBacktrace:\n";
    text += &"0x42010f02\n".repeat(3000);
    text += "Guru Meditation Error: Core  0 panic'ed (Unhandled debug exception).\n";
    text +=
        &format!("Debug exception reason: {long:.100}\nDebug exception reason: b\n").repeat(100);
    text += "[E][esp32.crash:332]: *** CRASH DETECTED ON PREVIOUS BOOT ***\n";
    text += &"[E][esp32.crash:340]:   PC:  0x400D1F3A  (fault location)\n".repeat(100);
    let mut crashes = 0;
    for event in events(&lines(&[text.as_bytes()])) {
        if let Event::Crash(crash) = event {
            crashes += 1;
            let dumps = || std::iter::once(&crash.dump).chain(&crash.other_cores);
            assert!(
                crash
                    .message
                    .as_ref()
                    .is_none_or(|message| message.len() <= MAX_TEXT)
            );
            assert!(
                crash
                    .source
                    .as_ref()
                    .is_none_or(|source| source.file.len() <= MAX_TEXT)
            );
            assert!(crash.cause.len() <= MAX_TEXT);
            assert!(crash.starved.len() <= MAX_OTHERS && crash.other_cores.len() <= MAX_OTHERS);
            assert!(crash.starved.iter().all(|task| task.len() <= MAX_TEXT));
            assert!(dumps().all(|dump| dump.stack.words().count() * 4 <= MAX_STACK));
            assert!(dumps().all(|dump| dump.registers.len() <= 64));
            let entries =
                |dump: &crate::crash::Dump| dump.backtrace.as_ref().map_or(0, |b| b.entries.len());
            assert!(dumps().all(|dump| entries(dump) <= MAX_BACKTRACE));
        }
    }
    assert_eq!(crashes, 6);
}
