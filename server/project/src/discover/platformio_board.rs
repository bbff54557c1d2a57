//! What an environment of `platformio.ini` says about its board, with the board's own file beneath
//! where that is installed.
//!
//! Source: PlatformIO documentation ("Custom Embedded Boards") and platform-espressif32 6.13.0,
//! `builder/main.py`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use fbuild_chip::Chip;
use serde_json::Value;

use super::glob;
use super::platformio_config::{ConfigProblem, ProblemKind, ProjectConfig};
use super::platformio_values::{BoardValue, esptool_number, megahertz};
use crate::target::{FlashParams, Setting};

/// An environment with its board.
pub(super) struct Board<'c> {
    config: &'c ProjectConfig<'c>,
    section: String,
    name: String,
    /// The board's own file; `Null` where it is not installed.
    json: Value,
}

impl<'c> Board<'c> {
    pub(super) fn of_env(config: &'c ProjectConfig<'c>, env: &str) -> Result<Self, ConfigProblem> {
        let section = format!("env:{env}");
        let board = config.text(&section, "board")?.unwrap_or_default();
        let json = board_file(config, &section, &board)?;
        Ok(Self {
            config,
            section,
            name: board,
            json,
        })
    }

    /// Its name.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// What the board's file has at a path.
    pub(super) fn json(&self, path: &str) -> Option<&Value> {
        path.split('.')
            .try_fold(&self.json, |value, key| value.get(key))
    }

    /// A value by its path in the board's file (`upload.flash_size`); `board_…` options override it.
    pub(super) fn value(&self, path: &str) -> Result<Option<String>, ConfigProblem> {
        if let Some(text) = self.config.text(&self.section, &format!("board_{path}"))? {
            return Ok(Some(text));
        }
        Ok(self.json(path).and_then(|value| match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }))
    }

    /// An offset as esptool reads it.
    pub(super) fn offset(&self, path: &str) -> Result<Option<u32>, ConfigProblem> {
        let Some(text) = self.value(path)? else {
            return Ok(None);
        };
        let taken = BoardValue::Offset.taken();
        let offset = esptool_number(&text).ok_or_else(|| self.wrong(path, text, taken))?;
        Ok(Some(offset))
    }

    /// A problem with a value of the board, wherever it is set.
    pub(super) fn wrong(&self, path: &str, value: String, expected: &str) -> ConfigProblem {
        let option = format!("board_{path}");
        let is_own = self.config.text(&self.section, &option);
        let place = if is_own.is_ok_and(|own| own.is_some()) {
            option.clone()
        } else {
            format!("{path} of board {}", self.name)
        };
        let shown = self.config.shown(&self.section, &option).unwrap_or(value);
        let message = format!("{place} = {shown} is not {expected}");
        let bad = ProblemKind::BadValue;
        self.config.problem_in(&self.section, &option, bad, message)
    }

    /// A frequency as the platform gives it to esptool: `80000000L` is `80m`.
    fn frequency(&self, path: &str) -> Result<Option<String>, ConfigProblem> {
        let Some(text) = self.value(path)? else {
            return Ok(None);
        };
        let taken = BoardValue::Frequency.taken();
        let megahertz = megahertz(&text).ok_or_else(|| self.wrong(path, text, taken))?;
        Ok(Some(megahertz))
    }

    /// The partition table, by the name that the build gives it.
    pub(super) fn table(&self) -> Result<Option<String>, ConfigProblem> {
        let table = match self.value("build.partitions")? {
            Some(table) => Some(table),
            None => self.value("build.arduino.partitions")?,
        };
        Ok(table.filter(|table| !table.is_empty()))
    }

    /// Whether it is for a chip that is deployed to here.
    pub(super) fn is_for_esp32(&self) -> Result<bool, ConfigProblem> {
        Ok(self.chip()?.is_some() || self.json.is_null() && self.name.starts_with("esp32"))
    }

    pub(super) fn chip(&self) -> Result<Option<Chip>, ConfigProblem> {
        Ok(self.value("build.mcu")?.and_then(|mcu| mcu.parse().ok()))
    }

    /// What an upload patches into the boot loader's header. Where the board's file is not
    /// installed, the file keeps its values: the build has put the same ones there.
    pub(super) fn flash_params(
        &self,
        is_pioarduino: bool,
        frameworks: &[String],
    ) -> Result<FlashParams, ConfigProblem> {
        let known = !self.json.is_null();
        let mode = self
            .value("build.flash_mode")?
            .or_else(|| known.then(|| "dio".to_owned()));
        // The ROM cannot start a boot loader in quad mode; it switches by itself later.
        let mode = mode.map(|mode| match mode.as_str() {
            "qio" | "qout" => "dio".to_owned(),
            _ => mode,
        });
        let mode = if self.has_octal_flash(is_pioarduino, frameworks)? {
            Some("dout".to_owned())
        } else {
            mode
        };
        let freq = match self.frequency("build.f_image")? {
            Some(freq) => Some(freq),
            None => self.frequency("build.f_flash")?,
        };
        let freq = freq.or_else(|| known.then(|| "40m".to_owned()));
        let size = self.value("upload.flash_size")?;
        let size = match size {
            _ if is_pioarduino => Setting::Detect,
            Some(size) if size == "detect" => Setting::Detect,
            Some(size) => Setting::Set(size),
            None if known => Setting::Detect,
            None => Setting::Keep,
        };
        let set = |value: Option<String>| value.map_or(Setting::Keep, Setting::Set);
        Ok(FlashParams {
            mode: set(mode),
            freq: set(freq),
            size,
        })
    }
}

impl Board<'_> {
    /// Octal flash starts in DOUT. PlatformIO's own platform asks only where Arduino is all there is.
    fn has_octal_flash(
        &self,
        is_pioarduino: bool,
        frameworks: &[String],
    ) -> Result<bool, ConfigProblem> {
        if !is_pioarduino && frameworks != ["arduino"] {
            return Ok(false);
        }
        let of_frameworks = format!("build.{}.memory_type", frameworks.join("_"));
        for path in ["build.memory_type", &of_frameworks] {
            if let Some(kind) = self.value(path)? {
                return Ok(kind == "opi_opi" || kind == "opi_qspi");
            }
        }
        // What the flash mode and the kind of PSRAM come to otherwise.
        let mode = self.value("build.flash_mode")?;
        let psram = self.value("build.psram_type")?;
        let psram = psram.as_deref().unwrap_or("qspi");
        Ok(mode.as_deref() == Some("opi") && matches!(psram, "opi" | "qspi"))
    }
}

/// The board's file: of the project, of all of the user's projects, of the platform; where that is not
/// installed, of another version of it.
fn board_file(
    config: &ProjectConfig<'_>,
    section: &str,
    board: &str,
) -> Result<Value, ConfigProblem> {
    if board.is_empty() || board.contains(['/', '\\']) {
        return Ok(Value::Null);
    }
    let file = format!("{board}.json");
    let platform = config.platform(section)?;
    let platform = config.platform_dir(&platform)?;
    let mut dirs = vec![
        config.dir("boards_dir")?,
        config.dir("core_dir")?.join("boards"),
    ];
    dirs.extend(platform.map(|dir| dir.join("boards")));
    let mut places: Vec<PathBuf> = dirs.iter().map(|dir| dir.join(&file)).collect();
    let pattern = format!("espressif32*/boards/{file}");
    let platforms = config.dir("platforms_dir")?;
    places.extend(glob::find(&platforms, &pattern, config.look()).unwrap_or_default());
    Ok(places
        .iter()
        .find_map(|path| config.look().json(path))
        .unwrap_or_default())
}

impl ProjectConfig<'_> {
    /// Names of the boards that have a file: the project's own, and those of installed platforms.
    pub fn board_names(&self) -> BTreeSet<String> {
        let places = [
            ("boards_dir", "*.json"),
            ("platforms_dir", "espressif32*/boards/*.json"),
        ];
        let files = places.into_iter().filter_map(|(dir, pattern)| {
            let dir = self.dir(dir).ok()?;
            glob::find(&dir, pattern, self.look()).ok()
        });
        let name = |path: PathBuf| Some(path.file_stem()?.to_str()?.to_owned());
        files.flatten().filter_map(name).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::environment::Environment;
    use super::*;

    #[test]
    fn options_override_the_board_file() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
        std::fs::create_dir(dir.path().join("boards")).unwrap();
        write(
            "boards/mine.json",
            r#"{"build":{"mcu":"esp32s3","flash_mode":"qio","f_flash":"80000000L"},
               "upload":{"flash_size":"8MB","speed":460800}}"#,
        );
        write(
            "platformio.ini",
            "[env:a]\nboard = mine\n[env:b]\nboard = mine\nboard_upload.flash_size = 16MB\n\
             board_build.flash_mode = dout\n[env:c]\nboard = other\n",
        );
        let environment = Environment::from_pairs([]);
        let config = ProjectConfig::load(dir.path(), &environment).unwrap();
        let board = |env| Board::of_env(&config, env).unwrap();
        assert_eq!(board("a").chip().unwrap(), Some(Chip::Esp32S3));
        let set = |text: &str| Setting::Set(text.to_owned());
        assert_eq!(
            board("a").flash_params(false, &[]).unwrap(),
            FlashParams {
                mode: set("dio"),
                freq: set("80m"),
                size: set("8MB")
            }
        );
        assert_eq!(
            board("b").flash_params(false, &[]).unwrap(),
            FlashParams {
                mode: set("dout"),
                freq: set("80m"),
                size: set("16MB")
            }
        );
        assert_eq!(
            board("b").flash_params(true, &[]).unwrap().size,
            Setting::Detect
        );
        assert_eq!(
            board("c").flash_params(false, &[]).unwrap(),
            FlashParams::default()
        );
        assert_eq!(board("c").chip().unwrap(), None);
    }
}
