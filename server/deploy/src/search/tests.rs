use super::*;

const LEN: usize = SECTOR_LEN as usize;

/// Distinct content per sector; `0` stands for a blank one.
fn flash(sectors: &[u8]) -> Vec<u8> {
    sectors
        .iter()
        .flat_map(|&n| vec![if n == 0 { 0xFF } else { n }; LEN])
        .collect()
}

struct Asked {
    sectors: Vec<Sector>,
    hashes: usize,
    hashed_sectors: usize,
}

fn search(offset: u32, board: &[u8], image: &[u8], sample: bool) -> Asked {
    let board = flash(board);
    let (mut hashes, mut hashed_sectors) = (0, 0);
    let search = Search {
        chunk_sectors: SECTORS_PER_BLOCK,
        first_tells: false,
        sample,
        enough: None,
    };
    let sectors = search
        .run(offset, &flash(image), None, &mut |range: Range<usize>| {
            hashes += 1;
            hashed_sectors += range.len();
            Ok::<_, ()>(md5_of(&board[range.start * LEN..range.end * LEN]))
        })
        .unwrap()
        .sectors;
    Asked {
        sectors,
        hashes,
        hashed_sectors,
    }
}

fn differing(asked: &Asked) -> Vec<usize> {
    (0..asked.sectors.len())
        .filter(|&n| asked.sectors[n].is_to_be_written())
        .collect()
}

#[test]
fn an_unchanged_region_costs_one_hash_per_block() {
    let content = [7; 64];
    let asked = search(0x1_0000, &content, &content, false);
    assert_eq!(differing(&asked), [0; 0]);
    assert_eq!((asked.hashes, asked.hashed_sectors), (4, 64));
}

#[test]
fn only_the_block_that_differs_is_looked_into() {
    let image = [7; 64];
    let mut board = image;
    board[20] = 9;
    let asked = search(0x1_0000, &board, &image, false);
    assert_eq!(differing(&asked), [20]);
    // Its four fours, and the four sectors of the one that differs.
    assert_eq!(asked.hashed_sectors, 64 + 16 + 4);
}

#[test]
fn what_must_differ_is_not_asked_about() {
    let image = [7; 16];
    let mut board = image;
    board[15] = 9;
    let asked = search(0x1_0000, &board, &image, false);
    assert_eq!(differing(&asked), [15]);
    // The block, three fours, three sectors: the rest follows.
    assert_eq!(asked.hashes, 1 + 3 + 3);
}

#[test]
fn chunks_follow_the_erase_blocks_of_the_flash_and_not_of_the_region() {
    let chunks = aligned_chunks(0x9000, 0..20, 16);
    assert_eq!(chunks, [0..7, 7..20]);
}

#[test]
fn a_region_that_is_all_different_is_not_searched() {
    let asked = search(0x1_0000, &[1; 366], &[2; 366], true);
    assert_eq!(differing(&asked).len(), 366);
    assert_eq!(asked.hashed_sectors, SAMPLES.len());
}

#[test]
fn one_matching_sample_leads_to_a_search_that_does_not_ask_for_it_again() {
    let image: Vec<u8> = vec![2; 64];
    let mut board = vec![1; 64];
    board[36] = 2; // 64 * 9 / 16: the first sample
    let asked = search(0x1_0000, &board, &image, true);
    assert_eq!(differing(&asked).len(), 63);
    assert!(!asked.sectors.contains(&Sector::Assumed));
    // One sample, the first block as a whole and one of its fours; by then it is clear that
    // asking for more than one sector is wasted, here and in the next blocks.
    assert_eq!(asked.hashed_sectors, 1 + 16 + 4 + 63);
}

/// Half of the samples differ: hashes of whole blocks would only say that again.
#[test]
fn a_sample_that_differs_before_one_that_matches_leads_straight_to_sectors() {
    let image: Vec<u8> = vec![2; 64];
    let mut board = image.clone();
    for at in (0..64).step_by(2) {
        board[at] = 1; // 36, the first sample, but not 12 and 52, the next ones
    }
    board[12] = 2;
    let asked = search(0x1_0000, &board, &image, true);
    assert_eq!(differing(&asked).len(), 31);
    assert_eq!(asked.hashed_sectors, 64);
}

#[test]
fn blank_stretches_of_a_new_image_are_left_alone_where_the_board_is_blank() {
    let mut image = vec![2; 64];
    image[50..60].fill(0);
    let asked = search(0x1_0000, &[0; 64], &image, true);
    assert_eq!(differing(&asked).len(), 54);
    assert_eq!(asked.sectors[50], Sector::Match);
}

/// An insertion moves everything after it: once a block is written whole anyway, the next ones
/// cost two samples each.
#[test]
fn behind_an_insertion_blocks_are_sampled_and_not_searched() {
    let image = flash(&[2; 96]);
    let mut board = vec![2; 96];
    board[20..].fill(1);
    let board = flash(&board);
    let mut hashed_sectors = 0;
    let search = Search {
        chunk_sectors: SECTORS_PER_BLOCK,
        first_tells: false,
        sample: false,
        enough: Some(9),
    };
    let sectors = search
        .run(0, &image, None, &mut |range: Range<usize>| {
            hashed_sectors += range.len();
            Ok::<_, ()>(md5_of(&board[range.start * LEN..range.end * LEN]))
        })
        .unwrap()
        .sectors;
    let to_write: Vec<usize> = (0..96).filter(|&n| sectors[n].is_to_be_written()).collect();
    assert_eq!(to_write, (20..96).collect::<Vec<_>>());
    // Two blocks as wholes, a four of the second one that matches, one that does not and its
    // sectors, five more sectors until nine differ; two samples in each of the four others.
    assert_eq!(hashed_sectors, 32 + 4 + (4 + 4) + 5 + 4 * 2);
}

/// Where a third of the sectors differ, a hash of more than one hardly ever saves any.
#[test]
fn behind_a_block_with_many_differences_sectors_are_asked_about_one_by_one() {
    let image = [7; 48];
    let mut board = image;
    for at in [2, 5, 10, 20, 31] {
        board[at] = 9;
    }
    let asked = search(0x1_0000, &board, &image, false);
    assert_eq!(differing(&asked), [2, 5, 10, 20, 31]);
    // The first block, three of its fours with their sectors, the sectors of the fourth alone. Every
    // sector of the second. The third, since the second had two differences, by its fours.
    assert_eq!(asked.hashes, (1 + 3 * (1 + 4) + 4) + 16 + 4);
    assert_eq!(asked.hashed_sectors, (16 + 3 * (4 + 4) + 4) + 16 + 16);
}

/// What lies in a block together with something else is not erased as a block: nothing is gained by
/// writing more of it than differs.
#[test]
fn in_part_of_a_block_every_difference_is_found() {
    let image = flash(&[7; 14]);
    let mut board = vec![9; 14];
    board[13] = 7;
    let board = flash(&board);
    let search = Search {
        chunk_sectors: SECTORS_PER_BLOCK,
        first_tells: false,
        sample: true,
        enough: Some(9),
    };
    let sectors = search
        .run(0, &image, None, &mut |range: Range<usize>| {
            Ok::<_, ()>(md5_of(&board[range.start * LEN..range.end * LEN]))
        })
        .unwrap()
        .sectors;
    assert_eq!(sectors[13], Sector::Match);
    assert!(!sectors.contains(&Sector::Assumed));
}

#[test]
fn a_blank_board_is_told_from_an_old_one() {
    let image = flash(&[2; 40]);
    for (held, expected) in [(0, true), (1, false)] {
        let board = flash(&[held; 40]);
        let search = Search {
            chunk_sectors: SECTORS_PER_BLOCK,
            first_tells: false,
            sample: true,
            enough: None,
        };
        let found = search
            .run(0, &image, None, &mut |range: Range<usize>| {
                Ok::<_, ()>(md5_of(&board[range.start * LEN..range.end * LEN]))
            })
            .unwrap();
        assert_eq!(found.looks_blank, expected);
    }
}

#[test]
fn larger_chunks_are_split_into_blocks_before_sectors() {
    let image = [7; 64];
    let mut board = image;
    board[40] = 9;
    let mut hashed = Vec::new();
    let board = flash(&board);
    let search = Search {
        chunk_sectors: 64,
        first_tells: false,
        sample: false,
        enough: None,
    };
    let sectors = search
        .run(0, &flash(&image), None, &mut |range: Range<usize>| {
            hashed.push(range.clone());
            Ok::<_, ()>(md5_of(&board[range.start * LEN..range.end * LEN]))
        })
        .unwrap()
        .sectors;
    assert_eq!(sectors.iter().filter(|s| s.is_to_be_written()).count(), 1);
    // First block, the two in the middle as one, the first of those; the other is known to
    // differ: its fours, the sectors of one of them. The last block by fours, since its
    // neighbour differed.
    assert_eq!(hashed.len(), 1 + 1 + 1 + 4 + 4 + 4);
}

/// An app whose first block is right is the same build: round trips are all that smaller questions would add.
#[test]
fn where_the_first_block_tells_the_rest_is_asked_about_at_once() {
    let image = flash(&[7; 160]);
    let search = Search {
        chunk_sectors: SECTORS_PER_BLOCK,
        first_tells: true,
        sample: false,
        enough: None,
    };
    for differing in [vec![], vec![3], vec![90]] {
        let mut board = vec![7; 160];
        for &at in &differing {
            board[at] = 9;
        }
        let board = flash(&board);
        let mut hashes = 0;
        let found = search
            .run(0x1_0000, &image, None, &mut |range: Range<usize>| {
                hashes += 1;
                Ok::<_, ()>(md5_of(&board[in_bytes(&range)]))
            })
            .unwrap();
        let found = (0..160).filter(|&at| found.sectors[at].is_to_be_written());
        assert_eq!(found.collect::<Vec<_>>(), differing);
        // The first block, the last one, and everything between.
        assert!(!differing.is_empty() || hashes == 3, "{hashes}");
    }
}
