//! One text a kind of output, after the pattern of what the tools print.

use super::read;
use crate::build::output::{Output, leads_there};

pub(super) fn reason(text: &str) -> Option<String> {
    let mut output = Output::default();
    for line in text.lines() {
        output.hear(line);
    }
    output.reason().map(str::to_owned)
}

#[track_caller]
pub(super) fn check(text: &str, expected: &[&str]) {
    assert_eq!(read(text), expected, "{text}");
}

#[test]
fn templates_say_who_wanted_them() {
    let text = "\
In file included from src/main.cpp:2:
src/pool.h: In instantiation of 'void put(T) [with T = int]':
src/pool.h:9:8:   required from 'void fill(T) [with T = int]'
    9 |     put(t);
      |     ~~~^~~
src/main.cpp:7:9:   required from here
src/pool.h:4:5: error: request for member 'size' in 't', which is of non-class type 'int'
    4 |   t.size();
      |   ~~^~~~
src/pool.h:4:5: note:   it is not a class
src/main.cpp:9:1: error: 'x' does not name a type";
    check(
        text,
        &[
            "error src/pool.h:4:5 - gcc request for member 'size' in 't', which is of non-class type 'int' \
             <- src/pool.h:9:8 required from 'void fill(T) [with T = int]' \
             <- src/main.cpp:7:9 required from here \
             <- src/main.cpp:2:0 included from here <- src/pool.h:4:5 it is not a class",
            "error src/main.cpp:9:1 - gcc 'x' does not name a type",
        ],
    );
}

/// The chain before a note is the note's, and what a pragma says is about nothing.
#[test]
fn notes_belong_to_what_they_follow() {
    let text = "\
main/main.c:5:6: error: conflicting types for 'go'
In file included from main/main.c:1:
main/go.h:3:6: note: previous declaration of 'go'
main/main.c:9:1: error: other
main/main.c: At top level:
main/main.c:2:9: note: '#pragma message: board v2'
[2/9] Building C object a.c.obj
main/a.c:4:9: note: '#pragma message: nothing before it'";
    check(
        text,
        &[
            "error main/main.c:5:6 - gcc conflicting types for 'go' <- main/go.h:3:6 previous declaration of 'go'",
            "error main/main.c:9:1 - gcc other",
        ],
    );
}

/// Clang begins each line so, the outermost first; before version 9, GCC showed no line numbers.
#[test]
fn other_compilers() {
    let text = "\
In file included from main.c:1:
In file included from ./inner.h:2:
./deep.h:3:10: error: use of undeclared identifier 'nope'
main.c:6:3: error: x
main.c:2:5: note: expanded from macro 'FOO'";
    let chain = " <- ./inner.h:2:0 included from here <- main.c:1:0 included from here";
    let first = format!("error ./deep.h:3:10 - gcc use of undeclared identifier 'nope'{chain}");
    check(
        text,
        &[
            &first,
            "error main.c:6:3 - gcc x <- main.c:2:5 expanded from macro 'FOO'",
        ],
    );
    let old = "\
In file included from C:\\p\\src\\a.ino:10:0:
C:/p/src/b.h:26:10: fatal error: functional: No such file or directory
 #include <functional>
          ^~~~~~~~~~~~
compilation terminated.";
    check(
        old,
        &[
            "error C:/p/src/b.h:26:10 - gcc functional: No such file or directory \
           <- C:\\p\\src\\a.ino:10:0 included from here",
        ],
    );
    let mut output = Output::default();
    for line in [
        "a.cpp:9:3: error: no matching function",
        "   go(1);",
        "       ^",
    ] {
        output.hear(line);
        assert_eq!(output.findings(false), [], "{line}: a note may follow");
    }
    output.hear("a.cpp:3:6: note:   candidate: void go()");
    assert_eq!(output.findings(true)[0].related.len(), 1);
}

#[test]
fn what_looks_like_another_kind() {
    check(
        "src/a.c:1:2: warning: see b.c:3: error: y [-Wcpp]",
        &["warning src/a.c:1:2 -Wcpp gcc see b.c:3: error: y"],
    );
    check(
        "/home/me/my: work/ma in.c:7:4: error: in a dir: with colons",
        &["error /home/me/my: work/ma in.c:7:4 - gcc in a dir: with colons"],
    );
    check(
        "Error while executing: /p/x.c:3:4: error: foo\nfailed: C:\\p\\y.c:5:6: error: bar",
        &[
            "error /p/x.c:3:4 - gcc foo",
            "error C:\\p\\y.c:5:6 - gcc bar",
        ],
    );
    check(
        "a.cpp:1:2: error: invalid conversion [-fpermissive]\na.c:2:1: error: unused [-Werror=unused]",
        &[
            "error a.cpp:1:2 -fpermissive gcc invalid conversion",
            "error a.c:2:1 -Werror=unused gcc unused",
        ],
    );
    for nothing in [
        "<command-line>: warning: \"A\" redefined",
        "<command-line>:0:10: warning: whitespace",
        "cc1: some warnings being treated as errors",
        "make[2]: *** [CMakeFiles/a.dir/build.make:79: a.o] Error 1",
        "*** [.pio/build/dev/src/main.cpp.o] Error 1",
        "NOTE: user value 99 on the int symbol N (defined at Kconfig:5) ignored",
        "HINT: The component 'x' could not be found: main.c:3: nothing",
        "W (312) app: main.c:3: careful",
        "2026-01-01 12:30:01: ERROR something",
        "12:30:01: Warning something",
        "from here to there",
    ] {
        check(nothing, &[]);
    }
}

#[test]
fn assemblers_and_makefiles() {
    check(
        "as.S: Assembler messages:\nas.S:2: Error: unrecognized opcode `x a0'\nas.S:3: Warning: odd",
        &[
            "error as.S:2:0 - gcc unrecognized opcode `x a0'",
            "warning as.S:3:0 - gcc odd",
        ],
    );
    check(
        "Makefile:4: *** missing separator.  Stop.",
        &["error Makefile:4:0 - make missing separator.  Stop."],
    );
    check(
        "a.c:3:1: internal compiler error: in f, at g.c:9",
        &["error a.c:3:1 - gcc in f, at g.c:9"],
    );
}

#[test]
fn linkers() {
    let text = "\
C:/tools/bin/ld.exe: libmain.a(main.c.obj): in function `app_main':
C:/p/main/main.c:8: undefined reference to `missing'
C:/tools/bin/ld.exe: C:/p/main/main.c:9: undefined reference to `Pool::put(int)'
/opt/bin/ld: libb.a(b.c.obj):/p/b/b.c:3: multiple definition of `twice'; libmain.a(main.c.obj):/p/main/main.c:7: first defined here
/opt/bin/ld: main.cpp.o:(.literal._Z5setupv+0x4): undefined reference to `gone'";
    check(
        text,
        &[
            "error C:/p/main/main.c:8:0 - ld undefined reference to `missing'",
            "error C:/p/main/main.c:9:0 - ld undefined reference to `Pool::put(int)'",
            "error /p/b/b.c:3:0 - ld multiple definition of `twice' <- /p/main/main.c:7:0 first defined here",
        ],
    );
    let lld = "\
rust-lld: error: undefined symbol: gone
>>> referenced by main.rs:12 (src/main.rs:12)
>>>               /p/target/blink.o:(main)";
    check(lld, &["error src/main.rs:12:0 - ld undefined symbol: gone"]);
}

/// What names no line says why the build failed.
#[test]
fn reasons_without_a_line() {
    for (text, expected) in [
        (
            "/opt/bin/ld: app.elf section `.iram0.text' will not fit in region `iram0_0_seg'\n\
             /opt/bin/ld: region `iram0_0_seg' overflowed by 84 bytes\n\
             collect2: error: ld returned 1 exit status\nninja: build stopped: subcommand failed.",
            "region `iram0_0_seg' overflowed by 84 bytes",
        ),
        (
            "C:/b/ld.exe: cannot find -lnothing\ncollect2.exe: error: ld returned 1 exit status",
            "cannot find -lnothing",
        ),
        (
            "ninja: error: 'libcoex.a', needed by 'app.elf', missing and no known rule to make it",
            "'libcoex.a', needed by 'app.elf', missing and no known rule to make it",
        ),
        (
            "xtensa-esp32-elf-g++: error: src/main.ino.cpp: No such file or directory\n\
             xtensa-esp32-elf-g++: fatal error: no input files",
            "src/main.ino.cpp: No such file or directory",
        ),
        (
            "[5/6] cd /p/build && python check_sizes.py\nFAILED: [code=1] app_check_size\n\
             cd /p/build && python check_sizes.py\n\
             All app partitions are too small for binary app.bin size 0x120000:\n  - Part 'factory'\n\
             ninja: build stopped: subcommand failed.\nninja failed with exit code 1",
            "All app partitions are too small for binary app.bin size 0x120000:",
        ),
        (
            "Error: app partition is too small for binary app.bin size 0x120000:",
            "app partition is too small for binary app.bin size 0x120000:",
        ),
        (
            "Error: The program size (1400000 bytes) is greater than maximum allowed (1310720 bytes)\n\
             *** [checkprogsize] Explicit exit, status 1",
            "The program size (1400000 bytes) is greater than maximum allowed (1310720 bytes)",
        ),
        (
            "UnknownPackageError: Could not find the package with 'me/gone' requirements",
            "UnknownPackageError: Could not find the package with 'me/gone' requirements",
        ),
        (
            "error: failed to run custom build command for `esp-idf-sys v0.33.1`\n\nCaused by:",
            "failed to run custom build command for `esp-idf-sys v0.33.1`",
        ),
        (
            "error: linking with `ldproxy` failed: exit status: 1\n  |\n\
             error: could not compile `blink` (bin \"blink\") due to 1 previous error",
            "linking with `ldproxy` failed: exit status: 1",
        ),
        (
            "CMake Error: The source directory \"/p\" does not appear to contain CMakeLists.txt.",
            "The source directory \"/p\" does not appear to contain CMakeLists.txt.",
        ),
        (
            "devicetree error: Label 'led' appears on /a and on /b",
            "Label 'led' appears on /a and on /b",
        ),
        (
            "ERROR: pip's dependency resolver does not currently take into account\nError: could not find git\n\
             /opt/ld: region 'dram0_0_seg' overflowed by 84 bytes\nerror: something",
            "region 'dram0_0_seg' overflowed by 84 bytes",
        ),
        (
            "Error: could not find git\nERROR: no component 'x'\nERROR: pip's dependency resolver does not work\n\
             error: recipe `build` failed with exit code 1",
            "no component 'x'",
        ),
        (
            "ninja: error: loading failed\nxtensa-esp32-elf-gcc: fatal error: no input files",
            "no input files",
        ),
        (
            "A fatal error occurred: Contents of segment are not all zero.",
            "Contents of segment are not all zero.",
        ),
    ] {
        assert_eq!(reason(text).as_deref(), Some(expected), "{text}");
        check(text, &[]);
    }
    for none in [
        "[2/3] Linking",
        "a.c:1:1: error: x",
        "cc1plus: all warnings being treated as errors",
    ] {
        assert_eq!(reason(none), None, "{none}");
    }
}

/// GCC quotes as the locale does.
#[test]
fn who_wanted_a_constant_leads_there() {
    for quoted in ["'constexpr'", "\u{2018}constexpr\u{2019}"] {
        let text = format!("a.cpp:5:8:   in {quoted} expansion of 'f(1)'\nb.h:1:1: error: x");
        let mut output = Output::default();
        text.lines().for_each(|line| drop(output.hear(line)));
        assert!(
            leads_there(&output.findings(true)[0].related[0].1),
            "{quoted}"
        );
    }
}

#[test]
fn scripts_that_fail() {
    let traceback = "\
Traceback (most recent call last):
  File \"/p/tools/gen.py\", line 40, in <module>
    main()
    ^^^^^^
  File \"/p/tools/gen.py\", line 8, in main
    raise ValueError(\"bad\")
ValueError: bad
ninja: build stopped: subcommand failed.";
    check(
        traceback,
        &[
            "error /p/tools/gen.py:8:0 - python ValueError: bad <- /p/tools/gen.py:40:0 called from here",
        ],
    );
    assert_eq!(reason(traceback).as_deref(), Some("ValueError: bad"));
    let kconfig = "\
Traceback (most recent call last):
  File \"/idf/confgen.py\", line 640, in <module>
    main()
kconfiglib.KconfigError: /p/Kconfig:67: error: no such file";
    check(kconfig, &["error /p/Kconfig:67:0 - kconfig no such file"]);
    let scons = "\
NameError: name 'env' is not defined:
  File \"/penv/builder/main.py\", line 173:
    env.SConscript(script)
  File \"/p/extra.py\", line 3:
    env.Append()
======== [FAILED] Took 1.2 seconds ========";
    check(
        scons,
        &[
            "error /p/extra.py:3:0 - python NameError: name 'env' is not defined \
           <- /penv/builder/main.py:173:0 called from here",
        ],
    );
    check(
        "thread 'main' (20606) panicked at build.rs:3:9:\nno ESP-IDF\nstack backtrace:",
        &["error build.rs:3:9 - rust no ESP-IDF"],
    );
}

#[test]
fn cmake_in_other_forms() {
    let text = "\
CMake Warning (deprecated) at CMakeLists.txt:10 (message):
  old
This warning is for project developers.
CMake Error at /home/me/x (copy)/CMakeLists.txt:2:
  Parse error.  Function missing ending \")\".

CMake Error in main/CMakeLists.txt:
  Target \"app\" has no sources.
  CMake Error at /p/sub/CMakeLists.txt:5 (message):
    indented by who runs it
  -- and on";
    check(
        text,
        &[
            "warning CMakeLists.txt:10:0 - cmake old",
            "error /home/me/x (copy)/CMakeLists.txt:2:0 - cmake Parse error.  Function missing ending \")\".",
            "error main/CMakeLists.txt:1:0 - cmake Target \"app\" has no sources.",
            "error /p/sub/CMakeLists.txt:5:0 - cmake indented by who runs it",
        ],
    );
}

/// In cargo's messages for programs, too, what the linker misses is on its line.
#[test]
fn rustc_tells_what_the_linker_said() {
    let json = r#"{"reason":"compiler-message","message":{"level":"error","code":null,"spans":[],
        "message":"linking with `ldproxy` failed: exit status: 1","rendered":"error: linking\n",
        "children":[{"level":"note","spans":[],"message":"some arguments are omitted"},
            {"level":"note","spans":[],"message":"/t/bin/ld: /p/src/main.rs:7: undefined reference to `gone'\ncollect2: error: ld returned 1 exit status"}]}}"#
        .replace('\n', "");
    check(
        &json,
        &["error /p/src/main.rs:7:0 - ld undefined reference to `gone'"],
    );
    assert_eq!(
        reason(&json).as_deref(),
        Some("linking with `ldproxy` failed: exit status: 1")
    );
}

#[test]
fn directories_are_left_again() {
    let mut output = Output::default();
    for line in [
        "make: Entering directory '/p'",
        "make[1]: Entering directory '/p/sub'",
        "a.c:1:1: error: x",
        "make[1]: Leaving directory '/p/sub'",
        "a.c:1:1: error: y",
    ] {
        output.hear(line);
    }
    let found = output.findings(true);
    let directories = found.iter().map(|it| it.directory.as_deref());
    assert_eq!(
        directories.collect::<Vec<_>>(),
        [Some("/p/sub"), Some("/p")]
    );
    assert_eq!(output.entered(), ["/p", "/p/sub"]);
}

/// Compilers that show links to their manuals hide them in escape sequences of another form.
#[test]
fn links_in_escape_sequences_are_no_text() {
    check(
        "a.c:1:1: \u{1b}[35mwarning:\u{1b}[m x [\u{1b}]8;;https://gcc.example/W\u{1b}\\-Wx\u{1b}]8;;\u{7}]",
        &["warning a.c:1:1 -Wx gcc x"],
    );
}
