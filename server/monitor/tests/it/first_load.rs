//! How long the first crash of a program takes, whose ELF file has 20 MB: not tested, since it depends on the machine, but
//! measured by `cargo test --release -p fbuild-monitor --test it first_load -- --ignored --nocapture`.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use fbuild_monitor::elf::{Elf, choose};
use fbuild_monitor::trace::trace;

use crate::fixtures::watch;

/// Source files; a project of ESP-IDF has about as many.
const UNITS: u32 = 1400;
const FUNCTIONS: u32 = 12;
const FUNCTION_BYTES: u32 = 96;
const TYPES: u32 = 44;
const MEMBERS: u32 = 10;
const ROWS: u32 = 16;
const CODE: u32 = 0x400d_0020;

fn uleb(bytes: &mut Vec<u8>, mut value: u32) {
    while value > 0x7f {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn name(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend(text.as_bytes());
    bytes.push(0);
}

fn word(bytes: &mut Vec<u8>, value: u32) {
    bytes.extend(value.to_le_bytes());
}

/// Puts its length before a unit.
fn unit(section: &mut Vec<u8>, contents: &[u8]) {
    word(section, contents.len() as u32);
    section.extend(contents);
}

fn at(number: u32, function: u32) -> u32 {
    CODE + (number * FUNCTIONS + function) * FUNCTION_BYTES
}

/// (code, tag, has children, pairs of attribute and form), as DWARF 4 numbers them.
#[rustfmt::skip]
const ABBREVIATIONS: [(u8, u8, u8, &[u8]); 5] = [
    // compile_unit: producer, name, comp_dir, stmt_list, low_pc, high_pc
    (1, 0x11, 1, &[0x25, 8, 0x03, 8, 0x1b, 8, 0x10, 0x17, 0x11, 1, 0x12, 6]),
    // structure_type: name, byte_size
    (2, 0x13, 1, &[0x03, 8, 0x0b, 11]),
    // member: name, type, data_member_location
    (3, 0x0d, 0, &[0x03, 8, 0x49, 0x13, 0x38, 11]),
    // subprogram: name, decl_file, decl_line, low_pc, high_pc
    (4, 0x2e, 1, &[0x03, 8, 0x3a, 11, 0x3b, 5, 0x11, 1, 0x12, 6]),
    // inlined_subroutine: abstract_origin, low_pc, high_pc, call_file, call_line
    (5, 0x1d, 0, &[0x31, 0x13, 0x11, 1, 0x12, 6, 0x58, 11, 0x59, 5]),
];

fn info(number: u32, line: u32) -> Vec<u8> {
    let mut unit = vec![4, 0, 0, 0, 0, 0, 4];
    unit.push(1);
    name(&mut unit, "a compiler with some of its options");
    name(
        &mut unit,
        &format!("/project/components/part{number}/part{number}.c"),
    );
    name(&mut unit, "/project/build");
    word(&mut unit, line);
    word(&mut unit, at(number, 0));
    word(&mut unit, FUNCTIONS * FUNCTION_BYTES);
    for structure in 0..TYPES {
        unit.push(2);
        name(&mut unit, &format!("part{number}_config_{structure}_t"));
        unit.push(MEMBERS as u8 * 4);
        for member in 0..MEMBERS {
            unit.push(3);
            name(&mut unit, &format!("reserved_{structure}_field_{member}"));
            word(&mut unit, 11);
            unit.push(member as u8 * 4);
        }
        unit.push(0);
    }
    for function in 0..FUNCTIONS {
        let start = unit.len() as u32 + 4;
        unit.push(4);
        name(&mut unit, &format!("part{number}_handle_event_{function}"));
        unit.push(1);
        unit.extend((function as u16 * 40 + 1).to_le_bytes());
        word(&mut unit, at(number, function));
        word(&mut unit, FUNCTION_BYTES);
        unit.push(5);
        word(&mut unit, start);
        word(&mut unit, at(number, function) + 32);
        word(&mut unit, 16);
        unit.push(1);
        unit.extend((function as u16 * 40 + 9).to_le_bytes());
        unit.push(0);
    }
    unit.push(0);
    unit
}

fn lines(number: u32) -> Vec<u8> {
    let mut header = vec![1, 1, 1, 0xfb, 14, 13, 0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1];
    name(&mut header, &format!("/project/components/part{number}"));
    header.push(0);
    for file in 0..20 {
        name(&mut header, &format!("part{number}_{file}.c"));
        header.extend([1, 0, 0]);
    }
    header.push(0);
    let mut program = vec![0, 5, 2];
    word(&mut program, at(number, 0));
    for _ in 0..FUNCTIONS * ROWS {
        program.push(3); // advance_line
        uleb(&mut program, 2);
        program.push(2); // advance_pc
        uleb(&mut program, FUNCTION_BYTES / ROWS);
        program.push(1); // copy
    }
    program.extend([0, 1, 1]);
    let mut unit = vec![4, 0];
    word(&mut unit, header.len() as u32);
    unit.extend(header);
    unit.extend(program);
    unit
}

/// A program of an ESP32.
fn elf() -> Vec<u8> {
    let mut abbreviations = Vec::new();
    for (code, tag, has_children, attributes) in ABBREVIATIONS {
        abbreviations.extend([code, tag, has_children]);
        abbreviations.extend(attributes);
        abbreviations.extend([0, 0]);
    }
    abbreviations.push(0);
    let (mut infos, mut line) = (Vec::new(), Vec::new());
    let (mut symbols, mut strings) = (vec![0; 16], vec![0]);
    for number in 0..UNITS {
        let info = info(number, line.len() as u32);
        unit(&mut infos, &info);
        unit(&mut line, &lines(number));
        for function in 0..FUNCTIONS {
            word(&mut symbols, strings.len() as u32);
            word(&mut symbols, at(number, function));
            word(&mut symbols, FUNCTION_BYTES);
            symbols.extend([0x12, 0, 1, 0]); // global function in section 1
            name(
                &mut strings,
                &format!("part{number}_handle_event_{function}"),
            );
        }
    }
    let code = vec![0; (UNITS * FUNCTIONS * FUNCTION_BYTES) as usize];
    let names = b"\0.text\0.debug_abbrev\0.debug_info\0.debug_line\0.symtab\0.strtab\0";
    // Name, type, flags, address, link, size of an entry, contents.
    let sections = [
        (1, 1, 6, CODE, 0, 0, code),
        (7, 1, 0, 0, 0, 0, abbreviations),
        (21, 1, 0, 0, 0, 0, infos),
        (33, 1, 0, 0, 0, 0, line),
        (45, 2, 0, 0, 6, 16, symbols),
        (53, 3, 0, 0, 0, 0, strings),
        (53, 3, 0, 0, 0, 0, names.to_vec()),
    ];
    let mut body: Vec<u8> = Vec::new();
    let mut table = vec![0; 40];
    for (name, kind, flags, address, link, entry, contents) in &sections {
        let offset = 52 + body.len() as u32;
        let len = contents.len() as u32;
        for value in [
            *name, *kind, *flags, *address, offset, len, *link, 1, 4, *entry,
        ] {
            word(&mut table, value);
        }
        body.extend(contents);
    }
    let mut file = b"\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    file.extend([2, 0, 94, 0]);
    for value in [1, CODE, 0, 52 + body.len() as u32, 0] {
        word(&mut file, value);
    }
    for value in [
        52_u16,
        0,
        0,
        40,
        sections.len() as u16 + 1,
        sections.len() as u16,
    ] {
        file.extend(value.to_le_bytes());
    }
    file.extend(body);
    file.extend(table);
    file
}

#[test]
#[ignore = "a measurement"]
fn first_load() {
    let bytes = elf();
    let sha256 = Elf::new(String::new(), bytes.clone()).sha256()[..9].to_owned();
    let pcs = (0..12).map(|frame| at(frame * 117, frame) + 36);
    let mut entries = String::new();
    for pc in pcs {
        write!(entries, " {pc:#010x}:0x3ffb1f60").unwrap();
    }
    let text = format!(
        "Guru Meditation Error: Core  1 panic'ed (LoadProhibited). Exception was unhandled.\n\n\
         Core  1 register dump:\nPC      : {:#010x}  PS      : 0x00060030\n\n\
         Backtrace:{entries}\n\nELF file SHA256: {sha256}\n\nRebooting...\n",
        at(0, 0) + 36
    );
    let crash = watch(text.as_bytes(), 1000).crashes.remove(0);
    let mut times: Vec<(Duration, Duration)> = Vec::new();
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("first_load.elf");
    std::fs::write(&path, &bytes).unwrap();
    for _ in 0..10 {
        let begun = Instant::now();
        let bytes = std::fs::read(&path).unwrap();
        let elfs = [Elf::new("firmware.elf".to_owned(), bytes)];
        let found = trace(&crash, &choose(&crash, &elfs));
        let first = begun.elapsed();
        // Each is in an inlined function of its own file.
        assert_eq!(found.frames.len(), 24, "{found:?}");
        let last = &found.frames[23];
        assert_eq!(last.function.as_deref(), Some("part1287_handle_event_11"));
        assert!(last.place.as_ref().unwrap().line.is_some());
        let begun = Instant::now();
        trace(&crash, &choose(&crash, &elfs));
        times.push((first, begun.elapsed()));
    }
    std::fs::remove_file(path).unwrap();
    times.sort();
    let (first, again) = times[times.len() / 2];
    let said = format!(
        "an ELF file of {:.1} MB: first crash {first:.1?}, the next {again:.1?}\n",
        bytes.len() as f64 / 1e6
    );
    std::io::stderr().write_all(said.as_bytes()).unwrap();
}
