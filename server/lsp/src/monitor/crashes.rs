//! The crashes of one log.

use fbuild_monitor::crash::Crash;
use fbuild_monitor::trace::Trace;

use super::elfs::Elfs;
use crate::json::CrashList;

/// Most crashes that are kept: the first ones.
const MAX_CRASHES: usize = 1000;

/// Crashes with the places of their addresses.
#[derive(Debug, Default)]
pub(crate) struct Crashes(Vec<(Crash, Trace)>);

impl Crashes {
    /// Adds one, in the place of an earlier one if it is the same and says more.
    pub(crate) fn add(&mut self, crash: Crash, elfs: &mut Elfs) {
        let trace = elfs.trace(&crash);
        let same = |(other, _): &(Crash, Trace)| crash.replaces(other);
        if let Some(index) = self.0.iter().rposition(same) {
            self.0[index] = (crash, trace);
        } else if self.0.len() < MAX_CRASHES {
            self.0.push((crash, trace));
        }
    }

    /// For programs.
    pub(crate) fn list(&self) -> CrashList {
        CrashList::new(self.0.iter().map(|(crash, trace)| (crash, trace)))
    }
}
