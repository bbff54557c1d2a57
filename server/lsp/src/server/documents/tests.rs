#![cfg(unix)]

use serde_json::json;

use super::*;

fn tell(documents: &Documents, what: &str, version: i64) {
    let params = json!({"textDocument": {"uri": "file:///p/main/a%20b.c", "version": version}});
    assert!(documents.apply(&format!("textDocument/did{what}"), Some(&params)));
}

#[test]
fn a_document_is_unsaved_between_an_edit_and_a_save() {
    let documents = Documents::default();
    let unsaved = Documents::unsaved;
    tell(&documents, "Open", 1);
    assert!(unsaved(&documents).is_empty());
    tell(&documents, "Change", 2);
    assert_eq!(unsaved(&documents), [PathBuf::from("/p/main/a b.c")]);
    tell(&documents, "Save", 2);
    assert!(unsaved(&documents).is_empty());
    tell(&documents, "Change", 3);
    tell(&documents, "Close", 3);
    assert!(unsaved(&documents).is_empty());
}

#[test]
fn an_edit_that_comes_late_is_ignored() {
    let documents = Documents::default();
    tell(&documents, "Open", 1);
    tell(&documents, "Change", 3);
    tell(&documents, "Save", 3);
    tell(&documents, "Change", 2);
    assert!(documents.unsaved().is_empty());
}

#[test]
fn nonsense_is_swallowed() {
    let documents = Documents::default();
    assert!(documents.apply("textDocument/didChange", None));
    assert!(documents.apply("textDocument/didOpen", Some(&json!([1, 2]))));
    assert!(!documents.apply("workspace/didChangeConfiguration", None));
}

const TABLE: &str = "file:///p/partitions.csv";

fn open(documents: &Documents, text: &str) {
    let params = json!({"textDocument": {"uri": TABLE, "version": 1, "text": text}});
    documents.apply("textDocument/didOpen", Some(&params));
}

fn change(documents: &Documents, version: i64, changes: &Value) {
    let params =
        json!({"textDocument": {"uri": TABLE, "version": version}, "contentChanges": changes});
    documents.apply("textDocument/didChange", Some(&params));
}

fn range(from: (u32, u32), to: (u32, u32)) -> Value {
    json!({
        "start": {"line": from.0, "character": from.1},
        "end": {"line": to.0, "character": to.1},
    })
}

fn text(documents: &Documents) -> Option<String> {
    let snapshot = documents.snapshot(TABLE)?;
    Some(snapshot.text.as_str().to_owned())
}

#[test]
fn edits_are_applied_in_order_and_late_ones_are_not() {
    let documents = Documents::default();
    open(&documents, "# 分😀\nnvs\n");
    let both = json!([
        {"range": range((0, 2), (0, 5)), "text": "x"},
        {"range": range((1, 3), (1, 3)), "text": ",data"},
    ]);
    change(&documents, 3, &both);
    assert_eq!(text(&documents).unwrap(), "# x\nnvs,data\n");
    change(&documents, 2, &json!([{"text": "late"}]));
    assert_eq!(text(&documents).unwrap(), "# x\nnvs,data\n");
    change(&documents, 4, &json!([{"text": "whole"}]));
    assert_eq!(text(&documents).unwrap(), "whole");
    assert_eq!(documents.snapshot(TABLE).unwrap().version, 4);
}

#[test]
fn columns_are_bytes_where_that_was_agreed() {
    let documents = Documents::default();
    documents.begin(Encoding::Utf8);
    open(&documents, "# 分😀\n");
    change(
        &documents,
        2,
        &json!([{"range": range((0, 2), (0, 9)), "text": ""}]),
    );
    assert_eq!(text(&documents).unwrap(), "# \n");
}

#[test]
fn a_text_that_nobody_knows_any_more_comes_back_whole_only() {
    let nonsense = [
        json!(null),
        json!([{"text": 5}]),
        json!([{"range": range((1, 0), (0, 0)), "text": ""}]),
        json!([{"range": {"start": -1}, "text": ""}]),
    ];
    for (changes, name) in nonsense
        .iter()
        .zip(["null", "number", "backwards", "negative"])
    {
        let documents = Documents::default();
        open(&documents, "a\nb\n");
        documents.unchecked();
        change(&documents, 2, changes);
        assert_eq!(text(&documents), None, "{name}");
        assert!(matches!(&documents.unchecked()[..], [Unchecked::Gone(uri)] if uri == TABLE));
        change(
            &documents,
            3,
            &json!([{"range": range((0, 0), (0, 0)), "text": "x"}]),
        );
        assert_eq!(text(&documents), None, "{name}");
        change(&documents, 4, &json!([{"text": "whole"}]));
        assert_eq!(text(&documents).unwrap(), "whole", "{name}");
    }
}

#[test]
fn only_texts_that_there_is_help_with_are_kept() {
    let documents = Documents::default();
    let uri = "file:///p/main.c";
    let params = json!({"textDocument": {"uri": uri, "version": 1, "text": "int main;"}});
    documents.apply("textDocument/didOpen", Some(&params));
    assert!(documents.snapshot(uri).is_none() && !documents.has_texts());
    open(&documents, "x");
    assert!(documents.has_texts());
    documents.release(TABLE);
    change(
        &documents,
        2,
        &json!([{"range": range((0, 0), (0, 0)), "text": "y"}]),
    );
    assert!(!documents.has_texts() && documents.unchecked().is_empty());
}

#[test]
fn a_text_that_is_too_long_is_not_kept_and_that_is_known() {
    let documents = Documents::default();
    let is_too_long = || documents.snapshot(TABLE).unwrap().is_too_long;
    let most = "x".repeat(Kind::Partitions.text_bytes_max());
    open(&documents, &most);
    assert!(!is_too_long());
    let insert = json!({"range": range((0, 0), (0, 0)), "text": "y"});
    change(&documents, 2, &json!([insert]));
    assert!(is_too_long() && text(&documents).unwrap().is_empty());
    assert!(matches!(&documents.unchecked()[..], [Unchecked::Open(seen)] if seen.is_too_long));
    // What an edit leaves of it, nobody knows.
    change(
        &documents,
        3,
        &json!([{"range": range((0, 0), (0, 9)), "text": ""}]),
    );
    assert!(is_too_long());
    change(&documents, 4, &json!([{"text": "short"}, insert]));
    assert!(!is_too_long());
    assert_eq!(text(&documents).unwrap(), "yshort");
    change(&documents, 5, &json!([{"text": most.clone() + "x"}]));
    assert!(is_too_long());
    open(&documents, &(most + "x"));
    assert!(is_too_long());
    // A message that was shortened on its way in.
    open(&documents, "x");
    let params = json!({"textDocument": {"uri": TABLE, "version": 2}, "isTextTooLong": true});
    documents.apply("textDocument/didChange", Some(&params));
    assert!(is_too_long());
}

#[test]
fn each_change_is_looked_at_once() {
    let documents = Documents::default();
    open(&documents, "x");
    assert_eq!(documents.unchecked().len(), 1);
    assert!(documents.unchecked().is_empty());
    change(&documents, 2, &json!([{"text": "y"}]));
    change(&documents, 3, &json!([{"text": "z"}]));
    assert!(matches!(&documents.unchecked()[..], [Unchecked::Open(seen)] if seen.version == 3));
    documents.uncheck();
    assert_eq!(documents.unchecked().len(), 1);
    documents.apply(
        "textDocument/didClose",
        Some(&json!({"textDocument": {"uri": TABLE}})),
    );
    assert!(matches!(&documents.unchecked()[..], [Unchecked::Gone(_)]));
}
