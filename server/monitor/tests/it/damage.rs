//! The same crashes, as they come over a bad wire and through other programs: with stamps, colours, other cores' lines
//! in between, cut off, and with bytes changed.

use fbuild_monitor::elf::{Elf, choose};
use fbuild_monitor::stop::Stop;
use fbuild_monitor::trace::{Trace, trace};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::fixtures::{folder, json, watch};

struct Case {
    id: String,
    text: String,
    elf: usize,
}

/// Cases whose ELF is in this repository, and these files.
fn cases() -> (Vec<Case>, Vec<Elf>) {
    let mut elfs: Vec<Elf> = Vec::new();
    let mut cases = Vec::new();
    for case in json("cases.json")["cases"].as_array().unwrap() {
        let name = case["elf"].as_str().unwrap();
        if !name.starts_with("elf/") {
            continue;
        }
        let known = elfs.iter().position(|elf| elf.name == name);
        let elf = known.unwrap_or_else(|| {
            elfs.push(Elf::new(
                name.to_owned(),
                std::fs::read(folder().join(name)).unwrap(),
            ));
            elfs.len() - 1
        });
        let text = std::fs::read_to_string(folder().join(case["text"].as_str().unwrap())).unwrap();
        cases.push(Case {
            id: case["id"].as_str().unwrap().to_owned(),
            text,
            elf,
        });
    }
    assert!(cases.len() > 45);
    (cases, elfs)
}

/// What is found; times, and what another program has put in front, aside.
fn found(text: &str, elf: &[Elf]) -> Vec<(String, Trace)> {
    let crashes = watch(text.as_bytes(), 1000).crashes;
    let traces = crashes.iter().map(|crash| {
        (
            format!("{} {}", crash.kind.word(), crash.cause),
            trace(crash, &choose(crash, elf)),
        )
    });
    traces.collect()
}

#[test]
fn what_other_programs_add_changes_nothing() {
    let (cases, elfs) = cases();
    let stamp = |stamp: &str, text: &str| {
        let lines = text.split_inclusive('\n');
        lines.flat_map(|line| [stamp, line]).collect::<String>()
    };
    for case in &cases {
        let elf = &elfs[case.elf..=case.elf];
        let plain = found(&case.text, elf);
        let variants = [
            stamp("[09:34:21] ", &case.text),
            stamp("[2026-01-31 09:34:21.123] ", &case.text),
            stamp("09:34:21.123 > ", &case.text),
            stamp("09:34:21.123 -> ", &case.text),
            stamp("2026-01-31 09:34:21 ", &case.text),
            stamp("\x1b[31m", &case.text.replace("\r\n", "\x1b[0m\r\n")),
            case.text.replace("\r\n", "\n"),
            case.text.replace("\r\n", "\r\r\n"),
        ];
        for variant in variants {
            assert!(
                found(&variant, elf) == plain,
                "{}: {:?}",
                case.id,
                variant.get(..300)
            );
        }
    }
}

#[test]
fn lines_of_another_core_in_between_change_nothing() {
    let (cases, elfs) = cases();
    for case in &cases {
        let elf = &elfs[case.elf..=case.elf];
        let plain = found(&case.text, elf);
        let mut lines: Vec<_> = case.text.split_inclusive('\n').collect();
        // The message of a Rust panic is the next line, whatever it says; the task watchdog's report ends with the
        // program's next words.
        if case.id.contains("stackdump") || case.id.contains("task-wdt") {
            continue;
        }
        for index in (1..lines.len()).rev().step_by(3) {
            lines.insert(index, "\x1b[0;32mI (812) core1: still alive\x1b[0m\r\n");
        }
        assert!(found(&lines.concat(), elf) == plain, "{}", case.id);
    }
}

#[test]
fn a_cut_stack_gives_fewer_frames_and_says_so() {
    let (cases, elfs) = cases();
    let mut cut = 0;
    for case in &cases {
        let elf = &elfs[case.elf..=case.elf];
        let Some(start) = case.text.find("Stack memory:\r\n") else {
            continue;
        };
        let plain = found(&case.text, elf).remove(0).1;
        if plain.frames.is_empty() {
            continue; // of another build, or overwritten
        }
        for keep in [0, 20, 40, 95] {
            let text = &case.text[..start + "Stack memory:\r\n".len() + keep];
            let (_, less) = found(text, elf).remove(0);
            assert!(plain.frames.len() >= less.frames.len(), "{}", case.id);
            let same = plain
                .frames
                .iter()
                .zip(&less.frames)
                .all(|(one, other)| one.lookup == other.lookup);
            assert!(same, "{}", case.id);
            if less.frames.len() < plain.frames.len() {
                cut += 1;
                assert!(
                    matches!(less.stop, Stop::BeyondStack { .. } | Stop::NoStack),
                    "{}: {}",
                    case.id,
                    less.stop
                );
            }
        }
    }
    assert!(cut > 40, "{cut}");
}

/// Bytes change, lines vanish: nothing panics, nothing is endless, and no frame is invented: each is code.
#[test]
fn damage_invents_nothing() {
    let (cases, elfs) = cases();
    let strategy = (
        0..cases.len(),
        prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
        prop::collection::vec((any::<prop::sample::Index>(), 0_usize..80), 0..3),
    );
    let mut runner = TestRunner::new(Config::with_cases(400));
    let outcome = runner.run(&strategy, |(case, changes, cuts)| {
        let case = &cases[case];
        let mut bytes = case.text.clone().into_bytes();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        for (at, length) in cuts {
            let at = at.index(bytes.len() - 100);
            bytes.drain(at..at + length);
        }
        let elf = &elfs[case.elf..=case.elf];
        for crash in watch(&bytes, 64).crashes {
            let trace = trace(&crash, &choose(&crash, elf));
            prop_assert!(trace.frames.len() < 2000);
            let program = elf[0].program().unwrap();
            for frame in &trace.frames {
                prop_assert!(frame.is_rom || program.is_code(frame.lookup), "{frame:?}");
            }
        }
        Ok(())
    });
    outcome.unwrap();
}

/// Whatever an ELF file holds, it is read or refused.
#[test]
fn a_damaged_elf_is_read_or_refused() {
    let (cases, _) = cases();
    let case = cases.iter().find(|case| case.id == "rover-og-02").unwrap();
    let crash = watch(case.text.as_bytes(), 1000).crashes.remove(0);
    let elf = std::fs::read(folder().join("elf/rover-og.elf")).unwrap();
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..20);
    let mut runner = TestRunner::new(Config::with_cases(300));
    let outcome = runner.run(
        &(changes, any::<prop::sample::Index>()),
        |(changes, end)| {
            let mut bytes = elf.clone();
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            if end.index(4) == 0 {
                bytes.truncate(end.index(elf.len()));
            }
            let elf = Elf::new("damaged".to_owned(), bytes);
            let trace = trace(&crash, &fbuild_monitor::elf::Choice::Unverified(&elf));
            prop_assert!(trace.frames.len() < 100_000);
            Ok(())
        },
    );
    outcome.unwrap();
}
