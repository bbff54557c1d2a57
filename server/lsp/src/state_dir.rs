//! Where this program keeps what it remembers between runs.

use std::ffi::OsString;
use std::path::PathBuf;

/// The user's directory for state of this program; not created here. `variable` reads the
/// environment. `None` where that names no place that is the user's own: a name in a directory for
/// everybody's temporary files can be made by anybody first.
pub(crate) fn state_dir(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let set = |name: &str| {
        let value = variable(name).map(PathBuf::from);
        // XDG Base Directory Specification: relative paths are to be ignored.
        value.filter(|path| path.is_absolute())
    };
    let base = if cfg!(windows) {
        set("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        set("HOME").map(|home| home.join("Library/Application Support"))
    } else {
        set("XDG_STATE_HOME").or_else(|| Some(set("HOME")?.join(".local/state")))
    };
    Some(base?.join("fbuild-lsp"))
}

/// [`state_dir`] of this process.
pub(crate) fn of_this_process() -> Option<PathBuf> {
    let dir = state_dir(|name| std::env::var_os(name));
    if dir.is_none() {
        tracing::warn!("the environment names no home directory, so nothing is remembered");
    }
    dir
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    fn with(pairs: &[(&str, &str)]) -> Option<PathBuf> {
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
            Some(PathBuf::from("/home/a/.local/state/fbuild-lsp"))
        );
        let set = with(&[("HOME", "/home/a"), ("XDG_STATE_HOME", "/var/a")]);
        assert_eq!(set, Some(PathBuf::from("/var/a/fbuild-lsp")));
        let relative = with(&[("HOME", "/home/a"), ("XDG_STATE_HOME", "state")]);
        assert_eq!(
            relative,
            Some(PathBuf::from("/home/a/.local/state/fbuild-lsp"))
        );
    }

    #[test]
    fn without_a_home_nothing_is_kept() {
        for pairs in [
            &[][..],
            &[("TMPDIR", "/tmp")],
            &[("HOME", ""), ("XDG_STATE_HOME", "")],
            &[("HOME", "home"), ("XDG_STATE_HOME", "state")],
        ] {
            assert_eq!(with(pairs), None, "{pairs:?}");
        }
    }
}
