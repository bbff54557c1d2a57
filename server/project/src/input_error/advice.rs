//! For each [`InputError`] its stable code, and what to do about it.

use super::InputError;

/// Whose flash it is where the board's own does not decide.
pub const CONFIGURED: &str = "that the build is configured for";

impl InputError {
    /// Stable code of the cause, for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::FileMissing { .. } => "file-missing",
            Self::FileEmpty { .. } => "file-empty",
            Self::FileUnreadable { .. } => "file-unreadable",
            Self::Json { .. } => "json",
            Self::Config { .. } => "config",
            Self::ImageMagic { .. } => "image-magic",
            Self::ImageHeader { .. } => "image-header",
            Self::ImageTruncated { .. } => "image-truncated",
            Self::ImageChecksum { .. } => "image-checksum",
            Self::ImageHash { .. } => "image-hash",
            Self::ChipMismatch { .. } => "chip-mismatch",
            Self::ChipUnknown { .. } => "chip-unknown",
            Self::Revision { .. } => "revision",
            Self::AppExceedsPartition { .. } => "app-exceeds-partition",
            Self::AppOutsidePartition { .. } => "app-outside-partition",
            Self::BootloaderMisplaced { .. } => "bootloader-misplaced",
            Self::RegionExceedsPartition { .. } => "region-exceeds-partition",
            Self::RegionsOverlap { .. } => "regions-overlap",
            Self::MisalignedOffset { .. } => "misaligned-offset",
            Self::PastFlashEnd { .. } => "past-flash-end",
            Self::TableUnreadable { .. } => "table-unreadable",
            Self::TableStale { .. } => "table-stale",
            Self::Elf { .. } => "elf",
            Self::HeaderFlashSize { .. } => "header-flash-size",
            Self::NotBootable { .. } => "not-bootable",
            Self::FlashSetting { .. } => "flash-setting",
            Self::NoTarget { .. } | Self::ForeignTargets { .. } => "no-target",
            Self::UnknownTarget { .. } => "unknown-target",
            Self::AmbiguousTarget { .. } => "ambiguous-target",
            Self::UnknownRegion { .. } => "unknown-region",
            Self::EmptySelection { .. } => "empty-selection",
            Self::DuplicateRegion { .. } => "duplicate-region",
            Self::BadArgument { .. } => "bad-argument",
            Self::TooMuch { .. } => "too-much",
            Self::Cancelled => "cancelled",
            Self::FlashEncrypted { .. } => "flash-encrypted",
            Self::SecureBoot { .. } => "secure-boot",
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::FileMissing { remedy, .. }
            | Self::FileEmpty { remedy, .. }
            | Self::Json { remedy, .. }
            | Self::ImageMagic { remedy, .. }
            | Self::ImageHeader { remedy, .. }
            | Self::ImageTruncated { remedy, .. }
            | Self::ImageChecksum { remedy, .. }
            | Self::ImageHash { remedy, .. }
            | Self::TableUnreadable { remedy, .. }
            | Self::TableStale { remedy, .. }
            | Self::Elf { remedy, .. }
            | Self::Revision { remedy, .. }
            | Self::HeaderFlashSize { remedy, .. }
            | Self::NotBootable { remedy, .. }
            | Self::NoTarget { remedy, .. }
            | Self::UnknownTarget { remedy, .. } => remedy.clone(),
            Self::FileUnreadable { why, .. } => why.remedy().to_owned(),
            Self::TooMuch { .. } => {
                "Open the directory of one project, and name in its files what belongs to it."
                    .to_owned()
            }
            Self::Cancelled => String::new(),
            Self::ForeignTargets { .. } => {
                "Deploy it with the tool that built it; only chips of the ESP32 family are deployed to \
                 here."
                    .to_owned()
            }
            Self::Config { .. } => "Correct the file.".to_owned(),
            Self::ChipMismatch { .. } => {
                "Connect the right board, or build for the chip that is connected.".to_owned()
            }
            Self::ChipUnknown { .. } => {
                "Name the chip in the project (a feature of esp-hal, or `--chip` in the runner)."
                    .to_owned()
            }
            Self::AppExceedsPartition { .. } => {
                "Make the app smaller, or its partition larger.".to_owned()
            }
            Self::AppOutsidePartition { .. } => {
                "Make the partition table and the app's offset agree.".to_owned()
            }
            Self::BootloaderMisplaced { .. } => {
                "Correct the offset, or build for the chip that is meant.".to_owned()
            }
            Self::RegionExceedsPartition { .. } => {
                "Make the file smaller, or its partition larger.".to_owned()
            }
            Self::RegionsOverlap { .. } => "Correct the offsets, and build again.".to_owned(),
            Self::MisalignedOffset { .. } => {
                "Flash is erased in sectors of 4 KiB: use an offset that ends in 000.".to_owned()
            }
            Self::PastFlashEnd { whose, .. } if whose == CONFIGURED => {
                "Correct the flash size that the project is configured for, or the offset."
                    .to_owned()
            }
            Self::PastFlashEnd { .. } => {
                "Use a board with more flash, or build for the flash that the board has.".to_owned()
            }
            Self::FlashSetting { .. } => "Correct the flash settings of the project.".to_owned(),
            Self::AmbiguousTarget { .. } => "Name one with --target.".to_owned(),
            Self::UnknownRegion { known, .. } | Self::EmptySelection { known } => {
                format!("Choose from: {}.", known.join(", "))
            }
            Self::DuplicateRegion { .. } => "Name each region once.".to_owned(),
            Self::BadArgument { .. } => {
                "Give pairs of an offset and a file: 0x10000 app.bin".to_owned()
            }
            Self::FlashEncrypted { .. } => {
                "If the board's encryption is still in development mode, build with flash \
                 encryption in that mode; else update over the air. Force the write only if you \
                 know that the board will still start."
                    .to_owned()
            }
            Self::SecureBoot { .. } => {
                "Deploy images signed with the board's key, and leave the boot loader alone; force \
                 the write only if you know that the board will still start."
                    .to_owned()
            }
        }
    }
}
