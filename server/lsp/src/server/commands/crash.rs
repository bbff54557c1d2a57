//! `fbuild.server.monitor.showCrash` and `dismiss`: crashes that are shown on lines of the workspace.

use std::sync::Arc;

use fbuild_deploy::own_file;
use serde_json::{Value, json};

use super::{CommandError, blocking};
use crate::server::arguments::Fields;
use crate::server::crashes;
use crate::server::desk::Desk;
use crate::server::uri;

/// Where the client is shown one.
const PAGE: &str = "crash.txt";

/// Which document and line are meant.
fn spot(fields: &mut Fields) -> Result<(Option<String>, Option<u32>), CommandError> {
    let document: Option<String> = fields.get("uri")?;
    Ok((
        document.as_deref().map(crashes::document),
        fields.get("line")?,
    ))
}

/// Shows what is known of a crash, and what the board had printed before it, as a file.
pub(super) async fn show(desk: &Arc<Desk>, mut fields: Fields) -> Result<Value, CommandError> {
    let (document, line) = spot(&mut fields)?;
    let Some(text) = desk.crashes.page(document.as_deref(), line) else {
        return Ok(json!({"shown": false, "text": null}));
    };
    let file = desk.boards.state_dir().map(|dir| dir.join(PAGE));
    let page = text.clone();
    let written = blocking(move || {
        let file = file?;
        own_file::directory(file.parent()?).ok()?;
        own_file::replace(&file, page.as_bytes()).ok()?;
        uri::of(&file)
    });
    let shown = match written.await? {
        Some(page) if desk.session.capabilities().shows_documents => {
            desk.editor.show_file(page).await
        }
        _ => false,
    };
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
