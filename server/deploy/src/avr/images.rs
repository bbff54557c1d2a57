//! A target's files as they will be in the part's memories, and the checks that need no board.

use std::sync::Arc;

use fbuild_chip::avr::Part;
use fbuild_loader::cancel::CancelToken;
use fbuild_loader::stk500::Memory;
use fbuild_project::file::{self, TEXT_LIMIT};
use fbuild_project::input_error::InputError;
use fbuild_project::intel_hex::{self, Content};
use fbuild_project::target::{Region, RegionKind, Target};

use crate::image::load::select;
use crate::image::read::{not_empty, remedy};
use crate::image::{Image, Standing};
use crate::outcome::Unit;
use crate::request::Request;

/// A target's regions, read and checked.
pub(crate) struct AvrImages {
    pub(super) images: Vec<Image>,
    pub(super) is_subset: bool,
}

/// Which memory an image is for.
pub(super) fn memory_of(image: &Image) -> Memory {
    match image.region.kind {
        RegionKind::Data => Memory::Eeprom,
        _ => Memory::Flash,
    }
}

pub(super) fn load(request: &Request, cancel: &CancelToken) -> Result<AvrImages, InputError> {
    let target = &request.target;
    let selected = select(target, request.regions.as_deref())?;
    let is_subset = target
        .regions
        .iter()
        .any(|region| !selected.contains(&region));
    let images = selected
        .into_iter()
        .map(|region| read(target, region, cancel));
    Ok(AvrImages {
        images: images.collect::<Result<_, _>>()?,
        is_subset,
    })
}

fn read(target: &Target, region: &Region, cancel: &CancelToken) -> Result<Image, InputError> {
    let Some(board) = target.avr else {
        return Err(InputError::new(
            "chip-unknown",
            format!("{}: nothing says which part it is for", target.name),
            "Name the board in the project.",
        ));
    };
    let (name, path) = (&*region.name, region.source.path());
    let remedy = remedy(target, region);
    let text = file::read_unless(path, TEXT_LIMIT, &|| cancel.is_cancelled());
    let text = not_empty(name, path, text, &remedy)?;
    let limit_bytes = match region.kind {
        RegionKind::Data => board.part.eeprom_bytes,
        _ => board.part.flash_bytes,
    };
    let Content {
        mut bytes,
        first_gap,
    } = intel_hex::read(&text, 0..limit_bytes).map_err(|error| {
        let what = format!("{name}: {}, {error}", path.display());
        InputError::new("hex", what, remedy.clone()).in_file(path)
    })?;
    if bytes.is_empty() {
        return Err(InputError::empty(name, path, &remedy));
    }
    if region.kind == RegionKind::App && bytes.len() > board.boot_start as usize {
        let what = format!(
            "{name}: {} ends at {:#x}, but the boot loader's own section of the {} begins at {:#x}",
            path.display(),
            bytes.len(),
            board.part,
            board.boot_start
        );
        let remedy = "Make the program smaller, or check that the project's board is the right one: \
                      another boot loader may leave more room.";
        return Err(InputError::new("boot-section", what, remedy).in_file(path));
    }
    let len_bytes = bytes.len();
    if region.kind != RegionKind::Data {
        let page_bytes = board.part.page_bytes as usize;
        bytes.resize(len_bytes.next_multiple_of(page_bytes), 0xFF);
    } else if let Some(gap) = first_gap {
        // In EEPROM FF is data: what the file does not set is not to be lost.
        let what = format!(
            "{name}: {} leaves the byte at {gap:#x} unset and sets later ones: writing it would overwrite what the \
             board keeps there",
            path.display()
        );
        let remedy = "Have the build set every byte up to the last one, or write the file with a programmer.";
        return Err(InputError::new("eeprom-gap", what, remedy).in_file(path));
    }
    Ok(Image {
        region: region.clone(),
        bytes: Arc::new(bytes),
        len_bytes,
        standing: Standing::Plain,
        unit: Unit::Page(board.part.page_bytes),
    })
}

impl AvrImages {
    /// The board carries another part.
    pub(super) fn for_another_part(&self, wanted: &Part, signature: [u8; 3]) -> InputError {
        let [a, b, c] = signature;
        let found = match Part::from_signature(signature) {
            Some(part) => part.to_string(),
            None => format!("a part with the signature {a:02x} {b:02x} {c:02x}"),
        };
        let Some(image) = self.images.first() else {
            return InputError::new("chip-mismatch", format!("the board is {found}"), "");
        };
        let (name, path) = (&image.region.name, image.region.source.path());
        InputError::chip_mismatch(name, path, &wanted.to_string(), "the board is", &found)
    }
}
