//! The second backend: Espressif's own esptool does the work, as a program of its own. For people who want it, and
//! for ports that only it can open; never taken without being asked for.
//!
//! What is pure is in a file each: [`find`] where an esptool may be, [`version`] how it spells, [`arguments`] what it
//! is called with, [`output`] what it says, [`verdicts`] what a comparison found, [`fault`] what its errors mean,
//! [`efuses`] how a board is secured, `stub` the one thing that is taken from an esptool that does no work. `run`
//! starts the program, `tool` calls it; `identify`, `compare`, `look` and `write` are the steps.
//!
//! The checks, the header patch, the order of writing, the plan and the report are those of the native backend.
//! esptool is given finished files in a folder of ours and is told to keep their headers, so that it compares and
//! writes the same bytes: its own header patch happens when it writes and not when it compares, and a boot loader
//! that was patched would differ for ever.

pub mod arguments;
mod compare;
pub mod efuses;
pub mod error;
pub mod fault;
pub mod find;
mod identify;
mod known;
mod look;
pub mod output;
mod run;
pub(crate) mod stub;
pub(crate) mod tool;
pub mod verdicts;
pub mod version;
mod write;

use fbuild_link::LinesReach;
use fbuild_link::error::OpenError;
use fbuild_link::port_name::PortName;
use fbuild_link::rfc2217::Place;
use fbuild_loader::reset::{self, After};

use self::tool::Esptool;
use crate::backend::Backend;
use crate::failure::DeployError;
use crate::image::{BoardFacts, Image, LoadedImages};
use crate::job::Job;
use crate::job::on_board::OnBoard;
use crate::plan::Plan;
use crate::request::Open;

/// What pyserial says of such a name without a number is of no help.
fn check_name(port: &str) -> Result<(), OpenError> {
    let PortName::Rfc2217(rest) = PortName::of(port) else {
        return Ok(());
    };
    Place::of(rest).map(drop).map_err(|why| OpenError::BadName {
        port: port.to_owned(),
        why,
    })
}

/// Makes a device that esptool can open for a port that it cannot; says its path.
pub type Serve<'s> = dyn FnMut() -> Result<String, OpenError> + 's;

/// How esptool gets at the board.
pub(crate) enum Reach<'r> {
    /// By the request's port, which this program can open, too.
    Port(&'r mut Open<'r>),
    /// By a device that is made for it.
    Served(&'r mut Serve<'r>),
}

impl<'r> Esptool<'r> {
    pub(crate) fn connect<'a: 'r>(
        job: &mut Job<'a>,
        reach: Reach<'r>,
    ) -> Result<Self, DeployError> {
        check_name(&job.request().port)?;
        let mut esptool = Self::find(job.request(), job.cancel())?;
        job.connecting();
        match reach {
            Reach::Port(open) => esptool.open = Some(open),
            Reach::Served(serve) => {
                esptool.device = serve()?;
                // A pty: the board is in its loader, and is gone with it.
                esptool.has_lines = false;
            }
        }
        Ok(esptool)
    }

    /// esptool leaves a board in its loader when it is stopped, and version 4 also after a comparison
    /// that found a difference. The lines of the port are ours as well, or else esptool's: the shortest
    /// run ends with a reset.
    fn start_firmware(&mut self, job: &mut Job<'_>) {
        let Some(open) = self.open.take() else {
            return;
        };
        let started = open().map(|mut link| reset::start_firmware(&mut *link));
        if !matches!(started, Ok(Ok(LinesReach::Board))) {
            job.note(
                "esptool left the board in its loader: press the board's reset button to start the \
                 firmware"
                    .to_owned(),
            );
        }
    }
}

impl Backend for Esptool<'_> {
    type Loaded = LoadedImages;

    fn identify(&mut self, job: &mut Job<'_>, _: &LoadedImages) -> Result<BoardFacts, DeployError> {
        identify::identify(job, self)
    }

    fn survey(
        &mut self,
        job: &mut Job<'_>,
        images: Vec<Image>,
        facts: &BoardFacts,
    ) -> Result<(), DeployError> {
        identify::survey(job, images, facts);
        Ok(self.lay_out(&job.survey().regions)?)
    }

    fn compare(&mut self, job: &mut Job<'_>, loaded: &LoadedImages) -> Result<(), DeployError> {
        compare::compare(job, self, loaded)
    }

    fn on_board(&mut self) -> Option<&mut dyn OnBoard> {
        Some(self)
    }

    fn write(&mut self, job: &mut Job<'_>, plan: &Plan) -> Result<(), DeployError> {
        // Otadata may have been added.
        self.lay_out(&job.survey().regions)?;
        self.unproved = write::write(job, self, plan)?;
        Ok(())
    }

    fn prove(&mut self, job: &mut Job<'_>, _: &Plan) -> Result<(), DeployError> {
        let unproved = std::mem::take(&mut self.unproved);
        compare::prove(job, self, &unproved)
    }

    fn leave(
        mut self,
        job: &mut Job<'_>,
        result: Result<(), DeployError>,
    ) -> Result<(), DeployError> {
        if self.is_in_loader && job.request().after == After::Reset {
            self.start_firmware(job);
        }
        let open = self.open.take();
        result.map_err(|error| match (error, open) {
            // esptool does not look for who holds it; the caller's way to open it does.
            (DeployError::Open(busy @ OpenError::Busy { .. }), Some(open)) => {
                open().err().unwrap_or(busy).into()
            }
            (error, _) => error,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_leads_nowhere_is_refused() {
        for whole in ["rfc2217://h:4000?ign_set_control", "COM5"] {
            assert!(check_name(whole).is_ok(), "{whole}");
        }
        assert!(check_name("rfc2217://h").is_err());
    }
}
