//! A board that fails, at every step of a deploy: the deploy says so, and the next one repairs.

use std::sync::{Arc, Mutex};

use fbuild_chip::Chip;
use fbuild_deploy::deploy::deploy;
use fbuild_deploy::event::Event;
use fbuild_deploy::outcome::{OutcomeKind, Report};
use fbuild_deploy::request::{Baud, Mode, Request};
use fbuild_link::Link;
use fbuild_link::memory::{MemoryLink, Time};
use fbuild_loader::cancel::CancelToken;
use fbuild_project::discover::{Environment, discover};
use fbuild_project::target::Target;
use fbuild_sim::{Board, Faults, State, When};

use crate::harness::root;

fn example() -> Target {
    let environment = Environment::from_pairs([]);
    let discovery = discover(&root().join("tests/example"), &environment);
    discovery.default_target().unwrap().clone()
}

/// A board that stays while links to it come and go.
struct Bench {
    board: Arc<Mutex<Board>>,
}

impl Bench {
    fn new(contents: Vec<u8>) -> Self {
        let board = Board::builder(Chip::Esp32)
            .flash_contents(contents)
            .build()
            .unwrap();
        Self {
            board: Arc::new(Mutex::new(board)),
        }
    }

    fn faults(&self, faults: Faults) {
        self.board.lock().unwrap().set_faults(faults);
    }

    fn deploy(
        &self,
        request: &Request,
        cancel: &CancelToken,
        on: &mut dyn FnMut(&Event),
    ) -> Report {
        let mut finals = 0;
        let mut open = || {
            let link = MemoryLink::new("sim:", Arc::clone(&self.board), Time::Accounted);
            Ok(Box::new(link) as Box<dyn Link>)
        };
        let report = deploy(
            request,
            &mut open,
            &mut |event| {
                on(&event);
                finals += u32::from(matches!(event, Event::Finished(_)));
            },
            cancel,
        );
        assert_eq!(finals, 1, "exactly one final event");
        report
    }

    fn deploy_plainly(&self, request: &Request) -> Report {
        self.deploy(request, &CancelToken::new(), &mut |_| {})
    }

    /// The loader was not left running: the board boots, whatever is in its flash by now.
    #[track_caller]
    fn assert_booted(&self) {
        let state = self.board.lock().unwrap().state();
        assert!(!matches!(state, State::Download | State::Stub), "{state:?}");
    }

    /// The build is on the board byte for byte, and the firmware was started.
    fn assert_holds(&self, target: &Target) {
        let mut board = self.board.lock().unwrap();
        for region in &target.regions {
            let bytes = std::fs::read(region.source.path()).unwrap();
            let held = board
                .flash()
                .read(region.offset, bytes.len() as u32)
                .unwrap();
            assert!(held == bytes, "{} is not on the board", region.name);
        }
        assert!(
            matches!(board.state(), State::Firmware { .. }),
            "{:?}",
            board.state()
        );
    }
}

/// Flash that differs from the example in a few sectors of each region, so that a deploy takes every
/// kind of step: comparing, the stub, several runs, proving.
fn partly_old(target: &Target) -> Vec<u8> {
    let mut contents = vec![0xFF; 4 << 20];
    for region in &target.regions {
        let bytes = std::fs::read(region.source.path()).unwrap();
        let start = region.offset as usize;
        contents[start..start + bytes.len()].copy_from_slice(&bytes);
        contents[start + 100] ^= 0x5A;
        let middle = start + bytes.len() / 2;
        contents[middle] ^= 0x5A;
    }
    contents
}

fn commands_of_a_deploy(target: &Target) -> u32 {
    let bench = Bench::new(partly_old(target));
    let report = bench.deploy_plainly(&Request::new(target.clone(), "sim:"));
    assert_eq!(report.outcome, OutcomeKind::SelectiveFlash, "{report:#?}");
    bench.assert_holds(target);
    bench.board.lock().unwrap().stats().commands
}

/// How often a deploy may fail that is struck once.
#[derive(Clone, Copy)]
enum Fails {
    /// The board stays away.
    Mostly,
    /// The deploy can go on from a reset, at a lower baud rate.
    Rarely,
}

/// Strikes at every command of a deploy, then repairs.
fn check_every_step(fault: fn(When) -> Faults, expected_codes: &[&str], fails: Fails) {
    let target = example();
    let request = Request::new(target.clone(), "sim:");
    let steps = commands_of_a_deploy(&target);
    assert!(steps > 30, "only {steps} commands");
    let mut failed = 0;
    for step in 1..=steps {
        let bench = Bench::new(partly_old(&target));
        bench.faults(fault(When::command(step)));
        let report = bench.deploy_plainly(&request);
        if let Some(error) = &report.error {
            failed += 1;
            assert_eq!(report.outcome, OutcomeKind::Failed);
            assert!(
                expected_codes.contains(&error.code),
                "step {step}: {error:?}"
            );
            assert!(
                !error.board_state.is_empty() && !error.remedy.is_empty(),
                "{error:?}"
            );
            if matches!(fails, Fails::Rarely) {
                bench.assert_booted();
            }
        } else {
            // Also where the last attempt of several found everything in place.
            assert_eq!(report.outcome, OutcomeKind::SelectiveFlash, "step {step}");
            bench.assert_holds(&target);
        }
        bench.faults(Faults::none());
        let repaired = bench.deploy_plainly(&request);
        assert!(
            repaired.error.is_none(),
            "step {step}: {:?}",
            repaired.error
        );
        bench.assert_holds(&target);
    }
    match fails {
        Fails::Mostly => assert!(failed > steps / 2, "{failed} of {steps} steps failed"),
        Fails::Rarely => assert!(failed < steps / 4, "{failed} of {steps} steps failed"),
    }
}

#[test]
fn a_board_that_falls_silent_at_any_step() {
    check_every_step(
        |when| Faults::none().mute_at(when),
        &["timeout", "no-loader"],
        Fails::Mostly,
    );
}

#[test]
fn a_cable_pulled_out_at_any_step() {
    check_every_step(
        |when| Faults::none().vanish_at(when),
        &["link-lost", "port-open"],
        Fails::Mostly,
    );
}

#[test]
fn an_answer_lost_at_any_step() {
    check_every_step(
        |when| Faults::none().drop_answer(when),
        &["timeout", "no-loader", "refused", "bad-reply"],
        Fails::Rarely,
    );
}

/// What stops a deploy that was struck once by noise.
const NOISE: [&str; 6] = [
    "timeout",
    "no-loader",
    "refused",
    "bad-reply",
    "unknown-chip",
    "no-flash",
];

#[test]
fn a_request_damaged_at_any_step() {
    const OP: usize = 1;
    const SIZE: usize = 2;
    const FIRST_DATA: usize = 9;
    for strike in [
        |when| Faults::none().corrupt_request(when, OP),
        |when| Faults::none().corrupt_request(when, SIZE),
        |when| Faults::none().corrupt_request(when, FIRST_DATA),
    ] {
        check_every_step(strike, &NOISE, Fails::Rarely);
    }
}

#[test]
fn an_answer_damaged_at_any_step() {
    const OP: usize = 2;
    const VALUE: usize = 5;
    const STATUS: usize = 9;
    for strike in [
        |when| Faults::none().corrupt_answer(when, OP),
        |when| Faults::none().corrupt_answer(when, VALUE),
        |when| Faults::none().corrupt_answer(when, STATUS),
    ] {
        check_every_step(strike, &NOISE, Fails::Rarely);
    }
}

#[test]
fn a_supply_that_fails_while_writing() {
    let target = example();
    // A reset brings such a board back: the deploy starts over, once.
    let request = Request {
        mode: Mode::Full,
        baud: Baud::Fixed(921_600),
        ..Request::new(target.clone(), "sim:")
    };
    for bytes in [1, 5_000, 70_000, 200_000, 262_000] {
        let bench = Bench::new(vec![0xFF; 4 << 20]);
        bench.faults(Faults::none().power_loss_after(bytes));
        let report = bench.deploy_plainly(&request);
        let warned = report.warnings.iter().any(|it| {
            it.contains("trying again; something else on the board may have been overwritten")
        });
        assert!(warned, "{bytes}: {:?}", report.warnings);
        match report.error {
            Some(error) => assert!(error.board_state.contains("writing had begun"), "{error:?}"),
            None => bench.assert_holds(&target),
        }
        bench.faults(Faults::none());
        let repaired = bench.deploy_plainly(&Request::new(target.clone(), "sim:"));
        assert!(repaired.error.is_none(), "{bytes}: {:?}", repaired.error);
        bench.assert_holds(&target);
    }
}

#[test]
fn a_worn_sector_is_named() {
    let target = example();
    let bench = Bench::new(vec![0x00; 4 << 20]);
    bench.faults(Faults::none().bad_sector(0x2_3000));
    let report = bench.deploy_plainly(&Request::new(target, "sim:"));
    assert_eq!(report.outcome, OutcomeKind::Failed);
    let error = report.error.unwrap();
    assert_eq!(error.code, "not-proved", "{error:?}");
    assert!(
        error.what.contains("firmware") && error.what.contains("0x23000"),
        "{error:?}"
    );
}

/// Nothing but a hash of what lies beside a write finds out that it went too far, also where the
/// next erase block begins there.
#[test]
fn an_erase_that_goes_too_far_is_found_and_repaired() {
    let target = example();
    let whole = Bench::new(vec![0xFF; 4 << 20]);
    whole.deploy_plainly(&Request::new(target.clone(), "sim:"));
    let contents = whole.board.lock().unwrap().flash().contents().to_vec();
    for (edited, damaged) in [
        (0x2_3000, 0x2_4000),
        (0x2_3000, 0x2_2000),
        (0x1_F000, 0x2_0000),
        (0x2_0000, 0x1_F000),
    ] {
        let mut contents = contents.clone();
        contents[edited as usize] ^= 0x40;
        let bench = Bench::new(contents);
        bench.faults(Faults::none().erase_takes_along(edited, damaged));
        let report = bench.deploy_plainly(&Request::new(target.clone(), "sim:"));
        assert!(report.error.is_none(), "{damaged:#x}: {:?}", report.error);
        bench.assert_holds(&target);
        assert!(
            report
                .warnings
                .iter()
                .any(|text| text.starts_with("one sector did not read back")),
            "{damaged:#x}: {:?}",
            report.warnings
        );
    }
}

/// Cancelled at the n-th event, for every n: one final event, and the next deploy repairs.
#[test]
fn cancelled_at_any_moment() {
    let target = example();
    let request = Request::new(target.clone(), "sim:");
    let mut events = 0;
    Bench::new(partly_old(&target)).deploy(&request, &CancelToken::new(), &mut |_| events += 1);
    for at in 0..events - 1 {
        let bench = Bench::new(partly_old(&target));
        let cancel = CancelToken::new();
        let mut n = 0;
        let report = bench.deploy(&request, &cancel, &mut |_| {
            if n == at {
                cancel.cancel();
            }
            n += 1;
        });
        if report.outcome == OutcomeKind::Cancelled {
            assert!(
                report.message.starts_with("deploy cancelled; "),
                "{}",
                report.message
            );
            assert!(report.error.is_none());
            bench.assert_booted();
        } else {
            // Nothing but the end was left to cancel.
            assert!(report.error.is_none(), "{report:?}");
            assert!(at + 4 > events, "cancelled at {at} of {events} and went on");
        }
        bench.deploy_plainly(&request);
        bench.assert_holds(&target);
    }
}
