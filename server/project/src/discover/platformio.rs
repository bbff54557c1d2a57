//! PlatformIO: `platformio.ini` and `<build_dir>/<env>/`.
//!
//! Offsets come from `idedata.json` where PlatformIO has written one (scripts may change anything),
//! else from the rules of the platform. Source: platform-espressif32 6.13.0 (`builder/main.py`,
//! `builder/frameworks/espidf.py`), arduino-esp32 `tools/platformio-build.py`, pioarduino's
//! platform-espressif32 55.03.

pub(super) mod avr;
mod built;
mod extra;
mod file_system;
mod ota;
mod packages;
mod platform;
mod upload;
mod variant;

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::environment::Environment;
use super::flasher_args::FlasherArgs;
use super::platformio_board::Board;
use super::platformio_config::{
    self, ConfigProblem, FILE_NAME, Origin, ProblemKind, ProjectConfig, is_env_name,
};
use super::sdkconfig::SdkConfig;
use super::survey::Survey;
use super::{Discovery, Look, Unbuilt, image_chip, modified, read_table, regions};
use crate::input_error::InputError;
use crate::partitions::{DEFAULT_TABLE_OFFSET, PartitionTable};
use crate::target::{Console, Region, RegionKind, Target, Tool};
use built::{IdeData, Program, build_dir, program, unset_variable};
use platform::{Kind, Platform};
use variant::Variant;

/// Where the Arduino framework puts `boot_app0.bin` and the app, whatever the table says.
const ARDUINO_OTADATA: u32 = 0xe000;
pub(super) const ARDUINO_APP: u32 = 0x1_0000;

/// Files that are looked for in the build directory of an environment.
const ENTRIES_PER_ENV: usize = 4;
/// Problems that are told of one platformio.ini.
const MAX_PROBLEMS: usize = 100;

/// Times of files that were copied or unpacked together, and steps of file systems' clocks.
const AT_ONCE: Duration = Duration::from_secs(2);

const BOOT_APP0: &str = "tools/partitions/boot_app0.bin";

pub(super) fn find(
    root: &Path,
    survey: &Survey,
    environment: &Environment,
    look: &Look,
    found: &mut Discovery,
) {
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
    let project = Project {
        config: &config,
        environment,
        defaults: config.default_envs().unwrap_or_default(),
        root,
        survey,
        look,
    };
    for env in config.envs() {
        if let Err(problem) = project.find_env(env, found) {
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
        Self::config(&problem.file, problem.line, &problem.message)
    }
}

/// A project, and what is known around it.
struct Project<'p> {
    config: &'p ProjectConfig<'p>,
    environment: &'p Environment,
    /// `default_envs`.
    defaults: Vec<String>,
    root: &'p Path,
    survey: &'p Survey,
    look: &'p Look,
}

impl Project<'_> {
    fn find_env(&self, env: &str, found: &mut Discovery) -> Result<(), ConfigProblem> {
        let Self {
            config, root, look, ..
        } = *self;
        if !look.spend(ENTRIES_PER_ENV) {
            return Ok(());
        }
        let (dir, moved) = build_dir(config, env, root, self.survey, look)?;
        let section = format!("env:{env}");
        let framework = packages::framework(config, &section, look)?;
        let idedata = IdeData::read(&dir, root, &framework, look);
        let app = idedata.as_ref().and_then(|data| data.app.clone());
        let Program { path: app, remark } = program(&dir, app, look);
        let platform = config.text(&section, "platform")?.unwrap_or_default();
        let avr = avr::board(config, env)?;
        let app = avr.map_or(app, |_| dir.join(avr::PROGRAM));
        let is_foreign = match Kind::of(config, &platform, look) {
            Kind::Esp32 => false,
            Kind::Foreign => true,
            Kind::Unknown => {
                let is_esp = || Board::of_env(config, env)?.is_for_esp32();
                avr.is_none() && image_chip(&app).is_none() && !is_esp()?
            }
        };
        if is_foreign {
            let what_for = match &*platform {
                "" => "no platform".to_owned(),
                platform => avr::named_with_board(config, env, platform)?,
            };
            found.pass_foreign(&root.join(FILE_NAME), &format!("env:{env}"), &what_for);
            return Ok(());
        }
        let name = format!("platformio:{env}");
        let is_built = app.is_file() || dir.join("bootloader.bin").is_file();
        if !is_built && !is_env_name(env) {
            // PlatformIO builds nothing of it, which is a problem that is told.
            return Ok(());
        }
        if !self.defaults.is_empty() && !self.defaults.iter().any(|default| default == env) {
            found.not_default.push(name.clone());
        }
        if !is_built {
            found.unbuilt.push(self.unbuilt(name, env, &app));
            return Ok(());
        }
        let mut target = Target::new(name, Tool::PlatformIo, root, &root.join(FILE_NAME));
        target.env = Some(env.to_owned());
        target.build = ["run", "-e", env].map(str::to_owned).to_vec();
        target.remarks.extend(moved.into_iter().chain(remark));
        let env = Env {
            config,
            section,
            is_pioarduino: Platform::of(config, &platform)?.is_pioarduino,
            dir,
            framework,
            app,
            look,
        };
        match avr {
            None => env.fill(&mut target, idedata)?,
            Some(board) => env.fill_avr(&mut target, board)?,
        }
        found.targets.push(target);
        Ok(())
    }

    fn unbuilt(&self, name: String, env: &str, app: &Path) -> Unbuilt {
        let place = self.config.shown("platformio", "build_dir");
        let program = app.file_name().unwrap_or_default();
        let looked_for = place.map_or(app.to_owned(), |written| {
            Path::new(&written).join(env).join(program)
        });
        let words = ["run", "-e", env];
        let mut unbuilt = Unbuilt::new(name, looked_for, Tool::PlatformIo, self.root, &words);
        if let Some(why) = unset_variable(self.config, self.environment) {
            unbuilt.build_hint = format!("{} ({why})", unbuilt.build_hint);
        }
        unbuilt
    }
}

/// Whether the platform looks the app's slot up in the table.
pub(super) fn looks_slot_up(
    config: &ProjectConfig<'_>,
    platform: &str,
) -> Result<bool, ConfigProblem> {
    Ok(Platform::of(config, platform)?.is_pioarduino)
}

/// How `pio device monitor` listens. Its default rate is left out: no board boots with it.
pub(super) fn console(config: &ProjectConfig<'_>, section: &str) -> Result<Console, ConfigProblem> {
    const SPEED: &str = "monitor_speed";
    let is_set = !matches!(config.origin(section, SPEED), None | Some(Origin::Default));
    let speed = config.text(section, SPEED)?.filter(|_| is_set);
    Ok(Console {
        baud: speed.and_then(|speed| Some((speed.parse().ok()?, SPEED))),
        filters: config.list(section, "monitor_filters")?,
    })
}

/// `sdkconfig.ENV`, unless the environment names another file.
pub(super) fn sdkconfig_path(
    board: &Board<'_>,
    root: &Path,
    env: &str,
) -> Result<PathBuf, ConfigProblem> {
    let named = board.value("build.esp-idf.sdkconfig_path")?;
    let usual = format!("sdkconfig.{env}");
    Ok(root.join(named.unwrap_or(usual)))
}

struct Env<'c> {
    config: &'c ProjectConfig<'c>,
    section: String,
    is_pioarduino: bool,
    dir: PathBuf,
    /// The Arduino framework, if it is installed.
    framework: PathBuf,
    app: PathBuf,
    look: &'c Look,
}

impl Env<'_> {
    fn fill(&self, target: &mut Target, idedata: Option<IdeData>) -> Result<(), ConfigProblem> {
        let env = target.env.clone().unwrap_or_default();
        let board = Board::of_env(self.config, &env)?;
        let frameworks = self.config.list(&self.section, "framework")?;
        target.chip = board.chip()?.or_else(|| image_chip(&self.app));
        target.flash = board.flash_params(self.is_pioarduino, &frameworks)?;
        let table = self.dir.join("partitions.bin");
        let rows = read_table(&table);
        let with_offsets = idedata.and_then(|data| Some((data.app_offset?, data)));
        let computed = || self.computed(&board, target, &frameworks, rows.as_ref());
        let mut found = if let Some((app_offset, data)) = with_offsets {
            let mut found = self.named(&data.images, target, rows.as_ref());
            found.push(regions::firmware(app_offset, self.app.clone()));
            let (found, remark) = self.settled(found, computed()?, &data, rows.as_ref())?;
            target.remarks.extend(remark);
            found
        } else {
            computed()?
        };
        found = regions::tidy(found);
        let placed = found
            .iter()
            .find(|region| region.kind == RegionKind::PartitionTable);
        target.table_offset = placed.map_or(DEFAULT_TABLE_OFFSET, |region| region.offset);
        target.regions = found;
        target.on_request = self.file_system(&board, rows.as_ref())?;
        target.partitions_csv =
            Variant::of(&board, &self.framework, &target.root)?.own_table(&target.root);
        target.inputs = self.inputs()?;
        target.baud = match self.config.get(&self.section, "upload_speed")? {
            Some(platformio_config::Value::Int(speed)) => u32::try_from(speed).ok(),
            _ => board
                .value("upload.speed")?
                .and_then(|speed| speed.parse().ok()),
        };
        let upload = upload::upload(self.config, &self.section, &board)?;
        target.port = upload.port;
        target.ota_password = upload.password;
        target.remarks.extend(upload.remarks);
        let sdkconfig = SdkConfig::read(&sdkconfig_path(&board, &target.root, &env)?, self.look);
        target.console = console(self.config, &self.section)?;
        if frameworks.iter().any(|framework| framework == "espidf") {
            let baud = &mut target.console.baud;
            *baud = baud.or_else(|| sdkconfig.console_baud());
        }
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

    /// What `idedata.json` says, unless it was written before what it is about: then what follows
    /// from the project, with the images that scripts had added.
    fn settled(
        &self,
        said: Vec<Region>,
        computed: Vec<Region>,
        idedata: &IdeData,
        table: Option<&PartitionTable>,
    ) -> Result<(Vec<Region>, Option<String>), ConfigProblem> {
        // Where everything was copied or unpacked at once, nothing tells which was first.
        let certain_from = |written: SystemTime| written.checked_sub(AT_ONCE);
        let is_newer = |path: &Path| modified(path) > idedata.written.and_then(certain_from);
        let offset_of = |regions: &[Region], name: &str| {
            let found = regions.iter().find(|region| region.name == name);
            found.map(|region| region.offset)
        };
        let differs = |name: &&&str| {
            let (said, computed) = (offset_of(&said, name), offset_of(&computed, name));
            said != computed && computed.is_some()
        };
        let fixed = [
            regions::BOOTLOADER,
            regions::PARTITIONS,
            regions::OTADATA,
            regions::FIRMWARE,
        ];
        let differing = fixed.iter().find(differs);
        let is_table_newer = is_newer(&self.dir.join("partitions.bin"));
        let is_older = is_table_newer || self.config.files().any(is_newer);
        // Without a table there is nothing that it could contradict.
        let (Some(name), Some(table)) = (differing, table) else {
            return Ok((said, None));
        };
        // What scripts set is known only from there.
        let has_scripts = !self.config.list(&self.section, "extra_scripts")?.is_empty();
        let text = |offset: Option<u32>| {
            offset.map_or_else(|| "nowhere".to_owned(), |offset| format!("{offset:#x}"))
        };
        let (here, there) = (
            text(offset_of(&said, name)),
            text(offset_of(&computed, name)),
        );
        if !is_older {
            // What a script moves is meant.
            let remark = format!(
                "idedata.json puts {name} to {here}, which is deployed, and the project's files put it \
                 to {there}"
            );
            return Ok((said, Some(remark).filter(|_| !has_scripts)));
        }
        let remark = format!(
            "idedata.json is not newer than the project's files: it puts {name} to {here}, and they \
             put it to {there}, which is deployed; `pio run -t idedata` writes it anew"
        );
        let app = offset_of(&said, regions::FIRMWARE);
        let is_possible = table.apps().any(|row| Some(row.offset) == app);
        if has_scripts && (is_possible || !is_table_newer) {
            let remark = remark.replace(", which is deployed", "; what it says is deployed");
            return Ok((said, Some(remark)));
        }
        let mut settled = computed;
        for region in said {
            let is_extra = region.kind == RegionKind::Data
                && settled.iter().all(|known| known.offset != region.offset);
            if is_extra {
                settled.push(region);
            }
        }
        Ok((settled, Some(remark)))
    }

    /// Offsets as the platform computes them.
    fn computed(
        &self,
        board: &Board<'_>,
        target: &Target,
        frameworks: &[String],
        table: Option<&PartitionTable>,
    ) -> Result<Vec<Region>, ConfigProblem> {
        let is_arduino = frameworks.iter().any(|framework| framework == "arduino");
        let is_espidf = frameworks.iter().any(|framework| framework == "espidf");
        let env = target.env.as_deref().unwrap_or_default();
        let sdkconfig = if is_espidf {
            SdkConfig::read(&sdkconfig_path(board, &target.root, env)?, self.look)
        } else {
            SdkConfig::default()
        };
        // What ESP-IDF's own build decided, in which all its configuration has gone.
        let built = if is_espidf {
            let text = self.look.text(&self.dir.join("flasher_args.json"));
            FlasherArgs::parse(&text.unwrap_or_default())
        } else {
            FlasherArgs::default()
        };
        let built = |name: &str| {
            let image = built.named.iter().find(|image| image.name.value == name);
            image.map(|image| image.offset.value)
        };
        let variant = Variant::of(board, &self.framework, &target.root)?;
        let of_variant = variant.bootloader().filter(|_| is_arduino && !is_espidf);
        let bootloader_path = of_variant.unwrap_or_else(|| self.dir.join("bootloader.bin"));
        let chip = target.chip.or_else(|| image_chip(&bootloader_path));
        let bootloader_at = board
            .offset("upload.bootloader_offset")?
            .or_else(|| sdkconfig.hex("BOOTLOADER_OFFSET_IN_FLASH"))
            .or_else(|| chip.map(|chip| chip.facts().bootloader_offset))
            .unwrap_or_default();
        let table_at = board
            .offset("upload.partition_table_offset")?
            .or_else(|| built("partition-table"))
            .or_else(|| sdkconfig.hex("PARTITION_TABLE_OFFSET"))
            .unwrap_or(DEFAULT_TABLE_OFFSET);
        let mut found = vec![regions::partitions(
            table_at,
            self.dir.join("partitions.bin"),
        )];
        // With secure boot the build may leave the boot loader out on purpose.
        if bootloader_path.is_file() || !sdkconfig.is_set("SECURE_BOOT") {
            found.push(regions::bootloader(bootloader_at, bootloader_path));
        }
        let app_at = if is_espidf {
            // With Arduino as a component pioarduino takes its initial otadata.
            let initial = if is_arduino && self.is_pioarduino {
                self.framework.join(BOOT_APP0)
            } else {
                self.dir.join("ota_data_initial.bin")
            };
            let otadata = table
                .and_then(PartitionTable::otadata)
                .filter(|_| initial.is_file());
            if let Some(partition) = otadata {
                let moved = board.offset("upload.ota_partition_offset")?;
                let offset = moved.unwrap_or(partition.offset);
                found.push(regions::otadata(offset, initial));
            }
            regions::default_app_offset(table)
        } else {
            found.push(regions::otadata(
                ARDUINO_OTADATA,
                self.framework.join(BOOT_APP0),
            ));
            // pioarduino looks the slot up; the other platform does not look at the table.
            let slot = table.filter(|_| self.is_pioarduino).and_then(|table| {
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
        if is_arduino && (!is_espidf || self.is_pioarduino) {
            let extra = extra::images(board, &variant, &self.framework, &target.root)?.into_iter();
            found.extend(extra.map(|(offset, path)| regions::data(offset, path, table)));
        }
        found.push(regions::firmware(app_at, self.app.clone()));
        Ok(found)
    }

    fn inputs(&self) -> Result<Vec<PathBuf>, ConfigProblem> {
        let mut inputs = Vec::new();
        for dir in ["src_dir", "include_dir", "lib_dir"] {
            inputs.push(self.config.dir(dir)?);
        }
        inputs.extend(self.config.files().map(Path::to_owned));
        // `pre:name.py`, which may set what the program is called.
        let scripts = self.config.list(&self.section, "extra_scripts")?;
        inputs.extend(scripts.iter().map(|script| {
            let path = script
                .split_once(':')
                .map_or(script.as_str(), |(_, path)| path);
            self.config.project().join(path)
        }));
        inputs.retain(|path| path.exists());
        Ok(inputs)
    }
}
