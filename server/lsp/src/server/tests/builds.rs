//! Builds: before a deploy, without being asked for, and by themselves.

use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};

use super::fake::FakeBoards;
use super::harness::{Builder, Client, LONG, file_uri};
use super::stale::{change_at, make_stale};

/// A trusted project with these settings.
pub(super) async fn start(settings: &Value) -> Client {
    let options = json!({"workspaceTrusted": true, "settings": settings});
    let builder = Builder::new(FakeBoards::quick()).with_options(&options);
    builder.start().await
}

pub(super) fn write(client: &Client, file: &str, text: &str) {
    let path = client.folder.path().join(file);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn never_built(client: &Client) {
    let build = client.folder.path().join("build");
    std::fs::write(build.join("project_description.json"), "{}").unwrap();
    let args = build.join("flasher_args.json");
    std::fs::rename(args, client.folder.path().join("kept")).unwrap();
}

/// Edit, save, deploy: nobody asks, and what was built is deployed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stale_firmware_is_built_and_deployed() {
    let command = "echo building ${target} in ${workspaceFolder}; touch build/app.bin";
    let mut client = start(&json!({"buildBeforeDeploy": command})).await;
    make_stale(client.folder.path());
    let id = client.command("deploy", &json!({})).await;
    let said = format!(
        "building espidf:build in {}",
        client.folder.path().display()
    );
    let outcome = client.outcome_after_output(id, &[&said]).await;
    assert_eq!(outcome["outcome"], "fullFlash");
    assert_eq!(outcome["build"]["command"], command);
    assert_eq!(outcome["warnings"], json!([]));
    let detail = outcome["text"]["detail"].as_str().unwrap();
    assert!(detail.contains("Built first: "), "{detail}");

    // Now it is not stale.
    assert_eq!(client.run("deploy", &json!({})).await["build"], Value::Null);
    client.leave().await;
}

/// A plan builds nothing, and says what a deploy would do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_says_that_a_deploy_would_build() {
    let mut client = start(&json!({"buildBeforeDeploy": "touch was-run"})).await;
    make_stale(client.folder.path());
    let outcome = client.run("plan", &json!({})).await;
    assert_eq!(
        outcome["warnings"],
        json!([
            "main/main.c is newer than the firmware of espidf:build: a deploy builds it first \
             (touch was-run); this plan is for what is there now"
        ])
    );
    assert!(!client.folder.path().join("was-run").exists());
    assert_eq!(outcome["plan"]["builtBy"], "touch was-run");
    client.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_firmware_that_is_missing_is_built_and_deployed() {
    let command = json!({"buildBeforeDeploy": "mv kept build/flasher_args.json"});
    let mut client = start(&command).await;
    never_built(&client);
    let outcome = client.run("deploy", &json!({})).await;
    assert_eq!(outcome["outcome"], "fullFlash", "{outcome}");
    assert_eq!(outcome["target"], "espidf:build");
    client.leave().await;
}

/// Neither is anything run, nor does the message leave open why.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_built_is_said_with_the_reason() {
    let command = "touch was-run";
    for (trusted, build, why) in [
        (
            false,
            "auto",
            Some("It is not built first: this workspace is not trusted."),
        ),
        (true, "never", None),
    ] {
        let settings = json!({"build": build, "buildBeforeDeploy": command});
        let options = json!({"workspaceTrusted": trusted, "settings": settings});
        let builder = Builder::new(FakeBoards::quick()).with_options(&options);
        let mut client = builder.start().await;
        never_built(&client);
        let outcome = client.run("deploy", &json!({})).await;
        assert_eq!(outcome["error"]["code"], "no-target", "{outcome}");
        let remedy = outcome["error"]["remedy"].as_str().unwrap();
        assert!(
            remedy.starts_with("Build it first: idf.py build"),
            "{remedy}"
        );
        assert_eq!(remedy.split_once(". ").map(|it| it.1), why);
        assert!(!client.folder.path().join("was-run").exists());
        client.leave().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn never_asks_as_before_and_offers_no_build() {
    let command = json!({"build": "never", "buildBeforeDeploy": "touch was-run"});
    let mut client = start(&command).await;
    make_stale(client.folder.path());
    let id = client.command("deploy", &json!({})).await;
    let question = client.message("window/showMessageRequest").await;
    assert_eq!(
        question["params"]["actions"],
        json!([{"title": "Deploy anyway"}])
    );
    client.reply(&question["id"], &Value::Null).await;
    assert_eq!(client.outcome(id).await["outcome"], "cancelled");
    assert!(!client.folder.path().join("was-run").exists());
    client.leave().await;
}

/// Who has a terminal for it gets what a build prints with its colours, and nothing of it in the log.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_build_prints_is_news_for_who_asks_for_it() {
    let command = r"printf '\033[31mmain/main.c:1:3: error:\033[m oops\033[2J\n'; exit 1";
    let settings = json!({"buildBeforeDeploy": command});
    let options = json!({
        "workspaceTrusted": true, "settings": settings, "notifications": ["build"],
    });
    let builder = Builder::new(FakeBoards::quick()).with_options(&options);
    let mut client = builder.start().await;
    let directory = client.folder.path().to_owned();
    std::fs::create_dir_all(directory.join("main")).unwrap();
    std::fs::write(directory.join("main/main.c"), "x y\n").unwrap();
    let id = client.command("build", &json!({})).await;
    let mut printed = String::new();
    for state in ["begun", "running", "ended"] {
        let news = client.message("fbuild/build").await["params"].clone();
        assert_eq!(news["state"], state, "{news}");
        assert_eq!(news["job"], 1);
        assert_eq!(news["directory"], json!(directory));
        printed += news["text"].as_str().unwrap();
    }
    let lines: Vec<&str> = printed.lines().collect();
    assert_eq!(lines[0], format!("--- {command}"));
    assert_eq!(
        lines[1],
        "\u{1b}[31mmain/main.c:1:3: error:\u{1b}[m oops\u{1b}[0m"
    );
    assert_eq!(
        lines[2..],
        ["--- the build failed (exit status: 1); main/main.c:1: oops"]
    );
    assert_eq!(client.outcome(id).await["error"]["code"], "build-failed");
    client.message("textDocument/publishDiagnostics").await;

    let asked = json!({"directory": directory, "line": "../main/main.c:1:3: error: oops"});
    let found = client.call("monitor.places", &asked).await["places"][0].clone();
    assert_eq!(found["uri"], file_uri(&directory.join("main/main.c")));
    assert_eq!((&found["line"], &found["column"]), (&json!(0), &json!(2)));
    assert_eq!(found["length"], "../main/main.c:1:3".len());
    client.leave().await;
}

/// Lines of the flood that are there, and those that are said not to be.
fn shown_or_counted(all: &str) -> usize {
    let counted = |line: &str| {
        let (n, _) = line
            .strip_prefix("--- ")?
            .split_once(" lines were not shown")?;
        n.parse::<usize>().ok()
    };
    let n_missed: usize = all.lines().filter_map(counted).sum();
    assert!(n_missed > 0);
    n_missed + all.lines().filter(|line| line.starts_with("0000")).count()
}

/// It learns that the build is over even if it reads nothing for long.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_reads_again_after_long_is_told_of_the_end() {
    let command = "yes \"$(printf '%01000d' 7)\" | head -n 20000; touch printed";
    let options = json!({
        "workspaceTrusted": true, "settings": {"buildBeforeDeploy": command}, "notifications": ["build"],
    });
    let builder = Builder::new(FakeBoards::quick()).with_options(&options);
    let builder = builder.with_patience(Duration::from_millis(50));
    let mut client = builder.start().await;
    let reading = client.reading.clone().lock_owned().await;
    let id = client.command("build", &json!({})).await;
    while !client.folder.path().join("printed").exists() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // Longer than the outcome waits for it.
    tokio::time::sleep(Duration::from_secs(7)).await;
    drop(reading);
    let mut all = String::new();
    let last = loop {
        let news = client.message("fbuild/build").await["params"].clone();
        all += news["text"].as_str().unwrap();
        if all.contains("--- built") {
            break news;
        }
    };
    assert_eq!(last["state"], "ended");
    assert_eq!(shown_or_counted(&all), 20_000);
    assert_eq!(client.outcome(id).await["outcome"], "built");
    client.leave().await;
}

/// Who does not read is told how much was not waited for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_client_did_not_read_is_counted() {
    let command = "yes \"$(printf '%01000d' 7)\" | head -n 20000; touch printed; \
                   while test ! -e read; do sleep 0.02; done; echo last";
    let options = json!({
        "workspaceTrusted": true, "settings": {"buildBeforeDeploy": command}, "notifications": ["build"],
    });
    let builder = Builder::new(FakeBoards::quick()).with_options(&options);
    let builder = builder.with_patience(Duration::from_millis(50));
    let mut client = builder.start().await;
    let id = client.command("build", &json!({})).await;
    let begun = client.message("fbuild/build").await;
    let mut all = begun["params"]["text"].as_str().unwrap().to_owned();
    let reading = client.reading.clone().lock_owned().await;
    let printed = client.folder.path().join("printed");
    let since = Instant::now();
    while !printed.exists() {
        // What nobody takes is waited for, piece by piece.
        assert!(since.elapsed() < 10 * LONG, "it does not print");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    drop(reading);
    write(&client, "read", "");
    while !all.contains("--- built") {
        let news = client.message("fbuild/build").await;
        all += news["params"]["text"].as_str().unwrap();
    }
    assert_eq!(shown_or_counted(&all), 20_000);
    assert_eq!(client.outcome(id).await["outcome"], "built");
    client.leave().await;
}

/// Files are named from where ninja works, also with spaces; the link leads to where the error is shown.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn links_of_a_build_are_as_its_tools_name_files() {
    let error = "../my main/a b.c:1:17: error: oops";
    let command = format!(
        "echo \"ninja: Entering directory 'out'\"; echo '{error}'; echo '    1 |                 oops;'; \
         echo '      |                 ^~~~'; echo 'b.c:2:1: error: twice'; \
         echo \"ninja: Entering directory 'other'\"; exit 1"
    );
    let mut client = start(&json!({"buildBeforeDeploy": command})).await;
    write(&client, "my main/a b.c", "\t\toops;\n");
    write(&client, "out/a.c", "");
    write(&client, "a.c", "");
    for directory in ["out", "other"] {
        write(&client, &format!("{directory}/b.c"), "\nx\n");
    }
    let id = client.command("build", &json!({})).await;
    let failed = client
        .outcome_after_output(id, &["ninja: Entering directory 'out'"])
        .await;
    assert_eq!(failed["outcome"], "failed", "{failed}");
    for _of in ["a b.c", "b.c"] {
        client.message("textDocument/publishDiagnostics").await;
    }
    let directory = client.folder.path().to_owned();
    for (line, file, column, start) in [
        (error, "my main/a b.c", 2, 0),
        ("see a.c:1:4", "out/a.c", 3, 4),
        // Both directories have one; the last does not count for what was said before it.
        ("b.c:2:1: error: twice", "out/b.c", 0, 0),
        ("'my main/a b.c:1: x", "my main/a b.c", 0, 1),
    ] {
        let asked = json!({"directory": directory, "line": line});
        let id = client.command("monitor.places", &asked).await;
        let found = client.answer(id).await["result"]["places"].clone();
        assert_eq!(
            found[0]["uri"],
            file_uri(&directory.join(file)),
            "{line}: {found}"
        );
        assert_eq!(
            (&found[0]["column"], &found[0]["start"]),
            (&json!(column), &json!(start))
        );
        assert_eq!(found.as_array().unwrap().len(), 1, "{found}");
    }
    client.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_build_by_itself() {
    let command = json!({"buildBeforeDeploy": ["sh", "-c", "echo ${target}; test ! -e broken"]});
    let mut client = start(&command).await;
    let id = client.command("build", &json!({})).await;
    let built = client.outcome_after_output(id, &["espidf:build"]).await;
    assert_eq!(built["outcome"], "built", "{built}");
    assert_eq!(built["message"], "built espidf:build");
    assert_eq!(built["target"], "espidf:build");
    assert_eq!(built["error"], Value::Null);
    std::fs::write(client.folder.path().join("broken"), "").unwrap();
    let id = client.command("build", &json!({"target": "build"})).await;
    let failed = client.outcome_after_output(id, &["espidf:build"]).await;
    assert_eq!(failed["outcome"], "failed");
    assert_eq!(failed["error"]["code"], "build-failed");
    assert_eq!(
        failed["text"]["buttons"][0]["command"],
        "fbuild.server.build"
    );
    client.leave().await;

    let mut stranger = Builder::new(FakeBoards::quick()).start().await;
    let id = stranger.command("build", &json!({})).await;
    let refused = stranger.outcome(id).await;
    assert_eq!(refused["error"]["code"], "not-trusted");
    assert_eq!(refused["text"]["buttons"][0]["title"], "Manage Trust");
    stranger.leave().await;
}

/// Two builds of one directory would trip over each other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_build_at_a_time_works_in_a_directory() {
    let command =
        json!({"buildBeforeDeploy": "echo begun; while test ! -e go; do sleep 0.02; done"});
    let mut client = start(&command).await;
    let first = client.command("build", &json!({})).await;
    client.message("window/logMessage").await;
    let refused = client.run("build", &json!({})).await;
    assert_eq!(refused["error"]["code"], "build-running", "{refused}");
    std::fs::write(client.folder.path().join("go"), "").unwrap();
    assert_eq!(client.outcome(first).await["outcome"], "built");
    client.leave().await;
}

/// A deploy to several boards builds once, and what is wrong is each one's failure.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_that_want_the_same_build_share_it() {
    let line = "echo >> builds; while test ! -e go; do sleep 0.02; done; \
                test ! -e broken && touch build/app.bin";
    let options = json!({
        "notifications": ["status"], "workspaceTrusted": true,
        "settings": {"buildBeforeDeploy": line}
    });
    for broken in [true, false] {
        let builder = Builder::new(FakeBoards::quick()).with_options(&options);
        let mut client = builder.start().await;
        make_stale(client.folder.path());
        let before = SystemTime::now() - Duration::from_mins(1);
        change_at(&client.folder.path().join("main/main.c"), before);
        if broken {
            write(&client, "broken", "");
        }
        let first = client
            .command("deploy", &json!({"port": "/dev/fake0"}))
            .await;
        let second = client
            .command("deploy", &json!({"port": "/dev/fake1"}))
            .await;
        let waits = |told: &Value| {
            told["params"]["text"]["lines"]
                .to_string()
                .contains("waiting for")
        };
        while !waits(&client.message("fbuild/status").await) {}
        write(&client, "go", "");
        for id in [first, second] {
            let outcome = client.answer(id).await["result"].clone();
            if broken {
                assert_eq!(outcome["error"]["code"], "build-failed", "{outcome}");
            } else {
                assert_eq!(outcome["outcome"], "fullFlash", "{outcome}");
                assert_eq!(outcome["build"]["command"], line);
            }
        }
        let builds = std::fs::read_to_string(client.folder.path().join("builds")).unwrap();
        assert_eq!(builds, "\n", "one");
        let unread = ["fbuild/status", "window/logMessage", "window/showMessage"];
        client.leave_with_unread(&unread).await;
    }
}

/// What was compiled before the last edit and is linked after it looks new, and is not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_build_that_began_before_the_last_edit_is_not_shared() {
    let line = "echo >> builds; while test ! -e go; do sleep 0.02; done; touch build/app.bin";
    let options = json!({
        "notifications": ["status"], "workspaceTrusted": true,
        "settings": {"buildBeforeDeploy": line}
    });
    let builder = Builder::new(FakeBoards::quick()).with_options(&options);
    let mut client = builder.start().await;
    make_stale(client.folder.path());
    let first = client
        .command("deploy", &json!({"port": "/dev/fake0"}))
        .await;
    let builds = client.folder.path().join("builds");
    let since = Instant::now();
    while !builds.exists() {
        assert!(since.elapsed() < LONG, "it does not build");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let changed = SystemTime::now() + Duration::from_secs(1);
    change_at(&client.folder.path().join("main/main.c"), changed);
    let second = client
        .command("deploy", &json!({"port": "/dev/fake1"}))
        .await;
    let waits = |told: &Value| {
        let lines = &told["params"]["text"]["lines"];
        lines.to_string().contains("waiting for")
    };
    while !waits(&client.message("fbuild/status").await) {}
    write(&client, "go", "");
    for id in [first, second] {
        let outcome = client.answer(id).await["result"].clone();
        assert_eq!(outcome["outcome"], "fullFlash", "{outcome}");
    }
    assert_eq!(std::fs::read_to_string(&builds).unwrap(), "\n\n", "two");
    let unread = ["fbuild/status", "window/logMessage", "window/showMessage"];
    client.leave_with_unread(&unread).await;
}

/// What ninja counts is the first half of the bar, and the board's part follows it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_build_shows_how_far_it_is() {
    let line = "echo '[1/4] Building C object main.c.obj'; while test ! -e go; do sleep 0.02; done; \
                touch build/app.bin";
    let options = json!({"workspaceTrusted": true, "settings": {"buildBeforeDeploy": line}});
    let builder = Builder::new(FakeBoards::quick()).with_options(&options);
    let mut client = builder.with_progress().start().await;
    make_stale(client.folder.path());
    let id = client.command("deploy", &json!({})).await;
    let token = client.accept_progress().await;
    let shown = loop {
        let said = client.message("$/progress").await["params"]["value"].clone();
        let message = said["message"].as_str().unwrap_or_default();
        if message == "building: 1 of 4, Building C object main.c.obj" {
            break said;
        }
        assert_ne!(said["kind"], "end");
    };
    assert_eq!(shown["percentage"], 12);
    std::fs::write(client.folder.path().join("go"), "").unwrap();
    let said = client.progress(&token).await;
    let percents = said.iter().filter_map(|it| it["percentage"].as_u64());
    assert!(percents.clone().all(|percent| percent >= 12), "{said:?}");
    let lines = ["[1/4] Building C object main.c.obj"];
    let outcome = client.outcome_after_output(id, &lines).await;
    assert_eq!(outcome["outcome"], "fullFlash");
    client.leave().await;
}
