//! Functions of genuine boot ROMs, called one by one: what they make is known.

use std::collections::HashMap;
use std::io::Write as _;

use flate2::write::ZlibEncoder;
use flate2::{Compression, Crc};

use super::super::bus::{Bus as _, Core as _};
use super::super::soc::{Facts, Soc};
use super::{FILE_LEN, Xtensa, chips, ps, special};
use crate::rom;

/// Where a call returns to: nothing is run there.
const BACK: u32 = 0x4000_0000;
/// Most instructions of a call.
const PATIENCE: u32 = 20_000_000;

/// A chip that does nothing but what is called.
pub(super) struct Callee {
    pub(super) core: Xtensa,
    pub(super) soc: Soc,
    /// The end of its stack.
    pub(super) stack: u32,
}

impl Callee {
    pub(super) fn new(facts: &'static Facts, rom: &str, stack: u32) -> Self {
        Self {
            core: Xtensa::reset(),
            soc: Soc::new(facts, &rom::contents(rom), Vec::new()),
            stack,
        }
    }

    pub(super) fn poke(&mut self, at: u32, bytes: &[u8]) {
        for (at, byte) in (at..).zip(bytes) {
            self.soc.store(at, u32::from(*byte), 1).unwrap();
        }
    }

    pub(super) fn poke_words(&mut self, at: u32, words: &[u32]) {
        for (at, word) in (at..).step_by(4).zip(words) {
            self.soc.store(at, *word, 4).unwrap();
        }
    }

    pub(super) fn peek(&mut self, at: u32, len: usize) -> Vec<u8> {
        let all = (at..).take(len);
        all.map(|at| self.soc.load(at, 1).unwrap() as u8).collect()
    }

    pub(super) fn word(&mut self, at: u32) -> u32 {
        self.soc.load(at, 4).unwrap()
    }

    /// `CALL8` of this function, as a C compiler would write it.
    pub(super) fn begin(&mut self, function: u32, arguments: &[u32]) {
        let core = &mut self.core;
        core.set_special(special::WINDOW_BASE, 0);
        core.set_special(special::WINDOW_START, 1);
        core.set_special(special::PS, ps::WINDOWS | ps::USER | 2 << ps::CALL_AT);
        core.registers[..FILE_LEN].fill(0);
        let stack = self.stack - 0x100;
        core.registers[1] = stack;
        core.registers[8] = 2 << 30 | BACK & 0x3FFF_FFFF;
        core.pc = function;
        for (n, argument) in arguments.iter().enumerate() {
            match n {
                0..6 => self.core.registers[10 + n] = *argument,
                _ => self.poke_words(stack + (n as u32 - 6) * 4, &[*argument]),
            }
        }
        // Where the frame above would have its stack.
        self.poke_words(stack - 12, &[self.stack]);
    }

    pub(super) fn call(&mut self, function: u32, arguments: &[u32]) -> u32 {
        self.begin(function, arguments);
        let mut left = PATIENCE;
        while self.core.pc != BACK {
            self.core.step(&mut self.soc);
            assert_eq!(self.core.exceptions(), [""; 0]);
            left -= 1;
            assert!(left > 0, "{:#x} does not return", self.core.pc);
        }
        self.core.registers[10]
    }
}

/// A boot ROM, and RAM to work in.
struct Rom {
    callee: Callee,
    functions: HashMap<String, u32>,
    work: u32,
}

/// The end of the stack, and the work's begin.
const ROMS: [(&str, &Facts, u32, u32); 1] =
    [("esp32s3_rev0", &chips::ESP32S3, 0x3FCE_B000, 0x3FC9_0000)];

fn roms() -> impl Iterator<Item = Rom> {
    ROMS.into_iter().map(|(name, facts, stack, work)| Rom {
        callee: Callee::new(facts, name, stack),
        functions: rom::functions(name),
        work,
    })
}

impl Rom {
    fn call(&mut self, function: &str, arguments: &[u32]) -> u32 {
        self.callee.call(self.functions[function], arguments)
    }
}

/// Bytes that are worth compressing.
fn sample(len: u32) -> Vec<u8> {
    let all = (0..len).map(|n| (n ^ n >> 5).wrapping_mul(n / 700) as u8);
    all.collect()
}

/// Source: RFC 1321, "Test suite".
#[test]
fn the_roms_md5_is_that_of_the_standard() {
    let digits = "1234567890".repeat(8);
    let cases = [
        ("", "d41d8cd98f00b204e9800998ecf8427e"),
        ("abc", "900150983cd24fb0d6963f7d28e17f72"),
        (&digits, "57edf4a22be3c955ac49da2e2107b67a"),
    ];
    for mut rom in roms() {
        let (context, text, digest) = (rom.work, rom.work + 0x100, rom.work + 0x200);
        for (said, expected) in cases {
            rom.callee.poke(text, said.as_bytes());
            rom.call("MD5Init", &[context]);
            rom.call("MD5Update", &[context, text, said.len() as u32]);
            rom.call("MD5Final", &[digest, context]);
            let found = rom.callee.peek(digest, 16);
            let found: Vec<String> = found.iter().map(|it| format!("{it:02x}")).collect();
            assert_eq!(found.concat(), expected, "{said}");
        }
    }
}

#[test]
fn the_roms_sums_and_copies_are_right() {
    for mut rom in roms() {
        let (from, to) = (rom.work + 1, rom.work + 0x2002);
        let bytes = sample(3001);
        rom.callee.poke(from, &bytes);
        let mut crc = Crc::new();
        crc.update(&bytes);
        assert_eq!(rom.call("crc32_le", &[0, from, 3001]), crc.sum());
        for (skip, len) in [(0, 3001), (1, 1500), (2, 77), (3, 3)] {
            rom.call("memcpy", &[to, from + skip, len]);
            let expected = &bytes[skip as usize..][..len as usize];
            assert_eq!(rom.callee.peek(to, len as usize), expected);
        }
        rom.callee.poke(to, b"how long it is\0");
        assert_eq!(rom.call("strlen", &[to]), 14);
    }
}

#[test]
fn the_roms_divisions_are_right() {
    let halves = |value: i64| {
        let value = value.cast_unsigned();
        [value as u32, (value >> 32) as u32]
    };
    for mut rom in roms() {
        for (a, b) in [
            (1_000_000_007_000_i64, 1_000_003),
            (-7_777_777_777_777, 31),
            (i64::MAX, -0x1_2345_6789),
            (5, 7),
        ] {
            let arguments = [halves(a), halves(b)].concat();
            let low = rom.call("__divdi3", &arguments);
            let high = rom.callee.core.registers[11];
            assert_eq!([low, high], halves(a / b), "{a} / {b}");
        }
    }
}

/// Many calls, one in the other: the windows go to the stack, and come back.
#[test]
fn the_rom_sorts() {
    for mut rom in roms() {
        let compare = rom.functions["strcmp"];
        let words: Vec<[u8; 4]> = sample(400)
            .chunks_exact(4)
            .map(|it| [it[0] | 1, it[1] | 1, it[3] | 1, 0])
            .collect();
        rom.callee.poke(rom.work, words.as_flattened());
        rom.call("qsort", &[rom.work, words.len() as u32, 4, compare]);
        let mut expected = words.clone();
        expected.sort_unstable();
        let found = rom.callee.peek(rom.work, 4 * words.len());
        assert!(found == expected.as_flattened());
    }
}

/// What a stub gives it: a stream in pieces, with a header.
#[test]
fn the_roms_inflater_inflates() {
    const HAS_HEADER: u32 = 1;
    const HAS_MORE: u32 = 2;
    const OUTPUT_IS_WHOLE: u32 = 4;
    for mut rom in roms() {
        let plain = sample(20_000);
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&plain).unwrap();
        let packed = encoder.finish().unwrap();
        let (state, lengths) = (rom.work, rom.work + 0x3000);
        let (input, output) = (rom.work + 0x4000, rom.work + 0x1_0000);
        rom.callee.poke_words(state, &[0]);
        rom.callee.poke(input, &packed);
        let (mut used, mut made) = (0, 0);
        let pieces = packed.len().div_ceil(1000);
        for n in 1..=pieces {
            let end = packed.len().min(n * 1000) as u32;
            let more = if n < pieces { HAS_MORE } else { 0 };
            rom.callee.poke_words(lengths, &[end - used, 30_000 - made]);
            let status = rom.call(
                "tinfl_decompress",
                &[
                    state,
                    input + used,
                    lengths,
                    output,
                    output + made,
                    lengths + 4,
                    HAS_HEADER | OUTPUT_IS_WHOLE | more,
                ],
            );
            assert_eq!(status, u32::from(n < pieces), "piece {n}");
            used += rom.callee.word(lengths);
            made += rom.callee.word(lengths + 4);
        }
        assert!(rom.callee.peek(output, made as usize) == plain);
    }
}
