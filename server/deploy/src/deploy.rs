//! The story of one deploy, from top to bottom in `Job::run`.

mod again;
mod beside;
mod boot_slot;
mod chain;
mod climb;
mod compare;
mod connect;
pub mod erase;
mod on_board;
mod predict;
mod prove;
mod report;
mod survey;
mod table_change;
mod write;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use fbuild_link::Link;
use fbuild_link::error::OpenError;
use fbuild_loader::cancel::CancelToken;
use fbuild_loader::reset::{After, Before};
use fbuild_loader::session::Session;

use crate::esptool;
use crate::event::{Board, Event, PlanSummary};
use crate::failure::{BoardState, DeployError};
use crate::image::{self, BoardFacts, Image, LoadedImages};
use crate::outcome::{Backend, Report};
use crate::plan::{Plan, Surveyed, plan};
use crate::search::Sector;
use fbuild_project::target::Target;

pub(crate) use connect::board_security;
pub use connect::{BoardInfo, board_info};
pub(crate) use on_board::OnBoard;
pub(crate) use survey::{Region, Survey};

/// What to deploy, where, and how.
#[derive(Debug, Clone)]
pub struct Request {
    /// What to put onto the board.
    pub target: Target,
    /// Names of the regions to deploy; `None`: all of them.
    pub regions: Option<Vec<String>>,
    /// How much to compare and write.
    pub mode: Mode,
    /// Name of the port, for events and messages.
    pub port: String,
    /// Baud rate.
    pub baud: Baud,
    /// How to get the board into download mode.
    pub before: Before,
    /// What to do with it at the end.
    pub after: After,
    /// File in which the baud rates that worked are remembered.
    pub rate_memory: Option<PathBuf>,
    /// Go on where the board may not start afterwards, as far as its eFuses or what it is going to
    /// hold tell.
    pub force: bool,
    /// Stop before writing where a new partition table makes the firmware lose data on the board;
    /// otherwise that is a warning.
    pub keep_data: bool,
    /// Who talks to the board.
    pub backend: Backend,
    /// For [`Backend::Esptool`]: the program that a person named; `None`: the one that is found.
    pub esptool: Option<PathBuf>,
}

impl Request {
    /// A request with the usual settings.
    #[must_use]
    pub fn new(target: Target, port: impl Into<String>) -> Self {
        Self {
            target,
            regions: None,
            mode: Mode::Auto,
            port: port.into(),
            baud: Baud::Auto,
            before: Before::Reset,
            after: After::Reset,
            rate_memory: None,
            force: false,
            keep_data: false,
            backend: Backend::Native,
            esptool: None,
        }
    }
}

/// How much to compare and write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Compare, write what differs, prove it.
    #[default]
    Auto,
    /// Write everything without comparing, prove it.
    Full,
    /// Compare only.
    Verify,
    /// Compare, and say what would be written.
    Plan,
}

/// Baud rate of the work after the first contact, which is always at 115200.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Baud {
    /// As fast as the link carries.
    #[default]
    Auto,
    /// This and nothing else.
    Fixed(u32),
}

/// Opens the port of a request.
pub type Open<'o> = dyn FnMut() -> Result<Box<dyn Link>, OpenError> + 'o;

/// How often a deploy starts over, from a SYNC and a new comparison, after an error on the link.
const TRIES_AGAIN: u32 = 2;

/// Deploys. Ends with exactly one [`Event::Finished`], whose report is also returned.
///
/// All input is checked before the port is opened. The port is free when this returns. Cancelling
/// takes effect within one block, or 50 ms where the board is being waited for.
pub fn deploy(
    request: &Request,
    open: &mut Open<'_>,
    events: &mut dyn FnMut(Event),
    cancel: &CancelToken,
) -> Report {
    with_job(request, events, cancel, |job| match request.backend {
        Backend::Native => job.run(open),
        Backend::Esptool => job.run_esptool(esptool::Reach::Port(open)),
    })
}

/// One job from its beginning to its report, whatever it does in between.
pub(crate) fn with_job<'a>(
    request: &'a Request,
    events: &'a mut dyn FnMut(Event),
    cancel: &'a CancelToken,
    run: impl FnOnce(&mut Job<'a>) -> Result<(), DeployError>,
) -> Report {
    let mut job = Job {
        request,
        cancel,
        events,
        state: BoardState::Untouched,
        board: None,
        survey: Survey::default(),
        plan: None,
        warnings: Vec::new(),
        subset: request.regions.is_some(),
        elapsed: Duration::ZERO,
    };
    let result = run(&mut job);
    let report = job.report(result);
    (job.events)(Event::Finished(Box::new(report.clone())));
    report
}

/// One deploy under way. What is known of it is the same for both backends, and so is what they
/// report.
pub(crate) struct Job<'a> {
    pub(crate) request: &'a Request,
    pub(crate) cancel: &'a CancelToken,
    pub(crate) events: &'a mut dyn FnMut(Event),
    /// How far the board was changed.
    pub(crate) state: BoardState,
    pub(crate) board: Option<Board>,
    pub(crate) survey: Survey,
    pub(crate) plan: Option<PlanSummary>,
    warnings: Vec<String>,
    pub(crate) subset: bool,
    /// By the link's clock, which is also right for a simulated board with accounted time; with
    /// esptool by the wall's.
    pub(crate) elapsed: Duration,
}

impl Job<'_> {
    fn run(&mut self, open: &mut Open<'_>) -> Result<(), DeployError> {
        let loaded = self.load()?;
        self.say_connecting();
        let mut opened = None;
        let mut open = || {
            let link = open()?;
            opened.get_or_insert(link.now());
            Ok(link)
        };
        let mut session = connect::connect(self.request, &mut open, self.cancel)?;
        let mut result = self.run_on_board(&mut session, &loaded);
        for tried in 0..TRIES_AGAIN {
            let Some(again) = result
                .as_ref()
                .err()
                .and_then(|error| self.again(&session, error, tried))
            else {
                break;
            };
            // The comparison finds what was written already.
            result = connect::reconnect(self.request, &mut session, again.limit)
                .map_err(DeployError::from)
                .and_then(|()| self.run_on_board(&mut session, &loaded));
        }
        if result.is_ok() && self.state != BoardState::Untouched {
            self.remember_rate(&session);
        }
        let opened = opened.unwrap_or_default();
        self.elapsed = session.link().now().saturating_sub(opened);
        self.part(session, result)
    }

    /// Reads all input and checks it, before anything else is done.
    pub(crate) fn load(&mut self) -> Result<LoadedImages, DeployError> {
        let regions = self.request.regions.as_deref();
        let is_cancelled = || self.cancel.is_cancelled();
        let loaded = image::load_unless(&self.request.target, regions, &is_cancelled)?;
        self.subset = loaded.is_subset();
        for warning in loaded.warnings() {
            self.note(warning.clone());
        }
        Ok(loaded)
    }

    pub(crate) fn say_connecting(&mut self) {
        (self.events)(Event::Connecting {
            port: self.request.port.as_str().into(),
        });
    }

    fn run_on_board(
        &mut self,
        session: &mut Session,
        loaded: &LoadedImages,
    ) -> Result<(), DeployError> {
        let facts = self.identify(session, loaded)?;
        let images = self.images_for(loaded, &facts)?;
        self.survey = Survey::new(images, session, &facts, &self.survey);
        self.survey.prepare_flash(session, &facts, self.request)?;
        self.compare(session)?;
        self.check_chain(session, loaded, &facts)?;
        self.look_after_data(session, loaded, &facts)?;
        self.select_boot_slot(session, loaded, &facts)?;
        if self.request.mode == Mode::Verify {
            return Ok(());
        }
        let plan = self.decide(session)?;
        if self.request.mode == Mode::Plan {
            return Ok(());
        }
        self.write(session, &plan)?;
        self.prove(session, &plan)?;
        let can_prove_all = self.survey.regions.iter().all(|region| region.provable);
        if self.state != BoardState::Untouched && can_prove_all {
            self.state = BoardState::Proved;
        }
        Ok(())
    }

    /// The images as they are to be compared and written. A build that may not go onto this board is
    /// refused here, before anything is erased; to compare it does no harm.
    pub(crate) fn images_for(
        &mut self,
        loaded: &LoadedImages,
        facts: &BoardFacts,
    ) -> Result<Vec<Image>, DeployError> {
        let (images, but) = match self.request.mode {
            Mode::Verify => (
                loaded.for_comparing(facts)?,
                "a deploy of this build would be refused",
            ),
            Mode::Auto | Mode::Full | Mode::Plan => (
                loaded.for_board(facts, self.request.force)?,
                "forced although",
            ),
        };
        if let Err(refusal) = loaded.check_board(&images, facts) {
            self.note(format!("{but}: {refusal}"));
        }
        Ok(images)
    }

    /// Makes the plan and publishes it, before anything is erased.
    fn decide(&mut self, session: &mut Session) -> Result<Plan, DeployError> {
        let write_bytes = self.survey.bytes_to_write();
        self.survey.start_stub_if_it_pays(session, 0, write_bytes)?;
        self.climb(session, self.survey.measured.usual_wire_bytes(write_bytes))?;
        Ok(self.publish_plan())
    }

    /// Makes the plan from what is known of the sectors, and publishes it.
    pub(crate) fn publish_plan(&mut self) -> Plan {
        let known = self.survey.regions.iter();
        let known: Vec<Vec<Sector>> = known.map(|region| region.sectors.clone()).collect();
        let plan = self.plan_for(&known);
        let summary = self
            .survey
            .summarize(&plan, self.request.mode == Mode::Plan);
        self.plan = Some(summary.clone());
        (self.events)(Event::Planned(summary));
        plan
    }

    fn plan_for(&self, known: &[Vec<Sector>]) -> Plan {
        let surveyed: Vec<Surveyed<'_>> = self
            .survey
            .regions
            .iter()
            .zip(known)
            .map(|(region, sectors)| Surveyed {
                kind: region.image.region.kind,
                offset: region.image.region.offset,
                sectors,
            })
            .collect();
        plan(&surveyed, &self.survey.measured.write_costs())
    }

    /// Ends the session: the firmware starts, also after a failure, so that a board that was not
    /// touched goes on with what it has.
    fn part(
        &mut self,
        session: Session,
        result: Result<(), DeployError>,
    ) -> Result<(), DeployError> {
        use fbuild_loader::session::Left;
        match result {
            Ok(()) if self.request.after == After::Reset => {
                let name = session.link().name().to_owned();
                if session.leave()? == Left::StillInLoader {
                    self.note(format!(
                        "{name} has no control lines, and this chip cannot reset itself: press the \
                         board's reset button to start the firmware"
                    ));
                }
                Ok(())
            }
            Ok(()) => Ok(()),
            Err(error) => {
                session.abandon();
                Err(error)
            }
        }
    }

    pub(crate) fn note(&mut self, text: String) {
        // A deploy that starts over finds the same again.
        if !self.warnings.contains(&text) {
            (self.events)(Event::Note(text.clone()));
            self.warnings.push(text);
        }
    }
}

/// Region names as events carry them.
pub(crate) type Name = Arc<str>;
