//! The language server as a process: what it says on stdout, and how and when it ends.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{LONG, fbuild_lsp, project};

/// A running server. Killed when dropped, so that no failed test leaves one behind.
pub(crate) struct Server {
    child: Child,
    stdin: Option<ChildStdin>,
    messages: Receiver<Value>,
    pub(crate) folder: TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::start_with(arguments, Stdio::null())
    }

    fn start_with(arguments: &[&str], stderr: Stdio) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = fbuild_lsp(folder.path());
        command.args(arguments).stderr(stderr);
        Self::over(command, folder)
    }

    /// With a command of its own.
    pub(crate) fn over(mut command: Command, folder: TempDir) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stdin = child.stdin.take();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            // Anything on stdout that is not a frame ends this thread with a panic, and the test with
            // a message that never came.
            loop {
                let mut header = String::new();
                if stdout.read_line(&mut header).unwrap() == 0 {
                    return;
                }
                let len = header.strip_prefix("Content-Length: ").expect(&header);
                let len = len.trim().parse().unwrap();
                let mut empty = String::new();
                stdout.read_line(&mut empty).unwrap();
                assert_eq!(empty, "\r\n");
                let mut body = vec![0; len];
                stdout.read_exact(&mut body).unwrap();
                let _ = sender.send(serde_json::from_slice(&body).unwrap());
            }
        });
        Self {
            child,
            stdin,
            messages,
            folder,
        }
    }

    pub(crate) fn send(&mut self, message: &Value) {
        let body = message.to_string();
        let stdin = self.stdin.as_mut().unwrap();
        write!(stdin, "Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        stdin.flush().unwrap();
    }

    /// The answer to request `id`; what else comes is passed over.
    pub(crate) fn answer(&self, id: i64) -> Value {
        loop {
            let message = self.messages.recv_timeout(LONG).expect("no answer");
            if message["id"] == id && message["method"].is_null() {
                return message;
            }
        }
    }

    /// Bytes that are not a message.
    pub(crate) fn send_raw(&mut self, bytes: &str) {
        let stdin = self.stdin.as_mut().unwrap();
        stdin.write_all(bytes.as_bytes()).unwrap();
    }

    /// Everything up to the answer to request `id`, which is last.
    pub(crate) fn until_answer(&self, id: i64) -> Vec<Value> {
        let mut said = Vec::new();
        loop {
            let message = self.messages.recv_timeout(LONG).expect("no answer");
            let is_answer = message["id"] == id && message["method"].is_null();
            said.push(message);
            if is_answer {
                return said;
            }
        }
    }

    pub(crate) fn initialize(&mut self, process_id: Option<u32>) {
        let folder = self.folder.path().to_owned();
        self.initialize_with(process_id, &[folder], &json!({}));
    }

    /// With these folders open.
    pub(crate) fn initialize_folders(&mut self, folders: &[PathBuf]) {
        self.initialize_with(None, folders, &json!({}));
    }

    /// With a folder whose build scripts may run.
    #[cfg(unix)]
    pub(crate) fn initialize_trusted(&mut self, folder: PathBuf) {
        self.initialize_with(None, &[folder], &json!({"workspaceTrusted": true}));
    }

    fn initialize_with(&mut self, process_id: Option<u32>, folders: &[PathBuf], options: &Value) {
        let folder = |path: &PathBuf| {
            let slash = if cfg!(windows) { "/" } else { "" };
            json!({"uri": format!("file://{slash}{}", path.display()), "name": "project"})
        };
        let params = json!({
            "processId": process_id,
            "capabilities": {},
            "initializationOptions": options,
            "workspaceFolders": folders.iter().map(folder).collect::<Vec<_>>(),
        });
        self.send(&json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}));
        assert!(self.answer(1)["result"]["capabilities"].is_object());
        self.send(&json!({"jsonrpc": "2.0", "method": "initialized", "params": {}}));
    }

    pub(crate) fn command(&mut self, id: i64, name: &str, argument: &Value) -> Value {
        self.start_command(id, name, argument);
        self.answer(id)["result"].clone()
    }

    /// Sends a command and does not wait for it.
    pub(crate) fn start_command(&mut self, id: i64, name: &str, argument: &Value) {
        let params = json!({"command": format!("fbuild.server.{name}"), "arguments": [argument]});
        let method = "workspace/executeCommand";
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
    }

    pub(crate) fn notify(&mut self, method: &str, params: &Value) {
        self.send(&json!({"jsonrpc": "2.0", "method": method, "params": params}));
    }

    /// Most memory that it ever had resident.
    #[cfg(target_os = "linux")]
    pub(crate) fn peak_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let mut lines = status.lines();
        let line = lines.find(|line| line.starts_with("VmHWM:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// The next message of this method; what else comes is passed over.
    pub(crate) fn message(&self, method: &str) -> Value {
        loop {
            let message = self.messages.recv_timeout(LONG).expect(method);
            if message["method"] == method {
                return message;
            }
        }
    }

    /// A request and the result of its answer.
    pub(crate) fn ask(&mut self, id: i64, method: &str, params: &Value) -> Value {
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        self.answer(id)["result"].clone()
    }

    /// The next answer to any request; what else comes is passed over.
    pub(crate) fn next_answer(&self) -> Value {
        loop {
            let message = self.messages.recv_timeout(LONG).expect("no answer");
            if message["method"].is_null() {
                return message;
            }
        }
    }

    /// The process' id.
    #[cfg(target_os = "linux")]
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The exit code, once the process has ended by itself.
    fn exit_code(&mut self) -> Option<i32> {
        let deadline = Instant::now() + LONG;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        panic!("the server did not end");
    }
}

/// Measure 3 of the whole process: a blocked read of stdin does not hold it.
#[test]
fn ends_after_shutdown_and_exit_while_stdin_stays_open() {
    for arguments in [&[][..], &["--stdio"][..]] {
        let mut server = Server::start(arguments);
        server.initialize(None);
        server.send(&json!({"jsonrpc": "2.0", "id": 2, "method": "shutdown"}));
        assert_eq!(server.answer(2)["result"], Value::Null);
        server.send(&json!({"jsonrpc": "2.0", "method": "exit"}));
        assert_eq!(server.exit_code(), Some(0));
    }
}

#[test]
fn exit_without_shutdown_is_no_success() {
    let mut server = Server::start(&[]);
    server.initialize(None);
    server.send(&json!({"jsonrpc": "2.0", "method": "exit"}));
    assert_eq!(server.exit_code(), Some(1));
}

#[test]
fn ends_when_stdin_closes() {
    let mut server = Server::start(&[]);
    server.initialize(None);
    server.stdin = None;
    assert_eq!(server.exit_code(), Some(1));
}

#[cfg(unix)]
#[test]
fn ends_when_it_is_asked_to() {
    use rustix::process::{Pid, Signal, kill_process};

    for signal in [Signal::TERM, Signal::INT] {
        let mut server = Server::start(&[]);
        server.initialize(None);
        let pid = Pid::from_raw(i32::try_from(server.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
        assert_eq!(server.exit_code(), Some(1));
    }
}

/// A client that is half gone: it writes on, and nobody reads.
#[test]
fn ends_when_nobody_reads_its_answers() {
    let state = tempfile::tempdir().unwrap();
    let mut child = fbuild_lsp(state.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let stdin = child.stdin.take().unwrap();
    let mut server = Server {
        child,
        stdin: Some(stdin),
        messages: channel().1,
        folder: state,
    };
    let params = json!({"capabilities": {}});
    server.send(&json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}));
    // The first answer finds the pipe closed; the second finds out.
    server.send(&json!({"jsonrpc": "2.0", "id": 2, "method": "no/such/method"}));
    assert_eq!(server.exit_code(), Some(1));
}

/// Somebody else may have inherited the client's end of the pipe: here the test keeps it open.
#[cfg(unix)]
#[test]
fn ends_when_the_clients_process_is_gone() {
    let mut client = std::process::Command::new("sleep")
        .arg("600")
        .spawn()
        .unwrap();
    let mut server = Server::start(&[]);
    server.initialize(Some(client.id()));
    client.kill().unwrap();
    client.wait().unwrap();
    assert_eq!(server.exit_code(), Some(1));
}

/// The whole way: a client, the real server, a simulated board, and a flash file that is compared
/// without any of our code.
#[test]
fn deploys_to_a_simulated_board() {
    let mut server = Server::start(&[]);
    let app = project::app_image(&project::body(40_000, 1));
    project::write(server.folder.path(), &app);
    server.initialize(None);
    let argument = json!({"port": "sim:board.bin?chip=esp32"});

    let outcome = server.command(2, "deploy", &argument);
    assert_eq!(outcome["outcome"], "fullFlash", "{outcome}");
    let flash = std::fs::read(server.folder.path().join("board.bin")).unwrap();
    assert!(flash[project::APP_OFFSET..].starts_with(&app));

    let outcome = server.command(3, "deploy", &argument);
    assert_eq!(outcome["outcome"], "verifySkip", "{outcome}");
    assert_eq!(
        outcome["message"],
        "deploy succeeded (verify skipped, device already matched)"
    );
}

/// The folder that is open has many projects; a document lies in one of them.
#[cfg(unix)]
#[test]
fn finds_the_targets_of_a_project_below_the_folder() {
    let mut server = Server::start(&[]);
    let project = server.folder.path().join("firmware/gateway");
    std::fs::create_dir_all(&project).unwrap();
    for name in ["sdkconfig", "CMakeLists.txt"] {
        std::fs::write(project.join(name), "").unwrap();
    }
    let document = project.join("partitions.csv");
    std::fs::write(&document, "a, app, factory, , 1M\n").unwrap();
    // Last: a build that is older than its sources would be asked about.
    project::write(&project, &project::app_image(&project::body(400, 1)));
    server.initialize(None);
    let uri = format!("file://{}", document.display());
    for (id, argument, name) in [
        // The project around the document, as the lenses find it.
        (2, json!({"uri": uri}), "espidf:build"),
        (3, json!({}), "espidf:firmware/gateway/build"),
    ] {
        let listed = server.command(id, "targets", &argument);
        let names: Vec<_> = listed["targets"].as_array().unwrap().iter().collect();
        let [target] = *names else { panic!("{listed}") };
        assert_eq!(target["name"], name);
        assert_eq!(target["root"], project.to_str().unwrap());
    }
    let argument = json!({"uri": uri, "port": "sim:board.bin?chip=esp32"});
    let outcome = server.command(4, "deploy", &argument);
    assert_eq!(outcome["target"], "espidf:build", "{outcome}");
    assert_eq!(outcome["outcome"], "fullFlash", "{outcome}");
}

/// A client need not read standard error. What a pipe holds is less than these deploys say.
#[test]
fn deploys_while_nobody_reads_its_log() {
    let mut server = Server::start_with(&["--log", "trace"], Stdio::piped());
    let app = project::app_image(&project::body(40_000, 1));
    project::write(server.folder.path(), &app);
    server.initialize(None);
    for n in 0..20 {
        let argument = json!({"port": "sim:board.bin?chip=esp32", "mode": "full"});
        let outcome = server.command(10 + n, "deploy", &argument);
        assert_eq!(outcome["error"], Value::Null, "{n}: {outcome}");
    }
    server.stdin = None;
    assert_eq!(server.exit_code(), Some(1));
}
