//! The builds that run, for jobs that want the same: a deploy to several boards builds once.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use fbuild_deploy::outcome::Failure;
use tokio::sync::watch;

use crate::build::{Build, Built};
use crate::locked::Locked;

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
    running: Locked<BTreeMap<Command, Theirs>>,
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
        let mut running = self.running.lock();
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
}

impl Running {
    /// Tells who waits what became of it. Without that they build by themselves.
    pub(crate) fn end(self, result: Result<Built, Failure>) {
        self.ended.send_replace(Some(result));
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.builds.running.lock().remove(&self.command);
    }
}
