//! ESP-IDF: which installation, its Python and its tools, so that idf.py works although nobody ran
//! export.sh.
//!
//! Source: `tools/idf_tools.py` and `tools/tools.json` of ESP-IDF v5 and v6; the records of ESP-IDF's
//! installers: `idf-env.json` (idf_tools.py), `esp_idf.json` (Windows installer, VS Code extension)
//! and `eim_idf.json` (ESP-IDF Installation Manager).

use std::cell::RefCell;
use std::collections::HashMap;

use serde_json::Value;

use super::{Command, Machine, Missing, Recipe};

/// A copy of ESP-IDF.
#[derive(Debug, Default, Clone)]
struct Installation {
    path: String,
    /// Its Python, where a record names it.
    python: Option<String>,
    /// Where its tools are.
    tools: Option<String>,
    is_selected: bool,
}

const LOOKED: &str = "on PATH, by IDF_PATH, in the records of ESP-IDF's installers (eim_idf.json, \
                      esp_idf.json, idf-env.json) and in ~/esp/esp-idf";

pub(super) fn command(recipe: &Recipe, machine: &Machine<'_>) -> Result<Command, Missing> {
    let missing = |looked: String| Missing {
        program: "idf.py",
        looked,
    };
    // Who has it on PATH has run export.sh, or knows better.
    if let Some(program) = machine.on_path(&["idf.py"]) {
        return Ok(Command {
            program,
            arguments: recipe.arguments.clone(),
            directory: recipe.directory.clone(),
            variables: Vec::new(),
            path: Vec::new(),
        });
    }
    let Some(chosen) = chosen(recipe, machine) else {
        return Err(missing(LOOKED.to_owned()));
    };
    let tools = chosen.tools.clone().or_else(|| usual_tools(machine));
    let version = version(machine, &chosen.path);
    let python = python(machine, &chosen, tools.as_deref(), version.as_deref());
    let Some(python) = python else {
        return Err(missing(format!(
            "in {}, which has no Python environment: run its install script",
            chosen.path
        )));
    };
    let mut variables = vec![("IDF_PATH".to_owned(), chosen.path.clone())];
    let bin = machine.parent(&python).unwrap_or_default().to_owned();
    let venv = machine.parent(&bin).map(str::to_owned);
    variables.extend(venv.map(|venv| ("IDF_PYTHON_ENV_PATH".to_owned(), venv)));
    variables.extend(
        tools
            .clone()
            .map(|tools| ("IDF_TOOLS_PATH".to_owned(), tools)),
    );
    variables.extend(version.map(|version| ("ESP_IDF_VERSION".to_owned(), version)));
    let mut path = vec![bin, machine.join(&chosen.path, &["tools"])];
    if let Some(tools) = tools {
        add_tools(machine, &chosen.path, &tools, &mut variables, &mut path);
    }
    let mut arguments = vec![idf_py(machine, &chosen.path)];
    arguments.extend(recipe.arguments.iter().cloned());
    Ok(Command {
        program: python,
        arguments,
        directory: recipe.directory.clone(),
        variables,
        path,
    })
}

/// The installation that builds it.
fn chosen(recipe: &Recipe, machine: &Machine<'_>) -> Option<Installation> {
    let mut found = usable(machine);
    let made_by = configured_by(recipe, machine);
    let at = choice(&found, made_by.as_deref(), machine)?;
    Some(found.swap_remove(at))
}

/// Those that can build.
fn usable(machine: &Machine<'_>) -> Vec<Installation> {
    let mut found = installations(machine);
    found.retain(|it| machine.files.is_file(&idf_py(machine, &it.path)));
    found
}

/// Which of them builds what that at `made_by` configured.
fn choice(found: &[Installation], made_by: Option<&str>, machine: &Machine<'_>) -> Option<usize> {
    let position = |is_meant: &dyn Fn(&Installation) -> bool| found.iter().position(is_meant);
    let active = machine.variable("IDF_PATH");
    let is_at = |path: Option<&str>, it: &Installation| {
        path.is_some_and(|path| machine.is_same(path, &it.path))
    };
    position(&|it| is_at(made_by, it))
        .or_else(|| position(&|it| is_at(active.as_deref(), it)))
        .or_else(|| position(&|it| it.is_selected))
        .or_else(|| found.len().checked_sub(1))
}

/// Whether idf.py takes CMake's presets, which no other version knows and from 6.0 on each build has: the first one, if
/// none is named. (`core_ext.py`, `initialize_cmake_presets`) What is on the machine is read once.
#[derive(Debug)]
pub(crate) struct TakesPresets {
    /// That on PATH, if there is one.
    on_path: Option<bool>,
    found: Vec<Installation>,
    /// By what configured a build.
    known: RefCell<HashMap<Option<String>, bool>>,
}

impl TakesPresets {
    pub(crate) fn on(machine: &Machine<'_>) -> Self {
        let active = || {
            let path = machine.variable("IDF_PATH");
            let set = machine.variable("ESP_IDF_VERSION");
            set.or_else(|| version(machine, &path?))
        };
        let on_path = machine.on_path(&["idf.py"]).map(|_| is_6(active()));
        Self {
            on_path,
            found: on_path.map_or_else(|| usable(machine), |_| Vec::new()),
            known: RefCell::default(),
        }
    }

    /// Whether the one that builds does; `made_by` says which configured the build, and is asked only if that counts.
    pub(crate) fn of(
        &self,
        machine: &Machine<'_>,
        made_by: impl FnOnce() -> Option<String>,
    ) -> bool {
        if let Some(takes) = self.on_path {
            return takes;
        }
        let made_by = (self.found.len() > 1).then(made_by).flatten();
        let takes = || {
            let at = choice(&self.found, made_by.as_deref(), machine);
            is_6(at.and_then(|at| version(machine, &self.found[at].path)))
        };
        let mut known = self.known.borrow_mut();
        *known.entry(made_by.clone()).or_insert_with(takes)
    }
}

fn is_6(version: Option<String>) -> bool {
    let major = version.and_then(|it| it.split('.').next()?.parse::<u32>().ok());
    major.is_some_and(|major| major >= 6)
}

fn idf_py(machine: &Machine<'_>, path: &str) -> String {
    machine.join(path, &["tools", "idf.py"])
}

/// The copy of ESP-IDF that configured the build. It only chooses among those that the machine's
/// user has: a project does not say which program is run.
fn configured_by(recipe: &Recipe, machine: &Machine<'_>) -> Option<String> {
    let build = recipe.build_directory().unwrap_or("build");
    let build = if machine.is_absolute(build) {
        build.to_owned()
    } else {
        machine.join(&recipe.directory, &[build])
    };
    let text = machine
        .files
        .text(&machine.join(&build, &["project_description.json"]))?;
    made_by(&serde_json::from_str(&text).ok()?)
}

/// The copy of ESP-IDF that wrote a `project_description.json`.
pub(crate) fn made_by(description: &Value) -> Option<String> {
    Some(description.get("idf_path")?.as_str()?.to_owned())
}

/// Where idf_tools.py installs tools.
fn usual_tools(machine: &Machine<'_>) -> Option<String> {
    let set = machine.variable("IDF_TOOLS_PATH");
    set.or_else(|| Some(machine.join(&machine.home()?, &[".espressif"])))
}

/// Every copy of ESP-IDF that is known on this machine; the newest record last.
fn installations(machine: &Machine<'_>) -> Vec<Installation> {
    let mut found = Vec::new();
    let home = machine.home();
    let usual = home
        .as_ref()
        .map(|home| machine.join(home, &["esp", "esp-idf"]));
    found.extend(usual.map(|path| Installation {
        path,
        ..Installation::default()
    }));
    let mut places: Vec<String> = usual_tools(machine).into_iter().collect();
    places.extend(home.map(|home| machine.join(&home, &[".espressif"])));
    if machine.is_windows {
        places.push(r"C:\Espressif".to_owned());
    }
    places.dedup();
    for place in &places {
        for name in ["idf-env.json", "esp_idf.json", "eim_idf.json"] {
            let inner = machine.join(place, &["tools", name]);
            for record in [machine.join(place, &[name]), inner] {
                let text = machine.files.text(&record);
                let record = text.and_then(|text| serde_json::from_str(&text).ok());
                found.extend(record.iter().flat_map(recorded));
            }
        }
    }
    found.extend(machine.variable("IDF_PATH").map(|path| {
        let known = found
            .iter()
            .rev()
            .find(|it| machine.is_same(&it.path, &path));
        known.cloned().unwrap_or_else(|| Installation {
            python: machine
                .variable("IDF_PYTHON_ENV_PATH")
                .and_then(|venv| machine.in_venv(&venv, "python")),
            path,
            ..Installation::default()
        })
    }));
    found
}

/// What an installer wrote down: a list, or an object with identifiers as keys.
fn recorded(record: &Value) -> Vec<Installation> {
    let selected = record.get("idfSelectedId").and_then(Value::as_str);
    let entry = |id: Option<&str>, entry: &Value| {
        let text = |name: &str| {
            let value = entry.get(name).and_then(Value::as_str);
            value.filter(|value| !value.is_empty()).map(str::to_owned)
        };
        let id = id.map(str::to_owned).or_else(|| text("id"));
        let all = || record.get("idfToolsPath")?.as_str().map(str::to_owned);
        Some(Installation {
            path: text("path")?,
            python: text("python"),
            tools: text("idfToolsPath").or_else(all),
            is_selected: id.is_some() && id.as_deref() == selected,
        })
    };
    match record.get("idfInstalled") {
        Some(Value::Array(list)) => list.iter().filter_map(|it| entry(None, it)).collect(),
        Some(Value::Object(map)) => {
            let entries = map.iter();
            entries.filter_map(|(id, it)| entry(Some(id), it)).collect()
        }
        _ => Vec::new(),
    }
}

/// `5.4`: what Python environments and ESP_IDF_VERSION have.
fn version(machine: &Machine<'_>, path: &str) -> Option<String> {
    let released = machine.files.text(&machine.join(path, &["version.txt"]));
    let released = released.and_then(|text| {
        let mut numbers = text.trim().trim_start_matches('v').split(['.', '-']);
        Some(format!("{}.{}", numbers.next()?, numbers.next()?))
    });
    released.or_else(|| {
        let cmake = machine.join(path, &["tools", "cmake", "version.cmake"]);
        let cmake = machine.files.text(&cmake)?;
        let number = |name: &str| {
            let start = cmake.split_once(&format!("set({name}"))?.1;
            Some(start.split_once(')')?.0.trim().to_owned())
        };
        Some(format!(
            "{}.{}",
            number("IDF_VERSION_MAJOR")?,
            number("IDF_VERSION_MINOR")?
        ))
    })
}

/// The recorded one, else that of the environment which idf_tools.py named after the version.
fn python(
    machine: &Machine<'_>,
    chosen: &Installation,
    tools: Option<&str>,
    version: Option<&str>,
) -> Option<String> {
    let recorded = chosen.python.clone();
    if let Some(python) = recorded.filter(|python| machine.files.is_file(python)) {
        return Some(python);
    }
    let folder = machine.join(tools?, &["python_env"]);
    let begin = format!("idf{}_", version?);
    let names = machine.files.names(&folder).into_iter().rev();
    let mut names = names.filter(|name| name.starts_with(&begin));
    names.find_map(|name| machine.in_venv(&machine.join(&folder, &[&name]), "python"))
}

/// What `idf_tools.py export` would add: of each tool the recommended version that is installed, else
/// another one.
fn add_tools(
    machine: &Machine<'_>,
    idf: &str,
    tools: &str,
    variables: &mut Vec<(String, String)>,
    path: &mut Vec<String>,
) {
    let text = machine
        .files
        .text(&machine.join(idf, &["tools", "tools.json"]));
    let list: Value = text
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default();
    let of = |value: &Value, name: &str| value.get(name).and_then(Value::as_array).cloned();
    for tool in of(&list, "tools").unwrap_or_default() {
        let Some(name) = tool.get("name").and_then(Value::as_str) else {
            continue;
        };
        let mut versions = of(&tool, "versions").unwrap_or_default();
        versions.sort_by_key(|version| version.get("status") != Some(&"recommended".into()));
        let names = versions
            .iter()
            .filter_map(|version| version.get("name")?.as_str());
        // EIM has them one level higher.
        let mut places = names.flat_map(|version| {
            [
                machine.join(tools, &["tools", name, version]),
                machine.join(tools, &[name, version]),
            ]
        });
        let Some(place) = places.find(|place| machine.files.is_dir(place)) else {
            continue;
        };
        let overrides = of(&tool, "platform_overrides").unwrap_or_default();
        let exported = std::iter::once(&tool).chain(&overrides);
        for parts in exported.filter_map(|it| of(it, "export_paths")).flatten() {
            let parts = parts.as_array().into_iter().flatten();
            let parts: Vec<&str> = parts
                .filter_map(Value::as_str)
                .filter(|part| !part.is_empty())
                .collect();
            let dir = machine.join(&place, &parts);
            if machine.files.is_dir(&dir) && !path.contains(&dir) {
                path.push(dir);
            }
        }
        let exported = tool.get("export_vars").and_then(Value::as_object);
        for (name, value) in exported.into_iter().flatten() {
            let value = value.as_str().unwrap_or_default();
            variables.push((name.clone(), value.replace("${TOOL_PATH}", &place)));
        }
    }
}
