//! The plugin that applies differences: that its two programs are what `plugin.c` makes, and that they do what
//! `fbuild_loader::delta::device` does, run by qemu-user.

mod machine;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use fbuild_chip::Chip;
use fbuild_loader::delta::Piece;
use fbuild_loader::delta::device::{self, Device};
use fbuild_loader::delta::operations::Operations;
use fbuild_loader::delta::place::{self, Program, RISCV32, XTENSA};

use sha2::{Digest as _, Sha256};

use crate::harness::root;
use crate::rom;
use machine::{Machine, Memory, Rom};

/// What made the programs that are committed.
const CLANG: &str = "clang-22";
const CLANG_VERSION: &str = "22.1.8";

const SECTOR: u32 = 0x1000;
/// The run that is announced, in a flash of 1 MiB.
const FIRST: u32 = 0x3_1000;
const END: u32 = 0x9_5000;
const FLASH_LEN: usize = 1 << 20;

#[derive(Clone, Copy)]
struct Processor {
    name: &'static str,
    program: &'static Program,
    file: &'static str,
    qemu: &'static [&'static str],
    /// `e_machine` and `e_flags`.
    elf: (u16, u32),
    options: &'static [&'static str],
}

const PROCESSORS: [Processor; 2] = [
    Processor {
        name: "RISC-V",
        program: &RISCV32,
        file: "plugin.riscv32",
        qemu: &["qemu-riscv32"],
        elf: (243, 1),
        options: &[
            "--target=riscv32-unknown-elf",
            "-march=rv32imc",
            "-mabi=ilp32",
            "-mno-relax",
            "-c",
        ],
    },
    Processor {
        name: "Xtensa",
        program: &XTENSA,
        file: "plugin.xtensa",
        qemu: &["qemu-xtensa", "-cpu", "dc233c"],
        elf: (94, 0x300),
        options: &[
            "-cc1",
            "-triple",
            "xtensa",
            "-mrelocation-model",
            "static",
            "-target-feature",
            "+windowed",
            "-target-feature",
            "+density",
            "-target-feature",
            "+loop",
            "-target-feature",
            "+mul32",
            "-emit-obj",
        ],
    },
];

/// Boot ROMs for RISC-V, and whose they are.
const ROMS: [(&str, Chip); 7] = [
    ("esp32c3_rev0", Chip::Esp32C3),
    ("esp32c3_rev101", Chip::Esp32C3),
    ("esp32c3_rev300", Chip::Esp32C3),
    ("esp32c5_rev100", Chip::Esp32C5),
    ("esp32c6_rev0", Chip::Esp32C6),
    ("esp32c61_rev100", Chip::Esp32C61),
    ("esp32h2_rev0", Chip::Esp32H2),
];

fn loader_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../server/loader/src/delta")
}

/// Straight to stderr: the test runner hides what passing tests print.
fn skip(why: &str) {
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}

/// Whether a program is there; with `CI=true` it has to be.
fn is_there(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output();
    let is_there = found.is_ok_and(|output| output.status.success());
    let is_ci = std::env::var_os("CI").is_some_and(|it| it == "true");
    assert!(is_there || !is_ci, "{program} is missing, in CI");
    if !is_there {
        skip(&format!("no {program} here (tests/run installs it)"));
    }
    is_there
}

/// What clang makes of a file with one function: its code, constants included, and where it is entered.
fn compile(
    processor: Processor,
    source: &Path,
    define: Option<&str>,
    dir: &Path,
) -> (Vec<u8>, u32) {
    let object = dir.join("object.o");
    let code = dir.join("code.bin");
    let mut clang = Command::new(CLANG);
    clang.args(processor.options).args([
        "-Os",
        "-ffreestanding",
        "-fno-builtin",
        "-fno-jump-tables",
    ]);
    if let Some(define) = define {
        clang.arg(format!("-D{define}"));
    }
    clang.arg(source).arg("-o").arg(&object);
    let mut copy = Command::new("llvm-objcopy-22");
    copy.args(["-O", "binary", "-j", ".text"])
        .arg(&object)
        .arg(&code);
    let mut names = Command::new("llvm-nm-22");
    names.args(["--defined-only", "--extern-only"]).arg(&object);
    let mut said = String::new();
    for mut command in [clang, copy, names] {
        let output = command.output().unwrap();
        assert!(output.status.success(), "{command:?}: {output:?}");
        said = String::from_utf8_lossy(&output.stdout).into_owned();
    }
    let entry = said.split_whitespace().next().unwrap();
    let entry = u32::from_str_radix(entry, 16).unwrap();
    let mut code = std::fs::read(&code).unwrap();
    // RAM for code takes whole words only.
    code.resize(code.len().next_multiple_of(4), 0);
    (code, entry)
}

#[test]
fn the_programs_are_what_the_source_makes() {
    if !is_there(CLANG) {
        return;
    }
    let version = Command::new(CLANG).arg("--version").output().unwrap();
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    if !version.contains(CLANG_VERSION) {
        skip(&format!("{CLANG} is not {CLANG_VERSION}: {version}"));
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    for processor in PROCESSORS {
        let source = loader_dir().join("plugin.c");
        let (made, entry) = compile(processor, &source, None, dir.path());
        let path = loader_dir().join(processor.file);
        if std::env::var_os("FBUILD_WRITE_PLUGIN").is_some() {
            std::fs::write(&path, &made).unwrap();
            eprintln!("{} is entered at {entry:#x}", path.display());
            continue;
        }
        assert_eq!(entry, processor.program.entry, "{}", processor.name);
        let committed = std::fs::read(&path).unwrap();
        assert!(
            made == committed,
            "{} is not what plugin.c makes; FBUILD_WRITE_PLUGIN=1 writes it",
            path.display()
        );
        assert!(processor.program.code == committed, "build again");
    }
}

#[test]
fn the_page_about_differences_has_their_hashes() {
    let page = root().join("docs/differences.md");
    let page = std::fs::read_to_string(page).unwrap();
    for processor in PROCESSORS {
        let digest: [u8; 32] = Sha256::digest(processor.program.code).into();
        let digest = digest.map(|byte| format!("{byte:02x}")).concat();
        assert!(page.contains(&digest), "{}: {digest}", processor.file);
    }
}

/// The same random numbers every time.
struct Random(u32);

impl Random {
    fn next(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0
    }

    fn below(&mut self, limit: u32) -> u32 {
        self.next() % limit
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next() as u8).collect()
    }
}

/// A piece of random operations on what the flash holds, which is sometimes none that may be carried out.
fn piece(
    random: &mut Random,
    flash: &[u8],
    unit: std::ops::Range<u32>,
    parts: u32,
    n: u32,
) -> Piece {
    let len = (unit.end - unit.start) / SECTOR / parts * SECTOR;
    let start = unit.start + n * len;
    let end = if n + 1 == parts {
        unit.end
    } else {
        start + len
    };
    let mut operations = Operations::default();
    let mut at = start;
    while at < end {
        let left = end - at;
        let n = match random.below(4) {
            0 => left,
            1 => left.min(1 + random.below(5000)),
            _ => left.min(1 + random.below(300)),
        };
        let n = n.min(9000);
        if random.below(3) == 0 {
            operations.literals(&random.bytes(n as usize));
        } else {
            // From the run, also across the borders of what was saved; some begin outside.
            let near = (at + random.below(0x300)).saturating_sub(0x180);
            let far = FIRST + random.below(END - FIRST);
            let from = if random.below(4) > 0 { near } else { far };
            let from = from.clamp(FIRST - u32::from(random.below(200) == 0), END - n);
            let old = &flash[from as usize..(from + n) as usize];
            let mut new = old.to_vec();
            let step = 1 + random.below(40) as usize;
            for byte in new.iter_mut().step_by(step) {
                *byte = byte.wrapping_add(random.next() as u8);
            }
            operations.copy(from.wrapping_sub(at).cast_signed(), old, &new);
        }
        at += n;
    }
    let known_len = unit.end - unit.start - if random.below(4) == 0 { SECTOR } else { 0 };
    let known = &flash[unit.start as usize..(unit.start + known_len) as usize];
    if n == 0 {
        Piece::new(unit, known, start..end, &operations)
    } else {
        Piece::new(start..start, &[], start..end, &operations)
    }
}

/// Something in the piece's words or stream that the plugin must not do. Requests are summed up afterwards.
fn spoil(random: &mut Random, piece: &mut Piece) {
    let flip = |value: &mut u32, random: &mut Random| *value ^= 1 << random.below(32);
    match random.below(9) {
        0 => flip(&mut piece.at, random),
        1 => flip(&mut piece.len_bytes, random),
        2 => flip(&mut piece.erase.end, random),
        3 => flip(&mut piece.old_sum, random),
        4 => piece.lengths.0 ^= 1 << random.below(15),
        5 => piece.lengths.1 ^= 1 << random.below(15),
        6 => piece.known_len ^= SECTOR << random.below(6),
        7 => {
            let at = random.below(piece.stream.len() as u32) as usize;
            piece.stream[at] ^= 1 << random.below(8);
        }
        _ => piece.stream.truncate(piece.stream.len() / 2),
    }
}

/// Random pieces, made by the plugin and by its twin. With a ROM of this name, its own inflater is used: RISC-V only,
/// qemu-xtensa has no memory where ROMs are.
fn run(processor: Processor, rom: Option<(&str, Chip)>) {
    if !is_there(CLANG) || !is_there(processor.qemu[0]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("it/plugin/monitor.c");
    let monitors: Vec<(Vec<u8>, u32)> = (0..6)
        .map(|entry| {
            compile(
                processor,
                &source,
                Some(&format!("ENTRY={entry}")),
                dir.path(),
            )
        })
        .collect();
    let place = rom.and_then(|(_, chip)| place::for_chip(chip));
    let memory = Memory {
        elf: processor.elf,
        monitors: &monitors,
        program: processor.program,
        rom: &rom.map_or_else(Vec::new, |(name, _)| rom::segments(name)),
        inflate: place.map(|place| place.rom.inflate),
    };
    let mut machine = Machine::start(processor.qemu, &memory, dir.path());
    let mut random = Random(0x2545_F491);
    let (mut done, mut refused) = (0, 0);
    // Genuine inflaters do nothing else than ours does: fewer will do.
    let rounds = if rom.is_some() { 10 } else { 40 };
    for _ in 0..rounds {
        let mut twin = Device::new(FIRST, END);
        machine.reset(FIRST, END);
        let flash = random.bytes(FLASH_LEN);
        let mut twins = Rom::new(flash.clone());
        let mut rom = Rom::new(flash);
        for _ in 0..4 {
            let unit = if random.below(2) == 0 {
                let block = 0x4_0000 + 0x1_0000 * random.below(5);
                block..block + 0x1_0000
            } else {
                let start = FIRST + SECTOR * random.below(80);
                start..start + SECTOR * (1 + random.below(16))
            };
            let parts = 1 + random.below(3).min((unit.end - unit.start) / SECTOR - 1);
            // As the flash is before the unit's first piece: that is what is saved.
            let before = rom.flash.clone();
            let mut is_over = false;
            for n in 0..parts {
                let mut piece = piece(&mut random, &before, unit.clone(), parts, n);
                if random.below(12) == 0 {
                    spoil(&mut random, &mut piece);
                }
                for mut request in piece.requests(machine::STATE) {
                    if random.below(100) == 0 {
                        let at = random.below(request.len() as u32) as usize;
                        request[at] ^= 1 << random.below(8);
                    }
                    let expected = twin_of(&mut twin, &request, &mut twins);
                    let found = machine.ask(&request, &mut rom);
                    assert_eq!(
                        found, expected,
                        "{}: {:x?} {:x?}",
                        processor.name, piece.erase, piece.at
                    );
                    is_over |= found.is_err();
                    match found {
                        Ok(_) => done += 1,
                        Err(_) => refused += 1,
                    }
                }
                assert!(rom.flash == twins.flash, "{}", processor.name);
                if is_over {
                    break;
                }
            }
        }
        assert_eq!(
            (rom.erased, rom.programmed),
            (twins.erased, twins.programmed)
        );
        let outside = |flash: &[u8]| [&flash[..FIRST as usize], &flash[END as usize..]].concat();
        assert!(outside(&rom.flash) == outside(&rom.at_first));
    }
    assert!(
        done > 2 * rounds && refused > rounds / 4,
        "{done} done, {refused} refused"
    );
}

/// What the twin says, answer and work together.
fn twin_of(twin: &mut Device, request: &[u8], rom: &mut Rom) -> Result<u32, u8> {
    device::check_sum(request)?;
    let ((value, _), has_work) = twin.answer(request)?;
    if has_work {
        twin.work(request, rom)?;
    }
    Ok(value)
}

#[test]
fn riscv_does_what_the_twin_does() {
    run(PROCESSORS[0], None);
    for (rom, chip) in ROMS {
        run(PROCESSORS[0], Some((rom, chip)));
    }
}

#[test]
fn the_roms_functions_are_where_they_should_be() {
    for (name, chip) in ROMS {
        let (functions, segments) = (rom::functions(name), rom::segments(name));
        let rom = place::for_chip(chip).unwrap().rom;
        for (at, function) in [
            (rom.read, "esp_rom_spiflash_read"),
            (rom.program, "esp_rom_spiflash_write"),
            (rom.erase_block, "esp_rom_spiflash_erase_block"),
            (rom.erase_sector, "esp_rom_spiflash_erase_sector"),
            (rom.inflate, "tinfl_decompress"),
        ] {
            let target = rom::jump_at(&segments, at);
            assert_eq!(functions.get(function), Some(&target), "{name}: {function}");
        }
    }
}

#[test]
fn xtensa_does_what_the_twin_does() {
    run(PROCESSORS[1], None);
}
