use proptest::prelude::*;

use super::*;

fn set(text: &str, name: &str) -> Option<Vec<String>> {
    let environment = Environment::from_pairs([("CFG".to_owned(), "/cfg".to_owned())]);
    CMakeLists(text.to_owned()).set(name, Path::new("/p"), &environment)
}

/// Each of them as CMake 4.4 prints it, where it runs without a fault, has no condition and knows all variables.
#[test]
fn what_is_set_over_lines_with_references_and_comments() {
    for (text, expected) in [
        ("set(A x)", Some("x")),
        ("SET ( A\n  x\n  \"y z\" # why\n)\n", Some("x|y z")),
        ("set(A \"x;y\" z;w)", Some("x|y|z|w")),
        ("set(A [[x ${B}]])", Some("x ${B}")),
        ("#[[\nset(A no)\n]]\nset(A yes) # set(A no)", Some("yes")),
        (
            "set(A x CACHE STRING \"why (not)\" FORCE)\nproject(p)",
            Some("x"),
        ),
        ("set(A x PARENT_SCOPE)", None),
        (
            "set(DIR ${CMAKE_CURRENT_LIST_DIR}/cfg)\nset(A\n${DIR}/a\n\"${DIR}/b\")",
            Some("/p/cfg/a|/p/cfg/b"),
        ),
        ("set(A $ENV{CFG}/a)", Some("/cfg/a")),
        ("set(ENV{CFG} /own)\nset(A $ENV{CFG}/a)", Some("/own/a")),
        ("set(A x)\nlist(APPEND A y z)", Some("x|y|z")),
        ("list(APPEND A\n  y)", Some("y")),
        ("set(A a\\ b)", Some("a b")),
        ("set(A $<x>/a$)", Some("$<x>/a$")),
        ("set(A \"a\\\nb\")", Some("ab")),
        ("set(A x)\nset(A)", None),
        ("set(A x)\nunset(A)", None),
        ("set(A ${UNKNOWN}/a)", Some("")),
        ("set(A x)\nset(A $ENV{UNKNOWN})", Some("")),
        ("message(\"set(A x)\")", None),
        ("set(A x", Some("x")),
        ("?? set(B y)\nset(A x)", Some("x")),
        // The first of the cache counts, and it stays where the variable goes.
        (
            "set(A x CACHE STRING \"\")\nset(A y CACHE STRING \"\")",
            Some("x"),
        ),
        ("set(A x CACHE STRING \"\")\nset(A y)", Some("y")),
        ("set(A x CACHE STRING \"\")\nlist(APPEND A y)", Some("x|y")),
        ("set(A x CACHE STRING \"\")\nunset(A)", Some("x")),
        ("set(A x CACHE STRING \"\")\nunset(A CACHE)", None),
        ("set(A x)\nunset(A CACHE)", Some("x")),
        ("set(B y)\nset(A \"\\${B}\")", Some("${B}")),
        ("set(A \"\\\"x\\\"\")", Some("\"x\"")),
        ("set(B y)\nset(A ${B})\nset(B z)", Some("y")),
        ("set(A x)\nset(A ${A} y)", Some("x|y")),
        ("set(A $ENV/a$A)", Some("$ENV/a$A")),
        ("if(X)\n  set(A x)\nendif()\nset(A y)", Some("y")),
        (
            "if(NOT DEFINED A)\n  message(A)\nendif()\nset(A x)",
            Some("x"),
        ),
        ("set(A x)\nset(B${B} y)\nset(${B}B y)", Some("x")),
        (
            "function(f out)\n  set(${out} y PARENT_SCOPE)\nendfunction()\nset(A x)",
            Some("x"),
        ),
        ("set(A x)\n#[[ set(A y)", Some("x")),
        ("set(A x)\nset(B [[ y)\nset(A z)", Some("x")),
    ] {
        let found = set(text, "A").map(|list| list.join("|"));
        assert_eq!(found.as_deref(), expected, "{text}");
    }
}

/// Not known, rather than wrong.
#[test]
fn what_the_commands_before_leave_in_doubt_is_not_known() {
    for text in [
        "if((A) AND (B))\n  set(A x)\nendif()",
        "set(A x)\nif(C)\n  set(A y)\nelse()\n  set(D y)\nendif()",
        "set(A x)\nif(C)\n  unset(A)\nendif()",
        "if(C)\n  list(APPEND A x)\nendif()",
        "foreach(B x y)\n  set(A ${B})\nendforeach()",
        "foreach(A x y)\nendforeach()",
        "while(C)\n  set(A x)\nendwhile()",
        "function(f)\n  set(A y PARENT_SCOPE)\nendfunction()\nset(A x)\nf()",
        "macro(f)\n  set(A y)\nendmacro()\nset(A x)\nf()",
        "set(A x)\nstring(APPEND A y)",
        "set(A x)\nlist(PREPEND A y)",
        "get_filename_component(A x ABSOLUTE)",
        "set(A x)\nours(A)",
        "set(N A)\nset(A x)\nset(${N} y)",
        "set(A x)\nset(A y CACHE STRING \"\")",
        "set(A x CACHE STRING \"\")\nset(A y CACHE STRING \"\" FORCE)",
        "set(A x CACHE STRING \"\")\nset(A y CACHE INTERNAL \"\")",
        "set(A x CACHE STRING \"\")\nset(A y)\nunset(A)",
        "if(C)\n  set(B x)\nendif()\nset(A ${B})",
        "unset(ENV{CFG})\nset(A $ENV{CFG})",
        "set(A $CACHE{B})",
        "set(A x\\;y)",
        "set(A \"x\\ny\")",
        "set(A -D\"x y\")",
        "set(A ${B)",
        "set(B x)\nset(C B)\nset(A ${${C}})",
    ] {
        assert_eq!(set(text, "A"), Some(vec![]), "{text}");
    }
    // What is there in any case is known to be.
    let text = "set(A x)\nif(C)\n  list(APPEND A y)\nendif()\nlist(APPEND A z)";
    assert_eq!(set(text, "A"), Some(vec!["x".to_owned(), "z".to_owned()]));
}

/// A value that doubles with every line.
#[test]
fn values_do_not_grow_without_end() {
    let lines = "set(A ${A}${A}${A}${A})\n".repeat(40);
    assert_eq!(set(&format!("set(A xx)\n{lines}"), "A"), Some(vec![]));
    let lines = "list(APPEND A ${A})\n".repeat(40);
    assert_eq!(set(&format!("set(A xx)\n{lines}"), "A"), Some(vec![]));
}

/// Each of them takes minutes, or gigabytes, where a value is put together for every variable, or a text looked
/// through for every letter: without the limits this does not end.
#[test]
fn what_a_text_takes_does_not_grow_faster_than_it() {
    let long = "x".repeat(60_000);
    let many = (0..10_000).map(|n| format!("set(v{n} ${{B}})\n"));
    let many = many.collect::<String>();
    for (text, expected) in [
        (format!("set(B {long})\n{many}set(A x)"), &["x"][..]),
        (
            format!("set(B {long})\nset(A {})", "${B} ".repeat(20_000)),
            &[],
        ),
        (format!("set(A \"{}\")", "$".repeat(300_000)), &[]),
        (format!("set(A x)\n{}", "#[[ ".repeat(60_000)), &["x"]),
        (
            format!("set(A x)\nset(B {})", "[=[ ".repeat(60_000)),
            &["x"],
        ),
        (format!("set(A {})", "a ".repeat(100_000)), &[]),
        (
            format!("set(A x)\n{}", "list(APPEND A x)\n".repeat(5_000)),
            &[],
        ),
        (format!("set(A x)\n{}", "set(A ${A})\n".repeat(5_000)), &[]),
    ] {
        let found = set(&text, "A").unwrap();
        assert_eq!(found, expected, "{}", &text[..20]);
    }
}

proptest! {
    #[test]
    fn any_text_is_read(pieces in prop::collection::vec(prop::sample::select(vec![
        "set(A ", "set(B ", "list(APPEND A ", "unset(A", "if(", "endif(", "macro(", "endmacro(", "string(", ")\n", ")",
        "(", "${A}", "${B}", "$ENV{", "${", "}", "$", " CACHE ", "FORCE", "\"", "\\", "#", "[[", "]]", "[=", "]=]",
        "\n", ";", " ", "漢", "x",
    ]), 0..200)) {
        let found = set(&pieces.concat(), "A").unwrap_or_default();
        let len = found.iter().map(String::len).sum::<usize>();
        prop_assert!(len <= MAX_VALUES);
    }
}
