//! Erasing flash on request: a stretch of it, or all.

use std::ops::Range;

use fbuild_chip::Chip;
use fbuild_chip::flash::{BLOCK_LEN, SECTOR_LEN};
use fbuild_loader::cancel::CancelToken;
use fbuild_loader::session::{ConnectOptions, Session};

use super::connect::start_needed_stub;
use crate::esptool::stub;
use crate::failure::{BoardState, DeployError};
use crate::image::board::THREE_BYTE_END;
use crate::job::on_board::OnBoard as _;
use crate::outcome::Failure;
use crate::request::Open;
use fbuild_project::amount::amount;

/// Erased in one request. Small enough for a cancel to be heard soon: four block erases of 150 ms
/// (Winbond W25Q32JV datasheet, typical).
const STEP_LEN: u32 = 4 * BLOCK_LEN;

/// What to erase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stretch {
    /// The whole flash.
    All,
    /// These bytes: whole sectors, one at least.
    Range(Range<u32>),
}

/// What was erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erased {
    /// The chip.
    pub chip: Chip,
    /// Factory MAC address.
    pub mac: String,
    /// These bytes.
    pub range: Range<u32>,
}

/// How an erase ended otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotErased {
    /// Stopped on request.
    Cancelled {
        /// What state the board is in.
        board_state: String,
    },
    /// Refused, or failed on the way.
    Failed(Failure),
}

/// Erases flash and lets the board start with what is left. `progress` hears bytes done and bytes to
/// do. A board with secure boot, flash encryption or Secure Download Mode is refused: what is erased
/// there may be impossible to bring back.
///
/// # Errors
/// [`NotErased`] says what was erased, if anything, and what to do.
pub fn erase(
    port: &str,
    stretch: Stretch,
    open: &mut Open<'_>,
    progress: &mut dyn FnMut(u32, u32),
    cancel: &CancelToken,
) -> Result<Erased, NotErased> {
    if let Stretch::Range(range) = &stretch {
        let is_whole = (range.start | range.end).is_multiple_of(SECTOR_LEN);
        if range.is_empty() || !is_whole {
            return Err(NotErased::Failed(not_sectors(range)));
        }
    }
    let mut done_bytes = None;
    let mut progress = |done, total| {
        done_bytes = Some(done);
        progress(done, total);
    };
    let result = run(port, stretch, open, &mut progress, cancel);
    result.map_err(|error| match error {
        Stopped::Refused(failure) => NotErased::Failed(failure),
        Stopped::Error(error) if error.is_cancelled() => NotErased::Cancelled {
            board_state: state(done_bytes),
        },
        Stopped::Error(error) => {
            let mut failure = error.into_failure(port, &BoardState::Untouched);
            if !failure.board_state.is_empty() {
                failure.board_state = state(done_bytes);
            }
            NotErased::Failed(failure)
        }
    })
}

/// `done_bytes`: `None` before the first request to erase was sent.
fn state(done_bytes: Option<u32>) -> String {
    match done_bytes {
        None => "nothing was erased; the board is unchanged".to_owned(),
        Some(0) => "at most the first part was erased".to_owned(),
        Some(n) => format!(
            "{} were erased; the board may not start until the next deploy",
            amount(n.into())
        ),
    }
}

enum Stopped {
    Refused(Failure),
    Error(DeployError),
}

impl<E: Into<DeployError>> From<E> for Stopped {
    fn from(error: E) -> Self {
        Self::Error(error.into())
    }
}

fn run(
    port: &str,
    stretch: Stretch,
    open: &mut Open<'_>,
    progress: &mut dyn FnMut(u32, u32),
    cancel: &CancelToken,
) -> Result<Erased, Stopped> {
    let mut session = Session::connect(open()?, ConnectOptions::default(), cancel)?;
    match erase_on(&mut session, port, stretch, progress) {
        Ok(erased) => {
            session.leave()?;
            Ok(erased)
        }
        Err(stopped) => {
            session.abandon();
            Err(stopped)
        }
    }
}

fn erase_on(
    session: &mut Session,
    port: &str,
    stretch: Stretch,
    progress: &mut dyn FnMut(u32, u32),
) -> Result<Erased, Stopped> {
    let security = session.security()?;
    let secured = [
        (security.secure_download, "Secure Download Mode"),
        (security.flash_encryption, "flash encryption"),
        (security.secure_boot, "secure boot"),
    ];
    if let Some((_, what)) = secured.iter().find(|(is_on, _)| *is_on) {
        return Err(Stopped::Refused(secured_board(port, what)));
    }
    let mac = super::connect::mac_text(session.mac()?);
    start_needed_stub(session, &|| Ok(stub::of_any()?))?;
    session.attach_flash()?;
    let known_len = session.flash_id()?.len_bytes;
    let range = match (stretch, known_len) {
        (Stretch::All, Some(flash_len)) => 0..flash_len,
        (Stretch::All, None) => return Err(Stopped::Refused(unknown_size(port))),
        (Stretch::Range(range), _) => range,
    };
    if let Some(flash_len) = known_len.filter(|flash_len| range.end > *flash_len) {
        return Err(Stopped::Refused(out_of_range(port, range.end, flash_len)));
    }
    // The ROM erases by FLASH_BEGIN. On the stub, one flipped bit makes of a request to erase a part
    // one to erase everything; it is used only for what a ROM does not reach.
    if range.end > THREE_BYTE_END && session.stub_obstacle()?.is_none() {
        session.start_stub()?;
        session.attach_flash()?;
    }
    session.set_flash_size(known_len.unwrap_or(range.end))?;
    erase_steps(session, port, range.clone(), progress)?;
    Ok(Erased {
        chip: session.chip(),
        mac,
        range,
    })
}

/// Erases and looks at what was erased. A step that did not take is tried once more.
fn erase_steps(
    session: &mut Session,
    port: &str,
    range: Range<u32>,
    progress: &mut dyn FnMut(u32, u32),
) -> Result<(), Stopped> {
    let len_bytes = range.end - range.start;
    progress(0, len_bytes);
    for at in range.clone().step_by(STEP_LEN as usize) {
        let step = STEP_LEN.min(range.end - at);
        let end = at + step;
        if end <= THREE_BYTE_END {
            session.bound_flash(end)?;
        }
        session.erase_region(at, step)?;
        if session.are_blank(&[(at, step)])? != [true] {
            session.erase_region(at, step)?;
            if session.are_blank(&[(at, step)])? != [true] {
                return Err(Stopped::Refused(not_erased(port, at, step)));
            }
        }
        progress(end - range.start, len_bytes);
    }
    Ok(())
}

fn refused(code: &'static str, what: String, remedy: &str) -> Failure {
    Failure {
        code,
        is_input: true,
        what,
        board_state: "nothing was erased".to_owned(),
        remedy: remedy.into(),
    }
}

fn secured_board(port: &str, what: &str) -> Failure {
    refused(
        "secured-board",
        format!("the board on {port} is secured ({what}), so its flash is not erased"),
        "deploy to it instead; a secured board whose flash is erased may never start again",
    )
}

fn unknown_size(port: &str) -> Failure {
    refused(
        "flash-size-unknown",
        format!("the flash size of the board on {port} is not known"),
        "erase a region instead, by its offset and size",
    )
}

fn out_of_range(port: &str, end: u32, flash_len: u32) -> Failure {
    let size = amount(flash_len.into());
    refused(
        "outside-flash",
        format!("the region ends at {end:#x}, beyond the flash of the board on {port} ({size})"),
        "give an offset and a size within the flash",
    )
}

fn not_erased(port: &str, offset: u32, len_bytes: u32) -> Failure {
    Failure {
        code: "not-erased",
        is_input: false,
        what: format!(
            "{port}: {} at {offset:#x} were erased twice and are not blank",
            amount(len_bytes.into())
        ),
        board_state:
            "what lies before that was erased; the board may not start until the next deploy"
                .to_owned(),
        remedy: "the flash chip may be worn out or badly powered: try another cable and supply"
            .into(),
    }
}

fn not_sectors(range: &Range<u32>) -> Failure {
    let Range { start, end } = range;
    refused(
        "not-sectors",
        format!(
            "{:#x} bytes at {start:#x} are not whole sectors",
            end - start
        ),
        "give multiples of 0x1000, and a size that is not 0",
    )
}
