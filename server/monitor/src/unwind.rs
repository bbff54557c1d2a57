//! Walks a RISC-V stack by the call frame information of the program (DWARF 5, section 6.4), over the registers and
//! stack words that the board has printed. No debugger, no toolchain.
//!
//! A step is taken only where it is certain. What stops the walk is reported, and nothing is shown beyond it.

mod calls;

use gimli::{Register, RegisterRule};

use crate::crash::{Dump, Stack};
use crate::elf::Program;
use crate::stop::Stop;

/// More frames than any stack that is printed has room for; an endless walk ends here.
const MAX_STEPS: usize = 1024;

const RA: usize = 1;
const SP: usize = 2;
/// Names of x1 to x31 in ESP-IDF's dumps.
const NAMES: [&str; 31] = [
    "RA", "SP", "GP", "TP", "T0", "T1", "T2", "S0/FP", "S1", "A0", "A1", "A2", "A3", "A4", "A5",
    "A6", "A7", "S2", "S3", "S4", "S5", "S6", "S7", "S8", "S9", "S10", "S11", "T3", "T4", "T5",
    "T6",
];

/// One function on the stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) pc: u32,
    /// The address that says what the function was doing: the call is before a return address.
    pub(crate) lookup: u32,
    pub(crate) stack_pointer: Option<u32>,
}

/// What was found.
#[derive(Debug)]
pub(crate) struct Walk {
    pub(crate) steps: Vec<Step>,
    /// A return address that may be the next step's, but need not be.
    pub(crate) candidate: Option<Step>,
    pub(crate) stop: Stop,
}

/// Registers of one function. What a call may change is unknown in the caller.
#[derive(Debug, Clone)]
pub(crate) struct Registers {
    pc: u32,
    values: [Option<u32>; 32],
    /// `pc` is a return address.
    is_caller: bool,
}

impl Registers {
    /// As a RISC-V core has printed them.
    pub(crate) fn of(dump: &Dump) -> Option<Self> {
        let mut values = [None; 32];
        for (value, name) in values[1..].iter_mut().zip(NAMES) {
            *value = dump.register(name);
        }
        Some(Self {
            pc: dump.register("MEPC")?,
            values,
            is_caller: false,
        })
    }

    /// A return address and a stack pointer are known, nothing else.
    pub(crate) fn at_return(pc: u32, stack_pointer: u32) -> Self {
        let mut values = [None; 32];
        values[SP] = Some(stack_pointer);
        Self {
            pc,
            values,
            is_caller: true,
        }
    }

    fn step(&self) -> Step {
        Step {
            pc: self.pc,
            lookup: if self.is_caller {
                self.pc.wrapping_sub(1)
            } else {
                self.pc
            },
            stack_pointer: self.values[SP],
        }
    }

    /// The caller of a function that has not touched the stack, by the return address register.
    fn caller_by_ra(&self) -> Option<Self> {
        let mut caller = self.clone();
        caller.pc = self.values[RA]?;
        caller.values[RA] = None;
        caller.is_caller = true;
        Some(caller)
    }
}

/// Walks from the innermost function outwards. `rom_leaf` says whether an address lies in a function of the boot ROM
/// that calls nothing: its caller is in `ra`.
pub(crate) fn walk(
    program: &Program,
    stack: &Stack,
    start: Registers,
    rom_leaf: impl Fn(u32) -> bool,
) -> Walk {
    let mut walk = Walk {
        steps: Vec::new(),
        candidate: None,
        stop: Stop::TooDeep,
    };
    let mut registers = start;
    while walk.steps.len() < MAX_STEPS {
        let step = registers.step();
        if !program.is_code(step.lookup) && !registers.is_caller {
            // A jump to nowhere, or the ROM: the caller is where `ra` says.
            walk.steps.push(step);
            let caller = registers
                .caller_by_ra()
                .filter(|caller| calls::is_behind_call(program, caller.pc));
            let is_certain = !is_rom(step.pc) || rom_leaf(step.pc);
            match caller {
                Some(caller) if is_certain => registers = caller,
                caller => {
                    walk.stop = match (&caller, registers.values[RA]) {
                        (None, Some(address)) => Stop::NotReturnAddress { address },
                        _ => Stop::NoCallFrames { pc: step.pc },
                    };
                    walk.candidate = caller.map(|caller| caller.step());
                    return walk;
                }
            }
            continue;
        }
        walk.steps.push(step);
        match caller(program, stack, &registers) {
            Ok(caller) => registers = caller,
            Err(reason) => {
                let is_lost = !matches!(reason, Stop::Outermost | Stop::NotReturnAddress { .. });
                if walk.steps.len() == 1 && !registers.is_caller && is_lost {
                    by_ra_alone(program, &registers, &mut walk);
                }
                let has_no_stack = stack.is_empty() && matches!(reason, Stop::NoCallFrames { .. });
                walk.stop = if has_no_stack { Stop::NoStack } else { reason };
                return walk;
            }
        }
    }
    walk
}

/// The caller, where the stack does not say it. A call that this function made would have left an address of this
/// function in `ra`: an address of another one is still the caller's.
fn by_ra_alone(program: &Program, registers: &Registers, walk: &mut Walk) {
    let caller = registers
        .caller_by_ra()
        .filter(|caller| calls::is_behind_call(program, caller.pc));
    let Some(caller) = caller else {
        return;
    };
    let step = Step {
        stack_pointer: None,
        ..caller.step()
    };
    match program.are_in_one_function(step.lookup, registers.pc) {
        Some(false) => walk.steps.push(step),
        _ => walk.candidate = Some(step),
    }
}

/// ROM code of every chip of the family lies here.
fn is_rom(address: u32) -> bool {
    (0x4000_0000..0x4007_0000).contains(&address) || (0x4fc0_0000..0x4fc2_0000).contains(&address)
}

fn caller(program: &Program, stack: &Stack, registers: &Registers) -> Result<Registers, Stop> {
    let no_call_frames = Stop::NoCallFrames { pc: registers.pc };
    let (return_register, row) = program
        .frames
        .row(registers.step().lookup)
        .ok_or(no_call_frames.clone())?;
    let cfa = match row.cfa() {
        gimli::CfaRule::RegisterAndOffset { register, offset } => {
            let base = registers
                .values
                .get(usize::from(register.0))
                .copied()
                .flatten();
            add(base.ok_or(no_call_frames.clone())?, *offset).ok_or(no_call_frames.clone())?
        }
        gimli::CfaRule::Expression(_) => return Err(no_call_frames),
    };
    let is_leaf = !registers.is_caller;
    let value = |register: Register, rule: &RegisterRule<usize>| match rule {
        RegisterRule::SameValue => Ok(registers
            .values
            .get(usize::from(register.0))
            .copied()
            .flatten()),
        RegisterRule::Offset(offset) => {
            let address = add(cfa, *offset).ok_or(no_call_frames.clone())?;
            stack
                .word(address)
                .map(Some)
                .ok_or_else(|| beyond(stack, address))
        }
        RegisterRule::ValOffset(offset) => Ok(add(cfa, *offset)),
        RegisterRule::Register(other) => Ok(registers
            .values
            .get(usize::from(other.0))
            .copied()
            .flatten()),
        _ => Ok(None),
    };
    let return_address = match row.register(return_register) {
        Some(RegisterRule::Undefined) => return Err(Stop::Outermost),
        // It has made a call since, so the register says nothing of its own caller: it never returns.
        None | Some(RegisterRule::SameValue) if !is_leaf => {
            return Err(Stop::NeverReturns { pc: registers.pc });
        }
        None => registers
            .values
            .get(usize::from(return_register.0))
            .copied()
            .flatten(),
        Some(rule) => value(return_register, &rule)?,
    };
    let pc = return_address.ok_or(no_call_frames.clone())?;
    if pc == 0 {
        return Err(Stop::Outermost);
    }
    // In ROM there are no bytes to look at.
    if !calls::is_behind_call(program, pc) && !is_rom(pc) {
        return Err(Stop::NotReturnAddress { address: pc });
    }
    let stack_pointer = registers.values[SP].unwrap_or(cfa);
    if cfa < stack_pointer || (cfa == stack_pointer && !is_leaf) {
        return Err(no_call_frames);
    }
    let mut caller = Registers {
        pc,
        values: [None; 32],
        is_caller: true,
    };
    // gp, tp and s0 to s11 keep their values over a call, unless the rules say where they are.
    for index in [3, 4, 8, 9].into_iter().chain(18..28) {
        caller.values[index] = registers.values[index];
    }
    for (register, rule) in row.registers() {
        let index = usize::from(register.0);
        if matches!(index, 3 | 4 | 8 | 9 | 18..28) {
            caller.values[index] = value(*register, rule).unwrap_or(None);
        }
    }
    caller.values[SP] = Some(cfa);
    Ok(caller)
}

fn add(address: u32, offset: i64) -> Option<u32> {
    u32::try_from(i64::from(address).checked_add(offset)?).ok()
}

/// Why a word of the stack is not known.
fn beyond(stack: &Stack, address: u32) -> Stop {
    match stack.bounds() {
        None => Stop::NoStack,
        Some((start, end)) if (start..end).contains(&address) => Stop::StackDamaged { address },
        Some((start, end)) => Stop::BeyondStack {
            address,
            printed: end - start,
        },
    }
}
