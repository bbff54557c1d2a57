//! Names from strangers, through every way out: a terminal, a pipe, JSON, messages, hovers.
#![cfg(unix)] // other systems' files have no such names

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;

use serde_json::{Value, json};

use crate::stdio::Server;
use crate::{project, run};

/// A title for the terminal, a line of its own, a colour, text turned around, and a link.
const HOSTILE: &str = "\u{1b}]0;owned\u{7}\r\nerror: forged\u{9b}31m\u{202e}\u{2066}\u{61c}\u{200f}\u{8}\u{7f}[x](command:y)![i](https:z)";

const PORT: &str = "sim:board.bin";

fn acts(c: char) -> bool {
    (c.is_control() && c != '\n')
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Nothing in a text does anything to a terminal.
fn assert_quiet(text: &str) {
    assert!(!text.contains(acts), "{text:?}");
    assert!(
        !text.lines().any(|line| line.starts_with("error: forged")),
        "{text}"
    );
}

/// A project in which everything is called so.
fn write(root: &Path) {
    project::write(root, &project::app_image(&project::body(20_000, 1)));
    let build = root.join("build");
    let file = format!("{HOSTILE}.bin").replace('/', "");
    std::fs::write(build.join(&file), project::body(4096, 2)).unwrap();
    let args = json!({
        "flash_settings": {"flash_mode": "dio", "flash_size": "4MB", "flash_freq": "40m"},
        "flash_files": {"0x10000": "app.bin", "0x110000": file},
        "app": {"offset": "0x10000", "file": "app.bin", "encrypted": "false"},
        HOSTILE: {"offset": "0x110000", "file": file, "encrypted": "false"},
        "extra_esptool_args": {
            "after": "hard_reset", "before": "default_reset", "stub": true, "chip": "esp32"
        }
    });
    std::fs::write(build.join("flasher_args.json"), args.to_string()).unwrap();
}

/// What a person sees of a command.
fn seen(root: &Path, arguments: &[&str]) -> String {
    let output = run(root, arguments);
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8(text).unwrap();
    assert_quiet(&text);
    text
}

#[test]
fn a_terminal_shows_them_and_does_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    write(root);
    let shown = "\\u{1b}]0;owned\\u{7}\\r\\nerror: forged\\u{9b}31m\\u{202e}";
    for arguments in [
        &["targets"][..],
        &["plan", "--port", PORT],
        &["deploy", "--port", PORT],
        &["deploy", "--port", PORT, "--full", "--log", "trace"],
    ] {
        let text = seen(root, arguments);
        assert!(text.contains(shown), "{arguments:?}: {text}");
    }
    let text = seen(root, &["deploy", "--port", PORT, "--target", HOSTILE]);
    assert!(text.contains("there is no target"), "{text}");
    assert!(seen(root, &["board", "--port", HOSTILE]).contains(shown));

    let output = run(root, &["verify", "--port", PORT, "--json"]);
    let outcome: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        outcome["regions"][1]["name"], HOSTILE,
        "names stay what they are"
    );

    let listed = std::fs::read_dir(root.join("build")).unwrap();
    for file in listed.map(|entry| entry.unwrap().path()) {
        if file.extension().is_some_and(|end| end == "bin") {
            std::fs::remove_file(file).unwrap();
        }
    }
    let text = seen(root, &["deploy", "--port", PORT]);
    assert!(text.contains("does not exist"), "{text}");
    let output = run(root, &["deploy", "--port", PORT, "--json"]);
    let outcome: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_quiet(outcome["message"].as_str().unwrap());
    assert_quiet(outcome["error"]["message"].as_str().unwrap());
}

#[test]
fn what_a_board_prints_cannot_turn_a_message_around() {
    let directory = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = format!("socket://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        // For as long as somebody connects; whatever is asked, it says the same few words.
        while let Ok((mut board, _)) = listener.accept() {
            let said = "hello from the firmware \u{202e}elbisrever\u{2066} \u{1b}[2J and so on\r\n";
            let mut asked = [0; 256];
            while board.read(&mut asked).is_ok_and(|len| len > 0) {
                if board.write_all(said.as_bytes()).is_err() {
                    break;
                }
            }
        }
    });
    let text = seen(directory.path(), &["board", "--port", &port]);
    assert!(text.contains("\\u{202e}elbisrever\\u{2066}"), "{text}");
}

/// Fields that are names, for programs.
const NAMES: [&str; 10] = [
    "name",
    "file",
    "target",
    "region",
    "port",
    "root",
    "foundIn",
    "uri",
    "newText",
    "filterText",
];

/// Every text in a message that is for people.
fn texts(value: &Value, key: &str, found: &mut Vec<(String, String)>) {
    match value {
        Value::String(text) if !NAMES.contains(&key) => found.push((key.to_owned(), text.clone())),
        Value::Array(items) => items.iter().for_each(|item| texts(item, key, found)),
        Value::Object(fields) => fields
            .iter()
            .for_each(|(key, value)| texts(value, key, found)),
        _ => {}
    }
}

/// A link, an image or HTML in the Markdown of a hover.
fn harmful(markdown: &str) -> Option<String> {
    let arena = comrak::Arena::new();
    let mut options = comrak::Options::default();
    options.extension.autolink = true;
    options.extension.table = true;
    let root = comrak::parse_document(&arena, markdown, &options);
    let nodes = root.descendants();
    let mut values = nodes.map(|node| format!("{:?}", node.data.borrow().value));
    values.find(|value| {
        ["Link", "Image", "Html"]
            .iter()
            .any(|kind| value.starts_with(kind))
    })
}

fn check(message: &Value) {
    let mut found = Vec::new();
    texts(message, "", &mut found);
    let method = message["method"].as_str().unwrap_or_default();
    for (key, text) in found {
        assert_quiet(&text);
        if matches!(
            method,
            "window/showMessage" | "window/showMessageRequest" | "$/progress"
        ) {
            assert!(
                !text.contains("](") && !text.contains('\n'),
                "{method}: {text}"
            );
        }
        if key == "value" && method.is_empty() {
            assert_eq!(harmful(&text), None, "{text}");
        }
    }
}

#[test]
fn a_client_gets_them_as_text() {
    let mut server = Server::start(&[]);
    let folder = server.folder.path().to_owned();
    write(&folder);
    let ini = format!(
        "[env:{0}]\nboard = esp32dev\nupload_port = {0}\n{0} = 1\n",
        "[x](command:y)\u{202e}`|"
    );
    let csv = format!("{0}, data, nvs, 0x9000, 0x6000\n", "[x](command:y)\u{202e}");
    let documents = [
        (
            "build/flasher_args.json",
            std::fs::read_to_string(folder.join("build/flasher_args.json")).unwrap(),
        ),
        ("platformio.ini", ini),
        ("partitions.csv", csv),
        (
            "sdkconfig",
            "CONFIG_IDF_TARGET=\"`[x](command:y)\u{202e}\"\n".to_owned(),
        ),
    ];
    for (name, text) in &documents {
        std::fs::write(folder.join(name), text).unwrap();
    }
    server.initialize(None);
    let mut id = 10;
    let mut ask = |server: &mut Server, method: &str, params: &Value| {
        id += 1;
        server.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        let said = server.until_answer(id);
        said.iter().for_each(check);
        said.last().unwrap()["result"].clone()
    };
    let command = |name: &str, more: Value| {
        let mut arguments =
            json!({"port": "sim:board.bin", "staleBuild": "ignore", "target": "espidf:build"});
        for (key, value) in more.as_object().unwrap() {
            arguments[key] = value.clone();
        }
        json!({"command": format!("fbuild.server.{name}"), "arguments": [arguments]})
    };
    let run = "workspace/executeCommand";
    let targets = ask(
        &mut server,
        run,
        &json!({"command": "fbuild.server.targets", "arguments": []}),
    );
    let all = targets["targets"].as_array().unwrap();
    let idf = all
        .iter()
        .find(|target| target["name"] == "espidf:build")
        .unwrap();
    assert_eq!(idf["regions"][1]["name"], HOSTILE, "{targets}");
    let outcome = ask(&mut server, run, &command("deploy", json!({})));
    assert_eq!(outcome["outcome"], "fullFlash", "{outcome}");
    let detail = outcome["text"]["detail"].as_str().unwrap();
    assert!(detail.contains("forged"), "{detail}");
    assert_eq!(harmful(detail), None, "{detail}");
    ask(&mut server, run, &command("verify", json!({})));
    ask(
        &mut server,
        run,
        &command("deploy", json!({"target": HOSTILE})),
    );
    ask(
        &mut server,
        run,
        &command("deploy", json!({"port": HOSTILE})),
    );
    ask(
        &mut server,
        run,
        &json!({"command": "fbuild.server.history", "arguments": []}),
    );

    let mut n_hovers = 0;
    for (name, text) in &documents {
        let uri = format!("file://{}/{name}", folder.display());
        let document = json!({"uri": uri, "languageId": "x", "version": 1, "text": text});
        server.send(&json!({"jsonrpc": "2.0", "method": "textDocument/didOpen", "params": {"textDocument": document}}));
        let here = json!({"textDocument": {"uri": uri}});
        ask(&mut server, "textDocument/documentSymbol", &here);
        ask(&mut server, "textDocument/codeLens", &here);
        for (line, words) in text.lines().enumerate() {
            let len = words.chars().count();
            for character in (0..len).step_by(len.div_ceil(40)) {
                let at = json!({"line": line, "character": character});
                let at = json!({"textDocument": {"uri": uri}, "position": at});
                n_hovers += usize::from(!ask(&mut server, "textDocument/hover", &at).is_null());
            }
        }
    }
    assert!(n_hovers > 20, "{n_hovers}");
}
