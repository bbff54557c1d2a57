use std::io::Write as _;

use super::*;

const SECTOR: usize = SECTOR_LEN as usize;
const AT: u32 = 0x1_0000;

/// Bytes like code: the same every time, no two stretches alike.
fn noise(seed: u32, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as u8
    };
    (0..len).map(|_| next()).collect()
}

/// The image's end moves, and every 40th byte is an address that moved with it.
fn relinked(old: &[u8], inserted: &[u8], at: usize) -> Vec<u8> {
    let mut new = [&old[..at], inserted, &old[at..]].concat();
    for address in new[at..].iter_mut().step_by(40) {
        *address = address.wrapping_add(inserted.len() as u8);
    }
    new.truncate(old.len());
    new
}

/// Differences of every sector that differs, which are tried by [`differences`]; their length on the wire.
#[track_caller]
fn check(old: &[u8], new: &[u8]) -> u64 {
    found(old, new).expect("comes out right")
}

#[track_caller]
fn found(old: &[u8], new: &[u8]) -> Option<u64> {
    let change = Change {
        offset: AT,
        old,
        new,
    };
    let sectors = new.chunks(SECTOR).enumerate();
    let to_write: Vec<bool> = sectors
        .map(|(n, sector)| old.get(n * SECTOR..(n + 1) * SECTOR) != Some(sector))
        .collect();
    let units = units(AT, &to_write);
    let differences = differences(&change, &units)?;
    let made = |piece: &Piece| piece.len_bytes as usize / SECTOR;
    let total: usize = units.iter().map(Range::len).sum();
    assert_eq!(differences.pieces.iter().map(made).sum::<usize>(), total);
    Some(differences.len_bytes())
}

#[test]
fn an_insertion_costs_little_wherever_the_code_moves_to() {
    let old = noise(1, 40 * SECTOR);
    let new = relinked(&old, b"sixteen new bytes", 5000);
    let forward = check(&old, &new);
    assert!(forward < 9000, "{forward}");
    // And back again.
    let backward = check(&new, &old);
    assert!(backward < 9000, "{backward}");
    // By more than a block: whatever of it is overwritten first has to be sent.
    let far = relinked(&old, &noise(2, 20 * SECTOR), SECTOR);
    let far = check(&old, &far);
    assert!(far < 22 * 4096, "{far}");
}

#[test]
fn any_two_images_come_out_right() {
    let old = noise(1, 37 * SECTOR);
    let blank = vec![0xFF; 37 * SECTOR];
    let mut swapped = old.clone();
    swapped.rotate_left(18 * SECTOR + 2);
    let mut shorter = old.clone();
    shorter.drain(SECTOR + 7..2 * SECTOR + 7);
    let longer = [&old[..], &noise(3, 5 * SECTOR)].concat();
    let images = [
        noise(2, 37 * SECTOR),
        blank,
        swapped,
        shorter,
        longer,
        old.clone(),
    ];
    for a in &images {
        for b in &images {
            let is_related = images[2..].contains(a) && images[2..].contains(b);
            assert!(found(a, b).is_some() || !is_related);
        }
    }
    // Looking through another program would take seconds, for nothing.
    assert_eq!(found(&old, &images[0]), None);
}

#[test]
fn blocks_are_made_anew_where_most_of_them_changes() {
    // The first block in flash begins with the second sector.
    let offset = AT - 0x1000;
    let changed = |at: &[usize]| {
        let mut changed = vec![false; 40];
        for &at in at {
            changed[at] = true;
        }
        units(offset, &changed)
    };
    assert_eq!(changed(&[0, 1, 2, 20]), [0..1, 1..3, 20..21]);
    assert_eq!(changed(&[0, 3, 5, 7, 9, 11]), [0..1, 1..17]);
    // There is no whole block at the end.
    assert_eq!(changed(&[33, 34, 35, 37, 38, 39]), [33..36, 37..40]);
}

/// Real relinks and a real upgrade, of which only the sizes are of interest here.
#[test]
fn a_real_edit_is_a_few_kilobytes() {
    let Some(shared) = shared() else { return };
    let image = |name: &str| {
        let path = shared.join("relink").join(name);
        let mut bytes = fbuild_project::file::read(&path, 4 << 20).unwrap();
        bytes.resize(bytes.len().next_multiple_of(SECTOR), 0xFF);
        bytes
    };
    for (old, new, most) in [
        ("rv-base.bin", "rv-samelen.bin", 1000),
        ("rv-base.bin", "rv-printf.bin", 26_000),
        ("rv-printf.bin", "rv-base.bin", 28_000),
        ("xt-base.bin", "xt-printf.bin", 29_000),
    ] {
        let len = check(&image(old), &image(new));
        assert!(len < most, "{old} {new}: {len}");
    }
}

/// See the corpus of `deploy/tests`: what others made is not in this repository.
fn shared() -> Option<std::path::PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared");
    let root = std::env::var_os("FBUILD_SHARED").unwrap_or_else(|| beside.into());
    let fixtures = std::path::PathBuf::from(root).join("fixtures");
    if fixtures.exists() {
        return Some(fixtures);
    }
    let ci = std::env::var_os("CI").is_some_and(|it| it == "true");
    assert!(!ci, "no fixtures at {}", fixtures.display());
    // Straight to stderr: the test runner hides what passing tests print.
    let _ = writeln!(
        std::io::stderr(),
        "skipped: no fixtures at {}",
        fixtures.display()
    );
    None
}
