//! What came of a build.

use std::path::Path;
use std::time::Duration;

use fbuild_deploy::outcome::Failure;
use fbuild_project::plain;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Problem, milliseconds};
use crate::build::{Build, Built, NotBuilt};

/// What came of a build.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[allow(clippy::struct_field_names)] // the contract's names
pub(crate) struct BuildOutcome<'o> {
    outcome: &'static str,
    pub(crate) message: String,
    target: Option<&'o str>,
    command: Option<&'o str>,
    directory: Option<&'o Path>,
    duration_ms: u64,
    error: Option<Problem>,
}

impl<'o> BuildOutcome<'o> {
    /// `build` is `None` where there was nothing to run.
    pub(crate) fn new(build: Option<&'o Build>, result: &'o Result<Built, NotBuilt>) -> Self {
        let target = build.map(|build| build.name.as_str());
        let took = result
            .as_ref()
            .map_or(Duration::ZERO, |built| built.duration);
        let (outcome, message) = match result {
            Ok(_) => ("built", format!("built {}", target.unwrap_or_default())),
            Err(NotBuilt::Cancelled) => ("cancelled", "build cancelled".to_owned()),
            Err(NotBuilt::Failed(failure)) => ("failed", failure.what.clone()),
        };
        Self {
            outcome,
            message: plain::line(&message).into_owned(),
            target,
            command: build.map(|build| build.line.as_str()),
            directory: build.map(|build| build.directory.as_path()),
            duration_ms: milliseconds(took),
            error: failure(result).map(Problem::from),
        }
    }
}

fn failure(result: &Result<Built, NotBuilt>) -> Option<&Failure> {
    match result {
        Err(NotBuilt::Failed(failure)) => Some(failure),
        Ok(_) | Err(NotBuilt::Cancelled) => None,
    }
}
