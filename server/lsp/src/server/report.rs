//! How a job's progress reaches the editor: one task per job, which never holds the job up.
//!
//! The job writes where it stands into a cell; this task reads it at most ten times a second and
//! says what it finds. It ends when the job's end of the cell is gone, however that came about, and
//! so every progress that began also ends, once.

use std::time::Duration;

use tokio::sync::watch;

use super::editor::{Editor, Token};
use super::jobs::View;

/// Shortest time between two messages: ten a second.
const INTERVAL: Duration = Duration::from_millis(100);

/// Where the client wants to see progress.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Place {
    /// It cannot show any.
    Nowhere,
    /// Under a token that came with the request.
    Given(Token),
    /// Under this token, if the client accepts it.
    Offered(Token),
}

impl Place {
    pub(crate) fn token(&self) -> Option<&Token> {
        match self {
            Self::Nowhere => None,
            Self::Given(token) | Self::Offered(token) => Some(token),
        }
    }
}

/// Tells a job's progress and its result until the job is over.
pub(crate) async fn follow(
    editor: Editor,
    place: Place,
    title: String,
    mut view: watch::Receiver<View>,
) {
    let token = match place {
        Place::Nowhere => None,
        Place::Given(token) => Some(token),
        Place::Offered(token) => editor.create_progress(&token).await.then_some(token),
    };
    if let Some(token) = &token {
        let message = view.borrow().text.clone();
        editor.begin(token, &title, &message).await;
        steps(&editor, token, message, &mut view).await;
    } else {
        ended(&mut view).await;
    }
    let end = view.borrow().ended.clone();
    if let Some(token) = &token {
        let first_line = end.as_ref().and_then(|end| end.text.lines().next());
        editor.end(token, first_line.map(str::to_owned)).await;
    }
    if let Some(end) = end {
        editor.log(end.is_failure, end.text).await;
    }
}

/// Reports every new text until the job is over.
async fn steps(editor: &Editor, token: &Token, first: String, view: &mut watch::Receiver<View>) {
    let mut said = first;
    loop {
        if tokio::time::timeout(INTERVAL, ended(view)).await.is_ok() {
            return;
        }
        if view.borrow().text == said && view.changed().await.is_err() {
            return;
        }
        let now = view.borrow_and_update().clone();
        if now.ended.is_some() {
            return;
        }
        if now.text != said {
            editor.step(token, &now.text, now.percent).await;
            said = now.text;
        }
    }
}

/// Returns when the job is over.
async fn ended(view: &mut watch::Receiver<View>) {
    // An error means that the job's end of the cell is gone: also over.
    let _ = view.wait_for(|view| view.ended.is_some()).await;
}
