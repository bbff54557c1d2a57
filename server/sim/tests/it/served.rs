//! Boards in real time: on TCP, and (on Unix) on a pty.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use fbuild_chip::Chip;
use fbuild_loader::packet::{self, op};
use fbuild_loader::slip::{self, Piece};
use fbuild_sim::{Board, State, serve};

fn sync() -> Vec<u8> {
    let mut bytes = Vec::new();
    slip::encode(
        &packet::encode_request(op::SYNC, 0, &packet::SYNC_PAYLOAD),
        &mut bytes,
    );
    bytes
}

/// Reads until that many frames are there.
fn frames(stream: &mut impl Read, count: usize) -> Vec<Vec<u8>> {
    let mut decoder = slip::Decoder::new(0x8000);
    let mut frames = Vec::new();
    let mut buffer = [0; 256];
    while frames.len() < count {
        let n = stream.read(&mut buffer).unwrap();
        assert!(n > 0, "the board hung up");
        decoder.extend(&buffer[..n], |piece| {
            if let Piece::Frame(frame) = piece {
                frames.push(frame);
            }
        });
    }
    frames
}

#[test]
fn on_tcp_one_client_after_the_other() {
    let board = Board::builder(Chip::Esp32C3).build().unwrap();
    let server = serve::tcp(board, "127.0.0.1:0").unwrap();
    for _ in 0..2 {
        let mut client = TcpStream::connect(server.address()).unwrap();
        client
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        client.write_all(&sync()).unwrap();
        let answers = frames(&mut client, 8);
        assert!(answers.iter().all(|answer| answer[..2] == [1, op::SYNC]));
        assert_eq!(server.board().lock().unwrap().state(), State::Download);
    }
    server.stop().unwrap();
}

/// Never early: the time that the board accounts for really passes.
#[test]
fn answers_take_at_least_the_time_of_the_wire() {
    let board = Board::builder(Chip::Esp32).build().unwrap();
    let server = serve::tcp(board, "127.0.0.1:0").unwrap();
    let mut client = TcpStream::connect(server.address()).unwrap();
    client.write_all(&sync()).unwrap();
    frames(&mut client, 8);
    let start = Instant::now();
    for _ in 0..5 {
        client.write_all(&sync()).unwrap();
        frames(&mut client, 8);
    }
    let took = start.elapsed();
    // Five times 46 bytes there and 8 answers of 14 bytes back, at 115200.
    let wire = Duration::from_nanos(86_805) * (5 * (46 + 8 * 14));
    assert!(took >= wire, "{took:?} < {wire:?}");
    let board = server.board();
    let stats = board.lock().unwrap().stats().clone();
    assert_eq!(stats.commands, 6);
    assert!(stats.link_time() >= wire);
}

#[test]
fn a_vanished_board_ends_the_service() {
    use fbuild_sim::{Faults, When};
    let board = Board::builder(Chip::Esp32)
        .faults(Faults::none().vanish_at(When::command(1)))
        .build()
        .unwrap();
    let server = serve::tcp(board, "127.0.0.1:0").unwrap();
    let mut client = TcpStream::connect(server.address()).unwrap();
    client.write_all(&sync()).unwrap();
    let mut buffer = [0; 64];
    assert_eq!(client.read(&mut buffer).unwrap_or(0), 0);
}
