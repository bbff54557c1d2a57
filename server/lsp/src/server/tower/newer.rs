//! What LSP 3.18 has and the types of tower-lsp have not, added to the answers that it makes. Only a client that
//! announces it gets it.

use serde_json::{Value, json};
use tower_lsp::jsonrpc::Response;

use crate::server::commands;
use crate::server::session::Capabilities;
use crate::server::texts;

/// Whether there may be something to add to the answer.
pub(super) fn has(method: &str) -> bool {
    matches!(
        method,
        "initialize" | "textDocument/codeLens" | "textDocument/codeAction"
    )
}

pub(super) fn add(method: &str, client: Capabilities, answer: Response) -> Response {
    let (id, mut result) = answer.into_parts();
    if let Ok(value) = &mut result {
        if method == "initialize" {
            if client.asks_for_texts {
                value["capabilities"]["workspace"]["textDocumentContent"] =
                    json!({"schemes": [texts::SCHEME]});
            }
        } else if client.shows_tooltips {
            let items = value.as_array_mut().into_iter().flatten();
            items
                .filter_map(|item| item.get_mut("command"))
                .for_each(explain);
        }
    }
    Response::from_parts(id, result)
}

/// Adds what the command does, where its title does not say it all.
fn explain(command: &mut Value) {
    let about = command["command"].as_str().and_then(commands::about);
    if let Some(about) = about {
        command["tooltip"] = about.into();
    }
}
