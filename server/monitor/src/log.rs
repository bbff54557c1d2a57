//! The level and the tag that a log line carries.

use crate::text::{without_colours, without_stamp};

/// How important a log line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// `E`
    Error,
    /// `W`
    Warning,
    /// `I`
    Info,
    /// `D`
    Debug,
    /// `V`
    Verbose,
}

impl Level {
    /// By the letter that ESP-IDF and the Arduino core print.
    pub fn from_letter(letter: &str) -> Option<Self> {
        Some(match letter {
            "E" => Self::Error,
            "W" => Self::Warning,
            "I" | "C" => Self::Info, // C: ESPHome's "config"
            "D" => Self::Debug,
            "V" | "VV" => Self::Verbose,
            _ => return None,
        })
    }

    /// `error`, `warning`, `info`, `debug` or `verbose`
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Verbose => "verbose",
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        Some(match word {
            "ERROR" => Self::Error,
            "WARN" => Self::Warning,
            "INFO" => Self::Info,
            "DEBUG" => Self::Debug,
            "TRACE" => Self::Verbose,
            _ => return None,
        })
    }
}

/// A log line's parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// How important it is.
    pub level: Level,
    /// Who says it; Rust programs do not say.
    pub tag: Option<String>,
    /// What it says.
    pub message: String,
}

impl LogLine {
    /// Reads a line of ESP-IDF (`I (312) wifi: text`), Arduino (`[   412][I][Wire.cpp:513] text`), ESPHome
    /// (`[C][api:025]: text`), Zephyr (`<wrn> wifi: text`) or esp-println (`INFO - text`).
    pub fn parse(text: &str) -> Option<Self> {
        let plain = without_colours(text);
        let text = without_stamp(&plain);
        esp_idf(text)
            .or_else(|| brackets(text))
            .or_else(|| zephyr(text))
            .or_else(|| esp_println(text))
    }
}

fn log_line(level: Level, tag: &str, message: &str) -> LogLine {
    LogLine {
        level,
        tag: Some(tag.to_owned()),
        message: message.to_owned(),
    }
}

fn esp_idf(text: &str) -> Option<LogLine> {
    let level = Level::from_letter(text.get(..1)?).filter(|_| !text.starts_with('C'))?;
    let rest = text.get(1..)?.strip_prefix(" (")?;
    let (stamp, rest) = rest.split_once(") ")?;
    if stamp.contains(')') {
        return None;
    }
    let (tag, message) = rest.split_once(':')?;
    let message = message.strip_prefix(' ').unwrap_or(message);
    (!tag.is_empty()).then(|| log_line(level, tag, message))
}

fn brackets(text: &str) -> Option<LogLine> {
    let (first, rest) = text.strip_prefix('[')?.split_once(']')?;
    let (level, rest) = if let Some(level) = Level::from_letter(first) {
        (level, rest)
    } else {
        first.trim().parse::<u64>().ok()?;
        let (letter, rest) = rest.strip_prefix('[')?.split_once(']')?;
        (Level::from_letter(letter)?, rest)
    };
    let (place, message) = rest.strip_prefix('[')?.split_once(']')?;
    let tag = place.rsplit_once(':').map_or(place, |(tag, _)| tag);
    let message = message.strip_prefix(':').unwrap_or(message);
    Some(log_line(level, tag, message.trim_start()))
}

fn zephyr(text: &str) -> Option<LogLine> {
    let (level, rest) = text.strip_prefix('<')?.split_once("> ")?;
    let level = match level {
        "err" => Level::Error,
        "wrn" => Level::Warning,
        "inf" => Level::Info,
        "dbg" => Level::Debug,
        _ => return None,
    };
    let (tag, message) = rest.split_once(": ")?;
    Some(log_line(level, tag, message))
}

fn esp_println(text: &str) -> Option<LogLine> {
    let (word, message) = text.split_once(" - ")?;
    Some(LogLine {
        level: Level::from_word(word)?,
        tag: None,
        message: message.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_five_frameworks() {
        for (text, level, tag, message) in [
            (
                "\x1b[0;32mI (312) main_task: Calling app_main()\x1b[0m",
                Level::Info,
                Some("main_task"),
                "Calling app_main()",
            ),
            (
                "E (00:00:01.123) wifi:bad",
                Level::Error,
                Some("wifi"),
                "bad",
            ),
            (
                "[  1534][E][Wire.cpp:513] requestFrom(): -1",
                Level::Error,
                Some("Wire.cpp"),
                "requestFrom(): -1",
            ),
            (
                "[09:34:20][C][api:025]: Setting up",
                Level::Info,
                Some("api"),
                "Setting up",
            ),
            ("WARN - low", Level::Warning, None, "low"),
            (
                "[00:00:01.107,000] <wrn> wifi: weak",
                Level::Warning,
                Some("wifi"),
                "weak",
            ),
        ] {
            let line = LogLine::parse(text).unwrap();
            assert_eq!(
                (line.level, line.tag.as_deref(), line.message.as_str()),
                (level, tag, message)
            );
        }
        for text in [
            "I am (not) a: log line",
            "C (1) x: y",
            "[x][E][y:1] z",
            "",
            "ä (1) b: c",
            "INFO: x",
        ] {
            assert_eq!(LogLine::parse(text), None, "{text}");
        }
    }
}
