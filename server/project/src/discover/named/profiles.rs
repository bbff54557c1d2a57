//! Project profiles of Espressif's extension: an object of them by name.
//!
//! Source: its documentation, "Project Configuration Editor".

use std::path::Path;

use serde_json::Value;

use super::{Configured, Scope, expand, place};
use crate::discover::environment::Environment;

pub(super) const FILE: &str = "esp_idf_project_configuration.json";

const MAX_PROFILES: usize = 100;

/// The build directory of each, and what else it gives to CMake.
pub(super) fn read(
    json: &Value,
    root: &Path,
    file: &Path,
    environment: &Environment,
) -> Vec<Configured> {
    let scope = Scope {
        root,
        file,
        preset: "",
        variables: &[],
        folders: &[],
    };
    let text = |value: &Value| expand(value.as_str()?, &scope, environment);
    // The outer `None`: it is not known here.
    let set = |name: &str, value: Option<&Value>| match value.and_then(Value::as_str) {
        None | Some("") => Some(None),
        Some(_) => Some(Some(format!("{name}={}", text(value?)?))),
    };
    let profile = |profile: &Value| {
        let build = profile.get("build")?;
        let dir = build.get("buildDirectoryPath")?;
        let dir = text(dir).filter(|dir| !dir.is_empty())?;
        let defaults = build.get("sdkconfigDefaults").and_then(Value::as_array);
        let defaults = || {
            let files = defaults.into_iter().flatten().map(text);
            let files = files.collect::<Option<Vec<_>>>()?;
            Some((!files.is_empty()).then(|| format!("SDKCONFIG_DEFAULTS={}", files.join(";"))))
        };
        let variables = || {
            let set = [
                set("IDF_TARGET", profile.get("idfTarget"))?,
                set("SDKCONFIG", build.get("sdkconfigFilePath"))?,
                defaults()?,
            ];
            Some(set.into_iter().flatten().collect())
        };
        Some(Configured {
            dir: place(root, &dir),
            by: file.to_owned(),
            preset: None,
            variables: variables(),
        })
    };
    let profiles = json.as_object().into_iter().flat_map(|all| all.values());
    profiles.take(MAX_PROFILES).filter_map(profile).collect()
}
