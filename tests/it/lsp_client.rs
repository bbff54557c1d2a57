//! A small LSP client over stdio, written without any of our code.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use crate::harness;

pub(crate) struct Client {
    server: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    next_id: u64,
    /// Everything that the server sent unasked.
    pub(crate) notifications: Vec<Value>,
    /// What the person was asked.
    pub(crate) questions: Vec<Value>,
    /// The button that the person presses; `None`: they close the question.
    pub(crate) presses: Option<String>,
}

impl Client {
    pub(crate) fn start(root: &Path) -> Self {
        Self::over(harness::command(&["--stdio"]), root)
    }

    /// The same with a server's command of its own.
    pub(crate) fn over(mut server: Command, root: &Path) -> Self {
        let mut server = server
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let stdin = server.stdin.take().unwrap();
        let stdout = BufReader::new(server.stdout.take().unwrap());
        let mut client = Self {
            server,
            stdin,
            stdout,
            next_id: 1,
            notifications: Vec::new(),
            questions: Vec::new(),
            presses: None,
        };
        let uri = format!("file://{}", root.display());
        let params = json!({
            "processId": std::process::id(),
            "rootUri": uri,
            "workspaceFolders": [{ "uri": uri, "name": "root" }],
            "capabilities": { "window": { "workDoneProgress": true } },
        });
        client.request("initialize", &params).unwrap();
        client.send(&json!({ "jsonrpc": "2.0", "method": "initialized", "params": {} }));
        client
    }

    pub(crate) fn execute(&mut self, command: &str, argument: &Value) -> Result<Value, Value> {
        let params = json!({ "command": command, "arguments": [argument] });
        self.request("workspace/executeCommand", &params)
    }

    /// Sends a request and waits for its answer; answers the server's own requests meanwhile.
    pub(crate) fn request(&mut self, method: &str, params: &Value) -> Result<Value, Value> {
        let id = self.next_id;
        self.next_id += 1;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        loop {
            let message = self.receive();
            match (message.get("method"), message.get("id")) {
                (Some(method), Some(asked)) => {
                    let mut result = Value::Null;
                    if method == "window/showMessageRequest" {
                        result =
                            json!(self.presses.as_ref().map(|title| json!({ "title": title })));
                        self.questions.push(message.clone());
                    }
                    self.send(&json!({ "jsonrpc": "2.0", "id": asked, "result": result }));
                }
                (Some(_), None) => self.notifications.push(message),
                (None, Some(answered)) if answered == id => {
                    return match message.get("error") {
                        Some(error) => Err(error.clone()),
                        None => Ok(message["result"].clone()),
                    };
                }
                _ => panic!("unexpected: {message}"),
            }
        }
    }

    pub(crate) fn notify(&mut self, method: &str, params: &Value) {
        self.send(&json!({ "jsonrpc": "2.0", "method": method, "params": params }));
    }

    pub(crate) fn shut_down(mut self) {
        self.request("shutdown", &Value::Null).unwrap();
        self.send(&json!({ "jsonrpc": "2.0", "method": "exit" }));
        assert_eq!(self.server.wait().unwrap().code(), Some(0));
    }

    fn send(&mut self, message: &Value) {
        let body = message.to_string();
        write!(self.stdin, "Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        self.stdin.flush().unwrap();
    }

    fn receive(&mut self) -> Value {
        let mut len = None;
        loop {
            let mut line = String::new();
            assert!(
                self.stdout.read_line(&mut line).unwrap() > 0,
                "the server is gone"
            );
            match line.trim_end().split_once(": ") {
                Some(("Content-Length", value)) => len = value.parse().ok(),
                Some(_) => {}
                None => break,
            }
        }
        let mut body = vec![0; len.unwrap()];
        self.stdout.read_exact(&mut body).unwrap();
        serde_json::from_slice(&body).unwrap()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // Ours, and ended already where the test went well.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
