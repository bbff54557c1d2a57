//! Find the sectors of a region that differ from what is on the board, by asking the board for
//! hashes. No I/O of its own: the caller gives the function that hashes.

use std::ops::Range;

use fbuild_loader::session::md5_of;
use fbuild_loader::{BLOCK_LEN, SECTOR_LEN};

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
    #[must_use]
    pub fn is_to_be_written(self) -> bool {
        self != Self::Match
    }
}

/// Sectors per erase block.
pub const SECTORS_PER_BLOCK: usize = (BLOCK_LEN / SECTOR_LEN) as usize;
/// Regions of fewer sectors than this are searched at once: sampling would save nothing.
const SAMPLED_FROM: usize = 2 * SECTORS_PER_BLOCK;
/// Where samples are taken, in sixteenths of the region. Neither the first nor the last sector: they
/// hold build time and checksum, which change with every build. Where a change
/// left one sector in ten as it was, about half of all regions are searched; where it left a third,
/// nine in ten.
const SAMPLES: [usize; 6] = [9, 3, 13, 6, 11, 1];

/// How to search.
#[derive(Debug, Clone, Copy)]
pub struct Search {
    /// Sectors that one hash covers at first; a multiple of [`SECTORS_PER_BLOCK`].
    pub chunk_sectors: usize,
    /// Look at a few sectors first, and do not search a region in which all of them differ.
    pub sample: bool,
}

/// MD5 of a range of the region's sectors, as the board computes it.
pub type Hash<'h, E> = dyn FnMut(Range<usize>) -> Result<[u8; 16], E> + 'h;

impl Search {
    /// Searches one region. `bytes` are whole sectors as they would stand in flash at `offset`.
    ///
    /// Every sector is covered by one hash that matched, or is known or assumed to differ.
    pub fn run<E>(
        &self,
        offset: u32,
        bytes: &[u8],
        hash: &mut Hash<'_, E>,
    ) -> Result<Vec<Sector>, E> {
        let n_sectors = bytes.len() / SECTOR_LEN as usize;
        let mut state = State {
            bytes,
            sectors: vec![Sector::Unknown; n_sectors],
            hash,
        };
        if self.sample && n_sectors >= SAMPLED_FROM && state.all_samples_differ()? {
            state.ask_blanks()?;
            for sector in &mut state.sectors {
                if *sector == Sector::Unknown {
                    *sector = Sector::Assumed;
                }
            }
            return Ok(state.sectors);
        }
        let first_in_flash = (offset / SECTOR_LEN) as usize;
        for chunk in aligned_chunks(first_in_flash, 0..n_sectors, self.chunk_sectors) {
            state.ask(first_in_flash, chunk)?;
        }
        Ok(state.sectors)
    }
}

struct State<'a, 'h, E> {
    bytes: &'a [u8],
    sectors: Vec<Sector>,
    hash: &'a mut Hash<'h, E>,
}

impl<E> State<'_, '_, E> {
    fn image(&self, range: &Range<usize>) -> &[u8] {
        let len = SECTOR_LEN as usize;
        &self.bytes[range.start * len..range.end * len]
    }

    fn matches(&mut self, range: &Range<usize>) -> Result<bool, E> {
        Ok((self.hash)(range.clone())? == md5_of(self.image(range)))
    }

    fn all_samples_differ(&mut self) -> Result<bool, E> {
        for sixteenth in SAMPLES {
            let at = self.sectors.len() * sixteenth / 16;
            // Blank in the image: may well match on a board with entirely different firmware.
            if is_blank(self.image(&(at..at + 1))) {
                continue;
            }
            if self.matches(&(at..at + 1))? {
                self.sectors[at] = Sector::Match;
                return Ok(false);
            }
            self.sectors[at] = Sector::Differs;
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

    /// Asks about a range as a whole, and if it differs about its parts: blocks, then sectors.
    fn ask(&mut self, first_in_flash: usize, range: Range<usize>) -> Result<(), E> {
        if self.sectors[range.clone()]
            .iter()
            .all(|&sector| sector != Sector::Unknown)
        {
            return Ok(());
        }
        if self.matches(&range)? {
            self.sectors[range].fill(Sector::Match);
            return Ok(());
        }
        self.descend(first_in_flash, range)
    }

    /// The range is known to differ somewhere.
    fn descend(&mut self, first_in_flash: usize, range: Range<usize>) -> Result<(), E> {
        if range.len() == 1 {
            self.sectors[range.start] = Sector::Differs;
            return Ok(());
        }
        let part = if range.len() > SECTORS_PER_BLOCK {
            SECTORS_PER_BLOCK
        } else {
            1
        };
        let parts = aligned_chunks(first_in_flash, range.clone(), part);
        let last = parts.len() - 1;
        for (n, part) in parts.into_iter().enumerate() {
            let before_match = self.sectors[range.start..part.start]
                .iter()
                .all(|&s| s == Sector::Match);
            let untouched = self.sectors[part.clone()]
                .iter()
                .all(|&s| s == Sector::Unknown);
            if n == last && before_match && untouched {
                // The difference must be here: no need to ask again.
                self.descend(first_in_flash, part)?;
            } else {
                self.ask(first_in_flash, part)?;
            }
        }
        Ok(())
    }
}

/// Cuts a range of sectors at multiples of `chunk` *in flash*, so that hashes, erase blocks and runs
/// share their borders.
fn aligned_chunks(first_in_flash: usize, range: Range<usize>, chunk: usize) -> Vec<Range<usize>> {
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
#[must_use]
pub fn is_blank(bytes: &[u8]) -> bool {
    bytes.iter().all(|&byte| byte == 0xFF)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEN: usize = SECTOR_LEN as usize;

    /// Distinct content per sector; `0` stands for a blank one.
    fn flash(sectors: &[u8]) -> Vec<u8> {
        sectors
            .iter()
            .flat_map(|&n| vec![if n == 0 { 0xFF } else { n }; LEN])
            .collect()
    }

    struct Asked {
        sectors: Vec<Sector>,
        hashes: usize,
        hashed_sectors: usize,
    }

    fn search(offset: u32, board: &[u8], image: &[u8], sample: bool) -> Asked {
        let board = flash(board);
        let (mut hashes, mut hashed_sectors) = (0, 0);
        let search = Search {
            chunk_sectors: SECTORS_PER_BLOCK,
            sample,
        };
        let sectors = search
            .run(offset, &flash(image), &mut |range: Range<usize>| {
                hashes += 1;
                hashed_sectors += range.len();
                Ok::<_, ()>(md5_of(&board[range.start * LEN..range.end * LEN]))
            })
            .unwrap();
        Asked {
            sectors,
            hashes,
            hashed_sectors,
        }
    }

    fn differing(asked: &Asked) -> Vec<usize> {
        (0..asked.sectors.len())
            .filter(|&n| asked.sectors[n].is_to_be_written())
            .collect()
    }

    #[test]
    fn an_unchanged_region_costs_one_hash_per_block() {
        let content = [7; 64];
        let asked = search(0x1_0000, &content, &content, false);
        assert_eq!(differing(&asked), [0; 0]);
        assert_eq!((asked.hashes, asked.hashed_sectors), (4, 64));
    }

    #[test]
    fn only_the_block_that_differs_is_looked_into() {
        let image = [7; 64];
        let mut board = image;
        board[20] = 9;
        let asked = search(0x1_0000, &board, &image, false);
        assert_eq!(differing(&asked), [20]);
        assert_eq!(asked.hashed_sectors, 64 + 16);
    }

    #[test]
    fn the_last_sector_of_a_block_is_not_asked_when_it_must_be_the_one() {
        let image = [7; 16];
        let mut board = image;
        board[15] = 9;
        let asked = search(0x1_0000, &board, &image, false);
        assert_eq!(differing(&asked), [15]);
        assert_eq!(asked.hashes, 1 + 15);
    }

    #[test]
    fn chunks_follow_the_erase_blocks_of_the_flash_and_not_of_the_region() {
        let chunks = aligned_chunks(0x9, 0..20, 16);
        assert_eq!(chunks, [0..7, 7..20]);
    }

    #[test]
    fn a_region_that_is_all_different_is_not_searched() {
        let asked = search(0x1_0000, &[1; 366], &[2; 366], true);
        assert_eq!(differing(&asked).len(), 366);
        assert_eq!(asked.hashed_sectors, SAMPLES.len());
    }

    #[test]
    fn one_matching_sample_leads_to_a_search_that_does_not_ask_for_it_again() {
        let image: Vec<u8> = vec![2; 64];
        let mut board = vec![1; 64];
        board[36] = 2; // 64 * 9 / 16: the first sample
        let asked = search(0x1_0000, &board, &image, true);
        assert_eq!(differing(&asked).len(), 63);
        assert!(!asked.sectors.contains(&Sector::Assumed));
        // One sample, four blocks, and every sector of them but the sampled one.
        assert_eq!(asked.hashed_sectors, 1 + 64 + 63);
    }

    #[test]
    fn blank_stretches_of_a_new_image_are_left_alone_where_the_board_is_blank() {
        let mut image = vec![2; 64];
        image[50..60].fill(0);
        let asked = search(0x1_0000, &[0; 64], &image, true);
        assert_eq!(differing(&asked).len(), 54);
        assert_eq!(asked.sectors[50], Sector::Match);
    }

    #[test]
    fn larger_chunks_are_split_into_blocks_before_sectors() {
        let image = [7; 64];
        let mut board = image;
        board[63] = 9;
        let mut hashed = Vec::new();
        let board = flash(&board);
        let search = Search {
            chunk_sectors: 64,
            sample: false,
        };
        let sectors = search
            .run(0, &flash(&image), &mut |range: Range<usize>| {
                hashed.push(range.clone());
                Ok::<_, ()>(md5_of(&board[range.start * LEN..range.end * LEN]))
            })
            .unwrap();
        assert_eq!(sectors.iter().filter(|s| s.is_to_be_written()).count(), 1);
        // The whole, three blocks that match, then the last block's sectors but for its last.
        assert_eq!(hashed.len(), 1 + 3 + 15);
    }
}
