//! Frames out of any bytes.

use fbuild_loader::slip::{self, Decoder, Piece};
use proptest::collection::vec;
use proptest::prelude::*;

const LIMIT: usize = 64;

/// Bytes as a line with noise on it carries them: delimiters and escapes are frequent.
fn wire() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        3 => any::<u8>(),
        1 => Just(slip::END),
        1 => Just(slip::ESC),
        1 => prop_oneof![Just(slip::ESC_END), Just(slip::ESC_ESC)],
    ];
    vec(byte, 0..400)
}

fn pieces<'b>(chunks: impl Iterator<Item = &'b [u8]>) -> Vec<Piece> {
    let mut decoder = Decoder::new(LIMIT);
    let mut pieces = Vec::new();
    for chunk in chunks {
        decoder.extend(chunk, |piece| pieces.push(piece));
        assert!(decoder.pending().len() <= LIMIT, "memory is bounded");
    }
    pieces
}

proptest! {
    #![proptest_config(super::cases(256))]

    #[test]
    fn it_does_not_matter_how_the_bytes_arrive(bytes in wire(), len in 1usize..20) {
        let whole = pieces(std::iter::once(&bytes[..]));
        prop_assert_eq!(pieces(bytes.chunks(len)), whole);
    }

    /// Every payload comes back, whatever noise is before, between and after the frames.
    #[test]
    fn frames_come_back(payloads in vec(vec(any::<u8>(), 1..LIMIT / 2), 0..8), noise in wire()) {
        let mut bytes = noise.clone();
        // The frame that the noise may have begun ends here.
        bytes.extend([slip::END]);
        let before = pieces(std::iter::once(&bytes[..])).len();
        for payload in &payloads {
            slip::encode(payload, &mut bytes);
        }
        bytes.extend(&noise);
        let found = pieces(std::iter::once(&bytes[..]));
        let expected: Vec<Piece> = payloads.into_iter().map(Piece::Frame).collect();
        prop_assert_eq!(&found[before..before + expected.len()], &expected[..]);
    }

    /// Nothing is made up: not more comes out than went in.
    #[test]
    fn pieces_are_made_of_what_arrived(bytes in wire()) {
        let total: usize = pieces(std::iter::once(&bytes[..]))
            .iter()
            .map(|piece| match piece {
                Piece::Frame(bytes) | Piece::Junk(bytes) => {
                    assert!(!bytes.is_empty() && bytes.len() <= LIMIT);
                    bytes.len()
                }
                Piece::TooLong => 0,
            })
            .sum();
        prop_assert!(total <= bytes.len());
    }
}
