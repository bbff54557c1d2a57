//! The loop of a monitor: keys in, the board's output out, until something ends it.

use std::io;
use std::path::Path;

use fbuild_deploy::outcome::Failure;
use fbuild_link::lent::Slot;
use fbuild_loader::cancel::CancelToken;
use fbuild_monitor::filter::Filter;
use fbuild_project::discover::Environment;
use fbuild_project::target::Target;

use super::super::{build, outcome};
use super::exit::exit_code;
use super::input::{self, Input, KeyByKey};
use super::view::{Form, View};
use crate::boards::LocalBoards;
use crate::explain::Front;
use crate::monitor::elfs::Elfs;
use crate::monitor::end::{End, Ends};
use crate::monitor::intake::Intake;
use crate::monitor::keys::{Action, HELP, Keys};
use crate::monitor::listener::{Heard, Listener};
use crate::monitor::log_file::new_log;
use crate::monitor::reader::Item;
use crate::monitor::told::headline;
use crate::order::Order;
use crate::stop::Stop;

/// A monitor that runs.
pub(super) struct Monitor<'a> {
    pub(super) boards: &'a LocalBoards,
    pub(super) order: Order,
    pub(super) port: String,
    pub(super) listener: Listener<'a>,
    pub(super) intake: Intake,
    pub(super) elfs: Elfs,
    pub(super) view: View,
    pub(super) ends: Ends,
    /// What ends it once the crash has been read that is coming.
    pub(super) ending: Option<End>,
    pub(super) cancel: &'a CancelToken,
    pub(super) key_by_key: Option<KeyByKey>,
    pub(super) keys: Keys,
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
            self.listen(&mut buffer);
            if let Some(end) = self.ended() {
                return end;
            }
        }
    }

    fn listen(&mut self, buffer: &mut [u8]) {
        match self.listener.read(buffer) {
            Heard::Bytes(n) => self.hear(&buffer[..n]),
            Heard::Back(n) => {
                self.port_is(true, "");
                self.hear(&buffer[..n]);
            }
            Heard::Gone(why) => self.port_is(false, &why),
            Heard::Given(doing) => self.has_given_way(&doing),
            Heard::Told(text) => self.view.note(&text),
            Heard::Away => {}
        }
    }

    /// What ends it now.
    fn ended(&mut self) -> Option<End> {
        if self.ending.is_some() && !self.intake.reader.is_in_crash() {
            return self.ending.take();
        }
        self.ends.by_time()
    }

    /// Shows the rest, and says why it has ended; the exit code.
    pub(super) fn finish(mut self, end: &End) -> u8 {
        let items = self.intake.reader.finish();
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
        exit_code(&self.ends, end)
    }

    fn hear(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            self.silence();
            return;
        }
        if let Some(until) = self.listener.reset_by_job() {
            self.intake.reader.expect_reset(until);
        }
        let (copied, items) = self.intake.hear(bytes, self.listener.now());
        if let Err(error) = copied {
            self.view.note(&format!("the log file ends here: {error}"));
        }
        self.view.bytes(bytes);
        self.show(items);
        self.view.flush();
    }

    /// Nothing has come.
    fn silence(&mut self) {
        let Some(silence) = self.intake.silence() else {
            return;
        };
        if let Some((at, text)) = silence.begun {
            self.view.pending(at, &text);
            if let Some(end) = self.ends.by_text(&text) {
                self.ending.get_or_insert(end);
            }
        }
        self.show(silence.items);
        self.view.flush();
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
                if let Err(error) = self.listener.write(&bytes)
                    && error.kind() != io::ErrorKind::NotConnected
                {
                    self.view.note(&format!("the board takes nothing: {error}"));
                }
            }
            Action::Echo(text) => self.view.echo(&text),
            Action::Reset => self.reset(),
            Action::Deploy { build } => self.deploy(build),
            Action::Timestamps => {
                self.view.screen.has_timestamps ^= true;
                let now = if self.view.screen.has_timestamps {
                    "on"
                } else {
                    "off"
                };
                self.view.note(&format!("time stamps are {now}"));
            }
            Action::Log => self.log_on_or_off(),
            Action::Filter(words) => {
                self.view.echo("\n");
                match Filter::parse(&words) {
                    Ok(filter) => self.view.screen.filter = filter,
                    Err(error) => self.view.note(&error.to_string()),
                }
            }
            Action::Help => {
                for line in HELP {
                    self.view.note(line);
                }
            }
        }
    }

    /// Resets the board.
    pub(super) fn reset(&mut self) {
        if let Err(failure) = self.listener.reset() {
            let remedy = Front::CommandLine.remedy(&failure.remedy);
            self.view.note(&format!("{}: {remedy}", failure.what));
        }
    }

    /// Deploys over the link that is open, and goes on with what the board prints when it starts.
    fn deploy(&mut self, build: bool) {
        self.key_by_key = None;
        match self.target(build) {
            Ok(target) => {
                self.view.note("deploying");
                let slot = Slot::default();
                if let Some(link) = self.listener.lend() {
                    slot.put(link);
                }
                self.elfs.prefer(&target);
                let mut request = self.order.request(target, self.port.clone());
                if build {
                    // The tool knows what its firmware depends on; times are only a hint.
                    request.target.inputs.clear();
                }
                let as_json = self.view.form == Form::Json;
                let terminal = self.view.terminal;
                outcome::again(self.boards, &request, &slot, as_json, self.cancel, terminal);
                self.listener.take_back(slot.take());
            }
            Err(Stop::Failed(failure)) => self.view.terminal.failure(&failure),
            Err(Stop::Cancelled) => self.view.note("cancelled"),
        }
        if input::is_a_person() {
            self.key_by_key = Some(KeyByKey::start());
        }
    }

    /// What is to be deployed, built first if that is asked for. The board is listened to meanwhile.
    fn target(&mut self, build: bool) -> Result<Target, Stop> {
        let environment = Environment::from_process();
        let name = self.order.target.clone();
        if !build {
            return Ok(self.order.choose_target(name.as_deref(), &environment)?);
        }
        let subject = self.order.subject(&environment)?;
        let (cancel, terminal) = (self.cancel, self.view.terminal);
        let mut buffer = vec![0; 64 * 1024];
        std::thread::scope(|scope| {
            let work = scope.spawn(|| build::first(&subject, &environment, cancel, terminal));
            while !work.is_finished() {
                self.listen(&mut buffer);
            }
            work.join().unwrap_or_else(|_| {
                let what = "the build has ended by a bug of this program".to_owned();
                Err(Stop::Failed(Failure {
                    code: "internal-error",
                    is_input: false,
                    what,
                    board_state: "the board was not touched".to_owned(),
                    remedy: "build again, and report the bug".into(),
                }))
            })
        })?;
        Ok(self
            .order
            .choose_built(&subject, name.as_deref(), &environment)?)
    }

    fn log_on_or_off(&mut self) {
        if self.intake.log.take().is_some() {
            self.view.note("the log file is closed");
            return;
        }
        match new_log(Path::new("")) {
            Ok((path, file)) => {
                self.view.note(&format!("logging into {}", path.display()));
                self.intake.log = Some(file);
            }
            Err(error) => self.view.note(&error),
        }
    }

    /// A job of another process has been given the port.
    fn has_given_way(&mut self, doing: &str) {
        let items = self.intake.reader.quiet();
        self.show(items);
        self.view.flush();
        let name = self.listener.name();
        self.view
            .note(&format!("{name} is given to another fbuild-lsp ({doing})"));
    }

    fn port_is(&mut self, is_there: bool, why: &str) {
        let name = self.listener.name();
        self.view.port(is_there);
        self.view.flush();
        self.view.note(&if is_there {
            format!("{name} is back")
        } else {
            format!("{name} is gone ({why}); waiting for it to come back")
        });
    }
}
