//! Changing SLOs: over the API, and as the files of a folder say.

use super::engine::Slos;
use super::spec::{Parsed, Problem, parse};
use super::stored;
use crate::Error;
use binnacle_storage::model::TenantId;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use tracing::{info, warn};

/// Largest file, and largest body, of SLOs.
pub const SPEC_BYTES_MAX: usize = 1 << 20;

/// Most SLOs of one tenant.
const SLOS_MAX: usize = 10_000;

/// Why a change is refused.
#[derive(Debug)]
pub enum Refused {
    Problems(Vec<Problem>),
    /// The SLO is in a file, which is changed instead.
    InFile(String),
    NotFound,
    TooMany,
    Failed(Error),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Refused {
        Refused::Failed(error)
    }
}

impl Slos {
    /// Takes the SLOs of a text, each as a new version unless it says what it said. Returns their names.
    pub fn put(&self, tenant: &TenantId, text: &str) -> Result<Vec<String>, Refused> {
        let parsed = self.check(text)?;
        for slo in &parsed.slos {
            match self.find(tenant, &slo.name) {
                Some(known) if !known.version.file.is_empty() => {
                    return Err(Refused::InFile(known.version.file.clone()));
                }
                _ => {}
            }
        }
        let known = self.list(tenant).len();
        if known + parsed.slos.len() > SLOS_MAX {
            return Err(Refused::TooMany);
        }
        let now = self.unix_now();
        let changed = parsed
            .slos
            .iter()
            .filter(|slo| self.find(tenant, &slo.name).is_none_or(|known| known.slo != **slo));
        let changed: Vec<&str> = changed.map(|slo| slo.name.as_str()).collect();
        if !changed.is_empty() {
            self.inner().store.write("store an SLO", |tx| {
                for name in &changed {
                    stored::add_version(tx, tenant, name, text, "", now)?;
                }
                Ok(())
            })?;
            self.reload()?;
        }
        Ok(parsed.slos.into_iter().map(|slo| slo.name).collect())
    }

    /// Reads a text of SLOs and changes nothing.
    pub fn check(&self, text: &str) -> Result<Parsed, Refused> {
        if text.len() > SPEC_BYTES_MAX {
            let message = format!("is longer than {SPEC_BYTES_MAX} bytes");
            return Err(Refused::Problems(vec![Problem::new(1, "", message)]));
        }
        let parsed = parse(text).map_err(Refused::Problems)?;
        if parsed.slos.is_empty() {
            let problem = Problem::new(1, "", "has no document of kind SLO");
            return Err(Refused::Problems(vec![problem]));
        }
        Ok(parsed)
    }

    pub fn delete(&self, tenant: &TenantId, name: &str) -> Result<(), Refused> {
        let known = self.find(tenant, name).ok_or(Refused::NotFound)?;
        if !known.version.file.is_empty() {
            return Err(Refused::InFile(known.version.file.clone()));
        }
        let now = self.unix_now();
        self.inner()
            .store
            .write("delete an SLO", |tx| stored::delete_spec(tx, tenant, name, now))?;
        self.reload()?;
        Ok(())
    }

    /// Brings the SLOs in line with the folder's files. A file that is refused leaves its SLOs as they were.
    pub(super) fn read_files(&self) {
        let folder = self.inner().parts.config.slos.clone();
        if folder.as_os_str().is_empty() {
            return;
        }
        let Ok(tenant) = self.inner().parts.config.tenant.parse::<TenantId>() else { return };
        let (files, mut problems) = read_folder(&folder);
        let mut names: BTreeMap<String, (String, Parsed)> = BTreeMap::new();
        let mut broken: BTreeSet<String> = problems.keys().cloned().collect();
        for (file, text) in files {
            match parse(&text) {
                Ok(parsed) => drop(names.insert(file, (text, parsed))),
                Err(refused) => {
                    problems
                        .insert(file.clone(), refused.iter().map(ToString::to_string).collect());
                    broken.insert(file);
                }
            }
        }
        if let Err(error) = self.take_files(&tenant, &names, &broken, &mut problems) {
            warn!(error = %crate::error::chain(&error), "failed to store the SLOs of files");
        }
        let mut known = self.inner().problems.lock();
        for (file, problems) in problems.iter().filter(|(file, now)| known.get(*file) != Some(*now))
        {
            let problems = problems.join("; ");
            match broken.contains(file) {
                true => warn!(file, problems, "a file of SLOs is refused"),
                false => warn!(file, problems, "some SLOs of a file are not used"),
            }
        }
        *known = problems;
    }

    fn take_files(
        &self,
        tenant: &TenantId,
        files: &BTreeMap<String, (String, Parsed)>,
        broken: &BTreeSet<String>,
        problems: &mut BTreeMap<String, Vec<String>>,
    ) -> Result<(), Error> {
        let mut owners: BTreeMap<&str, &str> = BTreeMap::new();
        let mut changed: Vec<(&str, &str, &str)> = Vec::new();
        for (file, (text, parsed)) in files {
            for slo in &parsed.slos {
                let known = self.find(tenant, &slo.name);
                let other = owners.get(slo.name.as_str()).copied();
                let is_over_api = known.as_ref().is_some_and(|known| known.version.file.is_empty());
                if let Some(other) = other.or(is_over_api.then_some("the API")) {
                    let problem = format!("there is an SLO '{}' already, from {other}", slo.name);
                    problems.entry(file.clone()).or_default().push(problem);
                    continue;
                }
                owners.insert(&slo.name, file);
                if known.is_none_or(|known| known.slo != *slo || known.version.file != *file) {
                    changed.push((&slo.name, text, file));
                }
            }
        }
        let all = self.list(tenant);
        let gone = all.iter().map(|loaded| &loaded.version).filter(|version| {
            let is_there = owners.contains_key(version.name.as_str());
            !version.file.is_empty() && !is_there && !broken.contains(&version.file)
        });
        let gone: Vec<&str> = gone.map(|version| version.name.as_str()).collect();
        if changed.is_empty() && gone.is_empty() {
            return Ok(());
        }
        let now = self.unix_now();
        self.inner().store.write("store the SLOs of files", |tx| {
            for (name, text, file) in &changed {
                stored::add_version(tx, tenant, name, text, file, now)?;
            }
            for name in &gone {
                stored::delete_spec(tx, tenant, name, now)?;
            }
            Ok(())
        })?;
        info!(changed = changed.len(), gone = gone.len(), "read SLOs from files");
        self.reload()
    }
}

type Files = BTreeMap<String, String>;
type FileProblems = BTreeMap<String, Vec<String>>;

/// The texts of a folder's YAML files by name, and why others cannot be read.
fn read_folder(folder: &Path) -> (Files, FileProblems) {
    let (mut files, mut problems) = (Files::new(), FileProblems::new());
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => {
            problems.insert(folder.display().to_string(), vec![error.to_string()]);
            return (files, problems);
        }
    };
    let is_yaml = |path: &PathBuf| {
        path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml")
    };
    for path in entries.flatten().map(|entry| entry.path()).filter(is_yaml) {
        let name = path.display().to_string();
        let read = std::fs::metadata(&path).and_then(|metadata| {
            if metadata.len() > SPEC_BYTES_MAX as u64 {
                return Err(std::io::Error::other(format!(
                    "is longer than {SPEC_BYTES_MAX} bytes"
                )));
            }
            std::fs::read_to_string(&path)
        });
        match read {
            Ok(text) => drop(files.insert(name, text)),
            Err(error) => drop(problems.insert(name, vec![error.to_string()])),
        }
    }
    (files, problems)
}
