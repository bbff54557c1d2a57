//! What is known around the documents that are open.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use fbuild_editing::facts::Facts;

use crate::locked::Locked;

/// Facts of the projects whose files are open, by the project's directory.
#[derive(Debug, Default)]
pub(crate) struct Projects {
    projects: Locked<HashMap<PathBuf, Project>>,
    /// How often something has changed, for those who were looking meanwhile.
    n_changes: AtomicU64,
}

#[derive(Debug)]
struct Project {
    facts: Arc<Facts>,
    gathered: Instant,
    gathering: Gathering,
}

/// Whether somebody is looking at the disk for a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gathering {
    No,
    Yes,
    /// And something has changed since it began.
    Again,
}

impl Projects {
    /// Marks a project as being looked at; `false`: it is already, and will be once more.
    pub(super) fn begin_gathering(&self, root: &Path) -> bool {
        let mut projects = self.projects.lock();
        let Some(project) = projects.get_mut(root) else {
            return false;
        };
        let may_begin = project.gathering == Gathering::No;
        project.gathering = if may_begin {
            Gathering::Yes
        } else {
            Gathering::Again
        };
        may_begin
    }

    /// Takes what was found; whether it is news, and whether to look again.
    pub(super) fn end_gathering(&self, root: &Path, found: Facts) -> (bool, bool) {
        let mut projects = self.projects.lock();
        let Some(project) = projects.get_mut(root) else {
            return (false, false);
        };
        let is_news = *project.facts != found;
        if is_news {
            project.facts = Arc::new(found);
        }
        project.gathered = Instant::now();
        let again = project.gathering == Gathering::Again;
        project.gathering = if again { Gathering::Yes } else { Gathering::No };
        (is_news, again)
    }

    /// What is known of a project, and how long ago somebody looked.
    pub(super) fn get(&self, root: &Path) -> Option<(Arc<Facts>, Duration)> {
        let projects = self.projects.lock();
        let project = projects.get(root)?;
        Some((project.facts.clone(), project.gathered.elapsed()))
    }

    /// Keeps what was found, unless somebody else was faster; what is known then.
    pub(super) fn put(&self, root: &Path, found: Arc<Facts>) -> Arc<Facts> {
        let mut projects = self.projects.lock();
        let project = projects.entry(root.to_owned()).or_insert(Project {
            facts: found,
            gathered: Instant::now(),
            gathering: Gathering::No,
        });
        project.facts.clone()
    }

    /// The projects that are known.
    pub(super) fn roots(&self) -> Vec<PathBuf> {
        self.projects.lock().keys().cloned().collect()
    }

    /// Forgets everything.
    pub(super) fn clear(&self) {
        self.projects.lock().clear();
    }

    /// Notes that something has changed.
    pub(super) fn note_change(&self) {
        self.n_changes.fetch_add(1, Ordering::AcqRel);
    }

    /// How often something has changed.
    pub(super) fn changes(&self) -> u64 {
        self.n_changes.load(Ordering::Acquire)
    }
}
