//! Devices of a project that is open in an editor.

use fbuild_deploy::espota::auth::Scheme;
use serde_json::json;

use super::device::{Device, Fault};
use super::{PASSWORD, Project};
use crate::harness;
use crate::lsp_client::Client;

/// A stranger's project decides neither where this machine connects to nor with which password.
#[test]
fn a_project_names_its_device_where_it_is_trusted() {
    let device = Device::start(Some((PASSWORD, Scheme::Sha256)), Fault::None);
    let flags = format!(
        "upload_flags =\n  --port={}\n  --auth={PASSWORD}\n",
        device.udp_port
    );
    let project = Project::new(&format!(
        "upload_protocol = espota\nupload_port = 127.0.0.1\n{flags}"
    ));
    let project_port = format!("espota://127.0.0.1:{}", device.udp_port);
    let mut client = Client::start(project.path());
    let outcome = client
        .execute("fbuild.server.deploy", &json!({ "build": false }))
        .unwrap();
    assert_eq!(outcome["error"]["code"], "no-port", "{outcome:#}");
    // Settings may come with the workspace, too.
    let settings = json!({ "settings": { "fbuild": { "ota": { "password": PASSWORD } } } });
    client.notify("workspace/didChangeConfiguration", &settings);
    let asked = json!({ "port": project_port });
    let outcome = client.execute("fbuild.server.deploy", &asked).unwrap();
    assert_eq!(outcome["error"]["code"], "ota-password", "{outcome:#}");
    let warnings = outcome["warnings"].to_string();
    assert!(
        warnings.contains("only in a trusted workspace"),
        "{outcome:#}"
    );
    client.notify("fbuild/didChangeTrust", &json!({ "trusted": true }));
    let outcome = client.execute("fbuild.server.deploy", &json!({})).unwrap();
    assert_eq!(outcome["outcome"], "fullFlash", "{outcome:#}");
    assert_eq!(outcome["port"], project_port);
    client.shut_down();
}

/// The variable wins over the setting, so that the setting would not help.
#[test]
fn an_editor_names_the_password_that_was_wrong() {
    let device = Device::start(Some((PASSWORD, Scheme::Sha256)), Fault::None);
    let project = Project::new("");
    for (variable, remedy) in [
        ("wrong horse", "Set the variable FBUILD_OTA_PASSWORD to"),
        ("", "Set fbuild.ota.password to"),
    ] {
        let mut server = harness::command(&["--stdio"]);
        server.env("FBUILD_OTA_PASSWORD", variable);
        let mut client = Client::over(server, project.path());
        client.notify("fbuild/didChangeTrust", &json!({ "trusted": true }));
        let settings = json!({ "fbuild": { "ota": { "password": "wrong pony" } } });
        client.notify(
            "workspace/didChangeConfiguration",
            &json!({ "settings": settings }),
        );
        let asked = json!({ "port": device.port(), "build": false });
        let outcome = client.execute("fbuild.server.deploy", &asked).unwrap();
        assert_eq!(outcome["error"]["code"], "ota-password", "{outcome:#}");
        let sentence = outcome["text"]["sentence"].as_str().unwrap();
        assert!(sentence.contains(remedy), "{sentence}");
        client.shut_down();
    }
}
