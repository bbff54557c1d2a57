//! PlatformIO: `platformio.ini` and `<build_dir>/<env>/`.
//!
//! Offsets come from `idedata.json` where PlatformIO has written one (scripts may change anything),
//! else from the rules of the platform. Source: platform-espressif32 6.13.0 (`builder/main.py`,
//! `builder/frameworks/espidf.py`), arduino-esp32 `tools/platformio-build.py`, pioarduino's
//! platform-espressif32 55.03.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::environment::Environment;
use super::platformio_board::Board;
use super::platformio_config::{self, ConfigProblem, FILE_NAME, ProblemKind, ProjectConfig};
use super::sdkconfig::SdkConfig;
use super::{Discovery, Look, Unbuilt, here, image_chip, parse_offset, read_table, regions};
use crate::input_error::InputError;
use crate::partitions::{DEFAULT_TABLE_OFFSET, PartitionTable};
use crate::target::{Region, RegionKind, Target, Tool};

/// Where the Arduino framework puts `boot_app0.bin` and the app, whatever the table says.
const ARDUINO_OTADATA: u32 = 0xe000;
pub(super) const ARDUINO_APP: u32 = 0x1_0000;

/// Files that are looked for in the build directory of an environment.
const ENTRIES_PER_ENV: usize = 4;
/// Problems that are told of one platformio.ini.
const MAX_PROBLEMS: usize = 100;

const BOOT_APP0: &str = "framework-arduinoespressif32/tools/partitions/boot_app0.bin";

pub(super) fn find(root: &Path, environment: &Environment, look: &Look, found: &mut Discovery) {
    if !look.has(&root.join(FILE_NAME)) {
        return;
    }
    let config = match ProjectConfig::load(root, environment) {
        Ok(config) => config,
        Err(problem) => return found.problems.push(problem.into()),
    };
    let problems = config.problems();
    found
        .problems
        .extend(problems.into_iter().map(InputError::from));
    let defaults = config.default_envs().unwrap_or_default();
    for env in config.envs() {
        if let Err(problem) = find_env(&config, env, &defaults, root, look, found) {
            let is_last = problem.kind == ProblemKind::TooMuch;
            let problem = InputError::from(problem);
            if !found.problems.contains(&problem) {
                found.problems.push(problem);
            }
            if is_last || found.problems.len() > MAX_PROBLEMS {
                break;
            }
        }
    }
    found.problems.extend(config.look().problems(root));
}

impl From<ConfigProblem> for InputError {
    fn from(problem: ConfigProblem) -> Self {
        Self::Config {
            path: problem.file,
            line: problem.line,
            why: problem.message,
        }
    }
}

fn find_env(
    config: &ProjectConfig<'_>,
    env: &str,
    defaults: &[String],
    root: &Path,
    look: &Look,
    found: &mut Discovery,
) -> Result<(), ConfigProblem> {
    if !look.spend(ENTRIES_PER_ENV) {
        return Ok(());
    }
    let dir = build_dir(config, env, root, look)?;
    let idedata = IdeData::read(&dir.join("idedata.json"), &dir, root, look);
    let app = idedata.as_ref().and_then(|data| data.app.clone());
    let app = app.unwrap_or_else(|| dir.join("firmware.bin"));
    let platform = config
        .text(&format!("env:{env}"), "platform")?
        .unwrap_or_default();
    if !platform.contains("espressif32") && image_chip(&app).is_none() {
        let what_for = if platform.is_empty() {
            "no platform"
        } else {
            &platform
        };
        found.pass_foreign(&root.join(FILE_NAME), &format!("env:{env}"), what_for);
        return Ok(());
    }
    let name = format!("platformio:{env}");
    if !app.is_file() && !dir.join("bootloader.bin").is_file() {
        found.unbuilt.push(Unbuilt {
            name,
            looked_for: config
                .shown("platformio", "build_dir")
                .map_or(app, |written| {
                    Path::new(&written).join(env).join("firmware.bin")
                }),
            build_hint: format!("pio run -e {env}"),
        });
        return Ok(());
    }
    if !defaults.is_empty() && !defaults.iter().any(|default| default == env) {
        found.not_default.push(name.clone());
    }
    let mut target = Target::new(name, Tool::PlatformIo, root, &root.join(FILE_NAME));
    target.env = Some(env.to_owned());
    let env = Env {
        config,
        section: format!("env:{env}"),
        platform,
        dir,
        app,
        look,
    };
    env.fill(&mut target, idedata)?;
    found.targets.push(target);
    Ok(())
}

/// Where an environment was built: where the configuration says, and else where a variable that is no
/// longer set said. ESPHome builds into `.pioenvs`.
fn build_dir(
    config: &ProjectConfig<'_>,
    env: &str,
    root: &Path,
    look: &Look,
) -> Result<PathBuf, ConfigProblem> {
    let configured = config.dir("build_dir")?.join(env);
    if configured.is_dir() {
        return Ok(configured);
    }
    let workspaces = look.subdirectories(root, |name| name.starts_with(".pio"));
    let places = workspaces
        .iter()
        .flat_map(|dir| [dir.join("build").join(env), dir.join(env)]);
    let built = places.filter(|dir| dir.is_dir());
    Ok(built
        .max_by_key(|dir| super::modified(dir))
        .unwrap_or(configured))
}

/// The parts of `idedata.json` that say what goes where.
struct IdeData {
    images: Vec<(u32, PathBuf)>,
    app: Option<PathBuf>,
    app_offset: Option<u32>,
}

impl IdeData {
    /// A file that is not there, or is damaged, leaves the rules of the platform.
    fn read(path: &Path, build_dir: &Path, root: &Path, look: &Look) -> Option<Self> {
        let json = look.json(path)?;
        let extra = json.get("extra")?;
        let image = |entry: &Value| {
            let offset = parse_offset(entry.get("offset")?.as_str()?)?;
            Some((
                offset,
                here(&root.join(entry.get("path")?.as_str()?), build_dir),
            ))
        };
        let images = extra.get("flash_images")?.as_array()?;
        let elf = json.get("prog_path").and_then(Value::as_str).map(Path::new);
        Some(Self {
            images: images.iter().filter_map(image).collect(),
            app: elf.map(|elf| here(&root.join(elf.with_extension("bin")), build_dir)),
            app_offset: extra
                .get("application_offset")
                .and_then(Value::as_str)
                .and_then(parse_offset),
        })
    }
}

struct Env<'c> {
    config: &'c ProjectConfig<'c>,
    section: String,
    platform: String,
    dir: PathBuf,
    app: PathBuf,
    look: &'c Look,
}

impl Env<'_> {
    fn fill(&self, target: &mut Target, idedata: Option<IdeData>) -> Result<(), ConfigProblem> {
        let env = target.env.clone().unwrap_or_default();
        let board = Board::of_env(self.config, &env)?;
        let is_pioarduino = self.platform.contains("pioarduino");
        target.chip = board.chip()?.or_else(|| image_chip(&self.app));
        target.flash = board.flash_params(is_pioarduino)?;
        let table = self.dir.join("partitions.bin");
        let rows = read_table(&table);
        let with_offsets = idedata.and_then(|data| Some((data.app_offset?, data.images)));
        let mut found = if let Some((app_offset, images)) = with_offsets {
            let mut found = self.named(&images, target, rows.as_ref());
            found.push(regions::firmware(app_offset, self.app.clone()));
            found
        } else {
            self.computed(&board, target, rows.as_ref(), is_pioarduino)?
        };
        found = regions::tidy(found);
        let placed = found
            .iter()
            .find(|region| region.kind == RegionKind::PartitionTable);
        target.table_offset = placed.map_or(DEFAULT_TABLE_OFFSET, |region| region.offset);
        target.regions = found;
        target.on_request = self.file_system(rows.as_ref(), is_pioarduino)?;
        target.partitions_csv = self.partitions_csv(&target.root)?;
        target.inputs = self.inputs()?;
        target.baud = match self.config.get(&self.section, "upload_speed")? {
            Some(platformio_config::Value::Int(speed)) => u32::try_from(speed).ok(),
            _ => board
                .value("upload.speed")?
                .and_then(|speed| speed.parse().ok()),
        };
        target.port = self.serial_port()?;
        let sdkconfig = SdkConfig::read(&target.root.join(format!("sdkconfig.{env}")), self.look);
        target.flash_encryption = sdkconfig.is_set("SECURE_FLASH_ENC_ENABLED");
        target.secure_boot = sdkconfig.is_set("SECURE_BOOT");
        Ok(())
    }

    /// Names for the images of `idedata.json`, which has none.
    fn named(
        &self,
        images: &[(u32, PathBuf)],
        target: &Target,
        table: Option<&PartitionTable>,
    ) -> Vec<Region> {
        let chip = target
            .chip
            .or_else(|| image_chip(&self.dir.join("bootloader.bin")));
        images
            .iter()
            .map(|(offset, path)| {
                let path = path.clone();
                let name = path
                    .file_name()
                    .and_then(|name| name.to_str())
                    .unwrap_or_default();
                let at_bootloader =
                    chip.is_some_and(|chip| chip.facts().bootloader_offset == *offset);
                match name {
                    "partitions.bin" => regions::partitions(*offset, path),
                    "boot_app0.bin" | "ota_data_initial.bin" => regions::otadata(*offset, path),
                    "bootloader.bin" => regions::bootloader(*offset, path),
                    _ if at_bootloader => regions::bootloader(*offset, path),
                    _ => regions::data(*offset, path, table),
                }
            })
            .collect()
    }

    /// Offsets as the platform computes them.
    fn computed(
        &self,
        board: &Board<'_>,
        target: &Target,
        table: Option<&PartitionTable>,
        is_pioarduino: bool,
    ) -> Result<Vec<Region>, ConfigProblem> {
        let frameworks = self.config.list(&self.section, "framework")?;
        let is_arduino = frameworks.iter().any(|framework| framework == "arduino");
        let is_espidf = frameworks.iter().any(|framework| framework == "espidf");
        let env = target.env.as_deref().unwrap_or_default();
        let sdkconfig = if is_espidf {
            SdkConfig::read(&target.root.join(format!("sdkconfig.{env}")), self.look)
        } else {
            SdkConfig::default()
        };
        let bootloader_path = self.dir.join("bootloader.bin");
        let chip = target.chip.or_else(|| image_chip(&bootloader_path));
        let bootloader_at = board
            .offset("upload.bootloader_offset")?
            .or_else(|| sdkconfig.number("BOOTLOADER_OFFSET_IN_FLASH"))
            .or_else(|| chip.map(|chip| chip.facts().bootloader_offset))
            .unwrap_or_default();
        let table_at = board
            .offset("upload.partition_table_offset")?
            .or_else(|| sdkconfig.number("PARTITION_TABLE_OFFSET"))
            .unwrap_or(DEFAULT_TABLE_OFFSET);
        let mut found = vec![regions::partitions(
            table_at,
            self.dir.join("partitions.bin"),
        )];
        // With secure boot the build may leave the boot loader out on purpose.
        if bootloader_path.is_file() || !sdkconfig.is_set("SECURE_BOOT") {
            found.push(regions::bootloader(bootloader_at, bootloader_path));
        }
        let app_at = if is_espidf && !is_arduino {
            let initial = self.dir.join("ota_data_initial.bin");
            let otadata = table
                .and_then(PartitionTable::otadata)
                .filter(|_| initial.is_file());
            found.extend(otadata.map(|partition| regions::otadata(partition.offset, initial)));
            regions::default_app_offset(table)
        } else {
            let packages = self.config.dir("packages_dir")?;
            found.push(regions::otadata(ARDUINO_OTADATA, packages.join(BOOT_APP0)));
            // pioarduino looks the slot up; the other platform does not look at the table.
            let slot = table.filter(|_| is_pioarduino).and_then(|table| {
                table
                    .ota_slots()
                    .into_iter()
                    .find(|slot| slot.ota_slot() == Some(0))
                    .map(|s| s.offset)
            });
            slot.map_or_else(
                || board.offset("upload.offset_address"),
                |slot| Ok(Some(slot)),
            )?
            .unwrap_or(ARDUINO_APP)
        };
        found.push(regions::firmware(app_at, self.app.clone()));
        Ok(found)
    }

    /// The file system's image, if `buildfs` made one: `upload` leaves it out, `uploadfs` writes it
    /// into the last partition for file systems.
    fn file_system(
        &self,
        table: Option<&PartitionTable>,
        is_pioarduino: bool,
    ) -> Result<Vec<Region>, ConfigProblem> {
        const FAT: u8 = 0x81;
        const SPIFFS: u8 = 0x82;
        const LITTLEFS: u8 = 0x83;
        /// PlatformIO's FAT images begin behind the sector that wear levelling keeps for itself.
        const FAT_OFFSET: u32 = 0x1000;
        let usual = if is_pioarduino { "littlefs" } else { "spiffs" };
        let kind = self
            .config
            .text(&self.section, "board_build.filesystem")?
            .unwrap_or_else(|| usual.to_owned());
        let path = self.dir.join(format!("{kind}.bin"));
        let partition = table.and_then(|table| {
            let mut rows = table.partitions.iter().rev();
            rows.find(|row| row.kind == 1 && matches!(row.subtype, FAT | SPIFFS | LITTLEFS))
        });
        let Some(partition) = partition.filter(|_| path.is_file()) else {
            return Ok(Vec::new());
        };
        let is_behind = kind == "fatfs" && !is_pioarduino;
        let ahead = if is_behind { FAT_OFFSET } else { 0 };
        let offset = partition.offset.saturating_add(ahead);
        Ok(vec![regions::data(offset, path, table)])
    }

    /// The CSV of the project that the table is made from. A name of the framework's own tables wins
    /// over a file of the project with that name.
    fn partitions_csv(&self, root: &Path) -> Result<Option<PathBuf>, ConfigProblem> {
        let Some(name) = self.config.text(&self.section, "board_build.partitions")? else {
            return Ok(None);
        };
        let framework = self
            .config
            .dir("packages_dir")?
            .join(BOOT_APP0)
            .with_file_name(&name);
        let path = root.join(&name);
        Ok((!framework.is_file() && path.is_file()).then_some(path))
    }

    fn inputs(&self) -> Result<Vec<PathBuf>, ConfigProblem> {
        let mut inputs = Vec::new();
        for dir in ["src_dir", "include_dir", "lib_dir"] {
            inputs.push(self.config.dir(dir)?);
        }
        inputs.extend(self.config.files().map(Path::to_owned));
        inputs.retain(|path| path.exists());
        Ok(inputs)
    }

    /// The port, unless the upload does not go over a serial line at all.
    fn serial_port(&self) -> Result<Option<String>, ConfigProblem> {
        let protocol = self.config.text(&self.section, "upload_protocol")?;
        if protocol.is_some_and(|protocol| protocol != "esptool") {
            return Ok(None);
        }
        let port = self.config.text(&self.section, "upload_port")?;
        let over_the_air = |port: &String| {
            port.rsplit('.').next() == Some("local")
                || port.parse::<std::net::IpAddr>().is_ok()
                || port.is_empty()
        };
        Ok(port.filter(|port| !over_the_air(port)))
    }
}
