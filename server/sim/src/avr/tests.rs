use super::*;

const MS: Duration = Duration::from_millis(1);
/// After the start and the blinking.
const READY: Duration = Duration::from_millis(500);

fn uno() -> AvrBoard {
    let facts = Facts::named("uno").unwrap();
    AvrBoard::new(facts, None, Timing::cp2102n()).unwrap()
}

/// What a board says to bytes that were sent at a time, until long after.
fn answer(board: &mut AvrBoard, at: Duration, bytes: &[u8]) -> Vec<u8> {
    let baud = board.facts.baud;
    board.receive(at, bytes, baud);
    let mut heard = Vec::new();
    while let Some(piece) = board.transmit(baud, at + 500 * MS) {
        heard.extend(piece.bytes);
    }
    heard
}

#[test]
fn a_reset_starts_a_boot_loader_that_waits_for_a_second() {
    let mut board = uno();
    assert!(answer(&mut board, MS, b"0 ").is_empty(), "the program runs");
    board.set_lines(
        2 * MS,
        Lines {
            dtr: true,
            rts: false,
        },
    );
    assert_eq!(board.state(), AvrState::Loader);
    assert_eq!(answer(&mut board, READY, b"0 "), [0x14, 0x10]);
    assert_eq!(
        answer(&mut board, READY * 2, b"u "),
        [0x14, 0x1E, 0x95, 0x0F, 0x10]
    );
    assert!(answer(&mut board, READY * 5, b"0 ").is_empty());
    assert_eq!(board.state(), AvrState::Running);
}

#[test]
fn what_comes_while_it_blinks_is_answered_then() {
    let mut board = uno();
    board.reset(Duration::ZERO);
    assert!(answer(&mut board, MS, b"0 ").is_empty(), "not started yet");
    board.reset(Duration::ZERO);
    assert_eq!(answer(&mut board, 100 * MS, b"0 "), [0x14, 0x10]);
}

#[test]
fn a_byte_that_is_missing_starts_the_program() {
    let mut board = uno();
    board.reset(Duration::ZERO);
    assert!(answer(&mut board, READY, b"00").is_empty());
    assert_eq!(board.state(), AvrState::Running);
}

#[test]
fn a_page_is_erased_and_written_and_the_boot_loader_stays() {
    let mut board = uno();
    board.reset(Duration::ZERO);
    board.flash_mut()[0x80..0x100].fill(0);
    let page = |address: u16, byte: u8| {
        let [low, high] = address.to_le_bytes();
        let head = [0x55, low, high, 0x20, 0x64, 0, 128, b'F'];
        [&head[..], &[byte; 128], &[0x20]].concat()
    };
    assert_eq!(
        answer(&mut board, READY, &page(0x40, 0x5A)),
        [0x14, 0x10, 0x14, 0x10]
    );
    assert!(board.flash()[0x80..0x100].iter().all(|byte| *byte == 0x5A));
    assert_eq!(board.flash()[..0x80], [0xFF; 0x80]);
    let read = answer(
        &mut board,
        READY * 2,
        &[0x55, 0x40, 0, 0x20, 0x74, 0, 2, b'F', 0x20],
    );
    assert_eq!(read, [0x14, 0x10, 0x14, 0x5A, 0x5A, 0x10]);
    answer(&mut board, READY * 3, &page(0x3F00, 0));
    assert_eq!(board.flash()[0x7E00], 0xB0);
    assert_eq!(
        board.counters(),
        PageCounters {
            erased: 1,
            written: 1
        }
    );
}

#[test]
fn bytes_are_lost_while_it_is_busy() {
    let mut board = uno();
    board.reset(Duration::ZERO);
    // Two requests ahead of an answer of 128 bytes: of the second one three bytes are left.
    let two = [
        &[0x74, 0, 128, b'F', 0x20][..],
        &[0x55, 0x40, 0, 0x20, 0x75, 0x20],
    ]
    .concat();
    assert_eq!(answer(&mut board, READY, &two).len(), 130);
    assert_eq!(board.request.len(), HELD);
}

#[test]
fn a_mega_erases_in_order_whatever_is_written() {
    let facts = Facts::named("megaatmega2560").unwrap();
    let mut board = AvrBoard::new(facts, None, Timing::cp2102n()).unwrap();
    board.reset(Duration::ZERO);
    board.flash_mut()[..0x400].fill(0);
    let message = |number: u8, body: &[u8]| {
        let [high, low] = (body.len() as u16).to_be_bytes();
        let mut bytes = [&[0x1B, number, high, low, 0x0E][..], body].concat();
        bytes.push(bytes.iter().fold(0, |sum, byte| sum ^ byte));
        bytes
    };
    let sign_on = answer(&mut board, READY, &message(1, &[1]));
    assert_eq!(sign_on, message(1, b"\x01\x00\x08AVRISP_2"));
    answer(&mut board, READY * 2, &message(2, &[6, 0, 0, 0, 0x80]));
    let write = [
        &[0x13, 1, 0, 0xC1, 10, 0x40, 0x4C, 0x20, 0, 0][..],
        &[0x5A; 256],
    ]
    .concat();
    assert_eq!(
        answer(&mut board, READY * 3, &message(3, &write)),
        message(3, &[0x13, 0])
    );
    // The first page is gone, and the second one was not erased.
    assert_eq!(board.flash()[0], 0xFF);
    assert_eq!(board.flash()[0x100], 0);
    // A damaged message gets no answer.
    let mut damaged = message(4, &[1]);
    damaged[1] ^= 1;
    assert!(answer(&mut board, READY * 4, &damaged).is_empty());
}
