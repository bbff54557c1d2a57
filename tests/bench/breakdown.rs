//! Rows that were not reached: where the time goes, and what it would take.

use std::fmt::Write as _;

use crate::contestant::Way;
use crate::limit::Limit;
use crate::result::{Measurement, Results};
use crate::rows::{ROWS, Reached, Row};
use crate::timeline::Phases;

/// One part of a run: its name, how long it took, and how long it takes at the limit.
struct Part {
    about: &'static str,
    of: fn(&Phases) -> f64,
    at_limit: fn(&Limit) -> f64,
}

const PARTS: [Part; 4] = [
    Part {
        about: "the process: start, firmware started, end",
        of: |phases| phases.start + phases.leave + phases.end,
        at_limit: |_| 0.0,
    },
    Part {
        about: "contact, questions, loader",
        of: |phases| phases.connect + phases.upload,
        at_limit: |limit| limit.contact_s + limit.loader_s,
    },
    Part {
        about: "hashing: finding what differs, and the proof",
        of: |phases| phases.compare + phases.prove,
        at_limit: |limit| limit.hash_s,
    },
    Part {
        about: "writing",
        of: |phases| phases.write,
        at_limit: Limit::write_s,
    },
];

/// A section for every row that was not reached; nothing if all were.
pub(crate) fn missed(results: &Results) -> String {
    let mut text = String::new();
    for row in &ROWS {
        for (measurement, reached) in row.reached(results) {
            if !reached.meets(row) {
                one(&mut text, row, measurement, &reached);
            }
        }
    }
    if !text.is_empty() {
        text.insert_str(0, "\n## Rows that were not reached\n");
    }
    text
}

fn one(text: &mut String, row: &Row, measurement: &Measurement, reached: &Reached) {
    let phases = |name: &str| measurement.entry(name)?.median_phases();
    let (peer, peer_s) = (&reached.peer.0, reached.peer.1);
    let (Some(ours), Some(theirs)) = (phases(Way::NAMED[0].1), phases(peer)) else {
        return;
    };
    let limit = &measurement.limit;
    // Writing to a String does not fail, here and below.
    let _ = writeln!(
        text,
        "\n### Row {}, {}: {}, {}\n\n\
         Needed: {:.2} s. {}\n\n\
         | seconds | ours | at the limit | more | {peer} |\n\
         | --- | --- | --- | --- | --- |",
        row.number,
        row.about,
        reached.chip,
        reached.link,
        reached.needed_s(row),
        what_it_takes(row, reached, &excess(&ours, limit)),
    );
    for part in &PARTS {
        let (taken, least) = ((part.of)(&ours), (part.at_limit)(limit));
        let _ = writeln!(
            text,
            "| {} | {taken:.3} | {least:.3} | {:.3} | {:.3} |",
            part.about,
            taken - least,
            (part.of)(&theirs),
        );
    }
    let _ = writeln!(
        text,
        "| **all** | {:.3} | {:.3} | {:.3} | {peer_s:.3} |",
        reached.ours_s,
        reached.limit_s,
        reached.ours_s - reached.limit_s,
    );
}

/// The parts by how much more than at the limit they take, the largest first.
fn excess(ours: &Phases, limit: &Limit) -> Vec<(&'static str, f64)> {
    let mut parts: Vec<_> = PARTS
        .iter()
        .map(|part| (part.about, (part.of)(ours) - (part.at_limit)(limit)))
        .collect();
    parts.sort_by(|a, b| b.1.total_cmp(&a.1));
    parts
}

fn what_it_takes(row: &Row, reached: &Reached, excess: &[(&str, f64)]) -> String {
    let needed = reached.needed_s(row);
    if needed <= reached.limit_s {
        return format!(
            "Out of reach on this link: the limit is {:.2} s, which is {:.2} x. The peer is that \
             near to it.",
            reached.limit_s,
            reached.peer.1 / reached.limit_s,
        );
    }
    let mut missing = reached.ours_s - needed;
    let all = missing;
    let mut parts = Vec::new();
    for (about, more) in excess {
        if missing <= 0.0 {
            break;
        }
        parts.push(format!("{more:.2} s of \"{about}\""));
        missing -= more;
    }
    format!(
        "That is {all:.2} s less. What lies above the limit, the largest part first: {}.",
        parts.join(", then ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parameters::LINKS;
    use crate::result::tests::entry;

    fn results(ours_s: f64, peer_s: f64) -> Results {
        let mut ours = entry("fbuild-lsp deploy", &[ours_s]);
        ours.runs[0].phases.compare = 0.9;
        ours.runs[0].phases.upload = ours_s - 0.9;
        let mut results = Results::default();
        results.put(Measurement {
            chip: "esp32".to_owned(),
            link: LINKS[0].name.to_owned(),
            hash_factor: 1.0,
            slow_flash: false,
            scenario: "same".to_owned(),
            limit: Limit {
                total_s: 1.0,
                contact_s: 0.0,
                loader_s: 0.2,
                wire_s: 0.0,
                flash_s: 0.0,
                hash_s: 0.8,
                stub: true,
            },
            contestants: vec![ours, entry("esptool --skip-flashed", &[peer_s])],
        });
        results
    }

    #[test]
    fn a_row_that_was_reached_needs_no_words() {
        assert_eq!(missed(&results(1.1, 2.0)), "");
    }

    #[test]
    fn what_is_missing_is_looked_for_where_most_is_above_the_limit() {
        // 1.5 x faster would be 1.2 s, 1.15 x the limit is 1.15 s.
        let text = missed(&results(1.4, 1.8));
        for part in [
            "Needed: 1.15 s. That is 0.25 s less.",
            "first: 0.30 s of \"contact, questions, loader\".\n",
            "| hashing: finding what differs, and the proof | 0.900 | 0.800 | 0.100 | 0.000 |",
            "| **all** | 1.400 | 1.000 | 0.400 | 1.800 |",
        ] {
            assert!(text.contains(part), "{part}\nin\n{text}");
        }
    }

    #[test]
    fn what_nobody_could_reach_is_said() {
        let text = missed(&results(1.1, 1.2));
        assert!(text.contains("Out of reach on this link: the limit is 1.00 s, which is 1.20 x."));
    }
}
