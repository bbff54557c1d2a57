//! One bit on the wire must not become a success, nor change anything in silence.
//!
//! A board of each kind, its ROM and its stub, asked for everything that can be asked; and every
//! request and every answer with one bit turned, one byte lost, or twice. Whatever comes of it:
//! a success means that the flash holds the target byte for byte, what belongs to no region is as it
//! was or the report says that it may not be, who only looks changes nothing, and the next deploy
//! repairs.
//!
//! `cargo test` tries some of the cases, always the same. All of them, with progress and counts:
//!
//!     FBUILD_MATRIX=full cargo test --release -p fbuild-tests --test it one_bit -- --nocapture
//!
//! With another value, all the cases whose line begins with it: `FBUILD_MATRIX="ESP32 rom full request"`.

mod cases;
mod fault;
mod first_contact;
mod job;
mod noisy;
mod setting;
mod twins;

use std::collections::BTreeMap;
use std::io::Write as _; // straight to stderr: the test runner hides what passing tests print

use fbuild_chip::Chip;

use cases::Cases;
use fault::Fault;
use job::{Job, Loader};
use setting::{Law, Setting, Stage, Verdict};

/// Cases of each of the two kinds that an ordinary run tries in one setting, at most.
const SAMPLE: usize = 60;

/// What to try.
enum Extent {
    Sample,
    Full,
    /// Cases whose line begins with this.
    Some(String),
}

impl Extent {
    fn asked() -> Self {
        match std::env::var("FBUILD_MATRIX") {
            Err(_) => Self::Sample,
            Ok(text) if text == "full" => Self::Full,
            Ok(text) => Self::Some(text),
        }
    }

    /// Whether any case of this setting may be asked for.
    fn concerns(&self, setting: Setting) -> bool {
        let setting = format!("{setting} ");
        match self {
            Self::Some(text) => setting.starts_with(text) || text.starts_with(&setting),
            Self::Sample | Self::Full => true,
        }
    }

    /// The faults to try, in order.
    fn choose(&self, setting: Setting, cases: Cases) -> Vec<Fault> {
        // Other bits in other settings; and an odd step, which meets every bit of a byte.
        let phase = setting.chip as usize * 7 + setting.loader as usize * 3 + setting.job as usize;
        let every = |list: Vec<Fault>| {
            let step = list.len().div_ceil(SAMPLE) | 1;
            list.into_iter().skip(phase % step).step_by(step)
        };
        match self {
            Self::Sample => every(cases.always).chain(every(cases.others)).collect(),
            Self::Full => cases.always.into_iter().chain(cases.others).collect(),
            Self::Some(text) => {
                let all = cases.always.into_iter().chain(cases.others);
                all.filter(|fault| format!("{setting} {fault}").starts_with(text))
                    .collect()
            }
        }
    }
}

#[derive(Default)]
struct Counts {
    cases: usize,
    successes: usize,
    failures: usize,
    broken: BTreeMap<Law, usize>,
}

impl Counts {
    fn line(&self) -> String {
        let broken = |law| self.broken.get(&law).copied().unwrap_or(0);
        format!(
            "{} cases: {} successes, {} failures, {} wrong successes, {} unreported changes, {} not \
             repaired, {} panics",
            self.cases,
            self.successes,
            self.failures,
            broken(Law::WrongSuccess),
            broken(Law::UnreportedChange),
            broken(Law::NotRepaired),
            broken(Law::Panic)
        )
    }
}

fn check(chip: Chip, loader: Loader) {
    let extent = Extent::asked();
    let mut counts = Counts::default();
    let mut lines = Vec::new();
    for job in Job::ALL {
        let setting = Setting { chip, loader, job };
        if !setting.is_possible() || !extent.concerns(setting) {
            continue;
        }
        let (stage, conversation) = Stage::new(setting);
        for fault in extent.choose(setting, Cases::of(&conversation)) {
            counts.cases += 1;
            match stage.check(fault) {
                Verdict::Success => counts.successes += 1,
                Verdict::Failure => counts.failures += 1,
                Verdict::Broken(law, what) => {
                    *counts.broken.entry(law).or_default() += 1;
                    lines.push(format!("{setting} {fault}: {law:?}: {what}"));
                }
            }
        }
        if !matches!(extent, Extent::Sample) {
            let _ = writeln!(std::io::stderr(), "{setting}: so far {}", counts.line());
        }
    }
    assert!(
        lines.is_empty(),
        "{}\n{}\n(again: FBUILD_MATRIX=\"the line up to the colon\" cargo test -p fbuild-tests --test it one_bit)",
        counts.line(),
        lines.join("\n")
    );
}

macro_rules! matrix {
    ($($name:ident: $chip:ident $loader:ident;)*) => {
        $(#[test]
        fn $name() {
            check(Chip::$chip, Loader::$loader);
        })*
    };
}

matrix! {
    esp32_rom: Esp32 Rom;
    esp32_stub: Esp32 Stub;
    esp32s3_rom: Esp32S3 Rom;
    esp32s3_stub: Esp32S3 Stub;
    esp32c3_rom: Esp32C3 Rom;
    esp32c3_stub: Esp32C3 Stub;
    esp32p4_rom: Esp32P4 Rom;
    esp32p4_stub: Esp32P4 Stub;
}
