//! The esptool backend, end to end: unmodified esptool 5.6.0 and 4.8.1 against simulated boards, and
//! beside each of them the native backend, which has to say and leave the same.

mod client;
mod command_line;
mod loader_left;
mod side_by_side;

use std::path::PathBuf;

use crate::harness;

const NEW: (&str, &str) = ("venv-esptool-5.6.0", "esptool");
const OLD: (&str, &str) = ("venv-esptool-4.8.1", "esptool.py");

/// The esptools that are installed; what is not is said.
fn esptools() -> Vec<PathBuf> {
    let tools = [NEW, OLD];
    let found = tools
        .iter()
        .map(|(venv, tool)| harness::python_tool(venv, tool));
    found.flatten().collect()
}

/// The newer one.
fn esptool() -> Option<PathBuf> {
    harness::python_tool(NEW.0, NEW.1)
}
