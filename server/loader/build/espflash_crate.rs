//! Where cargo unpacked the `espflash` crate that Cargo.lock pins. `loader` takes flasher stubs from it, `monitor` the
//! boot ROMs' symbols.

use std::env;
use std::error::Error;
use std::path::PathBuf;

use cargo_metadata::{CargoOpt, Metadata, MetadataCommand};

/// The crate's folder.
pub(crate) fn folder() -> Result<PathBuf, Box<dyn Error>> {
    let metadata = metadata()?;
    let espflash = metadata
        .packages
        .iter()
        .find(|package| package.name.as_str() == "espflash")
        .ok_or("Cargo.lock pins no espflash")?;
    let manifest = espflash.manifest_path.as_std_path();
    Ok(manifest
        .parent()
        .ok_or("espflash has no folder")?
        .to_owned())
}

/// Offline and locked. Only where that fails (a crate that this build does not need was never
/// downloaded) cargo may fetch what the lock file names.
fn metadata() -> Result<Metadata, Box<dyn Error>> {
    let query = |offline: bool| {
        let mut options = vec!["--locked".to_owned()];
        if offline {
            options.push("--offline".to_owned());
        }
        options.extend([
            "--filter-platform".to_owned(),
            env::var("TARGET").unwrap_or_default(),
        ]);
        MetadataCommand::new()
            .manifest_path("Cargo.toml")
            .features(CargoOpt::SomeFeatures(Vec::new()))
            .other_options(options)
            .exec()
    };
    query(true).or_else(|_| query(false)).map_err(Into::into)
}
