//! A plan as a page of plain text.

use fbuild_deploy::outcome::{RegionReport, Report, Unit, Verdict};
use fbuild_project::amount::amount_in_kib;
use fbuild_project::plain;

use super::words::{board, columns, duration, short_port};

/// What a deploy would write, region by region, and how long it would take.
pub(super) fn page(report: &Report) -> Vec<String> {
    let of_avr = report
        .regions
        .iter()
        .find(|region| region.unit != Unit::Sector);
    let head = [
        "Region",
        "Offset",
        "Size",
        "On the board",
        of_avr.map_or("Sectors to write", |_| "Pages to write"),
        "To send",
        "Time",
    ];
    let rows = report.regions.iter().map(|region| row(region, report));
    let rows: Vec<_> = std::iter::once(head.map(str::to_owned))
        .chain(rows)
        .collect();
    let chip = report.chip.map(fbuild_chip::Device::name);
    let mut lines = vec![
        format!("Plan for {} on {}", report.target, short_port(&report.port)),
        board(chip, report.mac.as_deref()),
    ];
    lines.extend(built_by(report).map(|it| format!("Build command: {it}")));
    lines.push(String::new());
    let left = [true, false, false, true, false, false, false];
    lines.extend(columns(&rows, left));
    lines.push(String::new());
    lines.push(match &report.plan {
        Some(plan) if !plan.writes.is_empty() => {
            format!("A deploy would take about {}.", duration(plan.predicted))
        }
        _ => "The board holds this firmware already: there is nothing to write.".to_owned(),
    });
    lines.extend(report.warnings.iter().map(|it| format!("Warning: {it}")));
    lines
        .iter()
        .map(|it| plain::line(it).into_owned())
        .collect()
}

/// The command that builds what it is about, where one is known.
pub(super) fn built_by(report: &Report) -> Option<&str> {
    report.plan.as_ref()?.built_by.as_deref()
}

fn row(region: &RegionReport, report: &Report) -> [String; 7] {
    let writes = report.plan.as_ref().map_or(&[][..], |plan| &plan.writes);
    let write = writes.iter().find(|write| *write.region == region.name);
    let [sectors, sent, time] = match write {
        Some(write) => [
            format!("{} of {}", write.sectors, write.sectors_total),
            amount_in_kib(write.wire_bytes),
            duration(write.predicted),
        ],
        None => ["-", "-", "-"].map(str::to_owned),
    };
    let verdict = match region.verdict {
        Verdict::Match => "the same",
        Verdict::Differs => "differs",
        Verdict::Unknown => "unknown",
    };
    [
        plain::line(&region.name).into_owned(),
        format!("{:#x}", region.offset),
        amount_in_kib(region.len_bytes.into()),
        verdict.to_owned(),
        sectors,
        sent,
        time,
    ]
}
