//! The language server.
//!
//! Read in this order: [`serve`] is its life from the first byte to the exit code, [`desk`] what
//! one server holds, [`commands`] what a client can ask for, [`jobs`] who is using which port,
//! [`job`] one piece of work from request to answer, [`report`] how its progress reaches the editor,
//! [`monitors`] who listens to which port, [`monitor`] how,
//! [`configuration`] which settings count, [`background`] what the client is told unasked, [`editing`]
//! the help with files that are open.
//!
//! tower-lsp is named by [`tower`] alone, which hands over requests and is the way to the client.
//! [`commands`], [`jobs`], [`job`], [`report`] and all that is remembered or set know of no protocol.

mod arguments;
mod background;
mod builds;
mod choosing;
mod commands;
mod configuration;
mod crashes;
mod desk;
mod documents;
mod editing;
mod editor;
mod ending;
mod job;
mod jobs;
mod monitor;
mod monitors;
mod pages;
mod parent;
mod problems;
mod report;
mod requests;
mod session;
mod settings;
mod shorten;
mod texts;
mod tower;
mod uri;
mod watched;

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

use self::desk::Desk;
use self::ending::{Ending, Reason};
use crate::boards::{Boards, LocalBoards};
use crate::log::Tap;

/// How long things may take that others decide about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// For an answer of the client, and for the client to take a message.
    pub(crate) client: Duration,
    /// For an answer of the person in front of the client.
    pub(crate) person: Duration,
    /// From the end of the session to the end of the process, for running jobs to stop.
    pub(crate) grace: Duration,
    /// Between two looks at whether the client's process is still there.
    pub(crate) parent_poll: Duration,
    /// Between two looks at ports, and at targets where the client does not watch files.
    pub(crate) ports_poll: Duration,
    pub(crate) targets_poll: Duration,
    /// A build changes many files; how long it must be quiet before targets are looked for.
    pub(crate) quiet: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            client: Duration::from_secs(10),
            person: Duration::from_mins(2),
            grace: Duration::from_millis(1500),
            parent_poll: Duration::from_millis(400),
            ports_poll: Duration::from_secs(1),
            targets_poll: Duration::from_secs(3),
            quiet: Duration::from_millis(300),
        }
    }
}

/// Serves one client until it leaves. The result is the process's exit code: 0 after `shutdown`
/// and `exit` (or the end of the input), 1 without `shutdown`.
pub(crate) async fn serve<I, O>(
    input: I,
    output: O,
    boards: Arc<dyn Boards>,
    log: Tap,
    patience: Patience,
    ending: Ending,
) -> u8
where
    I: AsyncRead + Unpin + Send + 'static,
    O: AsyncWrite + Send + 'static,
{
    let end = ending.clone();
    let (desk, server) = tower::serve(input, output, &ending, move |client| {
        Desk::new(client, boards, log, patience, end)
    });
    let mut serving = tokio::spawn(server);

    let reason = tokio::select! {
        reason = ending.wait() => reason,
        // Without a reason given: tower-lsp gave up on its own.
        _ = &mut serving => Reason::OutputClosed,
    };
    tracing::info!(?reason, "session ends");
    // Running writes stop at their next block, their ports are released, and the answers to the
    // requests that started them still go out.
    desk.bench.jobs.close();
    desk.bench.monitors.close();
    let rest = async {
        desk.bench.jobs.idle().await;
        desk.bench.monitors.idle().await;
        if !serving.is_finished() {
            let _ = (&mut serving).await;
        }
    };
    if tokio::time::timeout(patience.grace, rest).await.is_err() {
        tracing::warn!("a job or the client did not finish in time; leaving anyway");
    }
    serving.abort();
    u8::from(!ending.was_shut_down())
}

/// Threads for a client of this process.
pub(crate) fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(16)
        .thread_name("fbuild-lsp")
        .enable_time()
        .build()
}

/// Serves a client on standard input and output; the process is to end with the result.
pub(crate) fn serve_stdio(boards: LocalBoards, log: Tap) -> std::io::Result<u8> {
    let runtime = runtime()?;
    let ending = Ending::new();
    let on_signal = ending.clone();
    // Without a handler a signal still ends the process, only not as gently.
    if let Err(error) = ctrlc::set_handler(move || on_signal.raise(Reason::Signal)) {
        tracing::warn!(%error, "signals will end this process at once");
    }
    let code = runtime.block_on(serve(
        tokio::io::stdin(),
        tokio::io::stdout(),
        Arc::new(boards),
        log,
        Patience::default(),
        ending,
    ));
    // tokio reads stdin on a thread that cannot be interrupted: do not wait for it.
    runtime.shutdown_background();
    Ok(code)
}

#[cfg(test)]
mod tests;
