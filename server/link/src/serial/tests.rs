//! Names of ports, and a pty.

use super::*;

fn adapter(pid: u16, serial_number: Option<&str>) -> UsbId {
    UsbId {
        vid: 0x303A,
        pid,
        serial_number: serial_number.map(str::to_owned),
        product: None,
    }
}

fn listed(ports: &[(&str, UsbId)]) -> Vec<PortInfo> {
    let port = |(name, usb): &(&str, UsbId)| PortInfo {
        name: (*name).to_owned(),
        usb: Some(usb.clone()),
    };
    ports.iter().map(port).collect()
}

#[test]
fn a_port_that_comes_back_is_known_by_its_number() {
    let (one, other) = (adapter(0x1001, Some("A1")), adapter(0x1001, Some("B2")));
    let now = |usb: &UsbId, ports: &[(&str, UsbId)]| {
        name_now("/dev/ttyACM0", Some(usb), &listed(ports)).to_owned()
    };
    let hub = [
        ("/dev/ttyACM1", other.clone()),
        ("/dev/ttyACM2", one.clone()),
    ];
    assert_eq!(now(&one, &hub), "/dev/ttyACM2");
    assert_eq!(now(&one, &hub[..1]), "/dev/ttyACM0", "not back yet");
    // Adapters without a number of their own are known by their place only.
    let nameless = adapter(0x1001, None);
    assert_eq!(
        now(&nameless, &[("/dev/ttyACM1", nameless.clone())]),
        "/dev/ttyACM0"
    );
    let twins = [("/dev/ttyACM1", one.clone()), ("/dev/ttyACM2", one.clone())];
    assert_eq!(now(&one, &twins), "/dev/ttyACM0");
}

#[test]
fn a_port_is_the_same_by_its_other_names() {
    assert!(same_port("/dev/cu.usbmodem1", "/dev/tty.usbmodem1"));
    assert!(!same_port("/dev/cu.usbmodem1", "/dev/tty.usbmodem12"));
    // Windows needs the prefix for numbers above 9; serialport writes it where it is not there.
    for name in ["COM12", "com12", r"\\.\COM12", r"\\.\com12"] {
        assert_eq!(identity_on(true, name), "COM12");
        assert_eq!(identity_on(false, name), name, "a file of that name");
    }
    assert_ne!(identity_on(true, "COM1"), identity_on(true, "COM12"));
}

#[test]
fn of_the_two_names_on_macos_the_one_that_does_not_block_is_listed() {
    assert!(blocks_on_open("/dev/tty.usbserial-0001"));
    for name in ["/dev/cu.usbserial-0001", "/dev/ttyUSB0", "COM12"] {
        assert!(!blocks_on_open(name), "{name}");
    }
}

#[test]
fn what_no_device_means_depends_on_the_system() {
    let unlisted = || false;
    assert!(is_held(false, unlisted), "Unix says so of a locked port");
    assert!(!is_held(true, unlisted), "on Windows it is not there");
    assert!(is_held(true, || true), "there, and not to be had");
}

#[cfg(target_os = "linux")]
mod with_a_pty {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

    use super::*;

    fn pty() -> (std::os::fd::OwnedFd, String) {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let path = ptsname(&master, Vec::new()).unwrap();
        (master, path.into_string().unwrap())
    }

    #[test]
    fn a_device_that_takes_nothing_does_not_hold_up_a_write_for_ever() {
        let (_master, path) = pty();
        let mut link = SerialLink::open(&path).unwrap();
        let error = link
            .write_within(&vec![0; 1 << 20], Duration::from_millis(50))
            .unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut, "{error}");
    }

    #[test]
    fn a_port_can_be_opened_again_and_is_held_by_one_at_a_time() {
        let (master, path) = pty();
        let mut link = SerialLink::open(&path).unwrap();
        let second = SerialLink::open(&path).unwrap_err();
        let OpenError::Busy { holders, .. } = &second else {
            panic!("{second:?}");
        };
        let pids: Vec<u32> = holders.iter().map(|holder| holder.pid).collect();
        assert_eq!(pids, [std::process::id()], "{second}");
        link.set_baud(1200).unwrap();
        link.close();
        assert!(link.read(&mut [0], Duration::ZERO).is_err());
        link.reopen().unwrap();
        assert_eq!(link.baud, USUAL_BAUD);
        rustix::io::write(&master, b"hello").unwrap();
        let mut buffer = [0; 16];
        let n = link.read(&mut buffer, Duration::from_secs(10)).unwrap();
        assert_eq!(&buffer[..n], b"hello");
    }

    /// Whether another process may open it, unless that is root's.
    #[allow(unsafe_code)]
    fn is_exclusive(port: &std::os::fd::OwnedFd) -> bool {
        const TIOCGEXCL: rustix::ioctl::Opcode = rustix::ioctl::opcode::read::<i32>(b'T', 0x40);
        // SAFETY: TIOCGEXCL writes exactly one C int.
        let is_exclusive: i32 = unsafe {
            rustix::ioctl::ioctl(port, rustix::ioctl::Getter::<TIOCGEXCL, i32>::new()).unwrap()
        };
        is_exclusive != 0
    }

    #[test]
    fn a_shared_port_hears_what_comes_while_another_has_it() {
        let (master, path) = pty();
        let flags = rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NOCTTY;
        let onlooker = rustix::fs::open(&path, flags, rustix::fs::Mode::empty()).unwrap();
        let is_exclusive = || is_exclusive(&onlooker);
        let mut link = SerialLink::open(&path).unwrap();
        assert!(link.share());
        assert!(!is_exclusive());
        let other = SerialLink::open(&path).unwrap();
        assert!(link.own().is_err(), "the other has it still");
        drop(other);
        rustix::io::write(&master, b"hello").unwrap();
        link.own().unwrap();
        let mut buffer = [0; 16];
        let n = link.read(&mut buffer, Duration::from_secs(10)).unwrap();
        assert_eq!(&buffer[..n], b"hello");
        assert!(is_exclusive());
        assert!(SerialLink::open(&path).is_err(), "it is its own again");
        // Closed while another has it: that one's stays closed to others.
        assert!(link.share());
        let _other = SerialLink::open(&path).unwrap();
        drop(link);
        assert!(is_exclusive());
    }

    #[test]
    fn a_shared_port_whose_device_is_gone_is_known() {
        let (master, path) = pty();
        let mut link = SerialLink::open(&path).unwrap();
        assert!(link.share() && link.is_there());
        drop(master);
        assert!(!link.is_there());
        assert!(link.own().is_err());
    }

    #[test]
    fn a_pty_whose_board_is_reset_when_it_is_closed_is_not_shared() {
        use rustix::termios::{ControlModes, OptionalActions, tcgetattr, tcsetattr};
        let (master, path) = pty();
        let mut settings = tcgetattr(&master).unwrap();
        settings.control_modes.insert(ControlModes::HUPCL);
        tcsetattr(&master, OptionalActions::Now, &settings).unwrap();
        assert!(!SerialLink::open(&path).unwrap().share());
    }

    #[test]
    fn only_a_port_that_stays_is_shared() {
        let usb = |vid| UsbId {
            vid,
            ..UsbId::default()
        };
        for (vid, is_shared) in [
            (0x10C4, true),
            (0x067B, true),
            (0x303A, false),
            (0x16C0, false),
            (0x2E8A, false),
            (0x239A, false),
        ] {
            let (_master, path) = pty();
            let mut link = SerialLink::open(&path).unwrap();
            link.usb_id = Some(usb(vid));
            assert_eq!(link.share(), is_shared, "{vid:#x}");
        }
    }

    #[test]
    fn what_stands_in_the_way_of_opening_is_told_apart() {
        let open = |name: &str| SerialLink::open(name).unwrap_err();
        let missing = open("/dev/no-such-port");
        assert!(matches!(missing, OpenError::NotFound { .. }), "{missing:?}");
        let no_port = open("/dev/null");
        assert!(matches!(no_port, OpenError::BadName { .. }), "{no_port:?}");
    }
}
