//! A monitor of the server: a thread that listens to one port, from its start until somebody stops it.
//!
//! Who else wants the port asks for it by [`super::monitors`]; what the thread hears is there, too. [`tell`]
//! passes it on to a client that follows, [`report`] puts crashes onto the lines that they lead to.

mod keys;
pub(super) mod report;
mod tell;

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use fbuild_deploy::outcome::Failure;
use fbuild_deploy::request::Request;
use fbuild_link::Link;
use fbuild_monitor::boot::BootFact;
use fbuild_monitor::crash::{Crash, Kind};
use fbuild_monitor::filter::Filter;
use fbuild_monitor::line::{Line, LineEnd};
use fbuild_monitor::text::without_colours;
use fbuild_monitor::trace::Trace;
use fbuild_project::remedy::Remedy;
use fbuild_project::target::Target;

use self::report::Reporting;
use super::jobs::Jobs;
use super::monitors::{About, Loan, Monitor, Monitors, NoSeat, Order, Seat, State};
use crate::holding::Holding;
use crate::json::MonitorEvent;
use crate::monitor::clock::{WallClock, iso};
use crate::monitor::elfs::Elfs;
use crate::monitor::intake::Intake;
use crate::monitor::keys::{Eol, Keys};
use crate::monitor::listener::{Heard, Listener};
use crate::monitor::log_file::append_to;
use crate::monitor::rate::Rate;
use crate::monitor::reader::Item;
use crate::monitor::screen::Screen;

/// How soon it is seen that a job has left a port without a word.
const LOAN_POLL: Duration = Duration::from_millis(100);

/// What a monitor has of the server.
#[derive(Clone)]
pub(crate) struct Monitoring {
    pub(crate) monitors: Arc<Monitors>,
    /// Who is using its port meanwhile.
    pub(crate) jobs: Arc<Jobs>,
    /// Where other processes are told who holds a port, and images are kept.
    pub(crate) state_dir: Option<PathBuf>,
    pub(crate) reporting: Reporting,
}

/// What to listen to.
pub(crate) struct Start {
    pub(crate) port: String,
    /// Whose ELF files name the places of a crash.
    pub(crate) project: PathBuf,
    /// What the board is expected to run.
    pub(crate) target: Option<Target>,
    pub(crate) about: About,
    pub(crate) filter: Filter,
    pub(crate) has_timestamps: bool,
    /// What Enter sends.
    pub(crate) line_end: Eol,
    /// The board is reset first.
    pub(crate) resets: bool,
    /// The port, where a deploy has just had it; it has the boot log's rate then.
    pub(crate) link: Option<Box<dyn Link>>,
}

impl Start {
    /// A monitor of what has just been deployed.
    pub(crate) fn after(
        request: &Request,
        (rate, line_end): (Rate, Eol),
        link: Option<Box<dyn Link>>,
    ) -> Self {
        let target = &request.target;
        Self {
            port: request.port.clone(),
            project: target.root.clone(),
            target: Some(target.clone()),
            about: About { rate, log: None },
            filter: Filter::default(),
            has_timestamps: target.console.has_filter("time"),
            line_end,
            resets: false,
            link,
        }
    }
}

impl Monitoring {
    /// Starts a monitor, or finds the one that runs. Blocks until the port is open.
    pub(crate) fn start(&self, start: Start) -> Result<Arc<Monitor>, Failure> {
        let editor = &self.reporting.editor;
        let is_followed = self.reporting.session.capabilities().wants.monitor;
        let about = start.about.clone();
        let log = about.log.as_deref().map(append_to).transpose();
        let log = log.map_err(|what| {
            let remedy = "name another file for the log";
            Failure::of_input("file-unwritable", what, remedy)
        })?;
        let seat = match self.monitors.enter(&start.port, about, is_followed) {
            Ok(seat) => seat,
            Err(NoSeat::Taken(other)) => return Ok(other),
            Err(NoSeat::Closed) => return Err(closed()),
        };
        let monitor = seat.monitor.clone();
        let (sender, opened) = std::sync::mpsc::channel();
        let ours = self.clone();
        let spawned = std::thread::Builder::new()
            .name(format!("monitor {}", start.port))
            .spawn(move || {
                thread(&ours, start, log, &seat, |result| {
                    let _ = sender.send(result);
                });
            });
        spawned.map_err(|error| no_thread(&error.to_string()))?;
        opened
            .recv()
            .unwrap_or_else(|_| Err(no_thread("it has ended")))?;
        if is_followed {
            let follow = tell::follow(editor.clone(), monitor.clone());
            editor.runtime.spawn(follow);
        }
        Ok(monitor)
    }
}

/// The thread's whole life. The seat is left after it, when the port is closed.
fn thread(
    with: &Monitoring,
    start: Start,
    log: Option<File>,
    seat: &Seat,
    opened: impl FnOnce(Result<(), Failure>),
) {
    let doing = format!("monitoring {}", start.project.display());
    let holding = Holding::of_monitor(with.state_dir.as_deref(), &start.port, doing);
    let job = with
        .jobs
        .on_port(&start.port)
        .filter(|_| start.link.is_none());
    let rate = start.about.rate;
    let listener = match &job {
        Some(_) => Ok(Listener::away(holding, &start.port, rate)),
        None => Listener::open(holding, &start.port, rate, start.link),
    };
    let mut listener = match listener {
        Ok(listener) => listener,
        Err(failure) => return opened(Err(failure)),
    };
    listener.device = start.target.as_ref().and_then(Target::device);
    let clock = WallClock::at(listener.now());
    let mut screen = Screen::new(start.filter, clock);
    screen.has_timestamps = start.has_timestamps;
    screen.has_colours = true;
    screen.note(&listener.described());
    if let Some(warning) = listener.warning() {
        screen.note(&warning);
    }
    let mut listening = Listening {
        with,
        seat,
        project: start.project.clone(),
        target: start.target.as_ref().map(|target| target.name.clone()),
        keys: Keys::new(true, start.line_end),
        has_quit: false,
        listener,
        intake: Intake::new(log),
        elfs: Elfs::of_targets(
            &start.project,
            start.target.as_ref(),
            with.state_dir.as_deref(),
        ),
        screen,
        clock,
        is_lent: false,
        elf_sha256: None,
    };
    if let Some((_, what)) = job {
        listening.is_lent(&what);
    } else if start.resets {
        listening.reset();
    }
    listening.publish(listening.state());
    opened(Ok(()));
    listening.run();
}

struct Listening<'a> {
    with: &'a Monitoring,
    seat: &'a Seat,
    project: PathBuf,
    /// What the board is expected to run, by name.
    target: Option<String>,
    keys: Keys,
    /// A person has ended it by a key.
    has_quit: bool,
    listener: Listener<'a>,
    intake: Intake,
    elfs: Elfs,
    screen: Screen,
    clock: WallClock,
    is_lent: bool,
    /// The first digits of the running build's hash, as the board printed them.
    elf_sha256: Option<String>,
}

impl Listening<'_> {
    /// Runs until it is stopped.
    fn run(&mut self) {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let order = if self.is_lent {
                self.seat.orders.recv_timeout(LOAN_POLL)
            } else {
                let order = self.seat.orders.try_recv();
                order.map_err(|_| RecvTimeoutError::Timeout)
            };
            match order {
                Ok(Order::Stop) => return self.finish(),
                Ok(order) => self.act(order),
                Err(_) if self.has_quit => return self.finish(),
                Err(_) if self.is_lent => self.look_after_loan(),
                Err(_) => self.listen(&mut buffer),
            }
        }
    }

    fn listen(&mut self, buffer: &mut [u8]) {
        match self.listener.read(buffer) {
            Heard::Bytes(0) => self.silence(),
            Heard::Bytes(n) => self.hear(&buffer[..n]),
            Heard::Back(n) => {
                self.port_is(State::Open, "is back");
                self.hear(&buffer[..n]);
            }
            Heard::Gone(why) => {
                let what = format!("is gone ({why}); waiting for it to come back");
                self.port_is(State::Gone, &what);
            }
            Heard::Given(doing) => {
                self.end_of_crash();
                let what = format!("is given to another fbuild-lsp ({doing})");
                self.port_is(State::Given, &what);
            }
            Heard::Told(text) => self.note(&text),
            Heard::Away => {}
        }
    }

    fn act(&mut self, order: Order) {
        match order {
            Order::Stop => {}
            Order::Send(bytes, answer) => {
                let written = self.listener.write(&bytes).map_err(|error| Failure {
                    code: "link-lost",
                    is_input: false,
                    what: format!("{} takes nothing: {error}", self.listener.name()),
                    board_state: "how much was sent is not known".to_owned(),
                    remedy: "check that the board is plugged in, and send it again".into(),
                });
                let _ = answer.send(written);
            }
            Order::Keys(typed, answer) => {
                let wish = self.typed(&typed);
                let _ = answer.send(wish);
            }
            Order::Say(lines) => lines.iter().for_each(|line| self.note(line)),
            Order::Reset(answer) => {
                let _ = answer.send(self.listener.reset());
            }
            Order::Places(named, answer) => {
                let _ = answer.send(self.places(&named));
            }
            Order::Lend(loan, borrower) => {
                let Loan { what, target } = *loan;
                self.end_of_crash();
                if let Some(target) = target {
                    self.elfs.prefer(&target);
                }
                let link = self.listener.lend();
                self.is_lent(&what);
                // The borrower may be gone: then the link comes back, and is closed here.
                let _ = borrower.send(link);
            }
            Order::Back(link) => self.goes_on(link),
        }
    }

    fn is_lent(&mut self, what: &str) {
        self.is_lent = true;
        let job = self.with.jobs.on_port(&self.seat.monitor.port);
        self.seat
            .monitor
            .note(|record| record.job = job.map(|it| it.0));
        let what = format!("is used by the {what}");
        self.port_is(State::Lent, &what);
    }

    /// A job that has failed badly leaves without a word.
    fn look_after_loan(&mut self) {
        if self.with.jobs.on_port(&self.seat.monitor.port).is_none() {
            // What it has sent on its way out comes first.
            match self.seat.orders.try_recv() {
                Ok(order @ Order::Back(_)) => self.act(order),
                Ok(order) => {
                    self.goes_on(None);
                    self.act(order);
                }
                Err(_) => self.goes_on(None),
            }
        }
    }

    fn goes_on(&mut self, link: Option<Box<dyn Link>>) {
        self.is_lent = false;
        let is_here = link.is_some();
        self.listener.take_back(link);
        if is_here {
            let name = self.listener.name();
            self.screen.note(&format!("{name} is back"));
            self.publish(State::Open);
        }
    }

    fn hear(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        if let Some(until) = self.listener.reset_by_job() {
            self.intake.reader.expect_reset(until);
        }
        let (copied, items) = self.intake.hear(bytes, self.listener.now());
        if let Err(error) = copied {
            self.note(&format!("the log file ends here: {error}"));
        }
        self.show(items);
    }

    /// Nothing has come.
    fn silence(&mut self) {
        let Some(silence) = self.intake.silence() else {
            return;
        };
        if let Some((at, text)) = silence.begun {
            self.screen.pending(at, &text);
            let shown = self.screen.take();
            let begun = without_colours(&text).into_owned();
            if !shown.is_empty() {
                self.seat.monitor.note(|record| {
                    record.show(&shown);
                    record.begun = begun;
                });
            }
        }
        self.show(silence.items);
    }

    /// Nothing more comes of a crash.
    fn end_of_crash(&mut self) {
        let items = self.intake.reader.quiet();
        self.show(items);
    }

    fn show(&mut self, items: Vec<Item>) {
        if items.is_empty() {
            return;
        }
        let mut events = Vec::new();
        let mut crashes = Vec::new();
        for item in items {
            match item {
                Item::Line(line) => {
                    self.screen.line(&line);
                    events.push(self.line(&line));
                }
                Item::Boot(BootFact::Reset(reset)) => events.push(MonitorEvent::reset(&reset)),
                Item::Boot(BootFact::ElfSha256(digits)) => self.elf_sha256 = Some(digits),
                // Who boots has not said yet what.
                Item::Boot(BootFact::Rom { .. }) => self.elf_sha256 = None,
                Item::Boot(_) => {}
                Item::Crash(crash) => {
                    let trace = self.elfs.trace(&crash);
                    self.screen.crash(&crash, &trace);
                    let time = iso(self.clock.time_of(crash.at));
                    events.push(MonitorEvent::crash(time, &crash, &trace));
                    crashes.push((crash, trace));
                }
            }
        }
        let text = self.screen.take();
        self.seat.monitor.note(|record| {
            record.begun.clear();
            record.show(&text);
            for event in events {
                record.add(event);
            }
        });
        let is_loop = |(crash, _): &(Box<Crash>, Trace)| crash.kind == Kind::BootLoop;
        for (number, crash) in crashes.iter().enumerate() {
            // That it is a loop is said of the crash before.
            if !is_loop(crash) {
                let loops = crashes.get(number + 1).is_some_and(is_loop);
                self.report(&crash.0, &crash.1, loops);
            }
        }
    }

    fn line(&self, line: &Line) -> MonitorEvent {
        let time = iso(self.clock.time_of(line.at));
        MonitorEvent::line(time, &line.text, line.end != LineEnd::TooLong)
    }

    /// Something that the board has not said.
    fn note(&mut self, text: &str) {
        self.screen.note(text);
        let state = self.seat.monitor.record().state;
        self.publish(state);
    }

    fn port_is(&mut self, state: State, what: &str) {
        let name = self.listener.name();
        self.screen.note(&format!("{name} {what}"));
        if let State::Open | State::Gone = state {
            let event = MonitorEvent::port(state == State::Open);
            self.seat.monitor.note(|record| record.add(event));
        }
        self.publish(state);
    }

    fn state(&self) -> State {
        if self.is_lent {
            State::Lent
        } else {
            State::Open
        }
    }

    fn publish(&mut self, state: State) {
        let text = self.screen.take();
        self.seat.monitor.note(|record| {
            record.show(&text);
            record.enter(state);
        });
    }

    fn finish(&mut self) {
        let items = self.intake.reader.finish();
        self.show(items);
        self.screen.note("the monitor has ended");
        // The record is locked only as long as its state is read.
        let state = self.seat.monitor.record().state;
        self.publish(state);
    }
}

fn no_thread(why: &str) -> Failure {
    Failure {
        code: "internal-error",
        is_input: false,
        what: format!("the monitor could not be started: {why}"),
        board_state: "the board keeps running".to_owned(),
        remedy: "start it again".into(),
    }
}

fn closed() -> Failure {
    Failure {
        code: "cancelled",
        is_input: false,
        what: "the server is shutting down".to_owned(),
        board_state: String::new(),
        remedy: Remedy::default(),
    }
}
