//! Search with a guess: what the board held before is compared with what it is to hold, and the board
//! only has to say that the guess is right.

use std::collections::HashSet;
use std::ops::Range;

use fbuild_loader::session::md5_of;

use super::{Hash, LONGEST_CHUNK, SECTORS_PER_BLOCK, Sector, State, aligned_chunks, in_bytes};

/// Sectors that are asked about to tell old images apart.
const PROBES: usize = 3;

/// Which of the old images the board seems to hold, by hashes of a few sectors; the first of several
/// that cannot be told apart. `old` and `new` are digests per sector.
///
/// # Errors
/// Whatever `hash` failed with.
pub(crate) fn recognize<E>(
    old: &[&[[u8; 16]]],
    new: &[[u8; 16]],
    hash: &mut Hash<'_, E>,
) -> Result<Option<usize>, E> {
    let mut asked = Vec::new();
    let mut left: Vec<usize> = (0..old.len()).collect();
    for _ in 0..PROBES {
        let Some(at) = telling_sector(&left, old, new, &asked) else {
            break;
        };
        asked.push(at);
        let digest = hash(at..at + 1)?;
        left.retain(|&n| old[n].get(at) == Some(&digest));
        if left.len() == 1 && is_not_new(old[left[0]], new, &asked) {
            break;
        }
    }
    Ok(left.into_iter().find(|&n| is_not_new(old[n], new, &asked)))
}

/// Whether what was asked tells an old image from the one that is to be written.
fn is_not_new(old: &[[u8; 16]], new: &[[u8; 16]], asked: &[usize]) -> bool {
    asked.iter().any(|&at| old[at] != new[at])
}

/// The sector in which these differ most, from each other and from what is to be written.
fn telling_sector(
    left: &[usize],
    old: &[&[[u8; 16]]],
    new: &[[u8; 16]],
    asked: &[usize],
) -> Option<usize> {
    let kinds = |at: usize| {
        let digests = left.iter().filter_map(|&n| old[n].get(at));
        digests.chain([&new[at]]).collect::<HashSet<_>>().len()
    };
    // The first of the best: it has the build's time and hash.
    let open = (0..new.len()).filter(|at| !asked.contains(at));
    let (kinds, at) = open.map(|at| (kinds(at), std::cmp::Reverse(at))).max()?;
    (kinds > 1).then_some(at.0)
}

impl<E> State<'_, '_, E> {
    /// Settles everything that `old` says, as far as the board's hashes agree; whether they did.
    /// Blocks that will be written whole are not asked about.
    pub(super) fn by_old(&mut self, old: &[u8], chunk_sectors: usize) -> Result<bool, E> {
        let len = old.len().min(self.bytes.len());
        let old = &old[..len];
        let known = 0..len / in_bytes(&(0..1)).len();
        self.looks_blank = false;
        let mut asked: Vec<Range<usize>> = Vec::new();
        for block in aligned_chunks(self.offset, known, SECTORS_PER_BLOCK) {
            let changed = block.clone().filter(|&at| !self.is_as(old, at)).count();
            let is_written_whole = block.len() == SECTORS_PER_BLOCK && changed >= self.enough;
            if changed == block.len() && self.enough < usize::MAX || is_written_whole {
                self.assume(block);
                continue;
            }
            // Nobody knows yet how fast the loader is, nor whether the guess is right.
            let most = if asked.len() < 2 {
                chunk_sectors
            } else {
                LONGEST_CHUNK
            };
            match asked.last_mut() {
                Some(last) if last.end == block.start && last.len() < most => {
                    last.end = block.end;
                }
                _ => asked.push(block),
            }
        }
        for range in asked {
            let digest = (self.hash)(range.clone())?;
            if digest == md5_of(self.image(&range)) {
                self.sectors[range].fill(Sector::Match);
            } else if digest == md5_of(&old[in_bytes(&range)]) {
                for at in range {
                    self.sectors[at] = if self.is_as(old, at) {
                        Sector::Match
                    } else {
                        Sector::Differs
                    };
                }
            } else {
                // What was assumed was assumed of another board.
                let assumed = self.sectors.iter_mut().filter(|it| **it == Sector::Assumed);
                assumed.for_each(|sector| *sector = Sector::Unknown);
                self.looks_blank = true;
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether a sector is to hold what the old image has there.
    fn is_as(&self, old: &[u8], at: usize) -> bool {
        let bytes = in_bytes(&(at..at + 1));
        old[bytes.clone()] == self.bytes[bytes]
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Found, Search};
    use super::*;

    const LEN: usize = 4096;

    /// Distinct content per sector.
    fn flash(sectors: &[u8]) -> Vec<u8> {
        sectors.iter().flat_map(|&n| vec![n; LEN]).collect()
    }

    fn digests(sectors: &[u8]) -> Vec<[u8; 16]> {
        flash(sectors).chunks(LEN).map(md5_of).collect()
    }

    const DEPLOY: Search = Search {
        chunk_sectors: 2 * SECTORS_PER_BLOCK,
        first_tells: false,
        sample: true,
        enough: Some(9),
    };

    fn search(
        how: Search,
        board: &[u8],
        image: &[u8],
        old: Option<&[u8]>,
    ) -> (Found, Vec<Range<usize>>) {
        let board = flash(board);
        let mut asked = Vec::new();
        let old = old.map(flash);
        let found = how.run(0x1_0000, &flash(image), old.as_deref(), &mut |range| {
            asked.push(range.clone());
            Ok::<_, ()>(md5_of(&board[in_bytes(&range)]))
        });
        (found.unwrap(), asked)
    }

    fn with(changes: &[usize]) -> Vec<u8> {
        let mut image: Vec<u8> = (0..64).collect();
        for &at in changes {
            image[at] += 100;
        }
        image
    }

    #[test]
    fn nothing_is_hashed_twice_where_the_guess_is_right() {
        let (old, image) = (with(&[]), with(&[0, 20, 21, 63]));
        let (found, asked) = search(DEPLOY, &old, &image, Some(&old));
        assert_eq!(asked, [0..32, 32..64]);
        let differing: Vec<usize> = (0..64)
            .filter(|&at| found.sectors[at] == Sector::Differs)
            .collect();
        assert_eq!(differing, [0, 20, 21, 63]);
        assert!(!found.sectors.contains(&Sector::Assumed));
        let (_, without) = search(DEPLOY, &old, &image, None);
        let hashed = |asked: &[Range<usize>]| asked.iter().map(Range::len).sum::<usize>();
        assert!(hashed(&asked) < hashed(&without), "{without:?}");
    }

    #[test]
    fn a_block_that_is_written_whole_is_not_asked_about() {
        let many: Vec<usize> = (16..28).collect();
        let (old, image) = (with(&[]), with(&many));
        let (found, asked) = search(DEPLOY, &old, &image, Some(&old));
        assert_eq!(asked, [0..16, 32..64]);
        assert_eq!(found.sectors[16..32], [Sector::Assumed; 16]);
        // A verify shows what differs.
        let verify = Search {
            sample: false,
            enough: None,
            ..DEPLOY
        };
        let (found, _) = search(verify, &old, &image, Some(&old));
        assert_eq!(found.sectors[16..28], [Sector::Differs; 12]);
        assert_eq!(found.sectors[28..32], [Sector::Match; 4]);
    }

    /// Whatever was guessed: what is found is true of the board.
    #[test]
    fn a_wrong_guess_costs_hashes_and_nothing_else() {
        let image = with(&[3, 40]);
        let mut longer = with(&[5]);
        longer.extend([7; 30]);
        for board in [with(&[]), with(&[3]), with(&[3, 40]), vec![0xFF; 64]] {
            for old in [with(&[9, 50]), vec![9; 64], vec![9; 20], longer.clone()] {
                let (found, _) = search(DEPLOY, &board, &image, Some(&old));
                for at in 0..64 {
                    let may_be = if board[at] == image[at] {
                        [Sector::Match, Sector::Assumed]
                    } else {
                        [Sector::Differs, Sector::Assumed]
                    };
                    let found = found.sectors[at];
                    assert!(may_be.contains(&found), "{found:?} {at} {board:?} {old:?}");
                }
            }
        }
    }

    #[test]
    fn what_is_behind_the_old_image_is_searched() {
        let image = with(&[60]);
        let board = with(&[]);
        let (found, asked) = search(DEPLOY, &board, &image, Some(&board[..40]));
        assert_eq!(asked[0], 0..32);
        let differing = found.sectors.iter().filter(|it| it.is_to_be_written());
        assert_eq!(differing.count(), 1);
        assert_eq!(found.sectors[60], Sector::Differs);
    }

    #[test]
    fn an_old_image_is_recognized_by_a_sector_or_two() {
        let new = with(&[7]);
        let all = [with(&[7]), with(&[]), with(&[3]), with(&[3, 9])];
        let all = all.map(|sectors| digests(&sectors));
        let all: Vec<&[[u8; 16]]> = all.iter().map(Vec::as_slice).collect();
        for (board, expected, most) in [
            (with(&[]), Some(1), 3),
            (with(&[3]), Some(2), 3),
            (with(&[3, 9]), Some(3), 3),
            // What is to be written, by another tool.
            (with(&[7]), None, 3),
            (vec![200; 64], None, 1),
        ] {
            let board = digests(&board);
            let mut asked = 0;
            let found = recognize(&all, &digests(&new), &mut |range| {
                asked += 1;
                Ok::<_, ()>(board[range.start])
            });
            assert_eq!(found, Ok(expected));
            assert!(asked <= most, "{asked}");
        }
        // Nothing but what is to be written: there is nothing to ask.
        let none = recognize::<()>(&all[..1], &digests(&new), &mut |_| unreachable!());
        assert_eq!(none, Ok(None));
    }
}
