//! Files as editors name them.

use std::path::{Path, PathBuf};

use lsp_types::Url;

/// Longest path that any system opens, but for some that nobody has. Each folder of a longer one
/// would be looked at without result.
const PATH_MAX: usize = 4096;

/// The path of a `file:` URI; `None` for every other text.
pub(crate) fn to_path(uri: &str) -> Option<PathBuf> {
    let url = Url::parse(uri).ok()?;
    if url.scheme() != "file" {
        return None;
    }
    url.to_file_path().ok().filter(|path| fits(path))
}

fn fits(path: &Path) -> bool {
    path.as_os_str().len() <= PATH_MAX
}

/// The path of a `file:` URI, or the absolute path itself.
pub(crate) fn or_path(text: &str) -> Option<PathBuf> {
    to_path(text).or_else(|| {
        Some(text)
            .filter(|t| Path::new(t).is_absolute())
            .map(PathBuf::from)
            .filter(|path| fits(path))
    })
}

/// The `file:` URI of an absolute path.
pub(crate) fn of(path: &Path) -> Option<Url> {
    Url::from_file_path(path).ok()
}

/// A URI as this program writes it, so that two spellings of one are the same document.
pub(crate) fn normal(uri: &str) -> String {
    Url::parse(uri).map_or_else(|_| uri.to_owned(), String::from)
}
