//! Texts that are shown to a person as a file.

use fbuild_deploy::own_file;

use super::desk::Desk;
use super::uri;

/// Where the client is shown a crash.
const CRASH: &str = "crash.txt";

/// Shows what is known of a crash, where the client can show files. It is kept until the next one.
pub(crate) async fn show_crash(desk: &Desk, page: String) -> bool {
    let Some(file) = desk.boards.state_dir().map(|dir| dir.join(CRASH)) else {
        return false;
    };
    let written = tokio::task::spawn_blocking(move || {
        own_file::directory(file.parent()?).ok()?;
        own_file::replace(&file, page.as_bytes()).ok()?;
        uri::of(&file)
    });
    match written.await {
        Ok(Some(page)) if desk.session.capabilities().shows_documents => {
            desk.editor.show_file(page).await
        }
        _ => false,
    }
}
