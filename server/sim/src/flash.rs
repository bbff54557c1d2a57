//! NOR flash: programming clears bits, erasing sets a sector's bytes to FF, reading never fails.
//!
//! The contents live in memory and, when a file was given, in that file too: every erase and every
//! program operation goes to the file before it returns, so a killed process leaves what a board
//! losing power would leave.

pub(crate) mod store;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use fbuild_chip::flash::{BLOCK_LEN, SECTOR_LEN};
use store::Store;

/// Page of a flash chip: the most that one program operation covers.
pub const PAGE_LEN: u32 = 0x100;

/// How much was done to a flash chip since the board was built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FlashCounters {
    /// Sectors erased, those of block and chip erases included.
    pub sectors_erased: u64,
    /// Erase operations of 64 KiB among them.
    pub block_erases: u64,
    /// Erase operations over the whole chip among them.
    pub chip_erases: u64,
    /// Bytes handed to program operations.
    pub bytes_programmed: u64,
    /// Program operations (pages or parts of pages).
    pub pages_programmed: u64,
}

/// What became of a program or erase operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Done {
    /// All of it.
    Whole,
    /// The supply failed in the middle (a fault on demand).
    PowerLost,
}

/// A flash chip.
#[derive(Debug)]
pub struct Nor {
    contents: Vec<u8>,
    store: Option<Store>,
    counters: FlashCounters,
    erases_by_sector: BTreeMap<u32, u32>,
    bad_sectors: BTreeSet<u32>,
    coupled_sectors: BTreeMap<u32, u32>,
    /// Bytes programmed or sectors erased that are left before the supply fails.
    operations_left: Option<u64>,
}

impl Nor {
    /// A chip of `size` bytes in memory that starts with `first` and is blank after it.
    pub(crate) fn in_memory(size: u32, first: impl Into<Vec<u8>>) -> Self {
        let mut contents = first.into();
        contents.resize(size as usize, 0xFF);
        Self::with_contents(contents, None)
    }

    /// A chip whose contents are those of the file, which is made (blank) if it is not there and
    /// lengthened with FF if it is shorter than `size`.
    pub(crate) fn in_file(path: &Path, size: Option<u32>, default_size: u32) -> io::Result<Self> {
        let (store, contents) = Store::open(path, size, default_size)?;
        Ok(Self::with_contents(contents, Some(store)))
    }

    fn with_contents(contents: Vec<u8>, store: Option<Store>) -> Self {
        Self {
            contents,
            store,
            counters: FlashCounters::default(),
            erases_by_sector: BTreeMap::new(),
            bad_sectors: BTreeSet::new(),
            coupled_sectors: BTreeMap::new(),
            operations_left: None,
        }
    }

    /// Size in bytes.
    pub fn size(&self) -> u32 {
        self.contents.len() as u32
    }

    /// Everything that is in it.
    pub fn contents(&self) -> &[u8] {
        &self.contents
    }

    /// The file that mirrors the contents.
    pub fn file(&self) -> Option<PathBuf> {
        self.store.as_ref().map(|store| store.path().to_owned())
    }

    /// The counters.
    pub fn counters(&self) -> FlashCounters {
        self.counters
    }

    /// All counters back to 0, those of single sectors too.
    pub(crate) fn reset_counters(&mut self) {
        self.counters = FlashCounters::default();
        self.erases_by_sector.clear();
    }

    /// How often the sector that holds `offset` was erased.
    pub fn sector_erases(&self, offset: u32) -> u32 {
        self.erases_by_sector
            .get(&(offset / SECTOR_LEN))
            .copied()
            .unwrap_or(0)
    }

    /// First byte of every sector that was erased at least once, in order.
    pub fn erased_sectors(&self) -> impl Iterator<Item = u32> + '_ {
        self.erases_by_sector.keys().map(|index| index * SECTOR_LEN)
    }

    /// JEDEC id, vendor in the low byte: GigaDevice GD25Q, as in the recordings, with the size that
    /// this chip has.
    pub fn jedec_id(&self) -> u32 {
        // Third byte: log2 of the size (16 for 4 MiB), with a jump to 20 at 64 MiB. Source: JEDEC ids
        // of GigaDevice's data sheets, and esptool's table of detected sizes.
        let log2 = self.size().max(1).ilog2();
        let third = if log2 >= 26 { log2 + 6 } else { log2 };
        0x40C8 | (third << 16)
    }

    /// The bytes from `offset`, or `None` if they are not all there.
    pub fn read(&self, offset: u32, len: u32) -> Option<&[u8]> {
        let start = offset as usize;
        self.contents.get(start..start.checked_add(len as usize)?)
    }

    /// Whether the sector that starts at `offset` reads FF throughout.
    pub(crate) fn is_blank_sector(&self, offset: u32) -> bool {
        self.read(offset, SECTOR_LEN)
            .is_some_and(|sector| sector.iter().all(|byte| *byte == 0xFF))
    }

    /// Erases one sector. Past the end of the chip nothing happens (seen: recordings `*-q14-*`).
    pub(crate) fn erase_sector(&mut self, offset: u32) -> io::Result<Done> {
        let index = offset / SECTOR_LEN;
        let start = (index * SECTOR_LEN) as usize;
        let Some(sector) = self.contents.get_mut(start..start + SECTOR_LEN as usize) else {
            return Ok(Done::Whole);
        };
        if self.operations_left == Some(0) {
            return Ok(Done::PowerLost);
        }
        self.counters.sectors_erased += 1;
        *self.erases_by_sector.entry(index).or_default() += 1;
        if self.bad_sectors.contains(&index) {
            return Ok(Done::Whole);
        }
        sector.fill(0xFF);
        self.write_through(start, SECTOR_LEN as usize)?;
        if let Some(other) = self.coupled_sectors.get(&index) {
            let start = (other * SECTOR_LEN) as usize;
            if let Some(sector) = self.contents.get_mut(start..start + SECTOR_LEN as usize) {
                sector.fill(0xFF);
                self.write_through(start, SECTOR_LEN as usize)?;
            }
        }
        Ok(Done::Whole)
    }

    /// Erases the 64 KiB block that starts at `offset`.
    pub(crate) fn erase_block(&mut self, offset: u32) -> io::Result<Done> {
        self.counters.block_erases += 1;
        self.erase_sectors(offset..offset.saturating_add(BLOCK_LEN))
    }

    /// Erases everything.
    pub(crate) fn erase_chip(&mut self) -> io::Result<Done> {
        self.counters.chip_erases += 1;
        self.erase_sectors(0..self.size())
    }

    fn erase_sectors(&mut self, range: Range<u32>) -> io::Result<Done> {
        for sector in range.step_by(SECTOR_LEN as usize) {
            if self.erase_sector(sector)? == Done::PowerLost {
                return Ok(Done::PowerLost);
            }
        }
        Ok(Done::Whole)
    }

    /// Programs `bytes` from `offset`: each bit that is 0 in them becomes 0. What lies past the end
    /// is dropped. Gives the number of pages that took.
    pub(crate) fn program(&mut self, offset: u32, bytes: &[u8]) -> io::Result<(u64, Done)> {
        let start = offset as usize;
        let mut len = bytes.len().min(self.contents.len().saturating_sub(start));
        let mut done = Done::Whole;
        if let Some(left) = &mut self.operations_left {
            if (len as u64) > *left {
                len = *left as usize;
                done = Done::PowerLost;
            }
            *left -= len as u64;
        }
        if len == 0 {
            return Ok((0, done));
        }
        let page = PAGE_LEN as usize;
        let mut pages = 0;
        let mut at = start;
        while at < start + len {
            let end = (at / page * page + page).min(start + len);
            if !self.bad_sectors.contains(&(at as u32 / SECTOR_LEN)) {
                let new = &bytes[at - start..end - start];
                for (cell, byte) in self.contents[at..end].iter_mut().zip(new) {
                    *cell &= byte;
                }
            }
            pages += 1;
            at = end;
        }
        self.counters.bytes_programmed += len as u64;
        self.counters.pages_programmed += pages;
        self.write_through(start, len)?;
        Ok((pages, done))
    }

    /// From now on the sector that holds `offset` neither erases nor programs.
    pub(crate) fn make_sector_bad(&mut self, offset: u32) {
        self.bad_sectors.insert(offset / SECTOR_LEN);
    }

    /// From now on erasing the sector that holds `offset` erases the one that holds `other`, too.
    pub(crate) fn couple_sectors(&mut self, offset: u32, other: u32) {
        self.coupled_sectors
            .insert(offset / SECTOR_LEN, other / SECTOR_LEN);
    }

    /// After `bytes` more programmed bytes the supply fails.
    pub(crate) fn lose_power_after(&mut self, bytes: Option<u64>) {
        self.operations_left = bytes;
    }

    fn write_through(&mut self, start: usize, len: usize) -> io::Result<()> {
        match &mut self.store {
            Some(store) => store.write(start as u64, &self.contents[start..start + len]),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
