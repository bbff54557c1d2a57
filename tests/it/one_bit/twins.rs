//! Two slots with the same app, a power of two apart: a request whose offset loses one bit is
//! answered for the other slot.

use std::sync::{Arc, Mutex};

use fbuild_chip::Chip;
use fbuild_deploy::deploy::deploy;
use fbuild_deploy::outcome::OutcomeKind;
use fbuild_deploy::request::{Baud, Mode, Request};
use fbuild_link::Link;
use fbuild_link::memory::{MemoryLink, Time};
use fbuild_loader::cancel::CancelToken;
use fbuild_loader::packet::{HEADER_LEN, op};
use fbuild_sim::{Board, Timing};

use super::fault::{Fault, Frame, Harm};
use super::noisy::{Noisy, Wire};
use crate::firmware::{
    APP_AT, Build, NVS, OTA_0, OTA_1, OTADATA, OTADATA_AT, TABLE_AT, image_of_sectors, otadata,
    table,
};

const CHIP: Chip = Chip::Esp32;
const APP_SECTORS: usize = 70;
/// The bit of the offset in which the slots differ, in a request to hash.
const BIT: Harm = Harm::Bit(HEADER_LEN + 2, 4);

/// Verifies against a board whose first slot differs in the middle and whose second holds `other`, with
/// the n-th request to hash damaged. `None`: there are not so many.
fn verify(request: &Request, flash: &[u8], n: u32) -> Option<(bool, u32)> {
    let board = Board::builder(CHIP)
        .flash_contents(flash)
        .timing(Timing::cp2102n());
    let board = Arc::new(Mutex::new(board.build().unwrap()));
    let frame = Frame::Request(op::SPI_FLASH_MD5, n);
    let wire = Wire::with(Some(Fault { frame, harm: BIT }));
    let mut open = || {
        let link = MemoryLink::new("sim:", Arc::clone(&board), Time::Accounted);
        Ok(Box::new(Noisy::new(link, &wire)) as Box<dyn Link>)
    };
    let report = deploy(request, &mut open, &mut |_| {}, &CancelToken::new());
    let asked = board.lock().unwrap().stats().commands_by_op[&op::SPI_FLASH_MD5];
    let struck = wire.lock().unwrap().struck;
    let is_same = report.error.is_none() && report.outcome != OutcomeKind::Failed;
    (n == 0 || struck).then_some((is_same, asked))
}

#[test]
fn another_slots_digest_is_not_taken_for_the_right_one() {
    let app = image_of_sectors(CHIP, 2, APP_SECTORS);
    let rows = [NVS, OTADATA, OTA_0, OTA_1];
    let app_alone = Build::new(&[(APP_AT, app.clone())]);
    let whole = Build::new(&[
        (CHIP.facts().bootloader_offset, image_of_sectors(CHIP, 1, 3)),
        (TABLE_AT, table(&rows)),
        (OTADATA_AT, otadata(Some(1), None)),
        (APP_AT, app.clone()),
    ]);
    for build in [&whole, &app_alone] {
        let request = Request {
            mode: Mode::Verify,
            baud: Baud::Fixed(921_600),
            ..build.request()
        };
        let mut flash = whole.flashed(4 << 20);
        let (first, second) = (APP_AT as usize, OTA_1.3 as usize);
        let asked = |flash: &[u8]| verify(&request, flash, 0).unwrap();
        let (is_same, plain) = asked(&flash);
        assert!(is_same);
        // An older build in the other slot costs one small question for each large one.
        let older = image_of_sectors(CHIP, 9, APP_SECTORS);
        flash[second..second + older.len()].copy_from_slice(&older);
        assert_eq!(asked(&flash), (true, plain));
        flash[second..second + app.len()].copy_from_slice(&app);
        let (is_same, careful) = asked(&flash);
        assert!(
            is_same && careful <= plain + plain / 2,
            "{careful} after {plain}"
        );
        // The same build there, and one byte of this slot is another.
        for changed in [0x2123, 0x1_4123, 0x3_0123, 0x4_5123] {
            let mut flash = flash.clone();
            flash[first + changed] ^= 0x20;
            let mut n = 1;
            while let Some((succeeded, _)) = verify(&request, &flash, n) {
                assert!(
                    !succeeded,
                    "request {n} of {} regions",
                    build.target.regions.len()
                );
                n += 1;
            }
            assert!(n > 4, "{n}");
        }
    }
}
