//! From a silent port to a loader that answers.

use std::collections::VecDeque;
use std::time::Duration;

use fbuild_chip::Chip;
use fbuild_link::{LinesReach, Link};

use super::{FRAME_LIMIT, LoaderKind, Session, Traffic};
use crate::boot_log;
use crate::cancel::CancelToken;
use crate::error::LoaderError;
use crate::packet::{self, Packet, op};
use crate::reset::{self, Before};
use crate::slip::{Decoder, END, Piece};

/// Resets before giving up, cycling through the strategies; esptool's figure.
const ATTEMPTS: u32 = 7;
/// SYNCs per reset, how long each is waited for, and the pause between; esptool's figures.
const SYNCS: u32 = 5;
const SYNC_TIMEOUT: Duration = Duration::from_millis(100);
const SYNC_PAUSE: Duration = Duration::from_millis(50);
/// Long enough to read what has arrived.
const ARRIVED: Duration = Duration::from_millis(1);
/// A line on which nothing came for so long is quiet: longer than a stub takes between two answers,
/// each after a sector's erase. And how long that is waited for.
const QUIET: Duration = Duration::from_millis(150);
const QUIET_AT_MOST: Duration = Duration::from_secs(2);
/// Every boot ROM starts with this rate.
pub(super) const FIRST_BAUD: u32 = 115_200;
/// As much of a boot log as is worth reading.
const BOOT_LOG_LIMIT: usize = 4096;

/// How to connect.
#[derive(Debug, Clone, Copy)]
pub struct ConnectOptions {
    /// Whether to reset the board first.
    pub before: Before,
    /// Resets before giving up.
    pub attempts: u32,
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self {
            before: Before::Reset,
            attempts: ATTEMPTS,
        }
    }
}

impl Session {
    /// Resets the board into download mode, waits for its loader and asks which chip it is.
    ///
    /// # Errors
    /// [`LoaderError::NoLoader`] says what the board was doing instead; the board is reset into its
    /// firmware and the port closed again.
    pub fn connect(
        link: Box<dyn Link>,
        options: ConnectOptions,
        cancel: &CancelToken,
    ) -> Result<Self, LoaderError> {
        let mut session = Self {
            link,
            lines: LinesReach::Nothing,
            kind: LoaderKind::Rom,
            // Corrected by `detect_chip`, which nothing precedes that depends on it.
            chip: Chip::Esp32,
            security_info: None,
            secure_download: false,
            baud: FIRST_BAUD,
            cancel: cancel.clone(),
            decoder: Decoder::new(FRAME_LIMIT),
            pieces: VecDeque::new(),
            traffic: Traffic::default(),
            magic: None,
            round_trip: None,
            outran_its_bits: false,
            flash_end: None,
            flash_len: None,
            resent_blocks: 0,
            patience: super::Patience::default(),
            brought_stub: None,
        };
        match session.establish(options) {
            Ok(()) => Ok(session),
            Err(error) => {
                session.abandon();
                Err(error)
            }
        }
    }

    /// Starts over on the same link, whatever state the loader is in: reset, SYNC, chip, 115200 baud.
    /// Where no lines reach the board, nothing resets it and its loader keeps its baud rate.
    ///
    /// # Errors
    /// As [`Session::connect`]; the session can only be dropped then.
    pub fn restart(&mut self, options: ConnectOptions) -> Result<(), LoaderError> {
        if self.lines == LinesReach::Board {
            let result = self.link.set_baud(FIRST_BAUD);
            self.link_result(result)?;
            self.baud = FIRST_BAUD;
        }
        self.round_trip = None;
        self.flash_end = None;
        self.security_info = None;
        self.secure_download = false;
        self.establish(options)
    }

    fn establish(&mut self, options: ConnectOptions) -> Result<(), LoaderError> {
        let mut log = Vec::new();
        for attempt in 0..options.attempts {
            log.clear();
            let answered = self
                .reset_once(options.before, attempt)
                .and_then(|()| self.sync(attempt, &mut log));
            let is_last = attempt + 1 == options.attempts;
            if matches!(answered, Err(LoaderError::Link { .. }))
                && self.link.usb_id().is_some()
                && !is_last
            {
                // The port of a chip's own USB vanishes while the chip resets, and comes back.
                let reopened = self.link.reopen();
                self.link_result(reopened)?;
                continue;
            }
            if answered? {
                self.detect_chip()?;
                if self.lines == LinesReach::Board {
                    self.calm_watchdogs()?;
                }
                return self.power_flash();
            }
        }
        Err(LoaderError::NoLoader {
            port: self.link.name().to_owned(),
            attempts: options.attempts,
            state: boot_log::interpret(&log),
        })
    }

    fn reset_once(&mut self, before: Before, attempt: u32) -> Result<(), LoaderError> {
        self.check_cancel()?;
        self.forget_input()?;
        if before == Before::NoReset {
            return Ok(());
        }
        let strategies = reset::strategies(&*self.link);
        let strategy = strategies[attempt as usize % strategies.len()];
        let result = reset::enter_download_mode(&mut *self.link, strategy);
        self.lines = self.link_result(result)?;
        Ok(())
    }

    /// Says SYNC until a loader answers. What comes instead is added to `log`.
    fn sync(&mut self, attempt: u32, log: &mut Vec<u8>) -> Result<bool, LoaderError> {
        if self.lines == LinesReach::Nothing && attempt % 2 == 1 {
            // Without a reset, a stub that heard one delimiter too many stays deaf until it hears
            // another single one (recordings *-q16-*).
            self.send_raw(&[END])?;
        }
        for n in 0..SYNCS {
            // What came in the meantime is read first: an answer to an earlier SYNC counts, and only
            // one must be on its way when something else is asked.
            let mut value = None;
            if n > 0 {
                self.link.pause(SYNC_PAUSE);
                value = self.next_sync_answer(self.link.now() + ARRIVED, log)?;
            }
            if value.is_none() {
                self.check_cancel()?;
                self.send_frame(&packet::encode_request(op::SYNC, 0, &packet::SYNC_PAYLOAD))?;
                // One answer is enough. A loader sends it eight times, but nothing that is asked next
                // could be mistaken for the rest, and waiting for it costs ten milliseconds.
                value = self.next_sync_answer(self.link.now() + SYNC_TIMEOUT, log)?;
            }
            let Some(value) = value else { continue };
            self.traffic.round_trips += 1;
            // A ROM repeats the request's first word, a stub says 0.
            self.kind = if value == 0 {
                LoaderKind::Stub
            } else {
                LoaderKind::Rom
            };
            if (attempt > 0 || n > 0) && self.kind == LoaderKind::Stub {
                self.wait_until_quiet()?;
            }
            return Ok(true);
        }
        log.extend_from_slice(self.decoder.pending());
        log.truncate(BOOT_LOG_LIMIT);
        Ok(false)
    }

    /// A stub that was busy answers the SYNCs that it was sent one after the other, and a request
    /// that reaches it before it is done with them goes unanswered (seen on a genuine one).
    fn wait_until_quiet(&mut self) -> Result<(), LoaderError> {
        let until = self.link.now() + QUIET_AT_MOST;
        while self.link.now() < until && self.next_piece(self.link.now() + QUIET)?.is_some() {}
        Ok(())
    }

    /// Value field of the next answer to SYNC; anything else that comes is boot log.
    fn next_sync_answer(
        &mut self,
        deadline: Duration,
        log: &mut Vec<u8>,
    ) -> Result<Option<u32>, LoaderError> {
        while let Some(piece) = self.next_piece(deadline)? {
            let (Piece::Frame(bytes) | Piece::Junk(bytes)) = piece else {
                continue;
            };
            if let Some(Packet {
                direction: 1,
                op: op::SYNC,
                word,
                ..
            }) = Packet::parse(&bytes)
            {
                return Ok(Some(word));
            }
            if log.len() < BOOT_LOG_LIMIT {
                log.extend_from_slice(&bytes);
            }
        }
        Ok(None)
    }
}
