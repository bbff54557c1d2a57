//! Talk to the loader of an ESP32-family chip: its boot ROM, or the flasher stub in its RAM; and to the
//! boot loader of an AVR board. This knows what either is asked and answers; it never hears of a project, a
//! region, a plan or an editor.
//!
//! Read in this order: [`slip`] and [`packet`] are the codec (bytes in, values out, no I/O),
//! [`reset`] the dances on a link's control lines, [`session`] everything a host says to a loader.
//! [`stk500`] is the same for AVR boards.

pub mod boot_log;
pub mod cancel;
pub mod delta;
pub mod error;
pub mod packet;
pub mod reset;
pub mod session;
pub mod slip;
pub mod stk500;
pub mod stub;
