//! Deploying, for everybody who wants it done.

use fbuild_chip::usb::UsbBoard;
use fbuild_loader::cancel::CancelToken;
use fbuild_project::input_error::InputError;
use fbuild_project::remedy::Way as Remedy;

use crate::avr::{Avr, not_for_avr};
use crate::espota::Espota;
use crate::esptool::tool::Esptool;
use crate::esptool::{Reach, Serve};
use crate::event::Event;
use crate::job::Job;
use crate::native::Native;
use crate::outcome::{Backend, Report};
use crate::request::{Open, Request};
use crate::usb::{Usb, not_for_usb};

/// Deploys. Ends with exactly one [`Event::Finished`], whose report is also returned.
///
/// All input is checked before the port is opened. The port is free when this returns. Cancelling
/// takes effect within one block, or 50 ms where the board is being waited for.
pub fn deploy(
    request: &Request,
    open: &mut Open<'_>,
    events: &mut dyn FnMut(Event),
    cancel: &CancelToken,
) -> Report {
    Job::report_of(request, events, cancel, |job| {
        if let Some(board) = request.target.usb {
            return match request.carrier() {
                Backend::Native | Backend::Usb => job.run(|job| Usb::connect(job, board, open)),
                Backend::Esptool => Err(not_by_esptool(board).into()),
                Backend::Espota => {
                    Err(not_for_usb(board, "not over the air", Remedy::ChoosePort).into())
                }
            };
        }
        match (request.carrier(), request.target.avr) {
            (Backend::Native | Backend::Usb, None) => job.run(|job| Native::connect(job, open)),
            (Backend::Native | Backend::Usb, Some(avr)) => {
                job.run(|job| Avr::connect(job, avr, open))
            }
            (Backend::Esptool, None) => job.run(|job| Esptool::connect(job, Reach::Port(open))),
            (carrier, Some(avr)) => Err(not_for_avr(carrier, &request.target.name, avr)),
            (Backend::Espota, None) => job.run(Espota::connect),
        }
    })
}

/// As [`deploy`], with esptool and a simulated board: esptool is given what `serve` makes of the board's
/// port, once all input was checked.
pub fn deploy_served(
    request: &Request,
    serve: &mut Serve<'_>,
    events: &mut dyn FnMut(Event),
    cancel: &CancelToken,
) -> Report {
    Job::report_of(request, events, cancel, |job| {
        match (request.target.avr, request.target.usb) {
            (None, None) => job.run(|job| Esptool::connect(job, Reach::Served(serve))),
            (None, Some(board)) => Err(not_by_esptool(board).into()),
            (Some(avr), _) => Err(not_for_avr(Backend::Esptool, &request.target.name, avr)),
        }
    })
}

fn not_by_esptool(board: UsbBoard) -> InputError {
    not_for_usb(board, "not by esptool", Remedy::NativeBackend)
}
