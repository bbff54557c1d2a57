//! Intel HEX, as tools write it.

use std::fmt::Write as _;

/// A record of up to 255 bytes, without the end of its line.
pub(crate) fn record(address: u16, kind: u8, data: &[u8]) -> String {
    let [high, low] = address.to_be_bytes();
    let mut bytes = vec![data.len() as u8, high, low, kind];
    bytes.extend(data);
    let sum = bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    bytes.push(sum.wrapping_neg());
    let mut text = String::from(":");
    for byte in bytes {
        let _ = write!(text, "{byte:02X}");
    }
    text
}
