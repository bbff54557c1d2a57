//! What a project's files say about its flash and its partition table, built or not.
//!
//! Sources: ESP-IDF's Kconfig options (`components/partition_table/Kconfig.projbuild`,
//! `components/esptool_py/Kconfig.projbuild`), the comment that heads sdkconfig, and
//! `gen_extra_subtypes_inc.py`; PlatformIO's `platform-espressif32` 6.13.0.

use std::path::{Path, PathBuf};

use fbuild_chip::Chip;
use serde_json::Value;

use super::cmake::CMakeLists;
use super::environment::Environment;
use super::look::Look;
use super::platformio::{ARDUINO_APP, looks_slot_up, sdkconfig_path};
use super::platformio_board::Board;
use super::platformio_config::{ConfigProblem, FILE_NAME, ProjectConfig};
use super::sdkconfig::SdkConfig;
use crate::partitions::csv::{ExtraSubtype, IdfVersion, SecureBoot};

/// One way in which the project can be built: ESP-IDF's only one, or a PlatformIO environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Configuration {
    /// Name of the PlatformIO environment; `None` for ESP-IDF.
    pub env: Option<String>,
    /// The file that says most of it: sdkconfig or platformio.ini.
    pub file: PathBuf,
    /// The partition table in CSV form that it names, whether that exists or not.
    pub table: Option<PathBuf>,
    /// The Arduino core puts boot_app0.bin and the app to fixed places and does not compare the
    /// table with the flash size.
    pub is_arduino: bool,
    /// Where the framework puts the app, whatever the table says.
    pub fixed_app_offset: Option<u32>,
    /// The chip it is for.
    pub chip: Option<Chip>,
    /// Size of the flash.
    pub flash_bytes: Option<u32>,
    /// Where the table is, if the project says so.
    pub table_offset: Option<u32>,
    /// Where the recovery boot loader is.
    pub recovery_offset: Option<u32>,
    /// Version of ESP-IDF, if known.
    pub idf_version: Option<IdfVersion>,
    /// Secure boot as the build enables it.
    pub secure_boot: Option<SecureBoot>,
    /// Whether the table carries an MD5 of its rows.
    pub has_md5: bool,
    /// Subtypes that the project adds, once it was built.
    pub extra_subtypes: Option<Vec<ExtraSubtype>>,
}

/// Every configuration of the project in `root`. Files that are missing or damaged say nothing.
pub fn configurations(root: &Path, environment: &Environment) -> Vec<Configuration> {
    let look = Look::default();
    if root.join(FILE_NAME).is_file() {
        return platformio(root, environment, &look);
    }
    let found = espidf(root, environment, &look).or_else(|| sketch(root, &look));
    found.into_iter().collect()
}

/// A sketch of the Arduino IDE: its own `partitions.csv` wins over the board's table.
fn sketch(root: &Path, look: &Look) -> Option<Configuration> {
    let name = root.file_name()?.to_str()?;
    let file = root.join(format!("{name}.ino"));
    file.is_file().then(|| Configuration {
        table: Some(root.join("partitions.csv")),
        is_arduino: true,
        fixed_app_offset: Some(ARDUINO_APP),
        ..from_sdkconfig(root, &file, look)
    })
}

fn espidf(root: &Path, environment: &Environment, look: &Look) -> Option<Configuration> {
    let usual = ["sdkconfig", "sdkconfig.defaults"].map(|name| root.join(name));
    let set = CMakeLists::read(root, look).files("SDKCONFIG", root, environment);
    let mut files = set.into_iter().flatten().chain(usual);
    let file = files.find(|path| path.is_file())?;
    let mut found = from_sdkconfig(root, &file, look);
    let build = look
        .subdirectories(root, |name| name.starts_with("build"))
        .into_iter()
        .find(|dir| look.has(&dir.join("project_description.json")));
    if let Some(build) = build {
        let description = look
            .json(&build.join("project_description.json"))
            .unwrap_or_default();
        let revision = description.get("git_revision").and_then(Value::as_str);
        found.idf_version = revision.and_then(IdfVersion::find).or(found.idf_version);
        let chip = description.get("target").and_then(Value::as_str);
        found.chip = found.chip.or_else(|| chip?.parse().ok());
        found.extra_subtypes = extra_subtypes(&build, look);
    }
    Some(found)
}

fn from_sdkconfig(root: &Path, file: &Path, look: &Look) -> Configuration {
    let config = SdkConfig::read(file, look);
    let table = config
        .get("PARTITION_TABLE_CUSTOM_FILENAME")
        .filter(|_| config.is_set("PARTITION_TABLE_CUSTOM"));
    let secure_boot = if config.is_set("SECURE_BOOT_V1_ENABLED") {
        Some(SecureBoot::V1 {
            short_apps: config.is_set("SECURE_BOOT_ALLOW_SHORT_APP_PARTITION"),
        })
    } else if config.is_set("SECURE_BOOT") || config.is_set("SECURE_BOOT_V2_ENABLED") {
        Some(SecureBoot::V2)
    } else {
        None
    };
    Configuration {
        env: None,
        file: file.to_owned(),
        table: table.map(|name| root.join(name)),
        is_arduino: false,
        fixed_app_offset: None,
        chip: config.get("IDF_TARGET").and_then(|chip| chip.parse().ok()),
        flash_bytes: config.get("ESPTOOLPY_FLASHSIZE").and_then(flash_bytes),
        table_offset: config.hex("PARTITION_TABLE_OFFSET"),
        recovery_offset: config.hex("BOOTLOADER_RECOVERY_OFFSET"),
        idf_version: version_of(file).or_else(|| IdfVersion::find(config.get("IDF_INIT_VERSION")?)),
        secure_boot,
        has_md5: config.get("PARTITION_TABLE_MD5") != Some("n"),
        extra_subtypes: None,
    }
}

/// Since 5.0 sdkconfig begins with a comment that names the version.
fn version_of(sdkconfig: &Path) -> Option<IdfVersion> {
    let start = super::read_start(sdkconfig, 512)?;
    let start = String::from_utf8_lossy(&start);
    let line = start.lines().find(|line| line.contains("(ESP-IDF)"))?;
    IdfVersion::find(line.split("(ESP-IDF)").nth(1)?)
}

/// `4MB` in bytes.
pub fn flash_bytes(text: &str) -> Option<u32> {
    let text = text.trim();
    let digits = |unit| text.strip_suffix(unit).map(str::trim);
    let (number, unit) = match (digits("MB"), digits("KB")) {
        (Some(number), _) => (number, 1 << 20),
        (_, Some(number)) => (number, 1 << 10),
        _ => return None,
    };
    number.parse::<u32>().ok()?.checked_mul(unit)
}

/// The header that the build makes quotes what was added, as the table's tool takes it.
fn extra_subtypes(build: &Path, look: &Look) -> Option<Vec<ExtraSubtype>> {
    let path = build.join("config/extra_partition_subtypes.inc");
    let text = look.text(&path)?;
    let Some((_, listed)) = text.split_once("--extra-partition-subtypes") else {
        return Some(Vec::new());
    };
    let listed = listed.split("*/").next().unwrap_or_default();
    // Every second piece is between quotes.
    let quoted = listed.split('"').skip(1).step_by(2);
    Some(quoted.filter_map(ExtraSubtype::parse).collect())
}

fn platformio(root: &Path, environment: &Environment, look: &Look) -> Vec<Configuration> {
    let Ok(config) = ProjectConfig::load(root, environment) else {
        return Vec::new();
    };
    let envs = config.envs().map(str::to_owned);
    envs.filter_map(|env| of_env(&config, &env, root, environment, look).ok())
        .collect()
}

fn of_env(
    config: &ProjectConfig<'_>,
    env: &str,
    root: &Path,
    environment: &Environment,
    look: &Look,
) -> Result<Configuration, ConfigProblem> {
    let section = format!("env:{env}");
    let board = Board::of_env(config, env)?;
    let frameworks = config.list(&section, "framework")?;
    let is_arduino = frameworks.iter().any(|framework| framework == "arduino");
    let sdkconfig = sdkconfig_path(&board, environment, root, env)?;
    let mut found = from_sdkconfig(root, &sdkconfig, look);
    found.env = Some(env.to_owned());
    found.file = root.join(FILE_NAME);
    found.is_arduino = is_arduino;
    // pioarduino looks the slot up in the table; the other platform does not.
    let platform = config.platform(&section)?;
    let is_fixed = is_arduino && !looks_slot_up(config, &platform)?;
    // What is no offset is told where it is written.
    let offset = |path: &str| board.offset(path).ok().flatten();
    let app = || offset("upload.offset_address").unwrap_or(ARDUINO_APP);
    found.fixed_app_offset = is_fixed.then(app);
    let table = board.table()?;
    found.table = table.map(|name| root.join(name)).or(found.table);
    found.chip = board.chip()?.or(found.chip);
    let size = board.value("upload.flash_size")?;
    // The header has the board's size, whatever sdkconfig says.
    found.flash_bytes = size.as_deref().and_then(flash_bytes);
    found.table_offset = offset("upload.partition_table_offset").or(found.table_offset);
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        dir
    }

    fn read(dir: &tempfile::TempDir) -> Vec<Configuration> {
        configurations(dir.path(), &Environment::from_pairs([]))
    }

    #[test]
    fn an_espidf_project_says_it_in_sdkconfig_and_its_build() {
        let dir = project(&[
            (
                "sdkconfig",
                "#\n# Automatically generated file. DO NOT EDIT.\n\
                 # Espressif IoT Development Framework (ESP-IDF) 5.3.1 Project Configuration\n#\n\
                 CONFIG_IDF_TARGET=\"esp32s3\"\nCONFIG_ESPTOOLPY_FLASHSIZE=\"16MB\"\n\
                 CONFIG_PARTITION_TABLE_CUSTOM=y\nCONFIG_PARTITION_TABLE_OFFSET=0x10000\n\
                 CONFIG_PARTITION_TABLE_CUSTOM_FILENAME=\"tables/mine.csv\"\n\
                 CONFIG_SECURE_BOOT=y\nCONFIG_SECURE_BOOT_V2_ENABLED=y\n",
            ),
            (
                "build/config/extra_partition_subtypes.inc",
                "/* Automatically generated file. DO NOT EDIT. */\n\n/*\n\tuse this as an extra \
                 argument:\n\t--extra-partition-subtypes \"app, my_app, 0x40\" \"data, mine, 0x99\" \n*/\n\n",
            ),
            (
                "build/project_description.json",
                "{\"git_revision\": \"v5.4.2\"}",
            ),
        ]);
        let found = read(&dir);
        let [found] = found.as_slice() else {
            panic!("{found:?}")
        };
        assert_eq!(found.table, Some(dir.path().join("tables/mine.csv")));
        assert_eq!(found.flash_bytes, Some(16 << 20));
        assert_eq!(found.table_offset, Some(0x1_0000));
        assert_eq!(found.chip, Some(Chip::Esp32S3));
        assert_eq!(found.idf_version, IdfVersion::find("5.4.2"));
        assert_eq!(found.secure_boot, Some(SecureBoot::V2));
        let extra = found.extra_subtypes.as_ref().unwrap();
        assert_eq!(extra.len(), 2);
        assert_eq!(
            (extra[1].kind, &*extra[1].name, extra[1].value),
            (1, "mine", 0x99)
        );
    }

    #[test]
    fn cmake_may_name_the_sdkconfig() {
        for written in [
            "set(SDKCONFIG \"cfg/sdkconfig.dev\")",
            "  set( SDKCONFIG ${CMAKE_CURRENT_LIST_DIR}/cfg/sdkconfig.dev CACHE STRING \"x\")",
            "set(DIR cfg)\nset(\n  SDKCONFIG # not the usual one\n  \"${DIR}/sdkconfig.dev\"\n)",
        ] {
            let list = format!("# set(SDKCONFIG none)\nset(OTHER x)\n{written}\nproject(x)\n");
            let dir = project(&[
                ("CMakeLists.txt", &list),
                ("sdkconfig", "CONFIG_PARTITION_TABLE_OFFSET=0x8000\n"),
                ("cfg/sdkconfig.dev", "CONFIG_PARTITION_TABLE_OFFSET=10000\n"),
            ]);
            assert_eq!(read(&dir)[0].table_offset, Some(0x1_0000), "{written}");
        }
        let unknown = [
            ("CMakeLists.txt", "set(SDKCONFIG ${X}/a)\n"),
            ("sdkconfig", ""),
        ];
        assert_eq!(read(&project(&unknown)).len(), 1);
    }

    #[test]
    fn a_table_that_is_not_chosen_does_not_count() {
        let dir = project(&[(
            "sdkconfig.defaults",
            "CONFIG_PARTITION_TABLE_CUSTOM_FILENAME=\"partitions.csv\"\n",
        )]);
        assert_eq!(read(&dir)[0].table, None);
    }

    #[test]
    fn every_environment_of_platformio_is_a_configuration() {
        let dir = project(&[
            (
                "platformio.ini",
                "[env]\nplatform = espressif32\n[env:a]\nframework = arduino\n\
             board_build.partitions = big.csv\nboard_upload.flash_size = 8MB\n\
             [env:b]\nframework = espidf\n",
            ),
            ("sdkconfig.b", "CONFIG_IDF_TARGET=\"esp32c3\"\n"),
        ]);
        let found = read(&dir);
        assert_eq!(found[0].table, Some(dir.path().join("big.csv")));
        assert!(found[0].is_arduino && !found[1].is_arduino);
        assert_eq!(found[0].flash_bytes, Some(8 << 20));
        assert_eq!(found[1].chip, Some(Chip::Esp32C3));
    }

    /// The platform puts the board's size into the header, and tells that sdkconfig has another.
    #[test]
    fn sdkconfig_says_nothing_of_the_header_with_platformio() {
        let ini = "[env:a]\nplatform = espressif32\nframework = espidf\n";
        let size = "CONFIG_ESPTOOLPY_FLASHSIZE=\"2MB\"\n";
        let dir = project(&[("platformio.ini", ini), ("sdkconfig.a", size)]);
        assert_eq!(read(&dir)[0].flash_bytes, None);
    }
}
