//! The texts of pages that are no files, which the client asks for by their addresses.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::locked::Locked;

/// What the addresses begin with.
pub(crate) const SCHEME: &str = "fbuild";
/// What is on a page that the server does not have any more.
const GONE: &str = "What was here went with the session that showed it. Ask for it once more.\n";

/// The texts of a session. A newer one takes the place of the one before it.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    texts: Locked<BTreeMap<String, String>>,
    /// What has pages of its own, by the folders and the target; its number is part of their addresses.
    subjects: Locked<Vec<(Vec<PathBuf>, String)>>,
}

impl Texts {
    /// What the client asks for.
    pub(crate) fn get(&self, address: &str) -> String {
        let texts = self.texts.lock();
        let text = texts.get(address);
        text.map_or_else(|| GONE.to_owned(), Clone::clone)
    }

    /// Keeps a text; its address, and whether another one was there.
    pub(crate) fn put(&self, name: &str, text: String) -> (String, bool) {
        let address = format!("{SCHEME}:/{name}");
        let before = self.texts.lock().insert(address.clone(), text);
        (address, before.is_some())
    }

    /// The same for the same folders and target.
    pub(crate) fn number(&self, subject: (Vec<PathBuf>, String)) -> usize {
        let mut subjects = self.subjects.lock();
        let known = subjects.iter().position(|other| *other == subject);
        known.map_or_else(
            || {
                subjects.push(subject);
                subjects.len()
            },
            |at| at + 1,
        )
    }
}
