//! RISC-V's call instructions (unprivileged specification, RV32IMC). What is on a stack and follows no call is not a
//! return address.

use crate::elf::Program;

fn half(program: &Program, address: u32) -> Option<u16> {
    let bytes = program.code_from(address)?;
    Some(u16::from_le_bytes(bytes.get(..2)?.try_into().ok()?))
}

fn word(program: &Program, address: u32) -> Option<u32> {
    let bytes = program.code_from(address)?;
    Some(u32::from_le_bytes(bytes.get(..4)?.try_into().ok()?))
}

/// `rd` of an instruction of 32 bits.
fn rd(word: u32) -> u32 {
    (word >> 7) & 0x1f
}

/// `ra`, or `t0`, which calls of `__riscv_save_…` use.
fn is_link(register: u32) -> bool {
    matches!(register, 1 | 5)
}

fn is_jal(word: u32) -> bool {
    word & 0x7f == 0x6f && is_link(rd(word))
}

fn is_jalr(word: u32) -> bool {
    word & 0x707f == 0x67 && is_link(rd(word))
}

fn is_short_jal(half: u16) -> bool {
    half & 0xe003 == 0x2001
}

/// `c.jalr rs1`; with x0 it would be `c.ebreak`.
fn is_short_jalr(half: u16) -> bool {
    half & 0xf07f == 0x9002 && half & 0x0f80 != 0
}

/// Whether the instruction before an address is a call.
pub(super) fn is_behind_call(program: &Program, address: u32) -> bool {
    let long = address.checked_sub(4).and_then(|at| word(program, at));
    let short = address.checked_sub(2).and_then(|at| half(program, at));
    long.is_some_and(|word| is_jal(word) || is_jalr(word))
        || short.is_some_and(|half| is_short_jal(half) || is_short_jalr(half))
}
