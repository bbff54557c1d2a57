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
    /// `sim:[FILE][?OPTIONS]`, a simulated board: the file of its flash, which may be empty, and the
    /// options with their question mark.
    Sim {
        /// May be empty.
        file: &'n str,
        /// Empty, or begins with `?`.
        options: &'n str,
    },
    /// An address of a kind that is not known, or nothing.
    Unknown(&'n str),
}

impl<'n> PortName<'n> {
    /// Takes a name apart.
    #[must_use]
    pub fn of(name: &'n str) -> Self {
        if let Some(rest) = name.strip_prefix("sim:") {
            let (file, options) = rest.split_at(rest.find('?').unwrap_or(rest.len()));
            return Self::Sim { file, options };
        }
        match name.split_once("://") {
            Some(("socket", address)) => Self::Socket(address),
            Some(("rfc2217", address)) => Self::Rfc2217(address),
            Some(_) => Self::Unknown(name),
            None if name.is_empty() => Self::Unknown(name),
            None => Self::Device(name),
        }
    }

    /// Whether it is a device of this machine, which can be seen to be there and to be held.
    #[must_use]
    pub fn is_device(self) -> bool {
        matches!(self, Self::Device(_))
    }

    /// Whether it is a simulated board.
    #[must_use]
    pub fn is_sim(self) -> bool {
        matches!(self, Self::Sim { .. })
    }

    /// A name that is the same for every way of writing it: symbolic links are followed, and options of
    /// simulated boards do not count.
    #[must_use]
    pub fn identity(self) -> String {
        match self {
            Self::Device(device) => crate::serial::identity(device),
            Self::Sim { file, .. } => {
                let canonical = std::fs::canonicalize(file).ok();
                let canonical = canonical.as_deref().and_then(std::path::Path::to_str);
                format!("sim:{}", canonical.unwrap_or(file))
            }
            Self::Socket(address) => format!("socket://{address}"),
            Self::Rfc2217(address) => format!("rfc2217://{address}"),
            Self::Unknown(name) => name.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_is_known_by_its_name() {
        let sim = |file, options| PortName::Sim { file, options };
        for (name, meant) in [
            ("/dev/ttyUSB0", PortName::Device("/dev/ttyUSB0")),
            ("COM5", PortName::Device("COM5")),
            ("simulator", PortName::Device("simulator")),
            ("socket://h:1", PortName::Socket("h:1")),
            ("rfc2217://h:1?x", PortName::Rfc2217("h:1?x")),
            ("sim:", sim("", "")),
            ("sim:a.bin?chip=esp32", sim("a.bin", "?chip=esp32")),
            ("sim:?chip=esp32", sim("", "?chip=esp32")),
            ("telnet://h", PortName::Unknown("telnet://h")),
            ("", PortName::Unknown("")),
        ] {
            assert_eq!(PortName::of(name), meant, "{name}");
        }
    }
}
