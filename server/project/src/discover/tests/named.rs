//! Builds that settings and presets name.

use fbuild_chip::Chip;

use super::files::{Files, names};
use crate::discover::named::directories;
use crate::discover::{Environment, Look};

const FLASHER_ARGS: &str = r#"{"flash_files": {"0x10000": "app.bin"}}"#;

#[test]
fn a_build_is_found_whatever_tool_made_it() {
    let files = Files::new(&[
        (
            "p/.vscode/arduino.json",
            r#"{"sketch": "s/s.ino", "output": "../out"}"#,
        ),
        ("p/s/s.ino", ""),
        (
            "p/.vscode/settings.json",
            r#"{"cmake.buildDirectory": "${workspaceFolder}/../zephyr"}"#,
        ),
        ("zephyr/zephyr/runners.yaml", "flash-runner: esp32\n"),
        ("zephyr/zephyr/zephyr.bin", ""),
    ]);
    files.image("out/s.ino.bin", Chip::Esp32);
    let found = files.found_in("p");
    let mut found = names(&found);
    found.sort_unstable();
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        found[0].starts_with("arduino:") && found[1].starts_with("zephyr:"),
        "{found:?}"
    );
}

#[cfg(unix)]
#[test]
fn a_build_that_is_linked_to_is_found_once() {
    let files = Files::new(&[
        ("far/b/flasher_args.json", FLASHER_ARGS),
        ("p/CMakeLists.txt", ""),
        ("q/real/x/flasher_args.json", FLASHER_ARGS),
    ]);
    let link = |to: &str, name: &str| {
        std::os::unix::fs::symlink(to, files.root().join(name)).unwrap();
    };
    link("../far/b/compile_commands.json", "p/compile_commands.json");
    let expected = files.text("espidf:@/far/b");
    assert_eq!(names(&files.found_in("p")), [expected]);
    link("real/x", "q/build");
    assert_eq!(names(&files.found_in("q")), ["espidf:build"]);
}

#[test]
fn presets_inherit_across_files_and_have_their_own_variables() {
    let files = Files::new(&[
        (
            "p/CMakePresets.json",
            r#"{"include": ["cmake/base.json"], "configurePresets": [
                {"name": "dev", "inherits": "base"},
                {"name": "prod", "inherits": ["base"], "environment": {"OUT": "other"}},
                {"name": "here", "binaryDir": "${fileDir}/../third"}]}"#,
        ),
        (
            "p/cmake/base.json",
            r#"{"configurePresets": [{"name": "base", "hidden": true, "environment": {"OUT": "out"},
                "binaryDir": "${sourceParentDir}/$env{OUT}/${presetName}"}]}"#,
        ),
        ("out/dev/flasher_args.json", FLASHER_ARGS),
        ("other/prod/flasher_args.json", FLASHER_ARGS),
        ("third/flasher_args.json", FLASHER_ARGS),
    ]);
    let found = files.found_in("p");
    let places: Vec<_> = found.targets.iter().map(|it| it.found_in.clone()).collect();
    let expected = ["out/dev", "other/prod", "third"];
    let expected = expected.map(|dir| files.root().join(dir).join("flasher_args.json"));
    assert_eq!(places, expected);
    assert_eq!(found.passed, []);
}

#[test]
fn a_name_with_a_variable_that_is_not_known_is_told() {
    let text = r#"{"cmake.buildDirectory": "${workspaceFolder}/../out/${buildType}"}"#;
    let files = Files::new(&[(".vscode/settings.json", text)]);
    let passed = files.found_in("").passed;
    assert!(passed[0].why.contains("${buildType}"), "{passed:?}");
}

#[test]
fn a_workspace_names_its_folders() {
    let files = Files::new(&[
        (
            "w/x.code-workspace",
            r#"{"folders": [{"name": "gw", "path": "firmware/gw"}],
                "settings": {"idf.buildPath": "${workspaceFolder:gw}/../../../out"}}"#,
        ),
        ("out/flasher_args.json", FLASHER_ARGS),
    ]);
    let found = files.found_in("w");
    assert_eq!(
        found.targets[0].found_in,
        files.root().join("out/flasher_args.json")
    );
}

#[test]
fn the_settings_of_a_workspace_count_in_each_of_its_folders() {
    for path in ["${workspaceFolder}/out/a/b/c", "out/a/b/c"] {
        let workspace = format!(
            r#"{{"folders": [{{"path": "fw"}}, {{"path": "notes"}}], "settings": {{"idf.buildPath": "{path}"}}}}"#
        );
        let files = Files::new(&[
            ("x.code-workspace", &workspace),
            ("fw/CMakeLists.txt", ""),
            ("fw/out/a/b/c/flasher_args.json", FLASHER_ARGS),
        ]);
        let found = files.found_in("");
        assert_eq!(super::files::names(&found), ["espidf:fw/out/a/b/c"]);
        assert_eq!(found.targets[0].root, files.root().join("fw"));
    }
}

#[test]
fn a_place_that_is_the_same_for_all_folders_belongs_to_the_one_that_it_is_in() {
    let files = Files::new(&[
        (
            "x.code-workspace",
            r#"{"folders": [{"path": "docs"}, {"path": "fw"}], "settings": {
                "idf.buildPath": "${workspaceFolder:fw}/out/a/b/c", "buildPath": "${nobody}/x"}}"#,
        ),
        ("docs/a", ""),
        ("fw/CMakeLists.txt", ""),
        ("fw/out/a/b/c/flasher_args.json", FLASHER_ARGS),
    ]);
    let found = files.found_in("");
    assert_eq!(super::files::names(&found), ["espidf:fw/out/a/b/c"]);
    let told = found.passed.iter().filter(|it| it.why.contains("nobody"));
    assert_eq!(told.count(), 1, "{:?}", found.passed);
}

/// Presets that inherit something large are not as much each.
#[test]
fn what_many_presets_inherit_takes_no_memory_and_no_time_of_each() {
    let long = "x".repeat(500_000);
    let names = vec!["\"none\""; 40_000].join(",");
    let each = (0..400).map(|n| format!(r#"{{"name": "p{n}", "inherits": "base"}}"#));
    let each = each.collect::<Vec<_>>().join(",");
    for base in [
        format!(r#""binaryDir": "build/{long}""#),
        format!(r#""binaryDir": "build", "cacheVariables": {{"A": "{long}"}}"#),
        format!(r#""binaryDir": "$env{{A}}$env{{A}}", "environment": {{"A": "{long}"}}"#),
        format!(r#""binaryDir": "build", "inherits": [{names}]"#),
    ] {
        let presets = format!(
            r#"{{"configurePresets": [{{"name": "base", "hidden": true, {base}}}, {each}]}}"#
        );
        let files = Files::new(&[("CMakePresets.json", &presets)]);
        let found = directories(files.root(), &Environment::default(), &Look::default());
        let len_bytes = format!("{:?}", found.configured).len();
        assert!(len_bytes < 1 << 20, "{len_bytes} bytes of {}", &base[..40]);
    }
}

#[test]
fn what_lies_too_deep_is_told_once() {
    let files = Files::new(&[
        ("a/b/c/d/flasher_args.json", FLASHER_ARGS),
        ("a/b/c/e/flasher_args.json", FLASHER_ARGS),
        ("a/b/c/.git/x", ""),
    ]);
    let passed = files.found_in("").passed;
    assert_eq!(passed.len(), 1, "{passed:?}");
    assert_eq!(
        passed[0].why,
        "not looked into below three levels: a/b/c/d and 1 more; a build there counts where a file names it"
    );
}

#[test]
fn what_reads_the_compilers_commands_names_builds_by_text_or_list() {
    for (file, text) in [
        (
            ".vscode/settings.json",
            r#"{"clangd.arguments": ["--log=info", "--compile-commands-dir=${workspaceFolder}/../out"]}"#,
        ),
        (
            ".vscode/settings.json",
            r#"{"clangd.arguments": ["--compile-commands-dir=no", "--compile-commands-dir", "../out", "-j=2"]}"#,
        ),
        (
            ".vscode/settings.json",
            r#"{"C_Cpp.default.compileCommands": ["${workspaceFolder}/../out/compile_commands.json"]}"#,
        ),
        (
            ".vscode/c_cpp_properties.json",
            r#"{"configurations": [{"compileCommands": ["../out/compile_commands.json"]}]}"#,
        ),
        (
            ".vscode/c_cpp_properties.json",
            r#"{"configurations": [{"compileCommands": "@/out/compile_commands.json"}]}"#,
        ),
        (
            ".zed/settings.json",
            r#"{"lsp": {"clangd": {"binary": {"arguments": ["--compile-commands-dir=../out"]}}}}"#,
        ),
        (
            ".clangd",
            "If:\n  PathMatch: .*\nCompileFlags:\n  Add: -Wall\n  CompilationDatabase: \"../out\" # ours\n",
        ),
        (
            ".clangd",
            "CompileFlags: {Add: [-Wall], CompilationDatabase: @/out}\n",
        ),
    ] {
        let files = Files::new(&[
            (&format!("p/{file}"), text),
            ("p/CMakeLists.txt", ""),
            ("out/flasher_args.json", FLASHER_ARGS),
        ]);
        let found = files.found_in("p");
        assert_eq!(names(&found), [files.text("espidf:@/out")], "{text}");
    }
    let nothing = Files::new(&[("p/.clangd", "CompileFlags:\n  CompilationDatabase: None\n")]);
    assert_eq!(nothing.found_in("p").passed, []);
}

/// ESP-IDF's description names its project; CMake's cache of Zephyr's build, its application.
#[test]
fn a_build_around_its_project_says_whose_it_is() {
    const INCLUDE: &str = "include($ENV{IDF_PATH}/tools/cmake/project.cmake)\n";
    let runners = "flash-runner: esp32\nconfig:\n  bin_file: zephyr.bin\n";
    let files = Files::new(&[
        ("idf/apps/a/CMakeLists.txt", INCLUDE),
        ("idf/apps/a/main/main.c", ""),
        ("idf/apps/b/CMakeLists.txt", INCLUDE),
        ("idf/apps/b/main/main.c", ""),
        (
            "idf/build/a/project_description.json",
            r#"{"version": "1.3", "project_path": "@/idf/apps/a"}"#,
        ),
        ("idf/build/a/flasher_args.json", FLASHER_ARGS),
        (
            "idf/build/b/project_description.json",
            r#"{"project_path": "@/idf/apps/b"}"#,
        ),
        ("idf/build/b/flasher_args.json", FLASHER_ARGS),
        (
            "west/.west/config",
            "[build]\nboard = esp32_devkitc\ndir-fmt = out/{board}/{app}\n",
        ),
        ("west/app/CMakeLists.txt", "find_package(Zephyr)\n"),
        ("west/app/prj.conf", ""),
        (
            "west/out/esp32_devkitc/app/CMakeCache.txt",
            "# x\nAPPLICATION_SOURCE_DIR:PATH=@/west/app\n",
        ),
        ("west/out/esp32_devkitc/app/zephyr/runners.yaml", runners),
        ("west/out/esp32_devkitc/app/zephyr/zephyr.bin", ""),
        (
            "west/out/esp32_devkitc/other/CMakeCache.txt",
            "APPLICATION_SOURCE_DIR:PATH=@/west/other\n",
        ),
        ("west/out/esp32_devkitc/other/zephyr/runners.yaml", runners),
    ]);
    for (place, expected) in [
        ("idf/apps/a", vec![("espidf:@/idf/build/a", "idf/apps/a")]),
        ("idf/apps/b", vec![("espidf:@/idf/build/b", "idf/apps/b")]),
        (
            "idf",
            vec![
                ("espidf:build/a", "idf/apps/a"),
                ("espidf:build/b", "idf/apps/b"),
            ],
        ),
        (
            "west/app",
            vec![("zephyr:@/west/out/esp32_devkitc/app", "west/app")],
        ),
    ] {
        let found = files.found_in(place);
        let said: Vec<_> = found
            .targets
            .iter()
            .map(|it| (it.name.clone(), it.root.clone()))
            .collect();
        let expected: Vec<_> = expected
            .into_iter()
            .map(|(name, root)| (files.text(name), files.root().join(root)))
            .collect();
        assert_eq!(said, expected, "{place}");
        assert!(found.unbuilt.is_empty(), "{place}: {found:?}");
        let not_built = found
            .passed
            .iter()
            .filter(|it| it.why.contains("is not built"));
        assert_eq!(not_built.count(), 0, "{place}: {found:?}");
    }
    let found = files.found_in("west");
    let app = found.target("zephyr:out/esp32_devkitc/app").unwrap();
    assert_eq!(
        (&app.root, app.build.last()),
        (
            &files.root().join("west/app"),
            Some(&files.text("@/west/out/esp32_devkitc/app"))
        )
    );
}

/// What a neighbour keeps there is nobody's business, and a project's own build is meant before one around it.
#[test]
fn a_build_around_its_project_comes_second() {
    const INCLUDE: &str = "include($ENV{IDF_PATH}/tools/cmake/project.cmake)\n";
    let description = r#"{"project_path": "@/p"}"#;
    let files = Files::new(&[
        ("p/CMakeLists.txt", INCLUDE),
        ("p/build/flasher_args.json", FLASHER_ARGS),
        ("build/project_description.json", description),
        ("build/flasher_args.json", FLASHER_ARGS),
    ]);
    let found = files.found_in("p");
    assert_eq!(found.targets.len(), 2, "{found:#?}");
    assert_eq!(found.default_target().unwrap().name, "espidf:build");

    let crowded = Files::new(&[
        ("p/CMakeLists.txt", INCLUDE),
        ("p/build/flasher_args.json", FLASHER_ARGS),
    ]);
    crowded.write("build/x", b"");
    for n in 0..21_000 {
        std::fs::write(crowded.root().join(format!("build/{n}")), b"").unwrap();
    }
    let found = crowded.found_in("p");
    assert_eq!(names(&found), ["espidf:build"]);
    assert_eq!(found.problems, []);
}

/// Nor does a name with dots in it move a build out of the folder that was opened.
#[test]
fn a_build_is_of_no_project_outside_of_the_folder() {
    const INCLUDE: &str = "include($ENV{IDF_PATH}/tools/cmake/project.cmake)\n";
    let files = Files::new(&[
        ("ws/CMakeLists.txt", INCLUDE),
        ("evil/CMakeLists.txt", INCLUDE),
        (
            "ws/build/project_description.json",
            r#"{"project_path": "@/ws/../evil"}"#,
        ),
        ("ws/build/flasher_args.json", FLASHER_ARGS),
    ]);
    let found = files.found_in("ws");
    assert_eq!(found.targets[0].root, files.root().join("ws"));
}
