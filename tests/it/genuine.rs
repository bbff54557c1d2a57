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

use crate::bench::{self, Deployed};
use crate::firmware::{APP_AT, SECTOR};
use crate::in_place::{build, delta_bytes, request};
use crate::rom;
use board::Board;
use rv32::Rv32;
use soc::{Facts, Soc};

const FLASH_LEN: usize = 4 << 20;

struct Genuine {
    chip: Chip,
    rom: &'static str,
    facts: &'static Facts,
}

const GENUINE: [Genuine; 3] = [
    Genuine {
        chip: Chip::Esp32C3,
        rom: "esp32c3_rev0",
        facts: &chips::ESP32C3,
    },
    Genuine {
        chip: Chip::Esp32C3,
        rom: "esp32c3_rev101",
        facts: &chips::ESP32C3,
    },
    Genuine {
        chip: Chip::Esp32C3,
        rom: "esp32c3_rev300",
        facts: &chips::ESP32C3,
    },
];

/// A board that stays while links to it come and go.
struct Desk(Arc<Mutex<Board<Rv32>>>);

impl Desk {
    fn new(genuine: &Genuine, flash: Vec<u8>) -> Self {
        let facts = genuine.facts;
        let soc = Soc::new(facts, &rom::contents(genuine.rom), flash);
        Self(Arc::new(Mutex::new(Board::new(soc, facts.clock_hz))))
    }

    fn link(&self) -> Box<dyn Link> {
        let board = Arc::clone(&self.0);
        Box::new(MemoryLink::new("genuine", board, Time::Accounted))
    }

    fn board(&self) -> MutexGuard<'_, Board<Rv32>> {
        self.0.lock().unwrap()
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
    for it in GENUINE {
        let desk = Desk::new(&it, vec![0xFF; FLASH_LEN]);
        let options = ConnectOptions::default();
        let session = Session::connect(desk.link(), options, &CancelToken::new());
        let board = desk.board();
        let said = String::from_utf8_lossy(&board.said);
        let name = it.rom.split('_').next().unwrap();
        assert!(
            said.starts_with(&format!("ESP-ROM:{name}")),
            "{}: {said}",
            it.rom
        );
        assert!(said.contains("waiting for download"), "{}: {said}", it.rom);
        assert_eq!(board.exceptions(), [""; 0], "{}: {said}", it.rom);
        assert_eq!(session.unwrap().chip(), it.chip, "{}", it.rom);
    }
}

/// Onto an empty board, again, over a sector that somebody changed, and over an older build that is kept.
#[test]
fn every_kind_of_deploy_works_on_a_genuine_rom_and_stub() {
    for it in GENUINE {
        let (old, new) = (build(it.chip, 0), build(it.chip, 24));
        let images = tempfile::tempdir().unwrap();
        let desk = Desk::new(&it, vec![0xFF; FLASH_LEN]);

        let first = desk.deploy(&request(&old, images.path()));
        first.assert_holds(&old);
        first.assert_within_plan();

        let again = desk.deploy(&request(&old, images.path()));
        assert_eq!(again.outcome(), OutcomeKind::VerifySkip, "{}", it.rom);
        again.assert_untouched();

        let changed = APP_AT + 20 * SECTOR as u32;
        desk.board().soc.flash.contents[changed as usize + 77] ^= 1;
        let mended = desk.deploy(&request(&old, images.path()));
        mended.assert_holds(&old);
        assert_eq!(mended.outcome(), OutcomeKind::SelectiveFlash);
        assert_eq!(mended.erased, [changed].into());

        let patched = desk.deploy(&request(&new, images.path()));
        patched.assert_holds(&new);
        patched.assert_within_plan();
        assert!(
            delta_bytes(&patched) > 0,
            "{}: {:#?}",
            it.rom,
            patched.report
        );
    }
}
