//! Project profiles of Espressif's extension: an object of them by name.
//!
//! Source: its documentation, "Project Configuration Editor".

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Scope, expand, place};
use crate::discover::environment::Environment;

pub(super) const FILE: &str = "esp_idf_project_configuration.json";

const MAX_PROFILES: usize = 100;

/// The build directory of each, and what else it gives to CMake.
pub(super) fn read(
    json: &Value,
    root: &Path,
    file: &Path,
    environment: &Environment,
) -> Vec<(PathBuf, Vec<String>)> {
    let scope = Scope {
        root,
        file,
        preset: "",
        variables: &[],
        folders: &[],
    };
    let text = |value: Option<&Value>| {
        let text = expand(value?.as_str()?, &scope, environment)?;
        Some(text).filter(|text| !text.is_empty())
    };
    let profile = |profile: &Value| {
        let build = profile.get("build")?;
        let dir = place(root, &text(build.get("buildDirectoryPath"))?);
        let defaults = build.get("sdkconfigDefaults").and_then(Value::as_array);
        let defaults = defaults.into_iter().flatten();
        let defaults: Vec<String> = defaults.filter_map(|it| text(Some(it))).collect();
        let variables = [
            ("IDF_TARGET", text(profile.get("idfTarget"))),
            ("SDKCONFIG", text(build.get("sdkconfigFilePath"))),
            (
                "SDKCONFIG_DEFAULTS",
                Some(defaults.join(";")).filter(|it| !it.is_empty()),
            ),
        ];
        let variables = variables.into_iter();
        let variables = variables.filter_map(|(name, value)| Some(format!("{name}={}", value?)));
        Some((dir, variables.collect()))
    };
    let profiles = json.as_object().into_iter().flat_map(|all| all.values());
    profiles.take(MAX_PROFILES).filter_map(profile).collect()
}
