//! The boards within reach: which ports there are, and a deploy to one of them.

use std::path::{Path, PathBuf};

use fbuild_deploy::deploy;
use fbuild_deploy::event::Event;
use fbuild_deploy::kept_elfs::KeptElfs;
use fbuild_deploy::native::erase::{Erased, NotErased, Stretch, erase};
use fbuild_deploy::native::{BoardInfo, board_info};
use fbuild_deploy::outcome::{Backend, Failure, OutcomeKind, Report};
use fbuild_deploy::request::{Mode, Request};
use fbuild_link::Link;
use fbuild_link::error::OpenError;
use fbuild_link::lent::Slot;
use fbuild_link::port_name::PortName;
use fbuild_link::serial::{self, PortInfo};
use fbuild_loader::cancel::CancelToken;

use crate::holding::{Holding, own};
use crate::monitor::elfs::Elfs;
use crate::port;
use crate::progress::Tracker;

/// What the language server needs of the outside world. Its tests put something else here.
pub(crate) trait Boards: Send + Sync + 'static {
    /// The serial ports of this machine.
    fn ports(&self) -> Vec<PortInfo>;

    /// One deploy or verify from start to end. Blocks; looks at `cancel` at least once per block. Here and below it
    /// goes over the link in `lent`, if there is one, which is there again afterwards: what the board has printed
    /// since its reset can be read from it.
    fn deploy(
        &self,
        request: &Request,
        lent: Option<&Slot>,
        events: &mut dyn FnMut(Event),
        cancel: &CancelToken,
    ) -> Report;

    /// Who answers on a port.
    fn info(
        &self,
        port: &str,
        lent: Option<&Slot>,
        cancel: &CancelToken,
    ) -> Result<BoardInfo, Failure>;

    /// Erases flash; `progress` hears bytes done and bytes to do.
    fn erase(
        &self,
        port: &str,
        stretch: Stretch,
        lent: Option<&Slot>,
        progress: &mut dyn FnMut(u32, u32),
        cancel: &CancelToken,
    ) -> Result<Erased, NotErased>;

    /// Where things are remembered between runs, if anywhere.
    fn state_dir(&self) -> Option<&Path>;
}

/// The boards on this machine's ports, on the network, and simulated ones.
#[derive(Debug, Clone)]
pub(crate) struct LocalBoards {
    /// Where `sim:` without a file keeps its flash, and where things are remembered.
    pub(crate) state_dir: Option<PathBuf>,
}

impl Boards for LocalBoards {
    fn ports(&self) -> Vec<PortInfo> {
        serial::list()
    }

    fn deploy(
        &self,
        request: &Request,
        lent: Option<&Slot>,
        events: &mut dyn FnMut(Event),
        cancel: &CancelToken,
    ) -> Report {
        // A build may go on while this does, and after it: what the board will run is set aside now.
        let elfs_dir = self.state_dir().filter(|_| request.keep_images);
        let elfs_dir = elfs_dir.map(|dir| dir.join(Elfs::KEPT));
        let kept = elfs_dir.as_deref().map(KeptElfs::new);
        let copying = kept.as_ref().and_then(|kept| kept.copy(request));
        let report = self.carry_out(request, lent, events, cancel);
        if let (Some(kept), Some(copying)) = (kept, copying) {
            let has_not = matches!(report.outcome, OutcomeKind::Failed | OutcomeKind::Cancelled);
            kept.conclude(copying, !has_not);
        }
        report
    }

    fn info(
        &self,
        port: &str,
        lent: Option<&Slot>,
        cancel: &CancelToken,
    ) -> Result<BoardInfo, Failure> {
        let holding = self.holding(port, "identifying the board".to_owned());
        let mut info = board_info(port, &mut opening(&holding, lent), cancel);
        if let Err(failure) = &mut info {
            holding.name_others(failure);
        }
        info
    }

    fn erase(
        &self,
        port: &str,
        stretch: Stretch,
        lent: Option<&Slot>,
        progress: &mut dyn FnMut(u32, u32),
        cancel: &CancelToken,
    ) -> Result<Erased, NotErased> {
        let holding = self.holding(port, "erasing the board's flash".to_owned());
        let mut open = opening(&holding, lent);
        let mut erased = erase(port, stretch, &mut open, progress, cancel);
        if let Err(NotErased::Failed(failure)) = &mut erased {
            holding.name_others(failure);
        }
        erased
    }

    fn state_dir(&self) -> Option<&Path> {
        self.state_dir.as_deref()
    }
}

impl LocalBoards {
    /// A deploy, whatever is kept of it.
    fn carry_out(
        &self,
        request: &Request,
        lent: Option<&Slot>,
        events: &mut dyn FnMut(Event),
        cancel: &CancelToken,
    ) -> Report {
        if request.carrier() == Backend::Esptool && PortName::of(&request.port).is_sim() {
            drop(lent.and_then(Slot::take));
            // esptool knows devices only. The board goes when this returns.
            let mut board = None;
            let mut serve = || {
                let server = port::serve(&request.port, self.state_dir())?;
                let address = server.address().to_owned();
                board = Some(server);
                Ok(address)
            };
            return deploy::deploy_served(request, &mut serve, events, cancel);
        }
        let state_dir = self.state_dir();
        let images_dir = state_dir.filter(|_| request.keep_images);
        let request = Request {
            rate_memory: state_dir.map(|dir| dir.join("rates.json")),
            old_images: images_dir.map(|dir| dir.join("images")),
            air_locks: state_dir.map(|dir| dir.join("air")),
            ..request.clone()
        };
        let root = request.target.root.display();
        let doing = match request.mode {
            Mode::Auto | Mode::Full => format!("deploying {root}"),
            Mode::Verify => format!("verifying {root}"),
            Mode::Plan => format!("planning a deploy of {root}"),
        };
        let holding = self.holding(&request.port, doing);
        let is_esptool = request.carrier() == Backend::Esptool;
        let mut child = None;
        let mut tracker = Tracker::of(&request);
        let mut tenths = 0;
        let mut failed = None;
        let mut hear = |mut event: Event| {
            if let Event::Finished(report) = &mut event
                && let Some(failure) = &mut report.error
            {
                holding.name_others(failure);
                failed = Some(failure.clone());
            }
            if is_esptool && matches!(event, Event::Connecting { .. }) {
                child = Some(Child::new(&holding, lent));
            }
            let step = tracker.hear(&event);
            let is_one = matches!(event, Event::Planned(_) | Event::Finished(_));
            // Whoever gave the port for this sees how far it is, in some lines.
            if is_one || step.percent / 10 > tenths {
                tenths = step.percent / 10;
                holding.tell(&step.text);
            }
            events(event);
        };
        let mut report = deploy::deploy(&request, &mut opening(&holding, lent), &mut hear, cancel);
        report.error = failed.or(report.error);
        drop(child);
        // No monitor of this process goes on with it: it goes back as it is, open.
        if report.error.is_some() && holding.is_turn() {
            drop(lent.and_then(Slot::take));
        }
        report
    }

    /// The ports of this machine, if they are needed to find the one that was asked for: to list them takes a while.
    pub(crate) fn ports_for(&self, asked: Option<&str>) -> Vec<PortInfo> {
        if asked.is_none_or(|name| PortName::of(name).is_described()) {
            self.ports()
        } else {
            Vec::new()
        }
    }

    pub(crate) fn holding(&self, port: &str, doing: String) -> Holding<'_> {
        Holding::new(self.state_dir(), port, doing)
    }
}

/// A program of its own that opens the port for a job. A monitor's link waits beside it, open, and is its own again
/// when this is dropped.
struct Child<'l>(Option<&'l Slot>);

impl<'l> Child<'l> {
    fn new(holding: &Holding<'_>, lent: Option<&'l Slot>) -> Self {
        match lent.and_then(|slot| Some((slot, slot.take()?))) {
            Some((slot, mut link)) => {
                holding.note_for_child();
                if link.share() {
                    slot.put(link);
                }
            }
            None => holding.ask_for_child(),
        }
        Self(lent)
    }
}

impl Drop for Child<'_> {
    fn drop(&mut self) {
        if let Some(slot) = self.0
            && let Some(link) = slot.take().and_then(own)
        {
            slot.put(link);
        }
    }
}

/// The link that is lent, first; after an error the port is opened anew.
fn opening<'l>(
    holding: &'l Holding<'_>,
    lent: Option<&'l Slot>,
) -> impl FnMut() -> Result<Box<dyn Link>, OpenError> + 'l {
    let mut is_first = true;
    move || {
        let Some(slot) = lent else {
            return holding.open();
        };
        let is_first = std::mem::take(&mut is_first);
        // Another may have one that was shared.
        let link = match slot.take().filter(|_| is_first).and_then(own) {
            Some(link) => link,
            None => holding.open()?,
        };
        Ok(slot.lend(link))
    }
}
