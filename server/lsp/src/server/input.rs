//! The client's end of the pipe, as tower-lsp needs to see it.
//!
//! tower-lsp returns from `serve` only at the end of its input, and does not say when it has seen
//! it. So this reader tells [`Ending`] when the client closed the pipe, and shows tower-lsp an end
//! of input as soon as the session ends for any reason. Answers under way are then still written.
//! What is no message is kept from tower-lsp, too: see [`super::frames`].

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};

use super::ending::{Ending, Reason};
use super::frames::{Frames, Piece};

/// How much is read from the pipe at once.
const CHUNK_LEN: usize = 8 << 10;

pub(crate) struct Input<R> {
    inner: R,
    ending: Ending,
    ended: Pin<Box<dyn Future<Output = Reason> + Send>>,
    is_over: bool,
    frames: Frames,
    /// A message that is being handed over, and how much of it already was.
    message: Vec<u8>,
    n_handed: usize,
}

impl<R> Input<R> {
    pub(crate) fn new(inner: R, ending: Ending) -> Self {
        let waiting = ending.clone();
        let ended = Box::pin(async move { waiting.wait().await });
        Self {
            inner,
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

impl<R: AsyncRead + Unpin> AsyncRead for Input<R> {
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
            let mut chunk = [0; CHUNK_LEN];
            let mut read = ReadBuf::new(&mut chunk);
            let result = ready!(Pin::new(&mut self.inner).poll_read(cx, &mut read));
            if result.is_err() || read.filled().is_empty() {
                self.is_over = true;
                self.ending.raise(Reason::InputClosed);
                return Poll::Ready(Ok(()));
            }
            self.frames.push(read.filled());
        }
    }
}
