//! Telnet with a serial port at its far end (RFC 854, RFC 2217): bytes taken apart, and put together.
//!
//! Both ends use it, a client and a server of a port. Every boundary may be anywhere: what comes in is
//! taken apart byte by byte.

const IAC: u8 = 255;
const SB: u8 = 250;
const SE: u8 = 240;

/// What may be wished for, or agreed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum Verb {
    Will = 251,
    Wont = 252,
    Do = 253,
    Dont = 254,
}

/// Telnet's options.
pub mod option {
    /// Bytes are bytes.
    pub const BINARY: u8 = 0;
    /// Both may send at any time.
    pub const SUPPRESS_GO_AHEAD: u8 = 3;
    /// There is a serial port.
    pub const COM_PORT: u8 = 44;
}

/// Requests of the client. The answer has [`ANSWER`](com::ANSWER) added to it.
pub mod com {
    /// Four bytes, the most significant first. The answer has the rate that is in force.
    pub const SET_BAUD: u8 = 1;
    /// 5 to 8 bits.
    pub const SET_DATA_BITS: u8 = 2;
    /// 1: none.
    pub const SET_PARITY: u8 = 3;
    /// 1: one.
    pub const SET_STOP_BITS: u8 = 4;
    /// Flow control and control lines, by the values below.
    pub const SET_CONTROL: u8 = 5;
    /// From the server: the modem's lines, one bit each, and in the lower half which of them changed. A client may send
    /// it to ask.
    pub const NOTIFY_MODEM_STATE: u8 = 7;
    /// 1: what was received, 2: what is to be sent, 3: both.
    pub const PURGE: u8 = 12;
    /// From the server: nothing more is to be sent for now.
    pub const SUSPEND: u8 = 8;
    /// From the server: go on.
    pub const RESUME: u8 = 9;
    /// What an answer's code has more than its request's.
    pub const ANSWER: u8 = 100;

    /// [`SET_CONTROL`]: no flow control.
    pub const NO_FLOW_CONTROL: u8 = 1;
    /// [`SET_CONTROL`]: DTR is asserted.
    pub const DTR_ON: u8 = 8;
    /// [`SET_CONTROL`]: DTR is released.
    pub const DTR_OFF: u8 = 9;
    /// [`SET_CONTROL`]: RTS is asserted.
    pub const RTS_ON: u8 = 11;
    /// [`SET_CONTROL`]: RTS is released.
    pub const RTS_OFF: u8 = 12;
}

/// What came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Bytes of the serial port.
    Data(Vec<u8>),
    /// A wish or an answer about an option.
    Option(Verb, u8),
    /// A request or an answer about the port, and its value.
    Com(u8, Vec<u8>),
}

/// Longest value that is kept. All but a signature have four bytes or less.
const MAX_VALUE: usize = 256;

#[derive(Debug, Clone, Copy, Default)]
enum At {
    #[default]
    Data,
    /// After IAC.
    Command,
    /// After WILL, WONT, DO or DONT.
    Option(Verb),
    /// In a subnegotiation.
    Within,
    /// In a subnegotiation, after IAC.
    WithinCommand,
}

/// Takes apart what comes in.
#[derive(Debug, Default)]
pub struct Decoder {
    at: At,
    within: Vec<u8>,
}

impl Decoder {
    /// What is in these bytes and in those before them, in the order in which it came.
    pub fn take(&mut self, bytes: &[u8]) -> Vec<Piece> {
        let mut pieces = Vec::new();
        for &byte in bytes {
            self.at = match (self.at, byte) {
                (At::Data, IAC) => At::Command,
                (At::Data, _) | (At::Command, IAC) => {
                    match pieces.last_mut() {
                        Some(Piece::Data(data)) => data.push(byte),
                        _ => pieces.push(Piece::Data(vec![byte])),
                    }
                    At::Data
                }
                (At::Command, SB) => {
                    self.within.clear();
                    At::Within
                }
                (At::Command, 251) => At::Option(Verb::Will),
                (At::Command, 252) => At::Option(Verb::Wont),
                (At::Command, 253) => At::Option(Verb::Do),
                (At::Command, 254) => At::Option(Verb::Dont),
                (At::Command, _) => At::Data,
                (At::Option(verb), option) => {
                    pieces.push(Piece::Option(verb, option));
                    At::Data
                }
                (At::Within, IAC) => At::WithinCommand,
                (At::Within, _) | (At::WithinCommand, IAC) => {
                    if self.within.len() < MAX_VALUE {
                        self.within.push(byte);
                    }
                    At::Within
                }
                (At::WithinCommand, _) => {
                    if let [option::COM_PORT, code, value @ ..] = &self.within[..] {
                        pieces.push(Piece::Com(*code, value.to_vec()));
                    }
                    At::Data
                }
            };
        }
        pieces
    }
}

/// Bytes of the serial port as they are sent.
pub fn data(bytes: &[u8]) -> Vec<u8> {
    let twice = |byte: &u8| std::iter::repeat_n(*byte, if *byte == IAC { 2 } else { 1 });
    bytes.iter().flat_map(twice).collect()
}

/// A wish or an answer about an option.
pub fn negotiation(verb: Verb, option: u8) -> [u8; 3] {
    [IAC, verb as u8, option]
}

/// A request or an answer about the port.
pub fn com_port(code: u8, value: &[u8]) -> Vec<u8> {
    let mut bytes = vec![IAC, SB, option::COM_PORT, code];
    bytes.extend(data(value));
    bytes.extend([IAC, SE]);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whole, and one byte at a time.
    #[test]
    fn pieces_are_found_wherever_they_are_cut() {
        let mut sent = data(&[1, 255, 2]);
        sent.extend(negotiation(Verb::Do, option::COM_PORT));
        sent.extend(com_port(101, &[0, 255, 240, 0]));
        sent.extend([IAC, 241]);
        sent.extend(data(&[3]));
        let expected = [
            Piece::Data(vec![1, 255, 2]),
            Piece::Option(Verb::Do, option::COM_PORT),
            Piece::Com(101, vec![0, 255, 240, 0]),
            Piece::Data(vec![3]),
        ];
        assert_eq!(Decoder::default().take(&sent), expected);
        let mut decoder = Decoder::default();
        let mut found: Vec<Piece> = Vec::new();
        for byte in sent {
            for piece in decoder.take(&[byte]) {
                match (found.last_mut(), piece) {
                    (Some(Piece::Data(before)), Piece::Data(more)) => before.extend(more),
                    (_, piece) => found.push(piece),
                }
            }
        }
        assert_eq!(found, expected);
    }

    #[test]
    fn a_value_without_an_end_needs_no_memory() {
        let mut decoder = Decoder::default();
        let mut endless = vec![IAC, SB, option::COM_PORT, 1];
        endless.resize(100_000, 7);
        assert_eq!(decoder.take(&endless), []);
        assert_eq!(decoder.within.len(), MAX_VALUE);
        let [Piece::Com(1, value)] = &decoder.take(&[IAC, SE])[..] else {
            panic!("no command");
        };
        assert_eq!(value.len(), MAX_VALUE - 2);
    }
}
