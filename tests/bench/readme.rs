//! The README's figures: a table between two marks, made of the results.

use std::fmt::Write as _;
use std::fs;

use crate::parameters::{CHIPS, LINKS, Link};
use crate::result::Results;
use crate::rows::{Against, ROWS, Reached, Row};
use crate::tools;

const BEGIN: &str = "<!-- made by tests/bench -->\n";
const END: &str = "<!-- end of it -->\n";
/// Rows that are shown, and the link that is not the main one.
const SHOWN: [(u32, Option<&str>); 12] = [
    (9, None),
    (9, Some("cp2102n-460800")),
    (9, Some("cp2102n-115200")),
    (11, None),
    (11, Some("cp2102n-460800")),
    (1, None),
    (2, None),
    (3, None),
    (4, None),
    (5, None),
    (6, None),
    (8, Some("cp2102n-auto")),
];

/// Puts them into the README.
pub(crate) fn write(results: &Results) -> Result<(), String> {
    let path = tools::root().join("README.md");
    let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let text = fs::read_to_string(&path).map_err(|error| failed(&error))?;
    let new = with_figures(&text, results).ok_or_else(|| failed(&"no marks for figures"))?;
    if new.lines().count() < text.lines().count() {
        println!("README.md keeps its figures: not all of its rows are in these results");
        return Ok(());
    }
    fs::write(&path, new).map_err(|error| failed(&error))
}

/// The README with the figures of these results.
fn with_figures(text: &str, results: &Results) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}{}{END}{after}", figures(results)))
}

fn figures(results: &Results) -> String {
    let mut text = String::from("| | fbuild-lsp | best other | |\n| --- | --- | --- | --- |\n");
    for (number, link) in SHOWN {
        let of_number = ROWS.iter().filter(|row| row.number == number);
        for row in of_number {
            if let Some((link, reached)) = on(row, link, results) {
                line(&mut text, row, link, &reached);
            }
        }
    }
    text
}

/// What a row came to on a link with the first chip.
fn on(row: &Row, link: Option<&str>, results: &Results) -> Option<(&'static Link, Reached)> {
    let link = link.map_or(Some(&LINKS[0]), Link::named)?;
    let measured = results.find(CHIPS[0].name(), link.name, row.scenario.name())?;
    let is_of_link = row.reached(results).iter().any(|(it, _)| *it == measured);
    let reached = row.reached_in(measured).filter(|_| is_of_link)?;
    Some((link, reached))
}

fn line(text: &mut String, row: &Row, link: &Link, reached: &Reached) {
    let rate = match link.name.strip_prefix("cp2102n-") {
        Some(baud) if link.name != LINKS[0].name && row.against != Against::OutOfTheBox => {
            format!(", at {baud} baud")
        }
        _ => String::new(),
    };
    // Writing to a String does not fail.
    let _ = writeln!(
        text,
        "| {}{rate} | {} s | {} s {} | {} x |",
        row.about,
        three_digits(reached.ours_s),
        three_digits(reached.peer.1),
        reached.peer.0,
        two_digits(reached.factor()),
    );
}

fn three_digits(value: f64) -> String {
    let decimals = if value < 9.995 {
        2
    } else {
        usize::from(value < 99.95)
    };
    format!("{value:.decimals$}")
}

fn two_digits(factor: f64) -> String {
    let decimals = usize::from(factor < 9.95);
    format!("{factor:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_has_the_figures_of_the_results() {
        let results = crate::read_results(&crate::default_folder()).unwrap();
        let text = fs::read_to_string(tools::root().join("README.md")).unwrap();
        let made = with_figures(&text, &results).unwrap();
        assert!(
            made == text,
            "`bench --render` writes them:\n{}",
            figures(&results)
        );
        // What users do all day comes first.
        let lines = figures(&results);
        let first = lines.lines().nth(2).unwrap();
        assert!(first.contains("linked again"), "{first}");
    }

    #[test]
    fn figures_have_as_many_digits_as_they_are_worth() {
        assert_eq!(
            [0.957, 9.99, 10.31, 102.9].map(three_digits),
            ["0.96", "9.99", "10.3", "103"]
        );
        assert_eq!([1.19, 9.9, 13.7].map(two_digits), ["1.2", "9.9", "14"]);
    }
}
