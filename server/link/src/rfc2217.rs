//! A serial port at the far end of a network (`rfc2217://HOST:PORT`), with its baud rate and control
//! lines: ser2net, Espressif's `esp_rfc2217_server`, PlatformIO's and pySerial's.
//!
//! Two traps. A server may carry out a request before it has sent on the data that came before it, so
//! each change of the rate is waited for. Espressif's server answers no change of a line, since it
//! resets the board itself, at the first of a sequence: such answers are never waited for, and a line
//! that stays as it is is not sent, since it might be taken for a wish.
//!
//! Source: RFC 2217; `esp_rfc2217_server` of esptool 5.6.0 and pySerial 3.5, as seen on the wire.

use std::io;
use std::time::{Duration, Instant};

use crate::error::OpenError;
use crate::tcp::TcpLink;
use crate::telnet::{self, Decoder, Piece, Verb, com, option};
use crate::{Lines, LinesReach, Link};

/// How long a server is waited for, if the port's name says nothing; as pySerial does.
const TIMEOUT: Duration = Duration::from_secs(3);
/// Longest time that a server may suspend what is sent.
const SUSPENDED: Duration = Duration::from_secs(10);
/// The rate that a port is opened with.
const FIRST_BAUD: u32 = 115_200;

/// What follows the slashes of a port's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'p> {
    /// `HOST:PORT`.
    pub address: &'p str,
    timeout: Duration,
}

impl<'p> Place<'p> {
    /// Takes `HOST:PORT[?OPTIONS]` apart. Of pySerial's options `timeout=SECONDS` (a number from 0 to
    /// 3,600) counts; what `ign_set_control`, `poll_modem` and `logging` ask for is done anyway, or has
    /// no meaning here.
    ///
    /// # Errors
    /// What is wrong with it, as in "expected rfc2217://HOST:PORT".
    pub fn of(rest: &'p str) -> Result<Self, String> {
        let (address, options) = rest.split_once('?').unwrap_or((rest, ""));
        let address = address.trim_end_matches('/');
        let is_whole = address.rsplit_once(':').is_some_and(|(host, number)| {
            !host.is_empty() && number.parse::<u16>().is_ok_and(|number| number > 0)
        });
        if !is_whole {
            return Err("expected rfc2217://HOST:PORT".to_owned());
        }
        let mut timeout = TIMEOUT;
        for part in options.split('&').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            match name {
                "ign_set_control" | "poll_modem" | "logging" => {}
                "timeout" => {
                    let seconds = value.parse().ok();
                    let seconds = seconds.filter(|seconds| (0.0..=3600.0).contains(seconds));
                    timeout = Duration::from_secs_f64(
                        seconds.ok_or("timeout is a number of seconds, up to 3600")?,
                    );
                }
                _ => {
                    return Err(format!(
                        "it has no option '{name}'; there are timeout, ign_set_control, poll_modem \
                         and logging"
                    ));
                }
            }
        }
        Ok(Self { address, timeout })
    }
}

/// An open port at the far end of a network.
#[derive(Debug)]
pub struct Rfc2217Link {
    tcp: TcpLink,
    timeout: Duration,
    decoder: Decoder,
    received: Vec<u8>,
    /// As they were set last; nobody knows what they were before.
    dtr: Option<bool>,
    rts: Option<bool>,
    is_suspended: bool,
    /// Of COM-PORT: whether the server has agreed to it, or has refused.
    agreed: Option<bool>,
    /// The server wants to see text, and would change bytes.
    is_text: bool,
}

impl Rfc2217Link {
    /// Connects to a server; `name` is what to call the port, `rest` what follows its slashes.
    ///
    /// # Errors
    /// [`OpenError::BadName`] says what is wrong with the name; else nothing answers there, or not as a
    /// serial port: check what is served, and that nobody else uses it.
    pub fn open(name: &str, rest: &str) -> Result<Self, OpenError> {
        let place = Place::of(rest).map_err(|why| OpenError::BadName {
            port: name.to_owned(),
            why,
        })?;
        let tcp = TcpLink::open(name, place.address)?;
        let mut link = Self {
            tcp,
            timeout: place.timeout,
            decoder: Decoder::default(),
            received: Vec::new(),
            dtr: None,
            rts: None,
            is_suspended: false,
            agreed: None,
            is_text: false,
        };
        link.negotiate().map_err(|source| OpenError::Other {
            port: name.to_owned(),
            source,
        })?;
        Ok(link)
    }

    fn negotiate(&mut self) -> io::Result<()> {
        let wishes = [
            telnet::negotiation(Verb::Will, option::COM_PORT),
            telnet::negotiation(Verb::Will, option::BINARY),
            telnet::negotiation(Verb::Do, option::BINARY),
            telnet::negotiation(Verb::Will, option::SUPPRESS_GO_AHEAD),
            telnet::negotiation(Verb::Do, option::SUPPRESS_GO_AHEAD),
        ];
        self.tcp.write(wishes.as_flattened())?;
        self.wait_for(|link, _| link.agreed.is_some())?;
        if self.agreed == Some(false) {
            return Err(io::Error::other("the server there has no serial port"));
        }
        let mut settings = telnet::com_port(com::SET_BAUD, &FIRST_BAUD.to_be_bytes());
        for (code, value) in [
            (com::SET_DATA_BITS, 8),
            (com::SET_PARITY, 1),
            (com::SET_STOP_BITS, 1),
            (com::SET_CONTROL, com::NO_FLOW_CONTROL),
        ] {
            settings.extend(telnet::com_port(code, &[value]));
        }
        self.tcp.write(&settings)?;
        let mut missing = vec![
            com::SET_BAUD,
            com::SET_DATA_BITS,
            com::SET_PARITY,
            com::SET_STOP_BITS,
        ];
        self.wait_for(|_, answers| {
            for (code, _) in answers {
                missing.retain(|request| request + com::ANSWER != *code);
            }
            missing.is_empty()
        })?;
        if self.is_text {
            return Err(io::Error::other("the server there takes bytes for text"));
        }
        Ok(())
    }

    /// Waits until what came in is what was waited for.
    fn wait_for(
        &mut self,
        mut is_there: impl FnMut(&Self, &[(u8, Vec<u8>)]) -> bool,
    ) -> io::Result<()> {
        let end = Instant::now() + self.timeout;
        loop {
            let answers = self.hear(end.saturating_duration_since(Instant::now()))?;
            if is_there(self, &answers) {
                return Ok(());
            }
            if Instant::now() >= end {
                return Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    "what is there does not answer as a serial port (RFC 2217): it is something \
                     else, or serves another client",
                ));
            }
        }
    }

    /// Takes in what has come, or comes within `timeout`; answers about the port.
    fn hear(&mut self, timeout: Duration) -> io::Result<Vec<(u8, Vec<u8>)>> {
        let mut buffer = [0; 4096];
        let n = self.tcp.read(&mut buffer, timeout)?;
        self.take(&buffer[..n])
    }

    fn take(&mut self, bytes: &[u8]) -> io::Result<Vec<(u8, Vec<u8>)>> {
        let mut answers = Vec::new();
        for piece in self.decoder.take(bytes) {
            match piece {
                Piece::Data(data) => self.received.extend(data),
                Piece::Option(verb, option) => self.agree(verb, option)?,
                // Of these two servers send either code.
                Piece::Com(code, _) if code % com::ANSWER == com::SUSPEND => {
                    self.is_suspended = true;
                }
                Piece::Com(code, _) if code % com::ANSWER == com::RESUME => {
                    self.is_suspended = false;
                }
                Piece::Com(code, value) => answers.push((code, value)),
            }
        }
        Ok(answers)
    }

    /// All that is wanted was wished for already, so only what is not wanted is answered.
    fn agree(&mut self, verb: Verb, option: u8) -> io::Result<()> {
        let is_wanted = matches!(
            option,
            option::BINARY | option::SUPPRESS_GO_AHEAD | option::COM_PORT
        );
        let yes = matches!(verb, Verb::Do | Verb::Will);
        match option {
            // Some servers answer with one, some with the other.
            option::COM_PORT => self.agreed = Some(yes || self.agreed == Some(true)),
            option::BINARY => self.is_text |= !yes,
            _ => {}
        }
        let answer = match verb {
            Verb::Do if !is_wanted => Verb::Wont,
            Verb::Will if !is_wanted => Verb::Dont,
            _ => return Ok(()),
        };
        self.tcp.write(&telnet::negotiation(answer, option))
    }
}

impl Link for Rfc2217Link {
    fn name(&self) -> &str {
        self.tcp.name()
    }

    fn read(&mut self, buffer: &mut [u8], timeout: Duration) -> io::Result<usize> {
        let end = Instant::now() + timeout;
        while self.received.is_empty() {
            let left = end.saturating_duration_since(Instant::now());
            self.hear(left)?;
            if left.is_zero() {
                break;
            }
        }
        let n = self.received.len().min(buffer.len());
        buffer[..n].copy_from_slice(&self.received[..n]);
        self.received.drain(..n);
        Ok(n)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let end = Instant::now() + SUSPENDED;
        while self.is_suspended {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            self.hear(left)?;
        }
        self.tcp.write(&telnet::data(bytes))
    }

    fn discard_input(&mut self) -> io::Result<()> {
        let mut buffer = [0; 4096];
        loop {
            let n = self.tcp.read_now(&mut buffer)?;
            if n == 0 {
                break;
            }
            self.take(&buffer[..n])?;
        }
        self.received.clear();
        Ok(())
    }

    fn set_baud(&mut self, baud: u32) -> io::Result<()> {
        let request = telnet::com_port(com::SET_BAUD, &baud.to_be_bytes());
        self.tcp.write(&request)?;
        let mut in_force = None;
        self.wait_for(|_, answers| {
            for (code, value) in answers {
                if let (true, [a, b, c, d]) = (*code == com::SET_BAUD + com::ANSWER, &value[..]) {
                    in_force = Some(u32::from_be_bytes([*a, *b, *c, *d]));
                }
            }
            in_force.is_some()
        })?;
        match in_force {
            // A divider rarely fits; a UART reads on with a twentieth of a bit.
            Some(rate) if rate.abs_diff(baud) <= baud / 50 => Ok(()),
            _ => Err(io::Error::other(format!(
                "the server there does not take {baud} baud"
            ))),
        }
    }

    fn set_lines(&mut self, lines: Lines) -> io::Result<LinesReach> {
        let dtr = (self.dtr.replace(lines.dtr) != Some(lines.dtr))
            .then_some([com::DTR_OFF, com::DTR_ON][usize::from(lines.dtr)]);
        let rts = (self.rts.replace(lines.rts) != Some(lines.rts))
            .then_some([com::RTS_OFF, com::RTS_ON][usize::from(lines.rts)]);
        let changes: Vec<u8> = [dtr, rts]
            .into_iter()
            .flatten()
            .flat_map(|control| telnet::com_port(com::SET_CONTROL, &[control]))
            .collect();
        self.tcp.write(&changes)?;
        Ok(LinesReach::Board)
    }

    fn lines_are_apart(&self) -> bool {
        true
    }

    fn pause(&mut self, duration: Duration) {
        self.tcp.pause(duration);
    }

    fn now(&self) -> Duration {
        self.tcp.now()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_and_its_options() {
        let of = |rest| Place::of(rest).map(|place| (place.address, place.timeout.as_secs()));
        assert_eq!(of("h:1"), Ok(("h:1", 3)));
        assert_eq!(of("[::1]:4000/"), Ok(("[::1]:4000", 3)));
        let known = "h:4000?ign_set_control&timeout=8&logging=debug";
        assert_eq!(of(known), Ok(("h:4000", 8)));
        for wrong in ["", "h", ":4000", "h:", "h:99999", "h:0"] {
            assert_eq!(of(wrong), Err("expected rfc2217://HOST:PORT".to_owned()));
        }
        for (wrong, named) in [("h:1?nonsense", "'nonsense'"), ("h:1?timeout=x", "timeout")] {
            assert!(of(wrong).unwrap_err().contains(named), "{wrong}");
        }
    }
}
