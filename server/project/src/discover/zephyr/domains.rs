//! The domains of a build, and where its files are: they are named by the paths of the machine or of the
//! container that built them, or of the build that this one is a copy of.
//!
//! Source: Zephyr `scripts/pylib/build_helpers/domains.py` and `scripts/west_commands/run_common.py`
//! (files of `runners.yaml` are relative to its directory; only what is in `flash_order` is flashed).

use std::path::{Path, PathBuf};

use super::super::look::Look;
use super::super::{Discovery, here, local_path};
use crate::input_error::InputError;

/// An ESP has two: the boot loader and the app.
const MAX_DOMAINS: usize = 64;

/// Name and directory of each domain that is flashed; a build without sysbuild is one domain without a name.
pub(super) fn of(dir: &Path, look: &Look, discovery: &mut Discovery) -> Vec<(String, PathBuf)> {
    let file = dir.join("domains.yaml");
    let Some(text) = look.lines(&file) else {
        return vec![(String::new(), dir.to_owned())];
    };
    let scalar = |text: &str| text.trim().trim_matches(['"', '\'']).to_owned();
    let (mut found, mut order): (Vec<(String, PathBuf)>, Vec<String>) = Default::default();
    let (mut there, mut is_order) = (None, false);
    for line in text.lines() {
        if !line.starts_with([' ', '-']) {
            is_order = line.starts_with("flash_order:");
        }
        let body = line.trim();
        if let Some(place) = line.strip_prefix("build_dir:") {
            there = Some(scalar(place));
        } else if let Some(name) = body.strip_prefix("- name:") {
            if found.len() == MAX_DOMAINS {
                let what = format!("it has more than {MAX_DOMAINS} domains; the rest was left out");
                look.tell(InputError::too_much(&file, &what));
                break;
            }
            let name = scalar(name);
            let place = dir.join(&name);
            found.push((name, place));
        } else if let Some(place) = body.strip_prefix("build_dir:") {
            let place = directory(&scalar(place), there.as_deref(), dir);
            if let Some((last, place)) = found.last_mut().zip(place) {
                last.1 = place;
            }
        } else if let Some(name) = body.strip_prefix("- ").filter(|_| is_order) {
            order.push(scalar(name));
        }
    }
    if !order.is_empty() {
        found.retain(|(name, place)| {
            let is_flashed = order.contains(name);
            if !is_flashed {
                let why =
                    format!("west does not flash the domain {name}: flash_order leaves it out");
                discovery.pass(place, why);
            }
            is_flashed
        });
    }
    found
}

/// A domain's directory, if it is here.
fn directory(written: &str, there: Option<&str>, dir: &Path) -> Option<PathBuf> {
    let own = there.and_then(|there| moved(written, there, dir));
    let named = dir.join(local_path(written));
    let parts: Vec<_> = named.components().collect();
    let ends = (1..parts.len()).map(|start| dir.join(parts[start..].iter().collect::<PathBuf>()));
    let ends = ends.filter(|end| end.join("zephyr").is_dir());
    let mut all = own.into_iter().chain([named.clone()]).chain(ends);
    all.find(|place| place.is_dir())
}

/// What lies below `there` lies in the same place below `here`.
fn moved(written: &str, there: &str, here: &Path) -> Option<PathBuf> {
    let one_slash = |path: &str| path.replace('\\', "/");
    let there = one_slash(there);
    let written = one_slash(written);
    let below = written
        .strip_prefix(there.trim_end_matches('/'))?
        .strip_prefix('/')?;
    Some(here.join(below))
}

/// A domain's build directory, and what it was called where it was built.
pub(super) struct Place {
    dir: PathBuf,
    there: Option<String>,
}

impl Place {
    pub(super) fn of(dir: &Path, look: &Look) -> Self {
        let cache = look.lines(&dir.join("CMakeCache.txt")).unwrap_or_default();
        let mut lines = cache.lines();
        let there = lines.find_map(|line| line.strip_prefix("CMAKE_CACHEFILE_DIR:INTERNAL="));
        Self {
            dir: dir.to_owned(),
            there: there.map(str::to_owned),
        }
    }

    /// A file that `runners.yaml` names, whether it exists or not.
    pub(super) fn file(&self, written: &str) -> PathBuf {
        let beside = self.dir.join("zephyr");
        let there = self.there.as_deref();
        let own = there.and_then(|there| moved(written, there, &self.dir));
        if let Some(own) = own.filter(|own| own.is_file()) {
            return own;
        }
        let local = local_path(written);
        let found = here(&beside.join(&local), &self.dir);
        let is_elsewhere = local.has_root() || written.get(1..2) == Some(":");
        match local.file_name() {
            Some(name) if is_elsewhere && !found.is_file() => beside.join(name),
            _ => found,
        }
    }
}
