//! From a port to a board that is known.

use std::sync::Arc;

use fbuild_chip::{Chip, Deflate};
use fbuild_loader::cancel::CancelToken;
use fbuild_loader::error::LoaderError;
use fbuild_loader::session::{ConnectOptions, FlashId, Security, Session};
use fbuild_loader::stub::Stub;

use crate::cost::Measured;
use crate::esptool::stub;
use crate::event::Board;
use crate::failure::{BoardState, DeployError};
use crate::image::{BoardFacts, LoadedImages};
use crate::job::Job;
use crate::outcome::Failure;
use crate::rates::{self, RateMemory};
use crate::request::{Baud, Open, Request};

/// Opens the port, finds a loader and raises the baud rate.
pub(super) fn connect(
    request: &Request,
    open: &mut Open<'_>,
    cancel: &CancelToken,
) -> Result<Session, DeployError> {
    let of_esptool = || stub::of_request(request).map_err(DeployError::from);
    if request.target.chip == Some(Chip::Esp8266) {
        // Nothing is done to a board that cannot be written.
        of_esptool()?;
    }
    let mut session = Session::connect(open()?, options(request), cancel)?;
    let ready = start_needed_stub(&mut session, &of_esptool)
        .and_then(|()| Ok(raise_baud(request, &mut session, None)?));
    match ready {
        Ok(()) => Ok(session),
        Err(error) => {
            session.abandon();
            Err(error)
        }
    }
}

/// Starts the stub of a chip whose ROM can neither hash flash nor change its baud rate.
pub(super) fn start_needed_stub(
    session: &mut Session,
    of_esptool: &dyn Fn() -> Result<Arc<Stub>, DeployError>,
) -> Result<(), DeployError> {
    if session.chip() == Chip::Esp8266 {
        session.bring_stub(of_esptool()?);
        session.start_stub()?;
    }
    Ok(())
}

/// Starts over from a reset; the stub, too, where nothing is done without it.
fn restart(request: &Request, session: &mut Session) -> Result<(), LoaderError> {
    session.restart(options(request))?;
    if session.chip() == Chip::Esp8266 {
        session.start_stub()?;
    }
    Ok(())
}

/// Starts over from a reset, at `limit` baud at most.
pub(super) fn reconnect(
    request: &Request,
    session: &mut Session,
    limit: Option<u32>,
) -> Result<(), LoaderError> {
    restart(request, session)?;
    raise_baud(request, session, limit)
}

fn options(request: &Request) -> ConnectOptions {
    ConnectOptions {
        before: request.before,
        ..ConnectOptions::default()
    }
}

/// Raises the baud rate: to the fixed one, or to what is known to work with this adapter, stepping
/// down where it does not.
fn raise_baud(
    request: &Request,
    session: &mut Session,
    mut limit: Option<u32>,
) -> Result<(), LoaderError> {
    if !session.has_baud_rate() || !session.can_change_baud() {
        return Ok(());
    }
    let memory = rate_memory(request, session);
    loop {
        let rate = match request.baud {
            Baud::Fixed(rate) => rate,
            Baud::Auto => {
                let start = request.target.baud.unwrap_or(rates::START);
                let rate = memory.recall().start(start);
                limit.map_or(rate, |limit| rate.min(limit))
            }
        };
        let error = match session.change_baud(rate) {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        // This rate may not work on this link, and the loader's state is unknown now.
        match rates::step_down(rate) {
            Some(lower) if request.baud == Baud::Auto && error.is_of_the_line() => {
                tracing::warn!(rate, lower, %error, "baud rate does not work");
                memory.failed(rate);
                limit = Some(lower);
                restart(request, session)?;
            }
            _ => return Err(error),
        }
    }
}

/// What is remembered of the adapter that a session goes through.
pub(super) fn rate_memory(request: &Request, session: &Session) -> RateMemory {
    RateMemory::new(request.rate_memory.as_deref(), session.link().usb_id())
}

/// What a session shows of loader and link before anything was hashed.
pub(super) fn measured(session: &Session) -> Measured {
    Measured {
        kind: session.kind(),
        rom_deflates: session.chip().facts().rom_deflate == Deflate::Exact,
        baud: session.clocked_baud(),
        round_trip: session.round_trip(),
        hash_bytes_per_s: None,
    }
}

/// Asks the board everything that decides what may be written, and announces it.
pub(super) fn identify(
    job: &mut Job<'_>,
    session: &mut Session,
    loaded: &LoadedImages,
) -> Result<BoardFacts, DeployError> {
    let chip = session.chip();
    let security = session.security()?;
    let mut board = Board {
        chip: chip.into(),
        mac: None,
        revision: None,
        flash_size: None,
        security: security.into(),
    };
    let mut crystal_mhz = None;
    if !security.secure_download {
        board.mac = Some(mac_text(session.mac()?));
        if loaded.limits_revision() {
            board.revision = Some(session.revision()?);
        }
        if loaded.depends_on_crystal() {
            // Before the stub runs, which drives its UART from another clock.
            crystal_mhz = session.crystal_mhz()?;
        }
        // Asking for the flash takes fewer round trips with the stub, and none to attach it.
        if measured(session).stub_surely_pays(loaded.len_bytes())
            && session.stub_obstacle()?.is_none()
        {
            session.start_stub()?;
        }
        session.attach_flash()?;
        let id = session.flash_id()?;
        board.flash_size = id.len_bytes;
        if id.len_bytes.is_none() {
            job.note(format!(
                "flash chip {:#08x} is not recognised; assuming 4 MiB",
                id.jedec
            ));
        }
    }
    job.connected(board.clone());
    Ok(BoardFacts {
        revision: board.revision,
        flash_size: board.flash_size,
        crystal_mhz,
        security: board.security,
        ..BoardFacts::new(chip)
    })
}

pub(super) fn mac_text(mac: [u8; 6]) -> String {
    mac.map(|byte| format!("{byte:02x}")).join(":")
}

/// Everything that a board tells about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoardInfo {
    /// The chip.
    pub chip: Chip,
    /// Chip revision, major * 100 + minor. `None` in Secure Download Mode, like all of the options, and of
    /// an ESP8266.
    pub revision: Option<u16>,
    /// Factory MAC address.
    pub mac: Option<String>,
    /// The flash chip.
    pub flash: Option<FlashId>,
    /// What its eFuses allow.
    pub security: Security,
}

/// Identifies the board, and lets its firmware start again.
///
/// # Errors
/// [`Failure`] says what state the board is in and what to do; nothing was written.
pub fn board_info(
    port: &str,
    open: &mut Open<'_>,
    cancel: &CancelToken,
) -> Result<BoardInfo, Failure> {
    let ask = |open: &mut Open<'_>| -> Result<BoardInfo, DeployError> {
        let mut session = Session::connect(open()?, ConnectOptions::default(), cancel)?;
        let info = read_info(&mut session);
        match info {
            Ok(info) => {
                session.leave()?;
                Ok(info)
            }
            Err(error) => {
                session.abandon();
                Err(error.into())
            }
        }
    };
    ask(open).map_err(|error| error.into_failure(port, &BoardState::Untouched))
}

fn read_info(session: &mut Session) -> Result<BoardInfo, LoaderError> {
    let security = session.security()?;
    let mut info = BoardInfo {
        chip: session.chip(),
        revision: None,
        mac: None,
        flash: None,
        security,
    };
    if !security.secure_download {
        let has_revisions = !session.chip().facts().revision.minor.is_empty();
        if has_revisions {
            info.revision = Some(session.revision()?);
        }
        info.mac = Some(mac_text(session.mac()?));
        session.attach_flash()?;
        info.flash = Some(session.flash_id()?);
    }
    Ok(info)
}
