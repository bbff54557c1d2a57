//! The results, as they are kept in `result.json`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::limit::Limit;
use crate::parameters::Conditions;
use crate::run::Run;
use crate::timeline::Phases;

/// Everything that was measured.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Results {
    /// Versions of the contestants.
    pub(crate) versions: BTreeMap<String, String>,
    /// One per scenario, chip, link and conditions, in the order of measurement.
    pub(crate) measurements: Vec<Measurement>,
}

/// A scenario on a chip and a link, with everybody who took part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Measurement {
    pub(crate) chip: String,
    pub(crate) link: String,
    /// Factor on the loaders' hash rates; 1 but in the sensitivity table.
    pub(crate) hash_factor: f64,
    /// Whether the flash chip took as long as its data sheet allows.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) slow_flash: bool,
    pub(crate) scenario: String,
    pub(crate) limit: Limit,
    pub(crate) contestants: Vec<Entry>,
}

/// One contestant's runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) ours: bool,
    pub(crate) runs: Vec<Run>,
}

/// Seconds are kept to a tenth of a millisecond: the stopwatch is not better.
const KEPT_PER_SECOND: f64 = 10_000.0;

impl Results {
    /// As text: one contestant a line, so that a new measurement is a readable difference.
    pub(crate) fn to_json(&self) -> serde_json::Result<String> {
        let mut parts = Vec::new();
        for measurement in &self.measurements {
            let mut lines = Vec::new();
            for entry in &measurement.contestants {
                lines.push(rounded(serde_json::to_value(entry)?).to_string());
            }
            let mut fields = String::new();
            if let Value::Object(object) = rounded(serde_json::to_value(measurement)?) {
                for (name, value) in object.iter().filter(|(name, _)| *name != "contestants") {
                    fields.extend(["\"", name, "\":", &value.to_string(), ","]);
                }
            }
            parts.push(format!(
                "{{{fields}\"contestants\":[\n  {}]}}",
                lines.join(",\n  ")
            ));
        }
        let versions = serde_json::to_string(&self.versions)?;
        let parts = parts.join(",\n");
        Ok(format!(
            "{{\"versions\":{versions},\n\"measurements\":[\n{parts}\n]}}\n"
        ))
    }

    /// The measurement under the usual conditions.
    pub(crate) fn find(&self, chip: &str, link: &str, scenario: &str) -> Option<&Measurement> {
        self.find_under(chip, link, scenario, Conditions::USUAL)
    }

    /// The measurement under these conditions.
    pub(crate) fn find_under(
        &self,
        chip: &str,
        link: &str,
        scenario: &str,
        conditions: Conditions,
    ) -> Option<&Measurement> {
        self.measurements.iter().find(|m| {
            m.chip == chip
                && m.link == link
                && m.scenario == scenario
                && m.conditions() == conditions
        })
    }

    /// Puts a measurement in, in place of an older one of the same. Contestants who were not part of
    /// the new one keep what they had.
    pub(crate) fn put(&mut self, new: Measurement) {
        let same = |m: &&mut Measurement| {
            (&m.chip, &m.link, &m.scenario) == (&new.chip, &new.link, &new.scenario)
                && m.conditions() == new.conditions()
        };
        let Some(old) = self.measurements.iter_mut().find(same) else {
            self.measurements.push(new);
            return;
        };
        old.limit = new.limit;
        for entry in new.contestants {
            match old.contestants.iter_mut().find(|e| e.name == entry.name) {
                Some(older) => *older = entry,
                None => old.contestants.push(entry),
            }
        }
        old.contestants.sort_by_key(|entry| !entry.ours);
    }
}

/// The same with all fractions rounded.
fn rounded(value: Value) -> Value {
    match value {
        Value::Number(number) if number.is_f64() => {
            let value = number.as_f64().unwrap_or_default();
            json!((value * KEPT_PER_SECOND).round() / KEPT_PER_SECOND)
        }
        Value::Array(values) => values.into_iter().map(rounded).collect(),
        Value::Object(fields) => fields.into_iter().map(|(k, v)| (k, rounded(v))).collect(),
        other => other,
    }
}

impl Measurement {
    /// What it supposed.
    pub(crate) fn conditions(&self) -> Conditions {
        Conditions {
            hash_factor: self.hash_factor,
            slow_flash: self.slow_flash,
        }
    }

    /// A contestant's runs.
    pub(crate) fn entry(&self, name: &str) -> Option<&Entry> {
        self.contestants.iter().find(|entry| entry.name == name)
    }

    /// A contestant's median wall time, if it succeeded.
    pub(crate) fn wall_s(&self, name: &str) -> Option<f64> {
        self.entry(name)?.median(|run| run.wall_s)
    }
}

impl Entry {
    /// Why it does not count: one failure is enough.
    pub(crate) fn failure(&self) -> Option<&str> {
        self.runs.iter().find_map(|run| run.failure.as_deref())
    }

    /// Median over the runs; `None` if one of them failed.
    pub(crate) fn median(&self, of: impl Fn(&Run) -> f64) -> Option<f64> {
        if self.runs.is_empty() || self.failure().is_some() {
            return None;
        }
        let mut values: Vec<f64> = self.runs.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        Some(if values.len() % 2 == 1 {
            values[middle]
        } else {
            f64::midpoint(values[middle - 1], values[middle])
        })
    }

    /// The phases of the run with the median wall time.
    pub(crate) fn median_phases(&self) -> Option<Phases> {
        let median = self.median(|run| run.wall_s)?;
        let distance = |run: &&Run| (run.wall_s - median).abs();
        let run = self
            .runs
            .iter()
            .min_by(|a, b| distance(a).total_cmp(&distance(b)))?;
        Some(run.phases)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn entry(name: &str, walls: &[f64]) -> Entry {
        let run = |wall_s: f64| Run {
            wall_s,
            link_s: wall_s,
            sent_bytes: 0,
            received_bytes: 0,
            round_trips: 0,
            sectors_erased: 0,
            programmed_bytes: 0,
            hashed_bytes: 0,
            phases: Phases::default(),
            load: 0.0,
            failure: None,
        };
        Entry {
            name: name.to_owned(),
            ours: name.starts_with("fbuild"),
            runs: walls.iter().map(|wall| run(*wall)).collect(),
        }
    }

    #[test]
    fn new_runs_replace_those_of_the_same_contestant_only() {
        let measurement = |entries: &[Entry]| Measurement {
            chip: "esp32".to_owned(),
            link: "a link".to_owned(),
            hash_factor: 1.0,
            slow_flash: false,
            scenario: "same".to_owned(),
            limit: Limit {
                total_s: 1.0,
                contact_s: 0.0,
                loader_s: 0.0,
                wire_s: 0.0,
                flash_s: 0.0,
                hash_s: 1.0,
                stub: true,
            },
            contestants: entries.to_vec(),
        };
        let mut results = Results::default();
        results.put(measurement(&[
            entry("peer", &[4.0]),
            entry("other", &[5.0]),
        ]));
        results.put(measurement(&[
            entry("fbuild", &[1.0]),
            entry("peer", &[3.0]),
        ]));
        let [one] = &results.measurements[..] else {
            panic!("{results:?}")
        };
        let found: Vec<_> = one
            .contestants
            .iter()
            .map(|e| (e.name.as_str(), one.wall_s(&e.name)))
            .collect();
        let expected = [
            ("fbuild", Some(1.0)),
            ("peer", Some(3.0)),
            ("other", Some(5.0)),
        ];
        assert_eq!(found, expected);
        let read: Results = serde_json::from_str(&results.to_json().unwrap()).unwrap();
        assert_eq!(read, results);
        assert!(results.find("esp32", "a link", "same").is_some());
        assert!(
            results
                .find_under("esp32", "a link", "same", Conditions::SLOW_FLASH)
                .is_none()
        );
    }

    #[test]
    fn the_median_is_the_middle_and_a_failure_spoils_it() {
        let mut entry = entry("x", &[5.0, 1.0, 9.0]);
        assert_eq!(entry.median(|run| run.wall_s), Some(5.0));
        entry.runs[1].failure = Some("wrong byte".to_owned());
        assert_eq!(entry.median(|run| run.wall_s), None);
        assert_eq!(entry.failure(), Some("wrong byte"));
    }
}
