//! YAML, as the people who write configuration use it: by way of JSON's values.

use serde::de::DeserializeOwned;
use serde_json::{Map, Number, Value};
use yaml_rust2::{Yaml, YamlLoader};

/// Reads the first document of a text; an empty text is null.
pub fn from_str<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let documents = YamlLoader::load_from_str(text).map_err(|error| error.to_string())?;
    let value = documents.first().map_or(Ok(Value::Null), value)?;
    serde_json::from_value(value).map_err(|error| error.to_string())
}

fn value(yaml: &Yaml) -> Result<Value, String> {
    Ok(match yaml {
        Yaml::Null => Value::Null,
        Yaml::Boolean(flag) => Value::Bool(*flag),
        Yaml::Integer(number) => Value::Number((*number).into()),
        Yaml::Real(text) => {
            let number = yaml.as_f64().and_then(Number::from_f64);
            number.map_or_else(|| Value::String(text.clone()), Value::Number)
        }
        Yaml::String(text) => Value::String(text.clone()),
        Yaml::Array(list) => list.iter().map(value).collect::<Result<_, _>>()?,
        Yaml::Hash(map) => {
            let mut object = Map::new();
            for (key, entry) in map {
                object.insert(key_text(key)?, value(entry)?);
            }
            Value::Object(object)
        }
        Yaml::Alias(_) | Yaml::BadValue => return Err("a value cannot be read".to_owned()),
    })
}

fn key_text(key: &Yaml) -> Result<String, String> {
    match key {
        Yaml::String(text) | Yaml::Real(text) => Ok(text.clone()),
        Yaml::Integer(number) => Ok(number.to_string()),
        Yaml::Boolean(flag) => Ok(flag.to_string()),
        _ => Err("a key is not text".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn documents_become_values() {
        let text = "a: &x [1, 2.5, true, ~, 'text', \"te\\nxt\"]\nb: *x\n1:\n  c: |\n    block\n";
        let list = json!([1, 2.5, true, null, "text", "te\nxt"]);
        let expected = json!({ "a": list, "b": list, "1": { "c": "block\n" } });
        assert_eq!(from_str::<Value>(text), Ok(expected));
        assert_eq!(from_str::<Value>(""), Ok(Value::Null));
        assert!(from_str::<Value>("a: [").is_err());
    }
}
