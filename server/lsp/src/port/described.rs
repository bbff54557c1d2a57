//! Ports by what is known of them, so that a script or a setting means the same board on every machine and after
//! every plugging: `ser=SERIAL`, `usb=VID:PID[:SERIAL]`, `loc=1-2.3`, and pySerial's `hwgrep://REGEX`.

use fbuild_deploy::outcome::Failure;
use fbuild_link::UsbId;
use fbuild_link::port_name::{Description, PortName};
use fbuild_link::serial::PortInfo;
use regex::RegexBuilder;

use super::listed;

/// The port of a name: itself, or the only one of these that is as it says. `locate` gives a port's USB socket.
pub(crate) fn resolve(
    name: &str,
    ports: &[PortInfo],
    locate: &dyn Fn(&str) -> Option<String>,
) -> Result<String, Failure> {
    let PortName::Described(description) = PortName::of(name) else {
        return Ok(name.to_owned());
    };
    let found = find(description, ports, locate).map_err(|why| {
        Failure::of_input(
            "port-name",
            format!("'{name}' is not a port: {why}"),
            "correct the pattern",
        )
    })?;
    match found[..] {
        [only] => Ok(only.name.clone()),
        [] => Err(Failure::of_input(
            "no-port",
            format!("no board found: no port of this machine is {name}"),
            "plug the board in; `fbuild-lsp ports --json` has the serial number, identity and socket \
                     of each port",
        )),
        _ => Err(Failure::of_input(
            "several-ports",
            format!(
                "several boards found that are {name}: {}",
                listed(found.into_iter())
            ),
            "say more of it, or name the port",
        )),
    }
}

/// The ports that are as it says; of a pattern only the one that pySerial would take.
fn find<'p>(
    description: Description<'_>,
    ports: &'p [PortInfo],
    locate: &dyn Fn(&str) -> Option<String>,
) -> Result<Vec<&'p PortInfo>, String> {
    if let Description::Grep(wanted) = description {
        let (pattern, options) = wanted.split_once('&').unwrap_or((wanted, ""));
        let pattern = RegexBuilder::new(pattern).case_insensitive(true).build();
        let pattern = pattern.map_err(|error| error.to_string())?;
        let nth = options
            .split('&')
            .find_map(|option| option.strip_prefix("n="));
        let nth = nth.map_or(Ok(1), str::parse::<usize>);
        let nth = nth.map_err(|_| "n is a number".to_owned())?.max(1);
        let mut found = ports.iter().filter(|port| {
            let location = locate(&port.name);
            let words = hardware(port, location.as_deref());
            words.iter().any(|words| pattern.is_match(words))
        });
        return Ok(found.nth(nth - 1).into_iter().collect());
    }
    let is_it = |port: &&PortInfo| {
        let Some(usb) = &port.usb else { return false };
        let has = |wanted: &str| usb.serial_number.as_deref() == Some(wanted);
        match description {
            Description::Serial(serial) => has(serial),
            Description::Location(wanted) => locate(&port.name).as_deref() == Some(wanted),
            Description::Usb {
                vid,
                pid,
                serial_number,
            } => (usb.vid, usb.pid) == (vid, pid) && serial_number.is_none_or(has),
            Description::Grep(_) => false,
        }
    };
    Ok(ports.iter().filter(is_it).collect())
}

/// What pySerial matches a pattern with: the port's name, its description, and its identity in words.
fn hardware(port: &PortInfo, location: Option<&str>) -> [String; 3] {
    let Some(usb) = &port.usb else {
        return [port.name.clone(), "n/a".to_owned(), "n/a".to_owned()];
    };
    let UsbId { vid, pid, .. } = usb;
    let serial = usb.serial_number.as_ref().map(|it| format!(" SER={it}"));
    let location = location.map(|it| format!(" LOCATION={it}"));
    [
        port.name.clone(),
        usb.product.clone().unwrap_or_else(|| "n/a".to_owned()),
        format!(
            "USB VID:PID={vid:04X}:{pid:04X}{}{}",
            serial.unwrap_or_default(),
            location.unwrap_or_default()
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adapter(name: &str, pid: u16, serial_number: &str, product: &str) -> PortInfo {
        PortInfo {
            name: name.to_owned(),
            usb: Some(UsbId {
                vid: 0x10C4,
                pid,
                serial_number: Some(serial_number.to_owned()),
                product: Some(product.to_owned()),
            }),
        }
    }

    /// What comes of a name on a machine with three adapters: the port, or the code of the failure.
    fn of(name: &str) -> String {
        let ports = [
            adapter("/dev/ttyUSB0", 0xEA60, "0001", "CP2102"),
            adapter("/dev/ttyUSB1", 0xEA60, "ab12", "CP2102N"),
            adapter("COM7", 0xEA70, "0001", "CP2105"),
            PortInfo {
                name: "/dev/ttyS0".to_owned(),
                usb: None,
            },
        ];
        let locate = |name: &str| {
            let number = name.strip_prefix("/dev/ttyUSB")?;
            Some(format!("1-2.{number}"))
        };
        let resolved = resolve(name, &ports, &locate);
        resolved.unwrap_or_else(|failure| failure.code.to_owned())
    }

    #[test]
    fn a_port_is_found_by_what_is_known_of_it() {
        for (name, port) in [
            ("ser=ab12", "/dev/ttyUSB1"),
            ("ser=0001", "several-ports"),
            ("ser=0002", "no-port"),
            ("usb=10c4:ea70", "COM7"),
            ("usb=10c4:ea60", "several-ports"),
            ("usb=10c4:ea60:0001", "/dev/ttyUSB0"),
            ("usb=10c4:ea60:0002", "no-port"),
            ("loc=1-2.1", "/dev/ttyUSB1"),
            ("loc=1-2", "no-port"),
            // Of a pattern the first one, as pySerial and PlatformIO have it, or the one that it counts to.
            ("hwgrep://cp2102", "/dev/ttyUSB0"),
            ("hwgrep://cp2102&n=2", "/dev/ttyUSB1"),
            ("hwgrep://VID:PID=10C4:EA70 SER=0001", "COM7"),
            ("hwgrep://LOCATION=1-2.1$", "/dev/ttyUSB1"),
            ("hwgrep://ttyS", "/dev/ttyS0"),
            ("hwgrep://ftdi", "no-port"),
            ("hwgrep://(", "port-name"),
            ("hwgrep://cp&n=x", "port-name"),
            ("/dev/elsewhere", "/dev/elsewhere"),
            ("sim:", "sim:"),
        ] {
            assert_eq!(of(name), port, "{name}");
        }
    }
}
