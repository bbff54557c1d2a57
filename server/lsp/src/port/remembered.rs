//! A board that a person chose once, found again although its port may have another name by now.
//!
//! By its adapter's serial number; where that says nothing, by the USB socket that it is plugged
//! into; else by the name of its port.

use std::path::Path;

use fbuild_link::port_name::PortName;
use fbuild_link::serial::PortInfo;
use serde::{Deserialize, Serialize};

/// What is known of a chosen board.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Remembered {
    /// Name of its port when it was chosen.
    pub(crate) name: String,
    /// USB vendor and product, if it was on USB.
    pub(crate) usb: Option<(u16, u16)>,
    /// The adapter's serial number.
    pub(crate) serial_number: Option<String>,
    /// The USB socket, as the operating system numbers it.
    pub(crate) location: Option<String>,
}

impl Remembered {
    /// What is to be remembered of the board on a port. `locate` gives a port's USB socket.
    pub(crate) fn of(
        name: &str,
        ports: &[PortInfo],
        locate: &dyn Fn(&str) -> Option<String>,
    ) -> Self {
        let usb = ports
            .iter()
            .find(|port| port.name == name)
            .and_then(|port| port.usb.as_ref());
        Self {
            name: name.to_owned(),
            usb: usb.map(|usb| (usb.vid, usb.pid)),
            serial_number: usb.and_then(|usb| usb.serial_number.clone()),
            location: usb.and_then(|_| locate(name)),
        }
    }

    /// The name of its port now; `None` if it is not plugged in.
    pub(crate) fn find(
        &self,
        ports: &[PortInfo],
        locate: &dyn Fn(&str) -> Option<String>,
    ) -> Option<String> {
        let Some(usb) = self.usb else {
            // Only a device can be seen to be missing; a network or simulated port cannot.
            let is_there = !PortName::of(&self.name).is_device()
                || ports.iter().any(|port| port.name == self.name)
                || Path::new(&self.name).exists();
            return is_there.then(|| self.name.clone());
        };
        let twins: Vec<&PortInfo> = ports
            .iter()
            .filter(|port| {
                port.usb.as_ref().is_some_and(|other| {
                    (other.vid, other.pid) == usb && other.serial_number == self.serial_number
                })
            })
            .collect();
        // A serial number that only one adapter has is that adapter, wherever it is plugged in.
        // Many adapters have none, or all the same (CP2102 as it leaves the factory: 0001).
        if let ([only], Some(_)) = (&twins[..], &self.serial_number) {
            return Some(only.name.clone());
        }
        let at_location = twins
            .iter()
            .find(|port| self.location.is_some() && locate(&port.name) == self.location);
        let by_name = || twins.iter().find(|port| port.name == self.name);
        let found = at_location.or_else(|| by_name().filter(|_| self.location.is_none()));
        found.map(|port| port.name.clone())
    }
}

/// The USB socket behind a port, where this system tells: bus and ports on the way, as in `1-2.4`.
/// Elsewhere a port's name says as much (COM numbers stay with a socket, `/dev/cu.*` names carry it).
pub(crate) fn usb_location(port: &str) -> Option<String> {
    let device = Path::new(port).file_name()?;
    let device = Path::new("/sys/class/tty").join(device).join("device");
    location_in(&std::fs::canonicalize(device).ok()?)
}

/// The last part of a device's path that names a USB interface, `1-2.4:1.0`, without the interface.
fn location_in(path: &Path) -> Option<String> {
    let names = path.iter().filter_map(|part| part.to_str());
    let mut interfaces = names.rev().filter_map(|name| {
        let (socket, _) = name.split_once(':')?;
        let (bus, ports) = socket.split_once('-')?;
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        (is_number(bus) && ports.split('.').all(is_number)).then(|| socket.to_owned())
    });
    interfaces.next()
}

#[cfg(test)]
mod tests {
    use fbuild_link::UsbId;

    use super::*;

    fn adapter(name: &str, serial_number: Option<&str>) -> PortInfo {
        let usb = UsbId {
            vid: 0x10C4,
            pid: 0xEA60,
            serial_number: serial_number.map(str::to_owned),
            product: None,
        };
        PortInfo {
            name: name.to_owned(),
            usb: Some(usb),
        }
    }

    #[allow(clippy::unnecessary_wraps)] // as the real one
    /// Sockets by port: `socket of a` for `a`, unless it was moved.
    fn sockets(name: &str) -> Option<String> {
        Some(format!("socket of {}", name.trim_end_matches("-renamed")))
    }

    #[test]
    fn a_serial_number_is_followed_everywhere() {
        let before = [adapter("a", Some("17")), adapter("b", Some("18"))];
        let board = Remembered::of("a", &before, &sockets);
        let now = [adapter("a", Some("18")), adapter("c", Some("17"))];
        assert_eq!(board.find(&now, &sockets).as_deref(), Some("c"));
        assert_eq!(board.find(&now[..1], &sockets), None);
    }

    #[test]
    fn without_one_the_socket_decides_and_then_the_name() {
        for serial_number in [None, Some("0001")] {
            let before = [adapter("a", serial_number), adapter("b", serial_number)];
            let board = Remembered::of("a", &before, &sockets);
            let now = [
                adapter("b", serial_number),
                adapter("a-renamed", serial_number),
            ];
            assert_eq!(board.find(&now, &sockets).as_deref(), Some("a-renamed"));
            // Another one like it in another socket is another board.
            let other = [adapter("b", serial_number), adapter("c", serial_number)];
            assert_eq!(board.find(&other, &sockets), None);
            let board = Remembered::of("a", &before, &|_| None);
            assert_eq!(board.find(&before, &|_| None).as_deref(), Some("a"));
        }
    }

    #[test]
    fn what_is_no_device_is_always_there() {
        for name in ["sim:", "socket://board.lan:4000"] {
            let board = Remembered::of(name, &[], &sockets);
            assert_eq!(board.find(&[], &sockets).as_deref(), Some(name));
        }
        let gone = Remembered::of("/dev/no-such-port", &[], &sockets);
        assert_eq!(gone.find(&[], &sockets), None);
    }

    #[test]
    fn sockets_are_read_from_the_devices_path() {
        let of = |path: &str| location_in(Path::new(path));
        let bridge = "/sys/devices/pci0000:00/0000:00:14.0/usb1/1-2/1-2.4/1-2.4:1.0/ttyUSB0";
        assert_eq!(of(bridge).as_deref(), Some("1-2.4"));
        assert_eq!(
            of("/sys/devices/pci0000:00/0000:00:16.3/serial8250:0"),
            None
        );
    }
}
