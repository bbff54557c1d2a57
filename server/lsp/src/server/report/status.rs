//! `fbuild/status`: where a job stands, for clients with a status bar of their own.

use fbuild_project::plain;
use serde::Serialize;
use serde_json::Value;

use super::About;
use crate::json::milliseconds;
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
    summary: String,
    detail: Option<&'v str>,
    duration_ms: Option<u64>,
}

/// Where a job stands, or how it ended.
pub(super) fn of(about: &About, view: &View) -> Value {
    let end = view.ended.as_ref();
    let step = &view.step;
    let is_over = end.is_some();
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
        summary: match (end, &step.region) {
            (Some(end), _) => plain::line(&end.summary).into_owned(),
            (None, Some(region)) => format!("{} {} %", plain::line(region), step.percent),
            (None, None) => plain::line(&step.text).into_owned(),
        },
        detail: end.map(|end| end.detail.as_str()),
        duration_ms: end.map(|end| milliseconds(end.duration)),
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
        };
        let mut view = View {
            step: Step {
                text: "firmware: writing 43 %".to_owned(),
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
            "percent": 47, "leftMs": 5570, "outcome": null, "summary": "firmware 47 %",
            "detail": null, "durationMs": null
        });
        assert_eq!(of(&about, &view), running);
        view.ended = Some(Ended {
            outcome: "cancelled",
            is_failure: false,
            text: "deploy cancelled".to_owned(),
            summary: "cancelled".to_owned(),
            detail: "**".to_owned(),
            duration: Duration::from_secs(1),
        });
        let over = json!({
            "job": 7, "kind": "deploy", "state": "cancelled", "target": "espidf:build",
            "port": "COM5", "chip": "esp32", "phase": null, "region": null, "percent": 100,
            "leftMs": null, "outcome": "cancelled", "summary": "cancelled", "detail": "**",
            "durationMs": 1000
        });
        assert_eq!(of(&about, &view), over);
    }
}
