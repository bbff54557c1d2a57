//! From a crash to places in the sources.

mod blame;

use crate::crash::{Crash, Dump, Meaning, RomId, Stack};
use crate::elf::{Choice, Elf, Place, Program};
use crate::rom;
use crate::stop::Stop;
use crate::unwind::{self, Registers, Step, Walk};

/// Most words of an ESP8266's stack that are shown as possible callers.
const MAX_CANDIDATES: usize = 64;

/// What a crash's addresses mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// Whose addresses they are.
    pub build: Build,
    /// The address at which the program crashed, where it is not code: a jump to nowhere.
    pub unknown_top: Option<u32>,
    /// Functions from the innermost outwards, all certain. An inlined one is a frame of its own, before the function that
    /// it is in.
    pub frames: Vec<Frame>,
    /// What may come next, but need not.
    pub candidates: Vec<Frame>,
    /// Why there is no further frame.
    pub stop: Stop,
    /// Frames of the other cores, in the order of [`Crash::other_cores`].
    pub other_cores: Vec<Vec<Frame>>,
    /// The place that the crash is to be shown at: the faulting line, or the call of `abort()` or of an assertion.
    pub blame: Option<Blame>,
}

/// Which build the addresses belong to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Build {
    /// The board has named it, and this is its ELF file.
    Named(String),
    /// The board has not named its build; this file fits as well as any.
    Unverified(String),
    /// The board runs another build than every file that was at hand: no name would be right.
    Other,
    /// No file was at hand, or it could not be read.
    Unknown(Option<String>),
}

/// One function on the stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Its address as the board or the stack has it.
    pub address: u32,
    /// The address that was looked up: a call is before its return address.
    pub lookup: u32,
    /// The stack pointer in it.
    pub stack_pointer: Option<u32>,
    /// Its name, demangled.
    pub function: Option<String>,
    /// Where in the sources.
    pub place: Option<Place>,
    /// It was inlined into the next frame.
    pub is_inlined: bool,
    /// It is part of the chip's boot ROM.
    pub is_rom: bool,
}

/// The place that a crash is to be shown at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blame {
    /// The function.
    pub function: Option<String>,
    /// Where.
    pub place: Place,
}

/// Says what a crash's addresses mean in the chosen ELF file. Nothing is reported for another build.
pub fn trace(crash: &Crash, choice: &Choice<'_>) -> Trace {
    let mut trace = Trace {
        build: Build::Unknown(None),
        unknown_top: None,
        frames: Vec::new(),
        candidates: Vec::new(),
        stop: Stop::NoElf,
        other_cores: Vec::new(),
        blame: None,
    };
    let (elf, build) = match choice {
        Choice::Named(elf) => (elf, Build::Named(elf.name.clone())),
        Choice::Unverified(elf) => (elf, Build::Unverified(elf.name.clone())),
        Choice::OtherBuild => {
            trace.build = Build::Other;
            trace.stop = Stop::OtherBuild;
            return trace;
        }
        Choice::None => return trace,
    };
    let program = match elf.program() {
        Ok(program) => program,
        Err(error) => {
            trace.build = Build::Unknown(Some(format!("{}: {error}", elf.name)));
            return trace;
        }
    };
    trace.build = build;
    let look = Look {
        program,
        rom: &crash.rom,
    };
    look.dump(&crash.dump, &mut trace);
    if trace.frames.is_empty() && trace.unknown_top.is_none() {
        look.named(crash, &mut trace);
    }
    for dump in &crash.other_cores {
        let mut other = Trace {
            frames: Vec::new(),
            ..trace.clone()
        };
        look.dump(dump, &mut other);
        trace.other_cores.push(other.frames);
    }
    let exact = crash.dump.pc().filter(|pc| program.is_code(*pc));
    let exact = exact
        .map(|pc| look.frames(pc, Meaning::Exact, None))
        .unwrap_or_default();
    trace.blame = blame::blame(crash, &exact, &trace.frames);
    trace
}

/// The functions at an address that a board prints by the way, innermost first. Nothing is said by another build than
/// the one that the board has named, if it has.
pub fn at(address: u32, elf_sha256: Option<&str>, candidates: &[Elf]) -> Vec<Frame> {
    let is_it = |elf: &&Elf| elf_sha256.is_none_or(|named| elf.sha256().starts_with(named));
    let program = candidates.iter().find(is_it).map(Elf::program);
    let Some(program) = program.and_then(Result::ok) else {
        return Vec::new();
    };
    let rom = RomId::default();
    let look = Look { program, rom: &rom };
    if !program.is_code(address) {
        return Vec::new();
    }
    look.frames(address, Meaning::Exact, None)
}

struct Look<'a> {
    program: &'a Program,
    rom: &'a RomId,
}

impl Look<'_> {
    fn frames(&self, address: u32, meaning: Meaning, stack_pointer: Option<u32>) -> Vec<Frame> {
        self.step(&Step {
            pc: address,
            lookup: meaning.lookup(address),
            stack_pointer,
        })
    }

    fn step(&self, step: &Step) -> Vec<Frame> {
        let frame = |function, place, is_inlined, is_rom| Frame {
            address: step.pc,
            lookup: step.lookup,
            stack_pointer: step.stack_pointer,
            function,
            place,
            is_inlined,
            is_rom,
        };
        if !self.program.is_code(step.lookup)
            && let Some(name) = rom::function(self.rom, step.lookup)
        {
            return vec![frame(Some(name.to_owned()), None, false, true)];
        }
        let found = self.program.at(step.lookup).into_iter();
        found
            .map(|at| frame(at.function, at.place, at.is_inlined, false))
            .collect()
    }

    /// Whether something can be said of an address at all.
    fn is_known(&self, lookup: u32) -> bool {
        self.program.is_code(lookup) || rom::function(self.rom, lookup).is_some()
    }

    fn dump(&self, dump: &Dump, trace: &mut Trace) {
        if let Some(backtrace) = &dump.backtrace
            && !backtrace.entries.is_empty()
        {
            // esp-hal gives the fault's address, and a backtrace that may begin with it, as ESPHome's does, by 3 less.
            let first = backtrace.entries[0];
            let is_first = |pc: u32| pc == first.0 || pc.wrapping_sub(3) == first.0;
            if first.1.is_none()
                && let Some(pc) = dump.pc().filter(|pc| !is_first(*pc))
            {
                trace.frames.extend(self.frames(pc, Meaning::Exact, None));
            }
            for (index, (pc, stack_pointer)) in backtrace.entries.iter().enumerate() {
                let meaning = dump.backtrace_meaning(*pc);
                if self.is_known(meaning.lookup(*pc)) {
                    trace
                        .frames
                        .extend(self.frames(*pc, meaning, *stack_pointer));
                } else if index == 0 {
                    trace.unknown_top = Some(dump.pc().unwrap_or(*pc));
                }
            }
            trace.stop = if backtrace.corrupted {
                Stop::Corrupted
            } else if backtrace.incomplete {
                Stop::CutShort
            } else {
                Stop::EndOfList
            };
        } else if let Some((pc, bytes)) = &dump.stack.to_stack_start {
            self.stack_dump(*pc, bytes, trace);
        } else if dump.stack.is_esp8266 || dump.is_esp8266() {
            self.esp8266(dump, trace);
        } else if let Some(registers) = Registers::of(dump).filter(|_| !dump.registers_damaged)
            && self.program.is_riscv
        {
            self.walk(&dump.stack, registers, trace);
        } else if let Some(pc) = dump.pc() {
            if self.is_known(pc) {
                trace.frames.extend(self.frames(pc, Meaning::Exact, None));
            } else {
                trace.unknown_top = Some(pc);
            }
            trace.stop = Stop::EndOfList;
        } else {
            trace.stop = Stop::NoAddress;
        }
    }

    fn walk(&self, stack: &Stack, start: Registers, trace: &mut Trace) {
        let rom_leaf = |pc| rom::function(self.rom, pc).is_some_and(is_leaf);
        let Walk {
            steps,
            candidate,
            stop,
        } = unwind::walk(self.program, stack, start, rom_leaf);
        for (index, step) in steps.iter().enumerate() {
            if self.is_known(step.lookup) {
                trace.frames.extend(self.step(step));
            } else if index == 0 {
                trace.unknown_top = Some(step.pc);
            }
        }
        trace
            .candidates
            .extend(candidate.iter().flat_map(|step| self.step(step)));
        trace.stop = stop;
    }

    /// The stack from the stack pointer to the program's symbol `_stack_start`.
    fn stack_dump(&self, pc: u32, bytes: &[u8], trace: &mut Trace) {
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let start = self
            .program
            .stack_start
            .and_then(|start| start.checked_sub(length));
        let Some(stack_pointer) = start.filter(|_| self.program.is_riscv) else {
            trace
                .frames
                .extend(self.frames(pc, Meaning::ReturnAddress, None));
            trace.stop = Stop::NoStack;
            return;
        };
        let mut stack = Stack::default();
        let words: Vec<u32> = bytes
            .chunks_exact(4)
            .map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]]))
            .collect();
        stack.add(stack_pointer, &words);
        self.walk(&stack, Registers::at_return(pc, stack_pointer), trace);
    }

    fn esp8266(&self, dump: &Dump, trace: &mut Trace) {
        if let Some(pc) = dump.pc() {
            if self.is_known(pc) {
                trace.frames.extend(self.frames(pc, Meaning::Exact, None));
            } else {
                trace.unknown_top = Some(pc);
            }
        }
        let words = dump.stack.words().map(|(_, word)| word);
        let callers = words.filter(|word| self.program.is_code(Meaning::Candidate.lookup(*word)));
        for word in callers.take(MAX_CANDIDATES) {
            trace
                .candidates
                .extend(self.frames(word, Meaning::Candidate, None));
        }
        trace.stop = Stop::Esp8266Stack;
    }

    /// Only the text has named an address.
    fn named(&self, crash: &Crash, trace: &mut Trace) {
        for (address, meaning) in [
            (crash.named_pc, Meaning::Exact),
            (crash.abort_pc, Meaning::Call),
        ] {
            if let Some(address) = address.filter(|address| self.is_known(*address)) {
                trace.frames.extend(self.frames(address, meaning, None));
                trace.stop = Stop::EndOfList;
                return;
            }
        }
    }
}

/// Functions of the C library in ROM that call nothing: `memcpy(NULL, …)` is a frequent way to crash in one.
fn is_leaf(name: &str) -> bool {
    const LEAVES: [&str; 18] = [
        "memcpy", "memmove", "memset", "memcmp", "memchr", "memccpy", "memrchr", "bzero", "strcpy",
        "strncpy", "strcmp", "strncmp", "strlen", "strnlen", "strchr", "strrchr", "strlcpy",
        "strcat",
    ];
    LEAVES.contains(&name)
}
