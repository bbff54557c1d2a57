//! What to do about a firmware that is missing, or older than its sources.

use fbuild_deploy::outcome::Failure;
use fbuild_project::discover::Environment;
use fbuild_project::target::Target;

use super::build::{self, NOT_TRUSTED, Workshop};
use super::stand::Stand;
use crate::build::{Build, Built, Subject};
use crate::server::editor::Answer;
use crate::server::settings::{BuildWhen, Settings, StaleBuild};
use crate::stop::Stop;

/// What request and settings say.
pub(super) struct Wanted<'w> {
    /// Build in any case.
    pub(super) build: bool,
    pub(super) stale_build: StaleBuild,
    pub(super) settings: &'w Settings,
    pub(super) workshop: &'w Workshop,
}

/// Whether the target is to be looked at anew.
pub(super) enum Freshened {
    AsItWas,
    Built(Built),
    /// Nothing is to be said of how old it is.
    Ignored,
}

const BUILD: &str = "Build and deploy";
const ANYWAY: &str = "Deploy anyway";

/// Sees to it that what is deployed is what the person means.
pub(super) fn freshen(
    stand: &Stand<'_>,
    target: &Target,
    wanted: &Wanted<'_>,
) -> Result<Freshened, Stop> {
    let settings = wanted.settings;
    let environment = Environment::from_process();
    let prepare = || build::prepare(stand, &target.into(), settings, &environment);
    let is_enough = |began| !target.inputs.is_empty() && target.inputs_newer_than(began).is_empty();
    let freshened = |build: &Build| {
        let built = build::run_or_share(stand, wanted.workshop, build, is_enough)?;
        Ok(Freshened::Built(built))
    };
    if wanted.build {
        return freshened(&prepare()?);
    }
    if wanted.stale_build == StaleBuild::Ignore {
        return Ok(Freshened::Ignored);
    }
    let Some(stale) = stale(target) else {
        return Ok(Freshened::AsItWas);
    };
    let (build, why_not) = match settings.build {
        BuildWhen::Never => (None, String::new()),
        BuildWhen::Auto | BuildWhen::Ask => match prepare() {
            Ok(build) => (Some(build), String::new()),
            Err(failure) => (None, format!(" {}", why_not(&failure))),
        },
    };
    if let (BuildWhen::Auto, Some(build)) = (settings.build, &build) {
        return freshened(build);
    }
    if wanted.stale_build == StaleBuild::Error {
        return Err(is_stale(target, format!("{stale}{why_not}")).into());
    }
    let question = format!("{stale}.{why_not}");
    match (ask(stand, &question, build.as_ref(), true)?, build) {
        (Chosen::Build, Some(build)) => freshened(&build),
        // Times are a hint and no proof, so where nobody can be asked the deploy goes on. What it
        // loads is looked at then, and warned of.
        _ => Ok(Freshened::AsItWas),
    }
}

/// What a plan has to say of a firmware that a deploy would build first.
pub(super) fn would_build(
    stand: &Stand<'_>,
    target: &Target,
    wanted: &Wanted<'_>,
) -> Option<String> {
    let settings = wanted.settings;
    if settings.build != BuildWhen::Auto || wanted.stale_build == StaleBuild::Ignore {
        return None;
    }
    let stale = stale(target)?;
    let environment = Environment::from_process();
    let build = build::prepare(stand, &target.into(), settings, &environment).ok()?;
    Some(format!(
        "{stale}: a deploy builds it first ({}); this plan is for what is there now",
        build.line
    ))
}

/// Builds what there is no firmware of; `Err`: `missing`, with what speaks against a build.
pub(super) fn make(
    stand: &Stand<'_>,
    subject: &Subject,
    wanted: &Wanted<'_>,
    mut missing: Failure,
) -> Result<Built, Stop> {
    let settings = wanted.settings;
    let when = if wanted.build {
        BuildWhen::Auto
    } else {
        settings.build
    };
    if when == BuildWhen::Never {
        return Err(missing.into());
    }
    let environment = Environment::from_process();
    let build = match build::prepare(stand, subject, settings, &environment) {
        Ok(build) => build,
        Err(failure) if wanted.build => return Err(failure.into()),
        Err(failure) => {
            missing.remedy = missing.remedy.then(&why_not(&failure));
            return Err(missing.into());
        }
    };
    if when == BuildWhen::Ask {
        let question = format!("{} is not built yet.", subject.name);
        match ask(stand, &question, Some(&build), false)? {
            Chosen::Build => {}
            Chosen::Anyway | Chosen::Silence => return Err(missing.into()),
        }
    }
    // Of what it is made is not known yet.
    build::run_or_share(stand, wanted.workshop, &build, |_| false)
}

enum Chosen {
    Build,
    Anyway,
    Silence,
}

fn ask(
    stand: &Stand<'_>,
    question: &str,
    build: Option<&Build>,
    is_there: bool,
) -> Result<Chosen, Stop> {
    let build = build.map(|_| (BUILD, Chosen::Build));
    let anyway = is_there.then_some((ANYWAY, Chosen::Anyway));
    let mut choices: Vec<(&str, Chosen)> = build.into_iter().chain(anyway).collect();
    let titles: Vec<String> = choices
        .iter()
        .map(|(title, _)| (*title).to_owned())
        .collect();
    match stand.ask(true, question, &titles)? {
        // `ask` answers with a number below the number of actions.
        Answer::Chosen(number) => Ok(choices.swap_remove(number).1),
        Answer::Dismissed => Err(Stop::Cancelled),
        Answer::Silence => Ok(Chosen::Silence),
    }
}

/// Why it is not built, as a sentence to follow another.
fn why_not(failure: &Failure) -> String {
    let why = match failure.code {
        "not-trusted" => NOT_TRUSTED,
        _ => &failure.what,
    };
    format!("It is not built first: {why}.")
}

/// What is newer than the firmware, in words.
fn stale(target: &Target) -> Option<String> {
    let inputs = target.stale_inputs();
    let first = inputs.first()?;
    let name = first.strip_prefix(&target.root).unwrap_or(first).display();
    Some(match inputs.len() {
        1 => format!("{name} is newer than the firmware of {}", target.name),
        n => format!(
            "{name} and {} more are newer than the firmware of {}",
            n - 1,
            target.name
        ),
    })
}

fn is_stale(target: &Target, stale: String) -> Failure {
    Failure::of_input(
        "stale-build",
        stale,
        target
            .build_remedy()
            .then("Or set fbuild.staleBuild to warn or ignore."),
    )
}
