//! What help while editing announces, and how the client counts columns.

use fbuild_editing::text::Encoding;
use lsp_types::{
    CodeActionKind, CodeActionOptions, CodeActionProviderCapability, CodeLensOptions,
    CompletionOptions, HoverProviderCapability, OneOf, PositionEncodingKind, ServerCapabilities,
    WorkDoneProgressOptions,
};
use serde_json::Value;

/// Characters after which something can be completed: the next column, flag, value, variable.
const COMPLETES_AFTER: [&str; 6] = [",", ":", "=", " ", "{", "."];

/// How columns are counted, of what the client offers: bytes if it can, since nothing has to be
/// converted then; else UTF-16 units, which every client can.
pub(crate) fn encoding(client: &Value) -> Encoding {
    let offered = client["general"]["positionEncodings"].as_array();
    if offered.is_some_and(|offered| offered.iter().any(|name| name == "utf-8")) {
        Encoding::Utf8
    } else {
        Encoding::Utf16
    }
}

/// Adds what is announced. `offers_encodings`: the client said which ones it can.
pub(crate) fn announce(
    capabilities: ServerCapabilities,
    encoding: Encoding,
    offers_encodings: bool,
) -> ServerCapabilities {
    let kind = match encoding {
        Encoding::Utf8 => PositionEncodingKind::UTF8,
        Encoding::Utf16 => PositionEncodingKind::UTF16,
    };
    ServerCapabilities {
        position_encoding: offers_encodings.then_some(kind),
        hover_provider: Some(HoverProviderCapability::Simple(true)),
        completion_provider: Some(CompletionOptions {
            trigger_characters: Some(COMPLETES_AFTER.map(str::to_owned).to_vec()),
            ..CompletionOptions::default()
        }),
        code_action_provider: Some(CodeActionProviderCapability::Options(CodeActionOptions {
            code_action_kinds: Some(vec![
                CodeActionKind::QUICKFIX,
                CodeActionKind::REFACTOR_REWRITE,
            ]),
            work_done_progress_options: WorkDoneProgressOptions::default(),
            resolve_provider: Some(false),
        })),
        code_lens_provider: Some(CodeLensOptions {
            resolve_provider: Some(false),
        }),
        inlay_hint_provider: Some(OneOf::Left(true)),
        document_symbol_provider: Some(OneOf::Left(true)),
        document_formatting_provider: Some(OneOf::Left(true)),
        ..capabilities
    }
}
