//! What was done, in words and numbers that stay stable.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use fbuild_chip::Device;
use fbuild_chip::flash::SECTOR_LEN;
use fbuild_project::input_error::InputError;
use fbuild_project::remedy::Remedy;

/// What a deploy did, or why it did not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OutcomeKind {
    /// Everything matched; nothing was written.
    VerifySkip,
    /// Some of what was asked for was written.
    SelectiveFlash,
    /// Every sector of every region was written.
    FullFlash,
    /// A plan was made, and nothing written, as asked.
    Planned,
    /// Stopped on request.
    Cancelled,
    /// Did not end with the image proved on the board.
    Failed,
}

/// Who talked to the board.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Backend {
    /// This program, in the loader's own protocol.
    #[default]
    Native,
    /// Espressif's esptool, started as a program of its own.
    Esptool,
    /// The device itself, which takes firmware over the air: the port says so, and nobody else can.
    Espota,
    /// The boot loader that a board has on USB: the board says so, and nobody else can.
    Usb,
}

impl Backend {
    /// Name in settings, arguments and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Esptool => "esptool",
            Self::Espota => "espota",
            Self::Usb => "usb",
        }
    }
}

/// What a flash is erased by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Unit {
    /// 4 KiB of an ESP32's flash.
    #[default]
    Sector,
    /// So many bytes of an AVR part's.
    Page(u32),
}

impl Unit {
    /// What one is called.
    pub fn noun(self) -> &'static str {
        match self {
            Self::Sector => "sector",
            Self::Page(_) => "page",
        }
    }

    /// How long one is.
    pub fn len_bytes(self) -> u32 {
        match self {
            Self::Sector => SECTOR_LEN,
            Self::Page(len_bytes) => len_bytes,
        }
    }
}

/// What the board answered about one region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Its bytes are on the board.
    Match,
    /// They are not.
    Differs,
    /// Could not be told (Secure Download Mode, flash encryption, never asked).
    Unknown,
}

/// One region's part of a [`Report`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegionReport {
    /// Region name.
    pub name: String,
    /// Byte offset in flash.
    pub offset: u32,
    /// Length of its image in bytes.
    pub len_bytes: u32,
    /// What the board held before.
    pub verdict: Verdict,
    /// Whether erasing or writing any of it was begun.
    pub written: bool,
    /// Payload bytes sent for it (after compression).
    pub sent_bytes: u64,
    /// How many of these were differences to an image that the board held.
    pub delta_bytes: u64,
    /// What it is counted in: the "sectors" of an AVR part are its pages.
    pub unit: Unit,
    /// Sectors it covers.
    pub sectors: u32,
    /// Sectors that differed; `None` where that was not searched.
    pub sectors_differing: Option<u32>,
    /// Different sectors that the loader took to write. After a cancel or a failure the last of them
    /// may not have arrived in flash.
    pub sectors_written: u32,
}

/// A plan, for people: what will be written, and what that is expected to take.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PlanSummary {
    /// One entry per region that will be written to, in the order of writing.
    pub writes: Vec<PlannedWrite>,
    /// Expected time for writing and proving everything.
    pub predicted: Duration,
    /// The command that builds what is deployed, where one is known.
    pub built_by: Option<String>,
}

/// What will be written to one region.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PlannedWrite {
    /// The region.
    pub region: Arc<str>,
    /// What it is counted in.
    pub unit: Unit,
    /// Sectors to be rewritten.
    pub sectors: u32,
    /// Sectors that the region has.
    pub sectors_total: u32,
    /// Begin/data cycles.
    pub runs: u32,
    /// Expected payload bytes on the wire, after compression.
    pub wire_bytes: u64,
    /// How many of these are differences to what the board holds.
    pub delta_bytes: u64,
    /// Expected time for writing and proving it.
    pub predicted: Duration,
}

/// Everything a front end shows about one finished deploy.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// What was done.
    pub outcome: OutcomeKind,
    /// One line for a status bar: `deploy succeeded (full flash)`. Stable; people grep it.
    pub message: String,
    /// Who did it.
    pub backend: Backend,
    /// Target name.
    pub target: String,
    /// Port name.
    pub port: String,
    /// Chip that answered.
    pub chip: Option<Device>,
    /// Factory MAC address.
    pub mac: Option<String>,
    /// From the start of the request to the firmware started.
    pub duration: Duration,
    /// Per region, in order of offset.
    pub regions: Vec<RegionReport>,
    /// What was, or would have been, planned; `None` if there was no plan.
    pub plan: Option<PlanSummary>,
    /// Things to know that did not stop the deploy.
    pub warnings: Vec<String>,
    /// What went wrong, if something did.
    pub error: Option<Failure>,
}

/// What went wrong, as a person needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Stable code of the cause, for programs: `file-missing`, `port-busy`, …
    pub code: &'static str,
    /// Whether the request or its files were at fault (usage), or the world.
    pub is_input: bool,
    /// What happened, on what.
    pub what: String,
    /// What state the board is in, where it was touched.
    pub board_state: String,
    /// What to do about it.
    pub remedy: Remedy,
}

impl Failure {
    /// What a request or its files got wrong, before any board was touched.
    pub fn of_input(
        code: &'static str,
        what: impl Into<String>,
        remedy: impl Into<Remedy>,
    ) -> Self {
        Self {
            code,
            is_input: true,
            what: what.into(),
            board_state: String::new(),
            remedy: remedy.into(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        for line in [&self.board_state, &self.remedy.to_string()] {
            if !line.is_empty() {
                write!(f, "\n  {line}")?;
            }
        }
        Ok(())
    }
}

impl From<InputError> for Failure {
    fn from(error: InputError) -> Self {
        Self::of_input(error.code(), error.to_string(), error.remedy().clone())
    }
}
