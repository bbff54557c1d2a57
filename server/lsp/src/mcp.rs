//! The Model Context Protocol: what agents may do with a board, over standard input and output.
//!
//! [`tools`] is the list of tools, [`boards`] and [`projects`] are what they do, [`monitor`] listens for an
//! agent, [`trust`] says what is left undone in a folder of strangers. [`service`] alone names the protocol's SDK.
//! Nothing is decided here about what is written: that is `fbuild-deploy`'s, as for every other front end.

mod boards;
mod monitor;
mod projects;
mod service;
mod tools;
mod trust;

use std::path::PathBuf;

use fbuild_loader::cancel::CancelToken;
use serde::Serialize;
use serde_json::Value;

use crate::boards::LocalBoards;
use crate::json::Problem;
use crate::remember::history::History;

pub(crate) use service::serve;

/// What this process serves.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) boards: LocalBoards,
    /// Where projects are looked for; absolute.
    pub(crate) directory: PathBuf,
    /// The port of calls that name none.
    pub(crate) port: Option<String>,
    /// Whether what is in the directory may be run.
    pub(crate) is_trusted: bool,
}

impl Host {
    fn history(&self) -> History {
        let state_dir = self.boards.state_dir.as_deref();
        History::new(state_dir.map(|dir| dir.join(History::FILE)))
    }
}

/// One call of a tool.
struct Call<'c> {
    host: &'c Host,
    cancel: &'c CancelToken,
    /// Hears a percentage and what is going on.
    progress: &'c dyn Fn(u32, &str),
}

/// What a tool answers.
struct Answer {
    value: Value,
    is_error: bool,
}

impl Answer {
    fn new(value: &impl Serialize, is_error: bool) -> Self {
        // Only maps with keys that are no texts cannot be written; there are none.
        let value = serde_json::to_value(value).unwrap_or_default();
        Self { value, is_error }
    }

    fn good(value: &impl Serialize) -> Self {
        Self::new(value, false)
    }

    fn failed(failure: &fbuild_deploy::outcome::Failure) -> Self {
        let error = Problem::from(failure);
        Self::new(&serde_json::json!({ "error": error }), true)
    }
}
