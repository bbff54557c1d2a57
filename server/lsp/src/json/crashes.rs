//! Crashes, and what their addresses mean.

use fbuild_monitor::crash::{Crash, Dump, Source};
use fbuild_monitor::stop::Stop;
use fbuild_monitor::trace::{Blame, Build, Frame, Trace};
use fbuild_project::plain;
use schemars::JsonSchema;
use serde::Serialize;

/// What a log holds.
#[derive(Debug, Serialize, JsonSchema, Default)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CrashList {
    crashes: Vec<CrashEntry>,
}

impl CrashList {
    pub(crate) fn new<'a>(crashes: impl Iterator<Item = (&'a Crash, &'a Trace)>) -> Self {
        Self {
            crashes: crashes
                .map(|(crash, trace)| CrashEntry::new(crash, trace))
                .collect(),
        }
    }
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[allow(clippy::struct_excessive_bools)] // each is a word of the protocol
pub(crate) struct CrashEntry {
    kind: &'static str,
    cause: String,
    severity: &'static str,
    message: Option<String>,
    core: Option<u32>,
    task: Option<String>,
    starved: Vec<String>,
    fault_address: Option<String>,
    elf_sha256: Option<String>,
    source: Option<SourceEntry>,
    registers: Vec<RegisterEntry>,
    repeats: u32,
    nested: u32,
    continues: bool,
    truncated: bool,
    build: &'static str,
    elf: Option<String>,
    elf_error: Option<String>,
    unknown_top: Option<String>,
    frames: Vec<FrameEntry>,
    complete: bool,
    stop: String,
    candidates: Vec<FrameEntry>,
    other_cores: Vec<CoreEntry>,
    place: Option<PlaceEntry>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct SourceEntry {
    file: String,
    line: u32,
    column: Option<u32>,
    function: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct RegisterEntry {
    name: &'static str,
    value: String,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct FrameEntry {
    address: String,
    lookup: String,
    stack_pointer: Option<String>,
    function: Option<String>,
    file: Option<String>,
    line: Option<u32>,
    column: Option<u32>,
    inlined: bool,
    rom: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
struct CoreEntry {
    core: Option<u32>,
    registers: Vec<RegisterEntry>,
    frames: Vec<FrameEntry>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct PlaceEntry {
    function: Option<String>,
    file: String,
    line: Option<u32>,
    column: Option<u32>,
}

fn sentence(text: &str) -> String {
    plain::line(text).into_owned()
}

fn hex(number: u32) -> String {
    format!("{number:#010x}")
}

fn registers(dump: &Dump) -> Vec<RegisterEntry> {
    let entry = |(name, value): &(&'static str, u32)| RegisterEntry {
        name,
        value: hex(*value),
    };
    dump.registers.iter().map(entry).collect()
}

impl CrashEntry {
    pub(crate) fn new(crash: &Crash, trace: &Trace) -> Self {
        let (build, elf, elf_error) = match &trace.build {
            Build::Named(elf) => ("named", Some(elf.clone()), None),
            Build::Unverified(elf) => ("unverified", Some(elf.clone()), None),
            Build::Other => ("other", None, None),
            Build::Unknown(error) => ("unknown", None, error.as_deref().map(sentence)),
        };
        let cores = crash.other_cores.iter().zip(&trace.other_cores);
        Self {
            kind: crash.kind.word(),
            cause: sentence(&crash.cause),
            severity: crash.severity.word(),
            message: crash.message.as_deref().map(sentence),
            core: crash.core,
            task: crash.task.clone(),
            starved: crash.starved.clone(),
            fault_address: crash.fault_address.map(hex),
            elf_sha256: crash.elf_sha256.clone(),
            source: crash.source.clone().map(SourceEntry::from),
            registers: registers(&crash.dump),
            repeats: crash.repeats,
            nested: crash.nested,
            continues: crash.continues,
            truncated: crash.truncated,
            build,
            elf,
            elf_error,
            unknown_top: trace.unknown_top.map(hex),
            frames: trace.frames.iter().map(FrameEntry::from).collect(),
            complete: matches!(trace.stop, Stop::Outermost | Stop::EndOfList),
            stop: trace.stop.to_string(),
            candidates: trace.candidates.iter().map(FrameEntry::from).collect(),
            other_cores: cores
                .map(|(dump, frames)| CoreEntry {
                    core: dump.core,
                    registers: registers(dump),
                    frames: frames.iter().map(FrameEntry::from).collect(),
                })
                .collect(),
            place: trace.blame.clone().map(PlaceEntry::from),
        }
    }
}

impl From<&Frame> for FrameEntry {
    fn from(frame: &Frame) -> Self {
        let place = frame.place.as_ref();
        Self {
            address: hex(frame.address),
            lookup: hex(frame.lookup),
            stack_pointer: frame.stack_pointer.map(hex),
            function: frame.function.clone(),
            file: place.map(|place| place.file.clone()),
            line: place.and_then(|place| place.line),
            column: place.and_then(|place| place.column),
            inlined: frame.is_inlined,
            rom: frame.is_rom,
        }
    }
}

impl From<Source> for SourceEntry {
    fn from(source: Source) -> Self {
        let Source {
            file,
            line,
            column,
            function,
        } = source;
        Self {
            file,
            line,
            column,
            function,
        }
    }
}

impl From<Blame> for PlaceEntry {
    fn from(blame: Blame) -> Self {
        Self {
            function: blame.function,
            file: blame.place.file,
            line: blame.place.line,
            column: blame.place.column,
        }
    }
}
