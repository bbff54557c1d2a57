//! What was done, from the state that a deploy ended in.

use super::Job;
use crate::failure::{self, DeployError};
use crate::outcome::{Failure, OutcomeKind, PlanSummary, RegionReport, Report, Verdict};
use crate::request::Mode;
use crate::search::Sector;

impl Job<'_> {
    pub(super) fn report(&mut self, result: Result<(), DeployError>) -> Report {
        let verb = match self.request.mode {
            Mode::Auto | Mode::Full => "deploy",
            Mode::Verify => "verify",
            Mode::Plan => "plan",
        };
        let (outcome, message, error) = match result {
            Ok(()) if self.request.mode == Mode::Verify => self.verified(),
            Ok(()) if self.request.mode == Mode::Plan => self.planned(),
            Ok(()) => self.deployed(),
            Err(error) if error.is_cancelled() => (
                OutcomeKind::Cancelled,
                failure::cancelled(verb, &self.journal.state),
                None,
            ),
            Err(error) => {
                let failure = error.into_failure(&self.request.port, &self.journal.state);
                (
                    OutcomeKind::Failed,
                    format!("{verb} failed: {}", failure.what),
                    Some(failure),
                )
            }
        };
        Report {
            outcome,
            message,
            backend: self.request.carrier(),
            target: self.request.target.name.clone(),
            port: self.request.port.clone(),
            chip: self.journal.board.as_ref().map(|board| board.chip),
            mac: self
                .journal
                .board
                .as_ref()
                .and_then(|board| board.mac.clone()),
            duration: self.journal.elapsed,
            regions: self.region_reports(),
            plan: self.journal.plan.take().map(|plan| PlanSummary {
                built_by: self.request.target.recipe().map(|it| it.line()),
                ..plan
            }),
            warnings: std::mem::take(&mut self.journal.warnings),
            error,
        }
    }

    fn deployed(&self) -> (OutcomeKind, String, Option<Failure>) {
        let regions = &self.survey.regions;
        let written: Vec<_> = regions.iter().filter(|region| region.touched).collect();
        if written.is_empty() {
            let text = "deploy succeeded (verify skipped, device already matched)".to_owned();
            return (OutcomeKind::VerifySkip, text, None);
        }
        if let Some(confirmed) = self.confirmed {
            let text = format!("deploy succeeded (full flash, {confirmed})");
            return (OutcomeKind::FullFlash, text, None);
        }
        let unproved = written
            .iter()
            .find(|region| !region.provable)
            .map(|region| {
                let why = if region.encrypt {
                    "flash encryption"
                } else {
                    "Secure Download Mode"
                };
                format!("; written, not verifiable: {why}")
            });
        let unproved = unproved.unwrap_or_default();
        let delta_bytes: u64 = regions.iter().map(|region| region.delta_bytes).sum();
        let differences = differences_text(delta_bytes);
        if !self.subset && self.everything_was_written() {
            let text = format!("deploy succeeded (full flash{differences}{unproved})");
            return (OutcomeKind::FullFlash, text, None);
        }
        let names: Vec<&str> = written.iter().map(|region| &*region.name).collect();
        let sectors: u32 = written.iter().map(|region| region.sectors_written()).sum();
        let total: usize = written.iter().map(|region| region.sectors.len()).sum();
        let unit = written[0].image.unit.noun();
        let text = format!(
            "deploy succeeded (selective flash: {}; {sectors} of {total} {unit}s{differences}{unproved})",
            names.join(", ")
        );
        (OutcomeKind::SelectiveFlash, text, None)
    }

    fn planned(&self) -> (OutcomeKind, String, Option<Failure>) {
        let writes = self
            .journal
            .plan
            .as_ref()
            .map_or(&[][..], |plan| &plan.writes);
        let parts: Vec<String> = writes
            .iter()
            .map(|write| {
                let as_differences = match write.delta_bytes {
                    0 => String::new(),
                    bytes => format!(" ({} as differences)", kilobytes(bytes)),
                };
                format!(
                    "{}: {} of {} {}s{as_differences}",
                    write.region,
                    write.sectors,
                    write.sectors_total,
                    write.unit.noun()
                )
            })
            .collect();
        let text = if parts.is_empty() {
            "nothing to write, device matches".to_owned()
        } else {
            format!("would write {}", parts.join(", "))
        };
        (OutcomeKind::Planned, text, None)
    }

    /// No sector was on the board already; on a new one blank ones are.
    fn everything_was_written(&self) -> bool {
        let mut regions = self.survey.regions.iter();
        regions.all(|region| !region.written.contains(&false))
    }

    fn verified(&self) -> (OutcomeKind, String, Option<Failure>) {
        let regions = &self.survey.regions;
        let named = |verdict| -> Vec<&str> {
            regions
                .iter()
                .filter(|r| r.verdict == verdict)
                .map(|region| &*region.name)
                .collect()
        };
        let (differing, unknown) = (named(Verdict::Differs), named(Verdict::Unknown));
        if differing.is_empty() && unknown.is_empty() {
            let text = "verify succeeded (device matches)".to_owned();
            return (OutcomeKind::VerifySkip, text, None);
        }
        let (code, text, remedy) = if differing.is_empty() {
            let text = format!("not verifiable: {}", unknown.join(", "));
            (
                "not-verifiable",
                text,
                "the flash of a secured board cannot be compared",
            )
        } else {
            let text = format!("differs: {}", differing.join(", "));
            ("differs", text, "deploy to bring the board up to date")
        };
        let failure = Failure {
            code,
            is_input: false,
            what: format!("the board does not hold this build ({text})"),
            board_state: "nothing was written; the board is unchanged".to_owned(),
            remedy: remedy.into(),
        };
        (
            OutcomeKind::Failed,
            format!("verify failed ({text})"),
            Some(failure),
        )
    }

    fn region_reports(&self) -> Vec<RegionReport> {
        let report = |region: &super::survey::Region| {
            let differing = region
                .sectors
                .iter()
                .filter(|&&s| s == Sector::Differs)
                .count();
            RegionReport {
                name: region.name.to_string(),
                offset: region.image.region.offset,
                len_bytes: region.len_bytes,
                verdict: region.verdict,
                written: region.touched,
                sent_bytes: region.sent_bytes,
                delta_bytes: region.delta_bytes,
                unit: region.image.unit,
                sectors: region.sectors.len() as u32,
                sectors_differing: region.searched.then_some(differing as u32),
                sectors_written: region.sectors_written(),
            }
        };
        self.survey.regions.iter().map(report).collect()
    }
}

/// What a report says of differences that were sent, if any were.
fn differences_text(delta_bytes: u64) -> String {
    match delta_bytes {
        0 => String::new(),
        _ => format!(", {} sent as differences", kilobytes(delta_bytes)),
    }
}

fn kilobytes(bytes: u64) -> String {
    match bytes {
        0..1000 => format!("{bytes} bytes"),
        _ => format!("{} KB", (bytes + 500) / 1000),
    }
}
