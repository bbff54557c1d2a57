//! How a cargo project wants its ELF file flashed: `espflash.toml`, and the options of a runner
//! `espflash flash …` or `probe-rs run …`, which win.
//!
//! Source: espflash 4.7.0, `README.md` ("Configuration File") and `espflash flash --help`; probe-rs's
//! `probe-rs run --help` ("ESP-IDF image").

use std::path::{Path, PathBuf};

use fbuild_chip::Chip;
use toml::{Table, Value};

use super::Look;
use super::arguments::options;
use super::environment::Environment;
use crate::input_error::InputError;
use crate::target::{FlashParams, Setting};

pub(super) const FILE_NAME: &str = "espflash.toml";
/// The port that the project's boards are at.
const PORTS: &str = "espflash_ports.toml";

/// Keys, and the tables that they belong under (the first is the usual name).
const PLACES: &[(&[&str], &[&str])] = &[
    (
        &[
            "bootloader",
            "partition_table",
            "partition_table_offset",
            "target_app_partition",
        ],
        &["idf_format_args", "idf"],
    ),
    (&["size", "mode", "frequency"], &["flash"]),
];

/// A command that cargo runs a program by, and where it is configured.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Runner {
    pub(super) words: Vec<String>,
    pub(super) dir: PathBuf,
}

/// Settings for converting and flashing an ELF file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct EspflashSettings {
    pub(super) baud: Option<u32>,
    pub(super) port: Option<String>,
    /// Of the monitor that the runner begins.
    pub(super) monitor_baud: Option<u32>,
    pub(super) chip: Option<Chip>,
    pub(super) bootloader: Option<PathBuf>,
    pub(super) partition_table: Option<PathBuf>,
    pub(super) partition_table_offset: Option<u32>,
    pub(super) target_app_partition: Option<String>,
    pub(super) flash: FlashParams,
    /// Files that are named where only espflash 3 looks: key, file, and what names it.
    older: Vec<(&'static str, PathBuf, PathBuf)>,
}

impl EspflashSettings {
    /// Read the `espflash.toml` that espflash would use, if there is one.
    pub(super) fn read(
        root: &Path,
        environment: &Environment,
        look: &Look,
    ) -> Result<Self, InputError> {
        let user = environment.dir("XDG_CONFIG_HOME");
        let user = user.or_else(|| environment.home().map(|home| home.join(".config")));
        let places = [
            Some(root.join(FILE_NAME)),
            root.parent().map(|parent| parent.join(FILE_NAME)),
            user.map(|config| config.join("espflash").join(FILE_NAME)),
        ];
        let path = places.into_iter().flatten().find(|path| look.has(path));
        let mut settings = Self::default();
        // espflash takes the flash's own size where none is given.
        settings.flash.size = Setting::Detect;
        if let Some(path) = &path {
            settings.apply_file(path, look)?;
        }
        // Before version 4 the port stood in espflash.toml.
        let dirs = [Some(root), root.parent()].into_iter().flatten();
        let mut ports: Vec<_> = dirs.map(|dir| dir.join(PORTS)).collect();
        ports.extend(path.filter(|path| path.starts_with(root)));
        settings.port = ports.iter().find_map(|path| {
            let connection = look.toml(path)?.get("connection")?.clone();
            Some(connection.get("serial")?.as_str()?.to_owned())
        });
        Ok(settings)
    }

    fn apply_file(&mut self, path: &Path, look: &Look) -> Result<(), InputError> {
        let config = |line, why: &str| InputError::config(path, line, why);
        let text = look.read(path);
        let text = text.map_err(|why| InputError::unreadable(path, &why))?;
        if !look.has_room(path, "values", text.matches([',', '[', '{', '=']).count()) {
            return Ok(());
        }
        let table: Table = text.parse().map_err(|error: toml::de::Error| {
            let start = error.span().map_or(0, |span| span.start);
            let line = text
                .get(..start)
                .map(|before| before.matches('\n').count() + 1);
            config(line, error.message())
        })?;
        if let Some((key, place)) = misplaced(&table) {
            return Err(config(None, &format!("'{key}' should be under [{place}]")));
        }
        let dir = path.parent().unwrap_or_else(|| Path::new("."));
        let number = |value: &Value| value.as_integer().and_then(|n| u32::try_from(n).ok());
        self.baud = table.get("baudrate").and_then(number);
        let idf = table.get("idf_format_args").or_else(|| table.get("idf"));
        let idf = |key: &str| idf.and_then(|idf| idf.get(key));
        let file = |key: &str| {
            let named = idf(key).or_else(|| table.get(key))?;
            Some(dir.join(named.as_str()?))
        };
        self.bootloader = file("bootloader");
        self.partition_table = file("partition_table");
        let older = OLDER.iter().filter(|key| idf(key).is_none());
        let older = older.filter_map(|key| Some((*key, file(key)?, path.to_owned())));
        self.older = older.collect();
        self.partition_table_offset = idf("partition_table_offset").and_then(number);
        self.target_app_partition = idf("target_app_partition")
            .and_then(Value::as_str)
            .map(str::to_owned);
        let flash = |key: &str| table.get("flash")?.get(key)?.as_str();
        if let Some(mode) = flash("mode") {
            self.flash.mode = Setting::Set(mode.to_owned());
        }
        if let Some(frequency) = flash("frequency") {
            self.flash.freq = Setting::Set(megahertz(frequency));
        }
        if let Some(size) = flash("size") {
            self.flash.size = Setting::Set(size.to_owned());
        }
        Ok(())
    }

    /// What is deployed and a newer espflash does not read.
    pub(super) fn remarks(&self) -> impl Iterator<Item = String> {
        let used = [&self.bootloader, &self.partition_table];
        let older = self.older.iter();
        let older = older.filter(move |(_, file, _)| used.contains(&&Some(file.clone())));
        older.map(|(key, file, by)| {
            format!(
                "{key} = {} is deployed; espflash 4 reads it only in [{}] of {}",
                file.display(),
                PLACES[0].1[0],
                by.display()
            )
        })
    }

    /// Options of a cargo runner: `espflash flash --monitor --chip esp32c3`. Files are relative to
    /// the directory that cargo is run in; what is not there may lie beside the configuration.
    pub(super) fn apply_runner(&mut self, dir: &Path, runner: &Runner) {
        let place = |file: &str| {
            let here = dir.join(file);
            let beside = runner.dir.join(file);
            Some(if here.exists() || !beside.exists() {
                here
            } else {
                beside
            })
        };
        for (option, value) in options(&runner.words) {
            let Some(value) = value else { continue };
            match option {
                "-c" | "--chip" => self.chip = value.parse().ok(),
                "-B" | "--baud" => self.baud = value.parse().ok(),
                "-p" | "--port" => self.port = Some(value.to_owned()),
                "-r" | "--monitor-baud" => self.monitor_baud = value.replace('_', "").parse().ok(),
                "--bootloader" | "--idf-bootloader" => self.bootloader = place(value),
                "-T" | "--partition-table" | "--idf-partition-table" => {
                    self.partition_table = place(value);
                }
                "--partition-table-offset" => {
                    self.partition_table_offset = fbuild_chip::flash::parse_offset(value);
                }
                "--target-app-partition" | "--idf-target-app-partition" => {
                    self.target_app_partition = Some(value.to_owned());
                }
                "-s" | "--flash-size" => self.flash.size = Setting::Set(value.to_uppercase()),
                "-m" | "--flash-mode" | "--idf-flash-mode" => {
                    self.flash.mode = Setting::Set(value.to_owned());
                }
                "-f" | "--flash-freq" | "--idf-flash-freq" => {
                    self.flash.freq = Setting::Set(megahertz(value));
                }
                _ => {}
            }
        }
    }
}

/// Whether a runner puts programs onto ESPs.
pub(super) fn is_for_esp(words: &[String]) -> bool {
    let is_chip = |word: &String| {
        let value = word.strip_prefix("--chip=").unwrap_or(word);
        value.parse::<Chip>().is_ok()
    };
    words
        .iter()
        .any(|word| word.ends_with("espflash") || is_chip(word))
}

/// `80MHz` as build tools name it in headers: `80m`.
fn megahertz(text: &str) -> String {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    format!("{digits}m")
}

/// What espflash 3 had beside the tables, where most projects have it still; espflash 4 wants it in one.
const OLDER: [&str; 2] = ["bootloader", "partition_table"];

fn misplaced(table: &Table) -> Option<(&'static str, &'static str)> {
    for (keys, places) in PLACES {
        for key in *keys {
            let in_other_table = table.iter().any(|(name, value)| {
                let is_inside = value
                    .as_table()
                    .is_some_and(|inner| inner.contains_key(*key));
                is_inside && !places.contains(&name.as_str())
            });
            let is_misplaced = table.contains_key(*key) && !OLDER.contains(key);
            if is_misplaced || in_other_table {
                return Some((key, places[0]));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runner(words: &str) -> Runner {
        Runner {
            words: words.split(' ').map(str::to_owned).collect(),
            dir: PathBuf::new(),
        }
    }

    fn read(text: &str) -> Result<EspflashSettings, InputError> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(FILE_NAME), text).unwrap();
        EspflashSettings::read(dir.path(), &Environment::default(), &Look::default())
    }

    #[test]
    fn reads_both_tables_and_the_runner_wins() {
        let mut settings = read(
            "baudrate = 921600\n[idf]\npartition_table_offset = 0x10000\n[flash]\nsize = \"8MB\"\n\
             mode = \"qio\"\nfrequency = \"80MHz\"\n",
        )
        .unwrap();
        assert_eq!(settings.baud, Some(921_600));
        assert_eq!(settings.partition_table_offset, Some(0x1_0000));
        assert_eq!(settings.flash.freq, Setting::Set("80m".into()));
        let words = "espflash flash --monitor --chip esp32c6 -s 16mb --flash-freq=40mhz -T t.csv";
        settings.apply_runner(Path::new("/p"), &runner(words));
        assert_eq!(settings.chip, Some(Chip::Esp32C6));
        assert_eq!(settings.flash.size, Setting::Set("16MB".into()));
        assert_eq!(settings.flash.freq, Setting::Set("40m".into()));
        assert_eq!(
            settings.partition_table.as_deref(),
            Some(Path::new("/p/t.csv"))
        );
    }

    #[test]
    fn a_runner_of_probe_rs_counts_too() {
        let mut settings = EspflashSettings::default();
        let words = "probe-rs run --chip=esp32c6 --idf-partition-table p.csv --idf-target-app-partition ota_0";
        let runner = runner(words);
        settings.apply_runner(Path::new("/p"), &runner);
        assert_eq!(settings.chip, Some(Chip::Esp32C6));
        assert_eq!(settings.partition_table, Some("/p/p.csv".into()));
        assert_eq!(settings.target_app_partition.as_deref(), Some("ota_0"));
        assert!(is_for_esp(&runner.words));
    }

    #[test]
    fn the_port_is_in_a_file_of_its_own_or_in_that_of_older_versions() {
        const SERIAL: &str = "[connection]\nserial = \"/dev/ttyACM3\"\n";
        let settings = read(SERIAL).unwrap();
        assert_eq!(settings.port.as_deref(), Some("/dev/ttyACM3"));
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(PORTS), SERIAL).unwrap();
        let (environment, look) = (Environment::default(), Look::default());
        let mut settings = EspflashSettings::read(dir.path(), &environment, &look).unwrap();
        assert_eq!(settings.port.as_deref(), Some("/dev/ttyACM3"));
        settings.apply_runner(
            Path::new("/p"),
            &runner("espflash flash -p COM4 --monitor-baud 460_800"),
        );
        assert_eq!(settings.port.as_deref(), Some("COM4"));
        assert_eq!(settings.monitor_baud, Some(460_800));
    }

    #[test]
    fn what_espflash_3_had_beside_the_tables_counts() {
        let settings =
            read("partition_table = \"p.csv\"\nbootloader = \"b.bin\"\n[flash]\nsize = \"8MB\"\n");
        let settings = settings.unwrap();
        let names = [&settings.partition_table, &settings.bootloader];
        let names = names.map(|path| path.as_ref().unwrap().file_name().unwrap().to_owned());
        assert_eq!(names, ["p.csv", "b.bin"]);
        let remarks = |settings: &EspflashSettings| settings.remarks().collect::<Vec<_>>();
        assert_eq!(remarks(&settings).len(), 2);
        let told = remarks(&settings).concat();
        assert!(told.contains("only in [idf_format_args]"), "{told}");
        // What is named elsewhere, too, is the same for both.
        let mut other = settings.clone();
        other.apply_runner(Path::new("/p"), &runner("espflash flash -T t.csv"));
        assert_eq!(remarks(&other).len(), 1);
        let both = "partition_table = \"p.csv\"\n[idf_format_args]\npartition_table = \"p.csv\"\n";
        assert!(remarks(&read(both).unwrap()).is_empty());
        assert_eq!(settings.flash.size, Setting::Set("8MB".to_owned()));
    }

    #[test]
    fn misplaced_keys_and_bad_toml_are_refused() {
        let error = read("[idf]\nsize = \"4MB\"\n").unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with("espflash.toml: 'size' should be under [flash]"),
            "{error}"
        );
        let error = read("[flash]\nsize = 4MB\n").unwrap_err();
        assert!(
            error.to_string().contains("espflash.toml, line 2: "),
            "{error}"
        );
        assert_eq!(read("").unwrap().flash.size, Setting::Detect);
    }
}
