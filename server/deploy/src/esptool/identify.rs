//! Who is there, and what may be written to it.

use std::time::Duration;

use fbuild_chip::Chip;
use fbuild_loader::error::LoaderError;
use fbuild_loader::reset::After;
use fbuild_loader::session::LoaderKind;

use super::arguments::Work;
use super::efuses;
use super::error::EsptoolError;
use super::fault::fault;
use super::output::Said;
use super::tool::{Esptool, baud};
use crate::cost::Measured;
use crate::event::Board;
use crate::failure::DeployError;
use crate::image::{BoardFacts, Image};
use crate::job::Job;
use fbuild_chip::security::BoardSecurity;
use fbuild_project::file::{self, STATE_LIMIT};

/// For predictions: one exchange over a usual adapter. Nothing is measured through esptool.
const ROUND_TRIP: Duration = Duration::from_millis(3);
/// File that eFuse registers are copied to.
const EFUSES: &str = "efuses.bin";

/// Asks who is there. The chip is not named before: a wrong one is reported in the same
/// words as by the native backend.
pub(super) fn identify(
    job: &mut Job<'_>,
    esptool: &mut Esptool<'_>,
) -> Result<BoardFacts, DeployError> {
    let mut name = None;
    let mut board = Board {
        chip: Chip::Esp32.into(),
        mac: None,
        revision: None,
        flash_size: None,
        security: BoardSecurity::default(),
    };
    let mut secure_download = false;
    let mut hear = |said: &Said| match said {
        Said::Chip(chip) => name = Some(chip.clone()),
        Said::Mac(mac) => board.mac = Some(mac.clone()),
        Said::Revision(revision) => board.revision = Some(*revision),
        Said::FlashSize(bytes) => board.flash_size = Some(*bytes),
        Said::SecureDownload => secure_download = true,
        _ => {}
    };
    let ran = esptool.run(After::NoReset, Work::Identify, &mut hear)?;
    // In Secure Download Mode it says who is there, and fails then.
    if !ran.status.success() && !secure_download {
        return Err(fault(&ran.lines, &ran.how(), &job.request().port, ""));
    }
    let id = name.unwrap_or_else(|| "esptool does not recognise it".to_owned());
    let chip: Chip = id.parse().map_err(|_| LoaderError::UnknownChip { id })?;
    board.chip = chip.into();
    // 4.8.1, told the chip, may end with a Python error in Secure Download Mode: its second
    // attempt to ask for the chip's id passes its arguments in the wrong order.
    esptool.chip = Some(chip).filter(|_| !secure_download);
    esptool.secure_download = secure_download;
    board.security = if secure_download {
        BoardSecurity {
            secure_download,
            ..BoardSecurity::default()
        }
    } else {
        security(esptool, chip)?
    };
    if board.flash_size.is_none() && !secure_download {
        job.note("esptool does not recognise the size of the flash chip".to_owned());
    }
    job.connected(board.clone());
    Ok(BoardFacts {
        revision: board.revision,
        flash_size: board.flash_size,
        security: board.security,
        ..BoardFacts::new(chip)
    })
}

/// What is to be compared and written.
pub(super) fn survey(job: &mut Job<'_>, images: Vec<Image>, facts: &BoardFacts) {
    let measured = Measured {
        kind: LoaderKind::Stub,
        baud: Some(baud(job.request())),
        round_trip: ROUND_TRIP,
        ..Measured::default()
    };
    job.survey_mut().begin(images, measured, facts);
    if facts.security.secure_download {
        let request = job.request();
        job.survey_mut().take_flash_size_of(request);
    }
}

/// Reads the eFuses that decide what may be written. esptool itself would write plain firmware onto
/// a board that reads it as noise.
fn security(esptool: &mut Esptool<'_>, chip: Chip) -> Result<BoardSecurity, DeployError> {
    let Some(span) = efuses::span(chip) else {
        return Ok(BoardSecurity::default());
    };
    let work = Work::DumpMemory {
        address: span.address,
        len_bytes: span.len_bytes,
        file: EFUSES,
    };
    esptool.run_well(After::NoReset, work, &mut |_| {})?;
    let copy = file::read(&esptool.folder.path().join(EFUSES), STATE_LIMIT)
        .map_err(|error| EsptoolError::Files(error.into()))?;
    efuses::security(chip, &copy).ok_or_else(|| {
        let why = format!(
            "it copied {} of {} bytes of eFuses",
            copy.len(),
            span.len_bytes
        );
        let how = "exit code 0".to_owned();
        EsptoolError::Failed { how, why }.into()
    })
}
