//! Looking at a board through its loader.

use fbuild_loader::error::LoaderError;
use fbuild_loader::session::{Session, md5_of};

use super::Native;
use crate::failure::DeployError;
use crate::job::on_board::OnBoard;
use crate::search::is_blank;

/// What is large is looked at in steps of this, up to the first that is not blank. File systems and NVS
/// keep what they start from at their beginning, so that one step is the rule.
const STEP_BYTES: u32 = 256 * 1024;

/// How often something is read that does not have the digest that the board gives it.
const READS: u32 = 3;

impl OnBoard for Session {
    /// What was read is compared with the board's digest of it: a ROM's answer carries none, and a
    /// stub's not the offset that was asked for.
    fn read(&mut self, offset: u32, len_bytes: u32) -> Result<Vec<u8>, DeployError> {
        for _ in 0..READS {
            let bytes = self.read_flash(offset, len_bytes)?;
            if self.holds(offset, &bytes)? {
                return Ok(bytes);
            }
        }
        Err(DeployError::from(LoaderError::BadReply {
            command: "READ_FLASH",
            what: format!("what was read at {offset:#x} does not match its digest on the board"),
        }))
    }

    fn holds(&mut self, offset: u32, bytes: &[u8]) -> Result<bool, DeployError> {
        let len_bytes = bytes.len() as u32;
        let expected = md5_of(bytes);
        // Blank flash is blank elsewhere, too: its digest may be the answer to another question.
        let asked = if is_blank(bytes) { 2 } else { 1 };
        for _ in 0..asked {
            if self.md5(offset, len_bytes)? != expected {
                return Ok(false);
            }
        }
        Ok(true)
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

impl OnBoard for Native {
    fn read(&mut self, offset: u32, len_bytes: u32) -> Result<Vec<u8>, DeployError> {
        self.session.read(offset, len_bytes)
    }

    fn holds(&mut self, offset: u32, bytes: &[u8]) -> Result<bool, DeployError> {
        self.session.holds(offset, bytes)
    }

    fn are_blank(&mut self, stretches: &[(u32, u32)]) -> Result<Vec<bool>, DeployError> {
        self.session.are_blank(stretches)
    }
}
