use std::time::Duration;

use fbuild_link::Lines;

use super::*;
use crate::board::State;

fn parse(name: &str) -> Result<SimPort, ParseError> {
    SimPort::parse(name, Path::new("/state"))
}

#[test]
fn the_flash_file_is_named_or_in_the_state_directory() {
    let path = |name| parse(name).unwrap().flash_path().map(Path::to_owned);
    assert_eq!(path("sim:"), Some(PathBuf::from("/state/sim-esp32.bin")));
    assert_eq!(
        path("sim:?chip=ESP32-C3"),
        Some(PathBuf::from("/state/sim-esp32c3.bin"))
    );
    assert_eq!(path("sim:board.bin"), Some(PathBuf::from("board.bin")));
    assert_eq!(
        path("sim:C:\\dir\\b.bin?size=8MB"),
        Some(PathBuf::from("C:\\dir\\b.bin"))
    );
    assert_eq!(path("sim:?file=0"), None);
}

#[test]
fn mistakes_are_named_with_what_would_be_right() {
    let error = parse("sim:x.bin?chop=esp32").unwrap_err().to_string();
    assert!(error.contains("unknown option 'chop'"), "{error}");
    assert!(error.contains("secure-download"), "{error}");
    let error = parse("sim:?chip=esp8285").unwrap_err().to_string();
    assert!(
        error.contains("'esp8285'") && error.contains("esp32c61"),
        "{error}"
    );
    for bad in [
        "sim:?size=4GB",
        "sim:?size=",
        "sim:?time=fast",
        "sim:?usb=rs232",
        "sim:?revision=3",
        "sim:?encryption=maybe",
        "sim:?lines=yes",
        "sim:?start=stub",
        "sim:?log=",
        "sim:?crash=sometimes",
        "sim:?crash=loadprohibited&chip=esp32c3",
    ] {
        assert!(
            matches!(parse(bad), Err(ParseError::BadValue { .. })),
            "{bad}"
        );
    }
    assert!(matches!(parse("/dev/ttyUSB0"), Err(ParseError::NotSim(_))));
}

#[test]
fn sizes_have_the_usual_units() {
    assert_eq!(parse_size("4MB"), Some(4 << 20));
    assert_eq!(parse_size("512kb"), Some(512 << 10));
    assert_eq!(parse_size("65536"), Some(65536));
    assert_eq!(parse_size("9999MB"), None);
    assert_eq!(parse_size("MB"), None);
}

#[test]
fn a_port_is_busy_while_it_is_open_and_keeps_its_contents() {
    let dir = tempfile::tempdir().unwrap();
    let port = SimPort::parse("sim:?chip=esp32s3&size=1MB", &dir.path().join("new")).unwrap();
    let first = port.open().unwrap();
    let busy = port.open().err().unwrap();
    assert_eq!(busy.kind(), io::ErrorKind::ResourceBusy);
    assert!(busy.to_string().contains("sim-esp32s3.bin"), "{busy}");
    drop(first);
    assert!(port.open().is_ok());
    let file = dir.path().join("new/sim-esp32s3.bin");
    assert_eq!(std::fs::metadata(file).unwrap().len(), 1 << 20);
}

#[test]
fn impossible_boards_are_refused_when_opened() {
    for (name, why) in [
        (
            "sim:?file=0&secure-download",
            "ESP32 has no Secure Download Mode",
        ),
        ("sim:?file=0&usb=jtag", "ESP32 has no USB-Serial/JTAG"),
        ("sim:?file=0&size=100", "cannot have 100 bytes"),
    ] {
        let error = parse(name).unwrap().open().err().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        assert!(error.to_string().contains(why), "{error}");
    }
}

#[test]
fn options_reach_the_board() {
    let port = parse("sim:?file=0&chip=esp32c3&usb=jtag&start=download").unwrap();
    assert!(port.open().unwrap().usb_id().unwrap().is_serial_jtag());
    let Model::Esp(builder) = port.model() else {
        panic!("an ESP32");
    };
    let mut board = builder.build().unwrap();
    assert_eq!(board.connection(), Connection::SerialJtag);
    assert_eq!(board.state(), State::Download);
}

#[test]
fn accounted_time_does_not_pass() {
    let port = parse("sim:?file=0").unwrap();
    let mut link = port.open().unwrap();
    link.set_lines(Lines::default()).unwrap();
    link.pause(Duration::from_hours(1));
    assert!(link.now() >= Duration::from_hours(1));
}

#[test]
fn an_avr_board_is_named_by_its_part_or_as_a_board() {
    let facts = |name| match parse(name).unwrap().model() {
        Model::Avr(model) => model.facts,
        Model::Esp(_) => panic!("{name}"),
    };
    assert_eq!(facts("sim:?chip=ATmega328P").baud, 115_200);
    assert_eq!(facts("sim:?board=nanoatmega328").baud, 57_600);
    let path = parse("sim:?chip=atmega2560").unwrap();
    assert_eq!(
        path.flash_path(),
        Some(Path::new("/state/sim-atmega2560.bin"))
    );
    for wrong in ["sim:?chip=atmega328p&size=4MB", "sim:?board=toaster"] {
        assert!(
            matches!(parse(wrong), Err(ParseError::BadValue { .. })),
            "{wrong}"
        );
    }
}
