//! The monitors that run, one a port, and how others reach them: a job borrows the link of its port's monitor,
//! a client reads what was heard.
//!
//! Owned by the [`super::desk::Desk`]. A monitor is in the table from before it opens its port until its thread
//! has closed it.

pub(crate) mod named;
mod record;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, MutexGuard};

use fbuild_deploy::outcome::Failure;
use fbuild_link::Link;
use fbuild_link::port_name::PortName;
use fbuild_project::target::Target;
use serde_json::Value;
use tokio::sync::{oneshot, watch};

use crate::locked::Locked;
use crate::monitor::rate::Rate;

use self::named::Named;
pub(crate) use self::record::{Entry, Record, State};

/// What a monitor is asked for.
pub(crate) enum Order {
    /// To send these bytes to the board.
    Send(Vec<u8>, oneshot::Sender<Result<(), Failure>>),
    /// To do what these keys mean; what of that is a job's.
    Keys(String, oneshot::Sender<Option<Wish>>),
    /// To say something that the board has not said.
    Say(Vec<String>),
    /// To reset the board.
    Reset(oneshot::Sender<Result<(), Failure>>),
    /// To say where these are in the sources of this machine.
    Places(Vec<Named>, oneshot::Sender<Vec<Value>>),
    /// To lend its link; `None`: it has none.
    Lend(Box<Loan>, Sender<Option<Box<dyn Link>>>),
    /// To go on: with this link, or with the port.
    Back(Option<Box<dyn Link>>),
    Stop,
}

/// A deploy that a key asks for.
#[derive(Debug)]
pub(crate) struct Wish {
    /// What is there may be older than its sources.
    pub(crate) builds: bool,
    pub(crate) project: PathBuf,
    pub(crate) target: Option<String>,
}

/// What a link is borrowed for.
pub(crate) struct Loan {
    /// `deploy of espidf:build`
    pub(crate) what: String,
    /// The board will run this.
    pub(crate) target: Option<Target>,
}

/// A monitor, as others see it.
pub(crate) struct Monitor {
    /// As it was asked for.
    pub(crate) port: String,
    /// As it was when it was opened: links lead nowhere once the board is unplugged.
    identity: String,
    pub(crate) about: About,
    orders: Sender<Order>,
    record: Locked<Record>,
    /// Raised whenever there is more in the record.
    news: watch::Sender<u64>,
}

/// What does not change about a monitor.
#[derive(Debug, Clone)]
pub(crate) struct About {
    pub(crate) rate: Rate,
    /// Takes a copy of every byte.
    pub(crate) log: Option<PathBuf>,
}

#[derive(Default)]
struct Table {
    /// By the identity of their port.
    monitors: BTreeMap<String, Arc<Monitor>>,
    is_closed: bool,
}

/// The table of monitors.
pub(crate) struct Monitors {
    table: Locked<Table>,
    n_running: watch::Sender<usize>,
}

/// A monitor's place in the table, until it is dropped.
pub(crate) struct Seat {
    monitors: Arc<Monitors>,
    pub(crate) monitor: Arc<Monitor>,
    pub(crate) orders: Receiver<Order>,
}

/// Why there is no place for another one.
pub(crate) enum NoSeat {
    /// This one has the port.
    Taken(Arc<Monitor>),
    /// The server is shutting down.
    Closed,
}

impl Monitor {
    /// Asks it for something. It may end before it gets to that.
    pub(crate) fn order(&self, order: Order) {
        let _ = self.orders.send(order);
    }

    /// What it has heard.
    pub(crate) fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock()
    }

    /// Changes what it has heard, and says that there is more.
    pub(crate) fn note<T>(&self, change: impl FnOnce(&mut Record) -> T) -> T {
        let changed = change(&mut self.record());
        self.news.send_modify(|n| *n += 1);
        changed
    }

    /// Raised whenever there is more in the record.
    pub(crate) fn news(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }

    /// Returns when it has closed its port.
    pub(crate) async fn ended(&self) {
        let mut news = self.news();
        while self.record().state != State::Ended {
            if news.changed().await.is_err() {
                return;
            }
        }
    }
}

impl Monitors {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            table: Locked::default(),
            n_running: watch::Sender::new(0),
        })
    }

    /// Enters a monitor of `port`.
    pub(crate) fn enter(
        self: &Arc<Self>,
        port: &str,
        about: About,
        is_followed: bool,
    ) -> Result<Seat, NoSeat> {
        let mut table = self.table.lock();
        if table.is_closed {
            return Err(NoSeat::Closed);
        }
        let identity = PortName::of(port).identity();
        if let Some(other) = table.monitors.get(&identity) {
            return Err(NoSeat::Taken(other.clone()));
        }
        let (sender, orders) = mpsc::channel();
        let monitor = Arc::new(Monitor {
            port: port.to_owned(),
            identity: identity.clone(),
            about,
            orders: sender,
            record: Locked::new(Record::new(is_followed)),
            news: watch::Sender::new(0),
        });
        table.monitors.insert(identity, monitor.clone());
        self.n_running.send_replace(table.monitors.len());
        drop(table);
        Ok(Seat {
            monitors: self.clone(),
            monitor,
            orders,
        })
    }

    /// The monitor of a port.
    pub(crate) fn of(&self, port: &str) -> Option<Arc<Monitor>> {
        let identity = PortName::of(port).identity();
        let table = self.table.lock();
        let mut monitors = table.monitors.values();
        let found = monitors.find(|it| it.identity == identity || it.port == port);
        found.cloned()
    }

    /// Those that run.
    pub(crate) fn list(&self) -> Vec<Arc<Monitor>> {
        self.table.lock().monitors.values().cloned().collect()
    }

    /// Borrows the link of a port's monitor. Blocks until it is here. `None`: no monitor runs there, or it has
    /// no link at the moment.
    pub(crate) fn borrow(&self, port: &str, loan: Loan) -> Option<Box<dyn Link>> {
        let monitor = self.of(port)?;
        let (sender, link) = mpsc::channel();
        monitor.order(Order::Lend(Box::new(loan), sender));
        // The monitor may end first; its orders go with it.
        drop(monitor);
        link.recv().ok().flatten()
    }

    /// Gives a link to the monitor of its port, if one runs; it is closed otherwise.
    pub(crate) fn give_back(&self, port: &str, link: Option<Box<dyn Link>>) {
        if let Some(monitor) = self.of(port) {
            monitor.order(Order::Back(link));
        }
    }

    /// Stops every monitor and lets no other begin.
    pub(crate) fn close(&self) {
        self.table.lock().is_closed = true;
        for monitor in self.list() {
            monitor.order(Order::Stop);
        }
    }

    /// Returns when no monitor runs.
    pub(crate) async fn idle(&self) {
        // Fails only without a sender, and `self` is one.
        let _ = self.n_running.subscribe().wait_for(|n| *n == 0).await;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut table = self.monitors.table.lock();
        table.monitors.remove(&self.monitor.identity);
        self.monitors.n_running.send_replace(table.monitors.len());
        drop(table);
        self.monitor.note(|record| record.enter(State::Ended));
    }
}
