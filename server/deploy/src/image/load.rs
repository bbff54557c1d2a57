//! Reading a target's regions, and every check that needs no board.

use fbuild_chip::Chip;
use fbuild_project::file::{self, ELF_LIMIT};
use fbuild_project::input_error::InputError;
use fbuild_project::target::{Region, Target};

use super::Image;
use super::check::Contents;
use super::elf::{Conditions, Part, convert};
use super::loaded::LoadedImages;
use super::read::{elf_source, not_empty, read};

/// Read the regions of `target` (all, or the named ones) and make every check that needs no board.
///
/// # Errors
/// The first file, region or header that cannot be deployed, with its remedy. No board was touched.
pub fn load(target: &Target, regions: Option<&[String]>) -> Result<LoadedImages, InputError> {
    load_unless(target, regions, &|| false)
}

/// [`load`] that ends with [`InputError::cancelled`] soon after `is_cancelled` has become true.
///
/// # Errors
/// As [`load`].
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
pub(crate) fn select<'t>(
    target: &'t Target,
    names: Option<&[String]>,
) -> Result<Vec<&'t Region>, InputError> {
    let duplicate = |region: &str, place: &str| {
        let what = format!("the region '{region}' is listed twice in {place}");
        InputError::new("duplicate-region", what, "Name each region once.")
    };
    let choice = || target.regions.iter().chain(&target.on_request);
    let known: Vec<_> = choice().map(|region| region.name.clone()).collect();
    if let Some(name) = first_duplicate(&known) {
        return Err(duplicate(name, &target.found_in.display().to_string()));
    }
    let Some(names) = names else {
        return Ok(target.regions.iter().collect());
    };
    if names.is_empty() {
        return Err(InputError::new(
            "empty-selection",
            "no region was chosen",
            choose_from(&known),
        ));
    }
    if let Some(name) = first_duplicate(names) {
        return Err(duplicate(name, "the choice of regions"));
    }
    names
        .iter()
        .map(|name| {
            choice().find(|region| region.name == *name).ok_or_else(|| {
                let what = format!(
                    "{} has no region '{name}'; its regions: {}",
                    target.name,
                    known.join(", ")
                );
                InputError::new("unknown-region", what, choose_from(&known))
            })
        })
        .collect()
}

fn choose_from(known: &[String]) -> String {
    format!("Choose from: {}.", known.join(", "))
}

fn first_duplicate(names: &[String]) -> Option<&str> {
    let duplicate = |(index, name): (usize, &String)| names[..index].contains(name);
    names
        .iter()
        .enumerate()
        .find(|item| duplicate(*item))
        .map(|(_, name)| name.as_str())
}

type ElfAndParts = (Option<Vec<u8>>, Option<Vec<Part>>);

fn read_elf(target: &Target, is_cancelled: &dyn Fn() -> bool) -> Result<ElfAndParts, InputError> {
    let Some(source) = elf_source(target) else {
        return Ok((None, None));
    };
    let remedy = target.build_remedy();
    let bytes = file::read_unless(&source.elf, ELF_LIMIT, is_cancelled);
    let bytes = not_empty("firmware", &source.elf, bytes, &remedy)?;
    let chip = target.chip.ok_or_else(|| {
        InputError::new(
            "chip-unknown",
            format!("{}: nothing says which chip it is for", target.name),
            "Name the chip in the project (a feature of esp-hal, or `--chip` in the runner).",
        )
    })?;
    if let Some(found) = fbuild_project::elf::elf_chip(&bytes).filter(|found| *found != chip) {
        return Err(InputError::chip_mismatch(
            "firmware",
            &source.elf,
            &found.to_string(),
            "the project is for",
            &chip.to_string(),
        ));
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
                return Err(InputError::chip_mismatch(
                    &image.region.name,
                    image.region.source.path(),
                    &parsed.made_for.to_string(),
                    &by,
                    &chip,
                ));
            }
        }
    }
    Ok(expected.map(|(chip, _)| chip))
}
