//! What the plugin does, in Rust: `plugin.c` line by line. A test runs both and compares.

use std::fmt;

use flate2::{Decompress, FlushDecompress, Status};

use super::operations::{MOST_BYTES, take_operation};
use super::{FIRST_PART, LAST_PART, PIECE_WORDS, VERSION, error, kind, saved_with, sum};
use crate::packet::word_at;
use fbuild_chip::flash::{BLOCK_LEN, SECTOR_LEN};

/// Bytes that are read at once where they were not saved.
const READ_LEN: u32 = 256;

/// Flash as the boot ROM's functions give it.
pub trait Flash {
    /// Bytes at an offset, both multiples of 4. `None`: the ROM refuses.
    fn read(&mut self, offset: u32, len_bytes: u32) -> Option<Vec<u8>>;
    /// Programs a sector that was erased.
    fn program(&mut self, offset: u32, bytes: &[u8]) -> Option<()>;
    /// Erases 64 KiB.
    fn erase_block(&mut self, offset: u32) -> Option<()>;
    /// Erases 4 KiB.
    fn erase_sector(&mut self, offset: u32) -> Option<()>;
    /// The processor has worked on so many bytes.
    fn worked(&mut self, work: Work, len_bytes: u32) {
        let _ = (work, len_bytes);
    }
}

/// What takes a processor time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// Adding bytes up, or moving them, a word at a time.
    Words,
    /// Inflating, bytes of output.
    Inflate,
    /// Copying and adding, byte by byte.
    Copy,
}

/// What a request is answered with: the value, and the data.
pub type Answer = (u32, Vec<u8>);

/// The plugin's state.
pub struct Device {
    first: u32,
    end: u32,
    inflater: Decompress,
    operations: Vec<u8>,
    saved_at: u32,
    saved: Vec<u8>,
    unit_end: u32,
    next: u32,
    done: u32,
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Device")
            .field("run", &(self.first..self.end))
            .field("done", &self.done)
            .finish_non_exhaustive()
    }
}

/// What the words of a piece's request say.
struct Words {
    flags: u32,
    known_len: u32,
    erase_at: u32,
    erase_len: u32,
    old_sum: u32,
    at: u32,
    len_bytes: u32,
    lengths: u32,
    part_len: u32,
}

impl Words {
    fn of(data: &[u8]) -> Self {
        let word = |index| word_at(data, index).unwrap_or(0);
        Self {
            flags: word(3),
            known_len: word(3) & !(SECTOR_LEN - 1),
            erase_at: word(4),
            erase_len: word(5),
            old_sum: word(6),
            at: word(7),
            len_bytes: word(8),
            lengths: word(9),
            part_len: word(10),
        }
    }
}

/// Whether a request arrived as it was sent.
///
/// # Errors
/// The code that the plugin answers with.
pub fn check_sum(data: &[u8]) -> Result<(), u8> {
    let is_whole = data.len() >= 16 && data.len().is_multiple_of(4);
    let is_right = is_whole && word_at(data, 0) == Some(sum(&data[4..]));
    is_right.then_some(()).ok_or(error::SUM)
}

/// The stretch of RAM that a request, whose sum is right, wants the sum of: address and length.
pub fn wants_sum(data: &[u8]) -> Option<(u32, u32)> {
    let is_sum = word_at(data, 1) == Some(kind::SUM);
    is_sum.then(|| Some((word_at(data, 2)?, word_at(data, 3)?.saturating_mul(4))))?
}

/// The answer to that.
pub fn sum_answer(of: &[u8]) -> Answer {
    (VERSION, sum(of).to_le_bytes().to_vec())
}

/// Address of the state that any other request is about.
pub fn state_of(data: &[u8]) -> u32 {
    word_at(data, 2).unwrap_or(0)
}

impl Device {
    /// For a run from one offset to another.
    pub fn new(first: u32, end: u32) -> Self {
        Self {
            first,
            end,
            inflater: Decompress::new(false),
            operations: Vec::new(),
            saved_at: 0,
            saved: Vec::new(),
            unit_end: 0,
            next: 0,
            done: 0,
        }
    }

    /// Answers a request whose sum is right. `Ok((answer, true))`: there is work to do after it.
    ///
    /// # Errors
    /// The code to refuse it with; nothing was done.
    pub fn answer(&self, data: &[u8]) -> Result<(Answer, bool), u8> {
        let answer = (self.done, Vec::new());
        if word_at(data, 1) == Some(kind::COUNT) {
            return Ok((answer, false));
        }
        let part = data.get(PIECE_WORDS * 4..).ok_or(error::PLACE)?;
        let words = Words::of(data);
        if words.part_len as usize > part.len() {
            return Err(error::PLACE);
        }
        let (mut next, mut end) = (self.next, self.unit_end);
        if words.erase_len != 0 {
            next = words.erase_at;
            end = words.erase_at.wrapping_add(words.erase_len);
            let is_in_sectors = (words.erase_at | words.erase_len) & (SECTOR_LEN - 1) == 0;
            let is_in_run =
                words.erase_at >= self.first && end >= words.erase_at && end <= self.end;
            if !is_in_sectors || words.erase_len > BLOCK_LEN || !is_in_run {
                return Err(error::PLACE);
            }
        }
        let is_possible = words.known_len <= words.erase_len
            && words.len_bytes.wrapping_sub(1) < BLOCK_LEN
            && words.len_bytes & (SECTOR_LEN - 1) == 0
            && words.at == next
            && words.len_bytes <= end.wrapping_sub(words.at);
        is_possible.then_some((answer, true)).ok_or(error::PLACE)
    }

    /// The work after the answer.
    ///
    /// # Errors
    /// The code to answer the next request with. Flash may be erased, or half written.
    pub fn work(&mut self, data: &[u8], flash: &mut dyn Flash) -> Result<(), u8> {
        let words = Words::of(data);
        let is_last = words.flags & LAST_PART != 0;
        self.inflate(data, &words, is_last, flash)?;
        if !is_last {
            return Ok(());
        }
        self.check_operations(&words)?;
        if words.erase_len != 0 {
            self.save_and_erase(&words, flash)?;
        }
        self.make(&words, flash)?;
        self.next = words.at + words.len_bytes;
        self.done += 1;
        Ok(())
    }

    fn saved_end(&self) -> u32 {
        self.saved_at + self.saved.len() as u32
    }

    fn inflate(
        &mut self,
        data: &[u8],
        words: &Words,
        is_last: bool,
        flash: &mut dyn Flash,
    ) -> Result<(), u8> {
        if words.flags & FIRST_PART != 0 {
            self.inflater.reset(false);
            self.operations.clear();
        }
        let start = PIECE_WORDS * 4;
        let part = data
            .get(start..start + words.part_len as usize)
            .ok_or(error::STREAM)?;
        let (in_before, len_before) = (self.inflater.total_in(), self.operations.len());
        let mut room = vec![0; MOST_BYTES - len_before];
        let out_before = self.inflater.total_out();
        let status = self
            .inflater
            .decompress(part, &mut room, FlushDecompress::None)
            .map_err(|_| error::STREAM)?;
        let used = (self.inflater.total_in() - in_before) as usize;
        let made = (self.inflater.total_out() - out_before) as usize;
        self.operations.extend_from_slice(&room[..made]);
        flash.worked(Work::Inflate, made as u32);
        let is_at_end = status == Status::StreamEnd;
        // The ROM's inflater wants to say more where there is no room for it.
        let is_full = made == room.len() && !is_at_end;
        let is_right = used == part.len() && is_at_end == is_last && !is_full;
        is_right.then_some(()).ok_or(error::STREAM)
    }

    /// Control bytes, added bytes, literals.
    fn parts(&self, words: &Words) -> Option<[&[u8]; 3]> {
        let (control_len, added_len) = (words.lengths & 0xFFFF, words.lengths >> 16);
        let (control, rest) = self.operations.split_at_checked(control_len as usize)?;
        let (added, literals) = rest.split_at_checked(added_len as usize)?;
        Some([control, added, literals])
    }

    /// Everything is looked at before anything is erased.
    fn check_operations(&self, words: &Words) -> Result<(), u8> {
        let [mut control, added, literals] = self.parts(words).ok_or(error::OPERATION)?;
        let end = words.at + words.len_bytes;
        let (mut at, mut n_added, mut n_literals, mut shift) = (words.at, 0, 0, 0_i32);
        while !control.is_empty() {
            let op = take_operation(&mut control).ok_or(error::OPERATION)?;
            shift = shift.wrapping_add(op.turn);
            let from = at.wrapping_add_signed(shift);
            if [op.copy, op.add, op.literals]
                .into_iter()
                .any(|n| n > BLOCK_LEN)
            {
                return Err(error::OPERATION);
            }
            let old = op.copy + op.add;
            let is_in_run = from >= self.first && from <= self.end && old <= self.end - from;
            at += old + op.literals;
            n_added += op.add;
            n_literals += op.literals;
            if old != 0 && !is_in_run || at > end {
                return Err(error::OPERATION);
            }
        }
        let is_all =
            at == end && n_added as usize == added.len() && n_literals as usize == literals.len();
        is_all.then_some(()).ok_or(error::OPERATION)
    }

    fn save_and_erase(&mut self, words: &Words, flash: &mut dyn Flash) -> Result<(), u8> {
        let erase = words.erase_at..words.erase_at + words.erase_len;
        let before = self.saved_at..self.saved_end();
        let saved = std::mem::take(&mut self.saved);
        let range = saved_with(&before, &erase);
        let (below, above) = (erase.start - range.start, range.end - erase.end);
        flash.worked(Work::Words, below + above);
        let mut unit = Vec::new();
        for at in erase.clone().step_by(SECTOR_LEN as usize) {
            unit.extend(flash.read(at, SECTOR_LEN).ok_or(error::FLASH)?);
        }
        flash.worked(Work::Words, words.known_len);
        if sum(&unit[..words.known_len as usize]) != words.old_sum {
            return Err(error::OLD);
        }
        self.saved = [
            &saved[saved.len() - below as usize..],
            &unit,
            &saved[..above as usize],
        ]
        .concat();
        self.saved_at = range.start;
        self.unit_end = erase.end;
        if words.erase_len == BLOCK_LEN && erase.start.is_multiple_of(BLOCK_LEN) {
            return flash.erase_block(erase.start).ok_or(error::FLASH);
        }
        for at in erase.step_by(SECTOR_LEN as usize) {
            flash.erase_sector(at).ok_or(error::FLASH)?;
        }
        Ok(())
    }

    fn make(&self, words: &Words, flash: &mut dyn Flash) -> Result<(), u8> {
        let [mut control, mut added, mut literals] = self.parts(words).ok_or(error::OPERATION)?;
        let (mut at, mut shift) = (words.at, 0_i32);
        let mut sector = Vec::new();
        while let Some(op) = take_operation(&mut control) {
            shift = shift.wrapping_add(op.turn);
            let mut from = at.wrapping_add_signed(shift);
            let mut copy = op.copy;
            let (mut old, mut new) = (op.copy + op.add, op.literals);
            while old + new > 0 {
                let room = SECTOR_LEN - sector.len() as u32;
                let mut as_words = 0;
                let n = if old > 0 {
                    let source = self.old_bytes(from, room.min(old), flash)?;
                    let n = source.len() as u32;
                    let (plain, changed) = source.split_at(copy.min(n) as usize);
                    sector.extend_from_slice(plain);
                    let (add, rest) = added.split_at(changed.len());
                    added = rest;
                    let sums = changed.iter().zip(add);
                    sector.extend(sums.map(|(byte, add)| byte.wrapping_add(*add)));
                    copy -= plain.len() as u32;
                    if shift % 4 == 0 {
                        as_words = plain.len() as u32;
                    }
                    from += n;
                    old -= n;
                    n
                } else {
                    let n = room.min(new);
                    let (bytes, rest) = literals.split_at(n as usize);
                    literals = rest;
                    sector.extend_from_slice(bytes);
                    new -= n;
                    n
                };
                flash.worked(Work::Words, as_words);
                flash.worked(Work::Copy, n - as_words);
                at += n;
                if sector.len() == SECTOR_LEN as usize {
                    flash
                        .program(at - SECTOR_LEN, &sector)
                        .ok_or(error::FLASH)?;
                    sector.clear();
                }
            }
        }
        Ok(())
    }

    /// Up to `most` bytes of the old image: as saved, or as they still are in flash.
    fn old_bytes(&self, from: u32, most: u32, flash: &mut dyn Flash) -> Result<Vec<u8>, u8> {
        if let Some(start) = from.checked_sub(self.saved_at)
            && from < self.saved_end()
        {
            let saved = &self.saved[start as usize..];
            return Ok(saved[..saved.len().min(most as usize)].to_vec());
        }
        let mut n = most.min(READ_LEN);
        if from < self.saved_at {
            n = n.min(self.saved_at - from);
        }
        let skew = from & 3;
        let len = (skew + n).next_multiple_of(4);
        let bytes = flash.read(from - skew, len).ok_or(error::FLASH)?;
        Ok(bytes[skew as usize..][..n as usize].to_vec())
    }
}
