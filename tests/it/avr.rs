//! AVR boards: our simulated one driven by unmodified avrdude, and genuine boot loaders by us.

mod deploys;
#[cfg(target_os = "linux")] // simavr
mod genuine;
mod made;
pub(crate) mod tools;

use fbuild_sim::serve::{self, Server};

use self::made::{AvrBoard, hex, program};
use self::tools::program_or_skip;

/// avrdude writes a program and reads it back; what the board holds then.
fn avrdude(avrdude: &std::path::Path, port: &str, board: AvrBoard, bytes: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("firmware.hex");
    std::fs::write(&file, hex(bytes)).unwrap();
    let (programmer, baud) = (board.programmer(), board.facts.baud.to_string());
    let output = std::process::Command::new(avrdude)
        .args(["-c", programmer, "-p", board.facts.part.name])
        .args(["-P", port, "-b", &baud, "-D", "-U"])
        .arg(format!("flash:w:{}:i", file.display()))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let verified = format!("{} bytes of flash verified", bytes.len());
    assert!(said.contains(&verified), "{said}");
}

fn holds(server: &Server<fbuild_sim::avr::AvrBoard>, bytes: &[u8]) {
    let board = server.board();
    let board = board.lock().unwrap();
    assert!(board.flash().starts_with(bytes));
}

#[test]
fn avrdude_takes_the_simulated_board_for_one() {
    let Some(program_of_avrdude) = program_or_skip("avrdude") else {
        return;
    };
    // Not a multiple of a page; more than 64 KiB, for a part that has them.
    for (name, len) in [
        ("uno", 3000),
        ("nanoatmega328", 500),
        ("megaatmega2560", 66_000),
    ] {
        let board = AvrBoard::named(name);
        let bytes = program(len, 1);
        let server = serve::tcp(board.build(), "127.0.0.1:0").unwrap();
        avrdude(
            &program_of_avrdude,
            &format!("net:{}", server.address()),
            board,
            &bytes,
        );
        holds(&server, &bytes);
        #[cfg(unix)]
        if len < 10_000 {
            let server = serve::pty(board.build(), serve::PtyOptions::default()).unwrap();
            avrdude(&program_of_avrdude, server.address(), board, &bytes);
            holds(&server, &bytes);
        }
    }
}
