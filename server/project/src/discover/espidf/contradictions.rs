//! What the files of a build say that cannot both be true. What was built is deployed; that the other
//! file means something else is told.

use std::path::{Path, PathBuf};

use fbuild_chip::Chip;
use serde_json::Value;

use crate::discover::environment::Environment;
use crate::discover::flasher_args::FlasherArgs;
use crate::discover::sdkconfig::SdkConfig;
use crate::flash_size::size_bytes;

/// Named images that the list of what is flashed puts elsewhere, or puts another file in the place of.
pub(super) fn of_places(args: &FlasherArgs) -> Vec<String> {
    let listed = || {
        let files = args.files.iter();
        files.filter_map(|entry| Some((entry.offset_bytes()?, entry.file.as_deref()?)))
    };
    let mut remarks = Vec::new();
    for image in &args.named {
        let (name, file, offset) = (&image.name.value, &image.file.value, image.offset.value);
        if listed().any(|entry| entry == (offset, file)) {
            continue;
        }
        let elsewhere = listed().find(|(_, listed)| listed == file);
        let instead = listed().find(|(at, _)| *at == offset);
        let says = if let Some((at, _)) = elsewhere {
            format!("{name}.offset is {offset:#x}, and flash_files puts {file} to {at:#x}")
        } else if let Some((_, other)) = instead {
            format!("{name}.file is {file}, and flash_files puts {other} to {offset:#x}")
        } else {
            continue;
        };
        remarks.push(format!(
            "flasher_args.json contradicts itself: {says}, which is deployed; idf.py reconfigure \
             writes it anew"
        ));
    }
    remarks
}

/// What a build was made with.
pub(in crate::discover) struct Built {
    pub(in crate::discover) table_offset: Option<u32>,
    pub(in crate::discover) bootloader_offset: Option<u32>,
    pub(in crate::discover) size: Option<String>,
}

impl Built {
    pub(super) fn of(args: &FlasherArgs) -> Self {
        let placed = |name: &str| {
            let mut named = args.named.iter().filter(|image| image.name.value == name);
            Some(named.next()?.offset.value)
        };
        Self {
            table_offset: placed("partition-table"),
            bootloader_offset: placed("bootloader"),
            size: args.size.as_ref().map(|size| size.value.clone()),
        }
    }
}

/// What sdkconfig would give a build made now, and the files of this one have otherwise. `file_of` says
/// which file has an option, and `remedy` ends each sentence.
pub(in crate::discover) fn of_settings(
    built: &Built,
    file_of: &dyn Fn(&str) -> PathBuf,
    sdkconfig: &SdkConfig,
    remedy: &str,
) -> Vec<String> {
    let offset = |option: &str, built: Option<u32>| {
        let (said, built) = (sdkconfig.hex(option)?, built?);
        (said != built).then(|| {
            (
                option.to_owned(),
                format!("{said:#x}"),
                format!("{built:#x}"),
            )
        })
    };
    let size = || {
        let option = "ESPTOOLPY_FLASHSIZE";
        let (said, built) = (sdkconfig.get(option)?, built.size.as_ref()?);
        let differs = size_bytes(said)? != size_bytes(built)?;
        differs.then(|| (option.to_owned(), said.to_owned(), built.clone()))
    };
    let differing = [
        offset("PARTITION_TABLE_OFFSET", built.table_offset),
        offset("BOOTLOADER_OFFSET_IN_FLASH", built.bootloader_offset),
        size(),
    ];
    let differing = differing.into_iter().flatten();
    let remark = differing.map(|(option, said, built)| {
        format!(
            "CONFIG_{option} in {} is {said}, and this build was made with {built}{remedy}",
            file_of(&option).display()
        )
    });
    remark.collect()
}

/// What else names a chip, and another than the one that was built for.
pub(super) fn of_chips(
    built_for: Option<Chip>,
    description: &Value,
    sdkconfig: (&Path, &SdkConfig),
    environment: &Environment,
) -> Vec<String> {
    let Some(built_for) = built_for else {
        return Vec::new();
    };
    let (path, sdkconfig) = sdkconfig;
    let described = description.get("target").and_then(Value::as_str);
    let said = [
        ("project_description.json".to_owned(), described),
        (path.display().to_string(), sdkconfig.get("IDF_TARGET")),
        (
            "the environment variable IDF_TARGET".to_owned(),
            environment.get("IDF_TARGET"),
        ),
    ];
    let differs = said.into_iter().filter_map(|(who, chip)| {
        let chip = chip.filter(|chip| !chip.is_empty())?;
        // A name that is not known is another chip, too.
        (chip.parse() != Ok(built_for)).then(|| {
            format!(
                "{who} says {chip}, and this build is for {built_for} and is deployed as such; idf.py \
                 set-target {chip} and idf.py build make the other one"
            )
        })
    });
    differs.collect()
}
