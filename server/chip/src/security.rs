//! What a chip's eFuses say about who may write to it and read from it.

use serde::{Deserialize, Serialize};

/// Security state of a board. Everything off is the state of a new one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[allow(clippy::struct_excessive_bools)] // eFuse bits, independent of each other
pub struct BoardSecurity {
    /// The chip decrypts what it reads from flash.
    pub flash_encryption: bool,
    /// Download mode may no longer encrypt (release mode).
    pub encrypted_download_disabled: bool,
    /// The chip boots signed images only.
    pub secure_boot: bool,
    /// By the ESP32's first version of secure boot.
    pub secure_boot_v1: bool,
    /// Secure Download Mode: nothing can be read back.
    pub secure_download: bool,
}

impl BoardSecurity {
    /// Why no build at all may go onto the board, unless it is forced.
    pub fn refuses_every_build(&self) -> Option<&'static str> {
        if !self.flash_encryption {
            None
        } else if self.secure_download {
            Some(
                "the board's flash is encrypted, and in Secure Download Mode it does not tell whether \
                 it still encrypts what it is sent",
            )
        } else if self.encrypted_download_disabled {
            Some(
                "the board's flash encryption is in release mode: it encrypts nothing that comes over \
                 the serial line, and plain images would not start",
            )
        } else {
            None
        }
    }
}
