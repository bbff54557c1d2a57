//! Files as the compiler was told of them, found in the workspace. Looks at the disk.

use std::fs;
use std::path::{Component, Path, PathBuf};

use fbuild_editing::text::{Encoding, Text};
use fbuild_monitor::elf::Place;
use fbuild_monitor::trace::Trace;
use fbuild_project::file::{self, TEXT_LIMIT};
use lsp_types::{Position, Range};

/// Where sources are looked for: the project first, then the open folders.
pub(crate) struct Scene {
    pub(crate) folders: Vec<PathBuf>,
    pub(crate) encoding: Encoding,
}

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Spot {
    pub(crate) path: PathBuf,
    /// From 1; `None`: optimised code that belongs to no line.
    pub(crate) line: Option<u32>,
}

impl Spot {
    /// Its line as the protocol counts.
    pub(crate) fn number(&self) -> u32 {
        self.line.unwrap_or(1).saturating_sub(1)
    }
}

impl Scene {
    /// The line to show a crash at: the one to blame, or the innermost one outside of libraries that leads there.
    pub(crate) fn first(&self, trace: &Trace) -> Option<Spot> {
        let blamed = trace.blame.as_ref().map(|blame| &blame.place);
        let of_frames = trace.frames.iter().filter_map(|frame| frame.place.as_ref());
        let mut places = blamed.into_iter().chain(of_frames);
        places.find_map(|place| {
            let path = self.inside(Path::new(&place.file))?;
            let line = place.line;
            Some(Spot { path, line })
        })
    }

    /// Where a place is, if this machine has that file.
    pub(crate) fn of(&self, place: &Place) -> Option<Spot> {
        let named = Path::new(&place.file);
        let path = match self.inside(named) {
            Some(path) => path,
            None if named.is_absolute() && named.is_file() => named.to_owned(),
            None => return None,
        };
        let line = place.line;
        Some(Spot { path, line })
    }

    /// A file of the workspace. One that was compiled elsewhere, in a container for instance, is known by the
    /// longest end of its path that is a file here.
    fn inside(&self, named: &Path) -> Option<PathBuf> {
        if named.is_absolute() && named.is_file() {
            return self.folders.iter().find_map(|folder| {
                if named.starts_with(folder) {
                    return Some(named.to_owned());
                }
                // The editor may have come here by a link.
                let inner = named.strip_prefix(fs::canonicalize(folder).ok()?).ok()?;
                Some(folder.join(inner))
            });
        }
        let parts: Vec<_> = named
            .components()
            .filter(|part| matches!(part, Component::Normal(_)))
            .collect();
        let ends = (0..parts.len()).map(|from| parts[from..].iter().collect::<PathBuf>());
        let mut here =
            ends.flat_map(|end| self.folders.iter().map(move |folder| folder.join(&end)));
        here.find(|path| path.is_file())
    }

    /// What of a line is marked: its text without the space around it.
    pub(crate) fn range(&self, spot: &Spot) -> Range {
        let line = spot.number();
        let text = file::read_text(&spot.path, TEXT_LIMIT).ok().map(Text::new);
        let of_text = text.and_then(|text| {
            let all = text.as_str();
            let number = usize::try_from(line).ok()?;
            let before: usize = all.split_inclusive('\n').take(number).map(str::len).sum();
            let content = all.split_inclusive('\n').nth(number)?;
            let start = before + content.len() - content.trim_start().len();
            let end = before + content.trim_end().len();
            let position = |at| {
                let place = text.place(at, self.encoding);
                Position::new(place.line, place.column)
            };
            Some(Range::new(position(start.min(end)), position(end)))
        });
        let start = Position::new(line, 0);
        of_text.unwrap_or(Range::new(start, start))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_found_where_the_workspace_has_it() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("clock");
        let main = root.join("main/main.c");
        fs::create_dir_all(main.parent().unwrap()).unwrap();
        fs::write(&main, "int x;\n  x();  \r\n").unwrap();
        let outside = folder.path().join("idf.c");
        fs::write(&outside, "").unwrap();
        let scene = Scene {
            folders: vec![root.clone()],
            encoding: Encoding::Utf16,
        };
        assert_eq!(scene.inside(&main), Some(main.clone()));
        // Compiled in a container, and by a path of the compiler's own directory.
        for elsewhere in ["/src/clock/main/main.c", "main/main.c", "./main/main.c"] {
            assert_eq!(
                scene.inside(Path::new(elsewhere)),
                Some(main.clone()),
                "{elsewhere}"
            );
        }
        for nowhere in [
            outside.as_path(),
            Path::new("/opt/idf/panic.c"),
            Path::new(""),
        ] {
            assert_eq!(scene.inside(nowhere), None, "{}", nowhere.display());
        }
        let spot = |line| Spot {
            path: main.clone(),
            line,
        };
        let range =
            |line, start, end| Range::new(Position::new(line, start), Position::new(line, end));
        assert_eq!(scene.range(&spot(Some(2))), range(1, 2, 6));
        assert_eq!(scene.range(&spot(None)), range(0, 0, 6));
        assert_eq!(scene.range(&spot(Some(70))), range(69, 0, 0));
    }
}
