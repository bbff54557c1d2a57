//! Machines as values: what is installed, and what is run then.

use std::collections::BTreeMap;

use super::*;
use crate::discover::Environment;

/// A disk: places with their texts, and the directories around them.
struct Values(BTreeMap<String, String>);

impl Values {
    fn new(files: &[(&str, &str)]) -> Self {
        let owned = |(path, text): &(&str, &str)| ((*path).to_owned(), (*text).to_owned());
        Self(files.iter().map(owned).collect())
    }

    fn below(&self, dir: &str) -> impl Iterator<Item = &str> {
        let starts = [format!("{dir}/"), format!("{dir}\\")];
        self.0
            .keys()
            .filter_map(move |path| starts.iter().find_map(|start| path.strip_prefix(start)))
    }
}

impl Files for Values {
    fn is_file(&self, path: &str) -> bool {
        self.0.contains_key(path)
    }

    fn is_dir(&self, path: &str) -> bool {
        self.below(path).next().is_some()
    }

    fn text(&self, path: &str) -> Option<String> {
        self.0.get(path).cloned()
    }

    fn names(&self, dir: &str) -> Vec<String> {
        let names = self
            .below(dir)
            .filter_map(|rest| rest.split(['/', '\\']).next());
        let mut names: Vec<String> = names.map(str::to_owned).collect();
        names.dedup();
        names
    }
}

fn environment(pairs: &[(&str, &str)]) -> Environment {
    Environment::from_pairs(
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
    )
}

fn recipe(tool: Tool, directory: &str, arguments: &[&str]) -> Recipe {
    Recipe {
        tool,
        directory: directory.to_owned(),
        arguments: arguments.iter().map(|word| (*word).to_owned()).collect(),
    }
}

fn found(
    recipe: &Recipe,
    is_windows: bool,
    variables: &[(&str, &str)],
    files: &[(&str, &str)],
) -> Result<Command, Missing> {
    recipe.on(&Machine {
        environment: &environment(variables),
        is_windows,
        files: &Values::new(files),
    })
}

#[test]
fn a_line_can_be_pasted_into_a_shell() {
    let built = recipe(Tool::EspIdf, "/p", &["-B", "my build", "build"]);
    assert_eq!(built.line(), "idf.py -B 'my build' build");
    assert_eq!(line(["a$(b)", "it's"]), r"'a$(b)' 'it'\''s'");
}

#[test]
fn platformio_is_on_path_or_in_its_own_python() {
    let run = recipe(Tool::PlatformIo, "/p", &["run", "-e", "dev"]);
    let home = [("HOME", "/home/me"), ("PATH", "/usr/bin:bin")];
    let penv = ("/home/me/.platformio/penv/bin/pio", "");
    let command = found(&run, false, &home, &[penv]).unwrap();
    assert_eq!(
        command.words().collect::<Vec<_>>(),
        ["/home/me/.platformio/penv/bin/pio", "run", "-e", "dev"]
    );
    assert_eq!(command.path, ["/home/me/.platformio/penv/bin"]);
    let both = [penv, ("/usr/bin/pio", ""), ("bin/pio", "")];
    assert_eq!(
        found(&run, false, &home, &both).unwrap().program,
        "/usr/bin/pio"
    );
    // What an editor started from a desktop lacks on its PATH.
    let local = [("/home/me/.local/bin/pio", "")];
    assert_eq!(
        found(&run, false, &home, &local).unwrap().program,
        "/home/me/.local/bin/pio"
    );
    assert_eq!(
        found(&run, false, &home, &[]).unwrap_err().to_string(),
        "pio was not found; looked on PATH and in ~/.platformio/penv"
    );
    let windows = [("USERPROFILE", r"C:\Users\me"), ("Path", r"C:\Windows;.")];
    let penv = [(r"C:\Users\me\.platformio\penv\Scripts\pio.exe", "")];
    assert_eq!(
        found(&run, true, &windows, &penv).unwrap().program,
        r"C:\Users\me\.platformio\penv\Scripts\pio.exe"
    );
}

#[test]
fn esphome_is_on_path_or_in_the_environment_that_it_is_installed_into() {
    let compile = recipe(Tool::EspHome, "/p", &["compile", "kiln.yaml"]);
    let home = [("HOME", "/home/me"), ("PATH", "/usr/bin")];
    for place in ["/usr/bin", "/home/me/.local/bin", "/home/me/venv/bin"] {
        let program = format!("{place}/esphome");
        let command = found(&compile, false, &home, &[(&program, "")]).unwrap();
        assert_eq!(command.program, program);
        // PlatformIO is installed beside it.
        assert_eq!(command.path, [place]);
    }
    assert_eq!(
        found(&compile, false, &home, &[]).unwrap_err().to_string(),
        "esphome was not found; looked on PATH and in ~/venv"
    );
}

#[test]
fn west_is_the_one_of_its_workspace() {
    let build = recipe(Tool::Zephyr, "/home/me/zp/app", &["build", "-d", "build"]);
    let files = [
        ("/home/me/zp/.west/config", ""),
        ("/home/me/zp/.venv/bin/west", ""),
    ];
    let command = found(&build, false, &[("HOME", "/home/me")], &files).unwrap();
    assert_eq!(command.program, "/home/me/zp/.venv/bin/west");
    assert_eq!(command.path, ["/home/me/zp/.venv/bin"]);
    // A virtual environment in the project is not west's.
    let stray = [("/home/me/zp/app/.venv/bin/west", "")];
    assert!(found(&build, false, &[("HOME", "/home/me")], &stray).is_err());
}

#[test]
fn cargo_for_xtensa_has_what_espup_installed() {
    let arguments = ["build", "--release", "--target", "xtensa-esp32-none-elf"];
    let build = recipe(Tool::Cargo, "/p", &arguments);
    let files = [
        ("/home/me/.cargo/bin/cargo", ""),
        (
            "/home/me/export-esp.sh",
            "export LIBCLANG_PATH=\"/home/me/.rustup/libclang\"\nexport PATH=\"/home/me/.rustup/gcc/bin:$PATH\"\n",
        ),
    ];
    let command = found(&build, false, &[("HOME", "/home/me")], &files).unwrap();
    assert_eq!(
        command.path,
        ["/home/me/.rustup/gcc/bin", "/home/me/.cargo/bin"]
    );
    let libclang = (
        "LIBCLANG_PATH".to_owned(),
        "/home/me/.rustup/libclang".to_owned(),
    );
    assert_eq!(command.variables, [libclang]);
}

#[test]
fn arduino_cli_comes_with_the_ide() {
    let build = recipe(Tool::Arduino, r"C:\p", &["compile"]);
    let local = [("LOCALAPPDATA", r"C:\Users\me\AppData\Local")];
    let place =
        r"C:\Users\me\AppData\Local\Programs\Arduino IDE\resources\app\lib\backend\resources";
    let program = format!(r"{place}\arduino-cli.exe");
    let command = found(&build, true, &local, &[(&program, "")]).unwrap();
    assert_eq!(command.program, program);
}

const TOOLS: &str = r#"{"tools": [
    {"name": "xtensa-esp-elf", "export_paths": [["xtensa-esp-elf", "bin"]],
     "versions": [{"name": "old", "status": "supported"}, {"name": "new", "status": "recommended"}]},
    {"name": "openocd-esp32", "export_paths": [["openocd-esp32", "bin"]],
     "export_vars": {"OPENOCD_SCRIPTS": "${TOOL_PATH}/openocd-esp32/share"},
     "versions": [{"name": "v0.12", "status": "recommended"}]},
    {"name": "cmake", "export_paths": [["bin"]], "versions": [{"name": "3.30", "status": "recommended"}],
     "platform_overrides": [{"platforms": ["macos"], "export_paths": [["CMake.app", "bin"]]}]}
]}"#;

/// What export.sh would have set, without it.
#[test]
fn idf_py_runs_with_its_python_and_tools() {
    let build = recipe(Tool::EspIdf, "/p", &["build"]);
    let files = [
        ("/home/me/esp/esp-idf/tools/idf.py", ""),
        ("/home/me/esp/esp-idf/version.txt", "v5.4.1\n"),
        ("/home/me/esp/esp-idf/tools/tools.json", TOOLS),
        (
            "/home/me/.espressif/python_env/idf5.1_py3.12_env/bin/python",
            "",
        ),
        (
            "/home/me/.espressif/python_env/idf5.4_py3.12_env/bin/python",
            "",
        ),
        (
            "/home/me/.espressif/tools/xtensa-esp-elf/old/xtensa-esp-elf/bin/gcc",
            "",
        ),
        (
            "/home/me/.espressif/tools/xtensa-esp-elf/new/xtensa-esp-elf/bin/gcc",
            "",
        ),
        (
            "/home/me/.espressif/tools/openocd-esp32/v0.12/openocd-esp32/bin/openocd",
            "",
        ),
    ];
    let command = found(&build, false, &[("HOME", "/home/me")], &files).unwrap();
    let venv = "/home/me/.espressif/python_env/idf5.4_py3.12_env";
    assert_eq!(
        command.words().collect::<Vec<_>>(),
        [
            &format!("{venv}/bin/python"),
            "/home/me/esp/esp-idf/tools/idf.py",
            "build"
        ]
    );
    assert_eq!(
        command.path,
        [
            &format!("{venv}/bin"),
            "/home/me/esp/esp-idf/tools",
            "/home/me/.espressif/tools/xtensa-esp-elf/new/xtensa-esp-elf/bin",
            "/home/me/.espressif/tools/openocd-esp32/v0.12/openocd-esp32/bin",
        ]
    );
    let variables: Vec<(&str, &str)> = command
        .variables
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    assert_eq!(
        variables,
        [
            ("IDF_PATH", "/home/me/esp/esp-idf"),
            ("IDF_PYTHON_ENV_PATH", venv),
            ("IDF_TOOLS_PATH", "/home/me/.espressif"),
            ("ESP_IDF_VERSION", "5.4"),
            (
                "OPENOCD_SCRIPTS",
                "/home/me/.espressif/tools/openocd-esp32/v0.12/openocd-esp32/share"
            ),
        ]
    );
    // Who ran export.sh has it all.
    let exported = [("PATH", "/idf/tools")];
    let command = found(&build, false, &exported, &[("/idf/tools/idf.py", "")]).unwrap();
    assert_eq!(command.program, "/idf/tools/idf.py");
    assert!(command.variables.is_empty() && command.path.is_empty());
}

#[test]
fn of_several_installations_the_one_that_configured_the_build() {
    let build = recipe(Tool::EspIdf, "/p", &["-B", "out", "build"]);
    let eim = r#"{"idfSelectedId": "b", "idfInstalled": [
        {"id": "a", "path": "/idf/a", "python": "/py/a/bin/python3", "idfToolsPath": "/t"},
        {"id": "b", "path": "/idf/b", "python": "/py/b/bin/python3", "idfToolsPath": "/t"},
        {"id": "c", "path": "/idf/gone", "python": "/py/c/bin/python3"}]}"#;
    let mut files = vec![
        ("/home/me/.espressif/tools/eim_idf.json", eim),
        ("/idf/a/tools/idf.py", ""),
        ("/idf/b/tools/idf.py", ""),
        ("/py/a/bin/python3", ""),
        ("/py/b/bin/python3", ""),
        ("/idf/a/tools/tools.json", TOOLS),
        ("/t/cmake/3.30/bin/cmake", ""),
    ];
    let home = [("HOME", "/home/me")];
    let program = |variables: &[_], files: &[_]| {
        let command = found(&build, false, variables, files);
        command.map(|command| command.program)
    };
    assert_eq!(program(&home, &files).unwrap(), "/py/b/bin/python3");
    let active = [home[0], ("IDF_PATH", "/idf/a")];
    assert_eq!(program(&active, &files).unwrap(), "/py/a/bin/python3");
    files.push((
        "/p/out/project_description.json",
        r#"{"idf_path": "/idf/a"}"#,
    ));
    let command = found(&build, false, &home, &files).unwrap();
    assert_eq!(command.program, "/py/a/bin/python3");
    assert_eq!(command.path.last().unwrap(), "/t/cmake/3.30/bin");
    // A project chooses among what is installed, and names no program.
    files.pop();
    files.push((
        "/p/out/project_description.json",
        r#"{"idf_path": "/p/evil"}"#,
    ));
    files.push(("/p/evil/tools/idf.py", ""));
    assert_eq!(program(&home, &files).unwrap(), "/py/b/bin/python3");
}

#[test]
fn windows_has_its_installers_records() {
    let build = recipe(Tool::EspIdf, r"C:\p", &["build"]);
    let record = r#"{"idfSelectedId": "x", "idfInstalled": {"x": {"version": "5.4",
        "path": "C:/Espressif/frameworks/esp-idf-v5.4/",
        "python": "C:\\Espressif\\python_env\\idf5.4_py3.11_env\\Scripts\\python.exe"}}}"#;
    let python = r"C:\Espressif\python_env\idf5.4_py3.11_env\Scripts\python.exe";
    let files = [
        (r"C:\Espressif\esp_idf.json", record),
        (r"C:/Espressif/frameworks/esp-idf-v5.4\tools\idf.py", ""),
        (python, ""),
    ];
    let command = found(&build, true, &[("USERPROFILE", r"C:\Users\me")], &files).unwrap();
    assert_eq!(command.program, python);
    assert_eq!(
        command.arguments,
        [
            r"C:/Espressif/frameworks/esp-idf-v5.4\tools\idf.py",
            "build"
        ]
    );
    let nothing = found(&build, true, &[("USERPROFILE", r"C:\Users\me")], &[]);
    assert!(nothing.unwrap_err().looked.contains("eim_idf.json"));
    let no_python = found(&build, true, &[], &files[..2]).unwrap_err();
    assert!(
        no_python.looked.contains("run its install script"),
        "{no_python}"
    );
}

#[test]
fn what_installers_recorded_is_read_once_for_all_presets() {
    struct Counted(Values, std::cell::Cell<usize>);
    impl Files for Counted {
        fn is_file(&self, path: &str) -> bool {
            self.0.is_file(path)
        }
        fn is_dir(&self, path: &str) -> bool {
            self.0.is_dir(path)
        }
        fn text(&self, path: &str) -> Option<String> {
            self.1.set(self.1.get() + 1);
            self.0.text(path)
        }
        fn names(&self, dir: &str) -> Vec<String> {
            self.0.names(dir)
        }
    }
    let record = r#"{"idfInstalled": {"a": {"path": "/old"}, "b": {"path": "/new"}}}"#;
    let files = Values::new(&[
        ("/h/.espressif/idf-env.json", record),
        ("/old/tools/idf.py", ""),
        ("/old/version.txt", "v5.5"),
        ("/new/tools/idf.py", ""),
        ("/new/version.txt", "v6.0"),
    ]);
    let files = Counted(files, std::cell::Cell::default());
    let machine = Machine {
        environment: &environment(&[("HOME", "/h")]),
        is_windows: false,
        files: &files,
    };
    let takes = TakesPresets::on(&machine);
    let of = |made_by: &str| takes.of(&machine, || Some(made_by.to_owned()));
    assert_eq!([of("/old"), of("/new"), of("/gone")], [false, true, true]);
    let read = files.1.get();
    for _ in 0..500 {
        of("/old");
        of("/gone");
    }
    assert_eq!(files.1.get(), read);
}
