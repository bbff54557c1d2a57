//! One port, several processes: a monitor gives its port to a job of another process, and takes it back when
//! that is done or its process dies.
//!
//! The monitor listens on a socket in the state directory. Who finds the port held connects, says in a line
//! what for, and has the port once it is answered. It may say in lines how far it is; the end of the connection
//! gives the port back. A serial port that is still open then goes back as it is, so that nothing is lost of what
//! the board prints meanwhile. There is no such socket on Windows yet: the holder of the port is named there, as it
//! is of other programs.

/// What the other side of a turn has said since.
#[derive(Debug, PartialEq, Eq)]
#[cfg_attr(not(unix), allow(dead_code))]
pub(crate) enum TurnNews {
    Nothing,
    /// How far it is.
    Line(String),
    /// It is done, or dead.
    Over,
}

#[cfg(not(unix))]
pub(crate) use other::{Offer, Turn, ask, is_offered};
#[cfg(unix)]
pub(crate) use unix::{Offer, Turn, ask, is_offered};

#[cfg(unix)]
mod unix {
    use std::fs;
    use std::io::{self, IoSlice, IoSliceMut, Read as _, Write as _};
    use std::mem::MaybeUninit;
    use std::os::fd::OwnedFd;
    use std::os::unix::fs::PermissionsExt as _;
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::path::{Path, PathBuf};
    use std::time::Duration;

    use fbuild_deploy::own_file;
    use fbuild_link::Link;
    use fbuild_link::serial::SerialLink;
    use rustix::net::{
        RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
        SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
    };

    use super::TurnNews;

    /// The answer: the port is closed.
    const YOURS: &[u8] = b"yours\n";
    /// How long either waits for the other's line.
    const PATIENCE: Duration = Duration::from_secs(3);
    /// The longest line, in bytes.
    const LINE_MAX: usize = 4096;
    /// Begins the line that the port comes along with: its name follows.
    const NAMED: char = '\t';
    /// A build that is started meanwhile must not inherit the port.
    #[cfg(target_os = "linux")]
    const RECEIVE: RecvFlags = RecvFlags::CMSG_CLOEXEC;
    #[cfg(not(target_os = "linux"))]
    const RECEIVE: RecvFlags = RecvFlags::empty();

    /// What a monitor holds out.
    #[derive(Debug)]
    pub(crate) struct Offer {
        listener: UnixListener,
        socket: PathBuf,
    }

    impl Offer {
        /// Offers what is held under this name. One that a killed process left there is replaced.
        pub(crate) fn new(socket: &Path) -> io::Result<Self> {
            if let Some(directory) = socket.parent() {
                own_file::directory(directory)?;
            }
            if !is_offered(socket) {
                let _ = fs::remove_file(socket);
            }
            let listener = UnixListener::bind(socket)?;
            let offer = Self {
                listener,
                socket: socket.to_owned(),
            };
            fs::set_permissions(socket, fs::Permissions::from_mode(0o600))?;
            offer.listener.set_nonblocking(true)?;
            Ok(offer)
        }

        /// Somebody who wants it, and what for.
        pub(crate) fn asked(&self) -> Option<(Turn, String)> {
            let (stream, _) = self.listener.accept().ok()?;
            stream.set_nonblocking(false).ok()?;
            let doing = line(&stream).ok()?;
            stream.set_nonblocking(true).ok()?;
            Some((Turn::new(stream), doing))
        }
    }

    impl Drop for Offer {
        fn drop(&mut self) {
            let _ = fs::remove_file(&self.socket);
        }
    }

    /// Somebody's turn at the port: until this is dropped, on either side.
    #[derive(Debug)]
    pub(crate) struct Turn {
        stream: UnixStream,
        /// What of its next line has come.
        said: Vec<u8>,
        /// The port, as the other side gave it back.
        port: Option<OwnedFd>,
        /// Its name there, where it may have come back under another one.
        name: Option<String>,
    }

    impl Turn {
        fn new(stream: UnixStream) -> Self {
            Self {
                stream,
                said: Vec::new(),
                port: None,
                name: None,
            }
        }

        /// The port is closed: the other side may open it.
        pub(crate) fn give(&mut self) -> io::Result<()> {
            self.stream.write_all(YOURS)
        }

        /// Says how far it is, in one line.
        pub(crate) fn tell(&mut self, text: &str) {
            let _ = writeln!(self.stream, "{}", text.replace('\n', " "));
        }

        /// What the other side has said since.
        pub(crate) fn news(&mut self) -> TurnNews {
            let is_over = self.said.len() < LINE_MAX && self.receive();
            if let Some(end) = self.said.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.said.drain(..=end).collect();
                let line = String::from_utf8_lossy(line.trim_ascii_end()).into_owned();
                let Some(name) = line.strip_prefix(NAMED) else {
                    return TurnNews::Line(line);
                };
                self.name = Some(name.to_owned());
                return TurnNews::Nothing;
            }
            if self.said.len() >= LINE_MAX {
                self.said.clear();
            }
            if is_over {
                TurnNews::Over
            } else {
                TurnNews::Nothing
            }
        }

        /// Takes what has come; whether nothing comes any more.
        fn receive(&mut self) -> bool {
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut sent_along = RecvAncillaryBuffer::new(&mut space);
            let mut bytes = [0; 1024];
            let into = &mut [IoSliceMut::new(&mut bytes)];
            let received = recvmsg(&self.stream, into, &mut sent_along, RECEIVE);
            for message in sent_along.drain() {
                if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                    self.port = descriptors.last().or(self.port.take());
                }
            }
            #[cfg(not(target_os = "linux"))]
            if let Some(port) = &self.port {
                let _ = rustix::io::fcntl_setfd(port, rustix::io::FdFlags::CLOEXEC);
            }
            match received {
                Ok(received) => {
                    self.said.extend_from_slice(&bytes[..received.bytes]);
                    received.bytes == 0
                }
                Err(error) => !matches!(
                    io::Error::from(error).kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                ),
            }
        }

        /// Gives the port back, open. The turn ends when both are dropped, the link first.
        pub(crate) fn give_back(&self, link: &dyn Link) {
            let Some(descriptor) = link.descriptor() else {
                return;
            };
            let descriptors = [descriptor];
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut along = SendAncillaryBuffer::new(&mut space);
            along.push(SendAncillaryMessage::ScmRights(&descriptors));
            let name = format!("{NAMED}{}\n", link.name());
            let bytes = [IoSlice::new(name.as_bytes())];
            if let Err(error) = sendmsg(&self.stream, &bytes, &mut along, SendFlags::empty()) {
                tracing::debug!(%error, "the monitor opens the port itself");
            }
        }

        /// Whether the port has come back open.
        pub(crate) fn has_port(&self) -> bool {
            self.port.is_some()
        }

        /// The port after the turn, if it came back open.
        pub(crate) fn port(self, name: &str, baud: u32) -> Option<Box<dyn Link>> {
            let name = self.name.as_deref().unwrap_or(name);
            Some(Box::new(SerialLink::adopt(name, self.port?, baud)?))
        }
    }

    /// Whether somebody offers the port, or has given it to another for a turn.
    pub(crate) fn is_offered(socket: &Path) -> bool {
        UnixStream::connect(socket).is_ok()
    }

    /// Asks whoever offers the port for it; `doing`: what for.
    pub(crate) fn ask(socket: &Path, doing: &str) -> Option<Turn> {
        let mut stream = UnixStream::connect(socket).ok()?;
        writeln!(stream, "{}", doing.replace('\n', " ")).ok()?;
        let is_ours = line(&stream).ok()?.as_bytes() == YOURS.trim_ascii_end();
        is_ours.then(|| Turn::new(stream))
    }

    /// One line, without its end.
    fn line(mut stream: &UnixStream) -> io::Result<String> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut line = Vec::new();
        let mut byte = [0];
        while line.len() < LINE_MAX {
            stream.read_exact(&mut byte)?;
            if byte == *b"\n" {
                return Ok(String::from_utf8_lossy(&line).into_owned());
            }
            line.extend(byte);
        }
        Err(io::ErrorKind::InvalidData.into())
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_port_is_asked_for_given_and_given_back() {
            let directory = tempfile::tempdir().unwrap();
            let socket = directory.path().join("state/port.sock");
            assert!(ask(&socket, "nobody is there").is_none());
            let offer = Offer::new(&socket).unwrap();
            let mode = fs::metadata(&socket).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
            assert!(Offer::new(&socket).is_err(), "one offers it");

            let asker = std::thread::spawn({
                let socket = socket.clone();
                move || ask(&socket, "deploying /home/me/blink").unwrap()
            });
            let (mut given, doing) = loop {
                if let Some(asked) = offer.asked() {
                    break asked;
                }
                std::thread::yield_now();
            };
            assert_eq!(doing, "deploying /home/me/blink");
            given.give().unwrap();
            let mut turn = asker.join().unwrap();
            assert_eq!(given.news(), TurnNews::Nothing);
            turn.tell("firmware: writing 43 %");
            turn.tell("done");
            drop(turn);
            assert_eq!(
                given.news(),
                TurnNews::Line("firmware: writing 43 %".to_owned())
            );
            assert_eq!(given.news(), TurnNews::Line("done".to_owned()));
            assert_eq!(given.news(), TurnNews::Over);
            drop(offer);
            assert!(!socket.exists());
        }

        #[test]
        fn what_a_killed_process_left_behind_is_replaced() {
            let directory = tempfile::tempdir().unwrap();
            let socket = directory.path().join("port.sock");
            drop(UnixListener::bind(&socket).unwrap());
            assert!(socket.exists());
            assert!(Offer::new(&socket).is_ok());
        }
    }
}

#[cfg(not(unix))]
mod other {
    use std::io;
    use std::path::Path;

    use fbuild_link::Link;

    use super::TurnNews;

    #[derive(Debug)]
    pub(crate) struct Offer;

    impl Offer {
        pub(crate) fn new(_: &Path) -> io::Result<Self> {
            Err(io::ErrorKind::Unsupported.into())
        }

        #[allow(clippy::unused_self)]
        pub(crate) fn asked(&self) -> Option<(Turn, String)> {
            None
        }
    }

    #[derive(Debug)]
    pub(crate) struct Turn;

    #[allow(clippy::unused_self, clippy::unnecessary_wraps)]
    impl Turn {
        pub(crate) fn give(&mut self) -> io::Result<()> {
            Ok(())
        }

        pub(crate) fn tell(&mut self, _: &str) {}

        pub(crate) fn news(&mut self) -> TurnNews {
            TurnNews::Over
        }

        pub(crate) fn give_back(&self, _: &dyn Link) {}

        pub(crate) fn has_port(&self) -> bool {
            false
        }

        pub(crate) fn port(self, _: &str, _: u32) -> Option<Box<dyn Link>> {
            None
        }
    }

    pub(crate) fn is_offered(_: &Path) -> bool {
        false
    }

    pub(crate) fn ask(_: &Path, _: &str) -> Option<Turn> {
        None
    }
}
