//! The payloads that the recordings leave out (`cut`), made again from what the probes sent: each is
//! known by its SHA-256.

use std::collections::HashMap;
use std::fmt::Write;

use sha2::{Digest, Sha256};

use super::python_random::PythonRandom;

pub(super) struct CutPayloads(HashMap<String, Vec<u8>>);

impl CutPayloads {
    /// `deflated` is the 40000-byte stream of the tail probe, taken from a recording that has it.
    pub(super) fn new(deflated: &[u8]) -> Self {
        let mut by_hash = Self(HashMap::new());
        by_hash.add(vec![0; 0x4400 - 24]);
        for seed in 0..=9 {
            for len in [0x4000, 0x2000, 0x1F00, 0x8000] {
                by_hash.add(PythonRandom::new(seed).bytes(len));
            }
        }
        let stored = stored_stream(&PythonRandom::new(11).bytes(0xC000));
        for damage in [&[][..], &[(2, 0x07)][..], &[(0, 0), (1, 0)][..]] {
            let mut stream = stored.clone();
            for (at, byte) in damage {
                stream[*at] = *byte;
            }
            for piece in stream.chunks(0x4000) {
                by_hash.add(piece.to_vec());
            }
        }
        for piece in deflated.chunks(0x4000) {
            by_hash.add(piece.to_vec());
        }
        by_hash
    }

    pub(super) fn get(&self, sha256: &str) -> &[u8] {
        self.0
            .get(sha256)
            .unwrap_or_else(|| panic!("nobody knows the payload with SHA-256 {sha256}"))
    }

    fn add(&mut self, payload: Vec<u8>) {
        let mut hash = String::new();
        for byte in Sha256::digest(&payload) {
            let _ = write!(hash, "{byte:02x}");
        }
        self.0.insert(hash, payload);
    }
}

/// zlib at level 0: one stored block. The probes turn bits in it to damage it.
fn stored_stream(plain: &[u8]) -> Vec<u8> {
    let len = plain.len() as u16;
    let mut stream = vec![0x78, 0x01, 0x01];
    stream.extend_from_slice(&len.to_le_bytes());
    stream.extend_from_slice(&(!len).to_le_bytes());
    stream.extend_from_slice(plain);
    let (mut a, mut b) = (1u32, 0u32);
    for byte in plain {
        a = (a + u32::from(*byte)) % 65521;
        b = (b + a) % 65521;
    }
    stream.extend_from_slice(&(b << 16 | a).to_be_bytes());
    stream
}
