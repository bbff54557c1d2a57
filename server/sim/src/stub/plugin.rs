//! RAM as far as the host wrote to it, and programs there that the stub's table of plugins leads to.
//!
//! The simulated board runs no code. It knows one plugin, byte for byte, and does what that one does
//! (`fbuild_loader::delta::device`); a test runs the real one and compares. Any other program hangs, as a damaged one
//! probably would.

use std::collections::BTreeMap;
use std::ops::Range;

use fbuild_chip::flash::{BLOCK_LEN, SECTOR_LEN};
use fbuild_loader::delta::device::{self, Device, Flash, Work};
use fbuild_loader::delta::place::{self, Place, TABLE_OPS};
use fbuild_loader::packet::{self, op};
use fbuild_loader::stub::{self, Segment, Stub};

use super::error;
use super::flash_ops::Trouble;
use crate::hardware::Hardware;
use crate::timing::at_rate;

/// More than anybody uploads.
const LONGEST_SUM: u32 = 0x1_0000;

pub(super) struct Plugins {
    stub: Option<&'static Stub>,
    place: Option<Place>,
    written: BTreeMap<u32, u8>,
    device: Option<Device>,
}

impl std::fmt::Debug for Plugins {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plugins")
            .field("device", &self.device)
            .finish_non_exhaustive()
    }
}

impl Plugins {
    pub(super) fn new(hw: &Hardware) -> Self {
        Self {
            stub: stub::for_chip(hw.chip, None),
            place: place::for_chip(hw.chip),
            written: BTreeMap::new(),
            device: None,
        }
    }

    /// The host writes to RAM. `false`: over what runs there.
    pub(super) fn write(&mut self, address: u32, bytes: &[u8]) -> bool {
        let end = address.saturating_add(bytes.len() as u32);
        let overlaps = |segment: &Segment| {
            let range = range_of(segment);
            address < range.end && range.start < end
        };
        let is_in_table = self.is_in_table(address) && bytes.len() == 4;
        let is_over_stub = self
            .stub
            .is_some_and(|stub| overlaps(&stub.text) || overlaps(&stub.data));
        if is_over_stub && !is_in_table {
            return false;
        }
        if let Some(place) = &self.place
            && place
                .memory()
                .iter()
                .any(|part| address < part.end && part.start < end)
        {
            self.device = None;
        }
        self.written
            .extend((address..end).zip(bytes.iter().copied()));
        true
    }

    fn is_in_table(&self, address: u32) -> bool {
        let slot = |op| place::slot(self.stub?, op);
        let ends = slot(*TABLE_OPS.start()).zip(slot(*TABLE_OPS.end()));
        ends.is_some_and(|(first, last)| (first.address..=last.address).contains(&address))
    }

    /// What is at an address where RAM is known to be, and no register.
    pub(super) fn word_at(&self, address: u32) -> Option<u32> {
        self.byte(address).map(|_| self.word(address))
    }

    fn word(&self, address: u32) -> u32 {
        let bytes = [0, 1, 2, 3].map(|n| self.byte(address.wrapping_add(n)).unwrap_or(0));
        u32::from_le_bytes(bytes)
    }

    fn byte(&self, address: u32) -> Option<u8> {
        let of = |segment: &Segment| {
            let at = address.checked_sub(segment.address)?;
            segment.bytes.get(at as usize).copied()
        };
        let written = self.written.get(&address).copied();
        let stub = self.stub?;
        written
            .or_else(|| of(&stub.text))
            .or_else(|| of(&stub.data))
    }

    fn bytes(&self, range: Range<u32>) -> Vec<u8> {
        range.map(|at| self.byte(at).unwrap_or(0)).collect()
    }

    /// What the handler of an operation code answers, and whether it is called again afterwards.
    pub(super) fn answer(
        &mut self,
        code: u8,
        data: &[u8],
        hw: &mut Hardware,
    ) -> Result<(device::Answer, bool), Trouble> {
        let slot = self.stub.and_then(|stub| place::slot(stub, code));
        let slot = slot.ok_or(error::NOT_IMPLEMENTED)?;
        let handler = self.word(slot.address);
        if handler == slot.unused {
            return Err(error::NOT_IMPLEMENTED.into());
        }
        let place = self.place.as_ref().ok_or(Trouble::Hang)?;
        let code_end = place.code() + place.program.code.len() as u32;
        let is_known = code == op::PLUGIN
            && handler == place.entry()
            && self.bytes(place.code()..code_end) == place.program.code;
        if !is_known {
            return Err(Trouble::Hang);
        }
        worked(hw, Work::Words, data.len() as u32);
        device::check_sum(data)?;
        if let Some((address, len)) = device::wants_sum(data) {
            // Until it reads where no RAM is.
            if len > LONGEST_SUM {
                return Err(Trouble::Hang);
            }
            worked(hw, Work::Words, len);
            let bytes = self.bytes(address..address.saturating_add(len));
            return Ok((device::sum_answer(&bytes), false));
        }
        let state = device::state_of(data);
        let word = |nth: u32| self.word(state.wrapping_add(nth * 4));
        // Whatever is there is called as functions.
        let pointers = place.state_bytes(0, 0);
        let is_right =
            (0..11).all(|nth| packet::word_at(&pointers, nth as usize) == Some(word(nth)));
        if !is_right {
            return Err(Trouble::Hang);
        }
        let (first, end) = (word(11), word(12));
        let device = self.device.get_or_insert_with(|| Device::new(first, end));
        Ok(device.answer(data)?)
    }

    /// What the handler does when it is called again.
    pub(super) fn work(
        &mut self,
        data: &[u8],
        flash_size: u32,
        hw: &mut Hardware,
    ) -> Result<(), Trouble> {
        let device = self.device.as_mut().ok_or(Trouble::Hang)?;
        Ok(device.work(data, &mut RomFlash { hw, flash_size })?)
    }
}

fn range_of(segment: &Segment) -> Range<u32> {
    segment.address..segment.address + segment.bytes.len() as u32
}

fn worked(hw: &mut Hardware, work: Work, len_bytes: u32) {
    let timing = hw.timing.stub;
    let rate = match work {
        // A word takes as long as a byte.
        Work::Words => timing.copy_rate.saturating_mul(4),
        Work::Copy => timing.copy_rate,
        Work::Inflate => timing.inflate_rate,
    };
    hw.spend(at_rate(u64::from(len_bytes), rate));
}

/// The ROM's functions, which know where the flash ends.
struct RomFlash<'h> {
    hw: &'h mut Hardware,
    flash_size: u32,
}

impl RomFlash<'_> {
    fn is_there(&self, offset: u32, len_bytes: u32) -> Option<()> {
        let end = u64::from(offset) + u64::from(len_bytes);
        (end <= u64::from(self.flash_size) && !self.hw.power_lost).then_some(())
    }
}

impl Flash for RomFlash<'_> {
    fn read(&mut self, offset: u32, len_bytes: u32) -> Option<Vec<u8>> {
        self.is_there(offset, len_bytes)?;
        self.hw.read_flash(offset, len_bytes)
    }

    fn program(&mut self, offset: u32, bytes: &[u8]) -> Option<()> {
        self.is_there(offset, bytes.len() as u32)?;
        self.hw.program(offset, bytes, false);
        Some(())
    }

    fn erase_block(&mut self, offset: u32) -> Option<()> {
        self.is_there(offset, BLOCK_LEN)?;
        self.hw.start_block_erase(offset);
        self.hw.wait_flash();
        Some(())
    }

    fn erase_sector(&mut self, offset: u32) -> Option<()> {
        self.is_there(offset, SECTOR_LEN)?;
        self.hw.start_sector_erase(offset);
        self.hw.wait_flash();
        Some(())
    }

    fn worked(&mut self, work: Work, len_bytes: u32) {
        worked(self.hw, work, len_bytes);
    }
}
