//! Settings, however a client hands them over, and trust.

use fbuild_deploy::outcome::OutcomeKind;
use serde_json::{Value, json};

use super::fake::{FakeBoards, adapter, report};
use super::harness::{Builder, Client};

/// Boards that answer with what they were asked to do.
fn echo() -> std::sync::Arc<FakeBoards> {
    FakeBoards::new(|request, _, _| {
        let said = format!(
            "{:?} {:?} {:?} {:?}",
            request.mode, request.baud, request.before, request.after
        );
        report(request, OutcomeKind::FullFlash, &said)
    })
}

async fn said(client: &mut Client, argument: &Value) -> String {
    client.run("deploy", argument).await["message"]
        .as_str()
        .unwrap()
        .to_owned()
}

async fn push(client: &mut Client, section: &Value) {
    let settings = json!({"settings": {"fbuild": section}});
    client
        .notify("workspace/didChangeConfiguration", &settings)
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_fill_in_what_a_request_leaves_out() {
    let options = json!({"settings": {"baud": 115_200}});
    let mut client = Builder::new(echo()).with_options(&options).start().await;
    let nothing = json!({});
    assert_eq!(
        said(&mut client, &nothing).await,
        "Auto Fixed(115200) Reset Reset"
    );
    let section = json!({"baud": 460_800, "resetBefore": "noReset", "resetAfter": "noReset"});
    push(&mut client, &section).await;
    assert_eq!(
        said(&mut client, &nothing).await,
        "Auto Fixed(460800) NoReset NoReset"
    );
    let asked = json!({"baud": "auto", "mode": "full"});
    assert_eq!(said(&mut client, &asked).await, "Full Auto NoReset NoReset");
    push(&mut client, &json!({"verifyOnly": true})).await;
    assert_eq!(said(&mut client, &asked).await, "Verify Auto Reset Reset");
    client.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn target_and_port_may_be_set() {
    let mut client = Builder::new(echo()).start().await;
    push(
        &mut client,
        &json!({"port": "/dev/fake0", "target": "no-such"}),
    )
    .await;
    let outcome = client.run("deploy", &json!({})).await;
    assert_eq!(outcome["error"]["code"], "unknown-target", "{outcome}");
    push(
        &mut client,
        &json!({"port": "/dev/fake0", "target": "build"}),
    )
    .await;
    assert_eq!(
        client.run("deploy", &json!({})).await["outcome"],
        "fullFlash"
    );
    client.leave().await;
}

/// A workspace may bring settings of its own: what they name is opened only if it is a port of this
/// machine, until the client says that the workspace is trusted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_of_an_untrusted_workspace_is_a_port_of_this_machine() {
    let boards = echo();
    let mut client = Builder::new(boards.clone()).start().await;
    push(&mut client, &json!({"port": "socket://evil:1"})).await;
    let outcome = client.run("deploy", &json!({})).await;
    assert_eq!(outcome["port"], "/dev/fake0");
    let said = "fbuild.port names socket://evil:1, which is not a port of this machine, so it is used \
                only in a trusted workspace; used /dev/fake0";
    assert_eq!(outcome["warnings"], json!([said]));
    boards.plug(vec![]);
    let refused = client.call("boardInfo", &json!({})).await["error"].clone();
    let said = refused["message"].as_str().unwrap();
    assert!(said.contains("fbuild.port names socket://evil:1"), "{said}");
    client.message("window/showMessage").await;
    client.message("window/logMessage").await;
    client
        .notify("fbuild/didChangeTrust", &json!({"trusted": true}))
        .await;
    let id = client.command("deploy", &json!({})).await;
    assert_eq!(client.outcome(id).await["port"], "socket://evil:1");
    client.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_setting_is_reported_once() {
    let mut client = Builder::new(echo()).start().await;
    for _ in 0..3 {
        push(&mut client, &json!({"baud": "fast", "verifyOnly": true})).await;
    }
    let report = client.message("window/showMessage").await;
    assert_eq!(report["params"]["type"], 2);
    assert_eq!(
        report["params"]["message"],
        "setting fbuild.baud: expected \"auto\" or a number from 9600 to 5000000, got \"fast\"; it is not used"
    );
    // `leave` finds a second report.
    assert_eq!(
        said(&mut client, &json!({})).await,
        "Verify Auto Reset Reset"
    );
    client.leave().await;
}

/// A client that can be asked is asked, for all and for each folder, and a job waits for that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_client_is_asked_at_the_start_and_after_every_change() {
    let workspace = json!({
        "configuration": true, "didChangeConfiguration": {"dynamicRegistration": true}
    });
    let builder = Builder::new(echo()).with_workspace(&workspace);
    let mut client = builder.start().await;
    let registration = client.message("client/registerCapability").await;
    let wanted = &registration["params"]["registrations"];
    assert_eq!(wanted[0]["method"], "workspace/didChangeConfiguration");
    assert_eq!(wanted[0]["registerOptions"], json!({"section": "fbuild"}));
    client.reply(&registration["id"], &Value::Null).await;

    let id = client.command("deploy", &json!({})).await;
    let question = client.message("workspace/configuration").await;
    let items = question["params"]["items"].as_array().unwrap();
    assert_eq!(items.len(), 2);
    assert_eq!(items[0], json!({"section": "fbuild"}));
    assert!(
        items[1]["scopeUri"]
            .as_str()
            .unwrap()
            .starts_with("file://")
    );
    let answer = json!([{"baud": 9600}, {"baud": 19_200}]);
    client.reply(&question["id"], &answer).await;
    let outcome = client.outcome(id).await;
    assert_eq!(
        outcome["message"], "Auto Fixed(19200) Reset Reset",
        "the folder's own"
    );

    let changed = json!({"settings": null});
    client
        .notify("workspace/didChangeConfiguration", &changed)
        .await;
    let question = client.message("workspace/configuration").await;
    let answer = json!([{}, {"baud": 38_400}]);
    client.reply(&question["id"], &answer).await;
    assert_eq!(
        said(&mut client, &json!({})).await,
        "Auto Fixed(38400) Reset Reset"
    );
    client.leave().await;
}

/// `null` is how the protocol spells that a client has nothing to say of a scope.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_with_nothing_to_say_keeps_what_it_said_before() {
    let builder = Builder::new(echo())
        .with_workspace(&json!({"configuration": true}))
        .with_options(&json!({"settings": {"baud": 115_200}}));
    let mut client = builder.start().await;
    for (answer, expected) in [
        (json!([null, null]), 115_200),
        (json!([{"baud": 9600}, null]), 9600),
        (json!([null, {"baud": 19_200}]), 19_200),
        (json!([null]), 115_200),
    ] {
        let question = client.message("workspace/configuration").await;
        client.reply(&question["id"], &answer).await;
        let said = said(&mut client, &json!({})).await;
        assert_eq!(said, format!("Auto Fixed({expected}) Reset Reset"));
        let changed = json!({"settings": null});
        client
            .notify("workspace/didChangeConfiguration", &changed)
            .await;
    }
    client.leave_with_unread(&["workspace/configuration"]).await;
}

/// A project may be a part of the folder that is open.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_s_settings_and_board_are_those_of_the_projects_in_it() {
    let boards = echo();
    boards.plug(vec![adapter("a", Some("17")), adapter("b", Some("18"))]);
    let builder = Builder::new(boards).with_workspace(&json!({"configuration": true}));
    let mut client = builder.start().await;
    let inner = client.folder.path().join("firmware");
    std::fs::create_dir(&inner).unwrap();
    super::project::write(&inner, &[]);
    let question = client.message("workspace/configuration").await;
    let answer = json!([{}, {"baud": 19_200}]);
    client.reply(&question["id"], &answer).await;
    client.call("selectPort", &json!({"port": "b"})).await;
    let outcome = client.run("deploy", &json!({"root": inner})).await;
    assert_eq!(outcome["message"], "Auto Fixed(19200) Reset Reset");
    assert_eq!(outcome["port"], "b");
    client.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn debug_information_waits_for_the_settings() {
    let builder = Builder::new(echo()).with_workspace(&json!({"configuration": true}));
    let mut client = builder.start().await;
    let id = client.command("debugInfo", &json!({})).await;
    let question = client.message("workspace/configuration").await;
    let answer = json!([{"baud": 9600}, {"baud": 19_200}]);
    client.reply(&question["id"], &answer).await;
    let info = client.answer(id).await["result"].clone();
    assert_eq!(info["settings"]["baud"], 9600, "{info}");
    assert_eq!(info["folders"][0]["settings"]["baud"], 19_200);
    client.leave().await;
}

/// A client that never answers delays the first job, and only as long as any client may take.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_does_not_tell_its_settings_gets_the_usual_ones() {
    let builder = Builder::new(echo()).with_workspace(&json!({"configuration": true}));
    let patience = std::time::Duration::from_millis(50);
    let mut client = builder.with_patience(patience).start().await;
    client.message("workspace/configuration").await;
    assert_eq!(said(&mut client, &json!({})).await, "Auto Auto Reset Reset");
    client.leave().await;
}
