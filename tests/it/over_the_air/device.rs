//! A device with ArduinoOTA, as far as the wire shows it. It keeps what it was given and runs nothing.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{JoinHandle, spawn};
use std::time::Duration;

use fbuild_deploy::espota::auth::Scheme;
use fbuild_loader::session::md5_of;

/// What a device reads at once.
const PIECE_BYTES: usize = 1460;
const NONCE: &str = "78377b525757b494427f89014f97d79928f3938d14eb51e20fb5dec9834eb304";

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    None,
    /// It takes invitations and says nothing.
    Silent,
    /// Each of its answers follows one to an earlier invitation.
    AsksTwice,
    /// It agrees and goes its way.
    DoesNotConnect,
    /// It ends the connection after so many bytes.
    EndsAfter(usize),
    /// It reads no more after so many bytes, and stays connected.
    StopsAfter(usize),
    /// It says `OK` after so many bytes, and goes on reading.
    SaysOkAfter(usize),
    /// It writes a bit less than it was given, and says so.
    WritesShort,
    /// A bit of what it has written is another one.
    FlipsBit,
    /// It says this at the end.
    Says(&'static str),
    /// It reads no more after so many bytes, and prints line ends as long as somebody listens.
    PrintsOnAfter(usize),
    /// It says nothing at the end.
    EndsWithoutAWord,
}

/// One image that came.
#[derive(Debug, Clone)]
pub(super) struct Taken {
    pub(super) command: u8,
    pub(super) bytes: Vec<u8>,
}

#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) n_datagrams: usize,
    /// Ways to prove a password that were tried.
    pub(super) tried: usize,
    pub(super) taken: Vec<Taken>,
}

/// A device that listens on a port of its own. Ends when dropped.
pub(super) struct Device {
    pub(super) udp_port: u16,
    seen: Arc<Mutex<Seen>>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Device {
    /// `password` with the hash of it that the device keeps.
    pub(super) fn start(password: Option<(&'static str, Scheme)>, fault: Fault) -> Self {
        let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        udp.set_read_timeout(Some(Duration::from_millis(20)))
            .unwrap();
        let udp_port = udp.local_addr().unwrap().port();
        let seen = Arc::<Mutex<Seen>>::default();
        let is_over = Arc::<AtomicBool>::default();
        let mut handle = Handle {
            udp,
            password,
            fault,
            seen: Arc::clone(&seen),
            is_over: Arc::clone(&is_over),
            invited: None,
        };
        let thread = spawn(move || handle.run());
        Self {
            udp_port,
            seen,
            is_over,
            thread: Some(thread),
        }
    }

    pub(super) fn port(&self) -> String {
        format!("espota://127.0.0.1:{}?timeout=1", self.udp_port)
    }

    pub(super) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap()
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Release);
        let _ = self.thread.take().unwrap().join();
    }
}

/// As `ArduinoOTA.handle()` has it.
struct Handle {
    udp: UdpSocket,
    password: Option<(&'static str, Scheme)>,
    fault: Fault,
    seen: Arc<Mutex<Seen>>,
    is_over: Arc<AtomicBool>,
    /// An invitation that waits for its password.
    invited: Option<Invitation>,
}

struct Invitation {
    command: u8,
    tcp_port: u16,
    len_bytes: usize,
    md5: String,
}

impl Invitation {
    fn of(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let command = words.next()?.parse().ok()?;
        let invitation = Self {
            command,
            tcp_port: words.next()?.parse().ok()?,
            len_bytes: words.next()?.parse().ok()?,
            md5: words.next()?.trim_end().to_owned(),
        };
        (matches!(command, 0 | 100) && invitation.md5.len() == 32).then_some(invitation)
    }
}

impl Handle {
    fn run(&mut self) {
        let mut buffer = [0; 512];
        while !self.is_over.load(Ordering::Acquire) {
            let Ok((len, from)) = self.udp.recv_from(&mut buffer) else {
                continue;
            };
            self.seen.lock().unwrap().n_datagrams += 1;
            let text = String::from_utf8_lossy(&buffer[..len]).into_owned();
            if self.fault != Fault::Silent {
                self.on_datagram(&text, from);
            }
        }
    }

    fn on_datagram(&mut self, text: &str, from: SocketAddr) {
        let Some(invitation) = self.invited.take() else {
            let Some(invitation) = Invitation::of(text) else {
                return;
            };
            return match self.password {
                Some((_, scheme)) => {
                    self.invited = Some(invitation);
                    self.ask_as_before(scheme, from);
                    self.say(&format!("AUTH {}", nonce(scheme)), from);
                }
                None => self.agree(&invitation, from),
            };
        };
        let words: Vec<&str> = text.trim_end().split(' ').collect();
        let (["200", cnonce, response], Some((password, scheme))) = (&words[..], self.password)
        else {
            return;
        };
        self.seen.lock().unwrap().tried += 1;
        self.ask_as_before(scheme, from);
        let nonce = nonce(scheme);
        if cnonce.len() == nonce.len() && scheme.response(password, nonce, cnonce) == *response {
            self.agree(&invitation, from);
        } else {
            self.say("Authentication Failed", from);
        }
    }

    fn ask_as_before(&self, scheme: Scheme, from: SocketAddr) {
        if self.fault == Fault::AsksTwice {
            let earlier: String = nonce(scheme).chars().rev().collect();
            self.say(&format!("AUTH {earlier}"), from);
        }
    }

    fn say(&self, text: &str, to: SocketAddr) {
        self.udp.send_to(text.as_bytes(), to).unwrap();
    }

    fn agree(&self, invitation: &Invitation, from: SocketAddr) {
        self.say("OK", from);
        if self.fault == Fault::DoesNotConnect {
            return;
        }
        let mut stream = TcpStream::connect((from.ip(), invitation.tcp_port)).unwrap();
        let poll = Some(Duration::from_millis(20));
        stream.set_read_timeout(poll).unwrap();
        let mut bytes = Vec::new();
        let mut is_connected = true;
        while is_connected && bytes.len() < invitation.len_bytes {
            match self.fault {
                Fault::SaysOkAfter(limit) if bytes.len() >= limit => {
                    let _ = stream.write_all(b"OK");
                    let _ = std::io::copy(&mut stream, &mut std::io::sink());
                    return;
                }
                Fault::PrintsOnAfter(limit) if bytes.len() >= limit => {
                    return self.print_on(&mut stream);
                }
                Fault::EndsAfter(limit) if bytes.len() >= limit => return,
                Fault::StopsAfter(limit) if bytes.len() >= limit => {
                    while !self.is_over.load(Ordering::Acquire) {
                        std::thread::sleep(Duration::from_millis(5));
                    }
                    return;
                }
                _ => {}
            }
            is_connected = self.take_piece(&mut stream, &mut bytes);
        }
        if matches!(self.fault, Fault::PrintsOnAfter(_)) {
            return self.print_on(&mut stream);
        }
        if self.fault == Fault::FlipsBit {
            bytes[100] ^= 1;
        }
        let md5 = md5_of(&bytes).map(|byte| format!("{byte:02x}")).concat();
        let last = match self.fault {
            Fault::EndsWithoutAWord => return,
            Fault::Says(text) => text,
            _ if bytes.len() < invitation.len_bytes => "Aborted\r\n",
            _ if md5 != invitation.md5 => "MD5 Check Failed\r\n",
            _ => "OK",
        };
        self.seen.lock().unwrap().taken.push(Taken {
            command: invitation.command,
            bytes,
        });
        let _ = stream.write_all(last.as_bytes());
    }

    /// Until the other end hangs up, or has listened for a minute.
    fn print_on(&self, stream: &mut TcpStream) {
        for _ in 0..6000 {
            if self.is_over.load(Ordering::Acquire) || stream.write_all(b"\n").is_err() {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Whether the other end is still there.
    fn take_piece(&self, stream: &mut TcpStream, bytes: &mut Vec<u8>) -> bool {
        let mut piece = [0; PIECE_BYTES];
        let read = match stream.read(&mut piece) {
            Ok(0) => return false,
            Ok(read) => read,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                return !self.is_over.load(Ordering::Acquire);
            }
            Err(_) => return false,
        };
        let written = if self.fault == Fault::WritesShort {
            read.saturating_sub(1)
        } else {
            read
        };
        bytes.extend_from_slice(&piece[..written]);
        stream.write_all(written.to_string().as_bytes()).is_ok()
    }
}

/// The length says which core it is.
fn nonce(scheme: Scheme) -> &'static str {
    if scheme == Scheme::Md5 {
        &NONCE[..32]
    } else {
        NONCE
    }
}
