//! `fbuild.server.deploy`, `verify` and `plan`: put firmware onto a board, or only look.

use std::path::PathBuf;
use std::sync::Arc;

use fbuild_deploy::outcome::Backend;
use fbuild_deploy::request::{Baud, Mode};
use fbuild_loader::reset::{After, Before};
use serde::Deserialize;
use serde_json::Value;

use super::{BadArguments, CommandError, port, roots, run_job, to_value};
use crate::explain::{self, Asked};
use crate::json::Outcome;
use crate::order::Order;
use crate::server::arguments::Fields;
use crate::server::desk::Desk;
use crate::server::editing;
use crate::server::editor::Token;
use crate::server::job::deploy::Deploy;
use crate::server::settings::StaleBuild;
use crate::server::uri;

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "camelCase")]
enum ModeArgument {
    Auto,
    Full,
    Verify,
}

/// `"auto"` or a number.
#[derive(Deserialize)]
#[serde(untagged, expecting = "expected \"auto\" or a number")]
enum BaudArgument {
    Auto(AutoWord),
    Fixed(u32),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum AutoWord {
    Auto,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "camelCase")]
enum BackendArgument {
    Native,
    Esptool,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "camelCase")]
enum StaleArgument {
    Warn,
    Error,
    Ignore,
}

pub(super) async fn deploy(
    desk: &Arc<Desk>,
    mut fields: Fields,
    asked: Asked,
    given: Option<Token>,
) -> Result<Value, CommandError> {
    let mode = match (fields.get("dryRun")?, fields.get("mode")?) {
        (Some(true), _) => Mode::Plan,
        (_, None | Some(ModeArgument::Auto)) => Mode::Auto,
        (_, Some(ModeArgument::Full)) => Mode::Full,
        (_, Some(ModeArgument::Verify)) => Mode::Verify,
    };
    let order = order(desk, mode, fields, asked).await?;
    run(desk, order, given).await
}

pub(super) async fn verify(
    desk: &Arc<Desk>,
    fields: Fields,
    asked: Asked,
    given: Option<Token>,
) -> Result<Value, CommandError> {
    let order = order(desk, Mode::Verify, fields, asked).await?;
    run(desk, order, given).await
}

pub(super) async fn plan(
    desk: &Arc<Desk>,
    fields: Fields,
    asked: Asked,
    given: Option<Token>,
) -> Result<Value, CommandError> {
    let order = order(desk, Mode::Plan, fields, asked).await?;
    run(desk, order, given).await
}

async fn order(
    desk: &Desk,
    mode: Mode,
    mut fields: Fields,
    asked: Asked,
) -> Result<Deploy, CommandError> {
    let roots: Vec<PathBuf> = roots(&desk.session, &mut fields).await?;
    let baud = match fields.get("baud")? {
        None => None,
        Some(BaudArgument::Auto(AutoWord::Auto)) => Some(Baud::Auto),
        Some(BaudArgument::Fixed(rate)) => {
            let impossible = || BadArguments::Field {
                field: "baud",
                why: format!("expected {}", Baud::EXPECTED),
            };
            Some(Baud::fixed(rate).ok_or_else(impossible)?)
        }
    };
    let stale_build = fields.get("staleBuild")?.map(|argument| match argument {
        StaleArgument::Warn => StaleBuild::Warn,
        StaleArgument::Error => StaleBuild::Error,
        StaleArgument::Ignore => StaleBuild::Ignore,
    });
    let backend = fields.get("backend")?.map(|argument| match argument {
        BackendArgument::Native => Backend::Native,
        BackendArgument::Esptool => Backend::Esptool,
    });
    let unsaved = fields.get::<Vec<String>>("unsaved")?;
    let order = Order {
        mode,
        files: Vec::new(),
        target: fields.get("target")?,
        port: port(&mut fields, &roots)?,
        regions: fields.get("regions")?,
        // What settings say about these is filled in when the job begins.
        baud: Baud::Auto,
        before: Before::Reset,
        after: After::Reset,
        force: fields.get("force")?.unwrap_or(false),
        backend: Backend::Native,
        esptool: None,
        roots,
    };
    Ok(Deploy {
        asked,
        order,
        baud,
        backend,
        stale_build,
        build: fields.get("build")?.unwrap_or(false),
        unsaved: unsaved.map(|names| names.iter().filter_map(|name| uri::or_path(name)).collect()),
    })
}

async fn run(desk: &Arc<Desk>, work: Deploy, given: Option<Token>) -> Result<Value, CommandError> {
    let asked = work.asked.clone();
    let done = run_job(desk, work, given).await?;
    // What boards hold is known better now.
    editing::look_again(desk);
    desk.targets_changed.notify_one();
    let (report, built) = (&done.report, done.built.as_ref());
    let mut outcome = Outcome::new(report, built);
    outcome.text = Some(explain::outcome(report, built, &asked));
    to_value(outcome)
}
