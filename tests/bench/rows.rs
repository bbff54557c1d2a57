//! What is to be reached, and whether it was.

use crate::contestant::Way;
use crate::parameters::{CHIPS, LINKS, Rates};
use crate::result::{Measurement, Results};
use crate::scenario::Scenario;

/// One thing to be reached.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    pub(crate) number: u32,
    pub(crate) about: &'static str,
    pub(crate) scenario: Scenario,
    pub(crate) against: Against,
    /// How many times faster.
    pub(crate) factor: f64,
    /// How many times faster on the links with these names.
    pub(crate) factors: &'static [(&'static str, f64)],
    /// At most this many times the limit.
    pub(crate) of_limit: Option<f64>,
}

/// Whom to compare with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Against {
    /// The fastest of all peers.
    Best,
    /// The fastest one that needs no file of what is on the board.
    BestWithoutOldFile,
    /// esptool, told what is on the board.
    Diff,
    /// esptool, told wrongly what is on the board.
    DiffWrong,
    /// Each peer as it is called out of the box: the fastest of them is the one that counts.
    OutOfTheBox,
}

/// What a difference of a few kilobytes is to gain, by the link's rate.
const WHERE_THE_WIRE_COUNTS: &[(&str, f64)] = &[
    ("cp2102n-115200", 8.0),
    ("cp2102n-460800", 2.5),
    ("rfc2217-460800", 2.5),
    ("cp2102n-921600", 1.4),
];

/// The rows, in order.
pub(crate) const ROWS: [Row; 16] = [
    Row {
        number: 1,
        about: "nothing changed",
        scenario: Scenario::Same,
        against: Against::Best,
        factor: 1.5,
        factors: &[],
        of_limit: Some(1.15),
    },
    Row {
        number: 2,
        about: "a string edited, 2 of 366 sectors",
        scenario: Scenario::String,
        against: Against::BestWithoutOldFile,
        factor: 6.0,
        factors: &[],
        of_limit: None,
    },
    Row {
        number: 3,
        about: "the same, the peer has the old files",
        scenario: Scenario::String,
        against: Against::Diff,
        factor: 1.5,
        factors: &[],
        of_limit: None,
    },
    Row {
        number: 4,
        about: "16 bytes inserted and relocated, 206 of 366 sectors",
        scenario: Scenario::Relocated,
        against: Against::Diff,
        factor: 1.15,
        factors: &[],
        of_limit: None,
    },
    Row {
        number: 5,
        about: "genuine upgrade, all sectors",
        scenario: Scenario::Upgrade,
        against: Against::Best,
        factor: 1.15,
        factors: &[],
        of_limit: None,
    },
    Row {
        number: 6,
        about: "blank chip",
        scenario: Scenario::Blank,
        against: Against::Best,
        factor: 1.15,
        factors: &[],
        of_limit: None,
    },
    Row {
        number: 7,
        about: "as 2, the peer's old files are wrong",
        scenario: Scenario::String,
        against: Against::DiffWrong,
        factor: 6.0,
        factors: &[],
        of_limit: None,
    },
    Row {
        number: 8,
        about: "upgrade, out of the box",
        scenario: Scenario::Upgrade,
        against: Against::OutOfTheBox,
        factor: 1.8,
        factors: &[],
        of_limit: None,
    },
    Row {
        number: 8,
        about: "blank chip, out of the box",
        scenario: Scenario::Blank,
        against: Against::OutOfTheBox,
        factor: 1.8,
        factors: &[],
        of_limit: None,
    },
    Row {
        number: 9,
        about: "a line of code added and linked again, 408 of 421 sectors",
        scenario: Scenario::Relink,
        against: Against::Best,
        factor: 1.0,
        factors: WHERE_THE_WIRE_COUNTS,
        of_limit: Some(1.25),
    },
    Row {
        number: 9,
        about: "the same, out of the box",
        scenario: Scenario::Relink,
        against: Against::OutOfTheBox,
        factor: 1.0,
        factors: &[],
        of_limit: Some(1.25),
    },
    Row {
        number: 10,
        about: "as 9, for RISC-V, 434 of 435 sectors",
        scenario: Scenario::RelinkRiscv,
        against: Against::Best,
        factor: 1.0,
        factors: WHERE_THE_WIRE_COUNTS,
        of_limit: Some(1.25),
    },
    Row {
        number: 10,
        about: "the same, out of the box",
        scenario: Scenario::RelinkRiscv,
        against: Against::OutOfTheBox,
        factor: 1.0,
        factors: &[],
        of_limit: Some(1.25),
    },
    Row {
        number: 11,
        about: "genuine upgrade of a release that we deployed, all sectors",
        scenario: Scenario::UpgradeKnown,
        against: Against::Best,
        factor: 1.0,
        factors: &[("cp2102n-460800", 2.2)],
        of_limit: Some(1.25),
    },
    Row {
        number: 11,
        about: "the same, out of the box",
        scenario: Scenario::UpgradeKnown,
        against: Against::OutOfTheBox,
        factor: 1.0,
        factors: &[],
        of_limit: Some(1.25),
    },
    Row {
        number: 12,
        about: "as 3, and we deployed what the peer has the files of",
        scenario: Scenario::StringKnown,
        against: Against::Diff,
        factor: 1.5,
        factors: &[],
        of_limit: None,
    },
];

/// A row, as it came out on one chip and link.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reached {
    pub(crate) chip: String,
    pub(crate) link: String,
    /// Name and seconds of the peer that counts.
    pub(crate) peer: (String, f64),
    pub(crate) ours_s: f64,
    pub(crate) warm_s: Option<f64>,
    pub(crate) limit_s: f64,
    /// Runs of ours and of the peer.
    pub(crate) runs: (usize, usize),
}

impl Reached {
    /// How many times faster than the peer the command line is.
    pub(crate) fn factor(&self) -> f64 {
        self.peer.1 / self.ours_s
    }

    /// Longest time with which the row's targets are met.
    pub(crate) fn needed_s(&self, row: &Row) -> f64 {
        let by_peer = self.peer.1 / row.factor_on(&self.link);
        row.of_limit
            .map_or(by_peer, |most| by_peer.min(most * self.limit_s))
    }

    /// Whether the row's targets are met.
    pub(crate) fn meets(&self, row: &Row) -> bool {
        self.ours_s <= self.needed_s(row)
    }
}

impl Row {
    /// How many times faster it is to be on a link.
    pub(crate) fn factor_on(&self, link: &str) -> f64 {
        let of_link = self.factors.iter().find(|(name, _)| *name == link);
        of_link.map_or(self.factor, |(_, factor)| *factor)
    }

    /// What a row came to, on every link and chip where it was measured.
    pub(crate) fn reached<'r>(&self, results: &'r Results) -> Vec<(&'r Measurement, Reached)> {
        let out_of_the_box = self.against == Against::OutOfTheBox;
        LINKS
            .iter()
            .filter(|link| (link.rates == Rates::OutOfTheBox) == out_of_the_box)
            .flat_map(|link| CHIPS.map(|chip| (link, chip)))
            .filter_map(|(link, chip)| results.find(chip.name(), link.name, self.scenario.name()))
            .filter_map(|measurement| Some((measurement, self.reached_in(measurement)?)))
            .collect()
    }

    pub(crate) fn reached_in(&self, measurement: &Measurement) -> Option<Reached> {
        let counts = |name: &str| {
            let way = Way::NAMED
                .iter()
                .find(|(_, n)| *n == name)
                .map(|(way, _)| *way);
            match self.against {
                Against::Diff => way == Some(Way::EsptoolDiff),
                Against::DiffWrong => way == Some(Way::EsptoolDiffWrong),
                Against::Best => way != Some(Way::EsptoolDiffWrong),
                Against::BestWithoutOldFile => {
                    !matches!(way, Some(Way::EsptoolDiff | Way::EsptoolDiffWrong))
                }
                Against::OutOfTheBox => true,
            }
        };
        let peer = measurement
            .contestants
            .iter()
            .filter(|entry| !entry.ours && counts(&entry.name))
            .filter_map(|entry| Some((entry.name.clone(), entry.median(|run| run.wall_s)?)))
            .min_by(|a, b| a.1.total_cmp(&b.1))?;
        let runs = |name: &str| measurement.entry(name).map_or(0, |entry| entry.runs.len());
        Some(Reached {
            runs: (runs(Way::NAMED[0].1), runs(&peer.0)),
            chip: measurement.chip.clone(),
            link: measurement.link.clone(),
            peer,
            ours_s: measurement.wall_s(Way::NAMED[0].1)?,
            warm_s: measurement.wall_s(Way::NAMED[1].1),
            limit_s: measurement.limit.total_s,
        })
    }

    /// Whom it is against, in words.
    pub(crate) fn against_text(&self) -> &'static str {
        match self.against {
            Against::Best => "best of all",
            Against::BestWithoutOldFile => "best without an old file",
            Against::Diff => "`--diff-with`, right old file",
            Against::DiffWrong => "`--diff-with`, wrong old file",
            Against::OutOfTheBox => "each",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limit::Limit;
    use crate::result::tests::entry;

    fn measurement() -> Measurement {
        Measurement {
            chip: "esp32".to_owned(),
            link: LINKS[0].name.to_owned(),
            hash_factor: 1.0,
            slow_flash: false,
            scenario: "string".to_owned(),
            limit: Limit {
                total_s: 0.8,
                contact_s: 0.0,
                loader_s: 0.0,
                wire_s: 0.0,
                flash_s: 0.0,
                hash_s: 0.0,
                stub: true,
            },
            contestants: vec![
                entry("fbuild-lsp deploy", &[1.0]),
                entry("fbuild-lsp, warm server", &[0.9]),
                entry("esptool write-flash", &[12.0]),
                entry("esptool --diff-with", &[1.4]),
                entry("esptool --diff-with, wrong file", &[13.0]),
            ],
        }
    }

    #[test]
    fn each_row_is_compared_with_whom_it_says() {
        let factor = |number| {
            let row = ROWS.iter().find(|row| row.number == number).unwrap();
            let reached = row.reached_in(&measurement()).unwrap();
            (reached.factor(), reached.meets(row))
        };
        assert_eq!(factor(2), (12.0, true));
        assert_eq!(factor(3), (1.4, false));
        assert_eq!(factor(7), (13.0, true));
    }

    #[test]
    fn a_peer_that_failed_is_no_measure() {
        let mut measurement = measurement();
        measurement.contestants[2].runs[0].failure = Some("no".to_owned());
        assert_eq!(ROWS[1].reached_in(&measurement), None);
    }
}
