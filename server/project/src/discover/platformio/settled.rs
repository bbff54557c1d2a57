//! What a build says of its places, and what is taken where the project's files say otherwise.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::built::{IdeData, place_in_factory_image};
use super::{ARDUINO_APP, Env};
use crate::discover::platformio_config::ConfigProblem;
use crate::discover::{AT_ONCE, image_chip, modified, regions};
use crate::partitions::PartitionTable;
use crate::target::{Region, RegionKind, Source, Target};

/// What the build adds to the name of an image that it signed.
const SIGNED: &str = "-signed";

/// The signed image in place of the one that it was made from, where there is one.
pub(super) fn sign(region: &mut Region) {
    let Source::File(path) = &mut region.source else {
        return;
    };
    if let Some(stem) = path.file_stem().and_then(|stem| stem.to_str()) {
        let signed = path.with_file_name(format!("{stem}{SIGNED}.bin"));
        if signed.is_file() {
            *path = signed;
        }
    }
}

impl Env<'_> {
    /// Puts the program where the build's own image of the whole flash has it; what is told of that.
    pub(super) fn as_built(
        &self,
        found: &mut [Region],
        table: Option<&PartitionTable>,
    ) -> Option<String> {
        let firmware = found.iter_mut().find(|it| it.kind == RegionKind::App)?;
        let apps = table.into_iter().flat_map(PartitionTable::apps);
        let places: Vec<_> = apps
            .map(|row| row.offset)
            .chain([ARDUINO_APP, firmware.offset])
            .collect();
        let place = place_in_factory_image(&self.app, &places)?;
        let computed = std::mem::replace(&mut firmware.offset, place);
        (place != computed).then(|| {
            format!(
                "{} has the program at {place:#x}, where it is deployed, and the project's files put \
                 it to {computed:#x}",
                self.app.with_extension("factory.bin").display()
            )
        })
    }

    /// Names for the images of `idedata.json`, which has none.
    pub(super) fn named(
        &self,
        images: &[(u32, PathBuf)],
        target: &Target,
        table: Option<&PartitionTable>,
    ) -> Vec<Region> {
        let chip = target
            .chip
            .or_else(|| image_chip(&self.dir.join("bootloader.bin")));
        images
            .iter()
            .map(|(offset, path)| {
                let path = path.clone();
                let name = path
                    .file_name()
                    .and_then(|name| name.to_str())
                    .unwrap_or_default();
                let at_bootloader =
                    chip.is_some_and(|chip| chip.facts().bootloader_offset == *offset);
                let name = name.replace(SIGNED, "");
                match &*name {
                    "partitions.bin" => regions::partitions(*offset, path),
                    "boot_app0.bin" | "ota_data_initial.bin" => regions::otadata(*offset, path),
                    "bootloader.bin" => regions::bootloader(*offset, path),
                    _ if at_bootloader => regions::bootloader(*offset, path),
                    _ => regions::data(*offset, path, table),
                }
            })
            .collect()
    }

    /// What `idedata.json` says, unless it was written before what it is about: then what follows
    /// from the project, with the images that scripts had added.
    pub(super) fn settled(
        &self,
        said: Vec<Region>,
        computed: Vec<Region>,
        idedata: &IdeData,
        table: Option<&PartitionTable>,
    ) -> Result<(Vec<Region>, Option<String>), ConfigProblem> {
        // Where everything was copied or unpacked at once, nothing tells which was first.
        let certain_from = |written: SystemTime| written.checked_sub(AT_ONCE);
        let is_newer = |path: &Path| modified(path) > idedata.written.and_then(certain_from);
        let offset_of = |regions: &[Region], name: &str| {
            let found = regions.iter().find(|region| region.name == name);
            found.map(|region| region.offset)
        };
        let differs = |name: &&&str| {
            let (said, computed) = (offset_of(&said, name), offset_of(&computed, name));
            said != computed && computed.is_some()
        };
        let fixed = [
            regions::BOOTLOADER,
            regions::PARTITIONS,
            regions::OTADATA,
            regions::FIRMWARE,
        ];
        let differing = fixed.iter().find(differs);
        let is_table_newer = is_newer(&self.dir.join("partitions.bin"));
        let is_older = is_table_newer || self.config.files().any(is_newer);
        // Without a table there is nothing that it could contradict.
        let (Some(name), Some(table)) = (differing, table) else {
            return Ok((said, None));
        };
        // What scripts set is known only from there.
        let has_scripts = !self.config.list(&self.section, "extra_scripts")?.is_empty();
        let text = |offset: Option<u32>| {
            offset.map_or_else(|| "nowhere".to_owned(), |offset| format!("{offset:#x}"))
        };
        let (here, there) = (
            text(offset_of(&said, name)),
            text(offset_of(&computed, name)),
        );
        if !is_older {
            // What a script moves is meant.
            let remark = format!(
                "idedata.json puts {name} to {here}, which is deployed, and the project's files put it \
                 to {there}"
            );
            return Ok((said, Some(remark).filter(|_| !has_scripts)));
        }
        let remark = format!(
            "idedata.json is not newer than the project's files: it puts {name} to {here}, and they \
             put it to {there}, which is deployed; `pio run -t idedata` writes it anew"
        );
        let app = offset_of(&said, regions::FIRMWARE);
        let is_possible = table.apps().any(|row| Some(row.offset) == app);
        if has_scripts && (is_possible || !is_table_newer) {
            let remark = remark.replace(", which is deployed", "; what it says is deployed");
            return Ok((said, Some(remark)));
        }
        let mut settled = computed;
        for region in said {
            let is_extra = region.kind == RegionKind::Data
                && settled.iter().all(|known| known.offset != region.offset);
            if is_extra {
                settled.push(region);
            }
        }
        Ok((settled, Some(remark)))
    }
}
