//! Builds outside of their project: `build/APP` beside `apps/APP`, or where west's `build.dir-fmt` puts them. Such a build
//! says itself which project it is of.
//!
//! Source: ESP-IDF's `project_description.json`; west's `build.py` (`APP_DIR` of sysbuild, `APPLICATION_SOURCE_DIR`).

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use super::environment::Environment;
use super::look::Look;
use super::zephyr::west;
use super::{Discovery, add_build, read_start, without_dots};
use crate::file;

/// Directories around a project, and levels below their build directories, that are looked into.
const LEVELS_AROUND: usize = 4;
const LEVELS: usize = 4;
/// Directories that are looked at.
const MAX_DIRS: usize = 300;
/// In the first lines a build says what it is of.
const START_BYTES: u64 = 16 << 10;
const DESCRIPTION: &str = "project_description.json";
const CACHE: &str = "CMakeCache.txt";

/// Adds the builds of the opened project that lie around it. They are not meant where it has others.
pub(super) fn add(
    projects: &[PathBuf],
    environment: &Environment,
    look: &Look,
    found: &mut Discovery,
) {
    let root = found.root.clone();
    let has_own = !found.targets.is_empty() || !found.unbuilt.is_empty();
    for dir in builds_around(&root, look) {
        if found.knows(&dir) {
            continue;
        }
        let before = found.targets.len();
        add_build(&root, &dir, projects, environment, look, found);
        let names = found.targets[before..].iter().map(|it| it.name.clone());
        found.not_default.extend(names.filter(|_| has_own));
    }
}

/// The project that the build in `dir` says that it is of.
fn project_of(dir: &Path) -> Option<PathBuf> {
    let start = |name: &str| {
        let bytes = read_start(&dir.join(name), START_BYTES)?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    };
    let described = || {
        let text = start(DESCRIPTION)?;
        let (_, rest) = text.split_once("\"project_path\"")?;
        let rest = rest.trim_start().strip_prefix(':')?;
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<String>();
        values.next()?.ok()
    };
    let cached = || {
        let text = start(CACHE)?;
        let entry = |key: &str| {
            let mut lines = text.lines();
            let said = lines.find_map(|line| line.strip_prefix(key)?.split_once('='));
            said.map(|(_, value)| value.trim().to_owned())
        };
        entry("APP_DIR:").or_else(|| entry("APPLICATION_SOURCE_DIR:"))
    };
    let said = described().or_else(cached)?;
    Some(without_dots(Path::new(&said)))
}

/// The project below `root` that a build is of, else `root`.
pub(super) fn project_in(root: &Path, dir: &Path) -> PathBuf {
    let said = project_of(dir).filter(|said| said.starts_with(root) && said.is_dir());
    said.unwrap_or_else(|| root.to_owned())
}

/// The builds of the project in `root` that lie around it, of the same user.
fn builds_around(root: &Path, look: &Look) -> Vec<PathBuf> {
    let owner = file::owner(root);
    let is_owned = |path: &Path| file::owner(path) == owner;
    // West runs in the project or in its workspace; what varies is below.
    let format = west::option(root, "dir-fmt", look);
    let format = format.map(|it| it.replace("{west_topdir}/", ""));
    let fixed = format.as_deref().and_then(|it| it.split('{').next());
    let fixed = fixed.and_then(|it| Some(it.rsplit_once('/')?.0));
    let workspace = west::workspace(root);
    let from = [Some(root), workspace].into_iter().flatten();
    let fixed = from.filter_map(|from| Some(without_dots(&from.join(fixed?))));
    let around = root.ancestors().skip(1).take(LEVELS_AROUND);
    let around = around
        .filter(|dir| dir.parent().is_some() && is_owned(dir))
        .map(|dir| dir.join("build"));
    let bases = fixed
        .chain(around)
        .filter(|dir| dir.is_dir() && !dir.is_symlink());
    let mut waiting: VecDeque<_> = bases.map(|dir| (dir, 0)).collect();
    // What is nobody's project here neither takes the project's share nor is told.
    let look = Look::at_neighbours();
    let (mut found, mut looked_at) = (Vec::new(), 0);
    while let Some((dir, level)) = waiting.pop_front() {
        looked_at += 1;
        if looked_at > MAX_DIRS {
            break;
        }
        let mut saying = [DESCRIPTION, CACHE].iter().map(|name| dir.join(name));
        if let Some(file) = saying.find(|path| path.is_file()) {
            let is_new = !dir.starts_with(root) && !found.contains(&dir);
            if is_new && is_owned(&dir) && is_owned(&file) && is_of(&dir, root) {
                found.push(dir);
            }
        } else if level < LEVELS {
            let inner = look.entries(&dir).into_iter();
            let inner = inner.filter(|entry| entry.is_plain_dir && !entry.name.starts_with('.'));
            waiting.extend(inner.map(|entry| (entry.path, level + 1)));
        }
    }
    found
}

fn is_of(dir: &Path, project: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().ok();
    project_of(dir).is_some_and(|said| {
        said == project || real(&said).is_some_and(|said| Some(said) == real(project))
    })
}
