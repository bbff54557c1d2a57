//! Tools that touch no board: targets, builds, logs, and what was deployed before.

use std::path::PathBuf;
use std::time::Instant;

use fbuild_project::discover::{Environment, discover};
use fbuild_project::input_error::InputError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Answer, Call, Host};
use crate::boards::Boards as _;
use crate::build::Build;
use crate::json::{BuildOutcome, TargetList};
use crate::monitor::crashes::Crashes;
use crate::monitor::elfs::Elfs;
use crate::monitor::reader::{Item, Reader};
use crate::order;
use crate::remember::history::Deploy;

/// Deploys of a board that are told where nothing was said.
const DEPLOYS: usize = 5;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Targets {
    /// The project's directory, if it is not the one that the server was started for
    directory: Option<PathBuf>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Building {
    /// The project's directory, if it is not the one that the server was started for
    directory: Option<PathBuf>,
    /// Target to build, where the project has several, as `targets` names it
    target: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Decoding {
    /// What the board printed
    log: String,
    /// The directory of the project whose ELF files name the places, if it is not the server's
    directory: Option<PathBuf>,
    /// ELF files that the board may run, instead of those of the project's targets
    elfs: Option<Vec<PathBuf>>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Past {
    /// Most deploys to tell of each board, the last ones; 5 if left out
    deploys: Option<usize>,
}

/// The boards that were deployed to, the last one first.
#[derive(Serialize, JsonSchema)]
pub(super) struct PastBoards<'b> {
    boards: Vec<PastBoard<'b>>,
}

#[derive(Serialize, JsonSchema)]
struct PastBoard<'b> {
    mac: Option<&'b str>,
    port: &'b str,
    chip: Option<&'b str>,
    deploys: &'b [Deploy],
}

impl Host {
    /// A directory that an agent names, or the server's.
    pub(super) fn directory(&self, named: Option<PathBuf>) -> PathBuf {
        named.map_or_else(
            || self.directory.clone(),
            |named| self.directory.join(named),
        )
    }
}

pub(super) fn targets(call: &Call<'_>, asked: Targets) -> Answer {
    let environment = Environment::from_process();
    let mut targets = TargetList::default();
    targets.add(
        &discover(&call.host.directory(asked.directory), &environment),
        &environment,
    );
    Answer::good(&targets)
}

pub(super) fn build(call: &Call<'_>, asked: Building) -> Answer {
    let environment = Environment::from_process();
    let directory = call.host.directory(asked.directory);
    let started = Instant::now();
    let build =
        order::subject(&[directory], asked.target.as_deref(), &environment).and_then(|subject| {
            call.host.may_build(&subject.name, &subject.root)?;
            Build::of(&subject, None, None, &environment)
        });
    let result = match &build {
        Ok(build) => {
            (call.progress)(0, &format!("building {}: {}", build.name, build.line));
            build.run(call.cancel, &mut |lines| {
                if let Some(line) = lines.iter().rfind(|line| !line.trim().is_empty()) {
                    (call.progress)(0, line);
                }
            })
        }
        Err(failure) => Err(failure.clone().into()),
    };
    Answer::new(
        &BuildOutcome::new(build.as_ref().ok(), &result, started.elapsed()),
        result.is_err(),
    )
}

pub(super) fn decode(call: &Call<'_>, asked: Decoding) -> Answer {
    let elfs = match asked.elfs {
        None => Ok(Elfs::of_targets(
            &call.host.directory(asked.directory),
            None,
            call.host.boards.state_dir(),
        )),
        Some(paths) => {
            let paths: Vec<PathBuf> = paths
                .iter()
                .map(|path| call.host.directory.join(path))
                .collect();
            Elfs::named(&paths)
        }
    };
    let mut elfs = match elfs {
        Ok(elfs) => elfs,
        Err((path, error)) => return Answer::failed(&InputError::unreadable(&path, &error).into()),
    };
    let mut reader = Reader::default();
    let mut items = reader.feed(asked.log.as_bytes(), std::time::Duration::ZERO);
    items.extend(reader.finish());
    let mut crashes = Crashes::default();
    for item in items {
        if let Item::Crash(crash) = item {
            crashes.add(*crash, &mut elfs);
        }
    }
    Answer::good(&crashes.list())
}

#[allow(clippy::needless_pass_by_value)] // consumed, as every tool's arguments are
pub(super) fn history(call: &Call<'_>, asked: Past) -> Answer {
    let kept = call.host.history().read();
    let most = asked.deploys.unwrap_or(DEPLOYS);
    let boards = kept.boards.iter().map(|board| PastBoard {
        mac: board.mac.as_deref(),
        port: &board.port,
        chip: board.chip.as_deref(),
        deploys: &board.deploys[..most.min(board.deploys.len())],
    });
    Answer::good(&PastBoards {
        boards: boards.collect(),
    })
}
