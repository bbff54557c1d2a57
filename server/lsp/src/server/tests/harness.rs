//! A client that says what the test tells it to, and that fails the test if the server said
//! something nobody read.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, DuplexStream, duplex};
use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::project;
use super::stale::built_an_hour_ago;
use crate::boards::Boards;
use crate::log::Tap;
use crate::server::ending::Ending;
use crate::server::{Patience, serve};

/// Longest wait for anything in these tests; far more than anything takes.
pub(super) const LONG: Duration = Duration::from_secs(20);

/// What to start.
pub(super) struct Builder {
    boards: Arc<dyn Boards>,
    patience: Patience,
    shows_progress: bool,
    shows_documents: bool,
    capabilities: Value,
    general: Value,
    text_document: Value,
    options: Value,
    log: Tap,
}

impl Builder {
    pub(super) fn new(boards: Arc<dyn Boards>) -> Self {
        // Nothing but the test ends a wait, unless the test is about that.
        let patience = Patience {
            client: 10 * LONG,
            person: 10 * LONG,
            grace: LONG,
            ..Patience::default()
        };
        Self {
            boards,
            patience,
            shows_progress: false,
            shows_documents: false,
            capabilities: json!({}),
            general: json!({}),
            text_document: json!({}),
            options: Value::Null,
            log: Tap::default(),
        }
    }

    /// Announces capabilities below `workspace`.
    pub(super) fn with_workspace(mut self, capabilities: &Value) -> Self {
        self.capabilities = capabilities.clone();
        self
    }

    /// Announces how it can count columns.
    pub(super) fn with_encodings(mut self, encodings: &[&str]) -> Self {
        self.general = json!({"positionEncodings": encodings});
        self
    }

    /// Announces capabilities below `textDocument`.
    pub(super) fn with_text_document(mut self, capabilities: &Value) -> Self {
        self.text_document = capabilities.clone();
        self
    }

    /// Passes `initializationOptions`.
    pub(super) fn with_options(mut self, options: &Value) -> Self {
        self.options = options.clone();
        self
    }

    pub(super) fn with_log(mut self, log: &Tap) -> Self {
        self.log = log.clone();
        self
    }

    /// Changes how long things are waited for.
    pub(super) fn waiting(mut self, change: impl FnOnce(&mut Patience)) -> Self {
        change(&mut self.patience);
        self
    }

    pub(super) fn with_progress(mut self) -> Self {
        self.shows_progress = true;
        self
    }

    pub(super) fn with_documents(mut self) -> Self {
        self.shows_documents = true;
        self
    }

    pub(super) fn with_patience(mut self, client: Duration) -> Self {
        self.patience.client = client;
        self
    }

    /// Starts the server and initializes it with one folder, an ESP-IDF project.
    pub(super) async fn start(self) -> Client {
        let folder = tempfile::tempdir().unwrap();
        project::write(
            folder.path(),
            &project::app_image(&project::body(40_000, 1)),
        );
        let uri = file_uri(folder.path());
        let shows_progress = self.shows_progress;
        let params = json!({
            "processId": null,
            "rootUri": uri,
            "workspaceFolders": [{"uri": uri, "name": "project"}],
            "capabilities": {
                "window": {
                    "workDoneProgress": shows_progress,
                    "showDocument": {"support": self.shows_documents},
                },
                "workspace": self.capabilities,
                "general": self.general,
                "textDocument": self.text_document,
            },
            "initializationOptions": self.options,
        });
        let mut client = self.connect(folder);
        let id = client.request("initialize", &params).await;
        let answer = client.answer(id).await;
        assert!(answer["result"]["capabilities"].is_object(), "{answer}");
        client.capabilities = answer["result"]["capabilities"].clone();
        client.notify("initialized", &json!({})).await;
        client
    }

    /// Starts the server without a word.
    pub(super) fn connect(self, folder: TempDir) -> Client {
        let (to_server, from_client) = duplex(1 << 20);
        let (to_client, from_server) = duplex(1 << 20);
        let ending = Ending::new();
        let server = tokio::spawn(serve(
            from_client,
            to_client,
            self.boards,
            self.log,
            self.patience,
            ending,
        ));
        let (sender, incoming) = unbounded_channel();
        let reading = Arc::new(Mutex::new(()));
        tokio::spawn(read_messages(from_server, sender, reading.clone()));
        Client {
            folder,
            capabilities: Value::Null,
            to_server: Some(to_server),
            incoming,
            reading,
            unread: VecDeque::new(),
            server: Some(server),
            last_id: 0,
        }
    }
}

/// Flash of an ESP32 that has what an app needs to start: the example's boot loader and table.
pub(super) fn flash_without_app() -> Vec<u8> {
    let build = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/example/build");
    let mut flash = vec![0xFF; 4 << 20];
    for (offset, name) in [
        (0x1000, "bootloader/bootloader.bin"),
        (0x8000, "partition_table/partition-table.bin"),
    ] {
        let bytes = std::fs::read(build.join(name)).unwrap();
        flash[offset..offset + bytes.len()].copy_from_slice(&bytes);
    }
    flash
}

/// Writes a file that looks older than every build.
pub(super) fn write_old(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
    built_an_hour_ago(path);
}

pub(super) fn file_uri(path: &Path) -> String {
    lsp_types::Url::from_file_path(path).unwrap().to_string()
}

async fn read_messages(
    from_server: DuplexStream,
    sender: UnboundedSender<Value>,
    reading: Arc<Mutex<()>>,
) {
    let mut reader = BufReader::new(from_server);
    loop {
        drop(reading.lock().await);
        let mut len_bytes = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).await.unwrap_or(0) == 0 {
                return;
            }
            if let Some(value) = line.strip_prefix("Content-Length: ") {
                len_bytes = value.trim().parse().unwrap();
            } else if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; len_bytes];
        reader.read_exact(&mut body).await.unwrap();
        let _ = sender.send(serde_json::from_slice(&body).unwrap());
    }
}

/// A connected client.
pub(super) struct Client {
    pub(super) folder: TempDir,
    /// What the server announced.
    pub(super) capabilities: Value,
    to_server: Option<DuplexStream>,
    incoming: UnboundedReceiver<Value>,
    /// Who holds this keeps the client from reading.
    pub(super) reading: Arc<Mutex<()>>,
    unread: VecDeque<Value>,
    server: Option<JoinHandle<u8>>,
    last_id: i64,
}

impl Client {
    pub(super) async fn send(&mut self, message: &Value) {
        self.send_all(std::slice::from_ref(message)).await;
    }

    /// Sends messages in one breath.
    pub(super) async fn send_all(&mut self, messages: &[Value]) {
        let frame = |message: &Value| {
            let body = message.to_string();
            format!("Content-Length: {}\r\n\r\n{body}", body.len())
        };
        let frames: String = messages.iter().map(frame).collect();
        self.send_bytes(frames.as_bytes()).await;
    }

    pub(super) async fn send_bytes(&mut self, bytes: &[u8]) {
        self.to_server
            .as_mut()
            .unwrap()
            .write_all(bytes)
            .await
            .unwrap();
    }

    pub(super) async fn request(&mut self, method: &str, params: &Value) -> i64 {
        self.last_id += 1;
        let id = self.last_id;
        let mut message = json!({"jsonrpc": "2.0", "id": id, "method": method});
        if !params.is_null() {
            message["params"] = params.clone();
        }
        self.send(&message).await;
        id
    }

    pub(super) async fn notify(&mut self, method: &str, params: &Value) {
        let mut message = json!({"jsonrpc": "2.0", "method": method});
        if !params.is_null() {
            message["params"] = params.clone();
        }
        self.send(&message).await;
    }

    pub(super) async fn reply(&mut self, id: &Value, result: &Value) {
        self.send(&json!({"jsonrpc": "2.0", "id": id, "result": result}))
            .await;
    }

    /// A file of the project, as it is named to the server.
    pub(super) fn uri(&self, name: &str) -> String {
        file_uri(&self.folder.path().join(name))
    }

    /// Opens a document that was written an hour ago, so that no build is older.
    pub(super) async fn open(&mut self, name: &str, text: &str) {
        write_old(&self.folder.path().join(name), text);
        let document = json!({"uri": self.uri(name), "languageId": "", "version": 1, "text": text});
        let params = json!({"textDocument": document});
        self.notify("textDocument/didOpen", &params).await;
    }

    /// The result of a request about a document, with `more` than its name.
    pub(super) async fn ask(&mut self, method: &str, name: &str, more: &Value) -> Value {
        let mut params = json!({"textDocument": {"uri": self.uri(name)}});
        let fields = params.as_object_mut().unwrap();
        fields.extend(more.as_object().unwrap().clone());
        let method = format!("textDocument/{method}");
        let id = self.request(&method, &params).await;
        let answer = self.answer(id).await;
        assert!(answer["error"].is_null(), "{answer}");
        answer["result"].clone()
    }

    /// Starts a command with one argument.
    pub(super) async fn command(&mut self, name: &str, argument: &Value) -> i64 {
        let params = json!({"command": format!("fbuild.server.{name}"), "arguments": [argument]});
        self.request("workspace/executeCommand", &params).await
    }

    /// The result of a command that starts no job.
    pub(super) async fn call(&mut self, name: &str, argument: &Value) -> Value {
        let id = self.command(name, argument).await;
        self.answer(id).await["result"].take()
    }

    /// Why a command has no result.
    pub(super) async fn refused(&mut self, name: &str, argument: &Value) -> Value {
        let id = self.command(name, argument).await;
        self.answer(id).await["error"].take()
    }

    /// [`Self::outcome`] of the job that a command starts.
    pub(super) async fn run(&mut self, name: &str, argument: &Value) -> Value {
        let id = self.command(name, argument).await;
        self.outcome(id).await
    }

    /// The first message that fits, read or still to come.
    async fn first(&mut self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        if let Some(index) = self.unread.iter().position(&fits) {
            return self.unread.remove(index).unwrap();
        }
        loop {
            let next = timeout(LONG, self.incoming.recv()).await;
            let Ok(Some(message)) = next else {
                panic!("the server never sent {what}; unread: {:#?}", self.unread)
            };
            if fits(&message) {
                return message;
            }
            self.unread.push_back(message);
        }
    }

    /// The answer to a request.
    pub(super) async fn answer(&mut self, id: i64) -> Value {
        self.first(&format!("an answer to {id}"), |m| {
            m["id"] == id && m["method"].is_null()
        })
        .await
    }

    /// The result of a job; its line in the log is read, too, and a failure's message.
    pub(super) async fn outcome(&mut self, id: i64) -> Value {
        let answer = self.answer(id).await;
        if answer["result"]["outcome"] == "failed" {
            let alert = self.message("window/showMessage").await;
            assert_eq!(alert["params"]["type"], 1);
        }
        self.message("window/logMessage").await;
        assert!(answer["result"]["outcome"].is_string(), "{answer}");
        answer["result"].clone()
    }

    /// [`Self::outcome`] of a job that logs lines of a build first, in any order and grouping.
    #[cfg(unix)]
    pub(super) async fn outcome_after_output(&mut self, id: i64, lines: &[&str]) -> Value {
        let mut missing: Vec<&str> = lines.to_vec();
        while !missing.is_empty() {
            let output = self.message("window/logMessage").await;
            assert_eq!(output["params"]["type"], 4, "{output}");
            let said = output["params"]["message"].as_str().unwrap().to_owned();
            missing.retain(|line| !said.lines().any(|said| said == *line));
        }
        self.outcome(id).await
    }

    /// [`Self::leave`], not minding messages of these methods that may or may not have been sent.
    pub(super) async fn leave_with_unread(mut self, methods: &[&str]) {
        let id = self.request("shutdown", &Value::Null).await;
        self.answer(id).await;
        self.notify("exit", &Value::Null).await;
        assert_eq!(self.exit_code().await, 0);
        self.read_all().await;
        for method in methods {
            self.discard(method);
        }
    }

    /// The next request or notification of this method.
    pub(super) async fn message(&mut self, method: &str) -> Value {
        self.first(method, |message| message["method"] == method)
            .await
    }

    /// What has come of this method and nobody asked for yet.
    pub(super) fn unread(&self, method: &str) -> impl Iterator<Item = &Value> {
        let unread = self.unread.iter();
        unread.filter(move |message| message["method"] == method)
    }

    /// Accepts the next progress that the server offers; its token.
    pub(super) async fn accept_progress(&mut self) -> Value {
        let offer = self.message("window/workDoneProgress/create").await;
        self.reply(&offer["id"], &Value::Null).await;
        offer["params"]["token"].clone()
    }

    /// Everything said under a progress token, up to its end.
    pub(super) async fn progress(&mut self, token: &Value) -> Vec<Value> {
        let mut said = Vec::new();
        loop {
            let next = self
                .first("$/progress", |message| {
                    message["method"] == "$/progress" && message["params"]["token"] == *token
                })
                .await;
            let value = next["params"]["value"].clone();
            let is_end = value["kind"] == "end";
            said.push(value);
            if is_end {
                return said;
            }
        }
    }

    /// Closes this end of the pipe without a word.
    pub(super) fn hang_up(&mut self) {
        self.to_server = None;
    }

    /// Waits for the server to end by itself; its exit code. This end of the pipe stays open.
    pub(super) async fn exit_code(&mut self) -> u8 {
        let server = self.server.take().expect("asked for once");
        timeout(LONG, server)
            .await
            .expect("the server did not end")
            .unwrap()
    }

    /// Leaves as the protocol asks for; the server must agree.
    pub(super) async fn leave(mut self) {
        let id = self.request("shutdown", &Value::Null).await;
        assert_eq!(self.answer(id).await["result"], Value::Null);
        self.notify("exit", &Value::Null).await;
        assert_eq!(self.exit_code().await, 0);
        self.read_all().await;
    }

    /// Does not mind one message of this method that may or may not have been sent.
    pub(super) fn discard(&mut self, method: &str) {
        self.unread.retain(|message| message["method"] != method);
    }

    /// Reads what was sent and not looked at, once the server has ended.
    pub(super) async fn read_all(&mut self) {
        while let Ok(Some(message)) = timeout(LONG, self.incoming.recv()).await {
            self.unread.push_back(message);
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        assert!(
            self.server.is_none(),
            "the test did not wait for the server to end"
        );
        while let Ok(message) = self.incoming.try_recv() {
            self.unread.push_back(message);
        }
        assert!(self.unread.is_empty(), "nobody read: {:#?}", self.unread);
    }
}
