//! Discovery and images over whole workspaces and whole corpora.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // tests: a failed unwrap is a failed test

mod elf;
mod esptool_output;
mod fixtures;
mod header_patch;
mod layouts;
mod loose;
mod placing;
mod project_settings;
mod projects;
mod refusals;
mod remedies;
mod workspaces;
