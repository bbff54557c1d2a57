//! How a job's progress reaches the editor: one task per job, which never holds the job up.
//!
//! The job writes its state into a cell; this task reads it at most ten times a second and
//! says what it finds. It ends when the job's end of the cell is gone, however that came about, and
//! so every progress that began also ends, once.

mod status;

use std::time::Duration;

use tokio::sync::watch;

use super::editor::{Editor, Token, custom};
use super::jobs::{Ended, View};

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

/// What does not change about a job.
#[derive(Debug, Clone)]
pub(crate) struct About {
    pub(crate) id: u64,
    pub(crate) verb: &'static str,
    pub(crate) title: String,
    /// Of the request's own progress.
    pub(crate) token: Option<Token>,
    /// The client has a status bar of its own for it.
    pub(crate) wants_status: bool,
}

/// Tells a job's progress and its result until the job is over.
pub(crate) async fn follow(
    editor: Editor,
    place: Place,
    about: About,
    mut view: watch::Receiver<View>,
) {
    let token = match place {
        Place::Nowhere => None,
        Place::Given(token) => Some(token),
        Place::Offered(token) => {
            let is_accepted = offer(&editor, &token, &about, &mut view).await;
            is_accepted.then_some(token)
        }
    };
    let begun = view.borrow_and_update().clone();
    if let Some(token) = &token {
        let message = &begun.step.text;
        editor.begin(token, &about.title, message).await;
    }
    steps(&editor, token.as_ref(), &about, &mut view, begun).await;
    let last = view.borrow().clone();
    if let Some(token) = &token {
        let first_line = last.ended.as_ref().and_then(|end| end.text.lines().next());
        editor.end(token, first_line).await;
    }
    if about.wants_status {
        let status = status::of(&about, &last);
        editor.notify::<custom::Status>(status).await;
    }
    if let Some(end) = last.ended {
        finish(&editor, &about, end).await;
    }
}

/// Offers a token. While the client thinks about it, one with a status of its own is told already.
async fn offer(
    editor: &Editor,
    token: &Token,
    about: &About,
    view: &mut watch::Receiver<View>,
) -> bool {
    let begun = view.borrow_and_update().clone();
    let mut statuses = std::pin::pin!(steps(editor, None, about, view, begun));
    let mut offer = std::pin::pin!(editor.create_progress(token));
    let mut is_over = false;
    loop {
        tokio::select! {
            is_accepted = &mut offer => return is_accepted,
            () = &mut statuses, if !is_over => is_over = true,
        }
    }
}

/// The last words. Nothing pops up but a failure, and that only where nobody else shows it.
async fn finish(editor: &Editor, about: &About, end: Ended) {
    if end.is_failure && !about.wants_status {
        let mut lines = end.text.lines();
        let first = lines.next().unwrap_or_default();
        let remedy = lines.find(|line| line.starts_with("try"));
        let text = [Some(first), remedy].into_iter().flatten();
        editor.alert(&text.collect::<Vec<_>>().join("; ")).await;
    }
    editor.log(end.is_failure, &end.text).await;
}

/// Reports every new step until the job is over. A progress has begun with what was `said`, however
/// long that took; a status has not.
async fn steps(
    editor: &Editor,
    token: Option<&Token>,
    about: &About,
    view: &mut watch::Receiver<View>,
    mut said: View,
) {
    if token.is_none() && !about.wants_status {
        return ended(view).await;
    }
    if about.wants_status && said.ended.is_none() {
        let status = status::of(about, &said);
        editor.notify::<custom::Status>(status).await;
    }
    loop {
        if tokio::time::timeout(INTERVAL, ended(view)).await.is_ok() {
            return;
        }
        if *view.borrow() == said && view.changed().await.is_err() {
            return;
        }
        let now = view.borrow_and_update().clone();
        if now.ended.is_some() {
            return;
        }
        if let Some(token) = token
            && now.step.text != said.step.text
        {
            let step = &now.step;
            editor.step(token, &step.text, step.percent).await;
        }
        if about.wants_status && now != said {
            let status = status::of(about, &now);
            editor.notify::<custom::Status>(status).await;
        }
        said = now;
    }
}

/// Returns when the job is over.
async fn ended(view: &mut watch::Receiver<View>) {
    // An error means that the job's end of the cell is gone: also over.
    let _ = view.wait_for(|view| view.ended.is_some()).await;
}
