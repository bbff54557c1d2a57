//! What is on the board, through esptool. Each look is a run of its own and takes seconds: what
//! lies together is fetched together, and nothing is fetched twice.

use std::ops::Range;

use super::arguments::Work;
use super::error::EsptoolError;
use super::fault::{fault, is_mismatch};
use super::tool::Esptool;
use super::verdicts::{Span, verdicts};
use crate::failure::DeployError;
use crate::job::on_board::OnBoard;
use crate::outcome::Verdict;
use fbuild_project::file::{self, IMAGE_LIMIT};

/// The rest of this much comes along with what is fetched: a table and the otadata after it are
/// in the same 64 KiB nearly everywhere.
const TOGETHER: u32 = 0x1_0000;
/// File that flash is read into.
const CONTENT: &str = "content";

/// What is fetched to know so much.
fn fetched(offset: u32, len_bytes: u32) -> Range<u32> {
    let end = offset.saturating_add(len_bytes);
    offset..end.checked_next_multiple_of(TOGETHER).unwrap_or(end)
}

impl OnBoard for Esptool<'_> {
    fn read(&mut self, offset: u32, len_bytes: u32) -> Result<Vec<u8>, DeployError> {
        if let Some(known) = self.known.get(offset, len_bytes) {
            return Ok(known.to_vec());
        }
        let range = fetched(offset, len_bytes);
        let work = Work::ReadFlash {
            offset,
            len_bytes: range.end - offset,
            file: CONTENT,
        };
        self.run_well(self.request.after, work, &mut |_| {})?;
        let path = self.folder.path().join(CONTENT);
        let content = file::read(&path, IMAGE_LIMIT).unwrap_or_default();
        let wanted = content.get(..len_bytes as usize).map(<[u8]>::to_vec);
        let wanted = wanted.ok_or_else(|| EsptoolError::Failed {
            how: "exit code 0".to_owned(),
            why: format!("it read {} of {len_bytes} bytes of flash", content.len()),
        })?;
        self.known.add(offset, content);
        Ok(wanted)
    }

    fn holds(&mut self, offset: u32, bytes: &[u8]) -> Result<bool, DeployError> {
        Ok(self.read(offset, bytes.len() as u32)? == bytes)
    }

    /// They are large, and the board can hash: it compares them with files that are blank.
    fn are_blank(&mut self, stretches: &[Span]) -> Result<Vec<bool>, DeployError> {
        let mut files = Vec::new();
        for &(offset, len_bytes) in stretches {
            files.push(self.put(offset, &vec![0xFF; len_bytes as usize])?);
        }
        let ran = self.run(self.request.after, Work::Verify(&files), &mut |_| {})?;
        if !ran.status.success() && !is_mismatch(&ran.lines) {
            return Err(fault(&ran.lines, &ran.how(), &self.request.port, ""));
        }
        // What is not said to be blank may be data.
        let verdicts = verdicts(&ran.lines, stretches);
        Ok(verdicts.iter().map(|it| *it == Verdict::Match).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::esptool::known::Known;

    #[test]
    fn a_table_and_otadata_are_fetched_together_and_once() {
        assert_eq!(fetched(0x8000, 256), 0x8000..0x1_0000);
        assert_eq!(fetched(0xE000, 64), 0xE000..0x1_0000);
        assert_eq!(fetched(0xF000, 0x2000), 0xF000..0x2_0000);
        assert_eq!(fetched(u32::MAX, 64), u32::MAX..u32::MAX);
        let mut known = Known::default();
        known.add(0x8000, vec![7; 0x8000]);
        assert_eq!(known.get(0xD000, 64), Some(&[7; 64][..]));
        assert_eq!(known.get(0xFFFF, 2), None);
        assert_eq!(known.get(0x7FFF, 1), None);
    }
}
