//! One more backend: a board that is an array. It needs nothing but the trait.

use fbuild_chip::Chip;
use fbuild_chip::flash::SECTOR_LEN;
use fbuild_loader::cancel::CancelToken;

use super::Backend;
use crate::cost::Measured;
use crate::event::{Board, Event, Phase};
use crate::failure::DeployError;
use crate::image::{BoardFacts, Image, LoadedImages};
use crate::job::Job;
use crate::job::on_board::OnBoard;
use crate::outcome::{OutcomeKind, Report, Verdict};
use crate::plan::Plan;
use crate::request::{Choice, Mode, Request};
use crate::search::{Sector, in_bytes};
use fbuild_chip::security::BoardSecurity;
use fbuild_project::target::Target;

const CHIP: Chip = Chip::Esp32;
/// Where the data goes.
const AT: usize = 0x20_0000;

struct Array<'f>(&'f mut [u8]);

impl OnBoard for Array<'_> {
    fn read(&mut self, offset: u32, len_bytes: u32) -> Result<Vec<u8>, DeployError> {
        Ok(self.0[offset as usize..][..len_bytes as usize].to_vec())
    }

    fn holds(&mut self, offset: u32, bytes: &[u8]) -> Result<bool, DeployError> {
        Ok(self.0[offset as usize..].starts_with(bytes))
    }

    fn are_blank(&mut self, stretches: &[(u32, u32)]) -> Result<Vec<bool>, DeployError> {
        let is_blank = |&(offset, len_bytes): &(u32, u32)| {
            let bytes = &self.0[offset as usize..][..len_bytes as usize];
            bytes.iter().all(|byte| *byte == 0xFF)
        };
        Ok(stretches.iter().map(is_blank).collect())
    }
}

impl Backend for Array<'_> {
    type Loaded = LoadedImages;

    fn load(job: &mut Job<'_>) -> Result<LoadedImages, DeployError> {
        job.load(&Choice::as_asked(job.request()))
    }

    fn identify(&mut self, job: &mut Job<'_>, _: &LoadedImages) -> Result<BoardFacts, DeployError> {
        job.connected(Board {
            chip: CHIP.into(),
            mac: None,
            revision: None,
            flash_size: None,
            security: BoardSecurity::default(),
        });
        Ok(BoardFacts::new(CHIP))
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
            let at = region.image.region.offset as usize;
            for n in 0..region.sectors.len() {
                let bytes = in_bytes(&(n..n + 1));
                let matches = self.0[at..][bytes.clone()] == region.image.bytes[bytes];
                region.sectors[n] = if matches {
                    Sector::Match
                } else {
                    Sector::Differs
                };
            }
            let differs = region.sectors.contains(&Sector::Differs);
            region.verdict = if differs {
                Verdict::Differs
            } else {
                Verdict::Match
            };
        }
        Ok(())
    }

    fn on_board(&mut self) -> Option<&mut dyn OnBoard> {
        Some(self)
    }

    fn write(&mut self, job: &mut Job<'_>, plan: &Plan) -> Result<(), DeployError> {
        for run in &plan.runs {
            job.writing(run.region);
            let region = &mut job.survey_mut().regions[run.region];
            let bytes = &region.image.bytes[run.bytes()];
            self.0[region.sector_offset(run.sectors.start) as usize..][..bytes.len()]
                .copy_from_slice(bytes);
            region.touched = true;
            region.written[run.sectors.clone()].fill(true);
            job.progress(run.region, Phase::Write, 1, 1);
        }
        Ok(())
    }

    fn prove(&mut self, _: &mut Job<'_>, _: &Plan) -> Result<(), DeployError> {
        Ok(())
    }

    fn leave(self, _: &mut Job<'_>, result: Result<(), DeployError>) -> Result<(), DeployError> {
        result
    }
}

fn deploy(flash: &mut [u8], mode: Mode) -> (Report, Vec<Event>) {
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
        job.run(|_| Ok(Array(flash)))
    });
    (report, events)
}

#[test]
fn a_backend_needs_its_steps_and_nothing_else() {
    let mut flash = vec![0xFF; 2 * AT];
    let (report, events) = deploy(&mut flash, Mode::Auto);
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

    let (report, _) = deploy(&mut flash, Mode::Auto);
    assert_eq!(report.outcome, OutcomeKind::VerifySkip);

    flash[AT + 0x1000] = 0;
    let before = flash.clone();
    let (report, _) = deploy(&mut flash, Mode::Verify);
    assert_eq!(report.outcome, OutcomeKind::Failed);
    let (report, _) = deploy(&mut flash, Mode::Plan);
    assert_eq!(report.message, "would write data: 1 of 3 sectors");
    assert_eq!(flash, before);
    let (report, _) = deploy(&mut flash, Mode::Auto);
    assert_eq!(
        report.message,
        "deploy succeeded (selective flash: data; 1 of 3 sectors)"
    );
    assert_eq!(flash[AT + 0x1000], 0x5A);
}
