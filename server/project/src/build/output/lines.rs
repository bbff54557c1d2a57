//! What a single line says, whatever stands around it.

use super::{Place, Progress, Severity};

/// `FILE:LINE:COLUMN` or `FILE:LINE`, dtc's `FILE:LINE.COLUMN-COLUMN`; a file of Windows may begin with `C:`.
pub(super) fn place_of(text: &str) -> Option<Place> {
    let text = without_speaker(text.trim());
    let (rest, last) = text.rsplit_once(':')?;
    let place = |file: &str, line: u32, column: u32| {
        // GCC calls what is in no file `<command-line>`.
        (!file.is_empty() && !file.starts_with('<') && line > 0).then(|| Place {
            file: file.to_owned(),
            line,
            column,
        })
    };
    if let Some((line, column)) = last.split_once('.') {
        let column = column.split('-').next()?;
        return place(rest, line.parse().ok()?, column.parse().ok()?);
    }
    let last = last.parse().ok()?;
    let with_column = rest
        .rsplit_once(':')
        .and_then(|(file, line)| Some((file, line.parse().ok()?, last)));
    let (file, line, column) = with_column.unwrap_or((rest, last, 0));
    place(file, line, column)
}

/// What follows the name of who says it: `/opt/bin/ld.exe: `, `kconfiglib.KconfigError: `, and whatever stands before
/// a whole path. The linker's name may be followed by the object file.
fn without_speaker(text: &str) -> &str {
    const OBJECTS: [&str; 4] = [".o:", ".obj:", ".o):", ".obj):"];
    let is_speaker = |who: &str| {
        let name = who.rsplit(['/', '\\']).next().unwrap_or(who);
        let name = name.strip_suffix(".exe").unwrap_or(name);
        name.ends_with("ld") || name.ends_with("Error") || matches!(name, "ERROR" | "WARNING")
    };
    let is_absolute = |path: &str| {
        let after_drive = path.get(1..).and_then(|it| it.strip_prefix(':'));
        after_drive.unwrap_or(path).starts_with(['/', '\\'])
    };
    let rest = text
        .split_once(": ")
        .filter(|(who, rest)| is_speaker(who) || is_absolute(rest))
        .map_or(text, |(_, rest)| rest);
    let ends = OBJECTS
        .iter()
        .filter_map(|end| Some(rest.rfind(end)? + end.len()));
    ends.max().map_or(rest, |end| &rest[end..])
}

/// `main.c:3:5: error: …`, and what has the same form; a kind of `None` is a note.
pub(super) fn compiler_message(line: &str) -> Option<(Place, Option<Severity>, &str)> {
    const KINDS: [(&str, Option<Severity>); 11] = [
        (": fatal error: ", Some(Severity::Error)),
        (": error: ", Some(Severity::Error)),
        (": internal compiler error: ", Some(Severity::Error)),
        (": sorry, unimplemented: ", Some(Severity::Error)),
        (": warning: ", Some(Severity::Warning)),
        (": note: ", None),
        // GNU as, make.
        (": Error: ", Some(Severity::Error)),
        (": Warning: ", Some(Severity::Warning)),
        (": *** ", Some(Severity::Error)),
        // dtc.
        (": ERROR ", Some(Severity::Error)),
        (": Warning ", Some(Severity::Warning)),
    ];
    let parts = |(mark, kind): &(&'static str, _)| {
        let at = line.find(mark)?;
        // A log's line begins with a time, which looks like a place.
        let is_dtc = !mark.ends_with(": ") && !mark.ends_with("* ");
        let last = line[..at].rsplit(':').next()?;
        let place = place_of(&line[..at]).filter(|_| !is_dtc || last.contains('.'))?;
        Some((at, place, *kind, &line[at + mark.len()..]))
    };
    let found = KINDS.iter().filter_map(parts).min_by_key(|it| it.0);
    found.map(|(_, place, kind, message)| (place, kind, message))
}

/// What [`place_of`] a line leaves open: `In file included from a.h:2:`, `from b.h:3,`.
pub(super) fn included_from(line: &str) -> Option<Place> {
    let rest = line.trim_start().strip_prefix("In file included from ");
    let rest = rest.or_else(|| line.trim_start().strip_prefix("from "))?;
    place_of(rest.trim_end_matches([',', ':']))
}

/// Why something is compiled, said before what is wrong with it: `a.cpp:5:8:   required from here`.
pub(super) fn required(line: &str) -> Option<(Place, &str)> {
    let marks = [
        " required ",
        " recursively required ",
        " in 'constexpr' expansion ",
        " in ‘constexpr’ expansion ",
    ];
    let at = marks.iter().filter_map(|mark| line.find(mark)).min()?;
    let place = place_of(line[..at].trim_end().strip_suffix(':')?)?;
    Some((place, line[at..].trim()))
}

/// `main.c: In function 'app_main':`, which says nothing by itself.
pub(super) fn is_scope(line: &str) -> bool {
    line.ends_with(':')
        && [": In ", ": At ", ": in "]
            .iter()
            .any(|it| line.contains(it))
}

/// `ninja: Entering directory 'build'`, `make[1]: Entering directory '/p'`.
pub(super) fn entered(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once(": Entering directory ")?;
    Some(rest.trim().trim_matches(['`', '\'', '"', '‘', '’']))
}

/// `  File "/p/gen.py", line 12, in <module>`.
pub(super) fn python_frame(line: &str) -> Option<Place> {
    let rest = line.trim_start().strip_prefix("File \"")?;
    let (file, rest) = rest.split_once("\", line ")?;
    let digits = rest.split([',', ':']).next()?;
    Some(Place {
        file: file.to_owned(),
        line: digits.trim().parse().ok().filter(|line| *line > 0)?,
        column: 0,
    })
}

/// Who says an error that names no line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Speaker {
    /// Whoever prints `Error: …`: the last one knows most.
    Anybody,
    /// What compiles and links: the first one is the cause.
    Compiler,
}

/// An error that names no line of a source: what the linker, a program or a script says. What only says that
/// another one failed is none, nor is what fails no build.
pub(super) fn placeless(line: &str) -> Option<(Speaker, &str)> {
    const ECHOES: [&str; 8] = [
        "returned 1 exit status",
        "returned 2 exit status",
        "returned non-zero exit status",
        "with exit code ",
        "could not compile",
        "aborting due to",
        "being treated as errors",
        "pip's dependency resolver does not",
    ];
    const COMPILERS: [&str; 9] = [
        "ld", "lld", "gcc", "g++", "cc1", "cc1plus", "as", "collect2", "clang",
    ];
    let line = line.trim();
    let says = |mark: &str| {
        let (who, what) = line.split_once(mark)?;
        (!who.contains(' ') && place_of(who).is_none()).then_some((who, what))
    };
    let program = |mark: &str| {
        let (who, what) = says(mark)?;
        let name = who.rsplit(['/', '\\']).next().unwrap_or(who);
        let name = name.strip_suffix(".exe").unwrap_or(name);
        let name = name.rsplit('-').next().unwrap_or(name);
        let is_compiler = COMPILERS.contains(&name) || name.starts_with("clang");
        let speaker = if is_compiler {
            Speaker::Compiler
        } else {
            Speaker::Anybody
        };
        Some((speaker, what))
    };
    let linker = || {
        let (_, what) = says("ld: ").or_else(|| says("ld.exe: "))?;
        let mut marks = [
            "overflowed by",
            "undefined reference",
            "multiple definition",
            "cannot find",
        ]
        .into_iter();
        let at = marks.find_map(|mark| what.find(mark))?;
        let is_placed = place_of(what[..at].trim_end().trim_end_matches(':')).is_some();
        (!is_placed).then_some((Speaker::Compiler, what))
    };
    let bare = || {
        let (level, what) = line.split_once(": ")?;
        let level = level.split_once('[').map_or(level, |(level, _)| level);
        let is_exception = !level.contains([' ', '/'])
            && level.len() > 5
            && (level.ends_with("Error") || level.ends_with("Exception"));
        if is_exception {
            return Some((Speaker::Anybody, line));
        }
        let is_error = matches!(
            level,
            "error"
                | "Error"
                | "ERROR"
                | "CMake Error"
                | "devicetree error"
                | "A fatal error occurred"
                | "Fatal Error"
        );
        is_error.then_some((Speaker::Anybody, what))
    };
    let (speaker, found) = linker()
        .or_else(bare)
        .or_else(|| program(": fatal error: "))
        .or_else(|| program(": error: "))?;
    let is_echo = ECHOES.iter().any(|echo| found.contains(echo));
    (!is_echo && !found.is_empty()).then_some((speaker, found))
}

/// What `^~~~` is under, in characters.
pub(super) fn underlined(text: &str) -> Option<std::ops::Range<usize>> {
    let chars: Vec<char> = text.chars().collect();
    let caret = chars.iter().position(|c| *c == '^')?;
    let is_mark = |c: &&char| matches!(c, '^' | '~');
    let before = chars[..caret].iter().rev().take_while(is_mark).count();
    let after = chars[caret..].iter().take_while(is_mark).count();
    Some(caret - before..caret + after)
}

/// ninja's `[12/340] …`, make's `[ 43%] …`, and cargo's bar.
pub(super) fn progress(line: &str) -> Option<Progress> {
    let line = line.trim_start();
    let made = |done: &str, total: &str, what: &str| {
        let (done, total) = (done.trim().parse().ok()?, total.trim().parse().ok()?);
        (done <= total && total > 0).then(|| Progress {
            done,
            total,
            what: what.trim().to_owned(),
        })
    };
    if let Some(rest) = line.strip_prefix("Building [") {
        let (_, rest) = rest.split_once("] ")?;
        let (count, what) = rest.split_once(':').unwrap_or((rest, ""));
        let (done, total) = count.split_once('/')?;
        return made(done, total, what);
    }
    let (count, what) = line.strip_prefix('[')?.split_once(']')?;
    match count.split_once('/') {
        Some((done, total)) => made(done, total, what),
        None => made(count.strip_suffix('%')?, "100", what),
    }
}

/// A line without colours, links and the like.
pub(super) fn without_escapes(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        if c != '\x1b' {
            plain.push(c);
            continue;
        }
        match chars.next() {
            // Up to the letter that ends it.
            Some('[') => drop(chars.find(|c| ('@'..='~').contains(c))),
            // Up to BEL, or to the `\` of an ESC and a `\`.
            Some(']') => drop(chars.find(|c| matches!(c, '\x07' | '\\'))),
            _ => {}
        }
    }
    plain.truncate(plain.trim_end().len());
    plain
}

/// `CMake Error at main/CMakeLists.txt:3 (idf_component_register):`, `CMake Warning (dev) in CMakeLists.txt:`
pub(super) fn cmake(line: &str) -> Option<(Severity, Place)> {
    let rest = line.trim_start().strip_prefix("CMake ")?;
    let (level, rest) = rest.split_once(' ')?;
    let severity = match level {
        "Error" => Severity::Error,
        "Warning" | "Deprecation" => Severity::Warning,
        _ => return None,
    };
    let rest = rest.strip_prefix("Warning ").unwrap_or(rest);
    let kind = rest.strip_prefix('(').and_then(|it| it.split_once(") "));
    let rest = kind.map_or(rest, |(_, rest)| rest);
    let named = rest
        .strip_prefix("at ")
        .or_else(|| rest.strip_prefix("in "))?;
    let named = named.strip_suffix(':')?;
    let place = named.rsplit_once(" (").and_then(|it| place_of(it.0));
    let place = place.or_else(|| place_of(named)).unwrap_or_else(|| Place {
        file: named.to_owned(),
        line: 1,
        column: 0,
    });
    Some((severity, place))
}

/// `WARNING: sdkconfig.defaults:3: …` of Kconfig, `Error: app.dts:5.1-2 …` of dtc.
pub(super) fn begun_by_level(line: &str) -> Option<(Severity, Place, &str)> {
    let (level, rest) = line.split_once(": ")?;
    let severity = match level {
        "ERROR" | "Error" => Severity::Error,
        "WARNING" => Severity::Warning,
        _ => return None,
    };
    let of_dtc = || rest.split_once(' ').filter(|it| it.0.contains('.'));
    let parts = rest
        .split_once(": ")
        .and_then(|it| Some((place_of(it.0)?, it.1)));
    let (place, message) =
        parts.or_else(|| of_dtc().and_then(|it| Some((place_of(it.0)?, it.1))))?;
    Some((severity, place, message))
}

/// `thread 'main' panicked at build.rs:3:5:`
pub(super) fn panicked(line: &str) -> Option<Place> {
    let (_, place) = line.split_once(" panicked at ")?;
    place_of(place.strip_suffix(':')?)
}

/// Who calls a line of this file wrong.
pub(super) fn source_of(file: &str) -> &'static str {
    let name = file.rsplit(['/', '\\']).next().unwrap_or(file);
    let ends = |with: &[&str]| with.iter().any(|end| name.ends_with(end));
    if name.contains("sdkconfig") || name.contains("Kconfig") || ends(&[".conf", "_defconfig"]) {
        "kconfig"
    } else if name.starts_with("Makefile") || ends(&[".mk"]) {
        "make"
    } else if ends(&[".dts", ".dtsi", ".overlay"]) {
        "devicetree"
    } else {
        "gcc"
    }
}

pub(super) fn indentation(line: &str) -> usize {
    line.len() - line.trim_start().len()
}
