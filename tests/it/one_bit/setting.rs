//! A board, what is on it, and what is asked of it.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use fbuild_chip::Chip;
use fbuild_deploy::deploy::deploy;
use fbuild_deploy::native::board_info;
use fbuild_deploy::outcome::OutcomeKind;
use fbuild_deploy::request::{Baud, Mode, Request};
use fbuild_link::Link;
use fbuild_link::memory::{Device as _, MemoryLink, Time};
use fbuild_loader::cancel::CancelToken;
use fbuild_loader::delta::place;
use fbuild_loader::packet::op;
use fbuild_project::target::Region;
use fbuild_sim::{Board, Timing};
use tempfile::TempDir;

use super::fault::{Fault, Frame};
use super::job::{Job, Loader};
use super::noisy::{Noisy, Seen, Wire};
use crate::firmware::{
    APP_AT, Build, NVS, Row, SECTOR, TABLE_AT, code, image, image_of_sectors, noise, sized, table,
};

const FLASH_BYTES: u32 = 2 << 20;
const FLASH_LEN: usize = FLASH_BYTES as usize;
const FACTORY: Row = ("factory", 0, 0, APP_AT, 0x8000);
const STORAGE: Row = ("storage", 1, 0x82, 0x2_0000, 0x1_0000);
/// Data of the user's that no region covers.
const DATA: Row = ("data", 1, 0x82, 0x4_0000, 0x1_0000);
/// The table before: NVS and the data begin elsewhere.
const OLD_TABLE: &[Row] = &[
    ("nvs", 1, 2, 0xA000, 0x4000),
    FACTORY,
    STORAGE,
    ("data", 1, 0x82, 0x10_0000, 0x1_0000),
];
const TABLE: &[Row] = &[NVS, FACTORY, STORAGE, DATA];
/// What a report says where something outside of the regions may have changed.
const REPORTED: &str = "something else on the board may have been overwritten";
/// The one fault that nothing can be done about but say so: the stub's request to read flash differs
/// in one bit from the one that erases all of it.
const ALL_ERASED: &str = "the whole flash may have been erased";

#[derive(Debug, Clone, Copy)]
pub(super) struct Setting {
    pub(super) chip: Chip,
    pub(super) loader: Loader,
    pub(super) job: Job,
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let loader = match self.loader {
            Loader::Rom => "rom",
            Loader::Stub => "stub",
        };
        write!(f, "{} {loader} {}", self.chip, self.job.name())
    }
}

/// How a case came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    Success,
    Failure,
    /// One of the laws does not hold.
    Broken(Law, String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Law {
    WrongSuccess,
    UnreportedChange,
    NotRepaired,
    Panic,
}

/// What a job said when it ended.
struct Said {
    success: bool,
    reported: bool,
    all_erased: bool,
    words: String,
}

/// A setting with everything made ready for its cases.
pub(super) struct Stage {
    setting: Setting,
    build: Build,
    request: Request,
    old: Vec<u8>,
    /// Sectors that the regions cover.
    covered: Vec<bool>,
    clean: Vec<u8>,
    /// The images that boards were given before.
    _kept: Option<TempDir>,
}

impl Stage {
    /// Also gives what goes over the wire when nothing goes wrong.
    pub(super) fn new(setting: Setting) -> (Self, Vec<Seen>) {
        let build = setting.build(24);
        let mut request = setting.request(&build);
        let kept = (setting.job == Job::InPlace).then(|| kept(setting));
        request.old_images = kept.as_ref().map(|dir| dir.path().to_owned());
        let mut stage = Self {
            _kept: kept,
            setting,
            old: old_contents(setting, &build),
            covered: covered(&build, &request),
            clean: Vec::new(),
            request,
            build,
        };
        let board = stage.board();
        let wire = Wire::with(None);
        let said = stage.run(&board, &wire);
        stage.clean = board.lock().unwrap().flash().contents().to_vec();
        let seen = std::mem::take(&mut wire.lock().unwrap().seen);
        let used_stub = seen
            .iter()
            .any(|seen| matches!(seen.frame, Frame::Request(op::MEM_END, _)));
        let wants_stub = setting.loader == Loader::Stub && !setting.job.is_bare();
        // Whom a board is takes no stub.
        assert!(
            used_stub == wants_stub || setting.job == Job::Board,
            "{setting}: the stub was {} used; {}",
            if used_stub { "" } else { "not" },
            said.words
        );
        let plugin = Frame::Request(op::PLUGIN, 1);
        assert_eq!(
            seen.iter().any(|seen| seen.frame == plugin),
            setting.job == Job::InPlace,
            "{setting}: {}",
            said.words
        );
        let expected = !matches!(setting.job, Job::Verify | Job::KeepData);
        assert_eq!(said.success, expected, "{setting}: {}", said.words);
        (stage, seen)
    }

    pub(super) fn check(&self, fault: Fault) -> Verdict {
        let board = self.board();
        let wire = Wire::with(Some(fault));
        let Ok(said) = catch_unwind(AssertUnwindSafe(|| self.run(&board, &wire))) else {
            return Verdict::Broken(Law::Panic, "it panicked".to_owned());
        };
        let (broken, is_clean) = {
            let board = board.lock().unwrap();
            let now = board.flash().contents();
            (self.broken(&said, now), now == self.clean)
        };
        if let Some((law, what)) = broken {
            return Verdict::Broken(law, format!("{what}; {}", said.words));
        }
        // Where the flash holds what a sound deploy leaves, and a reset reaches the board, the next
        // deploy is one to a sound board.
        if !is_clean || self.setting.job.is_bare() {
            let closed = wire.lock().unwrap().now;
            if let Some(what) = self.not_repaired(&board, closed) {
                return Verdict::Broken(Law::NotRepaired, format!("{what}; {}", said.words));
            }
        }
        if said.success {
            Verdict::Success
        } else {
            Verdict::Failure
        }
    }

    fn broken(&self, said: &Said, now: &[u8]) -> Option<(Law, String)> {
        let job = self.setting.job;
        if said.success && job == Job::KeepData {
            return Some((Law::WrongSuccess, "the old data are lost".to_owned()));
        }
        let claims_target = !matches!(job, Job::Plan | Job::BarePlan | Job::Board | Job::BareBoard);
        if said.success
            && claims_target
            && let Some(region) = missing_region(&self.build, &self.request, now)
        {
            return Some((Law::WrongSuccess, format!("{region} is not on the board")));
        }
        let may_write = !job.only_looks() && job != Job::KeepData;
        let changed: Vec<u32> = self
            .old
            .chunks(SECTOR)
            .zip(now.chunks(SECTOR))
            .enumerate()
            .filter(|(n, (old, now))| old != now && !(may_write && self.covered[*n]))
            .map(|(n, _)| (n * SECTOR) as u32)
            .collect();
        let first = changed.first()?;
        // Who promised to write nothing has no excuse.
        if said.reported && may_write || said.all_erased && !said.success {
            return None;
        }
        let count = changed.len();
        Some((
            Law::UnreportedChange,
            format!("{count} sectors from {first:#x} on changed"),
        ))
    }

    fn not_repaired(&self, board: &Arc<Mutex<Board>>, closed: Duration) -> Option<String> {
        let pressed = closed.max(board.lock().unwrap().time()) + Duration::from_secs(1);
        if self.setting.job.is_bare() {
            board.lock().unwrap().reset_into_download_mode(pressed);
        }
        let mut open = || {
            let link = MemoryLink::new("sim:", Arc::clone(board), Time::Accounted);
            let opened = pressed + Duration::from_secs(1);
            Ok(Box::new(link.opened_at(opened)) as Box<dyn Link>)
        };
        let request = self.build.with(|it| it.baud = Baud::Auto);
        let report = deploy(&request, &mut open, &mut |_| {}, &CancelToken::new());
        if let Some(error) = report.error {
            return Some(format!("the next deploy failed: {}", error.what));
        }
        let board = board.lock().unwrap();
        missing_region(&self.build, &request, board.flash().contents())
            .map(|region| format!("{region} is not on the board after the next deploy"))
    }

    fn board(&self) -> Arc<Mutex<Board>> {
        let Setting { chip, loader, job } = self.setting;
        let mut timing = Timing::cp2102n();
        match loader {
            // Nothing to gain by a stub.
            Loader::Rom => {
                timing.link.to_board = Duration::from_micros(100);
                timing.link.to_host = Duration::from_micros(100);
                timing.rom.md5_rate = 4_000_000;
            }
            // Everything.
            Loader::Stub => timing.rom.md5_rate = 50_000,
        }
        let mut builder = Board::builder(chip)
            .flash_size(FLASH_BYTES)
            .flash_contents(&self.old[..]);
        if job.is_bare() {
            timing.link.fixed_rate = Some(400_000);
            builder = builder.lines(false);
            builder = match loader {
                Loader::Rom => builder.start_in_download_mode(),
                Loader::Stub => builder.start_in_stub(),
            };
        }
        Arc::new(Mutex::new(builder.timing(timing).build().unwrap()))
    }

    fn run(&self, board: &Arc<Mutex<Board>>, wire: &Arc<Mutex<Wire>>) -> Said {
        let cancel = CancelToken::new();
        let mut open = || Ok(noisy_link(board, wire));
        let job = self.setting.job;
        if matches!(job, Job::Board | Job::BareBoard) {
            return match board_info("sim:", &mut open, &cancel) {
                Ok(_) => Said {
                    success: true,
                    reported: false,
                    all_erased: false,
                    words: "the board was described".to_owned(),
                },
                Err(failure) => Said {
                    success: false,
                    reported: false,
                    all_erased: failure.to_string().contains(ALL_ERASED),
                    words: failure.what,
                },
            };
        }
        let report = deploy(&self.request, &mut open, &mut |_| {}, &cancel);
        let error = report.error.map(|error| error.to_string());
        let says = |what: &str| {
            let mut texts = report.warnings.iter().chain(&error);
            texts.any(|text| text.contains(what))
        };
        Said {
            success: error.is_none() && report.outcome != OutcomeKind::Failed,
            reported: says(REPORTED),
            all_erased: says(ALL_ERASED),
            words: format!("{} {:?}", report.message, report.warnings),
        }
    }
}

fn noisy_link(board: &Arc<Mutex<Board>>, wire: &Arc<Mutex<Wire>>) -> Box<dyn Link> {
    let link = MemoryLink::new("sim:", Arc::clone(board), Time::Accounted);
    Box::new(Noisy::new(link, wire))
}

/// A directory with the image that the board holds.
fn kept(setting: Setting) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let old = setting.build(0);
    let request = Request {
        old_images: Some(dir.path().to_owned()),
        ..setting.request(&old)
    };
    let board = Board::builder(setting.chip)
        .flash_size(FLASH_BYTES)
        .timing(Timing::cp2102n());
    let board = Arc::new(Mutex::new(board.build().unwrap()));
    let mut open = || {
        let link = MemoryLink::new("sim:", Arc::clone(&board), Time::Accounted);
        Ok(Box::new(link) as Box<dyn Link>)
    };
    let report = deploy(&request, &mut open, &mut |_| {}, &CancelToken::new());
    assert!(report.error.is_none(), "{report:#?}");
    dir
}

impl Setting {
    /// Whether there is anything to try.
    pub(super) fn is_possible(self) -> bool {
        self.job != Job::InPlace
            || self.loader == Loader::Stub && place::for_chip(self.chip).is_some()
    }

    /// A build; for [`Job::InPlace`] one whose app has so many bytes more in front.
    fn build(self, inserted: usize) -> Build {
        let chip = self.chip;
        let bootloader = (
            chip.facts().bootloader_offset,
            sized(image_of_sectors(chip, 1, 2), FLASH_BYTES),
        );
        if self.job != Job::InPlace {
            return Build::new(&[
                bootloader,
                (TABLE_AT, table(TABLE)),
                (
                    APP_AT,
                    sized(image_of_sectors(chip, 2, self.app_sectors()), FLASH_BYTES),
                ),
                (STORAGE.3, storage(self.loader)),
            ]);
        }
        // As long as a search that looks at old images needs.
        let payload = [noise(3, 3000), noise(4, inserted), code(5, 32 * SECTOR)].concat();
        let rows = [NVS, ("factory", 0, 0, APP_AT, 0x2_8000), DATA];
        Build::new(&[
            bootloader,
            (TABLE_AT, table(&rows)),
            (APP_AT, sized(image(chip, &payload), FLASH_BYTES)),
        ])
    }

    fn request(self, build: &Build) -> Request {
        Request {
            mode: match self.job {
                Job::Verify | Job::BareVerify => Mode::Verify,
                Job::Plan | Job::BarePlan => Mode::Plan,
                Job::Full => Mode::Full,
                _ => Mode::Auto,
            },
            baud: match self.loader {
                Loader::Rom => Baud::Fixed(2_000_000),
                // Where the wire takes the time.
                Loader::Stub if self.job == Job::InPlace => Baud::Fixed(115_200),
                Loader::Stub => Baud::Auto,
            },
            keep_data: self.job == Job::KeepData,
            ..match (self.job, self.loader) {
                // So little that the stub does not pay.
                (Job::Full, Loader::Rom) => build.subset(&["partitions", "firmware"]),
                _ => build.request(),
            }
        }
    }

    fn app_sectors(self) -> usize {
        match self.loader {
            Loader::Rom => 2,
            // Enough to measure how slow the ROM hashes.
            Loader::Stub => 5,
        }
    }
}

/// A file system's image: most of its sectors say nothing, and look alike.
fn storage(loader: Loader) -> Vec<u8> {
    let kinds: &[u8] = match loader {
        Loader::Rom => b"nb00",
        Loader::Stub => b"nbb000nbb0",
    };
    let sector = |(n, kind): (usize, &u8)| match kind {
        b'n' => noise(90 + n as u64, SECTOR),
        b'b' => vec![0xFF; SECTOR],
        _ => vec![0; SECTOR],
    };
    kinds.iter().enumerate().flat_map(sector).collect()
}

/// A board that was used: something is everywhere, and the regions differ here and there.
fn old_contents(setting: Setting, build: &Build) -> Vec<u8> {
    static USED: OnceLock<Vec<u8>> = OnceLock::new();
    let mut flash = USED.get_or_init(|| noise(5, FLASH_LEN)).clone();
    let held = (setting.job == Job::InPlace).then(|| setting.build(0));
    for region in &build.target.regions {
        let mut bytes = held.as_ref().unwrap_or(build).bytes(&region.name);
        bytes.resize(bytes.len().next_multiple_of(SECTOR), 0xFF);
        let start = region.offset as usize;
        flash[start..start + bytes.len()].copy_from_slice(&bytes);
    }
    if matches!(setting.job, Job::Full | Job::BareSelective) {
        // A sector that looks no different after it was erased.
        for region in &build.target.regions {
            let end = region.offset as usize + build.bytes(&region.name).len();
            let behind = end.next_multiple_of(SECTOR);
            let is_free = !covered(build, &build.request())[behind / SECTOR];
            if is_free {
                flash[behind..][..SECTOR].fill(0xFF);
            }
        }
    }
    let mut edit = |at: u32| flash[at as usize] ^= 0x10;
    match setting.job {
        Job::BareVerify | Job::InPlace => {}
        // Among sectors that look like what it should be.
        Job::Verify => edit(STORAGE.3 + 0x1000),
        _ => {
            edit(APP_AT + 0x1800);
            edit(STORAGE.3 + 0x3010);
        }
    }
    if setting.job == Job::KeepData {
        let mut old = table(OLD_TABLE);
        old.resize(SECTOR, 0xFF);
        flash[TABLE_AT as usize..][..SECTOR].copy_from_slice(&old);
    }
    flash
}

fn regions<'a>(build: &'a Build, request: &'a Request) -> impl Iterator<Item = &'a Region> {
    let is_asked = |region: &&Region| {
        let names = request.regions.as_ref();
        names.is_none_or(|names| names.contains(&region.name))
    };
    build.target.regions.iter().filter(is_asked)
}

fn missing_region(build: &Build, request: &Request, flash: &[u8]) -> Option<String> {
    let is_missing = |region: &&Region| {
        let bytes = build.bytes(&region.name);
        flash[region.offset as usize..][..bytes.len()] != bytes
    };
    let missing = regions(build, request).find(is_missing)?;
    Some(missing.name.clone())
}

fn covered(build: &Build, request: &Request) -> Vec<bool> {
    let mut covered = vec![false; FLASH_LEN / SECTOR];
    for region in regions(build, request) {
        let first = region.offset as usize / SECTOR;
        let sectors = build.bytes(&region.name).len().div_ceil(SECTOR);
        covered[first..first + sectors].fill(true);
    }
    covered
}
