//! What esptool 4.8.1 and 5.6.0 wrote, word by word, and what is made of it.
//!
//! Each file of `tests/esptool-output` is one run: the command, its output, its exit code.

use std::collections::BTreeSet;
use std::path::PathBuf;

use fbuild_deploy::esptool::fault::{fault, is_mismatch};
use fbuild_deploy::esptool::output::{Lines, Said};
use fbuild_deploy::esptool::verdicts::verdicts;
use fbuild_deploy::esptool::version::{Spelling, Version};
use fbuild_deploy::failure::BoardState;
use fbuild_deploy::outcome::Verdict::{self, Differs, Match, Unknown};

const PORT: &str = "/dev/ttyUSB0";
/// Boot loader, table and app of the recordings: offset and length.
const REGIONS: [(u32, u32); 3] = [(0x1000, 20_080), (0x8000, 3072), (0x1_0000, 150_080)];

struct Recorded {
    name: String,
    version: Version,
    lines: Vec<String>,
    said: Vec<Said>,
    exit: i32,
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/esptool-output")
}

/// The recordings of one kind, by what follows their version: `verify-01-all-match`.
fn recordings(kind: &str) -> Vec<Recorded> {
    let mut names: Vec<String> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "README.md")
        .collect();
    names.sort();
    let of_kind = |name: &String| name[6..].starts_with(kind);
    names
        .into_iter()
        .filter(of_kind)
        .map(|name| read(&name))
        .collect()
}

fn read(name: &str) -> Recorded {
    let bytes = std::fs::read(folder().join(name)).unwrap();
    let command = bytes.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    let mut whole = Lines::default();
    let mut lines = whole.feed(&bytes[command..]);
    // However the pipe cuts it.
    for size in [1, 2, 3, 7, 64] {
        let mut cut = Lines::default();
        let parts = bytes[command..]
            .chunks(size)
            .flat_map(|chunk| cut.feed(chunk));
        assert_eq!(
            parts.collect::<Vec<_>>(),
            lines,
            "{name} in pieces of {size}"
        );
    }
    let exit = lines.pop().unwrap();
    let exit = exit.strip_prefix("exit=").unwrap().parse().unwrap();
    Recorded {
        name: name[6..].trim_end_matches(".txt").to_owned(),
        version: lines
            .iter()
            .find_map(|line| Version::from_line(line))
            .unwrap_or_else(|| {
                // A wrong call of version 4 does not say it.
                name[..5]
                    .split('.')
                    .map(|n| n.parse().unwrap())
                    .collect::<Vec<u32>>()[..]
                    .try_into()
                    .map(|[major, minor, patch]: [u32; 3]| Version {
                        major,
                        minor,
                        patch,
                    })
                    .unwrap()
            }),
        said: lines
            .iter()
            .filter_map(|line| Said::from_line(line))
            .collect(),
        lines,
        exit,
    }
}

impl Recorded {
    fn failure(&self) -> (&'static str, String) {
        let error = fault(
            &self.lines,
            &format!("exit code {}", self.exit),
            PORT,
            "firmware",
        );
        let failure = error.into_failure(PORT, &BoardState::Untouched);
        assert!(!failure.remedy.is_empty(), "{}: {failure:?}", self.name);
        (failure.code, failure.what)
    }
}

#[test]
fn comparisons_give_each_region_its_verdict() {
    let expected: [(&str, [Verdict; 3]); 8] = [
        ("verify-01-all-match", [Match, Match, Match]),
        ("verify-02-only-app-differs", [Match, Match, Differs]),
        (
            "verify-03-bootloader-and-app-differ",
            [Differs, Match, Differs],
        ),
        ("verify-04-all-differ", [Differs, Differs, Differs]),
        // Only a place that nobody asked about: left out, and nothing is known of the others.
        ("verify-05-unknown-offset", [Unknown, Unknown, Unknown]),
        (
            "verify-06-three-regions-plus-unknown-offset",
            [Match, Match, Match],
        ),
        ("verify-11-chip-argument-right", [Match, Match, Match]),
        (
            "verify-13-no-stub-only-app-differs",
            [Match, Match, Differs],
        ),
    ];
    let mut used = BTreeSet::new();
    for recorded in recordings("verify") {
        let found = verdicts(&recorded.lines, &REGIONS);
        let known = expected.iter().find(|(name, _)| *name == recorded.name);
        if let Some((name, expected)) = known {
            assert_eq!(found, expected, "{name}");
            let ended = recorded.exit == 0 || is_mismatch(&recorded.lines);
            assert!(ended, "{name}");
            used.insert(*name);
        } else {
            assert_eq!(found, [Unknown; 3], "{}", recorded.name);
            let ended = recorded.exit == 0 || is_mismatch(&recorded.lines);
            assert!(!ended, "{} is no comparison", recorded.name);
        }
    }
    assert_eq!(used.len(), expected.len());
}

#[test]
fn failures_are_told_as_the_native_backend_tells_them() {
    let expected = [
        (
            "verify-07-port-does-not-exist",
            "port-not-found",
            "port /dev/ttyUSB0 does not exist",
        ),
        (
            "verify-08-wrong-chip-argument",
            "chip-mismatch",
            "This chip is ESP32",
        ),
        (
            "verify-09-no-answer-at-all",
            "no-loader",
            "on /dev/ttyUSB0 in 7 attempts: the board sent nothing at all",
        ),
        (
            "verify-10-chip-boots-from-flash-instead",
            "no-loader",
            "wrong boot mode (0x13): the board started its firmware",
        ),
        (
            "verify-12-file-does-not-exist",
            "esptool-failed",
            "No such file or directory: 'nosuch.bin'",
        ),
        (
            "write-05-failed-connect",
            "no-loader",
            "the board sent nothing at all",
        ),
        (
            "write-06-does-not-fit",
            "esptool-failed",
            "will not fit in 4194304 bytes of flash",
        ),
        ("write-08-image-for-another-chip", "chip-mismatch", "s3.bin"),
    ];
    let mut n_found = 0;
    for recorded in recordings("") {
        let known = expected.iter().find(|(name, ..)| *name == recorded.name);
        let Some((name, code, words)) = known else {
            let ended = recorded.exit == 0 || is_mismatch(&recorded.lines);
            assert!(ended, "{} is not expected to fail", recorded.name);
            continue;
        };
        let (found, what) = recorded.failure();
        assert_eq!(found, *code, "{name}: {what}");
        assert!(what.contains(words), "{name}: {what}");
        n_found += 1;
    }
    assert_eq!(n_found, 2 * expected.len(), "each of both versions");
}

#[test]
fn writes_say_what_was_sent_and_proved() {
    let mut n_checked = 0;
    for recorded in recordings("write") {
        if recorded.exit != 0 {
            continue;
        }
        let mut proved = Vec::new();
        let mut last = None;
        let mut thousandths = 0;
        for said in &recorded.said {
            match said {
                Said::Writing {
                    thousandths: now, ..
                } => thousandths = *now,
                Said::Wrote {
                    offset,
                    len_bytes,
                    sent_bytes,
                } => {
                    assert!(0 < *sent_bytes && sent_bytes < len_bytes);
                    assert_eq!(thousandths, 1000, "{}", recorded.name);
                    last = Some((*offset, *len_bytes));
                }
                Said::Proved => proved.extend(last.take()),
                _ => {}
            }
        }
        let expected: &[(u32, u32)] = match &*recorded.name {
            "write-01-one-region" | "write-07-skip-flashed-three-regions" => &REGIONS[2..],
            _ => &REGIONS,
        };
        assert_eq!(proved, expected, "{}", recorded.name);
        assert_eq!(
            recorded.said.last(),
            Some(&Said::Reset),
            "{}",
            recorded.name
        );
        n_checked += 1;
    }
    assert_eq!(n_checked, 9);
}

#[test]
fn every_run_that_got_that_far_says_who_is_there() {
    let mut n_named = 0;
    for recorded in recordings("") {
        let spelling = recorded.version.spelling();
        let expected = match recorded.version.major {
            4 => Spelling::Underscores,
            _ => Spelling::Hyphens,
        };
        assert_eq!(spelling, Some(expected), "{}", recorded.name);
        let mac = Said::Mac("24:0a:c4:00:01:10".to_owned());
        if recorded.said.contains(&mac) {
            assert!(
                recorded.said.contains(&Said::Revision(300)),
                "{}",
                recorded.name
            );
            // Where the chip was not named, it is detected.
            let detected = recorded.said.contains(&Said::Chip("ESP32".to_owned()));
            assert_eq!(detected, recorded.name != "verify-11-chip-argument-right");
            n_named += 1;
        }
    }
    assert_eq!(n_named, 28);
}
