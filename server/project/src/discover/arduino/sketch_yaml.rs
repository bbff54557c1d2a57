//! The port of `sketch.yaml`.
//!
//! Source: arduino-cli's documentation, "Sketch project file": `default_port`, `default_protocol`,
//! `default_profile`, and `profiles` with a `port` and a `protocol` each.

use std::path::Path;

use crate::discover::Look;

/// The serial port that the sketch asks for, of the default profile first.
pub(super) fn port(root: &Path, look: &Look) -> Option<String> {
    let names = ["sketch.yaml", "sketch.yml"];
    let text = names.iter().find_map(|name| look.lines(&root.join(name)))?;
    port_of(&text)
}

fn port_of(text: &str) -> Option<String> {
    let pairs = pairs(text);
    let get = |path: &[&str]| {
        let found = pairs.iter().find(|(at, _)| at == path);
        found.map(|(_, value)| value.as_str())
    };
    let mut profiles = pairs
        .iter()
        .filter(|(at, _)| at[0] == "profiles" && at.len() > 1);
    // Without a default the only one counts.
    let profile = get(&["default_profile"]).or_else(|| {
        let first = profiles.next()?.0[1].as_str();
        profiles.all(|(at, _)| at[1] == first).then_some(first)
    });
    let of_profile = |key: &str| get(&["profiles", profile?, key]);
    let protocol = of_profile("protocol").or_else(|| get(&["default_protocol"]));
    let port = of_profile("port").or_else(|| get(&["default_port"]))?;
    // A board in the network is updated over the air.
    let is_serial = protocol.is_none_or(|protocol| protocol == "serial")
        && port.parse::<std::net::IpAddr>().is_err()
        && port.rsplit('.').next() != Some("local");
    is_serial.then(|| port.to_owned())
}

/// Every `key: value` with the keys around it. Lists and everything else of YAML are passed over.
fn pairs(text: &str) -> Vec<(Vec<String>, String)> {
    let mut around: Vec<(usize, String)> = Vec::new();
    let mut found = Vec::new();
    for line in text.lines() {
        let body = line.trim_start();
        let indent = line.len() - body.len();
        if body.starts_with(['#', '-']) {
            continue;
        }
        let Some((key, value)) = body.split_once(':') else {
            continue;
        };
        let key = scalar(key);
        around.retain(|(outer, _)| *outer < indent);
        let path = around.iter().map(|(_, key)| key.clone());
        let value = scalar(value);
        if value.is_empty() {
            around.push((indent, key));
        } else {
            found.push((path.chain([key]).collect(), value));
        }
    }
    found
}

/// A value without its quotes and without the comment after it.
fn scalar(text: &str) -> String {
    let text = text.trim();
    if let Some(quote) = text
        .chars()
        .next()
        .filter(|first| ['"', '\''].contains(first))
    {
        return text[1..].split(quote).next().unwrap_or_default().to_owned();
    }
    let end = text
        .match_indices('#')
        .map(|(at, _)| at)
        .find(|at| *at == 0 || text[..*at].ends_with(char::is_whitespace));
    text[..end.unwrap_or(text.len())].trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_networks_and_profiles() {
        for (text, expected) in [
            (
                "default_port: /dev/ttyACM7   # the left one\n",
                Some("/dev/ttyACM7"),
            ),
            ("default_port: '/dev/a #1' # x\n", Some("/dev/a #1")),
            (
                "default_port: 192.168.1.40\ndefault_protocol: network\n",
                None,
            ),
            ("default_port: 192.168.1.40\n", None),
            ("default_port: kiln.local\n", None),
            ("default_port: COM3\ndefault_protocol: network\n", None),
            ("# default_port: COM3\n", None),
            (
                "profiles:\n  one:\n    fqbn: a:b:c\n    port: COM4\n",
                Some("COM4"),
            ),
            (
                "profiles:\n  a:\n    port: COM4\n  b:\n    port: COM5\n    port_config:\n      \
                 baudrate: 1\ndefault_profile: b\n",
                Some("COM5"),
            ),
            (
                "profiles:\n  a:\n    port: COM4\n  b:\n    port: COM5\n",
                None,
            ),
            (
                "profiles:\n  a:\n    port: 10.0.0.1\n    protocol: network\ndefault_port: COM3\n",
                None,
            ),
        ] {
            assert_eq!(port_of(text).as_deref(), expected, "{text}");
        }
    }
}
