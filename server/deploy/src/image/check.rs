//! Checks of one region's bytes by what they should be.

use fbuild_project::esp_image::{EspImage, ImageFault};
use fbuild_project::input_error::InputError;
use fbuild_project::otadata::OTADATA_BYTES;
use fbuild_project::partitions::PartitionTable;
use fbuild_project::target::{Region, RegionKind};

/// What the bytes of a region turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Contents {
    Image(EspImage),
    Table(PartitionTable),
    Other,
}

/// Check `bytes` for `region`; `remedy` is what to do if they are unusable.
pub(super) fn check(region: &Region, bytes: &[u8], remedy: &str) -> Result<Contents, InputError> {
    let name = region.name.clone();
    let path = region.source.path().to_owned();
    let remedy = remedy.to_owned();
    if bytes.is_empty() {
        return Err(InputError::FileEmpty {
            region: name,
            path,
            remedy,
        });
    }
    match region.kind {
        RegionKind::Bootloader | RegionKind::App => EspImage::parse(bytes)
            .map(Contents::Image)
            .map_err(|fault| match fault {
                ImageFault::Magic => InputError::ImageMagic {
                    region: name,
                    path,
                    found: hex(bytes),
                    remedy,
                },
                ImageFault::Header(why) => InputError::ImageHeader {
                    region: name,
                    path,
                    why,
                    remedy,
                },
                ImageFault::Truncated { needed_bytes } => InputError::ImageTruncated {
                    region: name,
                    path,
                    len_bytes: bytes.len() as u64,
                    needed_bytes,
                    remedy,
                },
                ImageFault::Checksum { stored, computed } => InputError::ImageChecksum {
                    region: name,
                    path,
                    stored,
                    computed,
                    remedy,
                },
                ImageFault::Hash => InputError::ImageHash {
                    region: name,
                    path,
                    remedy,
                },
            }),
        RegionKind::PartitionTable => {
            PartitionTable::parse(bytes)
                .map(Contents::Table)
                .map_err(|error| {
                    let why = error.to_string();
                    InputError::TableUnreadable {
                        region: name,
                        path,
                        why,
                        remedy,
                    }
                })
        }
        RegionKind::OtaData if bytes.len() > OTADATA_BYTES => {
            Err(InputError::RegionExceedsPartition {
                region: name.clone(),
                path,
                len_bytes: bytes.len() as u64,
                partition: name,
                offset: region.offset,
                partition_bytes: OTADATA_BYTES as u64,
            })
        }
        RegionKind::OtaData | RegionKind::Data => Ok(Contents::Other),
    }
}

fn hex(bytes: &[u8]) -> String {
    let start = &bytes[..bytes.len().min(4)];
    start
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect::<Vec<_>>()
        .join(" ")
}
