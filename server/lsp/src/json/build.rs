//! What came of a build.

use std::borrow::Cow;
use std::path::Path;
use std::time::Duration;

use fbuild_project::plain;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Problem, milliseconds};
use crate::build::{self, Build, Built};
use crate::explain::Text;
use crate::stop::{Stop, failure_of, outcome_of};

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
    /// `build` is `None` where there was nothing to run; `took` counts unless it went well.
    pub(crate) fn new(
        build: Option<&'o Build>,
        result: &'o Result<Built, Stop>,
        took: Duration,
    ) -> Self {
        let target = build.map(|build| build.name.as_str());
        let took = result.as_ref().map_or(took, |built| built.duration);
        let message = build::message_of(target, result);
        Self {
            outcome: outcome_of(result, "built"),
            message: plain::line(&message).into_owned().into(),
            target,
            command: build.map(|build| build.line.as_str()),
            directory: build.map(|build| build.directory.as_path()),
            duration_ms: milliseconds(took),
            error: failure_of(result).map(Problem::from),
            text: None,
        }
    }
}
