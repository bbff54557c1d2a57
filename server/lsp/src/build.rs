//! Building a target, for the command line and the language server: which command that is, and what
//! became of it.

mod run;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use fbuild_deploy::outcome::Failure;
use fbuild_loader::cancel::CancelToken;
use fbuild_monitor::text::without_colours;
use fbuild_project::build::{self, Machine, Recipe};
use fbuild_project::discover::{Environment, Unbuilt};
use fbuild_project::remedy::{Remedy, Way};
use fbuild_project::target::{Target, Tool};

use crate::stop::Stop;

/// Last lines of output that a failure says.
const SAID_LINES: usize = 3;
/// What cargo says to programs begins so.
const CARGO_MESSAGE: &str = "{\"reason\":";

/// A command that a person set: a program and its arguments, or a line for the system's shell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BuildCommand {
    Shell(String),
    Program(Vec<String>),
}

impl std::fmt::Display for BuildCommand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Shell(line) => f.write_str(line),
            Self::Program(words) => f.write_str(&build::line(words.iter().map(String::as_str))),
        }
    }
}

/// Something that can be built, whether or not it has been.
#[derive(Debug, Clone)]
pub(crate) struct Subject {
    /// The target's name.
    pub(crate) name: String,
    pub(crate) root: PathBuf,
    pub(crate) recipe: Option<Recipe>,
}

impl From<&Target> for Subject {
    fn from(target: &Target) -> Self {
        let yaml = target.esphome.as_deref();
        Self {
            name: target.name.clone(),
            root: yaml
                .and_then(Path::parent)
                .unwrap_or(&target.root)
                .to_owned(),
            recipe: target.recipe(),
        }
    }
}

impl From<&Unbuilt> for Subject {
    fn from(unbuilt: &Unbuilt) -> Self {
        Self {
            name: unbuilt.name.clone(),
            root: PathBuf::from(&unbuilt.recipe.directory),
            recipe: Some(unbuilt.recipe.clone()),
        }
    }
}

/// What is run for a subject.
#[derive(Debug, Clone)]
pub(crate) struct Build {
    /// The target's name.
    pub(crate) name: String,
    /// As a person types it.
    pub(crate) line: String,
    pub(crate) directory: PathBuf,
    /// Where the compiler runs, if that is another place.
    pub(crate) inner: Option<PathBuf>,
    how: How,
    /// Whose command it is, if nobody set another.
    tool: Option<Tool>,
}

#[derive(Debug, Clone)]
enum How {
    /// A line of the person's. Its `${workspaceFolder}` and `${target}` are variables of the shell.
    Shell {
        line: String,
        folder: PathBuf,
    },
    Program(build::Command),
}

/// A build that went well.
#[derive(Debug, Clone)]
pub(crate) struct Built {
    pub(crate) line: String,
    pub(crate) directory: PathBuf,
    pub(crate) duration: Duration,
}

/// How a build ended, in a few words.
pub(crate) fn message_of(target: Option<&str>, result: &Result<Built, Stop>) -> String {
    match result {
        Ok(_) => format!("built {}", target.unwrap_or_default()),
        Err(Stop::Cancelled) => "build cancelled".to_owned(),
        Err(Stop::Failed(failure)) => failure.what.clone(),
    }
}

impl Build {
    /// What builds the subject: what was set, else what its tool's users type. `folder` is the one that
    /// is open.
    pub(crate) fn of(
        subject: &Subject,
        set: Option<&BuildCommand>,
        folder: Option<&Path>,
        environment: &Environment,
    ) -> Result<Self, Failure> {
        let folder = folder.unwrap_or(&subject.root);
        let recipe = subject.recipe.as_ref();
        let (line, how) = match set {
            Some(BuildCommand::Shell(line)) => {
                let (line, folder) = (line.clone(), folder.to_owned());
                (line.clone(), How::Shell { line, folder })
            }
            Some(BuildCommand::Program(words)) => {
                let filled = |word: &String| filled(word, folder, &subject.name);
                let mut words = words.iter().map(filled);
                // Settings refuse an empty list; a program without a name does not start.
                let program = words.next().unwrap_or_default();
                let command = build::Command {
                    program,
                    arguments: words.collect(),
                    directory: subject.root.display().to_string(),
                    variables: Vec::new(),
                    path: Vec::new(),
                };
                (build::line(command.words()), How::Program(command))
            }
            None => {
                let recipe = recipe.ok_or_else(|| {
                    no_command(
                        &format!(
                            "there is no command that builds {}: its project is not here",
                            subject.name
                        ),
                        Way::NameBuild.into(),
                    )
                })?;
                let command = recipe.on(&Machine::this(environment)).map_err(|missing| {
                    let program = missing.program;
                    let remedy = format!("install {program} or put it on PATH, or ");
                    let remedy = Remedy::from(remedy).way(Way::NameBuild);
                    no_command(&missing.to_string(), remedy)
                })?;
                (recipe.line(), How::Program(command))
            }
        };
        Ok(Self {
            name: subject.name.clone(),
            line,
            directory: subject.root.clone(),
            inner: recipe
                .and_then(Recipe::build_directory)
                .map(|place| subject.root.join(place)),
            how,
            tool: recipe.filter(|_| set.is_none()).map(|it| it.tool),
        })
    }

    /// The same, saying what is wrong and how far it is in a form for programs; in colours, as in a terminal, where
    /// its tool can be told so. (idf.py removes them where it prints into a pipe, and compilers have none there.)
    pub(crate) fn with_messages(mut self, has_colours: bool) -> Self {
        let How::Program(command) = &mut self.how else {
            return self;
        };
        let mut variables = Vec::new();
        if self.tool == Some(Tool::Cargo) {
            let words = ["--message-format", "json-diagnostic-rendered-ansi"];
            command.arguments.extend(words.map(str::to_owned));
            variables.extend([
                ("CARGO_TERM_PROGRESS_WHEN", "always"),
                ("CARGO_TERM_PROGRESS_WIDTH", "80"),
            ]);
        }
        match self.tool.filter(|_| has_colours) {
            Some(Tool::Cargo) => variables.push(("CARGO_TERM_COLOR", "always")),
            Some(Tool::PlatformIo) => variables.push(("PLATFORMIO_FORCE_ANSI", "true")),
            _ => {}
        }
        let variables = variables.into_iter();
        command
            .variables
            .extend(variables.map(|(name, value)| (name.to_owned(), value.to_owned())));
        self
    }

    /// Runs it. `hear` gets its output, several lines at once.
    pub(crate) fn run(
        &self,
        cancel: &CancelToken,
        hear: &mut dyn FnMut(&[String]),
    ) -> Result<Built, Stop> {
        let started = Instant::now();
        let mut last = VecDeque::new();
        let mut both = |lines: &[String]| {
            let for_people = lines.iter().filter(|line| !line.starts_with(CARGO_MESSAGE));
            let texts = for_people.map(|line| without_colours(line));
            for text in texts.filter(|text| !text.trim().is_empty()) {
                last.push_back(text.into_owned());
                if last.len() > SAID_LINES {
                    last.pop_front();
                }
            }
            hear(lines);
        };
        let status = match run::run(self, cancel, &mut both) {
            None => return Err(Stop::Cancelled),
            Some(Err(error)) => return Err(self.could_not_start(&error).into()),
            Some(Ok(status)) => status,
        };
        tracing::debug!(?status, after = ?started.elapsed(), "build ended");
        if !status.success() {
            return Err(self.failed(status, &last).into());
        }
        Ok(Built {
            line: self.line.clone(),
            directory: self.directory.clone(),
            duration: started.elapsed(),
        })
    }

    fn could_not_start(&self, error: &std::io::Error) -> Failure {
        Failure {
            code: "build-failed",
            is_input: true,
            what: format!(
                "the build command could not be run ({error}): {}",
                self.line
            ),
            board_state: "the board was not touched".to_owned(),
            remedy: match self.tool {
                Some(tool) => format!("check that {} can be run", tool.program()).into(),
                None => "correct fbuild.buildBeforeDeploy".into(),
            },
        }
    }

    fn failed(&self, status: ExitStatus, last: &VecDeque<String>) -> Failure {
        let tail: Vec<&str> = last.iter().map(|line| line.trim()).collect();
        let tail = match tail.join(" / ") {
            nothing if nothing.is_empty() => nothing,
            tail => format!("; it ended with: {tail}"),
        };
        Failure {
            code: "build-failed",
            is_input: true,
            what: format!("the build failed ({status}): {}{tail}", self.line),
            board_state: "the board was not touched".to_owned(),
            remedy: "correct what its output names".into(),
        }
    }

    /// Where a failure's first error is known, that says more than the last lines.
    pub(crate) fn explain(failure: &mut Failure, first: Option<String>) {
        if let (Some(first), Some((before, _))) = (first, failure.what.split_once("; it ended")) {
            failure.what = format!("{before}; {first}");
        }
    }
}

fn no_command(what: &str, remedy: Remedy) -> Failure {
    Failure::of_input("no-build-command", what, remedy)
}

/// A word with its placeholders replaced.
fn filled(word: &str, folder: &Path, target: &str) -> String {
    word.replace("${workspaceFolder}", &folder.display().to_string())
        .replace("${target}", target)
}
