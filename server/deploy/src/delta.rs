//! A change of an image as the differences that the board needs, where it can apply them in place
//! ([`fbuild_loader::delta`]). Pure: old and new bytes in, pieces out, each tried before it is used.

mod encode;

use std::ops::Range;

use fbuild_chip::flash::{BLOCK_LEN, SECTOR_LEN};
use fbuild_loader::delta::device::{Device, Flash};
use fbuild_loader::delta::operations::{MOST_BYTES, Operations};
use fbuild_loader::delta::{Piece, saved_with};

use self::encode::Old;
use crate::search::{SECTORS_PER_BLOCK, aligned_chunks, in_bytes};

/// From this many sectors of a block on it is made anew as a whole: erasing five sectors takes longer.
const ENOUGH: usize = 5;
/// Old images that are longer are not looked at: the index takes four times their length.
const LONGEST_BYTES: usize = 4 << 20;

/// An image on the board and what it is to become, from the same offset on. Whole sectors.
#[derive(Clone, Copy)]
pub(crate) struct Change<'a> {
    pub(crate) offset: u32,
    pub(crate) old: &'a [u8],
    pub(crate) new: &'a [u8],
}

/// What to send, in this order.
#[derive(Debug, Clone)]
pub(crate) struct Differences {
    pub(crate) pieces: Vec<Piece>,
    /// Sectors that they make, in the order of the flash.
    pub(crate) units: Vec<Range<usize>>,
}

impl Differences {
    /// Bytes of all of them on the wire, without framing.
    pub(crate) fn len_bytes(&self) -> u64 {
        let lens = self.pieces.iter().map(|piece| piece.stream.len() as u64);
        lens.sum()
    }

    /// Bytes of what they make.
    pub(crate) fn made_bytes(&self) -> u64 {
        let lens = self.pieces.iter().map(|piece| u64::from(piece.len_bytes));
        lens.sum()
    }
}

impl Change<'_> {
    fn in_flash(&self, bytes: &Range<usize>) -> Range<u32> {
        self.offset + bytes.start as u32..self.offset + bytes.end as u32
    }

    /// The pieces as they would be if there were no differences: what the flash takes alone.
    pub(crate) fn without_streams(&self, units: &[Range<usize>]) -> Vec<Piece> {
        let piece = |unit: &Range<usize>| {
            let made = self.in_flash(&in_bytes(unit));
            Piece::new(made.clone(), &[], made, &Operations::default())
        };
        units.iter().map(piece).collect()
    }
}

/// Sectors to be made anew, a block at most each: of those that are to be written, with what is written along.
pub(crate) fn units(offset: u32, to_write: &[bool]) -> Vec<Range<usize>> {
    let mut units = Vec::new();
    for block in aligned_chunks(offset, 0..to_write.len(), SECTORS_PER_BLOCK) {
        let changed = block.clone().filter(|&at| to_write[at]).count();
        if block.len() == SECTORS_PER_BLOCK && changed >= ENOUGH {
            units.push(block);
            continue;
        }
        let mut at = block.start;
        while at < block.end {
            let run = (at..block.end).take_while(|&at| to_write[at]).count();
            if run > 0 {
                units.push(at..at + run);
            }
            at += run.max(1);
        }
    }
    units
}

/// The differences that make these units, or `None` where they are none: the plan was tried and does not come out right.
pub(crate) fn differences(change: &Change<'_>, units: &[Range<usize>]) -> Option<Differences> {
    if change.old.len() > LONGEST_BYTES || change.new.len() > LONGEST_BYTES {
        return None;
    }
    let old = Old::new(&change.old[..change.old.len().min(change.new.len())]);
    // What lies before is overwritten first, unless most of it is needed further on.
    let is_upwards = old.usual_shift(change.new)? >= 0;
    let mut order: Vec<Range<usize>> = units.iter().map(in_bytes).collect();
    if !is_upwards {
        order.reverse();
    }
    let mut pieces = Vec::new();
    let mut saved = 0..0;
    for unit in order {
        let erase = change.in_flash(&unit);
        saved = saved_with(&saved, &erase);
        // Whatever is not overwritten yet, or saved.
        let in_image = |offset: u32| ((offset - change.offset) as usize).min(old.len());
        let sources = if is_upwards {
            in_image(saved.start)..old.len()
        } else {
            0..in_image(saved.end)
        };
        let known = unit.start.min(old.len())..unit.end.min(old.len());
        let known = &change.old[known];
        for (n, (made, operations)) in parts(&old, change.new, unit, &sources)
            .into_iter()
            .enumerate()
        {
            let made = change.in_flash(&made);
            pieces.push(if n == 0 {
                Piece::new(erase.clone(), known, made, &operations)
            } else {
                Piece::new(made.start..made.start, &[], made, &operations)
            });
        }
    }
    let differences = Differences {
        pieces,
        units: units.to_vec(),
    };
    tried(change, &differences).then_some(differences)
}

/// A unit in as many parts as the plugin's memory for operations makes necessary.
fn parts(
    old: &Old<'_>,
    new: &[u8],
    made: Range<usize>,
    sources: &Range<usize>,
) -> Vec<(Range<usize>, Operations)> {
    let operations = old.operations(&new[made.clone()], made.start, sources.clone());
    let sectors = made.len() / SECTOR_LEN as usize;
    if operations.len() <= MOST_BYTES || sectors < 2 {
        return vec![(made, operations)];
    }
    let middle = made.start + sectors / 2 * SECTOR_LEN as usize;
    let mut halves = parts(old, new, made.start..middle, sources);
    halves.extend(parts(old, new, middle..made.end, sources));
    halves
}

/// Whether these pieces turn the old image into the new one, and touch nothing else.
fn tried(change: &Change<'_>, differences: &Differences) -> bool {
    let len = change.new.len();
    let mut flash = change.old.to_vec();
    // What is behind the old image may be anything.
    flash.resize(len, 0xA5);
    let mut expected = flash.clone();
    for unit in &differences.units {
        let bytes = in_bytes(unit);
        expected[bytes.clone()].copy_from_slice(&change.new[bytes]);
    }
    let mut flash = Trial {
        offset: change.offset,
        bytes: flash,
    };
    let run = change.in_flash(&(0..len));
    let mut device = Device::new(run.start, run.end);
    let requests = differences
        .pieces
        .iter()
        .flat_map(|piece| piece.requests(0));
    for request in requests {
        let is_done = device.answer(&request).is_ok() && device.work(&request, &mut flash).is_ok();
        if !is_done {
            return false;
        }
    }
    flash.bytes == expected
}

/// A region's flash in memory.
struct Trial {
    offset: u32,
    bytes: Vec<u8>,
}

impl Trial {
    fn part(&mut self, offset: u32, len_bytes: u32) -> Option<&mut [u8]> {
        let start = offset.checked_sub(self.offset)? as usize;
        self.bytes.get_mut(start..start + len_bytes as usize)
    }

    fn erase(&mut self, offset: u32, len_bytes: u32) -> Option<()> {
        self.part(offset, len_bytes)?.fill(0xFF);
        Some(())
    }
}

impl Flash for Trial {
    fn read(&mut self, offset: u32, len_bytes: u32) -> Option<Vec<u8>> {
        self.part(offset, len_bytes).map(|bytes| bytes.to_vec())
    }

    fn program(&mut self, offset: u32, bytes: &[u8]) -> Option<()> {
        let cells = self.part(offset, bytes.len() as u32)?;
        cells
            .iter_mut()
            .zip(bytes)
            .for_each(|(cell, byte)| *cell &= byte);
        Some(())
    }

    fn erase_block(&mut self, offset: u32) -> Option<()> {
        self.erase(offset, BLOCK_LEN)
    }

    fn erase_sector(&mut self, offset: u32) -> Option<()> {
        self.erase(offset, SECTOR_LEN)
    }
}

#[cfg(test)]
mod tests;
