//! Build directories that an editor's settings, a profile or a preset names.
//!
//! Sources: the settings of Espressif's, Microsoft's CMake and Arduino extensions of VS Code, the project
//! profiles of Espressif's (`esp_idf_project_configuration.json`), and CMake's documentation of
//! presets. What a name means is not asked: a directory counts if a build is in it.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::environment::Environment;
use super::look::Look;

/// Files that name build directories, by patterns of their last name.
const FILES: [&str; 5] = [
    ".vscode/settings.json",
    ".vscode/arduino.json",
    ".vscode/c_cpp_properties.json",
    "esp_idf_project_configuration.json",
    "CMakeUserPresets.json",
];
const PRESETS: &str = "CMakePresets.json";

/// Keys whose text is a build directory, wherever they stand.
const DIRECTORY_KEYS: [&str; 8] = [
    "idf.buildPath",
    "idf.buildPathWin",
    "idf.buildDirectoryName",
    "buildDirectoryPath",
    "buildPath",
    "cmake.buildDirectory",
    "binaryDir",
    // Of arduino.json.
    "output",
];
/// Keys whose text is a file in a build directory.
const FILE_KEYS: [&str; 1] = ["compileCommands"];

/// Places that are taken from all files together, and files that presets include.
const MAX_PLACES: usize = 200;
const MAX_INCLUDED: usize = 20;

/// A directory that is named, and the file that names it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) dir: PathBuf,
    pub(super) by: PathBuf,
}

/// Every build directory that is named in the project `root`, whether it exists or not.
pub(super) fn directories(root: &Path, environment: &Environment, look: &Look) -> Vec<Named> {
    let mut files: Vec<PathBuf> = FILES.iter().map(|name| root.join(name)).collect();
    files.push(root.join(PRESETS));
    let entries = look.entries(root).into_iter();
    let workspaces = entries.filter(|entry| entry.name.ends_with(".code-workspace"));
    files.extend(workspaces.map(|entry| entry.path));
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(file) = files.get(at).cloned() {
        at += 1;
        let Some(json) = look.jsonc(&file) else {
            continue;
        };
        let presets = names_of_presets(&json);
        let mut texts = Vec::new();
        collect(&json, &mut texts);
        for (is_file, text) in texts {
            for preset in &presets {
                let Some(text) = expand(text, root, preset, environment) else {
                    continue;
                };
                let path = root.join(super::local_path(&text));
                let dir = if is_file {
                    path.parent()
                } else {
                    Some(path.as_path())
                };
                let named = dir.map(|dir| Named {
                    dir: dir.components().collect(),
                    by: file.clone(),
                });
                let is_new = |named: &Named| found.iter().all(|it: &Named| it.dir != named.dir);
                found.extend(named.filter(is_new).filter(|named| named.dir != root));
            }
        }
        if found.len() > MAX_PLACES {
            found.truncate(MAX_PLACES);
            break;
        }
        let dir = file.parent().unwrap_or(root);
        for included in included(&json).take(MAX_INCLUDED) {
            let path = dir.join(super::local_path(included));
            if files.len() < FILES.len() + MAX_INCLUDED && !files.contains(&path) {
                files.push(path);
            }
        }
    }
    found
}

/// The values of the keys that name places, and whether it is a file that is named.
fn collect<'j>(json: &'j Value, found: &mut Vec<(bool, &'j str)>) {
    if found.len() > MAX_PLACES {
        return;
    }
    match json {
        Value::Object(members) => {
            for (key, value) in members {
                match value.as_str() {
                    Some(text) if DIRECTORY_KEYS.contains(&key.as_str()) => {
                        found.push((false, text));
                    }
                    Some(text) if FILE_KEYS.contains(&key.as_str()) => found.push((true, text)),
                    _ => collect(value, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        _ => {}
    }
}

/// `include` of presets.
fn included(json: &Value) -> impl Iterator<Item = &str> {
    let included = json.get("include").and_then(Value::as_array);
    included.into_iter().flatten().filter_map(Value::as_str)
}

/// A directory may be named by a preset that others inherit, with `${presetName}` in it. Without
/// presets: one name, which is nowhere put in.
fn names_of_presets(json: &Value) -> Vec<&str> {
    let presets = json.get("configurePresets").and_then(Value::as_array);
    let presets = presets.into_iter().flatten().take(MAX_PLACES);
    let names: Vec<_> = presets
        .filter_map(|preset| preset.get("name")?.as_str())
        .collect();
    if names.is_empty() { vec![""] } else { names }
}

/// The variables of VS Code and of CMake's presets; `None` where one is not known.
fn expand(text: &str, root: &Path, preset: &str, environment: &Environment) -> Option<String> {
    let name_of = |path: &Path| Some(path.file_name()?.to_str()?.to_owned());
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let (scheme, after) = rest[at + 1..].split_once('{')?;
        let (name, behind) = after.split_once('}')?;
        rest = behind;
        let value = match (scheme, name) {
            (
                "",
                "workspaceFolder" | "workspaceRoot" | "sourceDir" | "fileDirname" | "projectDir",
            ) => root.display().to_string(),
            ("", "sourceParentDir") => root.parent()?.display().to_string(),
            ("", "workspaceFolderBasename" | "workspaceRootFolderName" | "sourceDirName") => {
                name_of(root)?
            }
            ("", "presetName") if !preset.is_empty() => preset.to_owned(),
            ("", "userHome") => environment.home()?.display().to_string(),
            ("", "pathSeparator") => "/".to_owned(),
            ("", "dollar") => "$".to_owned(),
            ("env" | "penv", name) => environment.get(name)?.to_owned(),
            ("", name) => {
                // VS Code: a folder of the workspace by its name; a variable of the environment.
                let folder = name
                    .strip_prefix("workspaceFolder:")
                    .map(|_| root.display().to_string());
                let variable = name
                    .strip_prefix("env:")
                    .and_then(|name| environment.get(name));
                folder.or_else(|| variable.map(str::to_owned))?
            }
            _ => return None,
        };
        out.push_str(&value);
    }
    out.push_str(rest);
    if let Some(below) = out.strip_prefix("~/") {
        return Some(environment.home()?.join(below).display().to_string());
    }
    Some(out).filter(|text| !text.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_put_in_and_what_is_not_known_names_nothing() {
        let environment = Environment::from_pairs([
            ("HOME".to_owned(), "/home/me".to_owned()),
            ("OUT".to_owned(), "/o".to_owned()),
        ]);
        for (text, expected) in [
            ("${workspaceFolder}/out", Some("/w/p/out")),
            ("${sourceParentDir}/${presetName}", Some("/w/dev")),
            ("$env{OUT}/${env:OUT}", Some("/o//o")),
            ("~/b", Some("/home/me/b")),
            ("${config:other}/x", None),
            ("$penv{NONE}", None),
            ("$", None),
            ("", None),
        ] {
            let expanded = expand(text, Path::new("/w/p"), "dev", &environment);
            assert_eq!(expanded.as_deref(), expected, "{text}");
        }
    }
}
