//! Who is using which port, and the one way to stop them.
//!
//! Owned by the [`super::desk::Desk`]. A job is in the table from the moment its request is looked
//! at until its thread is done with the port; a [`Slot`] that is dropped, by whatever path, takes
//! it out again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fbuild_link::port_name::PortName;
use fbuild_loader::cancel::CancelToken;
use tokio::sync::watch;

use crate::explain::Text;
use crate::locked::Locked;
use crate::progress::Step;

/// What a client can name a job by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Handle {
    /// Its number.
    Job(u64),
    /// Its progress token; JSON text of the token.
    Progress(String),
    /// The port it uses.
    Port(String),
    /// Every job.
    All,
}

/// The state of a job.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct View {
    /// What goes on, in words, and how much of the job is done.
    pub(crate) step: Step,
    /// What it is about, as far as that is known.
    pub(crate) target: Option<String>,
    pub(crate) port: Option<String>,
    pub(crate) chip: Option<&'static str>,
    /// How it ended, once it has.
    pub(crate) ended: Option<Ended>,
}

/// The end of a job, as front ends tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ended {
    /// The contract's name for it.
    pub(crate) outcome: &'static str,
    /// Whether something went wrong.
    pub(crate) is_failure: bool,
    /// The outcome in its first line; cause, state and remedy in further ones.
    pub(crate) text: String,
    /// The same for every place where an editor shows it.
    pub(crate) words: Text,
    pub(crate) duration: Duration,
}

impl Ended {
    /// Of work that its words say all about.
    pub(crate) fn new(outcome: &'static str, words: Text, duration: Duration) -> Self {
        Self {
            outcome,
            is_failure: outcome == "failed",
            text: words.lines.join("\n"),
            words,
            duration,
        }
    }
}

/// A running job, as a list shows it.
#[derive(Debug, Clone)]
pub(crate) struct Listed {
    pub(crate) id: u64,
    pub(crate) what: String,
    pub(crate) running: Duration,
    pub(crate) view: View,
}

#[derive(Debug)]
struct Entry {
    what: String,
    started: Instant,
    progress: Option<String>,
    port: Option<String>,
    cancel: CancelToken,
    view: watch::Receiver<View>,
}

#[derive(Debug, Default)]
struct Table {
    entries: BTreeMap<u64, Entry>,
    last_id: u64,
    is_closed: bool,
}

/// The table of running jobs.
#[derive(Debug)]
pub(crate) struct Jobs {
    table: Locked<Table>,
    n_running: watch::Sender<usize>,
    last_error: Locked<Option<String>>,
}

/// A job's place in the table.
#[derive(Debug)]
pub(crate) struct Slot {
    jobs: Arc<Jobs>,
    id: u64,
    /// Where the job reports its state.
    pub(crate) view: watch::Sender<View>,
    /// Raised when the job is to stop.
    pub(crate) cancel: CancelToken,
}

/// The server is shutting down.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Closed;

/// Another job has the port.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    /// What it is doing: `deploy of espidf:build, firmware: writing 43 %, 512 of 1180 KiB`.
    pub(crate) by: String,
}

impl Jobs {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            table: Locked::default(),
            n_running: watch::Sender::new(0),
            last_error: Locked::default(),
        })
    }

    /// Enters a job that stops when `cancel` is raised. `progress` says, given the job's number,
    /// under which token its progress is shown.
    pub(crate) fn enter(
        self: &Arc<Self>,
        what: &str,
        cancel: CancelToken,
        progress: impl FnOnce(u64) -> Option<String>,
    ) -> Result<Slot, Closed> {
        let mut table = self.table.lock();
        if table.is_closed {
            return Err(Closed);
        }
        table.last_id += 1;
        let id = table.last_id;
        let sender = watch::Sender::new(View::default());
        let entry = Entry {
            what: what.to_owned(),
            started: Instant::now(),
            progress: progress(id),
            port: None,
            cancel: cancel.clone(),
            view: sender.subscribe(),
        };
        table.entries.insert(id, entry);
        self.n_running.send_replace(table.entries.len());
        Ok(Slot {
            jobs: self.clone(),
            id,
            view: sender,
            cancel,
        })
    }

    /// A number that no job has: of something else that is told as one.
    pub(crate) fn number(&self) -> u64 {
        let mut table = self.table.lock();
        table.last_id += 1;
        table.last_id
    }

    /// Asks the named jobs to stop at their next block; how many that were.
    pub(crate) fn cancel(&self, handle: &Handle) -> usize {
        let port = match handle {
            Handle::Port(name) => Some(PortName::of(name).identity()),
            _ => None,
        };
        let table = self.table.lock();
        let named = table.entries.iter().filter(|(id, entry)| match handle {
            Handle::All => true,
            Handle::Job(number) => number == *id,
            Handle::Port(_) => entry.port.is_some() && entry.port == port,
            Handle::Progress(token) => entry.progress.as_ref() == Some(token),
        });
        named.inspect(|(_, entry)| entry.cancel.cancel()).count()
    }

    /// The running jobs, the oldest first.
    pub(crate) fn list(&self) -> Vec<Listed> {
        let table = self.table.lock();
        let listed = table.entries.iter().map(|(id, entry)| Listed {
            id: *id,
            what: entry.what.clone(),
            running: entry.started.elapsed(),
            view: entry.view.borrow().clone(),
        });
        listed.collect()
    }

    /// The number of the job that uses a port, and what it does.
    pub(crate) fn on_port(&self, port: &str) -> Option<(u64, String)> {
        let port = Some(PortName::of(port).identity());
        let table = self.table.lock();
        let mut entries = table.entries.iter();
        let (number, entry) = entries.find(|(_, entry)| entry.port == port)?;
        Some((*number, entry.what.clone()))
    }

    /// Asks every job to stop and lets no other begin.
    pub(crate) fn close(&self) {
        self.table.lock().is_closed = true;
        self.cancel(&Handle::All);
    }

    /// Returns when no job is running.
    pub(crate) async fn idle(&self) {
        // Fails only without a sender, and `self` is one.
        let _ = self.n_running.subscribe().wait_for(|n| *n == 0).await;
    }

    /// Keeps the last failure, for debug information.
    pub(crate) fn note_error(&self, text: &str) {
        *self.last_error.lock() = Some(text.to_owned());
    }

    /// What went wrong last.
    pub(crate) fn last_error(&self) -> Option<String> {
        self.last_error.lock().clone()
    }
}

impl Slot {
    /// The job's number.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// What the job does.
    pub(crate) fn what(&self) -> String {
        let table = self.jobs.table.lock();
        let entry = table.entries.get(&self.id);
        entry.map(|entry| entry.what.clone()).unwrap_or_default()
    }

    /// Takes the port for this job, which now does `what`, until the slot is dropped.
    pub(crate) fn claim(&self, what: &str, port: &str) -> Result<(), Taken> {
        let port = PortName::of(port).identity();
        let mut table = self.jobs.table.lock();
        if let Some(other) = table
            .entries
            .values()
            .find(|entry| entry.port.as_deref() == Some(port.as_str()))
        {
            let text = other.view.borrow().step.text.clone();
            let by = if text.is_empty() {
                other.what.clone()
            } else {
                format!("{}, {text}", other.what)
            };
            return Err(Taken { by });
        }
        if let Some(entry) = table.entries.get_mut(&self.id) {
            entry.port = Some(port);
            what.clone_into(&mut entry.what);
        }
        Ok(())
    }

    /// Gives back what it has claimed.
    pub(crate) fn release(&self) {
        if let Some(entry) = self.jobs.table.lock().entries.get_mut(&self.id) {
            entry.port = None;
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut table = self.jobs.table.lock();
        table.entries.remove(&self.id);
        self.jobs.n_running.send_replace(table.entries.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enter(jobs: &Arc<Jobs>, progress: &str) -> Slot {
        jobs.enter("deploy", CancelToken::new(), |_| Some(progress.to_owned()))
            .unwrap()
    }

    #[test]
    fn a_port_belongs_to_one_job_until_its_slot_is_dropped() {
        let jobs = Jobs::new();
        let (first, second) = (enter(&jobs, "1"), enter(&jobs, "2"));
        first.claim("deploy of espidf:build", "COM5").unwrap();
        first
            .view
            .send_modify(|view| view.step.text = "firmware: writing 43 %".to_owned());
        let taken = second.claim("deploy of espidf:build", "COM5").unwrap_err();
        assert_eq!(taken.by, "deploy of espidf:build, firmware: writing 43 %");
        second.claim("deploy of espidf:build", "COM6").unwrap();
        drop(first);
        enter(&jobs, "3").claim("verify", "COM5").unwrap();
    }

    #[test]
    fn every_handle_raises_the_token_of_its_job_only() {
        let jobs = Jobs::new();
        let bystander = enter(&jobs, "\"t\"");
        bystander.claim("deploy", "COM1").unwrap();
        for n in 0..3 {
            let slot = enter(&jobs, "7");
            slot.claim("deploy", "COM2").unwrap();
            let handle = match n {
                0 => Handle::Job(slot.id()),
                1 => Handle::Progress("7".to_owned()),
                _ => Handle::Port("COM2".to_owned()),
            };
            assert_eq!(jobs.cancel(&handle), 1, "{handle:?}");
            assert!(slot.cancel.is_cancelled(), "{handle:?}");
        }
        assert!(!bystander.cancel.is_cancelled());
        assert_eq!(jobs.cancel(&Handle::Progress("\"7\"".to_owned())), 0);
        assert_eq!(jobs.cancel(&Handle::All), 1);
        assert!(bystander.cancel.is_cancelled());
    }

    #[test]
    fn a_closed_table_cancels_all_and_lets_nobody_in() {
        let jobs = Jobs::new();
        let slot = enter(&jobs, "1");
        jobs.close();
        assert!(slot.cancel.is_cancelled());
        let late = jobs.enter("deploy", CancelToken::new(), |_| None);
        assert_eq!(late.map(|slot| slot.id()), Err(Closed));
    }
}
