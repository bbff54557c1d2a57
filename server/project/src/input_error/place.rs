//! The file that an error is about.

use std::path::Path;

use super::InputError;

impl InputError {
    /// The file that is to blame, where it is one.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::FileMissing { path, .. }
            | Self::FileEmpty { path, .. }
            | Self::FileUnreadable { path, .. }
            | Self::Json { path, .. }
            | Self::Config { path, .. }
            | Self::ImageMagic { path, .. }
            | Self::ImageHeader { path, .. }
            | Self::ImageTruncated { path, .. }
            | Self::ImageChecksum { path, .. }
            | Self::ImageHash { path, .. }
            | Self::ChipMismatch { path, .. }
            | Self::Revision { path, .. }
            | Self::AppExceedsPartition { path, .. }
            | Self::AppOutsidePartition { path, .. }
            | Self::BootloaderMisplaced { path, .. }
            | Self::RegionExceedsPartition { path, .. }
            | Self::TableUnreadable { path, .. }
            | Self::TableStale { path, .. }
            | Self::Elf { path, .. }
            | Self::TooMuch { path, .. } => Some(path),
            _ => None,
        }
    }
}
