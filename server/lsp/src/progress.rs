//! Words and a percentage for what a deploy says while it runs. Pure: both front ends draw the
//! same sentence.

use std::collections::HashMap;
use std::sync::Arc;

use fbuild_deploy::deploy::Mode;
use fbuild_deploy::event::{Event, Phase, PlanSummary, PlannedWrite};

/// Shares of the whole job in thousandths, for a deploy that writes. A write takes several times as
/// long as a hash on every link that was measured, and the last hash covers only what was written.
const VERIFY_SHARE: u64 = 150;
const WRITE_SHARE: u64 = 750;
const CHECK_SHARE: u64 = 100;
/// Longest predicted time that is believed, in microseconds (a day); keeps products in range.
const TIME_MAX: u64 = 86_400_000_000;

/// A moment of a deploy, as a status bar shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    /// Phase, region, percent and KiB: `firmware: writing 43 %, 512 of 1180 KiB`.
    pub(crate) text: String,
    /// Of the whole job; never falls.
    pub(crate) percent: u32,
}

/// Folds events into steps.
#[derive(Debug)]
pub(crate) struct Tracker {
    verify_share: u64,
    n_regions: u64,
    /// Predicted time per region, in microseconds.
    planned: HashMap<Arc<str>, u64>,
    done: HashMap<(Arc<str>, Phase), u64>,
    percent: u32,
}

impl Tracker {
    /// For a job of `mode` over `n_regions` regions.
    pub(crate) fn new(mode: Mode, n_regions: usize) -> Self {
        Self {
            verify_share: if mode == Mode::Verify {
                1000
            } else {
                VERIFY_SHARE
            },
            n_regions: (n_regions as u64).max(1),
            planned: HashMap::new(),
            done: HashMap::new(),
            percent: 0,
        }
    }

    /// What to show after `event`.
    pub(crate) fn hear(&mut self, event: &Event) -> Step {
        let text = match event {
            Event::Connecting { port } => format!("connecting to {port}"),
            Event::Connected(board) => match &board.mac {
                Some(mac) => format!("{} {mac} answered", board.chip),
                None => format!("{} answered", board.chip),
            },
            Event::Planned(plan) => {
                let times = plan.writes.iter().map(|write| {
                    let micros = u64::try_from(write.predicted.as_micros()).unwrap_or(u64::MAX);
                    (write.region.clone(), micros.clamp(1, TIME_MAX))
                });
                self.planned = times.collect();
                planned_text(plan)
            }
            Event::Progress {
                region,
                phase,
                done_bytes,
                total_bytes,
            } => {
                let thousandths = share(*done_bytes, *total_bytes, 1000);
                self.done.insert((region.clone(), *phase), thousandths);
                progress_text(region, *phase, *done_bytes, *total_bytes)
            }
            Event::Note(note) => note.clone(),
            Event::Finished(report) => {
                self.percent = 100;
                report.message.clone()
            }
        };
        self.percent = self.percent.max(self.estimate());
        Step {
            text,
            percent: self.percent,
        }
    }

    /// Percent of the job by its phases' shares; 100 is left to the end itself.
    fn estimate(&self) -> u32 {
        let verified: u64 = self
            .done
            .iter()
            .filter(|((_, phase), _)| *phase == Phase::Verify)
            .map(|(_, t)| t)
            .sum();
        let mut thousandths = share(verified, self.n_regions * 1000, self.verify_share);
        let planned_time: u64 = self.planned.values().sum();
        for ((region, phase), done) in &self.done {
            let time = self.planned.get(region).copied().unwrap_or_default();
            let of_phase = match phase {
                Phase::Verify => continue,
                Phase::Write => WRITE_SHARE,
                Phase::Check => CHECK_SHARE,
            };
            thousandths += share(time * done, planned_time * 1000, of_phase);
        }
        u32::try_from(thousandths / 10).unwrap_or(99).min(99)
    }
}

/// `whole * part / total`, for a `total` that may be 0.
fn share(part: u64, total: u64, whole: u64) -> u64 {
    (part.min(total) * whole).checked_div(total).unwrap_or(0)
}

/// What a phase is called while it lasts.
pub(crate) fn doing(phase: Phase) -> &'static str {
    match phase {
        Phase::Verify => "verifying",
        Phase::Write => "writing",
        Phase::Check => "checking",
    }
}

/// What a phase is called once it is over.
pub(crate) fn done(phase: Phase) -> &'static str {
    match phase {
        Phase::Verify => "compared",
        Phase::Write => "wrote",
        Phase::Check => "checked",
    }
}

fn progress_text(region: &str, phase: Phase, done_bytes: u64, total_bytes: u64) -> String {
    let percent = if total_bytes == 0 {
        100
    } else {
        share(done_bytes, total_bytes, 100)
    };
    format!(
        "{region}: {} {percent} %, {} of {} KiB",
        doing(phase),
        done_bytes.div_ceil(1024),
        total_bytes.div_ceil(1024)
    )
}

/// What is about to be written, in one line.
pub(crate) fn planned_text(plan: &PlanSummary) -> String {
    if plan.writes.is_empty() {
        return "nothing to write".to_owned();
    }
    let part = |write: &PlannedWrite| {
        format!(
            "{} ({} of {} sectors)",
            write.region, write.sectors, write.sectors_total
        )
    };
    let parts: Vec<String> = plan.writes.iter().map(part).collect();
    format!(
        "to write: {}, about {:.1} s",
        parts.join(", "),
        plan.predicted.as_secs_f64()
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn progress(region: &str, phase: Phase, done_bytes: u64, total_bytes: u64) -> Event {
        Event::Progress {
            region: region.into(),
            phase,
            done_bytes,
            total_bytes,
        }
    }

    fn planned(region: &str, sectors: u32, sectors_total: u32) -> Event {
        let predicted = Duration::from_millis(1500);
        let write = PlannedWrite {
            region: region.into(),
            sectors,
            sectors_total,
            runs: 1,
            wire_bytes: 100,
            predicted,
        };
        Event::Planned(PlanSummary {
            writes: vec![write],
            predicted,
        })
    }

    #[test]
    fn text_carries_phase_region_percent_and_size() {
        let mut tracker = Tracker::new(Mode::Auto, 1);
        let step = tracker.hear(&progress("firmware", Phase::Write, 512 << 10, 1180 << 10));
        assert_eq!(step.text, "firmware: writing 43 %, 512 of 1180 KiB");
        let step = tracker.hear(&progress("nvs", Phase::Verify, 0, 0));
        assert_eq!(step.text, "nvs: verifying 100 %, 0 of 0 KiB");
        let step = tracker.hear(&planned("firmware", 3, 366));
        assert_eq!(
            step.text,
            "to write: firmware (3 of 366 sectors), about 1.5 s"
        );
    }

    #[test]
    fn the_percentage_never_falls_and_leaves_the_end_to_the_end() {
        let mut tracker = Tracker::new(Mode::Auto, 2);
        let events = [
            progress("bootloader", Phase::Verify, 100, 100),
            progress("firmware", Phase::Verify, 100, 100),
            planned("firmware", 2, 4),
            progress("firmware", Phase::Write, 0, 8192),
            progress("firmware", Phase::Write, 8192, 8192),
            progress("firmware", Phase::Check, 8192, 8192),
            // A region that is searched and written again after a failed proof.
            progress("firmware", Phase::Write, 0, 8192),
        ];
        let percents: Vec<u32> = events
            .iter()
            .map(|event| tracker.hear(event).percent)
            .collect();
        assert_eq!(percents, [7, 15, 15, 15, 90, 99, 99]);
    }

    #[test]
    fn a_verify_fills_the_whole_bar() {
        let mut tracker = Tracker::new(Mode::Verify, 2);
        assert_eq!(
            tracker.hear(&progress("a", Phase::Verify, 1, 2)).percent,
            25
        );
        assert_eq!(
            tracker.hear(&progress("a", Phase::Verify, 2, 2)).percent,
            50
        );
        assert_eq!(
            tracker.hear(&progress("b", Phase::Verify, 2, 2)).percent,
            99
        );
    }
}
