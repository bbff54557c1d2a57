//! Messages out of a stream of bytes, and nothing but messages.
//!
//! tower-lsp 0.20 stops serving at the first byte that it cannot make sense of, and a write that is
//! under way would end with it. So what a client sends is taken apart here first: whole messages
//! are passed on as they are, everything between them is dropped with a word in the log. No I/O;
//! memory is bounded by [`BODY_MAX`]. After a header that makes no sense the stream is searched for
//! the next one, which nothing in JSON looks like: in a text the ends of lines are escaped.

use tower_lsp::jsonrpc::{Request, Response};

use crate::server::shorten::shortened;

/// Longest message that is taken; editors send documents of this size to nobody.
const BODY_MAX: usize = 64 << 20;
/// Longest run of bytes that may be a header; the protocol's two fields take less than 100.
const HEADER_MAX: usize = 4096;
/// Capacity that is given back when it is no longer needed.
const IDLE_CAPACITY: usize = 64 << 10;

const LENGTH_FIELD: &[u8] = b"content-length:";

/// Takes a stream apart.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    received: Vec<u8>,
    /// Length of the body that follows, once its header was read.
    body_len: Option<usize>,
    /// What comes now belongs to nothing, which has been said.
    is_lost: bool,
}

/// What was found in the stream.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// A message that tower-lsp can read, header included.
    Message(Vec<u8>),
    /// Something else, which was dropped, and why.
    Dropped(String),
}

impl Frames {
    /// Takes in received bytes.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.received.extend_from_slice(bytes);
    }

    /// The next piece; `None`: more bytes are needed.
    pub(crate) fn take(&mut self) -> Option<Piece> {
        if self.received.is_empty() && self.received.capacity() > IDLE_CAPACITY {
            self.received = Vec::new();
        }
        let Some(len) = self.body_len else {
            match self.header()? {
                Ok(len) => {
                    self.body_len = Some(len);
                    self.is_lost = false;
                }
                Err(_) if self.is_lost => {}
                Err(why) => {
                    self.is_lost = true;
                    return Some(Piece::Dropped(why));
                }
            }
            return self.take();
        };
        if self.received.len() < len {
            return None;
        }
        self.body_len = None;
        let body = &self.received[..len];
        let piece = match shortened(body) {
            Some(left) => Piece::Message(framed(&left)),
            None => match unreadable(body) {
                None => Piece::Message(framed(body)),
                Some(why) => Piece::Dropped(why),
            },
        };
        self.received.drain(..len);
        Some(piece)
    }

    /// Reads a header; the length of its body, or why there is none.
    fn header(&mut self) -> Option<Result<usize, String>> {
        let Some(end) = find(&self.received, b"\r\n\r\n") else {
            if self.received.len() <= HEADER_MAX {
                return None;
            }
            // Whatever it is, a header that begins in it may end later.
            let n_dropped = self.received.len() - LENGTH_FIELD.len();
            self.received.drain(..n_dropped);
            return Some(Err(format!("{n_dropped} bytes without a header")));
        };
        let header: Vec<u8> = self.received.drain(..end + 4).collect();
        let header = header.to_ascii_lowercase();
        let value = header
            .split(|byte| *byte == b'\n')
            // Garbage may come right before the field.
            .find_map(|line| find(line, LENGTH_FIELD).map(|at| &line[at + LENGTH_FIELD.len()..]));
        let text = value
            .and_then(|value| std::str::from_utf8(value).ok())
            .map(str::trim);
        let is_number = |text: &&str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let Some(text) = text.filter(is_number) else {
            return Some(Err("a header without Content-Length".to_owned()));
        };
        Some(match text.parse::<usize>() {
            Ok(len) if len <= BODY_MAX => Ok(len),
            _ => Err(format!(
                "a message of {text} bytes; at most {BODY_MAX} are accepted"
            )),
        })
    }
}

fn framed(body: &[u8]) -> Vec<u8> {
    let header = format!("Content-Length: {}\r\n\r\n", body.len());
    [header.as_bytes(), body].concat()
}

/// Why tower-lsp could not read this message, if so.
fn unreadable(body: &[u8]) -> Option<String> {
    if serde_json::from_slice::<Request>(body).is_ok() {
        return None;
    }
    match serde_json::from_slice::<Response>(body) {
        Ok(_) => None,
        Err(error) => Some(format!(
            "a message that is neither request nor response: {error}"
        )),
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: &str = r#"{"jsonrpc":"2.0","id":1,"method":"shutdown"}"#;
    const RESPONSE: &str = r#"{"jsonrpc":"2.0","id":"a","result":null}"#;

    fn frame(body: &str) -> String {
        format!("Content-Length: {}\r\n\r\n{body}", body.len())
    }

    /// Messages and the number of dropped pieces, whatever the stream is cut into.
    fn check(stream: &str, messages: &[&str], n_dropped: usize) {
        let expected: Vec<Vec<u8>> = messages.iter().map(|m| frame(m).into_bytes()).collect();
        for cut in [1, 2, 7, stream.len()] {
            let mut frames = Frames::default();
            let (mut read, mut dropped) = (Vec::new(), 0);
            for bytes in stream.as_bytes().chunks(cut) {
                frames.push(bytes);
                while let Some(piece) = frames.take() {
                    match piece {
                        Piece::Message(message) => read.push(message),
                        Piece::Dropped(_) => dropped += 1,
                    }
                }
            }
            assert_eq!(
                (&read, dropped),
                (&expected, n_dropped),
                "{stream:?} cut by {cut}"
            );
        }
    }

    #[test]
    fn messages_pass_as_they_are() {
        check(
            &(frame(REQUEST) + &frame(RESPONSE)),
            &[REQUEST, RESPONSE],
            0,
        );
        let typed = format!(
            "Content-Type: application/vscode-jsonrpc; charset=utf-8\r\ncontent-length:{}\r\n\r\n{REQUEST}",
            REQUEST.len()
        );
        check(&typed, &[REQUEST], 0);
    }

    #[test]
    fn what_is_between_them_is_dropped() {
        let message = frame(REQUEST);
        check(&format!("hello{message}"), &[REQUEST], 0);
        check(&format!("hello\r\n\r\n{message}"), &[REQUEST], 1);
        check(&format!("X-Foo: 1\r\n\r\n{message}"), &[REQUEST], 1);
        check(
            &format!("Content-Length: many\r\n\r\n{message}"),
            &[REQUEST],
            1,
        );
        check(
            &format!("Content-Length: -1\r\n\r\n{message}"),
            &[REQUEST],
            1,
        );
        for body in [
            "{nope",
            "[]",
            "7",
            "{}",
            "",
            r#"{"jsonrpc":"1.0","method":"x"}"#,
        ] {
            check(&format!("{}{message}", frame(body)), &[REQUEST], 1);
        }
    }

    #[test]
    fn a_length_that_makes_no_sense_deafens_nobody() {
        let message = frame(REQUEST);
        for len in [
            "18446744073709551615",
            "99999999999999999999999",
            "67108865",
            "1e3",
        ] {
            let stream = format!("Content-Length: {len}\r\n\r\n{message}{message}");
            check(&stream, &[REQUEST; 2], 1);
            // What was announced may also come.
            let body = "[\"\\r\\n\\r\\nContent-Length: 3\",\r\n\r\n1]".repeat(1000);
            let stream = format!("Content-Length: {len}\r\n\r\n{body}{message}");
            check(&stream, &[REQUEST], 1);
        }
    }

    #[test]
    fn memory_is_bounded() {
        let mut frames = Frames::default();
        for _ in 0..1000 {
            frames.push(&[b'x'; 1000]);
            while frames.take().is_some() {}
            assert!(frames.received.len() <= HEADER_MAX);
        }
        frames.push(format!("\r\nContent-Length: {}\r\n\r\n", usize::MAX).as_bytes());
        for _ in 0..1000 {
            frames.push(&[b'x'; 1000]);
            while frames.take().is_some() {}
            assert!(frames.received.len() <= HEADER_MAX);
        }
    }
}
