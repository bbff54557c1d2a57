//! Differences are looked for while the board is still asked what it holds: those to the image that some board was given
//! last. If this one holds another, or what is to be written is not as was supposed, they are looked for again.

use std::ops::Range;
use std::thread::JoinHandle;

use fbuild_chip::flash::SECTOR_LEN;

use crate::delta::{Change, Differences, differences, units};
use crate::old_images::{OldImage, OldImages, SectorDigests, sector_digests};

/// A thread that looks for them.
#[derive(Debug)]
pub(crate) struct Ahead {
    old: SectorDigests,
    thread: JoinHandle<Option<(Vec<Range<usize>>, Differences)>>,
}

impl Ahead {
    /// Begins with an image that will be at this offset, if what was kept last is another one of about its length.
    pub(crate) fn begin(kept: &OldImages<'_>, offset: u32, new: &[u8]) -> Option<Self> {
        let sectors = new.len() / SECTOR_LEN as usize;
        let is_alike = |old: &OldImage| old.digests.len().abs_diff(sectors) <= sectors / 4;
        let old = kept.newest().into_iter().find(is_alike)?;
        let digests = old.digests.clone();
        if digests == sector_digests(new) {
            return None;
        }
        let new = new.to_vec();
        let find = move || {
            let old = old.bytes()?;
            let sectors = new.chunks(SECTOR_LEN as usize).enumerate();
            let is_kept = |n: usize, sector: &[u8]| {
                let start = n * SECTOR_LEN as usize;
                old.get(start..start + sector.len()) == Some(sector)
            };
            let to_write: Vec<bool> = sectors.map(|(n, it)| !is_kept(n, it)).collect();
            let units = units(offset, &to_write);
            let change = Change {
                offset,
                old: &old,
                new: &new,
            };
            let found = differences(&change, &units)?;
            Some((units, found))
        };
        Some(Self {
            old: digests,
            thread: std::thread::Builder::new().spawn(find).ok()?,
        })
    }

    /// What was found, if it was to be found from this image and for these units.
    pub(crate) fn differences(self, old: &[u8], for_units: &[Range<usize>]) -> Option<Differences> {
        if self.old != sector_digests(old) {
            return None;
        }
        let (units, found) = self.thread.join().ok()??;
        (units == for_units).then_some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(seed: usize) -> Vec<u8> {
        let byte = |at: usize| (at * at / 7 + at * seed) as u8;
        (0..40 * SECTOR_LEN as usize).map(byte).collect()
    }

    #[test]
    fn what_was_guessed_right_is_there_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let kept = OldImages::new(dir.path());
        let (old, mut new) = (image(1), image(1));
        new[5000] ^= 1;
        new[3 * SECTOR_LEN as usize] ^= 1;
        assert!(Ahead::begin(&kept, 0x1_0000, &new).is_none());
        kept.keep(kept.make(&old.clone().into()).unwrap());
        let begin = || Ahead::begin(&kept, 0x1_0000, &new).unwrap();
        let found = begin().differences(&old, &[1..2, 3..4]).unwrap();
        assert_eq!((found.units, found.pieces.len()), (vec![1..2, 3..4], 2));
        assert!(begin().differences(&old, &[1..2, 3..5]).is_none());
        assert!(begin().differences(&image(2), &[1..2, 3..4]).is_none());
        // The board probably holds it already.
        assert!(Ahead::begin(&kept, 0x1_0000, &old).is_none());
        // Another program, probably.
        assert!(Ahead::begin(&kept, 0x1_0000, &new[..20 * SECTOR_LEN as usize]).is_none());
    }
}
