//! `fbuild.server.boardInfo`, `eraseFlash` and `eraseRegion`: one board, without a target.

use std::sync::Arc;

use fbuild_chip::flash::{SECTOR_LEN, range};
use fbuild_deploy::native::erase::Stretch;
use serde::Serialize;
use serde_json::Value;

use super::{BadArguments, CommandError, port, roots, run_job, to_value};
use crate::explain::{Asked, Text, facts};
use crate::json::{Board, BoardAnswer, Problem, milliseconds};
use crate::server::arguments::Fields;
use crate::server::desk::Desk;
use crate::server::editor::Token;
use crate::server::job::board::{Erase, Identify, Place, Stop};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EraseResult<'r> {
    outcome: &'static str,
    message: &'r str,
    port: Option<&'r str>,
    chip: Option<&'static str>,
    mac: Option<&'r str>,
    offset: Option<u32>,
    size: Option<usize>,
    duration_ms: u64,
    error: Option<Problem>,
    text: Text,
}

async fn place(desk: &Desk, fields: &mut Fields, asked: Asked) -> Result<Place, CommandError> {
    let roots = roots(&desk.session, fields).await?;
    Ok(Place {
        asked,
        port: port(fields, &roots)?,
        roots,
    })
}

pub(super) async fn info(
    desk: &Arc<Desk>,
    mut fields: Fields,
    asked: Asked,
    given: Option<Token>,
) -> Result<Value, CommandError> {
    let work = Identify(place(desk, &mut fields, asked.clone()).await?);
    let done = run_job(desk, work, given).await?;
    let port = done.port.as_deref().unwrap_or_default();
    let info = done.result.as_ref().ok();
    to_value(BoardAnswer {
        board: info.map(|info| Board::new(port, info)),
        is_cancelled: matches!(done.result, Err(Stop::Cancelled)),
        error: done.failure().map(Problem::from),
        facts: info.map(facts),
        text: Some(done.words(&asked)),
    })
}

pub(super) async fn erase_flash(
    desk: &Arc<Desk>,
    fields: Fields,
    asked: Asked,
    given: Option<Token>,
) -> Result<Value, CommandError> {
    erase(desk, fields, asked, Stretch::All, given).await
}

pub(super) async fn erase_region(
    desk: &Arc<Desk>,
    mut fields: Fields,
    asked: Asked,
    given: Option<Token>,
) -> Result<Value, CommandError> {
    let offset = whole_sectors(&mut fields, "offset")?;
    let len_bytes = whole_sectors(&mut fields, "size")?;
    let why = match range(offset, len_bytes.into()) {
        Some(range) if !range.is_empty() => {
            return erase(desk, fields, asked, Stretch::Range(range), given).await;
        }
        Some(_) => "there is nothing to erase",
        None => "no flash reaches that far",
    };
    let why = why.to_owned();
    Err(BadArguments::Field { field: "size", why }.into())
}

fn whole_sectors(fields: &mut Fields, field: &'static str) -> Result<u32, BadArguments> {
    let wrong = |why: String| BadArguments::Field { field, why };
    let value: Option<u32> = fields.get(field)?;
    let value = value.ok_or_else(|| wrong("missing".to_owned()))?;
    if !value.is_multiple_of(SECTOR_LEN) {
        return Err(wrong(format!("{value} is not a multiple of {SECTOR_LEN}")));
    }
    Ok(value)
}

async fn erase(
    desk: &Arc<Desk>,
    mut fields: Fields,
    asked: Asked,
    stretch: Stretch,
    given: Option<Token>,
) -> Result<Value, CommandError> {
    let work = Erase {
        place: place(desk, &mut fields, asked.clone()).await?,
        stretch,
        is_confirmed: fields.get("confirmed")?.unwrap_or(false),
    };
    let done = run_job(desk, work, given).await?;
    let erased = done.result.as_ref().ok();
    to_value(EraseResult {
        outcome: match &done.result {
            Ok(_) => "erased",
            Err(Stop::Cancelled) => "cancelled",
            Err(Stop::Failed(_)) => "failed",
        },
        message: &done.message,
        port: done.port.as_deref(),
        chip: erased.map(|erased| erased.chip.name()),
        mac: erased.map(|erased| erased.mac.as_str()),
        offset: erased.map(|erased| erased.range.start),
        size: erased.map(|erased| erased.range.len()),
        duration_ms: milliseconds(done.duration),
        error: done.failure().map(Problem::from),
        text: done.words(&asked),
    })
}
