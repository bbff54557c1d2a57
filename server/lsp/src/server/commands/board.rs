//! `fbuild.server.boardInfo`, `eraseFlash` and `eraseRegion`: one board, without a target.

use fbuild_chip::flash::{SECTOR_LEN, range};
use fbuild_deploy::native::erase::Stretch;
use serde::Serialize;

use super::{Answer, BadArguments, Call, CommandError, Starter, to_value};
use crate::explain::{Text, facts};
use crate::json::{Board, BoardAnswer, Problem, milliseconds};
use crate::server::job::board::{Erase, Identify, Place};
use crate::stop::{Stop, outcome_of};

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

impl Call<'_> {
    /// The board that is meant.
    pub(super) async fn place(&mut self) -> Result<Place, CommandError> {
        let roots = self.roots().await?;
        Ok(Place {
            asked: self.asked.clone(),
            port: self.port_in(&roots)?,
            roots,
        })
    }
}

pub(super) async fn info(mut call: Call<'_>, starter: Starter<'_>) -> Answer {
    let work = Identify(call.place().await?);
    let done = starter.run(work).await?;
    let port = done.port.as_deref().unwrap_or_default();
    let info = done.result.as_ref().ok();
    to_value(BoardAnswer {
        board: info.map(|info| Board::new(port, info)),
        is_cancelled: matches!(done.result, Err(Stop::Cancelled)),
        error: done.failure().map(Problem::from),
        facts: info.map(facts),
        text: Some(done.words(&call.asked)),
    })
}

pub(super) async fn erase_region(mut call: Call<'_>, starter: Starter<'_>) -> Answer {
    let offset = whole_sectors(&mut call, "offset")?;
    let len_bytes = whole_sectors(&mut call, "size")?;
    let why = match range(offset, len_bytes.into()) {
        Some(range) if !range.is_empty() => {
            return erase(call, starter, Stretch::Range(range)).await;
        }
        Some(_) => "there is nothing to erase",
        None => "no flash reaches that far",
    };
    let why = why.to_owned();
    Err(BadArguments::Field { field: "size", why }.into())
}

fn whole_sectors(call: &mut Call<'_>, field: &'static str) -> Result<u32, BadArguments> {
    let wrong = |why: String| BadArguments::Field { field, why };
    let value: Option<u32> = call.get(field)?;
    let value = value.ok_or_else(|| wrong("missing".to_owned()))?;
    if !value.is_multiple_of(SECTOR_LEN) {
        return Err(wrong(format!("{value} is not a multiple of {SECTOR_LEN}")));
    }
    Ok(value)
}

pub(super) async fn erase(mut call: Call<'_>, starter: Starter<'_>, stretch: Stretch) -> Answer {
    let work = Erase {
        place: call.place().await?,
        stretch,
        is_confirmed: call.get("confirmed")?.unwrap_or(false),
    };
    let done = starter.run(work).await?;
    let erased = done.result.as_ref().ok();
    to_value(EraseResult {
        outcome: outcome_of(&done.result, "erased"),
        message: &done.message,
        port: done.port.as_deref(),
        chip: erased.map(|erased| erased.chip.name()),
        mac: erased.map(|erased| erased.mac.as_str()),
        offset: erased.map(|erased| erased.range.start),
        size: erased.map(|erased| erased.range.len()),
        duration_ms: milliseconds(done.duration),
        error: done.failure().map(Problem::from),
        text: done.words(&call.asked),
    })
}
