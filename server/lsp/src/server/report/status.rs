//! `fbuild/status`: the state of a job, for clients with a status bar of their own.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::Value;

use super::About;
use crate::explain::{self, Text};
use crate::json::milliseconds;
use crate::server::editor::Token;
use crate::server::jobs::View;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Status<'v> {
    job: u64,
    kind: &'static str,
    state: &'static str,
    target: Option<&'v str>,
    port: Option<&'v str>,
    chip: Option<&'static str>,
    phase: Option<&'static str>,
    region: Option<&'v str>,
    percent: u32,
    left_ms: Option<u64>,
    outcome: Option<&'static str>,
    summary: &'v str,
    detail: Option<&'v str>,
    duration_ms: Option<u64>,
    token: Option<&'v Token>,
    text: &'v Text,
}

/// The state of a job, or how it ended.
pub(super) fn of(about: &About, view: &View) -> Value {
    let end = view.ended.as_ref();
    let step = &view.step;
    let is_over = end.is_some();
    let text = match end {
        Some(end) => Cow::Borrowed(&end.words),
        None => Cow::Owned(explain::step(about.verb, step)),
    };
    let status = Status {
        job: about.id,
        kind: about.verb,
        state: match end {
            None => "running",
            Some(end) if end.is_failure => "failed",
            Some(end) if end.outcome == "cancelled" => "cancelled",
            Some(_) => "succeeded",
        },
        target: view.target.as_deref(),
        port: view.port.as_deref(),
        chip: view.chip,
        phase: Some(step.phase).filter(|phase| !is_over && !phase.is_empty()),
        region: step.region.as_deref().filter(|_| !is_over),
        percent: if is_over { 100 } else { step.percent },
        left_ms: step.left.filter(|_| !is_over).map(milliseconds),
        outcome: end.map(|end| end.outcome),
        summary: &text.short,
        detail: end.map(|end| end.words.detail.as_str()),
        duration_ms: end.map(|end| milliseconds(end.duration)),
        token: about.token.as_ref(),
        text: &text,
    };
    // Texts and numbers only, so this cannot fail.
    serde_json::to_value(status).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::progress::Step;
    use crate::server::jobs::Ended;

    #[test]
    fn running_and_over() {
        let about = About {
            id: 7,
            verb: "deploy",
            title: "deploy a".to_owned(),
            token: Some(Token::String("mine/1".to_owned())),
            wants_status: true,
        };
        let mut view = View {
            step: Step {
                text: "firmware: writing 43 %, 512 of 1180 KiB".to_owned(),
                amounts: Some("512 of 1180 KiB".to_owned()),
                percent: 47,
                phase: "writing",
                region: Some("firmware".into()),
                left: Some(Duration::from_millis(5570)),
            },
            target: Some("espidf:build".to_owned()),
            port: Some("COM5".to_owned()),
            chip: Some("esp32"),
            ended: None,
        };
        let running = json!({
            "job": 7, "kind": "deploy", "state": "running", "target": "espidf:build",
            "port": "COM5", "chip": "esp32", "phase": "writing", "region": "firmware",
            "percent": 47, "leftMs": 5570, "outcome": null, "summary": "writing firmware 47 %",
            "detail": null, "durationMs": null, "token": "mine/1",
            "text": {
                "short": "writing firmware 47 %",
                "sentence": "writing firmware, 512 of 1180 KiB",
                "detail": "deploy: writing firmware, 512 of 1180 KiB",
                "lines": ["writing firmware"], "level": "none", "buttons": []
            }
        });
        assert_eq!(of(&about, &view), running);
        view.ended = Some(Ended {
            outcome: "cancelled",
            is_failure: false,
            text: "deploy cancelled".to_owned(),
            words: Text {
                short: "cancelled".to_owned(),
                detail: "**".to_owned(),
                ..Text::default()
            },
            duration: Duration::from_secs(1),
        });
        let over = json!({
            "job": 7, "kind": "deploy", "state": "cancelled", "target": "espidf:build",
            "port": "COM5", "chip": "esp32", "phase": null, "region": null, "percent": 100,
            "leftMs": null, "outcome": "cancelled", "summary": "cancelled", "detail": "**",
            "durationMs": 1000, "token": "mine/1",
            "text": {
                "short": "cancelled", "sentence": "", "detail": "**", "lines": [],
                "level": "none", "buttons": []
            }
        });
        assert_eq!(of(&about, &view), over);
    }
}
