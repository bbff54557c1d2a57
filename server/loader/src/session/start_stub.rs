//! Uploading the flasher stub and starting it.

use std::sync::Arc;
use std::time::Duration;

use fbuild_chip::Chip;

use super::{ANSWER_TIMEOUT, LoaderKind, Session};
use crate::error::LoaderError;
use crate::packet::{self, checksum, data_block, op};
use crate::stub::{self, Stub};

/// RAM block; smaller over USB-OTG, whose ROM driver has a small buffer. esptool's figures.
const RAM_BLOCK_LEN: usize = 0x1800;
const RAM_BLOCK_LEN_USB_OTG: usize = 0x800;
/// The ROM may jump before its answer has left; esptool's figure.
const MEM_END_TIMEOUT: Duration = Duration::from_millis(200);

impl Session {
    /// The stub to be started on a chip for which none is built in.
    pub fn bring_stub(&mut self, stub: Arc<Stub>) {
        self.brought_stub = Some(stub);
    }

    /// Why this chip cannot run a stub, if it cannot.
    ///
    /// # Errors
    /// No usable answer: restart the session, or abandon it.
    pub fn stub_obstacle(&mut self) -> Result<Option<&'static str>, LoaderError> {
        if self.secure_download {
            return Ok(Some("Secure Download Mode does not allow programs in RAM"));
        }
        let obstacle = match self.chip {
            Chip::Esp32C2 => (self.revision()? == 0).then_some("revision v0.0 cannot run the stub"),
            Chip::Esp32C3 | Chip::Esp32S3 => self
                .security()?
                .secure_boot
                .then_some("with secure boot, the ROM does not start unsigned programs"),
            _ => None,
        };
        Ok(obstacle)
    }

    /// Uploads the stub and starts it. Everything after this talks to the stub.
    ///
    /// Raise the baud rate first: this is the largest thing sent before the stub runs.
    ///
    /// # Errors
    /// [`LoaderError::Unsupported`] if this chip cannot run one: go on with the ROM. After any other error, restart
    /// the session.
    pub fn start_stub(&mut self) -> Result<(), LoaderError> {
        if self.kind == LoaderKind::Stub {
            return Ok(());
        }
        let revision = if self.chip == Chip::Esp32P4 {
            Some(self.revision()?)
        } else {
            None
        };
        let unsupported = |chip: Chip, what: &str| LoaderError::Unsupported {
            chip: chip.into(),
            what: what.to_owned(),
        };
        if let Some(obstacle) = self.stub_obstacle()? {
            return Err(unsupported(self.chip, obstacle));
        }
        let brought = self.brought_stub.clone();
        let brought = brought.as_deref().filter(|stub| stub.chip == self.chip);
        let stub = stub::for_chip(self.chip, revision)
            .or(brought)
            .ok_or_else(|| unsupported(self.chip, "there is no stub for this chip"))?;
        self.load_segments(stub)?;
        let jump = packet::words(&[0, stub.entry]);
        match self.call(op::MEM_END, &jump, 0, MEM_END_TIMEOUT) {
            // The answer may be lost when the ROM jumps; the greeting is what counts.
            Ok(_) | Err(LoaderError::Timeout { .. }) => {}
            Err(error) => return Err(error),
        }
        self.await_greeting()?;
        self.kind = LoaderKind::Stub;
        self.flash_end = None;
        Ok(())
    }

    fn load_segments(&mut self, stub: &Stub) -> Result<(), LoaderError> {
        // Something without USB id may hide it (a virtual machine, a bridge of sockets).
        let may_be_otg = self.over_otg()
            || self.link.usb_id().is_none() && self.chip.facts().usb_otg_pid.is_some();
        let block_len = if may_be_otg {
            RAM_BLOCK_LEN_USB_OTG
        } else {
            RAM_BLOCK_LEN
        };
        for segment in [&stub.text, &stub.data] {
            if segment.bytes.is_empty() {
                continue;
            }
            let n_blocks = segment.bytes.len().div_ceil(block_len) as u32;
            let begin = [
                segment.bytes.len() as u32,
                n_blocks,
                block_len as u32,
                segment.address,
            ];
            self.call(op::MEM_BEGIN, &packet::words(&begin), 0, ANSWER_TIMEOUT)?;
            for (sequence, block) in segment.bytes.chunks(block_len).enumerate() {
                let data = data_block(sequence as u32, block);
                self.call_with_checksum(op::MEM_DATA, &data, checksum(block), 0, ANSWER_TIMEOUT)?;
            }
        }
        Ok(())
    }

    fn await_greeting(&mut self) -> Result<(), LoaderError> {
        let start = self.link.now();
        while let Some(frame) = self.next_frame(start + ANSWER_TIMEOUT)? {
            if frame == packet::STUB_GREETING {
                return Ok(());
            }
        }
        Err(LoaderError::Timeout {
            command: "the stub's greeting",
            waited: ANSWER_TIMEOUT,
        })
    }
}
