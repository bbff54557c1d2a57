//! The server against a scripted client over an in-memory pipe, with scripted boards.

mod board;
#[cfg(unix)] // the commands are
mod build_errors;
#[cfg(unix)] // the commands are
mod builds;
mod cancel;
mod choices;
mod commands;
mod configuration;
mod crashes;
mod data_loss;
mod editing;
mod editing_projects;
mod esptool;
mod fake;
mod harness;
mod life;
mod measures;
mod monitor;
mod pages;
mod phases;
mod progress;
#[path = "../../tests/it/project.rs"]
mod project;
mod protocol;
mod simulated;
mod stale;
mod unasked;
