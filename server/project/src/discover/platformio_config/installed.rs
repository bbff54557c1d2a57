//! Packages that PlatformIO has installed, and which of them it takes: of those that fit, the highest
//! version, whatever its directory is called.
//!
//! Source: PlatformIO Core 6.2.0, `platformio/package/manager/base.py`, `_symlink.py` and
//! `package/meta.py`.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use semver::{Version, VersionReq};
use serde_json::Value;

use super::{ConfigProblem, ProjectConfig};
use crate::discover::look::Look;

/// What the installation wrote down of a package.
const METADATA: &str = ".piopm";
const LINK_END: &str = ".pio-link";

/// What was read of all that is installed.
#[derive(Debug, Default)]
pub(super) struct Installed {
    platforms: OnceCell<Vec<Package>>,
    /// By name.
    frameworks: RefCell<HashMap<String, Vec<Package>>>,
    texts: RefCell<HashMap<PathBuf, Option<Rc<str>>>>,
}

/// A package that is installed.
#[derive(Debug)]
struct Package {
    dir: PathBuf,
    name: String,
    version: Version,
    owner: Option<String>,
    uri: Option<String>,
}

impl Package {
    /// The packages in `dir` whose directory begins with `start`. `manifest` is what describes one.
    fn all(dir: &Path, start: &str, manifest: &str, look: &Look) -> Vec<Self> {
        let entries = look.entries(dir).into_iter();
        let wanted = entries.filter(|entry| entry.name.starts_with(start));
        let found = wanted.filter_map(|entry| {
            if !entry.name.ends_with(LINK_END) {
                return Self::read(&entry.path, manifest, None, look);
            }
            let link = look.json(&entry.path)?;
            let uri = link.pointer("/spec/uri")?.as_str()?;
            let from = link.get("cwd").and_then(Value::as_str).unwrap_or_default();
            let to = Path::new(from).join(uri.strip_prefix("symlink://")?);
            Self::read(&to, manifest, Some(uri), look)
        });
        found.collect()
    }

    fn read(dir: &Path, manifest: &str, link: Option<&str>, look: &Look) -> Option<Self> {
        let installed = look.json(&dir.join(METADATA)).unwrap_or_default();
        let text = |value: &Value, path: &str| Some(value.pointer(path)?.as_str()?.to_owned());
        let is_told = ["/name", "/version"]
            .iter()
            .all(|key| text(&installed, key).is_some());
        let described = (!is_told).then(|| look.json(&dir.join(manifest))).flatten();
        let described = described.unwrap_or_default();
        let said = |key: &str| text(&installed, key).or_else(|| text(&described, key));
        Some(Self {
            dir: dir.to_owned(),
            // The directory is called so, with a version behind it.
            name: said("/name").or_else(|| {
                let name = dir.file_name()?.to_str()?.split('@').next()?;
                dir.is_dir().then(|| name.to_owned())
            })?,
            version: version(&said("/version").unwrap_or_default()),
            owner: text(&installed, "/spec/owner"),
            uri: link
                .map(str::to_owned)
                .or_else(|| text(&installed, "/spec/uri")),
        })
    }

    /// The one of them that PlatformIO takes for what is asked for.
    fn meant<'p>(all: &'p [Self], wanted: &Wanted) -> Option<&'p Self> {
        let fitting = all.iter().filter(|package| package.fits(wanted));
        // The first of equal ones, as there.
        fitting
            .rev()
            .max_by(|one, other| one.version.cmp(&other.version))
    }

    fn fits(&self, wanted: &Wanted) -> bool {
        let is_same = |one: &Option<String>, other: &str| {
            one.as_ref()
                .is_some_and(|one| one.eq_ignore_ascii_case(other))
        };
        let place = match &wanted.of {
            Of::Address(uri) => self.uri.as_deref().map(address) == Some(address(uri)),
            Of::Name { owner, name } => {
                let is_owner = owner
                    .as_ref()
                    .is_none_or(|owner| is_same(&self.owner, owner));
                is_owner && self.name.eq_ignore_ascii_case(name)
            }
        };
        let versions = wanted.versions.as_ref();
        place && versions.is_some_and(|versions| versions.matches(&self.version))
    }
}

/// A package that is asked for: `espressif32`, `platformio/espressif32 @ ^6.9`, an address.
pub(in crate::discover) struct Wanted {
    of: Of,
    /// Any where none are asked for; `None`, and nothing fits, where they cannot be read.
    versions: Option<VersionReq>,
}

enum Of {
    Name { owner: Option<String>, name: String },
    Address(String),
}

impl Wanted {
    pub(in crate::discover) fn parse(text: &str) -> Self {
        let text = text.trim();
        let split = text
            .rsplit_once('@')
            .filter(|(_, after)| !after.contains([':', '/']) && local(text).is_none());
        let (rest, versions) = split.unwrap_or((text, ""));
        Self {
            of: Of::parse(rest.trim()),
            versions: requirement(versions),
        }
    }

    /// A package by its name, with what a list of packages has behind that: versions, or an address.
    pub(in crate::discover) fn named(name: &str, wanted: &str) -> Self {
        let wanted = wanted.trim();
        if wanted.contains([':', '/']) {
            return Self::parse(wanted);
        }
        Self {
            of: Of::parse(name.trim()),
            versions: requirement(wanted),
        }
    }
}

impl Of {
    fn parse(text: &str) -> Self {
        let of_owner = text
            .split_once('/')
            .filter(|(owner, name)| !owner.contains(['@', ':']) && !name.contains(['@', ':', '/']));
        match of_owner {
            Some((owner, name)) => Self::Name {
                owner: Some(owner.trim().to_owned()),
                name: name.trim().to_owned(),
            },
            None if text.contains(['@', ':', '/']) => Self::Address(text.to_owned()),
            None => Self::Name {
                owner: None,
                name: text.to_owned(),
            },
        }
    }
}

/// The directory that an address names.
pub(in crate::discover) fn local(address: &str) -> Option<&Path> {
    let schemes = ["file://", "symlink://"];
    let mut stripped = schemes.iter().map(|scheme| address.strip_prefix(scheme));
    stripped.find_map(|path| path.map(Path::new))
}

/// Addresses that mean the same: what is fetched by git may be marked so.
fn address(uri: &str) -> String {
    let uri = uri.strip_prefix("git+").unwrap_or(uri);
    uri.trim_end_matches('/').to_lowercase()
}

/// `55.03.311`, `6.13.0+sha.1234567`: as far as it is numbers.
fn version(text: &str) -> Version {
    let numbers = text.split(['+', '-']).next().unwrap_or_default();
    let mut parts = numbers
        .split('.')
        .map(|part| part.trim().parse().unwrap_or(0));
    let mut next = || parts.next().unwrap_or(0);
    Version::new(next(), next(), next())
}

/// `6.9.0` alone is that version, and not also those that are compatible with it.
fn requirement(text: &str) -> Option<VersionReq> {
    if text.trim().is_empty() {
        return Some(VersionReq::STAR);
    }
    let clause = |clause: &str| {
        let clause = clause.trim().replace("==", "=");
        let digits = clause.find(|c: char| c.is_ascii_digit());
        let (operator, version) = clause.split_at(digits.unwrap_or(clause.len()));
        // As far as it is numbers, which may begin with 0 here.
        let numbers = version.split(['+', '-']).next().unwrap_or_default();
        let number = |part: &str| part.parse().map_or(part.to_owned(), |n: u64| n.to_string());
        let numbers: Vec<_> = numbers.split('.').take(3).map(number).collect();
        let numbers = numbers.join(".");
        let is_exact = operator.is_empty() && !numbers.contains(['*', 'x', 'X']);
        let operator = if is_exact { "=" } else { operator };
        format!("{operator}{numbers}")
    };
    let clauses: Vec<_> = text.split(',').map(clause).collect();
    VersionReq::parse(&clauses.join(",")).ok()
}

impl ProjectConfig<'_> {
    /// Where the platform is that the option `platform` means; `None` where it is not installed.
    pub(in crate::discover) fn platform_dir(
        &self,
        option: &str,
    ) -> Result<Option<PathBuf>, ConfigProblem> {
        const MANIFEST: &str = "platform.json";
        let option = option.trim();
        if option.is_empty() {
            return Ok(None);
        }
        // Neither an address nor a version can be a path on every system.
        let path = || (!option.contains('@') && !option.contains("://")).then(|| Path::new(option));
        let own = local(option).or_else(path);
        let own = own.map(|path| self.project.join(path));
        if let Some(own) = own.filter(|own| self.look.has(&own.join(MANIFEST))) {
            return Ok(Some(own));
        }
        let dir = self.dir("platforms_dir")?;
        let platforms = &self.installed.platforms;
        let all = platforms.get_or_init(|| Package::all(&dir, "", MANIFEST, &self.look));
        let meant = Package::meant(all, &Wanted::parse(option));
        Ok(meant.map(|package| package.dir.clone()))
    }

    /// Where the framework `name` is that is asked for; `None` where it is not installed.
    pub(in crate::discover) fn framework_dir(
        &self,
        name: &str,
        wanted: &Wanted,
    ) -> Result<Option<PathBuf>, ConfigProblem> {
        let dir = self.dir("packages_dir")?;
        let mut frameworks = self.installed.frameworks.borrow_mut();
        let all = frameworks
            .entry(name.to_owned())
            .or_insert_with(|| Package::all(&dir, name, "package.json", &self.look));
        Ok(Package::meant(all, wanted).map(|package| package.dir.clone()))
    }

    /// The text of a file of a platform: many environments have the same one.
    pub(in crate::discover) fn text_once(&self, path: &Path) -> Option<Rc<str>> {
        let mut texts = self.installed.texts.borrow_mut();
        let read = || self.look.text(path).map(Rc::from);
        texts.entry(path.to_owned()).or_insert_with(read).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, version: &str, owner: Option<&str>, uri: Option<&str>) -> Package {
        Package {
            dir: PathBuf::from(version),
            name: name.to_owned(),
            version: super::version(version),
            owner: owner.map(str::to_owned),
            uri: uri.map(str::to_owned),
        }
    }

    /// Each as PlatformIO Core 6.2.0 takes it (`PlatformPackageManager.get_package`).
    #[test]
    fn the_package_that_is_meant_is_the_one_that_platformio_takes() {
        const ZIP: &str = "https://host/stable/platform-espressif32.zip";
        const GIT: &str = "https://github.com/me/platform-espressif32.git#v6";
        let git = format!("git+{GIT}");
        let all = [
            package("espressif32", "6.9.0", Some("platformio"), None),
            package("espressif32", "6.13.0+sha.12ab", Some("platformio"), None),
            package("espressif32", "55.03.311", None, Some(ZIP)),
            package("espressif32", "54.3.21", None, Some(&git)),
            package("atmelavr", "5.1.0", Some("platformio"), None),
        ];
        for (option, expected) in [
            ("espressif32", Some("55.03.311")),
            ("Espressif32", Some("55.03.311")),
            ("platformio/espressif32", Some("6.13.0+sha.12ab")),
            ("espressif32@6.9.0", Some("6.9.0")),
            ("espressif32@55.03.311", Some("55.03.311")),
            ("espressif32 @ ~54.03.21", Some("54.3.21")),
            ("espressif32 @ six", None),
            ("espressif32 @ ^6.1", Some("6.13.0+sha.12ab")),
            ("espressif32 @ ~6.9.0", Some("6.9.0")),
            ("espressif32 @ >=6,<54", Some("6.13.0+sha.12ab")),
            ("espressif32@6.*", Some("6.13.0+sha.12ab")),
            ("platformio/espressif32 @ ^7", None),
            (ZIP, Some("55.03.311")),
            (GIT, Some("54.3.21")),
            ("https://host/other.zip", None),
            ("atmelavr", Some("5.1.0")),
            ("teensy", None),
        ] {
            let meant = Package::meant(&all, &Wanted::parse(option));
            let dir = meant.map(|package| package.dir.to_str().unwrap());
            assert_eq!(dir, expected, "{option}");
        }
        let wanted = |wanted| Package::meant(&all, &Wanted::named("espressif32", wanted));
        assert_eq!(wanted("~6.9").unwrap().dir, Path::new("6.9.0"));
        assert_eq!(wanted(ZIP).unwrap().dir, Path::new("55.03.311"));
    }
}
