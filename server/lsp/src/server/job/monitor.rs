//! Starting a monitor: which board, and what it runs.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use fbuild_deploy::outcome::Failure;
use fbuild_monitor::filter::Filter;
use fbuild_project::discover::{Environment, discover};
use fbuild_project::target::Target;

use super::Work;
use super::board::{Done, Place};
use super::stand::Stand;
use crate::monitor::keys::Eol;
use crate::monitor::rate::Rate;
use crate::server::jobs::Ended;
use crate::server::monitor::{Monitoring, Start};
use crate::server::monitors::{About, Monitor};
use crate::stop::Stop;

/// What a client asked for.
pub(crate) struct Listen {
    pub(crate) place: Place,
    pub(crate) target: Option<String>,
    pub(crate) baud: Option<u32>,
    pub(crate) log: Option<PathBuf>,
    pub(crate) filter: Filter,
    pub(crate) has_timestamps: Option<bool>,
    pub(crate) line_end: Option<Eol>,
    pub(crate) resets: bool,
    pub(crate) with: Monitoring,
}

impl Listen {
    fn story(&self, stand: &Stand<'_>, port: &mut Option<String>) -> Result<Arc<Monitor>, Stop> {
        let mut roots = self.place.roots.clone();
        let target = self.target(stand, &mut roots)?;
        let wanted = target.as_ref().and_then(|target| target.port.as_deref());
        let name = self.place.choose(stand, "the monitor", wanted)?;
        stand.go_on()?;
        stand.says("connecting", format!("opening {name}"));
        let settings = stand.settings(&roots)?;
        let has_time = |target: &Target| target.console.has_filter("time");
        let has_time = target.as_ref().is_some_and(has_time);
        let project = target.as_ref().map(|target| target.root.clone());
        let project = project.or_else(|| roots.first().cloned());
        let start = Start {
            port: name.clone(),
            project: project.unwrap_or_default(),
            about: About {
                rate: Rate::of(self.baud, settings.monitor_baud, target.as_ref()),
                log: self.log.clone(),
            },
            target,
            filter: self.filter.clone(),
            has_timestamps: self.has_timestamps.unwrap_or(has_time),
            line_end: self.line_end.unwrap_or(settings.monitor_line_end),
            resets: self.resets,
            link: None,
        };
        *port = Some(name);
        Ok(self.with.start(start)?)
    }

    /// What the board is expected to run. It is needed only where a target was named.
    fn target(&self, stand: &Stand<'_>, roots: &mut Vec<PathBuf>) -> Result<Option<Target>, Stop> {
        let name = stand.target_name(roots, self.target.as_deref());
        let environment = Environment::from_process();
        let mut refused = None;
        for root in &*roots {
            match discover(root, &environment).choose(name.as_deref()) {
                Ok(target) => return Ok(Some(target.clone())),
                Err(error) => refused = Some(Failure::from(error)),
            }
        }
        match refused.filter(|_| self.target.is_some()) {
            Some(failure) => Err(failure.into()),
            None => Ok(None),
        }
    }
}

impl Work for Listen {
    type Done = Done<Arc<Monitor>>;

    fn verb(&self) -> &'static str {
        "monitor"
    }

    fn run(&self, stand: &Stand<'_>) -> Self::Done {
        let mut port = None;
        let result = self.story(stand, &mut port);
        Done::of(stand, self.verb(), port, result, |monitor| {
            format!("monitor of {} started", monitor.port)
        })
    }

    fn crashed(&self, failure: Failure, took: Duration) -> Self::Done {
        Done::crashed(self.verb(), &self.place, failure, took)
    }

    fn ended(&self, done: &Self::Done) -> Ended {
        done.ended("started", &self.place.asked)
    }
}
