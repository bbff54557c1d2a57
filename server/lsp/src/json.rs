//! The shapes that leave this process: the command line's `--json` and the language server's
//! results are the same objects. Twins of the domain's types, converted by hand, so that a change
//! inside never changes what programs read. The contract is `docs/protocol.md`. Names and paths are
//! as they are, for programs that open them; sentences are for people, and pass [`plain::line`].

mod board;
mod build;
mod crashes;
mod lists;
mod monitor;

use std::borrow::Cow;
use std::path::Path;
use std::time::Duration;

use fbuild_deploy::outcome::{
    Failure, OutcomeKind, PlanSummary, PlannedWrite, RegionReport, Report, Unit, Verdict,
};
use fbuild_project::input_error::InputError;
use fbuild_project::plain;
use schemars::JsonSchema;
use serde::Serialize;

use crate::build::Built;
use crate::explain::Text;

pub(crate) use board::{Board, BoardAnswer};
pub(crate) use build::BuildOutcome;
pub(crate) use crashes::CrashList;
pub(crate) use lists::{PortList, SelectionEntry, TargetList};
pub(crate) use monitor::MonitorEvent;

/// What a deploy or verify did.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[allow(clippy::struct_field_names)] // the contract's names
pub(crate) struct Outcome<'r> {
    outcome: &'static str,
    message: Cow<'r, str>,
    backend: &'static str,
    target: &'r str,
    port: &'r str,
    chip: Option<&'static str>,
    mac: Option<&'r str>,
    duration_ms: u64,
    regions: Vec<Region<'r>>,
    plan: Option<Plan<'r>>,
    warnings: Vec<Cow<'r, str>>,
    /// What was built before, if anything was.
    build: Option<BuildEntry<'r>>,
    error: Option<Problem>,
    /// Only for who shows it to a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    pub(crate) text: Option<Text>,
    /// Where a client finds these words as a document, if it asks for such ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    pub(crate) page: Option<String>,
}

/// A build that a deploy began with.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct BuildEntry<'r> {
    command: &'r str,
    directory: &'r Path,
    duration_ms: u64,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Region<'r> {
    name: &'r str,
    offset: u32,
    size: u32,
    verdict: &'static str,
    written: bool,
    bytes_sent: u64,
    delta_bytes: u64,
    #[serde(flatten)]
    unit: Counted,
    sectors: u32,
    sectors_differing: Option<u32>,
    sectors_written: u32,
}

/// What was planned, in the order of writing.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Plan<'r> {
    writes: Vec<Write<'r>>,
    predicted_ms: u64,
    /// The command that builds what is deployed, where one is known.
    built_by: Option<&'r str>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Write<'r> {
    region: &'r str,
    #[serde(flatten)]
    unit: Counted,
    sectors: u32,
    sectors_total: u32,
    runs: u32,
    wire_bytes: u64,
    delta_bytes: u64,
    predicted_ms: u64,
}

/// What "sectors" are of a part that has none.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Counted {
    #[serde(skip_serializing_if = "Option::is_none")]
    page_bytes: Option<u32>,
}

impl From<Unit> for Counted {
    fn from(unit: Unit) -> Self {
        let page_bytes = match unit {
            Unit::Sector => None,
            Unit::Page(bytes) => Some(bytes),
        };
        Self { page_bytes }
    }
}

/// What went wrong.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Problem {
    code: &'static str,
    message: String,
    board_state: Option<String>,
    remedy: Option<String>,
    is_input: bool,
}

impl<'r> From<&'r Built> for BuildEntry<'r> {
    fn from(built: &'r Built) -> Self {
        Self {
            command: &built.line,
            directory: &built.directory,
            duration_ms: milliseconds(built.duration),
        }
    }
}

impl<'r> Outcome<'r> {
    pub(crate) fn new(report: &'r Report, built: Option<&'r Built>) -> Self {
        Self {
            outcome: outcome_name(report.outcome),
            message: plain::line(&report.message),
            backend: report.backend.name(),
            target: &report.target,
            port: &report.port,
            chip: report.chip.map(fbuild_chip::Device::name),
            mac: report.mac.as_deref(),
            duration_ms: milliseconds(report.duration),
            regions: report.regions.iter().map(Region::from).collect(),
            plan: report.plan.as_ref().map(Plan::from),
            warnings: report.warnings.iter().map(|it| plain::line(it)).collect(),
            build: built.map(BuildEntry::from),
            error: report.error.as_ref().map(Problem::from),
            text: None,
            page: None,
        }
    }
}

impl<'r> From<&'r PlanSummary> for Plan<'r> {
    fn from(plan: &'r PlanSummary) -> Self {
        let write = |write: &'r PlannedWrite| Write {
            region: &write.region,
            unit: write.unit.into(),
            sectors: write.sectors,
            sectors_total: write.sectors_total,
            runs: write.runs,
            wire_bytes: write.wire_bytes,
            delta_bytes: write.delta_bytes,
            predicted_ms: milliseconds(write.predicted),
        };
        Self {
            writes: plan.writes.iter().map(write).collect(),
            predicted_ms: milliseconds(plan.predicted),
            built_by: plan.built_by.as_deref(),
        }
    }
}

/// A duration as the contract counts it.
pub(crate) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The contract's word for what a board held.
pub(crate) fn verdict_name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Match => "match",
        Verdict::Differs => "differs",
        Verdict::Unknown => "unknown",
    }
}

/// An outcome's name in the contract.
pub(crate) fn outcome_name(outcome: OutcomeKind) -> &'static str {
    match outcome {
        OutcomeKind::VerifySkip => "verifySkip",
        OutcomeKind::SelectiveFlash => "selectiveFlash",
        OutcomeKind::FullFlash => "fullFlash",
        OutcomeKind::Planned => "planned",
        OutcomeKind::Cancelled => "cancelled",
        OutcomeKind::Failed => "failed",
    }
}

impl<'r> From<&'r RegionReport> for Region<'r> {
    fn from(region: &'r RegionReport) -> Self {
        Self {
            name: &region.name,
            offset: region.offset,
            size: region.len_bytes,
            verdict: verdict_name(region.verdict),
            written: region.written,
            bytes_sent: region.sent_bytes,
            delta_bytes: region.delta_bytes,
            unit: region.unit.into(),
            sectors: region.sectors,
            sectors_differing: region.sectors_differing,
            sectors_written: region.sectors_written,
        }
    }
}

impl From<&Failure> for Problem {
    fn from(failure: &Failure) -> Self {
        let said = |text: &str| (!text.is_empty()).then(|| plain::line(text).into_owned());
        Self {
            code: failure.code,
            message: plain::line(&failure.what).into_owned(),
            board_state: said(&failure.board_state),
            remedy: said(&failure.remedy.to_string()),
            is_input: failure.is_input,
        }
    }
}

impl From<&InputError> for Problem {
    fn from(error: &InputError) -> Self {
        Self::from(&Failure::from(error.clone()))
    }
}

#[cfg(test)]
mod tests {
    use fbuild_deploy::outcome::Backend;

    use super::*;

    #[test]
    fn an_outcome_has_exactly_the_documented_fields() {
        let report = Report {
            outcome: OutcomeKind::SelectiveFlash,
            message: "deploy succeeded (selective flash: firmware)".to_owned(),
            backend: Backend::Esptool,
            target: "espidf:build".to_owned(),
            port: "/dev/ttyUSB0".to_owned(),
            chip: Some(fbuild_chip::Chip::Esp32C3.into()),
            mac: Some("24:0a:c4:00:01:10".to_owned()),
            duration: Duration::from_micros(1_234_567),
            regions: vec![RegionReport {
                name: "firmware".to_owned(),
                offset: 0x10000,
                len_bytes: 8192,
                verdict: Verdict::Differs,
                written: true,
                sent_bytes: 700,
                delta_bytes: 650,
                unit: fbuild_deploy::outcome::Unit::Sector,
                sectors: 2,
                sectors_differing: None,
                sectors_written: 2,
            }],
            plan: Some(PlanSummary {
                writes: vec![PlannedWrite {
                    region: "firmware".into(),
                    unit: fbuild_deploy::outcome::Unit::Sector,
                    sectors: 2,
                    sectors_total: 2,
                    runs: 1,
                    wire_bytes: 690,
                    delta_bytes: 640,
                    predicted: Duration::from_millis(150),
                }],
                predicted: Duration::from_millis(160),
                built_by: Some("idf.py build".to_owned()),
            }),
            warnings: vec!["main.c is newer than the firmware".to_owned()],
            error: None,
        };
        let built = Built {
            line: "idf.py build".to_owned(),
            directory: "/blink".into(),
            duration: Duration::from_millis(4100),
        };
        let expected = serde_json::json!({
            "outcome": "selectiveFlash",
            "message": "deploy succeeded (selective flash: firmware)",
            "backend": "esptool",
            "target": "espidf:build",
            "port": "/dev/ttyUSB0",
            "chip": "esp32c3",
            "mac": "24:0a:c4:00:01:10",
            "durationMs": 1234,
            "regions": [{
                "name": "firmware", "offset": 65536, "size": 8192, "verdict": "differs",
                "written": true, "bytesSent": 700, "deltaBytes": 650, "sectors": 2, "sectorsDiffering": null,
                "sectorsWritten": 2
            }],
            "plan": {
                "predictedMs": 160, "builtBy": "idf.py build",
                "writes": [{
                    "region": "firmware", "sectors": 2, "sectorsTotal": 2, "runs": 1,
                    "wireBytes": 690, "deltaBytes": 640, "predictedMs": 150
                }]
            },
            "warnings": ["main.c is newer than the firmware"],
            "build": {"command": "idf.py build", "directory": "/blink", "durationMs": 4100},
            "error": null
        });
        assert_eq!(
            serde_json::to_value(Outcome::new(&report, Some(&built))).unwrap(),
            expected
        );
    }

    #[test]
    fn a_failure_keeps_cause_state_and_remedy_apart() {
        let failure = Failure {
            code: "no-answer",
            is_input: false,
            what: "no answer".to_owned(),
            board_state: "nothing was written".to_owned(),
            remedy: String::new().into(),
        };
        let expected = serde_json::json!({
            "code": "no-answer", "message": "no answer", "boardState": "nothing was written",
            "remedy": null, "isInput": false
        });
        assert_eq!(
            serde_json::to_value(Problem::from(&failure)).unwrap(),
            expected
        );
    }
}
