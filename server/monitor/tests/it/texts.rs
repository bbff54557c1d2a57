//! Texts without an ELF: each crash is recognised, with its facts, and nothing that only looks like one.

use fbuild_monitor::crash::{Crash, Kind};
use serde_json::Value;

use crate::fixtures::{folder, json, number, watch};

#[test]
fn every_crash_and_no_look_alike() {
    let mut wrong = Vec::new();
    for item in json("index.json")["items"].as_array().unwrap() {
        let id = item["id"].as_str().unwrap();
        let text = std::fs::read(folder().join(item["text"].as_str().unwrap())).unwrap();
        let seen = watch(&text, 61);
        let expected = item["events"].as_array().unwrap();
        let kinds: Vec<_> = seen.crashes.iter().map(|crash| crash.kind.word()).collect();
        let expected_kinds: Vec<_> = expected
            .iter()
            .map(|event| event["kind"].as_str().unwrap())
            .collect();
        if kinds != expected_kinds {
            wrong.push(format!("{id}: {kinds:?}, expected {expected_kinds:?}"));
            continue;
        }
        let resets: Vec<_> = item["resets"]
            .as_array()
            .unwrap()
            .iter()
            .map(|reset| reset.as_str().unwrap())
            .collect();
        if seen.resets != resets {
            wrong.push(format!(
                "{id}: resets {:?}, expected {resets:?}",
                seen.resets
            ));
        }
        for (crash, event) in seen.crashes.iter().zip(expected) {
            for difference in differences(crash, event) {
                wrong.push(format!("{id}: {difference}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[allow(clippy::too_many_lines)] // one list of what is compared
/// What the text's facts are, as `index.json` words them.
fn differences(crash: &Crash, event: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let mut same = |what: &str, is: String, expected: String| {
        if is != expected {
            found.push(format!("{what} {is}, expected {expected}"));
        }
    };
    let text = |value: &Value| format!("{:?}", value.as_str());
    same(
        "cause",
        format!("{:?}", Some(&crash.cause)),
        text(&event["cause"]),
    );
    same(
        "severity",
        format!("{:?}", Some(crash.severity.word())),
        text(&event["severity"]),
    );
    same(
        "core",
        format!("{:?}", crash.core.map(u64::from)),
        format!("{:?}", event["core"].as_u64()),
    );
    same(
        "task",
        format!("{:?}", crash.task.as_deref()),
        text(&event["task"]),
    );
    same(
        "sha",
        format!("{:?}", crash.elf_sha256.as_deref()),
        text(&event["elf_sha256"]),
    );
    // MTVAL of an illegal instruction may hold the instruction, so it is never taken for an address.
    let fault_address =
        number(&event["fault_address"]).filter(|_| crash.cause != "Illegal instruction");
    same(
        "fault address",
        format!("{:x?}", crash.fault_address),
        format!("{fault_address:x?}"),
    );
    let printed: Vec<_> = crash
        .addresses()
        .iter()
        .map(|printed| printed.address)
        .collect();
    let expected: Vec<_> = event["addresses"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(number)
        .collect();
    same(
        "addresses",
        format!("{printed:x?}"),
        format!("{expected:x?}"),
    );
    let source = crash.source.as_ref();
    if let Some(file) = event["source_file"]
        .as_str()
        .or(event["assert_file"].as_str())
    {
        same(
            "file",
            format!("{:?}", source.map(|source| source.file.as_str())),
            format!("{:?}", Some(file)),
        );
        let line = event["source_line"]
            .as_u64()
            .or(event["assert_line"].as_u64());
        same(
            "line",
            format!("{:?}", source.map(|source| u64::from(source.line))),
            format!("{line:?}"),
        );
    }
    if let Some(column) = event["source_column"].as_u64() {
        same(
            "column",
            format!("{:?}", source.and_then(|source| source.column)),
            format!("{:?}", Some(column)),
        );
    }
    for key in ["source_function", "assert_function"] {
        if let Some(function) = event[key].as_str() {
            let is = source.and_then(|source| source.function.as_deref());
            same(key, format!("{is:?}"), format!("{:?}", Some(function)));
        }
    }
    if let Some(expression) = event["assert_expression"].as_str() {
        same(
            "expression",
            format!("{:?}", crash.message.as_deref()),
            format!("{:?}", Some(expression)),
        );
    }
    let repeats = if crash.nested > 0 {
        crash.nested
    } else {
        crash.repeats
    };
    same(
        "repeats",
        repeats.to_string(),
        event["repeats"].as_u64().unwrap_or(1).to_string(),
    );
    let flag = |name: &str| event[name].as_bool().unwrap_or(false);
    let backtrace = crash.dump.backtrace.clone().unwrap_or_default();
    same(
        "corrupted",
        backtrace.corrupted.to_string(),
        flag("backtrace_corrupted").to_string(),
    );
    same(
        "incomplete",
        backtrace.incomplete.to_string(),
        flag("backtrace_incomplete").to_string(),
    );
    same(
        "in an interrupt",
        crash.dump.in_interrupt.to_string(),
        flag("isr_context").to_string(),
    );
    same(
        "truncated",
        crash.truncated.to_string(),
        flag("truncated").to_string(),
    );
    same(
        "continues",
        crash.continues.to_string(),
        flag("continues").to_string(),
    );
    same(
        "core dump",
        crash.core_dump.to_string(),
        flag("core_dump").to_string(),
    );
    if let Some(words) = event["stack_words"].as_u64() {
        same(
            "words",
            crash.dump.stack.words().count().to_string(),
            words.to_string(),
        );
        let base = crash.dump.stack.bounds().map(|(base, _)| base);
        same(
            "stack",
            format!("{base:x?}"),
            format!("{:x?}", number(&event["stack_base"])),
        );
    }
    let starved = event["starved"].as_array().map(|tasks| {
        tasks
            .iter()
            .map(|task| task.as_str().unwrap())
            .collect::<Vec<_>>()
    });
    same(
        "starved",
        format!("{:?}", crash.starved),
        format!("{:?}", starved.unwrap_or_default()),
    );
    let others = event["other_cores"].as_array().cloned().unwrap_or_default();
    same(
        "other cores",
        crash.other_cores.len().to_string(),
        others.len().to_string(),
    );
    for (dump, other) in crash.other_cores.iter().zip(&others) {
        same(
            "other core",
            format!("{:?}", dump.core),
            format!("{:?}", other["core"].as_u64()),
        );
        let expected: Vec<_> = other["addresses"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(number)
            .collect();
        let backtrace = dump
            .backtrace
            .iter()
            .flat_map(|backtrace| &backtrace.entries)
            .map(|(pc, _)| *pc);
        let printed: Vec<_> = dump.pc().into_iter().chain(backtrace).collect();
        same(
            "its addresses",
            format!("{printed:x?}"),
            format!("{expected:x?}"),
        );
    }
    found
}

#[test]
fn however_the_bytes_come_the_crashes_are_the_same() {
    for item in json("index.json")["items"].as_array().unwrap() {
        let text = std::fs::read(folder().join(item["text"].as_str().unwrap())).unwrap();
        let whole = watch(&text, text.len());
        for piece in [1, 2, 7, 64] {
            let cut = watch(&text, piece);
            assert_eq!(whole.crashes, cut.crashes, "{}", item["id"]);
            assert_eq!(whole.resets, cut.resets, "{}", item["id"]);
        }
    }
}

#[test]
fn a_log_without_crashes_stays_one() {
    let text = b"E (1) BOD: Brownout soon\r\nwaiting for download\r\nBacktrace:\r\n0x40080000\r\ninvalid header: 0x1\r\n\
        Core 0 register dump:\r\nPC      : 0x400d0316  PS      : 0x00060030\r\nfile: \"x\" line 3\r\n\
        assert failed: he gave up (again)\r\npanicked at the disco\r\nException 'tis nice\r\n";
    let seen = watch(text, 5);
    assert!(seen.crashes.is_empty(), "{:?}", seen.crashes);
    assert_eq!(Kind::Fault.word(), "fault");
}
