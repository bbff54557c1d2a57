//! The programs that speak to boot loaders on USB: what each is called with, and what it says. Pure.
//!
//! Sources: teensy_loader_cli 2.2 and 2.3, `teensy_loader_cli.c`; picotool 1.1 to 2.3, `main.cpp`.

use std::fmt;

use fbuild_chip::usb::{Rp2, UsbBoard};
use fbuild_loader::reset::After;

use crate::event::Phase;

/// Which program it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    /// PJRC's, for Teensy.
    TeensyLoader,
    /// Raspberry Pi's, for RP2040 and RP2350.
    Picotool,
}

/// Its name.
impl fmt::Display for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Whether what was found can be used.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fit {
    Good,
    TooOld,
    /// It is something else, and says this.
    Unusable(String),
}

/// How far it is, by all that it has said.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    Nothing,
    /// No boot loader is there, and it waits for one.
    Waiting,
    /// One is there and cannot be opened, in its words.
    Denied(String),
    Progress {
        phase: Phase,
        done: usize,
        total: usize,
    },
}

impl Tool {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::TeensyLoader => "teensy_loader_cli",
            Self::Picotool => "picotool",
        }
    }

    /// PlatformIO's package that has it.
    pub(super) fn package(self) -> &'static str {
        match self {
            Self::TeensyLoader => "tool-teensy",
            Self::Picotool => "tool-picotool-rp2040-earlephilhower",
        }
    }

    pub(super) fn install(self) -> &'static str {
        match self {
            Self::TeensyLoader => {
                "apt install teensy-loader-cli, brew install teensy_loader_cli, or with PlatformIO \
                 pio pkg install -g -t tool-teensy"
            }
            Self::Picotool => {
                "brew install picotool, a release of github.com/raspberrypi/pico-sdk-tools, or with \
                 PlatformIO its platform raspberrypi"
            }
        }
    }

    /// What to do where it may not open the boot loader.
    pub(super) fn permission(self) -> &'static str {
        match self {
            Self::TeensyLoader => {
                "on Linux install 00-teensy.rules from pjrc.com into /etc/udev/rules.d, and plug the board \
                 in again; close other programs that use the board"
            }
            Self::Picotool => {
                "on Linux install picotool's 60-picotool.rules into /etc/udev/rules.d, and plug the board in \
                 again; on Windows install a driver for it (Zadig)"
            }
        }
    }

    /// What confirms that the board holds the program.
    pub(super) fn confirms(self) -> &'static str {
        match self {
            Self::TeensyLoader => "as teensy_loader_cli says",
            Self::Picotool => "read back by picotool",
        }
    }

    /// What makes it say whether it can be used.
    pub(super) fn question(self) -> &'static str {
        match self {
            Self::TeensyLoader => "--list-mcus",
            Self::Picotool => "version",
        }
    }

    /// The answer to that.
    pub(super) fn fit(self, board: UsbBoard, said: &str) -> Fit {
        let mut lines = said.lines().map(str::trim).filter(|line| !line.is_empty());
        let is_known = match (self, board) {
            (Self::TeensyLoader, UsbBoard::Teensy(teensy)) => {
                let is_tool =
                    said.contains("Supported MCUs") || said.contains("Usage: teensy_loader");
                let listed = format!("- {}", teensy.loader_name);
                is_tool.then(|| lines.clone().any(|line| line == listed))
            }
            (_, board) => {
                let version = lines
                    .clone()
                    .find_map(|line| line.strip_prefix("picotool v"));
                let major = version.and_then(|it| it.split('.').next()?.parse::<u32>().ok());
                // RP2350 came with 2.0.
                let oldest = if board == UsbBoard::Rp2(Some(Rp2::Rp2350)) {
                    2
                } else {
                    1
                };
                major.map(|major| major >= oldest)
            }
        };
        match is_known {
            Some(true) => Fit::Good,
            Some(false) => Fit::TooOld,
            None => Fit::Unusable(lines.next_back().unwrap_or("it prints nothing").to_owned()),
        }
    }

    /// What it is called with to write this file.
    pub(super) fn arguments(self, board: UsbBoard, after: After, file: &str) -> Vec<String> {
        let resets = after == After::Reset;
        let mut words: Vec<&str> = Vec::new();
        let mcu = match board {
            UsbBoard::Teensy(teensy) => format!("--mcu={}", teensy.loader_name),
            UsbBoard::Rp2(_) => String::new(),
        };
        match self {
            Self::TeensyLoader => {
                // Waits for a boot loader; before that, asks a program that runs to leave for it; is verbose.
                words.extend([&*mcu, "-w", "-s", "-v"]);
                words.extend((!resets).then_some("-n"));
                words.push(file);
            }
            Self::Picotool => {
                words.extend(["load", "-v"]);
                words.extend(resets.then_some("-x"));
                // What follows is about the board: one whose program runs leaves it for the boot loader.
                words.extend([file, "-f"]);
            }
        }
        words.into_iter().map(str::to_owned).collect()
    }

    /// How far it is. `blocks`: how many there are to send.
    pub(super) fn said(self, text: &str, blocks: usize) -> Said {
        match self {
            Self::TeensyLoader => teensy_said(text, blocks),
            Self::Picotool => picotool_said(text),
        }
    }

    /// Whether it says at its end that it did everything.
    pub(super) fn is_done(self, text: &str, blocks: usize) -> bool {
        match (self, self.said(text, blocks)) {
            (Self::TeensyLoader, said) => matches!(said, Said::Progress { done: 1.., .. }),
            (Self::Picotool, said) => {
                let is_read = matches!(
                    said,
                    Said::Progress {
                        phase: Phase::Check,
                        ..
                    }
                );
                is_read && lines(text).any(|line| line == "OK")
            }
        }
    }
}

/// The lines of it; a bar is drawn over itself.
pub(super) fn lines(text: &str) -> impl DoubleEndedIterator<Item = &str> {
    let lines = text.split(['\n', '\r']).map(str::trim);
    lines.filter(|line| !line.is_empty())
}

fn teensy_said(text: &str, blocks: usize) -> Said {
    // Each block is a dot.
    if let Some((_, dots)) = text.split_once("\nProgramming") {
        let done = dots.bytes().take_while(|byte| *byte == b'.').count();
        return Said::Progress {
            phase: Phase::Write,
            done: done.min(blocks),
            total: blocks,
        };
    }
    let denied = ["unable to open", "Unable to claim", "Device is in use"];
    let is_denied = |line: &&str| denied.iter().any(|part| line.contains(part));
    if let Some(line) = lines(text).find(is_denied) {
        return Said::Denied(line.to_owned());
    }
    let is_found = text.contains("Found HalfKay");
    if text.contains("Waiting for Teensy") && !is_found {
        Said::Waiting
    } else {
        Said::Nothing
    }
}

fn picotool_said(text: &str) -> Said {
    let progress = |line: &str| {
        let phase = match line {
            _ if line.starts_with("Loading into ") => Phase::Write,
            _ if line.starts_with("Verifying ") => Phase::Check,
            _ => return None,
        };
        let percent = line.strip_suffix('%')?.rsplit(' ').next()?;
        let done = percent.parse().ok()?;
        Some(Said::Progress {
            phase,
            done,
            total: 100,
        })
    };
    if let Some(said) = lines(text).rev().find_map(progress) {
        return said;
    }
    let denied = lines(text).find(|line| line.contains("unable to connect"));
    denied.map_or(Said::Nothing, |line| Said::Denied(line.to_owned()))
}

#[cfg(test)]
mod tests {
    use fbuild_chip::usb::Teensy;

    use super::*;

    fn teensy() -> UsbBoard {
        UsbBoard::Teensy(Teensy::named("teensy41").unwrap())
    }

    const PICO: UsbBoard = UsbBoard::Rp2(Some(Rp2::Rp2040));
    const PICO_2: UsbBoard = UsbBoard::Rp2(Some(Rp2::Rp2350));

    #[test]
    fn what_they_are_called_with() {
        let of = |tool: Tool, board, after| tool.arguments(board, after, "f").join(" ");
        let teensy_loader = |after| of(Tool::TeensyLoader, teensy(), after);
        assert_eq!(teensy_loader(After::Reset), "--mcu=TEENSY41 -w -s -v f");
        assert_eq!(
            teensy_loader(After::NoReset),
            "--mcu=TEENSY41 -w -s -v -n f"
        );
        assert_eq!(of(Tool::Picotool, PICO, After::Reset), "load -v -x f -f");
        assert_eq!(of(Tool::Picotool, PICO, After::NoReset), "load -v f -f");
    }

    #[test]
    fn one_that_does_not_know_the_board_is_too_old() {
        let fit = |said: &str| Tool::TeensyLoader.fit(teensy(), said);
        assert_eq!(
            fit("Supported MCUs are:\n - TEENSY40\n - TEENSY41\n"),
            Fit::Good
        );
        assert_eq!(fit("Supported MCUs are:\n - TEENSY31\n"), Fit::TooOld);
        assert_eq!(
            fit("Usage: teensy_loader_cli --mcu=<MCU> [-w]"),
            Fit::TooOld
        );
        assert_eq!(fit("cannot run\n"), Fit::Unusable("cannot run".to_owned()));
        assert_eq!(fit(""), Fit::Unusable("it prints nothing".to_owned()));
        let fit = |said: &str, board| Tool::Picotool.fit(board, said);
        let old = "picotool v1.1.2 (Linux, GNU-12.2.0, Release)";
        assert_eq!(fit(old, PICO), Fit::Good);
        assert_eq!(fit(old, PICO_2), Fit::TooOld);
        assert_eq!(fit("picotool v2.2.0-a4 (Linux, GNU)", PICO_2), Fit::Good);
        assert_eq!(fit("2.0\n", PICO), Fit::Unusable("2.0".to_owned()));
    }

    /// As 2.2 and 2.3 write it, piece by piece.
    #[test]
    fn a_teensy_is_waited_for_and_gets_its_blocks() {
        let mut text = String::new();
        let mut said = |piece: &str| {
            text.push_str(piece);
            Tool::TeensyLoader.said(&text, 3)
        };
        let write = |done| Said::Progress {
            phase: Phase::Write,
            done,
            total: 3,
        };
        let read = "Teensy Loader, Command Line, Version 2.2\nRead \"f\": 9 bytes, 0.0% usage\n";
        assert_eq!(said(read), Said::Nothing);
        let hint = "Waiting for Teensy device...\n (hint: press the reset button)\n";
        assert_eq!(said(hint), Said::Waiting);
        assert_eq!(said("Found HalfKay Bootloader\n"), Said::Nothing);
        assert_eq!(
            said("Read \"f\": 9 bytes, 0.0% usage\nProgramming"),
            write(0)
        );
        assert_eq!(said("."), write(1));
        assert_eq!(said("..\nBooting\n"), write(3));
        assert!(Tool::TeensyLoader.is_done(&text, 3));
        assert!(!Tool::TeensyLoader.is_done(read, 3));
    }

    /// As 2.1 writes it: the bar is drawn over itself.
    #[test]
    fn picotool_writes_and_reads_back() {
        let at = |text: &str| Tool::Picotool.said(text, 1);
        let progress = |phase, done| Said::Progress {
            phase,
            done,
            total: 100,
        };
        let loading = "Loading into Flash:   [                              ]  0%\r\
                       Loading into Flash:   [====                          ]  14%\rLoading in";
        assert_eq!(at(loading), progress(Phase::Write, 14));
        let done = "Loading into Flash:   [==============================]  100%\r\n\
                    Verifying Flash:      [==============================]  100%\r\n  OK\n\n\
                    The device was rebooted to start the application.\n";
        assert_eq!(at(done), progress(Phase::Check, 100));
        assert!(Tool::Picotool.is_done(done, 1));
        let wrong = done.replace("  OK", "  FAILED");
        assert!(!Tool::Picotool.is_done(&wrong, 1));
        assert!(!Tool::Picotool.is_done(loading, 1));
    }
}
