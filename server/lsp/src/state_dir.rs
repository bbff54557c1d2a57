//! Where this program keeps what it remembers between runs.

use std::ffi::OsString;
use std::path::PathBuf;

/// Whose customs hold for where state is kept.
#[derive(Debug, Clone, Copy)]
enum System {
    Windows,
    MacOs,
    Unix,
}

/// The user's directory for state of this program; not created here. `variable` reads the
/// environment. `None` where that names no place that is the user's own: a name in a directory for
/// everybody's temporary files can be made by anybody first.
fn state_dir(system: System, variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let set = |name: &str| {
        let value = variable(name).map(PathBuf::from);
        // XDG Base Directory Specification: relative paths are to be ignored.
        value.filter(|path| path.is_absolute())
    };
    let base = match system {
        System::Windows => set("LOCALAPPDATA"),
        System::MacOs => set("HOME").map(|home| home.join("Library/Application Support")),
        System::Unix => set("XDG_STATE_HOME").or_else(|| Some(set("HOME")?.join(".local/state"))),
    };
    Some(base?.join("fbuild-lsp"))
}

/// [`state_dir`] of this process.
pub(crate) fn of_this_process() -> Option<PathBuf> {
    let system = if cfg!(windows) {
        System::Windows
    } else if cfg!(target_os = "macos") {
        System::MacOs
    } else {
        System::Unix
    };
    let dir = state_dir(system, |name| std::env::var_os(name));
    let Some(dir) = dir else {
        tracing::warn!("the environment names no home directory, so nothing is remembered");
        return None;
    };
    // Its user may have moved it. Links in it are not followed.
    let real = dir.is_symlink().then(|| dir.canonicalize().ok()).flatten();
    Some(real.unwrap_or(dir))
}

#[cfg(all(test, unix))] // the paths are
mod tests {
    use super::*;

    fn on(system: System, pairs: &[(&str, &str)]) -> Option<PathBuf> {
        state_dir(system, |name| {
            pairs
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| OsString::from(value))
        })
    }

    fn with(pairs: &[(&str, &str)]) -> Option<PathBuf> {
        on(System::Unix, pairs)
    }

    #[test]
    fn follows_the_customs_of_each_system() {
        let all = [
            ("HOME", "/Users/a"),
            ("LOCALAPPDATA", "/c/Users/a/AppData/Local"),
            ("XDG_STATE_HOME", "/var/a"),
        ];
        for (system, dir) in [
            (System::Windows, "/c/Users/a/AppData/Local/fbuild-lsp"),
            (
                System::MacOs,
                "/Users/a/Library/Application Support/fbuild-lsp",
            ),
            (System::Unix, "/var/a/fbuild-lsp"),
        ] {
            assert_eq!(on(system, &all), Some(PathBuf::from(dir)), "{system:?}");
        }
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
            for system in [System::Windows, System::MacOs, System::Unix] {
                assert_eq!(on(system, pairs), None, "{system:?} {pairs:?}");
            }
        }
    }
}
