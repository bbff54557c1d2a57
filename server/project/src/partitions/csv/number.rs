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

/// The number that was probably meant by a text that is none: `1.5M`, `1G`, `010`, `4KB`, `c000`.
pub(super) fn meant(text: &str) -> Option<String> {
    let upper = text.trim().to_ascii_uppercase();
    let digits = upper.trim_start_matches('0');
    if !digits.is_empty() && digits.len() < upper.len() && parse(digits, &|_| None).is_some() {
        return Some(digits.to_owned());
    }
    // Whole sectors; other letters may be any word, or a unit.
    let is_hex = upper.ends_with("000") && upper.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hex && !upper.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(format!("0x{}", text.trim().to_ascii_lowercase()));
    }
    let (number, unit) = [
        ("KB", 1),
        ("MB", 1 << 10),
        ("GB", 1 << 20),
        ("KIB", 1),
        ("MIB", 1 << 10),
    ]
    .into_iter()
    .chain([("K", 1), ("M", 1 << 10), ("G", 1 << 20)])
    .find_map(|(unit, kib)| Some((upper.strip_suffix(unit)?.trim(), kib)))?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let is_decimal = |text: &str| text.len() <= 6 && text.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !is_decimal(whole) || !is_decimal(fraction) {
        return None;
    }
    // Six digits each: at most 10^12 times 2^20, far from the end of i128.
    let scale = 10_i128.pow(u32::try_from(fraction.len()).ok()?);
    let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
    let kib = digits * unit;
    if kib % scale != 0 {
        return None;
    }
    let kib = kib / scale;
    Some(if kib % 1024 == 0 {
        format!("{}M", kib / 1024)
    } else {
        format!("{kib}K")
    })
}

/// A number in hex, also a negative one.
pub(super) fn signed_hex(value: i128) -> String {
    let sign = if value < 0 { "-" } else { "" };
    format!("{sign}{:#x}", value.unsigned_abs())
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
    // An underscore may be between digits, and after the prefix.
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

    #[test]
    fn what_was_meant_is_offered() {
        for (text, number) in [
            ("1.5M", Some("1536K")),
            ("1G", Some("1024M")),
            ("64KB", Some("64K")),
            ("2 MB", Some("2M")),
            ("010", Some("10")),
            ("0.3K", None),
            ("E000", Some("0xe000")),
            ("0e000", Some("0x0e000")),
            ("bad", None),
            ("100B", None),
            ("be", None),
            ("x", None),
            (".", None),
        ] {
            assert_eq!(super::meant(text).as_deref(), number, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,40}", digits in "[-+0-9a-fxobkmKM_.]{0,60}") {
            let _ = super::meant(&digits);
            let _ = parse(&text, &|_| None);
            let _ = parse(&digits, &|_| None);
        }
    }
}
