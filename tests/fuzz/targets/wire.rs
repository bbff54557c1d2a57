//! Any bytes from a port: frames and packets, however they are cut.
#![no_main]

use fbuild_loader::packet::Packet;
use fbuild_loader::slip::{self, Decoder, Piece};
use libfuzzer_sys::fuzz_target;

const LIMIT: usize = 64;

fuzz_target!(|data: &[u8]| {
    let Some((&step, bytes)) = data.split_first() else {
        return;
    };
    let mut whole = Vec::new();
    let mut decoder = Decoder::new(LIMIT);
    decoder.extend(bytes, |piece| whole.push(piece));
    let mut cut = Vec::new();
    let mut decoder = Decoder::new(LIMIT);
    for piece in bytes.chunks(usize::from(step).max(1)) {
        decoder.extend(piece, |piece| cut.push(piece));
    }
    assert_eq!(whole, cut);
    for piece in &whole {
        if let Piece::Frame(frame) = piece {
            assert!(!frame.is_empty() && frame.len() <= LIMIT);
            let _ = Packet::parse(frame);
        }
    }
    // What is sent is what comes out, whatever came before it. Escapes count towards the limit.
    let payload: Vec<u8> = bytes.iter().copied().take(LIMIT / 2).collect();
    if !payload.is_empty() {
        let mut frame = Vec::new();
        slip::encode(&payload, &mut frame);
        let mut last = None;
        decoder.extend(&frame, |piece| last = Some(piece));
        assert_eq!(last, Some(Piece::Frame(payload)));
    }
});
