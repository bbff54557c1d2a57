//! The way out to the client. Nothing here waits longer than the client's patience allows: some
//! clients never answer a request, and some stop reading.

mod custom;

use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use tower_lsp::Client;
use tower_lsp::jsonrpc;
use tower_lsp::lsp_types::notification::Progress;
use tower_lsp::lsp_types::request::WorkDoneProgressCreate;
use tower_lsp::lsp_types::{
    ConfigurationItem, Diagnostic, MessageActionItem, MessageType, NumberOrString, ProgressParams,
    ProgressParamsValue, Registration, Url, WorkDoneProgress, WorkDoneProgressBegin,
    WorkDoneProgressCreateParams, WorkDoneProgressEnd, WorkDoneProgressReport,
};

use super::uri;

/// Names one progress.
pub(crate) type Token = NumberOrString;

/// The connected client.
#[derive(Debug, Clone)]
pub(crate) struct Editor {
    client: Client,
    patience: Duration,
    /// For answers that a person has to give.
    thinking: Duration,
}

/// What became of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The action of this number.
    Chosen(usize),
    /// The person closed the question.
    Dismissed,
    /// The client cannot ask, or nobody answered in time.
    Silence,
}

impl Editor {
    pub(crate) fn new(client: Client, patience: Duration, thinking: Duration) -> Self {
        Self {
            client,
            patience,
            thinking,
        }
    }

    /// Asks the person in front of the client.
    pub(crate) async fn ask(&self, is_warning: bool, text: &str, actions: &[String]) -> Answer {
        let kind = if is_warning {
            MessageType::WARNING
        } else {
            MessageType::INFO
        };
        let item = |title: &String| MessageActionItem {
            title: title.clone(),
            properties: std::collections::HashMap::default(),
        };
        let items = actions.iter().map(item).collect();
        let answer = self.client.show_message_request(kind, text, Some(items));
        match tokio::time::timeout(self.thinking, answer).await {
            Ok(Ok(Some(item))) => {
                let chosen = actions.iter().position(|action| *action == item.title);
                chosen.map_or(Answer::Dismissed, Answer::Chosen)
            }
            Ok(Ok(None)) => Answer::Dismissed,
            Ok(Err(error)) => {
                tracing::warn!(%error, "the client cannot ask");
                Answer::Silence
            }
            Err(_) => {
                tracing::warn!("nobody answered window/showMessageRequest");
                Answer::Silence
            }
        }
    }

    /// The client's settings of a section, for all (`None`) and for folders; `None` if it does not
    /// say.
    pub(crate) async fn configuration(
        &self,
        section: &str,
        scopes: &[Option<&Path>],
    ) -> Option<Vec<Value>> {
        let item = |scope: Option<&Path>| ConfigurationItem {
            scope_uri: scope.and_then(uri::of),
            section: Some(section.to_owned()),
        };
        let answer = self
            .client
            .configuration(scopes.iter().copied().map(item).collect());
        match tokio::time::timeout(self.patience, answer).await {
            Ok(Ok(sections)) => Some(sections),
            Ok(Err(error)) => {
                tracing::warn!(%error, "the client does not tell its settings");
                None
            }
            Err(_) => {
                tracing::warn!("the client did not answer workspace/configuration");
                None
            }
        }
    }

    /// Asks the client to tell about more. `false`: it does not.
    pub(crate) async fn register(&self, registrations: Vec<Registration>) -> bool {
        let answer = self.client.register_capability(registrations);
        match tokio::time::timeout(self.patience, answer).await {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                tracing::warn!(%error, "the client refused a registration");
                false
            }
            Err(_) => {
                tracing::warn!("the client did not answer client/registerCapability");
                false
            }
        }
    }

    /// Everything that is wrong in a document, as of `version`.
    pub(crate) async fn diagnostics(&self, uri: Url, found: Vec<Diagnostic>, version: Option<i32>) {
        self.bounded(self.client.publish_diagnostics(uri, found, version))
            .await;
    }

    /// Asks the client to ask for these again.
    pub(crate) async fn refresh(&self, lenses: bool, inlay_hints: bool) {
        if lenses {
            self.asked("codeLens", self.client.code_lens_refresh())
                .await;
        }
        if inlay_hints {
            self.asked("inlayHint", self.client.inlay_hint_refresh())
                .await;
        }
    }

    async fn asked(&self, what: &str, answer: impl Future<Output = jsonrpc::Result<()>>) {
        match tokio::time::timeout(self.patience, answer).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the client refused to refresh {what}"),
            Err(_) => tracing::warn!("the client did not answer workspace/{what}/refresh"),
        }
    }

    /// Shows a failure to the person.
    pub(crate) async fn alert(&self, text: String) {
        self.bounded(self.client.show_message(MessageType::ERROR, text))
            .await;
    }

    /// Shows something that the person should put right.
    pub(crate) async fn warn(&self, text: String) {
        self.bounded(self.client.show_message(MessageType::WARNING, text))
            .await;
    }

    /// Puts lines of this kind into the client's log.
    pub(crate) async fn log_as(&self, kind: MessageType, text: String) {
        self.bounded(self.client.log_message(kind, text)).await;
    }

    /// Where a job stands, for clients that asked for it.
    pub(crate) async fn status(&self, status: Value) {
        self.bounded(self.client.send_notification::<custom::Status>(status))
            .await;
    }

    /// The ports of this machine, for clients that asked for it.
    pub(crate) async fn ports(&self, ports: Value) {
        self.bounded(self.client.send_notification::<custom::Ports>(ports))
            .await;
    }

    /// What can be deployed, for clients that asked for it.
    pub(crate) async fn targets(&self, targets: Value) {
        self.bounded(self.client.send_notification::<custom::Targets>(targets))
            .await;
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
        self.log_as(level, text).await;
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
