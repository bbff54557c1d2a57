//! `build`, and the same at the start of a deploy.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use fbuild_deploy::outcome::Failure;
use fbuild_loader::cancel::CancelToken;
use fbuild_project::discover::Environment;
use serde::Serialize;

use super::terminal::Terminal;
use super::{CANCELLED, FAILED, SUCCESS, USAGE, interrupt};
use crate::build::{Build, Built, NotBuilt, Subject};
use crate::json::{Problem, milliseconds};
use crate::order;

/// Arguments of `build`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The project's directory; else this one, or the project around it
    #[arg(value_name = "DIR")]
    directory: Option<PathBuf>,

    /// Target to build, where the project has several: `espidf:build`, or `build` if that is clear
    #[arg(long, value_name = "NAME")]
    target: Option<String>,

    /// Print the outcome as one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(clippy::struct_field_names)] // the contract's names
struct Outcome<'o> {
    outcome: &'static str,
    message: String,
    target: Option<&'o str>,
    command: Option<&'o str>,
    directory: Option<&'o std::path::Path>,
    duration_ms: u64,
    error: Option<Problem>,
}

impl Arguments {
    /// Runs `build`.
    pub(crate) fn run(self, terminal: Terminal) -> u8 {
        let directory = super::directory(self.directory, terminal);
        let environment = Environment::from_process();
        let cancel = interrupt::token(move |line| terminal.note(line));
        let name = self.target.as_deref();
        let build = order::subject(&[directory], name, &environment)
            .and_then(|subject| Build::of(&subject, None, None, &environment));
        let (result, build) = match build {
            Ok(build) => (run(&build, &cancel, terminal), Some(build)),
            Err(failure) => (Err(NotBuilt::Failed(failure)), None),
        };
        let target = build.as_ref().map(|build| build.name.as_str());
        let (outcome, message, code) = match &result {
            Ok(_) => (
                "built",
                format!("built {}", target.unwrap_or_default()),
                SUCCESS,
            ),
            Err(NotBuilt::Cancelled) => ("cancelled", "build cancelled".to_owned(), CANCELLED),
            Err(NotBuilt::Failed(failure)) if build.is_none() => {
                ("failed", failure.what.clone(), USAGE)
            }
            Err(NotBuilt::Failed(failure)) => ("failed", failure.what.clone(), FAILED),
        };
        let failure = match &result {
            Err(NotBuilt::Failed(failure)) => Some(failure),
            Ok(_) | Err(NotBuilt::Cancelled) => None,
        };
        let took = result
            .as_ref()
            .map_or(Duration::ZERO, |built| built.duration);
        if let Some(failure) = failure {
            terminal.failure(failure);
        }
        if self.json {
            terminal.json(&Outcome {
                outcome,
                message,
                target,
                command: build.as_ref().map(|build| build.line.as_str()),
                directory: build.as_ref().map(|build| build.directory.as_path()),
                duration_ms: milliseconds(took),
                error: failure.map(Problem::from),
            });
        } else if failure.is_none() {
            terminal.result(format!("{message} in {:.1} s", took.as_secs_f64()));
        }
        code
    }
}

/// Builds, with the output on standard error.
fn run(build: &Build, cancel: &CancelToken, terminal: Terminal) -> Result<Built, NotBuilt> {
    terminal.note(format!("building {}: {}", build.name, build.line));
    build.run(cancel, &mut |lines| {
        for line in lines {
            terminal.note(line.as_str());
        }
    })
}

/// Builds what is about to be deployed.
pub(super) fn first(
    subject: &Subject,
    environment: &Environment,
    cancel: &CancelToken,
    terminal: Terminal,
) -> Result<Built, Option<Failure>> {
    let build = Build::of(subject, None, None, environment).map_err(Some)?;
    run(&build, cancel, terminal).map_err(|why| match why {
        NotBuilt::Cancelled => None,
        NotBuilt::Failed(failure) => Some(failure),
    })
}
