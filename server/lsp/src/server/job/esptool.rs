//! esptool in place of the native backend: which one, and offering it where nothing else will do.

use std::path::Path;

use fbuild_deploy::outcome::{Backend, Failure};
use fbuild_link::port_name::PortName;

use super::stand::{Stand, Stop};
use crate::order::Order;
use crate::server::editor::Answer;
use crate::server::settings::Settings;

/// Where only esptool opens the port, the person may have it do this job. Who cannot be asked gets
/// the native backend's refusal, which says the same.
pub(super) fn offer(
    stand: &Stand<'_>,
    settings: &Settings,
    order: &mut Order,
    port: &str,
) -> Result<(), Stop> {
    if order.backend != Backend::Native || !matches!(PortName::of(port), PortName::Rfc2217(_)) {
        return Ok(());
    }
    let question =
        format!("Only esptool opens {port}. (Set fbuild.backend to use it for every job.)");
    match stand.ask(false, &question, &["Use esptool".to_owned()])? {
        Answer::Chosen(_) => {
            order.backend = Backend::Esptool;
            Ok(choose(stand, settings, order)?)
        }
        Answer::Dismissed => Err(Stop::Cancelled),
        Answer::Silence => Ok(()),
    }
}

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
    Failure {
        code: "not-trusted",
        is_input: true,
        what: format!(
            "{} (fbuild.esptool.path) is not run, because this workspace is not trusted",
            path.display()
        ),
        board_state: String::new(),
        remedy: "trust the workspace in the editor; or remove the setting to use the esptool on \
                 PATH"
            .to_owned(),
    }
}
