//! Work on a board that needs no target: identifying it, and erasing its flash.

use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use fbuild_deploy::native::BoardInfo;
use fbuild_deploy::native::erase::{Erased, NotErased, Stretch};
use fbuild_deploy::outcome::Failure;
use fbuild_project::amount::amount;

use super::Work;
use super::stand::Stand;
use crate::explain::{self, Asked, Text};
use crate::port::Wishes;
use crate::progress::Step;
use crate::server::editor::Answer;
use crate::server::jobs::Ended;
use crate::stop::{Stop, failure_of, outcome_of};

/// Which board.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// The request itself.
    pub(crate) asked: Asked,
    /// Port, if one was asked for.
    pub(crate) port: Option<String>,
    /// Folders whose choice and settings count.
    pub(crate) roots: Vec<PathBuf>,
}

impl Place {
    /// `wanted`: the port that the project asks for.
    pub(super) fn choose(
        &self,
        stand: &Stand<'_>,
        verb: &str,
        wanted: Option<&str>,
    ) -> Result<String, Stop> {
        stand.says("resolving", "looking for the board");
        let settings = stand.settings(&self.roots)?;
        let folder = match &self.roots[..] {
            [only] => Some(only.as_path()),
            _ => None,
        };
        let board = folder.and_then(|it| stand.choosing.board_of(it));
        let wishes = Wishes {
            asked: self.port.as_deref(),
            remembered: board.as_ref(),
            setting: settings.port.as_deref(),
            project: wanted,
            needs_none: false,
        };
        Ok(stand.choose_port(&wishes, folder, verb)?.name)
    }
}

/// How work on a board ended.
#[derive(Debug)]
pub(crate) struct Done<T> {
    /// Name of the port, as far as it was found out.
    pub(crate) port: Option<String>,
    pub(crate) message: String,
    pub(crate) duration: Duration,
    pub(crate) result: Result<T, Stop>,
}

impl<T> Done<T> {
    /// `good`: what to say of a success. `verb`: what is said to have been cancelled, or to have failed.
    pub(super) fn of(
        stand: &Stand<'_>,
        verb: &str,
        port: Option<String>,
        result: Result<T, Stop>,
        good: impl FnOnce(&T) -> String,
    ) -> Self {
        let message = match &result {
            Ok(done) => good(done),
            Err(Stop::Cancelled) => format!("{verb} cancelled"),
            Err(Stop::Failed(failure)) => format!("{verb} failed: {}", failure.what),
        };
        Self {
            port,
            message,
            duration: stand.elapsed(),
            result,
        }
    }

    /// After a panic.
    pub(super) fn crashed(verb: &str, place: &Place, failure: Failure, took: Duration) -> Self {
        Self {
            port: place.port.clone(),
            message: format!("{verb} failed: {}", failure.what),
            duration: took,
            result: Err(failure.into()),
        }
    }

    /// What went wrong, if something did.
    pub(crate) fn failure(&self) -> Option<&Failure> {
        failure_of(&self.result)
    }

    /// How it ended, for a person.
    pub(crate) fn words(&self, asked: &Asked) -> Text {
        let port = self.port.as_deref().unwrap_or_default();
        explain::work(&self.message, self.failure(), port, asked)
    }

    pub(super) fn ended(&self, good: &'static str, asked: &Asked) -> Ended {
        let outcome = outcome_of(&self.result, good);
        Ended::new(outcome, self.words(asked), self.duration)
    }
}

/// Who is it?
#[derive(Debug)]
pub(crate) struct Identify(pub(crate) Place);

impl Identify {
    fn story(&self, stand: &Stand<'_>, port: &mut Option<String>) -> Result<BoardInfo, Stop> {
        let name = port.insert(self.0.choose(stand, "this", None)?);
        stand.claim("board info", name)?;
        stand.go_on()?;
        stand.says("connecting", format!("connecting to {name}"));
        let link = stand.borrow(name, None, false);
        let boards = &stand.choosing.boards;
        let info = boards.info(name, link.slot(), stand.cancel());
        drop(link);
        // A cancel reaches the caller as an error of the link.
        stand.go_on()?;
        let info = info?;
        stand.view(|view| view.chip = Some(info.chip.name()));
        Ok(info)
    }
}

impl Work for Identify {
    type Done = Done<BoardInfo>;

    fn verb(&self) -> &'static str {
        "board info"
    }

    fn run(&self, stand: &Stand<'_>) -> Self::Done {
        let mut port = None;
        let result = self.story(stand, &mut port);
        Done::of(stand, self.verb(), port, result, |info| {
            let mac = info.mac.as_deref().unwrap_or("(secured)");
            format!("{} {mac}", info.chip)
        })
    }

    fn crashed(&self, failure: Failure, took: Duration) -> Self::Done {
        Done::crashed(self.verb(), &self.0, failure, took)
    }

    fn ended(&self, done: &Self::Done) -> Ended {
        done.ended("identified", &self.0.asked)
    }
}

/// Erases flash, once the person has confirmed it.
#[derive(Debug)]
pub(crate) struct Erase {
    pub(crate) place: Place,
    pub(crate) stretch: Stretch,
    pub(crate) is_confirmed: bool,
}

impl Erase {
    fn what(&self) -> String {
        match &self.stretch {
            Stretch::All => "the whole flash".to_owned(),
            Stretch::Range(range) => at(range),
        }
    }

    fn story(
        &self,
        stand: &Stand<'_>,
        port: &mut Option<String>,
        board_state: &mut String,
    ) -> Result<Erased, Stop> {
        let name = port.insert(self.place.choose(stand, "erase", None)?);
        stand.claim(&format!("erase of {}", self.what()), name)?;
        if !self.is_confirmed {
            confirm(stand, &self.what(), name)?;
        }
        stand.go_on()?;
        stand.says("connecting", format!("connecting to {name}"));
        let mut progress = |done: u32, all: u32| {
            let percent = u64::from(done) * 100 / u64::from(all.max(1));
            let percent = u32::try_from(percent).unwrap_or(100).min(99);
            let (done, all) = (done / 1024, all / 1024);
            let step = Step {
                text: format!("erasing {percent} %, {done} of {all} KiB"),
                amounts: Some(format!("{done} of {all} KiB")),
                percent,
                phase: "erasing",
                ..Step::default()
            };
            stand.view(|view| view.step = step);
        };
        let link = stand.borrow(name, None, false);
        let erased = stand.choosing.boards.erase(
            name,
            self.stretch.clone(),
            link.slot(),
            &mut progress,
            stand.cancel(),
        );
        drop(link);
        match erased {
            Ok(erased) => {
                stand.view(|view| view.chip = Some(erased.chip.name()));
                Ok(erased)
            }
            Err(NotErased::Cancelled { board_state: state }) => {
                *board_state = state;
                Err(Stop::Cancelled)
            }
            Err(NotErased::Failed(failure)) => Err(failure.into()),
        }
    }
}

/// `4 KiB at 0x9000`.
fn at(range: &Range<u32>) -> String {
    format!("{} at {:#x}", amount(range.len() as u64), range.start)
}

/// Nothing is erased without a yes: silence is a no.
fn confirm(stand: &Stand<'_>, what: &str, port: &str) -> Result<(), Stop> {
    let question = format!("Erase {what} of the board on {port}? This cannot be undone.");
    match stand.ask(true, &question, &["Erase".to_owned()])? {
        Answer::Chosen(_) => Ok(()),
        Answer::Dismissed => Err(Stop::Cancelled),
        Answer::Silence => Err(Stop::Failed(Failure {
            code: "not-confirmed",
            is_input: true,
            what: format!("erasing {what} on {port} was not confirmed"),
            board_state: "nothing was erased".to_owned(),
            remedy: "confirm it, or pass \"confirmed\": true".into(),
        })),
    }
}

impl Work for Erase {
    type Done = Done<Erased>;

    fn verb(&self) -> &'static str {
        "erase"
    }

    fn title(&self) -> String {
        format!("erase {}", self.what())
    }

    fn run(&self, stand: &Stand<'_>) -> Self::Done {
        let mut port = None;
        let mut board_state = "nothing was erased".to_owned();
        let result = self.story(stand, &mut port, &mut board_state);
        let mut done = Done::of(stand, self.verb(), port, result, |erased| {
            format!("erased {}", at(&erased.range))
        });
        if let Err(Stop::Cancelled) = done.result {
            done.message = format!("{}; {board_state}", done.message);
        }
        done
    }

    fn crashed(&self, failure: Failure, took: Duration) -> Self::Done {
        Done::crashed(self.verb(), &self.place, failure, took)
    }

    fn ended(&self, done: &Self::Done) -> Ended {
        done.ended("erased", &self.place.asked)
    }
}
