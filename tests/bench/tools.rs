//! The programs that take part, and where they are.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Versions of the peers that are installed by `tests/run`.
pub(crate) const ESPTOOL_VERSION: &str = "5.6.0";
pub(crate) const ESPFLASH_VERSION: &str = "4.7.0";

/// Paths of all programs.
#[derive(Debug)]
pub(crate) struct Tools {
    pub(crate) ours: PathBuf,
    pub(crate) esptool: PathBuf,
    pub(crate) espflash: PathBuf,
    /// An empty folder for what programs remember, so that no run learns from another or from this
    /// machine's past.
    pub(crate) state: PathBuf,
}

impl Tools {
    /// Builds ours, unless it is given, and finds the others.
    pub(crate) fn find(state: &Path, ours: Option<&Path>) -> Result<Self, String> {
        let cache = std::env::var_os("XDG_CACHE_HOME")
            .map_or_else(|| home().join(".cache"), PathBuf::from)
            .join("fbuild-tests");
        let esptool = cache.join(format!("venv-esptool-{ESPTOOL_VERSION}/bin/esptool"));
        let espflash = cache.join(format!("espflash-{ESPFLASH_VERSION}/bin/espflash"));
        for tool in [&esptool, &espflash] {
            if !tool.is_file() {
                return Err(format!(
                    "{} is not there; `tests/run` installs it",
                    tool.display()
                ));
            }
        }
        let ours = match ours {
            Some(path) => std::path::absolute(path).map_err(|error| error.to_string())?,
            None => build_ours()?,
        };
        Ok(Self {
            ours,
            esptool,
            espflash,
            state: state.to_owned(),
        })
    }

    /// A command with nothing of this machine's in it.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env("XDG_STATE_HOME", &self.state)
            // espflash keeps its settings here.
            .env("XDG_CONFIG_HOME", &self.state)
            .env_remove("ESPFLASH_BAUD")
            .env_remove("ESPFLASH_PORT")
            // Where esptool looks for its settings, besides the current folder.
            .env("ESPTOOL_CFGFILE", self.state.join("none.cfg"))
            .current_dir(&self.state);
        command
    }
}

fn build_ours() -> Result<PathBuf, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["build", "--quiet", "--release", "--package", "fbuild-lsp"])
        .current_dir(root())
        .status()
        .map_err(|error| format!("cargo: {error}"))?;
    if !status.success() {
        return Err("fbuild-lsp does not build".to_owned());
    }
    // This program lies in target/release as well, or in target/debug.
    let target = std::env::current_exe().map_err(|error| format!("own path: {error}"))?;
    let target = target.ancestors().nth(2).unwrap_or(Path::new("target"));
    let name = format!("fbuild-lsp{}", std::env::consts::EXE_SUFFIX);
    Ok(target.join("release").join(name))
}

/// The workspace's folder.
pub(crate) fn root() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package)
}

/// Third-party firmware lies beside the checkout.
pub(crate) fn fixtures() -> Result<PathBuf, String> {
    let folder = std::env::var_os("FBUILD_SHARED")
        .map_or_else(|| root().join("../shared"), PathBuf::from)
        .join("fixtures");
    if folder.is_dir() {
        Ok(folder)
    } else {
        Err(format!(
            "{} is not there: the firmware that is deployed",
            folder.display()
        ))
    }
}

fn home() -> PathBuf {
    std::env::var_os("HOME").map_or_else(PathBuf::new, PathBuf::from)
}
