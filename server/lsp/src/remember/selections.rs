//! The target and the board that a person chose for a folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use fbuild_deploy::store::Store;
use serde::{Deserialize, Serialize};

use super::now_ms;
use crate::port::Remembered;

/// Folders that are remembered; those used least lately are forgotten.
const FOLDERS_MAX: usize = 200;

/// Every folder's choice.
#[derive(Debug)]
pub(crate) struct Selections(Store<Folders>);

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Folders {
    folders: BTreeMap<String, Selection>,
}

/// What was chosen for one folder.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Selection {
    /// Name of the target.
    pub(crate) target: Option<String>,
    /// The board.
    pub(crate) board: Option<Remembered>,
    changed_ms: u64,
}

impl Selections {
    /// In this file; without one nothing is kept.
    pub(crate) fn new(path: impl Into<Option<PathBuf>>) -> Self {
        Self(Store::new(path))
    }

    /// The choice for a folder.
    pub(crate) fn of(&self, folder: &Path) -> Selection {
        let mut folders = self.0.read().folders;
        folders.remove(&key(folder)).unwrap_or_default()
    }

    /// Changes the choice for a folder.
    pub(crate) fn select(&self, folder: &Path, change: impl FnOnce(&mut Selection)) {
        self.0.change(|kept| {
            let folders = &mut kept.folders;
            let selection = folders.entry(key(folder)).or_default();
            change(selection);
            selection.changed_ms = now_ms();
            if selection.target.is_none() && selection.board.is_none() {
                folders.remove(&key(folder));
            }
            while folders.len() > FOLDERS_MAX {
                let oldest = folders.iter().min_by_key(|(_, kept)| kept.changed_ms);
                let Some(oldest) = oldest.map(|(name, _)| name.clone()) else {
                    break;
                };
                folders.remove(&oldest);
            }
        });
    }
}

/// The same folder under whatever name it was opened.
fn key(folder: &Path) -> String {
    let canonical = std::fs::canonicalize(folder);
    canonical.as_deref().unwrap_or(folder).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_folder_has_its_own_and_the_oldest_are_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let selections = Selections::new(dir.path().join("selections.json"));
        for n in 0..=FOLDERS_MAX {
            selections.select(Path::new(&format!("/p/{n}")), |selection| {
                selection.target = Some(format!("target {n}"));
            });
        }
        let of = |n: usize| selections.of(Path::new(&format!("/p/{n}"))).target;
        assert_eq!(of(FOLDERS_MAX).unwrap(), format!("target {FOLDERS_MAX}"));
        let kept = (0..=FOLDERS_MAX).filter(|n| of(*n).is_some()).count();
        assert_eq!(kept, FOLDERS_MAX);
        selections.select(Path::new("/p/7"), |selection| selection.target = None);
        assert_eq!(of(7), None);
        assert_eq!(selections.0.read().folders.len(), FOLDERS_MAX - 1);
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_is_known_by_its_links() {
        let dir = tempfile::tempdir().unwrap();
        let (project, link) = (dir.path().join("project"), dir.path().join("link"));
        std::fs::create_dir(&project).unwrap();
        std::os::unix::fs::symlink(&project, &link).unwrap();
        let selections = Selections::new(dir.path().join("selections.json"));
        selections.select(&link, |selection| selection.target = Some("a".to_owned()));
        assert_eq!(selections.of(&project).target.as_deref(), Some("a"));
    }
}
