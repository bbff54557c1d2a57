//! What chip a board has that a project names and was not built for yet.
//!
//! Source: Zephyr's documentation, "Board Porting Guide": a board is NAME@REVISION/SOC/CLUSTER, and its
//! `board.yml` lies in `boards/VENDOR/BOARD` of the application or of Zephyr's tree; older trees have
//! `boards/ARCHITECTURE/BOARD/BOARD_defconfig`.

use std::path::{Path, PathBuf};

use fbuild_chip::Chip;

use super::super::environment::Environment;
use super::super::look::Look;
use super::west;

/// Boards of an application of its own that are looked at.
const MAX_BOARDS: usize = 50;

/// What is known of a board.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::discover) enum BoardOf {
    Esp,
    Another,
    /// No file that says it is here.
    Unknown,
}

/// Whether the board that is called so has an ESP.
pub(in crate::discover) fn soc_of(
    board: &str,
    root: &Path,
    environment: &Environment,
    look: &Look,
) -> BoardOf {
    let (name, qualifiers) = board.split_once('/').unwrap_or((board, ""));
    let name = name.split('@').next().unwrap_or(name);
    let of_socs = |socs: &[String]| {
        if socs.iter().any(|soc| is_esp(soc)) {
            BoardOf::Esp
        } else {
            BoardOf::Another
        }
    };
    let soc = qualifiers.split('/').next().unwrap_or_default();
    if !soc.is_empty() {
        return of_socs(&[soc.to_owned()]);
    }
    let said = trees(root, environment)
        .iter()
        .find_map(|tree| socs_in(tree, name, look));
    match said {
        Some(socs) => of_socs(&socs),
        // Espressif's own, and most others.
        None if ["esp32", "esp_", "esp8684", "esp8685"]
            .iter()
            .any(|part| name.contains(part)) =>
        {
            BoardOf::Esp
        }
        None => BoardOf::Unknown,
    }
}

fn is_esp(soc: &str) -> bool {
    soc.parse::<Chip>().is_ok() || soc.starts_with("esp32")
}

/// `west config build.board`: the board where nothing else names one.
pub(in crate::discover) fn board_of_west(root: &Path, look: &Look) -> Option<String> {
    west::option(root, "board", look)
}

/// Where boards are described: by the project, and by Zephyr.
fn trees(root: &Path, environment: &Environment) -> Vec<PathBuf> {
    let base = environment.dir("ZEPHYR_BASE");
    let zephyr = base.or_else(|| west::workspace(root).map(|dir| dir.join("zephyr")));
    let trees = [Some(root.to_owned()), zephyr].into_iter().flatten();
    trees.map(|tree| tree.join("boards")).collect()
}

/// The chips of a board, if it is described in this tree.
fn socs_in(tree: &Path, board: &str, look: &Look) -> Option<Vec<String>> {
    let vendors = look.subdirectories(tree, |_| true);
    let of_yml = |dir: &Path| {
        let text = look.lines(&dir.join("board.yml"))?;
        Some(socs(&text, board)).filter(|socs| !socs.is_empty())
    };
    let of_older = |dir: &Path| {
        let text = look.lines(&dir.join(format!("{board}_defconfig")))?;
        let mut series = text
            .lines()
            .filter_map(|line| line.strip_prefix("CONFIG_SOC_"));
        let soc = series.find_map(|rest| {
            let rest = rest.strip_prefix("SERIES_").unwrap_or(rest);
            rest.strip_suffix("=y").map(str::to_lowercase)
        });
        soc.map(|soc| vec![soc])
    };
    let dirs = vendors.iter().map(|vendor| vendor.join(board));
    let mut named = dirs.chain([tree.join(board)]);
    let found = named.find_map(|dir| of_yml(&dir).or_else(|| of_older(&dir)));
    if found.is_some() || vendors.len() > MAX_BOARDS {
        return found;
    }
    // A directory may have another name than its board: then all are looked at, if these are few.
    let inner = vendors.iter();
    let inner = inner.flat_map(|dir| look.subdirectories(dir, |_| true));
    let inner: Vec<_> = inner.take(MAX_BOARDS).collect();
    vendors.iter().chain(&inner).find_map(|dir| of_yml(dir))
}

/// The names below `socs` of the board that is called so.
fn socs(text: &str, board: &str) -> Vec<String> {
    let (mut current, mut list_at, mut keys_at) = (String::new(), None, None);
    let mut found = Vec::new();
    for line in text.lines() {
        let body = line.trim_start();
        let indent = line.len() - body.len();
        let is_item = body.starts_with('-');
        let is_in = |at: usize| indent > at || indent == at && is_item;
        list_at = list_at.filter(|at| is_in(*at));
        let body = body.trim_start_matches(['-', ' ']);
        if body.is_empty() || body.starts_with('#') {
            continue;
        }
        // Revisions have names, too: a board's is among the keys of the board itself.
        let column = line.len() - body.len();
        keys_at = keys_at
            .filter(|_| column > 0)
            .or(Some(column).filter(|it| *it > 0));
        let name = body
            .strip_prefix("name:")
            .map(|it| it.trim().trim_matches(['"', '\'']));
        match name {
            Some(name) if list_at.is_none() && keys_at == Some(column) => {
                name.clone_into(&mut current);
            }
            Some(name) if list_at.is_some() && current == board => found.push(name.to_owned()),
            None if body.starts_with("socs:") => list_at = Some(indent),
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chips_are_those_of_the_board_alone() {
        const TWO: &str = "boards:\n- name: a\n  socs:\n  - name: esp32s3\n    variants:\n    - name: x\n\
                           - name: b\n  vendor: v\n  socs:\n    - name: 'nrf52840'\n";
        const ONE: &str = "board:\n  name: a\n  vendor: m5stack\n  revision:\n    revisions:\n    - name: A\n  socs:\n  - name: esp32\n";
        assert_eq!(socs(TWO, "a"), ["esp32s3", "x"]);
        assert_eq!(socs(TWO, "b"), ["nrf52840"]);
        assert_eq!(socs(ONE, "a"), ["esp32"]);
        assert_eq!(socs(ONE, "c"), [""; 0]);
    }
}
