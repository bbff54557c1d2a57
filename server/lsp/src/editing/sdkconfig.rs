//! Help with sdkconfig and sdkconfig.defaults.

use super::Diagnostic;
use super::format::{Format, View};

/// The format of sdkconfig and sdkconfig.defaults.
pub(crate) struct SdkConfig;

impl Format for SdkConfig {
    fn diagnostics(&self, _view: View<'_>) -> Vec<Diagnostic> {
        Vec::new()
    }
}
