//! The domains of a build, and where its files are: they are named by the paths of the machine or of the
//! container that built them, or of the build that this one is a copy of.
//!
//! Source: Zephyr `scripts/pylib/build_helpers/domains.py` and `scripts/west_commands/run_common.py`
//! (files of `runners.yaml` are relative to its directory; only what is in `flash_order` is flashed).

use std::path::{Path, PathBuf};

use super::super::look::Look;
use super::super::{Discovery, here, local_path, read_start};
use super::flow;
use crate::input_error::InputError;

/// The list of a build's domains. Other tools have files of that name.
pub(in crate::discover) const DOMAINS: &str = "domains.yaml";
/// Sysbuild says in the first lines where it built.
const START_BYTES: u64 = 0x1000;
/// The boot loader's domain.
pub(super) const MCUBOOT: &str = "mcuboot";
/// An ESP has two or three: the boot loader, the app, and what runs on another core.
const MAX_DOMAINS: usize = 64;

/// The domains of a build that are flashed.
pub(super) struct Domains {
    /// Name and directory of each.
    pub(super) all: Vec<(String, PathBuf)>,
    /// The name of the one with the application.
    default: Option<String>,
}

impl Domains {
    /// Whether a domain is the application.
    pub(super) fn is_app(&self, name: &str) -> bool {
        name != MCUBOOT && !self.is_other(name)
    }

    /// The name of a domain that is neither the boot loader nor the application: what runs on another core.
    pub(super) fn is_other(&self, name: &str) -> bool {
        name != MCUBOOT
            && self
                .default
                .as_deref()
                .is_some_and(|default| default != name)
    }
}

/// Whether sysbuild's list is in a directory.
pub(in crate::discover) fn has_domains(dir: &Path) -> bool {
    let start = read_start(&dir.join(DOMAINS), START_BYTES).unwrap_or_default();
    let text = flow::unfolded(&String::from_utf8_lossy(&start));
    text.lines().any(|line| {
        let line = line.trim_start_matches(|it: char| it == '-' || it.is_whitespace());
        line.starts_with("build_dir:")
    })
}

/// A build without sysbuild is one domain without a name.
pub(super) fn of(dir: &Path, look: &Look, discovery: &mut Discovery) -> Domains {
    let file = dir.join(DOMAINS);
    let Some(text) = flow::read(&file, look).filter(|_| has_domains(dir)) else {
        return Domains {
            all: vec![(String::new(), dir.to_owned())],
            default: None,
        };
    };
    let mut found: Vec<(String, PathBuf)> = Vec::new();
    let mut order: Vec<String> = Vec::new();
    let (mut there, mut default, mut section) = (None, None, "");
    for line in text.lines() {
        let body = line.trim();
        if body.is_empty() || body.starts_with('#') {
            continue;
        }
        let (body, is_item) = body
            .strip_prefix("- ")
            .map_or((body, false), |item| (item.trim_start(), true));
        let pair = body
            .split_once(':')
            .map(|(key, value)| (key.trim().trim_matches(['"', '\'']), scalar(value)));
        if !is_item && !line.starts_with([' ', '\t']) {
            let Some((key, value)) = pair else { continue };
            match key {
                "build_dir" => there = Some(value),
                "default" => default = Some(value),
                _ => section = key,
            }
            continue;
        }
        match (section, pair) {
            ("flash_order", None) => order.push(scalar(body)),
            ("domains", pair) => {
                if is_item && found.len() == MAX_DOMAINS {
                    let what =
                        format!("it has more than {MAX_DOMAINS} domains; the rest was left out");
                    look.tell(InputError::too_much(&file, &what));
                    break;
                }
                if is_item {
                    found.push(Default::default());
                }
                let Some((last, (key, value))) = found.last_mut().zip(pair) else {
                    continue;
                };
                match key {
                    "name" => last.0 = value,
                    "build_dir" => {
                        let place = directory(&value, there.as_deref(), dir);
                        last.1 = place.unwrap_or_default();
                    }
                    _ => {}
                }
            }
            _ => {}
        }
    }
    found.retain(|(name, _)| !name.is_empty());
    let default = default.filter(|default| found.iter().any(|(name, _)| name == default));
    for (name, place) in &mut found {
        if place.as_os_str().is_empty() {
            *place = dir.join(&*name);
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
    let all = found;
    Domains { all, default }
}

/// A value without its quotes or the comment after it.
fn scalar(text: &str) -> String {
    let text = text.split(" #").next().unwrap_or_default();
    text.trim().trim_matches(['"', '\'']).to_owned()
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
