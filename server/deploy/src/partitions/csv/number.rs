//! Numbers as `gen_esp32part.py` reads them: Python's `int(text, 0)` and the suffixes K and M.

/// The number in `text`, or what `keyword` knows of it. As in the genuine tool, a suffix is cut off
/// before anything else is tried, and suffixes repeat (`1KK` is 1 MiB).
pub(super) fn parse(text: &str, keyword: &dyn Fn(&str) -> Option<i128>) -> Option<i128> {
    let text = text.trim();
    if let Some(rest) = text.strip_suffix(['k', 'K']) {
        return parse(rest, keyword)?.checked_mul(1024);
    }
    if let Some(rest) = text.strip_suffix(['m', 'M']) {
        return parse(rest, keyword)?.checked_mul(1024 * 1024);
    }
    python_int(text).or_else(|| keyword(text))
}

fn python_int(text: &str) -> Option<i128> {
    let (negative, digits) = match text.strip_prefix(['+', '-']) {
        Some(rest) => (text.starts_with('-'), rest),
        None => (false, text),
    };
    let lower = digits.to_ascii_lowercase();
    let (radix, digits) = match lower.get(..2) {
        Some("0x") => (16, &lower[2..]),
        Some("0o") => (8, &lower[2..]),
        Some("0b") => (2, &lower[2..]),
        _ => (10, lower.as_str()),
    };
    // An underscore may stand between digits, and after the prefix.
    let digits = if radix == 10 {
        digits
    } else {
        digits.strip_prefix('_').unwrap_or(digits)
    };
    let well_formed = digits
        .split('_')
        .all(|group| !group.is_empty() && group.chars().all(|c| c.is_digit(radix)));
    let leading_zero =
        radix == 10 && digits.starts_with('0') && digits.contains(|c| !matches!(c, '0' | '_'));
    if !well_formed || leading_zero {
        return None;
    }
    let value = i128::from_str_radix(&digits.replace('_', ""), radix).ok()?;
    Some(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::parse;

    #[test]
    fn reads_what_python_reads() {
        let number = |text| parse(text, &|_| None);
        for (text, value) in [
            ("0", 0),
            ("00", 0),
            ("4096", 4096),
            ("0x1000", 0x1000),
            ("0X1_0", 0x10),
            ("0x_10", 0x10),
            ("0o17", 15),
            ("0b101", 5),
            ("1_000", 1000),
            ("-1M", -0x10_0000),
            ("1.5", i128::MIN),
            ("24K", 24576),
            ("1kK", 0x10_0000),
            ("0x10K", 0x4000),
            ("010", i128::MIN),
            ("1__0", i128::MIN),
            ("_1", i128::MIN),
            ("1G", i128::MIN),
            ("0x", i128::MIN),
            ("", i128::MIN),
            ("K", i128::MIN),
        ] {
            assert_eq!(number(text).unwrap_or(i128::MIN), value, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,40}", digits in "[-+0-9a-fxobkmKM_]{0,60}") {
            let _ = parse(&text, &|_| None);
            let _ = parse(&digits, &|_| None);
        }
    }
}
