//! A job that is under way.

use fbuild_project::plain;

use super::{Level, Text};
use crate::progress::Step;

/// Where a job of this kind is.
pub(crate) fn step(kind: &str, step: &Step) -> Text {
    let phase = step.phase;
    let is_counted = matches!(phase, "verifying" | "writing" | "checking" | "erasing");
    let what = match &step.region {
        Some(region) if is_counted => format!("{phase} {}", plain::line(region)),
        _ => phase.to_owned(),
    };
    let short = match phase {
        _ if is_counted => format!("{what} {} %", step.percent),
        "building" if step.amounts.is_some() => {
            format!("building {}", step.amounts.as_deref().unwrap_or_default())
        }
        "building" if kind == "build" => phase.to_owned(),
        "asking" => format!("{kind}: waits for your answer"),
        "" | "resolving" => kind.to_owned(),
        _ => format!("{kind}: {phase}"),
    };
    let said = plain::line(&step.text).into_owned();
    let (sentence, line) = match &step.amounts {
        Some(_) if phase == "building" => (said, what),
        Some(amounts) => (format!("{what}, {amounts}"), what),
        None => (said.clone(), said),
    };
    Text {
        short,
        detail: plain::markdown(&format!("{kind}: {sentence}")),
        sentence,
        lines: vec![line],
        level: Level::None,
        buttons: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(phase: &'static str, region: Option<&str>, text: &str, amounts: Option<&str>) -> Text {
        let now = Step {
            text: text.to_owned(),
            amounts: amounts.map(str::to_owned),
            percent: 47,
            phase,
            region: region.map(Into::into),
            left: None,
        };
        step("deploy", &now)
    }

    #[test]
    fn a_bar_shows_the_percentage_and_a_terminal_no_numbers() {
        let text = "firmware: writing 43 %, 512 of 1180 KiB, 6 s left";
        let amounts = Some("512 of 1180 KiB, 6 s left");
        let writing = words("writing", Some("firmware"), text, amounts);
        assert_eq!(writing.short, "writing firmware 47 %");
        assert_eq!(
            writing.sentence,
            "writing firmware, 512 of 1180 KiB, 6 s left"
        );
        assert_eq!(writing.lines, ["writing firmware"]);
        let erasing = words("erasing", None, "", Some("4 of 9 KiB"));
        assert_eq!(erasing.short, "erasing 47 %");
        assert_eq!(erasing.lines, ["erasing"]);
    }

    /// Whatever a tool prints is said as it is: nothing in it is taken for a region or a phase.
    #[test]
    fn every_kind_of_line_is_said_whole() {
        let error = "building: main.c:3:5: error: expected semicolon";
        let link = "building: Linking .pio/build/esp32dev/firmware.elf";
        let asked = "main/main.c is newer than the firmware.";
        for (phase, text, amounts, short, line) in [
            ("", "", None, "deploy", ""),
            (
                "resolving",
                "looking for the target",
                None,
                "deploy",
                "looking for the target",
            ),
            (
                "asking",
                asked,
                None,
                "deploy: waits for your answer",
                asked,
            ),
            ("building", error, None, "deploy: building", error),
            ("building", link, None, "deploy: building", link),
            (
                "building",
                link,
                Some("12 of 340"),
                "building 12 of 340",
                "building",
            ),
            (
                "connecting",
                "connecting to COM5",
                None,
                "deploy: connecting",
                "connecting to COM5",
            ),
        ] {
            let said = words(phase, None, text, amounts);
            assert_eq!((&*said.short, &*said.sentence), (short, text), "{phase}");
            assert_eq!(said.lines, [line], "{phase}");
        }
        for phase in ["verifying", "writing", "checking", "erasing"] {
            let said = words(phase, Some("nvs: x"), "", Some("1 of 2 KiB"));
            assert_eq!(said.short, format!("{phase} nvs: x 47 %"));
            assert_eq!(said.sentence, format!("{phase} nvs: x, 1 of 2 KiB"));
        }
    }

    #[test]
    fn before_there_is_anything_to_count_the_phase_is_said() {
        assert_eq!(words("", None, "", None).short, "deploy");
        let connecting = words("connecting", None, "connecting to COM5", None);
        assert_eq!(connecting.short, "deploy: connecting");
        assert_eq!(connecting.sentence, "connecting to COM5");
        let asking = words("asking", None, "Deploy anyway?", None);
        assert_eq!(asking.short, "deploy: waits for your answer");
    }
}
