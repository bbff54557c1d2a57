//! Notifications that only this server sends, see `docs/protocol.md`, and a request that is newer than lsp-types.

use lsp_types::notification::Notification;
use lsp_types::request::Request;
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

/// The text of a document that the client has asked for is another one now.
pub(crate) enum RefreshText {}

impl Request for RefreshText {
    type Params = Value;
    type Result = Value;
    const METHOD: &'static str = "workspace/textDocumentContent/refresh";
}
