//! What one line says that matters to a crash. Pure reading; [`watch`](crate::watch) makes sense of the sequence.
//!
//! A crash's lines begin at the beginning of a line, and have their exact form: a log line or a manual page that
//! only contains the words says nothing here. Forms: ESP-IDF's panic handler (panic.c, panic_arch.c,
//! debug_helpers.c, eh_frame_parser.c, task_wdt.c, esp_err.c, assert.c), the Arduino core for the ESP8266
//! (core_esp8266_postmortem.cpp), the boot ROMs, esp-backtrace and esp-hal, Rust's std, Zephyr (fatal.c,
//! vector_handlers.c), ESPHome (crash_handler.cpp), Teensy's CrashReport, pico-sdk's `panic`.

mod arm;
mod assertion;
mod boot_failure;
mod esp8266;
mod esphome;
mod idf;
mod registers;
mod rust;
mod zephyr;

pub(crate) use arm::Report;
pub(crate) use esp8266::cause as xtensa_cause;
pub(crate) use esphome::Remembered;
pub(crate) use idf::backtrace;
pub(crate) use registers::Registers;
pub(crate) use zephyr::Zephyr;

use crate::crash::{Kind, Source};
use crate::log::LogLine;

/// What a line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Said {
    /// `Guru Meditation Error: Core  0 panic'ed (LoadProhibited). …`
    Guru {
        core: Option<u32>,
        reason: String,
    },
    /// `Debug exception reason: Stack canary watchpoint triggered (sys_evt)`
    DebugReason(String),
    /// `Detected in task "main" at 0x420000d2`
    DetectedIn {
        task: String,
        at: u32,
    },
    /// `  faulting address: 0x4038c000`, and what the panic handler says more of an access that was refused.
    Refused {
        at: Option<u32>,
        what: Option<String>,
    },
    /// `abort() was called at PC 0x42032795 on core 1`
    Abort {
        pc: u32,
        core: Option<u32>,
    },
    /// A kind of end that one line announces; `abort()` or a panic may follow.
    Announced(Announcement),
    /// `file: "./main/wifi.c" line 88`, `func: …`, `expression: …` of `ESP_ERROR_CHECK`
    CheckedAt {
        file: String,
        line: u32,
    },
    CheckedIn(String),
    Checked(String),
    /// `  what():  std::bad_alloc`
    What(String),
    /// `E (1) task_wdt: …`
    TaskWdt(TaskWdt),
    /// `Core  0 register dump:`
    DumpOf(Option<u32>),
    /// `Core  1 was running in ISR context:`
    InInterrupt,
    /// Registers of an Xtensa or RISC-V core, also decimal ones of a Rust program.
    Registers(Registers),
    /// `Backtrace: …`, with nothing after it in a Rust program.
    Backtrace {
        entries: Vec<(u32, Option<u32>)>,
        corrupted: bool,
        /// It ends inside an entry.
        is_cut: bool,
    },
    /// `Backtrace ended abruptly: …`
    BacktraceCutShort,
    /// An address on a line of its own, as Rust programs print a backtrace.
    Address(u32),
    /// A return address on a line of its own, with a frame pointer.
    Return(u32),
    /// `Stack memory:`
    StackMemory,
    /// `3fc8bf90: 0x00000000 …`
    StackWords {
        base: u32,
        words: Vec<u32>,
        /// The line ends before its last word.
        is_cut: bool,
    },
    /// `STACKDUMP: 42000072 0000…`
    StackDump {
        pc: u32,
        bytes: Vec<u8>,
    },
    /// `Rebooting...`
    Rebooting,
    /// `Please enable CONFIG_ESP_SYSTEM_USE_FRAME_POINTER …`: the end of a dump without a backtrace.
    NoBacktrace,
    /// `====================== PANIC ======================`
    RustBanner,
    /// `panicked at src/main.rs:27:9:`; the message follows on the next line, or uses the old form.
    RustPanic {
        thread: Option<String>,
        source: Option<Source>,
        message: Option<String>,
    },
    /// `Exception 'Load access fault' mepc=0x…, mtval=0x…` of esp-hal.
    RustException {
        core: Option<u32>,
        cause: String,
        pc: Option<u32>,
        address: Option<u32>,
    },
    /// `Exception (28):`
    Esp8266Exception {
        old: bool,
        number: u32,
    },
    /// `>>>stack>>>` and `<<<stack<<<`
    Esp8266Stack {
        begins: bool,
    },
    /// What Zephyr says of a fatal error.
    Zephyr(Zephyr),
    /// What ESPHome has kept of its last end.
    Remembered(Remembered),
    /// What a Teensy has kept of its last end.
    CrashReport(Report),
    /// `Panic handler entered multiple times. …`
    PanicInPanic,
    /// Marks of a core dump.
    CoreDump {
        begins: bool,
    },
    /// The boot ROM or the boot loader finds nothing to start.
    BootFailure(String),
    /// The boot loader says what is wrong with an image; [`Said::BootFailure`] may follow.
    BadImage(String),
    /// `waiting for download`
    WaitsForDownload,
}

/// A first line that needs no other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Announcement {
    pub(crate) kind: Kind,
    pub(crate) cause: String,
    pub(crate) message: Option<String>,
    pub(crate) task: Option<String>,
    pub(crate) source: Option<Source>,
    pub(crate) pc: Option<u32>,
    pub(crate) fault_address: Option<u32>,
}

impl Announcement {
    fn new(kind: Kind, cause: &str) -> Self {
        Self {
            kind,
            cause: cause.to_owned(),
            message: None,
            task: None,
            source: None,
            pc: None,
            fault_address: None,
        }
    }
}

/// What the task watchdog says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TaskWdt {
    Triggered,
    Starved { task: String, core: Option<u32> },
    Running { core: u32, task: String },
    Aborting,
    PrintsCore(u32),
    Other,
}

/// Reads a line without colours and stamps.
pub(crate) fn said(text: &str) -> Option<Said> {
    let text = text.trim_end();
    idf::said(text)
        .or_else(|| rust::said(text))
        .or_else(|| esp8266::said(text))
        .or_else(|| zephyr::said(text))
        .or_else(|| esphome::said(text))
        .or_else(|| arm::said(text))
        .or_else(|| boot_failure::said(text))
        .or_else(|| registers::said(text))
}

/// Where a panic begins in the middle of a line: the program was not done with its own. A log line that quotes one ends
/// a word before it.
pub(crate) fn glued_panic(text: &str) -> Option<usize> {
    let starts = [
        "Guru Meditation Error: Core ",
        "abort() was called at PC 0x",
        PANIC_IN_PANIC,
    ];
    let found = starts.iter().filter_map(|start| text.find(start)).min();
    found.filter(|at| {
        let before = &text[..*at];
        let is_in_a_word = before.ends_with(char::is_alphanumeric);
        !before.is_empty() && (is_in_a_word || LogLine::parse(before).is_none())
    })
}

/// ESP-IDF gives up.
const PANIC_IN_PANIC: &str =
    "Panic handler entered multiple times. Abort panic handling. Rebooting ...";
