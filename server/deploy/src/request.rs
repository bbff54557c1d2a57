//! What a caller asks for.

use std::path::PathBuf;

use fbuild_link::Link;
use fbuild_link::error::OpenError;
use fbuild_link::port_name::PortName;
use fbuild_loader::reset::{After, Before};

use crate::outcome::Backend;
use fbuild_project::password::Password;
use fbuild_project::target::Target;

/// What to deploy, where, and how.
#[derive(Debug, Clone)]
#[allow(clippy::struct_excessive_bools)] // independent choices
pub struct Request {
    /// What to put onto the board.
    pub target: Target,
    /// Names of the regions to deploy; `None`: all of them.
    pub regions: Option<Vec<String>>,
    /// How much to compare and write.
    pub mode: Mode,
    /// Name of the port, for events and messages.
    pub port: String,
    /// Baud rate.
    pub baud: Baud,
    /// How to get the board into download mode.
    pub before: Before,
    /// What to do with it at the end.
    pub after: After,
    /// File in which the baud rates that worked are remembered.
    pub rate_memory: Option<PathBuf>,
    /// Whether images that boards were given are kept and used: they make a search shorter.
    pub keep_images: bool,
    /// Directory in which they are kept; `None`: nowhere.
    pub old_images: Option<PathBuf>,
    /// Whether an image that the board holds may be changed by sending the differences only.
    pub delta: bool,
    /// Whether that may be on chips, too, on which it was never seen to work.
    pub delta_on_any_chip: bool,
    /// Go on where the board may not start afterwards, as far as its eFuses or what it is going to
    /// hold tell.
    pub force: bool,
    /// Stop before writing where a new partition table makes the firmware lose data on the board;
    /// otherwise that is a warning.
    pub keep_data: bool,
    /// Who talks to the board.
    pub backend: Backend,
    /// For [`Backend::Esptool`]: the program that a person named; `None`: the one that is found.
    pub esptool: Option<PathBuf>,
    /// Where processes of this user see whether another one sends to a device over the air; `None`: they do not.
    pub air_locks: Option<PathBuf>,
    /// Password of a device that takes firmware over the air.
    pub ota_password: Option<Password>,
}

impl Request {
    /// A request with the usual settings.
    pub fn new(target: Target, port: impl Into<String>) -> Self {
        Self {
            target,
            regions: None,
            mode: Mode::Auto,
            port: port.into(),
            baud: Baud::Auto,
            before: Before::Reset,
            after: After::Reset,
            rate_memory: None,
            keep_images: true,
            old_images: None,
            delta: true,
            delta_on_any_chip: false,
            force: false,
            keep_data: false,
            backend: Backend::Native,
            esptool: None,
            air_locks: None,
            ota_password: None,
        }
    }

    /// Who talks to the board: what port and board allow comes before what was asked for.
    pub fn carrier(&self) -> Backend {
        if PortName::of(&self.port).is_over_the_air() {
            Backend::Espota
        } else if self.target.usb.is_some() && self.backend == Backend::Native {
            Backend::Usb
        } else {
            self.backend
        }
    }
}

/// Which regions of a target a backend carries.
pub(crate) struct Choice {
    /// Their names; `None`: all of them.
    pub(crate) regions: Option<Vec<String>>,
    /// What there is to say about the others.
    pub(crate) note: Option<String>,
}

impl Choice {
    /// All that was asked for.
    pub(crate) fn as_asked(request: &Request) -> Self {
        Self {
            regions: request.regions.clone(),
            note: None,
        }
    }
}

/// How much to compare and write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Compare, write what differs, prove it.
    #[default]
    Auto,
    /// Write everything without comparing, prove it.
    Full,
    /// Compare only.
    Verify,
    /// Compare, and say what would be written.
    Plan,
}

/// Baud rate of the work after the first contact, which is always at 115200.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Baud {
    /// As fast as the link carries.
    #[default]
    Auto,
    /// This and nothing else.
    Fixed(u32),
}

impl Baud {
    /// Rates that a board and an adapter may do.
    pub const POSSIBLE: std::ops::RangeInclusive<u32> = 9600..=5_000_000;
    /// What a baud rate is, for people.
    pub const EXPECTED: &str = "\"auto\" or a number from 9600 to 5000000";

    /// A fixed rate, if it is a possible one.
    pub fn fixed(rate: u32) -> Option<Self> {
        Self::POSSIBLE.contains(&rate).then_some(Self::Fixed(rate))
    }
}

/// Opens the port of a request.
pub type Open<'o> = dyn FnMut() -> Result<Box<dyn Link>, OpenError> + 'o;
