//! Requests as tower-lsp hands them over: parameters in, a call, an answer out.

use std::path::PathBuf;
use std::sync::Arc;

use fbuild_project::plain;
use lsp_types::{
    CodeActionParams, CodeActionResponse, CodeLens, CodeLensParams, CompletionParams,
    CompletionResponse, DocumentFormattingParams, DocumentSymbolParams, DocumentSymbolResponse,
    ExecuteCommandOptions, ExecuteCommandParams, Hover, HoverParams, InitializeParams,
    InitializeResult, InitializedParams, InlayHint, InlayHintParams, OneOf, SaveOptions,
    ServerCapabilities, ServerInfo, TextDocumentSyncCapability, TextDocumentSyncKind,
    TextDocumentSyncOptions, TextDocumentSyncSaveOptions, TextEdit, WorkDoneProgressCancelParams,
    WorkDoneProgressOptions, WorkspaceFoldersServerCapabilities, WorkspaceServerCapabilities,
};
use serde::Deserialize;
use serde_json::{Value, json};
use tower_lsp::jsonrpc::{Error, ErrorCode, Result};
use tower_lsp::{LanguageServer, async_trait};

use crate::server::background::{self, configuration};
use crate::server::commands::{self, CommandError};
use crate::server::desk::Desk;
use crate::server::editing::{capabilities, features};
use crate::server::ending::Reason;
use crate::server::jobs::Handle;
use crate::server::parent;
use crate::server::session::Capabilities;
use crate::server::uri;

pub(crate) struct Backend {
    desk: Arc<Desk>,
}

impl Backend {
    pub(crate) fn new(desk: Arc<Desk>) -> Self {
        Self { desk }
    }

    /// `window/workDoneProgress/cancel`, which tower-lsp does not know.
    #[allow(clippy::unused_async)] // tower-lsp takes nothing but futures
    pub(crate) async fn cancel_progress(&self, params: WorkDoneProgressCancelParams) {
        let token = json!(params.token).to_string();
        let stopped = self.desk.bench.jobs.cancel(&Handle::Progress(token));
        tracing::debug!(stopped, "progress cancelled by the client");
    }

    /// `workspace/textDocumentContent`, of which tower-lsp does not know either.
    #[allow(clippy::unused_async)] // tower-lsp takes nothing but futures
    pub(crate) async fn text(&self, params: TextParams) -> Result<Value> {
        Ok(json!({"text": self.desk.pages.texts.get(&params.uri)}))
    }
}

/// Of `workspace/textDocumentContent`.
#[derive(Deserialize)]
pub(crate) struct TextParams {
    uri: String,
}

#[async_trait]
impl LanguageServer for Backend {
    async fn initialize(&self, params: InitializeParams) -> Result<InitializeResult> {
        // Read as JSON: of all that clients announce, a few flags matter.
        let capabilities = self.desk.choosing.session.announced();
        let options = params.initialization_options.clone().unwrap_or_default();
        let said = Capabilities::of(capabilities, &options);
        let client = serde_json::to_value(&params.client_info).unwrap_or_default();
        self.desk.choosing.session.introduce(client);
        self.desk.choosing.session.begin(said, folders(&params));
        configuration::begin(&self.desk.choosing, &self.desk.help.editor, &options);
        let encoding = capabilities::encoding(capabilities);
        self.desk.help.documents.begin(encoding);
        let offers_encodings = capabilities["general"]["positionEncodings"].is_array();
        if let Some(pid) = params.process_id {
            let desk = self.desk.clone();
            let gone = parent::gone(pid, desk.help.patience.parent_poll);
            tokio::spawn(async move {
                gone.await;
                desk.ending.raise(Reason::ParentGone);
            });
        }
        Ok(InitializeResult {
            capabilities: capabilities::announce(server_capabilities(), encoding, offers_encodings),
            server_info: Some(ServerInfo {
                name: env!("CARGO_PKG_NAME").to_owned(),
                version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            }),
        })
    }

    /// What the client is asked for and told unasked begins here.
    async fn initialized(&self, _: InitializedParams) {
        let desk = &self.desk;
        let (problems, crashes) = (desk.workshop.problems.clone(), desk.crashes.clone());
        background::start(desk.help.clone(), problems, crashes);
    }

    async fn execute_command(&self, params: ExecuteCommandParams) -> Result<Option<Value>> {
        let given = params.work_done_progress_params.work_done_token;
        let result = commands::run(&self.desk, &params.command, params.arguments, given).await;
        result.map(Some).map_err(|error| to_protocol(&error))
    }

    async fn hover(&self, params: HoverParams) -> Result<Option<Hover>> {
        let at = params.text_document_position_params;
        let uri = &at.text_document.uri;
        if let Some(crash) = self.desk.crashes.hover(uri.as_str(), at.position) {
            return Ok(Some(crash));
        }
        let subject = self.desk.help.subject(uri).await;
        Ok(subject.and_then(|subject| subject.hover(at.position)))
    }

    async fn completion(&self, params: CompletionParams) -> Result<Option<CompletionResponse>> {
        let at = params.text_document_position;
        let subject = self.desk.help.subject(&at.text_document.uri).await;
        let found = subject.map(|subject| subject.completions(at.position));
        Ok(found.map(CompletionResponse::Array))
    }

    async fn code_action(&self, params: CodeActionParams) -> Result<Option<CodeActionResponse>> {
        let uri = &params.text_document.uri;
        let (crashes, range) = (&self.desk.crashes, params.range);
        let copies = self.desk.choosing.session.capabilities().wants.copies;
        let of_crashes = crashes.actions(uri.as_str(), range, copies);
        let subject = self.desk.help.subject(uri).await;
        let (subject, context) = (subject.as_ref(), &params.context);
        Ok(features::actions(subject, of_crashes, uri, range, context))
    }

    async fn code_lens(&self, params: CodeLensParams) -> Result<Option<Vec<CodeLens>>> {
        let subject = self.desk.help.subject(&params.text_document.uri).await;
        Ok(subject.map(|subject| subject.lenses()))
    }

    async fn inlay_hint(&self, params: InlayHintParams) -> Result<Option<Vec<InlayHint>>> {
        let subject = self.desk.help.subject(&params.text_document.uri).await;
        Ok(subject.and_then(|subject| subject.inlay_hints(params.range)))
    }

    async fn document_symbol(
        &self,
        params: DocumentSymbolParams,
    ) -> Result<Option<DocumentSymbolResponse>> {
        let subject = self.desk.help.subject(&params.text_document.uri).await;
        let found = subject.map(|subject| subject.symbols());
        Ok(found.map(DocumentSymbolResponse::Nested))
    }

    async fn formatting(&self, params: DocumentFormattingParams) -> Result<Option<Vec<TextEdit>>> {
        let subject = self.desk.help.subject(&params.text_document.uri).await;
        Ok(subject.map(|subject| subject.tidy()))
    }

    /// The gate has already stopped the jobs.
    async fn shutdown(&self) -> Result<()> {
        Ok(())
    }
}

/// Folders of `initialize`, in the order of the fields that replaced one another in the protocol.
#[allow(deprecated)] // old clients send only the deprecated fields
fn folders(params: &InitializeParams) -> Vec<PathBuf> {
    if let Some(folders) = &params.workspace_folders {
        return folders
            .iter()
            .filter_map(|folder| uri::to_path(folder.uri.as_str()))
            .collect();
    }
    let root = params
        .root_uri
        .as_ref()
        .and_then(|uri| uri::to_path(uri.as_str()));
    root.or_else(|| params.root_path.as_ref().map(PathBuf::from))
        .into_iter()
        .collect()
}

fn server_capabilities() -> ServerCapabilities {
    ServerCapabilities {
        text_document_sync: Some(TextDocumentSyncCapability::Options(
            TextDocumentSyncOptions {
                open_close: Some(true),
                change: Some(TextDocumentSyncKind::INCREMENTAL),
                save: Some(TextDocumentSyncSaveOptions::SaveOptions(SaveOptions {
                    include_text: Some(false),
                })),
                ..TextDocumentSyncOptions::default()
            },
        )),
        execute_command_provider: Some(ExecuteCommandOptions {
            commands: commands::NAMES.map(str::to_owned).to_vec(),
            work_done_progress_options: WorkDoneProgressOptions {
                work_done_progress: Some(true),
            },
        }),
        workspace: Some(WorkspaceServerCapabilities {
            workspace_folders: Some(WorkspaceFoldersServerCapabilities {
                supported: Some(true),
                change_notifications: Some(OneOf::Left(true)),
            }),
            file_operations: None,
        }),
        ..ServerCapabilities::default()
    }
}

fn to_protocol(error: &CommandError) -> Error {
    let code = match error {
        CommandError::Arguments(_) | CommandError::Unknown { .. } => ErrorCode::InvalidParams,
        CommandError::Closed => ErrorCode::InvalidRequest,
        CommandError::Internal(_) => ErrorCode::InternalError,
    };
    Error {
        code,
        message: plain::line(&error.to_string()).into_owned().into(),
        data: None,
    }
}
