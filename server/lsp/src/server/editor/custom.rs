//! Notifications that only this server sends; see `docs/protocol.md`.

use lsp_types::notification::Notification;
use serde_json::Value;

macro_rules! notification {
    ($name:ident = $method:literal, $what:literal) => {
        #[doc = $what]
        pub(crate) enum $name {}

        impl Notification for $name {
            type Params = Value;
            const METHOD: &'static str = $method;
        }
    };
}

notification!(Status = "fbuild/status", "The state of a job.");
notification!(Ports = "fbuild/ports", "The ports of this machine.");
notification!(Monitor = "fbuild/monitor", "What a board prints.");
notification!(Build = "fbuild/build", "What a build prints.");
notification!(Targets = "fbuild/targets", "What can be deployed.");
