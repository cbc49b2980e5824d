//! Loading: defaults, then the file, the environment and the flags, each value tried on its own.
//!
//! All problems are collected, so that a file with three mistakes is mended in one go.

use super::{Config, size};
use serde::Deserialize;
use std::ops::Range;
use std::path::Path;
use toml::de::DeTable;
use toml::{Table, Value};

/// What is wrong with the configuration, and where it says so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {message}")]
pub struct Problem {
    /// `file:line:column`, an environment variable or a flag.
    pub place: String,
    pub message: String,
}

/// One value from the environment or a flag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// What the user wrote it in, for error messages.
    pub place: String,
    /// `section.key`.
    pub key: String,
    pub text: String,
}

/// The configuration from all places; or everything that is wrong with it.
pub fn load(
    file: Option<&Path>,
    environment: impl Iterator<Item = (String, String)>,
    flags: &[Override],
) -> Result<Config, Vec<Problem>> {
    let defaults = Table::try_from(Config::default()).expect("the defaults are plain values");
    let mut loading = Loading { merged: defaults.clone(), defaults, problems: Vec::new() };
    if let Some(path) = file {
        loading.read_file(path);
    }
    loading.read_environment(environment);
    for flag in flags {
        loading.apply_text(flag);
    }
    loading.finish()
}

struct Loading {
    defaults: Table,
    merged: Table,
    problems: Vec<Problem>,
}

impl Loading {
    fn read_file(&mut self, path: &Path) {
        let name = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => self.read_text(&name, &text),
            Err(error) => self.problem(name, format!("cannot read the config file: {error}")),
        }
    }

    fn read_text(&mut self, name: &str, text: &str) {
        let place =
            |span: Option<Range<usize>>| place(name, text, span.map_or(0, |span| span.start));
        let parsed = DeTable::parse(text).and_then(|spans| Ok((spans, text.parse::<Table>()?)));
        let (spans, values) = match parsed {
            Ok(parsed) => parsed,
            Err(error) => return self.problem(place(error.span()), error.message().to_owned()),
        };
        for (section, entries) in spans.get_ref() {
            let (at, section) = (place(Some(section.span())), section.get_ref().as_ref());
            if !self.defaults.contains_key(section) {
                let hint = nearest(section, "", self.defaults.keys());
                self.problem(at, format!("unknown section [{section}]{hint}"));
                continue;
            }
            let Some(entries) = entries.get_ref().as_table() else {
                self.problem(at, format!("'{section}' is a section: write [{section}]"));
                continue;
            };
            for key in entries.keys() {
                let at = place(Some(key.span()));
                let key = key.get_ref().as_ref();
                self.apply(at, section, key, values[section][key].clone());
            }
        }
    }

    /// `BINNACLE_STORAGE_PATH` is `storage.path`. Variables whose second word is no section belong to something else.
    fn read_environment(&mut self, variables: impl Iterator<Item = (String, String)>) {
        let mut variables: Vec<_> = variables.collect();
        variables.sort();
        for (variable, text) in variables {
            let Some(name) = variable.strip_prefix("BINNACLE_") else { continue };
            let name = name.to_ascii_lowercase();
            let Some((section, key)) = name.split_once('_') else { continue };
            if self.defaults.contains_key(section) {
                let key = format!("{section}.{key}");
                self.apply_text(&Override { place: variable, key, text });
            }
        }
    }

    /// Applies a value that came as text: it is read as what the default is.
    fn apply_text(&mut self, value: &Override) {
        let Override { place, key: path, text } = value;
        let known =
            path.split_once('.').filter(|(section, _)| self.defaults.contains_key(*section));
        let Some((section, key)) = known else {
            let all = self.all_keys();
            let hint = nearest(path, "", all.iter());
            return self.problem(place.clone(), format!("unknown key '{path}'{hint}"));
        };
        let read = match self.defaults[section].get(key) {
            None => {
                let keys = self.defaults[section].as_table().into_iter().flat_map(Table::keys);
                let hint = nearest(key, &format!("{section}."), keys);
                return self.problem(place.clone(), format!("unknown key '{path}'{hint}"));
            }
            Some(Value::Integer(_)) if is_size(key) => Ok(Value::String(text.clone())),
            Some(Value::Integer(_)) => {
                text.trim().parse().map(Value::Integer).map_err(|_| "a number")
            }
            Some(Value::Float(_)) => text.trim().parse().map(Value::Float).map_err(|_| "a number"),
            Some(Value::Boolean(_)) => match text.trim() {
                "true" | "1" | "yes" | "on" => Ok(Value::Boolean(true)),
                "false" | "0" | "no" | "off" => Ok(Value::Boolean(false)),
                _ => Err("true or false"),
            },
            Some(Value::Array(_)) if text.trim_start().starts_with('[') => {
                let parsed = format!("{key} = {text}").parse::<Table>().ok();
                let list = parsed.and_then(|mut table| table.remove(key));
                list.filter(Value::is_array).ok_or("a list as TOML writes it")
            }
            Some(Value::Array(_)) => {
                let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
                Ok(Value::Array(parts.map(|part| Value::String(part.to_owned())).collect()))
            }
            Some(Value::Table(_)) => {
                let parsed = format!("{key} = {text}").parse::<Table>().ok();
                let table = parsed.and_then(|mut table| table.remove(key));
                table.filter(Value::is_table).ok_or("a table as TOML writes it")
            }
            _ => Ok(Value::String(text.clone())),
        };
        match read {
            Ok(read) => self.apply(place.clone(), section, key, read),
            Err(wanted) => {
                self.problem(place.clone(), format!("'{path}' is {wanted}, not '{text}'"));
            }
        }
    }

    fn apply(&mut self, place: String, section: &str, key: &str, mut value: Value) {
        let known = self.defaults[section].as_table().expect("sections are tables");
        let Some(default) = known.get(key) else {
            let hint = nearest(key, "", known.keys());
            return self.problem(place, format!("unknown key '{section}.{key}'{hint}"));
        };
        if let (Value::Integer(_), Value::String(text)) = (default, &value)
            && is_size(key)
        {
            match size::parse(text).map(i64::try_from) {
                Ok(Ok(bytes)) => value = Value::Integer(bytes),
                Ok(Err(_)) => {
                    return self
                        .problem(place, format!("'{section}.{key}': '{text}' is too large"));
                }
                Err(message) => {
                    return self.problem(place, format!("'{section}.{key}': {message}"));
                }
            }
        }
        if let Err(message) = try_alone(section, key, &value) {
            return self.problem(place, format!("'{section}.{key}': {message}"));
        }
        let merged = self.merged.get_mut(section).and_then(Value::as_table_mut);
        merged.expect("every section is in the defaults").insert(key.to_owned(), value);
    }

    fn problem(&mut self, place: String, message: String) {
        self.problems.push(Problem { place, message });
    }

    fn all_keys(&self) -> Vec<String> {
        let sections = self.defaults.iter();
        let keys = sections.filter_map(|(section, keys)| Some((section, keys.as_table()?)));
        keys.flat_map(|(section, keys)| keys.keys().map(move |key| format!("{section}.{key}")))
            .collect()
    }

    fn finish(self) -> Result<Config, Vec<Problem>> {
        if !self.problems.is_empty() {
            return Err(self.problems);
        }
        Config::deserialize(Value::Table(self.merged)).map_err(|error| {
            vec![Problem { place: "config".to_owned(), message: error.message().to_owned() }]
        })
    }
}

/// Whether the whole configuration accepts this one value.
fn try_alone(section: &str, key: &str, value: &Value) -> Result<(), String> {
    let keys = Table::from_iter([(key.to_owned(), value.clone())]);
    let table = Table::from_iter([(section.to_owned(), Value::Table(keys))]);
    match Config::deserialize(Value::Table(table)) {
        Ok(_) => Ok(()),
        Err(error) => Err(error.message().trim().to_owned()),
    }
}

/// Sizes are the keys that count bytes; they take units.
pub(super) fn is_size(key: &str) -> bool {
    key.contains("bytes")
}

/// `; did you mean '…'?` when a known word is near, else the list of them; `before` goes before each.
fn nearest<'a>(word: &str, before: &str, known: impl Iterator<Item = &'a String>) -> String {
    let known: Vec<&String> = known.collect();
    let closest = known
        .iter()
        .map(|candidate| (strsim::normalized_damerau_levenshtein(word, candidate), candidate))
        .max_by(|a, b| a.0.total_cmp(&b.0));
    match closest {
        Some((similarity, candidate)) if similarity > 0.5 => {
            format!("; did you mean '{before}{candidate}'?")
        }
        _ => {
            let names: Vec<String> = known.iter().map(|name| format!("{before}{name}")).collect();
            format!("; known are {}", names.join(", "))
        }
    }
}

/// `name:line:column`, both counted from 1.
fn place(name: &str, text: &str, offset: usize) -> String {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |rest| rest.chars().count()) + 1;
    format!("{name}:{line}:{column}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn load_text(text: &str) -> Result<Config, Vec<String>> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let name = file.path().display().to_string();
        load(Some(file.path()), std::iter::empty(), &[]).map_err(|problems| {
            problems.iter().map(|p| p.to_string().replace(&name, "file")).collect()
        })
    }

    fn flag(key: &str, text: &str) -> Override {
        Override { place: "--set".into(), key: key.into(), text: text.into() }
    }

    #[test]
    fn a_file_sets_values_and_the_rest_stays_default() {
        let text =
            "[storage]\npath = \"/x\"\nflush_interval = \"5s\"\nflush_bytes_max = \"16MiB\"\n";
        let config = load_text(text).unwrap();
        assert_eq!(config.storage.path.to_str(), Some("/x"));
        assert_eq!(config.storage.flush_interval, Duration::from_secs(5));
        assert_eq!(config.storage.flush_bytes_max, 16 << 20);
        assert_eq!(config.api.address, Config::default().api.address);
    }

    #[test]
    fn every_mistake_is_named_with_its_line() {
        let text = "[storage]\nflush_intervall = \"5s\"\nretention = \"soon\"\n[stroage]\nx = 1\n";
        let problems = load_text(text).unwrap_err();
        assert_eq!(problems.len(), 3, "{problems:#?}");
        assert!(problems.iter().any(|p| p.starts_with("file:2:1: unknown key")
            && p.contains("did you mean 'flush_interval'?")));
        assert!(problems.iter().any(|p| p.starts_with("file:3:1: 'storage.retention'")));
        assert!(problems.iter().any(|p| p.starts_with("file:4:2: unknown section [stroage]")));
    }

    #[test]
    fn broken_toml_is_named_with_its_line() {
        let problems = load_text("[api]\naddress = \n").unwrap_err();
        assert!(problems[0].starts_with("file:2:"), "{problems:?}");
    }

    #[test]
    fn flags_beat_the_environment_which_beats_the_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "[storage]\npath = \"file\"\n[log]\nlevel = \"warn\"\n")
            .unwrap();
        let environment = [
            ("BINNACLE_STORAGE_PATH", "environment"),
            ("BINNACLE_LOG_LEVEL", "debug"),
            ("BINNACLE_URL", "not ours"),
            ("PATH", "neither"),
        ];
        let environment = environment.map(|(k, v)| (k.to_owned(), v.to_owned()));
        let config =
            load(Some(file.path()), environment.into_iter(), &[flag("storage.path", "flag")])
                .unwrap();
        assert_eq!(config.storage.path.to_str(), Some("flag"));
        assert_eq!(config.log.level, "debug");
    }

    #[test]
    fn a_wrong_variable_is_named() {
        let wrong = [
            ("BINNACLE_STORAGE_PTH", "x"),
            ("BINNACLE_API_ADDRESS", "here"),
            ("BINNACLE_SERVER_THREADS", "many"),
            ("BINNACLE_SERVER_ALLOW_ANONYMOUS", "maybe"),
        ];
        for (variable, text) in wrong {
            let environment = [(variable.to_owned(), text.to_owned())].into_iter();
            let problems = load(None, environment, &[]).unwrap_err();
            assert_eq!(problems[0].place, variable);
        }
    }

    #[test]
    fn flags_take_the_type_of_the_default() {
        let flags = [
            flag("server.allow_anonymous", "true"),
            flag("server.threads", "3"),
            flag("storage.flush_bytes_max", "1MiB"),
            flag("server.shutdown_timeout", "2m"),
        ];
        let config = load(None, std::iter::empty(), &flags).unwrap();
        assert!(config.server.allow_anonymous);
        assert_eq!(config.server.threads, 3);
        assert_eq!(config.storage.flush_bytes_max, 1 << 20);
        assert_eq!(config.server.shutdown_timeout, Duration::from_secs(120));
        for near in ["storge.path", "storage.pth"] {
            let problems = load(None, std::iter::empty(), &[flag(near, "x")]).unwrap_err();
            assert!(problems[0].message.contains("did you mean 'storage.path'?"), "{problems:?}");
        }
    }
}
