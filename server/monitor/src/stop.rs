//! Where a list of frames ends, and why.

use std::fmt;

/// Why a list of frames ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// The outermost function.
    Outermost,
    /// The end of what the board has printed.
    EndOfList,
    /// The board says that the stack is damaged there.
    Corrupted,
    /// The board could not go on.
    CutShort,
    /// No stack was printed.
    NoStack,
    /// The next return address lies outside of what was printed.
    BeyondStack {
        /// Where it lies.
        address: u32,
        /// How many bytes were printed.
        printed: u32,
    },
    /// The next return address lies where printed words are missing.
    StackDamaged {
        /// Where it lies.
        address: u32,
    },
    /// A return address was overwritten.
    NotReturnAddress {
        /// What is there.
        address: u32,
    },
    /// A function that never returns has not kept its caller.
    NeverReturns {
        /// In it.
        pc: u32,
    },
    /// Nothing describes the stack of this function.
    NoCallFrames {
        /// In it.
        pc: u32,
    },
    /// An ESP8266 does not say where the frames are on its stack.
    Esp8266Stack,
    /// More frames than a stack has room for.
    TooDeep,
    /// The board runs another build.
    OtherBuild,
    /// There is no ELF file.
    NoElf,
    /// The crash has printed no address.
    NoAddress,
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Outermost => f.write_str("this is the outermost function"),
            Self::EndOfList => f.write_str("the board has printed no further frame"),
            Self::Corrupted => f.write_str("the board found the stack damaged here"),
            Self::CutShort => f.write_str("the board could not go on from here"),
            Self::NoStack => f.write_str("the board has printed no stack"),
            Self::BeyondStack { address, printed } => write!(
                f,
                "the next return address is at {address:#010x}, outside of the {printed} bytes of stack that were printed"
            ),
            Self::StackDamaged { address } => {
                write!(
                    f,
                    "the next return address is at {address:#010x}, and the log lacks that word of the stack"
                )
            }
            Self::NotReturnAddress { address } => {
                write!(
                    f,
                    "the next return address is {address:#010x}, which follows no call: it was overwritten"
                )
            }
            Self::NeverReturns { pc } => {
                write!(
                    f,
                    "the function at {pc:#010x} never returns and has not kept its return address"
                )
            }
            Self::NoCallFrames { pc } => {
                write!(
                    f,
                    "no debug information describes the stack of the code at {pc:#010x}"
                )
            }
            Self::Esp8266Stack => {
                f.write_str("an ESP8266 does not say where the frames are on its stack")
            }
            Self::TooDeep => f.write_str("more frames than a stack has room for"),
            Self::OtherBuild => f.write_str("the board runs another build"),
            Self::NoElf => f.write_str("there is no ELF file to look addresses up in"),
            Self::NoAddress => f.write_str("the board has printed no address"),
        }
    }
}
