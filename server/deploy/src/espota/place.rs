//! Where a device is, and how it is to be reached: what follows `espota://`.

use std::time::Duration;

/// UDP port of an ESP32 that says nothing else.
const USUAL_PORT: u16 = 3232;

/// `HOST[:PORT][?OPTIONS]`, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// Its name, or an address without brackets.
    pub(super) host: String,
    /// UDP port on which it takes invitations.
    pub(super) port: u16,
    /// TCP port on this machine that it is told to connect to; 0: any that is free.
    pub(super) host_port: u16,
    /// How long each answer is waited for, if that was said.
    pub(super) timeout: Option<Duration>,
}

impl Place {
    /// The error says what is wrong, as in "expected espota://HOST or espota://HOST:PORT".
    pub(super) fn of(rest: &str) -> Result<Self, String> {
        let (address, options) = rest.split_once('?').unwrap_or((rest, ""));
        let (host, port) = split(address.trim_end_matches('/'))
            .ok_or("expected espota://HOST or espota://HOST:PORT")?;
        let mut place = Self {
            host: host.to_owned(),
            port,
            host_port: 0,
            timeout: None,
        };
        for part in options.split('&').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            match name {
                "host_port" => {
                    let number = value.parse().ok().filter(|number| *number > 0);
                    place.host_port = number.ok_or("host_port is a number from 1 to 65535")?;
                }
                "timeout" => {
                    let seconds = value.parse().ok();
                    let seconds = seconds.filter(|seconds| (0.1..=3600.0).contains(seconds));
                    let seconds =
                        seconds.ok_or("timeout is a number of seconds, from 0.1 to 3600")?;
                    place.timeout = Some(Duration::from_secs_f64(seconds));
                }
                _ => {
                    return Err(format!(
                        "it has no option '{name}'; there are host_port and timeout"
                    ));
                }
            }
        }
        Ok(place)
    }
}

/// Host and port. An address with colons of its own stands in brackets.
fn split(address: &str) -> Option<(&str, u16)> {
    let (host, rest) = match address.strip_prefix('[') {
        Some(bracketed) => bracketed.split_once(']')?,
        None => address.split_at(address.find(':').unwrap_or(address.len())),
    };
    let port = match rest.strip_prefix(':') {
        Some(port) => port.parse().ok().filter(|port| *port > 0)?,
        None if rest.is_empty() => USUAL_PORT,
        None => return None,
    };
    (!host.is_empty()).then_some((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_apart() {
        let of = |text: &str| {
            let place = Place::of(text).unwrap();
            (place.host, place.port, place.host_port, place.timeout)
        };
        let usual = |host: &str, port| (host.to_owned(), port, 0, None);
        assert_eq!(of("lamp.local"), usual("lamp.local", 3232));
        assert_eq!(of("192.168.1.7:8266/"), usual("192.168.1.7", 8266));
        assert_eq!(of("[fe80::1]:1"), usual("fe80::1", 1));
        assert_eq!(of("[::1]"), usual("::1", 3232));
        let (_, _, host_port, timeout) = of("h?host_port=40000&timeout=0.5");
        assert_eq!(
            (host_port, timeout),
            (40000, Some(Duration::from_millis(500)))
        );
    }

    #[test]
    fn what_is_none_is_refused() {
        for wrong in [
            "",
            ":1",
            "h:",
            "h:0",
            "h:70000",
            "h:x",
            "::1",
            "[::1",
            "[::1]x",
            "h?port=1",
            "h?timeout=0",
            "h?timeout=NaN",
            "h?host_port=0",
        ] {
            assert!(Place::of(wrong).is_err(), "{wrong}");
        }
    }
}
