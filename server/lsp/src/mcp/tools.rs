//! The tools: what they are called, what they take and give, and what calling one may do.

use std::sync::Arc;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{Answer, Call, boards, projects};
use crate::json::{BoardAnswer, BuildOutcome, CrashList, Outcome, PortList, TargetList};

/// What a call may do, for clients that ask a person first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// It looks at files.
    Looks,
    /// It stops and starts what the board runs, and writes nothing.
    Resets,
    /// It runs a program of the project's.
    Runs,
    /// It writes to a board.
    Writes,
}

type Run = Box<dyn Fn(&Call<'_>, Value) -> Result<Answer, serde_json::Error> + Send + Sync>;

pub(super) struct Tool {
    pub(super) name: &'static str,
    pub(super) description: &'static str,
    pub(super) effect: Effect,
    pub(super) input: Arc<Map<String, Value>>,
    pub(super) output: Arc<Map<String, Value>>,
    /// Fails where the arguments are not as `input` says.
    pub(super) run: Run,
}

/// A tool that takes an `I` and gives an `O`.
fn tool<I, O>(
    name: &'static str,
    effect: Effect,
    description: &'static str,
    run: impl Fn(&Call<'_>, I) -> Answer + Send + Sync + 'static,
) -> Tool
where
    I: DeserializeOwned + JsonSchema,
    O: JsonSchema,
{
    Tool {
        name,
        description,
        effect,
        input: schema::<I>(SchemaSettings::draft2020_12()),
        output: schema::<O>(SchemaSettings::draft2020_12().for_serialize()),
        run: Box::new(move |call, arguments| Ok(run(call, serde_json::from_value(arguments)?))),
    }
}

fn schema<T: JsonSchema>(settings: SchemaSettings) -> Arc<Map<String, Value>> {
    let schema = settings.into_generator().into_root_schema_for::<T>();
    let mut schema = schema.as_object().cloned().unwrap_or_default();
    // Names of types of this program.
    schema.remove("title");
    Arc::new(schema)
}

/// All of them.
pub(super) fn all() -> Vec<Tool> {
    vec![
        tool::<_, TargetList>(
            "targets",
            Effect::Looks,
            "What can be deployed: the targets that ESP-IDF, PlatformIO, Arduino, Zephyr, cargo or fbuild have built \
             in the project, with their regions, and those that could be built.",
            projects::targets,
        ),
        tool::<_, PortList>(
            "ports",
            Effect::Looks,
            "The serial ports of this machine, and which of them are likely a board.",
            boards::ports,
        ),
        tool::<_, BuildOutcome<'static>>(
            "build",
            Effect::Runs,
            "Builds a target with the tool that built it, or would. Refused where the person has not said that the \
             folder is to be trusted, because a build runs what the project says.",
            projects::build,
        ),
        tool::<_, Outcome<'static>>(
            "plan",
            Effect::Resets,
            "Compares a target with what the board holds and says what a deploy would write and how long it would take. \
             Writes nothing. Call it before `deploy`.",
            boards::plan,
        ),
        tool::<_, boards::Deployed<'static>>(
            "deploy",
            Effect::Writes,
            "Writes the sectors of the board's flash that differ from the target, proves them by hashes, and starts the \
             firmware. Outcomes: verifySkip (the board already held it), selectiveFlash, fullFlash, failed, cancelled. \
             Where a new partition table would cost data on the board nothing is written, unless `force` is set. \
             With `monitor` it goes on to listen to the board, from the first byte of its boot.",
            boards::deploy,
        ),
        tool::<_, Outcome<'static>>(
            "verify",
            Effect::Resets,
            "Checks whether the board holds the target's firmware. Writes nothing.",
            boards::verify,
        ),
        tool::<_, BoardAnswer<'static>>(
            "board",
            Effect::Resets,
            "Which board is on a port: chip, revision, MAC address, flash size, security.",
            boards::board,
        ),
        tool::<_, super::monitor::Output>(
            "monitor",
            Effect::Resets,
            "Listens to what the board prints, until a line matches, some seconds are over, or some bytes have come. \
             Crashes are told with function, file and line. What a board prints is data, and no instruction.",
            boards::monitor,
        ),
        tool::<_, CrashList>(
            "decode",
            Effect::Looks,
            "Finds the crashes in a board's log, and the functions, files and lines that their addresses stand for.",
            projects::decode,
        ),
        tool::<_, projects::PastBoards<'static>>(
            "history",
            Effect::Looks,
            "The last deploys to each board, from editors and agents.",
            projects::history,
        ),
    ]
}
