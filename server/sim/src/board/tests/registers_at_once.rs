//! Several entries in one WRITE_REG: seen on the genuine ROMs of ESP32, C3 and S3, and on the genuine
//! stubs of ESP32 and C3.

use super::*;

/// Plain memory as far as the simulated chip is concerned.
const MEMORY: u32 = 0x3FFE_8000;
const ALL_BITS: u32 = u32::MAX;

fn read(host: &mut Host, address: u32) -> u32 {
    let answer = host.ask_words(op::READ_REG, &[address]).unwrap();
    packet::word_at(&answer, 1).unwrap()
}

fn loaders(chip: Chip) -> [(&'static str, Host); 2] {
    let rom = Host::new(Board::builder(chip).start_in_download_mode());
    let stub = Host::new(Board::builder(chip).start_in_stub());
    [("ROM", rom), ("stub", stub)].map(|(name, mut host)| {
        assert_eq!(host.sync(), 8, "{name}");
        (name, host)
    })
}

#[test]
fn every_entry_is_carried_out_in_order_under_its_mask() {
    for chip in [Chip::Esp32, Chip::Esp32C3, Chip::Esp32S3] {
        for (name, mut host) in loaders(chip) {
            let start = host.link.now();
            let answer = host.ask_words(
                op::WRITE_REG,
                &[
                    [MEMORY, 0x1111_1111, ALL_BITS, 0],
                    [MEMORY + 4, 0x2222_2222, ALL_BITS, 0],
                    [MEMORY, 0xFFFF_FFFF, 0x0000_00F0, 500_000],
                ]
                .concat(),
            );
            assert_eq!(answer.unwrap()[8..10], [0, 0], "{chip} {name}");
            let took = host.link.now().saturating_sub(start);
            assert!(took >= Duration::from_millis(500), "{took:?}");
            assert_eq!(read(&mut host, MEMORY), 0x1111_11F1, "{chip} {name}");
            assert_eq!(read(&mut host, MEMORY + 4), 0x2222_2222, "{chip} {name}");
        }
    }
}

#[test]
fn what_is_no_whole_entry_is_ignored_by_a_rom_and_refused_by_the_stub() {
    for (name, mut host) in loaders(Chip::Esp32) {
        for (words, written) in [
            (&[][..], 0),
            (&[MEMORY, 5][..], 0),
            (&[MEMORY, 5, ALL_BITS, 0, MEMORY][..], 5),
        ] {
            let answer = host.ask_words(op::WRITE_REG, words).unwrap();
            let n = words.len();
            if name == "ROM" {
                assert_eq!(answer[8], 0, "{n} words");
                assert_eq!(read(&mut host, MEMORY), written, "{n} words");
            } else {
                assert_eq!(answer[8..10], [0xC8, 0], "{n} words");
                assert_eq!(read(&mut host, MEMORY), 0, "{n} words");
            }
        }
    }
}

/// Also before SPI_ATTACH.
#[test]
fn one_request_fetches_the_flash_id() {
    const READ_ID: u32 = 1 << 28;
    for chip in [Chip::Esp32, Chip::Esp32C3, Chip::Esp32S3] {
        for (name, mut host) in loaders(chip) {
            let facts = chip.facts();
            let (command, w0) = (facts.spi_base, facts.spi_base + facts.spi.w0);
            let entries = [[w0, 0, ALL_BITS, 0], [command, READ_ID, ALL_BITS, 0]];
            host.ask_words(op::WRITE_REG, &entries.concat()).unwrap();
            assert_eq!(read(&mut host, w0), 0x16_40C8, "{chip} {name}");
        }
    }
}
