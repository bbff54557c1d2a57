//! Looking at what a board holds, for what is decided before it is written to. Each backend has its
//! own way to look; what is decided is the same.

use fbuild_loader::session::{Session, md5_of};

use crate::failure::DeployError;

/// What is large is looked at in steps of this, up to the first that is not blank. File systems and NVS
/// keep what they start from at their beginning, so that one step is the rule.
const STEP_BYTES: u32 = 256 * 1024;

/// A board whose flash can be looked at.
pub(crate) trait OnBoard {
    /// So many bytes at this offset.
    fn read(&mut self, offset: u32, len_bytes: u32) -> Result<Vec<u8>, DeployError>;

    /// Whether these bytes stand at this offset.
    fn holds(&mut self, offset: u32, bytes: &[u8]) -> Result<bool, DeployError>;

    /// Which of these stretches, byte offset and length, are erased.
    fn are_blank(&mut self, stretches: &[(u32, u32)]) -> Result<Vec<bool>, DeployError>;
}

impl OnBoard for Session {
    fn read(&mut self, offset: u32, len_bytes: u32) -> Result<Vec<u8>, DeployError> {
        Ok(self.read_flash(offset, len_bytes)?)
    }

    fn holds(&mut self, offset: u32, bytes: &[u8]) -> Result<bool, DeployError> {
        Ok(self.md5(offset, bytes.len() as u32)? == md5_of(bytes))
    }

    fn are_blank(&mut self, stretches: &[(u32, u32)]) -> Result<Vec<bool>, DeployError> {
        let mut is_blank = |&(offset, len_bytes): &(u32, u32)| {
            for done in (0..len_bytes).step_by(STEP_BYTES as usize) {
                let erased = vec![0xFF; STEP_BYTES.min(len_bytes - done) as usize];
                if !self.holds(offset + done, &erased)? {
                    return Ok(false);
                }
            }
            Ok(true)
        };
        stretches.iter().map(&mut is_blank).collect()
    }
}
