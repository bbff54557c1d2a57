//! What a board prints, and what it means: lines, log levels, boot facts, crashes, and the places in the
//! sources that a crash's addresses stand for. Bytes and times go in, values come out: it never hears of a
//! port, a file, a clock, a project or a deploy.
//!
//! Read in this order:
//!
//! 1. [`mod@line`]: bytes, in whatever pieces they come, become lines with the time of their first byte.
//! 2. [`log`] and [`filter`]: what a line says of itself, and which lines to show.
//! 3. [`boot`]: what boot ROM, boot loader and start code say about themselves.
//! 4. [`crash`] and [`watch`]: what a crash is, and how it is recognised in the lines.
//! 5. [`elf`], [`rom`] and [`trace`]: addresses become functions, files and lines, without a toolchain;
//!    `unwind` walks a RISC-V stack that the board has printed.
//!
//! Memory is bounded whatever comes in; each limit is a constant beside what it limits.

pub mod boot;
pub mod crash;
pub mod elf;
pub mod filter;
pub mod line;
pub mod log;
pub mod rom;
pub mod stop;
pub mod text;
pub mod trace;
pub mod watch;

mod call_frames;
mod names;
mod said;
mod unwind;

#[cfg(test)]
mod laws;
