//! Lists of what goes where that builds have left: whose they are, and whether they count.

use std::path::{Path, PathBuf};

use super::look::Look;
use super::survey::Survey;
use super::{Discovery, loose};

impl Discovery {
    /// Adds the lists of builds in such places, of projects that have nothing else. `has_other`: they are
    /// nobody's default.
    pub(super) fn add_lists(
        &mut self,
        survey: &Survey,
        look: &Look,
        has_other: bool,
        is_such: impl Fn(&Path) -> bool,
    ) {
        let root = self.root.clone();
        let lists = survey.lists.iter().filter(|dir| loose::has_list(dir));
        let is_free = |dir: &&PathBuf| !self.is_known(survey.owner(&root, dir), survey);
        let lists: Vec<_> = lists.filter(|dir| is_such(dir)).filter(is_free).collect();
        for dir in lists {
            if self.has_files_in(dir) || self.knows(dir) {
                continue;
            }
            let before = self.targets.len();
            loose::add(&root, dir, look, self);
            for target in &mut self.targets[before..] {
                survey.owner(&root, dir).clone_into(&mut target.root);
                if has_other {
                    self.not_default.push(target.name.clone());
                }
            }
        }
    }
}
