//! Crashes of every kind, as boards print them: `tests/panics`.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // all of this is test code

mod assertions;
mod cases;
mod damage;
mod ends;
mod first_load;
mod fixtures;
mod forms;
mod healthy;
mod texts;
