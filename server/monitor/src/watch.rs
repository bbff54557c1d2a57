//! Recognises crashes and boots in the lines of a board.

mod broken;
mod dumps;
mod fault;
mod kept;
mod open;
mod rust;
mod zephyr;

use std::time::Duration;

use self::open::Open;
use crate::boot::{BootFact, Reset, glued_boot};
use crate::crash::{Crash, Dump, Kind, RomId, Severity};
use crate::line::Line;
use crate::said::{Said, TaskWdt, glued_panic, said};
use crate::text::{is_annotation, shortened, without_colours, without_stamp};

/// A crash that nobody ends (a halted board with another core that still talks) is reported after so many lines
/// that are not its own.
const MAX_OTHER_LINES: u32 = 200;
/// What only a dump makes a crash (a log may quote it) is forgotten after so many.
const MAX_BEFORE_DUMP: u32 = 2;
/// The same crash so often in a row is a loop of boots ...
const LOOP: u32 = 3;
/// ... where the next one comes within this time.
const LOOP_PAUSE: Duration = Duration::from_mins(1);

/// What the Arduino core for the ESP8266 says, once it has started again.
const HARDWARE_WDT: &str = "Hardware WDT reset";

/// What was recognised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The board boots.
    Boot(BootFact),
    /// A crash, whole. One with `repeats` above 1 [replaces](Crash::replaces) the one before it.
    Crash(Box<Crash>),
}

/// Watches the lines of one board.
#[derive(Debug, Default)]
pub struct Watch {
    /// The crash whose lines are coming.
    open: Option<Open>,
    /// The last one that was reported.
    last: Option<Crash>,
    boot: Boot,
    /// Base64 of a core dump is coming.
    in_core_dump: bool,
}

/// What is known of the boot that is going on, or of the program that it has started.
#[derive(Debug, Default)]
struct Boot {
    rom: RomId,
    elf_sha256: Option<String>,
    /// The ROM has said why the chip was reset, and has not started anything yet.
    is_in_rom: bool,
    /// Something has been reported that explains the next reset.
    is_explained: bool,
    /// A watchdog reset that begins by then is wanted, if no other comes before it.
    wanted_until: Option<Duration>,
    has_failed: bool,
    /// A reset that nothing explains; what the ROM says next may.
    unexplained: Option<Crash>,
    bad_image: Option<String>,
}

impl Watch {
    /// Takes a line.
    pub fn feed(&mut self, line: &Line) -> Vec<Event> {
        let mut events = Vec::new();
        let plain = without_colours(&line.text);
        let text = without_stamp(&plain);
        if let Some(panic) = glued_panic(text) {
            let (before, panic) = text.split_at(panic);
            events.extend(self.text(before, line.at, false));
            events.extend(self.text(panic, line.at, true));
        } else if let Some(boot) = glued_boot(text).filter(|_| self.open.is_some()) {
            let (before, boot) = text.split_at(boot);
            events.extend(self.text(before, line.at, false));
            events.extend(self.text(boot, line.at, false));
        } else {
            events.extend(self.text(text, line.at, false));
        }
        events
    }

    /// `is_glued`: it does not begin its line. A log may quote it, so that only a dump makes it certain.
    fn text(&mut self, text: &str, at: Duration, is_glued: bool) -> Vec<Event> {
        let mut events = Vec::new();
        if let Some(fact) = BootFact::parse(text) {
            self.boot(&fact, at, &mut events);
            events.push(Event::Boot(fact));
            return events;
        }
        let said = said(text);
        if self.in_core_dump {
            self.in_core_dump = said != Some(Said::CoreDump { begins: false });
            return events;
        }
        if matches!(said, None | Some(Said::Address(_)))
            && let Some(open) = &mut self.open
            && open.takes_rest_of_backtrace(text)
        {
            return events;
        }
        let is_its = |said: &Said| self.open.as_ref().is_none_or(|open| open.is_its(said));
        match said.filter(is_its) {
            Some(said) => self.hear(said, at, is_glued, &mut events),
            None => self.other(text, &mut events),
        }
        if let Some(open) = &mut self.open {
            open.may_be_broken(text);
        }
        events
    }

    /// Somebody has reset the board, perhaps by its watchdog: if the next reset is one by `until`, that was it.
    pub fn expect_reset(&mut self, until: Duration) {
        self.boot.wanted_until = Some(until);
    }

    /// Whether the lines of a crash are coming: what it is, is not known in full yet.
    pub fn is_in_crash(&self) -> bool {
        self.open.as_ref().is_some_and(Open::is_likely)
    }

    /// The board has been silent for about a second: a crash whose lines have stopped coming is reported.
    pub fn quiet(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        self.close(&mut events);
        events
    }

    /// The link is gone, or the log ends.
    pub fn finish(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        self.close(&mut events);
        self.report_unexplained(&mut events);
        events
    }

    fn boot(&mut self, fact: &BootFact, at: Duration, events: &mut Vec<Event>) {
        match fact {
            BootFact::Rom { chip, date } => {
                self.close(events);
                self.in_core_dump = false;
                self.boot.rom = RomId {
                    chip: chip.clone().or_else(|| Some("esp32".to_owned())),
                    date: date.clone(),
                };
                self.boot.elf_sha256 = None;
            }
            BootFact::RomDate(date) => self.boot.rom.date = Some(date.clone()),
            BootFact::Reset(reset) => self.reset(reset, at, events),
            BootFact::SavedPc(pc) => {
                if let Some(crash) = &mut self.boot.unexplained {
                    crash.named_pc = crash.named_pc.or(Some(*pc));
                }
            }
            BootFact::Load { .. } => {}
            BootFact::Entry(_) => {
                self.report_unexplained(events);
                self.boot.is_in_rom = false;
            }
            BootFact::ElfSha256(sha) => match &mut self.open {
                Some(open) => open.names_build(sha),
                None => self.boot.elf_sha256 = Some(sha.clone()),
            },
        }
    }

    fn reset(&mut self, reset: &Reset, at: Duration, events: &mut Vec<Event>) {
        self.close(events);
        self.report_unexplained(events);
        self.in_core_dump = false;
        let wanted_until = self.boot.wanted_until.take();
        // A job lets the RTC's watchdog reset the board, and none of the timer groups'.
        let may_be_wanted = |name: &String| !name.starts_with("TG") && !name.contains("MWDT");
        let is_wanted = reset.is_watchdog()
            && reset.name.as_ref().is_none_or(may_be_wanted)
            && wanted_until.is_some_and(|until| at <= until);
        let is_explained = std::mem::take(&mut self.boot.is_explained) || is_wanted;
        self.boot.is_in_rom = true;
        self.boot.has_failed = false;
        self.boot.bad_image = None;
        self.boot.elf_sha256 = None;
        if reset.name.is_none() {
            self.boot.rom = RomId {
                chip: Some("esp8266".to_owned()),
                date: None,
            };
        }
        if is_explained || !(reset.is_watchdog() || reset.is_brownout() || reset.is_lockup()) {
            return;
        }
        let crash = match &reset.name {
            Some(name) if reset.is_brownout() => {
                let mut crash = Crash::new(Kind::Brownout, name, at);
                crash.severity = Severity::Fatal;
                crash
            }
            Some(name) => {
                let watchdog = if reset.is_watchdog() {
                    "watchdog, "
                } else {
                    ""
                };
                let cause = format!("{name} ({watchdog}no panic text)");
                let mut crash = Crash::new(Kind::Reset, &cause, at);
                crash.severity = Severity::Error;
                crash
            }
            None => Crash::new(
                Kind::Watchdog,
                &format!("hardware watchdog reset (rst cause:{})", reset.code),
                at,
            ),
        };
        self.boot.unexplained = Some(crash);
    }

    fn hear(&mut self, said: Said, at: Duration, is_glued: bool, events: &mut Vec<Event>) {
        match said {
            Said::CoreDump { begins } => {
                self.in_core_dump = begins;
                if let Some(open) = &mut self.open {
                    open.crash.core_dump = true;
                }
            }
            Said::BadImage(cause) => {
                self.boot.bad_image.get_or_insert(cause);
            }
            Said::BootFailure(cause) => self.boot_failure(&cause, at, events),
            Said::WaitsForDownload => {
                if self.boot.is_in_rom {
                    let mut crash = Crash::new(Kind::DownloadMode, "waiting for download", at);
                    crash.severity = Severity::Info;
                    self.boot.unexplained = None;
                    self.report(crash, events);
                }
            }
            Said::Rebooting => {
                if let Some(open) = &mut self.open {
                    open.end();
                }
                self.close(events);
            }
            said => {
                let said = match &mut self.open {
                    Some(open) => open.hear(said),
                    None => Some(said),
                };
                if let Some(said) = said
                    && let Some(mut open) = Open::begin(said, at)
                {
                    self.close(events);
                    if open.crash.cause == HARDWARE_WDT {
                        self.boot.unexplained = None; // here it is
                    }
                    self.report_unexplained(events);
                    if is_glued && !open.is_complete {
                        open.is_certain = false;
                        open.is_certain_with_dump = true;
                    }
                    self.open = Some(open);
                }
                if self.open.as_ref().is_some_and(|open| open.is_complete) {
                    self.close(events);
                }
            }
        }
    }

    /// A line that says nothing of a crash.
    fn other(&mut self, text: &str, events: &mut Vec<Event>) {
        if text.trim().is_empty() || is_annotation(text) {
            return;
        }
        if let Some(open) = &mut self.open
            && !open.takes_text(text)
        {
            open.other_lines += 1;
            let most = if open.waits_for_dump() {
                MAX_BEFORE_DUMP
            } else {
                MAX_OTHER_LINES
            };
            if open.other_lines > most || open.ends_with_other_text() {
                self.close(events);
            }
        }
    }

    fn boot_failure(&mut self, cause: &str, at: Duration, events: &mut Vec<Event>) {
        let is_from_rom = cause != "no bootable app" && !cause.starts_with("no partition table");
        if self.boot.has_failed || (is_from_rom && !self.boot.is_in_rom) {
            return;
        }
        let cause = match &self.boot.bad_image {
            Some(image) => format!("{cause}: {image}"),
            None => cause.to_owned(),
        };
        self.close(events);
        self.boot.unexplained = None;
        self.boot.has_failed = true;
        let mut crash = Crash::new(Kind::BootFailure, &cause, at);
        crash.severity = Severity::BootFailure;
        self.report(crash, events);
    }

    fn report_unexplained(&mut self, events: &mut Vec<Event>) {
        if let Some(crash) = self.boot.unexplained.take() {
            self.report(crash, events);
            self.boot.is_explained = false;
        }
    }

    fn close(&mut self, events: &mut Vec<Event>) {
        let Some(open) = self.open.take() else { return };
        let is_kept = open.is_kept;
        let Some(crash) = open.finish() else { return };
        if !is_kept {
            self.report(crash, events);
        } else if !self
            .last
            .as_ref()
            .is_some_and(|last| crash.is_told_again(last))
        {
            let is_explained = self.boot.is_explained;
            self.report(crash, events);
            self.boot.is_explained = is_explained;
        }
    }

    fn report(&mut self, mut crash: Crash, events: &mut Vec<Event>) {
        crash.rom = self.boot.rom.clone();
        if crash.elf_sha256.is_none() && !crash.dump.is_empty() {
            crash.elf_sha256.clone_from(&self.boot.elf_sha256);
        }
        self.boot.is_explained |= !crash.continues;
        let mut is_loop = false;
        if let Some(last) = self.last.as_ref().filter(|last| crash.is_same(last)) {
            crash.repeats = last.repeats.saturating_add(1);
            // Of a brown-out the power supply is to blame: it is never the same as the one before.
            let ends_program = crash.severity == Severity::Fatal || crash.kind == Kind::Reset;
            is_loop = ends_program
                && crash.repeats >= LOOP
                && crash.at.saturating_sub(last.at) <= LOOP_PAUSE;
        }
        self.last = Some(crash.clone());
        let (repeats, at) = (crash.repeats, crash.at);
        let cause = if crash.kind == Kind::Reset {
            format!("is reset again and again: {}", crash.cause)
        } else {
            "crashes again and again at the same place".to_owned()
        };
        events.push(Event::Crash(Box::new(crash)));
        if is_loop {
            let mut crash = Crash::new(Kind::BootLoop, &cause, at);
            crash.severity = Severity::BootFailure;
            crash.repeats = repeats;
            events.push(Event::Crash(Box::new(crash)));
        }
    }
}

impl Crash {
    fn new(kind: Kind, cause: &str, at: Duration) -> Self {
        Self {
            at,
            kind,
            cause: shortened(cause, crate::crash::MAX_TEXT),
            severity: Severity::Fatal,
            message: None,
            core: None,
            task: None,
            starved: Vec::new(),
            elf_sha256: None,
            fault_address: None,
            source: None,
            dump: Dump::default(),
            other_cores: Vec::new(),
            abort_pc: None,
            named_pc: None,
            repeats: 1,
            nested: 0,
            continues: false,
            truncated: false,
            core_dump: false,
            rom: RomId::default(),
        }
    }

    /// Whether this one is a repetition of another, with a higher count, and is to be shown in its place.
    pub fn replaces(&self, other: &Self) -> bool {
        self.repeats > other.repeats && self.is_same(other)
    }
}
