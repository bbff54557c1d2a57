//! A conversation with one loader: the boot ROM, or the stub after [`Session::start_stub`].
//!
//! A session owns its link. Every operation looks at the cancellation token at least every 50 ms and
//! has a deadline. After an error the loader's state is unknown: what may follow is
//! [`Session::restart`], which starts over with a SYNC, or [`Session::abandon`]. Nothing is ever
//! resent blindly: a ROM would refuse it, a stub would write it twice.

mod baud;
mod connect;
mod delta;
mod flash;
mod flash_power;
mod identify;
mod leave;
mod mac;
mod patience;
mod read;
mod start_stub;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

pub use connect::ConnectOptions;
pub use delta::Delta;
pub use flash::{WriteRun, md5_of};
pub use identify::{FlashId, Security};
pub use leave::Left;

use crate::cancel::CancelToken;
use crate::error::LoaderError;
use crate::packet::{self, Packet, op_name};
use crate::slip::{self, Decoder, Piece};
use crate::stub::Stub;
use fbuild_chip::Chip;
use fbuild_link::{ESPRESSIF_VID, LinesReach, Link, UsbId};
use patience::{Patience, Work, usual};

/// Wait for an ordinary answer. This and the other figures for waiting are esptool 5.6.0's.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);
/// How often a wait looks at the cancellation token.
const CANCEL_POLL: Duration = Duration::from_millis(50);
/// Longest frame that a loader sends is a READ_FLASH block of 4 KiB; escapes double it at worst.
const FRAME_LIMIT: usize = 3 * 0x1000;
/// After a ROM says "unknown command" it may say so eight times (seen right after a SYNC); this is
/// how long esptool lets it finish.
const UNKNOWN_COMMAND_PAUSE: Duration = Duration::from_millis(200);

/// Which program answers on the board.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoaderKind {
    /// The chip's boot ROM.
    Rom,
    /// A flasher stub in RAM.
    Stub,
}

/// What went over the link, for measurements.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Requests that were answered.
    pub round_trips: u64,
    /// Bytes sent, framing included.
    pub sent_bytes: u64,
    /// Bytes received, framing included.
    pub received_bytes: u64,
}

/// A conversation with one loader.
pub struct Session {
    link: Box<dyn Link>,
    lines: LinesReach,
    kind: LoaderKind,
    chip: Chip,
    /// GET_SECURITY_INFO's answer, if identification needed it.
    security_info: Option<identify::SecurityInfo>,
    secure_download: bool,
    baud: u32,
    cancel: CancelToken,
    decoder: Decoder,
    pieces: VecDeque<Piece>,
    traffic: Traffic,
    /// What the magic register reads, if it can be read: a known answer to check a link with.
    magic: Option<u32>,
    /// Shortest register read at the current baud rate.
    round_trip: Option<Duration>,
    /// A register read took less time than its bits would at its baud rate.
    outran_its_bits: bool,
    /// Flash size that this loader was told last: it erases nothing beyond it.
    flash_end: Option<u32>,
    /// The flash size that is true, as far as was said.
    flash_len: Option<u32>,
    /// Data blocks that had to be sent again.
    resent_blocks: u32,
    patience: Patience,
    /// For a chip whose stub is not built in.
    brought_stub: Option<Arc<Stub>>,
}

/// An answer without its status.
struct Reply {
    value: u32,
    data: Vec<u8>,
}

impl Session {
    /// The chip on the other end.
    pub fn chip(&self) -> Chip {
        self.chip
    }

    /// ROM or stub.
    pub fn kind(&self) -> LoaderKind {
        self.kind
    }

    /// Current baud rate.
    pub fn baud(&self) -> u32 {
        self.baud
    }

    /// Whether the chip is in Secure Download Mode: no register access, no stub, no MD5, no reading.
    pub fn secure_download(&self) -> bool {
        self.secure_download
    }

    /// The link, for its name and its clock.
    pub fn link(&self) -> &dyn Link {
        &*self.link
    }

    /// What went over the link so far.
    pub fn traffic(&self) -> Traffic {
        self.traffic
    }

    /// How many data blocks had to be sent again because they arrived damaged. A request that carries
    /// no checksum may then have been damaged, too.
    pub fn resent_blocks(&self) -> u32 {
        self.resent_blocks
    }

    /// Whether control lines reach the board.
    pub fn lines(&self) -> LinesReach {
        self.lines
    }

    /// What a small request and its answer take on this link, as far as was seen.
    pub fn round_trip(&self) -> Duration {
        self.round_trip.unwrap_or_default()
    }

    /// Whether the port is the chip's USB-Serial/JTAG peripheral.
    fn over_serial_jtag(&self) -> bool {
        self.link.usb_id().is_some_and(UsbId::is_serial_jtag)
    }

    /// Whether the port is the chip's USB-OTG, as its ROM presents it. Other products of Espressif's
    /// are bridges with a UART behind them (ESP-Prog, ESP USB Bridge).
    fn over_otg(&self) -> bool {
        let otg_pid = self.chip.facts().usb_otg_pid;
        self.link
            .usb_id()
            .is_some_and(|usb| usb.vid == ESPRESSIF_VID && Some(usb.pid) == otg_pid)
    }

    /// Reads a 32-bit register.
    ///
    /// # Errors
    /// A refusal leaves the session usable. After any other error, restart or abandon it.
    pub fn read_register(&mut self, address: u32) -> Result<u32, LoaderError> {
        let data = packet::words(&[address]);
        let start = self.link.now();
        let value = self
            .call(packet::op::READ_REG, &data, 0, ANSWER_TIMEOUT)?
            .value;
        let took = self.link.now().saturating_sub(start);
        self.round_trip = Some(self.round_trip.map_or(took, |shortest| shortest.min(took)));
        self.outran_its_bits |= self.outruns_its_bits(took);
        Ok(value)
    }

    /// Writes registers, in order, in a request each: (address, value, mask).
    ///
    /// # Errors
    /// Some of the writes may have been carried out. Restart the session, or abandon it.
    pub fn write_registers(&mut self, writes: &[(u32, u32, u32)]) -> Result<(), LoaderError> {
        writes
            .iter()
            .try_for_each(|write| self.write_registers_at_once(&[*write]))
    }

    /// Writes registers, in order, in one request, as genuine ROMs of ESP32, C3 and S3 and the stub
    /// were seen to do. The others were not asked, so the caller has to see to the result.
    fn write_registers_at_once(&mut self, writes: &[(u32, u32, u32)]) -> Result<(), LoaderError> {
        let words: Vec<u32> = writes
            .iter()
            .flat_map(|&(address, value, mask)| [address, value, mask, 0])
            .collect();
        self.call(
            packet::op::WRITE_REG,
            &packet::words(&words),
            0,
            ANSWER_TIMEOUT,
        )?;
        Ok(())
    }

    /// One request whose checksum field is not looked at, and its answer.
    fn call(
        &mut self,
        op: u8,
        data: &[u8],
        reply_len: usize,
        timeout: Duration,
    ) -> Result<Reply, LoaderError> {
        self.call_with_checksum(op, data, 0, reply_len, timeout)
    }

    fn call_with_checksum(
        &mut self,
        op: u8,
        data: &[u8],
        checksum: u32,
        reply_len: usize,
        timeout: Duration,
    ) -> Result<Reply, LoaderError> {
        let (value, mut data) = self.exchange(op, data, checksum, timeout)?;
        let command = op_name(op);
        // The status follows the reply. A stub that fails sends the status alone.
        let status_at = if data.len() >= reply_len + 2 {
            reply_len
        } else {
            0
        };
        match data.get(status_at..status_at + 2) {
            // A ROM's second byte is stale after a success.
            Some([0, _]) if status_at == reply_len => {}
            Some(&[status, error]) if status != 0 => return Err(refusal(command, status, error)),
            _ => {
                let what = format!("{} bytes, expected {}", data.len(), reply_len + 2);
                return Err(LoaderError::BadReply { command, what });
            }
        }
        data.truncate(reply_len);
        Ok(Reply { value, data })
    }

    /// Sends a request and returns value and data (status included) of the answer to it. `usual` is
    /// what esptool would wait for it.
    fn exchange(
        &mut self,
        op: u8,
        data: &[u8],
        checksum: u32,
        usual: Duration,
    ) -> Result<(u32, Vec<u8>), LoaderError> {
        self.check_cancel()?;
        // Nothing that was on its way before the question can be its answer.
        self.forget_input()?;
        self.send_frame(&packet::encode_request(op, checksum, data))?;
        let start = self.link.now();
        let work = Work::of(op);
        // A link takes bytes faster than it sends them: the loader's time begins after the last bit.
        let on_the_wire = self.time_on_the_wire(data.len());
        let timeout = self.patience.limit(work, usual) + on_the_wire;
        loop {
            let Some(frame) = self.next_frame(start + timeout)? else {
                let waited = self.link.now().saturating_sub(start);
                return Err(LoaderError::Timeout {
                    command: op_name(op),
                    waited,
                });
            };
            let Some(answer) = Packet::parse(&frame).filter(|packet| packet.direction == 1) else {
                continue;
            };
            if answer.op == op {
                self.traffic.round_trips += 1;
                let took = self.link.now().saturating_sub(start + on_the_wire);
                self.patience.learn(work, usual, took);
                return Ok((answer.word, answer.data.to_vec()));
            }
            if matches!(answer.data, [status, 0x05, ..] if *status != 0) {
                // A ROM answers what it does not know with the op of the command before.
                tracing::trace!(command = op_name(op), "unknown to this ROM");
                self.link.pause(UNKNOWN_COMMAND_PAUSE);
                self.forget_input()?;
                return Err(LoaderError::Refused {
                    command: op_name(op),
                    code: 0x05,
                });
            }
        }
    }

    fn send_frame(&mut self, payload: &[u8]) -> Result<(), LoaderError> {
        let mut bytes = Vec::new();
        slip::encode(payload, &mut bytes);
        self.send_raw(&bytes)
    }

    fn send_raw(&mut self, bytes: &[u8]) -> Result<(), LoaderError> {
        self.traffic.sent_bytes += bytes.len() as u64;
        let result = self.link.write(bytes);
        self.link_result(result)
    }

    /// The next well-formed frame, or `None` when the link's clock passes `deadline`.
    fn next_frame(&mut self, deadline: Duration) -> Result<Option<Vec<u8>>, LoaderError> {
        loop {
            match self.next_piece(deadline)? {
                Some(Piece::Frame(frame)) => return Ok(Some(frame)),
                Some(Piece::Junk(_) | Piece::TooLong) => {}
                None => return Ok(None),
            }
        }
    }

    /// The next thing between two delimiters, or `None` after `deadline`.
    fn next_piece(&mut self, deadline: Duration) -> Result<Option<Piece>, LoaderError> {
        loop {
            if let Some(piece) = self.pieces.pop_front() {
                return Ok(Some(piece));
            }
            self.check_cancel()?;
            let now = self.link.now();
            let Some(rest) = deadline.checked_sub(now).filter(|rest| !rest.is_zero()) else {
                return Ok(None);
            };
            let mut buffer = [0; 8192];
            let result = self.link.read(&mut buffer, rest.min(CANCEL_POLL));
            let n = self.link_result(result)?;
            self.traffic.received_bytes += n as u64;
            let pieces = &mut self.pieces;
            self.decoder
                .extend(&buffer[..n], |piece| pieces.push_back(piece));
        }
    }

    fn forget_input(&mut self) -> Result<(), LoaderError> {
        self.decoder.clear();
        self.pieces.clear();
        let result = self.link.discard_input();
        self.link_result(result)
    }

    fn check_cancel(&self) -> Result<(), LoaderError> {
        if self.cancel.is_cancelled() {
            Err(LoaderError::Cancelled)
        } else {
            Ok(())
        }
    }

    fn link_result<T>(&self, result: std::io::Result<T>) -> Result<T, LoaderError> {
        result.map_err(|source| LoaderError::Link {
            port: self.link.name().to_owned(),
            source,
        })
    }
}

/// What a status other than 0 means: a ROM says `01 code`, a stub `code 00` with codes from C0 on.
fn refusal(command: &'static str, status: u8, error: u8) -> LoaderError {
    match status {
        1 => LoaderError::Refused {
            command,
            code: error,
        },
        0xC0.. => LoaderError::Refused {
            command,
            code: status,
        },
        _ => LoaderError::BadReply {
            command,
            what: format!("status {status:#04x}"),
        },
    }
}
