//! Help with flasher_args.json.

use super::Diagnostic;
use super::format::{Format, View};

/// The format of flasher_args.json.
pub(crate) struct FlasherArgs;

impl Format for FlasherArgs {
    fn diagnostics(&self, _view: View<'_>) -> Vec<Diagnostic> {
        Vec::new()
    }
}
