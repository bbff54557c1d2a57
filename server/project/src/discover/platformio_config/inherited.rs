//! What a section has of its own and of all that it extends, and which of it counts.

use std::rc::Rc;

use super::super::ini::{self, Place};
use super::super::platformio_options::OptionFacts;
use super::{ConfigProblem, ProblemKind, ProjectConfig, split_list};

/// Sections that one extends through others, at most.
const MAX_EXTENDS: usize = 64;
/// Options looked at for one section with all that it extends, at most.
const MAX_INHERITED: usize = 10_000;
/// Sections whose inherited options are kept, at most this many options together.
const MAX_KEPT: usize = 100_000;
/// What an option takes to be put into its place by name.
const SORTING_STEPS: usize = 2;

/// The options of a section with all that it extends.
#[derive(Debug)]
pub(super) struct Inherited {
    /// In the order in which a value is looked for.
    pub(super) order: Vec<Place>,
    /// Numbers of them after the option's key; of one key in that order.
    by_key: Vec<(u64, usize)>,
}

/// What a section that others extend adds to them.
#[derive(Debug)]
pub(super) struct Base {
    places: Vec<Place>,
    /// Sections on the longest way through it.
    height: usize,
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
            self.bases.borrow_mut().clear();
            self.n_kept.set(places.order.len() + 1);
        }
        kept.insert(root.to_owned(), Rc::clone(&places));
        Ok(places)
    }

    /// What a section that the root extends adds, kept for the next that does.
    fn extended(
        &self,
        section: &str,
        path: &mut Vec<String>,
        found: &mut Vec<Place>,
    ) -> Result<usize, ConfigProblem> {
        if path.len() > 1 {
            return self.visit(section, path, found);
        }
        let known = self.bases.borrow().get(section).map(Rc::clone);
        if let Some(base) = known {
            found.extend_from_slice(&base.places);
            self.limit(section, path, base.height, found)?;
            return Ok(base.height);
        }
        let before = found.len();
        let height = self.visit(section, path, found)?;
        let places = found[before..].to_vec();
        self.n_kept.set(self.n_kept.get() + places.len() + 1);
        let base = Rc::new(Base { places, height });
        self.bases.borrow_mut().insert(section.to_owned(), base);
        Ok(height)
    }

    /// Whether the first section of a path still has no more than any project's.
    fn limit(
        &self,
        section: &str,
        path: &[String],
        height: usize,
        found: &[Place],
    ) -> Result<(), ConfigProblem> {
        let first = path.first().map_or(section, String::as_str);
        let message = if path.len() + height > MAX_EXTENDS + 1 {
            format!("[{first}] extends through more than {MAX_EXTENDS} sections")
        } else if found.len() > MAX_INHERITED {
            format!("[{first}] has more than {MAX_INHERITED} options")
        } else {
            return Ok(());
        };
        Err(self.problem_in(section, "extends", ProblemKind::TooMuch, message))
    }

    /// Goes down at most [`MAX_EXTENDS`] times; says how far.
    fn visit(
        &self,
        section: &str,
        path: &mut Vec<String>,
        found: &mut Vec<Place>,
    ) -> Result<usize, ConfigProblem> {
        self.step(path.len() + 1, section, "extends")?;
        if !self.ini.has_section(section) {
            // PlatformIO ignores a missing section in `extends`.
            return Ok(0);
        }
        if path.iter().any(|visited| visited == section) {
            let message = format!(
                "[{section}] extends itself: {} -> {section}",
                path.join(" -> ")
            );
            let kind = ProblemKind::ExtendsCycle;
            return Err(self.problem_in(section, "extends", kind, message));
        }
        path.push(section.to_owned());
        self.ini.places(section, found);
        self.limit(section, path, 0, found)?;
        let mut height = 0;
        if let Some(extends) = self.raw(section, "extends")? {
            self.step(extends.len(), section, "extends")?;
            // The last name wins.
            for base in split_list(&extends).iter().rev() {
                height = height.max(self.extended(base, path, found)?);
            }
        }
        path.pop();
        Ok(height + 1)
    }

    fn indexed(&self, order: Vec<Place>) -> Inherited {
        let keys = order.iter().map(|place| self.ini.key(*place));
        let mut by_key: Vec<_> = keys.zip(0..).collect();
        by_key.sort_unstable();
        Inherited { order, by_key }
    }

    /// The first place that has an option, by its name of today or an older one. Letters of either case are
    /// the same there, also where `${section.Name}` asks.
    pub(super) fn hit(
        &self,
        places: &Inherited,
        option: &str,
        facts: Option<&OptionFacts>,
    ) -> Option<(&str, &str)> {
        let first = |wanted: &str| {
            let key = ini::key(wanted);
            let from = places.by_key.partition_point(|it| it.0 < key);
            let alike = places.by_key[from..].iter().take_while(|it| it.0 == key);
            let mut alike = alike.map(|it| it.1);
            alike.find(|n| self.ini.names(places.order[*n]).1 == wanted)
        };
        let option = option.to_lowercase();
        let other_names = facts.into_iter();
        let other_names = other_names.flat_map(|it| it.old_names.iter().copied().chain([it.name]));
        let first = other_names.chain([&*option]).filter_map(first).min()?;
        Some(self.ini.names(places.order[first]))
    }
}
