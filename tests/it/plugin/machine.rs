//! qemu-user with the plugin and the monitor in its memory, and the boot ROM's functions on this side of a pipe.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use fbuild_loader::delta::device::Flash;
use fbuild_loader::delta::operations::MOST_BYTES;
use fbuild_loader::delta::place::Program;
use fbuild_loader::packet;
use flate2::{Decompress, FlushDecompress, Status};

const BASE: u32 = 0x40_0000;
const MONITOR: u32 = BASE + 0x1000;
const MONITOR_STEP: u32 = 0x400;
const PLUGIN: u32 = BASE + 0x3000;
const SAVED: u32 = BASE + 0x1_0000;
const OPERATIONS: u32 = BASE + 0x2_8000;
const SECTOR: u32 = BASE + 0x3_0000;
const INFLATER: u32 = BASE + 0x3_2000;
pub(super) const STATE: u32 = BASE + 0x3_6000;
const REQUEST: u32 = BASE + 0x3_8000;
const RESPONSE: u32 = BASE + 0x4_0000;
const CONTEXT: u32 = BASE + 0x4_0100;
const MEMORY_LEN: u32 = 0x4_8000;

/// Orders of the monitor's.
const RETURN: u32 = 0;
const SEND: u32 = 1;
const TAKE: u32 = 2;
const CALL: u32 = 3;
/// Where the response's parts are.
const RESPONSE_AFTER: u32 = 72;

pub(super) struct Machine {
    child: Child,
    to: ChildStdin,
    from: ChildStdout,
    entry: u32,
    /// The monitor as the plugin's functions.
    callbacks: Vec<u32>,
}

/// What is in a machine's memory.
pub(super) struct Memory<'m> {
    /// `e_machine` and `e_flags`.
    pub(super) elf: (u16, u32),
    /// The monitor, once for each of its entries, and where it is entered.
    pub(super) monitors: &'m [(Vec<u8>, u32)],
    pub(super) program: &'m Program,
    /// A boot ROM: where what is in memory.
    pub(super) rom: &'m [(u32, Vec<u8>)],
    /// Address of its inflater.
    pub(super) inflate: Option<u32>,
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Machine {
    pub(super) fn start(qemu: &[&str], memory: &Memory<'_>, dir: &Path) -> Self {
        let (monitors, program) = (memory.monitors, memory.program);
        let mut callbacks: Vec<u32> = (MONITOR..)
            .step_by(MONITOR_STEP as usize)
            .zip(monitors)
            .map(|(at, (_, entry))| at + entry)
            .collect();
        let mut content = elf_header(memory, callbacks[0]);
        if let Some(inflate) = memory.inflate {
            callbacks[5] = inflate;
        }
        let mut put = |address: u32, bytes: &[u8]| {
            let at = (address - BASE) as usize;
            content[at..at + bytes.len()].copy_from_slice(bytes);
        };
        for (n, (monitor, _)) in monitors.iter().enumerate() {
            assert!(monitor.len() < MONITOR_STEP as usize);
            put(MONITOR + n as u32 * MONITOR_STEP, monitor);
        }
        put(PLUGIN, program.code);
        let path = dir.join("machine");
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        let mut child = Command::new(qemu[0])
            .args(&qemu[1..])
            .arg(&path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (to, from) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut machine = Self {
            child,
            to,
            from,
            entry: PLUGIN + program.entry,
            callbacks,
        };
        assert_eq!(machine.said()[0], 0, "the program has started");
        machine
    }

    /// A new state, for this run.
    pub(super) fn reset(&mut self, first: u32, end: u32) {
        let words = [
            self.entry,
            INFLATER,
            OPERATIONS,
            MOST_BYTES as u32,
            SAVED,
            SECTOR,
            first,
            end,
            0,
            0,
            0,
            0,
            0,
            0,
        ];
        let words = [&self.callbacks[1..], &words].concat();
        self.poke(STATE, &packet::words(&words));
    }

    /// A request as the stub would hand it over, and the work after it: the answer's value, or the code of either.
    pub(super) fn ask(&mut self, request: &[u8], rom: &mut Rom) -> Result<u32, u8> {
        self.poke(REQUEST, request);
        self.poke(RESPONSE, &[0; 76]);
        let len = request.len() as u32;
        let code = self.call([0xEF, REQUEST, len, RESPONSE], rom);
        if code != 0 {
            return Err((code >> 8) as u8);
        }
        let value = self.peek_word(RESPONSE);
        if self.peek_word(RESPONSE + RESPONSE_AFTER) != 0 {
            let context = packet::words(&[0xEF | len << 16, 0, REQUEST]);
            self.poke(CONTEXT, &context);
            let code = self.call([CONTEXT, 0, 0, 0], rom);
            if code != 0 {
                return Err((code >> 8) as u8);
            }
        }
        Ok(value)
    }

    /// Calls the plugin; what it calls is answered by `rom`.
    fn call(&mut self, arguments: [u32; 4], rom: &mut Rom) -> u32 {
        let [a, b, c, d] = arguments;
        self.order([CALL, self.entry, a, b, c, d]);
        loop {
            let said = self.said();
            if said[0] == CALL << 8 {
                return said[1];
            }
            let result = self.callback(said, rom);
            self.order([RETURN, result, 0, 0, 0, 0]);
        }
    }

    fn callback(&mut self, said: [u32; 8], rom: &mut Rom) -> u32 {
        let [which, a, b, c, ..] = said;
        let is_aligned = |values: &[u32]| values.iter().all(|value| value.is_multiple_of(4));
        let done = match which {
            1 => {
                assert!(
                    is_aligned(&[a, b, c]),
                    "read {a:#x} to {b:#x}, {c:#x} bytes"
                );
                rom.read(a, c).map(|bytes| self.poke(b, &bytes))
            }
            2 => {
                assert!(
                    is_aligned(&[a, b, c]),
                    "program {a:#x} from {b:#x}, {c:#x} bytes"
                );
                let bytes = self.peek(b, c);
                rom.program(a, &bytes)
            }
            3 => rom.erase_block(a * 0x1_0000),
            4 => rom.erase_sector(a * 0x1000),
            5 => return self.inflate(said, rom),
            _ => panic!("{said:x?}"),
        };
        u32::from(done.is_none())
    }

    /// `tinfl_decompress` with an output buffer that does not wrap around.
    fn inflate(&mut self, said: [u32; 8], rom: &mut Rom) -> u32 {
        const CORRUPT: i32 = -1;
        const CUT: i32 = -4;
        let [_, inflater, input, input_len, start, out, out_len, flags] = said;
        assert_eq!((inflater, start), (INFLATER, OPERATIONS));
        assert_eq!(flags & !2, 4, "a raw stream, into a buffer as it is");
        if self.peek_word(INFLATER) == 0 {
            rom.inflater.reset(false);
            self.poke(INFLATER, &1_u32.to_le_bytes());
        }
        let len = self.peek_word(input_len);
        let bytes = self.peek(input, len);
        let mut space = vec![0; self.peek_word(out_len) as usize];
        assert!(out + space.len() as u32 <= OPERATIONS + MOST_BYTES as u32);
        let (in_before, out_before) = (rom.inflater.total_in(), rom.inflater.total_out());
        let result = rom
            .inflater
            .decompress(&bytes, &mut space, FlushDecompress::None);
        let used = (rom.inflater.total_in() - in_before) as u32;
        let made = (rom.inflater.total_out() - out_before) as u32;
        self.poke(out, &space[..made as usize]);
        self.poke(input_len, &used.to_le_bytes());
        self.poke(out_len, &made.to_le_bytes());
        match result {
            Ok(Status::StreamEnd) => 0,
            Ok(_) if made == space.len() as u32 => 2,
            // Without more to come, a stream that goes on is one that was cut.
            Ok(_) if flags & 2 == 0 => CUT.cast_unsigned(),
            Ok(_) => 1,
            Err(_) => CORRUPT.cast_unsigned(),
        }
    }

    fn poke(&mut self, address: u32, bytes: &[u8]) {
        self.order([TAKE, address, bytes.len() as u32, 0, 0, 0]);
        self.to.write_all(bytes).unwrap();
    }

    fn peek(&mut self, address: u32, len: u32) -> Vec<u8> {
        self.order([SEND, address, len, 0, 0, 0]);
        let mut bytes = vec![0; len as usize];
        self.from.read_exact(&mut bytes).unwrap();
        bytes
    }

    fn peek_word(&mut self, address: u32) -> u32 {
        packet::word_at(&self.peek(address, 4), 0).unwrap()
    }

    fn order(&mut self, words: [u32; 6]) {
        self.to.write_all(&packet::words(&words)).unwrap();
    }

    fn said(&mut self) -> [u32; 8] {
        let mut bytes = [0; 32];
        self.from.read_exact(&mut bytes).unwrap();
        std::array::from_fn(|at| packet::word_at(&bytes, at).unwrap())
    }
}

/// A program for Linux whose code is still to be filled in, with the ROM behind it.
fn elf_header(memory: &Memory<'_>, entry: u32) -> Vec<u8> {
    const CODE_LEN: u32 = 0x4000;
    const PAGE: u32 = 0x1000;
    let (machine, flags) = memory.elf;
    let mut header = b"\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    let halves = |header: &mut Vec<u8>, halves: &[u16]| {
        header.extend(halves.iter().flat_map(|half| half.to_le_bytes()));
    };
    halves(&mut header, &[2, machine]);
    header.extend(packet::words(&[1, entry, 52, 0, flags]));
    halves(&mut header, &[52, 32, 1 + memory.rom.len() as u16, 0, 0, 0]);
    let segment = |at: u32, address: u32, len: u32, memory_len: u32| {
        packet::words(&[1, at, address, address, len, memory_len, 7, PAGE])
    };
    header.extend(segment(0, BASE, CODE_LEN, MEMORY_LEN));
    let mut content = vec![0; CODE_LEN as usize];
    for (address, bytes) in memory.rom {
        let len = bytes.len() as u32;
        header.extend(segment(content.len() as u32, *address, len, len));
        content.extend_from_slice(bytes);
        content.resize(content.len().next_multiple_of(PAGE as usize), 0);
    }
    content[..header.len()].copy_from_slice(&header);
    content
}

/// What is on the other side of the plugin: NOR flash, and an inflater.
pub(super) struct Rom {
    pub(super) flash: Vec<u8>,
    pub(super) at_first: Vec<u8>,
    /// Erased and programmed sectors, in order.
    pub(super) erased: Vec<u32>,
    pub(super) programmed: Vec<u32>,
    inflater: Decompress,
}

impl Rom {
    pub(super) fn new(flash: Vec<u8>) -> Self {
        Self {
            at_first: flash.clone(),
            flash,
            erased: Vec::new(),
            programmed: Vec::new(),
            inflater: Decompress::new(false),
        }
    }

    fn part(&mut self, offset: u32, len: u32) -> Option<&mut [u8]> {
        self.flash.get_mut(offset as usize..(offset + len) as usize)
    }

    fn erase(&mut self, offset: u32, len: u32) -> Option<()> {
        self.part(offset, len)?.fill(0xFF);
        self.erased.extend((offset..offset + len).step_by(0x1000));
        Some(())
    }
}

impl Flash for Rom {
    fn read(&mut self, offset: u32, len_bytes: u32) -> Option<Vec<u8>> {
        self.part(offset, len_bytes).map(|bytes| bytes.to_vec())
    }

    fn program(&mut self, offset: u32, bytes: &[u8]) -> Option<()> {
        let cells = self.part(offset, bytes.len() as u32)?;
        assert!(
            cells.iter().all(|cell| *cell == 0xFF),
            "{offset:#x} is not erased"
        );
        cells.copy_from_slice(bytes);
        self.programmed.push(offset);
        Some(())
    }

    fn erase_block(&mut self, offset: u32) -> Option<()> {
        self.erase(offset, 0x1_0000)
    }

    fn erase_sector(&mut self, offset: u32) -> Option<()> {
        self.erase(offset, 0x1000)
    }
}
