//! The client, as tower-lsp reaches it.

use lsp_types::MessageType;
use lsp_types::notification::Notification;
use lsp_types::request::Request;

/// A way to the client.
#[derive(Debug, Clone)]
pub(crate) struct Client(tower_lsp::Client);

impl From<tower_lsp::Client> for Client {
    fn from(client: tower_lsp::Client) -> Self {
        Self(client)
    }
}

impl Client {
    /// A request, and the client's answer, or why it refused.
    ///
    /// In a task of its own, which waits for the answer as long as it takes: tower-lsp panics on one
    /// that nobody waits for any more, and that would be the end of the server.
    pub(crate) async fn request<R>(&self, params: R::Params) -> Option<Result<R::Result, String>>
    where
        R: Request,
        R::Params: Send + 'static,
        R::Result: Send + 'static,
    {
        let client = self.0.clone();
        let answer = tokio::spawn(async move { client.send_request::<R>(params).await });
        let answer = answer.await.ok()?;
        Some(answer.map_err(|error| error.to_string()))
    }

    /// A notification; dropped before the client has said `initialized`.
    pub(crate) async fn notify<N: Notification>(&self, params: N::Params) {
        self.0.send_notification::<N>(params).await;
    }

    /// A text for the person, at any time.
    pub(crate) async fn show(&self, kind: MessageType, text: &str) {
        self.0.show_message(kind, text).await;
    }

    /// A text for the client's log, at any time.
    pub(crate) async fn log(&self, kind: MessageType, text: &str) {
        self.0.log_message(kind, text).await;
    }
}
