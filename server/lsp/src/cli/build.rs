//! `build`, and the same at the start of a deploy.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use fbuild_loader::cancel::CancelToken;
use fbuild_project::discover::Environment;

use super::terminal::Terminal;
use super::{CANCELLED, FAILED, SUCCESS, USAGE, interrupt};
use crate::build::{Build, Built, Subject};
use crate::json::BuildOutcome;
use crate::order;
use crate::stop::Stop;

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

impl Arguments {
    pub(crate) fn run(self, terminal: Terminal) -> u8 {
        let directory = super::directory(self.directory, terminal);
        let environment = Environment::from_process();
        let cancel = interrupt::token(move |line| terminal.note(line));
        let name = self.target.as_deref();
        let build = order::subject(&[directory], name, &environment)
            .and_then(|subject| Build::of(&subject, None, None, &environment));
        let started = Instant::now();
        let result = match &build {
            Ok(build) => run(build, &cancel, terminal),
            Err(failure) => Err(failure.clone().into()),
        };
        if let Err(Stop::Failed(failure)) = &result {
            terminal.failure(failure);
        }
        let outcome = BuildOutcome::new(build.as_ref().ok(), &result, started.elapsed());
        if self.json {
            terminal.json(&outcome);
        } else if let Ok(built) = &result {
            let seconds = built.duration.as_secs_f64();
            terminal.result(format!("{} in {seconds:.1} s", outcome.message));
        }
        match result {
            Ok(_) => SUCCESS,
            Err(Stop::Cancelled) => CANCELLED,
            Err(Stop::Failed(_)) if build.is_err() => USAGE,
            Err(Stop::Failed(_)) => FAILED,
        }
    }
}

/// Builds, with the output on standard error.
fn run(build: &Build, cancel: &CancelToken, terminal: Terminal) -> Result<Built, Stop> {
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
) -> Result<Built, Stop> {
    let build = Build::of(subject, None, None, environment)?;
    run(&build, cancel, terminal)
}
