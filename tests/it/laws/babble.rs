//! Something that answers, but is not a board: a deploy to it fails, ends, and does not panic.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fbuild_chip::Chip;
use fbuild_deploy::deploy::deploy;
use fbuild_deploy::outcome::OutcomeKind;
use fbuild_link::memory::{Device, MemoryLink, Time, Transmission};
use fbuild_link::{Lines, Link};
use fbuild_loader::cancel::CancelToken;
use fbuild_loader::packet::{self, Packet, op};
use fbuild_loader::slip::{self, Decoder, Piece};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::firmware::{APP_AT, Build, FACTORY, NVS, TABLE_AT, image_of_sectors, table};

/// Answers most requests in the right form and with the wrong contents.
struct Babbler {
    chip: Chip,
    /// Where everything that is made up comes from, over and over.
    source: Vec<u8>,
    at: usize,
    decoder: Decoder,
    answers: VecDeque<Transmission>,
}

impl Babbler {
    fn next(&mut self) -> u8 {
        self.at += 1;
        self.source[self.at % self.source.len()]
    }

    fn answer(&mut self, request: &Packet<'_>) -> Vec<u8> {
        let word = u32::from_le_bytes([self.next(), self.next(), self.next(), self.next()]);
        let magic = self.chip.facts().magics.first().copied();
        let value = match request.op {
            op::SYNC => packet::word_at(request.data, 0).unwrap_or(0),
            op::READ_REG if self.next() < 200 => magic.unwrap_or(word),
            _ => word,
        };
        let len = match self.next() % 8 {
            0 => usize::from(self.next()),
            1 => 24,
            2 => 36,
            3 => 68,
            _ => 4,
        };
        let mut data: Vec<u8> = (0..len).map(|_| self.next()).collect();
        if self.next() < 220 {
            // Success, wherever the status is looked for.
            let zeros = data.len().saturating_sub(4);
            data[zeros..].fill(0);
        }
        let op = if self.next() < 240 {
            request.op
        } else {
            self.next()
        };
        packet::encode_response(op, value, &data)
    }
}

impl Device for Babbler {
    fn receive(&mut self, now: Duration, bytes: &[u8], _: u32) {
        let mut frames = Vec::new();
        self.decoder.extend(bytes, |piece| {
            if let Piece::Frame(frame) = piece {
                frames.push(frame);
            }
        });
        for frame in frames {
            let mut bytes = Vec::new();
            if self.next() < 20 {
                bytes.extend((0..self.next()).map(|n| n ^ 0xA5));
            }
            if let Some(request) = Packet::parse(&frame)
                && (request.op == op::SYNC || self.next() > 10)
            {
                let answer = self.answer(&request);
                slip::encode(&answer, &mut bytes);
            }
            let arrives = now + Duration::from_millis(1);
            self.answers.push_back(Transmission { arrives, bytes });
        }
    }

    fn set_lines(&mut self, _: Duration, _: Lines) {}

    fn transmit(&mut self, _: u32, _: Duration) -> Option<Transmission> {
        self.answers.pop_front()
    }
}

proptest! {
    #![proptest_config(super::cases(200))]

    #[test]
    fn nothing_that_is_said_confuses_a_deploy(
        chip in prop::sample::select(Chip::ESP32_FAMILY),
        source in vec(any::<u8>(), 50..2000),
    ) {
        let build = Build::new(&[
            (chip.facts().bootloader_offset, image_of_sectors(chip, 1, 1)),
            (TABLE_AT, table(&[NVS, FACTORY])),
            (APP_AT, image_of_sectors(chip, 2, 2)),
        ]);
        let babbler = Arc::new(Mutex::new(Babbler {
            chip,
            source,
            at: 0,
            decoder: Decoder::new(0x1_0000),
            answers: VecDeque::new(),
        }));
        let mut open = || {
            let link = MemoryLink::new("babble", Arc::clone(&babbler), Time::Accounted);
            Ok(Box::new(link) as Box<dyn Link>)
        };
        let report = deploy(&build.request(), &mut open, &mut |_| {}, &CancelToken::new());
        // It never computed an MD5.
        prop_assert_eq!(report.outcome, OutcomeKind::Failed);
        let error = report.error.unwrap();
        prop_assert!(!error.what.is_empty());
    }
}
