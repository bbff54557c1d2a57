//! Requests and responses inside SLIP frames, for both sides of the wire.
//!
//! Request: `00 op size(2) checksum(4) data`. Response: `01 op size(2) value(4) data`, the status
//! being the last bytes of the data. Numbers are little-endian. Source: esptool's documentation,
//! "Serial Protocol"; confirmed by every recording in `tests/recordings`.

/// Operation codes. Source: esptool's documentation, "Serial Protocol", command tables.
#[allow(missing_docs)] // the names are the documentation's own
pub mod op {
    pub const FLASH_BEGIN: u8 = 0x02;
    pub const FLASH_DATA: u8 = 0x03;
    pub const FLASH_END: u8 = 0x04;
    pub const MEM_BEGIN: u8 = 0x05;
    pub const MEM_END: u8 = 0x06;
    pub const MEM_DATA: u8 = 0x07;
    pub const SYNC: u8 = 0x08;
    pub const WRITE_REG: u8 = 0x09;
    pub const READ_REG: u8 = 0x0A;
    pub const SPI_SET_PARAMS: u8 = 0x0B;
    pub const SPI_ATTACH: u8 = 0x0D;
    pub const READ_FLASH_SLOW: u8 = 0x0E;
    pub const CHANGE_BAUDRATE: u8 = 0x0F;
    pub const FLASH_DEFL_BEGIN: u8 = 0x10;
    pub const FLASH_DEFL_DATA: u8 = 0x11;
    pub const FLASH_DEFL_END: u8 = 0x12;
    pub const SPI_FLASH_MD5: u8 = 0x13;
    pub const GET_SECURITY_INFO: u8 = 0x14;
    pub const ERASE_FLASH: u8 = 0xD0;
    pub const ERASE_REGION: u8 = 0xD1;
    pub const READ_FLASH: u8 = 0xD2;
    pub const RUN_USER_CODE: u8 = 0xD3;
    /// Not the documentation's: what [`crate::delta`] adds to the stub. The last of those that a plugin may have: one
    /// flipped bit leads to no other command.
    pub const PLUGIN: u8 = 0xEF;
}

/// The documentation's name of an operation, for messages.
pub fn op_name(op: u8) -> &'static str {
    match op {
        op::FLASH_BEGIN => "FLASH_BEGIN",
        op::FLASH_DATA => "FLASH_DATA",
        op::FLASH_END => "FLASH_END",
        op::MEM_BEGIN => "MEM_BEGIN",
        op::MEM_END => "MEM_END",
        op::MEM_DATA => "MEM_DATA",
        op::SYNC => "SYNC",
        op::WRITE_REG => "WRITE_REG",
        op::READ_REG => "READ_REG",
        op::SPI_SET_PARAMS => "SPI_SET_PARAMS",
        op::SPI_ATTACH => "SPI_ATTACH",
        op::READ_FLASH_SLOW => "READ_FLASH_SLOW",
        op::CHANGE_BAUDRATE => "CHANGE_BAUDRATE",
        op::FLASH_DEFL_BEGIN => "FLASH_DEFL_BEGIN",
        op::FLASH_DEFL_DATA => "FLASH_DEFL_DATA",
        op::FLASH_DEFL_END => "FLASH_DEFL_END",
        op::SPI_FLASH_MD5 => "SPI_FLASH_MD5",
        op::GET_SECURITY_INFO => "GET_SECURITY_INFO",
        op::ERASE_FLASH => "ERASE_FLASH",
        op::ERASE_REGION => "ERASE_REGION",
        op::READ_FLASH => "READ_FLASH",
        op::RUN_USER_CODE => "RUN_USER_CODE",
        op::PLUGIN => "PLUGIN",
        _ => "unknown command",
    }
}

/// Length of the fields before the data, in requests and responses alike.
pub const HEADER_LEN: usize = 8;
/// Length of the four words (length, sequence number, two zeros) before the payload of `*_DATA`.
pub const DATA_HEADER_LEN: usize = 16;
/// Payload of a SYNC request, after which a loader knows the baud rate.
pub const SYNC_PAYLOAD: [u8; 36] = {
    let mut payload = [0x55; 36];
    payload[0] = 0x07;
    payload[1] = 0x07;
    payload[2] = 0x12;
    payload[3] = 0x20;
    payload
};
/// Bare frame that a freshly started stub sends.
pub const STUB_GREETING: &[u8; 4] = b"OHAI";

/// Checksum of a `*_DATA` payload: XOR of its bytes, seed EF. Source: esptool `loader.py`.
pub fn checksum(payload: &[u8]) -> u32 {
    u32::from(payload.iter().fold(0xEF, |sum, byte| sum ^ byte))
}

/// A request frame's payload (before SLIP).
pub fn encode_request(op: u8, checksum: u32, data: &[u8]) -> Vec<u8> {
    encode(0x00, op, checksum, data)
}

/// A response frame's payload (before SLIP); `data` includes the status bytes.
pub fn encode_response(op: u8, value: u32, data: &[u8]) -> Vec<u8> {
    encode(0x01, op, value, data)
}

fn encode(direction: u8, op: u8, word: u32, data: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(HEADER_LEN + data.len());
    frame.extend_from_slice(&[direction, op]);
    frame.extend_from_slice(&(data.len() as u16).to_le_bytes());
    frame.extend_from_slice(&word.to_le_bytes());
    frame.extend_from_slice(data);
    frame
}

/// The fields of a frame of at least [`HEADER_LEN`] bytes, in either direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// 0 for a request, 1 for a response.
    pub direction: u8,
    /// One of [`op`].
    pub op: u8,
    /// What the sender says the data's length is; ROMs and odd hosts do not always mean it.
    pub size: u16,
    /// Checksum in a request, value in a response.
    pub word: u32,
    /// Everything after the header.
    pub data: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Splits a frame into its fields; `None` if it is too short to be a packet.
    pub fn parse(frame: &'a [u8]) -> Option<Self> {
        let (header, data) = frame.split_first_chunk::<HEADER_LEN>()?;
        Some(Self {
            direction: header[0],
            op: header[1],
            size: u16::from_le_bytes([header[2], header[3]]),
            word: u32::from_le_bytes([header[4], header[5], header[6], header[7]]),
            data,
        })
    }
}

/// Little-endian words, as most requests carry them.
pub fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// The `index`-th little-endian word of `data`, if it is there.
pub fn word_at(data: &[u8], index: usize) -> Option<u32> {
    let bytes = data.get(index * 4..index * 4 + 4)?;
    Some(u32::from_le_bytes(bytes.try_into().ok()?))
}

/// Data of a `*_DATA` request: length, sequence number, two zero words, payload.
pub fn data_block(sequence: u32, payload: &[u8]) -> Vec<u8> {
    let mut data = words(&[payload.len() as u32, sequence, 0, 0]);
    data.extend_from_slice(payload);
    data
}

/// What a loader's error code means, in words. Source: esptool's documentation for the ROM's codes
/// (0x00 to 0x69), esp-flasher-stub for the stub's (0xC0 and up).
pub fn error_text(code: u8) -> &'static str {
    match code {
        0x00 => "undefined error",
        0x01 => "bad parameter",
        0x02 => "out of memory",
        0x03 => "sending failed",
        0x04 => "receiving failed",
        0x05 => "unknown command, bad format or wrong sequence",
        0x06 => "operation failed",
        0x07 | 0xC1 => "bad checksum",
        0x08 => "flash write failed: the read-back differs",
        0x09 => "flash read failed",
        0x0A => "bad read length",
        0x0B | 0xC7 => "corrupt compressed data",
        0x0C => "compressed data has a bad Adler-32",
        0x0D => "bad parameter for compressed data",
        0x0E => "bad RAM size",
        0x0F => "bad RAM address",
        0xC0 => "bad data length or alignment",
        0xC2 => "bad block size",
        0xC3 => "unknown command",
        0xC4 => "flash operation failed",
        0xC5 => "flash could not be unlocked",
        0xC6 => "no flash operation under way",
        0xC8 => "not enough data",
        0xC9 => "too much data",
        0xE0 => "sectors that were not announced",
        0xE1 => "the flash does not hold what was expected",
        0xE2 => "bad list of differences",
        0xFF => "not implemented on this chip",
        _ => "unknown error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frames as esptool 5.6.0 and a genuine ESP32 ROM sent them (recording esp32-a1).
    #[test]
    fn frames_match_the_recordings() {
        let sync = encode_request(op::SYNC, 0, &SYNC_PAYLOAD);
        assert_eq!(
            &sync[..12],
            b"\x00\x08\x24\x00\x00\x00\x00\x00\x07\x07\x12\x20"
        );
        assert_eq!(sync.len(), 44);
        let answer = b"\x01\x0a\x04\x00\x83\x1d\xf0\x00\x00\x00\x00\x00";
        let packet = Packet::parse(answer).unwrap();
        assert_eq!(
            (packet.op, packet.word, packet.data),
            (op::READ_REG, 0x00F0_1D83, &[0; 4][..])
        );
        assert_eq!(encode_response(op::READ_REG, 0x00F0_1D83, &[0; 4]), answer);
    }

    #[test]
    fn short_frames_are_no_packets() {
        for len in 0..HEADER_LEN {
            assert_eq!(Packet::parse(&vec![1; len]), None);
        }
    }
}
