//! Genuine boot ROMs and flasher stubs, run in an emulator of their chips, with our own client at the other end of the
//! UART. The ROM starts at its reset vector, with the strapping of download mode. An emulator proves neither timing nor
//! electrical behaviour.

mod board;
mod bus;
mod chips;
mod nor;
mod rv32;
mod soc;
mod spi;
mod uart;
mod xtensa;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use fbuild_chip::Chip;
use fbuild_deploy::outcome::OutcomeKind;
use fbuild_deploy::request::Request;
use fbuild_link::Link;
use fbuild_link::memory::{MemoryLink, Time};
use fbuild_loader::cancel::CancelToken;
use fbuild_loader::session::{ConnectOptions, Session};
use fbuild_loader::stub;
use serde_json::Value;

use crate::bench::{self, Deployed};
use crate::firmware::{APP_AT, SECTOR, TABLE_AT};
use crate::in_place::{self, Kept};
use crate::rom;
use board::Board;
use bus::{Bus as _, Core};
use rv32::Rv32;
use soc::{Facts, Soc};
use xtensa::Xtensa;

const FLASH_LEN: usize = 4 << 20;

struct Genuine {
    chip: Chip,
    rom: &'static str,
    facts: &'static Facts,
}

const fn genuine(chip: Chip, rom: &'static str, facts: &'static Facts) -> Genuine {
    Genuine { chip, rom, facts }
}

static RISCV: [Genuine; 7] = [
    genuine(Chip::Esp32C3, "esp32c3_rev0", &chips::ESP32C3),
    genuine(Chip::Esp32C3, "esp32c3_rev101", &chips::ESP32C3),
    genuine(Chip::Esp32C3, "esp32c3_rev300", &chips::ESP32C3),
    genuine(Chip::Esp32C5, "esp32c5_rev100", &chips::ESP32C5),
    genuine(Chip::Esp32C6, "esp32c6_rev0", &chips::ESP32C6),
    genuine(Chip::Esp32C61, "esp32c61_rev100", &chips::ESP32C61),
    genuine(Chip::Esp32H2, "esp32h2_rev0", &chips::ESP32H2),
];

static XTENSA: [Genuine; 1] = [genuine(
    Chip::Esp32S3,
    "esp32s3_rev0",
    &xtensa::chips::ESP32S3,
)];

/// A board that stays while links to it come and go.
struct Desk<C>(Arc<Mutex<Board<C>>>);

impl<C: Core + 'static> Desk<C> {
    fn new(genuine: &Genuine, flash: Vec<u8>) -> Self {
        let facts = genuine.facts;
        let soc = Soc::new(facts, &rom::contents(genuine.rom), flash);
        Self(Arc::new(Mutex::new(Board::new(soc, facts.clock_hz))))
    }

    fn link(&self) -> Box<dyn Link> {
        let board = Arc::clone(&self.0);
        Box::new(MemoryLink::new("genuine", board, Time::Accounted))
    }

    fn board(&self) -> MutexGuard<'_, Board<C>> {
        self.0.lock().unwrap()
    }

    /// Whether the stub's code is in memory, as it was uploaded last.
    fn has_stub(&self, chip: Chip) -> bool {
        let text = &stub::for_chip(chip, None).unwrap().text;
        let mut board = self.board();
        let words = (text.address..).step_by(4).zip(text.bytes.chunks_exact(4));
        words.into_iter().all(|(at, word)| {
            board.soc.load(at, 4) == Some(u32::from_le_bytes(word.try_into().unwrap()))
        })
    }

    /// A deploy that succeeds, and asks of the flash nothing that it may refuse.
    fn deploy(&self, request: &Request) -> Deployed {
        let before = self.board().soc.flash.contents.clone();
        let (report, plans) = bench::run(request, || self.link(), usize::MAX);
        let mut board = self.board();
        assert!(report.error.is_none(), "{report:#?}");
        assert_eq!(board.exceptions(), [""; 0], "{report:#?}");
        let flash = &mut board.soc.flash;
        assert_eq!(flash.refused, []);
        let erased = std::mem::take(&mut flash.erased);
        Deployed {
            report,
            plans,
            before,
            after: flash.contents.clone(),
            erased: erased.into_keys().collect(),
            ops: BTreeMap::new(),
        }
    }
}

#[test]
fn the_rom_says_which_chip_it_is() {
    says_which_chip_it_is::<Rv32>(&RISCV);
    says_which_chip_it_is::<Xtensa>(&XTENSA);
}

fn says_which_chip_it_is<C: Core + 'static>(all: &[Genuine]) {
    for it in all {
        let desk = Desk::<C>::new(it, vec![0xFF; FLASH_LEN]);
        let options = ConnectOptions::default();
        let session = Session::connect(desk.link(), options, &CancelToken::new());
        assert_eq!(session.unwrap().chip(), it.chip, "{}", it.rom);
        let board = desk.board();
        let said = String::from_utf8_lossy(&board.said);
        let name = it.rom.split('_').next().unwrap();
        assert!(said.starts_with(&format!("ESP-ROM:{name}")), "{said}");
        assert!(said.contains("waiting for download\r\n"), "{said}");
        assert_eq!(board.exceptions(), [""; 0], "{}", it.rom);
    }
}

#[test]
fn the_boot_log_is_as_it_was_recorded() {
    prints_what_was_recorded::<Rv32>(&RISCV[2], "esp32c3", "0x04");
    prints_what_was_recorded::<Xtensa>(&XTENSA[0], "esp32s3", "0x00");
}

/// What a genuine ROM of the same revision printed in another emulator.
fn prints_what_was_recorded<C: Core + 'static>(it: &Genuine, chip: &str, strapping: &str) {
    let rows = include_str!("../recordings/boot-logs.jsonl").lines();
    let mut rows = rows.map(|row| serde_json::from_str::<Value>(row).unwrap());
    let recorded = rows.find(|it| it["chip"] == chip && it["strap"] == strapping);
    let desk = Desk::<C>::new(it, vec![0xFF; FLASH_LEN]);
    let session = Session::connect(desk.link(), ConnectOptions::default(), &CancelToken::new());
    session.unwrap();
    let said = String::from_utf8_lossy(&desk.board().said).into_owned();
    let recorded = recorded.unwrap()["text"].as_str().unwrap().to_owned();
    assert!(said.starts_with(&recorded), "{said}");
}

#[test]
fn a_genuine_stub_writes_what_differs() {
    writes_what_differs::<Rv32>(&RISCV[2]);
}

#[test]
fn a_genuine_xtensa_stub_writes_what_differs() {
    XTENSA.iter().for_each(writes_what_differs::<Xtensa>);
}

/// Onto an empty board, again, and over a sector that somebody changed.
fn writes_what_differs<C: Core + 'static>(it: &Genuine) {
    let build = in_place::build(it.chip, 0);
    let images = tempfile::tempdir().unwrap();
    let request = in_place::request(&build, images.path());
    let desk = Desk::<C>::new(it, vec![0xFF; FLASH_LEN]);

    let first = desk.deploy(&request);
    assert_eq!(first.outcome(), OutcomeKind::FullFlash);
    first.assert_holds(&build);
    first.assert_within_plan();
    assert!(desk.has_stub(it.chip));

    let again = desk.deploy(&request);
    assert_eq!(again.outcome(), OutcomeKind::VerifySkip);
    again.assert_untouched();

    let changed = APP_AT + 20 * SECTOR as u32;
    desk.board().soc.flash.contents[changed as usize + 77] ^= 1;
    let mended = desk.deploy(&request);
    assert_eq!(mended.outcome(), OutcomeKind::SelectiveFlash);
    mended.assert_holds(&build);
    assert_eq!(mended.touched(), [changed].into());
}

#[test]
fn a_genuine_rom_alone_verifies_and_writes() {
    verifies_and_writes::<Rv32>(&[&RISCV[2], &RISCV[4]]);
    verifies_and_writes::<Xtensa>(&XTENSA.each_ref());
}

/// So little that no stub is worth its upload.
fn verifies_and_writes<C: Core + 'static>(all: &[&Genuine]) {
    for it in all {
        let mut build = in_place::build(it.chip, 0);
        let partitions = "partitions";
        build
            .target
            .regions
            .retain(|region| region.name == partitions);
        let request = Request {
            force: true,
            ..build.request()
        };
        let desk = Desk::<C>::new(it, build.flashed(FLASH_LEN));
        let same = desk.deploy(&request);
        assert_eq!(same.outcome(), OutcomeKind::VerifySkip, "{}", it.rom);
        same.assert_untouched();

        desk.board().soc.flash.contents[TABLE_AT as usize + 3] ^= 1;
        let mended = desk.deploy(&request);
        mended.assert_holds(&build);
        assert_eq!(mended.touched(), [TABLE_AT].into(), "{}", it.rom);
        assert!(!desk.has_stub(it.chip), "{}", it.rom);
    }
}

/// The board holds an older build that is kept: our plugin, in the genuine stub, makes the new one of it by the genuine
/// ROM's functions.
fn patches<C: Core + 'static>(all: &[Genuine], chip: Chip) {
    for it in all.iter().filter(|it| it.chip == chip) {
        let [old, new] = [0, 24].map(|inserted| in_place::build(chip, inserted));
        let kept = Kept::new(chip, &old);
        let desk = Desk::<C>::new(it, old.flashed(FLASH_LEN));
        let patched = desk.deploy(&in_place::request(&new, kept.images()));
        patched.assert_holds(&new);
        patched.assert_within_plan();
        let app = patched.report.regions.last().unwrap();
        let is_all = app.delta_bytes > 0 && app.sent_bytes == app.delta_bytes;
        assert!(is_all, "{}: {:#?}", it.rom, patched.report);
    }
}

#[test]
fn a_genuine_esp32c3_is_patched() {
    patches::<Rv32>(&RISCV, Chip::Esp32C3);
}

#[test]
fn a_genuine_esp32c5_is_patched() {
    patches::<Rv32>(&RISCV, Chip::Esp32C5);
}

#[test]
fn a_genuine_esp32c6_is_patched() {
    patches::<Rv32>(&RISCV, Chip::Esp32C6);
}

#[test]
fn a_genuine_esp32c61_is_patched() {
    patches::<Rv32>(&RISCV, Chip::Esp32C61);
}

#[test]
fn a_genuine_esp32h2_is_patched() {
    patches::<Rv32>(&RISCV, Chip::Esp32H2);
}

#[test]
fn a_genuine_esp32s3_is_patched() {
    patches::<Xtensa>(&XTENSA, Chip::Esp32S3);
}
