//! Build directories of CMake's presets.
//!
//! Source: CMake's documentation, "cmake-presets": `inherits`, macros, `environment` and `cacheVariables`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::{Scope, expand};
use crate::discover::environment::Environment;

/// Presets that one inherits from, from one to the next.
const MAX_INHERITED: usize = 20;
/// Presets of all files together.
const MAX_PRESETS: usize = 500;
/// Variables that one sets.
const MAX_VARIABLES: usize = 100;
/// What they are together: many presets may inherit them, and each has them anew.
const MAX_VARIABLES_BYTES: usize = 8 << 10;

/// A preset and the file that it is in.
struct Preset {
    json: Value,
    file: PathBuf,
}

/// A preset that can be chosen.
pub(super) struct Chosen {
    /// Its build directory, as a text.
    pub(super) directory: String,
    /// The file that names it.
    pub(super) file: PathBuf,
    /// Its name, if idf.py knows it: that looks into no included file.
    pub(super) name: Option<String>,
    /// What it gives to CMake: `NAME=VALUE`; `None` where that is not known here.
    pub(super) variables: Option<Vec<String>>,
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

    /// Every preset that can be chosen and has a build directory.
    pub(super) fn chosen(&self, root: &Path, environment: &Environment) -> Vec<Chosen> {
        let is_hidden = |preset: &&Preset| preset.json.get("hidden") == Some(&Value::Bool(true));
        let presets = self.0.iter().filter(|preset| !is_hidden(preset));
        let chosen = |preset: &Preset| {
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
            let own = ["CMakePresets.json", "CMakeUserPresets.json"];
            let is_own = own.iter().any(|name| preset.file == root.join(name));
            // One that is null is not set, whatever is inherited.
            let mut set = BTreeMap::new();
            let variables = line
                .iter()
                .filter_map(|of| of.json.get("cacheVariables")?.as_object());
            for (name, value) in variables.flatten().take(MAX_VARIABLES) {
                set.entry(name).or_insert(value);
            }
            set.retain(|_, value| !value.is_null());
            let variables = set.into_iter().map(|(name, value)| {
                let value = expand(&text_of(value)?, &scope, environment)?;
                Some(format!("{name}={value}"))
            });
            // Where it is for, and what its compiler is started with, is CMake's to find out.
            let is_more = |of: &&Preset| {
                ["condition", "environment"]
                    .iter()
                    .any(|key| of.json.get(key).is_some())
            };
            let variables: Option<Vec<String>> = variables.collect();
            let len_bytes = |all: &[String]| all.iter().map(String::len).sum::<usize>();
            let variables = variables.filter(|all| len_bytes(all) <= MAX_VARIABLES_BYTES);
            Some(Chosen {
                directory: expand(text, &scope, environment)?,
                file: of.file.clone(),
                name: is_own.then(|| scope.preset.to_owned()),
                variables: variables.filter(|_| !line.iter().copied().any(|of| is_more(&of))),
            })
        };
        presets.filter_map(chosen).collect()
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

/// The value of a variable: a text, a truth value, or an object with one.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(is_true) => Some(if *is_true { "TRUE" } else { "FALSE" }.to_owned()),
        Value::Object(typed) => text_of(typed.get("value").filter(|it| !it.is_object())?),
        _ => None,
    }
}

/// `inherits`: a name or several, of which no more than count are looked for.
fn parents(preset: &Value) -> Vec<&str> {
    match preset.get("inherits") {
        Some(Value::String(name)) => vec![name],
        Some(Value::Array(names)) => {
            let names = names.iter().filter_map(Value::as_str);
            names.take(MAX_INHERITED).collect()
        }
        _ => Vec::new(),
    }
}

/// A variable of a preset's own environment.
pub(super) fn variable<'v>(variables: &[&'v Map<String, Value>], name: &str) -> Option<&'v str> {
    variables
        .iter()
        .find_map(|variables| variables.get(name)?.as_str())
}
