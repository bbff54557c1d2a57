//! One deploy under way: what is known of it and what it decides is the same for every backend, and so is
//! what it reports.

mod boot_slot;
mod chain;
pub(crate) mod cycles;
pub(crate) mod journal;
pub(crate) mod on_board;
mod overwritten;
mod predict;
mod report;
pub(crate) mod survey;
mod table_change;

use fbuild_loader::cancel::CancelToken;

use self::journal::Journal;
use self::on_board::OnBoard;
use self::survey::{Region, Survey};
use crate::event::Event;
use crate::failure::DeployError;
use crate::image::{self, BoardFacts, Image, LoadedImages};
use crate::old_images::{Making, OldImages};
use crate::outcome::{Report, Unit};
use crate::plan::{Plan, Surveyed, plan};
use crate::request::{Choice, Mode, Request};
use crate::search::{SAMPLED_FROM, Sector};

/// What a deploy knows.
///
/// Request and cancel token stay the same from beginning to end. The survey is empty until a board is
/// known; an attempt that starts over begins another one, which goes on with what was written before.
/// Once the board was touched the journal says so to the end, it calls the board proved only in
/// [`Self::conclude`], and it ends once, with the report. `subset` is known when the input is loaded,
/// `confirmed` when everything was written. Backends fill in the survey and tell the rest.
pub(crate) struct Job<'a> {
    request: &'a Request,
    cancel: &'a CancelToken,
    /// What it has told and done.
    journal: Journal<'a>,
    /// What is to be written, and what is known of the board.
    survey: Survey,
    /// Only a part of the build was asked for.
    subset: bool,
    /// What says that the board holds a whole image, where it is not compared.
    confirmed: Option<&'static str>,
    /// Copies of the images that are worth keeping, and which regions'.
    making: Vec<(usize, Making)>,
}

impl<'a> Job<'a> {
    /// One job from its beginning to its report, whatever it does in between. Ends with exactly one
    /// [`Event::Finished`].
    pub(crate) fn report_of(
        request: &'a Request,
        events: &'a mut dyn FnMut(Event),
        cancel: &'a CancelToken,
        run: impl FnOnce(&mut Self) -> Result<(), DeployError>,
    ) -> Report {
        let mut job = Self {
            request,
            cancel,
            journal: Journal::new(events),
            survey: Survey::default(),
            subset: false,
            confirmed: None,
            making: Vec::new(),
        };
        let result = run(&mut job);
        let report = job.report(result);
        job.journal.finish(report.clone());
        report
    }

    pub(crate) fn request(&self) -> &'a Request {
        self.request
    }

    pub(crate) fn cancel(&self) -> &'a CancelToken {
        self.cancel
    }

    pub(crate) fn survey(&self) -> &Survey {
        &self.survey
    }

    pub(crate) fn survey_mut(&mut self) -> &mut Survey {
        &mut self.survey
    }

    /// All input was read: what there is to say of it, and whether it is only a part of the build.
    pub(crate) fn loaded<'n>(
        &mut self,
        is_subset: bool,
        notes: impl IntoIterator<Item = &'n String>,
    ) {
        self.subset = is_subset;
        notes.into_iter().for_each(|note| self.note(note.clone()));
    }

    /// The board, or who wrote to it, says that it holds the whole image.
    pub(crate) fn confirmed(&mut self, by: &'static str) {
        self.confirmed = Some(by);
    }

    /// Reads all input and checks it, before anything else is done.
    pub(crate) fn load(&mut self, choice: &Choice) -> Result<LoadedImages, DeployError> {
        let regions = choice.regions.as_deref();
        let is_cancelled = || self.cancel.is_cancelled();
        let loaded = image::load_unless(&self.request.target, regions, &is_cancelled)?;
        let notes = loaded.warnings().iter().chain(&choice.note);
        self.loaded(loaded.is_subset(), notes);
        Ok(loaded)
    }

    /// The images as they are to be compared and written. A build that may not go onto this board is
    /// refused here, before anything is erased; to compare it does no harm.
    pub(crate) fn images_for(
        &mut self,
        loaded: &LoadedImages,
        facts: &BoardFacts,
    ) -> Result<Vec<Image>, DeployError> {
        let (images, but) = match self.request.mode {
            Mode::Verify => (
                loaded.for_comparing(facts)?,
                "a deploy of this build would be refused",
            ),
            Mode::Auto | Mode::Full | Mode::Plan => (
                loaded.for_board(facts, self.request.force)?,
                "force overrides a refusal",
            ),
        };
        if let Err(refusal) = loaded.check_board(&images, facts) {
            self.journal.note(format!("{but}: {refusal}"));
        }
        Ok(images)
    }

    /// Looks at what the board holds besides the regions, where that decides something: whether it will
    /// start, what a new table costs, and which slot starts. A backend that cannot look says so, and
    /// where data is to be kept that ends the deploy.
    pub(crate) fn look(
        &mut self,
        board: &mut dyn OnBoard,
        loaded: &LoadedImages,
        facts: &BoardFacts,
    ) -> Result<(), DeployError> {
        if let Err(error) = self.check_chain(board, loaded, facts) {
            let why = unread(error)?;
            self.journal.note(format!(
                "the parts of the board that this deploy leaves alone could not be read ({why}), \
                 so it is not known whether the firmware starts"
            ));
        }
        if let Err(error) = self.look_after_data(board, loaded, facts) {
            let why = unread(error)?;
            self.keep_data_or_note(format!(
                "the partition table is replaced, and the old one could not be read ({why}): the \
                 firmware may no longer find its stored data"
            ))?;
        }
        if let Err(error) = self.select_boot_slot(board, loaded, facts) {
            let why = unread(error)?;
            self.journal.note(format!(
                "otadata could not be read ({why}), so it is not known whether the new firmware is \
                 the one that starts"
            ));
        }
        Ok(())
    }

    /// Makes the plan from what is known of the sectors, and publishes it.
    pub(crate) fn publish_plan(&mut self) -> Plan {
        let known = self.survey.regions.iter();
        let known: Vec<Vec<Sector>> = known.map(|region| region.sectors.clone()).collect();
        let plan = self.plan_for(&known);
        let is_exact = self.request.mode == Mode::Plan;
        self.journal.planned(self.survey.summarize(&plan, is_exact));
        plan
    }

    /// The plan that puts right what differs.
    pub(crate) fn plan_for(&self, known: &[Vec<Sector>]) -> Plan {
        let surveyed: Vec<Surveyed<'_>> = self
            .survey
            .regions
            .iter()
            .zip(known)
            .map(|(region, sectors)| Surveyed {
                kind: region.image.region.kind,
                offset: region.image.region.offset,
                sectors,
            })
            .collect();
        let mut plan = plan(&surveyed, &self.survey.write_costs());
        for (n, region) in self.survey.regions.iter().enumerate() {
            if let Some(differences) = &region.differences {
                plan.replace(n, &differences.units);
            }
        }
        plan
    }

    /// Begins to make copies of the images, to be kept once the board holds them.
    pub(crate) fn make_copies(&mut self) {
        let Some(dir) = &self.request.old_images else {
            return;
        };
        if matches!(self.request.mode, Mode::Verify | Mode::Plan) {
            return;
        }
        let regions = self.survey.regions.iter().enumerate();
        let worth = regions.filter(|(_, region)| {
            region.sectors.len() >= SAMPLED_FROM && region.image.unit == Unit::Sector
        });
        let make = |(n, region): (usize, &Region)| {
            Some((n, OldImages::new(dir).make(&region.image.bytes)?))
        };
        self.making = worth.filter_map(make).collect();
    }

    /// Everything went well: the board holds these images.
    pub(crate) fn conclude(&mut self) {
        for (n, made) in std::mem::take(&mut self.making) {
            if let Some(dir) = &self.request.old_images
                && self.survey.regions[n].provable
            {
                OldImages::new(dir).keep(made);
            }
        }
        if self.survey.regions.iter().all(|region| region.provable) {
            self.journal.proved();
        }
    }
}

/// Why something could not be read, if that is all that is wrong.
fn unread(error: DeployError) -> Result<String, DeployError> {
    match error {
        DeployError::Esptool(error) if !error.is_local() => Ok(error.to_string()),
        _ => Err(error),
    }
}
