//! esptool in place of the native backend: which one.

use std::path::Path;

use fbuild_deploy::outcome::Failure;

use super::stand::Stand;
use crate::order::Order;
use crate::server::settings::Settings;

/// Names the esptool of the settings.
pub(super) fn choose(
    stand: &Stand<'_>,
    settings: &Settings,
    order: &mut Order,
) -> Result<(), Failure> {
    order.esptool.clone_from(&settings.esptool);
    let is_trusted = stand.desk.configuration.is_trusted();
    match order.esptool.as_deref() {
        Some(path) if !is_trusted => Err(not_trusted(path)),
        _ => Ok(()),
    }
}

/// The setting may come with the workspace, and would be run.
fn not_trusted(path: &Path) -> Failure {
    Failure::of_input(
        "not-trusted",
        format!(
            "{} (fbuild.esptool.path) is not run, because this workspace is not trusted",
            path.display()
        ),
        "trust the workspace in the editor; or remove the setting to use the esptool on \
                 PATH",
    )
}
