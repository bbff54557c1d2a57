//! The main job on real firmware: a blank board, the same again, and a genuine upgrade.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::harness::{self, assert_in_flash};
use crate::lsp_client::Client;

const WHAT: &str = "the main job on MicroPython";

struct Fixture {
    folder: tempfile::TempDir,
    layout: &'static str,
}

impl Fixture {
    fn new(layout: &'static str) -> Option<Self> {
        let fixtures = harness::shared(WHAT)?;
        let names = ["micropython-0608", "micropython-0831"];
        Some(Self {
            folder: harness::workspaces(&fixtures, &names),
            layout,
        })
    }

    fn project(&self, version: &str) -> PathBuf {
        self.folder
            .path()
            .join(format!("micropython-{version}"))
            .join(self.layout)
    }

    fn flash(&self) -> PathBuf {
        self.folder.path().join("board.bin")
    }

    fn port(&self) -> String {
        format!("sim:{}?chip=esp32", self.flash().display())
    }

    /// Every byte of the build is where it belongs. The builds' boot loaders carry the header that
    /// their flash settings ask for, so the files are what must be in flash.
    fn assert_on_board(&self, version: &str) {
        let project = self.project(version);
        let files: [(u32, &str); 3] = match self.layout {
            "espidf" => [
                (0x1000, "build/bootloader/bootloader.bin"),
                (0x8000, "build/partition_table/partition-table.bin"),
                (0x1_0000, "build/micropython.bin"),
            ],
            _ => [
                (0x1000, ".pio/build/esp32dev/bootloader.bin"),
                (0x8000, ".pio/build/esp32dev/partitions.bin"),
                (0x1_0000, ".pio/build/esp32dev/firmware.bin"),
            ],
        };
        for (offset, file) in files {
            assert_in_flash(&self.flash(), offset, &project.join(file));
        }
    }
}

fn check_story(fixture: &Fixture, mut deploy: impl FnMut(&Path) -> Value) {
    let first = deploy(&fixture.project("0608"));
    assert_eq!(first["outcome"], "fullFlash", "{first:#}");
    assert_eq!(first["message"], "deploy succeeded (full flash)");
    assert_eq!(first["chip"], "esp32");
    fixture.assert_on_board("0608");

    let before = std::fs::read(fixture.flash()).unwrap();
    let second = deploy(&fixture.project("0608"));
    assert_eq!(second["outcome"], "verifySkip", "{second:#}");
    assert_eq!(
        second["message"],
        "deploy succeeded (verify skipped, device already matched)"
    );
    assert!(
        harness::regions(&second)
            .iter()
            .all(|(_, verdict, written)| { verdict == "match" && !written })
    );
    assert!(
        before == std::fs::read(fixture.flash()).unwrap(),
        "a verify skip wrote something"
    );

    let upgrade = deploy(&fixture.project("0831"));
    assert_eq!(upgrade["outcome"], "selectiveFlash", "{upgrade:#}");
    let message = upgrade["message"].as_str().unwrap();
    assert!(
        message.starts_with("deploy succeeded (selective flash: bootloader, firmware; "),
        "{message}"
    );
    let written: Vec<_> = harness::regions(&upgrade)
        .into_iter()
        .map(|(name, _, written)| (name, written))
        .collect();
    let expected = [
        ("bootloader", true),
        ("partitions", false),
        ("firmware", true),
    ]
    .map(|(n, w)| (n.to_owned(), w));
    assert_eq!(written, expected);
    fixture.assert_on_board("0831");
}

#[test]
fn micropython_from_an_esp_idf_workspace() {
    let Some(fixture) = Fixture::new("espidf") else {
        return;
    };
    check_story(&fixture, |project| {
        harness::deploy(project, &fixture.port(), &[]).json()
    });
}

#[test]
fn micropython_from_a_platformio_workspace() {
    let Some(fixture) = Fixture::new("platformio") else {
        return;
    };
    check_story(&fixture, |project| {
        harness::deploy(project, &fixture.port(), &[]).json()
    });
}

#[test]
fn micropython_through_an_lsp_client_over_stdio() {
    let Some(fixture) = Fixture::new("espidf") else {
        return;
    };
    let mut client = Client::start(fixture.folder.path());
    check_story(&fixture, |project| {
        let arguments = json!({ "root": project, "port": fixture.port() });
        client.execute("fbuild.server.deploy", &arguments).unwrap()
    });
    client.shut_down();
}

/// Exit code 0 and a line that says what was done, for somebody who looks at a shell.
#[test]
fn a_person_in_a_shell_reads_what_was_done() {
    let Some(fixture) = Fixture::new("espidf") else {
        return;
    };
    let project = fixture.project("0608");
    let args = [
        "deploy",
        project.to_str().unwrap(),
        "--port",
        &fixture.port(),
    ];
    let run = harness::run(&args);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(
        run.stdout.contains("deploy succeeded (full flash)")
            || run.stderr.contains("deploy succeeded (full flash)"),
        "stdout {} stderr {}",
        run.stdout,
        run.stderr
    );
}
