//! One region's bytes, from its file or from what is made of its ELF file.

use std::path::Path;
use std::sync::Arc;

use fbuild_chip::flash::SECTOR_LEN;
use fbuild_project::file::{self, IMAGE_LIMIT, ReadError};
use fbuild_project::input_error::InputError;
use fbuild_project::remedy::{Remedy, Way};
use fbuild_project::target::{ElfSource, Region, RegionKind, Source, Target, Tool};

use super::board::Standing;
use super::check::{Contents, check};
use super::elf::{self, Part};
use super::{Image, layout};
use crate::outcome::Unit;

pub(super) fn elf_source(target: &Target) -> Option<&ElfSource> {
    target
        .regions
        .iter()
        .find_map(|region| match &region.source {
            Source::Elf(source) => Some(source),
            Source::File(_) => None,
        })
}

pub(crate) fn not_empty(
    region: &str,
    path: &Path,
    bytes: Result<Vec<u8>, ReadError>,
    remedy: &Remedy,
) -> Result<Vec<u8>, InputError> {
    let bytes = bytes.map_err(|why| InputError::unread(region, path, &why, remedy))?;
    if bytes.is_empty() {
        return Err(InputError::empty(region, path, remedy));
    }
    Ok(bytes)
}

/// What to do about a missing or damaged file of `region`.
pub(crate) fn remedy(target: &Target, region: &Region) -> Remedy {
    let path = region.source.path();
    let is_elsewhere = !path.starts_with(&target.root);
    let has_folder = path.parent().is_some_and(Path::is_dir);
    let is_made_here = |other: &Region| other.source.path().parent() == path.parent();
    // PlatformIO's and Arduino's builds put what they make into one folder.
    let is_brought_along = matches!(target.tool, Tool::PlatformIo | Tool::Arduino)
        && matches!(region.kind, RegionKind::OtaData | RegionKind::Data)
        && !target.firmware().is_some_and(is_made_here);
    if is_brought_along {
        let others = target.regions.iter().map(|other| other.name.as_str());
        let others = others.filter(|name| *name != region.name);
        let others = others.map(str::to_owned).collect();
        return Remedy::from(
            "No build makes this file: it comes with the framework or with the board's description. \
             Install it with the project's own tool, or ",
        )
        .way(Way::OnlyRegions(others));
    }
    if is_elsewhere && !has_folder && target.recipe().is_some() {
        return format!(
            "This path is from another machine, or from the container that the build ran in. Build \
             here: {}",
            target.build_command()
        )
        .into();
    }
    target.build_remedy()
}

pub(super) fn read(
    target: &Target,
    region: &Region,
    parts: Option<&[Part]>,
    is_cancelled: &dyn Fn() -> bool,
) -> Result<(Image, Contents), InputError> {
    layout::check_alignment(region)?;
    let remedy = remedy(target, region);
    let mut region = region.clone();
    let bytes = match &region.source {
        Source::File(path) => {
            let bytes = file::read_unless(path, IMAGE_LIMIT, is_cancelled);
            not_empty(&region.name, path, bytes, &remedy)?
        }
        Source::Elf(source) => {
            let part = part(parts, region.kind).filter(|part| elf::is_image(part));
            let part = part.ok_or_else(|| {
                let why = format!("espflash makes no {} from it", region.name);
                elf::no_image(&source.elf, &why, &remedy)
            })?;
            region.offset = part.offset;
            part.bytes.clone()
        }
    };
    let contents = check(&region, &bytes, &remedy)?;
    Ok((image(region, bytes), contents))
}

/// An image of these bytes, its last sector filled up with FF.
pub(super) fn image(region: Region, mut bytes: Vec<u8>) -> Image {
    let len_bytes = bytes.len();
    bytes.resize(len_bytes.next_multiple_of(SECTOR_LEN as usize), 0xFF);
    Image {
        region,
        bytes: Arc::new(bytes),
        len_bytes,
        standing: Standing::Plain,
        unit: Unit::Sector,
    }
}

pub(super) fn part(parts: Option<&[Part]>, kind: RegionKind) -> Option<&Part> {
    parts?.iter().find(|part| part.kind == kind)
}
