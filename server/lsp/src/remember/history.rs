//! The last deploys to each board.

use std::path::{Path, PathBuf};

use fbuild_chip::security::BoardSecurity;
use fbuild_deploy::event;
use fbuild_deploy::image::BoardFacts;
use fbuild_deploy::outcome::{RegionReport, Report};
use fbuild_deploy::request::Request;
use fbuild_deploy::store::Store;
use fbuild_link::port_name::PortName;
use fbuild_project::plain;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::now_ms;
use crate::json;

/// Deploys that are kept for each board, and boards that are kept.
const DEPLOYS_MAX: usize = 20;
const BOARDS_MAX: usize = 50;

/// Every board's deploys.
#[derive(Debug)]
pub(crate) struct History(Store<Boards>);

/// The board that was used last is first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Boards {
    pub(crate) boards: Vec<Board>,
}

/// One board, and its deploys, the last one first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Board {
    /// MAC address; `None` for a board that does not tell it, which goes by its port then.
    pub(crate) mac: Option<String>,
    /// The port that it was on last.
    pub(crate) port: String,
    pub(crate) chip: Option<String>,
    /// Size of its flash; not known from what older versions kept.
    #[serde(default, rename = "flashSize", skip_serializing_if = "Option::is_none")]
    pub(crate) flash_bytes: Option<u32>,
    /// What its eFuses said last; not known from what older versions kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) security: Option<BoardSecurity>,
    pub(crate) deploys: Vec<Deploy>,
}

/// One deploy, as the contract shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Deploy {
    pub(crate) when_ms: u64,
    pub(crate) target: String,
    pub(crate) root: String,
    pub(crate) outcome: String,
    pub(crate) message: String,
    pub(crate) duration_ms: u64,
    /// What the board held, region by region; empty in what older versions kept.
    #[serde(default)]
    pub(crate) regions: Vec<Region>,
}

/// A region of a deploy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Region {
    pub(crate) name: String,
    pub(crate) offset: u32,
    #[serde(rename = "size")]
    pub(crate) len_bytes: u32,
    /// Whether the board held it before: `match`, `differs` or `unknown`.
    pub(crate) verdict: String,
    /// Whether anything was written to it.
    pub(crate) written: bool,
}

impl From<&RegionReport> for Region {
    fn from(report: &RegionReport) -> Self {
        Self {
            name: report.name.clone(),
            offset: report.offset,
            len_bytes: report.len_bytes,
            verdict: json::verdict_name(report.verdict).to_owned(),
            written: report.written,
        }
    }
}

impl Board {
    /// What a deploy would find it to be, as far as it was seen.
    pub(crate) fn facts(&self) -> Option<BoardFacts> {
        let chip = self.chip.as_ref()?.parse().ok()?;
        Some(BoardFacts {
            flash_size: self.flash_bytes,
            security: self.security.unwrap_or_default(),
            ..BoardFacts::new(chip)
        })
    }
}

impl Deploy {
    /// Whether it began to write and did not come to its end.
    fn is_cut_short(&self) -> bool {
        let is_whole = matches!(
            &*self.outcome,
            "verifySkip" | "selectiveFlash" | "fullFlash"
        );
        !is_whole && self.regions.iter().any(|region| region.written)
    }

    /// Whether it left the board as it was, whatever that was.
    fn is_nothing(&self) -> bool {
        matches!(&*self.outcome, "cancelled" | "failed") && !self.is_cut_short()
    }
}

impl Boards {
    /// The deploy of a project in `root` that left the board on `port` half written, if nobody has
    /// deployed to it since.
    pub(crate) fn unfinished(&self, root: &Path, port: &str) -> Option<(&Board, &Deploy)> {
        // What came over the air in part does not run.
        if PortName::of(port).is_over_the_air() {
            return None;
        }
        let identity = |name: &str| PortName::of(name).identity();
        let is_meant = |board: &&Board| identity(&board.port) == identity(port);
        let board = self.boards.iter().find(is_meant)?;
        let last = board.deploys.iter().find(|deploy| !deploy.is_nothing())?;
        let is_unfinished = last.is_cut_short() && Path::new(&last.root).starts_with(root);
        is_unfinished.then_some((board, last))
    }

    fn put(&mut self, request: &Request, report: &Report, seen: Option<&event::Board>) {
        let identity = PortName::of(&report.port).identity();
        let index = self.boards.iter().position(|board| match &report.mac {
            Some(mac) => board.mac.as_ref() == Some(mac),
            None => board.mac.is_none() && PortName::of(&board.port).identity() == identity,
        });
        let mut board = match index {
            Some(index) => self.boards.remove(index),
            None => Board {
                mac: report.mac.clone(),
                port: String::new(),
                chip: None,
                flash_bytes: None,
                security: None,
                deploys: Vec::new(),
            },
        };
        report.port.clone_into(&mut board.port);
        board.chip = report.chip.map(|chip| chip.name().to_owned());
        if let Some(seen) = seen {
            board.flash_bytes = seen.flash_size.or(board.flash_bytes);
            board.security = Some(seen.security);
        }
        let deploy = Deploy {
            when_ms: now_ms(),
            target: report.target.clone(),
            root: request.target.root.display().to_string(),
            outcome: json::outcome_name(report.outcome).to_owned(),
            message: plain::line(&report.message).into_owned(),
            duration_ms: json::milliseconds(report.duration),
            regions: report.regions.iter().map(Region::from).collect(),
        };
        board.deploys.insert(0, deploy);
        board.deploys.truncate(DEPLOYS_MAX);
        self.boards.insert(0, board);
        self.boards.truncate(BOARDS_MAX);
    }
}

impl History {
    /// Its name in the state directory.
    pub(crate) const FILE: &str = "history.json";

    /// In this file; without one nothing is kept.
    pub(crate) fn new(path: impl Into<Option<PathBuf>>) -> Self {
        Self(Store::new(path))
    }

    /// Every board's deploys.
    pub(crate) fn read(&self) -> Boards {
        self.0.read()
    }

    /// Keeps a deploy, if a board answered, and what the board told of itself.
    pub(crate) fn note(&self, request: &Request, report: &Report, seen: Option<&event::Board>) {
        // A device that is updated over the air does not say which chip it is.
        if report.chip.is_some() || report.regions.iter().any(|region| region.written) {
            self.0.change(|kept| kept.put(request, report, seen));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use fbuild_chip::Chip;
    use fbuild_deploy::outcome::OutcomeKind;
    use fbuild_project::target::Target;

    use super::*;

    fn report(mac: Option<&str>, port: &str) -> (Request, Report) {
        let file = tempfile::NamedTempFile::new().unwrap();
        let target = Target::from_files(&[(0, file.path().to_owned())]).unwrap();
        let report = Report {
            outcome: OutcomeKind::FullFlash,
            backend: fbuild_deploy::outcome::Backend::Native,
            message: "deploy succeeded (full flash)".to_owned(),
            target: target.name.clone(),
            port: port.to_owned(),
            chip: Some(fbuild_chip::Chip::Esp32.into()),
            mac: mac.map(str::to_owned),
            duration: Duration::from_millis(17),
            regions: Vec::new(),
            plan: None,
            warnings: Vec::new(),
            error: None,
        };
        (Request::new(target, port), report)
    }

    #[test]
    fn a_board_is_its_mac_and_else_its_port() {
        let mut kept = Boards::default();
        for (mac, port) in [
            (Some("a"), "COM1"),
            (Some("a"), "COM2"),
            (None, "COM2"),
            (None, "COM3"),
            (None, "COM2"),
        ] {
            let (request, report) = report(mac, port);
            kept.put(&request, &report, None);
        }
        let seen: Vec<(Option<&str>, &str, usize)> = kept
            .boards
            .iter()
            .map(|board| (board.mac.as_deref(), &*board.port, board.deploys.len()))
            .collect();
        let expected = [(None, "COM2", 2), (None, "COM3", 1), (Some("a"), "COM2", 2)];
        assert_eq!(seen, expected);
    }

    fn firmware(written: bool) -> RegionReport {
        RegionReport {
            name: "firmware".to_owned(),
            offset: 0x10000,
            len_bytes: 4096,
            verdict: fbuild_deploy::outcome::Verdict::Differs,
            written,
            sent_bytes: 0,
            delta_bytes: 0,
            unit: fbuild_deploy::outcome::Unit::Sector,
            sectors: 1,
            sectors_differing: Some(1),
            sectors_written: 0,
        }
    }

    /// A device that is updated over the air says nothing of itself, and starts no half of an image.
    #[test]
    fn a_deploy_over_the_air_is_kept_and_never_half_done() {
        const LAMP: &str = "espota://lamp.local";
        let dir = tempfile::tempdir().unwrap();
        let history = History::new(dir.path().join("history.json"));
        let (request, mut cut_short) = report(None, LAMP);
        cut_short.chip = None;
        cut_short.outcome = OutcomeKind::Failed;
        cut_short.regions = vec![firmware(true)];
        history.note(&request, &cut_short, None);
        let kept = history.read();
        assert_eq!(kept.boards[0].port, LAMP);
        assert!(kept.unfinished(&request.target.root, LAMP).is_none());
    }

    #[test]
    fn a_deploy_that_was_cut_short_is_known_until_one_comes_to_its_end() {
        let mut kept = Boards::default();
        let mut deploy = |outcome, written| {
            let (request, mut report) = report(Some("a"), "COM1");
            report.outcome = outcome;
            report.regions = vec![firmware(written)];
            kept.put(&request, &report, None);
            let root = request.target.root;
            let is_unfinished = |port| kept.unfinished(&root, port).is_some();
            assert!(kept.unfinished(Path::new("/other"), "COM1").is_none());
            (is_unfinished("COM1"), is_unfinished("COM2"))
        };
        assert_eq!(deploy(OutcomeKind::Failed, false), (false, false));
        assert_eq!(deploy(OutcomeKind::Cancelled, true), (true, false));
        assert_eq!(deploy(OutcomeKind::Failed, false), (true, false));
        assert_eq!(deploy(OutcomeKind::VerifySkip, false), (false, false));
        assert_eq!(deploy(OutcomeKind::Failed, true), (true, false));
        assert_eq!(deploy(OutcomeKind::FullFlash, true), (false, false));
    }

    #[test]
    fn what_a_board_told_of_itself_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("history.json");
        let history = History::new(path.clone());
        let (request, seen) = report(Some("a"), "COM1");
        history.note(&request, &seen, None);
        assert_eq!(history.read().boards[0].security, None);
        let mut board = event::Board {
            chip: Chip::Esp32.into(),
            mac: Some("a".to_owned()),
            revision: None,
            flash_size: Some(4 << 20),
            security: BoardSecurity {
                secure_boot: true,
                ..BoardSecurity::default()
            },
        };
        history.note(&request, &seen, Some(&board));
        // In Secure Download Mode the size is not told, and is what it was.
        board.flash_size = None;
        history.note(&request, &seen, Some(&board));
        let kept = &History::new(path).read().boards[0];
        assert_eq!(kept.flash_bytes, Some(4 << 20));
        let facts = kept.facts().unwrap();
        assert_eq!(facts.security, board.security);
    }

    #[test]
    fn it_does_not_grow_without_bound() {
        let mut kept = Boards::default();
        for n in 0..BOARDS_MAX + 5 {
            for _ in 0..DEPLOYS_MAX + 5 {
                let (request, report) = report(Some(&n.to_string()), "COM1");
                kept.put(&request, &report, None);
            }
        }
        assert_eq!(kept.boards.len(), BOARDS_MAX);
        assert!(
            kept.boards
                .iter()
                .all(|board| board.deploys.len() == DEPLOYS_MAX)
        );
    }

    #[test]
    fn a_deploy_that_reached_no_board_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let history = History::new(dir.path().join("history.json"));
        let (request, mut seen) = report(None, "COM1");
        seen.chip = None;
        history.note(&request, &seen, None);
        assert!(history.read().boards.is_empty());
        seen.chip = Some(fbuild_chip::Chip::Esp32.into());
        history.note(&request, &seen, None);
        assert_eq!(history.read().boards.len(), 1);
    }
}
