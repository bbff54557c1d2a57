//! The esptool backend, end to end: unmodified esptool 5.6.0 and 4.8.1 against simulated boards, and
//! beside each of them the native backend, which has to say and leave the same.

mod client;
mod command_line;
mod loader_left;
mod looks;
mod rfc2217;
mod side_by_side;
mod sizes;

use std::path::PathBuf;

use crate::harness;

/// The esptools that are installed; missing ones are reported.
fn esptools() -> Vec<PathBuf> {
    newer().into_iter().chain(older()).collect()
}

fn newer() -> Option<PathBuf> {
    harness::python_tool("venv-esptool-5.6.0", "esptool")
}

fn older() -> Option<PathBuf> {
    harness::python_tool("venv-esptool-4.8.1", "esptool.py")
}
