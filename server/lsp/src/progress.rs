//! Words and a percentage for what a deploy says while it runs. Pure: both front ends draw the
//! same sentence.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use fbuild_deploy::event::{Event, Phase};
use fbuild_deploy::outcome::{PlanSummary, PlannedWrite};
use fbuild_deploy::request::{Mode, Request};

/// Of the bar, what a build takes at most.
pub(crate) const BUILD_PERCENT: u64 = 50;
/// Share of the bar, in thousandths, for comparing where writing may follow. How long the writing
/// takes is known only after it, so this one part of the bar is not by predicted time.
const VERIFY_SHARE: u64 = 150;
/// What the bar reaches before the end itself, in thousandths.
const FULL: u64 = 990;
/// Of a region's predicted time, in thousandths: what writing takes. The rest is proving, which
/// takes a few times less on every link that was measured.
const WRITE_PART: u64 = 880;
/// Longest predicted time that is believed, in microseconds (a day); keeps products in range.
const TIME_MAX: u64 = 86_400_000_000;

/// A moment of a deploy, as a status bar shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Step {
    /// Phase, region, percent, KiB and time: `firmware: writing 43 %, 512 of 1180 KiB, 6 s left`.
    pub(crate) text: String,
    /// The end of the text, where it counts something: `512 of 1180 KiB, 6 s left`.
    pub(crate) amounts: Option<String>,
    /// Of the whole job; never falls.
    pub(crate) percent: u32,
    /// `connecting`, `verifying`, `writing`, `checking`.
    pub(crate) phase: &'static str,
    /// The region that it is about.
    pub(crate) region: Option<Arc<str>>,
    /// Predicted time to the end.
    pub(crate) left: Option<Duration>,
}

/// Folds events into steps.
#[derive(Debug)]
pub(crate) struct Tracker {
    verify_share: u64,
    /// Bytes to compare, per region.
    sizes: HashMap<Arc<str>, u64>,
    /// Bytes compared, per region.
    verified: HashMap<Arc<str>, u64>,
    plan: Option<Planned>,
    percent: u32,
    phase: &'static str,
    region: Option<Arc<str>>,
}

/// What is to be written, in microseconds, and how much of it is.
#[derive(Debug)]
struct Planned {
    /// Where the bar was, in thousandths.
    base: u64,
    times: HashMap<Arc<str>, u64>,
    /// Thousandths done, per phase of a region.
    done: HashMap<(Arc<str>, Phase), u64>,
}

impl Planned {
    fn new(plan: &PlanSummary, base: u64) -> Self {
        let time = |write: &PlannedWrite| {
            let micros = u64::try_from(write.predicted.as_micros()).unwrap_or(u64::MAX);
            (write.region.clone(), micros.clamp(1, TIME_MAX))
        };
        Self {
            base,
            times: plan.writes.iter().map(time).collect(),
            done: HashMap::new(),
        }
    }

    /// Predicted time of what is done, and of everything.
    fn times(&self) -> (u64, u64) {
        let done = self.done.iter().map(|((region, phase), thousandths)| {
            let part = match phase {
                Phase::Verify => 0,
                Phase::Write => WRITE_PART,
                Phase::Check => 1000 - WRITE_PART,
            };
            let time = self.times.get(region).copied().unwrap_or_default();
            time * part / 1000 * thousandths / 1000
        });
        (done.sum(), self.times.values().sum())
    }

    fn thousandths(&self) -> u64 {
        let (done, all) = self.times();
        self.base + share(done, all, FULL.saturating_sub(self.base))
    }

    fn left(&self) -> Duration {
        let (done, all) = self.times();
        Duration::from_micros(all.saturating_sub(done))
    }
}

impl Tracker {
    /// For a job of `mode` over regions of these sizes. Sizes are corrected by what events say.
    pub(crate) fn new(mode: Mode, sizes: impl IntoIterator<Item = (Arc<str>, u64)>) -> Self {
        Self {
            verify_share: if mode == Mode::Verify {
                1000
            } else {
                VERIFY_SHARE
            },
            sizes: sizes.into_iter().collect(),
            verified: HashMap::new(),
            plan: None,
            percent: 0,
            phase: "connecting",
            region: None,
        }
    }

    /// For a request; looks at the sizes of its files.
    pub(crate) fn of(request: &Request) -> Self {
        let is_asked = |name: &String| {
            let asked = request.regions.as_ref();
            asked.is_none_or(|asked| asked.contains(name))
        };
        let regions = request.target.regions.iter();
        let regions = regions.filter(|region| is_asked(&region.name));
        let sizes = regions.map(|region| {
            let len = std::fs::metadata(region.source.path()).map_or(0, |file| file.len());
            (region.name.as_str().into(), len)
        });
        Self::new(request.mode, sizes)
    }

    /// What to show after `event`.
    pub(crate) fn hear(&mut self, event: &Event) -> Step {
        let mut amounts = None;
        let text = match event {
            Event::Connecting { port } => format!("connecting to {port}"),
            Event::Connected(board) => match &board.mac {
                Some(mac) => format!("{} {mac} answered", board.chip),
                None => format!("{} answered", board.chip),
            },
            Event::Planned(plan) => {
                self.plan = Some(Planned::new(plan, self.thousandths()));
                planned_text(plan)
            }
            Event::Progress {
                region,
                phase,
                done_bytes,
                total_bytes,
            } => {
                self.progress(region, *phase, *done_bytes, *total_bytes);
                let counted = amounts_text(*done_bytes, *total_bytes) + &self.left_text();
                let text = progress_text(region, *phase, *done_bytes, *total_bytes);
                let text = format!("{text}, {counted}");
                amounts = Some(counted);
                text
            }
            Event::Note(note) => note.clone(),
            Event::Finished(report) => {
                self.percent = 100;
                report.message.clone()
            }
        };
        let percent = u32::try_from(self.thousandths() / 10).unwrap_or(99).min(99);
        self.percent = self.percent.max(percent);
        Step {
            text,
            amounts,
            percent: self.percent,
            phase: self.phase,
            region: self.region.clone(),
            left: self.plan.as_ref().map(Planned::left),
        }
    }

    fn progress(&mut self, region: &Arc<str>, phase: Phase, done_bytes: u64, total_bytes: u64) {
        self.phase = doing(phase);
        self.region = Some(region.clone());
        if phase == Phase::Verify {
            self.sizes.insert(region.clone(), total_bytes);
            self.verified.insert(region.clone(), done_bytes);
        } else if let Some(plan) = &mut self.plan {
            let thousandths = share(done_bytes, total_bytes, 1000);
            plan.done.insert((region.clone(), phase), thousandths);
        }
    }

    /// Of the whole job; may fall where a deploy starts over on a bad link.
    fn thousandths(&self) -> u64 {
        if let Some(plan) = &self.plan {
            return plan.thousandths();
        }
        let (verified, all) = (self.verified.values().sum(), self.sizes.values().sum());
        share(verified, all, self.verify_share)
    }

    fn left_text(&self) -> String {
        let left = self.plan.as_ref().map(Planned::left).unwrap_or_default();
        match left.as_millis().div_ceil(1000) {
            0 => String::new(),
            seconds => format!(", {seconds} s left"),
        }
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
    format!("{region}: {} {percent} %", doing(phase))
}

fn amounts_text(done_bytes: u64, total_bytes: u64) -> String {
    let (done, total) = (done_bytes.div_ceil(1024), total_bytes.div_ceil(1024));
    format!("{done} of {total} KiB")
}

/// What is about to be written, in one line.
pub(crate) fn planned_text(plan: &PlanSummary) -> String {
    if plan.writes.is_empty() {
        return "nothing to write".to_owned();
    }
    let part = |write: &PlannedWrite| {
        format!(
            "{} ({} of {} {}s)",
            write.region,
            write.sectors,
            write.sectors_total,
            write.unit.noun()
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
    use super::*;

    fn progress(region: &str, phase: Phase, done_bytes: u64, total_bytes: u64) -> Event {
        Event::Progress {
            region: region.into(),
            phase,
            done_bytes,
            total_bytes,
        }
    }

    /// A plan of three sectors each, with predicted milliseconds.
    fn planned(regions: &[(&str, u64)]) -> Event {
        let write = |(region, millis): &(&str, u64)| PlannedWrite {
            region: (*region).into(),
            unit: fbuild_deploy::outcome::Unit::Sector,
            sectors: 3,
            sectors_total: 366,
            runs: 1,
            wire_bytes: 100,
            delta_bytes: 0,
            predicted: Duration::from_millis(*millis),
        };
        Event::Planned(PlanSummary {
            writes: regions.iter().map(write).collect(),
            predicted: Duration::from_millis(regions.iter().map(|(_, millis)| millis).sum()),
            built_by: None,
        })
    }

    fn tracker(mode: Mode, sizes: &[(&str, u64)]) -> Tracker {
        Tracker::new(
            mode,
            sizes.iter().map(|(name, size)| ((*name).into(), *size)),
        )
    }

    #[test]
    fn text_carries_phase_region_percent_size_and_time() {
        let mut tracker = tracker(Mode::Auto, &[("firmware", 1180 << 10)]);
        let half = progress("firmware", Phase::Write, 512 << 10, 1180 << 10);
        let step = tracker.hear(&half);
        assert_eq!(step.text, "firmware: writing 43 %, 512 of 1180 KiB");
        let step = tracker.hear(&progress("nvs", Phase::Verify, 0, 0));
        assert_eq!(step.text, "nvs: verifying 100 %, 0 of 0 KiB");
        assert_eq!(
            (step.phase, step.region.as_deref()),
            ("verifying", Some("nvs"))
        );
        let step = tracker.hear(&planned(&[("firmware", 9000)]));
        assert_eq!(
            step.text,
            "to write: firmware (3 of 366 sectors), about 9.0 s"
        );
        let step = tracker.hear(&half);
        assert_eq!(
            step.text,
            "firmware: writing 43 %, 512 of 1180 KiB, 6 s left"
        );
        assert_eq!(step.left.unwrap().as_millis(), 5570);
    }

    #[test]
    fn the_percentage_never_falls_and_leaves_the_end_to_the_end() {
        let mut tracker = tracker(Mode::Auto, &[("bootloader", 100), ("firmware", 100)]);
        let again = planned(&[("firmware", 1500)]);
        let events = [
            progress("bootloader", Phase::Verify, 100, 100),
            progress("firmware", Phase::Verify, 100, 100),
            again.clone(),
            progress("firmware", Phase::Write, 0, 8192),
            progress("firmware", Phase::Write, 8192, 8192),
            progress("firmware", Phase::Check, 8192, 8192),
            // A region that is searched and written again after a failed proof.
            progress("firmware", Phase::Write, 0, 8192),
            // A deploy that starts over on a bad link.
            again,
            progress("firmware", Phase::Write, 1, 8192),
        ];
        let percents: Vec<u32> = events
            .iter()
            .map(|event| tracker.hear(event).percent)
            .collect();
        assert_eq!(percents, [7, 15, 15, 15, 88, 99, 99, 99, 99]);
    }

    #[test]
    fn the_percentage_is_by_predicted_time_and_not_by_regions() {
        let mut tracker = tracker(Mode::Full, &[]);
        tracker.hear(&planned(&[("small", 100), ("large", 9900)]));
        let wrote = |name| progress(name, Phase::Write, 10, 10);
        let checked = |name| progress(name, Phase::Check, 10, 10);
        tracker.hear(&wrote("small"));
        assert_eq!(tracker.hear(&checked("small")).percent, 0);
        let half = tracker.hear(&progress("large", Phase::Write, 5, 10));
        // 100 ms and half of 88 % of 9.9 s, of 10 s.
        assert_eq!(half.percent, 44);
        assert_eq!(tracker.hear(&wrote("large")).percent, 87);
        assert_eq!(tracker.hear(&checked("large")).percent, 99);
    }

    #[test]
    fn comparing_counts_bytes() {
        let mut tracker = tracker(Mode::Verify, &[("a", 10), ("b", 90)]);
        assert_eq!(
            tracker.hear(&progress("a", Phase::Verify, 5, 10)).percent,
            5
        );
        assert_eq!(
            tracker.hear(&progress("a", Phase::Verify, 10, 10)).percent,
            10
        );
        // A file may turn out to make a smaller image.
        assert_eq!(
            tracker.hear(&progress("b", Phase::Verify, 15, 30)).percent,
            62
        );
        assert_eq!(
            tracker.hear(&progress("b", Phase::Verify, 30, 30)).percent,
            99
        );
    }
}
