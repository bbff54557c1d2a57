//! Notifications that only this server sends; see `docs/protocol.md`.

use lsp_types::notification::Notification;
use serde_json::Value;

/// The state of a job.
pub(super) enum Status {}

impl Notification for Status {
    type Params = Value;
    const METHOD: &'static str = "fbuild/status";
}

/// The ports of this machine.
pub(super) enum Ports {}

impl Notification for Ports {
    type Params = Value;
    const METHOD: &'static str = "fbuild/ports";
}

/// What a board prints.
pub(super) enum Monitor {}

impl Notification for Monitor {
    type Params = Value;
    const METHOD: &'static str = "fbuild/monitor";
}

/// What can be deployed.
pub(super) enum Targets {}

impl Notification for Targets {
    type Params = Value;
    const METHOD: &'static str = "fbuild/targets";
}
