//! `fbuild.server.monitor.*`: what a board prints.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use fbuild_deploy::outcome::Failure;
use fbuild_editing::text::Encoding;
use fbuild_monitor::filter::Filter;
use fbuild_monitor::text::without_colours;
use regex::Regex;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::{Answer, BadArguments, Call, Starter, blocking, deploy, to_value};
use crate::explain::Text;
use crate::json::{MonitorEvent, Problem};
use crate::monitor::rate::{Rate, is_rate};
use crate::server::crashes::place::Scene;
use crate::server::job::deploy::Deploying;
use crate::server::job::monitor::Listen;
use crate::server::job::stand::Bench;
use crate::server::monitor::Monitoring;
use crate::server::monitors::named::What;
use crate::server::monitors::{Entry, Monitor, Monitors, Order, Record, State, Wish, named};
use crate::server::problems::Problems;
use crate::server::uri;
use crate::stop::Stop;

/// What one `read` returns at most, and if nothing was said.
const READ_BYTES_MAX: usize = 1 << 20;
const READ_BYTES: usize = 64 << 10;
/// The longest that one `read` waits.
const READ_TIME_MAX: Duration = Duration::from_mins(10);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MonitorEntry {
    port: String,
    state: State,
    #[serde(flatten)]
    rate: Rate,
    log: Option<PathBuf>,
    /// Number of the oldest entry that is kept, and of the next.
    oldest: u64,
    next: u64,
}

impl From<&Monitor> for MonitorEntry {
    fn from(monitor: &Monitor) -> Self {
        let record = monitor.record();
        Self {
            port: monitor.port.clone(),
            state: record.state,
            rate: monitor.about.rate,
            log: monitor.about.log.clone(),
            oldest: record.oldest(),
            next: record.next(),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Started {
    monitor: Option<MonitorEntry>,
    is_cancelled: bool,
    error: Option<Problem>,
    text: Text,
}

pub(super) async fn start(mut call: Call<'_>, starter: Starter<'_>, with: &Monitoring) -> Answer {
    let wrong = |field, why| BadArguments::Field { field, why };
    let log = call.get::<String>("log")?.map(|log| {
        uri::or_path(&log).ok_or_else(|| {
            let why = format!("'{log}' is neither a file URI nor an absolute path");
            wrong("log", why)
        })
    });
    let filter: Option<String> = call.get("filter")?;
    let filter = Filter::parse(filter.as_deref().unwrap_or_default());
    let baud: Option<u32> = call.get("baud")?;
    if baud.is_some_and(|baud| !is_rate(baud)) {
        let why = "expected a number from 300 to 5000000".to_owned();
        return Err(wrong("baud", why).into());
    }
    let work = Listen {
        place: call.place().await?,
        target: call.get("target")?,
        baud,
        log: log.transpose()?,
        filter: filter.map_err(|error| wrong("filter", error.to_string()))?,
        has_timestamps: call.get("timestamps")?,
        line_end: call.get("eol")?,
        resets: call.get("reset")?.unwrap_or(false),
        with: with.clone(),
    };
    let done = starter.run(work).await?;
    to_value(Started {
        monitor: done.result.as_deref().ok().map(MonitorEntry::from),
        is_cancelled: matches!(done.result, Err(Stop::Cancelled)),
        error: done.failure().map(Problem::from),
        text: done.words(&call.asked),
    })
}

pub(super) fn list(monitors: &Monitors) -> Answer {
    let monitors = monitors.list();
    let entries: Vec<_> = monitors
        .iter()
        .map(|it| MonitorEntry::from(&**it))
        .collect();
    to_value(json!({ "monitors": to_value(entries)? }))
}

/// Stops the monitor of a port, or all of them; their ports are closed when this returns.
pub(super) async fn stop(monitors: &Monitors, mut call: Call<'_>) -> Answer {
    let monitors = match call.port().await? {
        Some(port) => Vec::from_iter(monitors.of(&port)),
        None => monitors.list(),
    };
    for monitor in &monitors {
        monitor.order(Order::Stop);
        monitor.ended().await;
    }
    Ok(json!({ "stopped": monitors.len() }))
}

pub(super) async fn write(bench: &Bench, parts: Deploying, mut call: Call<'_>) -> Answer {
    let text: String = call.get("text")?.ok_or_else(|| BadArguments::Field {
        field: "text",
        why: "missing".to_owned(),
    })?;
    if call.get("keys")? == Some(true) {
        return type_keys(bench, parts, call, text).await;
    }
    order(&bench.monitors, call, |answer| {
        Order::Send(text.into_bytes(), answer)
    })
    .await
}

/// What a person types; the request does not wait for a deploy that they ask for.
async fn type_keys(bench: &Bench, parts: Deploying, mut call: Call<'_>, keys: String) -> Answer {
    let mut port = call.port().await?;
    let done = async {
        let monitor = meant(&bench.monitors, &mut port)?;
        if let Some(wish) = ask(&monitor, |answer| Order::Keys(keys, answer)).await? {
            tokio::spawn(fulfil(bench.clone(), parts, monitor, wish));
        }
        Ok(())
    };
    let done = done.await;
    told(port.as_deref(), &done)
}

/// Deploys as `fbuild.server.deploy` does, and says in the monitor how that ended.
async fn fulfil(bench: Bench, parts: Deploying, monitor: Arc<Monitor>, wish: Wish) {
    let stale = (!wish.builds).then_some("ignore");
    let has_project = !wish.project.as_os_str().is_empty();
    let argument = json!({
        "port": monitor.port, "root": has_project.then_some(wish.project), "target": wish.target, "build": wish.builds,
        "staleBuild": stale,
    });
    let lines = match deploy::by_key(&bench, parts, argument).await {
        Ok(text) => text.lines,
        Err(error) => vec![error.to_string()],
    };
    monitor.order(Order::Say(lines));
}

pub(super) async fn reset(monitors: &Monitors, call: Call<'_>) -> Answer {
    order(monitors, call, Order::Reset).await
}

const PLACES_MAX: usize = 100;

/// Where what a line names is in the sources, or addresses.
pub(super) async fn places(
    problems: &Arc<Problems>,
    monitors: &Monitors,
    mut call: Call<'_>,
) -> Answer {
    let line: Option<String> = call.get("line")?;
    let addresses: Vec<String> = call.get("addresses")?.unwrap_or_default();
    let line = line.unwrap_or_else(|| addresses.join(" "));
    let directory: Option<PathBuf> = call.get("directory")?;
    let mut port = call.port().await?;
    let scene = Scene {
        folders: directory
            .iter()
            .cloned()
            .chain(call.session.folders())
            .collect(),
        encoding: Encoding::default(),
    };
    if let Some(directory) = directory {
        let problems = problems.clone();
        let places =
            blocking(move || places_of_build(&problems, &scene, &directory, &line)).await?;
        return to_value(json!({ "port": port, "places": places, "error": null }));
    }
    let mut sought = named::named(&line);
    sought.truncate(PLACES_MAX);
    let places = match meant(monitors, &mut port) {
        Ok(monitor) => ask(&monitor, |answer| Order::Places(sought, answer)).await,
        // To find a line of a source takes no monitor, and its terminal may still be open.
        Err(_) if sought.iter().any(|it| matches!(it.what, What::Place(_))) => {
            Ok(blocking(move || named::places(&scene, &sought, |_| Vec::new())).await?)
        }
        Err(failure) => Err(failure),
    };
    let error = places.as_ref().err().map(Problem::from);
    let places = places.unwrap_or_default();
    to_value(json!({ "port": port, "places": places, "error": to_value(error)? }))
}

/// Of a line of a build's output: files as its tools name them, from where they worked, and the column as the
/// editor counts it where the build's error is shown there.
fn places_of_build(problems: &Problems, scene: &Scene, directory: &Path, line: &str) -> Vec<Value> {
    let file = |named: &str| problems.file(directory, named);
    let mut sought = named::named_by_build(line, |named| file(named).is_some());
    sought.truncate(PLACES_MAX);
    for one in &mut sought {
        let What::Place(place) = &mut one.what else {
            continue;
        };
        let number = place.line.unwrap_or(1).saturating_sub(1);
        let meant = problems.place(directory, &place.file, number, line);
        let Some((path, shown)) = meant else {
            continue;
        };
        place.column = shown.map(|it| it + 1).or(place.column);
        place.file = path.display().to_string();
    }
    named::places(scene, &sought, |_| Vec::new())
}

async fn order(
    monitors: &Monitors,
    mut call: Call<'_>,
    order: impl FnOnce(oneshot::Sender<Result<(), Failure>>) -> Order,
) -> Answer {
    let mut port = call.port().await?;
    let done = async { ask(&*meant(monitors, &mut port)?, order).await? };
    let done = done.await;
    told(port.as_deref(), &done)
}

fn told(port: Option<&str>, done: &Result<(), Failure>) -> Answer {
    let error = done.as_ref().err().map(Problem::from);
    to_value(json!({ "port": port, "error": to_value(error)? }))
}

/// What a monitor answers.
async fn ask<T>(
    monitor: &Monitor,
    order: impl FnOnce(oneshot::Sender<T>) -> Order,
) -> Result<T, Failure> {
    let (sender, answer) = oneshot::channel();
    monitor.order(order(sender));
    let ended = |_| no_monitor(format!("the monitor of {} has ended", monitor.port));
    answer.await.map_err(ended)
}

/// The monitor of the port that is named, or the only one. `name` learns which one that is.
fn meant(monitors: &Monitors, name: &mut Option<String>) -> Result<Arc<Monitor>, Failure> {
    let mut running = monitors.list();
    let found = match name {
        Some(port) => {
            let found = monitors.of(port);
            found.ok_or_else(|| no_monitor(format!("no monitor of {port} runs")))
        }
        None if running.len() > 1 => Err(no_monitor("several monitors run".to_owned())),
        None => running
            .pop()
            .ok_or_else(|| no_monitor("no monitor runs".to_owned())),
    }?;
    *name = Some(found.port.clone());
    Ok(found)
}

fn no_monitor(what: String) -> Failure {
    Failure::of_input(
        "no-monitor",
        what,
        "start one, or name the port of one that runs",
    )
}

/// What one `read` is to wait for, and to return.
struct Wanted {
    since: u64,
    until: Option<Regex>,
    max_bytes: usize,
}

/// What a `read` has found.
#[derive(Serialize)]
struct Found {
    entries: Vec<Value>,
    next: u64,
    dropped: u64,
    reason: &'static str,
    line: Option<String>,
}

pub(super) async fn read(monitors: &Monitors, mut call: Call<'_>) -> Answer {
    let wrong = |field, why| BadArguments::Field { field, why };
    let until = call.get::<String>("until")?.map(|until| Regex::new(&until));
    let until = until
        .transpose()
        .map_err(|error| wrong("until", error.to_string()))?;
    let timeout = Duration::from_millis(call.get("timeoutMs")?.unwrap_or(0)).min(READ_TIME_MAX);
    let since: Option<u64> = call.get("since")?;
    let max_bytes: Option<usize> = call.get("maxBytes")?;
    let mut port = call.port().await?;
    let monitor = match meant(monitors, &mut port) {
        Ok(monitor) => monitor,
        Err(failure) => {
            let error = to_value(Problem::from(&failure))?;
            return to_value(json!({"port": port, "entries": [], "error": error}));
        }
    };
    let wanted = Wanted {
        since: since.unwrap_or_else(|| monitor.record().oldest()),
        until,
        max_bytes: max_bytes.unwrap_or(READ_BYTES).min(READ_BYTES_MAX),
    };
    let deadline = Instant::now() + timeout;
    let mut news = monitor.news();
    loop {
        news.mark_unchanged();
        let is_late = Instant::now() >= deadline;
        let found = wanted.find(&monitor.record(), is_late);
        if let Some(found) = found {
            let mut found = to_value(found)?;
            found["port"] = json!(port);
            found["error"] = Value::Null;
            return Ok(found);
        }
        // However that ends, the next look says.
        let _ = tokio::time::timeout_at(deadline, news.changed()).await;
    }
}

impl Wanted {
    /// What a record has to say, if that is enough or the time is up.
    fn find(&self, record: &Record, is_late: bool) -> Option<Found> {
        let mut found = Found {
            entries: Vec::new(),
            next: self.since.max(record.oldest()),
            dropped: record.oldest().saturating_sub(self.since),
            reason: "timeout",
            line: None,
        };
        let mut len_bytes = 0;
        let mut is_enough = None;
        for entry in record.since(self.since) {
            let value = serde_json::to_value(entry).unwrap_or_default();
            len_bytes += value.to_string().len();
            if len_bytes > self.max_bytes && !found.entries.is_empty() {
                is_enough = Some("limit");
                break;
            }
            found.next = entry.number + 1;
            found.entries.push(value);
            is_enough = self.ends(entry, &mut found.line);
            if is_enough.is_some() {
                break;
            }
        }
        if is_enough.is_none()
            && let Some(until) = &self.until
            && !record.begun.is_empty()
            && until.is_match(&record.begun)
        {
            found.line = Some(record.begun.clone());
            is_enough = Some("matched");
        }
        if is_enough.is_none() && record.state == State::Ended {
            is_enough = Some("ended");
        }
        if is_enough.is_none() && self.until.is_none() && !found.entries.is_empty() {
            is_enough = Some("read");
        }
        found.reason = is_enough.or(is_late.then_some("timeout"))?;
        Some(found)
    }

    /// Why nothing after this entry has to be waited for.
    fn ends(&self, entry: &Entry, line: &mut Option<String>) -> Option<&'static str> {
        let until = self.until.as_ref()?;
        match &entry.event {
            MonitorEvent::Line { text, .. } if until.is_match(text) => {
                *line = Some(without_colours(text).into_owned());
                Some("matched")
            }
            // What is waited for will not come.
            MonitorEvent::Crash { is_end: true, .. } => Some("crashed"),
            _ => None,
        }
    }
}
