//! How boots end: cut off, and again and again.

use crate::forms::{same, seen};

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
