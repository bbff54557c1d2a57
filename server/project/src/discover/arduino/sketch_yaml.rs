//! The port and the board of `sketch.yaml`, and the board of `.vscode/arduino.json`.
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

/// What a sketch is to be compiled for.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::discover) struct Board {
    pub(in crate::discover) fqbn: String,
    /// The profile that says so.
    pub(in crate::discover) profile: Option<String>,
}

/// The board that the sketch asks for, in the words of arduino-cli or of VS Code's extension.
pub(in crate::discover) fn board(root: &Path, look: &Look) -> Option<Board> {
    let names = ["sketch.yaml", "sketch.yml"];
    let text = names.iter().find_map(|name| look.lines(&root.join(name)));
    text.and_then(|text| board_of(&text)).or_else(|| {
        let json = look.jsonc(&root.join(".vscode/arduino.json"))?;
        let said = |key: &str| json.get(key)?.as_str().filter(|text| !text.is_empty());
        let parts = [said("board"), said("configuration")];
        said("board")?;
        Some(Board {
            fqbn: parts.into_iter().flatten().collect::<Vec<_>>().join(":"),
            profile: None,
        })
    })
}

fn board_of(text: &str) -> Option<Board> {
    let sketch = SketchYaml::of(text);
    // The only profile counts where nothing is said to be the default.
    let default = sketch.get(&["default_fqbn"]);
    let is_default = sketch.get(&["default_profile"]).is_none() && default.is_some();
    let of_profile = sketch.of_profile("fqbn").filter(|_| !is_default);
    let profile = of_profile.and_then(|_| sketch.profile());
    Some(Board {
        fqbn: of_profile.or(default)?.to_owned(),
        profile: profile.map(str::to_owned),
    })
}

struct SketchYaml(Vec<(Vec<String>, String)>);

impl SketchYaml {
    fn of(text: &str) -> Self {
        Self(pairs(text))
    }

    fn get(&self, path: &[&str]) -> Option<&str> {
        let found = self.0.iter().find(|(at, _)| at == path);
        found.map(|(_, value)| value.as_str())
    }

    /// The default profile; without a default the only one.
    fn profile(&self) -> Option<&str> {
        let mut profiles = self
            .0
            .iter()
            .filter(|(at, _)| at[0] == "profiles" && at.len() > 1);
        self.get(&["default_profile"]).or_else(|| {
            let first = profiles.next()?.0[1].as_str();
            profiles.all(|(at, _)| at[1] == first).then_some(first)
        })
    }

    fn of_profile(&self, key: &str) -> Option<&str> {
        self.get(&["profiles", self.profile()?, key])
    }
}

fn port_of(text: &str) -> Option<String> {
    let sketch = SketchYaml::of(text);
    let (get, of_profile) = (
        |path: &[&str]| sketch.get(path),
        |key: &str| sketch.of_profile(key),
    );
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
    fn the_board_is_the_default_profiles_else_the_default_else_the_only_profiles() {
        const TWO: &str = "profiles:\n  a:\n    fqbn: v:esp32:a\n  b:\n    fqbn: v:esp32:b\n";
        const ONE: &str = "profiles:\n  a:\n    fqbn: v:esp32:a\n";
        const DEFAULT: &str = "default_fqbn: v:esp32:d:Opt=1\n";
        for (text, expected) in [
            (
                format!("{TWO}default_profile: b\n{DEFAULT}"),
                Some(("v:esp32:b", Some("b"))),
            ),
            (format!("{TWO}{DEFAULT}"), Some(("v:esp32:d:Opt=1", None))),
            (format!("{ONE}{DEFAULT}"), Some(("v:esp32:d:Opt=1", None))),
            (ONE.to_owned(), Some(("v:esp32:a", Some("a")))),
            (TWO.to_owned(), None),
        ] {
            let board = board_of(&text);
            let found = board.as_ref().map(|it| (&*it.fqbn, it.profile.as_deref()));
            assert_eq!(found, expected, "{text}");
        }
    }

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
