//! The user's settings, section `fbuild`: typed, and whatever is wrong with them by name.
//!
//! Pure: JSON in, settings and complaints out. A wrong value counts as not set. Keys that are not
//! listed here are the client's own business.

mod value;

use std::path::PathBuf;

use fbuild_deploy::outcome::Backend;
use fbuild_deploy::request::Baud;
use fbuild_loader::reset::{After, Before};
use fbuild_project::password::Password;
use serde::Deserialize;
use serde_json::{Value, json};
use tracing::level_filters::LevelFilter;

use self::value::Reader;
use crate::build::BuildCommand;
use crate::monitor::keys::Eol;

/// Whether a firmware that is missing, or older than its sources, is built first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum BuildWhen {
    #[default]
    Auto,
    /// If the person says so.
    Ask,
    Never,
}

/// What to do about a firmware that is older than its sources and is not built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum StaleBuild {
    /// Ask.
    #[default]
    Warn,
    /// Do not deploy.
    Error,
    /// Say nothing.
    Ignore,
}

const BUILD: [(&str, BuildWhen); 3] = [
    ("auto", BuildWhen::Auto),
    ("ask", BuildWhen::Ask),
    ("never", BuildWhen::Never),
];
const STALE_BUILD: [(&str, StaleBuild); 3] = [
    ("warn", StaleBuild::Warn),
    ("error", StaleBuild::Error),
    ("ignore", StaleBuild::Ignore),
];
const LINE_END: [(&str, Eol); 3] = [("cr", Eol::Cr), ("lf", Eol::Lf), ("crlf", Eol::Crlf)];
const LOG_LEVEL: [(&str, LevelFilter); 6] = [
    ("off", LevelFilter::OFF),
    ("error", LevelFilter::ERROR),
    ("warn", LevelFilter::WARN),
    ("info", LevelFilter::INFO),
    ("debug", LevelFilter::DEBUG),
    ("trace", LevelFilter::TRACE),
];

/// Settings for one folder, or for all.
#[derive(Debug, Clone, PartialEq)]
#[allow(clippy::struct_excessive_bools)] // independent choices
pub(crate) struct Settings {
    pub(crate) port: Option<String>,
    pub(crate) baud: Baud,
    pub(crate) target: Option<String>,
    pub(crate) backend: Backend,
    /// The esptool to run. From a workspace's settings like everything here: run only if trusted.
    pub(crate) esptool: Option<PathBuf>,
    /// For updates over the air. From a workspace's settings like everything here: used only if trusted.
    pub(crate) ota_password: Option<Password>,
    pub(crate) before: Before,
    pub(crate) after: After,
    /// A deploy only compares.
    pub(crate) verify_only: bool,
    /// What boards were given is kept, and makes the next comparison shorter.
    pub(crate) keep_images: bool,
    /// What a board holds may be changed by sending the differences only.
    pub(crate) delta: bool,
    /// On chips, too, on which that was never seen to work.
    pub(crate) delta_on_any_chip: bool,
    pub(crate) build: BuildWhen,
    /// From a workspace's settings like everything here: run only if trusted.
    pub(crate) build_command: Option<BuildCommand>,
    pub(crate) stale_build: StaleBuild,
    /// A monitor starts by itself after a deploy.
    pub(crate) monitor_after_deploy: bool,
    /// Baud rate of what boards print, where it is not the project's.
    pub(crate) monitor_baud: Option<u32>,
    /// What Enter sends to a board.
    pub(crate) monitor_line_end: Eol,
    /// What of this program's own log goes to the client.
    pub(crate) log_level: LevelFilter,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            port: None,
            baud: Baud::Auto,
            target: None,
            backend: Backend::Native,
            esptool: None,
            ota_password: None,
            before: Before::Reset,
            after: After::Reset,
            verify_only: false,
            keep_images: true,
            delta: true,
            delta_on_any_chip: false,
            build: BuildWhen::Auto,
            build_command: None,
            stale_build: StaleBuild::Warn,
            monitor_after_deploy: false,
            monitor_baud: None,
            monitor_line_end: Eol::Cr,
            log_level: LevelFilter::WARN,
        }
    }
}

/// A setting that is not used, and why.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Wrong {
    pub(crate) key: &'static str,
    pub(crate) why: String,
}

impl std::fmt::Display for Wrong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "setting fbuild.{}: {}; it is not used",
            self.key, self.why
        )
    }
}

impl Settings {
    /// Reads the section `fbuild`.
    pub(crate) fn read(section: &Value) -> (Self, Vec<Wrong>) {
        let mut reader = Reader::new(section);
        let usual = Self::default();
        let reset = [("reset", true), ("noReset", false)];
        let before = reader.word("resetBefore", &reset);
        let after = reader.word("resetAfter", &reset);
        let backends = [Backend::Native, Backend::Esptool].map(|it| (it.name(), it));
        let settings = Self {
            port: reader.text("port"),
            baud: reader.baud("baud").unwrap_or(usual.baud),
            target: reader.text("target"),
            backend: reader.word("backend", &backends).unwrap_or(usual.backend),
            esptool: reader.program("esptool.path"),
            ota_password: reader.password(),
            before: match before {
                Some(false) => Before::NoReset,
                _ => Before::Reset,
            },
            after: match after {
                Some(false) => After::NoReset,
                _ => After::Reset,
            },
            verify_only: reader.flag("verifyOnly").unwrap_or(usual.verify_only),
            keep_images: reader.flag("keepImages").unwrap_or(usual.keep_images),
            delta: reader.flag("delta").unwrap_or(usual.delta),
            delta_on_any_chip: reader
                .flag("deltaOnAnyChip")
                .unwrap_or(usual.delta_on_any_chip),
            build: reader.word("build", &BUILD).unwrap_or(usual.build),
            build_command: reader.command("buildBeforeDeploy"),
            stale_build: reader
                .word("staleBuild", &STALE_BUILD)
                .unwrap_or(usual.stale_build),
            monitor_after_deploy: reader
                .flag("monitor.afterDeploy")
                .unwrap_or(usual.monitor_after_deploy),
            monitor_baud: reader.rate("monitor.baud"),
            monitor_line_end: reader.word("monitor.eol", &LINE_END).unwrap_or_default(),
            log_level: reader
                .word("logLevel", &LOG_LEVEL)
                .unwrap_or(usual.log_level),
        };
        (settings, reader.wrong)
    }

    /// The settings as they are in effect, for a person who looks for what is wrong.
    pub(crate) fn in_effect(&self) -> Value {
        let reset = |is_reset| if is_reset { "reset" } else { "noReset" };
        json!({
            "port": self.port,
            "baud": match self.baud {
                Baud::Auto => json!("auto"),
                Baud::Fixed(baud) => json!(baud),
            },
            "target": self.target,
            "backend": self.backend.name(),
            "esptool": { "path": self.esptool },
            // Whether there is one, and not which.
            "ota": { "password": self.ota_password.as_ref().map(|_| "set") },
            "resetBefore": reset(self.before == Before::Reset),
            "resetAfter": reset(self.after == After::Reset),
            "verifyOnly": self.verify_only,
            "keepImages": self.keep_images,
            "delta": self.delta,
            "deltaOnAnyChip": self.delta_on_any_chip,
            "build": name_of(self.build, &BUILD),
            "buildBeforeDeploy": match &self.build_command {
                None => Value::Null,
                Some(BuildCommand::Shell(line)) => json!(line),
                Some(BuildCommand::Program(words)) => json!(words),
            },
            "staleBuild": name_of(self.stale_build, &STALE_BUILD),
            "monitor": {"afterDeploy": self.monitor_after_deploy, "baud": self.monitor_baud,
                "eol": name_of(self.monitor_line_end, &LINE_END)},
            "logLevel": self.log_level.to_string(),
        })
    }
}

fn name_of<T: Copy + PartialEq>(value: T, words: &[(&'static str, T)]) -> Option<&'static str> {
    words.iter().find(|(_, it)| *it == value).map(|it| it.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_read() {
        let section = json!({
            "port": "COM5", "baud": 460_800, "target": "espidf:build", "backend": "esptool",
            "esptool": {"path": "esptool5"}, "ota": {"password": "set"},
            "resetBefore": "noReset", "resetAfter": "noReset", "verifyOnly": true,
            "keepImages": false, "delta": false, "deltaOnAnyChip": true,
            "build": "ask", "buildBeforeDeploy": ["idf.py", "build"], "staleBuild": "error",
            "monitor": {"afterDeploy": true, "baud": 921_600, "eol": "crlf"}, "logLevel": "debug"
        });
        let (settings, wrong) = Settings::read(&section);
        assert!(wrong.is_empty(), "{wrong:?}");
        assert_eq!(settings.in_effect(), section);
        let usual = Settings::default();
        assert!(settings != usual && settings.before == Before::NoReset);
        let (shell, _) = Settings::read(&json!({"buildBeforeDeploy": "make"}));
        assert_eq!(
            shell.build_command,
            Some(BuildCommand::Shell("make".to_owned()))
        );
    }

    #[test]
    fn nothing_null_and_unknown_keys_are_the_usual() {
        for section in [
            json!({}),
            Value::Null,
            json!([]),
            json!({"port": null, "baud": "auto", "trace": {"server": "off"}, "target": ""}),
        ] {
            assert_eq!(Settings::read(&section), (Settings::default(), vec![]));
        }
    }

    #[test]
    fn a_wrong_value_is_named_and_the_others_count() {
        for (key, value, why) in [
            ("port", json!(5), "expected a text, got 5"),
            (
                "baud",
                json!("fast"),
                "expected \"auto\" or a number from 9600 to 5000000, got \"fast\"",
            ),
            (
                "baud",
                json!(7),
                "expected \"auto\" or a number from 9600 to 5000000, got 7",
            ),
            ("target", json!(["a"]), "expected a text, got [\"a\"]"),
            (
                "backend",
                json!("espflash"),
                "expected \"native\" or \"esptool\", got \"espflash\"",
            ),
            (
                "esptool.path",
                json!("tools/esptool"),
                "expected an absolute path or the name of a program, got \"tools/esptool\"",
            ),
            (
                "esptool.path",
                json!(true),
                "expected an absolute path or the name of a program, got true",
            ),
            (
                "ota.password",
                json!(1234),
                "expected a text, got something else",
            ),
            (
                "resetBefore",
                json!(true),
                "expected \"reset\" or \"noReset\", got true",
            ),
            (
                "resetAfter",
                json!("hard"),
                "expected \"reset\" or \"noReset\", got \"hard\"",
            ),
            (
                "verifyOnly",
                json!("yes"),
                "expected true or false, got \"yes\"",
            ),
            (
                "buildBeforeDeploy",
                json!([]),
                "expected a command line, or a list of a program and its arguments, got []",
            ),
            (
                "build",
                json!("always"),
                "expected \"auto\", \"ask\" or \"never\", got \"always\"",
            ),
            (
                "staleBuild",
                json!(1),
                "expected \"warn\", \"error\" or \"ignore\", got 1",
            ),
            (
                "monitor.baud",
                json!("921600"),
                "expected a number from 300 to 5000000, got \"921600\"",
            ),
            (
                "monitor.eol",
                json!("\n"),
                "expected \"cr\", \"lf\" or \"crlf\", got \"\\n\"",
            ),
            (
                "logLevel",
                json!("loud"),
                "expected \"off\", \"error\", \"warn\", \"info\", \"debug\" or \"trace\", got \"loud\"",
            ),
        ] {
            let mut section = json!({"port": "COM5", "target": "a"});
            match key.split_once('.') {
                Some((group, inner)) => section[group] = json!({ inner: value }),
                None => section[key] = value,
            }
            let (settings, wrong) = Settings::read(&section);
            let expected = Wrong {
                key,
                why: why.to_owned(),
            };
            assert_eq!(wrong, [expected]);
            let kept = settings.port.is_some() || settings.target.is_some();
            assert!(kept, "{key}");
        }
    }
}
