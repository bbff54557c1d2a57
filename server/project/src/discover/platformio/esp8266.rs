//! Environments of the platform `espressif8266` with the Arduino framework: one file with boot loader and
//! sketch, and on request the image of a file system, for which the linker script has a place.
//!
//! Source: PlatformIO's platform-espressif8266 4.2.1, `builder/main.py`; the core's `tools/sdk/ld`.

use std::path::PathBuf;

use fbuild_chip::Chip;

use super::packages::installed;
use super::{Board, Env};
use crate::discover::platformio_config::{ConfigProblem, ProjectConfig};
use crate::discover::platformio_values::esptool_number;
use crate::discover::regions;
use crate::target::{Region, Target};

const FRAMEWORK: &str = "framework-arduinoespressif8266";
/// CPU address at which the flash is mapped.
const FLASH_AT: u32 = 0x4020_0000;

/// Whether an environment makes what is deployed here: other frameworks lay out the flash in their own
/// ways.
pub(super) fn is_arduino(config: &ProjectConfig<'_>, env: &str) -> Result<bool, ConfigProblem> {
    let frameworks = config.list(&format!("env:{env}"), "framework")?;
    Ok(frameworks == ["arduino"])
}

impl Env<'_> {
    pub(super) fn fill_esp8266(&self, target: &mut Target) -> Result<(), ConfigProblem> {
        let env = target.env.clone().unwrap_or_default();
        let board = Board::of_env(self.config, &env)?;
        target.chip = Some(Chip::Esp8266);
        target.regions = vec![regions::firmware(0, self.app.clone())];
        target.on_request = self.esp8266_files(&board)?;
        self.fill_upload(target, &board)
    }

    /// The image, if `buildfs` made one and the linker script says where it goes.
    fn esp8266_files(&self, board: &Board<'_>) -> Result<Vec<Region>, ConfigProblem> {
        let kind = board.value("build.filesystem")?;
        let path = self
            .dir
            .join(format!("{}.bin", kind.as_deref().unwrap_or("spiffs")));
        let script = self.linker_script(board)?;
        let offset = script.and_then(|script| file_system_at(&self.look.text(&script)?));
        Ok(match offset {
            Some(offset) if path.is_file() => vec![regions::data(offset, path, None)],
            _ => Vec::new(),
        })
    }

    fn linker_script(&self, board: &Board<'_>) -> Result<Option<PathBuf>, ConfigProblem> {
        let named = match board.value("build.ldscript")? {
            Some(script) => Some(script),
            None => board.value("build.arduino.ldscript")?,
        };
        let Some(named) = named.filter(|name| !name.is_empty()) else {
            return Ok(None);
        };
        let own = self.config.project().join(&named);
        if own.is_file() {
            return Ok(Some(own));
        }
        let framework = installed(FRAMEWORK, self.config, &self.section, self.look)?;
        Ok(Some(framework.join("tools/sdk/ld").join(named)))
    }
}

/// The offset in flash of what a linker script keeps for a file system: `PROVIDE ( _FS_start = 0x40400000 );`.
fn file_system_at(script: &str) -> Option<u32> {
    let (_, rest) = script
        .split_once("_FS_start")
        .or_else(|| script.split_once("_SPIFFS_start"))?;
    let value = rest.trim_start().strip_prefix('=')?;
    let value = value.split([')', ';']).next()?;
    esptool_number(value)?.checked_sub(FLASH_AT)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `eagle.flash.4m2m.ld` of the core has it.
    #[test]
    fn the_linker_script_says_where_files_are() {
        let script = "PROVIDE ( _FS_start = 0x40400000 );\nPROVIDE ( _FS_end = 0x405FA000 );\n";
        assert_eq!(file_system_at(script), Some(0x20_0000));
        let old = "PROVIDE ( _SPIFFS_start = 0x402FB000 );";
        assert_eq!(file_system_at(old), Some(0xF_B000));
        assert_eq!(file_system_at("PROVIDE ( _FS_start = 0x100 );"), None);
        assert_eq!(file_system_at("MEMORY { }"), None);
    }
}
