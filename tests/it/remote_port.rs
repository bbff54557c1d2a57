//! `rfc2217://` ports: a board at the far end of a network, with its baud rate and control lines. Served
//! by the simulated board itself, by esptool's own `esp_rfc2217_server`, and by pySerial's code.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fbuild_chip::Chip;
use fbuild_sim::serve::{self, Server};
use fbuild_sim::{Board, BoardBuilder, State, Timing};
use serde_json::json;

use crate::harness::{self, Run, assert_holds_example, deploy, edited_example, example, run};

/// Long enough for any machine; nothing waits for it to pass.
const PATIENCE: Duration = Duration::from_secs(30);

/// A board that is reached over the network.
pub(crate) struct RemotePort {
    pub(crate) port: String,
    server: Server,
}

impl RemotePort {
    pub(crate) fn new(board: BoardBuilder) -> Self {
        let board = board.timing(Timing::instant()).build().unwrap();
        let server = serve::rfc2217(board, "127.0.0.1:0").unwrap();
        Self {
            port: format!("rfc2217://{}", server.address()),
            server,
        }
    }

    /// The board holds the example's files, and has started its firmware.
    #[track_caller]
    pub(crate) fn assert_runs(&self, project: &Path) {
        assert_holds(&self.server, project);
        let runs = State::Firmware {
            app_offset: 0x1_0000,
        };
        let board = self.server.board();
        // The far end is still at the reset when the client has left.
        let end = Instant::now() + PATIENCE;
        while board.lock().unwrap().state() != runs && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(board.lock().unwrap().state(), runs);
    }
}

#[track_caller]
fn assert_holds(server: &Server, project: &Path) {
    let folder = tempfile::tempdir().unwrap();
    let dump = folder.path().join("flash.bin");
    std::fs::write(&dump, server.board().lock().unwrap().flash().contents()).unwrap();
    assert_holds_example(&dump, project);
}

/// The example, and the same with another text.
fn projects(folder: &Path) -> [PathBuf; 2] {
    let edited = folder.join("edited");
    edited_example(&edited);
    [example(), edited]
}

fn message(run: &Run) -> String {
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let outcome = run.json();
    assert_eq!(outcome["backend"], "native");
    assert_eq!(outcome["warnings"], json!([]), "{outcome:#}");
    outcome["message"].as_str().unwrap().to_owned()
}

#[test]
fn every_outcome_without_esptool() {
    let folder = tempfile::tempdir().unwrap();
    let [first, edited] = projects(folder.path());
    let remote = RemotePort::new(Board::builder(Chip::Esp32));
    let full = message(&deploy(&first, &remote.port, &[]));
    assert_eq!(full, "deploy succeeded (full flash)");
    remote.assert_runs(&first);
    let selective = message(&deploy(&edited, &remote.port, &[]));
    assert!(
        selective.starts_with("deploy succeeded (selective flash: firmware; "),
        "{selective}"
    );
    remote.assert_runs(&edited);
    let skipped = message(&deploy(&edited, &remote.port, &[]));
    assert_eq!(
        skipped,
        "deploy succeeded (verify skipped, device already matched)"
    );
    let port = &*remote.port;
    let differs = run(&["verify", first.to_str().unwrap(), "--port", port, "--json"]);
    assert_eq!(differs.json()["error"]["code"], "differs");
    remote.assert_runs(&edited);
}

/// The reset goes over the network, too, and what the board prints after it comes back.
#[test]
fn a_monitor_resets_it_and_hears_its_first_words() {
    let folder = tempfile::tempdir().unwrap();
    let [first, _] = projects(folder.path());
    let remote = RemotePort::new(Board::builder(Chip::Esp32));
    message(&deploy(&first, &remote.port, &[]));
    let until = ["--reset", "--until", "Hello", "--timeout", "60"];
    let mut arguments = vec!["monitor", first.to_str().unwrap(), "--port", &remote.port];
    arguments.extend(until);
    let heard = run(&arguments);
    assert_eq!(heard.code, Some(0), "{}{}", heard.stdout, heard.stderr);
    assert!(heard.stdout.contains("ets Jul 29 2019"), "{}", heard.stdout);
}

/// A program that serves the port of a simulated board. Killed when dropped.
struct Foreign {
    child: Child,
    port: String,
    server: Server,
}

impl Drop for Foreign {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Foreign {
    /// `command` gets the board's URL and a free number for its own port, and says when it listens.
    fn start(command: impl Fn(&str, &str) -> Command, listens: &str) -> Self {
        let board = Board::builder(Chip::Esp32).timing(Timing::instant());
        let server = serve::tcp(board.build().unwrap(), "127.0.0.1:0").unwrap();
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let number = free.local_addr().unwrap().port().to_string();
        drop(free);
        let url = format!("socket://{}", server.address());
        let mut child = command(&url, &number)
            .stdout(Stdio::piped())
            .env("PYTHONUNBUFFERED", "1")
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        while !line.contains(listens) {
            line.clear();
            assert!(output.read_line(&mut line).unwrap() > 0, "no '{listens}'");
        }
        // What else it says is nobody's concern, but has to go somewhere.
        std::thread::spawn(move || {
            let mut rest = Vec::new();
            let _ = output.read_to_end(&mut rest);
        });
        Self {
            child,
            port: format!("rfc2217://127.0.0.1:{number}"),
            server,
        }
    }

    fn story(&self) {
        let folder = tempfile::tempdir().unwrap();
        let [first, edited] = projects(folder.path());
        let full = message(&deploy(&first, &self.port, &[]));
        assert_eq!(full, "deploy succeeded (full flash)");
        let selective = message(&deploy(&edited, &self.port, &[]));
        assert!(
            selective.contains("selective flash: firmware"),
            "{selective}"
        );
        assert_holds(&self.server, &edited);
    }
}

/// It answers no change of a line.
#[test]
fn behind_esptools_own_server() {
    let tool = harness::python_tool("venv-esptool-5.6.0", "esp_rfc2217_server");
    let Some(tool) = tool else { return };
    let command = |url: &str, number: &str| {
        let mut command = Command::new(&tool);
        command.args(["-p", number, url]);
        command
    };
    Foreign::start(command, "Waiting for connection").story();
}

/// It answers every change of a line, and carries requests out before the data that came before them.
#[test]
fn behind_pyserials_server() {
    const SERVER: &str = r"
import socket, sys, threading, time
import serial, serial.rfc2217
port = serial.serial_for_url(sys.argv[1], timeout=0)
listener = socket.create_server(('127.0.0.1', int(sys.argv[2])))
print('listening')
while True:
    client, _ = listener.accept()
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    class Connection:
        def write(self, data):
            client.sendall(data)
    manager = serial.rfc2217.PortManager(port, Connection())
    over = threading.Event()
    def forward():
        while not over.is_set():
            data = port.read(4096)
            if data:
                client.sendall(b''.join(manager.escape(data)))
            else:
                time.sleep(0.001)
    thread = threading.Thread(target=forward)
    thread.start()
    try:
        while data := client.recv(4096):
            port.write(b''.join(manager.filter(data)))
    except OSError:
        pass
    over.set()
    thread.join()
";
    let python = harness::python_tool("venv-esptool-5.6.0", "python3");
    let Some(python) = python else { return };
    let command = |url: &str, number: &str| {
        let mut command = Command::new(&python);
        command.args(["-c", SERVER, url, number]);
        command
    };
    Foreign::start(command, "listening").story();
}

/// Something listens there that is no serial port, or is busy with another client.
#[test]
fn a_silent_server_is_given_up() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let port = format!("rfc2217://{address}?timeout=0.2");
    let project = example();
    let failed = deploy(&project, &port, &[]);
    let error = &failed.json()["error"];
    assert_eq!(error["code"], "port-open", "{error}");
    let said = error["message"].as_str().unwrap();
    assert!(said.contains("does not answer as a serial port"), "{said}");

    let misspelt = deploy(&project, &format!("rfc2217://{address}?timeuot=1"), &[]);
    assert_eq!(misspelt.code, Some(2));
    let error = &misspelt.json()["error"];
    assert_eq!(error["code"], "port-name", "{error}");
    assert!(error["message"].as_str().unwrap().contains("'timeuot'"));
}
