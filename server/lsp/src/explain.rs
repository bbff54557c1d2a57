//! A finished deploy in words, the same in a terminal, in a log and in a status bar.

use fbuild_deploy::outcome::{Failure, OutcomeKind, RegionReport, Report, Verdict};

use fbuild_project::plain;

/// The outcome in the first line; cause, state of the board and remedy, and warnings in further
/// ones.
pub(crate) fn explain(report: &Report) -> String {
    let mut lines = vec![report.message.clone()];
    if let Some(failure) = &report.error {
        lines.extend(failure_lines(failure).filter(|line| !report.message.contains(line.as_str())));
    }
    lines.extend(
        report
            .warnings
            .iter()
            .map(|warning| format!("warning: {warning}")),
    );
    let lines: Vec<_> = lines.iter().map(|line| plain::line(line)).collect();
    lines.join("\n")
}

/// A finished deploy in a few words, for a status bar.
pub(crate) fn summary(report: &Report) -> String {
    let seconds = format!("{:.1} s", report.duration.as_secs_f64());
    let written: Vec<&str> = report
        .regions
        .iter()
        .filter(|region| region.written)
        .map(|region| region.name.as_str())
        .collect();
    match report.outcome {
        OutcomeKind::VerifySkip => format!("up to date, {seconds}"),
        OutcomeKind::SelectiveFlash => format!("wrote {}, {seconds}", written.join(", ")),
        OutcomeKind::FullFlash => format!("full flash, {seconds}"),
        OutcomeKind::Planned => report.message.clone(),
        OutcomeKind::Cancelled => "cancelled".to_owned(),
        OutcomeKind::Failed => match &report.error {
            Some(failure) => format!("failed: {}", failure.what),
            None => "failed".to_owned(),
        },
    }
}

/// A finished deploy in Markdown: what happened, and a table of its regions.
pub(crate) fn detail(report: &Report) -> String {
    let mut text = paragraph(&explain(report));
    if report.regions.is_empty() {
        return text;
    }
    text += "\n\n| region | offset | on the board | sectors written | sent |";
    text += "\n| --- | ---: | --- | ---: | ---: |";
    for region in &report.regions {
        text += &row(region);
    }
    text
}

fn row(region: &RegionReport) -> String {
    let verdict = match region.verdict {
        Verdict::Match => "matched",
        Verdict::Differs => "differed",
        Verdict::Unknown => "unknown",
    };
    format!(
        "\n| {} | {:#x} | {verdict} | {} of {} | {} KiB |",
        plain::markdown(&region.name),
        region.offset,
        region.sectors_written,
        region.sectors,
        region.sent_bytes.div_ceil(1024)
    )
}

/// Lines of text as lines of Markdown.
pub(crate) fn paragraph(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(plain::markdown).collect();
    lines.join("  \n")
}

/// What happened, what state the board is in, what to do: one line each, empty ones left out.
pub(crate) fn failure_lines(failure: &Failure) -> impl Iterator<Item = String> {
    let try_this = Some(&failure.remedy).filter(|text| !text.is_empty());
    let try_this = try_this.map(|text| match text.strip_prefix("try") {
        Some(_) => text.clone(),
        None => format!("try: {text}"),
    });
    [failure.what.clone(), failure.board_state.clone()]
        .into_iter()
        .chain(try_this)
        .filter(|line| !line.is_empty())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use fbuild_deploy::outcome::{Backend, OutcomeKind};

    use super::*;

    #[test]
    fn nothing_is_said_twice_and_nothing_is_left_out() {
        let failure = Failure {
            code: "no-answer",
            is_input: false,
            what: "no loader answered on /dev/ttyUSB0".to_owned(),
            board_state: "nothing was written".to_owned(),
            remedy: "hold BOOT, tap EN, release BOOT, deploy again".to_owned(),
        };
        let report = Report {
            outcome: OutcomeKind::Failed,
            backend: Backend::Native,
            message: "deploy failed: no loader answered on /dev/ttyUSB0".to_owned(),
            target: "espidf:build".to_owned(),
            port: "/dev/ttyUSB0".to_owned(),
            chip: None,
            mac: None,
            duration: Duration::ZERO,
            regions: Vec::new(),
            plan: None,
            warnings: vec!["main.c is newer".to_owned()],
            error: Some(failure),
        };
        assert_eq!(
            explain(&report),
            "deploy failed: no loader answered on /dev/ttyUSB0\n\
             nothing was written\n\
             try: hold BOOT, tap EN, release BOOT, deploy again\n\
             warning: main.c is newer"
        );
    }

    fn deployed() -> Report {
        let region = |name: &str, offset, verdict, sectors_written| RegionReport {
            name: name.to_owned(),
            offset,
            len_bytes: 8192,
            verdict,
            written: sectors_written > 0,
            sent_bytes: 1025,
            sectors: 2,
            sectors_differing: None,
            sectors_written,
        };
        Report {
            outcome: OutcomeKind::SelectiveFlash,
            backend: Backend::Native,
            message: "deploy succeeded (selective flash: a_b)".to_owned(),
            target: String::new(),
            port: String::new(),
            chip: None,
            mac: None,
            duration: Duration::from_millis(1250),
            regions: vec![
                region("boot", 0x1000, Verdict::Match, 0),
                region("a_b|", 0x8000, Verdict::Differs, 1),
            ],
            plan: None,
            warnings: vec!["x".to_owned()],
            error: None,
        }
    }

    #[test]
    fn a_summary_is_short() {
        let mut report = deployed();
        assert_eq!(summary(&report), "wrote a_b|, 1.2 s");
        report.outcome = OutcomeKind::VerifySkip;
        assert_eq!(summary(&report), "up to date, 1.2 s");
    }

    #[test]
    fn details_are_a_table_that_names_cannot_break() {
        assert_eq!(
            detail(&deployed()),
            "deploy succeeded (selective flash: a_b)  \nwarning: x\n\n\
             | region | offset | on the board | sectors written | sent |\n\
             | --- | ---: | --- | ---: | ---: |\n\
             | boot | 0x1000 | matched | 0 of 2 | 2 KiB |\n\
             | a_b\\| | 0x8000 | differed | 1 of 2 | 2 KiB |"
        );
    }
}
