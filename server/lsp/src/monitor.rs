//! Listening to a board: what it prints becomes lines and crashes, and a crash's addresses places.
//!
//! [`listener`] has the port, [`reset`] uses its lines, [`intake`] takes its bytes and [`reader`] reads them, [`end`]
//! says what ends it, [`elfs`] knows the files that the board may run, [`crashes`] keeps what they name, [`told`] words
//! a crash for a person, [`screen`] is the text of a terminal, [`keys`] knows what is typed there,
//! [`clock`] when something was printed, [`log_file`] where it is kept.

pub(crate) mod clock;
pub(crate) mod crashes;
pub(crate) mod elfs;
pub(crate) mod end;
pub(crate) mod intake;
pub(crate) mod keys;
pub(crate) mod listener;
pub(crate) mod log_file;
pub(crate) mod rate;
pub(crate) mod reader;
pub(crate) mod reset;
pub(crate) mod screen;
pub(crate) mod told;
