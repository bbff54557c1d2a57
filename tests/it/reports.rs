//! What a report says was done is what was done, also where a deploy ended early.

use fbuild_deploy::outcome::OutcomeKind;
use fbuild_loader::chip::Chip;
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

/// What is said of every region against what became of its sectors.
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
