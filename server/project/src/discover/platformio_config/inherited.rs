//! What a section has of its own and of all that it extends, and which of it counts.

use std::rc::Rc;

use super::super::ini::Place;
use super::super::platformio_options::OptionFacts;
use super::{ConfigProblem, ProblemKind, ProjectConfig, split_list};

/// Sections that one extends through others, at most.
const MAX_EXTENDS: usize = 64;
/// Options looked at for one section with all that it extends, at most.
const MAX_INHERITED: usize = 10_000;
/// Sections whose inherited options are kept, at most this many options together.
const MAX_KEPT: usize = 100_000;
/// What an option takes to be put into its place by name.
const SORTING_STEPS: usize = 8;

/// The options of a section with all that it extends.
#[derive(Debug)]
pub(super) struct Inherited {
    /// In the order in which a value is looked for.
    pub(super) order: Vec<Place>,
    /// Numbers of them, by the option's name; of one name in that order.
    by_name: Vec<usize>,
}

impl ProjectConfig<'_> {
    /// Sections and options in the order in which a value is looked for.
    pub(super) fn walk(&self, root: &str) -> Result<Rc<Inherited>, ConfigProblem> {
        if let Some(places) = self.kept.borrow().get(root) {
            return Ok(Rc::clone(places));
        }
        let mut found = Vec::new();
        self.visit(root, &mut Vec::new(), &mut found)?;
        if root.starts_with("env:") {
            self.visit("env", &mut Vec::new(), &mut found)?;
        }
        self.step(found.len() * SORTING_STEPS, root, "extends")?;
        let places = Rc::new(self.indexed(found));
        let mut kept = self.kept.borrow_mut();
        self.n_kept.set(self.n_kept.get() + places.order.len() + 1);
        if self.n_kept.get() > MAX_KEPT {
            kept.clear();
            self.n_kept.set(places.order.len() + 1);
        }
        kept.insert(root.to_owned(), Rc::clone(&places));
        Ok(places)
    }

    /// Goes down at most [`MAX_EXTENDS`] times.
    fn visit(
        &self,
        section: &str,
        path: &mut Vec<String>,
        found: &mut Vec<Place>,
    ) -> Result<(), ConfigProblem> {
        self.step(path.len() + 1, section, "extends")?;
        if !self.ini.has_section(section) {
            // PlatformIO ignores a missing section in `extends`.
            return Ok(());
        }
        let refuse = |kind, message| Err(self.problem_in(section, "extends", kind, message));
        if path.iter().any(|visited| visited == section) {
            let message = format!(
                "[{section}] extends itself: {} -> {section}",
                path.join(" -> ")
            );
            return refuse(ProblemKind::ExtendsCycle, message);
        }
        let first = path.first().map_or(section, String::as_str);
        if path.len() > MAX_EXTENDS {
            let message = format!("[{first}] extends through more than {MAX_EXTENDS} sections");
            return refuse(ProblemKind::TooMuch, message);
        }
        self.ini.places(section, found);
        if found.len() > MAX_INHERITED {
            let message = format!("[{first}] has more than {MAX_INHERITED} options");
            return refuse(ProblemKind::TooMuch, message);
        }
        if let Some(extends) = self.raw(section, "extends")? {
            self.step(extends.len(), section, "extends")?;
            path.push(section.to_owned());
            // The last name wins.
            for base in split_list(&extends).iter().rev() {
                self.visit(base, path, found)?;
            }
            path.pop();
        }
        Ok(())
    }

    fn indexed(&self, order: Vec<Place>) -> Inherited {
        let mut by_name: Vec<usize> = (0..order.len()).collect();
        by_name.sort_by_key(|n| self.ini.names(order[*n]).1);
        Inherited { order, by_name }
    }

    /// The first place that has an option, by its name of today or an older one.
    pub(super) fn hit(
        &self,
        places: &Inherited,
        option: &str,
        facts: Option<&OptionFacts>,
    ) -> Option<(&str, &str)> {
        let name = |n: &usize| self.ini.names(places.order[*n]).1;
        let first = |wanted: &str| {
            let at = places.by_name.partition_point(|n| name(n) < wanted);
            places.by_name.get(at).filter(|n| name(n) == wanted)
        };
        let other_names = facts.into_iter();
        let other_names = other_names.flat_map(|it| it.old_names.iter().copied().chain([it.name]));
        let first = other_names.chain([option]).filter_map(first).min()?;
        Some(self.ini.names(places.order[*first]))
    }
}
