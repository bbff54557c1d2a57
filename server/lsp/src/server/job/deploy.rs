//! A deploy, verify or plan: the story up to the board, from what a client asked for.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use fbuild_deploy::event::{Board, Event};
use fbuild_deploy::outcome::{Backend, Failure, OutcomeKind, Report};
use fbuild_deploy::request::{Baud, Mode, Request};
use fbuild_link::lent::Slot;
use fbuild_loader::reset::After;
use fbuild_project::discover::Environment;
use fbuild_project::remedy::Remedy;
use fbuild_project::target::Target;

use super::Work;
use super::build::{NOT_TRUSTED, Workshop};
use super::freshness;
use super::stand::Stand;
use crate::build::Built;
use crate::explain::{self, Asked};
use crate::json;
use crate::monitor::keys::Eol;
use crate::monitor::rate::Rate;
use crate::order::{Order, ota_password};
use crate::port::Wishes;
use crate::progress::Tracker;
use crate::server::editing::Help;
use crate::server::editor::Answer;
use crate::server::jobs::Ended;
use crate::server::monitor::{Monitoring, Start};
use crate::server::pages::Pages;
use crate::server::session::Session;
use crate::server::settings::{Settings, StaleBuild};
use crate::stop::Stop;

/// What a deploy has of the server, besides its stand.
#[derive(Clone)]
pub(crate) struct Deploying {
    /// For what is built before.
    pub(crate) workshop: Workshop,
    /// For who listens afterwards.
    pub(crate) monitoring: Monitoring,
    /// For what is known of boards and documents.
    pub(crate) help: Help,
    /// For what is told of it at length.
    pub(crate) pages: Arc<Pages>,
}

/// What a client asked for. What it left open is settled when the job runs.
pub(crate) struct Deploy {
    /// The request itself.
    pub(crate) asked: Asked,
    pub(crate) order: Order,
    /// Baud rate, if one was asked for.
    pub(crate) baud: Option<Baud>,
    /// Who is to talk to the board, if that was said.
    pub(crate) backend: Option<Backend>,
    /// What to do about a stale build, if that was said.
    pub(crate) stale_build: Option<StaleBuild>,
    /// Run the build command first.
    pub(crate) build: bool,
    /// Documents with changes that are not saved, if the client told; it knows better than what was
    /// heard of edits and saves, after an undo for instance.
    pub(crate) unsaved: Option<Vec<PathBuf>>,
    pub(crate) with: Deploying,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) report: Report,
    /// What was built before.
    pub(crate) built: Option<Built>,
}

impl Work for Deploy {
    type Done = Done;

    fn verb(&self) -> &'static str {
        self.order.verb()
    }

    fn title(&self) -> String {
        match &self.order.target {
            Some(target) => format!("{} {target}", self.order.verb()),
            None => self.order.verb().to_owned(),
        }
    }

    fn run(&self, stand: &Stand<'_>) -> Done {
        let mut order = self.order.clone();
        let mut built = None;
        let report = match self.story(stand, &mut order, &mut built) {
            Ok(report) => report,
            Err(Stop::Cancelled) => order.cancelled(stand.elapsed()),
            Err(Stop::Failed(failure)) => order.refused(failure, stand.elapsed()),
        };
        // What boards hold is known better now.
        self.with.help.boards_changed();
        Done { report, built }
    }

    fn crashed(&self, failure: Failure, took: Duration) -> Done {
        Done {
            report: self.order.refused(failure, took),
            built: None,
        }
    }

    fn ended(&self, done: &Done) -> Ended {
        let report = &done.report;
        Ended {
            outcome: json::outcome_name(report.outcome),
            is_failure: report.outcome == OutcomeKind::Failed,
            text: explain::explain(report),
            words: explain::outcome(report, done.built.as_ref(), &self.asked),
            duration: report.duration,
        }
    }
}

impl Deploy {
    /// `order` and `built` learn what was left open, so that whatever happens can name it.
    fn story(
        &self,
        stand: &Stand<'_>,
        order: &mut Order,
        built: &mut Option<Built>,
    ) -> Result<Report, Stop> {
        stand.says("resolving", "looking for the target");
        let settings = stand.settings(&order.roots)?;
        let target = self.target(stand, order, &settings, built)?;
        order.target = Some(target.name.clone());
        stand.view(|view| view.target = Some(target.name.clone()));
        let folder = folder(&stand.choosing.session, order, &target);
        let settings = match &folder {
            Some(folder) => stand.settings(std::slice::from_ref(folder))?,
            None => settings,
        };
        self.apply(stand, &settings, order)?;

        let mut warnings = Vec::new();
        let mut target = self.freshen(stand, order, target, &settings, built, &mut warnings)?;
        let board = folder.as_deref().and_then(|it| stand.choosing.board_of(it));
        let wishes = Wishes {
            asked: order.port.as_deref(),
            remembered: board.as_ref(),
            setting: settings.port.as_deref(),
            project: target.port.as_deref(),
            needs_none: false,
        }
        .of(&target);
        let chosen = stand.choose_port(&wishes, folder.as_deref(), &target.name)?;
        warnings.extend(chosen.warning);
        order.port = Some(chosen.name.clone());
        let what = format!("{} of {}", order.verb(), target.name);
        stand.claim(&what, &chosen.name)?;
        stand.go_on()?;
        let is_trusted = stand.choosing.configuration.is_trusted();
        target.ota_password = target.ota_password.filter(|_| is_trusted);
        let of_settings = settings.ota_password.as_ref();
        let password = of_settings.filter(|_| is_trusted);
        let password = ota_password(password, &target, &chosen.name);
        let mut request = order.request(target, chosen.name);
        let is_passed_over = of_settings.is_some() && password.is_none();
        if is_passed_over && request.carrier() == Backend::Espota {
            let warning = "fbuild.ota.password is used only in a trusted workspace";
            warnings.push(warning.to_owned());
        }
        request.ota_password = password;
        request.keep_data = !order.force;
        request.keep_images = settings.keep_images;
        request.delta = settings.delta;
        request.delta_on_any_chip = settings.delta_on_any_chip;
        let mut report = self.on_board(stand, &request, &settings, warnings)?;
        if let (Some(plan), Some(set)) = (&mut report.plan, &settings.build_command) {
            plan.built_by = Some(set.to_string());
        }
        if matches!(request.mode, Mode::Auto | Mode::Full) {
            let warning = self.unsaved(&request.target.root);
            report.warnings.extend(warning);
        }
        Ok(report)
    }

    /// A deploy of what was built before the last edit is a surprise worth a word.
    fn unsaved(&self, root: &Path) -> Option<String> {
        let mut documents = match &self.unsaved {
            Some(told) => told.clone(),
            None => self.with.help.documents.unsaved(),
        };
        documents.retain(|path| path.starts_with(root));
        documents.sort();
        let first = documents.first()?;
        let name = first.strip_prefix(root).unwrap_or(first).display();
        Some(match documents.len() {
            1 => format!("{name} has unsaved changes, which are not in this firmware"),
            n => format!(
                "{name} and {} more have unsaved changes, which are not in it",
                n - 1
            ),
        })
    }

    /// Fills in what settings say and the request did not.
    fn apply(&self, stand: &Stand<'_>, settings: &Settings, order: &mut Order) -> Result<(), Stop> {
        order.baud = self.baud.unwrap_or(settings.baud);
        order.backend = self.backend.unwrap_or(settings.backend);
        order.before = settings.before;
        order.after = settings.after;
        if settings.verify_only && order.mode != Mode::Plan {
            order.mode = Mode::Verify;
        }
        if order.backend == Backend::Esptool {
            order.esptool.clone_from(&settings.esptool);
            let is_trusted = stand.choosing.configuration.is_trusted();
            if let Some(path) = order.esptool.as_deref().filter(|_| !is_trusted) {
                return Err(esptool_not_trusted(path).into());
            }
        }
        Ok(())
    }

    /// The target that is meant: by name, else as it was chosen or set for its folder, else the
    /// one that was built last. One that was never built is built, if it may be.
    fn target(
        &self,
        stand: &Stand<'_>,
        order: &mut Order,
        settings: &Settings,
        built: &mut Option<Built>,
    ) -> Result<Target, Stop> {
        let environment = Environment::from_process();
        let asked = self.order.target.as_deref();
        let name = stand.target_name(&mut order.roots, asked);
        let failure = match order.choose_target(name.as_deref(), &environment) {
            Ok(target) => return Ok(target),
            Err(failure) => failure,
        };
        let is_missing = matches!(failure.code, "no-target" | "unknown-target");
        if is_missing
            && !settings.verify_only
            && self.writes()
            && let Some(subject) = order.unbuilt(name.as_deref(), &environment)
        {
            order.target = Some(subject.name.clone());
            stand.view(|view| view.target = Some(subject.name.clone()));
            let wanted = self.wanted(settings);
            *built = Some(freshness::make(stand, &subject, &wanted, failure)?);
            return Ok(order.choose_built(&subject, name.as_deref(), &environment)?);
        }
        let chosen = |root: &PathBuf| stand.choosing.selections.of(root).target.is_some();
        let is_chosen = asked.is_none() && order.roots.iter().all(chosen);
        // The open folder's setting may mean another project in it.
        let is_below = |root: &PathBuf| stand.choosing.session.is_below(root);
        if asked.is_none()
            && !is_chosen
            && order.roots.iter().any(is_below)
            && let Ok(target) = order.choose_target(None, &environment)
        {
            return Ok(target);
        }
        Err(match name {
            Some(name) if is_chosen => chosen_is_gone(&name, failure).into(),
            _ => failure.into(),
        })
    }

    fn writes(&self) -> bool {
        matches!(self.order.mode, Mode::Auto | Mode::Full)
    }

    fn wanted<'w>(&'w self, settings: &'w Settings) -> freshness::Wanted<'w> {
        freshness::Wanted {
            build: self.build,
            stale_build: self.stale_build.unwrap_or(settings.stale_build),
            settings,
            workshop: &self.with.workshop,
        }
    }

    /// The target as it is to be deployed: built anew where that was asked for.
    fn freshen(
        &self,
        stand: &Stand<'_>,
        order: &Order,
        mut target: Target,
        settings: &Settings,
        built: &mut Option<Built>,
        warnings: &mut Vec<String>,
    ) -> Result<Target, Stop> {
        let wanted = self.wanted(settings);
        if order.mode == Mode::Plan
            && let Some(warning) = freshness::would_build(stand, &target, &wanted)
        {
            warnings.push(warning);
            // Said already.
            target.inputs.clear();
        }
        if !matches!(order.mode, Mode::Auto | Mode::Full) || built.is_some() {
            return Ok(target);
        }
        match freshness::freshen(stand, &target, &wanted)? {
            freshness::Freshened::AsItWas => {}
            freshness::Freshened::Built(it) => {
                *built = Some(it);
                target = order.choose_target(Some(&target.name), &Environment::from_process())?;
                // The tool knows what its firmware depends on; times are only a hint.
                target.inputs.clear();
            }
            freshness::Freshened::Ignored => target.inputs.clear(),
        }
        Ok(target)
    }

    /// The deploy itself. Where it would cost data on the board, the person is asked in between.
    fn on_board(
        &self,
        stand: &Stand<'_>,
        request: &Request,
        settings: &Settings,
        warnings: Vec<String>,
    ) -> Result<Report, Stop> {
        let monitoring = &self.with.monitoring;
        let writes = matches!(request.mode, Mode::Auto | Mode::Full);
        // What others print is on another port, or on one that comes and goes.
        let runs = writes
            && request.after == After::Reset
            && settings.monitor_after_deploy
            && matches!(request.carrier(), Backend::Native | Backend::Esptool);
        let mut run = Run {
            base: stand.percent(),
            monitor: runs.then(|| {
                let rate = Rate::of(None, settings.monitor_baud, Some(&request.target));
                (rate, settings.monitor_line_end)
            }),
            ..Run::default()
        };
        let mut report = run.on_board(stand, monitoring, request);
        if is_data_loss(&report) {
            let what = report.error.as_ref().map_or("", |error| &error.what);
            let question = format!("On {}, {what}.", request.port);
            match stand.ask(true, &question, &["Deploy anyway".to_owned()])? {
                Answer::Chosen(_) => {
                    let request = Request {
                        keep_data: false,
                        ..request.clone()
                    };
                    report = run.on_board(stand, monitoring, &request);
                }
                Answer::Dismissed => return Err(Stop::Cancelled),
                // What is lost is lost for good: without an answer nothing is written.
                Answer::Silence => {}
            }
        }
        report.warnings.splice(0..0, warnings);
        if writes {
            let history = &stand.choosing.history;
            history.note(request, &report, run.board.as_ref());
        }
        Ok(report)
    }
}

/// The setting may come with the workspace, and would be run.
fn esptool_not_trusted(path: &Path) -> Failure {
    Failure::of_input(
        "not-trusted",
        format!(
            "{} (fbuild.esptool.path) is not run, because {NOT_TRUSTED}",
            path.display()
        ),
        "trust the workspace in the editor; or remove the setting to use the esptool on PATH",
    )
}

fn chosen_is_gone(name: &str, mut failure: Failure) -> Failure {
    let why = format!("'{name}' was chosen for this folder; choose another target. ");
    failure.remedy = Remedy::from(why).and(&failure.remedy);
    failure
}

/// The open folder that a target belongs to.
fn folder(session: &Session, order: &Order, target: &Target) -> Option<PathBuf> {
    match &order.roots[..] {
        [only] => Some(only.clone()),
        _ => session.folder_of(&target.root),
    }
}

fn is_data_loss(report: &Report) -> bool {
    let code = report.error.as_ref().map(|error| error.code);
    code == Some(fbuild_deploy::failure::DATA_LOSS)
}

/// What is known from one attempt to the next.
#[derive(Default)]
struct Run {
    /// How far the progress is, which must not fall.
    percent: u32,
    /// How far it was before the board: what a build took of it.
    base: u32,
    /// What the board said of itself.
    board: Option<Board>,
    /// A monitor is to run afterwards, at this rate, with what its Enter sends.
    monitor: Option<(Rate, Eol)>,
}

impl Run {
    fn on_board(
        &mut self,
        stand: &Stand<'_>,
        monitoring: &Monitoring,
        request: &Request,
    ) -> Report {
        let mut tracker = Tracker::of(request);
        let mut events = |event: Event| {
            if let Event::Finished(report) = &event
                && is_data_loss(report)
            {
                // That is a question, and not the end.
                return;
            }
            let mut step = tracker.hear(&event);
            let rest = step.percent * (100 - self.base.min(100)) / 100;
            self.percent = self.percent.max(self.base + rest);
            step.percent = self.percent;
            stand.view(|view| {
                view.step = step;
                if let Event::Connected(board) = &event {
                    view.chip = Some(board.chip.name());
                    self.board = Some(board.clone());
                }
            });
        };
        if matches!(request.mode, Mode::Auto | Mode::Full) {
            monitoring.reporting.forget(&request.port);
        }
        let keeps = self.monitor.is_some();
        let link = stand.borrow(&request.port, Some(&request.target), keeps);
        let boards = &stand.choosing.boards;
        let mut report = boards.deploy(request, link.slot(), &mut events, stand.cancel());
        if let Some(how) = self.monitor
            && report.error.is_none()
            && report.outcome != OutcomeKind::Cancelled
            && monitoring.monitors.of(&request.port).is_none()
        {
            let start = Start::after(request, how, link.slot().and_then(Slot::take));
            if let Err(failure) = monitoring.start(start) {
                let warning = format!("no monitor was started: {}", failure.what);
                report.warnings.push(warning);
            }
        }
        report
    }
}
