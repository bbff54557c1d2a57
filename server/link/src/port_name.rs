//! What a port's name says about the way to it.

/// The ways to a board that a port's name can mean. This is the one place that tells them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PortName<'n> {
    /// A device of this machine: `/dev/ttyUSB0`, `COM5`.
    Device(&'n str),
    /// `socket://HOST:PORT`, raw TCP: the address.
    Socket(&'n str),
    /// `rfc2217://HOST:PORT[?OPTIONS]`: what follows the slashes.
    Rfc2217(&'n str),
    /// `espota://HOST[:PORT][?OPTIONS]`, a device that takes firmware over the air: what follows the
    /// slashes. It is no link: nothing can be read from it.
    Espota(&'n str),
    /// `usb:`, a board that waits in its boot loader on USB, which is no serial port.
    UsbLoader,
    /// `sim:[FILE][?OPTIONS]`, a simulated board: the file of its flash, which may be empty, and the
    /// options with their question mark.
    Sim {
        /// May be empty.
        file: &'n str,
        /// Empty, or begins with `?`.
        options: &'n str,
    },
    /// A device of this machine by what is known of it; which one that is the list of ports tells.
    Described(Description<'n>),
    /// An address of a kind that is not known, or nothing.
    Unknown(&'n str),
}

/// What a port can be told by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Description<'n> {
    /// `ser=SERIAL`: the adapter's serial number.
    Serial(&'n str),
    /// `usb=VID:PID[:SERIAL]`, in hexadecimal.
    #[allow(missing_docs)]
    Usb {
        vid: u16,
        pid: u16,
        serial_number: Option<&'n str>,
    },
    /// `loc=1-2.3`: the USB socket, as the system numbers it.
    Location(&'n str),
    /// `hwgrep://REGEX[&n=N]`, as pySerial has it: what is behind the slashes.
    Grep(&'n str),
}

impl<'n> Description<'n> {
    fn of(name: &'n str) -> Option<Self> {
        let (kind, value) = name.split_once('=')?;
        Some(match kind {
            "ser" if !value.is_empty() => Self::Serial(value),
            "loc" if is_location(value) => Self::Location(value),
            "usb" => {
                let mut parts = value.splitn(3, ':');
                let mut id = || u16::from_str_radix(parts.next()?, 16).ok();
                let (vid, pid) = (id()?, id()?);
                Self::Usb {
                    vid,
                    pid,
                    serial_number: parts.next(),
                }
            }
            _ => return None,
        })
    }
}

impl<'n> PortName<'n> {
    /// The name of [`Self::UsbLoader`].
    pub const USB_LOADER: &'static str = "usb:";

    /// Takes a name apart.
    pub fn of(name: &'n str) -> Self {
        if let Some(rest) = name.strip_prefix("sim:") {
            let (file, options) = rest.split_at(rest.find('?').unwrap_or(rest.len()));
            return Self::Sim { file, options };
        }
        if name == Self::USB_LOADER {
            return Self::UsbLoader;
        }
        match name.split_once("://") {
            Some(("socket", address)) => Self::Socket(address),
            Some(("rfc2217", address)) => Self::Rfc2217(address),
            Some(("espota", address)) => Self::Espota(address),
            Some(("hwgrep", pattern)) => Self::Described(Description::Grep(pattern)),
            Some(_) => Self::Unknown(name),
            None if name.is_empty() || why_undescribed(name).is_some() => {
                Description::of(name).map_or(Self::Unknown(name), Self::Described)
            }
            None => Self::Device(name),
        }
    }

    /// What is wrong with a name that is [`Self::Unknown`].
    pub(crate) fn why_unknown(name: &str) -> &'static str {
        if name.is_empty() {
            return "it is empty";
        }
        why_undescribed(name)
            .unwrap_or("of such addresses there are socket://, rfc2217://, espota:// and hwgrep://")
    }

    /// Whether it is a device of this machine, which can be seen to be there and to be held.
    pub fn is_device(self) -> bool {
        matches!(self, Self::Device(_))
    }

    /// Whether it is a serial port of another machine.
    pub fn is_on_network(self) -> bool {
        matches!(self, Self::Socket(_) | Self::Rfc2217(_))
    }

    /// Whether it takes firmware over the air.
    pub fn is_over_the_air(self) -> bool {
        matches!(self, Self::Espota(_))
    }

    /// Whether the list of ports has to tell which port it is.
    pub fn is_described(self) -> bool {
        matches!(self, Self::Described(_))
    }

    /// Whether it is a simulated board.
    pub fn is_sim(self) -> bool {
        matches!(self, Self::Sim { .. })
    }

    /// A name that is the same for every way of writing it: symbolic links are followed, and options
    /// do not count.
    pub fn identity(self) -> String {
        match self {
            Self::Device(device) => crate::serial::identity(device),
            Self::Sim { file, .. } => {
                let canonical = std::fs::canonicalize(file).ok();
                let canonical = canonical.as_deref().and_then(std::path::Path::to_str);
                format!("sim:{}", canonical.unwrap_or(file))
            }
            Self::UsbLoader => Self::USB_LOADER.to_owned(),
            Self::Socket(address) => format!("socket://{address}"),
            Self::Rfc2217(rest) => format!("rfc2217://{}", without_options(rest)),
            Self::Espota(rest) => format!("espota://{}", without_options(rest)),
            // What has a name that is used is a device.
            Self::Described(description) => format!("{description:?}"),
            Self::Unknown(name) => name.to_owned(),
        }
    }
}

/// As systems number USB sockets: `1-2.3`.
fn is_location(text: &str) -> bool {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let parts = text.split_once('-');
    parts.is_some_and(|(bus, ports)| is_number(bus) && ports.split('.').all(is_number))
}

/// How a port is described that begins like this; no device has such a name.
fn why_undescribed(name: &str) -> Option<&'static str> {
    Some(match name.split_once('=')?.0 {
        "usb" => "a board on USB is usb=VID:PID[:SERIAL], with numbers in hexadecimal",
        "ser" => "the serial number of its adapter is missing: ser=SERIAL",
        "loc" => "a USB socket is loc=1-2.3, as the system numbers it",
        _ => return None,
    })
}

fn without_options(address: &str) -> &str {
    let address = address.split('?').next().unwrap_or(address);
    address.trim_end_matches('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_is_known_by_its_name() {
        let sim = |file, options| PortName::Sim { file, options };
        let usb = |serial_number| {
            PortName::Described(Description::Usb {
                vid: 0x10C4,
                pid: 0xEA60,
                serial_number,
            })
        };
        for (name, meant) in [
            ("/dev/ttyUSB0", PortName::Device("/dev/ttyUSB0")),
            ("COM5", PortName::Device("COM5")),
            ("simulator", PortName::Device("simulator")),
            ("socket://h:1", PortName::Socket("h:1")),
            ("rfc2217://h:1?x", PortName::Rfc2217("h:1?x")),
            ("espota://h?x", PortName::Espota("h?x")),
            ("usb:", PortName::UsbLoader),
            ("sim:", sim("", "")),
            ("sim:a.bin?chip=esp32", sim("a.bin", "?chip=esp32")),
            ("sim:?chip=esp32", sim("", "?chip=esp32")),
            ("ser=0001", PortName::Described(Description::Serial("0001"))),
            (
                "loc=1-2.3",
                PortName::Described(Description::Location("1-2.3")),
            ),
            ("usb=10c4:EA60", usb(None)),
            ("usb=10C4:EA60:a:b", usb(Some("a:b"))),
            ("usb=10C4", PortName::Unknown("usb=10C4")),
            ("usb=zz", PortName::Unknown("usb=zz")),
            ("ser=", PortName::Unknown("ser=")),
            ("loc=zz", PortName::Unknown("loc=zz")),
            ("/dev/a=b", PortName::Device("/dev/a=b")),
            (
                "hwgrep://CP210&n=2",
                PortName::Described(Description::Grep("CP210&n=2")),
            ),
            ("telnet://h", PortName::Unknown("telnet://h")),
            ("", PortName::Unknown("")),
        ] {
            assert_eq!(PortName::of(name), meant, "{name}");
        }
    }
}
