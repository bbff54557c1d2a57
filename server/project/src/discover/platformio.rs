//! PlatformIO: `platformio.ini` and `<build_dir>/<env>/`.
//!
//! Offsets come from `idedata.json` where PlatformIO has written one (scripts may change anything),
//! else from the rules of the platform. Source: platform-espressif32 6.13.0 (`builder/main.py`,
//! `builder/frameworks/espidf.py`), arduino-esp32 `tools/platformio-build.py`, pioarduino's
//! platform-espressif32 55.03.

pub(super) mod avr;
mod built;
mod esp8266;
mod esphome;
mod extra;
mod file_system;
mod idf;
pub(super) mod ota;
mod packages;
mod platform;
mod settled;
mod upload;
pub(super) mod usb;
mod variant;

use std::path::{Path, PathBuf};

use super::environment::Environment;
use super::platformio_board::Board;
use super::platformio_config::{
    self, ConfigProblem, FILE_NAME, Origin, ProblemKind, ProjectConfig, is_env_name,
};
use super::survey::Survey;
use super::{Discovery, Look, Unbuilt, ending_like, image_chip, read_table, regions};
use crate::build::Recipe;
use crate::input_error::InputError;
use crate::partitions::{DEFAULT_TABLE_OFFSET, PartitionTable};
use crate::target::{Console, Region, RegionKind, Target, Tool};
use built::{IdeData, Program, build_dir, program, unset_variable};
use idf::Idf;
use platform::{Kind, Platform};
use variant::Variant;

/// Where the Arduino framework puts `boot_app0.bin` and the app, whatever the table says.
const ARDUINO_OTADATA: u32 = 0xe000;
pub(super) const ARDUINO_APP: u32 = 0x1_0000;

/// Files that are looked for in the build directory of an environment.
const ENTRIES_PER_ENV: usize = 4;
/// Problems that are told of one platformio.ini.
const MAX_PROBLEMS: usize = 100;

const BOOT_APP0: &str = "tools/partitions/boot_app0.bin";

pub(super) fn find(
    root: &Path,
    survey: &Survey,
    environment: &Environment,
    look: &Look,
    found: &mut Discovery,
) {
    if survey.is_part(root) || !look.has(&root.join(FILE_NAME)) {
        return;
    }
    let config = match ProjectConfig::load(root, environment) {
        Ok(config) => config,
        Err(problem) => return found.problems.push(problem.into()),
    };
    let below = config.files().skip(1).filter_map(own_directory);
    found.parts.extend(below);
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
        esphome: esphome::source(root, look),
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

/// The directory of a file of `extra_configs` that is called like a project's, where it has no `.pio` of its own.
fn own_directory(file: &Path) -> Option<PathBuf> {
    let dir = file.parent().filter(|_| file.ends_with(FILE_NAME))?;
    (!dir.join(".pio").is_dir()).then(|| dir.to_owned())
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
    /// What ESPHome wrote it from.
    esphome: Option<PathBuf>,
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
        let platform = config.platform(&section)?;
        let avr = avr::board(config, env)?;
        let usb = usb::board(config, env)?;
        let app = avr.map_or(app, |_| dir.join(avr::PROGRAM));
        let app = usb.map_or(app, |usb| {
            dir.join("firmware").with_extension(usb.extension())
        });
        let kind = Kind::of(config, &platform, look);
        let is_foreign = match kind {
            Kind::Esp32 => false,
            Kind::Esp8266 => !esp8266::is_arduino(config, env)?,
            Kind::Unknown => {
                let is_esp = || Board::of_env(config, env)?.is_for_esp32();
                avr.is_none() && usb.is_none() && image_chip(&app).is_none() && !is_esp()?
            }
        };
        if is_foreign {
            let what_for = match &*platform {
                "" => "no platform that it names".to_owned(),
                platform => avr::named_with_board(config, env, platform)?,
            };
            found.pass_foreign(&root.join(FILE_NAME), &format!("env:{env}"), &what_for);
            if self.defaults.iter().any(|default| default == env) {
                found.default_foreign = Some(format!("env:{env} is for {what_for}"));
            }
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
            environment: self.environment,
            section,
            is_pioarduino: Platform::of(config, &platform)?.is_pioarduino,
            dir,
            framework,
            app,
            look,
        };
        match (avr, usb) {
            (None, None) if kind == Kind::Esp8266 => env.fill_esp8266(&mut target)?,
            (None, None) => env.fill(&mut target, idedata)?,
            (Some(board), _) => {
                avr::fill(&mut target, board, &env.app);
                env.fill_rest(&mut target, avr::SERIAL)?;
            }
            (None, Some(board)) => {
                usb::fill(&mut target, board, &env.app);
                let remark = usb::other_protocol(config, &env.section)?;
                target.remarks.extend(remark);
                env.fill_rest(&mut target, usb::LOADER)?;
            }
        }
        if let Some(yaml) = &self.esphome {
            target.inputs.extend(esphome::parts(yaml, look));
            target.esphome = Some(yaml.clone());
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
        if let Some(yaml) = &self.esphome {
            let recipe = Recipe::of_esphome(yaml);
            let words: Vec<&str> = recipe.arguments.iter().map(String::as_str).collect();
            let folder = Path::new(&recipe.directory);
            return Unbuilt::new(name, looked_for, recipe.tool, folder, &words);
        }
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

/// `sdkconfig.ENV`, unless the environment names another file. The platform puts variables into the name.
pub(super) fn sdkconfig_path(
    board: &Board<'_>,
    environment: &Environment,
    root: &Path,
    env: &str,
) -> Result<PathBuf, ConfigProblem> {
    let named = board.value("build.esp-idf.sdkconfig_path")?;
    let named = named.map(|name| environment.expand(&name));
    Ok(root.join(named.unwrap_or_else(|| format!("sdkconfig.{env}"))))
}

/// What `idedata.json` puts where in a build whose project is not here, or the first file of it that is not either;
/// `None` where it does not say it. A copy names the files of the original, which may still be there: a file here
/// comes first, and of what the original built none is taken.
pub(super) fn listed(dir: &Path, look: &Look) -> Option<Result<Vec<(u32, PathBuf)>, PathBuf>> {
    let data = IdeData::read(dir, dir, dir, look)?;
    let mut named = data.images;
    if named.is_empty() {
        return None;
    }
    named.push((data.app_offset?, data.app?));
    let original = named.last()?.1.parent()?.to_owned();
    let mut pairs: Vec<(u32, PathBuf)> = Vec::new();
    for (offset, path) in named {
        let is_here = path.starts_with(dir);
        let own = ending_like(&path, dir).filter(|_| !is_here);
        let is_missing = own.is_none() && !is_here && path.starts_with(&original);
        let taken = own.unwrap_or_else(|| path.clone());
        // None stands for two.
        if is_missing || !taken.is_file() || pairs.iter().any(|(_, other)| *other == taken) {
            return Some(Err(path));
        }
        pairs.push((offset, taken));
    }
    Some(Ok(pairs))
}

struct Env<'c> {
    config: &'c ProjectConfig<'c>,
    environment: &'c Environment,
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
        let idf = Idf::read(self, &board, target, &frameworks)?;
        target.remarks.extend(idf.contradictions(&env, self.look));
        let mut found = self.computed(&board, target, &frameworks, &idf, rows.as_ref())?;
        let remark = self.as_built(&mut found, rows.as_ref());
        let place = found.iter().find(|it| it.kind == RegionKind::App);
        let place = place.map(|region| region.offset);
        // pioarduino's has the images, and not always the place of the program.
        let says_something = |data: &IdeData| data.app_offset.is_some() || !data.images.is_empty();
        if let Some(data) = idedata.filter(says_something)
            && let Some(place) = data.app_offset.or(place)
        {
            let mut said = self.named(&data.images, target, rows.as_ref());
            said.push(regions::firmware(place, self.app.clone()));
            let (settled, remark) = self.settled(said, found, &data, rows.as_ref())?;
            target.remarks.extend(remark);
            found = settled;
        } else {
            target.remarks.extend(remark);
        }
        let has_bootloader = found.iter().any(|it| it.kind == RegionKind::Bootloader);
        if !has_bootloader && idf.leaves_bootloader_out(self.is_pioarduino) {
            let remark = "the boot loader is left out, as PlatformIO's own upload does: secure boot is on, and \
                          CONFIG_SECURE_BOOT_FLASH_BOOTLOADER_DEFAULT is not set";
            target.remarks.push(remark.to_owned());
        }
        if idf.signs(self.is_pioarduino) {
            found.iter_mut().for_each(settled::sign);
        }
        let has_table = found.iter().any(|it| it.kind == RegionKind::PartitionTable);
        let lacking = match (has_bootloader, has_table) {
            (false, false) => Some(("the program alone", "a boot loader and a partition table")),
            (false, true) => Some(("no boot loader", "one")),
            (true, false) => Some(("no partition table", "one")),
            (true, true) => None,
        };
        if let Some((what, brought)) = lacking.filter(|_| frameworks.is_empty()) {
            target.remarks.push(format!(
                "{what} is deployed, as PlatformIO's own upload does: the environment has no framework, which would \
                 bring {brought}"
            ));
        }
        found = regions::tidy(found);
        let placed = found
            .iter()
            .find(|region| region.kind == RegionKind::PartitionTable);
        target.table_offset = placed.map_or(DEFAULT_TABLE_OFFSET, |region| region.offset);
        target.regions = found;
        target.on_request = self.file_system(&board, rows.as_ref())?;
        target.partitions_csv =
            Variant::of(&board, &self.framework, &target.root)?.own_table(&target.root);
        self.fill_upload(target, &board)?;
        idf.listens(&mut target.console);
        target.flash_encryption = idf.is_set("SECURE_FLASH_ENC_ENABLED");
        target.secure_boot = idf.is_set("SECURE_BOOT");
        Ok(())
    }

    /// How an ESP32 or ESP8266 is reached, and listened to.
    fn fill_upload(&self, target: &mut Target, board: &Board<'_>) -> Result<(), ConfigProblem> {
        target.inputs = self.inputs()?;
        target.baud = match self.config.get(&self.section, "upload_speed")? {
            Some(platformio_config::Value::Int(speed)) => u32::try_from(speed).ok(),
            _ => board
                .value("upload.speed")?
                .and_then(|speed| speed.parse().ok()),
        };
        let upload = upload::upload(self.config, &self.section, board)?;
        target.port = upload.port;
        target.ota_password = upload.password;
        target.remarks.extend(upload.remarks);
        target.console = console(self.config, &self.section)?;
        Ok(())
    }

    /// Offsets as the platform computes them.
    fn computed(
        &self,
        board: &Board<'_>,
        target: &Target,
        frameworks: &[String],
        idf: &Idf,
        table: Option<&PartitionTable>,
    ) -> Result<Vec<Region>, ConfigProblem> {
        let is_arduino = frameworks.iter().any(|framework| framework == "arduino");
        let is_espidf = frameworks.iter().any(|framework| framework == "espidf");
        let variant = Variant::of(board, &self.framework, &target.root)?;
        let of_variant = variant.bootloader().filter(|_| is_arduino && !is_espidf);
        let bootloader_path = of_variant.unwrap_or_else(|| self.dir.join("bootloader.bin"));
        let chip = target.chip.or_else(|| image_chip(&bootloader_path));
        let bootloader_at = board
            .offset("upload.bootloader_offset")?
            .or_else(|| idf.offset("bootloader", "BOOTLOADER_OFFSET_IN_FLASH"))
            .or_else(|| chip.map(|chip| chip.facts().bootloader_offset))
            .unwrap_or_default();
        let table_at = board
            .offset("upload.partition_table_offset")?
            .or_else(|| idf.offset("partition-table", "PARTITION_TABLE_OFFSET"))
            .unwrap_or(DEFAULT_TABLE_OFFSET);
        let table_path = self.dir.join("partitions.bin");
        // Without a framework there are none, but those that a script makes.
        let is_bare = !is_arduino && !is_espidf;
        let is_made = |path: &Path| !is_bare || path.is_file();
        let mut found = Vec::new();
        if is_made(&table_path) {
            found.push(regions::partitions(table_at, table_path));
        }
        if is_made(&bootloader_path) && !idf.leaves_bootloader_out(self.is_pioarduino) {
            found.push(regions::bootloader(bootloader_at, bootloader_path));
        }
        let app_at = if is_espidf {
            // With Arduino as a component pioarduino takes its initial otadata.
            let is_framework = is_arduino && self.is_pioarduino;
            let initial = if is_framework {
                self.framework.join(BOOT_APP0)
            } else {
                self.dir.join("ota_data_initial.bin")
            };
            let otadata = table
                .and_then(PartitionTable::otadata)
                .filter(|_| is_framework || initial.is_file());
            if let Some(partition) = otadata {
                let moved = board.offset("upload.ota_partition_offset")?;
                let offset = moved.unwrap_or(partition.offset);
                found.push(regions::otadata(offset, initial));
            }
            regions::default_app_offset(table)
        } else {
            if is_arduino {
                let initial = self.framework.join(BOOT_APP0);
                found.push(regions::otadata(ARDUINO_OTADATA, initial));
            }
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
