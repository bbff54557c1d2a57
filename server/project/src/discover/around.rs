//! The project that a file or a directory belongs to.

use std::path::{Path, PathBuf};

use crate::file::{self, TEXT_LIMIT};

/// Directories of somebody else's sources: what is in them is a part of the project around them.
const OTHERS: [&str; 3] = ["managed_components", "node_modules", "libdeps"];

/// What makes a project of a directory. A CMakeLists.txt alone does not: every component has one.
const SIGNS: [&str; 9] = [
    "platformio.ini",
    "sdkconfig",
    "sdkconfig.defaults",
    "prj.conf",
    "Cargo.toml",
    "pico_sdk_import.cmake",
    ".fbuild/build",
    "build/flasher_args.json",
    "build/zephyr/runners.yaml",
];

/// The nearest directory, from `inner` outwards as far as `goes_on` says, that looks like a project. A
/// member of a workspace of cargo's belongs to the workspace.
pub fn project_around(inner: &Path, goes_on: impl Fn(&Path) -> bool) -> Option<PathBuf> {
    let mut around: Vec<&Path> = inner.ancestors().take_while(|dir| goes_on(dir)).collect();
    let is_others = |dir: &&Path| {
        let name = dir.file_name().and_then(|name| name.to_str());
        // ESP-IDF itself; a project may have its name.
        name.is_some_and(|name| OTHERS.contains(&name)) || dir.join("tools/idf.py").is_file()
    };
    if let Some(outermost) = around.iter().rposition(is_others) {
        around.drain(..=outermost);
    }
    let nearest = around.iter().position(|dir| is_project(dir))?;
    let is_workspace = |dir: &&&Path| {
        let manifest = file::read_text(&dir.join("Cargo.toml"), TEXT_LIMIT);
        manifest.is_ok_and(|text| {
            text.lines()
                .any(|line| line.trim_start().starts_with("[workspace"))
        })
    };
    let has_manifest = around[nearest].join("Cargo.toml").is_file();
    let workspace = around[nearest..].iter().find(is_workspace);
    let found = workspace
        .filter(|_| has_manifest)
        .unwrap_or(&around[nearest]);
    Some((*found).to_owned())
}

fn is_project(dir: &Path) -> bool {
    let sketch = dir.file_name().and_then(|name| name.to_str());
    SIGNS.iter().any(|sign| dir.join(sign).exists())
        || dir.join("CMakeLists.txt").is_file() && dir.join("main").is_dir()
        || sketch.is_some_and(|name| dir.join(format!("{name}.ino")).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_project_is_meant() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        for file in [
            "two/sensor/CMakeLists.txt",
            "two/sensor/main/main.c",
            "two/sensor/components/x/CMakeLists.txt",
            "two/sensor/managed_components/y/examples/z/sdkconfig.defaults",
            "two/sensor/idf/tools/idf.py",
            "two/sensor/idf/examples/a/sdkconfig.defaults",
            "two/esp-idf/CMakeLists.txt",
            "two/esp-idf/main/main.c",
            "two/gateway/platformio.ini",
            "two/gateway/src/main.cpp",
            "two/fw/Cargo.toml",
            "two/fw/app/Cargo.toml",
            "two/fw/app/src/main.rs",
            "two/blink/blink.ino",
            "two/notes/a.txt",
        ] {
            let path = root.join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            let text = if file == "two/fw/Cargo.toml" {
                "[workspace]\nmembers = [\"app\"]\n"
            } else {
                ""
            };
            std::fs::write(path, text).unwrap();
        }
        let limit = root.join("two");
        let of = |file: &str| {
            let found = project_around(&root.join(file), |dir| dir.starts_with(&limit))?;
            Some(found.strip_prefix(&limit).unwrap().display().to_string())
        };
        for (file, project) in [
            ("two/sensor/main/main.c", Some("sensor")),
            ("two/sensor/components/x/x.c", Some("sensor")),
            (
                "two/sensor/managed_components/y/examples/z/main.c",
                Some("sensor"),
            ),
            ("two/sensor/idf/examples/a/main.c", Some("sensor")),
            ("two/esp-idf/main/main.c", Some("esp-idf")),
            ("two/gateway/src/main.cpp", Some("gateway")),
            ("two/gateway", Some("gateway")),
            ("two/fw/app/src/main.rs", Some("fw")),
            ("two/blink/blink.ino", Some("blink")),
            ("two/notes/a.txt", None),
            ("elsewhere/a.c", None),
        ] {
            assert_eq!(of(file).as_deref(), project, "{file}");
        }
    }
}
