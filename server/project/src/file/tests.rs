use std::cell::Cell;
use std::fs;

use super::*;

#[test]
fn a_file_is_read_whole_up_to_its_limit() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("f");
    fs::write(&path, "0123456789").unwrap();
    assert_eq!(read(&path, 10).unwrap(), b"0123456789");
    let refused = read(&path, 9).unwrap_err();
    assert_eq!(refused, ReadError::TooLarge { limit_bytes: 9 });
    assert_eq!(read_start(&path, 3).unwrap(), b"012");
    assert_eq!(read_text(&path, 10).unwrap(), "0123456789");
    fs::write(&path, b"\xFF").unwrap();
    assert_eq!(read_text(&path, 10), Err(ReadError::NotText));
    assert_eq!(read(&dir.path().join("g"), 10), Err(ReadError::NotFound));
    assert_eq!(read(&path.join("g"), 10), Err(ReadError::NotFound));
}

#[test]
fn what_is_no_file_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let refused = read(dir.path(), 10).unwrap_err();
    assert_eq!(refused.to_string(), "is not a regular file but a directory");
}

#[cfg(target_os = "linux")]
#[test]
fn nothing_waits_and_nothing_is_reserved_for_what_is_no_file() {
    use std::os::unix::fs::symlink;
    let dir = tempfile::tempdir().unwrap();
    let place = |name: &str| dir.path().join(name);
    rustix::fs::mknodat(
        rustix::fs::CWD,
        place("fifo"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RWXU,
        0,
    )
    .unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(place("socket")).unwrap();
    symlink("/dev/zero", place("zero")).unwrap();
    symlink(place("circle"), place("circle")).unwrap();
    let sparse = fs::File::create(place("sparse")).unwrap();
    sparse.set_len(60 << 30).unwrap();
    for (name, expected) in [
        ("fifo", "is not a regular file but a FIFO"),
        ("socket", "is not a regular file but a socket"),
        ("zero", "is not a regular file but a device"),
        ("sparse", "is larger than 128 MiB, the largest that is read"),
    ] {
        let refused = read(&place(name), IMAGE_LIMIT).unwrap_err();
        assert_eq!(refused.to_string(), expected, "{name}");
    }
    let circle = read(&place("circle"), IMAGE_LIMIT).unwrap_err();
    assert!(matches!(circle, ReadError::System(_)), "{circle:?}");
    assert!(read_start(&place("fifo"), 4).is_err());
    for name in ["fifo", "socket", "."] {
        let refused = append(&place(name)).map(|_| ());
        assert!(refused.is_err(), "{name}");
    }
    let refused = append(&place("fifo")).unwrap_err();
    assert_eq!(refused.to_string(), "it is a FIFO, not a regular file");
    append(Path::new("/dev/null")).unwrap();
    append(&place("new")).unwrap();
    assert_eq!(read_start(&place("sparse"), 4).unwrap(), [0; 4]);
}

#[test]
fn a_cancel_and_a_change_come_through_in_the_middle() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("f");
    fs::write(&path, vec![1; 3 * CHUNK]).unwrap();
    let looks = Cell::new(0);
    let second = || {
        looks.set(looks.get() + 1);
        looks.get() == 2
    };
    assert_eq!(
        read_unless(&path, IMAGE_LIMIT, &second),
        Err(ReadError::Cancelled)
    );
    let grow = || {
        let file = fs::OpenOptions::new().append(true).open(&path).unwrap();
        file.set_len(4 * CHUNK as u64).unwrap();
        false
    };
    assert_eq!(
        read_unless(&path, IMAGE_LIMIT, &grow),
        Err(ReadError::Changed)
    );
}
