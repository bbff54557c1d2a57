//! What a crash is.
//!
//! Everything here is what the board has printed. What its addresses mean in the sources is
//! [`trace`](crate::trace)'s business.

use std::collections::BTreeMap;
use std::time::Duration;

/// Most entries of a backtrace that are kept; ESP-IDF prints at most 100.
pub const MAX_BACKTRACE: usize = 256;
/// Most bytes of stack that are kept. ESP-IDF prints 1 KiB; a Rust program may print a whole stack.
pub const MAX_STACK: usize = 128 * 1024;
/// Longest text that is kept of what a program says of its own end.
pub const MAX_TEXT: usize = 1024;
/// Most further cores, and most tasks, that are kept of one crash.
pub const MAX_OTHERS: usize = 16;

/// Something went wrong on the board.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crash {
    /// When its first byte came.
    pub at: Duration,
    /// What it is.
    pub kind: Kind,
    /// What the board calls it: `LoadProhibited`, `Load access fault`, `assert failed`.
    pub cause: String,
    /// How bad it is.
    pub severity: Severity,
    /// What the program says of it: an assertion's expression, a C++ exception's text.
    pub message: Option<String>,
    /// On which core.
    pub core: Option<u32>,
    /// In which task or thread.
    pub task: Option<String>,
    /// Tasks that have kept a watchdog waiting.
    pub starved: Vec<String>,
    /// The first digits of the SHA-256 of the ELF file that runs, where the crash or the boot before it says it.
    /// Builds of the Arduino core print zeros: [`Self::names_its_build`] is false then.
    pub elf_sha256: Option<String>,
    /// The data address that could not be read or written, or the address that is not code.
    pub fault_address: Option<u32>,
    /// The place that the text itself names.
    pub source: Option<Source>,
    /// Registers, backtrace and stack of the core that crashed.
    pub dump: Dump,
    /// The same of the other cores.
    pub other_cores: Vec<Dump>,
    /// `abort() was called at PC …`: the call of `abort`, as the board computes it from the return address.
    pub abort_pc: Option<u32>,
    /// Another address that the text names: where a stack overflow was detected, where an error was checked.
    pub named_pc: Option<u32>,
    /// How often the same has come in a row.
    pub repeats: u32,
    /// Panics inside the panic handler; they say nothing more.
    pub nested: u32,
    /// The board runs on.
    pub continues: bool,
    /// The text ends in the middle.
    pub truncated: bool,
    /// A core dump was printed, too.
    pub core_dump: bool,
    /// What the boot ROM said of itself before: which ROM functions there are.
    pub rom: RomId,
}

/// Which boot ROM.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RomId {
    /// The chip: `esp32c3`.
    pub chip: Option<String>,
    /// When it was made: `Feb  7 2021`.
    pub date: Option<String>,
}

/// What kind of crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The processor could not execute an instruction or reach an address.
    Fault,
    /// A fault in the handler of a fault.
    DoubleException,
    /// `abort()`
    Abort,
    /// `assert()`
    Assert,
    /// `ESP_ERROR_CHECK`
    ErrorCheck,
    /// A C++ exception that nothing caught.
    CxxTerminate,
    /// Interrupts were blocked for too long.
    IntWdt,
    /// A task did not give others a turn.
    TaskWdt,
    /// Another watchdog.
    Watchdog,
    /// A task used more stack than it has.
    StackOverflow,
    /// A buffer on the stack was overrun.
    StackSmashing,
    /// The heap's own records are damaged.
    HeapCorruption,
    /// Flash was used while its cache was off.
    CacheError,
    /// Memory protection.
    MemProt,
    /// The supply voltage fell.
    Brownout,
    /// `panic!`
    RustPanic,
    /// A fault that a Rust program reports.
    RustException,
    /// A watchdog's reset without any text before it.
    Reset,
    /// Nothing that can be started is in flash.
    BootFailure,
    /// The same crash again and again since the start.
    BootLoop,
    /// Not a crash: the chip waits for a tool.
    DownloadMode,
}

impl Kind {
    /// The word for it in JSON.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Fault => "fault",
            Self::DoubleException => "double-exception",
            Self::Abort => "abort",
            Self::Assert => "assert",
            Self::ErrorCheck => "error-check",
            Self::CxxTerminate => "cxx-terminate",
            Self::IntWdt => "int-wdt",
            Self::TaskWdt => "task-wdt",
            Self::Watchdog => "watchdog",
            Self::StackOverflow => "stack-overflow",
            Self::StackSmashing => "stack-smashing",
            Self::HeapCorruption => "heap-corruption",
            Self::CacheError => "cache-error",
            Self::MemProt => "memprot",
            Self::Brownout => "brownout",
            Self::RustPanic => "rust-panic",
            Self::RustException => "rust-exception",
            Self::Reset => "reset",
            Self::BootFailure => "boot-failure",
            Self::BootLoop => "boot-loop",
            Self::DownloadMode => "download-mode",
        }
    }
}

/// How bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The program has ended.
    Fatal,
    /// The program runs on, or has been started again without a word.
    Error,
    /// The program does not start.
    BootFailure,
    /// Worth knowing.
    Info,
}

impl Severity {
    /// The word for it in JSON.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Fatal => "fatal",
            Self::Error => "error",
            Self::BootFailure => "boot-failure",
            Self::Info => "info",
        }
    }
}

/// A place in the sources that the text names; the file is written as the compiler was told it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Source {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1.
    pub column: Option<u32>,
    /// The function.
    pub function: Option<String>,
}

/// What one core has printed of its state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dump {
    /// Which core.
    pub core: Option<u32>,
    /// Registers by the names that the board uses, in its order.
    pub registers: Vec<(&'static str, u32)>,
    /// Bytes between the registers were lost or changed: their values say nothing for certain.
    pub registers_damaged: bool,
    /// It was in an interrupt.
    pub in_interrupt: bool,
    /// The backtrace.
    pub backtrace: Option<Backtrace>,
    /// The stack.
    pub stack: Stack,
}

/// A backtrace that the board has made itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Backtrace {
    /// PC and stack pointer of each frame, as printed. The board has already taken the PCs back to the calls: by 3
    /// on Xtensa, also the first; by 2 on RISC-V, but not the first; Rust's esp-backtrace gives no stack pointer.
    pub entries: Vec<(u32, Option<u32>)>,
    /// `|<-CORRUPTED`: the last entry is where the stack no longer made sense.
    pub corrupted: bool,
    /// The board says that it could not go on.
    pub incomplete: bool,
    /// Nothing was taken back, unless the first entry shows that it was: see [`Dump::backtrace_meaning`].
    pub is_raw: bool,
}

impl Backtrace {
    /// Adds an entry that came without a stack pointer; those of another form get none.
    pub(crate) fn add_bare(&mut self, pc: u32) {
        let is_bare = self.entries.iter().all(|(_, pointer)| pointer.is_none());
        if is_bare && self.entries.len() < MAX_BACKTRACE {
            self.entries.push((pc, None));
        }
    }
}

/// Words of a stack.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stack {
    words: BTreeMap<u32, u32>,
    /// An ESP8266 prints its stack without saying where the frames are.
    pub is_esp8266: bool,
    /// Rust's `STACKDUMP`: bytes from the stack pointer to the program's symbol `_stack_start`, and the return
    /// address of the function that took them.
    pub to_stack_start: Option<(u32, Vec<u8>)>,
}

impl Stack {
    /// Notes consecutive words from an address on. More than [`MAX_STACK`] bytes are dropped.
    pub(crate) fn add(&mut self, base: u32, words: &[u32]) {
        for (index, word) in (0_u32..).zip(words) {
            if self.words.len() * 4 < MAX_STACK
                && let Some(address) = base.checked_add(index * 4)
            {
                self.words.insert(address, *word);
            }
        }
    }

    /// The word at an address, where it was printed.
    pub fn word(&self, address: u32) -> Option<u32> {
        self.words.get(&address).copied()
    }

    /// All words, by address.
    pub fn words(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        self.words.iter().map(|(address, word)| (*address, *word))
    }

    /// Where it begins, and after its end.
    pub fn bounds(&self) -> Option<(u32, u32)> {
        let first = self.words.keys().next()?;
        let last = self.words.keys().next_back()?;
        Some((*first, last.saturating_add(4)))
    }

    /// Whether any was printed.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty() && self.to_stack_start.is_none()
    }
}

impl Dump {
    /// A register's value.
    pub fn register(&self, name: &str) -> Option<u32> {
        let found = self.registers.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| *value)
    }

    /// The program counter, where it is certain: `PC` on Xtensa, `MEPC` on RISC-V, `EPC1` on the ESP8266.
    pub fn pc(&self) -> Option<u32> {
        if self.registers_damaged {
            return None;
        }
        ["PC", "MEPC"]
            .iter()
            .find_map(|name| self.register(name))
            .or_else(|| self.is_esp8266().then(|| self.register("EPC1")).flatten())
    }

    /// Registers of a RISC-V core.
    pub fn is_riscv(&self) -> bool {
        self.register("MEPC").is_some()
    }

    /// What an entry of its backtrace is. Return addresses as they are come from Zephyr, from ESPHome on RISC-V and from
    /// ESP-IDF for the ESP8266; the first entry is the PC itself there. (Where a backtrace has adjusted addresses, it
    /// begins with another, or A0 holds the bits of a windowed call.)
    pub fn backtrace_meaning(&self, pc: u32) -> Meaning {
        let Some(backtrace) = &self.backtrace else {
            return Meaning::Call;
        };
        let begins_with_pc = backtrace.entries.first().map(|(pc, _)| *pc) == self.pc();
        let second = backtrace.entries.get(1).map(|(pc, _)| *pc);
        let is_call0 = !self.is_riscv() && second.is_some() && self.register("A0") == second;
        let is_raw = begins_with_pc && (backtrace.is_raw || is_call0);
        if is_raw && self.pc() != Some(pc) {
            Meaning::ReturnAddress
        } else {
            Meaning::Call
        }
    }

    pub(crate) fn is_esp8266(&self) -> bool {
        self.register("PC").is_none() && self.register("DEPC").is_some()
    }

    pub(crate) fn has_trace(&self) -> bool {
        self.backtrace.is_some() || !self.stack.is_empty()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.registers.is_empty() && !self.has_trace()
    }
}

/// An address that a crash has printed, and what it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Printed {
    /// As printed.
    pub address: u32,
    /// What it is.
    pub meaning: Meaning,
}

/// What a printed address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// The instruction itself.
    Exact,
    /// A call, already computed from its return address by the board.
    Call,
    /// A return address: the call is before it.
    ReturnAddress,
    /// A word of the stack that may be a return address.
    Candidate,
}

impl Meaning {
    /// The address to look up.
    #[must_use]
    pub const fn lookup(self, address: u32) -> u32 {
        match self {
            Self::Exact | Self::Call => address,
            Self::ReturnAddress | Self::Candidate => address.wrapping_sub(1),
        }
    }
}

impl Crash {
    /// Whether `elf_sha256` tells one build from another.
    pub fn names_its_build(&self) -> bool {
        let sha = self.elf_sha256.as_deref().unwrap_or_default();
        sha.bytes().any(|digit| digit != b'0')
    }

    /// The addresses that it prints and that may be code, in the order of the text, each once for each meaning.
    pub fn addresses(&self) -> Vec<Printed> {
        let mut found = Vec::new();
        let mut add = |address: Option<u32>, meaning| {
            if let Some(address) = address.filter(|address| may_be_code(*address)) {
                found.push(Printed { address, meaning });
            }
        };
        add(self.named_pc, Meaning::Exact);
        add(self.abort_pc, Meaning::Call);
        let dump = &self.dump;
        let backtrace = dump
            .backtrace
            .iter()
            .flat_map(|backtrace| &backtrace.entries);
        let first = backtrace.clone().next().map(|(pc, _)| *pc);
        if dump.pc() != first || self.kind == Kind::RustException {
            add(dump.pc(), Meaning::Exact);
        }
        if dump.backtrace.is_none() && !dump.registers_damaged {
            add(dump.register("RA"), Meaning::ReturnAddress);
        }
        for (pc, _) in backtrace {
            add(Some(*pc), dump.backtrace_meaning(*pc));
        }
        if dump.stack.is_esp8266 {
            for (_, word) in dump
                .stack
                .words()
                .filter(|(_, word)| is_esp8266_code(*word))
            {
                add(Some(word), Meaning::Candidate);
            }
        }
        found
    }

    /// Whether another one is the same, come again. Two brown-outs are two, since nothing tells one from another.
    pub fn is_same(&self, other: &Self) -> bool {
        let place = |crash: &Self| {
            (
                crash.dump.pc(),
                crash.abort_pc,
                crash.dump.backtrace.clone(),
            )
        };
        self.kind == other.kind
            && self.kind != Kind::Brownout
            && self.cause == other.cause
            && self.message == other.message
            && self.task == other.task
            && self.source == other.source
            && place(self) == place(other)
    }
}

/// Code of the ESP32 family, ROM and RAM included, lies here. Addresses elsewhere (0, 0xfffffffd) are not code.
pub(crate) fn may_be_code(address: u32) -> bool {
    (0x4000_0000..0x5100_0000).contains(&address)
}

/// Instruction RAM and mapped flash of an ESP8266.
pub(crate) fn is_esp8266_code(address: u32) -> bool {
    (0x4010_0000..0x4011_0000).contains(&address) || (0x4020_0000..0x4030_0000).contains(&address)
}
