//! A board at the far end of an `rfc2217://` port, with its baud rate and control lines.
//!
//! The two lines of a reset circuit have to change together, and over a network they do not. So this
//! server does as esptool's own `esp_rfc2217_server`: it takes the first change of a sequence for a wish,
//! and resets the board itself. Unlike that one it answers every change of a line, for clients that
//! wait for it.

use std::io;
use std::net::ToSocketAddrs;
use std::sync::Mutex;
use std::time::Duration;

use fbuild_link::Lines;
use fbuild_link::telnet::{self, Decoder, Piece, Verb, com, option};

use super::pump::{self, Clock, Endpoint};
use super::{Served, Server, tcp, with_board};

/// The lines CD, DSR and CTS, none of which changed. Source: RFC 2217, section 3.
const CARRIER_AND_READY: u8 = 0xB0;
/// How long a board is held in a reset, and its boot pin after it.
const HOLD: Duration = Duration::from_millis(20);

/// Serves a board on a TCP address as a serial port of RFC 2217; port 0 takes a free one (see
/// [`Server::address`]).
///
/// # Errors
/// The address is taken, or not this machine's.
pub fn serve<B: Served>(board: B, address: impl ToSocketAddrs) -> io::Result<Server<B>> {
    tcp::listen(
        board,
        address,
        |client, board: &Mutex<B>, clock, stopper| {
            let mut port = Port {
                client,
                board,
                clock,
                decoder: Decoder::default(),
                baud: 115_200,
                is_in_loader: false,
            };
            pump::run(board, &mut port, clock, stopper)
        },
    )
}

struct Port<'p, B> {
    client: &'p mut tcp::Client,
    board: &'p Mutex<B>,
    clock: Clock,
    decoder: Decoder,
    baud: u32,
    /// The lines were last used to get the board into download mode.
    is_in_loader: bool,
}

impl<B: Served> Endpoint for Port<'_, B> {
    fn read(&mut self, buffer: &mut [u8], timeout: Duration) -> io::Result<usize> {
        let n = self.client.read(buffer, timeout)?;
        let mut kept = 0;
        for piece in self.decoder.take(&buffer[..n]) {
            match piece {
                Piece::Data(data) => {
                    // No longer than what it was made of.
                    buffer[kept..kept + data.len()].copy_from_slice(&data);
                    kept += data.len();
                }
                Piece::Option(verb, option) => self.agree(verb, option)?,
                Piece::Com(code, value) => {
                    // What came before it goes first.
                    let (now, baud) = (self.clock.now(), self.baud);
                    with_board(self.board, |board| {
                        board.receive(now, &buffer[..kept], baud);
                    });
                    kept = 0;
                    self.obey(code, &value)?;
                }
            }
        }
        Ok(kept)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.client.write(&telnet::data(bytes))
    }

    fn host_baud(&mut self) -> Option<u32> {
        Some(self.baud)
    }

    fn hung_up(&mut self) -> bool {
        self.client.hung_up()
    }
}

impl<B: Served> Port<'_, B> {
    fn agree(&mut self, verb: Verb, option: u8) -> io::Result<()> {
        let is_known = matches!(
            option,
            option::BINARY | option::SUPPRESS_GO_AHEAD | option::COM_PORT
        );
        let answer = match (verb, is_known) {
            (Verb::Will, true) => Verb::Do,
            (Verb::Will, false) => Verb::Dont,
            (Verb::Do, true) => Verb::Will,
            (Verb::Do, false) => Verb::Wont,
            (Verb::Wont | Verb::Dont, _) => return Ok(()),
        };
        self.client.write(&telnet::negotiation(answer, option))?;
        if (verb, option) == (Verb::Will, option::COM_PORT) {
            self.tell_modem_state()?;
        }
        Ok(())
    }

    /// As a server does unasked, and pySerial's client waits for: somebody is there.
    fn tell_modem_state(&mut self) -> io::Result<()> {
        let state = telnet::com_port(com::NOTIFY_MODEM_STATE + com::ANSWER, &[CARRIER_AND_READY]);
        self.client.write(&state)
    }

    /// Does what the client asks for, and says so.
    fn obey(&mut self, code: u8, value: &[u8]) -> io::Result<()> {
        match (code, value) {
            // Zero asks for the rate.
            (com::SET_BAUD, [a, b, c, d]) => {
                let baud = u32::from_be_bytes([*a, *b, *c, *d]);
                if baud > 0 {
                    self.baud = baud;
                }
                let answer = telnet::com_port(code + com::ANSWER, &self.baud.to_be_bytes());
                return self.client.write(&answer);
            }
            (com::NOTIFY_MODEM_STATE, _) => return self.tell_modem_state(),
            (com::SET_CONTROL, [com::DTR_OFF]) => self.is_in_loader = false,
            (com::SET_CONTROL, [com::DTR_ON]) if !self.is_in_loader => {
                self.is_in_loader = true;
                self.pull(&[(false, true), (true, false), (false, false)]);
            }
            (com::SET_CONTROL, [com::RTS_OFF]) if !self.is_in_loader => {
                self.pull(&[(false, true), (false, false)]);
            }
            _ => {}
        }
        let answer = code.checked_add(com::ANSWER);
        answer.map_or(Ok(()), |code| {
            self.client.write(&telnet::com_port(code, value))
        })
    }

    fn pull(&self, sequence: &[(bool, bool)]) {
        for &(dtr, rts) in sequence {
            let now = self.clock.now();
            with_board(self.board, |board| board.set_lines(now, Lines { dtr, rts }));
            std::thread::sleep(HOLD);
        }
    }
}
