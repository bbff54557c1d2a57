//! The ESP8266's flasher stub, out of an esptool that somebody has installed. No crate has it, and
//! nobody else's binaries are in this repository.
//!
//! esptool brings two: one that Espressif licenses as Apache-2.0 or MIT (esp-flasher-stub), which is
//! taken, and an older one under the GPL, which is not. No program is run for it.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use fbuild_chip::Chip;
use fbuild_loader::stub::{Segment, Stub};
use fbuild_project::discover::Environment;
use fbuild_project::file::{self, STATE_LIMIT};
use fbuild_project::target::Tool;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::error::EsptoolError;
use super::find::candidates;
use crate::program::Candidate;
use crate::request::Request;

/// Where it is, from the directory that has the package `esptool`.
const FILE: &str = "esptool/targets/stub_flasher/2/esp8266.json";

/// SHA-256 of the files that are known to be this stub, as Espressif released them. What came
/// before is no whole stub.
const KNOWN: [&str; 2] = [
    // esptool 5.4.0, 5.5.0 and 5.6.0 (esp-flasher-stub 1.2.2, 1.4.0 and 1.4.1)
    "9ce821527ecb67224bf19cf78bef45a4de5b5f03ac08f100daf8de32499972e3",
    // esptool 5.3.0 and 5.3.1 (esp-flasher-stub 0.8.1 and 1.0.0)
    "c2b6edf885ff8472ded79f7aa9fbadd0905cb75f130b13ee316da70c59069176",
];

/// esptool's stub file; segments are base64.
#[derive(Deserialize)]
struct StubFile {
    entry: u32,
    text: String,
    text_start: u32,
    data: String,
    data_start: u32,
}

/// The stub for a request's board.
///
/// # Errors
/// [`EsptoolError::NoStub`]: no esptool is installed that has it. Nothing was done.
pub(crate) fn of_request(request: &Request) -> Result<Arc<Stub>, EsptoolError> {
    let chosen = request.esptool.as_deref();
    let environment = Environment::from_process();
    let tool = request.target.tool;
    of_installed(&candidates(chosen, &environment, tool, &Path::is_file))
}

/// The same for a job that is not about a project.
pub(crate) fn of_any() -> Result<Arc<Stub>, EsptoolError> {
    let environment = Environment::from_process();
    of_installed(&candidates(None, &environment, Tool::Files, &Path::is_file))
}

/// The first that one of these has.
fn of_installed(installed: &[Candidate]) -> Result<Arc<Stub>, EsptoolError> {
    let mut other = None;
    for place in installed.iter().flat_map(package_dirs) {
        let path = place.join(FILE);
        let Ok(bytes) = file::read(&path, STATE_LIMIT) else {
            continue;
        };
        match read(&bytes) {
            Some(stub) => return Ok(Arc::new(stub)),
            None => other = other.or(Some(path)),
        }
    }
    Err(EsptoolError::NoStub { other })
}

/// The stub in a file, if it is a known one.
fn read(bytes: &[u8]) -> Option<Stub> {
    let digest = Sha256::digest(bytes);
    let digest: Vec<String> = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    KNOWN.contains(&&*digest.concat()).then_some(())?;
    let file: StubFile = serde_json::from_slice(bytes).ok()?;
    let segment = |address, base64: &str| {
        let bytes = Cow::Owned(BASE64.decode(base64).ok()?);
        Some(Segment { address, bytes })
    };
    Some(Stub {
        chip: Chip::Esp8266,
        name: "esp8266",
        entry: file.entry,
        text: segment(file.text_start, &file.text)?,
        data: segment(file.data_start, &file.data)?,
    })
}

/// Directories in which an esptool's packages may be: beside the script of a checkout, or below what
/// Python is installed to. The program may be a link into a virtual environment (pipx, uv), and the
/// Python of an environment one out of it.
fn package_dirs(candidate: &Candidate) -> Vec<PathBuf> {
    let script = candidate.before.last().map(Path::new);
    let beside = script.and_then(Path::parent).map(Path::to_owned);
    let program = &candidate.program;
    let linked = program.canonicalize().ok();
    let prefixes = [Some(program), linked.as_ref()];
    let prefixes = prefixes
        .into_iter()
        .flatten()
        .filter_map(|program| program.parent()?.parent());
    let below = prefixes.flat_map(|prefix| {
        // Windows first: there, nothing is named after Python's version.
        let fixed = ["Lib/site-packages", "site-packages"].map(|dir| prefix.join(dir));
        let versions = std::fs::read_dir(prefix.join("lib"));
        let versions = versions.into_iter().flatten().flatten();
        let pythons = versions
            .map(|entry| entry.path())
            .filter(|path| path.file_name().is_some_and(is_python));
        let each = pythons.flat_map(|python| {
            ["site-packages", "dist-packages"].map(|packages| python.join(packages))
        });
        fixed.into_iter().chain(each).collect::<Vec<_>>()
    });
    beside
        .filter(|dir| dir.is_absolute())
        .into_iter()
        .chain(below)
        .collect()
}

fn is_python(name: &std::ffi::OsStr) -> bool {
    name.to_str().is_some_and(|name| name.starts_with("python"))
}

#[cfg(test)]
#[cfg(unix)] // the paths are
mod tests {
    use super::*;

    fn install(packages: &Path, contents: &[u8]) {
        let path = packages.join(FILE);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, contents).unwrap();
    }

    fn program(path: PathBuf) -> Candidate {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, "").unwrap();
        Candidate {
            program: path,
            before: Vec::new(),
        }
    }

    #[test]
    fn a_file_that_is_not_known_is_no_stub() {
        let root = tempfile::tempdir().unwrap();
        let none = program(root.path().join("none/bin/esptool"));
        assert!(matches!(
            of_installed(std::slice::from_ref(&none)),
            Err(EsptoolError::NoStub { other: None })
        ));
        let venv = root.path().join("venv");
        install(
            &venv.join("lib/python3.11/site-packages"),
            b"{\"entry\": 1}",
        );
        let unknown = program(venv.join("bin/esptool"));
        let error = of_installed(&[none, unknown]).unwrap_err();
        let EsptoolError::NoStub { other: Some(path) } = &error else {
            panic!("{error}");
        };
        assert!(path.starts_with(&venv), "{error}");
        assert_eq!(error.advice().0, "stub-missing");
    }

    #[test]
    fn it_is_looked_for_where_the_package_may_be() {
        let root = tempfile::tempdir().unwrap();
        let venv = root.path().join("venv");
        let real = program(venv.join("bin/esptool"));
        let link = root.path().join("bin/esptool");
        std::fs::create_dir_all(link.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(&real.program, &link).unwrap();
        let packages = venv.join("lib/python3.12/site-packages");
        std::fs::create_dir_all(&packages).unwrap();
        let linked = Candidate {
            program: link,
            before: Vec::new(),
        };
        let packages = packages.canonicalize().unwrap();
        assert!(package_dirs(&linked).contains(&packages));
        let checkout = Candidate {
            program: root.path().join("penv/bin/python"),
            before: vec![root.path().join("tool-esptoolpy/esptool.py").into()],
        };
        let beside = root.path().join("tool-esptoolpy");
        assert_eq!(package_dirs(&checkout).first(), Some(&beside));
    }
}
