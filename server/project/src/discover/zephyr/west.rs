//! What west's workspace is set to: `.west/config`.

use std::path::Path;

use super::super::look::Look;

/// Directories around a project that may be the workspace.
const MAX_LEVELS: usize = 6;

/// The workspace that a project is in.
pub(in crate::discover) fn workspace(root: &Path) -> Option<&Path> {
    let mut around = root.ancestors().take(MAX_LEVELS);
    around.find(|dir| dir.join(".west").is_dir())
}

/// `west config build.NAME`.
pub(in crate::discover) fn option(root: &Path, name: &str, look: &Look) -> Option<String> {
    let config = look.lines(&workspace(root)?.join(".west/config"))?;
    let mut lines = config
        .lines()
        .map(str::trim)
        .skip_while(|line| *line != "[build]");
    let mut section = lines
        .by_ref()
        .skip(1)
        .take_while(|line| !line.starts_with('['));
    section.find_map(|line| {
        let (key, value) = line.split_once('=')?;
        (key.trim() == name).then(|| value.trim().to_owned())
    })
}
