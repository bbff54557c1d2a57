//! The corpus with what PlatformIO Core makes of it is compared in `tests/`; here is what it has no
//! file for.

use proptest::prelude::*;

use super::*;

fn load<'e>(text: &str, environment: &'e Environment) -> (tempfile::TempDir, ProjectConfig<'e>) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join(FILE_NAME), text).unwrap();
    let config = ProjectConfig::load(dir.path(), environment).unwrap();
    (dir, config)
}

fn empty() -> Environment {
    Environment::from_pairs([])
}

#[test]
fn variables_override_and_lists_grow() {
    let environment = Environment::from_pairs(
        [
            ("PLATFORMIO_UPLOAD_PORT", "/dev/x"),
            ("PLATFORMIO_BUILD_FLAGS", "-DB"),
            ("PLATFORMIO_BUILD_DIR", "/tmp/out"),
            ("PLATFORMIO_ENV_DEFAULT", "b"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    let (_dir, config) = load(
        "[env:a]\nupload_port = /dev/y\nbuild_flags = -DA\n",
        &environment,
    );
    assert_eq!(
        config.text("env:a", "upload_port").unwrap().unwrap(),
        "/dev/x"
    );
    assert_eq!(config.list("env:a", "build_flags").unwrap(), ["-DA", "-DB"]);
    assert_eq!(config.dir("build_dir").unwrap(), Path::new("/tmp/out"));
    assert_eq!(config.default_envs().unwrap(), ["b"]);
}

#[test]
fn defaults_and_old_names() {
    let environment = Environment::from_pairs([("HOME".to_owned(), "/home/u".to_owned())]);
    let (dir, config) = load("[env:a]\nmonitor_baud = 9601\n[env:b]\n", &environment);
    assert_eq!(
        config.get("env:a", "monitor_speed").unwrap(),
        Some(Value::Int(9601))
    );
    assert_eq!(
        config.get("env:b", "monitor_speed").unwrap(),
        Some(Value::Int(9600))
    );
    assert_eq!(config.get("env:b", "upload_port").unwrap(), None);
    assert_eq!(
        config.dir("build_dir").unwrap(),
        dir.path().join(".pio/build")
    );
    assert_eq!(
        config.dir("packages_dir").unwrap(),
        Path::new("/home/u/.platformio/packages")
    );
}

#[test]
fn references_in_circles_end() {
    let environment = empty();
    let text = "[a]\nx = ${a.y}\ny = ${a.x}${a.x}\n[env:e]\ncustom_x = ${a.x}\n";
    let (_dir, config) = load(text, &environment);
    let problem = config.get("env:e", "custom_x").unwrap_err();
    assert_eq!(problem.kind, ProblemKind::Interpolation);
    assert!(problem.message.contains("refers to itself"), "{problem}");
}

#[test]
fn a_value_that_doubles_thirty_times_ends() {
    use std::fmt::Write as _;
    let mut text = String::from("[a]\nx0 = \n");
    for n in 1..31 {
        writeln!(text, "x{n} = ${{a.x{}}}${{a.x{}}}", n - 1, n - 1).unwrap();
    }
    let environment = empty();
    let (_dir, config) = load(&text, &environment);
    assert!(config.get("a", "x30").is_err());
    assert_eq!(config.text("a", "x5").unwrap().unwrap(), "");
}

#[test]
fn one_section_may_be_extended_twice() {
    let environment = empty();
    let text = "[c]\nboard = x\n[a]\nextends = c\n[b]\nextends = c\n[env:e]\nextends = a, b\n";
    let (_dir, config) = load(text, &environment);
    assert_eq!(config.text("env:e", "board").unwrap().unwrap(), "x");
}

/// Sections `name0` to `nameN`, each of which extends the next and has options of its own.
fn chain(name: &str, sections: usize, options: usize, end: &str) -> String {
    let section = |n: usize| {
        let next = if n + 1 < sections {
            format!("{name}{}", n + 1)
        } else {
            end.to_owned()
        };
        let own = (0..options).map(|option| format!("o{n}_{option} = {n}\n"));
        let own = own.collect::<String>();
        format!("[{name}{n}]\nextends = {next}\nsame = {n}\n{own}")
    };
    (0..sections).map(section).collect()
}

#[test]
fn letters_of_either_case_name_the_same_option() {
    let environment = empty();
    let (_dir, config) = load(
        "[common]\nDefault_UsermodsV4 = a\nBUILD_FLAGS = -DX\n[env:x]\n\
         custom = ${common.default_usermodsV4} ${common.Build_Flags} ${this.Board}\nboard = b\n",
        &environment,
    );
    let custom = config.text("env:x", "custom").unwrap();
    assert_eq!(custom.as_deref(), Some("a -DX b"));
    assert!(config.origin("common", "default_usermodsV4").is_some());
}

/// As firmware for hundreds of boards has it: each environment repeats the flags of its family, which are long.
#[test]
fn hundreds_of_environments_may_build_their_flags_of_long_ones() {
    let environment = empty();
    let flags = "-DNAME=value ".repeat(600);
    let envs = (0..400).map(|n| {
        format!("[env:e{n}]\nbuild_flags = ${{family.flags}} -D{n}\nbuild_src_filter = ${{this.build_flags}}\n")
    });
    let text = format!("[base]\nflags = {flags}\n[family]\nflags = ${{base.flags}}\n")
        + &envs.collect::<String>();
    let (_dir, config) = load(&text, &environment);
    for n in 0..400 {
        let text = config
            .text(&format!("env:e{n}"), "build_src_filter")
            .unwrap();
        assert!(text.unwrap().ends_with(&format!(" -D{n}")));
    }
}

/// What is kept of a section leads to what going through it again leads to.
#[test]
fn many_may_extend_one_long_chain() {
    let environment = empty();
    let envs = (0..900).map(|n| format!("[env:e{n}]\nextends = s0\nown = {n}\n"));
    let text = chain("s", 60, 10, "") + &envs.collect::<String>();
    let (_dir, config) = load(&text, &environment);
    for env in (0..900).step_by(100) {
        let text = |option: &str| config.text(&format!("env:e{env}"), option).unwrap();
        assert_eq!(text("own"), Some(env.to_string()));
        // The nearest counts, and the farthest is there.
        assert_eq!(text("same").as_deref(), Some("0"));
        assert_eq!(text("o59_9").as_deref(), Some("59"));
        assert_eq!(text("o60_0"), None);
    }
    let all = (0..900).map(|n| config.option_names(&format!("env:e{n}")).unwrap().len());
    assert!(all.clone().all(|n| n == 60 * 10 + 3), "{:?}", all.max());
}

#[test]
fn limits_and_circles_are_those_of_each_way() {
    let environment = empty();
    let long = chain("s", 64, 0, "") + &chain("c", 2, 0, "c0");
    let text = format!(
        "{long}[t]\nextends = s0\n[env:a]\nextends = s0\n[env:b]\nextends = t\n\
         [env:c]\nextends = s0, t\n[env:d]\nextends = c0\n[env:e]\nextends = c0\n"
    );
    let (_dir, config) = load(&text, &environment);
    let kind = |env: &str| config.text(env, "same").map_err(|problem| problem.kind);
    // In this order and again: what is kept is from the one before.
    for _ in 0..2 {
        assert_eq!(kind("env:a"), Ok(Some("0".to_owned())));
        assert_eq!(kind("env:b"), Err(ProblemKind::TooMuch));
        assert_eq!(kind("env:c"), Err(ProblemKind::TooMuch));
        assert_eq!(kind("env:d"), Err(ProblemKind::ExtendsCycle));
        assert_eq!(kind("env:e"), Err(ProblemKind::ExtendsCycle));
    }
}

proptest! {
    #[test]
    fn no_text_panics(text in "(\\[(env|platformio|env:[ab]|a)\\]\n|(extends|board|x|upload_speed|build_dir) ?= ?(a|env:[ab]|\\$\\{[a-z_.]{0,8}\\}|[0-9%]{1,3}|this\\.x|\\$\\{(a|this|env)\\.(x|board)\\}){0,3}\n){0,10}") {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(FILE_NAME), text).unwrap();
        let environment = empty();
        if let Ok(config) = ProjectConfig::load(dir.path(), &environment) {
            let _ = config.problems();
            for section in config.sections() {
                let _ = config.items(section);
            }
        }
    }
}
