//! The loop of a monitor: keys in, the board's output out, until something ends it.

use std::fs::File;
use std::io::{self, Write as _};
use std::time::{Duration, Instant};

use fbuild_link::lent::Slot;
use fbuild_link::{LinesReach, Link};
use fbuild_loader::cancel::CancelToken;
use fbuild_loader::reset;
use fbuild_project::discover::Environment;

use super::super::outcome;
use super::end::{End, Ends};
use super::keys::{self, Action, Input, KeyByKey, Keys};
use super::options::{self, USUAL_BAUD};
use super::view::{Form, View};
use crate::boards::LocalBoards;
use crate::giving_way::{Offer, Turn};
use crate::holding::Holding;
use crate::monitor::elfs::Elfs;
use crate::monitor::reader::{Item, Reader};
use crate::monitor::told::headline;
use crate::order::Order;

/// How long a key may wait for the board.
const READ_PATIENCE: Duration = Duration::from_millis(20);
/// A line that has been begun is shown after this silence.
const PROMPT: Duration = Duration::from_millis(100);
/// After this silence nothing more comes of a crash.
const QUIET: Duration = Duration::from_secs(1);
/// Between two looks for a port that has gone.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// A monitor that runs.
pub(super) struct Monitor<'a> {
    pub(super) boards: &'a LocalBoards,
    pub(super) holding: Holding<'a>,
    pub(super) offer: Option<Offer>,
    /// A job of another process that has the port.
    pub(super) turn: Option<Turn>,
    pub(super) order: Order,
    pub(super) port: String,
    pub(super) baud: u32,
    /// `None`: it could not be opened again.
    pub(super) link: Option<Box<dyn Link>>,
    pub(super) reader: Reader,
    pub(super) elfs: Elfs,
    pub(super) view: View,
    pub(super) ends: Ends,
    /// What ends it once the crash has been read that is coming.
    pub(super) ending: Option<End>,
    /// A copy of every byte.
    pub(super) log: Option<File>,
    pub(super) cancel: &'a CancelToken,
    pub(super) key_by_key: Option<KeyByKey>,
    pub(super) keys: Keys,
    pub(super) is_gone: bool,
    pub(super) last_byte: Instant,
    /// What silence shows has been looked at.
    pub(super) is_quiet: bool,
}

impl Monitor<'_> {
    /// Runs until something ends it.
    pub(super) fn run(&mut self) -> End {
        let input = Input::start();
        let mut buffer = vec![0; 64 * 1024];
        loop {
            if self.cancel.is_cancelled() {
                return End::Cancelled;
            }
            if self.view.is_not_written() {
                return End::NotWritten;
            }
            while let Some(typed) = input.take() {
                for action in self.keys.typed(&typed) {
                    if action == Action::Quit {
                        return End::Quit;
                    }
                    self.act(action);
                }
            }
            if self.has_given_way() {
                if let Some(end) = self.ended() {
                    return end;
                }
                std::thread::sleep(READ_PATIENCE);
                continue;
            }
            if self.is_gone && !self.look_for_port() {
                std::thread::sleep(LOOK_AGAIN);
            }
            let read = match &mut self.link {
                Some(link) => link.read(&mut buffer, READ_PATIENCE),
                None => Err(io::ErrorKind::NotConnected.into()),
            };
            match read {
                Ok(n) => {
                    if std::mem::take(&mut self.is_gone) {
                        self.port_is(true, "");
                    }
                    self.hear(&buffer[..n]);
                }
                Err(error) => {
                    if !std::mem::replace(&mut self.is_gone, true) {
                        self.port_is(false, &error.to_string());
                    }
                }
            }
            if let Some(end) = self.ended() {
                return end;
            }
        }
    }

    /// What ends it now.
    fn ended(&mut self) -> Option<End> {
        if self.ending.is_some() && !self.reader.is_in_crash() {
            return self.ending.take();
        }
        self.ends.by_time()
    }

    /// Shows the rest, and says why it has ended; the exit code.
    pub(super) fn finish(mut self, end: &End) -> u8 {
        let items = self.reader.finish();
        self.show(items);
        self.view.end(end);
        drop(self.key_by_key);
        match end {
            End::Failed(line) => self.view.note(&format!("--fail matched: {line}")),
            End::TimedOut if self.ends.waits() => {
                self.view
                    .note("the time is up, and --until has not matched");
            }
            End::Crashed(what) => self.view.note(&format!("the board has crashed: {what}")),
            _ => {}
        }
        self.ends.exit_code(end)
    }

    fn hear(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            self.silence();
            return;
        }
        self.last_byte = Instant::now();
        self.is_quiet = false;
        // The copy comes first: whatever becomes of the view, it is whole.
        if let Some(log) = &mut self.log
            && let Err(error) = log.write_all(bytes)
        {
            self.log = None;
            self.view.note(&format!("the log file ends here: {error}"));
        }
        self.view.bytes(bytes);
        let now = self.link.as_ref().map(|link| link.now());
        let items = self.reader.feed(bytes, now.unwrap_or_default());
        self.show(items);
        self.view.flush();
    }

    /// Nothing has come.
    fn silence(&mut self) {
        let silence = self.last_byte.elapsed();
        if silence < PROMPT || self.is_quiet {
            return;
        }
        if let Some((at, text)) = self.reader.pending() {
            self.view.pending(at, &text);
            self.view.flush();
            if let Some(end) = self.ends.by_text(&text) {
                self.ending.get_or_insert(end);
            }
        }
        if silence >= QUIET {
            self.is_quiet = true;
            let items = self.reader.quiet();
            self.show(items);
            self.view.flush();
        }
    }

    fn show(&mut self, items: Vec<Item>) {
        for item in items {
            match item {
                Item::Line(line) => {
                    self.view.line(&line);
                    if let Some(end) = self.ends.by_text(&line.text) {
                        self.ending.get_or_insert(end);
                    }
                }
                Item::Boot(fact) => self.view.boot(&fact),
                Item::Crash(crash) => {
                    let trace = self.elfs.trace(&crash);
                    self.view.crash(&crash, &trace);
                    if let Some(end) = self.ends.by_crash(&crash, &headline(&crash)) {
                        self.ending.get_or_insert(end);
                    }
                }
            }
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Quit => {}
            Action::Send(bytes) => {
                if let Some(link) = &mut self.link
                    && !self.is_gone
                    && let Err(error) = link.write(&bytes)
                {
                    self.view.note(&format!("the board takes nothing: {error}"));
                }
            }
            Action::Echo(text) => self.view.echo(&text),
            Action::Reset => self.reset(),
            Action::Deploy => self.deploy(),
            Action::Timestamps => {
                self.view.has_timestamps ^= true;
                let now = if self.view.has_timestamps {
                    "on"
                } else {
                    "off"
                };
                self.view.note(&format!("time stamps are {now}"));
            }
            Action::Log => self.log_on_or_off(),
            Action::Filter(words) => {
                self.view.echo("\n");
                match options::parse_filter(&words) {
                    Ok(filter) => self.view.filter = filter,
                    Err(error) => self.view.note(&error),
                }
            }
            Action::Help => {
                for line in keys::HELP.iter().filter(|line| !line.is_empty()) {
                    self.view.note(line);
                }
            }
        }
    }

    /// Resets the board.
    pub(super) fn reset(&mut self) {
        let Some(link) = &mut self.link else { return };
        match reset::start_firmware(&mut **link) {
            Ok(LinesReach::Board) => {}
            Ok(LinesReach::Nothing) => self.view.note(
                "this port has no control lines that could reset the board: press its reset button",
            ),
            Err(error) => self.view.note(&format!("the board was not reset: {error}")),
        }
    }

    /// Deploys over the link that is open, and goes on with what the board prints when it starts.
    fn deploy(&mut self) {
        self.view.note("deploying");
        self.key_by_key = None;
        let target = self
            .order
            .choose_target(self.order.target.as_deref(), &Environment::from_process());
        match target {
            Ok(target) => {
                let slot = Slot::default();
                self.set_baud(USUAL_BAUD);
                if let Some(link) = self.link.take() {
                    slot.put(link);
                }
                self.elfs.prefer(&target);
                let request = self.order.request(target, self.port.clone());
                let as_json = self.view.form == Form::Json;
                let terminal = self.view.terminal;
                outcome::again(self.boards, &request, &slot, as_json, self.cancel, terminal);
                self.link = slot.take();
                self.set_baud(self.baud);
            }
            Err(failure) => self.view.terminal.failure(&failure),
        }
        if keys::is_a_person() {
            self.key_by_key = Some(KeyByKey::start());
        }
    }

    fn log_on_or_off(&mut self) {
        if self.log.take().is_some() {
            self.view.note("the log file is closed");
            return;
        }
        match options::new_log() {
            Ok((path, file)) => {
                self.view.note(&format!("logging into {}", path.display()));
                self.log = Some(file);
            }
            Err(error) => self.view.note(&error),
        }
    }

    /// Whether a job of another process has the port.
    fn has_given_way(&mut self) -> bool {
        if let Some(turn) = &mut self.turn {
            if !turn.is_over() {
                return true;
            }
            self.turn = None;
            return false;
        }
        let asked = self.offer.as_ref().and_then(Offer::asked);
        let Some((mut turn, doing)) = asked else {
            return false;
        };
        // What has come is shown, and the port is closed before anybody hears that it is.
        let items = self.reader.quiet();
        self.show(items);
        self.view.flush();
        self.link = None;
        let name = self.name();
        if let Err(error) = turn.give() {
            tracing::debug!(%error, "who asked for the port is gone");
        }
        self.is_gone = true;
        self.view
            .note(&format!("{name} is given to another fbuild-lsp ({doing})"));
        self.turn = Some(turn);
        true
    }

    /// Whether the port may be there again.
    fn look_for_port(&mut self) -> bool {
        if let Some(link) = &mut self.link {
            return link.reopen().is_ok();
        }
        self.link = self.holding.open().ok();
        self.set_baud(self.baud);
        self.link.is_some()
    }

    fn set_baud(&mut self, baud: u32) {
        if let Some(link) = &mut self.link
            && let Err(error) = link.set_baud(baud)
        {
            tracing::warn!(baud, %error, "the port's baud rate");
        }
    }

    /// The port's name, as it is now.
    pub(super) fn name(&self) -> String {
        let link = self.link.as_ref();
        link.map_or_else(|| self.port.clone(), |link| link.name().to_owned())
    }

    fn port_is(&mut self, is_there: bool, why: &str) {
        let name = self.name();
        self.view.port(is_there);
        self.view.flush();
        self.view.note(&if is_there {
            format!("{name} is back")
        } else {
            format!("{name} is gone ({why}); waiting for it to come back")
        });
    }
}
