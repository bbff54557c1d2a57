//! Why a deploy ended early, and how that is told to a person.

use fbuild_link::error::OpenError;
use fbuild_link::port_name::PortName;
use fbuild_loader::error::LoaderError;
use fbuild_project::input_error::InputError;
use fbuild_project::remedy::{Remedy, Way};

use crate::espota::error::OtaError;
use crate::esptool::error::EsptoolError;
use crate::outcome::{Failure, Unit};
use crate::usb::error::UsbError;

/// Code of the failure of a deploy that was to keep the data on the board and could not.
pub const DATA_LOSS: &str = "data-loss";

/// What stopped a deploy.
#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    /// The request or its files.
    #[error(transparent)]
    Input(Box<InputError>),
    /// The port could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Link or loader.
    #[error(transparent)]
    Loader(#[from] LoaderError),
    /// esptool, where it does the work.
    #[error(transparent)]
    Esptool(#[from] EsptoolError),
    /// A device that takes firmware over the air.
    #[error(transparent)]
    Ota(#[from] OtaError),
    /// A board whose boot loader is on USB.
    #[error(transparent)]
    Usb(#[from] UsbError),
    /// What was written does not read back, twice.
    #[error("{region}: {} written twice and still not right: {}", units_text(*.unit, .offsets), offsets_text(.offsets))]
    NotProved {
        /// The region.
        region: String,
        /// What it is counted in.
        unit: Unit,
        /// Flash offsets of the sectors that do not read back.
        offsets: Vec<u32>,
    },
    /// A new partition table would make the firmware lose data, and that was not wanted.
    #[error("{what}")]
    DataLoss {
        /// Which partitions, and what becomes of them.
        what: String,
    },
}

impl From<InputError> for DeployError {
    fn from(error: InputError) -> Self {
        if error.is_cancelled() {
            Self::Loader(LoaderError::Cancelled)
        } else {
            Self::Input(Box::new(error))
        }
    }
}

fn units_text(unit: Unit, offsets: &[u32]) -> String {
    let noun = unit.noun();
    if offsets.len() == 1 {
        format!("1 {noun} was")
    } else {
        format!("{} {noun}s were", offsets.len())
    }
}

fn offsets_text(offsets: &[u32]) -> String {
    const SHOWN: usize = 8;
    let mut text: Vec<String> = offsets
        .iter()
        .take(SHOWN)
        .map(|o| format!("{o:#x}"))
        .collect();
    if offsets.len() > SHOWN {
        text.push(format!("and {} more", offsets.len() - SHOWN));
    }
    text.join(", ")
}

/// How far the board was changed when it happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BoardState {
    /// No byte of its flash was erased or written.
    Untouched,
    /// Writing had begun; this region was last.
    Writing {
        /// The region.
        region: String,
    },
    /// An image was sent over the air.
    Sent(Air),
    /// Writing a whole program had begun, of which nothing can be compared.
    Begun,
    /// Everything was written, and not proved (yet).
    Written,
    /// Everything was written, and every byte of it proved.
    Proved,
}

/// How far an image came over the air.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Air {
    /// A part of an app, or one that the device did not accept.
    AppInPart,
    /// The same with a file system.
    FilesInPart,
    /// Nobody knows what the device made of it.
    Unconfirmed,
}

impl Air {
    fn text(self) -> &'static str {
        match self {
            Self::AppInPart => {
                "the new firmware did not replace the old one, which the device goes on with"
            }
            Self::FilesInPart => {
                "the file system was replaced in part: the firmware may find it damaged until it is deployed \
                 again"
            }
            Self::Unconfirmed => "the device has what it had, or the new image",
        }
    }
}

impl BoardState {
    fn text(&self) -> String {
        match self {
            Self::Untouched => "nothing was written; the board is unchanged".to_owned(),
            Self::Writing { region } => format!(
                "writing had begun ({region}); the board may not start until the next deploy, which \
                 writes only what is missing"
            ),
            Self::Sent(air) => air.text().to_owned(),
            Self::Begun => {
                "writing had begun; the board may not start until the next deploy, which \
                            writes everything again"
                    .to_owned()
            }
            Self::Written => "everything was written, but not fully verified; the board may not \
                              start until the next deploy, which writes what is missing"
                .to_owned(),
            Self::Proved => "everything was written and proved".to_owned(),
        }
    }
}

/// Text for a job that was cancelled; `verb` is what it was doing.
pub fn cancelled(verb: &str, state: &BoardState) -> String {
    format!("{verb} cancelled; {}", state.text())
}

impl DeployError {
    /// Whether it is the answer to a cancellation and no failure.
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Loader(LoaderError::Cancelled))
    }

    /// As front ends show it. `port` is the port as it was asked for.
    pub fn into_failure(self, port: &str, state: &BoardState) -> Failure {
        let what = match &self {
            // These name the port themselves.
            Self::Input(_)
            | Self::Open(_)
            | Self::Usb(_)
            | Self::NotProved { .. }
            | Self::DataLoss { .. }
            | Self::Loader(
                LoaderError::Link { .. }
                | LoaderError::BaudRate { .. }
                | LoaderError::NoAvrLoader { .. }
                | LoaderError::NoLoader { .. },
            )
            | Self::Esptool(EsptoolError::NoLoader { .. }) => self.to_string(),
            Self::Esptool(error) if error.is_local() => self.to_string(),
            // A simulated board's name may end with a colon of its own.
            Self::Loader(_) | Self::Esptool(_) | Self::Ota(_) => {
                format!("{}: {self}", port.strip_suffix(':').unwrap_or(port))
            }
        };
        let board_state = match &self {
            Self::Input(_) | Self::Open(_) if *state == BoardState::Untouched => String::new(),
            Self::Esptool(error) if error.is_local() && *state == BoardState::Untouched => {
                String::new()
            }
            Self::Usb(error) if error.is_local() && *state == BoardState::Untouched => {
                String::new()
            }
            _ => state.text(),
        };
        let (code, is_input, remedy) = match self {
            Self::Input(error) => (error.code(), true, error.remedy().clone()),
            Self::Open(error) => open_advice(&error),
            Self::Loader(error) => loader_advice(&error),
            Self::Esptool(error) => error.advice(),
            Self::Ota(error) => error.advice(),
            Self::Usb(error) => error.advice(),
            Self::NotProved { unit, .. } => (
                "not-proved",
                false,
                format!(
                    "the flash chip may be worn out or badly powered: try another cable and supply; if \
                     the same {}s fail again, replace the board",
                    unit.noun()
                )
                .into(),
            ),
            Self::DataLoss { .. } => (
                DATA_LOSS,
                false,
                Remedy::from("back up what is worth keeping, or ").way(Way::AcceptLoss),
            ),
        };
        Failure {
            code,
            is_input,
            what,
            board_state,
            remedy,
        }
    }
}

fn open_advice(error: &OpenError) -> (&'static str, bool, Remedy) {
    match error {
        OpenError::NotFound { port } if port == "sim" => (
            "port-not-found",
            true,
            "a simulated board is `sim:`, with a colon".into(),
        ),
        OpenError::NotFound { .. } => (
            "port-not-found",
            true,
            Remedy::from("plug the board in, or ").way(Way::ChoosePort),
        ),
        OpenError::Busy { holders, .. } => {
            let remedy = match &holders[..] {
                [] => {
                    "close the serial monitor or the other program that holds the port".into()
                }
                [only] if only.doing.is_some() => {
                    "wait until it is done, or cancel it there".into()
                }
                [only] => format!("close {}", only.program).into(),
                _ => "close these programs".into(),
            };
            ("port-busy", false, remedy)
        }
        OpenError::Permission { .. } => (
            "port-permission",
            false,
            "on Linux add yourself to the group that owns the port (usually `dialout` or `uucp`), \
             then log in again; in a container pass the device through"
                .into(),
        ),
        OpenError::BadName { port, .. } if PortName::of(port).is_sim() => (
            "port-name",
            true,
            "name it as sim:FILE?option=value, with a regular file and options that exist"
                .into(),
        ),
        OpenError::BadName { port, .. } if PortName::of(port).is_over_the_air() => (
            "port-name",
            true,
            "deploy to espota://HOST or espota://HOST:PORT; for everything else name the board's serial port"
                .into(),
        ),
        OpenError::BadName { .. } => (
            "port-name",
            true,
            "use a device path, COM5, what `fbuild-lsp ports --json` knows of a port (ser=SERIAL, \
             usb=VID:PID[:SERIAL], loc=1-2.3), rfc2217://HOST:PORT, socket://HOST:PORT, espota://HOST to deploy \
             over the air, or sim: for a simulated board"
                .into(),
        ),
        OpenError::Other { port, .. } => {
            let advice = match PortName::of(port) {
                PortName::Socket(_) | PortName::Rfc2217(_) => {
                    "check that the server at the far end runs and has no other client, and that \
                     HOST:PORT is right"
                }
                PortName::Espota(_) => {
                    "check that HOST is right and that this machine can reach it; a host_port must be free"
                }
                PortName::Sim { .. } => "name another file, as in sim:board.bin",
                _ => "check the cable, and that the port works at all",
            };
            ("port-open", false, advice.into())
        }
    }
}

fn loader_advice(error: &LoaderError) -> (&'static str, bool, Remedy) {
    const AGAIN: &str = "deploy again; the next deploy repairs what is incomplete";
    match error {
        LoaderError::Cancelled => ("cancelled", false, Remedy::default()),
        LoaderError::Link { .. } => {
            ("link-lost", false, format!("check cable and connector, then {AGAIN}").into())
        }
        LoaderError::BaudRate { .. } => {
            ("baud-rate", false, "choose a lower baud rate, or auto".into())
        }
        LoaderError::NoLoader { state, .. } => ("no-loader", false, state.remedy().into()),
        LoaderError::NoAvrLoader { .. } => (
            "no-loader",
            false,
            "check that the port and the project's board are the right ones (a Nano with the old boot \
             loader is another board than one with the new one), and that nothing is connected to the \
             pins RX and TX; where no line resets the board, press its reset button just before"
                .into(),
        ),
        LoaderError::Timeout { .. } => (
            "timeout",
            false,
            format!("check cable and supply; with a long cable choose a lower baud rate; then {AGAIN}").into(),
        ),
        LoaderError::Refused { .. } => ("refused", false, AGAIN.into()),
        LoaderError::BadReply { .. } => {
            ("bad-reply", false, format!("choose a lower baud rate, then {AGAIN}").into())
        }
        LoaderError::UnknownChip { .. } => (
            "unknown-chip",
            false,
            "is this an ESP32-family board or an ESP8266? Chips newer than this program are not supported"
                .into(),
        ),
        LoaderError::Unsupported { .. } => ("unsupported", false, Remedy::default()),
        LoaderError::NoFlash { .. } => (
            "no-flash",
            false,
            "check the flash chip's wiring and supply; on a module, nothing else may use its flash \
             pins"
                .into(),
        ),
    }
}
