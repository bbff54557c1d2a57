//! What a build directory of PlatformIO's holds: where it is, its program, and what `idedata.json` says.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde_json::Value;

use super::packages::in_framework;
use crate::discover::platformio_config::{ConfigProblem, ProjectConfig, references};
use crate::discover::platformio_values::esptool_number;
use crate::discover::survey::Survey;
use crate::discover::{Environment, Look, here, modified, programs, read_start};
use crate::file;
use crate::plain;

/// Where an environment was built, and what is told of that: where the configuration says, and else
/// where a variable that is no longer set said. ESPHome builds into `.pioenvs`.
pub(super) fn build_dir(
    config: &ProjectConfig<'_>,
    env: &str,
    root: &Path,
    survey: &Survey,
    look: &Look,
) -> Result<(PathBuf, Option<String>), ConfigProblem> {
    let configured = config.dir("build_dir")?.join(env);
    if configured.is_dir() {
        return Ok((configured, None));
    }
    let newest = |places: Vec<PathBuf>| {
        let built = places.into_iter().filter(|dir| dir.is_dir());
        built.max_by_key(|dir| modified(dir))
    };
    let workspaces = look.subdirectories(root, |name| name.starts_with(".pio"));
    let places = workspaces
        .iter()
        .flat_map(|dir| [dir.join("build").join(env), dir.join(env)]);
    if let Some(built) = newest(places.collect()) {
        return Ok((built, None));
    }
    let others = survey.environments.iter();
    let own = others.filter(|dir| survey.owner(root, dir) == root);
    let Some(built) = newest(own.map(|dir| dir.join(env)).collect()) else {
        return Ok((configured, None));
    };
    let usual = || configured.parent().unwrap_or(root).display().to_string();
    let place = config
        .shown("platformio", "build_dir")
        .unwrap_or_else(usual);
    let remark = format!(
        "it was built into {}, and here PlatformIO would build into {place}: a variable that moves \
         build_dir is not set",
        built.display()
    );
    Ok((built, Some(remark)))
}

/// What is said of an environment that is not built, where its place depends on a variable that is not
/// set.
pub(super) fn unset_variable(
    config: &ProjectConfig<'_>,
    environment: &Environment,
) -> Option<String> {
    let written = config.shown("platformio", "build_dir")?;
    let mut variables = references(&written).filter_map(|it| it.name.strip_prefix("sysenv."));
    let variable = variables.find(|name| environment.get(name).is_none_or(str::is_empty))?;
    let why = format!("build_dir is {written}, and the variable {variable} is not set");
    Some(plain::line(&why).into_owned())
}

/// The program of a build directory.
pub(super) struct Program {
    pub(super) path: PathBuf,
    pub(super) remark: Option<String>,
}

/// The program that `idedata.json` names, or `firmware.bin`; where that is not there, or another one
/// was built after it, the newest: scripts may set PROGNAME.
pub(super) fn program(dir: &Path, named: Option<PathBuf>, look: &Look) -> Program {
    let usual = named.unwrap_or_else(|| dir.join("firmware.bin"));
    let mut remark = None;
    let path = if usual.is_file() {
        let newer = programs::newer_than(&usual, look);
        remark = newer.as_ref().map(|newer| {
            format!(
                "{} is newer than {} and is deployed: a script sets PROGNAME, or one of them was left \
                 over",
                newer.display(),
                usual.display()
            )
        });
        newer
    } else if dir.is_dir() {
        let found = programs::in_directory(dir, look);
        remark = (found.len() > 1).then(|| {
            let files: Vec<_> = found
                .iter()
                .filter_map(|it| it.file_name()?.to_str())
                .collect();
            format!(
                "there are several programs in {}; the newest is deployed: {}",
                dir.display(),
                files.join(", ")
            )
        });
        found.into_iter().next()
    } else {
        None
    };
    Program {
        path: path.unwrap_or(usual),
        remark,
    }
}

/// Where the image of the whole flash has the program that pioarduino's build makes beside it, as scripts
/// do elsewhere: one of the places where it can be.
pub(super) fn place_in_factory_image(app: &Path, places: &[u32]) -> Option<u32> {
    const COMPARED: u64 = 0x1000;
    let start = read_start(app, COMPARED).filter(|start| start.len() > 32)?;
    let whole = app.with_extension("factory.bin");
    let is_there = |place: &&u32| {
        let read = file::read_at(&whole, u64::from(**place), start.len() as u64);
        read.is_ok_and(|read| read == start)
    };
    let mut found = places.iter().filter(is_there);
    let place = *found.next()?;
    found.all(|other| *other == place).then_some(place)
}

/// The parts of `idedata.json` that say what goes where.
pub(super) struct IdeData {
    pub(super) images: Vec<(u32, PathBuf)>,
    pub(super) app: Option<PathBuf>,
    pub(super) app_offset: Option<u32>,
    pub(super) written: Option<SystemTime>,
}

impl IdeData {
    /// A file that is not there, or is damaged, leaves the rules of the platform.
    pub(super) fn read(
        build_dir: &Path,
        root: &Path,
        framework: &Path,
        look: &Look,
    ) -> Option<Self> {
        let file = build_dir.join("idedata.json");
        let json = look.json(&file)?;
        let extra = json.get("extra")?;
        let image = |entry: &Value| {
            let offset = number(entry.get("offset")?)?;
            let written = entry.get("path")?.as_str()?;
            let path = here(&root.join(written), build_dir);
            if path.is_file() {
                return Some((offset, path));
            }
            // Images of a board's file are named within the framework.
            let inside = Some(framework.join(written)).filter(|path| path.is_file());
            let inside = inside.or_else(|| in_framework(framework, written));
            Some((offset, inside.unwrap_or(path)))
        };
        let images = extra.get("flash_images")?.as_array()?;
        let elf = json.get("prog_path").and_then(Value::as_str).map(Path::new);
        Some(Self {
            images: images.iter().filter_map(image).collect(),
            app: elf.map(|elf| here(&root.join(elf.with_extension("bin")), build_dir)),
            app_offset: extra.get("application_offset").and_then(number),
            written: modified(&file),
        })
    }
}

/// An offset as a text, or as the number that a script may have.
fn number(value: &Value) -> Option<u32> {
    match value.as_u64() {
        Some(number) => number.try_into().ok(),
        None => esptool_number(value.as_str()?),
    }
}
