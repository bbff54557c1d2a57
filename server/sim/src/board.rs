//! The board: chip, flash, reset circuit and cable, as one [`fbuild_link::memory::Device`].

mod builder;
mod device;

use std::collections::BTreeMap;
use std::time::Duration;

use fbuild_chip::Chip;
use fbuild_loader::packet;

use crate::boot::log::{self, Cause};
use crate::boot::{self, BootFailure};
use crate::console::{self, Console};
use crate::faults::{Fault, Faults};
use crate::flash::Nor;
use crate::hardware::Hardware;
use crate::program::{Act, Running, Script};
use crate::reset_circuit::{Connection, ResetCircuit};
use crate::rom::{Next, Rom};
use crate::stats::Stats;
use crate::stub::Stub;
use crate::wire::BOOT_LOG_BAUD;

pub use builder::{BoardBuilder, BuildError, DEFAULT_FLASH_SIZE};

/// How often a message that a ROM would repeat for ever is repeated: enough for a host that reads the
/// boot log after a reset, without filling a buffer that nobody reads.
const REPEATED_LINES: u32 = 200;

/// What a board is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Without power (a fault on demand), until the next reset.
    Off,
    /// EN is held low.
    InReset,
    /// The application at this flash offset runs.
    Firmware {
        /// Where it is.
        app_offset: u32,
    },
    /// It was started from flash and nothing there could run.
    NotBooted(BootFailure),
    /// The boot ROM's loader listens.
    Download,
    /// The flasher stub listens.
    Stub,
    /// The loader was left, or hangs; only a reset helps.
    Stopped,
}

/// How a board starts when it is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    Running,
    Download,
    Stub,
}

#[derive(Debug)]
enum Loader {
    None,
    Rom(Box<Rom>),
    Stub(Box<Stub>),
    Console(Console),
}

/// A line that is printed over and over.
#[derive(Debug)]
struct Repetition {
    line: String,
    left: u32,
    at: Duration,
}

/// A simulated board.
#[derive(Debug)]
pub struct Board {
    hw: Hardware,
    circuit: ResetCircuit,
    lines_reach: bool,
    loader: Loader,
    state: State,
    repetition: Option<Repetition>,
    script: Script,
    /// The program that prints since the last reset.
    running: Option<Running>,
    strapping: u32,
    /// Boot mode of the last start: a reset that does not sample the pins keeps it.
    download_latched: bool,
    /// What the strapping pins said when the chip was last powered or pulled out of reset at EN.
    download_strapped: bool,
    /// When EN was released last, and the firmware starts counted before that.
    released: Option<(Duration, u32)>,
    firmware_starts: u32,
    faults: Faults,
    /// Commands since the board was built: what moments of faults count.
    commands: u32,
    commands_by_op: BTreeMap<u8, u32>,
    contact: Contact,
}

/// Whether the host still reaches the board.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Contact {
    Fine,
    /// The link works, the board says nothing.
    Mute,
    /// The link is gone.
    Gone,
}

impl Board {
    /// A board with this chip, to be configured.
    pub fn builder(chip: Chip) -> BoardBuilder {
        BoardBuilder::new(chip)
    }

    fn new(hw: Hardware, connection: Connection, lines_reach: bool, strapping: u32) -> Self {
        Self {
            hw,
            circuit: ResetCircuit::new(connection),
            lines_reach,
            loader: Loader::None,
            state: State::InReset,
            repetition: None,
            script: Script::OfFlash,
            running: None,
            strapping,
            download_latched: false,
            download_strapped: false,
            released: None,
            firmware_starts: 0,
            faults: Faults::none(),
            commands: 0,
            commands_by_op: BTreeMap::new(),
            contact: Contact::Fine,
        }
    }

    /// The chip.
    pub fn chip(&self) -> Chip {
        self.hw.chip
    }

    /// How the board hangs on its cable.
    pub fn connection(&self) -> Connection {
        self.circuit.connection()
    }

    /// What the board is doing, once everything that is under way (a watchdog) has happened.
    pub fn state(&mut self) -> State {
        self.settle(Duration::MAX);
        self.state
    }

    /// How often an application was started.
    pub fn firmware_starts(&mut self) -> u32 {
        self.settle(Duration::MAX);
        self.firmware_starts
    }

    /// Flash offset of the application that runs.
    pub fn booted_app_offset(&mut self) -> Option<u32> {
        match self.state() {
            State::Firmware { app_offset } => Some(app_offset),
            _ => None,
        }
    }

    /// The flash chip.
    pub fn flash(&self) -> &Nor {
        self.hw.flash()
    }

    /// What the board counted so far.
    pub fn stats(&self) -> &Stats {
        &self.hw.stats
    }

    /// Starts counting from 0, for one board that serves several measurements. Moments of faults go
    /// on counting from when the board was built.
    pub fn reset_stats(&mut self) {
        self.hw.reset_stats();
    }

    /// Other faults from now on. Moments count from when the board was built.
    pub fn set_faults(&mut self, faults: Faults) {
        for offset in &faults.bad_sectors {
            self.hw.flash_mut().make_sector_bad(*offset);
        }
        for (offset, other) in &faults.coupled_sectors {
            self.hw.flash_mut().couple_sectors(*offset, *other);
        }
        self.hw
            .flash_mut()
            .lose_power_after(faults.power_loss_after);
        self.faults = faults;
        self.contact = Contact::Fine;
    }

    /// Rate of the chip's serial line.
    pub fn baud(&self) -> u32 {
        self.hw.wire.baud()
    }

    /// Somebody holds the boot button and presses reset, while nobody listens to the boot log.
    pub fn reset_into_download_mode(&mut self, now: Duration) {
        self.download_strapped = true;
        self.start(now, true, Cause::PowerOn, false);
    }

    /// Power has been there for a while: no boot log, everything ready.
    fn power_up(&mut self, start: Start) {
        let download = start != Start::Running;
        self.download_strapped = download;
        self.start(Duration::ZERO, download, Cause::PowerOn, false);
        self.hw.now = Duration::ZERO;
        if start == Start::Stub {
            // As after an upload: the rate is known.
            self.hw.wire.keep_measured_baud();
            self.loader = Loader::Stub(Box::new(Stub::new(&self.hw)));
            self.state = State::Stub;
        }
    }

    fn start(&mut self, at: Duration, download: bool, cause: Cause, prints: bool) {
        let download = download || (cause != Cause::PowerOn && self.hw.forces_download());
        self.hw.reset(at);
        self.hw.stats.resets += 1;
        self.loader = Loader::None;
        self.repetition = None;
        self.running = None;
        self.download_latched = download;
        if download {
            if prints {
                let text = log::download(self.hw.chip, cause, self.strapping);
                self.print(at, text);
            }
            self.hw.now = self
                .hw
                .wire
                .tx_free()
                .max(at + self.hw.timing.boot_to_download);
            self.loader = Loader::Rom(Box::new(Rom::new(self.hw.chip)));
            self.state = State::Download;
            return;
        }
        let encrypted = self.hw.security.encryption.is_on();
        let boot = boot::boot(self.hw.chip, self.hw.flash(), encrypted);
        let (text, repeated) = log::flash_boot(self.hw.chip, cause, &boot);
        let is_in_log = boot.app.is_ok() && self.script.begins_with_boot();
        if prints && !is_in_log {
            self.print(at, text);
        }
        self.repetition = repeated.map(|line| Repetition {
            line,
            left: REPEATED_LINES,
            at: self.hw.wire.tx_free().max(at),
        });
        match boot.app {
            Ok(app_offset) => {
                tracing::debug!(app_offset, "simulated firmware starts");
                self.firmware_starts += 1;
                if prints {
                    let app =
                        boot::description(self.hw.chip, self.hw.flash(), encrypted, app_offset);
                    self.running = Some(Running::start(&self.script, app.as_ref(), at));
                }
                self.state = State::Firmware { app_offset };
            }
            Err(failure) => {
                self.state = State::NotBooted(failure);
                if failure == BootFailure::BootloaderDamaged && self.hw.chip == Chip::Esp32 {
                    self.loader = Loader::Console(Console::default());
                }
            }
        }
    }

    fn print(&mut self, at: Duration, text: String) {
        let hw = &mut self.hw;
        let baud = hw.boot_log_baud();
        hw.wire.send_raw(at, text.into_bytes(), baud, &mut hw.stats);
    }

    /// Puts the next thing that the program prints by `until` on the wire; `false`: it prints nothing.
    fn run_program(&mut self, until: Duration) -> bool {
        let Some(running) = &mut self.running else {
            return false;
        };
        match running.next(self.hw.wire.tx_free(), until) {
            Some(Act::Print(at, line)) => {
                let hw = &mut self.hw;
                hw.wire.send_raw(at, line, BOOT_LOG_BAUD, &mut hw.stats);
            }
            Some(Act::Restart(at)) => self.start(at, false, Cause::Crash, true),
            None => return false,
        }
        true
    }

    /// Lets happen what is due by `now`.
    fn settle(&mut self, now: Duration) {
        if let Some(due) = self.hw.watchdog
            && due <= now
        {
            self.hw.watchdog = None;
            // The watchdog resets everything and samples the pins again; nobody holds the boot pin.
            self.start(due, false, Cause::Watchdog, true);
        }
    }

    fn hear(&mut self, at: Duration, byte: u8) {
        let frame = match &mut self.loader {
            Loader::None => None,
            Loader::Console(console) => {
                let echo = console.hear(byte);
                if !echo.is_empty() {
                    let baud = self.hw.wire.baud();
                    self.hw.wire.send_raw(at, echo, baud, &mut self.hw.stats);
                }
                None
            }
            Loader::Rom(rom) => rom.receive(byte).map(|frame| (at, frame)),
            Loader::Stub(stub) => stub.receive(at, byte, &self.hw),
        };
        if let Some((at, frame)) = frame {
            self.obey(at, frame);
        }
    }

    fn obey(&mut self, at: Duration, mut frame: Vec<u8>) {
        let waiting = self.hw.wire.waiting();
        if let Loader::Stub(stub) = &mut self.loader
            && stub.is_reading()
        {
            stub.acknowledge(at, &frame, &mut self.hw);
            return;
        }
        let fault = self.count_command(&frame);
        match fault {
            Some(Fault::Mute) => {
                self.contact = Contact::Mute;
                return;
            }
            Some(Fault::Hang) => {
                self.loader = Loader::None;
                self.state = State::Stopped;
                return;
            }
            Some(Fault::Vanish) => {
                self.contact = Contact::Gone;
                return;
            }
            Some(Fault::CorruptRequest(index)) => {
                if let Some(byte) = frame.get_mut(index) {
                    *byte ^= 0x04;
                }
            }
            Some(Fault::DropAnswer | Fault::CorruptAnswer(_)) | None => {}
        }
        let next = match &mut self.loader {
            Loader::Rom(rom) => rom.obey(at, &frame, &mut self.hw),
            Loader::Stub(stub) => {
                stub.obey(at, &frame, &mut self.hw);
                Next::Stay
            }
            Loader::None | Loader::Console(_) => Next::Stay,
        };
        match fault {
            Some(Fault::DropAnswer) => self.hw.wire.drop_after(waiting),
            Some(Fault::CorruptAnswer(index)) => self.hw.wire.corrupt_after(waiting, index),
            _ => {}
        }
        if self.hw.power_lost {
            self.loader = Loader::None;
            self.state = State::Off;
            return;
        }
        self.go_on(next);
        // For timelines: when the answer is with the host, on the link's clock.
        tracing::trace!(
            at_ns = self.hw.stats.last_byte.as_nanos() as u64,
            "answered"
        );
    }

    /// Counts a command and finds the fault that strikes at it.
    fn count_command(&mut self, frame: &[u8]) -> Option<Fault> {
        let code = frame.get(1).copied().unwrap_or(0);
        let stats = &mut self.hw.stats;
        stats.commands += 1;
        *stats.commands_by_op.entry(code).or_default() += 1;
        tracing::trace!(op = packet::op_name(code), len = frame.len(), "command");
        self.commands += 1;
        let of_op = self.commands_by_op.entry(code).or_default();
        *of_op += 1;
        self.faults.at(self.commands, code, *of_op)
    }

    fn go_on(&mut self, next: Next) {
        let hw = &mut self.hw;
        let sent = hw.now.max(hw.wire.tx_free());
        match next {
            Next::Stay => {}
            Next::RunUploaded => {
                hw.now = sent + hw.timing.stub_start;
                hw.send(packet::STUB_GREETING);
                self.loader = Loader::Stub(Box::new(Stub::new(hw)));
                self.state = State::Stub;
            }
            Next::Reset => self.start(sent, self.download_latched, Cause::Software, true),
            Next::Leave => {
                let text = if hw.chip == Chip::Esp32 {
                    self.loader = Loader::Console(Console::default());
                    console::GREETING
                } else {
                    self.loader = Loader::None;
                    "user code done\r\n"
                };
                self.state = State::Stopped;
                let baud = hw.wire.baud();
                hw.wire.send_raw(sent, text.into(), baud, &mut hw.stats);
            }
        }
    }
}

#[cfg(test)]
mod tests;
