//! What every message of the client passes before tower-lsp sees it.
//!
//! tower-lsp runs handlers concurrently and lets them overtake one another. What must happen in
//! the order of arrival, or at once, therefore happens here, while messages are still read one by
//! one: document and folder notifications, `$/cancelRequest` of a job (tower-lsp would drop the
//! request and its outcome with it), `shutdown`, and `exit` (after which tower-lsp would wait for
//! the end of its input for ever).

use std::future::{self, Future};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use serde_json::{Value, json};
use tower_lsp::jsonrpc::{Error, Id, Request, Response};
use tower_service::Service;

use super::newer;
use crate::server::background::configuration;
use crate::server::commands;
use crate::server::crashes::Crashes;
use crate::server::desk::Desk;
use crate::server::documents::Documents;
use crate::server::ending::Reason;
use crate::server::requests;
use crate::server::uri;

/// A service in front of tower-lsp's.
pub(crate) struct Gate<S> {
    inner: S,
    desk: Arc<Desk>,
}

impl<S> Gate<S> {
    pub(crate) fn new(inner: S, desk: Arc<Desk>) -> Self {
        Self { inner, desk }
    }

    /// Deals with a message that tower-lsp need not see. `false`: pass it on.
    fn take(&self, method: &str, params: Option<&Value>) -> bool {
        let desk = &self.desk;
        match method {
            "exit" => {
                desk.ending.raise(Reason::Exit);
                true
            }
            "$/cancelRequest" => params.is_some_and(|params| desk.requests.cancel(&params["id"])),
            "initialize" => {
                let capabilities = params.map(|params| &params["capabilities"]);
                desk.choosing
                    .session
                    .announce(capabilities.unwrap_or(&Value::Null));
                false
            }
            "shutdown" => {
                if desk.choosing.session.has_begun() {
                    desk.ending.note_shutdown();
                    desk.bench.jobs.close();
                }
                false
            }
            _ => {
                let is_settings =
                    configuration::apply(&desk.choosing, &desk.help.editor, method, params);
                let is_folders = desk.choosing.session.apply(method, params);
                let is_files = method == "workspace/didChangeWatchedFiles";
                if is_folders || is_files {
                    desk.choosing.targets_changed.notify_one();
                }
                if is_folders || is_files || method == "textDocument/didSave" {
                    desk.help.look_again();
                }
                if method == "textDocument/didChange"
                    && let Some(params) = params
                {
                    note_edit(&desk.crashes, &desk.help.documents, params);
                }
                is_settings || is_folders || is_files || desk.help.documents.apply(method, params)
            }
        }
    }
}

/// A crash is gone from a line that is edited.
fn note_edit(crashes: &Crashes, documents: &Documents, params: &Value) {
    let document = params["textDocument"]["uri"].as_str().unwrap_or_default();
    let document = uri::normal(document);
    if crashes.edited(&document, &params["contentChanges"]) {
        documents.recheck([document]);
    }
}

/// `"params": null` is how some clients (Emacs' eglot among them) spell "no parameters"; tower-lsp
/// refuses it where it wants none, as for `shutdown`.
fn without_null_params(request: Request) -> Request {
    if !request.params().is_some_and(Value::is_null) {
        return request;
    }
    let (method, id, _) = request.into_parts();
    let builder = Request::build(method);
    match id {
        Some(id) => builder.id(id).finish(),
        None => builder.finish(),
    }
}

fn starts_job(request: &Request) -> bool {
    let command = request
        .params()
        .and_then(|params| params["command"].as_str());
    request.method() == "workspace/executeCommand" && command.is_some_and(commands::starts_job)
}

/// An answer even where its handler panics, which without this would end the server, and the deploys
/// to every board with it.
fn whatever_happens<E>(
    mut id: Option<Id>,
    answer: impl Future<Output = Result<Option<Response>, E>> + Send + 'static,
) -> Answer<E> {
    let mut answer = Box::pin(answer);
    Box::pin(future::poll_fn(move |cx| {
        // Not polled again after a panic; what handlers share is changed in single steps.
        catch_unwind(AssertUnwindSafe(|| answer.as_mut().poll(cx))).unwrap_or_else(|_| {
            let failed = |id| Response::from_error(id, Error::internal_error());
            Poll::Ready(Ok(id.take().map(failed)))
        })
    }))
}

type Answer<E> = Pin<Box<dyn Future<Output = Result<Option<Response>, E>> + Send>>;

impl<S> Service<Request> for Gate<S>
where
    S: Service<Request, Response = Option<Response>>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
{
    type Response = Option<Response>;
    type Error = S::Error;
    type Future = Answer<S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let request = without_null_params(request);
        if self.take(request.method(), request.params()) {
            return Box::pin(future::ready(Ok(None)));
        }
        let id = request.id().cloned();
        let entry = match &id {
            Some(id) if starts_job(&request) => self.desk.requests.enter(&json!(id)),
            _ => None,
        };
        let newer = Some(request.method().to_owned()).filter(|method| newer::has(method));
        let mut answer = whatever_happens(id, self.inner.call(request));
        if let Some(method) = newer {
            let desk = self.desk.clone();
            answer = Box::pin(async move {
                let add = |made| newer::add(&method, desk.choosing.session.capabilities(), made);
                Ok(answer.await?.map(add))
            });
        }
        match entry {
            None => answer,
            Some(entry) => Box::pin(async move {
                // The entry lives as long as the request does.
                requests::CANCEL.scope(entry.cancel.clone(), answer).await
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_in_a_handler_is_an_error_of_its_request() {
        let handler = async {
            tokio::task::yield_now().await;
            panic!("on purpose");
        };
        let answer: Result<Option<Response>, ()> =
            whatever_happens(Some(Id::Number(7)), handler).await;
        let answer = answer.unwrap().unwrap();
        assert_eq!(answer.id(), &Id::Number(7));
        assert!(answer.is_error());
        let notification = async { panic!("on purpose") };
        let answer: Result<Option<Response>, ()> = whatever_happens(None, notification).await;
        assert!(answer.unwrap().is_none());
    }
}
