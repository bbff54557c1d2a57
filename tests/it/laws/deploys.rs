//! Any image onto any old content, with any fault: what a deploy says about the board is true.

use std::collections::BTreeSet;

use fbuild_chip::Chip;
use fbuild_deploy::outcome::OutcomeKind;
use fbuild_deploy::request::{Baud, Mode, Request};
use fbuild_loader::packet::op;
use fbuild_sim::{Board, Faults, State, When};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::bench::{Bench, Deployed};
use crate::firmware::{
    APP_AT, Build, FACTORY, NVS, Row, SECTOR, TABLE_AT, code, image, image_of_sectors, noise, table,
};

const FLASH_LEN: usize = 2 << 20;
/// From the middle of an erase block on.
const ASSETS: Row = ("assets", 1, 0x82, 0x11_3000, 0x6_0000);

/// What a sector of an image holds.
#[derive(Debug, Clone, Copy)]
enum Filling {
    Code,
    Noise,
    Blank,
    Zeros,
}

/// What the board held there before.
#[derive(Debug, Clone, Copy)]
enum Old {
    Same,
    /// One bit is another.
    Edited,
    Blank,
    Noise,
}

/// What goes wrong.
#[derive(Debug, Clone)]
enum Fault {
    Mute(Moment),
    Hang(Moment),
    Vanish(Moment),
    DropAnswer(Moment),
    CorruptAnswer(Moment, usize),
    /// Of a block of data: it has a checksum. A BEGIN has none, and what it erases when a bit of its
    /// offset is lost on the way, no host can prevent.
    CorruptBlock(u8, u32, usize),
    BadSector(u32),
    PowerLoss(u64),
}

#[derive(Debug, Clone, Copy)]
enum Moment {
    Command(u32),
    Op(u8, u32),
}

impl Moment {
    fn when(self) -> When {
        match self {
            Self::Command(nth) => When::command(nth),
            Self::Op(op, nth) => When::nth_op(op, nth),
        }
    }
}

#[derive(Debug, Clone)]
struct Case {
    chip: Chip,
    /// A chip that cannot run the stub.
    rom_only: bool,
    mode: Mode,
    baud: Baud,
    app: Vec<Filling>,
    assets: Vec<Filling>,
    /// Bytes by which the assets' last sector is not full.
    short_by: usize,
    old: Vec<Old>,
    seed: u64,
}

fn filling() -> impl Strategy<Value = Filling> {
    prop_oneof![
        4 => Just(Filling::Code),
        1 => Just(Filling::Noise),
        2 => Just(Filling::Blank),
        1 => Just(Filling::Zeros),
    ]
}

/// Old contents come in stretches.
fn old() -> impl Strategy<Value = Vec<Old>> {
    let kind = prop_oneof![
        4 => Just(Old::Same),
        2 => Just(Old::Edited),
        1 => Just(Old::Blank),
        1 => Just(Old::Noise),
    ];
    let stretch = (kind, 1usize..20).prop_map(|(kind, len)| vec![kind; len]);
    vec(stretch, 1..10).prop_map(|stretches| stretches.concat())
}

fn case() -> impl Strategy<Value = Case> {
    let chip = prop_oneof![
        3 => Just((Chip::Esp32, false)),
        2 => Just((Chip::Esp32C3, false)),
        1 => Just((Chip::Esp32S3, false)),
        2 => Just((Chip::Esp32C2, true)),
    ];
    let mode = prop_oneof![4 => Just(Mode::Auto), 1 => Just(Mode::Full)];
    let baud = prop_oneof![
        3 => Just(Baud::Auto),
        1 => Just(Baud::Fixed(921_600)),
        1 => Just(Baud::Fixed(115_200)),
    ];
    let sectors = || vec(filling(), 1..48);
    (
        (chip, mode, baud),
        (sectors(), sectors(), 0usize..SECTOR),
        (old(), any::<u64>()),
    )
        .prop_map(
            |((chip, mode, baud), (app, assets, short_by), (old, seed))| {
                let (chip, rom_only) = chip;
                Case {
                    chip,
                    rom_only,
                    mode,
                    baud,
                    app,
                    assets,
                    short_by,
                    old,
                    seed,
                }
            },
        )
}

fn fault() -> impl Strategy<Value = Fault> {
    let ops = [
        op::SYNC,
        op::READ_REG,
        op::FLASH_BEGIN,
        op::FLASH_DATA,
        op::FLASH_END,
        op::MEM_DATA,
        op::MEM_END,
        op::CHANGE_BAUDRATE,
        op::FLASH_DEFL_BEGIN,
        op::FLASH_DEFL_DATA,
        op::FLASH_DEFL_END,
        op::SPI_FLASH_MD5,
    ];
    let moment = || {
        prop_oneof![
            (1u32..150).prop_map(Moment::Command),
            (prop::sample::select(ops.to_vec()), 1u32..12)
                .prop_map(|(op, nth)| Moment::Op(op, nth)),
        ]
    };
    let block = prop_oneof![Just(op::FLASH_DATA), Just(op::FLASH_DEFL_DATA)];
    prop_oneof![
        1 => moment().prop_map(Fault::Mute),
        1 => moment().prop_map(Fault::Hang),
        1 => moment().prop_map(Fault::Vanish),
        2 => moment().prop_map(Fault::DropAnswer),
        2 => (moment(), 0usize..48).prop_map(|(when, index)| Fault::CorruptAnswer(when, index)),
        2 => (block, 1u32..20, 0usize..1000)
            .prop_map(|(op, nth, index)| Fault::CorruptBlock(op, nth, index)),
        1 => (0u32..48).prop_map(|sector| Fault::BadSector(APP_AT + sector * SECTOR as u32)),
        1 => (1u64..300_000).prop_map(Fault::PowerLoss),
    ]
}

fn faults(list: &[Fault]) -> Faults {
    list.iter()
        .fold(Faults::none(), |faults, fault| match *fault {
            Fault::Mute(moment) => faults.mute_at(moment.when()),
            Fault::Hang(moment) => faults.hang_at(moment.when()),
            Fault::Vanish(moment) => faults.vanish_at(moment.when()),
            Fault::DropAnswer(moment) => faults.drop_answer(moment.when()),
            Fault::CorruptAnswer(moment, index) => faults.corrupt_answer(moment.when(), index),
            Fault::CorruptBlock(op, nth, index) => {
                faults.corrupt_request(When::nth_op(op, nth), index)
            }
            Fault::BadSector(offset) => faults.bad_sector(offset),
            Fault::PowerLoss(bytes) => faults.power_loss_after(bytes),
        })
}

impl Case {
    fn filled(&self, fillings: &[Filling], salt: u64) -> Vec<u8> {
        let sector = |(n, filling): (usize, &Filling)| {
            let seed = self.seed ^ salt ^ n as u64;
            match filling {
                Filling::Code => code(seed, SECTOR),
                Filling::Noise => noise(seed, SECTOR),
                Filling::Blank => vec![0xFF; SECTOR],
                Filling::Zeros => vec![0; SECTOR],
            }
        };
        fillings.iter().enumerate().flat_map(sector).collect()
    }

    fn build(&self) -> Build {
        let chip = self.chip;
        let mut assets = self.filled(&self.assets, 1 << 32);
        assets.truncate(assets.len() - self.short_by);
        Build::new(&[
            (
                chip.facts().bootloader_offset,
                image_of_sectors(chip, self.seed, 2),
            ),
            (TABLE_AT, table(&[NVS, FACTORY, ASSETS])),
            (APP_AT, image(chip, &self.filled(&self.app, 1 << 33))),
            (ASSETS.3, assets),
        ])
    }

    fn request(&self, build: &Build) -> Request {
        Request {
            mode: self.mode,
            baud: self.baud,
            ..build.request()
        }
    }

    /// The old contents: of the regions as the case says, elsewhere something that must stay.
    fn flash(&self, build: &Build) -> Vec<u8> {
        let mut flash = noise(self.seed, FLASH_LEN);
        let mut old = self.old.iter().cycle();
        for region in &build.target.regions {
            let bytes = std::fs::read(region.source.path()).unwrap();
            let start = region.offset as usize;
            for (n, new) in bytes.chunks(SECTOR).enumerate() {
                let at = start + n * SECTOR;
                let sector = &mut flash[at..at + SECTOR];
                let kind = old.next().unwrap();
                if !matches!(kind, Old::Noise) {
                    sector.fill(0xFF);
                }
                if matches!(kind, Old::Same | Old::Edited) {
                    sector[..new.len()].copy_from_slice(new);
                }
                if matches!(kind, Old::Edited) {
                    sector[(self.seed as usize + n) % SECTOR] ^= 0x10;
                }
            }
        }
        flash
    }

    fn bench(&self, build: &Build) -> Bench {
        let mut board = Board::builder(self.chip)
            .flash_size(FLASH_LEN as u32)
            .flash_contents(self.flash(build));
        if self.rom_only {
            board = board.revision(0, 0);
        }
        Bench::new(board)
    }
}

/// Sectors that a build covers.
fn covered(build: &Build) -> BTreeSet<u32> {
    let sectors = build.target.regions.iter().flat_map(|region| {
        let len = region.source.path().metadata().unwrap().len() as u32;
        (region.offset..region.offset + len).step_by(SECTOR)
    });
    sectors.collect()
}

/// What holds however a deploy ended.
fn check(deployed: &Deployed, bench: &Bench, build: &Build) -> Result<(), TestCaseError> {
    let report = &deployed.report;
    let touched = deployed.touched();
    prop_assert!(
        touched.is_subset(&covered(build)),
        "outside of the build: {:x?}",
        touched.difference(&covered(build)).collect::<Vec<_>>()
    );
    match (report.outcome, &report.error) {
        (OutcomeKind::VerifySkip | OutcomeKind::SelectiveFlash | OutcomeKind::FullFlash, None) => {
            deployed.assert_holds(build);
            let state = bench.board().state();
            prop_assert_eq!(state, State::Firmware { app_offset: APP_AT });
        }
        (OutcomeKind::Cancelled, None) => {
            prop_assert!(report.message.starts_with("deploy cancelled; "));
        }
        (OutcomeKind::Failed, Some(error)) => {
            prop_assert!(
                !error.what.is_empty() && !error.remedy.is_empty(),
                "{error:?}"
            );
        }
        other => prop_assert!(false, "{other:?}"),
    }
    let told = report
        .error
        .as_ref()
        .map_or(&report.message, |e| &e.board_state);
    if told.contains("nothing was written") || report.outcome == OutcomeKind::VerifySkip {
        prop_assert_eq!(touched, BTreeSet::new(), "{}", told);
    }
    if told.contains("written and proved") {
        deployed.assert_holds(build);
    }
    Ok(())
}

proptest! {
    #![proptest_config(super::cases(32))]

    /// A sound board: the deploy succeeds, and does no more than it planned.
    #[test]
    fn a_sound_board_ends_as_the_image(case in case()) {
        let build = case.build();
        let bench = case.bench(&build);
        let deployed = bench.deploy(&case.request(&build));
        prop_assert!(deployed.report.error.is_none(), "{:?}", deployed.report.error);
        check(&deployed, &bench, &build)?;
        deployed.assert_within_plan();
        for region in &deployed.report.regions {
            let searched = region.sectors_differing.unwrap_or(region.sectors);
            prop_assert!(searched <= region.sectors);
        }
        let again = bench.deploy(&build.request());
        prop_assert_eq!(again.outcome(), OutcomeKind::VerifySkip);
        check(&again, &bench, &build)?;
    }
}

proptest! {
    #![proptest_config(super::cases(64))]

    /// Whatever happens, the deploy tells the truth, and the next one repairs.
    #[test]
    fn a_board_that_fails(
        case in case(),
        list in vec(fault(), 1..4),
        cancel_at in prop::option::weighted(0.2, 0usize..120),
    ) {
        let build = case.build();
        let bench = case.bench(&build);
        bench.faults(faults(&list));
        let cancel_at = cancel_at.unwrap_or(usize::MAX);
        let deployed = bench.deploy_until(&case.request(&build), cancel_at);
        check(&deployed, &bench, &build)?;

        bench.faults(Faults::none());
        let repaired = bench.deploy(&build.request());
        check(&repaired, &bench, &build)?;
        // A worn sector stays worn.
        if !list.iter().any(|fault| matches!(fault, Fault::BadSector(_))) {
            prop_assert!(repaired.report.error.is_none(), "{:?}", repaired.report.error);
        }
    }
}

proptest! {
    #![proptest_config(super::cases(32))]

    /// Cancelled at any moment: the board is left as reported, and the next deploy repairs.
    #[test]
    fn a_deploy_that_is_cancelled(case in case(), cancel_at in 0usize..150) {
        let build = case.build();
        let bench = case.bench(&build);
        let deployed = bench.deploy_until(&case.request(&build), cancel_at);
        check(&deployed, &bench, &build)?;
        prop_assert!(deployed.report.error.is_none(), "{:?}", deployed.report.error);
        let repaired = bench.deploy(&build.request());
        prop_assert!(repaired.report.error.is_none(), "{:?}", repaired.report.error);
        check(&repaired, &bench, &build)?;
    }
}
