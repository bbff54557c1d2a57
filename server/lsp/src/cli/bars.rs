//! Progress of a deploy in a shell: a bar per region where somebody looks, else one line per
//! finished phase.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use fbuild_deploy::event::{Event, Phase};
use fbuild_project::plain;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::terminal::Terminal;
use crate::plain::Line;
use crate::progress::{doing, done, planned_text};

/// Draws events.
pub(crate) struct Bars {
    terminal: Terminal,
    drawn: Option<Drawn>,
    notes: Vec<String>,
}

struct Drawn {
    all: MultiProgress,
    headline: ProgressBar,
    regions: HashMap<Arc<str>, ProgressBar>,
    style: ProgressStyle,
}

impl Bars {
    pub(crate) fn new(terminal: Terminal) -> Self {
        let drawn = terminal.is_interactive().then(|| Drawn::new(terminal));
        Self {
            terminal,
            drawn,
            notes: Vec::new(),
        }
    }

    pub(crate) fn hear(&mut self, event: &Event) {
        if let Event::Note(note) = event {
            self.notes.push(note.clone());
            self.voice()(self.terminal.warning_line(note));
            return;
        }
        match &mut self.drawn {
            Some(drawn) => drawn.hear(event),
            None => plain(self.terminal, event),
        }
    }

    /// The way to say a line while bars are drawn, from any thread.
    pub(crate) fn voice(&self) -> impl Fn(Line) + Send + 'static {
        let terminal = self.terminal;
        let drawn = self.drawn.as_ref().map(|drawn| drawn.all.clone());
        move |line| match &drawn {
            // A terminal that cannot be written to is gone, and nobody reads this.
            Some(bars) => drop(bars.println(line.to_string())),
            None => terminal.note(line),
        }
    }

    /// Whether this was said while the deploy ran.
    pub(crate) fn has_noted(&self, text: &str) -> bool {
        self.notes.iter().any(|note| note == text)
    }
}

impl Drawn {
    fn new(terminal: Terminal) -> Self {
        let colour = if terminal.is_colourful() { ".cyan" } else { "" };
        let template = format!(
            "  {{prefix:<12}} {{msg:<9}} [{{bar:20{colour}}}] {{percent:>3}} % {{binary_bytes}}/{{binary_total_bytes}}"
        );
        // Ours and fixed; a mistake in it would only cost the looks.
        let style = ProgressStyle::with_template(&template)
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .progress_chars("=> ");
        let all = MultiProgress::new();
        // ASCII, as the bars are: there are terminals and fonts without Braille.
        let spinner = ProgressStyle::default_spinner().tick_chars("-\\|/ ");
        let headline = all.add(ProgressBar::new_spinner().with_style(spinner));
        headline.enable_steady_tick(Duration::from_millis(100));
        Self {
            all,
            headline,
            regions: HashMap::new(),
            style,
        }
    }

    fn hear(&mut self, event: &Event) {
        match event {
            Event::Connecting { port } => {
                let message = format!("connecting to {}", plain::line(port));
                self.headline.set_message(message);
            }
            Event::Connected(board) => {
                let mac = board.mac.as_deref().unwrap_or_default();
                self.headline.set_message(format!("{} {mac}", board.chip));
            }
            Event::Planned(plan) => {
                for bar in self.regions.values() {
                    bar.finish();
                }
                // As in `voice`.
                let _ = self.all.println(plain::line(&planned_text(plan)));
            }
            Event::Progress {
                region,
                phase,
                done_bytes,
                total_bytes,
            } => {
                let bar = self.regions.entry(region.clone()).or_insert_with(|| {
                    let bar = self.all.add(ProgressBar::new(*total_bytes));
                    bar.with_style(self.style.clone())
                        .with_prefix(plain::line(region).into_owned())
                });
                let word = doing(*phase);
                if bar.is_finished() || bar.message() != word {
                    bar.reset();
                    bar.set_message(word);
                }
                bar.set_length(*total_bytes);
                bar.set_position(*done_bytes);
            }
            Event::Note(_) => {}
            Event::Finished(_) => {
                // Where they stand: what was cancelled in the middle did not reach its end.
                for bar in self.regions.values() {
                    bar.abandon();
                }
                self.headline.finish_and_clear();
            }
        }
    }
}

fn plain(terminal: Terminal, event: &Event) {
    match event {
        Event::Connecting { port } => terminal.note(format!("connecting to {port}")),
        Event::Connected(board) => {
            let mac = board
                .mac
                .as_deref()
                .map(|mac| format!(", {mac}"))
                .unwrap_or_default();
            terminal.note(format!("connected: {}{mac}", board.chip));
        }
        Event::Planned(plan) => terminal.note(planned_text(plan)),
        Event::Progress {
            region,
            phase,
            done_bytes,
            total_bytes,
        } if done_bytes == total_bytes => {
            terminal.note(finished_phase(region, *phase, *total_bytes));
        }
        Event::Progress { .. } | Event::Note(_) | Event::Finished(_) => {}
    }
}

fn finished_phase(region: &str, phase: Phase, total_bytes: u64) -> String {
    format!(
        "{} {region}, {} KiB",
        done(phase),
        total_bytes.div_ceil(1024)
    )
}
