//! One more backend: a board that is an array. It needs nothing but the trait.

use fbuild_chip::Chip;
use fbuild_chip::flash::SECTOR_LEN;
use fbuild_loader::cancel::CancelToken;

use super::Backend;
use crate::cost::Measured;
use crate::event::{Event, Phase};
use crate::failure::DeployError;
use crate::image::{BoardFacts, Image, LoadedImages};
use crate::job::Job;
use crate::job::survey::Region;
use crate::outcome::{OutcomeKind, Report};
use crate::plan::Plan;
use crate::request::{Mode, Request};
use crate::search::Sector;
use fbuild_project::target::Target;

/// Where the data goes.
const AT: usize = 0x20_0000;

struct Array<'f> {
    flash: &'f mut [u8],
    /// A byte that is always 0.
    worn: usize,
}

impl Array<'_> {
    fn holds(&self, region: &Region, sector: usize) -> bool {
        self.flash[region.sector_offset(sector) as usize..].starts_with(region.unit_bytes(sector))
    }
}

impl Backend for Array<'_> {
    type Loaded = LoadedImages;

    fn identify(&mut self, _: &mut Job<'_>, _: &LoadedImages) -> Result<BoardFacts, DeployError> {
        Ok(BoardFacts::new(Chip::Esp32))
    }

    fn survey(
        &mut self,
        job: &mut Job<'_>,
        images: Vec<Image>,
        facts: &BoardFacts,
    ) -> Result<(), DeployError> {
        job.survey_mut().begin(images, Measured::default(), facts);
        Ok(())
    }

    fn compare(&mut self, job: &mut Job<'_>, _: &LoadedImages) -> Result<(), DeployError> {
        for region in &mut job.survey_mut().regions {
            let sectors = (0..region.sectors.len()).map(|sector| {
                if self.holds(region, sector) {
                    Sector::Match
                } else {
                    Sector::Differs
                }
            });
            region.compared(sectors.collect());
        }
        Ok(())
    }

    fn write(&mut self, job: &mut Job<'_>, plan: &Plan) -> Result<(), DeployError> {
        for (n, sector) in plan.units() {
            job.writing(n);
            let region = &mut job.survey_mut().regions[n];
            region.touched = true;
            let at = region.sector_offset(sector) as usize;
            self.flash[at..][..SECTOR_LEN as usize].copy_from_slice(region.unit_bytes(sector));
            self.flash[self.worn] = 0;
            region.written[sector] = true;
            job.progress(n, Phase::Write, 1, 1);
        }
        Ok(())
    }

    fn prove(&mut self, job: &mut Job<'_>, plan: &Plan) -> Result<(), DeployError> {
        let regions = &job.survey().regions;
        let mut units = plan.units();
        let wrong = units.find(|&(n, sector)| !self.holds(&regions[n], sector));
        wrong.map_or(Ok(()), |(n, sector)| Err(regions[n].not_proved([sector])))
    }
}

fn deploy(flash: &mut [u8], worn: usize, mode: Mode) -> (Report, Vec<Event>) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("data.bin");
    std::fs::write(&file, [0x5A; 3 * SECTOR_LEN as usize]).unwrap();
    let request = Request {
        mode,
        ..Request::new(Target::from_files(&[(AT as u32, file)]).unwrap(), "array")
    };
    let mut events = Vec::new();
    let mut hear = |event| events.push(event);
    let cancel = CancelToken::new();
    let report = Job::report_of(&request, &mut hear, &cancel, |job| {
        job.run(|_| Ok(Array { flash, worn }))
    });
    (report, events)
}

#[test]
fn a_backend_needs_its_steps_and_nothing_else() {
    let mut flash = vec![0xFF; 2 * AT];
    let (report, events) = deploy(&mut flash, 0, Mode::Auto);
    assert_eq!(report.outcome, OutcomeKind::FullFlash, "{}", report.message);
    assert!(flash[AT..AT + 0x3000].iter().all(|byte| *byte == 0x5A));
    let planned = events
        .iter()
        .position(|event| matches!(event, Event::Planned(_)));
    let first = events
        .iter()
        .position(|event| matches!(event, Event::Progress { .. }));
    assert!(planned.unwrap() < first.unwrap(), "{events:?}");
    assert!(
        matches!(events.last(), Some(Event::Finished(_))),
        "{events:?}"
    );

    let (report, _) = deploy(&mut flash, 0, Mode::Auto);
    assert_eq!(report.outcome, OutcomeKind::VerifySkip);

    flash[AT + 0x1000] = 0;
    let before = flash.clone();
    let (report, _) = deploy(&mut flash, 0, Mode::Verify);
    assert_eq!(report.outcome, OutcomeKind::Failed);
    let (report, _) = deploy(&mut flash, 0, Mode::Plan);
    assert_eq!(report.message, "would write data: 1 of 3 sectors");
    assert_eq!(flash, before);
    let (report, _) = deploy(&mut flash, 0, Mode::Auto);
    assert_eq!(
        report.message,
        "deploy succeeded (selective flash: data; 1 of 3 sectors)"
    );
    assert_eq!(flash[AT + 0x1000], 0x5A);

    flash[AT + 0x1000] = 0;
    let (report, _) = deploy(&mut flash, AT + 0x1000, Mode::Auto);
    assert_eq!(report.error.unwrap().code, "not-proved");
}
