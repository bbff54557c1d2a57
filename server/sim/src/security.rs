//! Security state of a chip, as its eFuses hold it.

use md5::{Digest, Md5};

/// Flash encryption.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encryption {
    /// Off: the eFuse counter has an even number of ones.
    #[default]
    Off,
    /// On, and the download mode may still encrypt what it writes.
    Development,
    /// On, and the download mode may not.
    Release,
}

impl Encryption {
    /// Whether the chip decrypts what it reads when it boots.
    pub fn is_on(self) -> bool {
        self != Self::Off
    }
}

/// What the eFuses say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Security {
    /// Secure Download Mode: only a handful of commands work.
    pub secure_download: bool,
    /// Flash encryption.
    pub encryption: Encryption,
    /// Secure boot. The simulated board does not check signatures; it only says that it would.
    pub secure_boot: bool,
}

/// Length of the block that flash encryption works on.
const CIPHER_BLOCK_LEN: usize = 16;

/// Encrypts or decrypts (the same operation) `bytes` that are at `offset`: a keystream that depends
/// on the address, as the chip's does. It is not the chip's cipher: what matters is that ciphertext
/// differs from plaintext, that the same text differs at another place, and that the boot code can
/// undo it.
pub(crate) fn crypt(offset: u32, bytes: &mut [u8]) {
    let mut position = 0;
    while position < bytes.len() {
        let address = offset as usize + position;
        let block = address / CIPHER_BLOCK_LEN;
        let skip = address % CIPHER_BLOCK_LEN;
        let key = Md5::new()
            .chain_update(b"fbuild-sim flash encryption")
            .chain_update((block as u64).to_le_bytes())
            .finalize();
        let len = (CIPHER_BLOCK_LEN - skip).min(bytes.len() - position);
        for (byte, key) in bytes[position..position + len].iter_mut().zip(&key[skip..]) {
            *byte ^= key;
        }
        position += len;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encryption_depends_on_the_place_and_can_be_undone_piece_by_piece() {
        let plain = [0xA5; 100];
        let mut whole = plain;
        crypt(0x1_0008, &mut whole);
        assert_ne!(whole, plain);
        let mut elsewhere = plain;
        crypt(0x2_0008, &mut elsewhere);
        assert_ne!(whole, elsewhere);
        crypt(0x1_0008, &mut whole[..33]);
        crypt(0x1_0008 + 33, &mut whole[33..]);
        assert_eq!(whole, plain);
    }
}
