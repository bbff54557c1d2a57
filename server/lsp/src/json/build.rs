//! What came of a build.

use std::borrow::Cow;
use std::path::Path;
use std::time::Duration;

use fbuild_deploy::outcome::Failure;
use fbuild_project::plain;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Problem, milliseconds};
use crate::build::{Build, Built, NotBuilt};
use crate::explain::Text;

/// What came of a build.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[allow(clippy::struct_field_names)] // the contract's names
pub(crate) struct BuildOutcome<'o> {
    pub(crate) outcome: &'static str,
    pub(crate) message: Cow<'o, str>,
    pub(crate) target: Option<&'o str>,
    pub(crate) command: Option<&'o str>,
    pub(crate) directory: Option<&'o Path>,
    pub(crate) duration_ms: u64,
    pub(crate) error: Option<Problem>,
    /// Only for who shows it to a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    pub(crate) text: Option<Text>,
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
            message: plain::line(&message).into_owned().into(),
            target,
            command: build.map(|build| build.line.as_str()),
            directory: build.map(|build| build.directory.as_path()),
            duration_ms: milliseconds(took),
            error: failure(result).map(Problem::from),
            text: None,
        }
    }
}

fn failure(result: &Result<Built, NotBuilt>) -> Option<&Failure> {
    match result {
        Err(NotBuilt::Failed(failure)) => Some(failure),
        Ok(_) | Err(NotBuilt::Cancelled) => None,
    }
}
