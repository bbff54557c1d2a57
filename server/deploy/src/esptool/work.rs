//! What is done with esptool: one run of it per step.

use std::path::Path;
use std::time::Duration;

use fbuild_loader::cancel::CancelToken;
use fbuild_loader::chip::Chip;
use fbuild_loader::error::LoaderError;
use fbuild_loader::reset::{After, Before};
use fbuild_loader::session::LoaderKind;
use tempfile::TempDir;

use super::arguments::{Connection, Placed, Work, arguments};
use super::efuses;
use super::fault::{EsptoolError, fault, is_mismatch};
use super::find::{Candidate, candidates};
use super::output::Said;
use super::run::{Ran, run};
use super::verdicts::{Span, verdicts};
use super::version::{Spelling, Version};
use crate::cost::Measured;
use crate::deploy::{Baud, Job, Mode, Region, Request, Survey};
use crate::discover::Environment;
use crate::event::{Board, Event, Phase};
use crate::failure::{BoardState, DeployError};
use crate::image::{BoardFacts, BoardSecurity, Image, flash_size_name};
use crate::outcome::Verdict;
use crate::plan::Plan;
use crate::search::Sector;

/// Baud rate where nobody says one: what ESP-IDF flashes with. esptool does not step down from a
/// rate that the link does not carry.
const USUAL_BAUD: u32 = 460_800;
/// For predictions: one exchange over a usual adapter. Nothing is measured through esptool.
const ROUND_TRIP: Duration = Duration::from_millis(3);
/// File that eFuse registers are copied to.
const EFUSES: &str = "efuses.bin";

/// An esptool that works, and a folder to work in.
pub(super) struct Esptool<'j> {
    candidate: Candidate,
    spelling: Spelling,
    folder: TempDir,
    request: &'j Request,
    cancel: &'j CancelToken,
    /// What it opens.
    pub(super) device: String,
    /// The chip that answered and has to go on doing so.
    chip: Option<Chip>,
    /// It is in Secure Download Mode.
    secure_download: bool,
    /// The port's control lines reach the board, as far as is known.
    pub(super) has_lines: bool,
    /// The board's loader was started, and its firmware not.
    pub(super) is_in_loader: bool,
}

impl<'j> Esptool<'j> {
    /// The first candidate that says a version that is known here.
    pub(super) fn find(request: &'j Request, cancel: &'j CancelToken) -> Result<Self, DeployError> {
        let folder = TempDir::with_prefix("fbuild-esptool-").map_err(EsptoolError::Files)?;
        let environment = Environment::from_process();
        let chosen = request.esptool.as_deref();
        let mut refused: Option<EsptoolError> = None;
        for candidate in candidates(chosen, &environment, request.target.tool, &Path::is_file) {
            match spelling_of(&candidate, folder.path(), cancel) {
                Ok(spelling) => {
                    return Ok(Self {
                        candidate,
                        spelling,
                        folder,
                        request,
                        cancel,
                        device: request.port.clone(),
                        chip: None,
                        secure_download: false,
                        has_lines: true,
                        is_in_loader: false,
                    });
                }
                Err(DeployError::Esptool(error)) => {
                    refused.get_or_insert(error);
                }
                Err(other) => return Err(other),
            }
        }
        Err(refused.unwrap_or(EsptoolError::Missing).into())
    }

    /// Puts every region into a file that begins and ends with it.
    pub(super) fn lay_out(&self, regions: &[Region]) -> Result<(), EsptoolError> {
        for region in regions {
            let path = self.folder.path().join(file_name(region));
            std::fs::write(path, region.image.bytes.as_slice()).map_err(EsptoolError::Files)?;
        }
        Ok(())
    }

    /// One run; `hear` gets what it says that means something.
    fn run(
        &mut self,
        after: After,
        work: Work<'_>,
        hear: &mut dyn FnMut(&Said),
    ) -> Result<Ran, DeployError> {
        let request = self.request;
        let connection = Connection {
            chip: self.chip,
            port: &self.device,
            baud: match request.baud {
                Baud::Fixed(baud) => baud,
                Baud::Auto => request.target.baud.unwrap_or(USUAL_BAUD),
            },
            // As esptool itself advises.
            before: if self.has_lines {
                request.before
            } else {
                Before::NoReset
            },
            after,
        };
        let words = arguments(self.spelling, &connection, work).map_err(|_| {
            // Every caller has looked; esptool would call this a success.
            let (how, why) = ("not started", "there is no file for it");
            EsptoolError::Failed {
                how: how.to_owned(),
                why: why.to_owned(),
            }
        })?;
        let (is_in_loader, has_lines) = (&mut self.is_in_loader, &mut self.has_lines);
        let mut line = |line: &str| {
            match Said::from_line(line) {
                None => {}
                Some(Said::NoLines) => *has_lines = false,
                Some(said) => {
                    // Without lines nothing is reset, whatever is said.
                    *is_in_loader = said != Said::Reset || !*has_lines;
                    hear(&said);
                }
            }
        };
        run(
            &self.candidate,
            &words,
            self.folder.path(),
            self.cancel,
            &mut line,
        )
    }

    /// A run that has to succeed.
    fn run_well(
        &mut self,
        after: After,
        work: Work<'_>,
        hear: &mut dyn FnMut(&Said),
    ) -> Result<(), DeployError> {
        let ran = self.run(after, work, hear)?;
        if ran.status.success() {
            return Ok(());
        }
        Err(fault(&ran.lines, &ran.how(), &self.request.port, ""))
    }
}

fn spelling_of(
    candidate: &Candidate,
    folder: &Path,
    cancel: &CancelToken,
) -> Result<Spelling, DeployError> {
    let mut version = None;
    let mut hear = |line: &str| version = version.or(Version::from_line(line));
    let ran = run(
        candidate,
        &["version".to_owned()],
        folder,
        cancel,
        &mut hear,
    )?;
    let program = candidate.to_string();
    let Some(version) = version else {
        let said = ran.lines.last().cloned();
        let why = said.unwrap_or_else(|| "it does not say its version".to_owned());
        return Err(EsptoolError::Unusable { program, why }.into());
    };
    let known = version.spelling();
    known.ok_or_else(|| EsptoolError::TooOld { program, version }.into())
}

/// Not the region's name, which comes from the project.
fn file_name(region: &Region) -> String {
    format!("{:#x}.bin", region.image.region.offset)
}

fn placed(region: &Region) -> Placed {
    Placed {
        offset: region.image.region.offset,
        file: file_name(region),
    }
}

fn span(region: &Region) -> Span {
    let image = &region.image;
    (image.region.offset, image.bytes.len() as u32)
}

impl Job<'_> {
    /// Asks who is there. The chip is not named before: that it is the wrong one is said in the same
    /// words as by the native backend.
    pub(super) fn identify_with(
        &mut self,
        esptool: &mut Esptool<'_>,
    ) -> Result<BoardFacts, DeployError> {
        let mut name = None;
        let mut board = Board {
            chip: Chip::Esp32,
            mac: None,
            revision: None,
            flash_size: None,
        };
        let mut secure_download = false;
        let mut hear = |said: &Said| match said {
            Said::Chip(chip) => name = Some(chip.clone()),
            Said::Mac(mac) => board.mac = Some(mac.clone()),
            Said::Revision(revision) => board.revision = Some(*revision),
            Said::FlashSize(bytes) => board.flash_size = Some(*bytes),
            Said::SecureDownload => secure_download = true,
            _ => {}
        };
        let ran = esptool.run(After::NoReset, Work::Identify, &mut hear)?;
        // In Secure Download Mode it says who is there, and fails then.
        if !ran.status.success() && !secure_download {
            return Err(fault(&ran.lines, &ran.how(), &self.request.port, ""));
        }
        let id = name.unwrap_or_else(|| "esptool does not name it".to_owned());
        board.chip = id.parse().map_err(|_| LoaderError::UnknownChip { id })?;
        // 4.8.1, told the chip, may end with a Python error in Secure Download Mode: its second
        // attempt to ask for the chip's id passes its arguments in the wrong order.
        esptool.chip = Some(board.chip).filter(|_| !secure_download);
        esptool.secure_download = secure_download;
        let security = if secure_download {
            BoardSecurity {
                secure_download,
                ..BoardSecurity::default()
            }
        } else {
            security(esptool, board.chip)?
        };
        if board.flash_size.is_none() && !secure_download {
            self.note(
                "the flash chip does not tell its size in a way that esptool knows".to_owned(),
            );
        }
        self.board = Some(board.clone());
        (self.events)(Event::Connected(board.clone()));
        Ok(BoardFacts {
            revision: board.revision,
            flash_size: board.flash_size,
            security,
            ..BoardFacts::new(board.chip)
        })
    }

    /// What is to be compared and written.
    pub(super) fn survey_for(&mut self, images: Vec<Image>, facts: &BoardFacts) {
        let measured = Measured {
            chip: facts.chip,
            kind: LoaderKind::Stub,
            baud: match self.request.baud {
                Baud::Fixed(baud) => Some(baud),
                Baud::Auto => Some(self.request.target.baud.unwrap_or(USUAL_BAUD)),
            },
            round_trip: ROUND_TRIP,
            hash_bytes_per_s: None,
        };
        self.survey = Survey::of(images, measured, facts);
        if facts.security.secure_download {
            self.survey.take_flash_size_of(self.request);
        }
    }

    /// Gives every region that can be compared its verdict. What esptool did not give one is written.
    pub(super) fn compare_with(&mut self, esptool: &mut Esptool<'_>) -> Result<(), DeployError> {
        if self.request.mode == Mode::Full {
            return Ok(());
        }
        let asked: Vec<usize> = (0..self.survey.regions.len())
            .filter(|&n| self.survey.regions[n].provable)
            .collect();
        if asked.is_empty() {
            return Ok(());
        }
        let verdicts = self.ask(esptool, &asked, Phase::Verify)?;
        for (&n, verdict) in asked.iter().zip(verdicts) {
            let region = &mut self.survey.regions[n];
            region.verdict = verdict;
            if verdict == Verdict::Match {
                region.sectors.fill(Sector::Match);
                region.searched = true;
            }
        }
        Ok(())
    }

    /// One `verify-flash` of these regions.
    fn ask(
        &mut self,
        esptool: &mut Esptool<'_>,
        asked: &[usize],
        phase: Phase,
    ) -> Result<Vec<Verdict>, DeployError> {
        let (regions, events) = (&self.survey.regions, &mut self.events);
        let files: Vec<Placed> = asked.iter().map(|&n| placed(&regions[n])).collect();
        let spans: Vec<Span> = asked.iter().map(|&n| span(&regions[n])).collect();
        let mut at = None;
        let mut hear = |said: &Said| {
            let is_done = match said {
                Said::Verifying { offset, len_bytes } => {
                    let span = (*offset, *len_bytes);
                    at = spans.iter().position(|asked| *asked == span);
                    false
                }
                Said::Compared { .. } => true,
                _ => return,
            };
            if let Some(n) = at {
                let total_bytes = u64::from(spans[n].1);
                events(Event::Progress {
                    region: regions[asked[n]].name.clone(),
                    phase,
                    done_bytes: if is_done { total_bytes } else { 0 },
                    total_bytes,
                });
            }
        };
        let ran = esptool.run(self.request.after, Work::Verify(&files), &mut hear)?;
        if ran.status.success() || is_mismatch(&ran.lines) {
            return Ok(verdicts(&ran.lines, &spans));
        }
        let error = fault(&ran.lines, &ran.how(), &self.request.port, "");
        let DeployError::Esptool(EsptoolError::Failed { .. }) = &error else {
            return Err(error);
        };
        // The board is there, and esptool cannot compare for a reason that is not known here: then
        // nothing is known of any region.
        self.note(format!("the board could not be compared: {error}"));
        Ok(vec![Verdict::Unknown; spans.len()])
    }

    /// Writes what is planned, in that order. Returns the regions that esptool did not prove.
    pub(super) fn write_with(
        &mut self,
        esptool: &mut Esptool<'_>,
        plan: &Plan,
    ) -> Result<Vec<usize>, DeployError> {
        let mut order: Vec<usize> = plan.runs.iter().map(|run| run.region).collect();
        order.dedup();
        let mut unproved = Vec::new();
        let regions = &self.survey.regions;
        // One run encrypts everything or nothing.
        let groups: Vec<Vec<usize>> = order
            .chunk_by(|&a, &b| regions[a].encrypt == regions[b].encrypt)
            .map(<[usize]>::to_vec)
            .collect();
        for (n, group) in groups.iter().enumerate() {
            let is_last = n + 1 == groups.len();
            let after = if is_last {
                self.request.after
            } else {
                After::NoReset
            };
            unproved.extend(self.write_group(esptool, group, after)?);
        }
        if !order.is_empty() {
            self.state = BoardState::Written;
        }
        Ok(unproved)
    }

    fn write_group(
        &mut self,
        esptool: &mut Esptool<'_>,
        group: &[usize],
        after: After,
    ) -> Result<Vec<usize>, DeployError> {
        let files: Vec<Placed> = group
            .iter()
            .map(|&n| placed(&self.survey.regions[n]))
            .collect();
        // Without it the ROM refuses what lies behind the size that it takes for granted.
        let size = esptool.secure_download.then(|| self.survey.flash_bytes());
        let work = Work::Write {
            files: &files,
            flash_size: size.and_then(flash_size_name),
            encrypt: group.iter().any(|&n| self.survey.regions[n].encrypt),
            force: self.request.force,
        };
        let mut writing = Writing::new(group);
        let (regions, state) = (&mut self.survey.regions, &mut self.state);
        let events = &mut self.events;
        let mut hear = |said: &Said| writing.hear(said, regions, state, events);
        let ran = esptool.run(after, work, &mut hear)?;
        if !ran.status.success() {
            let region = &self.survey.regions[writing.now];
            return Err(fault(
                &ran.lines,
                &ran.how(),
                &self.request.port,
                &region.name,
            ));
        }
        Ok(writing.unproved)
    }

    /// esptool hashes each file that it has written, as the native backend does, and says so: that is
    /// the proof. What it did not say it of is compared once more.
    pub(super) fn prove_with(
        &mut self,
        esptool: &mut Esptool<'_>,
        unproved: &[usize],
    ) -> Result<(), DeployError> {
        let provable = |n: &&usize| self.survey.regions[**n].provable;
        let asked: Vec<usize> = unproved.iter().filter(provable).copied().collect();
        if asked.is_empty() {
            return Ok(());
        }
        let verdicts = self.ask(esptool, &asked, Phase::Check)?;
        let wrong = asked
            .iter()
            .zip(verdicts)
            .find(|(_, v)| *v != Verdict::Match);
        match wrong {
            None => Ok(()),
            Some((&n, _)) => {
                let region = self.survey.regions[n].name.to_string();
                Err(EsptoolError::NotProved { region }.into())
            }
        }
    }
}

/// Reads the eFuses that decide what may be written. esptool itself would write plain firmware onto
/// a board that reads it as noise.
fn security(esptool: &mut Esptool<'_>, chip: Chip) -> Result<BoardSecurity, DeployError> {
    let span = efuses::span(chip);
    let work = Work::DumpMemory {
        address: span.address,
        len_bytes: span.len_bytes,
        file: EFUSES,
    };
    esptool.run_well(After::NoReset, work, &mut |_| {})?;
    let copy = std::fs::read(esptool.folder.path().join(EFUSES)).map_err(EsptoolError::Files)?;
    efuses::security(chip, &copy).ok_or_else(|| {
        let why = format!(
            "it copied {} of {} bytes of eFuses",
            copy.len(),
            span.len_bytes
        );
        let how = "exit code 0".to_owned();
        EsptoolError::Failed { how, why }.into()
    })
}

/// Follows one `write-flash`.
struct Writing<'g> {
    group: &'g [usize],
    /// The region that is being written.
    now: usize,
    /// The region that was written last, until it is proved.
    written: Option<usize>,
    unproved: Vec<usize>,
}

impl<'g> Writing<'g> {
    /// `group` is not empty.
    fn new(group: &'g [usize]) -> Self {
        Self {
            group,
            now: group.first().copied().unwrap_or_default(),
            written: None,
            unproved: group.to_vec(),
        }
    }

    fn hear(
        &mut self,
        said: &Said,
        regions: &mut [Region],
        state: &mut BoardState,
        events: &mut dyn FnMut(Event),
    ) {
        let mut tell = |region: &Region, phase, thousandths: u64| {
            let total_bytes = region.image.bytes.len() as u64;
            events(Event::Progress {
                region: region.name.clone(),
                phase,
                done_bytes: total_bytes * thousandths / 1000,
                total_bytes,
            });
        };
        match said {
            Said::Touching => {}
            Said::Writing {
                offset,
                thousandths,
            } => {
                self.now = self.region_at(*offset, regions);
                let region = &mut regions[self.now];
                region.sectors_written = region.sectors.len() as u32;
                // Its end is told by `Wrote`, once.
                tell(region, Phase::Write, u64::from(*thousandths).min(999));
            }
            Said::Wrote {
                offset,
                len_bytes,
                sent_bytes,
            } => {
                let wrote = (*offset, *len_bytes);
                let found = self.group.iter().find(|&&n| span(&regions[n]) == wrote);
                self.written = found.copied();
                if let Some(n) = self.written {
                    let region = &mut regions[n];
                    region.sent_bytes += u64::from(*sent_bytes);
                    region.sectors_written = region.sectors.len() as u32;
                    tell(region, Phase::Write, 1000);
                    if region.provable {
                        tell(region, Phase::Check, 0);
                    }
                    self.now = self.after(n);
                }
            }
            Said::Proved => {
                if let Some(n) = self.written.take() {
                    self.unproved.retain(|&unproved| unproved != n);
                    tell(&regions[n], Phase::Check, 1000);
                }
            }
            _ => return,
        }
        *state = BoardState::Writing {
            region: regions[self.now].name.to_string(),
        };
    }

    /// esptool writes in the order that it is given. The end of one region may be the beginning of
    /// another: the one that is due stands before others.
    fn region_at(&self, offset: u32, regions: &[Region]) -> usize {
        let reaches = |n: &usize| {
            let (start, len_bytes) = span(&regions[*n]);
            (start..=start + len_bytes).contains(&offset)
        };
        let due = [self.now];
        let found = due.iter().chain(self.group).find(|n| reaches(n));
        found.copied().unwrap_or(self.now)
    }

    /// The region behind this one.
    fn after(&self, region: usize) -> usize {
        let next = self.group.iter().skip_while(|&&n| n != region).nth(1);
        next.copied().unwrap_or(region)
    }
}
