//! How long a loader may take for an answer.
//!
//! Boards whose flash is slow, and boards that an emulator plays, take longer than esptool 5.6.0 waits
//! and are right in the end. So every limit for work is at least three times esptool's, and grows with
//! what this board was seen to need.

use std::time::Duration;

use super::ANSWER_TIMEOUT;
use crate::packet::op;

/// At least this many times what esptool waits.
const AT_LEAST: f64 = 3.0;
/// An answer may take this many times as long as the slowest so far, each measured by what esptool
/// would wait for it.
const HEADROOM: f64 = 8.0;
/// The most: twenty times esptool's figure, which is a minute for a small request.
const AT_MOST: f64 = 20.0;

/// Work that takes a loader time, by what decides how much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Work {
    /// None to speak of: the answer is in memory.
    Nothing,
    /// Hashing flash.
    Hash,
    /// Erasing and programming flash.
    Write,
}

impl Work {
    /// What a request makes the loader do. The stub does it after its answer, which is then waited
    /// for with the next request.
    pub(super) fn of(op: u8) -> Self {
        match op {
            op::SPI_FLASH_MD5 => Self::Hash,
            op::FLASH_BEGIN
            | op::FLASH_DATA
            | op::FLASH_END
            | op::FLASH_DEFL_BEGIN
            | op::FLASH_DEFL_DATA
            | op::FLASH_DEFL_END
            | op::ERASE_REGION
            | op::PLUGIN
            // Comes between two writes.
            | op::SPI_SET_PARAMS => Self::Write,
            _ => Self::Nothing,
        }
    }
}

/// What was seen of a board's pace: the longest that an answer took, as a share of what esptool waits.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Patience {
    hash: f64,
    write: f64,
}

impl Patience {
    /// How long to wait for an answer that esptool would wait `usual` for.
    pub(super) fn limit(&self, work: Work, usual: Duration) -> Duration {
        let slowest = match work {
            Work::Nothing => return usual,
            Work::Hash => self.hash,
            Work::Write => self.write,
        };
        usual.mul_f64((HEADROOM * slowest).clamp(AT_LEAST, AT_MOST))
    }

    /// Learns from an answer.
    pub(super) fn learn(&mut self, work: Work, usual: Duration, took: Duration) {
        let slowest = match work {
            Work::Nothing => return,
            Work::Hash => &mut self.hash,
            Work::Write => &mut self.write,
        };
        *slowest = slowest.max(took.as_secs_f64() / usual.as_secs_f64());
    }
}

/// What esptool waits for work that takes time per byte: `per_mb` for every million bytes ("MB" is
/// 1,000,000 bytes there), never less than for an ordinary answer.
pub(super) fn usual(per_mb: Duration, len_bytes: u64) -> Duration {
    let scaled = per_mb.mul_f64(len_bytes as f64 / 1_000_000.0);
    scaled.max(ANSWER_TIMEOUT)
}

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL: Duration = Duration::from_secs(3);

    #[test]
    fn a_slow_board_gets_more_time() {
        let mut patience = Patience::default();
        let limit_s = |patience: &Patience, work| {
            (patience.limit(work, USUAL) + Duration::from_millis(1)).as_secs()
        };
        assert_eq!(limit_s(&patience, Work::Hash), 9);
        patience.learn(Work::Hash, USUAL, Duration::from_millis(30));
        assert_eq!(limit_s(&patience, Work::Hash), 9);
        // As in an emulator on a busy machine.
        patience.learn(Work::Hash, USUAL, Duration::from_secs(4));
        patience.learn(Work::Hash, USUAL, Duration::from_millis(30));
        assert_eq!(limit_s(&patience, Work::Hash), 32);
        assert_eq!(limit_s(&patience, Work::Write), 9);
        patience.learn(Work::Hash, USUAL, Duration::from_secs(30));
        assert_eq!(limit_s(&patience, Work::Hash), 60);
        assert_eq!(limit_s(&patience, Work::Nothing), 3);
    }
}
