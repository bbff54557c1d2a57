//! The backend for devices that take firmware over the air, as ArduinoOTA does (`espota://HOST`): this
//! machine invites by UDP, the device connects back and takes one whole image, the app or a file system.
//!
//! Nothing can be read from such a device: it compares nothing and says nothing about itself. The proof is
//! the MD5 that it takes of what it has written, before it starts it.
//!
//! What is pure is in a file each: [`auth`] proves a password, `place` reads an address, `choice` says what
//! can be sent, `said` understands what a device prints. `lookup` finds it, `lock` keeps others of this user from it,
//! `invite` and `push` talk to it.
//!
//! Source: arduino-esp32, its libraries ArduinoOTA and Update, and `espota.py`.

pub mod auth;
mod choice;
pub mod error;
mod invite;
mod lock;
mod lookup;
mod place;
mod push;
mod said;

use std::fs::File;
use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::time::Duration;

use fbuild_chip::Chip;
use fbuild_link::error::OpenError;
use fbuild_link::port_name::PortName;
use fbuild_loader::cancel::CancelToken;
use fbuild_loader::error::LoaderError;
use fbuild_loader::session::md5_of;
use fbuild_project::input_error::InputError;
use fbuild_project::partitions::PartitionTable;
use fbuild_project::password::Password;
use fbuild_project::target::RegionKind;

use self::error::OtaError;
use self::invite::Invitation;
use self::place::Place;
use self::push::Push;
use crate::backend::Backend;
use crate::cost::Measured;
use crate::event::Phase;
use crate::failure::{Air, DeployError};
use crate::image::{BoardFacts, Image, LoadedImages};
use crate::job::Job;
use crate::plan::Plan;
use crate::request::Mode;

/// How long a device may be busy with other things before it answers an invitation.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// How long it may take to connect, and take nothing of the image.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long it may take to check and activate the image.
const CONFIRM_TIMEOUT: Duration = Duration::from_mins(1);
/// Commands of an invitation.
const APP: u8 = 0;
const FILE_SYSTEM: u8 = 100;

/// A device that takes firmware over the air.
pub(crate) struct Espota {
    timeout: Option<Duration>,
    /// `None`: nothing is to be sent.
    way: Option<Way>,
    table: Option<PartitionTable>,
    push: Option<Push>,
    /// Nobody else sends to the device until this is dropped.
    _lock: Option<File>,
}

/// Sockets on the side of the network that the device is on.
struct Way {
    device: SocketAddr,
    udp: UdpSocket,
    listener: TcpListener,
}

impl Way {
    fn to(device: SocketAddr, host_port: u16) -> io::Result<Self> {
        let any = if device.is_ipv4() {
            "0.0.0.0:0"
        } else {
            "[::]:0"
        };
        let udp = UdpSocket::bind(any)?;
        udp.connect(device)?;
        invite::hear_cancels(&udp)?;
        let listener = TcpListener::bind((udp.local_addr()?.ip(), host_port))?;
        listener.set_nonblocking(true)?;
        Ok(Self {
            device,
            udp,
            listener,
        })
    }
}

fn address(place: &Place, cancel: &CancelToken) -> io::Result<SocketAddr> {
    let found = lookup::addresses(place.host.clone(), place.port, cancel)?;
    // Few devices have an IPv6 address that they are found under.
    let v4 = found.iter().find(|address| address.is_ipv4());
    Ok(*v4.or(found.first()).ok_or(io::ErrorKind::NotFound)?)
}

impl Espota {
    pub(crate) fn connect(job: &mut Job<'_>) -> Result<Self, DeployError> {
        let port = job.request().port.clone();
        let rest = match PortName::of(&port) {
            PortName::Espota(rest) => rest,
            _ => "",
        };
        let place = Place::of(rest).map_err(|why| OpenError::BadName {
            port: port.clone(),
            why,
        })?;
        let mut lock = None;
        let way = if job.request().mode == Mode::Plan {
            let note = "over the air nothing can be compared: a deploy sends all of it";
            job.note(note.to_owned());
            None
        } else {
            job.connecting();
            let device = address(&place, job.cancel());
            if job.cancel().is_cancelled() {
                return Err(LoaderError::Cancelled.into());
            }
            let failed = |source| OpenError::Other {
                port: port.clone(),
                source,
            };
            let device = device.map_err(failed)?;
            // Before its host_port is bound, which who has the lock has bound, too.
            if let Some(dir) = &job.request().air_locks {
                let busy = |holders| OpenError::Busy {
                    port: port.clone(),
                    holders,
                };
                lock = lock::take(dir, device).map_err(busy)?;
            }
            Some(Way::to(device, place.host_port).map_err(failed)?)
        };
        Ok(Self {
            timeout: place.timeout,
            way,
            table: None,
            push: None,
            _lock: lock,
        })
    }
}

fn not_comparable() -> InputError {
    InputError::new(
        "not-verifiable",
        "over the air the board cannot be compared with a build",
        "Verify over a serial port, or deploy: the device confirms what it has written.",
    )
}

impl Backend for Espota {
    type Loaded = LoadedImages;

    fn load(job: &mut Job<'_>) -> Result<LoadedImages, DeployError> {
        let request = job.request();
        if request.mode == Mode::Verify {
            return Err(not_comparable().into());
        }
        let asked = request.regions.as_deref();
        job.load(&choice::choose(&request.target, asked)?)
    }

    /// Nobody says who is there. The device itself refuses an app for another chip.
    fn identify(
        &mut self,
        _: &mut Job<'_>,
        loaded: &LoadedImages,
    ) -> Result<BoardFacts, DeployError> {
        self.table = loaded.table().cloned();
        Ok(BoardFacts::new(loaded.chip().unwrap_or(Chip::Esp32)))
    }

    fn survey(
        &mut self,
        job: &mut Job<'_>,
        images: Vec<Image>,
        facts: &BoardFacts,
    ) -> Result<(), DeployError> {
        for image in &images {
            choice::check_place(image, self.table.as_ref(), job.request().force)?;
        }
        // Of which nothing is compressed.
        job.survey_mut().begin(images, Measured::default(), facts);
        Ok(())
    }

    fn write(&mut self, job: &mut Job<'_>, _: &Plan) -> Result<(), DeployError> {
        let (Some(way), [region]) = (&self.way, &job.survey().regions[..]) else {
            return Ok(());
        };
        let image = region.image.clone();
        let bytes = image.content();
        let is_app = image.region.kind == RegionKind::App;
        let host_port = way
            .listener
            .local_addr()
            .map_err(|source| OpenError::Other {
                port: job.request().port.clone(),
                source,
            })?;
        let invitation = Invitation {
            udp: &way.udp,
            text: format!(
                "{} {} {} {}\n",
                if is_app { APP } else { FILE_SYSTEM },
                host_port.port(),
                bytes.len(),
                auth::hex(&md5_of(bytes))
            ),
            password: job.request().ota_password.as_ref().map(Password::reveal),
            timeout: self.timeout.unwrap_or(ANSWER_TIMEOUT),
            cancel: job.cancel(),
        };
        invitation.accepted()?;
        let timeout = self.timeout.unwrap_or(CONNECT_TIMEOUT);
        let push = Push::accept(&way.listener, way.device.ip(), timeout, job.cancel())?;
        let push = self.push.insert(push);
        job.survey_mut().regions[0].touched = true;
        job.in_the_air(if is_app {
            Air::AppInPart
        } else {
            Air::FilesInPart
        });
        let total_bytes = bytes.len() as u64;
        let sent = push.send(bytes, &mut |sent| {
            let region = &mut job.survey_mut().regions[0];
            let n_sectors = region.written.len() * sent / bytes.len().max(1);
            region.written[..n_sectors].fill(true);
            region.sent_bytes = sent as u64;
            job.progress(0, Phase::Write, sent as u64, total_bytes);
        });
        if matches!(&sent, Err(DeployError::Ota(OtaError::EarlyOk { .. }))) {
            job.in_the_air(Air::Unconfirmed);
        }
        sent
    }

    fn prove(&mut self, job: &mut Job<'_>, _: &Plan) -> Result<(), DeployError> {
        let (Some(push), [region]) = (&mut self.push, &job.survey().regions[..]) else {
            return Ok(());
        };
        let total_bytes = u64::from(region.len_bytes);
        job.progress(0, Phase::Check, 0, total_bytes);
        let confirmed = push.confirmed(self.timeout.unwrap_or(CONFIRM_TIMEOUT));
        let has_refused = matches!(
            &confirmed,
            Err(DeployError::Ota(OtaError::Complaint { .. }))
        );
        if confirmed.is_err() && !has_refused {
            job.in_the_air(Air::Unconfirmed);
        }
        confirmed?;
        job.confirmed("confirmed by the device");
        job.progress(0, Phase::Check, total_bytes, total_bytes);
        Ok(())
    }
}

/// A wait, as people read it.
fn seconds(wait: Duration) -> u64 {
    u64::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(u64::MAX)
}
