//! An esptool that works: finding it, and one run of it.

use std::path::Path;

use fbuild_chip::Chip;
use fbuild_loader::cancel::CancelToken;
use fbuild_loader::reset::{After, Before};
use tempfile::TempDir;

use super::arguments::{Connection, Placed, Work, arguments};
use super::error::EsptoolError;
use super::fault::fault;
use super::find::candidates;
use super::known::Known;
use super::output::Said;
use super::run::{Ran, run};
use super::verdicts::Span;
use super::version::{Spelling, Version};
use crate::failure::DeployError;
use crate::job::survey::Region;
use crate::program::Candidate;
use crate::request::{Baud, Open, Request};
use fbuild_project::discover::Environment;

/// Baud rate where nobody says one: what ESP-IDF flashes with. esptool does not step down from a
/// rate that the link does not carry.
const USUAL_BAUD: u32 = 460_800;

/// An esptool that works, and a folder to work in.
pub(crate) struct Esptool<'j> {
    candidate: Candidate,
    spelling: Spelling,
    pub(super) folder: TempDir,
    pub(super) request: &'j Request,
    cancel: &'j CancelToken,
    /// What it opens.
    pub(super) device: String,
    /// The chip that answered and has to go on doing so.
    pub(super) chip: Option<Chip>,
    /// It is in Secure Download Mode.
    pub(super) secure_download: bool,
    /// What it has said of the flash's contents.
    pub(super) known: Known,
    /// The port's control lines reach the board, as far as is known.
    pub(super) has_lines: bool,
    /// The board's loader was started, and its firmware not.
    pub(super) is_in_loader: bool,
    /// Opens the port, where this program can, too.
    pub(super) open: Option<&'j mut Open<'j>>,
    /// Regions that it wrote and did not prove.
    pub(super) unproved: Vec<usize>,
}

impl<'j> Esptool<'j> {
    /// The first candidate that says a version that is known here.
    pub(super) fn find(request: &'j Request, cancel: &'j CancelToken) -> Result<Self, DeployError> {
        let folder = TempDir::with_prefix("fbuild-esptool-").map_err(EsptoolError::Files)?;
        let environment = Environment::from_process();
        let chosen = request.esptool.as_deref();
        let mut refused: Option<EsptoolError> = None;
        for candidate in candidates(chosen, &environment, request.target.tool, &Path::is_file) {
            match spelling_of(&candidate, folder.path(), cancel) {
                Ok(spelling) => {
                    return Ok(Self {
                        candidate,
                        spelling,
                        folder,
                        request,
                        cancel,
                        device: request.port.clone(),
                        chip: None,
                        secure_download: false,
                        known: Known::default(),
                        has_lines: true,
                        is_in_loader: false,
                        open: None,
                        unproved: Vec::new(),
                    });
                }
                Err(DeployError::Esptool(error)) => {
                    refused.get_or_insert(error);
                }
                Err(other) => return Err(other),
            }
        }
        Err(refused.unwrap_or(EsptoolError::Missing).into())
    }

    /// Puts every region that is not there yet into a file that begins and ends with it.
    pub(super) fn lay_out(&self, regions: &[Region]) -> Result<(), EsptoolError> {
        for region in regions {
            let path = self.folder.path().join(file_name(region));
            if path.exists() {
                continue;
            }
            std::fs::write(path, region.image.bytes.as_slice()).map_err(EsptoolError::Files)?;
        }
        Ok(())
    }

    /// Puts other bytes into a file, to be compared with flash at this offset.
    pub(super) fn put(&self, offset: u32, bytes: &[u8]) -> Result<Placed, EsptoolError> {
        let file = format!("beside-{offset:#x}.bin");
        std::fs::write(self.folder.path().join(&file), bytes).map_err(EsptoolError::Files)?;
        Ok(Placed { offset, file })
    }

    /// One run; `hear` gets what it says that means something.
    pub(super) fn run(
        &mut self,
        after: After,
        work: Work<'_>,
        hear: &mut dyn FnMut(&Said),
    ) -> Result<Ran, DeployError> {
        let request = self.request;
        let connection = Connection {
            chip: self.chip,
            port: &self.device,
            baud: baud(request),
            // As esptool itself advises.
            before: if self.has_lines {
                request.before
            } else {
                Before::NoReset
            },
            after,
        };
        let words = arguments(self.spelling, &connection, work).map_err(|_| {
            // Every caller has looked; esptool would call this a success.
            let (how, why) = ("not started", "there is no file for it");
            EsptoolError::Failed {
                how: how.to_owned(),
                why: why.to_owned(),
            }
        })?;
        let (is_in_loader, has_lines) = (&mut self.is_in_loader, &mut self.has_lines);
        let mut line = |line: &str| {
            match Said::from_line(line) {
                None => {}
                Some(Said::NoLines) => *has_lines = false,
                Some(said) => {
                    // Without lines nothing is reset, whatever the option says.
                    *is_in_loader = said != Said::Reset || !*has_lines;
                    hear(&said);
                }
            }
        };
        run(
            &self.candidate,
            &words,
            self.folder.path(),
            self.cancel,
            &mut line,
        )
    }

    /// A run that has to succeed.
    pub(super) fn run_well(
        &mut self,
        after: After,
        work: Work<'_>,
        hear: &mut dyn FnMut(&Said),
    ) -> Result<(), DeployError> {
        let ran = self.run(after, work, hear)?;
        if ran.status.success() {
            return Ok(());
        }
        Err(fault(&ran.lines, &ran.how(), &self.request.port, ""))
    }
}

fn spelling_of(
    candidate: &Candidate,
    folder: &Path,
    cancel: &CancelToken,
) -> Result<Spelling, DeployError> {
    let mut version = None;
    let mut hear = |line: &str| version = version.or(Version::from_line(line));
    let ran = run(
        candidate,
        &["version".to_owned()],
        folder,
        cancel,
        &mut hear,
    )?;
    let program = candidate.to_string();
    let Some(version) = version else {
        let said = ran.lines.last().cloned();
        let why = said.unwrap_or_else(|| "it does not print its version".to_owned());
        return Err(EsptoolError::Unusable { program, why }.into());
    };
    let known = version.spelling();
    known.ok_or_else(|| EsptoolError::TooOld { program, version }.into())
}

/// The baud rate that follows from a request.
pub(super) fn baud(request: &Request) -> u32 {
    match request.baud {
        Baud::Fixed(baud) => baud,
        Baud::Auto => request.target.baud.unwrap_or(USUAL_BAUD),
    }
}

/// Not the region's name, which comes from the project.
fn file_name(region: &Region) -> String {
    format!("{:#x}.bin", region.image.region.offset)
}

/// A region's file, for a call.
pub(super) fn placed(region: &Region) -> Placed {
    Placed {
        offset: region.image.region.offset,
        file: file_name(region),
    }
}

/// A region's place, as it is told by esptool.
pub(super) fn span(region: &Region) -> Span {
    let image = &region.image;
    (image.region.offset, image.bytes.len() as u32)
}
