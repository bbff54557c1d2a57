//! Help with platformio.ini.

use super::Diagnostic;
use super::format::{Format, View};

/// The format of platformio.ini.
pub(crate) struct PlatformIo;

impl Format for PlatformIo {
    fn diagnostics(&self, _view: View<'_>) -> Vec<Diagnostic> {
        Vec::new()
    }
}
