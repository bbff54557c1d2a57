//! Flash in pages and EEPROM in bytes.

use std::io;
use std::path::Path;
use std::time::Duration;

use fbuild_chip::avr::AvrBoard as Facts;

use crate::board::BuildError;
use crate::flash::store::Store;

/// Erasing or writing a page takes the same. Source: data sheets, 3.7 to 4.5 ms.
const PAGE: Duration = Duration::from_micros(4500);
/// Writing a byte of EEPROM. Source: data sheets, 3.4 ms.
const EEPROM_BYTE: Duration = Duration::from_micros(3400);
/// The last bytes of the flash, in which the part stands still while they are erased.
const NO_READ_WHILE_WRITE: u32 = 0x1000;

/// How much was done to a flash since the board was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PageCounters {
    /// Pages erased.
    pub erased: u32,
    /// Pages written.
    pub written: u32,
}

#[derive(Debug)]
pub(super) struct Memory {
    facts: Facts,
    flash: Vec<u8>,
    eeprom: Vec<u8>,
    store: Option<Store>,
    failed: Option<io::ErrorKind>,
    counters: PageCounters,
    /// So many pages that are written get a wrong bit (a fault on demand).
    pub(super) spoilt: u32,
    /// Where a boot loader that erases in order is.
    pub(super) erase_at: u32,
}

impl Memory {
    pub(super) fn new(facts: Facts, file: Option<&Path>) -> Result<Self, BuildError> {
        let size = facts.part.flash_bytes;
        let (store, mut flash) = match file {
            None => (None, vec![0xFF; size as usize]),
            Some(path) => {
                let opened = Store::open(path, Some(size), size);
                let (store, flash) = opened.map_err(|source| match source.kind() {
                    io::ErrorKind::ResourceBusy => BuildError::Busy(path.to_owned()),
                    _ => BuildError::FlashFile {
                        path: path.to_owned(),
                        source,
                    },
                })?;
                (Some(store), flash)
            }
        };
        // Something that is there and stays: the boot loader.
        flash[facts.boot_start as usize..].fill(0xB0);
        Ok(Self {
            facts,
            flash,
            eeprom: vec![0xFF; facts.part.eeprom_bytes as usize],
            store,
            failed: None,
            counters: PageCounters::default(),
            spoilt: 0,
            erase_at: 0,
        })
    }

    pub(super) fn flash(&self) -> &[u8] {
        &self.flash
    }

    pub(super) fn flash_mut(&mut self) -> &mut [u8] {
        &mut self.flash
    }

    pub(super) fn eeprom(&self) -> &[u8] {
        &self.eeprom
    }

    pub(super) fn counters(&self) -> PageCounters {
        self.counters
    }

    pub(super) fn presence(&self) -> io::Result<()> {
        self.failed.map_or(Ok(()), |kind| Err(kind.into()))
    }

    pub(super) fn restart(&mut self) {
        self.erase_at = 0;
    }

    /// So many bytes of flash; after its end it begins anew.
    pub(super) fn read_flash(&self, address: u32, len_bytes: usize) -> Vec<u8> {
        let from = address as usize % self.flash.len();
        let bytes = self.flash.iter().cycle().skip(from);
        bytes.take(len_bytes).copied().collect()
    }

    pub(super) fn read_eeprom(&self, address: u32, len_bytes: usize) -> Vec<u8> {
        let from = address as usize % self.eeprom.len();
        let bytes = self.eeprom.iter().cycle().skip(from);
        bytes.take(len_bytes).copied().collect()
    }

    /// Erases a page. The boot loader's own section is locked.
    pub(super) fn erase_page(&mut self, address: u32) -> Duration {
        let page = self.page_at(address);
        if page < self.facts.boot_start {
            self.flash[page as usize..][..self.facts.part.page_bytes as usize].fill(0xFF);
            self.counters.erased += 1;
        }
        PAGE
    }

    /// Programs a page: clears bits. What was not given is left.
    pub(super) fn program_page(&mut self, address: u32, bytes: &[u8]) -> Duration {
        let page = self.page_at(address);
        let page_bytes = self.facts.part.page_bytes;
        if page >= self.facts.boot_start {
            return PAGE;
        }
        for (index, byte) in bytes.iter().enumerate() {
            // The page's buffer is addressed by the low bits.
            let at = page + (address + index as u32) % page_bytes;
            self.flash[at as usize] &= byte;
        }
        if self.spoilt > 0 {
            self.spoilt -= 1;
            self.flash[page as usize] ^= 1;
        }
        self.counters.written += 1;
        let range = page as usize..(page + page_bytes) as usize;
        if let Some(store) = &mut self.store
            && let Err(error) = store.write(page.into(), &self.flash[range])
        {
            self.failed = Some(error.kind());
        }
        PAGE
    }

    /// Erases and programs the page as optiboot does: it erases while the data arrive, where the part can.
    pub(super) fn write_page(&mut self, address: u32, bytes: &[u8]) -> Duration {
        let erase = self.erase_page(address);
        let program = self.program_page(address, bytes);
        let hidden_until = self.facts.part.flash_bytes - NO_READ_WHILE_WRITE;
        if address < hidden_until {
            program
        } else {
            erase + program
        }
    }

    pub(super) fn write_eeprom(&mut self, address: u32, bytes: &[u8]) -> Duration {
        for (index, byte) in bytes.iter().enumerate() {
            let at = (address as usize + index) % self.eeprom.len();
            self.eeprom[at] = *byte;
        }
        EEPROM_BYTE * bytes.len() as u32
    }

    fn page_at(&self, address: u32) -> u32 {
        let part = self.facts.part;
        address % part.flash_bytes / part.page_bytes * part.page_bytes
    }
}
