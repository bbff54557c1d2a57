//! `fbuild.server.targets`: what can be deployed.

use std::path::PathBuf;
use std::sync::Arc;

use fbuild_project::discover::{Environment, discover};

use super::select::selection;
use super::{Answer, Call, blocking, to_value};
use crate::json::TargetList;
use crate::server::desk::Desk;

pub(super) async fn targets(desk: &Arc<Desk>, mut call: Call<'_>) -> Answer {
    let roots = call.roots().await?;
    let looking = desk.clone();
    to_value(blocking(move || list_targets(&looking, &roots)).await?)
}

/// The targets of some folders, and what was chosen for each. Looks at the disk.
pub(crate) fn list_targets(desk: &Desk, roots: &[PathBuf]) -> TargetList {
    let environment = Environment::from_process();
    let mut targets = TargetList::default();
    for root in roots {
        let found = discover(root, &environment);
        targets.add(&found, &environment);
        targets.add_selection(selection(desk, root, &found));
    }
    targets
}
