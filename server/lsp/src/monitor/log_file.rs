//! Files that take a copy of every byte.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use fbuild_project::file;

use super::clock::iso;

/// Opens one, which goes on where it ends.
pub(crate) fn append_to(path: &Path) -> Result<File, String> {
    file::append(path).map_err(|error| format!("{} cannot be written: {error}", path.display()))
}

/// One of this moment in a directory.
pub(crate) fn new_log(directory: &Path) -> Result<(PathBuf, File), String> {
    let now = iso(SystemTime::now());
    let seconds = now.split('.').next().unwrap_or(&now);
    let path = directory.join(format!("monitor-{}.log", seconds.replace(':', "")));
    let file = append_to(&path)?;
    Ok((path, file))
}
