//! What a client can ask for through `workspace/executeCommand`. One file per command; the
//! contract is `docs/protocol.md`.

mod board;
mod build;
mod cancel;
mod crash;
mod debug_info;
mod deploy;
mod lists;
mod monitor;
mod ports;
mod select;
mod targets;

use std::path::{Path, PathBuf};

use fbuild_deploy::native::erase::Stretch;
use fbuild_deploy::request::Mode;
use fbuild_project::discover::{Environment, discover};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::arguments::{BadArguments, Fields};
use super::choosing::Choosing;
use super::desk::Desk;
use super::editing::gather::around;
use super::editor::Token;
use super::job::stand::Bench;
use super::job::{self, NotStarted, Work};
use super::report::Place;
use super::session::Session;
use super::{requests, uri};
use crate::explain::Asked;
use crate::port;

/// Names of all commands, as `initialize` announces them.
pub(crate) const NAMES: [&str; 24] = [
    "fbuild.server.deploy",
    "fbuild.server.verify",
    "fbuild.server.plan",
    "fbuild.server.build",
    "fbuild.server.cancel",
    "fbuild.server.targets",
    "fbuild.server.selectTarget",
    "fbuild.server.ports",
    "fbuild.server.selectPort",
    "fbuild.server.boardInfo",
    "fbuild.server.eraseFlash",
    "fbuild.server.eraseRegion",
    "fbuild.server.monitor.start",
    "fbuild.server.monitor.stop",
    "fbuild.server.monitor.write",
    "fbuild.server.monitor.reset",
    "fbuild.server.monitor.read",
    "fbuild.server.monitor.list",
    "fbuild.server.monitor.places",
    "fbuild.server.monitor.showCrash",
    "fbuild.server.monitor.dismiss",
    "fbuild.server.jobs",
    "fbuild.server.history",
    "fbuild.server.debugInfo",
];

/// What a client is answered.
type Answer = Result<Value, CommandError>;

/// Why a command has no result. What goes wrong on a board is a result, not one of these.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    #[error(transparent)]
    Arguments(#[from] BadArguments),
    #[error("unknown command '{name}'; known: {}", NAMES.join(", "))]
    Unknown { name: String },
    #[error("the server is shutting down")]
    Closed,
    #[error("{0}")]
    Internal(String),
}

/// What a command that is offered in a document does, where its title does not say it all.
pub(crate) fn about(name: &str) -> Option<&'static str> {
    Some(match name {
        "fbuild.server.deploy" => {
            "Compares the board with the build, writes what differs, proves it, and starts the firmware"
        }
        "fbuild.server.verify" => "Compares the board with the build, and writes nothing",
        "fbuild.server.plan" => {
            "Says what a deploy would write and how long it would take, and writes nothing"
        }
        "fbuild.server.monitor.showCrash" => "Backtrace, registers, and what the board had printed",
        "fbuild.server.monitor.dismiss" => "Takes the crash away from its line",
        _ => return None,
    })
}

/// Whether a command starts a job, and so can be stopped.
pub(crate) fn starts_job(name: &str) -> bool {
    matches!(
        name,
        "fbuild.server.deploy"
            | "fbuild.server.verify"
            | "fbuild.server.plan"
            | "fbuild.server.build"
            | "fbuild.server.boardInfo"
            | "fbuild.server.eraseFlash"
            | "fbuild.server.eraseRegion"
            | "fbuild.server.monitor.start"
    )
}

/// Runs a command. `given` is the progress token that came with the request.
pub(crate) async fn run(
    desk: &Desk,
    name: &str,
    arguments: Vec<Value>,
    given: Option<Token>,
) -> Answer {
    let (choosing, bench, workshop) = (&desk.choosing, &desk.bench, &desk.workshop);
    let (monitors, crashes) = (&*bench.monitors, &*desk.crashes);
    let call = Call::new(choosing, name, arguments)?;
    let starter = Starter { bench, given };
    let deploying = || desk.deploying();
    match name {
        "fbuild.server.deploy" => deploy::deploy(call, starter, deploying()).await,
        "fbuild.server.verify" => deploy::run(call, starter, deploying(), Mode::Verify).await,
        "fbuild.server.plan" => deploy::run(call, starter, deploying(), Mode::Plan).await,
        "fbuild.server.build" => build::build(call, starter, workshop.clone()).await,
        "fbuild.server.cancel" => cancel::cancel(&bench.jobs, call).await,
        "fbuild.server.targets" => targets::targets(choosing.clone(), call).await,
        "fbuild.server.selectTarget" => select::target(choosing.clone(), call).await,
        "fbuild.server.ports" => ports::ports(choosing.boards.clone()).await,
        "fbuild.server.selectPort" => select::port(choosing.clone(), call).await,
        "fbuild.server.boardInfo" => board::info(call, starter).await,
        "fbuild.server.eraseFlash" => board::erase(call, starter, Stretch::All).await,
        "fbuild.server.eraseRegion" => board::erase_region(call, starter).await,
        "fbuild.server.monitor.start" => monitor::start(call, starter, &desk.monitoring).await,
        "fbuild.server.monitor.stop" => monitor::stop(monitors, call).await,
        "fbuild.server.monitor.write" => monitor::write(bench, deploying(), call).await,
        "fbuild.server.monitor.reset" => monitor::reset(monitors, call).await,
        "fbuild.server.monitor.read" => monitor::read(monitors, call).await,
        "fbuild.server.monitor.list" => monitor::list(monitors),
        "fbuild.server.monitor.places" => monitor::places(&workshop.problems, monitors, call).await,
        "fbuild.server.monitor.showCrash" => crash::show(crashes, &desk.pages, call).await,
        "fbuild.server.monitor.dismiss" => crash::dismiss(crashes, &desk.help.documents, call),
        "fbuild.server.jobs" => lists::jobs(&bench.jobs),
        "fbuild.server.history" => lists::history(choosing.history.clone()).await,
        "fbuild.server.debugInfo" => {
            debug_info::debug_info(choosing.clone(), bench.jobs.clone()).await
        }
        unknown => Err(CommandError::Unknown {
            name: unknown.to_owned(),
        }),
    }
}

/// A command's arguments, and the session that they are to be understood in.
struct Call<'s> {
    session: &'s Session,
    fields: Fields,
    asked: Asked,
}

impl<'s> Call<'s> {
    fn new(known: &'s Choosing, name: &str, arguments: Vec<Value>) -> Result<Self, BadArguments> {
        let fields = Fields::of(arguments)?;
        let asked = Asked {
            command: name.to_owned(),
            argument: fields.all().clone(),
            is_trusted: known.configuration.is_trusted(),
        };
        Ok(Self {
            session: &known.session,
            fields,
            asked,
        })
    }

    fn get<T: DeserializeOwned>(&mut self, field: &'static str) -> Result<Option<T>, BadArguments> {
        self.fields.get(field)
    }

    /// Folders to look for targets in: the one that `root` names, else the project of the document
    /// `uri`, else every open folder.
    async fn roots(&mut self) -> Result<Vec<PathBuf>, CommandError> {
        let wrong = |field, text: &str| BadArguments::Field {
            field,
            why: format!("'{text}' is neither a file URI nor an absolute path"),
        };
        let root: Option<String> = self.get("root")?;
        let document: Option<String> = self.get("uri")?;
        if let Some(text) = root {
            return Ok(vec![
                uri::or_path(&text).ok_or_else(|| wrong("root", &text))?,
            ]);
        }
        if let Some(text) = document {
            let path = uri::or_path(&text).ok_or_else(|| wrong("uri", &text))?;
            if let Some(folder) = self.session.folder_of(&path) {
                return Ok(vec![blocking(move || project_of(&path, folder)).await?]);
            }
        }
        Ok(self.session.folders())
    }

    /// The port that was asked for.
    async fn port(&mut self) -> Result<Option<String>, CommandError> {
        let roots = self.roots().await?;
        Ok(self.port_in(&roots)?)
    }

    fn port_in(&mut self, roots: &[PathBuf]) -> Result<Option<String>, BadArguments> {
        let port: Option<String> = self.get("port")?;
        // An editor's user means the project's directory, not wherever the server was started.
        Ok(port.map(|port| match roots.first() {
            Some(root) => port::anchored(&port, root),
            None => port,
        }))
    }
}

/// The nearest project around a document that has something to deploy, or would have; else the open
/// folder, in which it is looked for further down. Looks at the disk.
fn project_of(document: &Path, folder: PathBuf) -> PathBuf {
    let environment = Environment::from_process();
    let inner = around(document, Some(&folder)).take_while(|dir| **dir != *folder);
    let project = { inner }.find(|dir| !discover(dir, &environment).is_empty());
    let project = project.map(Path::to_owned);
    project.unwrap_or(folder)
}

/// What a command has of the server if it starts a job.
struct Starter<'b> {
    bench: &'b Bench,
    /// The progress token that came with the request.
    given: Option<Token>,
}

impl Starter<'_> {
    /// Runs work to its end, with progress where the client wants to see it.
    async fn run<W: Work>(self, work: W) -> Result<W::Done, CommandError> {
        let capabilities = self.bench.choosing.session.capabilities();
        let place = |id: u64| match self.given {
            Some(token) => Place::Given(token),
            // A string: some clients refuse numbers.
            None if capabilities.work_done_progress => {
                Place::Offered(Token::String(format!("fbuild/job/{id}")))
            }
            None => Place::Nowhere,
        };
        let running = job::start(self.bench, work, requests::current_cancel(), place);
        let running = running.map_err(|why| match why {
            NotStarted::Closed => CommandError::Closed,
            NotStarted::NoThread(error) => CommandError::Internal(format!(
                "the system allows this program no more threads: {error}"
            )),
        })?;
        let done = running.done().await;
        done.ok_or_else(|| CommandError::Internal("the job's thread died".to_owned()))
    }
}

/// A result as JSON.
fn to_value(result: impl serde::Serialize) -> Answer {
    serde_json::to_value(result).map_err(|error| CommandError::Internal(error.to_string()))
}

/// Runs something that waits for disks or drivers without holding up other messages.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, CommandError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| CommandError::Internal(format!("this program has a bug: {error}")))
}
