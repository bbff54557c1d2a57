//! What can go wrong with a boot loader on USB, and what to do about it.

use std::io;
use std::path::PathBuf;

use fbuild_project::remedy::Remedy;

use super::tool::Tool;

/// Why a board did not take a program.
#[derive(Debug, thiserror::Error)]
pub enum UsbError {
    /// The program that speaks to its boot loader is not there.
    #[error("{tool} was not found; looked for it {looked}")]
    Missing {
        /// Which one.
        tool: Tool,
        /// Where it was looked for.
        looked: &'static str,
    },
    /// There is something by its name that does not work.
    #[error("{program} does not work as {tool}: {why}")]
    Unusable {
        /// Which one.
        tool: Tool,
        /// As it would be typed.
        program: String,
        /// What happened.
        why: String,
    },
    /// It does not know this board.
    #[error("{program} is too old: it does not know the {board}")]
    TooOld {
        /// Which one.
        tool: Tool,
        /// As it would be typed.
        program: String,
        /// Of the target.
        board: String,
    },
    /// The file for it could not be written.
    #[error("the file for {tool} could not be written: {source}")]
    Files {
        /// Which one.
        tool: Tool,
        /// Why not.
        source: io::Error,
    },
    /// No boot loader is there.
    #[error("no {board} is in boot loader mode: {why}")]
    NoBoard {
        /// Which one is wanted.
        board: String,
        /// How that is known.
        why: String,
        /// What to press.
        press: &'static str,
    },
    /// One is there, and this user may not talk to it.
    #[error("{tool} may not open the board's boot loader: {why}")]
    Denied {
        /// Which program.
        tool: Tool,
        /// In its words.
        why: String,
    },
    /// Nobody knows which one is meant.
    #[error("several boards are in boot loader mode: {}", .volumes.join(", "))]
    Several {
        /// Where they are mounted.
        volumes: Vec<String>,
    },
    /// A directory that takes no program.
    #[error("{} is not the volume of an RP2040 or RP2350: {why}", .path.display())]
    NotAVolume {
        /// The directory.
        path: PathBuf,
        /// How that is known.
        why: String,
    },
    /// A volume did not take the file.
    #[error("writing to {} failed after {sent_bytes} of {total_bytes} bytes: {why}", .path.display())]
    Copy {
        /// Where it is mounted.
        path: PathBuf,
        /// Bytes that were written.
        sent_bytes: usize,
        /// Bytes of the file.
        total_bytes: usize,
        /// In the system's words.
        why: io::Error,
    },
    /// It took the file, and stayed.
    #[error(
        "everything was written to {}, but it is still there after {seconds} s: the board did not take the program",
        .path.display()
    )]
    NotTaken {
        /// Where it is mounted.
        path: PathBuf,
        /// How long it was waited for.
        seconds: u64,
    },
    /// A program failed.
    #[error("{tool} failed ({how}): {why}")]
    Failed {
        /// Which one.
        tool: Tool,
        /// `exit code 1`.
        how: String,
        /// In its words.
        why: String,
    },
}

impl UsbError {
    /// Whether it happened before any board was looked for.
    pub fn is_local(&self) -> bool {
        matches!(
            self,
            Self::Missing { .. }
                | Self::Unusable { .. }
                | Self::TooOld { .. }
                | Self::Files { .. }
                | Self::NotAVolume { .. }
        )
    }

    /// Code, whether the request is to blame, and what to do.
    pub fn advice(&self) -> (&'static str, bool, Remedy) {
        let (code, is_input, remedy) = match self {
            Self::Missing { tool, .. } => {
                ("tool-missing", true, format!("install it: {}", tool.install()))
            }
            Self::Unusable { tool, .. } => {
                ("tool-unusable", true, format!("install it anew: {}", tool.install()))
            }
            Self::TooOld { tool, .. } => {
                ("tool-too-old", true, format!("install a newer one: {}", tool.install()))
            }
            Self::Files { .. } => (
                "files",
                false,
                "make room in the directory for temporary files, or choose another with TMPDIR"
                    .to_owned(),
            ),
            Self::NoBoard { press, .. } => ("no-loader", false, (*press).to_owned()),
            Self::Denied { tool, .. } => ("usb-permission", false, tool.permission().to_owned()),
            Self::Several { .. } => (
                "several-volumes",
                true,
                "name one of them as the port, or unplug the others".to_owned(),
            ),
            Self::NotAVolume { .. } => (
                "not-a-volume",
                true,
                "name the directory in which the board's volume is mounted (RPI-RP2 or RP2350)"
                    .to_owned(),
            ),
            Self::Copy { .. } => (
                "uf2-copy",
                false,
                "check that the volume is mounted for writing; put the board into boot loader mode \
                 again, and deploy again"
                    .to_owned(),
            ),
            Self::NotTaken { .. } => (
                "uf2-not-taken",
                false,
                "check that the program fits into the board's flash and, with secure boot, that it is \
                 signed; put the board into boot loader mode again, and deploy again"
                    .to_owned(),
            ),
            Self::Failed { .. } => (
                "tool-failed",
                false,
                "check the cable, put the board into boot loader mode again, and deploy again".to_owned(),
            ),
        };
        (code, is_input, remedy.into())
    }
}
