//! The client's end of the pipe, as tower-lsp needs to see it.
//!
//! tower-lsp returns from `serve` only at the end of its input, and does not say when it has seen
//! it. So this reader tells [`Ending`] when the client closed the pipe, and shows tower-lsp an end
//! of input as soon as the session ends for any reason. Answers under way are then still written.
//! What is not a message is kept from tower-lsp, too: see [`super::frames`].
//!
//! tower-lsp asks for no input while it waits for a client to read its output. One that closes the
//! pipe instead must not be waited for, so a task of its own reads ahead, up to a limit.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, ReadBuf};
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::frames::{Frames, Piece};
use crate::server::ending::{Ending, Reason};

/// How much is read from the pipe at once, and how many such pieces ahead: 64 MiB, as much as the
/// largest message.
const CHUNK_LEN: usize = 8 << 10;
const CHUNKS_MAX: usize = 8 << 10;
/// After the pipe was closed, for how long tower-lsp may take nothing of what is left.
const STUCK: Duration = Duration::from_millis(400);

pub(crate) struct Input {
    chunks: Receiver<Vec<u8>>,
    n_taken: Arc<AtomicUsize>,
    ending: Ending,
    ended: Pin<Box<dyn Future<Output = Reason> + Send>>,
    is_over: bool,
    frames: Frames,
    /// A message that is being handed over, and how much of it already was.
    message: Vec<u8>,
    n_handed: usize,
}

/// Reads until the pipe is closed. The end that this leads to is [`Input`]'s, after the last
/// message; this one's only if nobody comes for that.
async fn read_ahead(
    mut inner: impl AsyncRead + Unpin,
    chunks: Sender<Vec<u8>>,
    n_taken: Arc<AtomicUsize>,
    ending: Ending,
) {
    let mut chunk = vec![0; CHUNK_LEN];
    while let Ok(len) = inner.read(&mut chunk).await
        && len > 0
    {
        if chunks.send(chunk[..len].to_vec()).await.is_err() {
            return;
        }
    }
    drop(chunks);
    let mut before = None;
    loop {
        let now = Some(n_taken.load(Ordering::Relaxed));
        if now == before {
            break;
        }
        before = now;
        tokio::time::sleep(STUCK).await;
    }
    ending.raise(Reason::InputClosed);
}

impl Input {
    /// To be called on the runtime that serves the client.
    pub(crate) fn new(inner: impl AsyncRead + Unpin + Send + 'static, ending: Ending) -> Self {
        let (sender, chunks) = channel(CHUNKS_MAX);
        let n_taken = Arc::new(AtomicUsize::new(0));
        tokio::spawn(read_ahead(inner, sender, n_taken.clone(), ending.clone()));
        let waiting = ending.clone();
        let ended = Box::pin(async move { waiting.wait().await });
        Self {
            chunks,
            n_taken,
            ending,
            ended,
            is_over: false,
            frames: Frames::default(),
            message: Vec::new(),
            n_handed: 0,
        }
    }

    /// Hands over as much of the current message as fits; `false`: there is none.
    fn hand_over(&mut self, buffer: &mut ReadBuf<'_>) -> bool {
        let rest = &self.message[self.n_handed..];
        let n = rest.len().min(buffer.remaining());
        buffer.put_slice(&rest[..n]);
        self.n_handed += n;
        n > 0
    }

    /// Goes on to the next message, if there is a whole one.
    fn next_message(&mut self) -> bool {
        while let Some(piece) = self.frames.take() {
            match piece {
                Piece::Message(message) => {
                    self.message = message;
                    self.n_handed = 0;
                    return true;
                }
                Piece::Dropped(why) => tracing::warn!("the client sent {why}; dropped"),
            }
        }
        self.message = Vec::new();
        self.n_handed = 0;
        false
    }
}

impl AsyncRead for Input {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            if self.is_over || self.ended.as_mut().poll(cx).is_ready() {
                self.is_over = true;
                return Poll::Ready(Ok(()));
            }
            if self.hand_over(buffer) {
                return Poll::Ready(Ok(()));
            }
            if self.next_message() {
                continue;
            }
            let Some(chunk) = ready!(self.chunks.poll_recv(cx)) else {
                self.is_over = true;
                self.ending.raise(Reason::InputClosed);
                return Poll::Ready(Ok(()));
            };
            self.n_taken.fetch_add(1, Ordering::Relaxed);
            self.frames.push(&chunk);
        }
    }
}
