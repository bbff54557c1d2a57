//! Outputs as compilers and tools print them, shortened.

mod kconfig;
mod kinds;

use super::*;

/// `severity file:line:column code source "message" <- related` of each finding.
fn read(text: &str) -> Vec<String> {
    let mut output = Output::default();
    for line in text.lines() {
        output.hear(line);
    }
    let place = |it: &Place| format!("{}:{}:{}", it.file, it.line, it.column);
    let shown = output.findings(true).into_iter().map(|it| {
        let related = it.related.iter();
        let related = related.map(|(at, text)| format!(" <- {} {text}", place(at)));
        let code = it.code.as_deref().unwrap_or("-");
        let severity = match it.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let (at, source, message) = (place(&it.place), it.source, it.message.replace('\n', "/"));
        let head = format!("{severity} {at} {code} {source} {message}");
        related.fold(head, |all, it| all + &it)
    });
    shown.collect()
}

/// GCC 12 for RISC-V, over ninja.
const GCC: &str = "\
[3/9] Building C object esp-idf/main/CMakeFiles/__idf_main.dir/main.c.obj
In file included from main/inner.h:2,
                 from main/main.c:1:
main/deep.h: In function 'deep':
main/deep.h:3:10: error: 'nope' undeclared (first use in this function)
    3 |   return nope;
      |          ^~~~
main/deep.h:3:10: note: each undeclared identifier is reported only once
main/deep.h:2:7: warning: unused variable 'unused' [-Wunused-variable]
    2 |   int unused;
      |       ^~~~~~
main/main.c: In function 'add':
\u{1b}[01m\u{1b}[Kmain/main.c:3:44:\u{1b}[m\u{1b}[K \u{1b}[01;31m\u{1b}[Kerror: \u{1b}[m\u{1b}[Kexpected ';' before '}' token
    3 | static int add(int a, int b) { return a + b }
      |                                            ^~
      |                                            ;
C:\\p\\m.c:1:10: fatal error: nofile.h: No such file or directory
ninja: build stopped: subcommand failed.";

#[test]
fn gcc_with_the_chain_of_includes_and_its_notes() {
    let chain = " <- main/inner.h:2:0 included from here <- main/main.c:1:0 included from here";
    assert_eq!(
        read(GCC),
        [
            format!(
                "error main/deep.h:3:10 - gcc 'nope' undeclared (first use in this function){chain} \
                 <- main/deep.h:3:10 each undeclared identifier is reported only once"
            ),
            format!(
                "warning main/deep.h:2:7 -Wunused-variable gcc unused variable 'unused'{chain}"
            ),
            "error main/main.c:3:44 - gcc expected ';' before '}' token".to_owned(),
            r"error C:\p\m.c:1:10 - gcc nofile.h: No such file or directory".to_owned(),
        ]
    );
}

#[test]
fn what_is_underlined_is_found_in_the_line() {
    let text = "\
main.c:5:32: error: 'undeclared' undeclared
    5 |         char *text = 5; return undeclared + text;
      |                                ^~~~~~~~~~";
    let mut output = Output::default();
    for line in text.lines() {
        output.hear(line);
    }
    let found = &output.findings(true)[0];
    // GCC shows tabs by spaces, and counts columns so.
    let line = "\tchar *text = 5;\treturn undeclared + text;";
    assert_eq!(&line[columns(line, found)], "undeclared");
    let spaces = "        char *text = 5; return undeclared + text;";
    assert_eq!(&spaces[columns(spaces, found)], "undeclared");
    // The file has changed since: nothing is out of bounds.
    for line in ["", "\t", "éé", "x"] {
        assert!(columns(line, found).end <= line.len());
    }
    let numbered = Finding {
        shown: None,
        place: Place {
            column: 3,
            ..found.place.clone()
        },
        ..found.clone()
    };
    assert_eq!(&"a word here"[columns("a word here", &numbered)], "word");
    let whole = Finding {
        place: Place {
            column: 0,
            ..found.place.clone()
        },
        ..numbered
    };
    assert_eq!(
        &"  all of it "[columns("  all of it ", &whole)],
        "all of it"
    );
}

#[test]
fn the_linker_names_lines_of_sources() {
    let text = "\
/opt/bin/../riscv32-esp-elf/bin/ld: esp-idf/main/libmain.a(main.c.obj): in function `app_main':
/p/main/main.c:8: undefined reference to `missing'
/opt/bin/ld: /p/main/main.c:9: undefined reference to `other'
/opt/bin/ld: l2.o:l.c:(.text+0xa): undefined reference to `nowhere'
collect2: error: ld returned 1 exit status";
    assert_eq!(
        read(text),
        [
            "error /p/main/main.c:8:0 - ld undefined reference to `missing'",
            "error /p/main/main.c:9:0 - ld undefined reference to `other'"
        ]
    );
}

#[test]
fn cmake_says_where_and_who_called() {
    let text = "\
CMake Error at /idf/tools/cmake/build.cmake:544 (message):
  Failed to resolve component 'nothing' required by component 'main'

  in the project.

Call Stack (most recent call first):
  /idf/tools/cmake/project.cmake:717 (idf_build_process)
  CMakeLists.txt:6 (project)


-- Configuring incomplete, errors occurred!
CMake Warning (dev) at CMakeLists.txt:3 (set):
  careful";
    assert_eq!(
        read(text),
        [
            "error /idf/tools/cmake/build.cmake:544:0 - cmake Failed to resolve component 'nothing' \
             required by component 'main'/in the project. \
             <- /idf/tools/cmake/project.cmake:717:0 called from here, in idf_build_process \
             <- CMakeLists.txt:6:0 called from here, in project",
            "warning CMakeLists.txt:3:0 - cmake careful"
        ]
    );
}

#[test]
fn kconfig_names_its_files() {
    let text = "\
kconfiglib.core.KconfigError: main/Kconfig.projbuild:3: couldn't parse 'confg A': unknown token
/p/sdkconfig.defaults:4: warning: unknown kconfig symbol 'NOPE'";
    assert_eq!(
        read(text),
        [
            "error main/Kconfig.projbuild:3:0 - kconfig couldn't parse 'confg A': unknown token",
            "warning /p/sdkconfig.defaults:4:0 - kconfig unknown kconfig symbol 'NOPE'"
        ]
    );
}

#[test]
fn rustc_in_both_forms() {
    let text = "\
   Compiling blink v0.1.0 (/p)
error[E0425]: cannot find value `nope` in this scope
 --> src/main.rs:4:5
  |
4 |     nope
  |     ^^^^ not found in this scope
warning: unused variable: `x`
  --> src/lib.rs:1:9
error: could not compile `blink` (bin \"blink\") due to 1 previous error";
    assert_eq!(
        read(text),
        [
            "error src/main.rs:4:5 E0425 rustc cannot find value `nope` in this scope",
            "warning src/lib.rs:1:9 - rustc unused variable: `x`"
        ]
    );
    let json = r#"{"reason":"compiler-message","message":{"message":"mismatched types","level":"error",
        "code":{"code":"E0308"},"rendered":"\u001b[1merror\u001b[0m: mismatched types\n",
        "spans":[{"is_primary":true,"label":"expected `u8`","file_name":"src/main.rs","line_start":2,
                  "line_end":2,"column_start":5,"column_end":9,"expansion":null},
                 {"is_primary":false,"label":"because of this","file_name":"src/main.rs","line_start":1,
                  "line_end":1,"column_start":1,"column_end":2,"expansion":null}],
        "children":[{"message":"try this","level":"help","spans":[]}]}}"#
        .replace('\n', "");
    assert_eq!(
        read(&json),
        [
            "error src/main.rs:2:5 E0308 rustc mismatched types/expected `u8`/help: try this \
             <- src/main.rs:1:1 because of this"
        ]
    );
    let mut output = Output::default();
    assert_eq!(
        output.hear(&json).shown.as_deref(),
        Some("\u{1b}[1merror\u{1b}[0m: mismatched types")
    );
    let artifact = output.hear(r#"{"reason":"compiler-artifact"}"#);
    assert_eq!(artifact, Heard::default());
    assert_eq!(
        output.hear("{ not json").shown.as_deref(),
        Some("{ not json")
    );
}

#[test]
fn progress_of_ninja_make_and_cargo() {
    let of = |line: &str| {
        let progress = Output::default().hear(line).progress;
        progress.map(|it| (it.done, it.total, it.what))
    };
    assert_eq!(
        of("[12/340] Building C"),
        Some((12, 340, "Building C".to_owned()))
    );
    assert_eq!(of("[ 43%] Linking"), Some((43, 100, "Linking".to_owned())));
    let bar = "    Building [=====>      ] 12/34: blink(bin), core";
    assert_eq!(of(bar), Some((12, 34, "blink(bin), core".to_owned())));
    assert_eq!(Output::default().hear(bar).shown, None);
    for line in ["[x/2] a", "[3/2] a", "[0/0]", "Building", "[", "[]", "[%]"] {
        assert_eq!(of(line), None, "{line}");
    }
}

#[test]
fn where_ninja_and_make_work_is_kept() {
    let mut output = Output::default();
    for line in [
        "ninja: Entering directory `build'",
        "../main/a.c:1:2: error: x",
    ] {
        output.hear(line);
    }
    assert_eq!(output.findings(true)[0].directory.as_deref(), Some("build"));
}

#[test]
fn a_flood_is_bounded() {
    let mut output = Output::default();
    for line in 1..2000 {
        output.hear(&format!("a.c:{line}:1: error: {}", "x".repeat(10_000)));
        output.hear(&format!("a.c:{line}:1: note: {}", "y".repeat(10_000)));
    }
    let found = output.findings(true);
    assert_eq!(found.len(), MAX_FINDINGS);
    let largest = found.iter().map(|it| it.message.len()).max();
    assert_eq!(largest, Some(MAX_MESSAGE));
    assert!(found.iter().all(|it| it.related.len() <= MAX_RELATED));
}

/// What is complete is there before the build is over, once; what may go on is not.
#[test]
fn findings_come_while_the_build_runs() {
    let mut output = Output::default();
    let mut after = |line: &str, is_over: bool| {
        output.hear(line);
        let found = output.findings(is_over).into_iter();
        found
            .map(|it| (it.place.line, it.related.len(), it.shown.is_some()))
            .collect::<Vec<_>>()
    };
    assert_eq!(after("a.c:3:1: error: nope", false), []);
    assert_eq!(after("    3 | nope;", false), []);
    assert_eq!(after("      | ^~~~", false), []);
    assert_eq!(after("a.c:1:1: note: once", false), []);
    assert_eq!(
        after("[3/9] Building C object b.c.obj", false),
        [(3, 1, true)]
    );
    assert_eq!(after("a.c:3:1: error: nope", false), []);
    assert_eq!(after("b.c:4:1: warning: hm", false), [], "it was said");
    let json =
        r#"{"reason":"compiler-message","message":{"level":"error","message":"m","spans":[]}}"#;
    assert_eq!(after(json, false).first(), Some(&(4, 0, false)));
    assert_eq!(after("CMake Error at CMakeLists.txt:5 (f):", false), []);
    assert_eq!(after("  it goes on", true), [(5, 0, false)]);
    assert_eq!(after("", true), []);
}
