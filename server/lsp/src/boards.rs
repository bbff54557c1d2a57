//! The boards within reach: which ports there are, and a deploy to one of them.

use std::path::PathBuf;

use fbuild_deploy::deploy::{self, BoardInfo, Request};
use fbuild_deploy::event::Event;
use fbuild_deploy::outcome::{Failure, Report};
use fbuild_loader::cancel::CancelToken;
use fbuild_loader::link::serial::{self, PortInfo};

use crate::port;

/// What the language server needs of the outside world. Its tests put something else here.
pub(crate) trait Boards: Send + Sync + 'static {
    /// The serial ports of this machine.
    fn ports(&self) -> Vec<PortInfo>;

    /// One deploy or verify from start to end. Blocks; looks at `cancel` at least once per block.
    fn deploy(
        &self,
        request: &Request,
        events: &mut dyn FnMut(Event),
        cancel: &CancelToken,
    ) -> Report;
}

/// The boards on this machine's ports, on the network, and simulated ones.
#[derive(Debug, Clone)]
pub(crate) struct LocalBoards {
    /// Where `sim:` without a file keeps its flash.
    pub(crate) state_dir: PathBuf,
}

impl LocalBoards {
    /// Who answers on a port.
    pub(crate) fn info(&self, port: &str, cancel: &CancelToken) -> Result<BoardInfo, Failure> {
        deploy::board_info(port, &mut || port::open(port, &self.state_dir), cancel)
    }
}

impl Boards for LocalBoards {
    fn ports(&self) -> Vec<PortInfo> {
        serial::list()
    }

    fn deploy(
        &self,
        request: &Request,
        events: &mut dyn FnMut(Event),
        cancel: &CancelToken,
    ) -> Report {
        let mut open = || port::open(&request.port, &self.state_dir);
        deploy::deploy(request, &mut open, events, cancel)
    }
}
