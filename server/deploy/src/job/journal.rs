//! What one deploy has told so far, and what it has done to the board.

use std::time::Duration;

use super::Job;
use crate::event::{Board, Event, Phase};
use crate::failure::{Air, BoardState};
use crate::outcome::PlanSummary;
use crate::outcome::Report;

/// What a deploy reports and remembers, whichever backend carries it out.
///
/// A board that was touched is never untouched again, nothing is noted twice, and after
/// [`Self::finish`] nothing is told.
pub(super) struct Journal<'a> {
    events: &'a mut dyn FnMut(Event),
    pub(super) state: BoardState,
    pub(super) board: Option<Board>,
    pub(super) plan: Option<PlanSummary>,
    pub(super) warnings: Vec<String>,
    pub(super) elapsed: Duration,
}

impl<'a> Journal<'a> {
    pub(super) fn new(events: &'a mut dyn FnMut(Event)) -> Self {
        Self {
            events,
            state: BoardState::Untouched,
            board: None,
            plan: None,
            warnings: Vec::new(),
            elapsed: Duration::ZERO,
        }
    }

    /// What will be written is known.
    pub(super) fn planned(&mut self, plan: PlanSummary) {
        self.plan = Some(plan.clone());
        (self.events)(Event::Planned(plan));
    }

    /// Something that a person should know and that does not stop the deploy.
    pub(super) fn note(&mut self, text: String) {
        // A deploy that starts over finds the same again.
        if !self.warnings.contains(&text) {
            (self.events)(Event::Note(text.clone()));
            self.warnings.push(text);
        }
    }

    fn has_written(&self) -> bool {
        self.state != BoardState::Untouched
    }

    /// What was written, if anything was, is proved.
    pub(super) fn proved(&mut self) {
        if self.has_written() {
            self.state = BoardState::Proved;
        }
    }

    pub(super) fn finish(self, report: Report) {
        (self.events)(Event::Finished(Box::new(report)));
    }
}

/// What a backend tells. Regions are those of the survey.
impl Job<'_> {
    /// The port is about to be opened.
    pub(crate) fn connecting(&mut self) {
        (self.journal.events)(Event::Connecting {
            port: self.request.port.as_str().into(),
        });
    }

    /// A board has answered.
    pub(crate) fn connected(&mut self, board: Board) {
        self.journal.board = Some(board.clone());
        (self.journal.events)(Event::Connected(board));
    }

    /// So much of a phase of a region is done.
    pub(crate) fn progress(&mut self, n: usize, phase: Phase, done_bytes: u64, total_bytes: u64) {
        (self.journal.events)(Event::Progress {
            region: self.survey.regions[n].name.clone(),
            phase,
            done_bytes,
            total_bytes,
        });
    }

    /// Whether any byte of the board's flash may have been erased or written.
    pub(crate) fn has_written(&self) -> bool {
        self.journal.has_written()
    }

    /// Writing this region begins, or goes on.
    pub(crate) fn writing(&mut self, n: usize) {
        self.journal.state = BoardState::Writing {
            region: self.survey.regions[n].name.to_string(),
        };
    }

    /// Writing a whole program begins, of which nothing can be compared.
    pub(crate) fn begun(&mut self) {
        self.journal.state = BoardState::Begun;
    }

    /// An image goes over the air, and has come so far.
    pub(crate) fn in_the_air(&mut self, air: Air) {
        self.journal.state = BoardState::Sent(air);
    }

    /// Everything was written.
    pub(crate) fn written(&mut self) {
        self.journal.state = BoardState::Written;
    }

    /// What the deploy took; by the link's clock, where there is one, which is also right for a simulated
    /// board with accounted time.
    pub(crate) fn took(&mut self, elapsed: Duration) {
        self.journal.elapsed = elapsed;
    }

    /// Something that a person should know and that does not stop the deploy.
    pub(crate) fn note(&mut self, text: String) {
        self.journal.note(text);
    }

    /// The board that has answered.
    pub(crate) fn board(&self) -> Option<&Board> {
        self.journal.board.as_ref()
    }
}
