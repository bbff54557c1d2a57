//! A host that was killed while the stub wrote, and another that comes at once, without a reset.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use fbuild_chip::Chip;
use fbuild_link::Link as _;
use fbuild_link::memory::{MemoryLink, Time};
use fbuild_loader::cancel::CancelToken;
use fbuild_loader::packet::{self, op};
use fbuild_loader::reset::Before;
use fbuild_loader::session::{ConnectOptions, LoaderKind, Session};
use fbuild_loader::slip;
use fbuild_sim::{Board, Timing};

use crate::firmware::noise;

fn send(link: &mut MemoryLink<Board>, code: u8, checksum: u32, data: &[u8]) {
    let mut bytes = Vec::new();
    slip::encode(&packet::encode_request(code, checksum, data), &mut bytes);
    link.write(&bytes).unwrap();
}

/// The stub erases and programs; what is said to it meanwhile, but for the first request, is lost.
#[test]
fn a_stub_that_is_still_writing_is_waited_for() {
    const BLOCK_LEN: usize = 0x4000;
    for chip in [Chip::Esp32, Chip::Esp32C3] {
        // From "as good as done" to "has just begun", past every moment of the SYNCs.
        for late_ms in (0..=240).step_by(2) {
            let mut timing = Timing::cp2102n();
            timing.link.fixed_rate = Some(1_000_000);
            let board = Board::builder(chip)
                .flash_contents(vec![0; 4 << 20])
                .timing(timing)
                .lines(false)
                .start_in_stub();
            let board = Arc::new(Mutex::new(board.build().unwrap()));
            let mut killed = MemoryLink::new("sim:", Arc::clone(&board), Time::Accounted);
            let begin = packet::words(&[BLOCK_LEN as u32, 1, BLOCK_LEN as u32, 0x1_1000, 0]);
            send(&mut killed, op::FLASH_BEGIN, 0, &begin);
            while killed.read(&mut [0; 64], Duration::from_secs(1)).unwrap() > 0 {}
            let block = noise(1, BLOCK_LEN);
            let data = packet::data_block(0, &block);
            send(&mut killed, op::FLASH_DATA, packet::checksum(&block), &data);
            // Acknowledged at once; erasing four sectors and programming take about 200 ms.
            killed.read(&mut [0; 64], Duration::from_secs(1)).unwrap();
            let moment = killed.now() + Duration::from_millis(late_ms);
            let link = MemoryLink::new("sim:", Arc::clone(&board), Time::Accounted);
            let options = ConnectOptions {
                before: Before::NoReset,
                ..ConnectOptions::default()
            };
            let link = Box::new(link.opened_at(moment));
            let session = Session::connect(link, options, &CancelToken::new());
            let session = session.unwrap_or_else(|error| panic!("{chip}, {late_ms} ms: {error}"));
            assert_eq!((session.chip(), session.kind()), (chip, LoaderKind::Stub));
        }
    }
}
