//! The programs in a build directory, and of which sketch each is. One directory may hold those of several
//! sketches, and of one that has another name now.

use std::path::{Path, PathBuf};

use crate::discover::look::Look;
use crate::discover::{Discovery, modified};
use crate::input_error::InputError;
use crate::remedy::{Remedy, Way};

/// A program that is deployed.
pub(super) struct Program {
    /// `blink.ino`.
    pub(super) sketch: String,
    /// Intel HEX, as AVR boards have it.
    pub(super) is_hex: bool,
    pub(super) path: PathBuf,
    /// What a person should know of it.
    pub(super) remark: Option<String>,
}

/// What the sketch in `root` has in `dir`; where `root` is not a sketch's folder, every program. So is
/// what the sketches of projects below it have. Others are passed over.
pub(super) fn of(
    root: &Path,
    dir: &Path,
    projects: &[PathBuf],
    look: &Look,
    found: &mut Discovery,
) -> Vec<Program> {
    let mut all = in_directory(dir, look);
    all.sort_by_key(|program| std::cmp::Reverse(modified(&program.path)));
    let main = super::own_sketch(root, look);
    let sketches = sketches_in(root, look);
    let is_main = |program: &Program| Some(&program.sketch) == main.as_ref();
    let is_below = |program: &Program| {
        let folder = folder_of(&program.sketch, root, projects, look);
        folder != root && folder.starts_with(root)
    };
    let is_here = |program: &Program| sketches.contains(&program.sketch) || is_below(program);
    let is_renamed = !sketches.is_empty() && !all.iter().any(is_here);
    let (mut taken, others): (Vec<Program>, Vec<Program>) = if all.iter().any(is_main) {
        all.into_iter().partition(|it| is_main(it) || is_below(it))
    } else if is_renamed {
        let others = all.split_off(all.len().min(1));
        (all, others)
    } else {
        let is_taken = |program: &Program| sketches.is_empty() || is_here(program);
        all.into_iter().partition(is_taken)
    };
    for program in &mut taken {
        let path = program.path.display();
        let newer = others
            .iter()
            .find(|other| modified(&other.path) > modified(&program.path));
        program.remark = match newer {
            _ if is_renamed => Some(format!(
                "{path} is the program of {}, which is not in {}: the sketch may have been renamed, and not \
                 been built since",
                program.sketch,
                root.display()
            )),
            Some(newer) => Some(format!(
                "{} is newer than {path}, which is deployed; it is the program of {}",
                newer.path.display(),
                newer.sketch
            )),
            None => None,
        };
    }
    taken.sort_by(|one, other| one.sketch.cmp(&other.sketch));
    for other in others {
        let why = format!("is the program of {}, another sketch", other.sketch);
        found.pass(&other.path, why);
    }
    taken
}

fn in_directory(dir: &Path, look: &Look) -> Vec<Program> {
    let mut found: Vec<Program> = Vec::new();
    for entry in look.entries(dir) {
        let hex = entry.name.strip_suffix(".ino.hex");
        let Some(stem) = hex.or_else(|| entry.name.strip_suffix(".ino.bin")) else {
            continue;
        };
        let sketch = format!("{stem}.ino");
        if found.iter().all(|program| program.sketch != sketch) {
            found.push(Program {
                sketch,
                is_hex: hex.is_some(),
                path: entry.path,
                remark: None,
            });
        }
    }
    found
}

/// An image of the whole flash, of which nothing else was kept. What follows the table in it is the board's as it left
/// the factory: nobody deploys that without meaning it.
pub(super) fn tell_merged(dir: &Path, look: &Look, found: &mut Discovery) {
    let entries = look.entries(dir).into_iter();
    let mut merged = entries.filter(|entry| entry.name.ends_with(".ino.merged.bin"));
    if let Some(entry) = merged.next() {
        let what = format!(
            "{} is an image of the whole flash, and what it was made of is not beside it",
            entry.path.display()
        );
        let remedy =
            Remedy::from("Build the sketch again; or, where all data on the board may go, ");
        let problem = InputError::new("no-target", what, remedy.way(Way::NameFiles));
        found.problems.push(problem.in_file(&entry.path));
    }
}

/// The files of sketches in a folder.
fn sketches_in(root: &Path, look: &Look) -> Vec<String> {
    let names = look.entries(root).into_iter().map(|entry| entry.name);
    names
        .filter(|name| name.strip_suffix(".ino").is_some())
        .collect()
}

/// The folder of a sketch: `root`, or the only one of `projects` that is called like it.
pub(super) fn folder_of<'p>(
    sketch: &str,
    root: &'p Path,
    projects: &'p [PathBuf],
    look: &Look,
) -> &'p Path {
    let is_it = |dir: &&PathBuf| super::own_sketch(dir, look).as_deref() == Some(sketch);
    let mut others = projects.iter().filter(is_it);
    let only = others.next().filter(|_| others.next().is_none());
    match only {
        Some(dir) if !look.has(&root.join(sketch)) => dir,
        _ => root,
    }
}
