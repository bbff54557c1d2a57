//! What can be sent: one whole image, the app or a file system. The device puts it where it belongs.

use fbuild_project::input_error::InputError;
use fbuild_project::partitions::PartitionTable;
use fbuild_project::target::{RegionKind, Target};

use crate::image::Image;
use crate::request::Choice;

/// The one region to send: by its name, else the app.
pub(super) fn choose(target: &Target, asked: Option<&[String]>) -> Result<Choice, InputError> {
    let Some(names) = asked else {
        let app = target.firmware().ok_or_else(|| {
            refused(
                format!("{} has no app that could be sent over the air", target.name),
                "Name the region of a file system, or deploy over a serial port.",
            )
        })?;
        let others = target
            .regions
            .iter()
            .filter(|region| region.name != app.name);
        let others: Vec<&str> = others.map(|region| &*region.name).collect();
        let note = format!(
            "over the air only {} is sent, and these stay as they are: {}",
            app.name,
            others.join(", ")
        );
        return Ok(Choice {
            regions: Some(vec![app.name.clone()]),
            note: (!others.is_empty()).then_some(note),
        });
    };
    let of_name = |name: &String| {
        let mut known = target.regions.iter().chain(&target.on_request);
        known.find(|region| region.name == *name)
    };
    // What is not known at all is refused with all other input.
    for region in names.iter().filter_map(of_name) {
        if !matches!(region.kind, RegionKind::App | RegionKind::Data) {
            return Err(refused(
                format!(
                    "{} cannot be sent over the air: a device takes its app or a file system that way",
                    region.name
                ),
                "Leave it out, or deploy over a serial port.",
            ));
        }
    }
    if names.len() > 1 {
        return Err(refused(
            format!(
                "one region is sent over the air at a time, not {}: the device starts anew after each",
                names.join(" and ")
            ),
            "Deploy them one after the other.",
        ));
    }
    Ok(Choice {
        regions: Some(names.to_vec()),
        note: None,
    })
}

/// Whether the device has a place for it, as far as the project's partition table tells. A device that has
/// none says nothing at all.
pub(super) fn check_place(
    image: &Image,
    table: Option<&PartitionTable>,
    force: bool,
) -> Result<(), InputError> {
    let name = &image.region.name;
    if image.region.kind == RegionKind::App {
        let Some(table) = table.filter(|_| !force) else {
            return Ok(());
        };
        let slots = table.ota_slots();
        let largest = slots.iter().map(|slot| slot.size).max().unwrap_or_default();
        let why = if slots.is_empty() || table.apps().count() < 2 {
            "the partition table of the project has no second slot for an app".to_owned()
        } else if image.len_bytes as u64 > u64::from(largest) {
            format!(
                "it has {} bytes, and the largest OTA slot {largest}",
                image.len_bytes
            )
        } else {
            return Ok(());
        };
        return Err(InputError::new(
            "ota-no-space",
            format!("{name} cannot be sent over the air: {why}"),
            "Use a partition table with two OTA slots that are large enough, and deploy it over a serial port \
             once.",
        ));
    }
    let mut places = table.into_iter().flat_map(|table| &table.partitions);
    let first = places.find(|row| row.is_spiffs_or_littlefs());
    match first {
        Some(first) if first.offset == image.region.offset => Ok(()),
        first => {
            let place = match first {
                Some(first) => format!("{}, at {:#x}", first.label, first.offset),
                None => "no partition that the project's table has".to_owned(),
            };
            Err(refused(
                format!(
                    "{name} ({:#x}) cannot be sent over the air: a file system goes into the first SPIFFS or \
                     LittleFS partition, which is {place}",
                    image.region.offset
                ),
                "Deploy it over a serial port.",
            ))
        }
    }
}

fn refused(what: String, remedy: &str) -> InputError {
    InputError::new("ota-region", what, remedy)
}
