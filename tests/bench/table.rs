//! The results as Markdown, for people.

use std::fmt::Write as _;

use crate::breakdown;
use crate::contestant::Way;
use crate::parameters::{CHIPS, Conditions, HASH_FACTORS, LINKS, Link};
use crate::result::{Entry, Measurement, Results};
use crate::rows::{ROWS, Reached, Row};
use crate::scenario::Scenario;

/// What was to be reached and what was, one line per row, chip and link.
pub(crate) fn targets(results: &Results) -> String {
    let mut text = String::from(
        "| row | | chip, link | against | peer | ours | warm server | limit | reached | to reach | | \
         runs |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for row in &ROWS {
        for (_, reached) in row.reached(results) {
            line(&mut text, row, &reached);
        }
    }
    text
}

fn line(text: &mut String, row: &Row, reached: &Reached) {
    let mut goal = format!("{} x", row.factor_on(&reached.link));
    let mut came_to = format!("**{:.2} x**", reached.factor());
    if let Some(most) = row.of_limit {
        let _ = write!(goal, ", {most} x limit");
        let _ = write!(came_to, ", {:.2} x limit", reached.ours_s / reached.limit_s);
    }
    // Writing to a String does not fail, here and below.
    let _ = writeln!(
        text,
        "| {} | {} | {}, {} | {}: {} | {} | {} | {} | {} | {} | {} | {} | {} |",
        row.number,
        row.about,
        reached.chip,
        reached.link,
        row.against_text(),
        reached.peer.0,
        seconds(Some(reached.peer.1)),
        seconds(Some(reached.ours_s)),
        seconds(reached.warm_s),
        seconds(Some(reached.limit_s)),
        came_to,
        goal,
        if reached.meets(row) { "yes" } else { "**no**" },
        runs(reached.runs),
    );
}

/// How many runs the medians of ours and the peer's are of.
fn runs((ours, peer): (usize, usize)) -> String {
    if ours == peer {
        ours.to_string()
    } else {
        format!("{ours}, peer {peer}")
    }
}

/// Everything.
pub(crate) fn table(results: &Results) -> String {
    let mut text = String::from(
        "# Benchmark\n\n\
         Made by `cargo run --release -p fbuild-tests --bin bench`. A simulated board on a pty in \
         real time, the same for everybody; seconds of whole processes, medians. Assumptions: \
         `tests/bench/parameters.rs`; the limit: `tests/bench/limit.rs`; how each tool is called: \
         `tests/bench/contestant.rs`. It is a simulation: the ratios are worth more than the \
         seconds, and neither replaces a measurement on a board. Contestants took turns where they \
         were measured together; those with another number of runs, and the slow links, were \
         measured in sets of their own. A median of one run is one run. The machine's load at each \
         run is in `result.json`, next to the run's phases.\n\n",
    );
    let versions: Vec<String> = results
        .versions
        .iter()
        .map(|(name, version)| format!("{name} {version}"))
        .collect();
    let _ = writeln!(text, "{}.\n", versions.join(", "));
    text += "## What was to be reached\n\n";
    text += &targets(results);
    text += &breakdown::missed(results);
    sensitivity(&mut text, results);
    for link in &LINKS {
        for chip in CHIPS {
            for scenario in Scenario::ALL {
                if let Some(measurement) = results.find(chip.name(), link.name, scenario.name()) {
                    one(&mut text, link, scenario, measurement);
                }
            }
        }
    }
    text
}

/// How much the result hangs on what nobody has published, the loaders' hash rates, and on the flash chip.
fn sensitivity(text: &mut String, results: &Results) {
    let scaled = |hash_factor| Conditions {
        hash_factor,
        ..Conditions::USUAL
    };
    let [quarter, four] = HASH_FACTORS.map(scaled);
    text.push_str(&under(
        results,
        &[quarter, Conditions::USUAL, four],
        "\n## If the hash rates are other than estimated\n\n\
         Seconds of `fbuild-lsp deploy`, and how many times faster it is than the row's peer.\n\n\
         | row | | chip, link | rates x 0.25 | as estimated | rates x 4 |\n\
         | --- | --- | --- | --- | --- | --- |\n",
    ));
    text.push_str(&under(
        results,
        &[Conditions::SLOW_FLASH, Conditions::USUAL],
        "\n## If the flash chip is as slow as its data sheet allows\n\n\
         | row | | chip, link | longest times | usual ones |\n\
         | --- | --- | --- | --- | --- |\n",
    ));
}

/// The rows that were measured under all of these conditions; nothing if there are none.
fn under(results: &Results, conditions: &[Conditions], head: &str) -> String {
    let mut lines = String::new();
    for row in &ROWS {
        let base = results
            .measurements
            .iter()
            .filter(|m| m.scenario == row.scenario.name() && m.conditions() == conditions[0]);
        for m in base {
            let cells: Vec<String> = conditions
                .iter()
                .map(|conditions| {
                    results
                        .find_under(&m.chip, &m.link, &m.scenario, *conditions)
                        .and_then(|m| row.reached_in(m))
                        .map_or_else(String::new, |r| {
                            format!("{:.2} s, {:.2} x", r.ours_s, r.factor())
                        })
                })
                .collect();
            if cells.iter().all(|cell| !cell.is_empty()) {
                let _ = writeln!(
                    lines,
                    "| {} | {} | {}, {} | {} |",
                    row.number,
                    row.about,
                    m.chip,
                    m.link,
                    cells.join(" | "),
                );
            }
        }
    }
    if lines.is_empty() {
        return lines;
    }
    format!("{head}{lines}")
}

fn one(text: &mut String, link: &Link, scenario: Scenario, measurement: &Measurement) {
    let about = scenario.about();
    let limit = &measurement.limit;
    let _ = writeln!(text, "\n## {}, {}: {about}\n", measurement.chip, link.about);
    let _ = writeln!(
        text,
        "Limit {:.2} s with the {}: contact {:.3}, loader {:.3}, wire {:.2} and flash chip {:.2}{}, \
         hash {:.2}.\n",
        limit.total_s,
        if limit.stub { "stub" } else { "ROM" },
        limit.contact_s,
        limit.loader_s,
        limit.wire_s,
        limit.flash_s,
        if limit.stub {
            " at the same time"
        } else {
            " one after the other"
        },
        limit.hash_s,
    );
    text.push_str(
        "| | wall s | of limit | link s | sent bytes | round trips | sectors erased | runs |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for entry in &measurement.contestants {
        contestant(text, entry, limit.total_s);
    }
    text.push_str(
        "\nWhere the time goes (the run with the median time; *own* is the part of it between an \
         answer and the next request):\n\n\
         | | start | connect | upload | compare | write | prove | leave | end | own |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for entry in &measurement.contestants {
        if let Some(phases) = entry.median_phases() {
            let cells: Vec<String> = phases
                .named()
                .iter()
                .map(|(_, seconds)| format!("{seconds:.3}"))
                .collect();
            let _ = writeln!(
                text,
                "| {} | {} | {:.3} |",
                entry.name,
                cells.join(" | "),
                phases.own
            );
        }
    }
}

fn contestant(text: &mut String, entry: &Entry, limit_s: f64) {
    let Some(wall) = entry.median(|run| run.wall_s) else {
        let why = entry.failure().unwrap_or("not measured");
        let _ = writeln!(text, "| {} | failed: {why} | | | | | | |", entry.name);
        return;
    };
    let whole = |of: fn(&crate::run::Run) -> f64| {
        entry
            .median(of)
            .map_or_else(String::new, |value| format!("{value:.0}"))
    };
    let bold = if entry.name == Way::NAMED[0].1 {
        "**"
    } else {
        ""
    };
    let _ = writeln!(
        text,
        "| {} | {bold}{wall:.2}{bold} | {:.2} | {} | {} | {} | {} | {} |",
        entry.name,
        wall / limit_s,
        seconds(entry.median(|run| run.link_s)),
        whole(|run| run.sent_bytes as f64),
        whole(|run| f64::from(run.round_trips)),
        whole(|run| run.sectors_erased as f64),
        entry.runs.len(),
    );
}

fn seconds(value: Option<f64>) -> String {
    value.map_or_else(String::new, |value| format!("{value:.2} s"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limit::Limit;
    use crate::result::tests::entry;

    fn results() -> Results {
        let mut failed = entry("espflash write-bin", &[3.0]);
        failed.runs[0].failure = Some("byte 0x1000 is not that of the new build".to_owned());
        let limit = Limit {
            total_s: 1.0,
            contact_s: 0.01,
            loader_s: 0.1,
            wire_s: 0.0,
            flash_s: 0.0,
            hash_s: 0.89,
            stub: true,
        };
        let entries = vec![
            entry("fbuild-lsp deploy", &[1.1]),
            entry("esptool --skip-flashed", &[2.2]),
            failed,
        ];
        let mut results = Results::default();
        for hash_factor in [1.0, 0.25, 4.0] {
            results.put(Measurement {
                chip: "esp32".to_owned(),
                link: LINKS[0].name.to_owned(),
                hash_factor,
                slow_flash: false,
                scenario: "same".to_owned(),
                limit,
                contestants: entries.clone(),
            });
        }
        results
    }

    #[test]
    fn a_reader_sees_what_was_reached_and_what_failed() {
        let text = table(&results());
        for part in [
            "esptool --skip-flashed | 2.20 s | 1.10 s |  | 1.00 s | **2.00 x**, 1.10 x limit | \
             1.5 x, 1.15 x limit | yes | 1 |",
            "| espflash write-bin | failed: byte 0x1000 is not that of the new build |",
            "| fbuild-lsp deploy | **1.10** | 1.10 |",
            "1.10 s, 2.00 x | 1.10 s, 2.00 x | 1.10 s, 2.00 x |",
        ] {
            assert!(text.contains(part), "{part}\nin\n{text}");
        }
    }
}
