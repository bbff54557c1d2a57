//! One deploy from start to end, whichever backend carries it out. Start at [`Job::run`].

use std::time::Instant;

use crate::failure::DeployError;
use crate::image::{BoardFacts, Image, LoadedImages};
use crate::job::Job;
use crate::job::on_board::OnBoard;
use crate::plan::Plan;
use crate::request::{Choice, Mode};

/// How often a deploy starts over, from a SYNC and a new comparison, after an error on the link.
const TRIES_AGAIN: u32 = 2;

/// All input of a deploy, read and checked, for one family of boards.
pub(crate) trait Loaded: Sized {
    /// What decides what may be written to a board.
    type Facts;

    /// Reads all of it, and checks it, before anything else is done.
    fn load(job: &mut Job<'_>) -> Result<Self, DeployError>;

    /// The images as they are to be on this board. What may not go onto it is refused.
    fn images(&self, job: &mut Job<'_>, facts: &Self::Facts) -> Result<Vec<Image>, DeployError>;

    /// Looks at what the board holds besides, where that decides whether it starts, or may be lost.
    fn look(
        &self,
        job: &mut Job<'_>,
        board: &mut dyn OnBoard,
        facts: &Self::Facts,
    ) -> Result<(), DeployError> {
        let _ = (job, board, facts);
        Ok(())
    }
}

impl Loaded for LoadedImages {
    type Facts = BoardFacts;

    fn load(job: &mut Job<'_>) -> Result<Self, DeployError> {
        job.load(&Choice::as_asked(job.request()))
    }

    fn images(&self, job: &mut Job<'_>, facts: &BoardFacts) -> Result<Vec<Image>, DeployError> {
        job.images_for(self, facts)
    }

    fn look(
        &self,
        job: &mut Job<'_>,
        board: &mut dyn OnBoard,
        facts: &BoardFacts,
    ) -> Result<(), DeployError> {
        job.look(board, self, facts)
    }
}

/// What a backend's input wants to know of a board.
pub(crate) type Facts<B> = <<B as Backend>::Loaded as Loaded>::Facts;

/// Who carries out the steps of a deploy: this program in the protocol of a loader, esptool, a device
/// that takes its firmware over the air, or a boot loader on USB. It has the board from when it is made until it leaves.
pub(crate) trait Backend: Sized {
    /// What it carries.
    type Loaded: Loaded;

    /// Reads the input, of which it may not be able to carry all.
    fn load(job: &mut Job<'_>) -> Result<Self::Loaded, DeployError> {
        Self::Loaded::load(job)
    }

    /// Asks the board everything that decides what may be written, and tells the job.
    fn identify(
        &mut self,
        job: &mut Job<'_>,
        loaded: &Self::Loaded,
    ) -> Result<Facts<Self>, DeployError>;

    /// Makes the job's survey of what is to be compared and written.
    fn survey(
        &mut self,
        job: &mut Job<'_>,
        images: Vec<Image>,
        facts: &Facts<Self>,
    ) -> Result<(), DeployError>;

    /// Gives every region of the survey that can be compared its verdict.
    fn compare(&mut self, job: &mut Job<'_>, loaded: &Self::Loaded) -> Result<(), DeployError> {
        let _ = (job, loaded);
        Ok(())
    }

    /// The board, where what it holds besides can be looked at and decides something.
    fn on_board(&mut self) -> Option<&mut dyn OnBoard> {
        None
    }

    /// Gets ready to write what differs, where there is something to get ready: what a plan costs is
    /// known afterwards.
    fn prepare(&mut self, job: &mut Job<'_>) -> Result<(), DeployError> {
        let _ = job;
        Ok(())
    }

    /// Erases and writes what the plan says, in its order.
    fn write(&mut self, job: &mut Job<'_>, plan: &Plan) -> Result<(), DeployError>;

    /// Shows that the board holds what can be proved of what was written, or fails.
    fn prove(&mut self, job: &mut Job<'_>, plan: &Plan) -> Result<(), DeployError>;

    /// Gets the board back after an error, where that may help; `tried`: how often it was done before.
    fn again(
        &mut self,
        job: &mut Job<'_>,
        error: &DeployError,
        tried: u32,
    ) -> Option<Result<(), DeployError>> {
        let _ = (job, error, tried);
        None
    }

    /// Lets the firmware start where that was asked for, also after a failure: a board that was not
    /// touched goes on with what it has.
    fn leave(self, job: &mut Job<'_>, result: Result<(), DeployError>) -> Result<(), DeployError> {
        let _ = job;
        result
    }
}

impl Job<'_> {
    /// A deploy, from top to bottom. All input is checked before `connect` gets at the board.
    pub(crate) fn run<B: Backend>(
        &mut self,
        connect: impl FnOnce(&mut Self) -> Result<B, DeployError>,
    ) -> Result<(), DeployError> {
        let loaded = B::load(self)?;
        let began = Instant::now();
        let mut backend = connect(self)?;
        let mut result = self.run_on_board(&mut backend, &loaded);
        for tried in 0..TRIES_AGAIN {
            let Err(error) = &result else { break };
            let Some(again) = backend.again(self, error, tried) else {
                break;
            };
            // The comparison finds what was written already.
            result = again.and_then(|()| self.run_on_board(&mut backend, &loaded));
        }
        self.took(began.elapsed());
        backend.leave(self, result)
    }

    fn run_on_board<B: Backend>(
        &mut self,
        backend: &mut B,
        loaded: &B::Loaded,
    ) -> Result<(), DeployError> {
        let facts = backend.identify(self, loaded)?;
        let images = loaded.images(self, &facts)?;
        backend.survey(self, images, &facts)?;
        self.make_copies();
        backend.compare(self, loaded)?;
        if let Some(board) = backend.on_board() {
            loaded.look(self, board, &facts)?;
        }
        if self.request().mode == Mode::Verify {
            return Ok(());
        }
        backend.prepare(self)?;
        let plan = self.publish_plan();
        if self.request().mode == Mode::Plan {
            return Ok(());
        }
        backend.write(self, &plan)?;
        backend.prove(self, &plan)?;
        self.conclude();
        Ok(())
    }
}

#[cfg(test)]
mod tests;
