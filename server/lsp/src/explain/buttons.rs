//! What can be done about a failure with one click, as data: a command and its argument.

use fbuild_deploy::outcome::Failure;
use serde::Serialize;
use serde_json::{Map, Value, json};

pub(super) const DEPLOY: &str = "fbuild.server.deploy";
/// The client's own command: only it can have the workspace trusted.
const MANAGE_TRUST: &str = "fbuild.manageTrust";

/// One click.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Button {
    pub(crate) title: &'static str,
    pub(crate) command: String,
    pub(crate) arguments: Vec<Value>,
    /// What the person chooses first: a port or a target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) choose: Option<&'static str>,
}

/// What was asked for, so that it can be asked for again.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked {
    /// The command's name.
    pub(crate) command: String,
    pub(crate) argument: Map<String, Value>,
    /// Whether the workspace is trusted.
    pub(crate) is_trusted: bool,
}

impl Asked {
    /// What can be done about a failure on `port`; at most two things.
    pub(super) fn remedies(&self, failure: &Failure, port: &str) -> Vec<Button> {
        let retry = || self.again("Retry", &self.command, &[]);
        let choose = |what, title| Button {
            choose: Some(what),
            ..self.again(title, &self.command, &[])
        };
        let choose_port = || choose("port", "Choose Port");
        let deploy = |title, changes: &[_]| self.again(title, DEPLOY, changes);
        let trust = || Button {
            title: "Manage Trust",
            command: MANAGE_TRUST.to_owned(),
            arguments: Vec::new(),
            choose: None,
        };
        match failure.code {
            "not-trusted" => vec![trust()],
            // Where the workspace is not trusted, its settings name no port.
            "no-port" if !self.is_trusted => vec![choose_port(), trust()],
            "no-port" | "port-busy" | "port-not-found" | "port-name" | "port-open"
            | "port-permission" | "several-ports" | "no-loader" | "chip-mismatch" => {
                vec![retry(), choose_port()]
            }
            "no-target" | "unknown-target" | "ambiguous-target" => {
                vec![choose("target", "Choose Target"), retry()]
            }
            "differs" => vec![deploy("Deploy", &[("mode", json!("auto"))])],
            "stale-build" => {
                let anyway = deploy("Deploy Anyway", &[("staleBuild", json!("ignore"))]);
                let build = deploy("Build and Deploy", &[("build", json!(true))]);
                let build = Some(build).filter(|_| self.is_trusted);
                build.into_iter().chain([anyway]).collect()
            }
            "not-proved" | "link-lost" | "bad-reply" if self.command == DEPLOY => {
                vec![retry(), deploy("Deploy Full", &[("mode", json!("full"))])]
            }
            "job-running" => vec![Button {
                title: "Cancel the Other",
                command: "fbuild.server.cancel".to_owned(),
                arguments: vec![json!({ "port": port })],
                choose: None,
            }],
            _ => vec![retry()],
        }
    }

    /// What was planned, as a deploy.
    pub(super) fn carried_out(&self) -> Button {
        let mut deploy = self.again("Deploy", DEPLOY, &[]);
        for argument in &mut deploy.arguments {
            if let Some(fields) = argument.as_object_mut() {
                fields.remove("dryRun");
            }
        }
        deploy
    }

    /// The same request with some fields of its argument changed.
    fn again(&self, title: &'static str, command: &str, changes: &[(&str, Value)]) -> Button {
        let mut argument = self.argument.clone();
        for (field, value) in changes {
            argument.insert((*field).to_owned(), value.clone());
        }
        Button {
            title,
            command: command.to_owned(),
            arguments: vec![Value::Object(argument)],
            choose: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remedies(code: &'static str, command: &str, is_trusted: bool) -> Value {
        let failure = Failure {
            code,
            is_input: false,
            what: String::new(),
            board_state: String::new(),
            remedy: String::new().into(),
        };
        let argument = json!({"root": "/blink", "mode": "verify"});
        let asked = Asked {
            command: format!("fbuild.server.{command}"),
            argument: argument.as_object().unwrap().clone(),
            is_trusted,
        };
        json!(asked.remedies(&failure, "COM5"))
    }

    #[test]
    fn a_click_asks_for_the_same_again_or_for_what_helps() {
        let same = json!([{"root": "/blink", "mode": "verify"}]);
        let retry = json!({
            "title": "Retry", "command": "fbuild.server.verify", "arguments": same
        });
        let choose = |title, what| {
            json!({
                "title": title, "command": "fbuild.server.verify", "arguments": same,
                "choose": what
            })
        };
        let trust =
            json!({"title": "Manage Trust", "command": "fbuild.manageTrust", "arguments": []});
        let cases = [
            ("a-code-of-next-year", json!([retry])),
            ("port-busy", json!([retry, choose("Choose Port", "port")])),
            (
                "no-target",
                json!([choose("Choose Target", "target"), retry]),
            ),
            ("not-trusted", json!([trust])),
            (
                "differs",
                json!([{
                    "title": "Deploy", "command": "fbuild.server.deploy",
                    "arguments": [{"root": "/blink", "mode": "auto"}]
                }]),
            ),
            (
                "job-running",
                json!([{
                    "title": "Cancel the Other", "command": "fbuild.server.cancel",
                    "arguments": [{"port": "COM5"}]
                }]),
            ),
        ];
        for (code, buttons) in cases {
            assert_eq!(remedies(code, "verify", true), buttons, "{code}");
        }
        assert_eq!(
            remedies("no-port", "verify", false),
            json!([choose("Choose Port", "port"), trust])
        );
        assert_eq!(
            remedies("no-port", "verify", true),
            json!([retry, choose("Choose Port", "port")])
        );
    }

    #[test]
    fn only_a_deploy_is_tried_again_in_full() {
        let titles = |command| {
            let buttons = remedies("link-lost", command, true);
            let buttons = buttons.as_array().unwrap();
            buttons
                .iter()
                .map(|it| it["title"].clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(titles("deploy"), ["Retry", "Deploy Full"]);
        assert_eq!(titles("boardInfo"), ["Retry"]);
    }
}
