//! The results as a picture: one group of bars per scenario, for the main link and the first chip.
//! Colours follow the reader's theme.

use std::fmt::Write as _;

use crate::contestant::Way;
use crate::parameters::{CHIPS, LINKS};
use crate::result::{Measurement, Results};
use crate::scenario::Scenario;

const WIDTH: f64 = 860.0;
const LABEL_WIDTH: f64 = 230.0;
const VALUE_WIDTH: f64 = 70.0;
const BAR_HEIGHT: f64 = 16.0;
const BAR_STEP: f64 = 20.0;
const GROUP_GAP: f64 = 40.0;
const TOP: f64 = 58.0;

const STYLE: &str = "\
text { font: 12px system-ui, sans-serif; fill: #1f2328 }
.title { font-size: 15px; font-weight: 600 }
.group { font-weight: 600 }
.note { fill: #59636e }
.peer { fill: #afb8c1 }
.ours { fill: #1a7f37 }
.limit { stroke: #cf222e; stroke-width: 2 }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 }
.note { fill: #9198a1 }
.peer { fill: #59636e }
.ours { fill: #3fb950 }
.limit { stroke: #ff7b72 }
}
";

/// Draws it; an empty picture if the main link was not measured.
pub(crate) fn chart(results: &Results) -> String {
    let (link, chip) = (&LINKS[0], CHIPS[0]);
    let groups: Vec<(Scenario, &Measurement)> = Scenario::ALL
        .into_iter()
        .filter_map(|s| Some((s, results.find(chip.name(), link.name, s.name())?)))
        .collect();
    let longest = groups
        .iter()
        .flat_map(|(_, m)| m.contestants.iter())
        .filter_map(|entry| entry.median(|run| run.wall_s))
        .fold(1.0, f64::max);
    let scale = (WIDTH - LABEL_WIDTH - VALUE_WIDTH) / longest;
    let mut body = String::new();
    let mut y = TOP;
    for (scenario, measurement) in &groups {
        y = group(&mut body, y, *scenario, measurement, scale);
    }
    let title = format!("Seconds to deploy: {}, {}", chip.name(), link.about);
    // The text is ours alone and holds nothing that XML would have to escape.
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {y}\" width=\"{WIDTH}\" \
         height=\"{y}\" role=\"img\" aria-label=\"{title}\">\n<style>\n{STYLE}</style>\n\
         <text class=\"title\" x=\"10\" y=\"22\">{title}</text>\n\
         <text class=\"note\" x=\"10\" y=\"40\">MicroPython, 1.5 MB, on a simulated board in real \
         time; medians of whole processes. Red line: the limit.</text>\n{body}</svg>\n"
    )
}

fn group(
    body: &mut String,
    mut y: f64,
    scenario: Scenario,
    measurement: &Measurement,
    scale: f64,
) -> f64 {
    // Writing to a String does not fail.
    let _ = writeln!(
        body,
        "<text class=\"group\" x=\"10\" y=\"{:.0}\">{}</text>",
        y + 14.0,
        scenario.about()
    );
    y += 22.0;
    let top = y;
    for (way, name) in Way::NAMED {
        let Some(entry) = measurement.entry(name) else {
            continue;
        };
        let baseline = y + 12.5;
        let _ = writeln!(
            body,
            "<text x=\"{:.0}\" y=\"{baseline:.1}\" text-anchor=\"end\">{name}</text>",
            LABEL_WIDTH - 8.0
        );
        match entry.median(|run| run.wall_s) {
            Some(seconds) => {
                let width = (seconds * scale).max(1.0);
                let class = if way.is_ours() { "ours" } else { "peer" };
                let _ = writeln!(
                    body,
                    "<rect class=\"{class}\" x=\"{LABEL_WIDTH}\" y=\"{y:.1}\" width=\"{width:.1}\" \
                     height=\"{BAR_HEIGHT}\" rx=\"2\"/>\n<text x=\"{:.1}\" y=\"{baseline:.1}\">\
                     {seconds:.1}</text>",
                    LABEL_WIDTH + width + 6.0
                );
            }
            None => {
                let _ = writeln!(
                    body,
                    "<text class=\"note\" x=\"{LABEL_WIDTH}\" y=\"{baseline:.1}\">failed</text>"
                );
            }
        }
        y += BAR_STEP;
    }
    let x = LABEL_WIDTH + measurement.limit.total_s * scale;
    let _ = writeln!(
        body,
        "<line class=\"limit\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{:.1}\" y2=\"{:.1}\"/>",
        top - 3.0,
        y - 1.0
    );
    y + GROUP_GAP - BAR_STEP
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limit::Limit;
    use crate::result::tests::entry;

    #[test]
    fn bars_are_as_long_as_the_times_and_tags_are_closed() {
        let mut results = Results::default();
        results.put(Measurement {
            chip: "esp32".to_owned(),
            link: LINKS[0].name.to_owned(),
            hash_factor: 1.0,
            slow_flash: false,
            scenario: "string".to_owned(),
            limit: Limit {
                total_s: 1.0,
                contact_s: 0.0,
                loader_s: 0.0,
                wire_s: 0.0,
                flash_s: 0.0,
                hash_s: 1.0,
                stub: true,
            },
            contestants: vec![
                entry("fbuild-lsp deploy", &[2.0]),
                entry("esptool write-flash", &[20.0]),
            ],
        });
        let svg = chart(&results);
        assert!(
            svg.contains("class=\"ours\" x=\"230\"") && svg.contains("width=\"56.0\""),
            "{svg}"
        );
        assert!(svg.contains("width=\"560.0\""), "{svg}");
        for tag in ["svg", "style", "text"] {
            let open = svg.matches(&format!("<{tag}")).count();
            assert_eq!(open, svg.matches(&format!("</{tag}>")).count(), "{tag}");
        }
    }
}
