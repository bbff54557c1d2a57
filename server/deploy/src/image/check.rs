//! Checks of one region's bytes by what they should be.

use fbuild_project::esp_image::{EspImage, ImageFault};
use fbuild_project::input_error::InputError;
use fbuild_project::otadata::OTADATA_BYTES;
use fbuild_project::partitions::PartitionTable;
use fbuild_project::remedy::Remedy;
use fbuild_project::target::{Region, RegionKind};

/// What the bytes of a region turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Contents {
    Image(EspImage),
    Table(PartitionTable),
    Other,
}

/// Check `bytes` for `region`; `remedy` is what to do if they are unusable.
pub(super) fn check(
    region: &Region,
    bytes: &[u8],
    remedy: &Remedy,
) -> Result<Contents, InputError> {
    let (name, path) = (&region.name, region.source.path());
    if bytes.is_empty() {
        return Err(InputError::empty(name, path, remedy));
    }
    match region.kind {
        RegionKind::Bootloader | RegionKind::App => EspImage::parse(bytes)
            .map(Contents::Image)
            .map_err(|fault| image_fault(&fault, region, bytes, remedy)),
        RegionKind::PartitionTable => {
            let table = PartitionTable::parse(bytes).map(Contents::Table);
            table.map_err(|error| {
                InputError::table_unreadable(name, path, &error.to_string(), remedy)
            })
        }
        RegionKind::OtaData if bytes.len() > OTADATA_BYTES => {
            Err(InputError::region_exceeds_partition(
                name,
                path,
                bytes.len() as u64,
                name,
                region.offset,
                OTADATA_BYTES as u64,
            ))
        }
        RegionKind::OtaData | RegionKind::Data => Ok(Contents::Other),
    }
}

fn image_fault(fault: &ImageFault, region: &Region, bytes: &[u8], remedy: &Remedy) -> InputError {
    let (name, file) = (&region.name, region.source.path());
    let path = file.display();
    let error = match fault {
        ImageFault::Magic => {
            let found = bytes.iter().take(4).map(|byte| format!("{byte:02x}"));
            let found = found.collect::<Vec<_>>().join(" ");
            let what = format!(
                "{name}: {path} is not an ESP image: it begins with {found}, not with 0xe9"
            );
            InputError::new("image-magic", what, remedy)
        }
        ImageFault::Header(why) => {
            let what = format!("{name}: the header of {path} is damaged: {why}");
            InputError::new("image-header", what, remedy)
        }
        ImageFault::Truncated { needed_bytes } => {
            let len_bytes = bytes.len();
            let what = format!(
                "{name}: {path} is cut short: {len_bytes} bytes, at least {needed_bytes} expected"
            );
            InputError::new("image-truncated", what, remedy)
        }
        ImageFault::Checksum { stored, computed } => {
            let what = format!(
                "{name}: {path} is damaged: its checksum is {stored:#04x}, its contents give \
                 {computed:#04x}"
            );
            InputError::new("image-checksum", what, remedy)
        }
        ImageFault::Hash => {
            let what =
                format!("{name}: {path} is damaged: its SHA-256 does not match its contents");
            InputError::new("image-hash", what, remedy)
        }
    };
    error.in_file(file)
}
