//! Numbers and names as people read them.

use std::borrow::Cow;
use std::time::Duration;

use fbuild_link::port_name::PortName;
use unicode_width::UnicodeWidthStr as _;

/// `0.8 s`, `12 s`, `3 min 5 s`.
pub(super) fn duration(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds < 9.95 {
        return format!("{seconds:.1} s");
    }
    // Longer than a person waits, and far below where a float is inexact.
    let whole = time.as_millis().saturating_add(500) / 1000;
    match whole {
        0..100 => format!("{whole} s"),
        _ => format!("{} min {} s", whole / 60, whole % 60),
    }
}

/// `1 sector`, `3 sectors`.
pub(super) fn count(n: u64, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

/// Where the board is, for a sentence. Where a simulated one keeps its flash matters to nobody here.
pub(super) fn place(port: &str) -> &str {
    if PortName::of(port).is_sim() {
        "a simulated board"
    } else {
        port
    }
}

/// A port as a status bar has room for it: `ttyUSB0`, `COM5`, `simulated board`.
pub(super) fn short_port(port: &str) -> &str {
    if PortName::of(port).is_sim() {
        return "simulated board";
    }
    port.strip_prefix("/dev/").unwrap_or(port)
}

/// Who a board is: `ESP32 24:0a:c4:00:01:10`.
pub(super) fn board(chip: Option<&str>, mac: Option<&str>) -> String {
    let chip = chip.map(str::to_uppercase);
    let parts = [chip.as_deref(), mac].into_iter().flatten();
    parts.collect::<Vec<_>>().join(" ")
}

/// `text` with a capital letter in front.
pub(super) fn capital(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars).collect(),
        None => String::new(),
    }
}

/// Parts as sentences, one after the other.
pub(super) fn sentences<'t>(parts: impl IntoIterator<Item = Cow<'t, str>>) -> String {
    let sentence = |part: Cow<'_, str>| {
        let end = if part.ends_with(['.', '!', '?']) {
            ""
        } else {
            "."
        };
        capital(&part) + end
    };
    let parts: Vec<String> = parts.into_iter().map(sentence).collect();
    parts.join(" ")
}

/// Rows as lines whose columns are under one another; those that `is_left` names begin, and the
/// others end there.
pub(crate) fn columns<const N: usize>(rows: &[[String; N]], is_left: [bool; N]) -> Vec<String> {
    let widths: [usize; N] = std::array::from_fn(|column| {
        let widths = rows.iter().map(|row| row[column].width());
        widths.max().unwrap_or(0)
    });
    let line = |row: &[String; N]| {
        let cells = std::iter::zip(row, widths).zip(is_left);
        let cells = cells.map(|((cell, width), is_left)| {
            let space = " ".repeat(width - cell.width());
            if is_left {
                cell.clone() + &space
            } else {
                space + cell
            }
        });
        let line = cells.collect::<Vec<_>>().join("  ");
        line.trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_as_people_read_them() {
        let times = [843, 9960, 61_000, 99_600, 185_000].map(Duration::from_millis);
        let words = ["0.8 s", "10 s", "61 s", "1 min 40 s", "3 min 5 s"];
        assert_eq!(times.map(duration), words);
    }

    #[test]
    fn columns_line_up_as_they_are_shown() {
        let rows = [["分区", "1"], ["app", "22"]].map(|row| row.map(str::to_owned));
        assert_eq!(columns(&rows, [true, false]), ["分区   1", "app   22"]);
    }

    #[test]
    fn ports_as_people_know_them() {
        let ports = ["/dev/ttyUSB0", "COM5", "sim:a.bin"].map(short_port);
        assert_eq!(ports, ["ttyUSB0", "COM5", "simulated board"]);
    }
}
