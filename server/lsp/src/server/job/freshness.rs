//! What to do about a firmware that is older than its sources.

use fbuild_deploy::outcome::Failure;
use fbuild_project::target::Target;

use super::build;
use super::stand::{Stand, Stop};
use crate::server::editor::Answer;
use crate::server::settings::{BuildCommand, StaleBuild};

/// What request and settings say.
pub(super) struct Wanted<'w> {
    /// Build in any case.
    pub(super) build: bool,
    pub(super) stale_build: StaleBuild,
    pub(super) command: Option<&'w BuildCommand>,
}

/// Whether the target is to be looked at anew.
pub(super) enum Freshened {
    AsItWas,
    Built,
    /// Nothing is to be said of how old it is.
    Ignored,
}

/// Sees to it that what is deployed is what the person means.
pub(super) fn freshen(
    stand: &Stand<'_>,
    target: &Target,
    wanted: &Wanted<'_>,
) -> Result<Freshened, Stop> {
    if wanted.build {
        let command = command(stand, wanted)?;
        build::run(stand, command, target)?;
        return Ok(Freshened::Built);
    }
    if wanted.stale_build == StaleBuild::Ignore {
        return Ok(Freshened::Ignored);
    }
    let Some(stale) = stale(target) else {
        return Ok(Freshened::AsItWas);
    };
    if wanted.stale_build == StaleBuild::Error {
        return Err(is_stale(target, stale).into());
    }
    let mut actions = vec!["Deploy anyway".to_owned()];
    let command = command(stand, wanted).ok();
    if command.is_some() {
        actions.push("Build and deploy".to_owned());
    }
    match (stand.ask(true, &format!("{stale}."), &actions)?, command) {
        (Answer::Chosen(1), Some(command)) => {
            build::run(stand, command, target)?;
            Ok(Freshened::Built)
        }
        (Answer::Dismissed, _) => Err(Stop::Cancelled),
        // Times are a hint and no proof, so where nobody can be asked the deploy goes on. What it
        // loads is looked at then, and warned of.
        (Answer::Chosen(_) | Answer::Silence, _) => Ok(Freshened::AsItWas),
    }
}

/// The build command, if it may be run.
fn command<'w>(stand: &Stand<'_>, wanted: &Wanted<'w>) -> Result<&'w BuildCommand, Failure> {
    let refused = |code, what: &str, remedy: &str| Failure {
        code,
        is_input: true,
        what: what.to_owned(),
        board_state: String::new(),
        remedy: remedy.to_owned(),
    };
    let Some(command) = wanted.command else {
        return Err(refused(
            "no-build-command",
            "there is no command to build with",
            "set fbuild.buildBeforeDeploy",
        ));
    };
    if !stand.desk.configuration.is_trusted() {
        return Err(refused(
            "not-trusted",
            "the build command is not run, because this workspace is not trusted",
            "trust the workspace in the editor, or build it yourself",
        ));
    }
    Ok(command)
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
    Failure {
        code: "stale-build",
        is_input: true,
        what: stale,
        board_state: String::new(),
        remedy: format!(
            "{} Or set fbuild.staleBuild to warn or ignore.",
            target.build_remedy()
        ),
    }
}
