//! Where test inputs lie, and how the workspaces of the shared fixtures are laid out.
//!
//! Firmware that others made is not in this repository: it lies in `../shared` (or `FBUILD_SHARED`),
//! and tests that need it say `skipped` without it.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use fbuild_project::discover::Environment;
use serde_json::Value;

pub(crate) use self::inputs::{json, shared};

#[path = "../../../project/tests/it/fixtures.rs"]
mod inputs;

/// One workspace of `manifest.json`, laid out in a temporary directory.
pub(crate) struct Workspace {
    pub(crate) name: String,
    pub(crate) root: PathBuf,
    pub(crate) expect: Value,
    side: PathBuf,
    _dir: tempfile::TempDir,
}

impl Workspace {
    fn lay_out(fixtures: &Path, name: &str, spec: &Value) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut workspace = Self {
            name: name.to_owned(),
            root: dir.path().join("workspace"),
            expect: Value::Null,
            side: dir.path().join("side"),
            _dir: dir,
        };
        for (path, file) in spec["files"].as_object().unwrap() {
            let path = workspace.path(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, workspace.contents(fixtures, file)).unwrap();
        }
        set_times(&workspace.root, SystemTime::now());
        workspace.order(spec["mtime_order"].as_array());
        workspace.expect = spec["expect"].clone();
        workspace
    }

    fn substitute(&self, text: &str) -> String {
        text.replace("@WORKSPACE@", self.root.to_str().unwrap())
            .replace("@CORE@", self.side.join(".platformio").to_str().unwrap())
            .replace("@DATA@", self.side.join(".arduino15").to_str().unwrap())
    }

    /// A path of the manifest: absolute if it begins with a sign, else below the workspace.
    pub(crate) fn path(&self, text: &str) -> PathBuf {
        self.root.join(self.substitute(text))
    }

    fn contents(&self, fixtures: &Path, file: &Value) -> Vec<u8> {
        let read = |path: &Value| std::fs::read(fixtures.join(path.as_str().unwrap())).unwrap();
        let index = |value: &Value| usize::try_from(value.as_u64().unwrap()).unwrap();
        if let Some(text) = file["text"].as_str() {
            return self.substitute(text).into_bytes();
        }
        if let Some(parts) = file["merge"].as_array() {
            let mut bytes = vec![0xFF; index(&file["pad_to"])];
            for part in parts {
                let data = read(&part[1]);
                bytes[index(&part[0])..][..data.len()].copy_from_slice(&data);
            }
            return bytes;
        }
        let mut bytes = read(&file["copy"]);
        if !file["truncate"].is_null() {
            bytes.truncate(index(&file["truncate"]));
        }
        for at in file["flip"].as_array().into_iter().flatten() {
            bytes[index(at)] ^= 0xFF;
        }
        bytes
    }

    /// Oldest to newest, an hour apart; a name with a slash at its end is a whole directory. All
    /// other files keep the one time of assembly.
    fn order(&self, order: Option<&Vec<Value>>) {
        let Some(order) = order else { return };
        let now = SystemTime::now();
        for (index, item) in order.iter().enumerate() {
            let hours = u32::try_from(order.len() - index).unwrap();
            let time = now - Duration::from_hours(1) * hours;
            set_times(&self.root.join(item.as_str().unwrap()), time);
        }
    }

    /// An environment in which the workspace's side directories are found, and nothing else.
    pub(crate) fn environment(&self) -> Environment {
        let side = |name: &str| self.side.join(name).display().to_string();
        Environment::from_pairs([
            ("HOME".to_owned(), self.side.display().to_string()),
            ("PLATFORMIO_CORE_DIR".to_owned(), side(".platformio")),
            ("ARDUINO_DIRECTORIES_DATA".to_owned(), side(".arduino15")),
            ("ARDUINO_BUILD_CACHE_PATH".to_owned(), side("cache")),
        ])
    }

    pub(crate) fn discover(&self) -> fbuild_project::discover::Discovery {
        fbuild_project::discover::discover(&self.root, &self.environment())
    }
}

fn set_times(path: &Path, time: SystemTime) {
    if path.is_dir() {
        for entry in std::fs::read_dir(path).unwrap() {
            set_times(&entry.unwrap().path(), time);
        }
    } else {
        std::fs::File::options()
            .write(true)
            .open(path)
            .unwrap()
            .set_modified(time)
            .unwrap();
    }
}

/// Every workspace of the manifest whose name `keep` accepts.
pub(crate) fn workspaces(what: &str, keep: impl Fn(&str) -> bool) -> Vec<Workspace> {
    let Some(fixtures) = shared(what) else {
        return Vec::new();
    };
    let manifest = json(&fixtures.join("manifest.json"));
    let all = manifest["workspaces"].as_object().unwrap();
    let found: Vec<_> = all
        .iter()
        .filter(|(name, _)| keep(name))
        .map(|(name, spec)| Workspace::lay_out(&fixtures, name, spec))
        .collect();
    assert!(
        !found.is_empty(),
        "the manifest has no workspace for: {what}"
    );
    found
}

/// One workspace by name.
pub(crate) fn workspace(name: &str) -> Option<Workspace> {
    workspaces(name, |known| known == name).pop()
}
