//! `espota://`: one whole image over the air, to a device that takes it as ArduinoOTA does.

mod device;
mod editors;

use std::net::TcpListener;
use std::path::{Path, PathBuf};

use fbuild_deploy::deploy::deploy;
use fbuild_deploy::espota::auth::Scheme;
use fbuild_deploy::event::{Event, Phase};
use fbuild_deploy::outcome::OutcomeKind;
use fbuild_deploy::request::Request;
use fbuild_loader::cancel::CancelToken;
use fbuild_project::discover::{Environment, discover};
use fbuild_project::partitions::{Partition, PartitionTable};
use serde_json::json;

use self::device::{Device, Fault};
use crate::harness::{self, Run, example, regions, run};

const PASSWORD: &str = "correct horse";
const FILE_SYSTEM: &[u8] = &[0x5A; 8192];

/// A project that PlatformIO has built, with two slots for its app and a file system.
struct Project {
    folder: tempfile::TempDir,
}

impl Project {
    fn new(more: &str) -> Self {
        let project = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        let ini = format!(
            "[env:lamp]\nplatform = espressif32\nboard = esp32dev\nframework = arduino\n\
             board_build.filesystem = littlefs\n{more}"
        );
        std::fs::write(project.path().join("platformio.ini"), ini).unwrap();
        std::fs::create_dir_all(project.built("")).unwrap();
        std::fs::copy(example().join("build/example.bin"), project.firmware()).unwrap();
        let boot_loader = example().join("build/bootloader/bootloader.bin");
        std::fs::copy(boot_loader, project.built("bootloader.bin")).unwrap();
        std::fs::write(project.built("littlefs.bin"), FILE_SYSTEM).unwrap();
        project.write_table(&[
            (1, 0x02, "nvs", 0x9000, 0x5000),
            (1, 0x00, "otadata", 0xE000, 0x2000),
            (0, 0x10, "app0", 0x1_0000, 0x14_0000),
            (0, 0x11, "app1", 0x15_0000, 0x14_0000),
            (1, 0x82, "spiffs", 0x29_0000, 0x16_0000),
        ]);
        project
    }

    fn write_table(&self, rows: &[(u8, u8, &str, u32, u32)]) {
        let partition =
            |&(kind, subtype, label, offset, size): &(u8, u8, &str, u32, u32)| Partition {
                label: label.to_owned(),
                kind,
                subtype,
                offset,
                size,
                flags: 0,
            };
        let table = PartitionTable {
            partitions: rows.iter().map(partition).collect(),
            has_md5: true,
        };
        std::fs::write(self.built("partitions.bin"), table.to_bytes()).unwrap();
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn built(&self, name: &str) -> PathBuf {
        self.path().join(".pio/build/lamp").join(name)
    }

    fn firmware(&self) -> PathBuf {
        self.built("firmware.bin")
    }

    fn deploy(&self, device: &Device, password: Option<&str>, more: &[&str]) -> Run {
        self.run("deploy", device, password, more)
    }

    fn run(&self, verb: &str, device: &Device, password: Option<&str>, more: &[&str]) -> Run {
        let port = device.port();
        let path = self.path().to_str().unwrap();
        let mut command = harness::command(&[verb, path, "--port", &port, "--json"]);
        command.args(more);
        if let Some(password) = password {
            command.env("FBUILD_OTA_PASSWORD", password);
        }
        Run::of(&command.output().unwrap())
    }
}

#[test]
fn the_app_goes_to_a_device_that_confirms_it() {
    let project = Project::new("");
    let device = Device::start(None, Fault::None);
    let outcome = project.deploy(&device, None, &[]).json();
    assert_eq!(
        outcome["message"],
        "deploy succeeded (full flash, confirmed by the device)"
    );
    assert_eq!(outcome["outcome"], "fullFlash");
    assert_eq!(outcome["backend"], "espota");
    assert_eq!(outcome["chip"], json!(null));
    let firmware = std::fs::read(project.firmware()).unwrap();
    assert_eq!(outcome["regions"][0]["bytesSent"], firmware.len());
    assert_eq!(
        regions(&outcome),
        [("firmware".to_owned(), "unknown".to_owned(), true)]
    );
    let warnings = outcome["warnings"].to_string();
    assert!(warnings.contains("only firmware is sent"), "{warnings}");
    assert!(warnings.contains("bootloader, partitions"), "{warnings}");
    let seen = device.seen();
    let [taken] = &seen.taken[..] else {
        panic!("{:?}", seen.taken.len());
    };
    assert!(taken.command == 0 && taken.bytes == firmware);
}

#[test]
fn a_file_system_goes_by_its_name() {
    let project = Project::new("");
    let device = Device::start(None, Fault::None);
    let outcome = project
        .deploy(&device, None, &["--regions", "spiffs"])
        .json();
    assert_eq!(outcome["outcome"], "fullFlash", "{outcome:#}");
    assert_eq!(outcome["warnings"], json!([]));
    let seen = device.seen();
    assert_eq!(seen.taken[0].command, 100);
    assert_eq!(seen.taken[0].bytes, FILE_SYSTEM);
}

/// Also the hash of an older core that a newer one was given.
#[test]
fn each_way_to_ask_for_a_password_is_answered() {
    let project = Project::new("");
    for (scheme, n_tried) in [
        (Scheme::Md5, 1),
        (Scheme::Sha256, 1),
        (Scheme::Sha256OfMd5, 2),
    ] {
        let device = Device::start(Some((PASSWORD, scheme)), Fault::None);
        let outcome = project.deploy(&device, Some(PASSWORD), &[]).json();
        assert_eq!(outcome["outcome"], "fullFlash", "{scheme:?}: {outcome:#}");
        assert_eq!(device.seen().tried, n_tried, "{scheme:?}");
        for wrong in [Some("wrong horse"), None] {
            let run = project.deploy(&device, wrong, &[]);
            let error = &run.json()["error"];
            assert_eq!(error["code"], "ota-password", "{scheme:?}: {error}");
            assert_eq!(device.seen().taken.len(), 1, "{scheme:?}");
        }
    }
}

#[test]
fn a_question_that_comes_twice_is_no_wrong_password() {
    let project = Project::new("");
    for scheme in [Scheme::Md5, Scheme::Sha256OfMd5] {
        let device = Device::start(Some((PASSWORD, scheme)), Fault::AsksTwice);
        let outcome = project.deploy(&device, Some(PASSWORD), &[]).json();
        assert_eq!(outcome["outcome"], "fullFlash", "{scheme:?}: {outcome:#}");
    }
}

#[test]
fn a_password_is_shown_nowhere() {
    let project = Project::new("upload_protocol = espota\nupload_flags = --auth=correct-pony\n");
    let device = Device::start(Some((PASSWORD, Scheme::Md5)), Fault::None);
    let state = tempfile::tempdir().unwrap();
    for password in [PASSWORD, "wrong horse"] {
        let port = device.port();
        let path = project.path().to_str().unwrap();
        let mut command = harness::command(&["--log", "trace", "deploy", path, "--port", &port]);
        command.env("XDG_STATE_HOME", state.path());
        command.env("FBUILD_OTA_PASSWORD", password);
        let run = Run::of(&command.output().unwrap());
        let mut shown = run.stdout + &run.stderr;
        for entry in walk(state.path()) {
            shown += &String::from_utf8_lossy(&std::fs::read(entry).unwrap());
        }
        assert!(shown.contains("espota://"), "{shown}");
        for secret in [password, "correct-pony"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let paths = std::fs::read_dir(folder).unwrap();
    let paths = paths.map(|entry| entry.unwrap().path());
    paths
        .flat_map(|path| {
            if path.is_dir() {
                walk(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

#[test]
fn what_cannot_go_over_the_air_is_refused_before_anything_is_sent() {
    let project = Project::new("");
    let device = Device::start(None, Fault::None);
    let refused = |verb, more: &[&str]| {
        let run = project.run(verb, &device, None, more);
        assert_eq!(run.code, Some(2), "{}", run.stderr);
        run.json()["error"]["code"].as_str().unwrap().to_owned()
    };
    for name in ["bootloader", "partitions"] {
        assert_eq!(refused("deploy", &["--regions", name]), "ota-region");
    }
    assert_eq!(
        refused("deploy", &["--regions", "firmware,spiffs"]),
        "ota-region"
    );
    assert_eq!(
        refused("deploy", &["--regions", "nothing"]),
        "unknown-region"
    );
    assert_eq!(refused("verify", &[]), "not-verifiable");
    // A project whose board has one place for an app.
    project.write_table(&[
        (1, 0x02, "nvs", 0x9000, 0x5000),
        (0, 0x00, "factory", 0x1_0000, 0x30_0000),
    ]);
    assert_eq!(
        refused("deploy", &["--regions", "firmware"]),
        "ota-no-space"
    );
    assert_eq!(device.seen().n_datagrams, 0);
}

#[test]
fn a_plan_says_what_would_be_sent() {
    let project = Project::new("");
    let device = Device::start(None, Fault::None);
    let outcome = project.run("plan", &device, None, &[]).json();
    let len_bytes = std::fs::metadata(project.firmware()).unwrap().len();
    let sectors = len_bytes.div_ceil(4096);
    assert_eq!(
        outcome["message"],
        format!("would write firmware: {sectors} of {sectors} sectors")
    );
    assert_eq!(
        outcome["plan"]["writes"][0]["wireBytes"],
        sectors * 4096,
        "{outcome:#}"
    );
    let warnings = outcome["warnings"].to_string();
    assert!(warnings.contains("nothing can be compared"), "{warnings}");
    assert_eq!(device.seen().n_datagrams, 0);
}

/// Whatever happens, a person learns what it was and what the device runs now.
#[test]
fn what_goes_wrong_is_told_apart() {
    const OLD_FIRMWARE: &str = "the new firmware did not replace the old one";
    const UNCHANGED: &str = "the board is unchanged";
    const EITHER: &str = "the device has what it had, or the new image";
    let project = Project::new("");
    for (fault, code, state) in [
        (Fault::Silent, "ota-no-answer", UNCHANGED),
        (Fault::DoesNotConnect, "ota-no-connection", UNCHANGED),
        (Fault::EndsAfter(50_000), "ota-lost", OLD_FIRMWARE),
        (Fault::StopsAfter(50_000), "ota-lost", OLD_FIRMWARE),
        (Fault::SaysOkAfter(50_000), "ota-unconfirmed", EITHER),
        (Fault::Says("OKAY"), "ota-refused", OLD_FIRMWARE),
        (Fault::FlipsBit, "ota-damaged", OLD_FIRMWARE),
        (
            Fault::Says("Not Enough Space\r\n"),
            "ota-no-space",
            OLD_FIRMWARE,
        ),
        (
            Fault::Says("Could Not Activate The Firmware\r\n"),
            "ota-refused",
            OLD_FIRMWARE,
        ),
        (Fault::EndsWithoutAWord, "ota-unconfirmed", EITHER),
        (Fault::WritesShort, "ota-unconfirmed", EITHER),
    ] {
        let device = Device::start(None, fault);
        let run = project.deploy(&device, None, &[]);
        let error = &run.json()["error"];
        assert_eq!(error["code"], code, "{fault:?}: {error:#}");
        let told = error["boardState"].as_str().unwrap();
        assert!(told.contains(state), "{fault:?}: {error:#}");
        assert_eq!(run.code, Some(1), "{fault:?}");
    }
}

/// Whatever a device prints, it has to take something, and to confirm it in the end.
#[test]
fn a_device_that_prints_on_holds_no_deploy() {
    let project = Project::new("");
    for (n_bytes, said) in [
        (50_000, "it took nothing more for 1 s"),
        (usize::MAX, "everything was sent, but 1 s went by"),
    ] {
        let device = Device::start(None, Fault::PrintsOnAfter(n_bytes));
        let run = project.deploy(&device, None, &[]);
        let error = &run.json()["error"];
        let what = error["message"].as_str().unwrap();
        assert!(what.contains(said), "{error:#}");
    }
}

#[test]
fn an_address_where_nobody_listens() {
    let project = Project::new("");
    let device = Device::start(None, Fault::None);
    let port = device.port();
    drop(device);
    let path = project.path().to_str().unwrap();
    let run = run(&["deploy", path, "--port", &port, "--json"]);
    assert_eq!(run.json()["error"]["code"], "ota-no-answer");
}

#[test]
fn a_cancel_half_way_leaves_the_old_firmware() {
    let project = Project::new("");
    let device = Device::start(None, Fault::None);
    let found = discover(project.path(), &Environment::from_process());
    let request = Request::new(found.targets[0].clone(), device.port());
    let cancel = CancelToken::new();
    let mut events = Vec::new();
    let mut hear = |event: Event| {
        if let Event::Progress {
            phase: Phase::Write,
            done_bytes: 100_000..,
            ..
        } = event
        {
            cancel.cancel();
        }
        events.push(event);
    };
    let mut open = || panic!("no port is opened");
    let report = deploy(&request, &mut open, &mut hear, &cancel);
    assert_eq!(report.outcome, OutcomeKind::Cancelled, "{}", report.message);
    assert!(
        report.message.contains("did not replace the old one"),
        "{}",
        report.message
    );
    let finished = events
        .iter()
        .filter(|event| matches!(event, Event::Finished(_)));
    assert_eq!(finished.count(), 1);
    let sent = report.regions[0].sent_bytes;
    assert!(
        sent >= 100_000 && sent < u64::from(report.regions[0].len_bytes),
        "{sent}"
    );
}

/// A device has several names, and takes one image at a time.
#[cfg(unix)] // on Windows another directory holds the state
#[test]
fn a_device_that_another_process_sends_to_is_left_alone() {
    let project = Project::new("");
    let device = Device::start(None, Fault::None);
    let state = tempfile::tempdir().unwrap();
    let found = discover(project.path(), &Environment::from_process());
    let request = Request {
        air_locks: Some(state.path().join("fbuild-lsp/air")),
        ..Request::new(
            found.targets[0].clone(),
            device.port().replace("timeout=1", "timeout=60"),
        )
    };
    let path = project.path().to_str().unwrap();
    // The port that the firewall lets in is in use, too.
    let let_in = TcpListener::bind("127.0.0.1:0").unwrap();
    let host_port = let_in.local_addr().unwrap().port();
    let name = device.port().replace("127.0.0.1", "localhost");
    let name = format!("{name}&host_port={host_port}");
    let other = || {
        let mut command = harness::command(&["deploy", path, "--port", &name, "--json"]);
        command.env("XDG_STATE_HOME", state.path());
        Run::of(&command.output().unwrap()).json()
    };
    let mut refused = None;
    let mut hear = |event: Event| {
        if matches!(
            event,
            Event::Progress {
                phase: Phase::Write,
                done_bytes: 1..,
                ..
            }
        ) {
            refused.get_or_insert_with(other);
        }
    };
    let report = deploy(
        &request,
        &mut || panic!("no port is opened"),
        &mut hear,
        &CancelToken::new(),
    );
    assert_eq!(report.outcome, OutcomeKind::FullFlash, "{}", report.message);
    let refused = refused.unwrap();
    assert_eq!(refused["error"]["code"], "port-busy", "{refused:#}");
    if cfg!(target_os = "linux") {
        let holder = format!("(pid {})", std::process::id());
        let message = refused["error"]["message"].as_str().unwrap();
        assert!(message.contains(&holder), "{message}");
    }
    assert_eq!(device.seen().taken.len(), 1);
    // Afterwards it is free.
    drop(let_in);
    assert_eq!(other()["outcome"], "fullFlash");
}

#[test]
fn there_is_nothing_to_listen_to() {
    let project = Project::new("");
    let path = project.path().to_str().unwrap();
    let monitor = run(&["monitor", path, "--port", "espota://127.0.0.1"]);
    assert_eq!(monitor.code, Some(2), "{}", monitor.stderr);
    assert!(
        monitor.stderr.contains("nothing can be read from it"),
        "{}",
        monitor.stderr
    );
    let both = run(&["deploy", path, "--port", "espota://127.0.0.1", "--monitor"]);
    assert!(
        both.stderr.contains("--monitor needs a serial port"),
        "{}",
        both.stderr
    );
}
