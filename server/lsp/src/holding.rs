//! What this process does at a port, noted for another run of this program that finds it held.
//!
//! A note is in the state directory from the moment its port is open until the job ends. One that
//! was left behind by a process that was killed misleads nobody: it counts only if the process that
//! wrote it is among those that were seen to have the port open, or, over a network, where nobody sees that, if its
//! socket answers.

use std::cell::RefCell;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use fbuild_deploy::failure::{BoardState, DeployError};
use fbuild_deploy::outcome::Failure;
use fbuild_deploy::own_file;
use fbuild_link::Link;
use fbuild_link::error::OpenError;
use fbuild_link::holder::{self, Holder};
use fbuild_link::lent::Slot;
use fbuild_link::port_name::PortName;
use fbuild_project::remedy::Remedy;
use serde::{Deserialize, Serialize};

use crate::giving_way::{self, Offer, Turn};
use crate::port;

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Note {
    pid: u32,
    /// `deploying /home/me/blink`.
    doing: String,
}

/// A job's note. Dropping it takes the note away.
#[derive(Debug)]
pub(crate) struct Holding<'d> {
    state_dir: Option<&'d Path>,
    port: String,
    note: Note,
    /// It asks a monitor that holds the port to give way.
    asks: bool,
    /// The port during its turn, when nobody uses it any more. It goes before the turn ends.
    left: Slot,
    /// It has asked, and the port is its own until this is dropped.
    turn: RefCell<Option<Turn>>,
}

impl<'d> Holding<'d> {
    /// For a job that is going to open `port`; nothing is noted yet.
    pub(crate) fn new(state_dir: Option<&'d Path>, port: &str, doing: String) -> Self {
        Self {
            state_dir,
            port: port.to_owned(),
            note: Note {
                pid: std::process::id(),
                doing,
            },
            asks: true,
            left: Slot::default(),
            turn: RefCell::new(None),
        }
    }

    /// For a monitor: it takes the port from nobody, and gives way itself.
    pub(crate) fn of_monitor(state_dir: Option<&'d Path>, port: &str, doing: String) -> Self {
        let mut holding = Self::new(state_dir, port, doing);
        holding.asks = false;
        holding
    }

    /// Lets jobs of other processes ask for the port.
    pub(crate) fn offer(&self) -> Option<Offer> {
        let socket = self.socket()?;
        match Offer::new(&socket) {
            Ok(offer) => Some(offer),
            Err(error) => {
                tracing::debug!(path = %socket.display(), %error, "nobody can ask for the port");
                None
            }
        }
    }

    /// Opens the port and notes that, or says what its holder is doing.
    pub(crate) fn open(&self) -> Result<Box<dyn Link>, OpenError> {
        // After an error it is opened anew.
        drop(self.left.take());
        if let Some(busy) = self.ask_on_network() {
            return Err(busy);
        }
        let mut opened = port::open(&self.port, self.state_dir);
        if matches!(opened, Err(OpenError::Busy { .. })) && self.is_given() {
            opened = port::open(&self.port, self.state_dir);
        }
        match opened {
            Ok(link) => {
                self.note();
                Ok(if self.is_turn() {
                    self.left.lend(link)
                } else {
                    link
                })
            }
            Err(OpenError::Busy { port, mut holders }) => {
                if let Some(note) = self.file().and_then(|file| read(&file)) {
                    tell(&note, &mut holders);
                }
                Err(OpenError::Busy { port, holders })
            }
            Err(error) => Err(error),
        }
    }

    /// Over the network nobody can see that a port is held: it opens, stays silent, or fails. A monitor of another
    /// process that has it is found by its socket, and asked first. The error is that it keeps the port.
    fn ask_on_network(&self) -> Option<OpenError> {
        let is_on_network = PortName::of(&self.port).is_on_network();
        let socket = self.socket().filter(|_| is_on_network)?;
        let note = self.file().and_then(|file| read(&file));
        if note.as_ref().is_some_and(|note| note.pid == self.note.pid)
            || self.is_turn()
            || self.is_given()
            || !giving_way::is_offered(&socket)
        {
            return None;
        }
        let holder = |note: Note| Holder {
            program: env!("CARGO_PKG_NAME").to_owned(),
            pid: note.pid,
            doing: Some(note.doing),
        };
        Some(OpenError::Busy {
            port: self.port.clone(),
            holders: note.map(holder).into_iter().collect(),
        })
    }

    /// Asks a monitor of another process for the port, once; whether it has given it.
    fn is_given(&self) -> bool {
        if self.is_turn() {
            return false;
        }
        let socket = self.socket().filter(|_| self.asks);
        let turn = socket.and_then(|socket| giving_way::ask(&socket, &self.note.doing));
        let is_given = turn.is_some();
        if is_given {
            *self.turn.borrow_mut() = turn;
        }
        is_given
    }

    /// Asks a monitor of another process, which may have the port, to give it to a program of its own that opens it
    /// for this process.
    pub(crate) fn ask_for_child(&self) {
        if self.is_given() {
            self.note();
        } else {
            self.note_for_child();
        }
    }

    /// The same for who shows it to a person at once.
    pub(crate) fn link(&self) -> Result<Box<dyn Link>, Failure> {
        let opened = self.open().map_err(DeployError::from);
        opened.map_err(|error| error.into_failure(&self.port, &BoardState::Untouched))
    }

    /// Programs that have the port open beside this one. Most take no lock, pySerial and all that is made with it among
    /// them, and each byte of the board goes to one of them or to us.
    pub(crate) fn others(&self) -> Vec<Holder> {
        if !PortName::of(&self.port).is_device() {
            return Vec::new();
        }
        let mut others = holder::holders(&self.port);
        // A monitor that has given the port keeps it open, and reads nothing.
        others.retain(|other| other.pid != std::process::id() && !is_ours(other));
        others
    }

    /// Names them where the board's answers were missing or damaged.
    pub(crate) fn name_others(&self, failure: &mut Failure) {
        if !matches!(
            failure.code,
            "no-loader" | "timeout" | "bad-reply" | "link-lost"
        ) {
            return;
        }
        let others = self.others();
        if others.is_empty() {
            return;
        }
        let (names, port) = (holder::names(&others), &self.port);
        failure.what = format!(
            "{}; {port} is also open in {names}, and the board's answers may go there",
            failure.what
        );
        let first = format!("close {}, and try again. Otherwise: ", others[0].program);
        failure.remedy = Remedy::from(first).and(&failure.remedy);
    }

    /// Tells whoever gave the port how far the job is.
    pub(crate) fn tell(&self, text: &str) {
        if let Some(turn) = &mut *self.turn.borrow_mut() {
            turn.tell(text);
        }
    }

    /// Whether somebody gave the port for the job, and wants it back.
    pub(crate) fn is_turn(&self) -> bool {
        self.turn.borrow().is_some()
    }

    /// The port after another's turn, if it came back open, or was shared and is free.
    pub(crate) fn back(
        &self,
        turn: Turn,
        kept: Option<Box<dyn Link>>,
        baud: u32,
    ) -> Option<Box<dyn Link>> {
        let link = if turn.has_port() {
            turn.port(&self.port, baud)?
        } else {
            own(kept?)?
        };
        self.note();
        Some(link)
    }

    pub(crate) fn note(&self) {
        if let Some(file) = self.file()
            && let Err(error) = self.write(&file)
        {
            tracing::debug!(path = %file.display(), %error, "could not note what is done");
        }
    }

    /// Notes a port on the network that a job has just left, unless the job's process goes on with it.
    pub(crate) fn note_left(&self) -> bool {
        let is_kept = || self.file().and_then(|file| read(&file)).is_some();
        let is_left = PortName::of(&self.port).is_on_network() && !is_kept();
        if is_left {
            self.note();
        }
        is_left
    }

    /// Notes it for a program of its own that opens the port for this process, unless another of our
    /// processes has a note there: it may well have the port.
    pub(crate) fn note_for_child(&self) {
        let Some(file) = self.file() else { return };
        let other = read(&file).and_then(|note| holder::process(note.pid));
        if !other.is_some_and(|other| is_ours(&other)) {
            self.note();
        }
    }

    /// A simulated board is of one process.
    fn file(&self) -> Option<PathBuf> {
        let port = PortName::of(&self.port);
        let is_shared = port.is_device() || port.is_on_network();
        let dir = self.state_dir.filter(|_| is_shared)?;
        Some(dir.join(file_name(&port.identity())))
    }

    /// Where a monitor that holds the port listens.
    fn socket(&self) -> Option<PathBuf> {
        Some(self.file()?.with_extension("sock"))
    }

    fn write(&self, file: &Path) -> io::Result<()> {
        if let Some(dir) = self.state_dir {
            own_file::directory(dir)?;
        }
        own_file::replace(file, &serde_json::to_vec(&self.note)?)
    }
}

impl Drop for Holding<'_> {
    fn drop(&mut self) {
        // Its next owner may have noted itself already.
        if let Some(file) = self.file()
            && read(&file).is_some_and(|note| note == self.note)
        {
            let _ = fs::remove_file(file);
        }
        if let (Some(turn), Some(link)) = (self.turn.get_mut(), self.left.take()) {
            turn.give_back(&*link);
        }
    }
}

/// A link that was shared, for this process alone; none where another has the port still.
pub(crate) fn own(mut link: Box<dyn Link>) -> Option<Box<dyn Link>> {
    match link.own() {
        Ok(()) => Some(link),
        Err(error) => {
            tracing::debug!(%error, "the port has to be opened again");
            None
        }
    }
}

fn read(file: &Path) -> Option<Note> {
    serde_json::from_slice(&own_file::read(file).ok()?).ok()
}

/// lsof shortens names. A number that was this program's once can be another's now.
fn is_ours(process: &Holder) -> bool {
    env!("CARGO_PKG_NAME").starts_with(&process.program)
}

/// Says of the holder that wrote the note what it is doing, and of a program that it has started for
/// that (esptool, which may start another).
fn tell(note: &Note, holders: &mut [Holder]) {
    const GENERATIONS: usize = 4;
    for holder in holders {
        let itself = Some(holder.clone());
        let mut line =
            std::iter::successors(itself, |it| holder::started_by(it.pid)).take(GENERATIONS);
        if line.any(|it| it.pid == note.pid && is_ours(&it)) {
            holder.doing = Some(note.doing.clone());
        }
    }
}

/// A file name of its own for each port: a character other than a letter or digit is its number, between dashes.
fn file_name(port: &str) -> String {
    let escaped = port.chars().map(|c| match c {
        c if c.is_ascii_alphanumeric() => c.to_string(),
        c => format!("-{:x}-", u32::from(c)),
    });
    format!("port-{}.json", escaped.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_port_has_a_file_name_of_its_own() {
        assert_eq!(file_name("/dev/ttyUSB0"), "port--2f-dev-2f-ttyUSB0.json");
        let names = ["a/b", "a-2f-b", "a_b", "a.b", "../b", "COM5", "COM55"].map(file_name);
        for (n, name) in names.iter().enumerate() {
            assert!(!names[..n].contains(name), "{name}");
            assert_eq!(Path::new(name).components().count(), 1, "{name}");
        }
    }

    #[test]
    fn a_note_counts_for_the_process_that_wrote_it() {
        let holder = |program: &str, pid| Holder {
            program: program.to_owned(),
            pid,
            doing: None,
        };
        let note = Note {
            pid: 7,
            doing: "deploying /home/me/blink".to_owned(),
        };
        let mut holders = [
            holder("fbuild-lsp", 7),
            holder("fbuild-ls", 7),
            holder("fbuild-lsp", 8),
            holder("picocom", 7),
        ];
        tell(&note, &mut holders);
        let said = holders.map(|holder| holder.doing.is_some());
        assert_eq!(said, [true, true, false, false]);
    }

    #[test]
    fn another_process_s_note_stays() {
        let dir = tempfile::tempdir().unwrap();
        let holding = |doing: &str| Holding::new(Some(dir.path()), "COM5", doing.to_owned());
        let ours = holding("deploying /home/me/blink");
        let file = ours.file().unwrap();
        ours.write(&file).unwrap();
        assert_eq!(read(&file).as_ref(), Some(&ours.note));
        drop(ours);
        assert_eq!(read(&file), None);

        let mut theirs = holding("erasing its board");
        theirs.note.pid += 1;
        theirs.write(&file).unwrap();
        drop(holding("deploying /home/me/blink"));
        assert_eq!(read(&file).as_ref(), Some(&theirs.note));
    }
}
