//! The backend for boards whose boot loader is on USB: a Teensy's, which `teensy_loader_cli` speaks to, and the
//! BOOTSEL mode of an RP2040 or RP2350, which is a volume that takes UF2 files.
//!
//! It takes one whole program. Nothing is asked of what the board holds, so that nothing is compared, and what
//! confirms a deploy is all that is said of it.
//!
//! What is pure is in a file each: `image` checks a program, `tool` knows the words of a program that is run,
//! `volume` those of a boot loader. `program` runs the one, `copy` writes to the other.

mod copy;
pub mod error;
mod fault;
mod image;
mod program;
mod tool;
mod volume;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fbuild_chip::usb::{Rp2, UsbBoard};
use fbuild_link::port_name::PortName;
use fbuild_link::{Lines, error::OpenError};
use fbuild_loader::error::LoaderError;
use fbuild_project::input_error::InputError;
use fbuild_project::remedy::Way as Remedy;

use self::error::UsbError;
use self::image::UsbImage;
use self::program::Program;
use self::tool::Tool;
use self::volume::{Mount, Volume};
use crate::backend::{Backend, Loaded};
use crate::cost::PageCosts;
use crate::event::Phase;
use crate::failure::DeployError;
use crate::image::Image;
use crate::job::Job;
use crate::job::survey::Region;
use crate::plan::Plan;
use crate::request::{Mode, Open};

/// How long a volume may take to be mounted after a board was told to leave its program.
const MOUNT_TIMEOUT: Duration = Duration::from_secs(10);
/// How often it is looked for, and a cancel heard.
const POLL: Duration = Duration::from_millis(50);
/// For a prediction: about 100 KB/s. An estimate.
const BITS_PER_S: u32 = 1_000_000;

/// A board that is deployed to by its boot loader on USB.
pub(crate) struct Usb {
    way: Way,
    /// What is given to it.
    file: Arc<Vec<u8>>,
}

/// How the program gets there.
enum Way {
    /// Not at all: it is only planned.
    Nowhere,
    Program(Program),
    /// The one volume that is mounted, or else picotool.
    AnyVolume {
        /// How long it may take to be there.
        timeout: Duration,
    },
    Volume(Volume),
}

impl Usb {
    pub(crate) fn connect(
        job: &mut Job<'_>,
        board: UsbBoard,
        open: &mut Open<'_>,
    ) -> Result<Self, DeployError> {
        let request = job.request();
        if request.mode == Mode::Plan {
            let note =
                "a boot loader on USB cannot be compared with a build: a deploy writes all of it";
            job.note(note.to_owned());
            return Ok(Self::new(Way::Nowhere));
        }
        let place = PortName::of(&request.port);
        let is_volume = place.is_device() && Path::new(&request.port).is_dir();
        let is_possible = match board {
            UsbBoard::Teensy(_) => !is_volume,
            UsbBoard::Rp2(_) => true,
        };
        if !is_possible || !matches!(place, PortName::UsbLoader | PortName::Device(_)) {
            let how = format!("not at {}", request.port);
            return Err(not_for_usb(board, &how, Remedy::ChoosePort).into());
        }
        let program = match board {
            UsbBoard::Teensy(_) => Some(Program::find(Tool::TeensyLoader, board, job.cancel())?),
            UsbBoard::Rp2(_) => None,
        };
        job.connecting();
        let is_port = place.is_device() && !is_volume;
        if is_port {
            touch(board, open)?;
        }
        let way = match program {
            Some(program) => Way::Program(program),
            None if is_volume => Way::Volume(Volume::at(Mount::of(Path::new(&request.port)))?),
            None => Way::AnyVolume {
                timeout: if is_port {
                    MOUNT_TIMEOUT
                } else {
                    Duration::ZERO
                },
            },
        };
        Ok(Self::new(way))
    }

    fn new(way: Way) -> Self {
        let file = Arc::default();
        Self { way, file }
    }
}

/// The one volume of such a board, which is waited for as long as `timeout`; else picotool, which needs none and
/// can make a program leave for the boot loader, where it is installed.
fn any_way(job: &Job<'_>, chip: Rp2, timeout: Duration) -> Result<Way, DeployError> {
    let since = Instant::now();
    let mut found = Volume::all();
    while found.is_empty() && since.elapsed() < timeout {
        if job.cancel().is_cancelled() {
            return Err(LoaderError::Cancelled.into());
        }
        std::thread::sleep(POLL);
        found = Volume::all();
    }
    if found.is_empty() {
        match Program::find(Tool::Picotool, UsbBoard::Rp2(Some(chip)), job.cancel()) {
            Err(DeployError::Usb(UsbError::Missing { .. })) => {}
            program => return program.map(Way::Program),
        }
    }
    Ok(Way::Volume(volume::only(found, chip)?))
}

/// Tells how far a program is on its way.
struct Writing<'w, 'e>(&'w mut Job<'e>);

impl Writing<'_, '_> {
    /// From here on the board may hold something else than before.
    fn begins(&mut self) {
        self.region().touched = true;
        self.0.begun();
    }

    /// There is one.
    fn region(&mut self) -> &mut Region {
        &mut self.0.survey_mut().regions[0]
    }

    /// So many of so many parts are done.
    fn reached(&mut self, phase: Phase, done: usize, total: usize) {
        self.begins();
        let (done, total) = (done.min(total) as u64, total.max(1) as u64);
        let region = self.region();
        let total_bytes = u64::from(region.len_bytes);
        let done_bytes = total_bytes * done / total;
        if phase == Phase::Write {
            let n_units = region.written.len() as u64 * done / total;
            region.written[..n_units as usize].fill(true);
            region.sent_bytes = done_bytes;
        }
        self.0.progress(0, phase, done_bytes, total_bytes);
    }
}

/// Tells a program that runs to leave for the boot loader, by the baud rate of its serial port.
///
/// Source: Teensyduino, `usb.c` (134 baud); Arduino's core for RP2040 (1200 baud, and DTR not asserted).
fn touch(board: UsbBoard, open: &mut Open<'_>) -> Result<(), OpenError> {
    let baud = match board {
        UsbBoard::Teensy(_) => 134,
        UsbBoard::Rp2(_) => 1200,
    };
    let mut link = open()?;
    // The port goes with the program: what comes of it, the boot loader shows.
    let _ = link.set_baud(baud);
    let _ = link.set_lines(Lines::default());
    // A monitor that lent it must not open it at this rate: it would tell the new program to leave, too.
    link.close();
    Ok(())
}

/// The error of a way that does not lead to such a board.
pub(crate) fn not_for_usb(board: UsbBoard, how: &str, remedy: Remedy) -> InputError {
    let what = format!("{board} is deployed to by its boot loader on USB, and {how}");
    InputError::new("not-for-usb", what, remedy)
}

impl Loaded for UsbImage {
    type Facts = ();

    fn load(job: &mut Job<'_>) -> Result<Self, DeployError> {
        if job.request().mode == Mode::Verify {
            return Err(InputError::new(
                "not-verifiable",
                "a boot loader on USB cannot be compared with a build",
                "Deploy: the whole program is written.",
            )
            .into());
        }
        let loaded = image::load(job.request(), job.cancel())?;
        job.loaded(false, &job.request().target.remarks);
        Ok(loaded)
    }

    fn images(&self, _: &mut Job<'_>, (): &()) -> Result<Vec<Image>, DeployError> {
        Ok(vec![self.image.clone()])
    }
}

impl Backend for Usb {
    type Loaded = UsbImage;

    /// Finds the board's volume.
    fn identify(&mut self, job: &mut Job<'_>, loaded: &UsbImage) -> Result<(), DeployError> {
        self.file = Arc::clone(&loaded.file);
        let UsbBoard::Rp2(Some(chip)) = loaded.board else {
            return Ok(());
        };
        if let Way::AnyVolume { timeout } = self.way {
            self.way = any_way(job, chip, timeout)?;
        }
        match &self.way {
            Way::Volume(volume) if volume.chip != chip => {
                let image = &loaded.image.region;
                Err(InputError::chip_mismatch(
                    &image.name,
                    image.source.path(),
                    &chip.to_string(),
                    &format!("the board of {} is", volume.mount.path.display()),
                    &volume.chip.to_string(),
                )
                .into())
            }
            _ => Ok(()),
        }
    }

    fn survey(
        &mut self,
        job: &mut Job<'_>,
        images: Vec<Image>,
        (): &(),
    ) -> Result<(), DeployError> {
        let unit_bytes = images.first().map_or(1, |image| image.unit.len_bytes());
        let costs = PageCosts::new(unit_bytes, BITS_PER_S, Duration::ZERO);
        job.survey_mut().begin_pages(images, costs);
        for region in &mut job.survey_mut().regions {
            region.provable = false;
        }
        Ok(())
    }

    fn write(&mut self, job: &mut Job<'_>, _: &Plan) -> Result<(), DeployError> {
        let mut writing = Writing(job);
        let confirmed = match &self.way {
            Way::Nowhere | Way::AnyVolume { .. } => return Ok(()),
            Way::Program(program) => {
                program.put(&self.file, &mut writing)?;
                program.confirms()
            }
            Way::Volume(volume) => {
                copy::copy(volume, &self.file, &mut writing)?;
                "the board has left its boot loader"
            }
        };
        writing.reached(Phase::Write, 1, 1);
        job.confirmed(confirmed);
        Ok(())
    }

    fn prove(&mut self, _: &mut Job<'_>, _: &Plan) -> Result<(), DeployError> {
        Ok(())
    }
}
