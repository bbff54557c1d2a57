//! The second backend: Espressif's own esptool does the work, as a program of its own. For people
//! who want it, and for ports that only it can open; never taken without being asked for.
//!
//! The story is `Job::run_with`. What is pure stands in a file each: [`find`] where an esptool may
//! be, [`version`] how it spells, [`arguments`] what it is called with, [`output`] what it says,
//! [`verdicts`] what a comparison found, [`fault`] what its errors mean, [`efuses`] how a board is
//! secured. `run` starts the program, `tool` calls it; `identify`, `compare` and `write` are the steps.
//!
//! The checks, the header patch, the order of writing, the plan and the report are those of the
//! native backend. esptool is given finished files in a folder of ours and is told to keep their
//! headers, so that it compares and writes the same bytes: its own header patch happens when it
//! writes and not when it compares, and a boot loader that was patched would differ for ever.

pub mod arguments;
mod compare;
pub mod efuses;
pub mod error;
pub mod fault;
pub mod find;
mod identify;
pub mod output;
mod run;
mod tool;
pub mod verdicts;
pub mod version;
mod write;

use std::time::Instant;

use fbuild_loader::cancel::CancelToken;
use fbuild_loader::error::OpenError;
use fbuild_loader::link::LinesReach;
use fbuild_loader::reset::{self, After};

use self::arguments::Work;
pub use self::error::EsptoolError;
use self::tool::Esptool;
use crate::deploy::{Job, Mode, Open, Request, with_job};
use crate::event::Event;
use crate::failure::{BoardState, DeployError};
use crate::image::LoadedImages;
use crate::otadata;
use crate::outcome::{Report, Verdict};
use crate::target::RegionKind;

/// Whether a port is of a kind that esptool's serial library opens and this program does not.
#[must_use]
pub fn only_esptool_opens(port: &str) -> bool {
    port.starts_with("rfc2217://")
}

/// Makes a device that esptool can open for a port that it cannot; says its path.
pub type Serve<'s> = dyn FnMut() -> Result<String, OpenError> + 's;

/// How esptool gets at the board.
pub(crate) enum Reach<'r, 'o> {
    /// By the request's port, which this program can open, too.
    Port(&'r mut Open<'o>),
    /// By a device that is made for it.
    Served(&'r mut Serve<'o>),
}

/// As [`crate::deploy::deploy`], for a simulated board: esptool is given what `serve` makes of its
/// port, once all input was checked.
pub fn deploy_served(
    request: &Request,
    serve: &mut Serve<'_>,
    events: &mut dyn FnMut(Event),
    cancel: &CancelToken,
) -> Report {
    with_job(request, events, cancel, |job| {
        job.run_esptool(Reach::Served(serve))
    })
}

impl Job<'_> {
    pub(crate) fn run_esptool(&mut self, reach: Reach<'_, '_>) -> Result<(), DeployError> {
        let loaded = self.load()?;
        let began = Instant::now();
        let mut esptool = Esptool::find(self.request, self.cancel)?;
        self.say_connecting();
        let result = match reach {
            Reach::Port(open) => {
                let result = self.run_with(&mut esptool, &loaded);
                if esptool.is_in_loader && self.request.after == After::Reset {
                    self.start_firmware(open, &mut esptool);
                }
                result
            }
            Reach::Served(serve) => {
                esptool.device = serve()?;
                // A pty: the board is in its loader, and is gone with it.
                esptool.has_lines = false;
                self.run_with(&mut esptool, &loaded)
            }
        };
        self.elapsed = began.elapsed();
        result
    }

    fn run_with(
        &mut self,
        esptool: &mut Esptool<'_>,
        loaded: &LoadedImages,
    ) -> Result<(), DeployError> {
        let facts = self.identify_with(esptool)?;
        let images = self.images_for(loaded, &facts)?;
        self.survey_for(images, &facts);
        esptool.lay_out(&self.survey.regions)?;
        self.compare_with(esptool)?;
        self.note_table_change();
        self.note_boot_slot(loaded);
        if self.request.mode == Mode::Verify {
            return Ok(());
        }
        let plan = self.publish_plan();
        if self.request.mode == Mode::Plan {
            return Ok(());
        }
        let unproved = self.write_with(esptool, &plan)?;
        self.prove_with(esptool, &unproved)?;
        let can_prove_all = self.survey.regions.iter().all(|region| region.provable);
        if self.state != BoardState::Untouched && can_prove_all {
            self.state = BoardState::Proved;
        }
        Ok(())
    }

    /// esptool leaves a board in its loader when it is stopped, and version 4 also after a comparison
    /// that found a difference. The lines of the port are ours as well.
    fn start_firmware(&mut self, open: &mut Open<'_>, esptool: &mut Esptool<'_>) {
        let is_started = if only_esptool_opens(&self.request.port) {
            let ran = esptool.run_well(After::Reset, Work::ReadMac, &mut |_| {});
            ran.is_ok()
        } else {
            let started = open().map(|mut link| reset::start_firmware(&mut *link));
            matches!(started, Ok(Ok(LinesReach::Board)))
        };
        if !is_started {
            self.note(
                "esptool left the board in its loader: press the board's reset button to start the \
                 firmware"
                    .to_owned(),
            );
        }
    }

    /// A new table may make the firmware lose what it has stored. The native backend reads the old one
    /// to find out. Where nothing on the board is this build's, nothing of it is to be lost.
    fn note_table_change(&mut self) {
        let regions = &self.survey.regions;
        let is_new = regions.iter().any(|region| {
            region.image.region.kind == RegionKind::PartitionTable
                && region.verdict == Verdict::Differs
        }) && regions
            .iter()
            .any(|region| region.verdict == Verdict::Match);
        if is_new {
            self.note(
                "the partition table is another than the board's, which esptool does not look at: \
                 whether the firmware finds its stored data again is not known"
                    .to_owned(),
            );
        }
    }

    /// What is written may not be what boots. The native backend reads otadata on the board to find
    /// out; here only what is deployed is known.
    fn note_boot_slot(&mut self, loaded: &LoadedImages) {
        let (Some(table), Some(slot)) = (loaded.table(), loaded.app_slot()) else {
            return;
        };
        let Some(otadata) = table.otadata() else {
            return;
        };
        let deployed = self.survey.regions.iter().find(|region| {
            region.image.region.kind == RegionKind::OtaData
                && region.image.region.offset == otadata.offset
        });
        let label = &slot.label;
        let Some(deployed) = deployed else {
            let text = format!(
                "esptool does not look at otadata: whether {label} is the slot that starts is not \
                 known"
            );
            return self.note(text);
        };
        let selected = otadata::selected_slot(table, deployed.image.content());
        if let Some(selected) = selected.filter(|selected| selected.offset != slot.offset) {
            let text = format!(
                "the firmware is in {label}, but the otadata that is deployed with it selects {}, \
                 and what is there starts",
                selected.label
            );
            self.note(text);
        }
    }
}
