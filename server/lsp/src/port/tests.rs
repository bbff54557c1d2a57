use fbuild_chip::usb::UsbBoard;
use fbuild_link::UsbId;

use super::*;

fn identity(port: &str) -> String {
    PortName::of(port).identity()
}

fn usb(name: &str, vid: u16) -> PortInfo {
    let usb = UsbId {
        vid,
        pid: 1,
        serial_number: Some("0001".to_owned()),
        product: None,
    };
    PortInfo {
        name: name.to_owned(),
        usb: Some(usb),
    }
}

fn plain(name: &str) -> PortInfo {
    PortInfo {
        name: name.to_owned(),
        usb: None,
    }
}

/// The port that is chosen where somebody asked for one, or the project names one.
fn choose(
    asked: Option<&str>,
    project: Option<&str>,
    ports: &[PortInfo],
) -> Result<String, Failure> {
    let wishes = Wishes {
        asked,
        project,
        ..Wishes::default()
    };
    super::choose(&wishes, ports).map(|chosen| chosen.name)
}

#[test]
fn wishes_by_their_strength() {
    let ports = [usb("/dev/ttyUSB0", 0x10C4), usb("/dev/ttyUSB1", 0x1A86)];
    let remembered = Remembered::of("/dev/ttyUSB1", &ports, &|_| None);
    let unplugged = Remembered {
        serial_number: Some("unplugged".to_owned()),
        ..remembered.clone()
    };
    let all = Wishes {
        asked: Some("COM9"),
        remembered: Some(&remembered),
        setting: Some("COM8"),
        project: Some("/dev/ttyUSB0"),
        needs_none: false,
    };
    let chosen = |wishes: &Wishes<'_>| super::choose(wishes, &ports).unwrap();
    assert_eq!(chosen(&all), "COM9".to_owned().into());
    let all = Wishes { asked: None, ..all };
    assert_eq!(chosen(&all), "/dev/ttyUSB1".to_owned().into());
    let all = Wishes {
        remembered: Some(&unplugged),
        ..all
    };
    let instead = chosen(&all);
    assert_eq!(instead.name, "COM8");
    assert_eq!(
        instead.warning.unwrap(),
        "the board chosen for this folder (/dev/ttyUSB1) is not plugged in; used COM8"
    );
    let all = Wishes {
        remembered: None,
        setting: None,
        ..all
    };
    assert_eq!(chosen(&all), "/dev/ttyUSB0".to_owned().into());
}

/// What was chosen for other boards of the folder, or is the only one plugged in, is not this one.
#[test]
fn a_board_with_its_boot_loader_on_usb_needs_no_port() {
    let ports = [usb("/dev/ttyUSB0", 0x10C4), usb("/dev/ttyACM0", 0x16C0)];
    let remembered = Remembered::of("/dev/ttyUSB0", &ports, &|_| None);
    let mut target =
        Target::from_files(&[(0, Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"))])
            .unwrap();
    let wishes = Wishes {
        remembered: Some(&remembered),
        setting: Some("/dev/ttyUSB0"),
        ..Wishes::default()
    };
    let chosen = |wishes: Wishes<'_>, target: &Target| {
        let chosen = super::choose(&wishes.of(target), &ports).unwrap();
        (chosen.name, chosen.warning)
    };
    assert_eq!(chosen(wishes, &target).0, "/dev/ttyUSB0");
    target.usb = Some(UsbBoard::Rp2(None));
    assert_eq!(chosen(wishes, &target), ("usb:".to_owned(), None));
    // One that its own environment names tells a program that runs to leave.
    let project = Wishes {
        project: Some("/dev/ttyACM0"),
        ..wishes
    };
    assert_eq!(chosen(project, &target).0, "/dev/ttyACM0");
}

#[test]
fn candidates_are_boards_else_anything_on_usb() {
    let name = |ports: &[PortInfo]| -> Vec<String> {
        candidates(ports)
            .iter()
            .map(|port| port.name.clone())
            .collect()
    };
    let (board, other, built_in) = (usb("a", 0x303A), usb("b", 0x1D50), plain("c"));
    assert_eq!(name(&[board, other.clone(), built_in.clone()]), ["a"]);
    assert_eq!(name(&[other, built_in.clone()]), ["b"]);
    assert!(name(&[built_in]).is_empty());
}

#[test]
fn the_only_plausible_board_is_meant_when_nobody_says() {
    let ports = [
        usb("/dev/ttyUSB0", 0x10C4),
        usb("/dev/ttyACM0", 0x1D50),
        plain("/dev/ttyS0"),
    ];
    assert_eq!(choose(None, None, &ports).unwrap(), "/dev/ttyUSB0");
    for vid in [0x303A, 0x1A86, 0x0403, 0x2341, 0x2A03] {
        assert_eq!(
            choose(None, None, &[plain("/dev/ttyS0"), usb("b", vid)]).unwrap(),
            "b"
        );
    }
}

/// The board on the desk may be another one than the lamp on the wall.
#[test]
fn a_device_over_the_air_is_not_passed_over_without_a_word() {
    let wishes = Wishes {
        project: Some("espota://lamp.local"),
        ..Wishes::default()
    };
    let chosen = super::choose(&wishes, &[usb("/dev/ttyUSB0", 0x10C4)]).unwrap();
    assert_eq!(chosen.name, "/dev/ttyUSB0");
    assert_eq!(
        chosen.warning.unwrap(),
        "the project asks for espota://lamp.local, which is used only if it is named; used /dev/ttyUSB0"
    );
    let refused = super::choose(&wishes, &[]).unwrap_err();
    assert!(
        refused.what.contains("used only if it is named"),
        "{refused}"
    );
}

#[test]
fn what_was_asked_for_wins_and_the_project_comes_second() {
    let ports = [usb("/dev/ttyUSB0", 0x10C4), usb("/dev/ttyUSB1", 0x10C4)];
    let project = Some("/dev/ttyUSB1");
    assert_eq!(
        choose(Some("socket://x:1"), project, &ports).unwrap(),
        "socket://x:1"
    );
    assert_eq!(choose(None, project, &ports).unwrap(), "/dev/ttyUSB1");
}

#[test]
fn of_a_pattern_of_the_project_the_first_port_that_matches_counts() {
    let ports = [
        usb("/dev/ttyUSB0", 0x10C4),
        usb("/dev/ttyACM0", 0x303A),
        usb("/dev/ttyACM1", 0x303A),
    ];
    let chosen = choose(None, Some("/dev/ttyACM*"), &ports);
    assert_eq!(chosen.unwrap(), "/dev/ttyACM0");
    // Of one that none matches, no more than of a name that is not there.
    assert!(choose(None, Some("/dev/cu.*"), &ports).is_err());
}

#[test]
fn a_description_is_found_wherever_a_port_is_named() {
    let ports = [usb("/dev/ttyUSB0", 0x10C4), usb("/dev/ttyACM0", 0x303A)];
    let name = "usb=303a:1";
    assert_eq!(choose(Some(name), None, &ports).unwrap(), "/dev/ttyACM0");
    assert_eq!(
        choose(None, Some("hwgrep://303A"), &ports).unwrap(),
        "/dev/ttyACM0"
    );
    let setting = Wishes {
        setting: Some(name),
        ..Wishes::default()
    };
    assert_eq!(
        super::choose(&setting, &ports).unwrap().name,
        "/dev/ttyACM0"
    );
    // It is not there.
    assert_eq!(
        choose(Some(name), None, &ports[..1]).unwrap_err().code,
        "no-port"
    );
    let failure = choose(None, Some(name), &[plain("/dev/ttyS0")]).unwrap_err();
    assert!(
        failure
            .what
            .contains("asks for usb=303a:1, which is not there"),
        "{failure:?}"
    );
}

#[test]
fn a_project_cannot_send_us_to_a_port_that_is_not_there() {
    let ports = [usb("/dev/ttyUSB0", 0x10C4)];
    assert_eq!(
        choose(None, Some("socket://evil:1"), &ports).unwrap(),
        "/dev/ttyUSB0"
    );
}

#[test]
fn an_error_names_what_the_project_asks_for() {
    let ports = [plain("/dev/ttyS0")];
    for (wish, what, remedy) in [
        (
            "/dev/ttyACM7",
            "asks for /dev/ttyACM7, which is not there",
            "name the port",
        ),
        (
            "rfc2217://h:4000?ign_set_control",
            "asks for rfc2217://h:4000?ign_set_control",
            "name the port rfc2217://h:4000?ign_set_control",
        ),
        (
            "socket://h:1",
            "asks for socket://h:1",
            "name the port socket://h:1",
        ),
    ] {
        let failure = choose(None, Some(wish), &ports).unwrap_err();
        assert_eq!(failure.code, "no-port");
        assert!(failure.what.contains(what), "{}", failure.what);
        let found = failure.remedy.to_string();
        assert!(found.contains(remedy), "{found}");
    }
}

#[test]
fn errors_list_the_candidates() {
    let several = [
        usb("/dev/ttyUSB0", 0x10C4),
        usb("/dev/ttyUSB1", 0x303A),
        plain("/dev/ttyS0"),
    ];
    let failure = choose(None, None, &several).unwrap_err();
    assert_eq!(failure.code, "several-ports");
    assert_eq!(
        failure.what,
        "several boards found: /dev/ttyUSB0 (CP210x, 0001), /dev/ttyUSB1 (Espressif, 0001)"
    );

    let failure = choose(None, None, &[plain("/dev/ttyS0")]).unwrap_err();
    assert_eq!(failure.code, "no-port");
    assert!(failure.what.contains("/dev/ttyS0"), "{}", failure.what);
    assert!(choose(None, None, &[]).unwrap_err().is_input);
}

#[test]
fn different_spellings_of_one_simulated_board_are_one_port() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("board.bin");
    std::fs::write(&file, b"").unwrap();
    let plain = format!("sim:{}", file.display());
    let longer = format!("sim:{}?time=real", dir.path().join("./board.bin").display());
    assert_eq!(identity(&plain), identity(&longer));
    assert_ne!(identity(&plain), identity("sim:other.bin"));
    assert_eq!(identity("socket://a:1"), "socket://a:1");
    // A job on one of macOS's two names for a port is a job on the other.
    assert_eq!(
        identity("/dev/tty.usbmodem1"),
        identity("/dev/cu.usbmodem1")
    );
}

#[cfg(unix)]
#[test]
fn a_link_to_a_device_is_the_device() {
    let dir = tempfile::tempdir().unwrap();
    let (device, by_id) = (
        dir.path().join("ttyUSB0"),
        dir.path().join("usb-Silicon_Labs"),
    );
    std::fs::write(&device, b"").unwrap();
    std::os::unix::fs::symlink(&device, &by_id).unwrap();
    assert_eq!(
        identity(device.to_str().unwrap()),
        identity(by_id.to_str().unwrap())
    );
}

#[cfg(unix)]
#[test]
fn relative_flash_files_are_the_workspaces() {
    let base = Path::new("/project");
    assert_eq!(
        anchored("sim:a.bin?time=real", base),
        "sim:/project/a.bin?time=real"
    );
    assert_eq!(anchored("sim:/b.bin", base), "sim:/b.bin");
    assert_eq!(anchored("sim:", base), "sim:");
    assert_eq!(anchored("sim:?chip=esp32", base), "sim:?chip=esp32");
    assert_eq!(anchored("/dev/ttyUSB0", base), "/dev/ttyUSB0");
}
