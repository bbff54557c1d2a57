//! The image, over the connection that the device has made.

use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, TcpListener, TcpStream};
use std::thread::sleep;
use std::time::{Duration, Instant};

use fbuild_loader::cancel::CancelToken;
use fbuild_loader::error::LoaderError;

use super::error::OtaError;
use super::said::Said;
use super::seconds;
use crate::failure::DeployError;

/// How long to wait before looking again.
const PAUSE: Duration = Duration::from_millis(2);
/// What is sent at once: what a device reads at once.
const PIECE_BYTES: usize = 1460;
/// What may be on the way, so that progress is the device's and not that of buffers in between.
const ON_THE_WAY_BYTES: u64 = 16 * 1024;
/// A device that prints nothing more for so long waits for the next piece.
const QUIET: Duration = Duration::from_millis(50);
/// How often it is read from a connection that is lost, at most: the device may print on.
const LAST_READS: usize = 64;

/// A connection to a device that takes an image.
pub(super) struct Push {
    stream: TcpStream,
    said: Said,
    cancel: CancelToken,
    /// How long it may take nothing while the image is sent.
    timeout: Duration,
}

impl Push {
    /// Waits for the device to connect; another one that does is sent away.
    pub(super) fn accept(
        listener: &TcpListener,
        device: IpAddr,
        timeout: Duration,
        cancel: &CancelToken,
    ) -> Result<Self, DeployError> {
        let until = Instant::now() + timeout;
        while Instant::now() < until {
            if cancel.is_cancelled() {
                return Err(LoaderError::Cancelled.into());
            }
            match listener.accept() {
                Ok((stream, from)) if from.ip() == device => {
                    return Self::over(stream, timeout, cancel)
                        .map_err(|error| lost(error.to_string(), 0, 0).into());
                }
                Ok(_) => {}
                Err(_) => sleep(PAUSE),
            }
        }
        Err(OtaError::NoConnection {
            here: listener.local_addr().unwrap_or_else(|_| (device, 0).into()),
            seconds: seconds(timeout),
        }
        .into())
    }

    fn over(stream: TcpStream, timeout: Duration, cancel: &CancelToken) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            said: Said::default(),
            cancel: cancel.clone(),
            timeout,
        })
    }

    /// Sends everything; `progress` hears how much was sent.
    pub(super) fn send(
        &mut self,
        bytes: &[u8],
        progress: &mut dyn FnMut(usize),
    ) -> Result<(), DeployError> {
        let mut sent = 0;
        let mut taken_at_most = 0;
        let (mut heard, mut taken) = (Instant::now(), Instant::now());
        let mut is_heard = false;
        while sent < bytes.len() {
            match self.hear() {
                Ok(0) => {}
                Ok(_) => (heard, is_heard) = (Instant::now(), true),
                Err(error) => return Err(self.lost(&error, sent, bytes.len())),
            }
            if let Some(said) = self.said.complaint(false) {
                return Err(OtaError::Complaint { said }.into());
            }
            if self.said.begins_with_ok() {
                return Err(OtaError::EarlyOk {
                    sent_bytes: sent,
                    total_bytes: bytes.len(),
                }
                .into());
            }
            taken_at_most = self.said.taken_at_most().max(taken_at_most);
            // It has printed something, and nothing more: it has all, whatever its numbers say.
            if is_heard && heard.elapsed() > QUIET {
                taken_at_most = sent as u64;
                is_heard = false;
            }
            let mut has_moved = false;
            if sent as u64 <= taken_at_most + ON_THE_WAY_BYTES {
                let piece = &bytes[sent..bytes.len().min(sent + PIECE_BYTES)];
                match would_block(self.stream.write(piece)) {
                    Ok(n_bytes) => {
                        has_moved = n_bytes > 0;
                        if has_moved {
                            taken = Instant::now();
                            sent += n_bytes;
                            progress(sent);
                        }
                    }
                    Err(error) => return Err(self.lost(&error, sent, bytes.len())),
                }
            }
            if taken.elapsed() > self.timeout {
                let why = format!("it took nothing more for {} s", seconds(self.timeout));
                return Err(lost(why, sent, bytes.len()).into());
            }
            self.rest(has_moved)?;
        }
        Ok(())
    }

    /// Returns when the device says that it has the image and that its MD5 is right.
    pub(super) fn confirmed(&mut self, timeout: Duration) -> Result<(), DeployError> {
        let (began, mut heard) = (Instant::now(), Instant::now());
        loop {
            let n_bytes = match self.hear() {
                Ok(n_bytes) => n_bytes,
                Err(error) => {
                    return Err(match self.said.complaint(true) {
                        _ if self.said.is_ok() => return Ok(()),
                        Some(said) => OtaError::Complaint { said },
                        None => OtaError::Unconfirmed { why: ended(&error) },
                    }
                    .into());
                }
            };
            // It may yet say more: then this was no `OK`.
            if self.said.is_ok() && n_bytes == 0 && heard.elapsed() > QUIET {
                return Ok(());
            }
            if let Some(said) = self.said.complaint(false) {
                return Err(OtaError::Complaint { said }.into());
            }
            if n_bytes > 0 {
                heard = Instant::now();
            }
            if began.elapsed() > timeout {
                let why = format!("{} s went by", seconds(timeout));
                return Err(OtaError::Unconfirmed { why }.into());
            }
            self.rest(n_bytes > 0)?;
        }
    }

    /// Takes in what was printed, without waiting; how many bytes that were.
    fn hear(&mut self) -> io::Result<usize> {
        let mut buffer = [0; 512];
        match self.stream.read(&mut buffer) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n_bytes) => {
                self.said.hear(&buffer[..n_bytes]);
                Ok(n_bytes)
            }
            error => would_block(error),
        }
    }

    fn rest(&self, has_moved: bool) -> Result<(), DeployError> {
        if self.cancel.is_cancelled() {
            return Err(LoaderError::Cancelled.into());
        }
        if !has_moved {
            sleep(PAUSE);
        }
        Ok(())
    }

    /// The connection is over before the image was: the device may have said why.
    fn lost(&mut self, error: &io::Error, sent_bytes: usize, total_bytes: usize) -> DeployError {
        for _ in 0..LAST_READS {
            if self.cancel.is_cancelled() {
                return LoaderError::Cancelled.into();
            }
            if !self.hear().is_ok_and(|n_bytes| n_bytes > 0) {
                break;
            }
        }
        match self.said.complaint(true) {
            Some(said) => OtaError::Complaint { said },
            None => lost(ended(error), sent_bytes, total_bytes),
        }
        .into()
    }
}

fn ended(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => "the device ended the connection".to_owned(),
        _ => format!("the connection was lost ({error})"),
    }
}

fn lost(why: String, sent_bytes: usize, total_bytes: usize) -> OtaError {
    OtaError::Lost {
        why,
        sent_bytes,
        total_bytes,
    }
}

fn would_block(moved: io::Result<usize>) -> io::Result<usize> {
    match moved {
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
            ) =>
        {
            Ok(0)
        }
        moved => moved,
    }
}
