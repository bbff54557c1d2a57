//! Looking at what a board holds, for what is decided before it is written to. Each backend has its
//! own way to look; what is decided is the same.

use crate::failure::DeployError;

/// A board whose flash can be looked at.
pub(crate) trait OnBoard {
    /// So many bytes at this offset.
    fn read(&mut self, offset: u32, len_bytes: u32) -> Result<Vec<u8>, DeployError>;

    /// Whether these bytes are at this offset.
    fn holds(&mut self, offset: u32, bytes: &[u8]) -> Result<bool, DeployError>;

    /// Which of these stretches, byte offset and length, are erased.
    fn are_blank(&mut self, stretches: &[(u32, u32)]) -> Result<Vec<bool>, DeployError>;
}
