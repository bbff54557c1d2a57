//! Which document is of which format.

use std::path::Path;

use fbuild_project::amount::amount;

use crate::format::{Format, View};
use crate::{Diagnostic, Severity, flasher_args, partitions, platformio, sdkconfig};

/// What a document's name says about its format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Partitions,
    PlatformIo,
    SdkConfig,
    FlasherArgs,
    /// A partition table if the project says so.
    MaybePartitions,
    /// A part of the project's configuration if its platformio.ini says so.
    MaybePlatformIo,
}

impl Kind {
    /// `None`: no help for it, whatever the project says.
    pub fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?.to_ascii_lowercase();
        let extension = Path::new(&name).extension().and_then(|e| e.to_str());
        match (&*name, extension) {
            ("platformio.ini", _) => Some(Self::PlatformIo),
            (_, Some("ini")) => Some(Self::MaybePlatformIo),
            ("flasher_args.json", _) => Some(Self::FlasherArgs),
            ("sdkconfig", _) => Some(Self::SdkConfig),
            (name, _)
                if name.starts_with("sdkconfig.")
                    && !matches!(extension, Some("old" | "h" | "cmake" | "json" | "rename")) =>
            {
                Some(Self::SdkConfig)
            }
            (name, Some("csv")) if name.contains("partition") => Some(Self::Partitions),
            (_, Some("csv" | "txt") | None) => Some(Self::MaybePartitions),
            _ => None,
        }
    }

    /// A longer text is not looked at; what decides a deploy is far smaller. Of a table 94 rows fit.
    #[must_use]
    pub fn text_bytes_max(self) -> usize {
        match self {
            Self::Partitions | Self::MaybePartitions => 128 << 10,
            Self::PlatformIo | Self::MaybePlatformIo | Self::SdkConfig | Self::FlasherArgs => {
                TEXT_BYTES_MAX
            }
        }
    }
}

/// The largest [`Kind::text_bytes_max`].
pub const TEXT_BYTES_MAX: usize = 1 << 20;

/// All that is reported of a text that is too long.
pub fn too_long(kind: Kind) -> Diagnostic {
    let message = format!(
        "This is longer than {}, and is not checked. Once it is shorter, open it again.",
        amount(kind.text_bytes_max() as u64)
    );
    Diagnostic::new(0..0, Severity::Information, "too-long", message)
}

/// The format of a document; `None` if it is none that there is help for.
pub fn of(view: View<'_>) -> Option<&'static dyn Format> {
    match Kind::of(view.path)? {
        Kind::Partitions => Some(&partitions::Partitions),
        Kind::MaybePartitions if view.facts.is_table(view.path) => Some(&partitions::Partitions),
        Kind::MaybePlatformIo if view.facts.files.is_extra_config(view.path) => {
            Some(&platformio::PlatformIo)
        }
        Kind::MaybePartitions | Kind::MaybePlatformIo => None,
        Kind::PlatformIo => Some(&platformio::PlatformIo),
        Kind::SdkConfig => Some(&sdkconfig::SdkConfig),
        Kind::FlasherArgs => Some(&flasher_args::FlasherArgs),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_the_format() {
        for (name, kind) in [
            ("partitions.csv", Some(Kind::Partitions)),
            ("My_Partitions_4MB.CSV", Some(Kind::Partitions)),
            ("default_16MB.csv", Some(Kind::MaybePartitions)),
            ("table", Some(Kind::MaybePartitions)),
            ("platformio.ini", Some(Kind::PlatformIo)),
            ("local.ini", Some(Kind::MaybePlatformIo)),
            ("sdkconfig", Some(Kind::SdkConfig)),
            ("sdkconfig.defaults.esp32s3", Some(Kind::SdkConfig)),
            ("sdkconfig.old", None),
            ("sdkconfig.h", None),
            ("flasher_args.json", Some(Kind::FlasherArgs)),
            ("main.c", None),
        ] {
            assert_eq!(Kind::of(&Path::new("/p").join(name)), kind, "{name}");
        }
    }
}
