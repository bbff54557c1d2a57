//! Whether a deploy starts over after an error on the link, and how.

use fbuild_loader::error::LoaderError;
use fbuild_loader::link::LinesReach;
use fbuild_loader::session::Session;

use super::connect::rate_memory;
use super::{Baud, Job};
use crate::failure::{BoardState, DeployError};
use crate::rates;

/// How a deploy starts over: from a SYNC, with a new comparison.
pub(super) struct Again {
    /// Baud rate at most; `None`: as it was.
    pub(super) limit: Option<u32>,
}

impl Job<'_> {
    /// After an error that the line may be to blame for: at a lower baud rate where there is one to
    /// choose, and else once more as it was, because one lost byte is enough for such an error.
    pub(super) fn again(
        &mut self,
        session: &Session,
        error: &DeployError,
        tried: u32,
    ) -> Option<Again> {
        let DeployError::Loader(of_the_line) = error else {
            return None;
        };
        if !of_the_line.is_of_the_line() || self.cancel.is_cancelled() {
            return None;
        }
        let limit = self.slower(session);
        let same_helps = tried == 0 && !matches!(of_the_line, LoaderError::BaudRate { .. });
        let how = match limit {
            Some(baud) => {
                rate_memory(self.request, session).failed(session.baud());
                format!("trying again at {baud} baud")
            }
            None if same_helps => "trying again".to_owned(),
            None => return None,
        };
        // What was sent may have arrived as something else.
        let also = if self.state == BoardState::Untouched {
            ""
        } else {
            "; something else on the board may have been overwritten"
        };
        self.note(format!("{error}; {how}{also}"));
        Some(Again { limit })
    }

    /// The next lower baud rate, where the deploy may choose it and the board can be reset to it.
    fn slower(&self, session: &Session) -> Option<u32> {
        let may_choose = self.request.baud == Baud::Auto
            && session.lines() == LinesReach::Board
            && session.has_baud_rate();
        may_choose.then(|| rates::step_down(session.baud()))?
    }
}
