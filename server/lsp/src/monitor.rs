//! Listening to a board: what it prints becomes lines and crashes, and a crash's addresses places.
//!
//! [`listener`] has the port, [`reader`] takes its bytes, [`elfs`] knows the files that the board may run,
//! [`crashes`] keeps what they name, [`told`] words a crash for a person, [`screen`] is the text of a terminal,
//! [`clock`] says when something was printed.

pub(crate) mod clock;
pub(crate) mod crashes;
pub(crate) mod elfs;
pub(crate) mod listener;
pub(crate) mod reader;
pub(crate) mod screen;
pub(crate) mod told;
