//! The far end of an `rfc2217://` port: Telnet on one side, a board with control lines on the other.
//! Written after RFC 854 and RFC 2217; the near end is pyserial's.
//!
//! The two lines of an auto-reset circuit have to change together, and over a network they do not. So
//! this server does as esptool's own `esp_rfc2217_server`: it takes the first change for a wish, and
//! resets the board itself.

use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use fbuild_link::memory::{MemoryLink, Time};
use fbuild_link::{Lines, Link};
use fbuild_sim::{Board, BoardBuilder, Timing};

const IAC: u8 = 255;
const DONT: u8 = 254;
const DO: u8 = 253;
const WONT: u8 = 252;
const WILL: u8 = 251;
const SB: u8 = 250;
const SE: u8 = 240;
const COM_PORT_OPTION: u8 = 44;
const SET_BAUDRATE: u8 = 1;
const SET_CONTROL: u8 = 5;
const PURGE_DATA: u8 = 12;
const DTR_ON: u8 = 8;
const DTR_OFF: u8 = 9;
const RTS_OFF: u8 = 12;
/// An answer's code is its request's and this.
const TO_CLIENT: u8 = 100;

/// How long either side is waited for before the other gets its turn.
const TURN: Duration = Duration::from_millis(1);
/// How long a board is held in a reset.
const HOLD: Duration = Duration::from_millis(50);

/// A board that is reached over the network. Dropping it ends the service.
pub(super) struct RemotePort {
    pub(super) port: String,
    board: Arc<Mutex<Board>>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl RemotePort {
    pub(super) fn new(board: BoardBuilder) -> Self {
        let board = board.timing(Timing::instant()).build().unwrap();
        let board = Arc::new(Mutex::new(board));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = format!("rfc2217://{}", listener.local_addr().unwrap());
        let is_over = Arc::new(AtomicBool::new(false));
        let mut link = MemoryLink::new(&*port, Arc::clone(&board), Time::Real);
        let thread = std::thread::spawn({
            let is_over = Arc::clone(&is_over);
            move || {
                while !is_over.load(Ordering::Acquire) {
                    match listener.accept() {
                        // The client may reconnect.
                        Ok((stream, _)) => drop(Client::new(stream).serve(&mut link, &is_over)),
                        Err(_) => std::thread::sleep(TURN),
                    }
                }
            }
        });
        Self {
            port,
            board,
            is_over,
            thread: Some(thread),
        }
    }

    pub(super) fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap()
    }
}

impl Drop for RemotePort {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Release);
        let ended = self.thread.take().unwrap().join();
        assert!(ended.is_ok() || std::thread::panicking());
    }
}

/// Where in the stream of bytes it is.
#[derive(Clone, Copy)]
enum At {
    Data,
    /// Behind IAC.
    Command,
    /// Behind WILL, WONT, DO or DONT.
    Option(u8),
    /// In a subnegotiation.
    Within,
    /// In a subnegotiation, after IAC.
    WithinCommand,
}

struct Client {
    stream: TcpStream,
    at: At,
    within: Vec<u8>,
    /// The lines were last used to get the board into download mode.
    in_loader: bool,
}

impl Client {
    fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            at: At::Data,
            within: Vec::new(),
            in_loader: false,
        }
    }

    fn serve(mut self, link: &mut dyn Link, is_over: &AtomicBool) -> io::Result<()> {
        self.stream.set_nonblocking(false)?;
        self.stream.set_nodelay(true)?;
        self.stream.set_read_timeout(Some(TURN))?;
        let mut buffer = [0; 4096];
        while !is_over.load(Ordering::Acquire) {
            match self.stream.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(n) => self.hear(&buffer[..n], link)?,
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
                    ) => {}
                Err(error) => return Err(error),
            }
            loop {
                let n = link.read(&mut buffer, Duration::ZERO)?;
                if n == 0 {
                    break;
                }
                self.stream.write_all(&escaped(&buffer[..n]))?;
            }
        }
        Ok(())
    }

    fn hear(&mut self, bytes: &[u8], link: &mut dyn Link) -> io::Result<()> {
        let mut data = Vec::new();
        for &byte in bytes {
            self.at = match (self.at, byte) {
                (At::Data, IAC) => At::Command,
                (At::Data, _) => {
                    data.push(byte);
                    At::Data
                }
                (At::Command, IAC) => {
                    data.push(IAC);
                    At::Data
                }
                (At::Command, SB) => {
                    self.within.clear();
                    At::Within
                }
                (At::Command, WILL | WONT | DO | DONT) => At::Option(byte),
                (At::Command, _) => At::Data,
                (At::Option(verb), option) => {
                    self.agree(verb, option)?;
                    At::Data
                }
                (At::Within, IAC) => At::WithinCommand,
                (At::Within, _) | (At::WithinCommand, IAC) => {
                    self.within.push(byte);
                    At::Within
                }
                (At::WithinCommand, _) => {
                    // In the order in which they came.
                    link.write(&std::mem::take(&mut data))?;
                    self.obey(link)?;
                    At::Data
                }
            };
        }
        link.write(&data)
    }

    /// Only ports are spoken of here.
    fn agree(&mut self, verb: u8, option: u8) -> io::Result<()> {
        let is_port = option == COM_PORT_OPTION;
        let answer = match verb {
            WILL => [DONT, DO][usize::from(is_port)],
            DO => [WONT, WILL][usize::from(is_port)],
            _ => return Ok(()),
        };
        self.stream.write_all(&[IAC, answer, option])
    }

    /// Does what the subnegotiation asks for, and says so.
    fn obey(&mut self, link: &mut dyn Link) -> io::Result<()> {
        let [COM_PORT_OPTION, code, value @ ..] = &self.within[..] else {
            return Ok(());
        };
        match (*code, value) {
            (SET_BAUDRATE, [a, b, c, d]) => link.set_baud(u32::from_be_bytes([*a, *b, *c, *d]))?,
            (SET_CONTROL, [DTR_OFF]) => self.in_loader = false,
            (SET_CONTROL, [DTR_ON]) if !self.in_loader => {
                self.in_loader = true;
                for (dtr, rts) in [(false, true), (true, false), (false, false)] {
                    link.set_lines(Lines { dtr, rts })?;
                    link.pause(HOLD);
                }
            }
            (SET_CONTROL, [RTS_OFF]) if !self.in_loader => {
                for rts in [true, false] {
                    link.set_lines(Lines { dtr: false, rts })?;
                    link.pause(HOLD);
                }
            }
            (PURGE_DATA, _) => link.discard_input()?,
            _ => {}
        }
        let mut answer = vec![IAC, SB, COM_PORT_OPTION, code + TO_CLIENT];
        answer.extend(escaped(value));
        answer.extend([IAC, SE]);
        self.stream.write_all(&answer)
    }
}

fn escaped(bytes: &[u8]) -> Vec<u8> {
    let twice = |byte: &u8| std::iter::repeat_n(*byte, if *byte == IAC { 2 } else { 1 });
    bytes.iter().flat_map(twice).collect()
}
