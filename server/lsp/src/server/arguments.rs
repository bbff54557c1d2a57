//! Typed arguments of commands: `[{…}]`, `[]` or nothing. Unknown fields are ignored, so that a
//! newer client can talk to an older server; a field of the wrong type is named.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// Why arguments were refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadArguments {
    /// Not an object.
    #[error("arguments must be one object, as in [{{\"port\": \"/dev/ttyUSB0\"}}]; got {got}")]
    NoObject {
        /// What came instead.
        got: String,
    },
    /// A field that cannot be what it should be.
    #[error("argument '{field}': {why}")]
    Field {
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        why: String,
    },
}

/// The fields of a command's one argument.
#[derive(Debug)]
pub(crate) struct Fields(Map<String, Value>);

impl Fields {
    /// The argument's fields; none if there is no argument.
    pub(crate) fn of(mut arguments: Vec<Value>) -> Result<Self, BadArguments> {
        if arguments.is_empty() {
            return Ok(Self(Map::new()));
        }
        match arguments.swap_remove(0) {
            Value::Null => Ok(Self(Map::new())),
            Value::Object(fields) => Ok(Self(fields)),
            other => Err(BadArguments::NoObject {
                got: other.to_string(),
            }),
        }
    }

    /// All of them that nobody took yet.
    pub(crate) fn all(&self) -> &Map<String, Value> {
        &self.0
    }

    /// A field's value; `None` if it is missing or `null`.
    pub(crate) fn get<T: DeserializeOwned>(
        &mut self,
        field: &'static str,
    ) -> Result<Option<T>, BadArguments> {
        let value = self.0.remove(field).unwrap_or_default();
        serde_json::from_value(value).map_err(|error| BadArguments::Field {
            field,
            why: error.to_string(),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(argument: Value) -> Fields {
        Fields::of(vec![argument]).unwrap()
    }

    #[test]
    fn missing_null_and_unknown_fields_are_fine() {
        let mut fields = of(json!({"port": null, "from": "the future"}));
        assert_eq!(fields.get::<String>("port"), Ok(None));
        assert_eq!(fields.get::<String>("target"), Ok(None));
        assert!(Fields::of(vec![]).is_ok());
        assert!(Fields::of(vec![Value::Null]).is_ok());
    }

    #[test]
    fn wrong_types_name_the_field() {
        let message = of(json!({"port": 5}))
            .get::<String>("port")
            .unwrap_err()
            .to_string();
        assert_eq!(
            message,
            "argument 'port': invalid type: integer `5`, expected a string"
        );
        let error = of(json!({"regions": ["a", 1]}))
            .get::<Vec<String>>("regions")
            .unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("argument 'regions': invalid type"),
            "{error}"
        );
        assert!(
            Fields::of(vec![json!("COM5")])
                .unwrap_err()
                .to_string()
                .contains("\"COM5\"")
        );
    }
}
