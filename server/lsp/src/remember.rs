//! What this program remembers between runs, in small JSON files in the state directory.
//!
//! A file carries a version and is replaced in one step. One that cannot be read is ignored, with a
//! line in the log: what is lost is convenience. Two servers that write at the same moment may lose
//! one of the two changes, never the file.

pub(crate) mod history;
pub(crate) mod selections;

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

const VERSION: u32 = 1;

#[derive(Debug, Serialize, Deserialize)]
struct Contents<T> {
    version: u32,
    #[serde(flatten)]
    kept: T,
}

/// One file.
#[derive(Debug)]
pub(crate) struct Store<T> {
    path: PathBuf,
    /// Held while the file is read and replaced, so that changes of this process are not lost.
    changing: Mutex<std::marker::PhantomData<T>>,
}

impl<T: Serialize + DeserializeOwned + Default + PartialEq + Clone> Store<T> {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self {
            path,
            changing: Mutex::default(),
        }
    }

    /// What is kept.
    pub(crate) fn read(&self) -> T {
        let text = match std::fs::read(&self.path) {
            Ok(text) => text,
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    tracing::warn!(path = %self.path.display(), %error, "not remembered");
                }
                return T::default();
            }
        };
        match serde_json::from_slice::<Contents<T>>(&text) {
            Ok(contents) if contents.version == VERSION => contents.kept,
            Ok(contents) => {
                let version = contents.version;
                tracing::warn!(path = %self.path.display(), version, "of another version; ignored");
                T::default()
            }
            Err(error) => {
                tracing::warn!(path = %self.path.display(), %error, "unreadable; ignored");
                T::default()
            }
        }
    }

    /// Changes what is kept.
    pub(crate) fn change(&self, change: impl FnOnce(&mut T)) {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.read();
        let mut kept = before.clone();
        change(&mut kept);
        if kept == before {
            return;
        }
        let contents = Contents {
            version: VERSION,
            kept,
        };
        if let Err(error) = replace(&self.path, &contents) {
            tracing::warn!(path = %self.path.display(), %error, "not remembered");
        }
    }
}

fn replace(path: &Path, contents: &impl Serialize) -> io::Result<()> {
    let dir = path
        .parent()
        .ok_or_else(|| io::Error::other("a file without a directory"))?;
    std::fs::create_dir_all(dir)?;
    let new = path.with_extension(format!("{}.new", std::process::id()));
    let mut file = std::fs::File::create(&new)?;
    file.write_all(&serde_json::to_vec_pretty(contents)?)?;
    file.sync_data()?;
    drop(file);
    std::fs::rename(&new, path)
}

/// Milliseconds since 1970, UTC.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    type Kept = BTreeMap<String, u32>;

    #[test]
    fn what_cannot_be_read_is_ignored_and_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("not/there/yet/kept.json");
        let store = Store::<Kept>::new(path.clone());
        assert_eq!(store.read(), Kept::new());
        store.change(|kept| {
            kept.insert("a".to_owned(), 1);
        });
        assert_eq!(Store::<Kept>::new(path.clone()).read()["a"], 1);
        for broken in ["", "[]", r#"{"version": 99, "a": 5}"#] {
            std::fs::write(&path, broken).unwrap();
            assert_eq!(store.read(), Kept::new(), "{broken}");
        }
        store.change(|kept| {
            kept.insert("b".to_owned(), 2);
        });
        assert_eq!(store.read(), Kept::from([("b".to_owned(), 2)]));
        let files: Vec<_> = std::fs::read_dir(path.parent().unwrap()).unwrap().collect();
        assert_eq!(files.len(), 1, "{files:?}");
    }

    #[test]
    fn changes_of_several_threads_are_all_kept() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::<Kept>::new(dir.path().join("kept.json"));
        std::thread::scope(|scope| {
            for n in 0..8 {
                let store = &store;
                scope.spawn(move || {
                    store.change(|kept| {
                        kept.insert(n.to_string(), n);
                    });
                });
            }
        });
        assert_eq!(store.read().len(), 8);
    }
}
