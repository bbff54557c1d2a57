//! The invitation: one datagram that says what there is to fetch, and where; a password, if it is asked for.

use std::io;
use std::net::UdpSocket;
use std::time::{Duration, Instant};

use fbuild_loader::cancel::CancelToken;
use fbuild_loader::error::LoaderError;

use super::auth::{self, Scheme};
use super::error::OtaError;
use super::seconds;
use crate::failure::DeployError;

/// How often an invitation is repeated while nothing comes back.
const EVERY: Duration = Duration::from_secs(5);
/// How long a cancel goes unheard.
const POLL: Duration = Duration::from_millis(50);
/// How long the check of a password may take: a device computes for seconds.
const PASSWORD_TIMEOUT: Duration = Duration::from_secs(10);
/// How often a question for a password may come again.
const REPEATS_MAX: usize = 8;
/// How that question begins; a nonce follows.
const QUESTION: &str = "AUTH ";
/// Longest answer that is read.
const ANSWER_MAX: usize = 200;

/// What is said to a device on its UDP port.
pub(super) struct Invitation<'i> {
    pub(super) udp: &'i UdpSocket,
    /// Command, port, length and MD5.
    pub(super) text: String,
    pub(super) password: Option<&'i str>,
    /// How long the first answer is waited for.
    pub(super) timeout: Duration,
    pub(super) cancel: &'i CancelToken,
}

impl Invitation<'_> {
    /// Returns when the device agrees to fetch the image.
    pub(super) fn accepted(&self) -> Result<(), DeployError> {
        let mut tried = 0;
        loop {
            let answer = self.last_question(self.invite()?)?;
            let Some(nonce) = answer.strip_prefix(QUESTION).map(str::trim) else {
                return if answer == "OK" {
                    Ok(())
                } else {
                    Err(OtaError::BadAnswer { said: answer }.into())
                };
            };
            let schemes = Scheme::of_nonce(nonce);
            if schemes.is_empty() {
                return Err(OtaError::BadAnswer { said: answer }.into());
            }
            let Some(password) = self.password else {
                // What is no password, either, makes it listen to invitations again.
                let _ = self.udp.send(b"\n");
                return Err(OtaError::NoPassword.into());
            };
            // After a wrong answer the device has to be invited anew, and gives another nonce.
            let scheme = schemes.get(tried).ok_or(OtaError::WrongPassword)?;
            if self.proves(*scheme, password, nonce)? {
                return Ok(());
            }
            tried += 1;
            if tried == schemes.len() {
                return Err(OtaError::WrongPassword.into());
            }
        }
    }

    fn invite(&self) -> Result<String, DeployError> {
        let until = Instant::now() + self.timeout;
        let mut nothing_listens = false;
        loop {
            // A refusal of the last datagram may be told when the next one is sent.
            let unsent = self.udp.send(self.text.as_bytes()).err();
            nothing_listens |= unsent.as_ref().is_some_and(is_refusal);
            let again = until.min(Instant::now() + EVERY);
            match self.answer(again)? {
                Heard::Answer(answer) => return Ok(answer),
                Heard::Refusal => nothing_listens = true,
                Heard::Nothing => {}
            }
            if Instant::now() >= until {
                return Err(match unsent {
                    _ if nothing_listens => {
                        let port = self.udp.peer_addr().map_or(0, |device| device.port());
                        OtaError::NothingListens { port }
                    }
                    Some(error) => not_sent(&error),
                    None => OtaError::NoAnswer {
                        seconds: seconds(self.timeout),
                    },
                }
                .into());
            }
        }
    }

    /// An invitation that was repeated, or came twice, may be answered twice: the last nonce counts.
    fn last_question(&self, mut answer: String) -> Result<String, DeployError> {
        if answer.starts_with(QUESTION) {
            for _ in 0..REPEATS_MAX {
                match self.answer(Instant::now() + POLL)? {
                    Heard::Answer(later) if later.starts_with(QUESTION) => answer = later,
                    Heard::Answer(_) => {}
                    Heard::Refusal | Heard::Nothing => break,
                }
            }
        }
        Ok(answer)
    }

    fn proves(&self, scheme: Scheme, password: &str, nonce: &str) -> Result<bool, DeployError> {
        let cnonce = auth::cnonce(nonce).map_err(|error| not_sent(&error))?;
        let response = scheme.response(password, nonce, &cnonce);
        let text = format!("200 {cnonce} {response}\n");
        self.udp
            .send(text.as_bytes())
            .map_err(|error| not_sent(&error))?;
        let timeout = PASSWORD_TIMEOUT.max(self.timeout);
        let until = Instant::now() + timeout;
        loop {
            match self.answer(until)? {
                // To an earlier invitation.
                Heard::Answer(answer) if answer.starts_with(QUESTION) => {}
                Heard::Answer(answer) => return Ok(answer == "OK"),
                Heard::Nothing | Heard::Refusal => {
                    let seconds = seconds(timeout);
                    return Err(OtaError::NoAnswer { seconds }.into());
                }
            }
        }
    }

    /// What comes back until then.
    fn answer(&self, until: Instant) -> Result<Heard, DeployError> {
        let mut heard = Heard::Nothing;
        let mut buffer = [0; ANSWER_MAX];
        while Instant::now() < until {
            if self.cancel.is_cancelled() {
                return Err(LoaderError::Cancelled.into());
            }
            match self.udp.recv(&mut buffer) {
                Ok(len) => {
                    let text = String::from_utf8_lossy(&buffer[..len]);
                    return Ok(Heard::Answer(text.trim().to_owned()));
                }
                Err(error) if is_refusal(&error) => {
                    heard = Heard::Refusal;
                    std::thread::sleep(POLL);
                }
                // Nothing came, or the system says that the device cannot be reached now.
                Err(_) => {}
            }
        }
        Ok(heard)
    }
}

enum Heard {
    Answer(String),
    /// The system at that address has no such port open; the firmware may be starting.
    Refusal,
    Nothing,
}

/// Makes a cancel heard while an answer is waited for.
pub(super) fn hear_cancels(udp: &UdpSocket) -> io::Result<()> {
    udp.set_read_timeout(Some(POLL))
}

fn is_refusal(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset
    )
}

fn not_sent(error: &io::Error) -> OtaError {
    OtaError::NotSent {
        why: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_this_machine_cannot_send_is_no_silence_of_the_device() {
        let device = UdpSocket::bind("127.0.0.1:0").unwrap();
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        udp.connect(device.local_addr().unwrap()).unwrap();
        hear_cancels(&udp).unwrap();
        let invitation = Invitation {
            udp: &udp,
            // More than a datagram takes.
            text: "0".repeat(70_000),
            password: None,
            timeout: Duration::from_millis(100),
            cancel: &CancelToken::new(),
        };
        let refused = invitation.accepted();
        assert!(
            matches!(refused, Err(DeployError::Ota(OtaError::NotSent { .. }))),
            "{refused:?}"
        );
    }
}
