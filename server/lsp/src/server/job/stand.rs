//! What work may use while it runs: the way to boards and to the client, its place in the table of jobs, and questions to the
//! person in front of the client.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use fbuild_deploy::outcome::Failure;
use fbuild_link::lent::Slot;
use fbuild_link::port_name::PortName;
use fbuild_loader::cancel::CancelToken;
use fbuild_project::target::Target;

use crate::build::Build;
use crate::port::{self, Chosen, Wishes};
use crate::progress::Step;
use crate::server::choosing::Choosing;
use crate::server::editor::{Answer, Editor};
use crate::server::jobs::{self, Jobs, View};
use crate::server::monitors::{Loan, Monitors};
use crate::server::settings::Settings;
use crate::stop::Stop;

/// How soon a cancel is heard while somebody is waited for.
const CANCEL_POLL: Duration = Duration::from_millis(20);

/// What every job has of the server.
#[derive(Clone)]
pub(crate) struct Bench {
    pub(crate) jobs: Arc<Jobs>,
    pub(crate) monitors: Arc<Monitors>,
    pub(crate) choosing: Choosing,
    pub(crate) editor: Editor,
}

/// One job's working place.
pub(crate) struct Stand<'j> {
    pub(super) choosing: &'j Choosing,
    pub(super) editor: &'j Editor,
    monitors: &'j Monitors,
    slot: &'j jobs::Slot,
    started: Instant,
}

impl<'j> Stand<'j> {
    pub(super) fn new(bench: &'j Bench, slot: &'j jobs::Slot, started: Instant) -> Self {
        Self {
            choosing: &bench.choosing,
            editor: &bench.editor,
            monitors: &bench.monitors,
            slot,
            started,
        }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Its number.
    pub(super) fn job(&self) -> u64 {
        self.slot.id()
    }

    pub(crate) fn cancel(&self) -> &CancelToken {
        &self.slot.cancel
    }

    /// Says what goes on before there is anything to count.
    pub(crate) fn says(&self, phase: &'static str, text: impl Into<String>) {
        let step = Step {
            text: text.into(),
            phase,
            percent: self.percent(),
            ..Step::default()
        };
        self.view(|view| view.step = step);
    }

    /// How far the job is.
    pub(super) fn percent(&self) -> u32 {
        self.slot.view.borrow().step.percent
    }

    /// What goes on in a build of which it is not known how far it is now.
    pub(super) fn keeps_percent(&self, text: &str) -> Step {
        Step {
            text: format!("building: {text}"),
            phase: "building",
            percent: self.percent(),
            ..Step::default()
        }
    }

    /// Changes what others see of this job.
    pub(crate) fn view(&self, change: impl FnOnce(&mut View)) {
        self.slot.view.send_modify(change);
    }

    pub(crate) fn go_on(&self) -> Result<(), Stop> {
        if self.slot.cancel.is_cancelled() {
            return Err(Stop::Cancelled);
        }
        Ok(())
    }

    /// Waits for the client, unless the job is cancelled first.
    pub(super) fn wait<T>(&self, waiting: impl Future<Output = T>) -> Result<T, Stop> {
        let cancelled = async {
            while !self.slot.cancel.is_cancelled() {
                tokio::time::sleep(CANCEL_POLL).await;
            }
        };
        self.editor.runtime.block_on(async {
            tokio::select! {
                value = waiting => Ok(value),
                () = cancelled => Err(Stop::Cancelled),
            }
        })
    }

    /// Settings for a job in these folders, once the client told them.
    pub(crate) fn settings(&self, roots: &[PathBuf]) -> Result<Settings, Stop> {
        self.wait(self.choosing.configuration.settled())?;
        Ok(self.choosing.configuration.settings(roots))
    }

    /// Asks the person; a warning if it is about something that may do harm.
    pub(crate) fn ask(
        &self,
        is_warning: bool,
        text: &str,
        actions: &[String],
    ) -> Result<Answer, Stop> {
        self.view(|view| {
            view.step.phase = "asking";
            text.clone_into(&mut view.step.text);
        });
        self.wait(self.editor.ask(is_warning, text, actions))
    }

    /// The port by these wishes; where several are as good, the person decides, and that is
    /// remembered for the folder. `whom` says what it is for.
    pub(crate) fn choose_port(
        &self,
        wishes: &Wishes<'_>,
        folder: Option<&Path>,
        whom: &str,
    ) -> Result<Chosen, Stop> {
        let ports = match wishes.asked {
            Some(asked) if !PortName::of(asked).is_described() => {
                return Ok(asked.to_owned().into());
            }
            Some(_) => return Ok(port::choose(wishes, &self.choosing.boards.ports())?),
            None => self.choosing.boards.ports(),
        };
        let trusted = self.choosing.configuration.is_trusted();
        let is_there = |name: &&str| ports.iter().any(|port| port.name == **name);
        // As in a request: in the project's folder, not wherever the server was started.
        let setting = wishes.setting.map(|name| match folder {
            Some(folder) => port::anchored(name, folder),
            None => name.to_owned(),
        });
        // A device over the air is no port of this machine, wherever its name comes from.
        let of_project = wishes
            .project
            .filter(|name| PortName::of(name).is_over_the_air());
        let wishes = Wishes {
            // Settings may come with the workspace, too.
            setting: setting
                .as_deref()
                .or(of_project)
                .filter(|name| trusted || is_there(name)),
            ..*wishes
        };
        let refused = setting.as_deref().filter(|_| wishes.setting.is_none());
        let refused = refused.map(|name| {
            format!(
                "fbuild.port names {name}, which is not a port of this machine, so it is used only \
                 in a trusted workspace"
            )
        });
        let failure = match (port::choose(&wishes, &ports), refused) {
            (Ok(mut chosen), Some(refused)) if wishes.remembered.is_none() => {
                chosen.warning = Some(format!("{refused}; used {}", chosen.name));
                return Ok(chosen);
            }
            (Ok(chosen), _) => return Ok(chosen),
            (Err(failure), None) => failure,
            (Err(failure), Some(refused)) => Failure {
                what: format!("{}; {refused}", failure.what),
                ..failure
            },
        };
        let candidates = port::candidates(&ports);
        if candidates.is_empty() {
            return Err(failure.into());
        }
        let labels: Vec<String> = candidates.iter().map(|port| port::label(port)).collect();
        match self.ask(false, &format!("Which board is {whom} for?"), &labels)? {
            // `ask` answers with a number below the number of actions.
            Answer::Chosen(number) => {
                let name = candidates[number].name.clone();
                if let Some(folder) = folder {
                    let board = port::Remembered::of(&name, &ports, &port::usb_location);
                    self.choosing
                        .selections
                        .select(folder, |selection| selection.board = Some(board));
                }
                Ok(name.into())
            }
            Answer::Dismissed => Err(Stop::Cancelled),
            Answer::Silence => Err(failure.into()),
        }
    }

    /// The name of the target that is meant: the one that was asked for, else as it was chosen or set for
    /// its folder. Where several folders are open, one that a target was chosen in comes before the others.
    pub(super) fn target_name(
        &self,
        roots: &mut Vec<PathBuf>,
        asked: Option<&str>,
    ) -> Option<String> {
        if let Some(asked) = asked {
            return Some(asked.to_owned());
        }
        let chosen = |root: &PathBuf| self.choosing.selections.of(root).target;
        let with_choice: Vec<&PathBuf> =
            roots.iter().filter(|root| chosen(root).is_some()).collect();
        if let [only] = with_choice[..] {
            *roots = vec![only.clone()];
        }
        let selected = match &roots[..] {
            [only] => chosen(only),
            _ => None,
        };
        selected.or_else(|| self.choosing.configuration.settings(roots).target)
    }

    /// Takes the directory of a build for this job, until it takes a port or ends.
    pub(crate) fn claim_build(&self, build: &Build) -> Result<(), Failure> {
        let place = build.directory.display();
        let what = format!("build of {}", build.name);
        self.slot
            .claim(&what, &format!("build:{place}"))
            .map_err(|taken| build_running(&build.directory, &taken.by))
    }

    /// Others may build there.
    pub(crate) fn release_build(&self) {
        self.slot.release();
    }

    /// Borrows the link of the monitor of a port that this job has taken, if one runs. `target`: what the board
    /// will run. `keeps`: the port is to stay open afterwards in any case.
    pub(crate) fn borrow(&self, port: &str, target: Option<&Target>, keeps: bool) -> Borrowed<'j> {
        let loan = Loan {
            what: self.slot.what(),
            target: target.cloned(),
        };
        let slot = Slot::default();
        let link = self.monitors.borrow(port, loan);
        let is_slot_used = link.is_some() || keeps;
        if let Some(link) = link {
            slot.put(link);
        }
        Borrowed {
            monitors: self.monitors,
            port: port.to_owned(),
            slot,
            is_slot_used,
        }
    }

    /// Takes the port for this job.
    pub(crate) fn claim(&self, what: &str, port: &str) -> Result<(), Failure> {
        self.view(|view| view.port = Some(port.to_owned()));
        self.slot.claim(what, port).map_err(|taken| Failure {
            code: "job-running",
            is_input: false,
            what: format!("port {port} is busy: {}", taken.by),
            board_state: String::new(),
            remedy: "wait for it to end, or cancel it".into(),
        })
    }
}

/// The same build is another job's.
pub(super) fn is_taken(build: &Build) -> Failure {
    build_running(&build.directory, &build.line)
}

fn build_running(place: &Path, by: &str) -> Failure {
    Failure {
        code: "build-running",
        is_input: false,
        what: format!("{} is being built: {by}", place.display()),
        board_state: "the board was not touched".to_owned(),
        remedy: "wait for it to end, or cancel it".into(),
    }
}

/// The link of a monitor, which goes on with it when this is dropped.
pub(crate) struct Borrowed<'j> {
    monitors: &'j Monitors,
    port: String,
    slot: Slot,
    is_slot_used: bool,
}

impl Borrowed<'_> {
    /// Where the link is to be taken from, and comes back to.
    pub(crate) fn slot(&self) -> Option<&Slot> {
        Some(&self.slot).filter(|_| self.is_slot_used)
    }
}

impl Drop for Borrowed<'_> {
    fn drop(&mut self) {
        self.monitors.give_back(&self.port, self.slot.take());
    }
}
