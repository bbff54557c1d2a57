//! A simulated board on a workbench: it stays while links to it come and go, and what a deploy did
//! to its flash is known sector by sector.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use fbuild_deploy::deploy::deploy;
use fbuild_deploy::event::{Event, Phase};
use fbuild_deploy::outcome::{OutcomeKind, PlanSummary, Report};
use fbuild_deploy::request::Request;
use fbuild_link::memory::{MemoryLink, Time};
use fbuild_link::{ESPRESSIF_VID, Link, USB_SERIAL_JTAG_PID, UsbId};
use fbuild_loader::cancel::CancelToken;
use fbuild_loader::packet::op;
use fbuild_sim::{Board, BoardBuilder, Connection, Faults, State};

use crate::firmware::{Build, SECTOR};

pub(crate) struct Bench {
    board: Arc<Mutex<Board>>,
    usb_id: Option<UsbId>,
}

/// One deploy, and what it did.
pub(crate) struct Deployed {
    pub(crate) report: Report,
    pub(crate) plans: Vec<PlanSummary>,
    pub(crate) before: Vec<u8>,
    pub(crate) after: Vec<u8>,
    /// Offsets of the sectors that were erased.
    pub(crate) erased: BTreeSet<u32>,
    pub(crate) ops: BTreeMap<u8, u32>,
}

/// A deploy that cancels at the n-th event, from 0; its report and its plans.
pub(crate) fn run(
    request: &Request,
    mut open: impl FnMut() -> Box<dyn Link>,
    cancel_at: usize,
) -> (Report, Vec<PlanSummary>) {
    let cancel = CancelToken::new();
    let (mut events, mut order, mut plans) = (0, Order::default(), Vec::new());
    let mut on_event = |event| {
        if events == cancel_at {
            cancel.cancel();
        }
        events += 1;
        order.check(&event);
        if let Event::Planned(plan) = event {
            plans.push(plan);
        }
    };
    let report = deploy(request, &mut || Ok(open()), &mut on_event, &cancel);
    assert!(order.is_finished, "no final event");
    (report, plans)
}

impl Bench {
    /// A board behind a USB-to-UART bridge.
    pub(crate) fn new(board: BoardBuilder) -> Self {
        Self {
            board: Arc::new(Mutex::new(board.build().unwrap())),
            usb_id: None,
        }
    }

    /// A board that is plugged in by the chip's own USB-Serial/JTAG.
    pub(crate) fn over_usb(board: BoardBuilder) -> Self {
        let usb_id = UsbId {
            vid: ESPRESSIF_VID,
            pid: USB_SERIAL_JTAG_PID,
            ..UsbId::default()
        };
        Self {
            usb_id: Some(usb_id),
            ..Self::new(board.connection(Connection::SerialJtag))
        }
    }

    pub(crate) fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap()
    }

    /// Opens its port.
    pub(crate) fn link(&self) -> Box<dyn Link> {
        let link = MemoryLink::new("sim:", Arc::clone(&self.board), Time::Accounted);
        match &self.usb_id {
            Some(usb_id) => Box::new(link.with_usb_id(usb_id.clone())),
            None => Box::new(link),
        }
    }

    pub(crate) fn faults(&self, faults: Faults) {
        self.board().set_faults(faults);
    }

    pub(crate) fn deploy(&self, request: &Request) -> Deployed {
        self.deploy_until(request, usize::MAX)
    }

    /// Cancels at the n-th event, from 0.
    pub(crate) fn deploy_until(&self, request: &Request, cancel_at: usize) -> Deployed {
        self.board().reset_stats();
        let before = self.board().flash().contents().to_vec();
        let (report, plans) = run(request, || self.link(), cancel_at);
        let board = self.board();
        Deployed {
            report,
            plans,
            before,
            after: board.flash().contents().to_vec(),
            erased: board.flash().erased_sectors().collect(),
            ops: board.stats().commands_by_op.clone(),
        }
    }

    /// The firmware at this offset was started and runs.
    pub(crate) fn assert_runs(&self, app_offset: u32) {
        assert_eq!(self.board().state(), State::Firmware { app_offset });
    }
}

/// What [`Event`] promises of their order.
#[derive(Debug, Default)]
#[allow(clippy::struct_excessive_bools)] // independent facts
pub(crate) struct Order {
    is_connecting: bool,
    is_connected: bool,
    is_planned: bool,
    is_warned: bool,
    pub(crate) is_finished: bool,
    done: BTreeMap<(Arc<str>, &'static str), u64>,
}

impl Order {
    pub(crate) fn check(&mut self, event: &Event) {
        assert!(!self.is_finished, "after the last one: {event:?}");
        match event {
            Event::Connecting { .. } => {
                assert!(!self.is_connecting && !self.is_connected, "{event:?}");
                self.is_connecting = true;
            }
            Event::Connected(_) => {
                assert!(self.is_connecting, "{event:?}");
                self.is_connected = true;
                self.is_planned = false;
                self.done.clear();
            }
            Event::Planned(_) => {
                assert!(self.is_connected && !self.is_planned, "{event:?}");
                self.is_planned = true;
            }
            Event::Progress {
                region,
                phase,
                done_bytes,
                total_bytes,
            } => {
                assert!(self.is_connected, "{event:?}");
                assert!(done_bytes <= total_bytes, "{event:?}");
                assert!(self.is_planned || *phase == Phase::Verify, "{event:?}");
                let phase = match phase {
                    Phase::Verify => "verify",
                    Phase::Write => "write",
                    Phase::Check => "check",
                };
                let before = self.done.insert((region.clone(), phase), *done_bytes);
                let is_less = before.is_some_and(|before| before > *done_bytes);
                assert!(!is_less || self.is_warned, "{before:?}, then {event:?}");
            }
            Event::Note(_) => self.is_warned = true,
            Event::Finished(_) => self.is_finished = true,
        }
    }
}

impl Deployed {
    pub(crate) fn outcome(&self) -> OutcomeKind {
        self.report.outcome
    }

    #[track_caller]
    pub(crate) fn assert_message(&self, expected: &str) {
        assert_eq!(self.report.message, expected, "{:#?}", self.report);
    }

    /// A stub was uploaded.
    pub(crate) fn used_stub(&self) -> bool {
        self.ops.contains_key(&op::MEM_END)
    }

    pub(crate) fn count(&self, op: u8) -> u32 {
        self.ops.get(&op).copied().unwrap_or(0)
    }

    /// Offsets of the sectors that were erased or hold something else than before.
    pub(crate) fn touched(&self) -> BTreeSet<u32> {
        let pairs = self.before.chunks(SECTOR).zip(self.after.chunks(SECTOR));
        let changed = pairs
            .enumerate()
            .filter(|(_, (before, after))| before != after)
            .map(|(n, _)| (n * SECTOR) as u32);
        self.erased.iter().copied().chain(changed).collect()
    }

    /// Nothing was erased and nothing was programmed.
    #[track_caller]
    pub(crate) fn assert_untouched(&self) {
        assert_eq!(self.touched(), BTreeSet::new(), "{:#?}", self.report);
    }

    /// What was touched lies within the regions, and is not more than the plan said for each.
    #[track_caller]
    pub(crate) fn assert_within_plan(&self) {
        let mut by_region: BTreeMap<&str, u32> = BTreeMap::new();
        for sector in self.touched() {
            let mut regions = self.report.regions.iter();
            let region = regions
                .find(|r| (r.offset..r.offset + r.sectors * SECTOR as u32).contains(&sector))
                .unwrap_or_else(|| panic!("{sector:#x} is in no region: {:#?}", self.report));
            *by_region.entry(&region.name).or_default() += 1;
        }
        for (region, touched) in by_region {
            let mut writes = self.plans.iter().flat_map(|plan| &plan.writes);
            let planned = writes
                .find(|write| *write.region == *region)
                .map_or(0, |write| write.sectors);
            assert!(touched <= planned, "{region}: {touched} > {planned}");
        }
    }

    /// Every region is in flash byte for byte.
    #[track_caller]
    pub(crate) fn assert_holds(&self, build: &Build) {
        for region in &build.target.regions {
            let bytes = std::fs::read(region.source.path()).unwrap();
            let start = region.offset as usize;
            assert!(
                self.after[start..start + bytes.len()] == bytes,
                "{} is not on the board: {:#?}",
                region.name,
                self.report
            );
        }
    }
}
