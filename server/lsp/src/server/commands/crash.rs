//! `fbuild.server.monitor.showCrash` and `dismiss`: crashes that are shown on lines of the workspace.

use serde_json::json;

use super::{Answer, BadArguments, Call};
use crate::server::crashes::{self, Crashes};
use crate::server::documents::Documents;
use crate::server::pages::Pages;

/// Which document and line are meant.
fn spot(call: &mut Call<'_>) -> Result<(Option<String>, Option<u32>), BadArguments> {
    let document: Option<String> = call.get("uri")?;
    Ok((
        document.as_deref().map(crashes::document),
        call.get("line")?,
    ))
}

/// Shows what is known of a crash, and what the board had printed before it, as a file.
pub(super) async fn show(crashes: &Crashes, pages: &Pages, mut call: Call<'_>) -> Answer {
    let (document, line) = spot(&mut call)?;
    let copies = call.get("copy")?.unwrap_or(false);
    let Some(text) = crashes.page(document.as_deref(), line, copies) else {
        return Ok(json!({"shown": false, "text": null}));
    };
    let shown = !copies && pages.show_crash(text.clone()).await;
    Ok(json!({"shown": shown, "text": text}))
}

/// Takes crashes away from the lines that they are shown at.
pub(super) fn dismiss(crashes: &Crashes, documents: &Documents, mut call: Call<'_>) -> Answer {
    let (document, line) = spot(&mut call)?;
    let gone = crashes.dismiss(document.as_deref(), line);
    let n_gone = gone.len();
    documents.recheck(gone);
    Ok(json!({"dismissed": n_gone}))
}
