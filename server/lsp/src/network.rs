//! Devices in the network that take firmware over the air: they say so by multicast DNS, under the name of
//! ArduinoOTA. Looked for only when somebody asks.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use fbuild_deploy::outcome::Failure;
use mdns_sd::{Receiver, ResolvedService, ScopedIp, ServiceDaemon, ServiceEvent};

/// Long enough for two questions and a sleepy Wi-Fi.
pub(crate) const LOOKING: Duration = Duration::from_secs(3);
/// What such devices offer.
const SERVICE: &str = "_arduino._tcp.local.";
/// UDP port that needs not be named.
const USUAL_PORT: u16 = 3232;

/// A device as it describes itself: a stranger's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Device {
    /// The port to deploy to.
    pub(crate) name: String,
    /// `lamp.local`.
    pub(crate) host: String,
    /// What its core calls the board.
    pub(crate) board: Option<String>,
    /// Whether it asks for a password.
    pub(crate) asks_password: bool,
}

/// The devices that answer within [`LOOKING`], by name.
pub(crate) fn devices() -> Result<Vec<Device>, Failure> {
    let failure = |error: mdns_sd::Error| Failure {
        code: "no-network",
        is_input: false,
        what: format!("the network cannot be asked for devices: {error}"),
        board_state: String::new(),
        remedy: "name the device: espota://HOST".into(),
    };
    let daemon = ServiceDaemon::new().map_err(failure)?;
    let answers = daemon.browse(SERVICE).map_err(failure)?;
    let mut found: Vec<Device> = within(&answers, LOOKING).collect();
    // It ends with this process in any case.
    let _ = daemon.shutdown();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found.dedup_by(|a, b| a.name == b.name);
    Ok(found)
}

/// The devices that answer for so long.
fn within(answers: &Receiver<ServiceEvent>, patience: Duration) -> impl Iterator<Item = Device> {
    let until = Instant::now() + patience;
    std::iter::from_fn(move || answers.recv_deadline(until).ok()).filter_map(|event| match event {
        ServiceEvent::ServiceResolved(service) => device(&service),
        _ => None,
    })
}

/// By its address: not every system finds a name that ends in `.local`.
fn device(service: &ResolvedService) -> Option<Device> {
    let addresses = service.addresses.iter().map(ScopedIp::to_ip_addr);
    let address = addresses.min_by_key(|address| (address.is_ipv6(), *address))?;
    let address = match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    };
    let text = |key| service.get_property_val_str(key);
    Some(Device {
        name: match service.port {
            USUAL_PORT => format!("espota://{address}"),
            port => format!("espota://{address}:{port}"),
        },
        host: service.host.trim_end_matches('.').to_owned(),
        board: text("board").filter(|it| !it.is_empty()).map(str::to_owned),
        asks_password: text("auth_upload") == Some("yes"),
    })
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::net::{Ipv4Addr, UdpSocket};

    use mdns_sd::{IfKind, ServiceInfo};

    use super::*;

    /// One that stays on this machine.
    fn daemon(port: u16) -> ServiceDaemon {
        let daemon = ServiceDaemon::new_with_port(port).unwrap();
        daemon.disable_interface(IfKind::All).unwrap();
        daemon.enable_interface(IfKind::LoopbackV4).unwrap();
        daemon
    }

    /// What is found where a lamp announces itself on a port that was free a moment ago.
    fn found() -> Option<Device> {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        drop(socket);
        let (lamp, looking) = (daemon(port), daemon(port));
        let says = [("board", "esp32dev"), ("auth_upload", "yes")];
        let lamp_is =
            |port| ServiceInfo::new(SERVICE, "lamp", "lamp.local.", "127.0.0.1", port, &says[..]);
        lamp.register(lamp_is(3233).unwrap()).unwrap();
        let answers = looking.browse(SERVICE).unwrap();
        let found = within(&answers, Duration::from_secs(20)).next();
        for daemon in [lamp, looking] {
            let _ = daemon.shutdown();
        }
        found
    }

    /// Whether what is sent to a group on loopback comes back; not every machine has that.
    fn loopback_has_multicast() -> io::Result<bool> {
        let group = Ipv4Addr::new(224, 0, 0, 251);
        let member = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        member.join_multicast_v4(&group, &Ipv4Addr::LOCALHOST)?;
        member.set_read_timeout(Some(Duration::from_secs(5)))?;
        // Its address chooses the interface.
        let sender = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        sender.send_to(b"?", (group, member.local_addr()?.port()))?;
        Ok(member.recv(&mut [0])? == 1)
    }

    #[test]
    fn a_device_is_found_by_what_it_announces() {
        // Somebody else may take the port just then.
        let found = (0..3).find_map(|_| found());
        if found.is_none() && !loopback_has_multicast().unwrap_or(false) {
            eprintln!("loopback has no multicast here: not tested");
            return;
        }
        let expected = Device {
            name: "espota://127.0.0.1:3233".to_owned(),
            host: "lamp.local".to_owned(),
            board: Some("esp32dev".to_owned()),
            asks_password: true,
        };
        assert_eq!(found, Some(expected));
    }
}
