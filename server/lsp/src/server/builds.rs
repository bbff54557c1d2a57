//! The builds that run, for jobs that want the same: a deploy to several boards builds once.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use fbuild_deploy::outcome::Failure;
use tokio::sync::watch;

use crate::build::{Build, Built};

/// How far the time of a file may be behind the clock.
const CLOCK_LAG: Duration = Duration::from_millis(20);

/// What became of one; `None`: nothing yet.
type Ended = Option<Result<Built, Failure>>;
/// Where it works, and what is run there.
type Command = (PathBuf, String);

/// A build of another job.
#[derive(Debug, Clone)]
pub(crate) struct Theirs {
    pub(crate) ended: watch::Receiver<Ended>,
    /// What was changed after this is not in it.
    pub(crate) began: SystemTime,
}

#[derive(Debug, Default)]
pub(crate) struct Builds {
    running: Mutex<BTreeMap<Command, Theirs>>,
}

/// One that runs, until this is dropped.
#[derive(Debug)]
pub(crate) struct Running {
    builds: Arc<Builds>,
    command: Command,
    ended: watch::Sender<Ended>,
}

impl Builds {
    /// Enters a build; `Err`: the same one runs already.
    pub(crate) fn begin(self: &Arc<Self>, build: &Build) -> Result<Running, Theirs> {
        let command = (build.directory.clone(), build.line.clone());
        let mut running = self.running();
        if let Some(theirs) = running.get(&command) {
            return Err(theirs.clone());
        }
        let ended = watch::Sender::new(None);
        let theirs = Theirs {
            ended: ended.subscribe(),
            began: SystemTime::now() - CLOCK_LAG,
        };
        running.insert(command.clone(), theirs);
        Ok(Running {
            builds: self.clone(),
            command,
            ended,
        })
    }

    /// Every change is a single step, so the table is whole even after a panic elsewhere.
    fn running(&self) -> MutexGuard<'_, BTreeMap<Command, Theirs>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Running {
    /// Tells who waits what became of it. Without that they build by themselves.
    pub(crate) fn end(self, result: Result<Built, Failure>) {
        self.ended.send_replace(Some(result));
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.builds.running().remove(&self.command);
    }
}
