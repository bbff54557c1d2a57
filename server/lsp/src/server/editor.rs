//! The way out to the client. Nothing here waits longer than the client's patience allows: some
//! clients never answer a request, and some stop reading.

use std::time::Duration;

use tower_lsp::Client;
use tower_lsp::lsp_types::notification::Progress;
use tower_lsp::lsp_types::request::WorkDoneProgressCreate;
use tower_lsp::lsp_types::{
    MessageType, NumberOrString, ProgressParams, ProgressParamsValue, WorkDoneProgress,
    WorkDoneProgressBegin, WorkDoneProgressCreateParams, WorkDoneProgressEnd,
    WorkDoneProgressReport,
};

/// Names one progress.
pub(crate) type Token = NumberOrString;

/// The connected client.
#[derive(Debug, Clone)]
pub(crate) struct Editor {
    client: Client,
    patience: Duration,
}

impl Editor {
    pub(crate) fn new(client: Client, patience: Duration) -> Self {
        Self { client, patience }
    }

    /// Asks the client for a place to show progress. `false`: it refused or did not answer.
    pub(crate) async fn create_progress(&self, token: &Token) -> bool {
        let params = WorkDoneProgressCreateParams {
            token: token.clone(),
        };
        let answer = self.client.send_request::<WorkDoneProgressCreate>(params);
        match tokio::time::timeout(self.patience, answer).await {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                tracing::warn!(%error, "the client refused to show progress");
                false
            }
            Err(_) => {
                tracing::warn!("the client did not answer window/workDoneProgress/create");
                false
            }
        }
    }

    pub(crate) async fn begin(&self, token: &Token, title: &str, message: &str) {
        let begin = WorkDoneProgressBegin {
            title: title.to_owned(),
            cancellable: Some(true),
            message: Some(message.to_owned()).filter(|text| !text.is_empty()),
            percentage: Some(0),
        };
        self.progress(token, WorkDoneProgress::Begin(begin)).await;
    }

    pub(crate) async fn step(&self, token: &Token, message: &str, percent: u32) {
        let report = WorkDoneProgressReport {
            cancellable: Some(true),
            message: Some(message.to_owned()),
            percentage: Some(percent),
        };
        self.progress(token, WorkDoneProgress::Report(report)).await;
    }

    pub(crate) async fn end(&self, token: &Token, message: Option<String>) {
        let end = WorkDoneProgressEnd { message };
        self.progress(token, WorkDoneProgress::End(end)).await;
    }

    /// Puts a line into the client's log.
    pub(crate) async fn log(&self, is_error: bool, text: String) {
        let level = if is_error {
            MessageType::ERROR
        } else {
            MessageType::INFO
        };
        self.bounded(self.client.log_message(level, text)).await;
    }

    async fn progress(&self, token: &Token, progress: WorkDoneProgress) {
        let value = ProgressParamsValue::WorkDone(progress);
        let params = ProgressParams {
            token: token.clone(),
            value,
        };
        self.bounded(self.client.send_notification::<Progress>(params))
            .await;
    }

    async fn bounded(&self, sending: impl Future<Output = ()>) {
        if tokio::time::timeout(self.patience, sending).await.is_err() {
            tracing::warn!("the client does not read its messages; one was dropped");
        }
    }
}
