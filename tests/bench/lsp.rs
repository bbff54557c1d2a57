//! A language server that runs for as long as somebody's editor would, and a client for it.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value, json};

use crate::tools::Tools;

/// A server that was started and initialised.
pub(crate) struct Server {
    process: Child,
    stdin: ChildStdin,
    messages: Receiver<Value>,
    next_id: u64,
}

impl Server {
    /// Starts one with `folder` open.
    pub(crate) fn start(tools: &Tools, folder: &Path) -> io::Result<Self> {
        let mut process = tools
            .command(&tools.ours)
            .arg("--stdio")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let gone = || io::Error::other("the server has no standard streams");
        let stdin = process.stdin.take().ok_or_else(gone)?;
        let stdout = process.stdout.take().ok_or_else(gone)?;
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            let mut stdout = BufReader::new(stdout);
            while let Ok(message) = receive(&mut stdout) {
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        let mut server = Self {
            process,
            stdin,
            messages,
            next_id: 1,
        };
        let uri = format!("file://{}", folder.display());
        let parameters = json!({
            "processId": std::process::id(),
            "rootUri": uri,
            "workspaceFolders": [{ "uri": uri, "name": "benchmark" }],
            "capabilities": { "window": { "workDoneProgress": true } },
        });
        server.request("initialize", &parameters, Duration::from_secs(10))?;
        server.send(&json!({ "jsonrpc": "2.0", "method": "initialized", "params": {} }))?;
        Ok(server)
    }

    /// Deploys, and gives the outcome.
    pub(crate) fn deploy(
        &mut self,
        folder: &Path,
        port: &str,
        baud: &str,
        timeout: Duration,
    ) -> io::Result<Value> {
        let baud = baud
            .parse::<u32>()
            .map_or_else(|_| json!(baud), |baud| json!(baud));
        let argument = json!({ "root": folder, "port": port, "baud": baud });
        let parameters = json!({ "command": "fbuild.server.deploy", "arguments": [argument] });
        self.request("workspace/executeCommand", &parameters, timeout)
    }

    fn request(
        &mut self,
        method: &str,
        parameters: &Value,
        timeout: Duration,
    ) -> io::Result<Value> {
        let id = self.next_id;
        self.next_id += 1;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": parameters }))?;
        loop {
            let message = self
                .messages
                .recv_timeout(timeout)
                .map_err(|_| io::Error::other(format!("no answer to {method}")))?;
            match (message.get("method"), message.get("id")) {
                (Some(_), Some(asked)) => {
                    self.send(&json!({ "jsonrpc": "2.0", "id": asked, "result": null }))?;
                }
                (None, Some(answered)) if answered == id => {
                    return match message.get("error") {
                        Some(error) => Err(io::Error::other(error.to_string())),
                        None => Ok(message["result"].clone()),
                    };
                }
                _ => {}
            }
        }
    }

    fn send(&mut self, message: &Value) -> io::Result<()> {
        let body = message.to_string();
        write!(self.stdin, "Content-Length: {}\r\n\r\n{body}", body.len())?;
        self.stdin.flush()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Our own child; nothing it could still do matters.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn receive(stdout: &mut BufReader<ChildStdout>) -> io::Result<Value> {
    let mut len = 0;
    loop {
        let mut line = String::new();
        if stdout.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match line.trim_end().split_once(": ") {
            Some(("Content-Length", value)) => len = value.parse().map_err(io::Error::other)?,
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; len];
    stdout.read_exact(&mut body)?;
    serde_json::from_slice(&body).map_err(io::Error::other)
}
