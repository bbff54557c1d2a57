//! Which lines to show: `wifi:W *:I`, as idf_monitor's `--print-filter` has it.

use crate::log::{Level, LogLine};

/// What is shown of each tag.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Tag and the least important level that is shown; `None`: nothing.
    rules: Vec<(String, Option<Level>)>,
    /// The same for every other tag.
    others: Option<Level>,
    /// There are words: what none of them names is not shown.
    is_given: bool,
}

/// A word of a filter that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadFilter {
    /// `:W`
    #[error("{0:?} has no tag; write TAG:LEVEL, * for every tag")]
    NoTag(String),
    /// `wifi:X`
    #[error("{0:?} has no level: N (nothing), E, W, I, D or V (everything)")]
    UnknownLevel(String),
}

impl Filter {
    /// Words `TAG:LEVEL` or `TAG` (everything of it). The last word for a tag counts. No words: everything is shown.
    /// With words but without `*`, other tags are not shown.
    ///
    /// # Errors
    /// [`BadFilter`] names the word, and how one is written.
    pub fn parse(text: &str) -> Result<Self, BadFilter> {
        let mut filter = Self::default();
        for word in text.split_whitespace() {
            filter.is_given = true;
            let (tag, letter) = word.rsplit_once(':').unwrap_or((word, "V"));
            if tag.is_empty() {
                return Err(BadFilter::NoTag(word.to_owned()));
            }
            let level = match letter.to_ascii_uppercase().as_str() {
                "N" => None,
                "" | "*" => Some(Level::Verbose),
                "C" | "VV" => return Err(BadFilter::UnknownLevel(word.to_owned())),
                letter => match Level::from_letter(letter) {
                    Some(level) => Some(level),
                    None => return Err(BadFilter::UnknownLevel(word.to_owned())),
                },
            };
            if tag == "*" {
                filter.others = level;
            } else {
                filter.rules.retain(|(other, _)| other != tag);
                filter.rules.push((tag.to_owned(), level));
            }
        }
        Ok(filter)
    }

    /// Whether a line is shown. Lines that are not log lines are shown unless `*` is `N` or missing.
    pub fn shows(&self, text: &str) -> bool {
        if !self.is_given {
            return true;
        }
        let Some(line) = LogLine::parse(text) else {
            return self.others.is_some();
        };
        let rule = self
            .rules
            .iter()
            .find(|(tag, _)| Some(tag) == line.tag.as_ref());
        rule.map_or(self.others, |(_, level)| *level)
            .is_some_and(|level| line.level <= level)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: [&str; 5] = [
        "E (1) wifi: e",
        "I (1) wifi: i",
        "I (1) app: i",
        "D (1) app: d",
        "hello",
    ];

    fn shown(filter: &str) -> Vec<&'static str> {
        let filter = Filter::parse(filter).unwrap();
        LINES
            .into_iter()
            .filter(|line| filter.shows(line))
            .collect()
    }

    #[test]
    fn words_select_as_in_idf_monitor() {
        assert_eq!(shown(""), LINES);
        assert_eq!(
            shown("wifi:W *:I"),
            ["E (1) wifi: e", "I (1) app: i", "hello"]
        );
        assert_eq!(shown("wifi"), ["E (1) wifi: e", "I (1) wifi: i"]);
        assert_eq!(shown("*:n"), [""; 0]);
        assert_eq!(shown("*:N app:D"), ["I (1) app: i", "D (1) app: d"]);
        assert_eq!(shown("*:E"), ["E (1) wifi: e", "hello"]);
        assert_eq!(shown("wifi:N wifi:I *:V").len(), 5);
    }

    #[test]
    fn what_is_no_filter_is_said() {
        assert_eq!(Filter::parse("a:I :W"), Err(BadFilter::NoTag(":W".into())));
        assert_eq!(
            Filter::parse("wifi:X"),
            Err(BadFilter::UnknownLevel("wifi:X".into()))
        );
    }
}
