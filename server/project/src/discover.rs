//! Find the targets of a workspace: what its build tools have built, wherever they leave it.
//!
//! Nothing of the workspace is ever executed; its files are data. A broken target does not hide the
//! others: it becomes a problem. What a project could build and has not becomes [`Unbuilt`], so that
//! an error can say which command is missing.

mod arduino;
mod cargo;
pub mod configuration;
mod environment;
mod espflash_toml;
mod espidf;
mod fbuild;
mod files;
pub mod flasher_args;
pub mod glob;
pub mod ini;
mod json_text;
mod look;
mod named;
mod platformio;
mod platformio_board;
pub mod platformio_config;
mod platformio_options;
mod regions;
pub mod sdkconfig;
mod stale;
mod survey;
mod zephyr;

use std::collections::{HashMap, HashSet};
use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

pub use environment::Environment;
use look::Look;
use survey::Survey;

use crate::file;
use crate::input_error::InputError;
use crate::target::Target;

/// What a workspace offers.
#[derive(Debug, Clone, Default)]
pub struct Discovery {
    /// The directory that was looked at.
    pub root: PathBuf,
    /// What can be deployed, in the order of tools and then of names.
    pub targets: Vec<Target>,
    /// What looked like a target and is broken.
    pub problems: Vec<InputError>,
    /// What the project could build and has not.
    pub unbuilt: Vec<Unbuilt>,
    /// What was looked at and is no target, and why.
    pub passed: Vec<Passed>,
    /// Builds for what this program does not deploy to, as `env:uno is for atmelavr`.
    foreign: Vec<String>,
    /// Names of targets that their own tool would not choose (`default_envs`), or that lie in a
    /// project below one with targets of its own.
    not_default: Vec<String>,
}

/// Something that was looked at and not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passed {
    /// What was looked at.
    pub place: PathBuf,
    /// Why it is no target.
    pub why: String,
}

/// Something that a project could build and has not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unbuilt {
    /// The name that the target would have.
    pub name: String,
    /// Where its firmware would be.
    pub looked_for: PathBuf,
    /// The command that builds it.
    pub build_hint: String,
}

/// Files that make a project of a directory, or that several tools read.
const PROJECT_FILES: [&str; 10] = [
    "platformio.ini",
    "sdkconfig",
    "sdkconfig.defaults",
    "partitions.csv",
    "Cargo.toml",
    "espflash.toml",
    ".cargo/config.toml",
    ".vscode/settings.json",
    "build/flasher_args.json",
    "build/project_description.json",
];

/// More targets than a person could choose from.
const MAX_TARGETS: usize = 1000;
/// Things that were passed over and are told, and builds for other chips.
const MAX_PASSED: usize = 200;
/// Projects below the workspace that were not built and are told.
const MAX_UNBUILT_BELOW: usize = 20;

/// Find the targets of the workspace `root`.
#[must_use]
pub fn discover(root: &Path, environment: &Environment) -> Discovery {
    let root = std::path::absolute(root).unwrap_or_else(|_| root.to_owned());
    let look = Look::default();
    let mut found = of_project(&root, environment, &look);
    // What the usual places hold was found; the rest is looked for below them.
    let survey = Survey::of(&root);
    let (all, below) = (found.targets.len(), found.unbuilt.len());
    let is_alone = all == 0 && below == 0 && found.problems.is_empty();
    for project in &survey.projects {
        let inner = of_project(project, environment, &look);
        found.take_in(project, inner, is_alone);
    }
    for build in &survey.builds {
        let is_known = |path: &Path| path.starts_with(build);
        if found
            .targets
            .iter()
            .any(|target| is_known(&target.found_in))
            || found.passed.iter().any(|passed| is_known(&passed.place))
            || found
                .unbuilt
                .iter()
                .any(|unbuilt| is_known(&unbuilt.looked_for))
        {
            continue;
        }
        let owner = survey.owner(&root, build);
        let mut inner = Discovery::of(owner);
        espidf::add(owner, build, environment, &look, &mut inner);
        zephyr::add(owner, build, &look, &mut inner);
        arduino::add(owner, build, environment, &look, &mut inner);
        found.take_in(owner, inner, true);
    }
    if let Some(why) = survey.cut {
        found.pass(&root, why);
    }
    found.problems.extend(look.problems(&root));
    if found.targets.len() > MAX_TARGETS {
        found.targets.truncate(MAX_TARGETS);
        found.problems.push(InputError::TooMuch {
            path: root,
            what: format!("it has more than {MAX_TARGETS} targets; the rest was left out"),
        });
    }
    make_names_unique(&mut found.targets);
    found
}

/// What stands in the usual places of the project in `root`.
fn of_project(root: &Path, environment: &Environment, look: &Look) -> Discovery {
    let mut found = Discovery::of(root);
    // What stands in the place of a project's file and is none is told, whoever would read it.
    for name in PROJECT_FILES {
        look.has(&root.join(name));
    }
    // The order of strength: what says most about its build comes first.
    espidf::find(root, environment, look, &mut found);
    fbuild::find(root, environment, look, &mut found);
    platformio::find(root, environment, look, &mut found);
    zephyr::find(root, look, &mut found);
    cargo::find(root, environment, look, &mut found);
    arduino::find(root, environment, look, &mut found);
    found
}

impl Discovery {
    fn of(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            ..Self::default()
        }
    }

    /// Remembers what was looked at and not taken.
    fn pass(&mut self, place: &Path, why: impl Into<String>) {
        if self.passed.len() < MAX_PASSED {
            self.passed.push(Passed {
                place: place.to_owned(),
                why: why.into(),
            });
        }
    }

    /// Remembers a build for something that this program does not deploy to.
    fn pass_foreign(&mut self, place: &Path, name: &str, what_for: &str) {
        if self.foreign.len() < MAX_PASSED {
            self.foreign.push(format!("{name} is for {what_for}"));
        }
        self.pass(
            place,
            format!("{name} is for {what_for}, which is not deployed to"),
        );
    }

    /// Adds what was found in a project below this one, by names that begin with its place. What is
    /// wrong there or not built is told where that is all there is (`is_told`): the examples of a
    /// library are nobody's task.
    fn take_in(&mut self, project: &Path, inner: Self, is_told: bool) {
        let place = relative_name(&self.root, project);
        let named = |name: &str| match name.split_once(':') {
            Some((tool, rest)) if place != "." => format!("{tool}:{place}/{rest}"),
            _ => name.to_owned(),
        };
        let is_below = project != self.root;
        let has_own = self.targets.iter().any(|target| target.root == self.root);
        for mut target in inner.targets {
            let is_same = |known: &Target| known.firmware() == target.firmware();
            // A member of a workspace of cargo's has its programs in the workspace's directory.
            if let Some(known) = self.targets.iter().find(|known| is_same(known)) {
                let why = format!("its {} is that of {}", target.name, known.name);
                self.pass(project, why);
                continue;
            }
            let is_other = inner.not_default.contains(&target.name);
            target.name = named(&target.name);
            if is_other || (is_below && has_own) {
                self.not_default.push(target.name.clone());
            }
            self.targets.push(target);
        }
        for mut unbuilt in inner.unbuilt {
            unbuilt.name = named(&unbuilt.name);
            if is_below {
                unbuilt.build_hint = format!("{} (in {place})", unbuilt.build_hint);
            }
            if is_told && self.unbuilt.len() < MAX_UNBUILT_BELOW {
                self.unbuilt.push(unbuilt);
            } else {
                let why = format!("{} is not built: {}", unbuilt.name, unbuilt.build_hint);
                self.pass(&unbuilt.looked_for, why);
            }
        }
        for problem in inner.problems {
            if self.problems.contains(&problem) {
                continue;
            }
            if is_told {
                self.problems.push(problem);
            } else {
                self.pass(project, problem.to_string());
            }
        }
        for passed in inner.passed {
            self.pass(&passed.place, passed.why);
        }
        let room = MAX_PASSED.saturating_sub(self.foreign.len());
        let foreign = inner.foreign.into_iter().take(room);
        self.foreign.extend(foreign.map(|what| {
            if is_below {
                format!("{what} (in {place})")
            } else {
                what
            }
        }));
    }
}

/// Two targets of one name (two triples of one cargo project) get their place appended.
fn make_names_unique(targets: &mut [Target]) {
    let mut taken = HashSet::new();
    let mut next: HashMap<String, usize> = HashMap::new();
    for target in targets {
        let plain = target.name.clone();
        while !taken.insert(target.name.clone()) {
            let number = next.entry(plain.clone()).or_insert(2);
            target.name = format!("{plain}#{number}");
            *number += 1;
        }
    }
}

impl Discovery {
    /// The target to deploy where none was named: the one whose app was built last. Where that does
    /// not decide, the stronger tool; where that does not either, an error with the names.
    pub fn default_target(&self) -> Result<&Target, InputError> {
        let wanted = |target: &&Target| !self.not_default.contains(&target.name);
        let by_tool: Vec<_> = self.targets.iter().filter(wanted).collect();
        let candidates = if by_tool.is_empty() {
            self.targets.iter().collect()
        } else {
            by_tool
        };
        let newest = candidates
            .iter()
            .filter_map(|target| built_at(target))
            .max();
        let last: Vec<_> = candidates
            .into_iter()
            .filter(|target| built_at(target) == newest)
            .collect();
        let strongest = last.first().map(|target| target.tool);
        let last: Vec<_> = last
            .into_iter()
            .filter(|target| Some(target.tool) == strongest)
            .collect();
        match last.as_slice() {
            [target] => Ok(target),
            [] => Err(self.nothing_found()),
            several => Err(InputError::AmbiguousTarget {
                names: several.iter().map(|target| target.name.clone()).collect(),
            }),
        }
    }

    /// The target of this name, or of which this is an unambiguous part: its environment, or its
    /// name without the tool.
    pub fn target(&self, name: &str) -> Result<&Target, InputError> {
        if let Some(target) = self.targets.iter().find(|target| target.name == name) {
            return Ok(target);
        }
        let after_tool = |target: &Target| {
            target
                .name
                .split_once(':')
                .is_some_and(|(_, rest)| rest == name)
        };
        let is_meant = |target: &&Target| after_tool(target) || target.env.as_deref() == Some(name);
        let meant: Vec<_> = self.targets.iter().filter(is_meant).collect();
        match meant.as_slice() {
            [target] => Ok(target),
            [] => Err(self.unknown(name)),
            several => Err(InputError::AmbiguousTarget {
                names: several.iter().map(|target| target.name.clone()).collect(),
            }),
        }
    }

    /// [`Self::target`] of a name, [`Self::default_target`] without one.
    pub fn choose(&self, name: Option<&str>) -> Result<&Target, InputError> {
        name.map_or_else(|| self.default_target(), |name| self.target(name))
    }

    fn unknown(&self, name: &str) -> InputError {
        let unbuilt = self.unbuilt.iter().find(|unbuilt| {
            unbuilt.name == name
                || unbuilt
                    .name
                    .split_once(':')
                    .is_some_and(|(_, rest)| rest == name)
        });
        let names: Vec<_> = self
            .targets
            .iter()
            .map(|target| target.name.as_str())
            .collect();
        let remedy = match unbuilt {
            Some(unbuilt) => format!(
                "It has not been built ({} is missing): {}",
                unbuilt.looked_for.display(),
                unbuilt.build_hint
            ),
            None if names.is_empty() => self.nothing_found().remedy(),
            None => format!("Known: {}.", names.join(", ")),
        };
        InputError::UnknownTarget {
            name: name.to_owned(),
            remedy,
        }
    }

    fn nothing_found(&self) -> InputError {
        if let Some(problem) = self.problems.first() {
            return problem.clone();
        }
        let remedy = match self.unbuilt.first() {
            Some(unbuilt) => format!("Build it first: {}", unbuilt.build_hint),
            None if !self.root.is_dir() => "There is no such directory: check the path.".to_owned(),
            None => match around(&self.root) {
                Some(project) => format!("The project is in {}: use that.", project.display()),
                None => "Open the directory of the project, and build it first.".to_owned(),
            },
        };
        if self.unbuilt.is_empty() && !self.foreign.is_empty() {
            return InputError::ForeignTargets {
                root: self.root.clone(),
                what: self.foreign.join(", "),
            };
        }
        let looked_for = if self.unbuilt.is_empty() {
            "build*/flasher_args.json (ESP-IDF), .fbuild/build (fbuild), platformio.ini with \
             .pio/build (PlatformIO), build/zephyr/runners.yaml (Zephyr), Cargo.toml with an ESP \
             target (cargo), build/*/*.ino.bin (Arduino), and for builds of \
             these tools in the directories up to three levels below"
                .to_owned()
        } else {
            let places = self
                .unbuilt
                .iter()
                .map(|u| u.looked_for.display().to_string());
            places.collect::<Vec<_>>().join(", ")
        };
        InputError::NoTarget {
            root: self.root.clone(),
            looked_for,
            remedy,
        }
    }
}

/// The directory that `inner` is a part of, if that looks like a project.
///
/// It is named and not taken: in a shared directory it may be somebody else's.
fn around(inner: &Path) -> Option<&Path> {
    const SIGNS: [&str; 4] = [
        "build/flasher_args.json",
        "platformio.ini",
        ".fbuild/build",
        "build/zephyr/runners.yaml",
    ];
    let is_project = |outer: &&Path| SIGNS.iter().any(|sign| outer.join(sign).exists());
    inner.ancestors().skip(1).find(is_project)
}

/// When a target's app was written; `None` if it is not there.
fn built_at(target: &Target) -> Option<SystemTime> {
    modified(target.firmware()?.source.path())
}

/// When a file was changed last.
fn modified(path: &Path) -> Option<SystemTime> {
    path.metadata().ok()?.modified().ok()
}

/// `path` below `root` with `/` on every system, for names.
fn relative_name(root: &Path, path: &Path) -> String {
    let relative = path.strip_prefix(root).unwrap_or(path);
    let parts: Vec<_> = relative
        .iter()
        .map(|part| part.to_string_lossy().into_owned())
        .collect();
    if parts.is_empty() {
        ".".to_owned()
    } else {
        parts.join("/")
    }
}

/// A number as build tools write offsets: `0x10000`, `65536`.
fn parse_offset(text: &str) -> Option<u32> {
    let text = text.trim();
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => u32::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

/// A file that a build names by an absolute path. Those into the build directory are wrong after a
/// move, or after a build in a container or on another system: then it is the file in this build
/// directory whose path ends like the one that is named, the longest end first.
#[must_use]
pub fn here(path: &Path, build_dir: &Path) -> PathBuf {
    if path.exists() {
        return path.to_owned();
    }
    let local = path.to_str().map_or_else(|| path.to_owned(), local_path);
    if local.is_file() {
        return local;
    }
    let names: Vec<_> = local
        .components()
        .filter(|part| matches!(part, Component::Normal(_)))
        .collect();
    let ends = (0..names.len()).map(|start| names[start..].iter().collect::<PathBuf>());
    let mut candidates = ends.map(|end| build_dir.join(end));
    candidates
        .find(|candidate| candidate.is_file())
        .unwrap_or_else(|| path.to_owned())
}

/// A path as a build on any system writes it: `out\\boot.bin` is a file in a directory everywhere.
fn local_path(text: &str) -> PathBuf {
    if cfg!(windows) {
        return PathBuf::from(text);
    }
    PathBuf::from(text.replace('\\', "/"))
}

/// The chip id in the header of a file that begins like an image.
fn image_chip(path: &Path) -> Option<fbuild_chip::Chip> {
    let start = read_start(path, 24)?;
    fbuild_chip::Chip::from_image_id(crate::esp_image::peek_chip_id(&start)?)
}

/// Up to `len` bytes from the start of a file.
fn read_start(path: &Path, len: u64) -> Option<Vec<u8>> {
    file::read_start(path, len).ok()
}

/// The partition table in a file, if it is readable.
fn read_table(path: &Path) -> Option<crate::partitions::PartitionTable> {
    // A table fills a sector at most.
    let bytes = read_start(path, 0x1000)?;
    crate::partitions::PartitionTable::parse(&bytes).ok()
}

#[cfg(test)]
mod tests;
