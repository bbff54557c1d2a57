//! Replaying one recording.

use std::fmt::Write;
use std::time::Duration;

use fbuild_chip::Chip;
use fbuild_link::Lines;
use fbuild_link::memory::Device;
use fbuild_loader::packet;
use fbuild_loader::slip::{self, Piece};
use fbuild_sim::{Board, Connection, State};

use super::cut::CutPayloads;
use super::recording::{Item, Recording, from_hex};

/// What the genuine code prints outside frames starts with one of these.
const TEXTS: [&[u8]; 4] = [b"ets ", b"ESP-ROM:", b"user code done", b"flash read err"];
const BAUD: u32 = 115_200;

pub(super) struct Session<'a> {
    recording: &'a Recording,
    cut: &'a CutPayloads,
    board: Board,
    before: Vec<u8>,
    now: Duration,
    baud: u32,
    expected: Vec<Vec<u8>>,
    actual: Vec<u8>,
    /// Payload bytes that a note said were sent raw and that no frame accounted for yet.
    sent_raw: Vec<u8>,
    /// The next data block is held back and sent in one burst with the one after it.
    burst: bool,
    held_back: Vec<u8>,
    what: String,
    compared: usize,
}

impl<'a> Session<'a> {
    /// A board such as the one recorded: for a probe of the ROM in download mode, for one of the stub
    /// with it running; for a session of esptool it is esptool that resets it.
    pub(super) fn new(recording: &'a Recording, flash: &[u8], cut: &'a CutPayloads) -> Self {
        let chip: Chip = recording.chip.parse().unwrap();
        let mut builder = Board::builder(chip).flash_contents(flash);
        // The emulated chips: their strapping and, for the S3, blank eFuses.
        builder = match chip {
            Chip::Esp32 => builder.strapping(0x0F),
            Chip::Esp32C3 => builder.strapping(0x02),
            _ => builder.strapping(0x07).mac([0; 6]).revision(0, 0),
        };
        // esp32-q15-stub-pipelining: step q15.
        let step = recording.name.split('-').nth(1).unwrap();
        builder = match &step[..1] {
            "p" => builder.start_in_download_mode(),
            "q" => builder.start_in_stub(),
            _ if step == "e3" => builder.connection(Connection::SerialJtag),
            _ => builder,
        };
        let mut board = builder.build().unwrap();
        // What a board that runs nothing keeps printing was before the recording.
        while board.transmit(BAUD, Duration::MAX).is_some() {}
        Self {
            recording,
            cut,
            before: flash.to_vec(),
            board,
            now: Duration::ZERO,
            baud: BAUD,
            expected: Vec::new(),
            actual: Vec::new(),
            sent_raw: Vec::new(),
            burst: false,
            held_back: Vec::new(),
            what: "the beginning".to_owned(),
            compared: 0,
        }
    }

    /// Replays everything; gives the flash's contents at the end, and how many of the chip's frames
    /// were compared.
    pub(super) fn run(mut self) -> (Vec<u8>, usize) {
        for item in &self.recording.items {
            self.step(item);
        }
        self.compare();
        (self.board.flash().contents().to_vec(), self.compared)
    }

    fn step(&mut self, item: &Item) {
        match item {
            Item::Note(text) => self.note(text),
            Item::HostFrame { t, bytes, cut } => {
                let mut frame = bytes.clone();
                if let Some(hash) = cut {
                    frame.extend_from_slice(self.cut.get(hash));
                }
                if !self.account_for(&frame) {
                    self.send_frame(*t, &frame);
                }
            }
            Item::HostRaw { t, bytes } => {
                if !self.account_for(bytes) {
                    // The rest of a frame whose opening delimiter ended an unfinished one.
                    self.send_frame(*t, bytes);
                }
            }
            Item::Redacted { t, header, len } => {
                let mut frame = header.clone();
                let checksum = u32::from_le_bytes([header[4], header[5], header[6], header[7]]);
                let mut payload = vec![0; *len];
                payload[0] = (checksum ^ packet::checksum(&[])) as u8;
                frame.extend_from_slice(&payload);
                self.send_frame(*t, &frame);
            }
            Item::ChipFrame(bytes) => {
                if !is_text(bytes) {
                    self.expected.push(bytes.clone());
                }
            }
            Item::ChipRaw(bytes) => {
                // A frame that the recorder saw outside of one, because text came before it.
                if bytes.first() == Some(&1) {
                    self.expected.push(bytes.clone());
                }
            }
            Item::Lines { t, dtr, rts } => {
                self.at(*t);
                let lines = Lines {
                    dtr: *dtr,
                    rts: *rts,
                };
                self.compare();
                self.board.set_lines(self.now, lines);
                self.drain();
                // Boot logs of a board without firmware; see the list of what may differ.
                self.actual.clear();
                self.baud = BAUD;
            }
            Item::Reset { download } => {
                let state = self.board.state();
                assert_eq!(
                    state == State::Download,
                    *download,
                    "{}: boot mode after a reset, board is {state:?}",
                    self.recording.name
                );
            }
        }
    }

    fn at(&mut self, t: f64) {
        self.now = self.now.max(Duration::from_secs_f64(t));
    }

    fn note(&mut self, text: &str) {
        if let Some(changes) =
            text.strip_prefix("flash file compared with its state before the probe: ")
        {
            self.compare();
            let now = self.board.flash().contents();
            assert_eq!(
                changed(&self.before, now),
                changes,
                "{}",
                self.recording.name
            );
            return;
        }
        if let Some((range, last)) = text.split_once(": last non-FF byte at 0x") {
            let (start, end) = range.split_once('-').unwrap();
            let parse =
                |text: &str| usize::from_str_radix(text.trim_start_matches("0x"), 16).unwrap();
            let region = &self.board.flash().contents()[parse(start)..parse(end)];
            let found = region.iter().rposition(|byte| *byte != 0xFF).unwrap();
            assert_eq!(
                parse(start) + found,
                parse(last),
                "{}: {text}",
                self.recording.name
            );
            return;
        }
        text.clone_into(&mut self.what);
        if let Some((_, raw)) = text.split_once("raw bytes sent: ")
            && !raw.contains("...")
        {
            let bytes = from_hex(raw);
            self.compare();
            self.sent_raw.extend(payload_of(&bytes));
            self.send(&bytes);
        }
        self.burst |= text.contains("back to back without waiting");
    }

    /// Whether these bytes were part of what a note sent raw.
    fn account_for(&mut self, bytes: &[u8]) -> bool {
        let known = self.sent_raw.starts_with(bytes);
        if known {
            self.sent_raw.drain(..bytes.len());
        } else {
            self.sent_raw.clear();
        }
        known
    }

    fn send_frame(&mut self, t: f64, frame: &[u8]) {
        if self.held_back.is_empty() {
            self.compare();
            self.at(t);
        }
        slip::encode(frame, &mut self.held_back);
        if self.burst && frame[1] == packet::op::FLASH_DATA {
            self.burst = false;
            return;
        }
        let bytes = std::mem::take(&mut self.held_back);
        self.send(&bytes);
        if frame.get(1) == Some(&packet::op::CHANGE_BAUDRATE) && !self.actual.is_empty() {
            self.baud = self.board.baud();
        }
    }

    fn send(&mut self, bytes: &[u8]) {
        self.board.receive(self.now, bytes, self.baud);
        self.drain();
        // Idle time between two things that the host does.
        self.now += Duration::from_millis(50);
    }

    fn drain(&mut self) {
        while let Some(piece) = self.board.transmit(self.baud, Duration::MAX) {
            self.now = self.now.max(piece.arrives);
            if !is_text(&piece.bytes) && !piece.bytes.starts_with(b"invalid header") {
                self.actual.extend_from_slice(&piece.bytes);
            }
        }
    }

    fn compare(&mut self) {
        let mut decoder = slip::Decoder::new(0x1_0000);
        let mut actual = Vec::new();
        decoder.extend(&std::mem::take(&mut self.actual), |piece| match piece {
            Piece::Frame(frame) | Piece::Junk(frame) => actual.push(frame),
            Piece::TooLong => panic!("endless frame"),
        });
        let expected = std::mem::take(&mut self.expected);
        self.compared += expected.len();
        let show = |frames: &[Vec<u8>]| {
            let mut text = String::new();
            for frame in frames {
                let _ = write!(text, "\n  ");
                for byte in frame.iter().take(80) {
                    let _ = write!(text, "{byte:02x}");
                }
            }
            text
        };
        assert!(
            actual == expected,
            "{}: after '{}' the genuine chip sent{}\nand the simulated one{}",
            self.recording.name,
            self.what,
            show(&expected),
            show(&actual)
        );
    }
}

fn is_text(bytes: &[u8]) -> bool {
    TEXTS.iter().any(|text| bytes.starts_with(text))
}

/// The bytes between delimiters, unescaped as the recorder does it.
fn payload_of(bytes: &[u8]) -> Vec<u8> {
    let mut payload = Vec::new();
    let mut escaped = false;
    for byte in bytes {
        match (escaped, *byte) {
            (_, slip::END) => escaped = false,
            (false, slip::ESC) => escaped = true,
            (true, slip::ESC_END) => {
                payload.push(slip::END);
                escaped = false;
            }
            (true, slip::ESC_ESC) => {
                payload.push(slip::ESC);
                escaped = false;
            }
            (_, byte) => {
                payload.push(byte);
                escaped = false;
            }
        }
    }
    payload
}

/// Runs of changed sectors, in the words of the recordings.
fn changed(before: &[u8], after: &[u8]) -> String {
    let sector = 0x1000;
    let mut runs: Vec<(usize, usize, &str)> = Vec::new();
    for at in (0..after.len()).step_by(sector) {
        let new = &after[at..at + sector];
        if new == &before[at..at + sector] {
            continue;
        }
        let kind = if new.iter().all(|byte| *byte == 0xFF) {
            "erased"
        } else {
            "written"
        };
        match runs.last_mut() {
            Some((_, end, last)) if *end == at && *last == kind => *end += sector,
            _ => runs.push((at, at + sector, kind)),
        }
    }
    if runs.is_empty() {
        return "unchanged".to_owned();
    }
    runs.iter()
        .map(|(start, end, kind)| format!("{kind} 0x{start:06x}-0x{end:06x}"))
        .collect::<Vec<_>>()
        .join(", ")
}
