//! Build directories of CMake's presets.
//!
//! Source: CMake's documentation, "cmake-presets": `inherits`, macros and `environment`.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::{Scope, expand};
use crate::discover::environment::Environment;

/// Presets that one inherits from, from one to the next.
const MAX_INHERITED: usize = 20;
/// Presets of all files together.
const MAX_PRESETS: usize = 500;

/// A preset and the file that it is in.
struct Preset {
    json: Value,
    file: PathBuf,
}

/// The presets of all files.
#[derive(Default)]
pub(super) struct Presets(Vec<Preset>);

impl Presets {
    /// Takes those of a file in.
    pub(super) fn add(&mut self, json: &Value, file: &Path) {
        let room = MAX_PRESETS.saturating_sub(self.0.len());
        let listed = json.get("configurePresets").and_then(Value::as_array);
        let presets = listed.into_iter().flatten().take(room);
        self.0.extend(presets.map(|json| Preset {
            json: json.clone(),
            file: file.to_owned(),
        }));
    }

    /// The build directory of every preset that can be chosen, and the file that names it.
    pub(super) fn directories(
        &self,
        root: &Path,
        environment: &Environment,
    ) -> Vec<(String, PathBuf)> {
        let is_hidden = |preset: &&Preset| preset.json.get("hidden") == Some(&Value::Bool(true));
        let chosen = self.0.iter().filter(|preset| !is_hidden(preset));
        let directory = |preset: &Preset| {
            let line = self.line(preset);
            let said = |of: &&Preset| of.json.get("binaryDir").is_some();
            let of = line.iter().copied().find(said)?;
            let variables = line
                .iter()
                .filter_map(|of| of.json.get("environment")?.as_object());
            let scope = Scope {
                root,
                file: &of.file,
                preset: preset.json.get("name")?.as_str()?,
                variables: &variables.collect::<Vec<_>>(),
                folders: &[],
            };
            let text = of.json.get("binaryDir")?.as_str()?;
            Some((expand(text, &scope, environment)?, of.file.clone()))
        };
        chosen.filter_map(directory).collect()
    }

    /// A preset and those that it inherits from, in the order in which they count.
    fn line<'p>(&'p self, preset: &'p Preset) -> Vec<&'p Preset> {
        let mut line = vec![preset];
        let mut waiting = parents(&preset.json);
        while let Some(name) = waiting.first().copied() {
            waiting.remove(0);
            let is_this =
                |other: &&Preset| other.json.get("name").and_then(Value::as_str) == Some(name);
            let Some(parent) = self.0.iter().find(is_this) else {
                continue;
            };
            if line.len() == MAX_INHERITED {
                break;
            }
            line.push(parent);
            let mut next = parents(&parent.json);
            next.append(&mut waiting);
            waiting = next;
        }
        line
    }
}

/// `inherits`: a name or several.
fn parents(preset: &Value) -> Vec<&str> {
    match preset.get("inherits") {
        Some(Value::String(name)) => vec![name],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// A variable of a preset's own environment.
pub(super) fn variable<'v>(variables: &[&'v Map<String, Value>], name: &str) -> Option<&'v str> {
    variables
        .iter()
        .find_map(|variables| variables.get(name)?.as_str())
}
