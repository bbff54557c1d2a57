//! Which board a build is for, and with which options: what the build says itself, else the last build of
//! the sketch, else what the sketch asks for.

use std::path::Path;

use fbuild_chip::Chip;

use super::{ARCHITECTURE, AVR, scheme, sketch_yaml};
use crate::discover::environment::Environment;
use crate::discover::look::Look;
use crate::discover::{read_start, read_table};
use crate::flash_size::{header_flash_size, size_bytes, size_name};

/// What a build is for.
#[derive(Debug, Default)]
pub(super) struct BuiltFor {
    /// FQBN without options, with dots; empty where nothing says it.
    pub(super) board: String,
    /// FQBN, with its options where they are known.
    pub(super) fqbn: Option<String>,
    /// The profile of `sketch.yaml` that says the same.
    pub(super) profile: Option<String>,
    /// What the sketch asks for now and the build was not made with.
    pub(super) remark: Option<String>,
}

impl BuiltFor {
    /// `is_hex`: the program is of a kind that no ESP32 has; `chip`: what its image is for.
    pub(super) fn of(
        root: &Path,
        workspace: &Path,
        dir: &Path,
        (is_hex, chip): (bool, Option<Chip>),
        environment: &Environment,
        look: &Look,
    ) -> Self {
        let own = built(dir, look);
        let named = board_in_name(dir).or_else(|| own.as_deref().map(without_options));
        let is_meant = |fqbn: &str| {
            if let Some(board) = &named {
                return without_options(fqbn) == *board;
            }
            let mut parts = fqbn.split(':').skip(1);
            let architecture = parts.next();
            let board = parts.next().and_then(|board| board.parse::<Chip>().ok());
            (architecture == Some(AVR)) == is_hex
                && (chip.is_none() || architecture == Some(ARCHITECTURE))
                && (board.is_none() || chip.is_none() || board == chip)
        };
        // What was exported does not say the board's options; the last build of it does.
        let caches = super::caches_of(root, environment);
        let last = caches.iter().filter_map(|dir| built(dir, look));
        let mut known = own.into_iter().chain(last);
        let built = known.find(|fqbn| is_meant(fqbn));
        let all = sketch_yaml::boards_for(root, workspace, look, is_meant);
        let (asked, unclear) = match all.as_slice() {
            [first, rest @ ..] if rest.iter().all(|it| it.fqbn == first.fqbn) => {
                (Some(first.clone()), None)
            }
            [first, ..] => (None, Some(first.file)),
            [] => (None, None),
        };
        let remark = match (&built, &asked) {
            (Some(built), Some(asked)) => contradiction(built, &asked.fqbn).map(|other| {
                format!(
                    "{} asks for {other}, and this was built for {built}",
                    asked.file
                )
            }),
            (None, None) => unclear.map(|file| {
                format!(
                    "{file} has several entries for this board with other options, and no default"
                )
            }),
            _ => None,
        };
        let asked_for = asked.as_ref().map(|asked| asked.fqbn.clone());
        let plain = || named.as_ref().map(|board| board.replace('.', ":"));
        let fqbn = built.or(asked_for).or_else(plain);
        let profile = asked.filter(|asked| Some(&asked.fqbn) == fqbn.as_ref());
        Self {
            board: fqbn.as_deref().map(without_options).unwrap_or_default(),
            profile: profile.and_then(|asked| asked.profile),
            fqbn,
            remark,
        }
    }

    fn option(&self, name: &str) -> Option<&str> {
        let mut all = options(self.fqbn.as_deref()?);
        all.find(|(other, _)| *other == name)
            .map(|(_, value)| value)
    }

    /// What the menu entry "Flash Size" says, where the boot loader's header says another size.
    pub(super) fn other_flash_size(&self, bootloader: &Path) -> Option<String> {
        let said = self.option("FlashSize")?;
        let wanted = size_bytes(&format!("{}MB", said.strip_suffix('M')?))?;
        let built = header_flash_size(&read_start(bootloader, 4)?)?;
        (wanted != built).then(|| {
            format!(
                "the board's options say FlashSize={said}, and {} was built for {}",
                bootloader.display(),
                size_name(built).unwrap_or("another size")
            )
        })
    }

    /// What the menu entry "Erase All Flash Before Sketch Upload" says.
    pub(super) fn erased(&self) -> Option<String> {
        let is_asked = self.option("EraseFlash") == Some("all");
        is_asked.then(|| {
            "the board's options say EraseFlash=all, which is not done: what is not deployed stays on the board"
                .to_owned()
        })
    }

    /// What the menu entry "Partition Scheme" says, where the table is of another one.
    pub(super) fn other_scheme(&self, table: &Path) -> Option<String> {
        scheme::contradiction(self.option("PartitionScheme")?, &read_table(table)?, table)
    }

    /// What the menu entry "Upload Speed" says.
    pub(super) fn upload_baud(&self) -> Option<u32> {
        let speed = self.option("UploadSpeed")?;
        // `512000.unix` is one that only some systems have.
        speed.split('.').next()?.parse().ok()
    }
}

/// The directory of an export is named by the FQBN without options, with dots, and lies in `build`; any
/// other name is a person's.
pub(super) fn board_in_name(dir: &Path) -> Option<String> {
    let name = dir.file_name()?.to_str()?;
    let parts: Vec<&str> = name.split('.').collect();
    let [vendor, architecture, board] = parts.as_slice() else {
        return None;
    };
    let is_export = dir
        .parent()?
        .file_name()
        .is_some_and(|outer| outer == "build");
    let is_board = [vendor, architecture, board]
        .iter()
        .all(|part| !part.is_empty());
    let is_known = [ARCHITECTURE, AVR].contains(architecture);
    (is_board && (is_export || is_known)).then(|| name.to_owned())
}

/// The FQBN in `build.options.json`.
pub(super) fn built(dir: &Path, look: &Look) -> Option<String> {
    let options = look.json(&dir.join("build.options.json"))?;
    Some(options.get("fqbn")?.as_str()?.to_owned())
}

pub(super) fn without_options(fqbn: &str) -> String {
    fqbn.split(':').take(3).collect::<Vec<_>>().join(".")
}

fn options(fqbn: &str) -> impl Iterator<Item = (&str, &str)> {
    let options = fqbn.splitn(4, ':').nth(3).unwrap_or_default();
    options
        .split(',')
        .filter_map(|option| option.split_once('='))
}

/// An option that both say, each in its own way. What one leaves out may be the same.
fn contradiction(built: &str, asked: &str) -> Option<String> {
    let built: Vec<_> = options(built).collect();
    let differs = |(name, value): &(&str, &str)| {
        // The upload's speed is no part of a build.
        let said = built.iter().find(|(other, _)| other == name);
        *name != "UploadSpeed" && said.is_some_and(|(_, other)| other != value)
    };
    let (name, value) = options(asked).find(differs)?;
    Some(format!("{name}={value}"))
}
