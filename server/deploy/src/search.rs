//! Find the sectors of a region that differ from what is on the board, by asking the board for
//! hashes. No I/O of its own: the caller gives the function that hashes.

mod by_old;

use std::ops::Range;

use fbuild_chip::flash::{BLOCK_LEN, SECTOR_LEN};
use fbuild_loader::session::md5_of;

pub(crate) use self::by_old::recognize;

/// What is known about one sector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sector {
    /// Nobody asked.
    Unknown,
    /// The board holds exactly these bytes.
    Match,
    /// The board holds something else.
    Differs,
    /// Not asked, because every sampled sector of its region differs: to be written.
    Assumed,
}

impl Sector {
    /// Whether this sector has to be written.
    pub fn is_to_be_written(self) -> bool {
        self != Self::Match
    }
}

/// Sectors per erase block.
pub const SECTORS_PER_BLOCK: usize = (BLOCK_LEN / SECTOR_LEN) as usize;
/// Sectors that one hash covers at most: a deploy is cancelled between two.
pub(crate) const LONGEST_CHUNK: usize = 8 * SECTORS_PER_BLOCK;
/// A block is split into fours and those into sectors: for a single difference this hashes a quarter
/// more and asks half as often as going through the sectors would.
const SECTORS_PER_SPLIT: usize = 4;
/// From this many differing sectors in a block on, hashes of blocks and fours mostly say what the
/// sectors say again: here and in the next block, sectors are asked about one by one. Measured on a
/// build with 16 bytes inserted, where about a third of the sectors differ in each block.
const MANY: usize = 3;
/// Regions of fewer sectors than this are searched at once: sampling would save nothing.
pub(crate) const SAMPLED_FROM: usize = 2 * SECTORS_PER_BLOCK;
/// Where samples are taken, in sixteenths of the region. Neither the first nor the last sector: they
/// hold build time and checksum, which change with every build. Where a change
/// left one sector in ten as it was, about half of all regions are searched; where it left a third,
/// nine in ten.
const SAMPLES: [usize; 6] = [9, 3, 13, 6, 11, 1];

/// Where these sectors' bytes are.
pub fn in_bytes(sectors: &Range<usize>) -> Range<usize> {
    let len = SECTOR_LEN as usize;
    sectors.start * len..sectors.end * len
}

/// How to search.
#[derive(Debug, Clone, Copy)]
pub struct Search {
    /// Sectors that one hash covers at first; a multiple of [`SECTORS_PER_BLOCK`].
    pub chunk_sectors: usize,
    /// If the first block is as it should be, so is the rest: an app's has the hash of its build.
    pub first_tells: bool,
    /// Look at a few sectors first, and do not search a region in which all of them differ.
    pub sample: bool,
    /// Differing sectors of a block from which on the whole block will be written anyway: no need to
    /// search on in it. `None`: search everything.
    pub enough: Option<usize>,
}

/// What a search found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// One entry per sector.
    pub sectors: Vec<Sector>,
    /// Everything that differs, as far as it was asked about, is blank on the board: it need not be
    /// erased.
    pub looks_blank: bool,
    /// The old image that was guessed is what the board holds, as far as was asked.
    pub is_as_guessed: bool,
}

/// MD5 of a range of the region's sectors, as the board computes it.
pub type Hash<'h, E> = dyn FnMut(Range<usize>) -> Result<[u8; 16], E> + 'h;

impl Search {
    /// Searches one region. `bytes` are whole sectors as they would be in flash at `offset`; `old`, if
    /// given, what the board probably holds there.
    ///
    /// Every sector is covered by one hash that matched, or is known or assumed to differ.
    ///
    /// # Errors
    /// Whatever `hash` failed with; nothing was changed.
    pub fn run<E>(
        &self,
        offset: u32,
        bytes: &[u8],
        old: Option<&[u8]>,
        hash: &mut Hash<'_, E>,
    ) -> Result<Found, E> {
        let n_sectors = bytes.len() / SECTOR_LEN as usize;
        let mut state = State {
            bytes,
            offset,
            enough: self.enough.unwrap_or(usize::MAX),
            sectors: vec![Sector::Unknown; n_sectors],
            expect: Expect::Match,
            looks_blank: true,
            is_as_guessed: false,
            hash,
        };
        let was_right = match old {
            Some(old) => state.by_old(old, self.chunk_sectors)?,
            None => false,
        };
        state.is_as_guessed = was_right;
        if self.sample && n_sectors >= SAMPLED_FROM && !was_right {
            if state.all_samples_differ()? {
                state.ask_blanks()?;
                state.assume(0..n_sectors);
                return Ok(state.found());
            }
            // A sample that differs before one that matches: there is much of either.
            if state.sectors.contains(&Sector::Differs) {
                state.expect = Expect::ManyDiffer;
            }
        }
        let blocks = aligned_chunks(offset, 0..n_sectors, SECTORS_PER_BLOCK);
        let Some((first, rest)) = blocks.split_first() else {
            return Ok(state.found());
        };
        state.search(first.clone())?;
        let is_same = self.first_tells && state.count_differing(first.clone()) == 0;
        let chunk_sectors = if is_same {
            LONGEST_CHUNK
        } else {
            self.chunk_sectors
        };
        for chunk in chunks(rest, chunk_sectors) {
            state.search(chunk)?;
        }
        Ok(state.found())
    }
}

/// What is asked about after the first block. The last one is on its own, as the first: build time and
/// checksum make them differ after every build, and nothing else should be hashed again for it.
fn chunks(blocks: &[Range<usize>], chunk_sectors: usize) -> Vec<Range<usize>> {
    let Some((last, middle)) = blocks.split_last() else {
        return Vec::new();
    };
    let per_chunk = (chunk_sectors / SECTORS_PER_BLOCK).max(1);
    let joined = middle
        .chunks(per_chunk)
        .map(|part| part[0].start..part[part.len() - 1].end);
    joined.chain([last.clone()]).collect()
}

/// What the last block was like, which is what the next one will probably be like: an insertion
/// moves everything after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expect {
    Match,
    FewDiffer,
    /// Enough that asking about more than one sector at a time is wasted.
    ManyDiffer,
    /// Enough that the block is written whole.
    MostDiffer,
}

struct State<'a, 'h, E> {
    bytes: &'a [u8],
    offset: u32,
    enough: usize,
    sectors: Vec<Sector>,
    expect: Expect,
    looks_blank: bool,
    is_as_guessed: bool,
    hash: &'a mut Hash<'h, E>,
}

impl<E> State<'_, '_, E> {
    fn image(&self, range: &Range<usize>) -> &[u8] {
        &self.bytes[in_bytes(range)]
    }

    fn matches(&mut self, range: &Range<usize>) -> Result<bool, E> {
        let digest = (self.hash)(range.clone())?;
        if digest == md5_of(self.image(range)) {
            return Ok(true);
        }
        if self.looks_blank {
            let blank = vec![0xFF; range.len() * SECTOR_LEN as usize];
            self.looks_blank = digest == md5_of(&blank);
        }
        Ok(false)
    }

    fn found(self) -> Found {
        Found {
            looks_blank: self.looks_blank,
            is_as_guessed: self.is_as_guessed,
            sectors: self.sectors,
        }
    }

    fn ask_sector(&mut self, at: usize) -> Result<Sector, E> {
        if self.sectors[at] == Sector::Unknown {
            let matches = self.matches(&(at..at + 1))?;
            self.sectors[at] = if matches {
                Sector::Match
            } else {
                Sector::Differs
            };
        }
        Ok(self.sectors[at])
    }

    /// Whatever nobody asked about in a range is to be written.
    fn assume(&mut self, range: Range<usize>) {
        for sector in &mut self.sectors[range] {
            if *sector == Sector::Unknown {
                *sector = Sector::Assumed;
            }
        }
    }

    fn all_samples_differ(&mut self) -> Result<bool, E> {
        for sixteenth in SAMPLES {
            let at = self.sectors.len() * sixteenth / 16;
            // Blank in the image: may well match on a board with entirely different firmware.
            if !is_blank(self.image(&(at..at + 1))) && self.ask_sector(at)? == Sector::Match {
                return Ok(false);
            }
        }
        Ok(self.sectors.contains(&Sector::Differs))
    }

    /// Stretches that are blank in the image may be blank on the board: worth one hash each before
    /// they are erased for nothing.
    fn ask_blanks(&mut self) -> Result<(), E> {
        let mut at = 0;
        while at < self.sectors.len() {
            let blanks = (at..self.sectors.len())
                .take_while(|&sector| is_blank(self.image(&(sector..sector + 1))))
                .count();
            if blanks > 0 {
                let range = at..at + blanks;
                let verdict = if self.matches(&range)? {
                    Sector::Match
                } else {
                    Sector::Differs
                };
                self.sectors[range].fill(verdict);
            }
            at += blanks.max(1);
        }
        Ok(())
    }

    /// What is not known yet of a chunk.
    fn search(&mut self, chunk: Range<usize>) -> Result<(), E> {
        if self.sectors[chunk.clone()].contains(&Sector::Unknown) {
            self.chunk(chunk)?;
        }
        Ok(())
    }

    /// One block or several: as a whole, then block by block.
    fn chunk(&mut self, chunk: Range<usize>) -> Result<(), E> {
        let blocks = aligned_chunks(self.offset, chunk.clone(), SECTORS_PER_BLOCK);
        let asked_whole = blocks.len() > 1 && self.expect == Expect::Match;
        if asked_whole && self.matches(&chunk)? {
            self.sectors[chunk].fill(Sector::Match);
            return Ok(());
        }
        let last = blocks.len() - 1;
        for (n, block) in blocks.into_iter().enumerate() {
            let before = &self.sectors[chunk.start..block.start];
            // The difference must be here: no need to ask again.
            let must_differ =
                asked_whole && n == last && before.iter().all(|&s| s == Sector::Match);
            self.block(block, must_differ)?;
        }
        Ok(())
    }

    fn block(&mut self, block: Range<usize>, must_differ: bool) -> Result<(), E> {
        if self.expect == Expect::MostDiffer && self.block_samples_differ(&block)? {
            self.assume(block);
            return Ok(());
        }
        let ask_whole = !must_differ && self.expect == Expect::Match;
        if ask_whole && self.matches(&block)? {
            self.sectors[block].fill(Sector::Match);
            return Ok(());
        }
        let fours = aligned_chunks(self.offset, block.clone(), SECTORS_PER_SPLIT);
        let last = fours.len() - 1;
        for (n, four) in fours.into_iter().enumerate() {
            let n_differing = self.count_differing(block.start..four.start);
            let inferred = (must_differ || ask_whole) && n == last && n_differing == 0;
            let by_sector = matches!(self.expect, Expect::ManyDiffer | Expect::MostDiffer)
                || n_differing >= MANY;
            self.four(four, inferred, by_sector, &block)?;
            if self.is_enough(&block) {
                self.assume(block.clone());
                break;
            }
        }
        let is_written_whole = self.is_enough(&block);
        self.expect = match self.count_differing(block) {
            0 => Expect::Match,
            _ if is_written_whole => Expect::MostDiffer,
            n if n >= MANY => Expect::ManyDiffer,
            _ => Expect::FewDiffer,
        };
        Ok(())
    }

    /// Whether so much of a block differs that all of it will be written.
    fn is_enough(&self, block: &Range<usize>) -> bool {
        block.len() == SECTORS_PER_BLOCK && self.count_differing(block.clone()) >= self.enough
    }

    /// After a block that will be written whole: whether the next one looks the same.
    fn block_samples_differ(&mut self, block: &Range<usize>) -> Result<bool, E> {
        const SAMPLES_IN_BLOCK: [usize; 2] = [10, 5];
        if block.len() < SECTORS_PER_BLOCK {
            return Ok(false);
        }
        for at in SAMPLES_IN_BLOCK {
            if self.ask_sector(block.start + at)? == Sector::Match {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// `must_differ`: somewhere in here, as is known without asking. `by_sector`: do not ask about the
    /// four as a whole. Ends early where enough of its `block` differs.
    fn four(
        &mut self,
        four: Range<usize>,
        must_differ: bool,
        by_sector: bool,
        block: &Range<usize>,
    ) -> Result<(), E> {
        let known = self.sectors[four.clone()]
            .iter()
            .filter(|&&s| s != Sector::Unknown)
            .count();
        // Asking for the four as a whole only pays while most of its sectors are open.
        let ask_whole = !must_differ && !by_sector && known < four.len() / 2 && four.len() > 1;
        if ask_whole && self.count_differing(four.clone()) == 0 && self.matches(&four)? {
            self.sectors[four].fill(Sector::Match);
            return Ok(());
        }
        let differs = must_differ || (ask_whole && self.count_differing(four.clone()) == 0);
        for at in four.clone() {
            if self.is_enough(block) {
                break;
            }
            let others_match = four
                .clone()
                .filter(|&n| n != at)
                .all(|n| self.sectors[n] == Sector::Match);
            if differs && others_match {
                self.sectors[at] = Sector::Differs;
            } else {
                self.ask_sector(at)?;
            }
        }
        Ok(())
    }

    fn count_differing(&self, range: Range<usize>) -> usize {
        self.sectors[range]
            .iter()
            .filter(|&&sector| matches!(sector, Sector::Differs | Sector::Assumed))
            .count()
    }
}

/// Cuts a range of sectors at multiples of `chunk` *in flash*, so that hashes, erase blocks and runs
/// share their borders.
pub(crate) fn aligned_chunks(offset: u32, range: Range<usize>, chunk: usize) -> Vec<Range<usize>> {
    let first_in_flash = (offset / SECTOR_LEN) as usize;
    let mut chunks = Vec::new();
    let mut at = range.start;
    while at < range.end {
        let next = ((first_in_flash + at) / chunk + 1) * chunk - first_in_flash;
        let end = next.min(range.end);
        chunks.push(at..end);
        at = end;
    }
    chunks
}

/// Whether these bytes read the same as erased flash.
pub fn is_blank(bytes: &[u8]) -> bool {
    bytes.iter().all(|&byte| byte == 0xFF)
}

#[cfg(test)]
mod tests;
