//! The difference between two images, as operations on the old one.
//!
//! The scan is bsdiff's (Colin Percival, "Naive differences of executable code"): matches are extended over bytes that
//! differ, so that code whose addresses moved is a copy with a little added. Matches are found by hash chains instead of
//! a suffix array, which finds as good ones in a fraction of time and memory.

use std::ops::Range;

use fbuild_loader::delta::operations::Operations;

/// Bytes that a match has at least, by which it is found.
const KEY_LEN: usize = 8;
/// Bits of a key's hash.
const HASH_BITS: u32 = 18;
/// Places with the same hash that are looked at, the last one first.
const CHAIN: usize = 32;
/// By how much a match has to be better than going on as before.
const WORTH_A_TURN: usize = 8;

const NONE: u32 = u32::MAX;

fn hash(bytes: &[u8]) -> Option<usize> {
    let key = u64::from_le_bytes(*bytes.first_chunk::<KEY_LEN>()?);
    Some((key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (u64::BITS - HASH_BITS)) as usize)
}

/// An old image and where everything is in it.
pub(super) struct Old<'a> {
    bytes: &'a [u8],
    last: Vec<u32>,
    before: Vec<u32>,
}

impl<'a> Old<'a> {
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn new(bytes: &'a [u8]) -> Self {
        let mut last = vec![NONE; 1 << HASH_BITS];
        let mut before = vec![NONE; bytes.len()];
        for (at, before) in before.iter_mut().enumerate() {
            let Some(hash) = hash(&bytes[at..]) else {
                break;
            };
            *before = std::mem::replace(&mut last[hash], at as u32);
        }
        Self {
            bytes,
            last,
            before,
        }
    }

    /// Makes `new`, which will be at `at`, from what is in `sources`.
    pub(super) fn operations(&self, new: &[u8], at: usize, sources: Range<usize>) -> Operations {
        let scan = Scan {
            old: self,
            new,
            sources,
        };
        let mut operations = Operations::default();
        scan.run(at, &mut |copied: Copied| {
            let end = copied.start + copied.len;
            let from = copied.from..copied.from + copied.len;
            if copied.len > 0 {
                let shift = copied.from.cast_signed() - (at + copied.start).cast_signed();
                let new = &new[copied.start..end];
                operations.copy(shift as i32, &self.bytes[from], new);
            }
            operations.literals(&new[end..copied.end]);
        });
        operations
    }

    /// How far most of `new` moved, by a few samples: where it lies in the old image, less where it will be. `None` if
    /// hardly any of it is there: this is another program, and looking for the rest would take seconds.
    pub(super) fn usual_shift(&self, new: &[u8]) -> Option<isize> {
        const STEP: usize = 1021;
        /// One sample of so many has to be found, at the last place with its hash. In an edited app of 1.7 MB it is
        /// one of 5, in the release after it one of 10, in another program one of 50 at most.
        const RARE: usize = 25;
        let places = (0..new.len()).step_by(STEP);
        let shift = |at: usize| {
            let found = self.last[hash(&new[at..])?];
            let is_match =
                self.bytes.get(found as usize..)?.get(..KEY_LEN)? == new.get(at..at + KEY_LEN)?;
            is_match.then_some((found as usize).cast_signed() - at.cast_signed())
        };
        let (n_places, mut shifts) = (places.len(), places.filter_map(shift).collect::<Vec<_>>());
        shifts.sort_unstable();
        let usual = shifts.get(shifts.len() / 2).copied();
        usual.filter(|_| shifts.len() * RARE >= n_places)
    }
}

/// One step of the scan: `len` bytes like the old ones, then new ones up to `end`.
struct Copied {
    start: usize,
    len: usize,
    from: usize,
    end: usize,
}

#[derive(Clone, Copy, Default)]
struct Match {
    len: usize,
    from: usize,
}

struct Scan<'a> {
    old: &'a Old<'a>,
    new: &'a [u8],
    sources: Range<usize>,
}

impl Scan<'_> {
    /// Old bytes from a place on, as far as they may be used.
    fn old_from(&self, from: isize) -> &[u8] {
        usize::try_from(from)
            .ok()
            .filter(|from| self.sources.contains(from))
            .map_or(&[], |from| &self.old.bytes[from..self.sources.end])
    }

    fn old_at(&self, from: isize) -> Option<u8> {
        self.old_from(from).first().copied()
    }

    /// The longest match for what is at `at`, the one that goes on as before if it is as long.
    fn find(&self, at: usize, shift: isize) -> Match {
        let new = &self.new[at..];
        let before = at.cast_signed() + shift;
        let mut best = Match {
            len: common_len(self.old_from(before), new),
            from: before.cast_unsigned(),
        };
        let Some(hash) = hash(new) else {
            return best;
        };
        let mut place = self.old.last[hash];
        for _ in 0..CHAIN {
            if place == NONE {
                break;
            }
            let old = self.old_from((place as usize).cast_signed());
            let may_be_longer = old
                .get(best.len)
                .is_some_and(|byte| Some(byte) == new.get(best.len));
            if may_be_longer {
                let len = common_len(old, new);
                if len > best.len {
                    let from = place as usize;
                    best = Match { len, from };
                }
            }
            place = self.old.before[place as usize];
        }
        best
    }

    fn run(&self, first: usize, emit: &mut dyn FnMut(Copied)) {
        let new = self.new;
        let (mut scan, mut found) = (0, Match::default());
        let (mut start, mut from) = (0, first.cast_signed());
        let mut shift = first.cast_signed();
        while scan < new.len() {
            // How much of the match goes on as before.
            let mut as_before = 0;
            scan += found.len;
            let mut counted = scan;
            while scan < new.len() {
                found = self.find(scan, shift);
                while counted < (scan + found.len).min(new.len()) {
                    as_before += usize::from(
                        self.old_at(counted.cast_signed() + shift) == Some(new[counted]),
                    );
                    counted += 1;
                }
                if found.len == as_before && found.len != 0 || found.len > as_before + WORTH_A_TURN
                {
                    break;
                }
                if self.old_at(scan.cast_signed() + shift) == Some(new[scan]) {
                    as_before = as_before.saturating_sub(1);
                }
                scan += 1;
            }
            if found.len == as_before && scan < new.len() {
                continue;
            }
            let mut ahead = alike(self.old_from(from).iter().zip(&new[start..scan]));
            let mut back = 0;
            if scan < new.len() {
                let old = &self.old.bytes[self.sources.start..found.from];
                back = alike(old.iter().rev().zip(new[start..scan].iter().rev()));
            }
            if start + ahead > scan - back {
                let overlap = start + ahead - (scan - back);
                let kept = self.best_cut(
                    start + ahead - overlap,
                    from + (ahead - overlap).cast_signed(),
                    found.from - back,
                    overlap,
                );
                ahead = ahead - overlap + kept;
                back -= kept;
            }
            emit(Copied {
                start,
                len: ahead,
                from: from.max(0).cast_unsigned(),
                end: scan - back,
            });
            start = scan - back;
            from = found.from.cast_signed() - back.cast_signed();
            shift = found.from.cast_signed() - scan.cast_signed();
        }
    }

    /// Of `len` bytes that either side could copy: how many the first one should.
    fn best_cut(&self, at: usize, first: isize, second: usize, len: usize) -> usize {
        let (mut score, mut best, mut cut) = (0_isize, 0, 0);
        for n in 0..len {
            let new = self.new[at + n];
            score += isize::from(self.old_at(first + n.cast_signed()) == Some(new));
            score -= isize::from(self.old.bytes[second + n] == new);
            if score > best {
                (best, cut) = (score, n + 1);
            }
        }
        cut
    }
}

/// How many of these pairs are worth a copy: the length at which most more are equal than not.
fn alike<'a>(pairs: impl Iterator<Item = (&'a u8, &'a u8)>) -> usize {
    let (mut equal, mut best, mut len) = (0_isize, 0, 0);
    for (n, (old, new)) in pairs.enumerate() {
        equal += isize::from(old == new);
        let score = 2 * equal - (n.cast_signed() + 1);
        if score > best {
            (best, len) = (score, n + 1);
        }
    }
    len
}

fn common_len(a: &[u8], b: &[u8]) -> usize {
    let words = a.chunks_exact(8).zip(b.chunks_exact(8));
    let equal = 8 * words.take_while(|(a, b)| a == b).count();
    let rest = a[equal..].iter().zip(&b[equal..]);
    equal + rest.take_while(|(a, b)| a == b).count()
}
