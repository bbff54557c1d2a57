//! What a monitor prints for programs: an object a line.

use fbuild_monitor::boot::Reset;
use fbuild_monitor::crash::{Crash, Severity};
use fbuild_monitor::log::LogLine;
use fbuild_monitor::text::without_colours;
use fbuild_monitor::trace::Trace;
use serde::Serialize;

use super::crashes::CrashEntry;

/// One thing that happened.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub(crate) enum MonitorEvent {
    /// The board has printed a line.
    Line {
        time: String,
        text: String,
        level: Option<&'static str>,
        tag: Option<String>,
        /// `false`: it was too long, and goes on.
        complete: bool,
    },
    /// The board boots.
    Reset { code: u32, name: Option<String> },
    /// It has crashed.
    Crash {
        time: String,
        crash: Box<CrashEntry>,
        /// The program does not go on.
        #[serde(skip)]
        is_end: bool,
    },
    /// The port is gone, or back.
    Port { state: &'static str },
    /// Nothing follows.
    End {
        reason: &'static str,
        line: Option<String>,
    },
}

impl MonitorEvent {
    pub(crate) fn line(time: String, text: &str, complete: bool) -> Self {
        let text = without_colours(text);
        let log = LogLine::parse(&text);
        Self::Line {
            time,
            level: log.as_ref().map(|log| log.level.word()),
            tag: log.and_then(|log| log.tag),
            text: text.into_owned(),
            complete,
        }
    }

    pub(crate) fn reset(reset: &Reset) -> Self {
        Self::Reset {
            code: reset.code,
            name: reset.name.clone(),
        }
    }

    pub(crate) fn crash(time: String, crash: &Crash, trace: &Trace) -> Self {
        Self::Crash {
            time,
            crash: Box::new(CrashEntry::new(crash, trace)),
            is_end: matches!(crash.severity, Severity::Fatal | Severity::BootFailure),
        }
    }

    /// About how much of memory its texts take.
    pub(crate) fn len_bytes(&self) -> usize {
        match self {
            Self::Line { text, .. } => text.len(),
            Self::Crash { .. } => serde_json::to_vec(self).map_or(0, |json| json.len()),
            Self::Reset { .. } | Self::Port { .. } | Self::End { .. } => 0,
        }
    }

    pub(crate) fn port(is_there: bool) -> Self {
        Self::Port {
            state: if is_there { "back" } else { "gone" },
        }
    }

    pub(crate) fn end(reason: &'static str, line: Option<&str>) -> Self {
        Self::End {
            reason,
            line: line.map(str::to_owned),
        }
    }
}
