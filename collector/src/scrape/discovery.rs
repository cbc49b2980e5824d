//! Discovery: the target groups of a job, from its configuration, from files and from HTTP.
//!
//! A source that fails keeps what it found last: a file half written or a server that restarts ends no series.

use super::client::JobClient;
use super::config::{FileDiscovery, HttpDiscovery, JobConfig, TargetGroup};
use super::target::Discovered;
use super::yaml;
use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::Instant;
use tracing::warn;

/// How often HTTP sources are asked that do not say: Prometheus's default.
const HTTP_INTERVAL: Duration = Duration::from_secs(60);

/// All sources of a job with what each found last.
#[derive(Debug)]
pub struct Discovery {
    sources: Vec<Source>,
}

#[derive(Debug)]
struct Source {
    kind: Kind,
    found: Vec<Discovered>,
    /// When it is asked next; never for what cannot change.
    due: Option<Instant>,
    /// The last failure, so that one that stays is logged once.
    failure: Option<String>,
}

#[derive(Debug)]
enum Kind {
    Static,
    Files(FileDiscovery),
    Http(HttpDiscovery),
}

impl Discovery {
    pub fn new(job: &JobConfig) -> Discovery {
        let source =
            |kind| Source { kind, found: Vec::new(), due: Some(Instant::now()), failure: None };
        let fixed = job.static_configs.iter().flat_map(|group| discovered(group, &[]));
        let mut sources =
            vec![Source { found: fixed.collect(), due: None, ..source(Kind::Static) }];
        sources.extend(job.file_sd_configs.iter().cloned().map(Kind::Files).map(source));
        sources.extend(job.http_sd_configs.iter().cloned().map(Kind::Http).map(source));
        Discovery { sources }
    }

    /// Whether anything found may ever change.
    pub fn may_change(&self) -> bool {
        self.sources.iter().any(|source| source.due.is_some())
    }

    /// Asks the sources that are due. Answers whether anything changed.
    pub async fn refresh(&mut self, client: &JobClient, poll: Duration) -> bool {
        let mut changed = false;
        for source in &mut self.sources {
            if source.due.is_some_and(|due| due <= Instant::now()) {
                changed |= source.refresh(client, poll).await;
            }
        }
        changed
    }

    pub fn found(&self) -> impl Iterator<Item = &Discovered> {
        self.sources.iter().flat_map(|source| &source.found)
    }
}

impl Source {
    async fn refresh(&mut self, client: &JobClient, poll: Duration) -> bool {
        let (found, wait) = match &self.kind {
            Kind::Static => return false,
            Kind::Files(files) => {
                let files = files.clone();
                let read = tokio::task::spawn_blocking(move || read_files(&files)).await;
                (read.unwrap_or_else(|error| Err(error.to_string())), poll)
            }
            Kind::Http(http) => {
                let wait = http.refresh_interval.unwrap_or(HTTP_INTERVAL).max(poll);
                (ask(client, &http.url).await, wait)
            }
        };
        self.due = Some(Instant::now() + wait);
        match found {
            Ok(found) => {
                self.failure = None;
                let changed = found != self.found;
                self.found = found;
                changed
            }
            Err(failure) => {
                if self.failure.as_ref() != Some(&failure) {
                    warn!(failure, "failed to discover targets; what was found last stays");
                }
                self.failure = Some(failure);
                false
            }
        }
    }
}

fn discovered(group: &TargetGroup, meta: &[(&str, &str)]) -> Vec<Discovered> {
    let mut labels: BTreeMap<String, String> = group.labels.clone();
    for (name, value) in meta {
        labels.insert((*name).to_owned(), (*value).to_owned());
    }
    let one = |address: &String| Discovered { address: address.clone(), labels: labels.clone() };
    group.targets.iter().map(one).collect()
}

async fn ask(client: &JobClient, url: &str) -> Result<Vec<Discovered>, String> {
    let body = client.discover(url).await?;
    let groups: Vec<TargetGroup> =
        serde_json::from_slice(&body).map_err(|error| format!("{url}: {error}"))?;
    let meta = [("__meta_url", url)];
    Ok(groups.iter().flat_map(|group| discovered(group, &meta)).collect())
}

fn read_files(discovery: &FileDiscovery) -> Result<Vec<Discovered>, String> {
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    for pattern in &discovery.files {
        let paths = glob::glob(pattern).map_err(|error| format!("'{pattern}': {error}"))?;
        for path in paths {
            let path = path.map_err(|error| error.to_string())?;
            if seen.insert(path.clone()) {
                found.extend(read_file(&path)?);
            }
        }
    }
    Ok(found)
}

fn read_file(path: &PathBuf) -> Result<Vec<Discovered>, String> {
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| format!("{shown}: {error}"))?;
    let groups = parse(path, &text).map_err(|error| format!("{shown}: {error}"))?;
    let meta = [("__meta_filepath", shown.as_str())];
    Ok(groups.iter().flat_map(|group| discovered(group, &meta)).collect())
}

fn parse(path: &Path, text: &str) -> Result<Vec<TargetGroup>, String> {
    if path.extension().is_some_and(|extension| extension == "json") {
        return serde_json::from_str(text).map_err(|error| error.to_string());
    }
    yaml::from_str(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_in_both_formats() {
        let directory = tempfile::tempdir().unwrap();
        let write =
            |name: &str, text: &str| std::fs::write(directory.path().join(name), text).unwrap();
        write("a.json", r#"[{"targets": ["a:1", "b:2"], "labels": {"env": "x"}}]"#);
        write("b.yml", "- targets: ['c:3']\n  labels:\n    env: 'y'\n- targets: [d:4]\n");
        write("other.txt", "not targets");
        let files = ["*.json", "*.yml", "a.*"]
            .map(|name| directory.path().join(name).display().to_string());
        let discovery = FileDiscovery { files: files.to_vec(), refresh_interval: None };
        let found = read_files(&discovery).unwrap();
        let addresses: Vec<&str> = found.iter().map(|found| found.address.as_str()).collect();
        assert_eq!(addresses, ["a:1", "b:2", "c:3", "d:4"]);
        assert_eq!(found[0].labels["env"], "x");
        assert!(found[0].labels["__meta_filepath"].ends_with("a.json"));

        write("a.json", "[{");
        assert!(read_files(&discovery).unwrap_err().contains("a.json"));
    }
}
