//! `fbuild.server.monitor.showCrash` and `dismiss`: crashes that are shown on lines of the workspace.

use serde_json::{Value, json};

use super::CommandError;
use crate::server::arguments::Fields;
use crate::server::crashes;
use crate::server::desk::Desk;
use crate::server::pages;

/// Which document and line are meant.
fn spot(fields: &mut Fields) -> Result<(Option<String>, Option<u32>), CommandError> {
    let document: Option<String> = fields.get("uri")?;
    Ok((
        document.as_deref().map(crashes::document),
        fields.get("line")?,
    ))
}

/// Shows what is known of a crash, and what the board had printed before it, as a file.
pub(super) async fn show(desk: &Desk, mut fields: Fields) -> Result<Value, CommandError> {
    let (document, line) = spot(&mut fields)?;
    let copies = fields.get("copy")?.unwrap_or(false);
    let Some(text) = desk.crashes.page(document.as_deref(), line, copies) else {
        return Ok(json!({"shown": false, "text": null}));
    };
    let shown = !copies && pages::show_crash(desk, text.clone()).await;
    Ok(json!({"shown": shown, "text": text}))
}

/// Takes crashes away from the lines that they are shown at.
pub(super) fn dismiss(desk: &Desk, mut fields: Fields) -> Result<Value, CommandError> {
    let (document, line) = spot(&mut fields)?;
    let gone = desk.crashes.dismiss(document.as_deref(), line);
    let n_gone = gone.len();
    desk.documents.recheck(gone);
    Ok(json!({"dismissed": n_gone}))
}
