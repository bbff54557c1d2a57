//! The backend for AVR boards: their boot loader reads and writes pages, and cannot hash.
//!
//! So comparing is reading, and so is proving. What may go wrong on the wire is found by that: the
//! protocol's first version has no checksum.

mod compare;
mod images;

use std::time::Duration;

use fbuild_chip::Device;
use fbuild_chip::avr::{AvrBoard, Part};
use fbuild_chip::security::BoardSecurity;
use fbuild_loader::error::LoaderError;
use fbuild_loader::reset::{After, Before};
use fbuild_loader::stk500::{self, BootLoader, Memory};
use fbuild_project::input_error::InputError;
use fbuild_project::remedy::Way;

use self::images::{AvrImages, memory_of};
use crate::backend::{Backend, Loaded};
use crate::cost::PageCosts;
use crate::event::{Board, Phase};
use crate::failure::DeployError;
use crate::image::Image;
use crate::job::Job;
use crate::outcome;
use crate::plan::Plan;
use crate::request::{Baud, Open};
use crate::search::Sector;

/// How often a deploy starts over, by another reset.
const TRIES_AGAIN: u32 = 1;

/// An AVR board whose boot loader answers.
pub(crate) struct Avr {
    loader: Box<dyn BootLoader>,
    board: AvrBoard,
    /// When the port was opened, by the link's clock.
    opened: Duration,
    /// What a request took whose answer is short.
    round_trip: Duration,
}

impl Avr {
    pub(crate) fn connect(
        job: &mut Job<'_>,
        board: AvrBoard,
        open: &mut Open<'_>,
    ) -> Result<Self, DeployError> {
        job.connecting();
        let link = open()?;
        let opened = link.now();
        if matches!(job.request().baud, Baud::Fixed(baud) if baud != board.baud) {
            job.note(format!(
                "a boot loader has one baud rate, this one's is {}: the one that was chosen is not used",
                board.baud
            ));
        }
        let mut loader = stk500::session(link, board, job.cancel().clone())?;
        loader.begin(job.request().before)?;
        Ok(Self {
            loader,
            board,
            opened,
            round_trip: Duration::ZERO,
        })
    }

    fn now(&mut self) -> Duration {
        self.loader.link().now()
    }
}

/// The error of a backend that cannot deploy to AVR boards.
pub(crate) fn not_for_avr(backend: outcome::Backend, target: &str, board: AvrBoard) -> DeployError {
    let part = board.part;
    let (why, way) = match backend {
        outcome::Backend::Espota => ("takes no firmware over the air", Way::ChoosePort),
        _ => (
            "is none of the chips that esptool knows",
            Way::NativeBackend,
        ),
    };
    let what = format!("{target} is for {part}, which {why}");
    InputError::new("not-for-avr", what, way).into()
}

/// What a boot loader can do that not each of them can.
pub(crate) struct LoaderFacts {
    name: String,
    has_eeprom: bool,
}

impl Loaded for AvrImages {
    type Facts = LoaderFacts;

    fn load(job: &mut Job<'_>) -> Result<Self, DeployError> {
        let loaded = images::load(job.request(), job.cancel())?;
        job.loaded(loaded.is_subset, &job.request().target.remarks);
        Ok(loaded)
    }

    fn images(&self, _: &mut Job<'_>, loader: &LoaderFacts) -> Result<Vec<Image>, DeployError> {
        let needs_eeprom = |image: &&Image| memory_of(image) == Memory::Eeprom;
        if let Some(image) = self.images.iter().find(needs_eeprom)
            && !loader.has_eeprom
        {
            return Err(no_eeprom(&image.region.name, &loader.name).into());
        }
        Ok(self.images.clone())
    }
}

impl Backend for Avr {
    type Loaded = AvrImages;

    fn identify(
        &mut self,
        job: &mut Job<'_>,
        loaded: &AvrImages,
    ) -> Result<LoaderFacts, DeployError> {
        let before = self.now();
        let signature = self.loader.signature()?;
        self.round_trip = self.now().saturating_sub(before);
        let wanted = self.board.part;
        if signature != wanted.signature {
            return Err(loaded.for_another_part(wanted, signature).into());
        }
        job.connected(Board {
            chip: Device::Avr(wanted),
            mac: None,
            revision: None,
            flash_size: Some(wanted.flash_bytes),
            security: BoardSecurity::default(),
        });
        let name = self.loader.name().to_owned();
        tracing::debug!(loader = %name, part = %wanted, "a boot loader answers");
        Ok(LoaderFacts {
            name,
            has_eeprom: self.loader.has_eeprom(),
        })
    }

    fn survey(
        &mut self,
        job: &mut Job<'_>,
        images: Vec<Image>,
        _: &LoaderFacts,
    ) -> Result<(), DeployError> {
        let Part { page_bytes, .. } = *self.board.part;
        let costs = PageCosts::new(page_bytes, self.board.baud, self.round_trip);
        job.survey_mut().begin_pages(images, costs);
        Ok(())
    }

    fn compare(&mut self, job: &mut Job<'_>, _: &AvrImages) -> Result<(), DeployError> {
        compare::compare(job, &mut *self.loader)
    }

    /// A boot loader that erases pages in order, from the first one on, needs all of them.
    fn prepare(&mut self, job: &mut Job<'_>) -> Result<(), DeployError> {
        if !self.loader.erases_in_order() {
            return Ok(());
        }
        for region in &mut job.survey_mut().regions {
            let last = region
                .sectors
                .iter()
                .rposition(|page| page.is_to_be_written());
            let pages = region.sectors.iter_mut().take(last.map_or(0, |last| last));
            for page in pages.filter(|page| !page.is_to_be_written()) {
                *page = Sector::Assumed;
            }
        }
        Ok(())
    }

    fn write(&mut self, job: &mut Job<'_>, plan: &Plan) -> Result<(), DeployError> {
        let mut done = vec![0; job.survey().regions.len()];
        for (n, page) in plan.units() {
            job.writing(n);
            let region = &mut job.survey_mut().regions[n];
            region.touched = true;
            let (memory, offset) = (memory_of(&region.image), region.sector_offset(page));
            let bytes = region.unit_bytes(page);
            let len_bytes = bytes.len() as u64;
            self.loader.write(memory, offset, bytes)?;
            region.written[page] = true;
            region.sent_bytes += len_bytes;
            done[n] += u64::from(region.image.unit.len_bytes());
            let total_bytes = plan.sectors_of(n) as u64 * u64::from(region.image.unit.len_bytes());
            job.progress(n, Phase::Write, done[n], total_bytes);
        }
        if !plan.runs.is_empty() {
            job.written();
        }
        Ok(())
    }

    fn prove(&mut self, job: &mut Job<'_>, plan: &Plan) -> Result<(), DeployError> {
        for n in 0..job.survey().regions.len() {
            let pages: Vec<usize> = plan
                .units()
                .filter(|(region, _)| *region == n)
                .map(|(_, page)| page)
                .collect();
            let wrong = compare::differing(job, &mut *self.loader, n, &pages, Some(Phase::Check))?;
            if !wrong.is_empty() {
                return Err(job.survey().regions[n].not_proved(wrong));
            }
        }
        Ok(())
    }

    fn again(
        &mut self,
        job: &mut Job<'_>,
        error: &DeployError,
        tried: u32,
    ) -> Option<Result<(), DeployError>> {
        let what = match error {
            DeployError::Loader(error) if error.is_of_the_line() => error.to_string(),
            DeployError::NotProved {
                region, offsets, ..
            } => {
                let pages = if offsets.len() == 1 {
                    "1 page".to_owned()
                } else {
                    format!("{} pages", offsets.len())
                };
                format!("{region}: {pages} did not read back as written")
            }
            _ => return None,
        };
        // Without a line to reset it, the boot loader is gone after an error.
        if tried >= TRIES_AGAIN
            || job.cancel().is_cancelled()
            || job.request().before != Before::Reset
        {
            return None;
        }
        job.note(format!("{what}; trying again"));
        Some(self.loader.begin(Before::Reset).map_err(DeployError::from))
    }

    fn leave(
        mut self,
        job: &mut Job<'_>,
        result: Result<(), DeployError>,
    ) -> Result<(), DeployError> {
        let now = self.now();
        job.took(now.saturating_sub(self.opened));
        if job.request().after == After::NoReset {
            job.note(
                "the boot loader of an AVR board does not stay: the program starts within some seconds"
                    .to_owned(),
            );
        } else if !matches!(&result, Err(DeployError::Loader(LoaderError::Link { .. }))) {
            // Where it is missed, the boot loader starts the program by itself.
            let _ = self.loader.leave();
        }
        result
    }
}

fn no_eeprom(region: &str, loader: &str) -> InputError {
    InputError::new(
        "no-eeprom",
        format!(
            "{region}: this board's boot loader ({loader}) is not known to write EEPROM: some take it for \
             flash"
        ),
        "Deploy without this region, and write it with a programmer.",
    )
}
