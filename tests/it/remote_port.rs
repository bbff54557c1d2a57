//! `rfc2217://` ports: a board at the far end of a network, with its baud rate and control lines. Served
//! by the simulated board itself, by esptool's own `esp_rfc2217_server`, and by pySerial's code.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fbuild_chip::Chip;
use fbuild_sim::serve::{self, Server};
use fbuild_sim::timing::LinkTiming;
use fbuild_sim::{Board, BoardBuilder, State, Timing};
use serde_json::json;

use crate::avr::tools::program_or_skip;
use crate::harness::{
    self, Run, assert_holds_example, command, deploy, edited_example, example, run,
};
use crate::in_place;

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
    assert_boot_is_heard(&first, &remote.port);
}

#[track_caller]
fn assert_boot_is_heard(project: &Path, port: &str) {
    let mut arguments = vec!["monitor", project.to_str().unwrap(), "--port", port];
    arguments.extend(["--reset", "--until", "Hello", "--timeout", "60"]);
    let heard = run(&arguments);
    assert_eq!(heard.code, Some(0), "{}{}", heard.stdout, heard.stderr);
    assert!(heard.stdout.contains("ets Jul 29 2019"), "{}", heard.stdout);
}

/// A process that ends when this is dropped.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A board in no hurry to hash, as genuine ones are: it pays to start its stub.
fn far_timing() -> Timing {
    Timing {
        rom: Timing::cp2102n().rom,
        ..Timing::instant()
    }
}

fn far_board() -> Board {
    let board = Board::builder(Chip::Esp32).timing(far_timing());
    board.build().unwrap()
}

/// A program that serves the port of a simulated board.
struct Foreign {
    _process: Killed,
    port: String,
    server: Server,
}

impl Foreign {
    /// In front of a board that has no control lines.
    fn start(command: impl Fn(&str, &str) -> Command, listens: &str) -> Self {
        let server = serve::tcp(far_board(), "127.0.0.1:0").unwrap();
        Self::before(server, "socket", command, listens)
    }

    /// `command` gets the board's URL and a free number for its own port, and says when it listens.
    fn before(
        server: Server,
        scheme: &str,
        command: impl Fn(&str, &str) -> Command,
        listens: &str,
    ) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let number = free.local_addr().unwrap().port().to_string();
        drop(free);
        let url = format!("{scheme}://{}", server.address());
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
            _process: Killed(child),
            port: format!("rfc2217://127.0.0.1:{number}"),
            server,
        }
    }

    /// Every outcome, and after those that write, what the flash then holds.
    fn story(&self) {
        let port = &*self.port;
        let folder = tempfile::tempdir().unwrap();
        let [first, edited] = projects(folder.path());
        let full = message(&deploy(&first, port, &[]));
        assert_eq!(full, "deploy succeeded (full flash)");
        assert_holds(&self.server, &first);
        let selective = message(&deploy(&edited, port, &[]));
        assert!(
            selective.contains("selective flash: firmware"),
            "{selective}"
        );
        assert_holds(&self.server, &edited);
        let skipped = message(&deploy(&edited, port, &[]));
        assert!(skipped.contains("verify skipped"), "{skipped}");
        let differs = run(&["verify", first.to_str().unwrap(), "--port", port, "--json"]);
        assert_eq!(differs.json()["error"]["code"], "differs");
    }

    /// Only where the board is reset before each deploy: a stub that runs already may be any.
    fn differences(&self) {
        let port = &*self.port;
        let folder = tempfile::tempdir().unwrap();
        for (n, build) in in_place::edited_app().iter().enumerate() {
            let mut command = command(&["deploy", "--port", port, "--baud", "115200", "--force"]);
            for region in &build.target.regions {
                let offset = region.offset.to_string();
                command.args(["--image", &offset]).arg(region.source.path());
            }
            let deployed = command.env("XDG_STATE_HOME", folder.path()).output();
            let deployed = Run::of(&deployed.unwrap());
            assert_eq!(deployed.code, Some(0), "{}", deployed.stderr);
            let is_difference = deployed.stdout.contains("KB sent as differences");
            assert_eq!(is_difference, n == 1, "{}", deployed.stdout);
        }
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

/// The same in front of a board with control lines, as a network has them: a server behind a server. The one in front
/// resets the board before each deploy, and a monitor hears the boot.
#[test]
fn behind_esptools_own_server_with_control_lines() {
    let tool = harness::python_tool("venv-esptool-5.6.0", "esp_rfc2217_server");
    let Some(tool) = tool else { return };
    // Its usual sequence asks for a file descriptor, which a network port has not.
    let folder = tempfile::tempdir().unwrap();
    let settings = folder.path().join("esptool.cfg");
    let sequence = "D0|R1|W0.1|D1|R0|W0.05|D0";
    let text = format!("[esptool]\ncustom_reset_sequence = {sequence}\n");
    std::fs::write(&settings, text).unwrap();
    let command = |url: &str, number: &str| {
        let mut command = Command::new(&tool);
        command.args(["-p", number, url]);
        command.env("ESPTOOL_CFGFILE", &settings);
        command
    };
    // An answer takes as long as its bits would, and there is something to win by differences.
    let latency = Duration::from_millis(5);
    let link = LinkTiming {
        to_board: latency,
        to_host: latency,
        ..Timing::instant().link
    };
    let timing = Timing {
        link,
        ..far_timing()
    };
    let board = Board::builder(Chip::Esp32).timing(timing).build().unwrap();
    let server = serve::rfc2217(board, "127.0.0.1:0").unwrap();
    let foreign = Foreign::before(server, "rfc2217", command, "Waiting for connection");
    foreign.story();
    foreign.differences();
    let [first, _] = projects(folder.path());
    message(&deploy(&first, &foreign.port, &[]));
    assert_boot_is_heard(&first, &foreign.port);
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

/// Debian's own, which opens a terminal as it would a serial port.
#[cfg(target_os = "linux")]
#[test]
fn behind_ser2net() {
    let Some(ser2net) = program_or_skip("ser2net") else {
        return;
    };
    let server = serve::pty(far_board(), serve::PtyOptions::default()).unwrap();
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let (host, number) = (address.ip(), address.port());
    let connection = json!({
        "accepter": format!("telnet(rfc2217),tcp,{host},{number}"),
        "connector": format!("serialdev(nouucplock=true),{},115200n81,local", server.address()),
        "options": { "mdns": false },
    });
    let folder = tempfile::tempdir().unwrap();
    let configuration = folder.path().join("ser2net.yaml");
    std::fs::write(&configuration, format!("connection: &board {connection}")).unwrap();
    let mut process = Command::new(ser2net);
    process
        .args(["-n", "-c"])
        .arg(configuration)
        .stderr(Stdio::null());
    let foreign = Foreign {
        _process: Killed(process.spawn().unwrap()),
        port: format!("rfc2217://{address}"),
        server,
    };
    // It does not say when it listens.
    let end = Instant::now() + PATIENCE;
    while run(&["board", "--port", &foreign.port]).code != Some(0) && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(50));
    }
    foreign.story();
    foreign.differences();
}
