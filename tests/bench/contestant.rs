//! Who takes part, and how each is called.
//!
//! A pty has no control lines, and the board is in download mode at 115200 baud whenever
//! somebody opens it. So nobody resets it: the peers are told not to try
//! (`--before no-reset --after no-reset-stub`, espflash `no-reset-no-stub`), which is the least that
//! they can be made to do; ours has no such option, sets lines that are not there, and starts the
//! firmware where the loader can do that without lines. Everybody is told the chip, as build systems
//! do.
//!
//! On an ESP32 espflash 4.7 asks for GET_SECURITY_INFO twice per process, which that ROM does not
//! know, and waits 3 s each time: that is not the simulated board's doing (genuine ROMs answer so,
//! `tests/recordings`), and it is most of espflash's time there.
//!
//! Not taking part: `esptool --diff-with --trust-flash-content`, which proves nothing.

use std::ffi::OsString;
use std::path::Path;

use crate::namespace::DEVICE;
use crate::parameters::{Link, Rates, out_of_the_box};
use crate::scenario::{Build, Case, Scenario};
use crate::tools::Tools;

/// A way to get a build onto a board.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// `fbuild-lsp deploy`, a process of its own.
    OursCli,
    /// A language server that has deployed before.
    OursLsp,
    /// esptool, without any hint of what is on the board.
    EsptoolWrite,
    /// esptool, one MD5 per file first.
    EsptoolSkipFlashed,
    /// esptool with the files that are on the board.
    EsptoolDiff,
    /// esptool with files that are not on the board.
    EsptoolDiffWrong,
    /// `verify-flash`, then `write-flash` of the regions that differ.
    EsptoolVerifyThenWrite,
    /// espflash, once per region.
    EspflashWriteBin,
}

/// A way with its baud rate: one row of the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Contestant {
    pub(crate) way: Way,
    /// Name in results.
    pub(crate) name: &'static str,
    baud: Option<u32>,
}

impl Way {
    /// Every way, ours first, and its name where everybody has the same baud rate.
    pub(crate) const NAMED: [(Self, &'static str); 8] = [
        (Self::OursCli, "fbuild-lsp deploy"),
        (Self::OursLsp, "fbuild-lsp, warm server"),
        (Self::EsptoolWrite, "esptool write-flash"),
        (Self::EsptoolSkipFlashed, "esptool --skip-flashed"),
        (Self::EsptoolDiff, "esptool --diff-with"),
        (Self::EsptoolDiffWrong, "esptool --diff-with, wrong file"),
        (Self::EsptoolVerifyThenWrite, "esptool verify, then write"),
        (Self::EspflashWriteBin, "espflash write-bin"),
    ];

    pub(crate) fn is_ours(self) -> bool {
        matches!(self, Self::OursCli | Self::OursLsp)
    }

    /// Whether it says anything about this scenario.
    fn suits(self, scenario: Scenario) -> bool {
        match self {
            // Nothing was on a blank chip before.
            Self::EsptoolDiff => scenario != Scenario::Blank,
            Self::EsptoolDiffWrong => scenario == Scenario::String,
            _ => true,
        }
    }
}

/// Who takes part in a scenario on a link.
pub(crate) fn contestants(link: &Link, scenario: Scenario) -> Vec<Contestant> {
    // espflash opens serial ports of this machine only.
    let reaches = |way| !link.is_remote || way != Way::EspflashWriteBin;
    let suited = Way::NAMED
        .iter()
        .filter(|&&(way, _)| way.suits(scenario) && reaches(way));
    match link.rates {
        Rates::Fixed(baud) => suited
            .map(|&(way, name)| Contestant {
                way,
                name,
                baud: Some(baud),
            })
            .collect(),
        Rates::OutOfTheBox => vec![
            Contestant {
                way: Way::OursCli,
                name: "fbuild-lsp deploy",
                baud: None,
            },
            Contestant {
                way: Way::OursLsp,
                name: "fbuild-lsp, warm server",
                baud: None,
            },
            Contestant {
                way: Way::EsptoolWrite,
                name: "esptool, as ESP-IDF and PlatformIO call it",
                baud: Some(out_of_the_box::ESP_IDF_AND_PLATFORMIO),
            },
            Contestant {
                way: Way::EsptoolWrite,
                name: "esptool, as Arduino calls it",
                baud: Some(out_of_the_box::ARDUINO),
            },
            Contestant {
                way: Way::EspflashWriteBin,
                name: "espflash write-bin",
                baud: Some(out_of_the_box::ESPFLASH),
            },
        ],
    }
}

/// A program to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) program: OsString,
    pub(crate) arguments: Vec<OsString>,
    /// Whether the program opens only ports that the system lists; see [`crate::namespace`].
    pub(crate) needs_listed_port: bool,
}

impl Contestant {
    /// The baud rate as `fbuild-lsp` takes it.
    pub(crate) fn baud_text(&self) -> String {
        self.baud
            .map_or_else(|| "auto".to_owned(), |baud| baud.to_string())
    }

    /// The processes to run, one after the other; what a second one does may depend on the first's
    /// output (see [`crate::run`]). None for the warm server.
    pub(crate) fn calls(&self, case: &Case, port: &str, tools: &Tools) -> Vec<Call> {
        match self.way {
            Way::OursCli => vec![Call::new(
                &tools.ours,
                ["deploy".into(), case.new.folder.clone().into_os_string()]
                    .into_iter()
                    .chain(texts(&[
                        "--port",
                        port,
                        "--baud",
                        &self.baud_text(),
                        "--json",
                    ])),
            )],
            Way::OursLsp => Vec::new(),
            Way::EsptoolWrite => vec![self.write_flash(case, port, tools, &[], &all(&case.new))],
            Way::EsptoolSkipFlashed => {
                vec![self.write_flash(case, port, tools, &["--skip-flashed"], &all(&case.new))]
            }
            Way::EsptoolDiff => {
                let old = case.old.as_ref().unwrap_or(&case.wrong_old);
                vec![self.write_with_diff(case, port, tools, old)]
            }
            Way::EsptoolDiffWrong => {
                vec![self.write_with_diff(case, port, tools, &case.wrong_old)]
            }
            Way::EsptoolVerifyThenWrite => {
                vec![self.esptool(case, port, tools, &["verify-flash"], &all(&case.new))]
            }
            Way::EspflashWriteBin => case
                .new
                .regions
                .iter()
                .map(|region| {
                    let baud = self.baud_text();
                    let offset = format!("{:#x}", region.offset);
                    let arguments = texts(&["write-bin", "--port", DEVICE, "--baud", &baud])
                        .chain(texts(&["--chip", case.chip.name(), "--before", "no-reset"]))
                        .chain(texts(&["--after", "no-reset-no-stub", "--non-interactive"]))
                        .chain(texts(&["--skip-update-check", &offset]))
                        .chain([region.path.clone().into_os_string()]);
                    Call {
                        needs_listed_port: true,
                        ..Call::new(&tools.espflash, arguments)
                    }
                })
                .collect(),
        }
    }

    /// `write-flash` of the regions at `offsets`.
    pub(crate) fn write_flash(
        &self,
        case: &Case,
        port: &str,
        tools: &Tools,
        options: &[&str],
        offsets: &[u32],
    ) -> Call {
        let command: Vec<&str> = ["write-flash"]
            .into_iter()
            .chain(options.iter().copied())
            .collect();
        self.esptool(case, port, tools, &command, offsets)
    }

    fn write_with_diff(&self, case: &Case, port: &str, tools: &Tools, old: &Build) -> Call {
        let mut call = self.write_flash(case, port, tools, &[], &all(&case.new));
        // The option takes all file names that follow, so it comes last.
        call.arguments.push("--diff-with".into());
        call.arguments.extend(
            old.regions
                .iter()
                .map(|region| region.path.clone().into_os_string()),
        );
        call
    }

    fn esptool(
        &self,
        case: &Case,
        port: &str,
        tools: &Tools,
        command: &[&str],
        offsets: &[u32],
    ) -> Call {
        let baud = self.baud_text();
        let files = case
            .new
            .regions
            .iter()
            .filter(|region| offsets.contains(&region.offset))
            .flat_map(|region| {
                [
                    format!("{:#x}", region.offset).into(),
                    region.path.clone().into_os_string(),
                ]
            });
        let arguments = texts(&["--chip", case.chip.name(), "--port", port, "--baud", &baud])
            .chain(texts(&["--before", "no-reset", "--after", "no-reset-stub"]))
            .chain(texts(command))
            .chain(files);
        Call::new(&tools.esptool, arguments)
    }
}

impl Call {
    fn new(program: &Path, arguments: impl Iterator<Item = OsString>) -> Self {
        Self {
            program: program.as_os_str().to_owned(),
            arguments: arguments.collect(),
            needs_listed_port: false,
        }
    }
}

fn texts(texts: &[&str]) -> impl Iterator<Item = OsString> + use<> {
    texts
        .iter()
        .map(OsString::from)
        .collect::<Vec<_>>()
        .into_iter()
}

fn all(build: &Build) -> Vec<u32> {
    build.regions.iter().map(|region| region.offset).collect()
}

/// Offsets of the regions that `verify-flash` found to differ, from what it printed.
pub(crate) fn differing(verify_output: &str) -> Vec<u32> {
    let mut offset = None;
    let mut found = Vec::new();
    for line in verify_output.lines() {
        if let Some((_, rest)) = line.split_once(" bytes at 0x") {
            let digits: String = rest.chars().take_while(char::is_ascii_hexdigit).collect();
            offset = u32::from_str_radix(&digits, 16).ok();
        }
        if line.contains("Verification failed")
            && !line.contains("fatal error")
            && let Some(offset) = offset.take()
        {
            found.push(offset);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_that_differ_are_read_from_esptools_words() {
        let text = "Verifying 0x6870 (26736) bytes at 0x00001000 in flash against 'b.bin'...\n\
                    Verification successful (digest matched).\n\
                    Verifying 0x24a40 (150080) bytes at 0x00010000 in flash against 'app.bin'...\n\
                    Verification failed (digest mismatch).\n\
                    ERROR: A fatal error occurred: Verification failed.\n";
        assert_eq!(differing(text), [0x1_0000]);
    }

    #[test]
    fn a_wrong_old_file_is_for_the_string_edit_only() {
        let ways = |scenario| -> Vec<Way> {
            contestants(&crate::parameters::LINKS[0], scenario)
                .iter()
                .map(|c| c.way)
                .collect()
        };
        assert!(ways(Scenario::String).contains(&Way::EsptoolDiffWrong));
        assert!(!ways(Scenario::Same).contains(&Way::EsptoolDiffWrong));
        assert!(!ways(Scenario::Blank).contains(&Way::EsptoolDiff));
    }
}
