//! The server against a scripted client over an in-memory pipe, with scripted boards.

mod cancel;
mod commands;
mod fake;
mod harness;
mod life;
mod measures;
mod progress;
#[path = "../../tests/it/project.rs"]
mod project;
mod protocol;
mod simulated;
