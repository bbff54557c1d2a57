//! The second backend: Espressif's own esptool does the work, as a program of its own. For people
//! who want it, and for ports that only it can open; never taken without being asked for.
//!
//! The story is `Job::run_with`. What is pure stands in a file each: [`find`] where an esptool may
//! be, [`version`] how it spells, [`arguments`] what it is called with, [`output`] what it says,
//! [`verdicts`] what a comparison found, [`fault`] what its errors mean, [`efuses`] how a board is
//! secured. `run` starts the program, `tool` calls it; `identify`, `compare`, `look` and `write` are
//! the steps.
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
mod look;
pub mod output;
mod run;
mod tool;
pub mod verdicts;
pub mod version;
mod write;

use std::io;
use std::time::Instant;

use fbuild_link::LinesReach;
use fbuild_link::error::OpenError;
use fbuild_link::holder::holders;
use fbuild_loader::cancel::CancelToken;
use fbuild_loader::reset::{self, After};

use self::arguments::Work;
pub use self::error::EsptoolError;
use self::tool::Esptool;
use crate::deploy::{Job, Mode, Open, Request, with_job};
use crate::event::Event;
use crate::failure::{BoardState, DeployError};
use crate::image::{BoardFacts, LoadedImages};
use crate::outcome::Report;

/// Whether a port is of a kind that esptool's serial library opens and this program does not.
#[must_use]
pub fn only_esptool_opens(port: &str) -> bool {
    port.starts_with("rfc2217://")
}

/// What pyserial says of such a name without a number is of no help.
fn check_name(port: &str) -> Result<(), OpenError> {
    let Some(rest) = port.strip_prefix("rfc2217://") else {
        return Ok(());
    };
    let address = rest.split(['?', '/']).next().unwrap_or_default();
    let is_whole = address.rsplit_once(':').is_some_and(|(host, number)| {
        !host.is_empty() && number.parse::<u16>().is_ok_and(|number| number > 0)
    });
    if is_whole {
        return Ok(());
    }
    Err(OpenError::Other {
        port: port.to_owned(),
        source: io::Error::other("expected rfc2217://HOST:PORT"),
    })
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
        check_name(&self.request.port)?;
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
        result.map_err(|error| match error {
            // esptool does not look for it.
            DeployError::Open(OpenError::Busy { port, .. }) => {
                let holders = holders(&port);
                OpenError::Busy { port, holders }.into()
            }
            error => error,
        })
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
        self.compare_with(esptool, loaded)?;
        self.look_with(esptool, loaded, &facts)?;
        // Otadata may have been added.
        esptool.lay_out(&self.survey.regions)?;
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
    /// that found a difference. The lines of the port are ours as well, or else esptool's: the shortest
    /// run that there is ends with a reset.
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

    /// As the native backend: whether it will start, what a new table costs, and which slot starts. What esptool cannot find
    /// out is said, and where data is to be kept it ends the deploy.
    fn look_with(
        &mut self,
        esptool: &mut Esptool<'_>,
        loaded: &LoadedImages,
        facts: &BoardFacts,
    ) -> Result<(), DeployError> {
        if let Err(error) = self.check_chain(esptool, loaded, facts) {
            let why = unread(error)?;
            self.note(format!(
                "what this deploy leaves to the board could not be looked at ({why}): whether it \
                 starts afterwards is not known"
            ));
        }
        if let Err(error) = self.look_after_data(esptool, loaded, facts) {
            let why = unread(error)?;
            self.keep_data_or_note(format!(
                "the partition table is replaced, and what the board has stored could not be looked \
                 at ({why}): whether the firmware finds it again is not known"
            ))?;
        }
        if let Err(error) = self.select_boot_slot(esptool, loaded, facts) {
            let why = unread(error)?;
            self.note(format!(
                "otadata could not be read ({why}): whether the firmware that is written is the one \
                 that starts is not known"
            ));
        }
        Ok(())
    }
}

/// Why something could not be read, if that is all that is wrong.
fn unread(error: DeployError) -> Result<String, DeployError> {
    match error {
        DeployError::Esptool(error) if !error.is_local() => Ok(error.to_string()),
        _ => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_leads_nowhere_is_refused() {
        for whole in [
            "rfc2217://h:4000",
            "rfc2217://[::1]:4000?ign_set_control",
            "COM5",
        ] {
            assert!(check_name(whole).is_ok(), "{whole}");
        }
        for part in [
            "rfc2217://",
            "rfc2217://h",
            "rfc2217://:4000",
            "rfc2217://h:",
            "rfc2217://h:99999",
        ] {
            assert!(check_name(part).is_err(), "{part}");
        }
    }
}
