//! The way to the client, as tower-lsp needs to see it: tower-lsp ignores that nobody reads any
//! more and serves on, so this writer ends the session.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::AsyncWrite;

use crate::server::ending::{Ending, Reason};

pub(crate) struct Output<W> {
    inner: Pin<Box<W>>,
    ending: Ending,
}

impl<W> Output<W> {
    pub(crate) fn new(inner: W, ending: Ending) -> Self {
        Self {
            inner: Box::pin(inner),
            ending,
        }
    }

    /// An error ends the session, and is kept from tower-lsp: it would stop writing alone, and panic
    /// at the next answer.
    fn watched<T>(&self, result: Poll<io::Result<T>>, as_if: T) -> Poll<io::Result<T>> {
        if let Poll::Ready(Err(_)) = &result {
            self.ending.raise(Reason::OutputClosed);
            return Poll::Ready(Ok(as_if));
        }
        result
    }
}

impl<W: AsyncWrite> AsyncWrite for Output<W> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = self.inner.as_mut().poll_write(cx, bytes);
        self.watched(result, bytes.len())
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = self.inner.as_mut().poll_flush(cx);
        self.watched(result, ())
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = self.inner.as_mut().poll_shutdown(cx);
        self.watched(result, ())
    }
}
