//! The baud rate of a monitor, and who says so.

use std::fmt;

use fbuild_project::target::Target;
use serde::Serialize;

/// The rate of every ROM's boot log, and of most programs.
pub(crate) const USUAL_BAUD: u32 = 115_200;

/// Whether it may be a board's baud rate.
pub(crate) fn is_rate(baud: u32) -> bool {
    (300..=5_000_000).contains(&baud)
}

/// A baud rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Rate {
    pub(crate) baud: u32,
    /// What of the project or the settings says so; `None`: who asked, or nobody.
    #[serde(rename = "baudFrom")]
    pub(crate) from: Option<&'static str>,
}

impl Rate {
    /// What was asked for, else what is set, else what the project's own tool would take.
    pub(crate) fn of(asked: Option<u32>, set: Option<u32>, target: Option<&Target>) -> Self {
        let asked = asked.map(|baud| (baud, None));
        let set = set.map(|baud| (baud, Some("fbuild.monitor.baud")));
        let project = target.and_then(|target| target.console.baud);
        let project = project.map(|(baud, from)| (baud, Some(from)));
        let project = project.filter(|(baud, _)| is_rate(*baud));
        let (baud, from) = asked.or(set).or(project).unwrap_or((USUAL_BAUD, None));
        Self { baud, from }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.from {
            Some(from) => write!(f, "{} baud ({from})", self.baud),
            None => write!(f, "{} baud", self.baud),
        }
    }
}
