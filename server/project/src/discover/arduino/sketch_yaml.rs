//! The board and how it is reached, as `sketch.yaml` and `.vscode/arduino.json` say it.
//!
//! Source: arduino-cli's documentation, "Sketch project file": `default_port`, `default_protocol`,
//! `default_profile`, and `profiles` with a `port` and a `protocol` each.

use std::path::Path;

use crate::discover::Look;
use crate::discover::platformio::ota;

const OF_ARDUINO: &str = "sketch.yaml";
const OF_VS_CODE: &str = ".vscode/arduino.json";

/// How the sketch's own tool reaches its board.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Connection {
    /// The serial port.
    pub(super) port: Option<String>,
    /// The host, where it is a board in the network.
    pub(super) network: Option<String>,
    /// Baud rate of the monitor.
    pub(super) monitor_baud: Option<u32>,
}

pub(super) fn connection(root: &Path, workspace: &Path, look: &Look) -> Connection {
    let yaml = SketchYaml::read(root, look);
    let mut connection = yaml.as_ref().map(connection_of).unwrap_or_default();
    if connection.port.is_none() && connection.network.is_none() {
        let port = |dir: &Path| {
            let json = look.jsonc(&dir.join(OF_VS_CODE))?;
            let port = json.get("port")?.as_str()?;
            (!port.is_empty()).then(|| port.to_owned())
        };
        connection.port = port(root).or_else(|| port(workspace));
    }
    connection
}

/// What a sketch is to be compiled for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::discover) struct Board {
    pub(in crate::discover) fqbn: String,
    /// The profile that says so.
    pub(in crate::discover) profile: Option<String>,
    /// The file that says so.
    pub(in crate::discover) file: &'static str,
}

/// The board that the sketch asks for, in the words of arduino-cli or of VS Code's extension.
pub(in crate::discover) fn board(root: &Path, look: &Look) -> Option<Board> {
    let yaml = SketchYaml::read(root, look);
    yaml.and_then(|yaml| board_of(&yaml))
        .or_else(|| of_vs_code(root, look))
}

/// What the sketch in `root` asks for among the boards that are meant: the default, else every profile's. The
/// folder that is opened may say it, too.
pub(super) fn boards_for(
    root: &Path,
    workspace: &Path,
    look: &Look,
    is_meant: impl Fn(&str) -> bool,
) -> Vec<Board> {
    let default = board(root, look).filter(|board| is_meant(&board.fqbn));
    if let Some(default) = default {
        return vec![default];
    }
    let yaml = SketchYaml::read(root, look);
    let mut others = yaml.map(|yaml| yaml.boards()).unwrap_or_default();
    others.extend(of_vs_code(root, look));
    if workspace != root {
        others.extend(of_vs_code(workspace, look));
    }
    others.retain(|board| is_meant(&board.fqbn));
    others
}

fn of_vs_code(root: &Path, look: &Look) -> Option<Board> {
    let json = look.jsonc(&root.join(OF_VS_CODE))?;
    let said = |key: &str| json.get(key)?.as_str().filter(|text| !text.is_empty());
    let parts = [Some(said("board")?), said("configuration")];
    Some(Board {
        fqbn: parts.into_iter().flatten().collect::<Vec<_>>().join(":"),
        profile: None,
        file: OF_VS_CODE,
    })
}

fn board_of(sketch: &SketchYaml) -> Option<Board> {
    // The only profile counts where nothing is said to be the default.
    let default = sketch.get(&["default_fqbn"]);
    let is_default = sketch.get(&["default_profile"]).is_none() && default.is_some();
    let of_profile = sketch.of_profile("fqbn").filter(|_| !is_default);
    let profile = of_profile.and_then(|_| sketch.profile());
    Some(Board {
        fqbn: of_profile.or(default)?.to_owned(),
        profile: profile.map(str::to_owned),
        file: OF_ARDUINO,
    })
}

struct SketchYaml(Vec<(Vec<String>, String)>);

impl SketchYaml {
    fn of(text: &str) -> Self {
        Self(pairs(text))
    }

    fn read(root: &Path, look: &Look) -> Option<Self> {
        let names = [OF_ARDUINO, "sketch.yml"];
        let text = names.iter().find_map(|name| look.lines(&root.join(name)))?;
        Some(Self::of(&text))
    }

    /// What every profile is for, and the default.
    fn boards(&self) -> Vec<Board> {
        let board = |(at, fqbn): &(Vec<String>, String)| {
            let at: Vec<&str> = at.iter().map(String::as_str).collect();
            let profile = match at.as_slice() {
                ["profiles", profile, "fqbn"] => Some((*profile).to_owned()),
                ["default_fqbn"] => None,
                _ => return None,
            };
            let fqbn = fqbn.clone();
            let file = OF_ARDUINO;
            Some(Board {
                fqbn,
                profile,
                file,
            })
        };
        self.0.iter().filter_map(board).collect()
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

fn connection_of(sketch: &SketchYaml) -> Connection {
    let default = |key: &str| sketch.get(&[key]);
    let protocol = sketch
        .of_profile("protocol")
        .or_else(|| default("default_protocol"));
    let port = sketch
        .of_profile("port")
        .or_else(|| default("default_port"));
    let profile = sketch.profile();
    let of_profile =
        profile.and_then(|profile| sketch.get(&["profiles", profile, "port_config", "baudrate"]));
    let baud = of_profile.or_else(|| sketch.get(&["default_port_config", "baudrate"]));
    let port = port.map(str::to_owned);
    let is_host = port.as_deref().is_some_and(ota::is_host);
    let (port, network) = match protocol {
        // A board in the network is updated over the air.
        None | Some("serial") if is_host => (None, port),
        Some("network") => (None, port),
        None | Some("serial") => (port, None),
        Some(_) => (None, None),
    };
    Connection {
        port,
        network,
        monitor_baud: baud.and_then(|baud| baud.parse().ok()),
    }
}

/// Every `key: value` with the keys around it. Lists and everything else of YAML are passed over.
fn pairs(text: &str) -> Vec<(Vec<String>, String)> {
    let mut around: Vec<(usize, String)> = Vec::new();
    let mut found = Vec::new();
    for line in text.trim_start_matches('\u{feff}').lines() {
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
        let path: Vec<_> = path.chain([key.clone()]).collect();
        if let Some(inner) = value.trim().strip_prefix('{') {
            flow(inner, &path, &mut found);
            continue;
        }
        let value = scalar(value);
        if value.is_empty() {
            around.push((indent, key));
        } else {
            found.push((path, value));
        }
    }
    found
}

/// `{a: b, c: {d: e}}` in one line, after its first brace; what follows it.
fn flow<'t>(mut text: &'t str, path: &[String], found: &mut Vec<(Vec<String>, String)>) -> &'t str {
    const MAX_DEPTH: usize = 8;
    while let Some((key, after)) = text.split_once(':').filter(|_| path.len() < MAX_DEPTH) {
        let mut inner = path.to_vec();
        inner.push(scalar(key));
        let after = after.trim_start();
        text = if let Some(after) = after.strip_prefix('{') {
            flow(after, &inner, found)
        } else if after.starts_with('[') {
            after_list(after)
        } else {
            let quote = after
                .chars()
                .next()
                .filter(|first| ['"', '\''].contains(first));
            let quoted = quote
                .and_then(|quote| after[1..].find(quote))
                .map_or(0, |at| at + 2);
            let end = after[quoted..]
                .find([',', '}'])
                .map_or(after.len(), |at| quoted + at);
            found.push((inner, scalar(&after[..end])));
            &after[end..]
        };
        text = text.trim_start();
        match text.strip_prefix(',') {
            Some(rest) => text = rest,
            None => break,
        }
    }
    text.trim_start().strip_prefix('}').unwrap_or_default()
}

/// What follows a list in brackets.
fn after_list(text: &str) -> &str {
    let (mut depth, mut quote) = (0_usize, None);
    for (at, letter) in text.char_indices() {
        match (quote, letter) {
            (Some(open), _) if open == letter => quote = None,
            (None, '"' | '\'') => quote = Some(letter),
            (None, '[') => depth += 1,
            (None, ']') if depth == 1 => return &text[at + 1..],
            (None, ']') => depth -= 1,
            _ => {}
        }
    }
    ""
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
            let board = board_of(&SketchYaml::of(&text));
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
                "profiles: {a: {fqbn: 'a:b:c:x=1,y={}', port: COM4}, b: {port: COM5}}\ndefault_profile: a\n",
                Some("COM4"),
            ),
            ("profiles: {a: {port: COM4", Some("COM4")),
            (
                "profiles: {a: {fqbn: 'a:b:c', platforms: [{platform: 'x]:y'}, {l: [1]}], port: COM4}}",
                Some("COM4"),
            ),
            (
                "profiles:\n  a:\n    port: 10.0.0.1\n    protocol: network\ndefault_port: COM3\n",
                None,
            ),
        ] {
            let found = connection_of(&SketchYaml::of(text));
            assert_eq!(found.port.as_deref(), expected, "{text}");
        }
    }
}
