//! Boards that do what a test says.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fbuild_deploy::event::{Event, Phase};
use fbuild_deploy::native::BoardInfo;
use fbuild_deploy::native::erase::{Erased, NotErased, Stretch};
use fbuild_deploy::outcome::{
    Failure, OutcomeKind, PlanSummary, PlannedWrite, RegionReport, Report, Verdict,
};
use fbuild_deploy::request::{Mode, Request};
use fbuild_link::UsbId;
use fbuild_link::lent::Slot;
use fbuild_link::serial::PortInfo;
use fbuild_loader::cancel::CancelToken;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::boards::Boards;

pub(super) type Events<'e> = &'e mut dyn FnMut(Event);
type Act = dyn Fn(&Request, Events<'_>, &CancelToken) -> Report + Send + Sync;

/// Boards whose deploys are the test's closure.
pub(super) struct FakeBoards {
    act: Box<Act>,
    ports: Mutex<Vec<PortInfo>>,
    state: tempfile::TempDir,
}

impl FakeBoards {
    pub(super) fn new(
        act: impl Fn(&Request, Events<'_>, &CancelToken) -> Report + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            act: Box::new(act),
            ports: Mutex::new(vec![adapter("/dev/fake0", None)]),
            state: tempfile::tempdir().unwrap(),
        })
    }

    /// Plugs boards in and out.
    pub(super) fn plug(&self, ports: Vec<PortInfo>) {
        *self.ports.lock().unwrap() = ports;
    }

    /// Deploys that write one region and succeed at once.
    pub(super) fn quick() -> Arc<Self> {
        Self::new(|request, events, _| {
            tell(events);
            report(
                request,
                OutcomeKind::FullFlash,
                "deploy succeeded (full flash)",
            )
        })
    }

    /// Deploys that write on and on, until they are cancelled or released.
    pub(super) fn endless() -> (Arc<Self>, Control) {
        let (started_sender, started) = unbounded_channel::<String>();
        let (ended_sender, ended) = unbounded_channel::<(String, OutcomeKind)>();
        let (release, released) = mpsc::channel::<()>();
        let released = Mutex::new(released);
        let boards = Self::new(move |request, events, cancel| {
            tell(events);
            let _ = started_sender.send(request.port.clone());
            let outcome = write_until(cancel, &released);
            let _ = ended_sender.send((request.port.clone(), outcome));
            report(request, outcome, "the scripted end")
        });
        (
            boards,
            Control {
                started,
                ended,
                release,
            },
        )
    }
}

/// Looks at the token between blocks, as a real write does.
fn write_until(cancel: &CancelToken, released: &Mutex<Receiver<()>>) -> OutcomeKind {
    loop {
        if cancel.is_cancelled() {
            return OutcomeKind::Cancelled;
        }
        let block = released
            .lock()
            .unwrap()
            .recv_timeout(Duration::from_millis(2));
        match block {
            Ok(()) => return OutcomeKind::FullFlash,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => std::thread::sleep(Duration::from_millis(2)),
        }
    }
}

/// The test's view of endless deploys.
pub(super) struct Control {
    pub(super) started: UnboundedReceiver<String>,
    pub(super) ended: UnboundedReceiver<(String, OutcomeKind)>,
    pub(super) release: Sender<()>,
}

pub(super) fn progress(phase: Phase, done_bytes: u64, total_bytes: u64) -> Event {
    Event::Progress {
        region: "firmware".into(),
        phase,
        done_bytes,
        total_bytes,
    }
}

pub(super) fn tell(events: Events<'_>) {
    events(progress(Phase::Verify, 1180 << 10, 1180 << 10));
    events(Event::Planned(plan()));
    events(progress(Phase::Write, 512 << 10, 1180 << 10));
}

pub(super) fn plan() -> PlanSummary {
    let write = PlannedWrite {
        region: "firmware".into(),
        unit: fbuild_deploy::outcome::Unit::Sector,
        sectors: 295,
        sectors_total: 295,
        runs: 1,
        wire_bytes: 700 << 10,
        delta_bytes: 0,
        predicted: Duration::from_secs(9),
    };
    PlanSummary {
        writes: vec![write],
        predicted: Duration::from_secs(9),
        built_by: None,
    }
}

pub(super) fn region() -> RegionReport {
    RegionReport {
        name: "firmware".to_owned(),
        offset: 0x1_0000,
        len_bytes: 8192,
        verdict: Verdict::Differs,
        written: true,
        sent_bytes: 700,
        delta_bytes: 0,
        unit: fbuild_deploy::outcome::Unit::Sector,
        sectors: 2,
        sectors_differing: Some(1),
        sectors_written: 1,
    }
}

pub(super) fn report(request: &Request, outcome: OutcomeKind, message: &str) -> Report {
    Report {
        outcome,
        message: message.to_owned(),
        backend: request.backend,
        target: request.target.name.clone(),
        port: request.port.clone(),
        chip: Some(fbuild_chip::Chip::Esp32.into()),
        mac: Some("24:0a:c4:00:01:10".to_owned()),
        duration: Duration::from_millis(5),
        regions: vec![region()],
        plan: (request.mode == Mode::Plan).then(plan),
        warnings: Vec::new(),
        error: None,
    }
}

/// An adapter as it is used on such boards.
pub(super) fn adapter(name: &str, serial_number: Option<&str>) -> PortInfo {
    let usb = UsbId {
        vid: 0x10C4,
        pid: 0xEA60,
        serial_number: serial_number.map(str::to_owned),
        product: None,
    };
    PortInfo {
        name: name.to_owned(),
        usb: Some(usb),
    }
}

impl Boards for FakeBoards {
    fn ports(&self) -> Vec<PortInfo> {
        self.ports.lock().unwrap().clone()
    }

    fn deploy(
        &self,
        request: &Request,
        _: Option<&Slot>,
        events: Events<'_>,
        cancel: &CancelToken,
    ) -> Report {
        (self.act)(request, events, cancel)
    }

    fn info(&self, port: &str, _: Option<&Slot>, _: &CancelToken) -> Result<BoardInfo, Failure> {
        panic!("no test asks {port}")
    }

    fn erase(
        &self,
        _: &str,
        stretch: Stretch,
        _: Option<&Slot>,
        progress: &mut dyn FnMut(u32, u32),
        _: &CancelToken,
    ) -> Result<Erased, NotErased> {
        let range = match stretch {
            Stretch::All => 0..4 << 20,
            Stretch::Range(range) => range,
        };
        progress(range.len() as u32, range.len() as u32);
        Ok(Erased {
            chip: fbuild_chip::Chip::Esp32,
            mac: "24:0a:c4:00:01:10".to_owned(),
            range,
        })
    }

    fn state_dir(&self) -> Option<&std::path::Path> {
        Some(self.state.path())
    }
}
