//! The backend that speaks the loader's own protocol.

mod again;
mod ahead;
mod beside;
mod climb;
mod compare;
mod connect;
pub mod erase;
mod in_place;
mod loader;
mod on_board;
mod prove;
mod twins;
mod write;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use fbuild_loader::reset::After;
use fbuild_loader::session::{Left, Session};

use self::ahead::Ahead;
pub use self::connect::{BoardInfo, board_info};
use self::in_place::InPlace;
use crate::backend::Backend;
use crate::failure::DeployError;
use crate::image::{BoardFacts, Image, LoadedImages, brought_table};
use crate::job::Job;
use crate::job::on_board::OnBoard;
use crate::plan::Plan;
use crate::request::Open;

/// A board whose loader answers.
pub(crate) struct Native {
    session: Session,
    /// When the port was opened, by the link's clock.
    opened: Duration,
    in_place: InPlace,
    /// Threads that look for differences to what a region, by its name, probably holds.
    ahead: HashMap<Arc<str>, Ahead>,
}

impl Native {
    pub(crate) fn connect(job: &mut Job<'_>, open: &mut Open<'_>) -> Result<Self, DeployError> {
        job.connecting();
        let mut opened = None;
        let mut open = || {
            let link = open()?;
            opened.get_or_insert(link.now());
            Ok(link)
        };
        let session = connect::connect(job.request(), &mut open, job.cancel())?;
        Ok(Self {
            session,
            opened: opened.unwrap_or_default(),
            in_place: InPlace::Allowed,
            ahead: HashMap::new(),
        })
    }
}

impl Backend for Native {
    type Loaded = LoadedImages;

    fn identify(
        &mut self,
        job: &mut Job<'_>,
        loaded: &LoadedImages,
    ) -> Result<BoardFacts, DeployError> {
        connect::identify(job, &mut self.session, loaded)
    }

    fn survey(
        &mut self,
        job: &mut Job<'_>,
        images: Vec<Image>,
        facts: &BoardFacts,
    ) -> Result<(), DeployError> {
        let measured = connect::measured(&self.session);
        job.survey_mut().begin(images, measured, facts);
        loader::mark_unique(&mut job.survey_mut().regions);
        in_place::begin(job, self);
        let request = job.request();
        job.survey_mut()
            .prepare_flash(&mut self.session, facts, request)?;
        Ok(())
    }

    fn compare(&mut self, job: &mut Job<'_>, loaded: &LoadedImages) -> Result<(), DeployError> {
        job.survey_mut().table = loaded.table().cloned().or_else(|| {
            let images = job.survey().regions.iter().map(|region| &region.image);
            brought_table(images, loaded.table_offset())
        });
        compare::compare(job, &mut self.session)
    }

    fn on_board(&mut self) -> Option<&mut dyn OnBoard> {
        Some(self)
    }

    /// The stub and a faster link, where they pay.
    fn prepare(&mut self, job: &mut Job<'_>) -> Result<(), DeployError> {
        let write_bytes = job.survey().bytes_to_write();
        job.survey_mut()
            .start_stub_if_it_pays(&mut self.session, 0, write_bytes)?;
        let wire_bytes = job.survey().measured.usual_wire_bytes(write_bytes);
        climb::climb(job, &mut self.session, wire_bytes)?;
        in_place::consider(job, self);
        Ok(())
    }

    fn write(&mut self, job: &mut Job<'_>, plan: &Plan) -> Result<(), DeployError> {
        write::write(job, self, plan)
    }

    fn prove(&mut self, job: &mut Job<'_>, plan: &Plan) -> Result<(), DeployError> {
        prove::prove(job, self, plan)
    }

    fn again(
        &mut self,
        job: &mut Job<'_>,
        error: &DeployError,
        tried: u32,
    ) -> Option<Result<(), DeployError>> {
        let again = again::again(job, self, error, tried)?;
        let reconnected = connect::reconnect(job.request(), &mut self.session, again.limit);
        Some(reconnected.map_err(DeployError::from))
    }

    fn leave(self, job: &mut Job<'_>, result: Result<(), DeployError>) -> Result<(), DeployError> {
        let Self {
            session, opened, ..
        } = self;
        if result.is_ok() && job.has_written() {
            climb::remember_rate(job, &session);
        }
        job.took(session.link().now().saturating_sub(opened));
        match result {
            Ok(()) if job.request().after == After::Reset => {
                let name = session.link().name().to_owned();
                if session.leave()? == Left::StillInLoader {
                    job.note(format!(
                        "{name} has no control lines, and this chip cannot reset itself: press the \
                         board's reset button to start the firmware"
                    ));
                }
                Ok(())
            }
            Ok(()) => Ok(()),
            Err(error) => {
                session.abandon();
                Err(error)
            }
        }
    }
}
