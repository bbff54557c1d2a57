//! `fbuild.server.deploy`, `verify` and `plan`: put firmware onto a board, or only look.

use std::path::PathBuf;
use std::sync::Arc;

use fbuild_deploy::outcome::{Backend, OutcomeKind};
use fbuild_deploy::request::{Baud, Mode};
use serde::Deserialize;
use serde_json::Value;

use super::{Answer, BadArguments, Call, CommandError, Starter, to_value};
use crate::explain::{self, Asked, Text};
use crate::json::Outcome;
use crate::order::Order;
use crate::server::arguments::Fields;
use crate::server::desk::Desk;
use crate::server::job::deploy::Deploy;
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

pub(super) async fn deploy(mut call: Call<'_>, starter: Starter<'_>) -> Answer {
    let mode = match (call.get("dryRun")?, call.get("mode")?) {
        (Some(true), _) => Mode::Plan,
        (_, None | Some(ModeArgument::Auto)) => Mode::Auto,
        (_, Some(ModeArgument::Full)) => Mode::Full,
        (_, Some(ModeArgument::Verify)) => Mode::Verify,
    };
    run(call, starter, mode).await
}

/// A deploy that a key of a monitor asks for; what came of it in words.
pub(super) async fn by_key(desk: &Arc<Desk>, argument: Value) -> Result<Text, CommandError> {
    let fields = Fields::of(vec![argument])?;
    let asked = Asked {
        command: "fbuild.server.deploy".to_owned(),
        argument: fields.all().clone(),
        is_trusted: desk.configuration.is_trusted(),
    };
    let call = Call {
        session: &desk.session,
        fields,
        asked: asked.clone(),
    };
    let work = order(call, Mode::Auto).await?;
    let done = Starter { desk, given: None }.run(work).await?;
    Ok(explain::outcome(&done.report, done.built.as_ref(), &asked))
}

async fn order(mut call: Call<'_>, mode: Mode) -> Result<Deploy, CommandError> {
    let roots: Vec<PathBuf> = call.roots().await?;
    let baud = match call.get("baud")? {
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
    let backend = call.get("backend")?.map(|argument| match argument {
        BackendArgument::Native => Backend::Native,
        BackendArgument::Esptool => Backend::Esptool,
    });
    let unsaved = call.get::<Vec<String>>("unsaved")?;
    let order = Order {
        target: call.get("target")?,
        port: call.port_in(&roots)?,
        regions: call.get("regions")?,
        force: call.get("force")?.unwrap_or(false),
        // What settings say about the rest is filled in when the job begins.
        ..Order::new(mode, roots)
    };
    Ok(Deploy {
        order,
        baud,
        backend,
        stale_build: call.get("staleBuild")?,
        build: call.get("build")?.unwrap_or(false),
        asked: call.asked,
        unsaved: unsaved.map(|names| names.iter().filter_map(|name| uri::or_path(name)).collect()),
    })
}

pub(super) async fn run(call: Call<'_>, starter: Starter<'_>, mode: Mode) -> Answer {
    let work = order(call, mode).await?;
    let (asked, roots) = (work.asked.clone(), work.order.roots.clone());
    let desk = starter.desk;
    let done = starter.run(work).await?;
    let (report, built) = (&done.report, done.built.as_ref());
    let mut outcome = Outcome::new(report, built);
    let text = explain::outcome(report, built, &asked);
    let kind = if report.outcome == OutcomeKind::Planned {
        "plan"
    } else {
        "outcome"
    };
    outcome.page = desk.pages.of_job(kind, roots, &report.target, &text.lines);
    outcome.text = Some(text);
    to_value(outcome)
}
