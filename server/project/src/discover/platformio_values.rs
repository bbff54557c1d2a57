//! Values of a board's options: numbers as PlatformIO's builders and esptool take them.

/// What an option of a board is, by its path in the board's file.
///
/// Source: platform-espressif32 6.13.0, `builder/main.py` and `builder/frameworks/espidf.py`; PlatformIO
/// Core 6.2.0, `builder/tools/pioupload.py`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BoardValue {
    /// What esptool takes as one.
    Offset,
    /// Hertz, with an `L` or without.
    Frequency,
    /// A decimal number.
    Count,
}

impl BoardValue {
    /// What the option at `path` is, if it is a number.
    pub fn of(path: &str) -> Option<Self> {
        Some(match path {
            "upload.offset_address"
            | "upload.bootloader_offset"
            | "upload.partition_table_offset"
            | "upload.ota_partition_offset"
            | "upload.arduino.uf2_bootloader_offset" => Self::Offset,
            "build.f_flash" | "build.f_image" | "build.f_boot" => Self::Frequency,
            "upload.maximum_size"
            | "upload.maximum_ram_size"
            | "upload.maximum_data_size"
            | "upload.speed" => Self::Count,
            _ => return None,
        })
    }

    /// Whether a text is one.
    #[must_use]
    pub fn takes(self, text: &str) -> bool {
        match self {
            Self::Offset => esptool_number(text).is_some(),
            Self::Frequency => megahertz(text).is_some(),
            Self::Count => decimal(text).is_some(),
        }
    }

    /// What it should be, in words.
    #[must_use]
    pub fn taken(self) -> &'static str {
        match self {
            Self::Offset => "an offset; esptool takes 0x20000 or 131072",
            Self::Frequency => "a frequency; PlatformIO takes 80000000L or 80000000",
            Self::Count => "a number; PlatformIO takes 1310720",
        }
    }
}

/// A number as Python's `int(text, 0)` takes it: `0x2_0000`, `131072`; not `020000` or `128K`.
pub(super) fn esptool_number(text: &str) -> Option<u32> {
    let text = text.trim().to_ascii_lowercase();
    let radix = |prefix: &str, radix| Some((text.strip_prefix(prefix)?, radix));
    let prefixed = radix("0x", 16)
        .or_else(|| radix("0o", 8))
        .or_else(|| radix("0b", 2));
    let (digits, radix) = match prefixed {
        Some((digits, radix)) => (digits.strip_prefix('_').unwrap_or(digits), radix),
        None => (text.as_str(), 10),
    };
    let has_digits = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_digit(radix));
    let is_octal =
        radix == 10 && digits.starts_with('0') && digits.contains(|c| ('1'..='9').contains(&c));
    let is_number = digits.split('_').all(has_digits) && !is_octal;
    is_number.then(|| u32::from_str_radix(&digits.replace('_', ""), radix).ok())?
}

/// Hertz as the platform's builder reads them, as a header's setting: every `L` is left out, and what
/// remains is decimal.
pub(super) fn megahertz(hertz: &str) -> Option<String> {
    let text = hertz.replace('L', "");
    Some(format!("{}m", decimal(&text)? / 1_000_000))
}

/// A number as Python's `int(text)` takes it.
fn decimal(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.strip_prefix('+').unwrap_or(text);
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let is_decimal = digits.split('_').all(is_number);
    is_decimal.then(|| digits.replace('_', "").parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_what_esptool_takes() {
        for (text, offset) in [
            ("0x20000", Some(0x2_0000)),
            ("0X2_0000", Some(0x2_0000)),
            ("131072", Some(0x2_0000)),
            ("0", Some(0)),
            ("020000", None),
            ("128K", None),
            ("0x", None),
            ("2__0", None),
            ("0x100000000", None),
            ("", None),
        ] {
            assert_eq!(esptool_number(text), offset, "{text}");
        }
    }

    #[test]
    fn frequencies_are_what_the_platform_takes() {
        for (text, megahertz) in [
            ("80000000L", Some("80m")),
            ("80000000", Some("80m")),
            (" 26_000_000 ", Some("26m")),
            ("0x4C4B400", None),
            ("80000000l", None),
            ("80m", None),
            ("80E6", None),
            ("L", None),
        ] {
            assert_eq!(super::megahertz(text).as_deref(), megahertz, "{text}");
        }
    }
}
