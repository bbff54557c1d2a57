//! A target's program as it will be in flash, and the checks that need no board.

use std::sync::Arc;

use fbuild_chip::usb::{Teensy, UsbBoard};
use fbuild_loader::cancel::CancelToken;
use fbuild_project::file::{self, IMAGE_LIMIT};
use fbuild_project::input_error::InputError;
use fbuild_project::intel_hex;
use fbuild_project::target::Region;
use fbuild_project::uf2::{self, Uf2Error};

use crate::image::load::select;
use crate::image::read::{not_empty, remedy};
use crate::image::{Image, Standing};
use crate::outcome::Unit;
use crate::request::Request;

/// A program, read and checked.
pub(crate) struct UsbImage {
    pub(super) image: Image,
    /// Its file, which the boot loader gets as it is.
    pub(super) file: Arc<Vec<u8>>,
    /// The board that it is for; the chip of an RP2 is known by now.
    pub(super) board: UsbBoard,
}

pub(super) fn load(request: &Request, cancel: &CancelToken) -> Result<UsbImage, InputError> {
    let target = &request.target;
    let selected = select(target, request.regions.as_deref())?;
    let (Some(board), [region]) = (target.usb, &selected[..]) else {
        let what = format!("{}: nothing says which board it is for", target.name);
        return Err(InputError::new(
            "chip-unknown",
            what,
            "Name the board in the project.",
        ));
    };
    let path = region.source.path();
    let remedy = remedy(target, region);
    let bytes = file::read_unless(path, IMAGE_LIMIT, &|| cancel.is_cancelled());
    let mut file = not_empty(&region.name, path, bytes, &remedy)?;
    let (image, board) = match board {
        UsbBoard::Teensy(teensy) => {
            let memory = teensy.flash_start..teensy.flash_start + teensy.flash_bytes;
            let content = intel_hex::read(&file, memory).map_err(|error| {
                let what = format!(
                    "{}: {}, {error} (of the {teensy})",
                    region.name,
                    path.display()
                );
                InputError::new("hex", what, remedy.clone()).in_file(path)
            })?;
            if content.bytes.is_empty() {
                return Err(InputError::empty(&region.name, path, &remedy));
            }
            let unit = Unit::Page(teensy.block_bytes);
            (image(region, 0, content.bytes, unit), board)
        }
        UsbBoard::Rp2(wanted) => {
            let read = |file: &mut Vec<u8>| {
                if let Some(chip) = wanted.filter(|_| uf2::is_elf(file)) {
                    *file = uf2::of_elf(file, chip)?;
                }
                uf2::read(file, wanted)
            };
            let program = read(&mut file).map_err(|error| match (error, wanted) {
                (Uf2Error::OtherFamily { found }, Some(wanted)) => InputError::chip_mismatch(
                    &region.name,
                    path,
                    &found,
                    "the project's board has an",
                    &wanted.to_string(),
                ),
                (error, _) => {
                    let what = format!("{}: {}, {error}", region.name, path.display());
                    InputError::new("uf2", what, remedy.clone()).in_file(path)
                }
            })?;
            let board = UsbBoard::Rp2(Some(program.chip));
            let image = image(region, program.offset, program.bytes, Unit::Sector);
            (image, board)
        }
    };
    Ok(UsbImage {
        image,
        file: Arc::new(file),
        board,
    })
}

fn image(region: &Region, offset: u32, mut bytes: Vec<u8>, unit: Unit) -> Image {
    let len_bytes = bytes.len();
    bytes.resize(len_bytes.next_multiple_of(unit.len_bytes() as usize), 0xFF);
    Image {
        region: Region {
            offset,
            ..region.clone()
        },
        bytes: Arc::new(bytes),
        len_bytes,
        standing: Standing::Plain,
        unit,
    }
}

/// How many blocks `teensy_loader_cli` sends of it: the first, and those that are not blank.
pub(super) fn blocks(teensy: &Teensy, image: &[u8]) -> usize {
    let blocks = image.chunks(teensy.block_bytes as usize);
    let blank = |block: &[u8]| block.iter().all(|byte| *byte == 0xFF);
    blocks
        .enumerate()
        .filter(|(n, block)| *n == 0 || !blank(block))
        .count()
}
