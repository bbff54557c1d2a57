//! What SPI_SET_PARAMS' total size does to erases and writes: seen on the genuine ROMs and stubs of
//! ESP32 and ESP32-C3, in an emulator whose flash was filled with 5A.

use super::*;

const FLASH_LEN: u32 = 4 << 20;
const BOUND: u32 = 0x2_0000;
const OK: [u8; 2] = [0, 0];
const ROM_FAILED: [u8; 2] = [1, 6];
const STUB_FAILED: [u8; 2] = [0xC4, 0];

/// Total size, size and offset of the BEGIN, status, and how many sectors from the offset on were
/// erased: all others hold what they held.
type Row = (u32, u32, u32, [u8; 2], u32);

fn check(host: &mut Host, chip: Chip, begin: u8, row: Row) -> Option<Vec<u8>> {
    let (total, size, offset, status, erased) = row;
    let params = [0, total, 0x1_0000, 0x1000, 0x100, 0xFFFF];
    let answer = host.ask_words(op::SPI_SET_PARAMS, &params).unwrap();
    assert_eq!(answer[8], 0);
    let mut words = vec![size, size.div_ceil(0x400), 0x400, offset];
    if chip.facts().begin_has_encrypt_word {
        words.push(0);
    }
    let answer = host.ask_words(begin, &words).unwrap();
    // A ROM's second byte is stale after a success.
    let seen = if answer[8] == 0 {
        OK
    } else {
        [answer[8], answer[9]]
    };
    assert_eq!(seen, status, "{chip} {begin:#x} {row:x?}");
    assert_erased(host, offset, erased, &format!("{chip} {begin:#x} {row:x?}"));
    (seen == OK).then_some(answer)
}

#[track_caller]
fn assert_erased(host: &Host, offset: u32, sectors: u32, case: &str) {
    let board = host.board.lock().unwrap();
    let expected = offset..offset + sectors * 0x1000;
    for at in (0..FLASH_LEN).step_by(0x1000) {
        let is = board.flash().read(at, 0x1000).unwrap();
        let blank = is.iter().all(|byte| *byte == 0xFF);
        assert_eq!(blank, expected.contains(&at), "{case}: {at:#x}");
    }
}

fn filled(chip: Chip) -> BoardBuilder {
    Board::builder(chip).flash_contents(vec![0x5A; FLASH_LEN as usize])
}

#[test]
fn a_rom_refuses_what_goes_past_the_bound() {
    const ROWS: &[Row] = &[
        (FLASH_LEN, 0, 0, OK, 0),
        (FLASH_LEN, 0, 0x20_0000, OK, 0),
        (FLASH_LEN, 0, FLASH_LEN, OK, 0),
        (FLASH_LEN, 1, FLASH_LEN, ROM_FAILED, 0),
        (FLASH_LEN, 0x8000, FLASH_LEN, ROM_FAILED, 0),
        (FLASH_LEN, 0x20_0000, FLASH_LEN, ROM_FAILED, 0),
        (FLASH_LEN, 0x8000, 0, OK, 8),
        (BOUND, 0x1000, 0x1_F000, OK, 1),
        (BOUND, 0x2000, 0x1_F000, ROM_FAILED, 0),
        (BOUND, 0x10_1000, 0x1_0000, ROM_FAILED, 0),
    ];
    for chip in [Chip::Esp32, Chip::Esp32C3] {
        for begin in [op::FLASH_BEGIN, op::FLASH_DEFL_BEGIN] {
            for row in ROWS {
                let mut host = Host::new(filled(chip).start_in_download_mode());
                assert_eq!(host.sync(), 8);
                host.ask_words(op::SPI_ATTACH, &[0, 0]).unwrap();
                check(&mut host, chip, begin, *row);
            }
        }
    }
}

/// The stub erases what lies before the bound, and nothing beyond it when data come either.
#[test]
fn the_stub_stops_at_the_bound() {
    const ROWS: &[Row] = &[
        (FLASH_LEN, 0, 0, OK, 0),
        (FLASH_LEN, 0, FLASH_LEN, OK, 0),
        (FLASH_LEN, 0x1000, FLASH_LEN, STUB_FAILED, 0),
        (FLASH_LEN, 0x8000, FLASH_LEN, STUB_FAILED, 0),
        (BOUND, 0x1000, BOUND, STUB_FAILED, 0),
        (BOUND, 0x8000, 0x2_F000, STUB_FAILED, 0),
        (BOUND, 0x2000, 0x1_F000, OK, 1),
        (BOUND, 0x10_1000, 0x1_0000, OK, 16),
    ];
    for chip in [Chip::Esp32, Chip::Esp32C3] {
        for begin in [op::FLASH_BEGIN, op::FLASH_DEFL_BEGIN] {
            for &row in ROWS {
                let mut host = Host::new(filled(chip).start_in_stub());
                assert_eq!(host.sync(), 8);
                let (_, size, offset, _, erased) = row;
                if check(&mut host, chip, begin, row).is_some()
                    && size > 0
                    && begin == op::FLASH_BEGIN
                {
                    for seq in 0..size.div_ceil(0x400) {
                        host.block(seq, &[0xFF; 0x400]);
                    }
                    assert_erased(&host, offset, erased, "after data");
                }
            }
        }
    }
}
