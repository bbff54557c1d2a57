//! An answer does not say which question it belongs to. Where one bit of a damaged offset leads from
//! one app slot to another that holds the same program, or most of it, the digest of a block there is
//! taken for that of the block that was asked about.

use std::ops::Range;

use fbuild_chip::flash::SECTOR_LEN;
use fbuild_loader::error::LoaderError;
use fbuild_loader::session::{Session, md5_of};
use fbuild_project::partitions::Partition;

use crate::job::survey::Survey;
use crate::search::in_bytes;

impl Survey {
    /// Whether the digest of these sectors may be that of another partition. It says something where
    /// it is that of one of `meant`, bytes that the sectors may hold.
    pub(super) fn may_be_a_twins(
        &mut self,
        session: &mut Session,
        n: usize,
        sectors: &Range<usize>,
        digest: [u8; 16],
        meant: &[&[u8]],
    ) -> Result<bool, LoaderError> {
        let twins = self.twins(self.regions[n].sector_offset(sectors.start));
        // Without a table it may be anywhere.
        let is_known = self.table.is_some();
        if twins.is_empty() && is_known {
            return Ok(false);
        }
        let Some(bytes) = meant.iter().find(|bytes| digest == md5_of(bytes)) else {
            return Ok(false);
        };
        let sector = |at: usize| &bytes[in_bytes(&(at..at + 1))];
        let says_something = |at: &usize| sector(*at).iter().any(|byte| *byte != sector(*at)[0]);
        // What is one byte repeated was asked for twice.
        let Some(telling) = (0..sectors.len()).find(says_something) else {
            return Ok(false);
        };
        for twin in &twins {
            let at = twin + telling as u32 * SECTOR_LEN;
            // What differs in one sector does not have the digest of the whole.
            let is_like_it = at >= self.flash_bytes()
                || self.hash(session, at, SECTOR_LEN)? == md5_of(sector(telling));
            if is_like_it {
                return Ok(true);
            }
        }
        Ok(!is_known)
    }

    /// Where one bit of the offset leads to another partition that may hold the same.
    fn twins(&self, offset: u32) -> Vec<u32> {
        let partitions = self.table.iter().flat_map(|table| &table.partitions);
        let Some(own) = partitions.clone().find(|it| it.contains(offset)) else {
            return Vec::new();
        };
        let is_alike = |other: &Partition| {
            const APP: u8 = 0;
            other != own
                && other.kind == own.kind
                && (own.kind == APP || other.subtype == own.subtype)
        };
        let places = (SECTOR_LEN.ilog2()..u32::BITS).map(|bit| offset ^ (1 << bit));
        places
            .filter(|place| {
                let mut others = partitions.clone();
                others.any(|it| is_alike(it) && it.contains(*place))
            })
            .collect()
    }
}
