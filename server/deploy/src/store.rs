//! What is remembered between runs, in small JSON files of this program's own.
//!
//! A file carries a version and is replaced in one step. One that cannot be read is ignored, with a
//! line in the log: what is lost is convenience. Two processes that change a file take turns.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use fbuild_project::file::ReadError;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::own_file;

const VERSION: u32 = 1;
/// How long another process may take to change a file. Nobody waits for one that hangs: then one of
/// two changes may be lost, never the file.
const TURN: Duration = Duration::from_secs(10);

#[derive(Debug, Serialize, Deserialize)]
struct Contents<T> {
    version: u32,
    #[serde(flatten)]
    kept: T,
}

/// One file.
#[derive(Debug)]
pub struct Store<T> {
    /// `None`: nothing is kept.
    path: Option<PathBuf>,
    /// Held while the file is read and replaced, so that changes of this process are not lost.
    changing: Mutex<std::marker::PhantomData<T>>,
}

impl<T: Serialize + DeserializeOwned + Default + PartialEq + Clone> Store<T> {
    /// The file at `path`; without one nothing is kept.
    pub fn new(path: impl Into<Option<PathBuf>>) -> Self {
        Self {
            path: path.into(),
            changing: Mutex::default(),
        }
    }

    /// What is kept.
    pub fn read(&self) -> T {
        let Some(path) = &self.path else {
            return T::default();
        };
        let text = match own_file::read(path) {
            Ok(text) => text,
            Err(error) => {
                if error != ReadError::NotFound {
                    tracing::warn!(path = %path.display(), %error, "not remembered");
                }
                return T::default();
            }
        };
        match serde_json::from_slice::<Contents<T>>(&text) {
            Ok(contents) if contents.version == VERSION => contents.kept,
            Ok(contents) => {
                let version = contents.version;
                tracing::warn!(path = %path.display(), version, "of another version; ignored");
                T::default()
            }
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "unreadable; ignored");
                T::default()
            }
        }
    }

    /// Changes what is kept.
    pub fn change(&self, change: impl FnOnce(&mut T)) {
        let Some(path) = &self.path else {
            return;
        };
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let _turn = turn(path);
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
        if let Err(error) = replace(path, &contents) {
            tracing::warn!(path = %path.display(), %error, "not remembered");
        }
    }
}

/// Keeps other processes from changing a file, until this is dropped.
fn turn(path: &Path) -> Option<File> {
    own_file::directory(path.parent()?).ok()?;
    let lock = own_file::lock_of(path).ok()?;
    let begun = Instant::now();
    loop {
        match lock.try_lock() {
            Ok(()) => return Some(lock),
            Err(TryLockError::WouldBlock) if begun.elapsed() < TURN => {
                std::thread::sleep(Duration::from_millis(1));
            }
            Err(_) => return None,
        }
    }
}

fn replace(path: &Path, contents: &impl Serialize) -> io::Result<()> {
    let dir = path
        .parent()
        .ok_or_else(|| io::Error::other("a file without a directory"))?;
    own_file::directory(dir)?;
    own_file::replace(path, &serde_json::to_vec_pretty(contents)?)
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
        assert_eq!(files.len(), 2, "the file and its lock: {files:?}");
    }

    #[test]
    fn changes_of_several_threads_and_servers_are_all_kept() {
        let dir = tempfile::tempdir().unwrap();
        // A lock belongs to the handle that opened the file, so two stores are as two processes.
        let servers = [(); 2].map(|()| Store::<Kept>::new(dir.path().join("kept.json")));
        std::thread::scope(|scope| {
            for n in 0..16 {
                let store = &servers[n % 2];
                scope.spawn(move || {
                    store.change(|kept| {
                        kept.insert(n.to_string(), 0);
                    });
                });
            }
        });
        assert_eq!(servers[0].read().len(), 16);
    }
}
