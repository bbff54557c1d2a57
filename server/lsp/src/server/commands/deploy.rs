//! `fbuild.server.deploy`, `verify` and `plan`: put firmware onto a board, or only look.

use std::path::PathBuf;

use fbuild_deploy::outcome::{Backend, OutcomeKind};
use fbuild_deploy::request::{Baud, Mode};
use serde::Deserialize;
use serde_json::Value;

use super::{Answer, BadArguments, Call, CommandError, Starter, to_value};
use crate::explain::{self, Text};
use crate::json::Outcome;
use crate::order::Order;
use crate::server::job::deploy::{Deploy, Deploying};
use crate::server::job::stand::Bench;
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

pub(super) async fn deploy(mut call: Call<'_>, starter: Starter<'_>, with: Deploying) -> Answer {
    let mode = match (call.get("dryRun")?, call.get("mode")?) {
        (Some(true), _) => Mode::Plan,
        (_, None | Some(ModeArgument::Auto)) => Mode::Auto,
        (_, Some(ModeArgument::Full)) => Mode::Full,
        (_, Some(ModeArgument::Verify)) => Mode::Verify,
    };
    run(call, starter, with, mode).await
}

/// A deploy that a key of a monitor asks for; what came of it in words.
pub(super) async fn by_key(
    bench: &Bench,
    with: Deploying,
    argument: Value,
) -> Result<Text, CommandError> {
    let call = Call::new(&bench.choosing, "fbuild.server.deploy", vec![argument])?;
    let work = order(call, with, Mode::Auto).await?;
    let asked = work.asked.clone();
    let starter = Starter { bench, given: None };
    let done = starter.run(work).await?;
    Ok(explain::outcome(&done.report, done.built.as_ref(), &asked))
}

async fn order(mut call: Call<'_>, with: Deploying, mode: Mode) -> Result<Deploy, CommandError> {
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
        with,
    })
}

pub(super) async fn run(
    call: Call<'_>,
    starter: Starter<'_>,
    with: Deploying,
    mode: Mode,
) -> Answer {
    let work = order(call, with, mode).await?;
    let pages = work.with.pages.clone();
    let (asked, roots) = (work.asked.clone(), work.order.roots.clone());
    let done = starter.run(work).await?;
    let (report, built) = (&done.report, done.built.as_ref());
    let mut outcome = Outcome::new(report, built);
    let text = explain::outcome(report, built, &asked);
    let kind = if report.outcome == OutcomeKind::Planned {
        "plan"
    } else {
        "outcome"
    };
    outcome.page = pages.of_job(kind, roots, &report.target, &text.lines);
    outcome.text = Some(text);
    to_value(outcome)
}
