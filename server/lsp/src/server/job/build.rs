//! A build: as work of its own, and as the first part of a deploy.

use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use fbuild_deploy::outcome::Failure;
use fbuild_monitor::text::without_colours;
use fbuild_project::build::output::{Finding, Output, Progress, Severity};
use fbuild_project::discover::Environment;
use fbuild_project::plain;
use serde_json::json;
use tokio::task::JoinHandle;

use super::Work;
use super::stand::{self, Stand};
use crate::build::{self, Build, Built, Subject};
use crate::explain::{self, Asked, Text};
use crate::order;
use crate::plain::Line;
use crate::progress::{BUILD_PERCENT, Step};
use crate::server::builds::{Builds, Running};
use crate::server::documents::Documents;
use crate::server::jobs::Ended;
use crate::server::problems::{Problems, Scene};
use crate::server::session::Session;
use crate::server::settings::Settings;
use crate::stop::{Stop, failure_of, outcome_of};

/// How long an outcome waits for the diagnostics that belong to it.
const TELLING_MAX: Duration = Duration::from_secs(5);

/// What a build has of the server, besides its stand.
#[derive(Clone)]
pub(crate) struct Workshop {
    pub(crate) builds: Arc<Builds>,
    /// Where what it finds is shown.
    pub(crate) problems: Arc<Problems>,
    pub(crate) documents: Arc<Documents>,
}

/// What a client asked to be built.
pub(crate) struct Building {
    /// The request itself.
    pub(crate) asked: Asked,
    pub(crate) roots: Vec<PathBuf>,
    /// Target name, or what follows its colon.
    pub(crate) target: Option<String>,
    pub(crate) workshop: Workshop,
}

/// How it ended.
#[derive(Debug)]
pub(crate) struct Done {
    /// The target's name, as far as it was found out.
    pub(crate) target: Option<String>,
    /// What was run, as far as it was found out.
    pub(crate) line: Option<String>,
    pub(crate) directory: Option<PathBuf>,
    pub(crate) message: String,
    pub(crate) duration: Duration,
    pub(crate) result: Result<Built, Stop>,
}

impl Done {
    /// What went wrong, if something did.
    pub(crate) fn failure(&self) -> Option<&Failure> {
        failure_of(&self.result)
    }

    /// The contract's name for it.
    pub(crate) fn outcome(&self) -> &'static str {
        outcome_of(&self.result, "built")
    }

    /// How it ended, for a person.
    pub(crate) fn words(&self, asked: &Asked) -> Text {
        explain::build(&self.message, self.failure(), self.duration, asked)
    }
}

impl Building {
    fn story(&self, stand: &Stand<'_>, done: &mut Done) -> Result<Built, Stop> {
        stand.says("resolving", "looking for the target");
        let settings = stand.settings(&self.roots)?;
        let environment = Environment::from_process();
        let mut roots = self.roots.clone();
        let name = stand.target_name(&mut roots, self.target.as_deref());
        let subject = order::subject(&roots, name.as_deref(), &environment)?;
        stand.view(|view| view.target = Some(subject.name.clone()));
        done.target = Some(subject.name.clone());
        let build = prepare(stand, &subject, &settings, &environment)?;
        done.line = Some(build.line.clone());
        done.directory = Some(build.directory.clone());
        match self.workshop.builds.begin(&build) {
            Ok(running) => run(stand, &self.workshop, &build, running),
            Err(_) => Err(stand::is_taken(&build).into()),
        }
    }
}

impl Work for Building {
    type Done = Done;

    fn verb(&self) -> &'static str {
        "build"
    }

    fn title(&self) -> String {
        match &self.target {
            Some(target) => format!("build {target}"),
            None => "build".to_owned(),
        }
    }

    fn run(&self, stand: &Stand<'_>) -> Done {
        let mut done = Done {
            target: self.target.clone(),
            line: None,
            directory: None,
            message: String::new(),
            duration: Duration::ZERO,
            result: Err(Stop::Cancelled),
        };
        done.result = self.story(stand, &mut done);
        done.duration = stand.elapsed();
        done.message = build::message_of(done.target.as_deref(), &done.result);
        done
    }

    fn crashed(&self, failure: Failure, took: Duration) -> Done {
        Done {
            target: self.target.clone(),
            line: None,
            directory: None,
            message: format!("the build failed: {}", failure.what),
            duration: took,
            result: Err(failure.into()),
        }
    }

    fn ended(&self, done: &Done) -> Ended {
        Ended::new(done.outcome(), done.words(&self.asked), done.duration)
    }
}

/// What builds the subject, if it may be run.
pub(super) fn prepare(
    stand: &Stand<'_>,
    subject: &Subject,
    settings: &Settings,
    environment: &Environment,
) -> Result<Build, Failure> {
    if !stand.choosing.configuration.is_trusted() {
        return Err(Failure::of_input(
            "not-trusted",
            format!("{} is not built, because {NOT_TRUSTED}", subject.name),
            "trust the workspace in the editor, or build it yourself",
        ));
    }
    let folder = stand.choosing.session.folder_of(&subject.root);
    let set = settings.build_command.as_ref();
    Build::of(subject, set, folder.as_deref(), environment)
}

pub(super) const NOT_TRUSTED: &str = "this workspace is not trusted";

/// Builds what is to be deployed, or waits for the same build of another job, and takes what becomes of it if
/// that `is_enough`: nothing was changed after it had begun.
pub(super) fn run_or_share(
    stand: &Stand<'_>,
    workshop: &Workshop,
    build: &Build,
    is_enough: impl Fn(SystemTime) -> bool,
) -> Result<Built, Stop> {
    loop {
        let mut theirs = match workshop.builds.begin(build) {
            Ok(running) => return run(stand, workshop, build, running),
            Err(theirs) => theirs,
        };
        stand.says(
            "building",
            format!("waiting for the build of {}", build.name),
        );
        let ended = async { theirs.ended.wait_for(Option::is_some).await.ok()?.clone() };
        // Of one that was cancelled nothing comes.
        if let Some(result) = stand.wait(ended)?
            && is_enough(theirs.began)
        {
            return Ok(result?);
        }
    }
}

/// Builds. One build at a time works in a directory.
fn run(
    stand: &Stand<'_>,
    workshop: &Workshop,
    build: &Build,
    running: Running,
) -> Result<Built, Stop> {
    let result = carry_out(stand, workshop, build);
    // Who waits may have to build once more.
    stand.release_build();
    match &result {
        Ok(it) => running.end(Ok(it.clone())),
        Err(Stop::Failed(failure)) => running.end(Err(failure.clone())),
        Err(Stop::Cancelled) => {}
    }
    result
}

fn carry_out(stand: &Stand<'_>, workshop: &Workshop, build: &Build) -> Result<Built, Stop> {
    stand.claim_build(build)?;
    stand.says(
        "building",
        format!("building {}: {}", build.name, build.line),
    );
    let printed = Printed {
        stand,
        build,
        late: RefCell::default(),
        n_missed: Cell::new(0),
    };
    printed.tell("begun", &format!("--- {}\n", plain::line(&build.line)));
    let mut problems = Found::nothing(stand, workshop, build);
    let mut output = Output::default();
    let mut hear = |lines: &[String]| {
        let mut shown = Vec::new();
        for line in lines {
            let heard = output.hear(line);
            let step = heard.progress.as_ref().map(counted);
            let said = without_colours(heard.shown.as_deref().unwrap_or_default());
            let said = said.trim();
            let step = step.or_else(|| (!said.is_empty()).then(|| stand.keeps_percent(said)));
            if let Some(mut step) = step {
                stand.view(|view| {
                    // A build may count several times: a boot loader is a build of its own.
                    step.percent = step.percent.max(view.step.percent);
                    view.step = step;
                });
            }
            shown.extend(heard.shown);
        }
        printed.show(&shown.join("\n"));
        problems.worked_in(output.entered());
        problems.publish(output.findings(false));
    };
    let mut result = build
        .clone()
        .with_messages(printed.wants_news())
        .run(stand.cancel(), &mut hear);
    problems.publish(output.findings(true));
    if let Err(Stop::Failed(failure)) = &mut result {
        let reason = || output.reason().map(str::to_owned);
        let Found {
            here, elsewhere, ..
        } = problems;
        let first = here.words().or_else(reason);
        Build::explain(failure, first.or_else(|| elsewhere.words()));
    }
    printed.tell("ended", &ending(&build.line, &result));
    if let Err(Stop::Failed(_)) = result {
        // A client that lists what was found does so once it has the outcome.
        let told = async {
            let _ = tokio::time::timeout(TELLING_MAX, workshop.documents.all_told()).await;
        };
        let _ = stand.wait(told);
    }
    result
}

/// What it prints, for the client: as news of a build if it asked for those, else in its log.
struct Printed<'s> {
    stand: &'s Stand<'s>,
    build: &'s Build,
    /// What the client has not taken yet. The build does not wait for that.
    late: RefCell<Option<JoinHandle<()>>>,
    /// Lines that were not sent since.
    n_missed: Cell<usize>,
}

impl Printed<'_> {
    fn show(&self, text: &str) {
        if text.is_empty() {
            return;
        }
        if !self.wants_news() {
            return self.send("running", &without_colours(text));
        }
        let lines = text
            .lines()
            .map(|line| format!("{}\n", Line::of_log(line, true)));
        self.tell("running", &lines.collect::<String>());
    }

    fn tell(&self, state: &str, text: &str) {
        if self.wants_news() {
            self.send(state, text);
        }
    }

    /// Sends it, after a word about what was not sent because the client did not read.
    fn send(&self, state: &str, text: &str) {
        let mut late = self.late.borrow_mut();
        let is_last = state == "ended";
        if let Some(task) = late.as_mut().filter(|_| is_last) {
            let taken = async { tokio::time::timeout(TELLING_MAX, task).await };
            let _ = self.stand.wait(taken);
        }
        let busy = late.take_if(|task| !task.is_finished());
        if busy.is_some() && !is_last {
            self.n_missed
                .set(self.n_missed.get() + text.lines().count());
            *late = busy;
            return;
        }
        let text = match self.n_missed.take() {
            0 => text.to_owned(),
            n => format!(
                "--- {n} lines were not shown: they came faster than they were read\n{text}"
            ),
        };
        let news = || {
            let (job, directory) = (self.stand.job(), &self.build.directory);
            json!({"job": job, "directory": directory, "state": state, "text": text})
        };
        let printed = if self.wants_news() {
            Ok(news())
        } else {
            Err(text)
        };
        let editor = self.stand.editor.clone();
        if let Some(before) = busy {
            // However late it reads, it learns that the build is over.
            self.stand.editor.runtime.spawn(async move {
                let _ = before.await;
                editor.build(printed).await;
            });
            return;
        }
        *late = self.stand.editor.runtime.block_on(editor.build(printed));
    }

    fn wants_news(&self) -> bool {
        self.stand.choosing.session.capabilities().wants.build
    }
}

/// The last line in a terminal, where the command stands above.
fn ending(line: &str, result: &Result<Built, Stop>) -> String {
    match result {
        Ok(built) => format!("--- built in {:.1} s\n", built.duration.as_secs_f64()),
        Err(Stop::Cancelled) => "--- cancelled\n".to_owned(),
        Err(Stop::Failed(failure)) => {
            let said = failure.what.replacen(&format!(": {line}"), "", 1);
            format!("--- {}\n", plain::line(&said))
        }
    }
}

/// How far it is. The rest of the job comes after it, so its percentage is a part of the whole.
fn counted(progress: &Progress) -> Step {
    let Progress { done, total, what } = progress;
    let percent = u64::from(*done) * BUILD_PERCENT / u64::from(*total).max(1);
    Step {
        text: format!("building: {done} of {total}, {what}"),
        amounts: Some(format!("{done} of {total}")),
        percent: u32::try_from(percent).unwrap_or_default(),
        phase: "building",
        ..Step::default()
    }
}

/// What a build has found wrong.
struct Found<'s> {
    session: &'s Session,
    workshop: &'s Workshop,
    build: &'s Build,
    /// Errors in files that are there.
    here: Errors,
    /// Others: what names them may be a log's line that looks like one.
    elsewhere: Errors,
}

#[derive(Default)]
struct Errors {
    first: Option<String>,
    n: usize,
}

impl Errors {
    fn add(&mut self, error: &Finding) {
        self.n += 1;
        self.first.get_or_insert_with(|| {
            let message = error.message.lines().next().unwrap_or_default();
            format!("{}:{}: {message}", error.place.file, error.place.line)
        });
    }

    /// The first one, and how many there are.
    fn words(self) -> Option<String> {
        let first = self.first?;
        Some(match self.n {
            1 => first,
            n => format!("{first}, and {} more", n - 1),
        })
    }
}

impl<'s> Found<'s> {
    /// What the last build found counts no more.
    fn nothing(stand: &Stand<'s>, workshop: &'s Workshop, build: &'s Build) -> Self {
        let gone = workshop.problems.clear(&build.directory);
        workshop.documents.recheck(gone);
        Self {
            session: &stand.choosing.session,
            workshop,
            build,
            here: Errors::default(),
            elsewhere: Errors::default(),
        }
    }

    /// Where its tools worked.
    fn worked_in(&self, directories: &[String]) {
        let directories = directories.iter().map(Path::new);
        let all = self.build.inner.as_deref().into_iter().chain(directories);
        self.workshop.problems.worked_in(&self.build.directory, all);
    }

    /// Shows it on the lines that the build names.
    fn publish(&mut self, found: Vec<Finding>) {
        if found.is_empty() {
            return;
        }
        let Workshop {
            problems,
            documents,
            ..
        } = self.workshop;
        let scene = Scene {
            root: &self.build.directory,
            build: self.build.inner.as_deref(),
            folders: self.session.folders(),
            encoding: documents.encoding(),
        };
        for error in found.iter().filter(|it| it.severity == Severity::Error) {
            match scene.resolve(&error.place, error.directory.as_deref()) {
                Some(_) => self.here.add(error),
                None => self.elsewhere.add(error),
            }
        }
        let shown = scene.diagnostics(found);
        let touched = problems.add(&self.build.directory, shown);
        documents.recheck(touched);
    }
}
