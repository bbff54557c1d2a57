//! Which of a sketch's builds is meant: the one for the board that the sketch asks for, as arduino-cli takes it.

use std::path::PathBuf;

use super::{built_for, own_sketch, sketch_yaml};
use crate::discover::look::Look;
use crate::discover::{Discovery, never_built};
use crate::target::{Target, Tool};

/// Leaves the builds for other boards to those who name them. What is asked for and not built is told of the
/// folder that is opened.
pub(in crate::discover) fn settle(look: &Look, found: &mut Discovery) {
    let is_arduino = |target: &&Target| target.tool == Tool::Arduino;
    let arduino = found.targets.iter().filter(is_arduino);
    let mut roots: Vec<PathBuf> = arduino.map(|target| target.root.clone()).collect();
    roots.dedup();
    for root in roots {
        let asked = sketch_yaml::board(&root, look);
        let asked = asked.or_else(|| sketch_yaml::board(&found.root, look));
        let Some(board) = asked.map(|asked| built_for::without_options(&asked.fqbn)) else {
            continue;
        };
        let of_sketch = found.targets.iter().filter(is_arduino);
        let of_sketch = of_sketch.filter(|target| target.root == root);
        let (meant, others): (Vec<&Target>, Vec<_>) =
            of_sketch.partition(|target| target.env.as_ref() == Some(&board));
        // A directory that a person named may be for any board.
        let is_other = |target: &&Target| target.env.iter().any(|env| env.split('.').count() == 3);
        let is_missing = meant.is_empty() && root == found.root && others.iter().all(is_other);
        let others: Vec<_> = others.iter().map(|target| target.name.clone()).collect();
        if !meant.is_empty() || is_missing {
            found.not_default.extend(others);
        }
        if let Some(sketch) = own_sketch(&root, look).filter(|_| is_missing) {
            never_built::sketch(&root, &sketch, look, found);
        }
    }
}
