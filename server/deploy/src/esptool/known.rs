//! What is known of the board's flash.

/// Stretches of flash whose bytes are known.
#[derive(Debug, Default)]
pub(super) struct Known(Vec<(u32, Vec<u8>)>);

impl Known {
    pub(super) fn add(&mut self, offset: u32, bytes: Vec<u8>) {
        self.0.push((offset, bytes));
    }

    pub(super) fn get(&self, offset: u32, len_bytes: u32) -> Option<&[u8]> {
        self.0.iter().find_map(|(start, bytes)| {
            let at = offset.checked_sub(*start)? as usize;
            bytes.get(at..at.checked_add(len_bytes as usize)?)
        })
    }
}
