//! A finished deploy, verify or plan.

use std::borrow::Cow;

use fbuild_deploy::outcome::{Backend, Failure, OutcomeKind, RegionReport, Report, Verdict};
use fbuild_link::port_name::PortName;
use fbuild_project::amount::amount_in_kib;
use fbuild_project::plain;

use super::words::{board, capital, count, duration, place, sentences};
use super::{Asked, Front, Level, Text, explain, plan};
use crate::build::Built;

/// How it ended, and what can be done about it.
pub(crate) fn outcome(report: &Report, built: Option<&Built>, asked: &Asked) -> Text {
    let failure = report.error.as_ref();
    let is_half = report.outcome == OutcomeKind::Cancelled && written(report).next().is_some();
    let level = match failure {
        Some(_) => Level::Error,
        None if is_half || !report.warnings.is_empty() => Level::Warning,
        None => Level::None,
    };
    Text {
        short: plain::line(&short(report)).into_owned(),
        sentence: plain::line(&sentence(report)).into_owned(),
        detail: detail(report, built),
        lines: match report.outcome {
            OutcomeKind::Planned => plan::page(report),
            _ => explain(report).lines().map(str::to_owned).collect(),
        },
        level,
        buttons: match (failure, &report.plan) {
            (Some(failure), _) => asked.remedies(failure, &report.port),
            (None, Some(plan))
                if report.outcome == OutcomeKind::Planned && !plan.writes.is_empty() =>
            {
                vec![asked.carried_out()]
            }
            (None, _) => Vec::new(),
        },
    }
}

fn written(report: &Report) -> impl Iterator<Item = &RegionReport> {
    report.regions.iter().filter(|region| region.written)
}

fn short(report: &Report) -> String {
    let time = duration(report.duration);
    // It must not pass for a success on the board that is plugged in.
    let time = if PortName::of(&report.port).is_sim() {
        format!("{time} · simulated board")
    } else {
        time
    };
    match report.outcome {
        OutcomeKind::VerifySkip => format!("up to date · {time}"),
        OutcomeKind::SelectiveFlash => format!("{} · {time}", selection(report)),
        OutcomeKind::FullFlash => format!("full flash · {time}"),
        OutcomeKind::Planned => {
            let writes = report.plan.as_ref().map_or(&[][..], |plan| &plan.writes);
            match writes.iter().map(|write| u64::from(write.sectors)).sum() {
                0 => "nothing to write".to_owned(),
                sectors => format!("{} to write", count(sectors, writes[0].unit.noun())),
            }
        }
        OutcomeKind::Cancelled => "cancelled".to_owned(),
        OutcomeKind::Failed => report
            .error
            .as_ref()
            .map_or_else(|| "failed".to_owned(), |failure| cause(failure.code)),
    }
}

/// `firmware · 3 sectors`, or with several regions their number.
fn selection(report: &Report) -> String {
    let names: Vec<&str> = written(report).map(|region| &*region.name).collect();
    let sectors = written(report).map(|region| u64::from(region.sectors_written));
    let what = match names.len() {
        0..=2 => names.join(", "),
        n => format!("{n} regions"),
    };
    let noun = written(report)
        .next()
        .map_or("sector", |region| region.unit.noun());
    format!("{what} · {}", count(sectors.sum(), noun))
}

/// A few words for a cause. Most codes say it well themselves.
pub(super) fn cause(code: &str) -> String {
    match code {
        "no-loader" => "no answer from the board",
        "no-port" => "no board found",
        "several-ports" | "several-volumes" => "several boards",
        "no-target" => "nothing built",
        "job-running" => "port busy",
        "port-permission" => "no permission for the port",
        "differs" => "board differs",
        "link-lost" | "ota-lost" => "connection lost",
        "chip-mismatch" => "firmware is for another chip",
        "stale-build" => "build is old",
        "uf2-not-taken" => "not taken by the board",
        "tool-missing" => "a program is missing",
        "usb-permission" => "no permission for the board",
        "ota-no-answer" => "no answer over the air",
        "ota-no-connection" => "device did not connect",
        "ota-password" => "password not accepted",
        "ota-damaged" => "arrived damaged",
        "ota-no-space" => "no space on the device",
        "ota-region" => "not over the air",
        "ota-refused" => "refused by the device",
        "ota-unconfirmed" => "not confirmed",
        code => return code.replace('-', " "),
    }
    .to_owned()
}

fn sentence(report: &Report) -> String {
    let said = match report.outcome {
        OutcomeKind::VerifySkip | OutcomeKind::SelectiveFlash | OutcomeKind::FullFlash => {
            let time = duration(report.duration);
            let place = if PortName::of(&report.port).is_sim() {
                " on a simulated board"
            } else {
                ""
            };
            format!("{} in {time}{place}", report.message).into()
        }
        _ => Cow::Borrowed(&*report.message),
    };
    let warnings = report.warnings.iter();
    let warnings = warnings.map(|it| format!("warning: {it}").into());
    let more = report.error.iter().flat_map(state_and_remedy);
    sentences(std::iter::once(said).chain(more).chain(warnings))
}

/// What a failure says besides what happened.
pub(super) fn state_and_remedy(failure: &Failure) -> impl Iterator<Item = Cow<'_, str>> {
    let remedy = Front::Editor.remedy(&failure.remedy);
    let parts = [Cow::from(&failure.board_state), remedy.into()];
    parts.into_iter().filter(|text| !text.is_empty())
}

/// In Markdown: what happened, a table of the regions, board and time.
fn detail(report: &Report, built: Option<&Built>) -> String {
    let escaped = |text: &str| plain::markdown(&capital(text));
    let mut parts = vec![format!("**{}**", escaped(&report.message))];
    let more = report.error.iter().flat_map(state_and_remedy);
    parts.extend(more.map(|text| escaped(&text)));
    let warnings = report.warnings.iter();
    parts.extend(warnings.map(|it| format!("Warning: {}", plain::markdown(it))));
    if !report.regions.is_empty() {
        let head = "| Region | Offset | Before | Written | Sent |\n|:--|--:|:--|--:|--:|";
        parts.push(
            report
                .regions
                .iter()
                .map(row)
                .fold(head.to_owned(), |table, row| table + &row),
        );
    }
    let mut facts = Vec::new();
    if !report.target.is_empty() {
        facts.push(format!("Target: {}", plain::markdown(&report.target)));
    }
    if let Some(chip) = report.chip {
        let who = board(Some(chip.name()), report.mac.as_deref());
        let place = place(&report.port);
        facts.push(format!(
            "Board: {}",
            plain::markdown(&format!("{who} on {place}"))
        ));
    }
    let by = match report.backend {
        Backend::Native => "",
        Backend::Esptool => ", by esptool",
        Backend::Espota => ", over the air",
        Backend::Usb => ", by its boot loader on USB",
    };
    facts.push(format!("Time: {}{by}", duration(report.duration)));
    facts.extend(built.map(|built| {
        let command = plain::code(&built.line);
        format!("Built first: {command}, {}", duration(built.duration))
    }));
    if report.outcome == OutcomeKind::Planned {
        facts
            .extend(plan::built_by(report).map(|it| format!("Build command: {}", plain::code(it))));
    }
    parts.push(facts.join("  \n"));
    parts.join("\n\n")
}

fn row(region: &RegionReport) -> String {
    let verdict = match (region.verdict, region.sectors_differing) {
        (Verdict::Match, _) => "matched".to_owned(),
        (Verdict::Differs, Some(n)) if n < region.sectors => format!("differed in {n}"),
        (Verdict::Differs, _) => "differed".to_owned(),
        (Verdict::Unknown, _) => "not compared".to_owned(),
    };
    let written = if region.written {
        let all = count(region.sectors.into(), region.unit.noun());
        format!("{} of {all}", region.sectors_written)
    } else {
        "–".to_owned()
    };
    let sent = match region.sent_bytes {
        0 => "–".to_owned(),
        bytes => amount_in_kib(bytes),
    };
    format!(
        "\n| {} | {:#x} | {verdict} | {written} | {sent} |",
        plain::markdown(&region.name),
        region.offset,
    )
}

#[cfg(test)]
mod tests;
