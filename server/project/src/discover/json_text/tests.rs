use proptest::prelude::*;

use super::*;

fn faults(text: &str) -> Vec<(String, String)> {
    let (_, faults) = parse(text);
    let shown = |fault: JsonFault| (text[fault.span].to_owned(), fault.why);
    faults.into_iter().map(shown).collect()
}

/// As serde_json has it.
fn plain(node: &Node) -> serde_json::Value {
    match &node.value {
        JsonValue::Object(members) => members
            .iter()
            .map(|member| (member.key.clone(), plain(&member.value)))
            .collect(),
        JsonValue::Array(items) => items.iter().map(plain).collect(),
        JsonValue::Text(text) => text.as_str().into(),
        JsonValue::Bool(value) => (*value).into(),
        JsonValue::Number(number) => serde_json::from_str(number).unwrap(),
        JsonValue::Null | JsonValue::Broken => serde_json::Value::Null,
    }
}

#[test]
fn it_goes_on_behind_what_is_broken() {
    let text = "{\"a\": 1 \"b\": nope, \"c\": {\"d\" 2, \"e\": \"x\n}, \"f\": [1,, 2], \"g\": }";
    let (node, _) = parse(text);
    let keys: Vec<_> = node.members().iter().map(|m| m.key.as_str()).collect();
    assert_eq!(keys, ["a", "b", "c", "f", "g"]);
    let found: Vec<_> = faults(text).into_iter().map(|(at, _)| at).collect();
    assert_eq!(found, ["\"", "nope", "2", "\"x", ",", "\"g\""]);
}

#[test]
fn faults_say_what_is_missing() {
    let first = |text: &str| faults(text).remove(0);
    let pair = |at: &str, why: &str| (at.to_owned(), why.to_owned());
    assert_eq!(
        first("{\"a\": 1,}"),
        pair(",", "nothing follows this comma")
    );
    assert_eq!(first("{\"a\": 1"), pair("", "'}' is missing"));
    assert_eq!(
        first("{a: 1}"),
        pair("a", "expected a name in quotes, or '}'")
    );
    assert_eq!(first(""), pair("", "this is not a value"));
    assert_eq!(first("{} x "), pair("x", "nothing may follow the value"));
}

#[test]
fn deep_nesting_does_not_end_the_program() {
    assert_eq!(parse(&"[".repeat(100_000)).1.len(), 1);
}

/// A form feed is white space to Unicode and none to JSON; the reader once hung on it.
#[test]
fn other_white_space_is_passed_over() {
    for space in ['\u{b}', '\u{c}', '\u{a0}', '\u{2028}'] {
        for text in [
            format!("{{{space}"),
            format!("[{space}]"),
            format!("{{\"a\":{space}}}"),
        ] {
            assert!(!parse(&text).1.is_empty(), "{text:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Whatever serde_json accepts has no fault and the same value, and the other way round.
    #[test]
    fn it_accepts_what_serde_json_accepts(text in "([\\[\\]{}:,]|\"[a-z\\\\u0-9]{0,3}\"|-?[0-9.eE+]{1,4}|true|null|[ \n\r\t]|[\u{b}\u{c}\u{a0}\u{2028}]|\"a\": ?|x|漢){0,14}") {
        let (node, faults) = parse(&text);
        let theirs: Result<serde_json::Value, _> = serde_json::from_str(&text);
        prop_assert_eq!(faults.is_empty(), theirs.is_ok(), "{} {:?} {:?}", text, faults, theirs);
        if let Ok(theirs) = theirs {
            prop_assert_eq!(plain(&node), theirs);
        }
        for fault in faults {
            prop_assert!(text.get(fault.span.clone()).is_some(), "{:?}", fault);
        }
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,60}") {
        let _ = parse(&text);
    }
}
