//! A simulated ESP32-family board: the device side of the loader protocol; and a small AVR board ([`avr`]).
//! It knows what a board does with the bytes and lines that it gets, and when; it never hears of a project,
//! a target or a deploy.
//!
//! [`board::Board`] is a state machine without threads or clocks of its own: bytes and control lines
//! go in with the time, bytes come out stamped with the time at which they arrive. It runs in this
//! process behind a [`fbuild_link::memory::MemoryLink`] ([`port`] makes such links from
//! `sim:` port names), or in real time on a pty or a TCP port ([`serve`]) for programs of others.
//!
//! What it models: NOR flash ([`flash`]), the boot ROM's loader and the flasher stub with their
//! different answers, the reset circuit, boot from flash, security modes, time ([`timing`]) and
//! faults on demand ([`faults`]). What keeps it honest: recordings of genuine ROMs and stubs are
//! replayed against it, and the unmodified esptool and espflash drive it.

// Tests read files of their own making.
#![cfg_attr(test, allow(clippy::disallowed_methods))]

pub mod avr;
pub mod board;
mod boot;
mod console;
pub mod faults;
pub mod flash;
mod hardware;
mod inflate;
pub mod port;
mod program;
mod registers;
mod reset_circuit;
mod rom;
pub mod security;
pub mod serve;
mod served;
pub mod stats;
mod stub;
pub mod timing;
mod wire;

pub use board::{Board, BoardBuilder, BuildError, State};
pub use boot::BootFailure;
pub use faults::{Faults, When};
pub use flash::Nor;
pub use program::Program;
pub use reset_circuit::Connection;
pub use security::Encryption;
pub use stats::Stats;
pub use timing::Timing;
