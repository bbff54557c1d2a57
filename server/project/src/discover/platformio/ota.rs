//! Updates over the air, as a platformio.ini asks for them: `upload_protocol = espota`, or an `upload_port`
//! that is a host, which PlatformIO takes for the same. `upload_flags` are espota.py's.

use std::net::IpAddr;

use crate::password::Password;

/// How the name of such a port begins.
const SCHEME: &str = "espota://";

/// What counts of the flags.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::discover) struct Flags {
    pub(super) password: Option<Password>,
    /// UDP port of the device.
    port: Option<String>,
    /// TCP port of this machine.
    host_port: Option<String>,
}

impl Flags {
    /// A flag and its value are one word (`--auth=…`) or two. The first has a line of its own, as espota.py
    /// gets it, and may hold spaces.
    pub(super) fn of(lines: &[String]) -> Self {
        let mut flags = Self::default();
        let mut words = lines.iter().flat_map(|line| {
            let first = line.split_whitespace().next().unwrap_or_default();
            if first.contains('=') {
                vec![line.trim()]
            } else {
                line.split_whitespace().collect()
            }
        });
        while let Some(word) = words.next() {
            let (name, value) = match word.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (word, None),
            };
            let place = match name {
                "-a" | "--auth" => {
                    flags.password = value.or_else(|| words.next()).and_then(Password::new);
                    continue;
                }
                "-p" | "--port" => &mut flags.port,
                "-P" | "--host_port" => &mut flags.host_port,
                _ => continue,
            };
            *place = value.or_else(|| words.next()).map(str::to_owned);
        }
        flags
    }
}

/// Whether an `upload_port` is a host.
pub(in crate::discover) fn is_host(port: &str) -> bool {
    port.rsplit('.').next() == Some("local") || port.parse::<IpAddr>().is_ok()
}

/// The name of the port at this host.
pub(in crate::discover) fn port(host: &str, flags: &Flags) -> String {
    let is_v6 = host.parse::<std::net::Ipv6Addr>().is_ok();
    let mut name = if is_v6 {
        format!("{SCHEME}[{host}]")
    } else {
        format!("{SCHEME}{host}")
    };
    if let Some(port) = &flags.port {
        name = format!("{name}:{port}");
    }
    match &flags.host_port {
        Some(host_port) => format!("{name}?host_port={host_port}"),
        None => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(host: &str, words: &[&str]) -> (String, Option<String>) {
        let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        let flags = Flags::of(&words);
        let password = flags.password.as_ref().map(|it| it.reveal().to_owned());
        (port(host, &flags), password)
    }

    #[test]
    fn flags_are_written_in_several_ways() {
        let secret = Some("s3cret".to_owned());
        for words in [
            &["--auth=s3cret", "--port=8266"][..],
            &["-a", "s3cret", "-p", "8266"],
            &["--auth s3cret --port 8266"],
            &["--auth s3cret", "--port=8266"],
        ] {
            let name = "espota://lamp.local:8266".to_owned();
            assert_eq!(
                named("lamp.local", words),
                (name, secret.clone()),
                "{words:?}"
            );
        }
        let (_, with_space) = named("lamp.local", &["--auth=correct horse"]);
        assert_eq!(with_space.as_deref(), Some("correct horse"));
        let name = "espota://10.0.0.7?host_port=40000".to_owned();
        assert_eq!(named("10.0.0.7", &["-P", "40000", "-r"]), (name, None));
        assert_eq!(named("fe80::1", &[]).0, "espota://[fe80::1]");
    }

    #[test]
    fn a_host_is_told_from_a_serial_port() {
        for host in ["lamp.local", "10.0.0.7", "fe80::1"] {
            assert!(is_host(host), "{host}");
        }
        for other in ["/dev/ttyUSB0", "COM5", "socket://lamp.local:1234/x"] {
            assert!(!is_host(other), "{other}");
        }
    }

    #[test]
    fn a_password_is_not_shown_by_accident() {
        let words = ["--auth=s3cret".to_owned()];
        assert!(!format!("{:?}", Flags::of(&words)).contains("s3cret"));
    }
}
