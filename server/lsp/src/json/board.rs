//! Who answered on a port.

use fbuild_chip::revision_text;
use fbuild_deploy::native::BoardInfo;
use fbuild_deploy::outcome::Failure;
use schemars::JsonSchema;
use serde::Serialize;

use super::Problem;
use crate::explain::{Fact, Text};

/// What came of asking.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BoardAnswer<'b> {
    pub(crate) board: Option<Board<'b>>,
    pub(crate) is_cancelled: bool,
    pub(crate) error: Option<Problem>,
    /// The board in words. Only for who shows it to a person, as the text is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    pub(crate) facts: Option<Vec<Fact>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    pub(crate) text: Option<Text>,
}

/// Who answered on a port.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Board<'b> {
    port: &'b str,
    chip: &'static str,
    revision: Option<String>,
    mac: Option<&'b str>,
    flash: Option<Flash>,
    security: Security,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Flash {
    jedec: String,
    size: Option<u32>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Security {
    secure_download: bool,
    flash_encryption: bool,
    secure_boot: bool,
}

impl<'b> BoardAnswer<'b> {
    /// Without words for a person.
    pub(crate) fn new(
        answer: &'b Result<(String, BoardInfo), Failure>,
        is_cancelled: bool,
    ) -> Self {
        let answer = answer.as_ref();
        Self {
            board: answer.ok().map(|(port, info)| Board::new(port, info)),
            is_cancelled,
            error: answer.err().filter(|_| !is_cancelled).map(Problem::from),
            facts: None,
            text: None,
        }
    }
}

impl<'b> Board<'b> {
    /// Who answered on a port.
    pub(crate) fn new(port: &'b str, info: &'b BoardInfo) -> Self {
        Self {
            port,
            chip: info.chip.name(),
            revision: info.revision.map(revision_text),
            mac: info.mac.as_deref(),
            flash: info.flash.map(|flash| Flash {
                jedec: format!("{:06x}", flash.jedec),
                size: flash.len_bytes,
            }),
            security: Security {
                secure_download: info.security.secure_download,
                flash_encryption: info.security.flash_encryption,
                secure_boot: info.security.secure_boot,
            },
        }
    }
}
