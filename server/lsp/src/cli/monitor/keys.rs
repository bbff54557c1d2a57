//! What a person types: to the board, or to this program, by the keys of ESP-IDF's monitor.

use std::io::{self, IsTerminal as _, Read as _};
use std::sync::mpsc::{Receiver, sync_channel};

/// `Ctrl+]`
const QUIT: u8 = 0x1D;
/// `Ctrl+T`
const MENU: u8 = 0x14;
const ESCAPE: u8 = 0x1B;
const CTRL_C: u8 = 0x03;

pub(super) const HELP: [&str; 6] = [
    "Ctrl+]  quit; what else is typed goes to the board",
    "Ctrl+T  then R: reset the board, F or A: build and deploy, D: deploy what is built,",
    "        I: time stamps on and off, L: log into a file on and off, H: this help, X: quit,",
    "        /: filter (as in wifi:W *:I; nothing shows everything), Ctrl+T or Ctrl+]: send that key",
    "Outside of a terminal lines are sent as they come, and Ctrl+C quits.",
    "",
];

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Action {
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
pub(super) struct Keys {
    mode: Mode,
    /// Every key counts; otherwise all is for the board.
    has_menu: bool,
    line_end: &'static [u8],
}

impl Keys {
    pub(super) fn new(has_menu: bool, line_end: &'static [u8]) -> Self {
        Self {
            mode: Mode::default(),
            has_menu,
            line_end,
        }
    }

    /// What bytes that were typed mean.
    pub(super) fn typed(&mut self, bytes: &[u8]) -> Vec<Action> {
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
                b'\r' if self.has_menu => Some(Action::Send(self.line_end.to_vec())),
                b'\n' => Some(Action::Send(self.line_end.to_vec())),
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

/// Standard input, read beside the board's output.
pub(super) struct Input {
    coming: Receiver<Vec<u8>>,
}

impl Input {
    /// Starts to read. The thread ends with the process: a read of a terminal cannot be called off.
    pub(super) fn start() -> Self {
        const WAITING_MAX: usize = 16;
        let (sender, coming) = sync_channel(WAITING_MAX);
        let read = move || {
            let mut bytes = [0; 1024];
            loop {
                match io::stdin().read(&mut bytes) {
                    Ok(0) => return,
                    Ok(n) if sender.send(bytes[..n].to_vec()).is_ok() => {}
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Ok(_) | Err(_) => return,
                }
            }
        };
        if let Err(error) = std::thread::Builder::new()
            .name("standard input".to_owned())
            .spawn(read)
        {
            tracing::warn!(%error, "what is typed is not read");
        }
        Self { coming }
    }

    /// What has been typed.
    pub(super) fn take(&self) -> Option<Vec<u8>> {
        self.coming.try_recv().ok()
    }
}

/// Whether somebody sits before it.
pub(super) fn is_a_person() -> bool {
    cfg!(unix)
        && io::stdin().is_terminal()
        && io::stdout().is_terminal()
        && io::stderr().is_terminal()
}

/// A terminal that hands over every key at once, until this is dropped.
pub(super) struct KeyByKey {
    #[cfg(unix)]
    before: Option<rustix::termios::Termios>,
}

impl KeyByKey {
    #[cfg(unix)]
    pub(super) fn start() -> Self {
        use rustix::termios::{OptionalActions, OutputModes, tcgetattr, tcsetattr};
        let stdin = rustix::stdio::stdin();
        let before = tcgetattr(stdin).ok();
        if let Some(mut settings) = before.clone() {
            settings.make_raw();
            // Our own lines end with a line feed alone.
            settings.output_modes |= OutputModes::OPOST;
            if let Err(error) = tcsetattr(stdin, OptionalActions::Now, &settings) {
                tracing::warn!(%error, "keys take effect with Enter");
            }
        }
        Self { before }
    }

    #[cfg(not(unix))]
    pub(super) fn start() -> Self {
        Self {}
    }
}

#[cfg(unix)]
impl Drop for KeyByKey {
    fn drop(&mut self) {
        use rustix::termios::{OptionalActions, tcsetattr};
        if let Some(before) = &self.before {
            let _ = tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, before);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_go_to_the_board_or_to_the_menu() {
        let mut keys = Keys::new(true, b"\r\n");
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
        let mut keys = Keys::new(true, b"\r");
        let actions = keys.typed(b"\x14/wix\x7ffi:W\r");
        assert_eq!(actions.last(), Some(&Action::Filter("wifi:W".to_owned())));
        assert!(!actions.iter().any(|it| matches!(it, Action::Send(_))));
        keys.typed(b"\x14/ab\x1b");
        assert_eq!(keys.typed(b"c"), [Action::Send(b"c".to_vec())]);
    }

    #[test]
    fn a_pipe_has_no_menu() {
        let mut keys = Keys::new(false, b"\r");
        let sent = Action::Send(b"\x14r\x1d\r".to_vec());
        assert_eq!(keys.typed(b"\x14r\x1d\n"), [sent]);
    }
}
