//! What is answered to a device that asks for a password: three ways, told apart by the nonce's length
//! and by which hash of its password the device keeps. Everything is hashed as lower-case hexadecimal.
//!
//! Source: arduino-esp32, `ArduinoOTA` before and since core 3.3.1.

use std::fmt::Write as _;
use std::io;

use fbuild_loader::session::md5_of;
use sha2::{Digest as _, Sha256};

/// Digits of a nonce before core 3.3.1.
const OLD_NONCE_LEN: usize = 32;
/// Digits of a nonce since then.
const NEW_NONCE_LEN: usize = 64;
/// Rounds of PBKDF2.
const ROUNDS: u32 = 10_000;

/// How a password is proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// MD5 throughout: cores before 3.3.1.
    Md5,
    /// PBKDF2 over the password's SHA-256: since core 3.3.1.
    Sha256,
    /// The same over its MD5: since core 3.3.1, with a stored hash of before.
    Sha256OfMd5,
}

impl Scheme {
    /// The ways to try for a nonce, one after the other; none, if it is not a nonce.
    pub fn of_nonce(nonce: &str) -> &'static [Self] {
        let is_hex = nonce.bytes().all(|byte| byte.is_ascii_hexdigit());
        match nonce.len() {
            OLD_NONCE_LEN if is_hex => &[Self::Md5],
            NEW_NONCE_LEN if is_hex => &[Self::Sha256, Self::Sha256OfMd5],
            _ => &[],
        }
    }

    /// What proves the password.
    pub fn response(self, password: &str, nonce: &str, cnonce: &str) -> String {
        let hashed = match self {
            Self::Md5 | Self::Sha256OfMd5 => hex(&md5_of(password.as_bytes())),
            Self::Sha256 => hex(&Sha256::digest(password)),
        };
        let salt = format!("{nonce}:{cnonce}");
        if self == Self::Md5 {
            return hex(&md5_of(format!("{hashed}:{salt}").as_bytes()));
        }
        let mut key = [0; 32];
        pbkdf2::pbkdf2_hmac::<Sha256>(hashed.as_bytes(), salt.as_bytes(), ROUNDS, &mut key);
        hex(&Sha256::digest(format!("{}:{salt}", hex(&key))))
    }
}

/// As many random digits as the nonce has.
pub(super) fn cnonce(nonce: &str) -> io::Result<String> {
    let mut bytes = vec![0; nonce.len() / 2];
    getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(hex(&bytes))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWORD: &str = "correct horse";
    const NONCE: &str = "78377b525757b494427f89014f97d79928f3938d14eb51e20fb5dec9834eb304";
    const CNONCE: &str = "39b6bd4f2bfa336bf00c37bed108afda082f6fe23601bf8b81d71d4bed28f1c3";
    const OLD_NONCE: &str = "cb584e44c43ed6bd0bc2d9c7e242837d";
    const OLD_CNONCE: &str = "9dba9637e8635a4d912075cd6ea55530";

    /// Made with Python's hashlib.
    #[test]
    fn each_way_gives_what_a_device_expects() {
        for (scheme, nonce, cnonce, response) in [
            (
                Scheme::Md5,
                OLD_NONCE,
                OLD_CNONCE,
                "570742a381d18c9862747519a41aa41e",
            ),
            (
                Scheme::Sha256,
                NONCE,
                CNONCE,
                "f6edd5bc5662fb38de542408341bec6d00454c6461f1fee1cdb8872fe7e85ba0",
            ),
            (
                Scheme::Sha256OfMd5,
                NONCE,
                CNONCE,
                "ab1a2d2d0729ac2c708b5a2b6807100dcb0e1822dbf009e0ab6a5303c3b9ee71",
            ),
        ] {
            assert_eq!(
                scheme.response(PASSWORD, nonce, cnonce),
                response,
                "{scheme:?}"
            );
        }
    }

    #[test]
    fn a_nonce_s_length_says_which_ways_there_are() {
        assert_eq!(Scheme::of_nonce(OLD_NONCE), [Scheme::Md5]);
        assert_eq!(
            Scheme::of_nonce(NONCE),
            [Scheme::Sha256, Scheme::Sha256OfMd5]
        );
        for wrong in ["", &NONCE[1..], "zb584e44c43ed6bd0bc2d9c7e242837d"] {
            assert!(Scheme::of_nonce(wrong).is_empty(), "{wrong}");
        }
    }

    #[test]
    fn no_two_answers_have_the_same_salt() {
        let (one, other) = (cnonce(NONCE).unwrap(), cnonce(NONCE).unwrap());
        assert_eq!((one.len(), other.len()), (64, 64));
        assert_ne!(one, other);
    }
}
