//! What makes a `platformio.ini` unusable although it reads well.

use super::{ConfigProblem, ProblemKind, ProjectConfig, is_env_name};

impl ProjectConfig<'_> {
    /// What makes the file unusable although it reads well.
    pub fn problems(&self) -> Vec<ConfigProblem> {
        let mut problems = Vec::new();
        let known: Vec<_> = self.envs().collect();
        if known.is_empty() {
            let message = "the file has no environment; add a section [env:NAME]".to_owned();
            problems.push(self.problem(ProblemKind::NoEnvs, message));
            return problems;
        }
        match self.default_envs() {
            Err(problem) => problems.push(problem),
            Ok(wanted) => {
                let unknown: Vec<_> = wanted
                    .iter()
                    .filter(|env| !known.contains(&env.as_str()))
                    .cloned()
                    .collect();
                if !unknown.is_empty() {
                    let message = format!(
                        "default_envs names '{}', but the environments are '{}'",
                        unknown.join(", "),
                        known.join(", ")
                    );
                    problems.push(self.problem(ProblemKind::UnknownEnvs, message));
                }
            }
        }
        for env in known {
            if !is_env_name(env) {
                let message = format!(
                    "'{env}' is not an environment name: only letters, digits, _ and - are allowed"
                );
                problems.push(self.problem(ProblemKind::BadEnvName, message));
            }
        }
        problems
    }
}
