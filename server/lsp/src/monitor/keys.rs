//! What a person types into a monitor: for the board, or for this program, by the keys of ESP-IDF's monitor.

use clap::ValueEnum;
use serde::Deserialize;

/// `Ctrl+]`
const QUIT: u8 = 0x1D;
/// `Ctrl+T`
const MENU: u8 = 0x14;
const ESCAPE: u8 = 0x1B;
const CTRL_C: u8 = 0x03;

pub(crate) const HELP: [&str; 4] = [
    "Ctrl+]  quit; what else is typed goes to the board",
    "Ctrl+T  then R: reset the board, F or A: build and deploy, D: deploy what is built,",
    "        I: time stamps on and off, L: log into a file on and off, H: this help, X: quit,",
    "        /: filter (as in wifi:W *:I; nothing shows everything), Ctrl+T or Ctrl+]: send that key",
];

/// What Enter, or the end of a line of standard input, sends to the board.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Eol {
    #[default]
    Cr,
    Lf,
    Crlf,
}

impl Eol {
    fn bytes(self) -> &'static [u8] {
        match self {
            Self::Cr => b"\r",
            Self::Lf => b"\n",
            Self::Crlf => b"\r\n",
        }
    }
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// For the board.
    Send(Vec<u8>),
    /// For the person: what is typed into a prompt.
    Echo(String),
    Quit,
    Reset,
    /// To build first, or to deploy what is there.
    Deploy {
        build: bool,
    },
    Timestamps,
    Log,
    Filter(String),
    Help,
}

/// Where the next key goes.
#[derive(Debug, Default)]
enum Mode {
    #[default]
    Board,
    Menu,
    Filter(String),
}

/// Makes keys actions.
#[derive(Debug)]
pub(crate) struct Keys {
    mode: Mode,
    /// Every key counts; otherwise all is for the board.
    has_menu: bool,
    line_end: Eol,
}

impl Keys {
    pub(crate) fn new(has_menu: bool, line_end: Eol) -> Self {
        Self {
            mode: Mode::default(),
            has_menu,
            line_end,
        }
    }

    /// What bytes that were typed mean.
    pub(crate) fn typed(&mut self, bytes: &[u8]) -> Vec<Action> {
        let mut actions: Vec<Action> = Vec::new();
        for &byte in bytes {
            match (self.key(byte), actions.last_mut()) {
                (Some(Action::Send(more)), Some(Action::Send(sent))) => sent.extend(more),
                (Some(action), _) => actions.push(action),
                (None, _) => {}
            }
        }
        actions
    }

    fn key(&mut self, byte: u8) -> Option<Action> {
        match std::mem::take(&mut self.mode) {
            Mode::Board => match byte {
                QUIT if self.has_menu => Some(Action::Quit),
                MENU if self.has_menu => {
                    self.mode = Mode::Menu;
                    None
                }
                b'\r' if self.has_menu => Some(Action::Send(self.line_end.bytes().to_vec())),
                b'\n' => Some(Action::Send(self.line_end.bytes().to_vec())),
                byte => Some(Action::Send(vec![byte])),
            },
            Mode::Menu => Some(match byte {
                QUIT | MENU => Action::Send(vec![byte]),
                // The letter alone, or with Ctrl still held.
                b'r' | b'R' | 0x12 => Action::Reset,
                b'f' | b'F' | 0x06 | b'a' | b'A' | 0x01 => Action::Deploy { build: true },
                b'd' | b'D' | 0x04 => Action::Deploy { build: false },
                b'i' | b'I' | 0x09 => Action::Timestamps,
                b'l' | b'L' | 0x0C => Action::Log,
                b'x' | b'X' | 0x18 => Action::Quit,
                b'/' => {
                    self.mode = Mode::Filter(String::new());
                    Action::Echo("--- filter: ".to_owned())
                }
                _ => Action::Help,
            }),
            Mode::Filter(mut text) => match byte {
                b'\r' | b'\n' => Some(Action::Filter(text)),
                ESCAPE | CTRL_C => Some(Action::Echo("\n".to_owned())),
                0x08 | 0x7F => {
                    let echo = text.pop().map(|_| Action::Echo("\x08 \x08".to_owned()));
                    self.mode = Mode::Filter(text);
                    echo
                }
                byte => {
                    let shown = (byte.is_ascii_graphic() || byte == b' ').then(|| char::from(byte));
                    text.extend(shown);
                    self.mode = Mode::Filter(text);
                    shown.map(|character| Action::Echo(character.to_string()))
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_go_to_the_board_or_to_the_menu() {
        let mut keys = Keys::new(true, Eol::Crlf);
        assert_eq!(keys.typed(b"ls\r"), [Action::Send(b"ls\r\n".to_vec())]);
        assert_eq!(keys.typed(b"\x14"), []);
        assert_eq!(keys.typed(b"\x12"), [Action::Reset]);
        assert_eq!(
            keys.typed(b"\x14f\x14d\x14i"),
            [
                Action::Deploy { build: true },
                Action::Deploy { build: false },
                Action::Timestamps
            ]
        );
        assert_eq!(keys.typed(b"\x14\x1d"), [Action::Send(b"\x1d".to_vec())]);
        assert_eq!(keys.typed(b"\x1d"), [Action::Quit]);
        assert_eq!(keys.typed(b"\x03"), [Action::Send(b"\x03".to_vec())]);
    }

    #[test]
    fn a_filter_is_typed_into_a_prompt() {
        let mut keys = Keys::new(true, Eol::Cr);
        let actions = keys.typed(b"\x14/wix\x7ffi:W\r");
        assert_eq!(actions.last(), Some(&Action::Filter("wifi:W".to_owned())));
        assert!(!actions.iter().any(|it| matches!(it, Action::Send(_))));
        keys.typed(b"\x14/ab\x1b");
        assert_eq!(keys.typed(b"c"), [Action::Send(b"c".to_vec())]);
    }

    #[test]
    fn a_pipe_has_no_menu() {
        let mut keys = Keys::new(false, Eol::Cr);
        let sent = Action::Send(b"\x14r\x1d\r".to_vec());
        assert_eq!(keys.typed(b"\x14r\x1d\n"), [sent]);
    }
}
