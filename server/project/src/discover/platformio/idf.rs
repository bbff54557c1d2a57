//! What ESP-IDF's own build decided in the directory of an environment, and what its configuration would
//! decide now.
//!
//! Source: platform-espressif32 6.13.0 and pioarduino 55.03.311, `builder/frameworks/espidf.py`, which
//! read `config/sdkconfig.json`; ESP-IDF's `tools/cmake/project.cmake` for the defaults.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Env, sdkconfig_path};
use crate::discover::Look;
use crate::discover::cmake::CMakeLists;
use crate::discover::environment::Environment;
use crate::discover::espidf::contradictions;
use crate::discover::flasher_args::FlasherArgs;
use crate::discover::platformio_board::Board;
use crate::discover::platformio_config::ConfigProblem;
use crate::discover::sdkconfig::SdkConfig;
use crate::target::{Console, Target};

/// Letters of a name that are shown.
const MAX_TOLD: usize = 500;

/// The configuration of an environment with ESP-IDF; of one without, it says nothing.
#[derive(Default)]
pub(super) struct Idf {
    is_used: bool,
    /// `flasher_args.json`.
    args: FlasherArgs,
    /// `config/sdkconfig.json`: every option as it was when this was built.
    built: Value,
    /// `sdkconfig.ENV` on top of its defaults.
    sdkconfig: SdkConfig,
    /// The files that it was read from; a later one counts.
    files: Vec<PathBuf>,
    /// `CMakeLists.txt` does not leave it clear which files are the defaults.
    has_unknown_defaults: bool,
}

impl Idf {
    pub(super) fn read(
        env: &Env<'_>,
        board: &Board<'_>,
        target: &Target,
        frameworks: &[String],
    ) -> Result<Self, ConfigProblem> {
        let (look, root) = (env.look, &target.root);
        let is_used = frameworks.iter().any(|framework| framework == "espidf");
        let name = target.env.as_deref().unwrap_or_default();
        let path = sdkconfig_path(board, env.environment, root, name)?;
        if !is_used {
            // Nothing of it moves anything then.
            let sdkconfig = SdkConfig::read(&path, look);
            return Ok(Self {
                sdkconfig,
                ..Self::default()
            });
        }
        let args = look.text(&env.dir.join("flasher_args.json"));
        let built = look.json(&env.dir.join("config/sdkconfig.json"));
        let of_chip = |file: &PathBuf| {
            let mut name = file.clone().into_os_string();
            name.push(format!(".{}", target.chip?.name()));
            Some(PathBuf::from(name))
        };
        let mut files = Vec::new();
        let defaults = defaults(root, board, env.environment, look)?;
        let has_unknown_defaults = defaults.is_empty();
        for file in defaults {
            let of_chip = of_chip(&file);
            files.push(file);
            files.extend(of_chip);
        }
        files.push(path);
        Ok(Self {
            is_used,
            args: FlasherArgs::parse(&args.unwrap_or_default()),
            built: built.unwrap_or_default(),
            sdkconfig: SdkConfig::read_all(&files, look),
            files,
            has_unknown_defaults,
        })
    }

    /// Where the build has an image, by its name and by the option that says where it goes; else where
    /// the configuration puts it.
    pub(super) fn offset(&self, image: &str, option: &str) -> Option<u32> {
        let configured = self.sdkconfig.hex(option).filter(|_| self.is_used);
        self.placed(image, option).or(configured)
    }

    fn built_number(&self, option: &str) -> Option<u32> {
        u32::try_from(self.built.get(option)?.as_u64()?).ok()
    }

    pub(super) fn is_set(&self, option: &str) -> bool {
        let built = self.built.get(option).and_then(Value::as_bool);
        built.unwrap_or_else(|| self.sdkconfig.is_set(option))
    }

    /// Whether an upload leaves the boot loader out: one that is wrong ends a board with secure boot.
    pub(super) fn leaves_bootloader_out(&self, is_pioarduino: bool) -> bool {
        let is_asked_for = self.is_set("SECURE_BOOT_FLASH_BOOTLOADER_DEFAULT");
        self.is_used && !is_pioarduino && self.is_set("SECURE_BOOT") && !is_asked_for
    }

    /// Whether the build signs what an upload writes.
    pub(super) fn signs(&self, is_pioarduino: bool) -> bool {
        let is_asked_for = self.is_set("SECURE_BOOT_BUILD_SIGNED_BINARIES");
        self.is_used && !is_pioarduino && self.is_set("SECURE_BOOT") && is_asked_for
    }

    /// How the program's console listens, where the project does not say it.
    pub(super) fn listens(&self, console: &mut Console) {
        const BUILT: &str = "CONFIG_ESP_CONSOLE_UART_BAUDRATE";
        let built = || self.built_number(BUILT.trim_start_matches("CONFIG_"));
        let said = || self.sdkconfig.console_baud().filter(|_| self.is_used);
        console.baud = console
            .baud
            .or_else(said)
            .or_else(|| Some((built()?, BUILT)));
    }

    /// What the configuration has otherwise than this build.
    pub(super) fn contradictions(&self, env: &str, look: &Look) -> Vec<String> {
        let size = self.args.size.as_ref().map(|size| size.value.clone());
        let size = size.or_else(|| {
            let built = self.built.get("ESPTOOLPY_FLASHSIZE")?;
            Some(built.as_str()?.to_owned())
        });
        let built = contradictions::Built {
            table_offset: self.placed("partition-table", "PARTITION_TABLE_OFFSET"),
            bootloader_offset: self.placed("bootloader", "BOOTLOADER_OFFSET_IN_FLASH"),
            size,
        };
        let remedy = format!("; `pio run -e {env}` makes it anew");
        let file_of = |option: &str| {
            let has_it = |path: &&PathBuf| SdkConfig::read(path, look).get(option).is_some();
            let file = self.files.iter().rev().find(has_it);
            file.cloned().unwrap_or_default()
        };
        let mut found = contradictions::of_settings(&built, &file_of, &self.sdkconfig, &remedy);
        let own = self.files.last();
        let named = own.filter(|path| !path.is_file());
        if self.has_unknown_defaults && named.is_some() && built.table_offset.is_none() {
            found.push(
                "CMakeLists.txt sets SDKCONFIG_DEFAULTS in a way that is not known before it runs, and no \
                 sdkconfig is here: none of the defaults was read"
                    .to_owned(),
            );
        }
        let named = named.map(|path| {
            let path = path.display().to_string();
            let too_long = path.char_indices().nth(MAX_TOLD);
            too_long.map_or(path.clone(), |(len, _)| format!("{}…", &path[..len]))
        });
        if let Some(path) = named.filter(|path| path.contains('$')) {
            found.push(format!(
                "board_build.esp-idf.sdkconfig_path names {path}, with a variable that is not set here: what that \
                 file says is not known"
            ));
        }
        found
    }

    fn placed(&self, image: &str, option: &str) -> Option<u32> {
        let mut named = self.args.named.iter();
        let named = named.find(|it| it.name.value == image);
        let placed = named.map(|image| image.offset.value);
        placed.or_else(|| self.built_number(option))
    }
}

/// The files that hold defaults: those that CMake is told, or `sdkconfig.defaults`.
fn defaults(
    root: &Path,
    board: &Board<'_>,
    environment: &Environment,
    look: &Look,
) -> Result<Vec<PathBuf>, ConfigProblem> {
    const NAME: &str = "SDKCONFIG_DEFAULTS";
    let arguments = board.value("build.cmake_extra_args")?.unwrap_or_default();
    let argument = arguments.split_once(NAME).and_then(|(_, rest)| {
        let list = rest.split_once('=')?.1.trim_start_matches(['"', '\'']);
        list.split(['"', '\'', ' ', '\n']).next()
    });
    if let Some(files) = CMakeLists::read(root, look).files(NAME, root, environment) {
        return Ok(files);
    }
    let list = argument.or_else(|| environment.get(NAME));
    let list = list
        .filter(|list| !list.is_empty())
        .unwrap_or("sdkconfig.defaults");
    Ok(list.split(';').map(|name| root.join(name)).collect())
}
