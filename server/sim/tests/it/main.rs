//! The simulated board against the rest of the world: recordings of genuine loaders, and the
//! unmodified esptool and espflash.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "everything here is a test"
)]

mod any_input;
mod boots;
mod replay;
mod served;
#[cfg(unix)]
mod tools;
