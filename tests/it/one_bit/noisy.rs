//! A link that harms one frame, or only writes down what goes over it.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fbuild_link::{Lines, LinesReach, Link, UsbId};
use fbuild_loader::packet::HEADER_LEN;
use fbuild_loader::slip::{Decoder, Piece};

use super::fault::{ACKNOWLEDGMENT, Fault, Frame};

/// More than any frame of either side, escapes included.
const LONGEST_FRAME: usize = 0x1_0000;
/// A frame that went over the wire of a sound link.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) frame: Frame,
    pub(super) len: usize,
}

/// What is known of the wire; one for all links that a deploy opens.
#[derive(Debug, Default)]
pub(super) struct Wire {
    fault: Option<Fault>,
    pub(super) struck: bool,
    counts: BTreeMap<u8, u32>,
    /// The last request, and how many frames came since.
    last: (u8, u32, u32),
    late: Option<Vec<u8>>,
    /// When something was last done on a link.
    pub(super) now: Duration,
    pub(super) seen: Vec<Seen>,
}

impl Wire {
    pub(super) fn with(fault: Option<Fault>) -> Arc<Mutex<Self>> {
        Arc::new(Mutex::new(Self {
            fault,
            ..Self::default()
        }))
    }

    fn request(&mut self, bytes: &[u8]) -> Vec<u8> {
        let Some(payload) = only_frame(bytes) else {
            return bytes.to_vec();
        };
        let op = match payload.get(1) {
            Some(&op) if payload.len() >= HEADER_LEN => op,
            _ => ACKNOWLEDGMENT,
        };
        let count = self.counts.entry(op).or_default();
        *count += 1;
        self.last = (op, *count, 0);
        self.pass(Frame::Request(op, self.last.1), &payload, bytes)
    }

    fn answer(&mut self, bytes: &[u8]) -> Vec<u8> {
        let Some(payload) = only_frame(bytes) else {
            return bytes.to_vec();
        };
        let (op, nth, index) = self.last;
        self.last.2 += 1;
        self.pass(Frame::Answer(op, nth, index), &payload, bytes)
    }

    fn pass(&mut self, frame: Frame, payload: &[u8], bytes: &[u8]) -> Vec<u8> {
        match self.fault {
            None => {
                self.seen.push(Seen {
                    frame,
                    len: payload.len(),
                });
                bytes.to_vec()
            }
            Some(fault) if fault.frame == frame && !self.struck => {
                self.struck = true;
                let (bytes, late) = fault.apply(payload, bytes);
                self.late = late;
                bytes
            }
            Some(_) => bytes.to_vec(),
        }
    }
}

/// The one frame that these bytes are.
fn only_frame(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut frames = Vec::new();
    Decoder::new(LONGEST_FRAME).extend(bytes, |piece| frames.push(piece));
    match frames.pop() {
        Some(Piece::Frame(frame)) if frames.is_empty() => Some(frame),
        _ => None,
    }
}

pub(super) struct Noisy<L: Link> {
    pub(super) link: L,
    pub(super) wire: Arc<Mutex<Wire>>,
    coming: VecDeque<u8>,
}

impl<L: Link> Noisy<L> {
    pub(super) fn new(link: L, wire: &Arc<Mutex<Wire>>) -> Self {
        Self {
            link,
            wire: Arc::clone(wire),
            coming: VecDeque::new(),
        }
    }
}

impl<L: Link> Drop for Noisy<L> {
    fn drop(&mut self) {
        self.wire.lock().unwrap().now = self.link.now();
    }
}

impl<L: Link> Link for Noisy<L> {
    fn name(&self) -> &str {
        self.link.name()
    }

    /// The simulated board hands over frame by frame.
    fn read(&mut self, buffer: &mut [u8], timeout: Duration) -> io::Result<usize> {
        if self.coming.is_empty() {
            let mut bytes = vec![0; LONGEST_FRAME];
            let n = self.link.read(&mut bytes, timeout)?;
            if n > 0 {
                self.coming
                    .extend(self.wire.lock().unwrap().answer(&bytes[..n]));
            }
        }
        let n = self.coming.len().min(buffer.len());
        for (to, from) in buffer.iter_mut().zip(self.coming.drain(..n)) {
            *to = from;
        }
        Ok(n)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let (bytes, late) = {
            let mut wire = self.wire.lock().unwrap();
            let late = wire.late.take();
            (wire.request(bytes), late)
        };
        self.link.write(&bytes)?;
        // Before the answer to what was written just now.
        self.coming.extend(late.unwrap_or_default());
        Ok(())
    }

    fn discard_input(&mut self) -> io::Result<()> {
        self.coming.clear();
        self.link.discard_input()
    }

    fn set_baud(&mut self, baud: u32) -> io::Result<()> {
        self.link.set_baud(baud)
    }

    fn set_lines(&mut self, lines: Lines) -> io::Result<LinesReach> {
        self.link.set_lines(lines)
    }

    fn usb_id(&self) -> Option<&UsbId> {
        self.link.usb_id()
    }

    fn pause(&mut self, duration: Duration) {
        self.link.pause(duration);
    }

    fn now(&self) -> Duration {
        self.link.now()
    }
}
