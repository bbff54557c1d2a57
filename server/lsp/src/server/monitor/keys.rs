//! What a person types into an editor's monitor: the same keys as in a shell's.

use std::io;

use fbuild_monitor::filter::Filter;

use super::Listening;
use crate::explain::Front;
use crate::monitor::keys::{Action, HELP};
use crate::monitor::log_file::new_log;
use crate::server::monitors::Wish;

impl Listening<'_> {
    /// Does what keys mean, and says which job they ask for.
    pub(super) fn typed(&mut self, keys: &str) -> Option<Wish> {
        let mut wish = None;
        for action in self.keys.typed(keys.as_bytes()) {
            match action {
                Action::Send(bytes) => {
                    if let Err(error) = self.listener.write(&bytes)
                        && error.kind() != io::ErrorKind::NotConnected
                    {
                        self.note(&format!("the board takes nothing: {error}"));
                    }
                }
                Action::Echo(text) => self.screen.echo(&text),
                Action::Quit => self.has_quit = true,
                Action::Reset => self.reset(),
                Action::Deploy { build } => {
                    self.note("deploying");
                    wish = Some(Wish {
                        builds: build,
                        project: self.project.clone(),
                        target: self.target.clone(),
                    });
                }
                Action::Timestamps => {
                    self.screen.has_timestamps ^= true;
                    let now = if self.screen.has_timestamps {
                        "on"
                    } else {
                        "off"
                    };
                    self.note(&format!("time stamps are {now}"));
                }
                Action::Log if self.intake.log.take().is_some() => {
                    self.note("the log file is closed");
                }
                Action::Log => match new_log(&self.project) {
                    Ok((path, file)) => {
                        self.intake.log = Some(file);
                        self.note(&format!("logging into {}", path.display()));
                    }
                    Err(error) => self.note(&error),
                },
                Action::Filter(words) => {
                    self.screen.echo("\n");
                    match Filter::parse(&words) {
                        Ok(filter) => self.screen.filter = filter,
                        Err(error) => self.note(&error.to_string()),
                    }
                }
                Action::Help => HELP.iter().for_each(|line| self.note(line)),
            }
        }
        let state = self.seat.monitor.record().state;
        self.publish(state);
        wish
    }

    /// Resets the board, or says why not.
    pub(super) fn reset(&mut self) {
        if let Err(failure) = self.listener.reset() {
            let remedy = Front::Editor.remedy(&failure.remedy);
            self.note(&format!("{}: {remedy}", failure.what));
        }
    }
}
