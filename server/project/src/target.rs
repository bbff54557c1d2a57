//! What can be deployed: a target and its regions.

use std::fmt;
use std::path::{Path, PathBuf};

use fbuild_chip::avr::AvrBoard;
use fbuild_chip::usb::UsbBoard;
use fbuild_chip::{Chip, Device};

use crate::password::Password;
use crate::remedy::Remedy;

/// The tool whose build output a target was found in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Tool {
    EspIdf,
    Fbuild,
    PlatformIo,
    Zephyr,
    Cargo,
    Arduino,
    /// CMake with pico-sdk.
    PicoSdk,
    /// ESPHome, which builds by PlatformIO: its targets are PlatformIO's.
    EspHome,
    /// An explicit list of offset and file pairs.
    Files,
}

impl Tool {
    /// Stable lower-case name, for JSON and target names.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::EspIdf => "espidf",
            Self::Fbuild => "fbuild",
            Self::PlatformIo => "platformio",
            Self::Zephyr => "zephyr",
            Self::Cargo => "cargo",
            Self::Arduino => "arduino",
            Self::PicoSdk => "picosdk",
            Self::EspHome => "esphome",
            Self::Files => "files",
        }
    }
}

impl fmt::Display for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a region is, which decides how its file is checked and when it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RegionKind {
    /// Second-stage boot loader: an image, its header patched on the way.
    Bootloader,
    /// Binary partition table.
    PartitionTable,
    /// The application: an image.
    App,
    /// Initial OTA data (`ota_data_initial.bin`, `boot_app0.bin`).
    OtaData,
    /// Anything else: a file system, NVS, certificates.
    Data,
}

/// A region as the workspace describes it: where it goes and where its bytes come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Region {
    /// `bootloader`, `partitions`, `firmware`, `otadata`, or the partition's name.
    pub name: String,
    /// Byte offset in flash.
    pub offset: u32,
    /// Where its bytes come from.
    pub source: Source,
    /// What it is.
    pub kind: RegionKind,
    /// Whether the build says that this region is encrypted in flash.
    pub encrypted: bool,
}

impl Region {
    /// Where the program's ELF file may be: every build tool leaves it beside the image. That of a cargo build has no
    /// ending, and of a signed image it has the name without that word.
    pub fn elfs(&self) -> Vec<PathBuf> {
        let path = self.source.path();
        let stem = path.file_stem().and_then(|stem| stem.to_str());
        let words = [".signed", "-signed", ".signed.confirmed"];
        let unsigned = words.iter().find_map(|word| stem?.strip_suffix(word));
        let unsigned = unsigned.map(|stem| path.with_file_name(format!("{stem}.elf")));
        let beside = [path.with_extension("elf"), path.to_owned()];
        beside.into_iter().chain(unsigned).collect()
    }
}

/// Where a region's bytes come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The file's bytes.
    File(PathBuf),
    /// A part of what espflash makes of an ELF file; the region's kind says which part.
    Elf(ElfSource),
}

impl Source {
    /// The file that a person would look at.
    pub fn path(&self) -> &Path {
        match self {
            Self::File(path) => path,
            Self::Elf(elf) => &elf.elf,
        }
    }
}

/// How an ELF file becomes a boot loader, a partition table and an app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ElfSource {
    /// The ELF file.
    pub elf: PathBuf,
    /// Boot loader given by espflash.toml; else the one that espflash carries for the chip.
    pub bootloader: Option<PathBuf>,
    /// Partition table (CSV or binary) given by espflash.toml; else espflash's default.
    pub partition_table: Option<PathBuf>,
    /// Offset of the partition table given by espflash.toml.
    pub partition_table_offset: Option<u32>,
    /// Partition to put the app into, given by espflash.toml.
    pub target_app_partition: Option<String>,
}

/// One of the three header fields that a write may patch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Setting<T> {
    /// Leave the file's value.
    #[default]
    Keep,
    /// What the board turns out to have (flash size only).
    Detect,
    /// This value.
    Set(T),
}

/// Flash parameters of the boot loader's header. Source: esptool's `--flash-mode`, `--flash-freq`,
/// `--flash-size`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FlashParams {
    /// Header byte 2: `qio`, `qout`, `dio`, `dout`.
    pub mode: Setting<String>,
    /// Low nibble of header byte 3, as build tools write it: `40m`, `80m`.
    pub freq: Setting<String>,
    /// High nibble of header byte 3: `4MB`.
    pub size: Setting<String>,
}

/// How the project's own tool listens to the board.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Console {
    /// Baud rate, and what says so.
    pub baud: Option<(u32, &'static str)>,
    /// `PlatformIO`'s `monitor_filters`.
    pub filters: Vec<String>,
}

impl Console {
    /// Whether `PlatformIO`'s monitor would run this filter.
    pub fn has_filter(&self, name: &str) -> bool {
        self.filters.iter().any(|filter| filter == name)
    }
}

/// Something in the workspace that can be deployed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Stable name, unique in the workspace, for example `espidf:build` or `platformio:esp32dev`.
    pub name: String,
    /// The tool it was built with.
    pub tool: Tool,
    /// Environment, profile or build directory within the tool, for people.
    pub env: Option<String>,
    /// Profile, where the tool has such a thing (`release`).
    pub profile: Option<String>,
    /// The chip that the build is for, where something other than the image says so.
    pub chip: Option<Chip>,
    /// The board that the build is for, where it is an AVR board.
    pub avr: Option<AvrBoard>,
    /// The board that the build is for, where its boot loader is on USB.
    pub usb: Option<UsbBoard>,
    /// What to put where. Never empty.
    pub regions: Vec<Region>,
    /// Header fields to patch in the boot loader.
    pub flash: FlashParams,
    /// Project directory.
    pub root: PathBuf,
    /// The file that made discovery recognise it.
    pub found_in: PathBuf,
    /// What follows the name of its tool's program in the command that builds it; empty where there is
    /// nothing to build, as in a release's folder.
    pub build: Vec<String>,
    /// The YAML file that ESPHome wrote the project from, and builds.
    pub esphome: Option<PathBuf>,
    /// Files and directories whose change makes the build stale: sources and configuration.
    pub inputs: Vec<PathBuf>,
    /// Table in CSV form that the binary table should agree with, if the project has one.
    pub partitions_csv: Option<PathBuf>,
    /// Where the partition table is in flash.
    pub table_offset: u32,
    /// Baud rate that the project asks for (`upload_speed`).
    pub baud: Option<u32>,
    /// Port that the project asks for (`upload_port`).
    pub port: Option<String>,
    /// How the project's own tool listens to the board.
    pub console: Console,
    /// Password that the project has for that port, where it is an update over the air.
    pub ota_password: Option<Password>,
    /// Whether the build says that the flash is encrypted.
    pub flash_encryption: bool,
    /// Whether the build says that the chip boots signed images only.
    pub secure_boot: bool,
    /// Otadata that makes the freshly written app boot, where the project has it and its tool does
    /// not write it (so that it is not among [`Self::regions`]).
    pub spare_otadata: Option<Region>,
    /// What the project's tool writes only when it is asked to (a file system); here too, by name.
    pub on_request: Vec<Region>,
    /// Chips that other targets of its project are for, and their names.
    pub for_others: Vec<(Chip, String)>,
    /// What its files contradict each other in, and what was taken.
    pub remarks: Vec<String>,
}

impl Target {
    /// A target without regions, for discovery to fill in.
    pub(crate) fn new(name: String, tool: Tool, root: &Path, found_in: &Path) -> Self {
        Self {
            name,
            tool,
            env: None,
            profile: None,
            chip: None,
            avr: None,
            usb: None,
            regions: Vec::new(),
            flash: FlashParams::default(),
            root: root.to_owned(),
            found_in: found_in.to_owned(),
            build: Vec::new(),
            esphome: None,
            inputs: Vec::new(),
            partitions_csv: None,
            table_offset: crate::partitions::DEFAULT_TABLE_OFFSET,
            baud: None,
            port: None,
            console: Console::default(),
            ota_password: None,
            flash_encryption: false,
            secure_boot: false,
            spare_otadata: None,
            on_request: Vec::new(),
            for_others: Vec::new(),
            remarks: Vec::new(),
        }
    }

    /// What the build is for, where that is known.
    pub fn device(&self) -> Option<Device> {
        let avr = self.avr.map(|board| Device::Avr(board.part));
        let usb = self.usb.and_then(|board| match board {
            UsbBoard::Teensy(teensy) => Some(Device::Teensy(teensy)),
            UsbBoard::Rp2(chip) => chip.map(Device::Rp2),
        });
        avr.or(usb).or(self.chip.map(Device::Esp))
    }

    /// The region of this name.
    pub fn region(&self, name: &str) -> Option<&Region> {
        self.regions.iter().find(|region| region.name == name)
    }

    /// The region of the app, if there is one: `firmware`, else the first of its kind.
    pub fn firmware(&self) -> Option<&Region> {
        self.region("firmware").or_else(|| {
            self.regions
                .iter()
                .find(|region| region.kind == RegionKind::App)
        })
    }

    /// Whether its program is that of another target.
    pub(crate) fn is_made_from(&self, other: &Self) -> bool {
        let program = |target: &Self| {
            let source = &target.firmware()?.source;
            matches!(source, Source::Elf(_)).then(|| source.path().to_owned())
        };
        self.firmware() == other.firmware()
            || program(self).is_some_and(|path| Some(path) == program(other))
    }

    /// Whether any of its files lies in this directory itself.
    pub(crate) fn has_files_in(&self, dir: &Path) -> bool {
        let regions = self.regions.iter().chain(&self.on_request);
        let mut places = regions.map(|region| region.source.path().parent());
        places.any(|place| place == Some(dir))
    }

    /// What to do about a file that is missing or damaged.
    pub fn build_remedy(&self) -> Remedy {
        if self.tool == Tool::Files {
            return "Check the file's path and how it was made.".into();
        }
        match self.recipe() {
            Some(recipe) => format!("Build the project: {}", recipe.line()).into(),
            None => "The project is not here to be built: get these files anew from where they were made."
                .into(),
        }
    }
}
