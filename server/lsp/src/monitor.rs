//! Listening to a board: what it prints becomes lines and crashes, and a crash's addresses places.
//!
//! [`reader`] takes bytes, [`elfs`] knows the files that the board may run, [`told`] words a crash for a
//! person, [`clock`] says when something was printed.

pub(crate) mod clock;
pub(crate) mod elfs;
pub(crate) mod reader;
pub(crate) mod told;
