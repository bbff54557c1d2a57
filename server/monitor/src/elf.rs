//! A program's ELF file: which one it is, and what it says of an address.
//!
//! The file's bytes come in whole. Nothing is parsed before it is needed: an [`Elf`] is cheap to keep, hashes
//! itself when a board names its build, and reads its debug information at the first address.

use std::sync::{Arc, OnceLock};

use addr2line::Context;
use gimli::{LittleEndian, SectionId};
use object::{Object as _, ObjectSection as _, ObjectSymbol as _, SectionFlags, SymbolKind};
use sha2::{Digest as _, Sha256};

use crate::call_frames::{CallFrames, Reader};
use crate::crash::Crash;
use crate::names;

/// A place in the sources, as the debug information has it: the root may be that of another machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: String,
    /// The line, from 1. Optimised code may belong to no line.
    pub line: Option<u32>,
    /// The column, from 1.
    pub column: Option<u32>,
}

/// Most inlined functions that are listed at one address.
const MAX_INLINED: usize = 64;

/// Most labels that one function may have before it is no longer found by its length.
const MAX_LABELS: usize = 64;

/// An ELF file.
pub struct Elf {
    /// What it is called in messages: its path.
    pub name: String,
    bytes: Vec<u8>,
    sha256: OnceLock<String>,
    program: OnceLock<Result<Program, BadElf>>,
}

impl std::fmt::Debug for Elf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Elf({:?}, {} bytes)", self.name, self.bytes.len())
    }
}

/// Why a file cannot say anything of addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadElf {
    /// Not an ELF file, or a damaged one.
    #[error("not a readable ELF file: {0}")]
    Unreadable(String),
    /// A program of another kind of computer.
    #[error("an ELF file, but not of an ESP: neither 32-bit RISC-V nor Xtensa")]
    OtherMachine,
}

/// Which ELF file says what a crash's addresses mean.
#[derive(Debug, Clone, Copy)]
pub enum Choice<'a> {
    /// The board has named the build, and this is it.
    Named(&'a Elf),
    /// The board has not named its build; this is the first whose code the addresses may be.
    Unverified(&'a Elf),
    /// The board has named a build, and none of the files is it: nothing can be said.
    OtherBuild,
    /// There is no file.
    None,
}

impl Elf {
    /// A file that has been read.
    pub fn new(name: String, bytes: Vec<u8>) -> Self {
        Self {
            name,
            bytes,
            sha256: OnceLock::new(),
            program: OnceLock::new(),
        }
    }

    /// The file's SHA-256 in hexadecimal digits. ESP-IDF and espflash put it into the image.
    pub fn sha256(&self) -> &str {
        self.sha256.get_or_init(|| {
            let digest = Sha256::digest(&self.bytes);
            let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
            digest
                .iter()
                .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
                .collect()
        })
    }

    /// Its code and debug information.
    ///
    /// # Errors
    /// [`BadElf`]: this file cannot explain any address. Go on without it.
    pub fn program(&self) -> Result<&Program, BadElf> {
        self.program
            .get_or_init(|| Program::parse(&self.bytes))
            .as_ref()
            .map_err(Clone::clone)
    }
}

/// Chooses among candidates; the most likely one comes first.
pub fn choose<'a>(crash: &Crash, candidates: &'a [Elf]) -> Choice<'a> {
    let Some(first) = candidates.first() else {
        return Choice::None;
    };
    if crash.names_its_build() {
        let printed = crash.elf_sha256.as_deref().unwrap_or_default();
        let named = candidates
            .iter()
            .find(|elf| elf.sha256().starts_with(printed));
        return named.map_or(Choice::OtherBuild, Choice::Named);
    }
    let addresses = crash.addresses();
    let holds_one = |elf: &&Elf| {
        let program = elf.program();
        program.is_ok_and(|program| {
            addresses
                .iter()
                .any(|printed| program.is_code(printed.meaning.lookup(printed.address)))
        })
    };
    Choice::Unverified(candidates.iter().find(holds_one).unwrap_or(first))
}

/// A function at an address; inlined ones come before the one that they are in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct At {
    pub(crate) function: Option<String>,
    pub(crate) place: Option<Place>,
    pub(crate) is_inlined: bool,
}

/// Code and debug information of one ELF file.
pub struct Program {
    context: Option<Context<Reader>>,
    pub(crate) frames: CallFrames,
    /// Sections with instructions: address and bytes.
    code: Vec<(u32, Vec<u8>)>,
    /// Functions of the symbol table, by address.
    symbols: Vec<Symbol>,
    pub(crate) is_riscv: bool,
    /// Where the main stack begins, in Rust programs.
    pub(crate) stack_start: Option<u32>,
}

impl std::fmt::Debug for Program {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Program({} functions)", self.symbols.len())
    }
}

struct Symbol {
    address: u32,
    len_bytes: u32,
    name: String,
}

impl Program {
    fn parse(bytes: &[u8]) -> Result<Self, BadElf> {
        let file =
            object::File::parse(bytes).map_err(|error| BadElf::Unreadable(error.to_string()))?;
        let is_riscv = match file.architecture() {
            object::Architecture::Riscv32 => true,
            object::Architecture::Xtensa => false,
            _ => return Err(BadElf::OtherMachine),
        };
        if !file.is_little_endian() {
            return Err(BadElf::OtherMachine);
        }
        let section = |name: &str| {
            let section = file.section_by_name(name)?;
            let data = section.data().ok()?; // a compressed one gives nothing that DWARF could be
            Some((
                Reader::new(Arc::from(data), LittleEndian),
                section.address(),
            ))
        };
        let empty = || Reader::new(Arc::from([]), LittleEndian);
        let load = |id: SectionId| {
            Ok::<_, gimli::Error>(section(id.name()).map_or_else(empty, |(data, _)| data))
        };
        let dwarf = gimli::Dwarf::load(load).ok();
        let text_address = file
            .section_by_name(".text")
            .map_or(0, |section| section.address());
        Ok(Self {
            context: dwarf.and_then(|dwarf| Context::from_dwarf(dwarf).ok()),
            frames: CallFrames::new(section(".debug_frame"), section(".eh_frame"), text_address),
            code: code(&file),
            symbols: symbols(&file),
            is_riscv,
            stack_start: address_of(&file, "_stack_start"),
        })
    }

    /// Whether the program has an instruction there.
    pub fn is_code(&self, address: u32) -> bool {
        self.code_from(address).is_some()
    }

    /// Whether two addresses lie in one function, where the symbols say it.
    pub(crate) fn are_in_one_function(&self, one: u32, other: u32) -> Option<bool> {
        let start = |address| {
            let symbol = self.symbol(address)?;
            (symbol.len_bytes > 0).then_some(symbol.address)
        };
        Some(start(one)? == start(other)?)
    }

    /// The code's bytes from an address on.
    pub(crate) fn code_from(&self, address: u32) -> Option<&[u8]> {
        self.code.iter().find_map(|(start, bytes)| {
            let offset = address.checked_sub(*start)?;
            bytes.get(offset as usize..).filter(|rest| !rest.is_empty())
        })
    }

    /// What is at an address: inlined functions first.
    pub(crate) fn at(&self, address: u32) -> Vec<At> {
        let mut found = self.by_debug_information(address).unwrap_or_default();
        if found.is_empty() {
            found.push(At {
                function: None,
                place: None,
                is_inlined: false,
            });
        }
        if let Some(last) = found.last_mut() {
            let symbol = self.symbol(address).map(|symbol| symbol.name.as_str());
            last.function = match &last.function {
                Some(name) => Some(names::better(name, symbol)),
                None => symbol
                    .map(|symbol| names::demangled(symbol).unwrap_or_else(|| symbol.to_owned())),
            };
        }
        found
    }

    fn by_debug_information(&self, address: u32) -> Option<Vec<At>> {
        let mut frames = self
            .context
            .as_ref()?
            .find_frames(u64::from(address))
            .skip_all_loads()
            .ok()?;
        let mut found = Vec::new();
        while let Ok(Some(frame)) = frames.next() {
            let name = frame
                .function
                .as_ref()
                .and_then(|name| Some(names::better(&name.demangle().ok()?, None)));
            let location = frame.location.as_ref();
            let place = location.and_then(|location| {
                Some(Place {
                    file: normalised(location.file?),
                    // 0: the compiler has merged code of several lines.
                    line: location.line.filter(|line| *line > 0),
                    column: location.column.filter(|column| *column > 0),
                })
            });
            found.push(At {
                function: name,
                place,
                is_inlined: true,
            });
            if found.len() > MAX_INLINED {
                break;
            }
        }
        if let Some(last) = found.last_mut() {
            last.is_inlined = false;
        }
        Some(found)
    }

    fn symbol(&self, address: u32) -> Option<&Symbol> {
        let behind = self
            .symbols
            .partition_point(|symbol| symbol.address <= address);
        let before = &self.symbols[..behind];
        let holds = |symbol: &&Symbol| address - symbol.address < symbol.len_bytes;
        if let Some(symbol) = before.iter().rev().take(MAX_LABELS).find(holds) {
            return Some(symbol);
        }
        // Functions in assembler often have no length: up to the next one, within the same section.
        let (start, _) = self.code.iter().find(|(start, bytes)| {
            let offset = address.checked_sub(*start);
            offset.is_some_and(|offset| (offset as usize) < bytes.len())
        })?;
        let last = before.last()?;
        (last.len_bytes == 0 && last.address >= *start).then_some(last)
    }
}

/// `main/../components/motor/motor.hpp` is `components/motor/motor.hpp`: what a person and an editor call it.
fn normalised(file: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in file.split('/') {
        let can_go_up = parts.last().is_some_and(|last| !matches!(*last, "" | ".."));
        match part {
            ".." if can_go_up => {
                parts.pop();
            }
            "." if !parts.is_empty() => {}
            part => parts.push(part),
        }
    }
    parts.join("/")
}

fn code(file: &object::File<'_>) -> Vec<(u32, Vec<u8>)> {
    let is_code = |flags: &SectionFlags| match flags {
        SectionFlags::Elf { sh_flags, .. } => {
            let wanted = object::elf::SHF_ALLOC | object::elf::SHF_EXECINSTR;
            *sh_flags & wanted == wanted
        }
        _ => false,
    };
    let sections = file.sections().filter(|section| is_code(&section.flags()));
    sections
        .filter_map(|section| {
            Some((
                u32::try_from(section.address()).ok()?,
                section.data().ok()?.to_vec(),
            ))
        })
        .collect()
}

fn symbols(file: &object::File<'_>) -> Vec<Symbol> {
    // In assembler a function is often a label and nothing else.
    let is_function = |kind| {
        matches!(
            kind,
            SymbolKind::Text | SymbolKind::Label | SymbolKind::Unknown
        )
    };
    let mut symbols: Vec<_> = file
        .symbols()
        .filter(|symbol| symbol.is_definition() && is_function(symbol.kind()))
        .filter_map(|symbol| {
            Some(Symbol {
                address: u32::try_from(symbol.address()).ok()?,
                len_bytes: u32::try_from(symbol.size()).ok()?,
                name: symbol
                    .name()
                    .ok()
                    // Labels of the compiler, and marks for disassemblers.
                    .filter(|name| !name.is_empty() && !name.starts_with(['.', '$']))?
                    .to_owned(),
            })
        })
        .collect();
    // Of several names of one place the one with the length comes last, and is found.
    symbols.sort_by_key(|symbol| (symbol.address, symbol.len_bytes));
    symbols
}

fn address_of(file: &object::File<'_>, name: &str) -> Option<u32> {
    let symbol = file.symbols().find(|symbol| symbol.name() == Ok(name))?;
    u32::try_from(symbol.address()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::disallowed_methods)] // this test's own program
    fn what_is_no_program_of_an_esp_says_so() {
        let unreadable = Elf::new("x".into(), b"\x7fELF".to_vec());
        assert!(matches!(unreadable.program(), Err(BadElf::Unreadable(_))));
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        if own.starts_with(b"\x7fELF") {
            assert_eq!(
                Elf::new("own".into(), own).program().unwrap_err(),
                BadElf::OtherMachine
            );
        }
    }

    /// A server keeps them for all of its threads, behind a lock.
    #[test]
    fn one_that_is_kept_may_go_to_another_thread() {
        fn is_send(_: &impl Send) {}
        is_send(&Elf::new("x".into(), Vec::new()));
    }

    #[test]
    fn paths_lose_their_detours() {
        assert_eq!(
            normalised("/a/main/../components/./motor.hpp"),
            "/a/components/motor.hpp"
        );
        assert_eq!(normalised("../x/../../y"), "../../y");
        assert_eq!(normalised("./main.c"), "./main.c");
        assert_eq!(normalised("/../x"), "/../x");
    }
}
