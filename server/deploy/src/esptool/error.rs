//! What only esptool can do wrong, and what to do about it.

use std::io;
use std::path::PathBuf;

use fbuild_project::remedy::{Remedy, Way};

use super::arguments::CONNECT_ATTEMPTS;
use super::find::LOOKED_FOR;
use super::version::Version;

/// Why esptool did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum EsptoolError {
    /// There is none.
    #[error("esptool was not found; looked for {LOOKED_FOR}")]
    Missing,
    /// There is something by its name that does not work.
    #[error("{program} does not work as esptool: {why}")]
    Unusable {
        /// As it would be typed.
        program: String,
        /// What happened.
        why: String,
    },
    /// Too old to be called in a way that is known here.
    #[error(
        "{program} is esptool {version}, but {} or newer is needed",
        Version::OLDEST
    )]
    TooOld {
        /// As it would be typed.
        program: String,
        /// What it says it is.
        version: Version,
    },
    /// The files that it is to write could not be laid out for it.
    #[error("files for esptool could not be written: {0}")]
    Files(#[source] io::Error),
    /// None of those that are installed has the ESP8266's stub.
    #[error("{}", no_stub(.other.as_deref()))]
    NoStub {
        /// One that is not known here.
        other: Option<PathBuf>,
    },
    /// Another chip than the one that was found before, or an image for another one.
    #[error("{why}")]
    OtherChip {
        /// In esptool's words.
        why: String,
    },
    /// Nobody answered it, for a reason that is not known here.
    #[error("no loader answered on {port} in {CONNECT_ATTEMPTS} attempts: {why}")]
    NoLoader {
        /// Port name.
        port: String,
        /// In esptool's words.
        why: String,
    },
    /// What it wrote does not hash to what it should.
    #[error("{region}: what esptool wrote does not read back as it should")]
    NotProved {
        /// The region.
        region: String,
    },
    /// It lost the board while it worked.
    #[error("esptool lost the board: {why}")]
    Lost {
        /// In esptool's words.
        why: String,
    },
    /// It said nothing for so long that it was ended.
    #[error("esptool printed nothing for {seconds} s and was stopped")]
    Silent {
        /// How long it was waited for.
        seconds: u64,
    },
    /// Anything else.
    #[error("esptool failed ({how}): {why}")]
    Failed {
        /// `exit code 2`.
        how: String,
        /// In esptool's words.
        why: String,
    },
}

fn no_stub(other: Option<&std::path::Path>) -> String {
    let needs = "the boot ROM of an ESP8266 can neither compare nor prove what is in flash; that takes \
                 the flasher stub that esptool brings along";
    match other {
        None => format!("{needs}, and no esptool has it; looked for {LOOKED_FOR}"),
        Some(path) => format!(
            "{needs}, and {} is none that is known here (of esptool 5.3 to 5.6)",
            path.display()
        ),
    }
}

impl EsptoolError {
    /// Whether it happened before the port was opened.
    pub fn is_local(&self) -> bool {
        matches!(
            self,
            Self::Missing | Self::Unusable { .. } | Self::TooOld { .. } | Self::Files(_)
        )
    }

    /// Code, whether the request is to blame, and what to do.
    pub fn advice(&self) -> (&'static str, bool, Remedy) {
        const AGAIN: &str = "deploy again; the next deploy repairs what is incomplete";
        let (code, is_input, remedy) = match self {
            Self::Missing => (
                "esptool-missing",
                true,
                Remedy::from("install it (python3 -m pip install esptool), ")
                    .way(Way::NameEsptool)
                    .words(", or ")
                    .way(Way::NativeBackend),
            ),
            Self::Unusable { .. } => (
                "esptool-unusable",
                true,
                Remedy::from(
                    "reinstall esptool (python3 -m pip install --force-reinstall esptool), or ",
                )
                .way(Way::NameEsptool),
            ),
            Self::TooOld { .. } => (
                "esptool-too-old",
                true,
                Remedy::from(
                    "update it where it is installed (python3 -m pip install --upgrade esptool), or ",
                )
                .way(Way::NameEsptool),
            ),
            Self::NoStub { .. } => (
                "stub-missing",
                true,
                "install esptool 5.6 where it is found on PATH (python3 -m pip install esptool==5.6.0)"
                    .into(),
            ),
            Self::Files(_) => (
                "files",
                false,
                "make room in the directory for temporary files, or choose another with TMPDIR"
                    .into(),
            ),
            Self::OtherChip { .. } => (
                "chip-mismatch",
                true,
                "choose the target for this chip, or the port of another board".into(),
            ),
            Self::NoLoader { .. } => (
                "no-loader",
                false,
                "hold BOOT, tap EN (RESET), release BOOT, and deploy again".into(),
            ),
            Self::NotProved { .. } => (
                "not-proved",
                false,
                "the flash chip may be worn out or badly powered: try another cable and supply; if \
                 the same region fails again, replace the board"
                    .into(),
            ),
            Self::Lost { .. } | Self::Silent { .. } => (
                "timeout",
                false,
                format!("check cable and supply; with a long cable choose a lower baud rate; then {AGAIN}").into(),
            ),
            Self::Failed { .. } => (
                "esptool-failed",
                false,
                Remedy::from("for esptool's full output ")
                    .way(Way::ReadLog)
                    .words(format!("; {AGAIN}")),
            ),
        };
        (code, is_input, remedy)
    }
}
