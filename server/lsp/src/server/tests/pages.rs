//! What LSP 3.18 brought, for clients that announce it: pages that are no files, and tooltips.

use fbuild_deploy::outcome::OutcomeKind;
use fbuild_deploy::request::Mode;
use serde_json::{Value, json};

use super::fake::{self, FakeBoards};
use super::harness::{Builder, Client};
use super::protocol::example;

async fn start(workspace: &Value, text_document: &Value) -> Client {
    let boards = FakeBoards::new(|request, _, _| match request.mode {
        Mode::Plan => fake::report(request, OutcomeKind::Planned, "would write 64 KiB"),
        _ => fake::report(request, OutcomeKind::SelectiveFlash, "wrote <64> KiB"),
    });
    let builder = Builder::new(boards).with_workspace(workspace);
    builder.with_text_document(text_document).start().await
}

async fn text(client: &mut Client, address: &Value) -> String {
    let id = client
        .request("workspace/textDocumentContent", &json!({"uri": address}))
        .await;
    let answer = client.answer(id).await;
    answer["result"]["text"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_asks_for_texts_is_told_where_they_are() {
    let announced = json!({"textDocumentContent": {"dynamicRegistration": true}});
    let mut client = start(&announced, &json!({})).await;
    let shown = example(|it| it["capabilities"]["workspace"].is_object());
    assert_eq!(
        client.capabilities["workspace"]["textDocumentContent"],
        shown["capabilities"]["workspace"]["textDocumentContent"]
    );
    let folders = &client.capabilities["workspace"]["workspaceFolders"];
    assert_eq!(folders["supported"], true);

    let outcome = client.run("plan", &json!({})).await;
    assert_eq!(outcome["page"], "fbuild:/1/plan.txt");
    let lines = outcome["text"]["lines"].as_array().unwrap();
    let plan = text(&mut client, &outcome["page"]).await;
    assert_eq!(plan.lines().collect::<Vec<_>>(), *lines);
    assert!(!plan.is_empty());

    let outcome = client.run("deploy", &json!({})).await;
    let page = outcome["page"].clone();
    assert_eq!(page, "fbuild:/1/outcome.txt");
    assert!(text(&mut client, &page).await.contains("wrote <64> KiB"));
    // A newer one takes its place, and the client is told.
    client.run("deploy", &json!({})).await;
    let refresh = client
        .message("workspace/textDocumentContent/refresh")
        .await;
    assert_eq!(refresh["params"], json!({"uri": page}));
    client.reply(&refresh["id"], &Value::Null).await;

    let gone = text(&mut client, &json!("fbuild:/7/plan.txt")).await;
    assert!(gone.contains("Ask for it once more"), "{gone}");
    client.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_does_not_hears_nothing_of_it() {
    let mut client = start(&json!({}), &json!({})).await;
    let workspace = &client.capabilities["workspace"];
    assert!(workspace.get("textDocumentContent").is_none());
    let outcome = client.run("plan", &json!({})).await;
    assert!(outcome.get("page").is_none(), "{outcome}");
    client.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_have_a_tooltip_where_the_client_knows_of_them() {
    for (announced, is_told) in [
        (json!({}), false),
        (
            json!({"codeLens": {"resolveSupport": {"properties": ["command"]}}}),
            true,
        ),
    ] {
        let mut client = start(&json!({}), &announced).await;
        let name = "build/flasher_args.json";
        let text = std::fs::read_to_string(client.folder.path().join(name)).unwrap();
        client.open(name, &text).await;
        client.message("textDocument/publishDiagnostics").await;
        let lenses = client.ask("codeLens", name, &json!({})).await;
        let command = &lenses[0]["command"];
        assert!(command["title"].as_str().is_some(), "{lenses}");
        let tooltip = command["tooltip"].as_str();
        assert_eq!(tooltip.is_some(), is_told, "{lenses}");
        assert!(tooltip.is_none_or(|it| it.starts_with("Compares the board")));
        client.leave().await;
    }
}
