//! Where in a workspace there are projects and builds: a search three levels deep, for what is not in
//! the usual places.
//!
//! It reads names, and next to no contents. What it may look at is its own share: a large workspace is not a fault,
//! and leaves the usual places what they need.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use super::zephyr::{self, DOMAINS};
use super::{relative_name, web_manifest};

/// Lists of what goes where, as builds of ESP-IDF's leave them.
pub(super) const FLASH_ARGS: [&str; 2] = ["flash_args", "flash_project_args"];
/// Directories below the workspace that are looked at, in levels.
const LEVELS: usize = 3;
/// Entries of directories that are looked at.
const MAX_ENTRIES: usize = 8_000;
/// Projects and builds that are taken.
const MAX_FOUND: usize = 100;

/// Directories of sources that are somebody else's, of tools, and of what no build makes.
const SKIPPED: &[&str] = &[
    "node_modules",
    "managed_components",
    "venv",
    "__pycache__",
    "libdeps",
    "CMakeFiles",
];

/// Begins the directories in which cargo lets ESP-IDF build a part of a program.
const IDF_SYS: &str = "esp-idf-sys-";

/// What was found, nearest first.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// Directories below the workspace that look like projects.
    pub(super) projects: Vec<PathBuf>,
    /// Those of them that another tool than PlatformIO may build.
    of_others: Vec<PathBuf>,
    /// Directories whose `platformio.ini` is a part of another project's configuration.
    parts: Vec<PathBuf>,
    /// Directories that look like a build's, wherever they are.
    pub(super) builds: Vec<PathBuf>,
    /// Directories with a list of images and of where they go; the images may be elsewhere.
    pub(super) lists: Vec<PathBuf>,
    /// Directories with images, as releases have them, the workspace itself included.
    pub(super) images: Vec<PathBuf>,
    /// Other directories with binary files, which may be images where there is no project.
    pub(super) binaries: Vec<PathBuf>,
    /// Packed releases in the workspace itself.
    pub(super) archives: Vec<PathBuf>,
    /// Directories in which PlatformIO built environments.
    pub(super) environments: Vec<PathBuf>,
    /// The workspace looks like a project.
    pub(super) is_project: bool,
    /// What was not looked at, and why.
    pub(super) left_out: Vec<String>,
}

impl Survey {
    pub(super) fn of(root: &Path) -> Self {
        let mut found = Self::default();
        let mut waiting = VecDeque::from([(root.to_owned(), 0)]);
        let mut left = MAX_ENTRIES;
        let mut deeper = Vec::new();
        while let Some((dir, level)) = waiting.pop_front() {
            let Some(names) = Names::of(&dir, &mut left) else {
                found.left_out.push(format!(
                    "there are more than {MAX_ENTRIES} files and directories to look at; {} and what \
                     follows it was left out",
                    dir.display()
                ));
                break;
            };
            if found.projects.len() + found.builds.len() + found.images.len() + found.lists.len()
                >= MAX_FOUND
            {
                found.left_out.push(format!(
                    "there are more than {MAX_FOUND} projects and builds; the rest was left out"
                ));
                break;
            }
            if level > 0 && (names.is_espidf_itself(&dir) || names.is_zephyr_itself(&dir)) {
                continue;
            }
            if level > 0 && names.is_build(&dir) {
                // What lies below it belongs to it: the boot loader's own build, for one.
                found.builds.push(dir);
                continue;
            }
            if names.has("project.checksum") {
                found.environments.push(dir.clone());
            }
            match (names.is_project(&dir), level) {
                (true, 0) => found.is_project = true,
                (true, _) => {
                    found.projects.push(dir.clone());
                    let is_others = names.has("CMakeLists.txt") || names.is_of_others(&dir);
                    found.of_others.extend(is_others.then(|| dir.clone()));
                }
                (false, _) => {}
            }
            if names.files.iter().any(|name| may_be_list(name)) {
                found.lists.push(dir.clone());
            } else if may_be_images(&names.files) {
                found.images.push(dir.clone());
            } else if found.binaries.len() < MAX_FOUND && names.has_end(".bin") {
                found.binaries.push(dir.clone());
            }
            if level == 0 {
                let packed = names
                    .files
                    .iter()
                    .filter(|name| name.to_ascii_lowercase().strip_suffix(".zip").is_some());
                found
                    .archives
                    .extend(packed.take(MAX_FOUND).map(|name| dir.join(name)));
            }
            if names.has_dir(".esphome") {
                waiting.push_back((dir.join(".esphome/build"), level));
            }
            if !names.has("platformio.ini") {
                // Builds of PlatformIO's, as CI keeps them.
                let kept = names.dirs.iter().filter(|name| name.starts_with(".pio"));
                waiting.extend(kept.map(|name| match name.as_str() {
                    ".pioenvs" => (dir.join(name), level),
                    name => (dir.join(name).join("build"), level),
                }));
            }
            // The domains of a build are parts of it.
            let is_whole = names.is_cargo_target() || names.has_domains(&dir);
            if !is_whole {
                let is_built = dir.ends_with("build");
                let is_skipped = |name: &str| {
                    name.starts_with('.')
                        || is_built && name.starts_with(IDF_SYS)
                        || SKIPPED.contains(&name)
                };
                let inner = names.dirs.iter().filter(|name| !is_skipped(name));
                let inner = inner.map(|name| dir.join(name));
                if level < LEVELS {
                    waiting.extend(inner.map(|dir| (dir, level + 1)));
                } else if !names.is_project(&dir) {
                    // A project has its own usual places.
                    deeper.extend(inner);
                }
            }
        }
        found.left_out.extend(too_deep(root, &deeper));
        found
    }

    /// Leaves these directories to other tools than PlatformIO.
    pub(super) fn set_parts(&mut self, parts: Vec<PathBuf>) {
        let of_others = &self.of_others;
        self.projects
            .retain(|dir| !parts.contains(dir) || of_others.contains(dir));
        self.parts = parts;
    }

    /// Whether a directory's `platformio.ini` is a part of another project's configuration.
    pub(super) fn is_part(&self, dir: &Path) -> bool {
        self.parts.iter().any(|part| part == dir)
    }

    /// The project around a build: the nearest one, or the workspace.
    pub(super) fn owner<'s>(&'s self, root: &'s Path, build: &Path) -> &'s Path {
        let around = self.projects.iter().filter(|dir| build.starts_with(dir));
        around
            .max_by_key(|dir| dir.components().count())
            .map_or(root, PathBuf::as_path)
    }
}

/// What is in one directory, in alphabetical order.
struct Names {
    dirs: Vec<String>,
    files: Vec<String>,
}

impl Names {
    /// `None`: that would be more than is looked at.
    fn of(dir: &Path, left: &mut usize) -> Option<Self> {
        let mut found = Self {
            dirs: Vec::new(),
            files: Vec::new(),
        };
        for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
            *left = left.checked_sub(1)?;
            // Links are not followed: they can lead in circles.
            let Ok(kind) = entry.file_type() else {
                continue;
            };
            // A name that is not Unicode is not looked for.
            if let Ok(name) = entry.file_name().into_string() {
                let list = if kind.is_dir() {
                    &mut found.dirs
                } else {
                    &mut found.files
                };
                list.push(name);
            }
        }
        found.dirs.sort();
        Some(found)
    }

    fn has(&self, name: &str) -> bool {
        self.files.iter().any(|file| file == name)
    }

    fn has_end(&self, end: &str) -> bool {
        self.files.iter().any(|file| file.ends_with(end))
    }

    fn has_dir(&self, name: &str) -> bool {
        self.dirs.iter().any(|dir| dir == name)
    }

    fn is_build(&self, dir: &Path) -> bool {
        self.has("flasher_args.json")
            || self.has("project_description.json")
            || self.has_domains(dir)
            || self.has("CMakeCache.txt") && self.has_end(".uf2")
            || self.has_dir("zephyr") && dir.join("zephyr/runners.yaml").is_file()
            || !self.has_own_sketch(dir) && (self.has_end(".ino.bin") || self.has_end(".ino.hex"))
    }

    fn has_domains(&self, dir: &Path) -> bool {
        self.has(DOMAINS) && zephyr::has_domains(dir)
    }

    fn is_project(&self, dir: &Path) -> bool {
        self.has("platformio.ini") || self.is_of_others(dir)
    }

    fn is_of_others(&self, dir: &Path) -> bool {
        self.has("prj.conf")
            || self.has("Cargo.toml")
            || self.has("pico_sdk_import.cmake")
            || self.has_dir(".fbuild")
            || self.has("CMakeLists.txt")
                && (self.has("sdkconfig") || self.has("sdkconfig.defaults") || self.has_dir("main"))
            || self.has_own_sketch(dir)
    }

    fn has_own_sketch(&self, dir: &Path) -> bool {
        let sketch = dir.file_name().and_then(|name| name.to_str());
        sketch.is_some_and(|name| self.has(&format!("{name}.ino")))
    }

    /// ESP-IDF's own sources, whose examples are nobody's task; a project may have that name, too.
    fn is_espidf_itself(&self, dir: &Path) -> bool {
        self.has_dir("components") && self.has_dir("tools") && dir.join("tools/idf.py").is_file()
    }

    /// Zephyr's own sources, with hundreds of samples.
    fn is_zephyr_itself(&self, dir: &Path) -> bool {
        self.has_dir("samples")
            && self.has_dir("scripts")
            && dir.join("scripts/west_commands").is_dir()
    }

    fn is_cargo_target(&self) -> bool {
        self.has("CACHEDIR.TAG") && self.has(".rustc_info.json")
    }
}

/// What is told of directories that were not looked into.
fn too_deep(root: &Path, dirs: &[PathBuf]) -> Option<String> {
    let first = relative_name(root, dirs.first()?);
    let others = match dirs.len() {
        1 => String::new(),
        all => format!(" and {} more", all - 1),
    };
    Some(format!(
        "not looked into below three levels: {first}{others}; a build there counts where a file names it"
    ))
}

/// Whether a directory with files of these names may hold images.
fn may_be_images(names: &[String]) -> bool {
    let has = |name: &str| names.iter().any(|it| it == name);
    let is_whole = |name: &str| {
        let parts = ["merged", "factory", "combined", "full"];
        parts.iter().any(|part| name.contains(part))
    };
    names.iter().any(|name| {
        name.strip_suffix(".bin").is_some_and(|stem| {
            stem.contains("bootloader") || is_whole(stem) || has(&format!("{stem}.elf"))
        })
    })
}

/// Whether a file of such a name may list what goes where.
fn may_be_list(name: &str) -> bool {
    FLASH_ARGS.contains(&name) || web_manifest::may_be_one(name)
}
