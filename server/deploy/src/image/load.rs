//! Reading a target's regions, and every check that needs no board.

use std::path::Path;
use std::sync::Arc;

use fbuild_chip::Chip;
use fbuild_loader::SECTOR_LEN;
use fbuild_project::file::{self, ELF_LIMIT, IMAGE_LIMIT, ReadError};
use fbuild_project::input_error::InputError;
use fbuild_project::target::{ElfSource, Region, RegionKind, Source, Target, Tool};

use super::board::{Standing, chip_text};
use super::check::{Contents, check};
use super::elf::{Conditions, Part, convert};
use super::loaded::LoadedImages;
use super::{Image, elf, layout};

/// Read the regions of `target` (all, or the named ones) and make every check that needs no board.
pub fn load(target: &Target, regions: Option<&[String]>) -> Result<LoadedImages, InputError> {
    load_unless(target, regions, &|| false)
}

/// [`load`] that ends with [`InputError::Cancelled`] soon after `is_cancelled` has become true.
pub fn load_unless(
    target: &Target,
    regions: Option<&[String]>,
    is_cancelled: &dyn Fn() -> bool,
) -> Result<LoadedImages, InputError> {
    let selected = select(target, regions)?;
    let (elf, parts) = read_elf(target, is_cancelled)?;
    let mut images = Vec::with_capacity(selected.len());
    for region in selected {
        images.push(read(target, region, parts.as_deref(), is_cancelled)?);
    }
    images.sort_by_key(|(image, _)| image.region.offset);
    let chip = agree_on_chip(target, &images)?;
    let mut loaded = LoadedImages {
        target: target.clone(),
        is_subset: images.len() < target.regions.len(),
        images,
        table: None,
        chip,
        warnings: target.remarks.clone(),
        elf,
    };
    loaded.find_table(parts.as_deref());
    loaded.place_table();
    loaded.check_table_is_current()?;
    loaded.check_layout(parts.as_deref())?;
    loaded.warn_of_security();
    loaded.warn_of_stale_files();
    Ok(loaded)
}

/// The regions that were asked for. Nothing is dropped silently.
fn select<'t>(target: &'t Target, names: Option<&[String]>) -> Result<Vec<&'t Region>, InputError> {
    let duplicate = |region: &str, place: String| InputError::DuplicateRegion {
        region: region.to_owned(),
        place,
    };
    let choice = || target.regions.iter().chain(&target.on_request);
    let known: Vec<_> = choice().map(|region| region.name.clone()).collect();
    if let Some(name) = first_duplicate(&known) {
        return Err(duplicate(name, target.found_in.display().to_string()));
    }
    let Some(names) = names else {
        return Ok(target.regions.iter().collect());
    };
    if names.is_empty() {
        return Err(InputError::EmptySelection { known });
    }
    if let Some(name) = first_duplicate(names) {
        return Err(duplicate(name, "the choice of regions".to_owned()));
    }
    names
        .iter()
        .map(|name| {
            choice()
                .find(|region| region.name == *name)
                .ok_or_else(|| InputError::UnknownRegion {
                    target: target.name.clone(),
                    region: name.clone(),
                    known: known.clone(),
                })
        })
        .collect()
}

fn first_duplicate(names: &[String]) -> Option<&str> {
    let duplicate = |(index, name): (usize, &String)| names[..index].contains(name);
    names
        .iter()
        .enumerate()
        .find(|item| duplicate(*item))
        .map(|(_, name)| name.as_str())
}

pub(super) fn elf_source(target: &Target) -> Option<&ElfSource> {
    target
        .regions
        .iter()
        .find_map(|region| match &region.source {
            Source::Elf(source) => Some(source),
            Source::File(_) => None,
        })
}

type ElfAndParts = (Option<Vec<u8>>, Option<Vec<Part>>);

fn read_elf(target: &Target, is_cancelled: &dyn Fn() -> bool) -> Result<ElfAndParts, InputError> {
    let Some(source) = elf_source(target) else {
        return Ok((None, None));
    };
    let remedy = target.build_remedy();
    let bytes = file::read_unless(&source.elf, ELF_LIMIT, is_cancelled);
    let bytes = not_empty("firmware", &source.elf, bytes, &remedy)?;
    let chip = target.chip.ok_or_else(|| InputError::ChipUnknown {
        target: target.name.clone(),
    })?;
    if let Some(found) = fbuild_project::elf::elf_chip(&bytes).filter(|found| *found != chip) {
        return Err(InputError::ChipMismatch {
            region: "firmware".to_owned(),
            path: source.elf.clone(),
            found: found.to_string(),
            expected_by: "the project is for".to_owned(),
            expected: chip.to_string(),
        });
    }
    let conditions = Conditions {
        chip,
        flash_size: None,
        crystal_mhz: None,
        revision: None,
    };
    let parts = convert(&bytes, source, &target.flash, conditions)?;
    Ok((Some(bytes), Some(parts)))
}

fn not_empty(
    region: &str,
    path: &Path,
    bytes: Result<Vec<u8>, ReadError>,
    remedy: &str,
) -> Result<Vec<u8>, InputError> {
    let bytes = bytes.map_err(|why| InputError::unread(region, path, why, remedy))?;
    if bytes.is_empty() {
        return Err(InputError::FileEmpty {
            region: region.to_owned(),
            path: path.to_owned(),
            remedy: remedy.to_owned(),
        });
    }
    Ok(bytes)
}

/// What to do about a missing or damaged file of `region`.
fn remedy(target: &Target, region: &Region) -> String {
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
        let others: Vec<_> = others.filter(|name| *name != region.name).collect();
        return format!(
            "No build makes this file: it comes with the framework or with the board's description. \
             Install it with the project's own tool, or deploy the other regions: --regions {}",
            others.join(",")
        );
    }
    if is_elsewhere && !has_folder && target.tool != Tool::Files {
        return format!(
            "This path is one of another machine, or of the container that the build ran in. Build \
             here: {}",
            target.build_command()
        );
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
            let part = part.ok_or_else(|| InputError::Elf {
                path: source.elf.clone(),
                why: format!("espflash makes no {} of it", region.name),
                remedy: remedy.clone(),
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
    }
}

pub(super) fn part(parts: Option<&[Part]>, kind: RegionKind) -> Option<&Part> {
    parts?.iter().find(|part| part.kind == kind)
}

/// The chip that the build says, checked against every image, or the one that the images name.
fn agree_on_chip(
    target: &Target,
    images: &[(Image, Contents)],
) -> Result<Option<Chip>, InputError> {
    let mut expected = target
        .chip
        .map(|chip| (chip, "the build is for".to_owned()));
    for (image, contents) in images {
        let Contents::Image(parsed) = contents else {
            continue;
        };
        let found = parsed.chip();
        match (&expected, found) {
            (Some((chip, _)), Some(found)) if *chip == found => {}
            (None, Some(found)) => {
                expected = Some((found, format!("{} is for", image.region.name)));
            }
            (expected, _) => {
                let (by, chip) = match expected {
                    Some((chip, by)) => (by.clone(), chip.to_string()),
                    None => (
                        "there are images for".to_owned(),
                        "known chips only".to_owned(),
                    ),
                };
                return Err(InputError::ChipMismatch {
                    region: image.region.name.clone(),
                    path: image.region.source.path().to_owned(),
                    found: chip_text(parsed.chip_id),
                    expected_by: by,
                    expected: chip,
                });
            }
        }
    }
    Ok(expected.map(|(chip, _)| chip))
}
