//! What a deploy tells while it runs. Facts only; words, percent and rate limits are the listener's.

use std::sync::Arc;

use fbuild_chip::security::BoardSecurity;

use crate::outcome::{PlanSummary, Report};

/// What is being done to a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Hashing what is on the board, to compare it.
    Verify,
    /// Erasing and programming.
    Write,
    /// Hashing what was written, to prove it.
    Check,
}

/// Who answered on the other end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Board {
    /// The chip.
    pub chip: fbuild_chip::Device,
    /// Factory MAC address as people write it, where it can be read.
    pub mac: Option<String>,
    /// Chip revision, major * 100 + minor, where it can be read.
    pub revision: Option<u16>,
    /// Flash size in bytes, where it can be read.
    pub flash_size: Option<u32>,
    /// What its eFuses say.
    pub security: BoardSecurity,
}

/// Events of one deploy: at most one `Connecting`; then one attempt after the other; exactly one
/// `Finished`, which is last. A `Note` may come anywhere before that.
///
/// An attempt begins with `Connected`, except over the air, where nobody says who answers. It has any number of `Progress`, and `Planned` before the first
/// erase and before the first progress of writing. A link that fails is tried again at a lower baud
/// rate, from the comparison on: that is another attempt, and all progress begins anew.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The port is about to be opened.
    Connecting {
        /// Name of the port.
        port: Arc<str>,
    },
    /// A loader answered and was identified.
    Connected(Board),
    /// What will be written, published before anything is erased.
    Planned(PlanSummary),
    /// Bytes done in one phase of one region. Does not fall within an attempt, except after a warning
    /// that something did not read back: what is done once more then begins anew.
    Progress {
        /// The region.
        region: Arc<str>,
        /// What is being done to it.
        phase: Phase,
        /// Bytes done.
        done_bytes: u64,
        /// Bytes to do in this phase of this region.
        total_bytes: u64,
    },
    /// Something that a person should know and that does not stop the deploy.
    Note(String),
    /// The end.
    Finished(Box<Report>),
}
