//! The port of a monitor: it goes and comes back, other processes are given it, and a deploy of this process
//! borrows its link.

use std::io;
use std::time::{Duration, Instant};

use fbuild_chip::Device;
use fbuild_deploy::outcome::Failure;
use fbuild_link::Link;
use fbuild_link::holder::{self, Holder};

use crate::giving_way::{Offer, Turn, TurnNews};
use crate::holding::Holding;
use crate::monitor::rate::{Rate, USUAL_BAUD};
use crate::monitor::reset::{not_reset, reset_board};

/// How long a key may wait for the board.
pub(crate) const READ_PATIENCE: Duration = Duration::from_millis(20);
/// How long a board that does not stop printing is heard before its port is given away.
const HEAR_OUT: Duration = Duration::from_millis(200);
/// How soon after a job what its reset makes the board print is read.
const RESET_BY_JOB: Duration = Duration::from_secs(2);
/// Between two looks for a port that has gone.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// Between two tries to offer a port that another monitor offers still.
const OFFER_AGAIN: Duration = Duration::from_secs(2);

/// A port that is listened to.
pub(crate) struct Listener<'a> {
    holding: Holding<'a>,
    port: String,
    rate: Rate,
    /// What the board is, where that is known.
    pub(crate) device: Option<Device>,
    /// There while the port is, and during a turn.
    offer: Option<Offer>,
    next_offer: Instant,
    /// A job of another process that has asked for the port, what for, and until when the board is heard out.
    asked: Option<(Turn, String, Instant)>,
    /// A job of another process that has the port.
    turn: Option<Turn>,
    /// The port meanwhile, if it can be shared: a job that is killed leaves it open.
    kept: Option<Box<dyn Link>>,
    /// `None`: it is lent, or could not be opened again.
    link: Option<Box<dyn Link>>,
    is_gone: bool,
    next_look: Instant,
    began: Instant,
    /// Who else reads the port.
    beside: Vec<Holder>,
    /// A job has left the board, which may reset until then: also by its watchdog, where no line resets it.
    reset_by_job: Option<Duration>,
}

/// What a port has to say.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// So many bytes came; 0: it is silent.
    Bytes(usize),
    /// The port has gone; what the system says of it.
    Gone(String),
    /// It is back, and so many bytes with it.
    Back(usize),
    /// A job of another process asked for the port, and has it now; what for.
    Given(String),
    /// How far that job is.
    Told(String),
    /// It is still not here.
    Away,
}

impl<'a> Listener<'a> {
    /// Opens the port, unless somebody has it already: `link` has the boot log's rate then.
    pub(crate) fn open(
        holding: Holding<'a>,
        port: &str,
        rate: Rate,
        link: Option<Box<dyn Link>>,
    ) -> Result<Self, Failure> {
        let is_from_job = link.is_some();
        let mut link = match link {
            Some(link) => link,
            None => holding.link()?,
        };
        let baud = rate.baud;
        if baud != USUAL_BAUD {
            link.set_baud(baud).map_err(|error| Failure {
                code: "baud-rate",
                is_input: false,
                what: format!("{} does not support {baud} baud: {error}", link.name()),
                board_state: "the board keeps running".to_owned(),
                remedy: "choose another rate".into(),
            })?;
        }
        let mut listener = Self::away(holding, port, rate);
        listener.take_back(Some(link));
        if is_from_job {
            listener.holding.note();
        } else {
            listener.reset_by_job = None;
            listener.beside = listener.holding.others();
        }
        listener.keep_offer();
        Ok(listener)
    }

    /// For a port that somebody else has still.
    pub(crate) fn away(holding: Holding<'a>, port: &str, rate: Rate) -> Self {
        Self {
            holding,
            port: port.to_owned(),
            rate,
            device: None,
            offer: None,
            next_offer: Instant::now(),
            asked: None,
            turn: None,
            kept: None,
            link: None,
            is_gone: true,
            next_look: Instant::now(),
            began: Instant::now(),
            beside: Vec::new(),
            reset_by_job: None,
        }
    }

    /// Reads what is there, or finds out why nothing is.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Heard {
        if let Some(mut turn) = self.turn.take() {
            let news = turn.news();
            if news != TurnNews::Over {
                self.turn = Some(turn);
                self.kept = self.kept.take().filter(|link| link.is_there());
                if let TurnNews::Line(text) = news {
                    return Heard::Told(text);
                }
                std::thread::sleep(READ_PATIENCE);
                return Heard::Away;
            }
            let kept = self.kept.take();
            let link = self.holding.back(turn, kept, self.rate.baud);
            let is_back = link.is_some();
            self.take_back(link);
            if is_back {
                return Heard::Back(0);
            }
            // The next job may ask at once: it finds the offer until the port is open again.
            if self.holding.note_left() {
                return self.read_link(buffer);
            }
        }
        self.keep_offer();
        if self.asked.is_none()
            && let Some((turn, doing)) = self.offer.as_ref().and_then(Offer::asked)
        {
            self.asked = Some((turn, doing, Instant::now() + HEAR_OUT));
        }
        // What has come would be lost with the port.
        let now = Instant::now();
        let mut due = self.asked.take_if(|(_, _, until)| now >= *until);
        let heard = match due {
            Some(_) => Heard::Bytes(0),
            None => self.read_link(buffer),
        };
        if let Heard::Bytes(0) | Heard::Away = heard {
            due = due.or_else(|| self.asked.take());
        }
        match due {
            Some((mut turn, doing, _)) => {
                // Who asked may be gone by now, and nobody takes the port then.
                if turn.news() == TurnNews::Over {
                    return heard;
                }
                self.give(turn, doing)
            }
            None => heard,
        }
    }

    /// Offers the port where it is here: while it is not, another monitor may have it.
    fn keep_offer(&mut self) {
        let now = Instant::now();
        if self.is_gone {
            self.offer = None;
            self.next_offer = now;
        } else if self.offer.is_none() && now >= self.next_offer {
            self.offer = self.holding.offer();
            self.next_offer = now + OFFER_AGAIN;
        }
    }

    fn give(&mut self, mut turn: Turn, doing: String) -> Heard {
        // The other one can open the port before it hears that.
        let link = self.link.take();
        self.kept = link.and_then(|mut link| link.share().then_some(link));
        self.is_gone = true;
        if let Err(error) = turn.give() {
            tracing::debug!(%error, "who asked for the port is gone");
        }
        self.turn = Some(turn);
        Heard::Given(doing)
    }

    fn read_link(&mut self, buffer: &mut [u8]) -> Heard {
        if self.is_gone && !self.look_for_port() {
            std::thread::sleep(READ_PATIENCE);
            return Heard::Away;
        }
        let read = match &mut self.link {
            Some(link) => link.read(buffer, READ_PATIENCE),
            None => Err(io::ErrorKind::NotConnected.into()),
        };
        match read {
            Ok(n) if std::mem::take(&mut self.is_gone) => Heard::Back(n),
            Ok(n) => Heard::Bytes(n),
            Err(error) if !std::mem::replace(&mut self.is_gone, true) => {
                Heard::Gone(error.to_string())
            }
            Err(_) => Heard::Away,
        }
    }

    /// Whether the port may be there again.
    fn look_for_port(&mut self) -> bool {
        if Instant::now() < self.next_look {
            return false;
        }
        self.next_look = Instant::now() + LOOK_AGAIN;
        if let Some(link) = &mut self.link {
            if link.reopen().is_err() {
                return false;
            }
        } else {
            self.link = self.holding.open().ok();
        }
        self.set_baud(self.rate.baud);
        self.link.is_some()
    }

    /// Sends bytes, if the port is here.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.link {
            Some(link) if !self.is_gone => link.write(bytes),
            _ => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// Resets the board.
    pub(crate) fn reset(&mut self) -> Result<(), Failure> {
        match &mut self.link {
            Some(link) if !self.is_gone => reset_board(&mut **link, self.device),
            _ => Err(not_reset(
                format!("{} is not there", self.port),
                "wait for it to come back",
            )),
        }
    }

    /// The link, for a deploy of this process, at the rate that it begins with. `None`: it is not here.
    pub(crate) fn lend(&mut self) -> Option<Box<dyn Link>> {
        self.set_baud(USUAL_BAUD);
        let link = self.link.take();
        if std::mem::replace(&mut self.is_gone, true) {
            return None;
        }
        link
    }

    /// Takes a link that has the boot log's rate. Without one, the port is looked for.
    pub(crate) fn take_back(&mut self, link: Option<Box<dyn Link>>) {
        self.reset_by_job = Some(self.now() + RESET_BY_JOB);
        self.next_look = Instant::now();
        let Some(mut link) = link else { return };
        link.keep_real_time();
        self.link = Some(link);
        self.is_gone = false;
        if self.rate.baud != USUAL_BAUD {
            self.set_baud(self.rate.baud);
        }
    }

    fn set_baud(&mut self, baud: u32) {
        if let Some(link) = &mut self.link
            && let Err(error) = link.set_baud(baud)
        {
            tracing::warn!(baud, %error, "the port's baud rate");
        }
    }

    /// Until when a reset may be a job's, said once.
    pub(crate) fn reset_by_job(&mut self) -> Option<Duration> {
        self.reset_by_job.take()
    }

    /// `monitor of /dev/ttyUSB0 at 460800 baud (monitor_speed)`
    pub(crate) fn described(&self) -> String {
        format!("monitor of {} at {}", self.name(), self.rate)
    }

    /// That another program reads the port, too.
    pub(crate) fn warning(&self) -> Option<String> {
        let names = (!self.beside.is_empty()).then(|| holder::names(&self.beside))?;
        let port = self.name();
        Some(format!(
            "{port} is also open in {names}: what the board prints goes to one or the other"
        ))
    }

    pub(crate) fn rate(&self) -> Rate {
        self.rate
    }

    /// The port's name, as it is now.
    pub(crate) fn name(&self) -> &str {
        self.link.as_ref().map_or(&self.port, |link| link.name())
    }

    /// How long this has been going on. A link's own clock begins anew whenever its port is opened again.
    pub(crate) fn now(&self) -> Duration {
        self.began.elapsed()
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod with_a_pty {
    use std::os::fd::OwnedFd;
    use std::path::Path;

    use rustix::event::{PollFd, PollFlags, poll};
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

    use super::*;

    fn job<'d>(state_dir: &'d Path, port: &str) -> Holding<'d> {
        Holding::new(Some(state_dir), port, "deploying /home/me/blink".to_owned())
    }

    fn pty() -> (OwnedFd, String) {
        let board = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&board).unwrap();
        unlockpt(&board).unwrap();
        let port = ptsname(&board, Vec::new()).unwrap().into_string().unwrap();
        (board, port)
    }

    fn monitor<'d>(state_dir: &'d Path, port: &str, link: Option<Box<dyn Link>>) -> Listener<'d> {
        let holding = Holding::of_monitor(Some(state_dir), port, "monitoring it".to_owned());
        Listener::open(holding, port, Rate::of(None, None, None), link).unwrap()
    }

    /// Reads what is there until the board's port is given away, back, or whatever is waited for.
    fn wait(listener: &mut Listener<'_>, is_it: impl Fn(&Heard) -> bool) {
        let begun = Instant::now();
        while !is_it(&listener.read(&mut [0; 64])) {
            assert!(
                begun.elapsed() < Duration::from_secs(30),
                "it does not come"
            );
        }
    }

    /// Opens the port as a job of another process does, for which the monitor gives it.
    fn opened<'d>(job: Holding<'d>, listener: &mut Listener<'_>) -> (Holding<'d>, Box<dyn Link>) {
        std::thread::scope(|threads| {
            let opened = threads.spawn(|| {
                let link = job.open().unwrap();
                (job, link)
            });
            wait(listener, |heard| matches!(heard, Heard::Given(_)));
            opened.join().unwrap()
        })
    }

    /// A port that is closed for a moment forgets what comes meanwhile, and may reset its board.
    #[test]
    fn a_port_is_not_closed_between_a_job_and_the_monitor() {
        let (board, port) = pty();
        let directory = tempfile::tempdir().unwrap();
        let state_dir = directory.path();
        let mut listener = monitor(state_dir, &port, None);

        // It has come back to the job under another name.
        let other_name = state_dir.join("ttyACM1");
        std::os::unix::fs::symlink(&port, &other_name).unwrap();
        let other_name = other_name.to_str().unwrap();
        let (job, link) = opened(job(state_dir, other_name), &mut listener);
        assert_eq!(listener.read(&mut [0; 64]), Heard::Away);
        drop(link);
        rustix::io::write(&board, b"rst:0x1").unwrap();
        drop(job);
        let mut polled = [PollFd::new(&board, PollFlags::empty())];
        let now = rustix::event::Timespec::default();
        poll(&mut polled, Some(&now)).unwrap();
        assert!(
            !polled[0].revents().contains(PollFlags::HUP),
            "it was closed"
        );
        wait(&mut listener, |heard| {
            assert!(!matches!(heard, Heard::Told(_)), "{heard:?}");
            *heard == Heard::Back(0)
        });
        assert_eq!(listener.name(), other_name);
        let mut buffer = [0; 64];
        assert_eq!(listener.read(&mut buffer), Heard::Bytes(7));
        assert_eq!(&buffer[..7], b"rst:0x1");
        let other = Holding::of_monitor(Some(state_dir), &port, String::new()).link();
        assert_eq!(other.err().map(|failure| failure.code), Some("port-busy"));
    }

    #[test]
    fn a_port_that_vanishes_while_another_has_it_is_closed() {
        let (board, port) = pty();
        let directory = tempfile::tempdir().unwrap();
        let mut listener = monitor(directory.path(), &port, None);
        let (_job, _link) = opened(job(directory.path(), &port), &mut listener);
        assert!(listener.kept.is_some());
        drop(board);
        listener.read(&mut [0; 64]);
        assert!(listener.kept.is_none());
    }

    #[test]
    fn a_job_that_keeps_the_port_for_its_own_monitor_gives_it_to_the_next() {
        let (_board, port) = pty();
        let directory = tempfile::tempdir().unwrap();
        let state_dir = directory.path();
        let mut first = monitor(state_dir, &port, None);
        let (keeper, link) = opened(job(state_dir, &port), &mut first);
        // As with `deploy --monitor`: the monitor begins with the link, when the job is over.
        drop(keeper);
        let mut second = monitor(state_dir, &port, Some(link));
        // Where the other one's offer stands still, this one's has to wait.
        second.read(&mut [0; 64]);
        wait(&mut first, |heard| *heard == Heard::Away);
        let begun = Instant::now();
        while second.offer.is_none() {
            assert!(begun.elapsed() < Duration::from_secs(30), "never offered");
            second.read(&mut [0; 64]);
        }
        let (_job, _link) = opened(job(state_dir, &port), &mut second);
    }
}
