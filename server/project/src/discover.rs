//! Find the targets of a workspace: what its build tools have built, wherever they leave it.
//!
//! Nothing of the workspace is ever executed; its files are data. A broken target does not hide the
//! others: it becomes a problem. What a project could build and has not becomes [`Unbuilt`], so that
//! an error can say which command is missing.

mod arduino;
mod arguments;
mod around;
mod cargo;
mod choose;
mod cmake;
pub mod configuration;
pub(crate) mod environment;
mod espflash_toml;
mod espidf;
mod fbuild;
mod files;
pub mod flasher_args;
pub mod glob;
pub mod ini;
mod json_text;
mod lists;
mod look;
mod loose;
mod named;
mod never_built;
mod outer;
mod paths;
mod pico_sdk;
mod platformio;
mod platformio_board;
pub mod platformio_config;
mod platformio_options;
pub mod platformio_values;
mod programs;
mod regions;
mod remarks;
pub mod sdkconfig;
mod stale;
mod survey;
mod web_manifest;
mod zephyr;

use std::path::{Path, PathBuf};
use std::time::Duration;

pub use around::project_around;
pub use environment::Environment;
use look::Look;
pub use paths::here;
use paths::{
    all_here, ending_like, goes_on, image_chip, local_path, modified, read_start, read_table,
    relative_name, without_dots,
};
use survey::Survey;

use crate::build::Recipe;
use crate::input_error::InputError;
use crate::target::{Target, Tool};

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
    /// What was looked at and is not a target, and why.
    pub passed: Vec<Passed>,
    /// Images that are there and do not say themselves what goes where.
    images: Vec<Passed>,
    /// Projects that are not built and that nothing says enough of to build them.
    unclear: Vec<Unclear>,
    /// Builds for what this program does not deploy to, as `env:d1 is for espressif8266`.
    foreign: Vec<String>,
    /// Where these are.
    foreign_places: Vec<PathBuf>,
    /// The one of them that its tool would choose (`default_envs`).
    default_foreign: Option<String>,
    /// Directories below that hold a part of the project's own configuration, and are no projects of PlatformIO's.
    parts: Vec<PathBuf>,
    /// Names of targets that their own tool would not choose (`default_envs`), or that lie in a
    /// project below one with targets of its own.
    not_default: Vec<String>,
}

/// Something that was looked at and not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passed {
    /// What was looked at.
    pub place: PathBuf,
    /// Why it is not a target.
    pub why: String,
}

/// A project that is not built and for which it is not clear what to build it for.
#[derive(Debug, Clone)]
struct Unclear {
    place: PathBuf,
    why: String,
    /// What would build it.
    command: String,
}

/// Something that a project could build and has not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unbuilt {
    /// The name that the target would have.
    pub name: String,
    /// Where its firmware would be.
    pub looked_for: PathBuf,
    /// The command that builds it, and where.
    pub build_hint: String,
    /// How it is built.
    pub recipe: Recipe,
}

impl Unbuilt {
    fn new(name: String, looked_for: PathBuf, tool: Tool, root: &Path, words: &[&str]) -> Self {
        let recipe = Recipe {
            tool,
            directory: root.display().to_string(),
            arguments: words.iter().map(|word| (*word).to_owned()).collect(),
        };
        Self {
            name,
            looked_for,
            build_hint: recipe.line(),
            recipe,
        }
    }
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

/// Times of files that were copied or unpacked together, and steps of file systems' clocks.
const AT_ONCE: Duration = Duration::from_secs(2);
/// More targets than a person could choose from.
const MAX_TARGETS: usize = 1000;
/// Things that were passed over and are told, and builds for other chips.
const MAX_PASSED: usize = 200;
/// Projects below the workspace that were not built and are told.
const MAX_UNBUILT_BELOW: usize = 20;

/// Find the targets of the workspace `root`.
pub fn discover(root: &Path, environment: &Environment) -> Discovery {
    let root = std::path::absolute(root).unwrap_or_else(|_| root.to_owned());
    let look = Look::default();
    let mut survey = Survey::of(&root);
    let mut found = of_project(&root, &survey, environment, &look);
    survey.set_parts(std::mem::take(&mut found.parts));
    outer::add(&survey.projects, environment, &look, &mut found);
    // What the usual places hold was found; the rest is looked for below them.
    let (all, below) = (found.targets.len(), found.unbuilt.len());
    // What the project itself built is meant where nothing is named.
    let has_own = found.targets.iter().any(|target| target.root == root);
    let is_alone = all == 0 && below == 0 && found.problems.is_empty();
    for project in &survey.projects {
        let inner = of_project(project, &survey, environment, &look);
        found.take_in(project, inner, has_own, is_alone);
    }
    for build in &survey.builds {
        if found.knows(build) || found.has_linked(build) {
            continue;
        }
        let owner = survey.owner(&root, build);
        let mut inner = Discovery::of(owner);
        add_build(
            owner,
            build,
            &survey.projects,
            environment,
            &look,
            &mut inner,
        );
        found.take_in(owner, inner, has_own, true);
    }
    // A list of what goes where counts in a project, too, where its tool left nothing else in the usual place.
    let is_usual = |dir: &Path| {
        let owner = survey.owner(&root, dir);
        let name = dir.file_name().and_then(|name| name.to_str());
        (owner != root || survey.is_project)
            && dir.parent() == Some(owner)
            && name.is_some_and(|name| name.starts_with("build"))
    };
    found.add_lists(&survey, &look, has_own, is_usual);
    let is_all = is_alone && found.is_empty();
    for project in std::iter::once(&root).chain(&survey.projects) {
        if !found.is_known(project, &survey) {
            let mut inner = Discovery::of(project);
            never_built::add(project, environment, &look, &mut inner);
            found.take_in(project, inner, has_own, project == &root || is_all);
        }
    }
    let has_project = survey.is_project || !survey.projects.is_empty();
    let is_empty = found.targets.is_empty() && found.unbuilt.is_empty() && found.foreign.is_empty();
    if has_project || !is_empty {
        // A release counts where its project has nothing else, and is not meant before what is built.
        found.add_lists(&survey, &look, !is_empty, |_| true);
    }
    let mut images = [survey.lists, survey.images].concat();
    if is_empty && !has_project {
        // Whatever the files of the folder itself are called, they may be an image of the whole flash.
        if !images.contains(&root) {
            images.insert(0, root.clone());
        }
        let others = survey.binaries.into_iter().filter(|dir| *dir != root);
        images.extend(others);
    }
    for dir in &images {
        if is_empty && !has_project && !found.has_files_in(dir) {
            loose::add(&root, dir, &look, &mut found);
        } else if !found.has_files_in(dir) {
            found.pass(
                dir,
                "holds images, and counts only where there is no project",
            );
        }
    }
    if is_empty && !has_project && found.targets.is_empty() {
        for archive in survey.archives {
            found.pass_images(&archive, "it is packed; unpack it".to_owned());
        }
    }
    for why in survey.left_out {
        found.pass(&root, why);
    }
    found.problems.extend(look.problems(&root));
    if found.targets.len() > MAX_TARGETS {
        found.targets.truncate(MAX_TARGETS);
        let what = format!("it has more than {MAX_TARGETS} targets; the rest was left out");
        found.problems.push(InputError::too_much(&root, &what));
    }
    // What one project left to another is not told.
    found.passed.retain(|passed| {
        let regions = found.targets.iter().flat_map(|target| &target.regions);
        let mut taken = regions.map(|region| region.source.path());
        taken.all(|path| path != passed.place)
    });
    arduino::settle(&look, &mut found);
    choose::make_names_unique(&mut found.targets);
    choose::make_known(&mut found.targets);
    remarks::add(&mut found.targets);
    found
}

/// What is in the usual places of the project in `root`.
fn of_project(root: &Path, survey: &Survey, environment: &Environment, look: &Look) -> Discovery {
    let mut found = Discovery::of(root);
    // What is in the place of a project's file and is not a file is reported, whoever would read it.
    for name in PROJECT_FILES {
        look.has(&root.join(name));
    }
    // The order of strength: what says most about its build comes first.
    espidf::find(root, environment, look, &mut found);
    fbuild::find(root, environment, look, &mut found);
    platformio::find(root, survey, environment, look, &mut found);
    zephyr::find(root, look, &mut found);
    cargo::find(root, environment, look, &mut found);
    arduino::find(root, &survey.projects, environment, look, &mut found);
    pico_sdk::find(root, look, &mut found);
    add_named(root, &survey.projects, environment, look, &mut found);
    found
}

/// Adds what is in a build directory, whatever tool made it.
fn add_build(
    root: &Path,
    dir: &Path,
    projects: &[PathBuf],
    environment: &Environment,
    look: &Look,
    found: &mut Discovery,
) {
    espidf::add(root, dir, environment, look, found);
    zephyr::add(root, dir, look, found);
    arduino::add(root, dir, projects, environment, look, found);
    pico_sdk::add(root, dir, look, found);
}

/// Adds the builds that settings, profiles and presets name.
fn add_named(
    root: &Path,
    projects: &[PathBuf],
    environment: &Environment,
    look: &Look,
    found: &mut Discovery,
) {
    let named = named::directories(root, environment, look);
    for named::Named { dir, of, by } in named.dirs {
        let is_new = !found.knows(&dir);
        if is_new && of == root {
            add_build(root, &dir, projects, environment, look, found);
        } else if is_new {
            let mut inner = Discovery::of(&of);
            add_build(&of, &dir, projects, environment, look, &mut inner);
            found.take_in(&of, inner, false, true);
        }
        let is_in_it =
            |problem: &InputError| problem.path().is_some_and(|path| path.starts_with(&dir));
        if is_new && !found.knows(&dir) && !found.problems.iter().any(is_in_it) {
            let what = if dir.is_dir() {
                "holds no build"
            } else {
                "does not exist"
            };
            found.pass(&dir, format!("{what}; named by {}", by.display()));
        }
    }
    espidf::build_by_presets(root, &named.configured, environment, look, found);
    for unknown in named.unknown {
        found.pass(&unknown.place, unknown.why);
    }
}

impl Discovery {
    fn of(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            ..Self::default()
        }
    }

    /// Whether something in a build directory was found, or looked at and not taken.
    fn knows(&self, build: &Path) -> bool {
        let found_in = self.targets.iter().map(|target| &target.found_in);
        let passed = self.passed.iter().map(|passed| &passed.place);
        let unbuilt = self.unbuilt.iter().map(|unbuilt| &unbuilt.looked_for);
        let mut known = found_in.chain(passed).chain(unbuilt);
        known.any(|path| path.starts_with(build))
    }

    /// Whether something that lies in this directory itself is deployed.
    fn has_files_in(&self, dir: &Path) -> bool {
        self.targets.iter().any(|target| target.has_files_in(dir))
    }

    /// Whether a build was found by a link to it.
    fn has_linked(&self, build: &Path) -> bool {
        let real = |path: &Path| path.canonicalize().ok();
        let places = self.targets.iter().filter_map(|it| it.found_in.parent());
        let mut linked = places.filter(|place| real(place).as_deref() != Some(place));
        real(build).is_some_and(|build| {
            linked.any(|place| real(place).is_some_and(|place| place.starts_with(&build)))
        })
    }

    /// Whether something of a project was found, built or not.
    fn is_known(&self, project: &Path, survey: &Survey) -> bool {
        let targets = self.targets.iter().map(|target| &*target.root);
        let unbuilt = self.unbuilt.iter();
        let unbuilt = unbuilt.map(|unbuilt| Path::new(&unbuilt.recipe.directory));
        let foreign = self.foreign_places.iter().map(PathBuf::as_path);
        let problems = self.problems.iter().filter_map(InputError::path);
        let places = foreign.chain(problems);
        let owners = places.map(|place| survey.owner(&self.root, place));
        targets
            .chain(unbuilt)
            .chain(owners)
            .any(|root| root == project)
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

    /// Remembers images that do not say themselves what goes where.
    fn pass_images(&mut self, place: &Path, why: String) {
        self.pass(place, why.clone());
        let place = place.to_owned();
        self.images.push(Passed { place, why });
    }

    /// Remembers a build for something that this program does not deploy to.
    fn pass_foreign(&mut self, place: &Path, name: &str, what_for: &str) {
        if self.foreign.len() < MAX_PASSED {
            self.foreign.push(format!("{name} is for {what_for}"));
            self.foreign_places.push(place.to_owned());
        }
        self.pass(
            place,
            format!("{name} is for {what_for}, which is not supported"),
        );
    }

    /// Adds what was found in a project below this one, by names that begin with its place. What is
    /// wrong there or not built is told where that is all there is (`is_told`): the examples of a
    /// library are nobody's task.
    fn take_in(&mut self, project: &Path, inner: Self, has_own: bool, is_told: bool) {
        let place = relative_name(&self.root, project);
        let named = |name: &str| match name.split_once(':') {
            Some((tool, rest)) if place != "." => format!("{tool}:{place}/{rest}"),
            _ => name.to_owned(),
        };
        let is_below = project != self.root;
        for mut target in inner.targets {
            let is_same = |known: &Target| target.is_made_from(known);
            // A member of a workspace of cargo's has its programs in the workspace's directory.
            if let Some(known) = self.targets.iter().find(|known| is_same(known)) {
                let why = format!("its program is the one of {}", known.name);
                self.pass(project, why);
                continue;
            }
            let is_other = inner.not_default.contains(&target.name);
            target.name = named(&target.name);
            if is_other || has_own {
                self.not_default.push(target.name.clone());
            }
            self.targets.push(target);
        }
        for mut unbuilt in inner.unbuilt {
            let is_other = inner.not_default.contains(&unbuilt.name);
            unbuilt.name = named(&unbuilt.name);
            if is_other {
                self.not_default.push(unbuilt.name.clone());
            }
            // ESPHome builds a project below from here.
            if is_below && Path::new(&unbuilt.recipe.directory) != self.root {
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
        let unclear = inner.unclear.into_iter().filter(|_| is_told);
        self.unclear.extend(unclear);
        let room = MAX_PASSED.saturating_sub(self.foreign.len());
        let foreign = inner.foreign.into_iter().take(room);
        self.foreign_places.extend(inner.foreign_places);
        if !is_below {
            self.default_foreign = self.default_foreign.take().or(inner.default_foreign);
        }
        self.foreign.extend(foreign.map(|what| {
            if is_below {
                format!("{what} (in {place})")
            } else {
                what
            }
        }));
    }
}

#[cfg(test)]
mod tests;
