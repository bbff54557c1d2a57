//! The command that builds a target: as its tool's users type it, and as this machine can run it.
//!
//! Pure but for [`Files`]: what is installed is a value, so that a Windows machine can be looked at
//! from any other. Programs are looked for where the machine's user has them, never in a project.

mod espidf;
mod machine;
pub mod output;

use std::path::Path;

use crate::plain;
use crate::target::{Target, Tool};

pub(crate) use espidf::{TakesPresets, made_by};
pub use machine::{Disk, Files, Machine};

/// How something is built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipe {
    /// The tool.
    pub tool: Tool,
    /// Where it is run.
    pub directory: String,
    /// What follows the name of the tool's program.
    pub arguments: Vec<String>,
}

/// What is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The program's path.
    pub program: String,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Where it is run.
    pub directory: String,
    /// Environment variables that it needs, besides those of this process.
    pub variables: Vec<(String, String)>,
    /// What it needs in front of PATH.
    pub path: Vec<String>,
}

/// A program that is not on this machine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{program} was not found; looked {looked}")]
pub struct Missing {
    /// Its name.
    pub program: &'static str,
    /// Where it was looked for.
    pub looked: String,
}

impl Tool {
    /// The name of its program; empty for [`Tool::Files`].
    #[must_use]
    pub fn program(self) -> &'static str {
        match self {
            Self::EspIdf => "idf.py",
            Self::Fbuild => "fbuild",
            Self::PlatformIo => "pio",
            Self::Zephyr => "west",
            Self::Cargo => "cargo",
            Self::Arduino => "arduino-cli",
            Self::PicoSdk => "cmake",
            Self::EspHome => "esphome",
            Self::Files => "",
        }
    }
}

impl Target {
    /// How it is built; `None` for files that no tool is known of, and for a build without its project.
    pub fn recipe(&self) -> Option<Recipe> {
        if let Some(yaml) = &self.esphome {
            return Some(Recipe::of_esphome(yaml));
        }
        (!self.build.is_empty()).then(|| Recipe {
            tool: self.tool,
            directory: self.root.display().to_string(),
            arguments: self.build.clone(),
        })
    }

    /// The command that builds it, as a person would type it.
    pub fn build_command(&self) -> String {
        self.recipe().map_or_else(String::new, |it| it.line())
    }
}

impl Recipe {
    pub(crate) fn of_esphome(yaml: &Path) -> Self {
        let name = yaml.file_name().unwrap_or_default().to_string_lossy();
        Self {
            tool: Tool::EspHome,
            directory: yaml.parent().unwrap_or(yaml).display().to_string(),
            arguments: vec!["compile".to_owned(), name.into_owned()],
        }
    }

    /// The command as a person types it.
    pub fn line(&self) -> String {
        line(std::iter::once(self.tool.program()).chain(self.arguments.iter().map(String::as_str)))
    }

    /// Where the compiler runs, as far as the command says it.
    pub fn build_directory(&self) -> Option<&str> {
        let named = |option: &str| {
            let mut words = self.arguments.iter();
            words.find(|word| *word == option)?;
            words.next().map(String::as_str)
        };
        match self.tool {
            Tool::EspIdf => Some(named("-B").unwrap_or("build")),
            Tool::Zephyr => named("-d"),
            Tool::PicoSdk => named("--build"),
            _ => None,
        }
    }

    /// The command as this machine can run it.
    ///
    /// # Errors
    /// The tool is not installed where it is looked for.
    pub fn on(&self, machine: &Machine<'_>) -> Result<Command, Missing> {
        let found = match self.tool {
            Tool::EspIdf => return espidf::command(self, machine),
            Tool::PlatformIo => platformio(machine),
            Tool::Zephyr => west(machine, &self.directory),
            Tool::Cargo => cargo(machine),
            Tool::Arduino => arduino(machine),
            Tool::EspHome => esphome(machine),
            Tool::Fbuild | Tool::PicoSdk | Tool::Files => Err("on PATH".to_owned()),
        };
        let name = self.tool.program();
        let program = machine
            .on_path(&[name])
            .map_or(found, Ok)
            .or_else(|looked| machine.usual(&[name]).ok_or(looked))
            .map_err(|looked| Missing {
                program: name,
                looked,
            })?;
        let is_xtensa = self
            .arguments
            .iter()
            .any(|word| word.starts_with("xtensa-"));
        let (variables, mut path) = if self.tool == Tool::Cargo && is_xtensa {
            espup(machine)
        } else {
            Default::default()
        };
        // What stands beside a program is what it calls: Python and ninja in a virtual environment,
        // rustc beside cargo.
        path.extend(machine.parent(&program).map(str::to_owned));
        Ok(Command {
            program,
            arguments: self.arguments.clone(),
            directory: self.directory.clone(),
            variables,
            path,
        })
    }
}

impl Command {
    /// The program and its arguments.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&*self.program).chain(self.arguments.iter().map(String::as_str))
    }
}

/// Words as a person reads and types them: those with a space or a quote in quotes.
pub fn line<'w>(words: impl IntoIterator<Item = &'w str>) -> String {
    let quoted = |word: &str| {
        if word.is_empty() || word.contains([' ', '"', '\'', '$', '&', ';', '|', '(', '<', '>']) {
            format!("'{}'", word.replace('\'', r"'\''"))
        } else {
            word.to_owned()
        }
    };
    let words: Vec<String> = words.into_iter().map(quoted).collect();
    plain::line(&words.join(" ")).into_owned()
}

type Found = Result<String, String>;

/// Source: PlatformIO's documentation, "Shell Commands": its own Python is `penv` in the core
/// directory, and so is the program of who has only an editor's extension.
fn platformio(machine: &Machine<'_>) -> Found {
    let core = machine.variable("PLATFORMIO_CORE_DIR");
    let core = core.or_else(|| Some(machine.join(&machine.home()?, &[".platformio"])));
    let penv = core.map(|core| machine.join(&core, &["penv"]));
    let found = penv.and_then(|penv| machine.in_venv(&penv, "pio"));
    found.ok_or_else(|| "on PATH and in ~/.platformio/penv".to_owned())
}

/// Source: Zephyr's documentation, "Getting Started": west stands in `.venv` of its workspace, the
/// directory around the project that holds `.west`.
fn west(machine: &Machine<'_>, directory: &str) -> Found {
    let around = machine.ancestors(directory);
    let workspace = around.into_iter().find(|dir| {
        let sign = machine.join(dir, &[".west", "config"]);
        machine.files.is_file(&sign)
    });
    let home = machine.home();
    let places = workspace.map(str::to_owned).into_iter();
    let mut places = places.chain(home.map(|home| machine.join(&home, &["zephyrproject"])));
    places
        .find_map(|place| machine.in_venv(&machine.join(&place, &[".venv"]), "west"))
        .ok_or_else(|| "on PATH and in .venv of the west workspace".to_owned())
}

/// Source: ESPHome's documentation, "Installing ESPHome Manually": `pip install esphome` in a virtual environment
/// `venv`, made in the home directory.
fn esphome(machine: &Machine<'_>) -> Found {
    let home = machine.home();
    let venv = |name| machine.join(home.as_deref()?, &[name]).into();
    let mut venvs = ["venv", ".venv"].into_iter().filter_map(venv);
    venvs
        .find_map(|venv: String| machine.in_venv(&venv, "esphome"))
        .ok_or_else(|| "on PATH and in ~/venv".to_owned())
}

fn cargo(machine: &Machine<'_>) -> Found {
    let home = machine.variable("CARGO_HOME");
    let home = home.or_else(|| Some(machine.join(&machine.home()?, &[".cargo"])));
    let found = home.and_then(|home| machine.program(&machine.join(&home, &["bin"]), "cargo"));
    found.ok_or_else(|| "on PATH and in ~/.cargo/bin".to_owned())
}

/// The Arduino IDE, version 2, brings arduino-cli along.
fn arduino(machine: &Machine<'_>) -> Found {
    const IN_IDE: [&str; 5] = ["resources", "app", "lib", "backend", "resources"];
    let local = machine.variable("LOCALAPPDATA");
    let local = local.map(|local| machine.join(&local, &["Programs", "Arduino IDE"]));
    let places = [
        local.map(|ide| machine.join(&ide, &IN_IDE)),
        Some(
            "/Applications/Arduino IDE.app/Contents/Resources/app/lib/backend/resources".to_owned(),
        ),
        Some(machine.join("/opt/arduino-ide", &IN_IDE)),
    ];
    let mut places = places.into_iter().flatten();
    places
        .find_map(|place| machine.program(&place, "arduino-cli"))
        .ok_or_else(|| "on PATH and in the Arduino IDE".to_owned())
}

/// What espup's `~/export-esp.sh` sets, where the compiler for Xtensa is.
fn espup(machine: &Machine<'_>) -> (Vec<(String, String)>, Vec<String>) {
    let (mut variables, mut path) = (Vec::new(), Vec::new());
    let script = if machine.is_windows {
        "export-esp.ps1"
    } else {
        "export-esp.sh"
    };
    let text = machine
        .home()
        .and_then(|home| machine.files.text(&machine.join(&home, &[script])))
        .unwrap_or_default();
    for line in text.lines() {
        let line = line.trim();
        let set = line
            .strip_prefix("export ")
            .or_else(|| line.strip_prefix("$Env:"));
        let Some((name, value)) = set.and_then(|set| set.split_once('=')) else {
            continue;
        };
        let (name, value) = (name.trim(), value.trim().trim_matches(['"', '\'']));
        if name.eq_ignore_ascii_case("PATH") {
            let parts = value.split(machine.path_separator());
            path.extend(
                parts
                    .filter(|dir| machine.is_absolute(dir))
                    .map(str::to_owned),
            );
        } else {
            variables.push((name.to_owned(), value.to_owned()));
        }
    }
    (variables, path)
}

#[cfg(test)]
mod tests;
