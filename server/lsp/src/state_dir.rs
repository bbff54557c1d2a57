//! Where this program keeps what it remembers between runs.

use std::ffi::OsString;
use std::path::PathBuf;

/// The user's directory for state of this program; not created here. `variable` reads the
/// environment.
pub(crate) fn state_dir(variable: impl Fn(&str) -> Option<OsString>) -> PathBuf {
    let set = |name: &str| {
        variable(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let home = || set("HOME").unwrap_or_else(std::env::temp_dir);
    let base = if cfg!(windows) {
        set("LOCALAPPDATA").unwrap_or_else(std::env::temp_dir)
    } else if cfg!(target_os = "macos") {
        home().join("Library/Application Support")
    } else {
        // XDG Base Directory Specification: relative paths in the variable are to be ignored.
        set("XDG_STATE_HOME")
            .filter(|path| path.is_absolute())
            .unwrap_or_else(|| home().join(".local/state"))
    };
    base.join("fbuild-lsp")
}

/// [`state_dir`] of this process.
pub(crate) fn of_this_process() -> PathBuf {
    state_dir(|name| std::env::var_os(name))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    fn with(pairs: &[(&str, &str)]) -> PathBuf {
        state_dir(|name| {
            pairs
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| OsString::from(value))
        })
    }

    #[test]
    fn follows_the_base_directory_specification() {
        assert_eq!(
            with(&[("HOME", "/home/a")]),
            PathBuf::from("/home/a/.local/state/fbuild-lsp")
        );
        let set = with(&[("HOME", "/home/a"), ("XDG_STATE_HOME", "/var/a")]);
        assert_eq!(set, PathBuf::from("/var/a/fbuild-lsp"));
        let relative = with(&[("HOME", "/home/a"), ("XDG_STATE_HOME", "state")]);
        assert_eq!(relative, PathBuf::from("/home/a/.local/state/fbuild-lsp"));
    }
}
