//! What can go wrong between host and chip. Facts only; advice is added where the front end is known.

use std::io;
use std::time::Duration;

use fbuild_chip::Device;
use fbuild_chip::avr::Protocol;

use crate::boot_log::BootState;
use crate::packet::{op, op_name};

/// Why an operation on a chip failed.
#[derive(Debug, thiserror::Error)]
pub enum LoaderError {
    /// Somebody asked to stop.
    #[error("cancelled")]
    Cancelled,
    /// The port failed: a cable pulled out, a driver gone.
    #[error("{port} stopped working: {source}")]
    Link {
        /// Port name.
        port: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// The adapter, or its driver, does not do a baud rate.
    #[error("{port} does not support {baud} baud: {source}")]
    BaudRate {
        /// Port name.
        port: String,
        /// The rate.
        baud: u32,
        /// What the operating system said.
        source: io::Error,
    },
    /// No loader answered after all resets.
    #[error("no loader answered on {port} in {attempts} attempts: {state}")]
    NoLoader {
        /// Port name.
        port: String,
        /// How often a reset and SYNC were tried.
        attempts: u32,
        /// What the board was doing instead.
        state: BootState,
    },
    /// No boot loader of an AVR board answered after all resets.
    #[error("no boot loader answered on {port} at {baud} baud in {attempts} attempts ({protocol})")]
    NoAvrLoader {
        /// Port name.
        port: String,
        /// How often a reset was tried.
        attempts: u32,
        /// Baud rate of the boot loader.
        baud: u32,
        /// What was spoken.
        protocol: Protocol,
    },
    /// A loader that had answered before fell silent.
    #[error("no answer to {command} within {:.1} s", waited.as_secs_f64())]
    Timeout {
        /// The command, as the protocol's documentation names it.
        command: &'static str,
        /// How long it was waited for.
        waited: Duration,
    },
    /// The loader refused a command.
    #[error("{command} was refused: {} (code {code:#04x})", crate::packet::error_text(*code))]
    Refused {
        /// The command, as the protocol's documentation names it.
        command: &'static str,
        /// Error code of ROM or stub.
        code: u8,
    },
    /// The answer makes no sense.
    #[error("unusable answer to {command}: {what}")]
    BadReply {
        /// The command, as the protocol's documentation names it.
        command: &'static str,
        /// What is wrong with it.
        what: String,
    },
    /// A chip that this program does not know.
    #[error("unknown chip ({id})")]
    UnknownChip {
        /// Magic value or chip id, as it was read.
        id: String,
    },
    /// The chip or its state does not allow the operation.
    #[error("{chip}: {what}")]
    Unsupported {
        /// What is on the board.
        chip: Device,
        /// What is not possible, and why.
        what: String,
    },
    /// The flash chip does not answer.
    #[error("the flash chip does not answer (JEDEC id {id:#08x})")]
    NoFlash {
        /// What was read as its id.
        id: u32,
    },
}

impl LoaderError {
    /// Whether what went unanswered may have arrived as a request to erase the whole flash, whose op
    /// differs from its own in one bit. The stub carries that out whatever comes with it (source:
    /// esp-flasher-stub 1.x, `s_erase_flash`).
    pub fn may_have_erased(&self) -> bool {
        matches!(self, Self::Timeout { command, .. } if *command == op_name(op::READ_FLASH))
    }

    /// Whether the line may be to blame, so that the same may pass at a lower baud rate: something
    /// was lost or damaged, or the loader did not understand what arrived.
    pub fn is_of_the_line(&self) -> bool {
        const ROM_FORMAT: u8 = 0x05;
        const ROM_CHECKSUM: u8 = 0x07;
        const STUB_LENGTH: u8 = 0xC0;
        const STUB_CHECKSUM: u8 = 0xC1;
        const STUB_UNKNOWN: u8 = 0xC3;
        match self {
            Self::Timeout { .. } | Self::BadReply { .. } | Self::BaudRate { .. } => true,
            Self::Refused { code, .. } => matches!(
                *code,
                ROM_FORMAT | ROM_CHECKSUM | STUB_LENGTH | STUB_CHECKSUM | STUB_UNKNOWN
            ),
            _ => false,
        }
    }
}
