//! How boots end: cut off, and again and again.

use crate::fixtures::watch;
use crate::forms::{REGISTERS, same, seen};

/// A watchdog may reset a board again and again that has no word to say.
#[test]
fn resets_again_and_again() {
    let boot = |reset: &str| {
        format!(
            "ESP-ROM:esp32c3-api1-20210207\nBuild:Feb  7 2021\nrst:{reset},boot:0xd (SPI_FAST_FLASH_BOOT)\n"
        )
    };
    let watchdog = boot("0x7 (TG0WDT_SYS_RST)") + "Saved PC:0x4200011e\nentry 0x403cc71a\n";
    let reset = "reset TG0WDT_SYS_RST (watchdog, no panic text) [error]: 4200011e";
    let endless = "boot-loop is reset again and again: TG0WDT_SYS_RST (watchdog, no panic text) [boot-failure]";
    same(&[
        (&watchdog.repeat(2), &[&format!("{reset}, 2 times")]),
        (
            &watchdog.repeat(5),
            &[&format!("{reset}, 5 times"), &format!("{endless}, 5 times")],
        ),
    ]);
    let lockup = boot("0x1a (CPU_LOCKUP)") + "entry 0x403cc71a\n";
    let seen = seen(&lockup.repeat(4));
    assert!(
        seen[1].starts_with("boot-loop") && seen[1].ends_with(", 4 times"),
        "{seen:?}"
    );
    let esp8266 = " ets Jan  8 2013,rst cause:4, boot mode:(3,6)\n\nwdt reset\nload 0x4010f000, len 3424, room 16\n";
    let seen = self::seen(&esp8266.repeat(3));
    assert!(
        seen[1].starts_with("boot-loop") && seen[1].ends_with(", 3 times"),
        "{seen:?}"
    );
    // The power supply is to blame, and a program that restarts does so on purpose.
    let brownout = boot("0xf (RTCWDT_BROWN_OUT_RESET)") + "entry 0x403cc71a\n";
    assert_eq!(self::seen(&brownout.repeat(3)).len(), 3);
    let restart = boot("0x3 (RTC_SW_SYS_RST)") + "entry 0x403cc71a\n";
    assert!(self::seen(&restart.repeat(5)).is_empty());
}

/// A watchdog, or a hand on the reset button, may end a crash in the middle of its text.
#[test]
fn a_dump_that_a_reset_cuts() {
    let guru =
        "Guru Meditation Error: Core  1 panic'ed (LoadProhibited). Exception was unhandled.\n";
    let backtrace = "Backtrace: 0x400d1f37:0x3ffb2160 0x400d2a4e:0x3ffb2190 0x400d3b19:0x3ffb21c0";
    let boots = [
        "\nets Jul 29 2019 12:21:46\n",
        "ets Jul 29 2019 12:21:46\n",
        "\n",
        "",
    ];
    for (len, boot) in
        (backtrace.len() - 21..=backtrace.len()).flat_map(|len| boots.map(|boot| (len, boot)))
    {
        let reset = "\nrst:0x7 (TG0WDT_SYS_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)\n";
        let text = format!("{guru}{REGISTERS}{}{boot}{reset}", &backtrace[..len]);
        let crashes = watch(text.as_bytes(), 50).crashes;
        assert_eq!(crashes.len(), 1, "{text}");
        let found = crashes[0].dump.backtrace.clone().unwrap();
        let missing = backtrace.len() - len;
        let is_cut = (1..21).contains(&missing);
        assert_eq!(
            (crashes[0].truncated, found.incomplete),
            (is_cut, is_cut),
            "{text}"
        );
        // The PC that is whole may be a frame.
        let whole = if missing <= 11 { 3 } else { 2 };
        assert_eq!(found.entries.len(), whole, "{text}");
    }
    let assertion =
        "assert failed: app_main main.c:12 (x)\n\n\nBacktrace: 0x400d1f37:0x3ffb2160 0x400d2\n";
    let crash = watch(assertion.as_bytes(), 50).crashes.remove(0);
    assert!(crash.truncated);
    // A stack is printed in whole lines; what another core says in between is no end.
    let riscv = "Guru Meditation Error: Core  0 panic'ed (Load access fault). Exception was unhandled.\n\n\
                 Core  0 register dump:\nMEPC    : 0x420004b2  RA      : 0x4200011e  SP      : 0x3fc8bf80\n\n\
                 Stack memory:\n\
                 3fc8bf80: 0x00000000 0x00000000 0x00000000 0x42000148 0x00000000 0x00000000 0x0000001b 0x42000170\n\
                 3fc8bfa0: 0x00000000 0x00000000 0x0000";
    assert!(watch(riscv.as_bytes(), 50).crashes[0].truncated);
    let whole_line = &riscv[..riscv.rfind('\n').unwrap()];
    assert!(!watch(whole_line.as_bytes(), 50).crashes[0].truncated);
    let ended = format!("{riscv}\nELF file SHA256: 4629b2121\n\nRebooting...\n");
    assert!(!watch(ended.as_bytes(), 50).crashes[0].truncated);
    // Of a second core only the registers have come.
    let other = format!(
        "{guru}{REGISTERS}{backtrace}\n\nCore  1 register dump:\nPC      : 0x400d1f3a  PS      : 0x00060b30\n"
    );
    assert!(watch(other.as_bytes(), 50).crashes[0].truncated);
}
