//! `fbuild.server.deploy`, `verify` and `plan`: put firmware onto a board, or only look.

use std::path::PathBuf;
use std::sync::Arc;

use fbuild_deploy::deploy::{Baud, Mode};
use serde::Deserialize;
use serde_json::Value;

use super::{BadArguments, CommandError, roots, to_value};
use crate::json::Outcome;
use crate::order::Order;
use crate::port;
use crate::server::arguments::Fields;
use crate::server::desk::Desk;
use crate::server::editor::Token;
use crate::server::gate;
use crate::server::job::{self, NotStarted};
use crate::server::report::Place;

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

pub(super) async fn deploy(
    desk: &Arc<Desk>,
    mut fields: Fields,
    given: Option<Token>,
) -> Result<Value, CommandError> {
    let mode = match (fields.get("dryRun")?, fields.get("mode")?) {
        (Some(true), _) => Mode::Plan,
        (_, None | Some(ModeArgument::Auto)) => Mode::Auto,
        (_, Some(ModeArgument::Full)) => Mode::Full,
        (_, Some(ModeArgument::Verify)) => Mode::Verify,
    };
    let order = order(desk, mode, fields)?;
    run(desk, order, given).await
}

pub(super) async fn verify(
    desk: &Arc<Desk>,
    fields: Fields,
    given: Option<Token>,
) -> Result<Value, CommandError> {
    let order = order(desk, Mode::Verify, fields)?;
    run(desk, order, given).await
}

pub(super) async fn plan(
    desk: &Arc<Desk>,
    fields: Fields,
    given: Option<Token>,
) -> Result<Value, CommandError> {
    let order = order(desk, Mode::Plan, fields)?;
    run(desk, order, given).await
}

fn order(desk: &Desk, mode: Mode, mut fields: Fields) -> Result<Order, BadArguments> {
    let roots: Vec<PathBuf> = roots(desk, &mut fields)?;
    let port: Option<String> = fields.get("port")?;
    let baud = match fields.get("baud")? {
        None | Some(BaudArgument::Auto(AutoWord::Auto)) => Baud::Auto,
        Some(BaudArgument::Fixed(baud)) => Baud::Fixed(baud),
    };
    Ok(Order {
        mode,
        files: Vec::new(),
        target: fields.get("target")?,
        // An editor's user means the project's directory, not wherever the server was started.
        port: port.map(|port| match roots.first() {
            Some(root) => port::anchored(&port, root),
            None => port,
        }),
        regions: fields.get("regions")?,
        baud,
        force: fields.get("force")?.unwrap_or(false),
        roots,
    })
}

async fn run(desk: &Arc<Desk>, order: Order, given: Option<Token>) -> Result<Value, CommandError> {
    let shows_progress = desk.session.capabilities().work_done_progress;
    let place = |id: u64| match given {
        Some(token) => Place::Given(token),
        // A string: some clients refuse numbers.
        None if shows_progress => Place::Offered(Token::String(format!("fbuild/job/{id}"))),
        None => Place::Nowhere,
    };
    let running =
        job::start(desk, order, gate::current_cancel(), place).map_err(|why| match why {
            NotStarted::Closed => CommandError::Closed,
            NotStarted::NoThread(error) => CommandError::Internal(format!(
                "the system gives this program no further thread: {error}"
            )),
        })?;
    let report = running.report().await;
    let report =
        report.ok_or_else(|| CommandError::Internal("the job's thread died".to_owned()))?;
    to_value(Outcome::from(&report))
}
