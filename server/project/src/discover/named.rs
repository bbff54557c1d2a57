//! Build directories that an editor's settings, a profile or a preset names.
//!
//! Sources: the settings of Espressif's, Microsoft's CMake and Arduino extensions of VS Code, the project
//! profiles of Espressif's (`esp_idf_project_configuration.json`), and CMake's documentation of
//! presets. What a name means is not asked: a directory counts if a build is in it.

mod presets;
mod profiles;

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::environment::Environment;
use super::look::Look;
use super::{Passed, arguments, without_dots, zephyr};
use presets::Presets;

/// Files that name build directories, by patterns of their last name.
const FILES: [&str; 6] = [
    ".vscode/settings.json",
    ".zed/settings.json",
    ".vscode/arduino.json",
    ".vscode/c_cpp_properties.json",
    "esp_idf_project_configuration.json",
    "CMakeUserPresets.json",
];
const PRESETS: &str = "CMakePresets.json";

/// Keys whose text is a build directory, wherever they stand.
const DIRECTORY_KEYS: [&str; 7] = [
    "idf.buildPath",
    "idf.buildPathWin",
    "idf.buildDirectoryName",
    "buildDirectoryPath",
    "buildPath",
    "cmake.buildDirectory",
    // Of arduino.json.
    "output",
];
/// Keys whose text is a file in a build directory.
const FILE_KEYS: [&str; 2] = ["compileCommands", "C_Cpp.default.compileCommands"];
/// The option of clangd's that names a build directory.
const COMMANDS_DIR: &str = "--compile-commands-dir";
const CLANGD: &str = ".clangd";

/// Places that are taken from all files together, and files that presets include.
const MAX_PLACES: usize = 200;
const MAX_INCLUDED: usize = 20;
/// What a text with variables may become: no system has longer paths, and many presets may inherit one.
const MAX_EXPANDED_BYTES: usize = 4 << 10;

/// A directory that is named, and the file that names it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) dir: PathBuf,
    /// The project whose build it is.
    pub(super) of: PathBuf,
    pub(super) by: PathBuf,
}

/// A preset's build directory, or a profile's.
#[derive(Debug)]
pub(super) struct Configured {
    pub(super) dir: PathBuf,
    /// The file that it is in.
    pub(super) by: PathBuf,
    /// The preset's name, if idf.py knows it.
    pub(super) preset: Option<String>,
    /// What else it gives to CMake: `NAME=VALUE`; `None` where that is not known here.
    pub(super) variables: Option<Vec<String>>,
}

/// What the files of a project name.
#[derive(Debug, Default)]
pub(super) struct AllNamed {
    /// Build directories, whether they exist or not.
    pub(super) dirs: Vec<Named>,
    /// Those of presets and profiles.
    pub(super) configured: Vec<Configured>,
    /// Texts with a variable that is not known here, as they are written.
    pub(super) unknown: Vec<Passed>,
}

/// What the variables in a text stand for.
struct Scope<'s> {
    root: &'s Path,
    /// The file that the text is in.
    file: &'s Path,
    preset: &'s str,
    /// A preset's own variables, what counts first.
    variables: &'s [&'s Map<String, Value>],
    /// Folders of a workspace by their names.
    folders: &'s [(String, PathBuf)],
}

/// Every build directory that is named in the project `root`.
pub(super) fn directories(root: &Path, environment: &Environment, look: &Look) -> AllNamed {
    let mut files: Vec<PathBuf> = FILES.iter().map(|name| root.join(name)).collect();
    files.push(root.join(PRESETS));
    let entries = look.entries(root).into_iter();
    let workspaces = entries.filter(|entry| entry.name.ends_with(".code-workspace"));
    files.extend(workspaces.map(|entry| entry.path));
    let mut found = AllNamed::default();
    let mut presets = Presets::default();
    let mut at = 0;
    while let Some(file) = files.get(at).cloned() {
        at += 1;
        let Some(json) = look.jsonc(&file) else {
            continue;
        };
        presets.add(&json, &file);
        if file.ends_with(profiles::FILE) {
            let profiles = profiles::read(&json, root, &file, environment);
            found.configured.extend(profiles);
        }
        let folders = folders(&json, &file);
        // What a workspace of several folders says counts in each of them.
        let mut roots: Vec<&Path> = folders.iter().map(|(_, path)| path.as_path()).collect();
        if roots.is_empty() {
            roots.push(root);
        }
        let mut texts = Vec::new();
        collect(&json, &mut texts);
        let texts = texts.into_iter().take(MAX_PLACES);
        for (is_file, text) in texts {
            let in_each = roots.iter().map(|of| {
                let scope = Scope {
                    root: of,
                    file: &file,
                    preset: "",
                    variables: &[],
                    folders: &folders,
                };
                let text = expand(&text, &scope, environment);
                (*of, text.map(|text| place(of, &text)))
            });
            let mut in_each: Vec<(&Path, Option<PathBuf>)> = in_each.collect();
            in_each.dedup_by(|one, other| one.1 == other.1);
            // What is the same place for all folders belongs to the one that it is in.
            if let ([(of, Some(path))], true) = (in_each.as_mut_slice(), roots.len() > 1) {
                let around = roots.iter().filter(|folder| path.starts_with(folder));
                *of = around
                    .max_by_key(|it| it.as_os_str().len())
                    .unwrap_or(&root);
            }
            for (of, path) in in_each {
                if let Some(path) = path {
                    found.add(of, &path, is_file, &file);
                } else if text.contains('$') && found.unknown.len() < MAX_PLACES {
                    let why = format!(
                        "names a build by '{text}', with a variable that is not known here"
                    );
                    let place = file.clone();
                    found.unknown.push(Passed { place, why });
                }
            }
        }
        let dir = file.parent().unwrap_or(root);
        for included in included(&json).take(MAX_INCLUDED) {
            let path = dir.join(super::local_path(included));
            if files.len() < FILES.len() + MAX_INCLUDED && !files.contains(&path) {
                files.push(path);
            }
        }
    }
    for preset in presets.chosen(root, environment) {
        let dir = place(root, &preset.directory);
        found.add(root, &dir, false, &preset.file);
        found.configured.push(Configured {
            dir,
            by: preset.file,
            preset: preset.name,
            variables: preset.variables,
        });
    }
    let clangd = root.join(CLANGD);
    for line in zephyr::unfolded(&clangd, look).unwrap_or_default().lines() {
        let line = line.trim().trim_start_matches("- ");
        let said = line.strip_prefix("CompilationDatabase:").map(str::trim);
        let said = said
            .and_then(|it| it.split(" #").next())
            .unwrap_or_default();
        let said = said.trim_end().trim_matches(['"', '\'']);
        if !["", "Ancestors", "None"].contains(&said) {
            found.add(root, &place(root, said), false, &clangd);
        }
    }
    // Linked into the project for clangd, from a build that lies elsewhere.
    let commands = root.join("compile_commands.json");
    if let Some(text) = std::fs::read_link(&commands)
        .ok()
        .as_deref()
        .and_then(Path::to_str)
    {
        found.add(root, &place(root, text), true, &commands);
    }
    found
}

impl AllNamed {
    fn add(&mut self, root: &Path, path: &Path, is_file: bool, file: &Path) {
        let dir = if is_file { path.parent() } else { Some(path) };
        let is_new = |dir: &&Path| self.dirs.iter().all(|it| it.dir != *dir) && *dir != root;
        if let Some(dir) = dir.filter(is_new).filter(|_| self.dirs.len() < MAX_PLACES) {
            self.dirs.push(Named {
                dir: dir.to_owned(),
                of: root.to_owned(),
                by: file.to_owned(),
            });
        }
    }
}

/// What a text names in the project `root`.
fn place(root: &Path, text: &str) -> PathBuf {
    without_dots(&root.join(super::local_path(text)))
}

/// The folders of a workspace of VS Code's.
fn folders(json: &Value, file: &Path) -> Vec<(String, PathBuf)> {
    let folders = json.get("folders").and_then(Value::as_array);
    let folder = |folder: &Value| {
        let path = super::local_path(folder.get("path")?.as_str()?);
        let path = without_dots(&file.parent()?.join(path));
        let name = folder.get("name").and_then(Value::as_str);
        let name = name.or_else(|| path.file_name()?.to_str())?.to_owned();
        Some((name, path))
    };
    let folders = folders.into_iter().flatten().take(MAX_PLACES);
    folders.filter_map(folder).collect()
}

/// The values of the keys that name places, and whether it is a file that is named.
fn collect(json: &Value, found: &mut Vec<(bool, String)>) {
    if found.len() > MAX_PLACES {
        return;
    }
    match json {
        Value::Object(members) => {
            for (key, value) in members {
                // One, or several.
                let one = std::slice::from_ref(value);
                let texts = value.as_array().map_or(one, Vec::as_slice);
                let texts = texts.iter().filter_map(Value::as_str);
                if DIRECTORY_KEYS.contains(&key.as_str()) {
                    found.extend(texts.map(|text| (false, text.to_owned())));
                } else if FILE_KEYS.contains(&key.as_str()) {
                    found.extend(texts.map(|text| (true, text.to_owned())));
                } else {
                    collect(value, found);
                }
            }
        }
        Value::Array(items) => {
            let words: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
            let named = arguments::value(&words, |option| option == COMMANDS_DIR);
            found.extend(named.map(|text| (false, text.to_owned())));
            for item in items {
                collect(item, found);
            }
        }
        _ => {}
    }
}

/// `include` of presets.
fn included(json: &Value) -> impl Iterator<Item = &str> {
    let included = json.get("include").and_then(Value::as_array);
    included.into_iter().flatten().filter_map(Value::as_str)
}

/// The variables of VS Code and of CMake's presets; `None` where one is not known.
fn expand(text: &str, scope: &Scope<'_>, environment: &Environment) -> Option<String> {
    let root = scope.root;
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
            ("", "presetName") if !scope.preset.is_empty() => scope.preset.to_owned(),
            ("", "fileDir") => scope.file.parent()?.display().to_string(),
            ("", "userHome") => environment.home()?.display().to_string(),
            ("", "pathSeparator") => "/".to_owned(),
            ("", "dollar") => "$".to_owned(),
            ("env", name) => {
                let own = presets::variable(scope.variables, name);
                own.or_else(|| environment.get(name))?.to_owned()
            }
            ("penv", name) => environment.get(name)?.to_owned(),
            ("", name) => {
                // VS Code: a folder of the workspace by its name; a variable of the environment.
                let folder = name.strip_prefix("workspaceFolder:").map(|name| {
                    let folder = scope.folders.iter().find(|(it, _)| it == name);
                    let path = folder.map_or(root, |(_, path)| path);
                    path.display().to_string()
                });
                let variable = name
                    .strip_prefix("env:")
                    .and_then(|name| environment.get(name));
                folder.or_else(|| variable.map(str::to_owned))?
            }
            _ => return None,
        };
        out.push_str(&value);
        if out.len() > MAX_EXPANDED_BYTES {
            return None;
        }
    }
    out.push_str(rest);
    if out.len() > MAX_EXPANDED_BYTES {
        return None;
    }
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
            ("${fileDir}/b", Some("/w/p/cmake/b")),
            ("${workspaceFolder:gw}/b", Some("/w/p/fw/gw/b")),
            ("${config:other}/x", None),
            ("$penv{NONE}", None),
            ("$", None),
            ("", None),
        ] {
            let scope = Scope {
                root: Path::new("/w/p"),
                file: Path::new("/w/p/cmake/x.json"),
                preset: "dev",
                variables: &[],
                folders: &[("gw".to_owned(), "/w/p/fw/gw".into())],
            };
            let expanded = expand(text, &scope, &environment);
            assert_eq!(expanded.as_deref(), expected, "{text}");
        }
    }
}
