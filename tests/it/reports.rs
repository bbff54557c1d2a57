//! What a report says was done is what was done, also where a deploy ended early.

use std::sync::atomic::{AtomicBool, Ordering};

use fbuild_chip::Chip;
use fbuild_deploy::native::erase::{NotErased, Stretch, erase};
use fbuild_deploy::outcome::OutcomeKind;
use fbuild_deploy::request::Mode;
use fbuild_loader::cancel::CancelToken;
use fbuild_loader::packet::op;
use fbuild_sim::{Board, Faults, When};

use crate::bench::{Bench, Deployed};
use crate::firmware::{
    APP_AT, Build, FACTORY, NVS, STORAGE, TABLE_AT, image_of_sectors, noise, table,
};

const CHIP: Chip = Chip::Esp32C3;
/// What a stub takes before it writes, at most: a block of 16 KiB that holds these regions' bytes,
/// and the one that it works on.
const TAKEN_AHEAD: usize = 16;

fn build() -> Build {
    Build::new(&[
        (CHIP.facts().bootloader_offset, image_of_sectors(CHIP, 1, 5)),
        (TABLE_AT, table(&[NVS, FACTORY, STORAGE])),
        (APP_AT, image_of_sectors(CHIP, 2, 60)),
        (STORAGE.3, noise(3, 40 * 0x1000)),
    ])
}

fn bench() -> Bench {
    let other = noise(4, 4 << 20);
    Bench::new(Board::builder(CHIP).flash_contents(other))
}

/// What is reported for every region against what became of its sectors.
#[track_caller]
fn assert_true(deployed: &Deployed) {
    let touched = deployed.touched();
    for region in &deployed.report.regions {
        let end = region.offset + region.sectors * 0x1000;
        let n_touched = touched.range(region.offset..end).count();
        let n_written = region.sectors_written as usize;
        assert!(region.written || n_touched == 0, "{n_touched}: {region:?}");
        assert!(region.written || n_written == 0, "{region:?}");
        assert!(region.sent_bytes == 0 || region.written, "{region:?}");
        assert!(
            n_written <= n_touched + TAKEN_AHEAD,
            "{n_touched}: {region:?}"
        );
    }
}

#[test]
fn what_a_cancelled_deploy_wrote_is_what_it_says() {
    let build = build();
    let request = build.request();
    let (mut at, mut stopped_between) = (0, 0);
    loop {
        let deployed = bench().deploy_until(&request, at);
        assert_true(&deployed);
        let regions = &deployed.report.regions;
        if deployed.outcome() != OutcomeKind::Cancelled {
            let written = regions.iter().map(|r| (r.sectors_written, r.sectors));
            assert!(
                written.clone().all(|(written, all)| written == all),
                "{regions:?}"
            );
            break;
        }
        let n = regions.iter().filter(|region| region.written).count();
        stopped_between += u32::from((1..regions.len()).contains(&n));
        at += 2;
    }
    assert!(
        stopped_between > 5,
        "{stopped_between} of {at} while something was written"
    );
}

#[test]
fn what_a_failed_deploy_wrote_is_what_it_says() {
    let build = build();
    let request = build.request();
    let data_op = op::FLASH_DEFL_DATA;
    let blocks = bench().deploy(&request).count(data_op);
    assert!(blocks > 8, "{blocks} blocks");
    let mut partly = 0;
    for block in 1..=blocks {
        let bench = bench();
        bench.faults(Faults::none().mute_at(When::nth_op(data_op, block)));
        let deployed = bench.deploy(&request);
        assert_eq!(deployed.outcome(), OutcomeKind::Failed, "block {block}");
        assert_true(&deployed);
        partly += u32::from(!deployed.report.regions[0].written);
    }
    // The boot loader is written last, and there is little of it.
    assert!(partly > blocks / 2, "{partly} of {blocks}");
}

#[test]
fn a_job_that_is_cancelled_is_called_what_it_was() {
    let build = build();
    for (mode, verb) in [(Mode::Verify, "verify"), (Mode::Plan, "plan")] {
        let request = build.with(|it| it.mode = mode);
        bench().deploy_until(&request, 3).assert_message(&format!(
            "{verb} cancelled; nothing was written; the board is unchanged"
        ));
    }
}

/// On a new board the blank sectors of a file system are right already.
#[test]
fn a_full_flash_is_one_in_which_every_sector_was_written() {
    let mut storage = noise(3, 5 * 0x1000);
    storage.resize(33 * 0x1000, 0xFF);
    let build = Build::new(&[(APP_AT, image_of_sectors(CHIP, 2, 6)), (STORAGE.3, storage)]);
    let new_board = || Bench::new(Board::builder(CHIP));
    new_board().deploy(&build.request()).assert_message(
        "deploy succeeded (selective flash: firmware, at-200000; 11 of 39 sectors)",
    );
    let request = build.with(|it| it.mode = Mode::Full);
    let full = new_board().deploy(&request);
    full.assert_message("deploy succeeded (full flash)");
    bench()
        .deploy(&build.request())
        .assert_message("deploy succeeded (full flash)");
}

#[test]
fn an_erase_says_what_it_left_behind() {
    let nothing = "nothing was erased; the board is unchanged";
    let board_state = |faults: Faults, cancel_at: Option<u32>| {
        let bench = bench();
        bench.faults(faults);
        let cancel = CancelToken::new();
        let mut progress = |done, _| {
            if cancel_at == Some(done) {
                cancel.cancel();
            }
        };
        let mut open = || Ok(bench.link());
        let all = Stretch::All;
        match erase("sim:", all, &mut open, &mut progress, &cancel).unwrap_err() {
            NotErased::Failed(failure) => failure.board_state,
            NotErased::Cancelled { board_state } => board_state,
        }
    };
    let sound = Faults::none;
    assert_eq!(
        board_state(sound().mute_at(When::command(1)), None),
        nothing
    );
    let first = sound().mute_at(When::op(op::FLASH_BEGIN));
    assert_eq!(
        board_state(first, None),
        "at most the first part was erased"
    );
    let second = sound().mute_at(When::nth_op(op::FLASH_BEGIN, 2));
    let part = "256 KiB were erased; the board may not start until the next deploy";
    assert_eq!(board_state(second, None), part);
    assert_eq!(board_state(sound(), Some(256 << 10)), part);
}

#[test]
fn what_cannot_be_erased_is_refused_before_the_port_is_opened() {
    let opened = AtomicBool::new(false);
    let mut open = || {
        opened.store(true, Ordering::Relaxed);
        Ok(bench().link())
    };
    for (offset, len_bytes) in [(1, 0x1000), (0, 0x1001), (0x1000, 0)] {
        let stretch = Stretch::Range(offset..offset + len_bytes);
        let cancel = CancelToken::new();
        let refused = erase("sim:", stretch, &mut open, &mut |_, _| {}, &cancel);
        let Err(NotErased::Failed(failure)) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!(failure.code, "not-sectors");
        assert_eq!(failure.board_state, "nothing was erased");
    }
    assert!(!opened.load(Ordering::Relaxed));
}
