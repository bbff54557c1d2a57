//! A finished deploy in words, the same in a terminal, in a log and in a status bar.

use fbuild_deploy::outcome::{Failure, Report};

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
    lines.join("\n")
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

    use fbuild_deploy::outcome::OutcomeKind;

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
}
