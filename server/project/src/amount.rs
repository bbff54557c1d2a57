//! Sizes of flash and files in words.

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

/// A size that is on its own, as short as it can be said: `4 MiB`, `1.5 MiB`, `24 KiB`, `100 bytes`.
pub fn amount(bytes: u64) -> String {
    match bytes {
        0 => "0 bytes".to_owned(),
        _ if bytes.is_multiple_of(MIB) => format!("{} MiB", bytes / MIB),
        _ if bytes >= MIB && bytes.is_multiple_of(MIB / 4) => {
            format!("{} MiB", bytes as f64 / MIB as f64)
        }
        _ if bytes.is_multiple_of(KIB) || bytes > 10 * KIB => amount_in_kib(bytes),
        _ => format!("{bytes} bytes"),
    }
}

/// One of several sizes that are compared, which is easier in one unit: `1536 KiB`, `1460.3 KiB`.
pub fn amount_in_kib(bytes: u64) -> String {
    if bytes.is_multiple_of(KIB) {
        format!("{} KiB", bytes / KIB)
    } else {
        format!("{:.1} KiB", bytes as f64 / KIB as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_said_shortly_and_nothing_is_rounded_away() {
        let cases = [
            (0, "0 bytes"),
            (100, "100 bytes"),
            (5000, "5000 bytes"),
            (0x1000, "4 KiB"),
            (0x3_c123, "240.3 KiB"),
            (0xf_f000, "1020 KiB"),
            (0x10_0000, "1 MiB"),
            (0x18_0000, "1.5 MiB"),
            (0x16_0000, "1408 KiB"),
            (0x40_0000, "4 MiB"),
        ];
        for (bytes, words) in cases {
            assert_eq!(amount(bytes), words);
        }
    }

    #[test]
    fn what_is_compared_is_in_one_unit() {
        assert_eq!(
            [0x18_0000, 0x10_0000, 0x16_d133].map(amount_in_kib),
            ["1536 KiB", "1024 KiB", "1460.3 KiB"]
        );
    }
}
