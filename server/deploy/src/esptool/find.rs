//! Where an esptool may be. Pure but for the question whether a file is there.
//!
//! Nothing of a workspace is looked at: a project must not be able to say which program is run.

use std::path::{Path, PathBuf};

use fbuild_project::discover::Environment;
use fbuild_project::target::Tool;

use crate::program::{Candidate, on_path};

impl Candidate {
    fn module(python: PathBuf) -> Self {
        Self {
            program: python,
            before: vec!["-m".into(), "esptool".into()],
        }
    }

    fn script(python: PathBuf, script: PathBuf) -> Self {
        Self {
            program: python,
            before: vec![script.into()],
        }
    }

    /// The files that it needs are there.
    fn is_there(&self, is_file: &dyn Fn(&Path) -> bool) -> bool {
        let script = self.before.last().map(Path::new);
        let script = script.filter(|script| script.is_absolute());
        is_file(&self.program) && script.is_none_or(is_file)
    }
}

/// The candidates, best first. What a person chose (a path, or a name to be found on PATH)
/// is the only one: if it does not work, they want to know. Else what is on PATH, then what the
/// project's build tool brought along.
pub fn candidates(
    chosen: Option<&Path>,
    environment: &Environment,
    tool: Tool,
    is_file: &dyn Fn(&Path) -> bool,
) -> Vec<Candidate> {
    if let Some(path) = chosen {
        return vec![Candidate::program(on_path_too(path, environment, is_file))];
    }
    let names: &[&str] = if cfg!(windows) {
        &["esptool.exe"]
    } else {
        &["esptool", "esptool.py"]
    };
    let mut all = on_path(names, environment);
    let (idf, platformio) = (of_esp_idf(environment), of_platformio(environment));
    if tool == Tool::PlatformIo {
        all.extend(platformio.into_iter().chain(idf));
    } else {
        all.extend(idf.into_iter().chain(platformio));
    }
    all.retain(|candidate| candidate.is_there(is_file));
    all
}

/// Where it was looked for, for a person who has none.
pub const LOOKED_FOR: &str = "esptool and esptool.py on PATH, the Python environments of ESP-IDF \
                              (IDF_PYTHON_ENV_PATH, ~/.espressif) and of PlatformIO (~/.platformio)";

/// The program that a path or a name means. It is started from another folder than this process.
fn on_path_too(path: &Path, environment: &Environment, is_file: &dyn Fn(&Path) -> bool) -> PathBuf {
    let name = path
        .to_str()
        .filter(|name| Path::new(name).components().count() == 1);
    let found = name
        .map(|name| on_path(&[name], environment))
        .unwrap_or_default();
    let found = found
        .into_iter()
        .find(|candidate| candidate.is_there(is_file));
    match found {
        Some(candidate) => candidate.program,
        None => std::path::absolute(path).unwrap_or_else(|_| path.to_owned()),
    }
}

/// The Python of a virtual environment.
fn python(venv: &Path) -> PathBuf {
    if cfg!(windows) {
        venv.join("Scripts").join("python.exe")
    } else {
        venv.join("bin").join("python")
    }
}

/// Source: ESP-IDF `tools/idf_tools.py`: environments are in `python_env` of IDF_TOOLS_PATH or
/// `~/.espressif`, named after ESP-IDF's version and Python's; `export.sh` sets
/// IDF_PYTHON_ENV_PATH to the one in use.
fn of_esp_idf(environment: &Environment) -> Vec<Candidate> {
    let active = environment.dir("IDF_PYTHON_ENV_PATH");
    let tools = environment.dir("IDF_TOOLS_PATH");
    let tools = tools.or_else(|| environment.home().map(|home| home.join(".espressif")));
    let folder = tools.map(|tools| tools.join("python_env"));
    let listed = folder.and_then(|folder| std::fs::read_dir(folder).ok());
    let mut installed: Vec<PathBuf> = listed
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    // The names begin with the version, as in idf5.4_py3.11_env: the newest is likely the last.
    installed.sort();
    let venvs = active.into_iter().chain(installed.into_iter().rev());
    venvs
        .filter(|venv| venv.is_absolute())
        .map(|venv| Candidate::module(python(&venv)))
        .collect()
}

/// Source: PlatformIO's documentation: its own Python is in `penv` of the core directory; the
/// package `tool-esptoolpy` is a checkout of esptool.
fn of_platformio(environment: &Environment) -> Vec<Candidate> {
    let core = environment.dir("PLATFORMIO_CORE_DIR");
    let core = core.or_else(|| environment.home().map(|home| home.join(".platformio")));
    let Some(core) = core.filter(|core| core.is_absolute()) else {
        return Vec::new();
    };
    let python = python(&core.join("penv"));
    let script = core.join("packages").join("tool-esptoolpy");
    let script = script.join("esptool.py");
    vec![
        Candidate::script(python.clone(), script),
        Candidate::module(python),
    ]
}

#[cfg(test)]
#[cfg(unix)] // the paths are
mod tests {
    use super::*;

    fn found(pairs: &[(&str, &str)], files: &[&str], tool: Tool) -> Vec<String> {
        let pairs = pairs
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
        let environment = Environment::from_pairs(pairs);
        let is_file = |path: &Path| files.iter().any(|file| Path::new(file) == path);
        let candidates = candidates(None, &environment, tool, &is_file);
        candidates.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn path_comes_first_and_the_new_name_before_the_old() {
        let path = [("PATH", "/usr/bin:/opt/e/bin")];
        assert_eq!(
            found(
                &path,
                &["/usr/bin/esptool.py", "/opt/e/bin/esptool"],
                Tool::EspIdf
            ),
            ["/opt/e/bin/esptool", "/usr/bin/esptool.py"]
        );
        assert!(found(&path, &["/bin/esptool"], Tool::EspIdf).is_empty());
        assert!(found(&[], &["/bin/esptool"], Tool::EspIdf).is_empty());
    }

    /// A project with a file `esptool` in it must not have it run.
    #[test]
    fn what_lies_where_somebody_stands_is_never_a_candidate() {
        let path = [("PATH", ":.:bin:/usr/bin")];
        let files = ["esptool", "./esptool", "bin/esptool", "/usr/bin/esptool"];
        assert_eq!(found(&path, &files, Tool::EspIdf), ["/usr/bin/esptool"]);
        let relative = [
            ("IDF_PYTHON_ENV_PATH", "venv"),
            ("PLATFORMIO_CORE_DIR", "core"),
        ];
        let files = ["venv/bin/python", "core/penv/bin/python"];
        assert!(found(&relative, &files, Tool::EspIdf).is_empty());
    }

    #[test]
    fn the_environment_of_the_projects_own_tool_comes_first() {
        let both = [("IDF_PYTHON_ENV_PATH", "/idf/env"), ("HOME", "/home/me")];
        let files = [
            "/idf/env/bin/python",
            "/home/me/.platformio/penv/bin/python",
            "/home/me/.platformio/packages/tool-esptoolpy/esptool.py",
        ];
        let idf = "/idf/env/bin/python -m esptool";
        let penv = "/home/me/.platformio/penv/bin/python";
        let script = format!("{penv} /home/me/.platformio/packages/tool-esptoolpy/esptool.py");
        let module = format!("{penv} -m esptool");
        assert_eq!(
            found(&both, &files, Tool::EspIdf),
            [idf.to_owned(), script.clone(), module.clone()]
        );
        assert_eq!(
            found(&both, &files, Tool::PlatformIo),
            [script, module.clone(), idf.to_owned()]
        );
        let without_package = &files[..2];
        assert_eq!(
            found(&both, without_package, Tool::PlatformIo),
            [module, idf.to_owned()]
        );
    }

    #[test]
    fn installed_environments_of_esp_idf_are_found_newest_first() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["idf5.1_py3.11_env", "idf5.4_py3.11_env"] {
            let bin = folder.path().join("python_env").join(name).join("bin");
            std::fs::create_dir_all(&bin).unwrap();
            std::fs::write(bin.join("python"), "").unwrap();
        }
        let pair = (
            "IDF_TOOLS_PATH".to_owned(),
            folder.path().display().to_string(),
        );
        let environment = Environment::from_pairs([pair]);
        let found = candidates(None, &environment, Tool::EspIdf, &Path::is_file);
        let shown: Vec<String> = found.iter().map(ToString::to_string).collect();
        let shown = |n: usize| shown[n].strip_prefix(&folder.path().display().to_string());
        assert_eq!(
            shown(0),
            Some("/python_env/idf5.4_py3.11_env/bin/python -m esptool")
        );
        assert_eq!(
            shown(1),
            Some("/python_env/idf5.1_py3.11_env/bin/python -m esptool")
        );
    }

    #[test]
    fn what_a_person_chose_stands_alone_even_if_it_is_not_there() {
        let environment = Environment::from_pairs([("PATH".to_owned(), "/usr/bin".to_owned())]);
        let chosen = Path::new("/somewhere/esptool");
        let found = candidates(Some(chosen), &environment, Tool::Files, &|_| true);
        assert_eq!(found, [Candidate::program(chosen.to_owned())]);
        let named = candidates(
            Some(Path::new("esptool5")),
            &environment,
            Tool::Files,
            &|_| true,
        );
        assert_eq!(named, [Candidate::program("/usr/bin/esptool5".into())]);
        let here = candidates(Some(Path::new("./e")), &environment, Tool::Files, &|_| true);
        assert_eq!(
            here,
            [Candidate::program(std::path::absolute("e").unwrap())]
        );
    }
}
