//! Where files are that a build names by the paths of another place: of a container, of another
//! machine, or of the project that this one was copied from.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// The directories of a build and of its project, as they were called there and as they are here.
pub(super) struct Moved {
    /// The build's first: it may lie in the project.
    places: Vec<(String, PathBuf)>,
}

impl Moved {
    /// From `project_description.json`.
    pub(super) fn of(description: &Value, project: &Path, dir: &Path) -> Self {
        let said = [("build_dir", dir), ("project_path", project)].map(|(key, here)| {
            let there = unified(description.get(key)?.as_str()?);
            let there = there.trim_end_matches('/').to_owned();
            (!there.is_empty()).then(|| (there, here.to_owned()))
        });
        Self {
            places: said.into_iter().flatten().collect(),
        }
    }

    /// Where a file of the build's or the project's is here, whether it exists or not.
    pub(super) fn here(&self, written: &str) -> Option<PathBuf> {
        let written = unified(written);
        self.places.iter().find_map(|(there, here)| {
            let below = written.strip_prefix(there)?.strip_prefix('/')?;
            Some(here.join(below))
        })
    }
}

/// One kind of slash, on every system.
fn unified(path: &str) -> String {
    path.replace('\\', "/")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_of_the_build_and_of_the_project_are_here_too() {
        let description = json!({"project_path": "C:\\w\\p", "build_dir": "C:/w/p/out"});
        let moved = Moved::of(&description, Path::new("/p"), Path::new("/b"));
        for (written, here) in [
            ("C:\\w\\p\\out\\app.bin", Some("/b/app.bin")),
            ("C:/w/p/model/app.bin", Some("/p/model/app.bin")),
            ("C:/w/p2/app.bin", None),
            ("app.bin", None),
        ] {
            assert_eq!(
                moved.here(written).as_deref(),
                here.map(Path::new),
                "{written}"
            );
        }
    }
}
