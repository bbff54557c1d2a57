//! Our loader against a board that nobody here wrote: PyPI's `esp32-mock-bootloader`.

use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::harness::{self, root};

struct Mock {
    server: Child,
    port: u16,
}

impl Mock {
    fn start(chip: &str) -> Option<Self> {
        let tool = harness::python_tool("venv-mock", "esp32-mock-bootloader")?;
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let mut server = Command::new(tool)
            .args(["run", "--chip", chip, "--port", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Its log is only read so that it never fills the pipe.
        let log = BufReader::new(server.stderr.take().unwrap());
        std::thread::spawn(move || log.lines().map_while(Result::ok).for_each(drop));
        let deadline = Instant::now() + Duration::from_mins(1);
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            assert!(Instant::now() < deadline, "the mock does not listen");
            std::thread::sleep(Duration::from_millis(100));
        }
        Some(Self { server, port })
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

#[test]
fn the_example_goes_onto_a_mock_that_others_wrote() {
    let Some(mock) = Mock::start("esp32") else {
        return;
    };
    let port = format!("socket://127.0.0.1:{}", mock.port);
    let project = root().join("tests/example");
    let first = harness::deploy(&project, &port, &[]).json();
    assert!(first["error"].is_null(), "{first:#}");
    assert!(
        matches!(
            first["outcome"].as_str(),
            Some("fullFlash" | "selectiveFlash")
        ),
        "{first:#}"
    );
    let second = harness::deploy(&project, &port, &[]).json();
    assert_eq!(second["outcome"], "verifySkip", "{second:#}");
}
