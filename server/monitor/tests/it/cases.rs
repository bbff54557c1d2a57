//! Crashes with their ELF: each frame, place and reason to stop.

use fbuild_monitor::crash::Kind;
use fbuild_monitor::elf::{Choice, Elf, choose};
use fbuild_monitor::stop::Stop;
use fbuild_monitor::trace::{Frame, Trace, trace};
use serde_json::Value;

use crate::fixtures::{folder, json, number, shared, watch};

#[test]
#[allow(clippy::too_many_lines)] // one list of what is compared
fn every_frame_of_every_crash() {
    let mut wrong = Vec::new();
    let mut own = 0; // those whose ELF is in this repository
    for case in json("cases.json")["cases"].as_array().unwrap() {
        let id = case["id"].as_str().unwrap();
        let text = std::fs::read(folder().join(case["text"].as_str().unwrap())).unwrap();
        let path = case["elf"].as_str().unwrap();
        let is_own = !path.starts_with("firmware/");
        let path = match path.strip_prefix("firmware/") {
            Some(name) => match shared(&format!("firmware/{}", name.split(' ').next().unwrap())) {
                Some(path) => path,
                None => continue,
            },
            None => folder().join(path),
        };
        let elf = Elf::new(path.display().to_string(), std::fs::read(&path).unwrap());
        assert_eq!(elf.sha256(), case["elf_sha256"].as_str().unwrap());
        let crashes = watch(&text, 61).crashes;
        let crashes: Vec<_> = crashes
            .iter()
            .filter(|crash| crash.kind != Kind::BootLoop)
            .collect();
        let [crash] = crashes[..] else {
            wrong.push(format!("{id}: {} crashes", crashes.len()));
            continue;
        };
        own += u32::from(is_own);
        let mut same = |what: &str, is: String, expected: String| {
            if is != expected {
                wrong.push(format!("{id}: {what} {is}, expected {expected}"));
            }
        };
        let event = &case["event"];
        let text = |value: &Value| format!("{:?}", value.as_str());
        same(
            "kind",
            format!("{:?}", Some(crash.kind.word())),
            text(&event["kind"]),
        );
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
        // esp-backtrace says no core; these were made from a case that does.
        let core = event["core"]
            .as_u64()
            .filter(|_| !id.ends_with("-stackdump"));
        same(
            "core",
            format!("{:?}", crash.core.map(u64::from)),
            format!("{core:?}"),
        );
        same(
            "task",
            format!("{:?}", crash.task.as_deref()),
            text(&event["task"]),
        );
        same(
            "fault address",
            format!("{:x?}", crash.fault_address),
            format!("{:x?}", number(&event["fault_address"])),
        );
        same(
            "abort",
            format!("{:x?}", crash.abort_pc),
            format!("{:x?}", number(&event["abort_pc"])),
        );
        same(
            "repeats",
            crash.repeats.to_string(),
            case["repeats"].as_u64().unwrap_or(1).to_string(),
        );
        same(
            "truncated",
            crash.truncated.to_string(),
            case["truncated"].as_bool().unwrap_or(false).to_string(),
        );

        let elfs = [elf];
        let choice = choose(crash, &elfs);
        let trace = trace(crash, &choice);
        if case["elf_matches"].as_bool() == Some(false) {
            assert!(matches!(choice, Choice::OtherBuild), "{id}");
            assert!(
                trace.frames.is_empty() && trace.candidates.is_empty() && trace.blame.is_none(),
                "{id}: {trace:?}"
            );
            continue;
        }
        if case["unknown_top"].is_string() {
            same(
                "top",
                format!("{:x?}", trace.unknown_top),
                format!("{:x?}", number(&case["unknown_top"])),
            );
        }
        let mut certain = trace.frames.clone();
        let mut candidates = trace.candidates.clone();
        let mut expected = case["frames"].as_array().unwrap().clone();
        if let Some(by_ra) = case["candidate_from_ra"].as_array() {
            // The fixture leaves open whether the call before RA leads to the function; here it is looked at.
            expected.extend(by_ra.iter().cloned());
            certain.append(&mut candidates);
        }
        wrong.extend(frames(id, &certain, &expected));
        let expected = case["stack_candidates"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        wrong.extend(frames(id, &candidates, &expected));
        wrong.extend(stop(id, &trace, case));
        wrong.extend(blame(id, &trace, &case["diagnostic_place"]));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(own, 52);
}

fn frames(id: &str, is: &[Frame], expected: &[Value]) -> Vec<String> {
    let mut wrong = Vec::new();
    let shown = |frame: &Frame| {
        let place = frame
            .place
            .as_ref()
            .map(|place| format!("{}:{:?}", place.file, place.line));
        format!("{:#x} {:?} {place:?}", frame.address, frame.function)
    };
    if is.len() != expected.len() {
        let is: Vec<_> = is.iter().map(shown).collect();
        return vec![format!(
            "{id}: {} frames, expected {}:\n  {}",
            is.len(),
            expected.len(),
            is.join("\n  ")
        )];
    }
    for (frame, wanted) in is.iter().zip(expected) {
        let pc = number(&wanted["pc"]).or(number(&wanted["word"]));
        let is_right = pc.is_none_or(|pc| pc == frame.address)
            && number(&wanted["lookup"]) == Some(frame.lookup)
            && wanted["inlined"]
                .as_bool()
                .is_none_or(|inlined| inlined == frame.is_inlined)
            && ["function", "function_also"].iter().any(|key| {
                wanted
                    .get(key)
                    .is_some_and(|name| is_name(frame, name.as_str()))
            })
            && is_file(frame, wanted["file"].as_str())
            && ["line", "line_also"]
                .iter()
                .any(|key| is_line(frame, wanted, key))
            && (number(&wanted["sp"]).is_none()
                || frame.stack_pointer.is_none()
                || number(&wanted["sp"]) == frame.stack_pointer);
        if !is_right {
            wrong.push(format!("{id}: {}, expected {wanted}", shown(frame)));
        }
    }
    wrong
}

/// Names are compared up to their parameters. Rust's are given as they are mangled in the old way.
fn is_name(frame: &Frame, wanted: Option<&str>) -> bool {
    let short = |name: &str| {
        let name = name
            .replace("(anonymous namespace)::", "")
            .replace("{lambda()#1}", "'lambda'()");
        let name = rustic(&name);
        name.split('(').next().unwrap().to_owned()
    };
    match (&frame.function, wanted) {
        (Some(name), Some(wanted)) => short(name) == short(wanted),
        (None, None) => true,
        _ => false,
    }
}

/// `_$LT$a..B$u20$as$u20$c..D$GT$::log::h2dc1fd1e0b365ea1` is `<a::B as c::D>::log`.
fn rustic(name: &str) -> String {
    let name = name
        .strip_prefix('_')
        .filter(|name| name.starts_with("$LT$"))
        .unwrap_or(name);
    let name = name
        .replace("$LT$", "<")
        .replace("$GT$", ">")
        .replace("$u20$", " ")
        .replace("..", "::");
    match name.rsplit_once("::h") {
        Some((name, hash))
            if hash.len() == 16 && hash.bytes().all(|digit| digit.is_ascii_hexdigit()) =>
        {
            name.to_owned()
        }
        _ => name,
    }
}

fn is_file(frame: &Frame, wanted: Option<&str>) -> bool {
    let file = frame.place.as_ref().map(|place| place.file.as_str());
    match wanted.map(|wanted| wanted.strip_prefix('…').unwrap_or(wanted)) {
        Some(wanted) => file.is_some_and(|file| file.ends_with(wanted)),
        None => file.is_none(),
    }
}

fn is_line(frame: &Frame, wanted: &Value, key: &str) -> bool {
    let line = frame
        .place
        .as_ref()
        .and_then(|place| place.line)
        .map(u64::from);
    wanted
        .get(key)
        .is_some_and(|wanted| wanted.as_u64() == line)
}

fn stop(id: &str, trace: &Trace, case: &Value) -> Option<String> {
    let wanted = case["stop"].as_str().unwrap();
    let is_right = match &trace.stop {
        Stop::Outermost => wanted.starts_with("outermost frame"),
        Stop::EndOfList => wanted.starts_with("end of the list"),
        Stop::BeyondStack { .. } => wanted.contains("lies beyond the printed"),
        Stop::NoStack => wanted.starts_with("no stack") || wanted == "end of the list",
        Stop::NotReturnAddress { .. } => wanted.starts_with("MEPC and RA are overwritten"),
        Stop::Esp8266Stack => wanted.contains("candidates only"),
        _ => false,
    };
    (!is_right).then(|| format!("{id}: stops: {}, expected {wanted}", trace.stop))
}

fn blame(id: &str, trace: &Trace, wanted: &Value) -> Option<String> {
    let Some(wanted_file) = wanted["file"].as_str() else {
        // Registers alone name a function of the core library: the fixture gives no place.
        return (trace.blame.is_some() && trace.frames.is_empty())
            .then(|| format!("{id}: blames {:?}", trace.blame));
    };
    let is_right = trace.blame.as_ref().is_some_and(|blame| {
        blame.place.file.ends_with(wanted_file)
            && blame.place.line.map(u64::from) == wanted["line"].as_u64()
    });
    (!is_right).then(|| format!("{id}: blames {:?}, expected {wanted}", trace.blame))
}
