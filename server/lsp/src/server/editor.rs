//! The way out to the client. Nothing here waits longer than the client's patience allows: some
//! clients never answer a request, and some stop reading. What is for people passes [`plain`] here.

pub(crate) mod custom;

use std::path::Path;
use std::time::Duration;

use lsp_types::notification::{Notification, Progress, PublishDiagnostics};
use lsp_types::request::{
    CodeLensRefresh, InlayHintRefreshRequest, RegisterCapability, Request, ShowDocument,
    ShowMessageRequest, WorkDoneProgressCreate, WorkspaceConfiguration,
};
use lsp_types::{
    ConfigurationItem, ConfigurationParams, Diagnostic, MessageActionItem, MessageType,
    NumberOrString, ProgressParams, ProgressParamsValue, PublishDiagnosticsParams, Registration,
    RegistrationParams, ShowDocumentParams, ShowMessageRequestParams, Url, WorkDoneProgress,
    WorkDoneProgressBegin, WorkDoneProgressCreateParams, WorkDoneProgressEnd,
    WorkDoneProgressReport,
};
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::tower::client::Client;
use super::uri;
use fbuild_project::plain;

/// Names one progress.
pub(crate) type Token = NumberOrString;

/// The connected client.
#[derive(Debug, Clone)]
pub(crate) struct Editor {
    client: Client,
    patience: Duration,
    /// For answers that a person has to give.
    thinking: Duration,
    /// For threads that have something to tell, and for what nobody waits for: some clients never answer.
    pub(crate) runtime: Handle,
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
    /// To be called on the runtime that serves the client.
    pub(crate) fn new(client: Client, patience: Duration, thinking: Duration) -> Self {
        Self {
            client,
            patience,
            thinking,
            runtime: Handle::current(),
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
        let actions: Vec<String> = actions.iter().map(|title| plain::message(title)).collect();
        let params = ShowMessageRequestParams {
            typ: kind,
            message: plain::message(text),
            actions: Some(actions.iter().map(item).collect()),
        };
        match self
            .request::<ShowMessageRequest>(params, self.thinking)
            .await
        {
            Some(Some(item)) => {
                let chosen = actions.iter().position(|action| *action == item.title);
                chosen.map_or(Answer::Dismissed, Answer::Chosen)
            }
            Some(None) => Answer::Dismissed,
            None => Answer::Silence,
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
        let items = scopes.iter().copied().map(item).collect();
        let params = ConfigurationParams { items };
        self.request::<WorkspaceConfiguration>(params, self.patience)
            .await
    }

    /// Asks the client to tell about more. `false`: it does not.
    pub(crate) async fn register(&self, registrations: Vec<Registration>) -> bool {
        let params = RegistrationParams { registrations };
        let answer = self.request::<RegisterCapability>(params, self.patience);
        answer.await.is_some()
    }

    /// Asks the client to show a document to the person.
    pub(crate) async fn show_document(&self, uri: Url) -> bool {
        let params = ShowDocumentParams {
            uri,
            external: None,
            take_focus: Some(true),
            selection: None,
        };
        let answer = self.request::<ShowDocument>(params, self.patience);
        answer.await.is_some_and(|answer| answer.success)
    }

    /// Asks the client to ask for the text of a page again, if it shows it.
    pub(crate) async fn refresh_page(&self, address: &str) {
        let params = json!({"uri": address});
        let answer = self.request::<custom::RefreshText>(params, self.patience);
        answer.await;
    }

    /// Asks the client to ask for these again.
    pub(crate) async fn refresh(&self, lenses: bool, inlay_hints: bool) {
        if lenses {
            self.request::<CodeLensRefresh>((), self.patience).await;
        }
        if inlay_hints {
            let answer = self.request::<InlayHintRefreshRequest>((), self.patience);
            answer.await;
        }
    }

    /// A request to the client; `None`: it refused, or did not answer in time.
    async fn request<R>(&self, params: R::Params, patience: Duration) -> Option<R::Result>
    where
        R: Request,
        R::Params: Send + 'static,
        R::Result: Send + 'static,
    {
        match tokio::time::timeout(patience, self.client.request::<R>(params)).await {
            Ok(Some(Ok(result))) => return Some(result),
            Ok(Some(Err(error))) => tracing::warn!(%error, "the client refused {}", R::METHOD),
            Ok(None) | Err(_) => tracing::warn!("the client did not answer {}", R::METHOD),
        }
        None
    }

    /// Everything that is wrong in a document, as of `version`.
    pub(crate) async fn diagnostics(&self, uri: Url, found: Vec<Diagnostic>, version: Option<i32>) {
        let params = PublishDiagnosticsParams::new(uri, found, version);
        self.notify::<PublishDiagnostics>(params).await;
    }

    /// Shows a failure to the person.
    pub(crate) async fn alert(&self, text: &str) {
        let text = plain::message(text);
        self.bounded(self.client.show(MessageType::ERROR, &text))
            .await;
    }

    /// Shows something that the person should put right.
    pub(crate) async fn warn(&self, text: &str) {
        let text = plain::message(text);
        self.bounded(self.client.show(MessageType::WARNING, &text))
            .await;
    }

    /// Puts lines of this kind into the client's log.
    pub(crate) async fn log_as(&self, kind: MessageType, text: &str) {
        let text = plain::lines(text);
        self.bounded(self.client.log(kind, &text)).await;
    }

    /// What a build prints: for clients that asked for news of it, else for their log. `Some`: the client has not taken
    /// it in time; once this ends, it has.
    pub(crate) async fn build(&self, printed: Result<Value, String>) -> Option<JoinHandle<()>> {
        let client = self.client.clone();
        let mut sending = tokio::spawn(async move {
            match printed {
                Ok(news) => client.notify::<custom::Build>(news).await,
                Err(text) => client.log(MessageType::LOG, &plain::lines(&text)).await,
            }
        });
        let sent = tokio::time::timeout(self.patience, &mut sending).await;
        sent.is_err().then_some(sending)
    }

    /// Asks the client for a place to show progress. `false`: it refused or did not answer.
    pub(crate) async fn create_progress(&self, token: &Token) -> bool {
        let params = WorkDoneProgressCreateParams {
            token: token.clone(),
        };
        let answer = self.request::<WorkDoneProgressCreate>(params, self.patience);
        answer.await.is_some()
    }

    pub(crate) async fn begin(&self, token: &Token, title: &str, message: &str) {
        let begin = WorkDoneProgressBegin {
            title: plain::message(title),
            cancellable: Some(true),
            message: Some(plain::message(message)).filter(|text| !text.is_empty()),
            percentage: Some(0),
        };
        self.progress(token, WorkDoneProgress::Begin(begin)).await;
    }

    pub(crate) async fn step(&self, token: &Token, message: &str, percent: u32) {
        let report = WorkDoneProgressReport {
            cancellable: Some(true),
            message: Some(plain::message(message)),
            percentage: Some(percent),
        };
        self.progress(token, WorkDoneProgress::Report(report)).await;
    }

    pub(crate) async fn end(&self, token: &Token, message: Option<&str>) {
        let message = message.map(plain::message);
        let end = WorkDoneProgressEnd { message };
        self.progress(token, WorkDoneProgress::End(end)).await;
    }

    /// Puts a line into the client's log.
    pub(crate) async fn log(&self, is_error: bool, text: &str) {
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
        self.notify::<Progress>(params).await;
    }

    /// One of the notifications of [`custom`] goes only to clients that asked for it.
    pub(crate) async fn notify<N: Notification>(&self, params: N::Params) {
        self.bounded(self.client.notify::<N>(params)).await;
    }

    async fn bounded(&self, sending: impl Future<Output = ()>) {
        if tokio::time::timeout(self.patience, sending).await.is_err() {
            tracing::warn!("the client does not read its messages; one was dropped");
        }
    }
}
