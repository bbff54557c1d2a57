use super::*;

#[test]
fn programming_only_clears_bits_and_erasing_sets_a_whole_sector() {
    let mut nor = Nor::in_memory(0x4000, []);
    nor.program(0x1000, &[0xF0, 0x0F]).unwrap();
    nor.program(0x1000, &[0xCC, 0xFF]).unwrap();
    assert_eq!(nor.read(0x1000, 3), Some(&[0xC0, 0x0F, 0xFF][..]));
    nor.program(0x2000, &[0]).unwrap();
    nor.erase_sector(0x1234).unwrap();
    assert!(nor.is_blank_sector(0x1000));
    assert_eq!(nor.read(0x2000, 1), Some(&[0][..]), "the neighbour stays");
    assert_eq!(nor.sector_erases(0x1FFF), 1);
    assert_eq!(nor.sector_erases(0x2000), 0);
    assert_eq!(nor.erased_sectors().collect::<Vec<_>>(), [0x1000]);
}

#[test]
fn counters_tell_sectors_blocks_and_pages_apart() {
    let mut nor = Nor::in_memory(0x2_0000, []);
    nor.erase_block(0x1_0000).unwrap();
    nor.erase_sector(0).unwrap();
    let (pages, _) = nor.program(0xFF, &[0; 0x102]).unwrap();
    assert_eq!(pages, 3, "one byte, a page, one byte");
    assert_eq!(
        nor.counters(),
        FlashCounters {
            sectors_erased: 17,
            block_erases: 1,
            chip_erases: 0,
            bytes_programmed: 0x102,
            pages_programmed: 3,
        }
    );
    nor.erase_chip().unwrap();
    assert_eq!(nor.counters().sectors_erased, 17 + 32);
    assert!(nor.contents().iter().all(|byte| *byte == 0xFF));
}

#[test]
fn past_the_end_nothing_happens() {
    let mut nor = Nor::in_memory(0x1000, [1, 2, 3]);
    nor.erase_sector(0x5000).unwrap();
    assert_eq!(nor.program(0x5000, &[0]).unwrap(), (0, Done::Whole));
    assert_eq!(nor.program(0xFFE, &[0, 0, 0, 0]).unwrap().0, 1);
    assert_eq!(nor.read(0xFFE, 3), None);
    assert_eq!(nor.read(0xFFE, 2), Some(&[0, 0][..]));
    assert_eq!(nor.read(u32::MAX, u32::MAX), None);
}

#[test]
fn sizes_have_the_ids_that_hosts_know() {
    for (size, id) in [
        (1 << 20, 0x0014_40C8),
        (4 << 20, 0x0016_40C8),
        (16 << 20, 0x0018_40C8),
        (32 << 20, 0x0019_40C8),
        (64 << 20, 0x0020_40C8),
    ] {
        assert_eq!(Nor::in_memory(size, []).jedec_id(), id, "{size:#x}");
    }
}

#[test]
fn the_file_holds_every_operation_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("board.bin");
    let mut nor = Nor::in_file(&path, Some(0x4000), 0).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), vec![0xFF; 0x4000]);
    nor.program(0x10, b"abc").unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), nor.contents());
    nor.erase_sector(0).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), nor.contents());
    nor.program(0x3FFF, &[0x5A]).unwrap();
    drop(nor);
    let again = Nor::in_file(&path, None, 0).unwrap();
    assert_eq!(again.size(), 0x4000);
    assert_eq!(again.contents()[0x3FFF], 0x5A);
}

#[test]
fn a_file_is_for_one_board_at_a_time_and_never_cut() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("board.bin");
    let first = Nor::in_file(&path, None, 0x2000).unwrap();
    let busy = Nor::in_file(&path, None, 0x2000).unwrap_err();
    assert_eq!(busy.kind(), io::ErrorKind::ResourceBusy);
    drop(first);
    let short = Nor::in_file(&path, Some(0x1000), 0).unwrap_err();
    assert!(short.to_string().contains("8192 bytes long"), "{short}");
    assert_eq!(Nor::in_file(&path, Some(0x4000), 0).unwrap().size(), 0x4000);
}

#[test]
fn bad_sectors_keep_their_contents() {
    let mut nor = Nor::in_memory(0x3000, [0x55; 0x3000]);
    nor.make_sector_bad(0x1800);
    nor.erase_chip().unwrap();
    nor.program(0xFFF, &[0, 0]).unwrap();
    assert_eq!(nor.read(0xFFF, 2), Some(&[0, 0x55][..]));
    assert_eq!(nor.read(0x2000, 1), Some(&[0xFF][..]));
}

#[test]
fn power_fails_in_the_middle_of_a_write() {
    let mut nor = Nor::in_memory(0x2000, []);
    nor.lose_power_after(Some(3));
    assert_eq!(nor.program(0, &[0, 0]).unwrap(), (1, Done::Whole));
    assert_eq!(nor.program(2, &[0, 0]).unwrap().1, Done::PowerLost);
    assert_eq!(nor.read(0, 4), Some(&[0, 0, 0, 0xFF][..]));
    assert_eq!(nor.erase_sector(0).unwrap(), Done::PowerLost);
}
