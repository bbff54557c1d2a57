//! Help with partitions.csv.

use super::Diagnostic;
use super::format::{Format, View};

/// The format of partitions.csv.
pub(crate) struct Partitions;

impl Format for Partitions {
    fn diagnostics(&self, _view: View<'_>) -> Vec<Diagnostic> {
        Vec::new()
    }
}
