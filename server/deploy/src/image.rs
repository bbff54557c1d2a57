//! A region's bytes as they will stand in flash, and the checks that run before a board is touched.

/// A region's bytes as they will stand in flash: header patched, padded to 4 bytes with FF.
#[derive(Clone, PartialEq, Eq)]
pub struct Image {
    /// The region it is for.
    pub region: crate::target::Region,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl std::fmt::Debug for Image {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Image")
            .field("region", &self.region.name)
            .field("offset", &self.region.offset)
            .field("len_bytes", &self.bytes.len())
            .finish()
    }
}
