//! The tree of routes: which receiver an alert goes to, in which group, and how often.

use crate::LabelSet;
use crate::notify::matcher::{self, MatchOperator, Matcher};
use crate::yaml::{Fault, Fields, Node};
use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

const GROUP_WAIT: Duration = Duration::from_secs(30);
const GROUP_INTERVAL: Duration = Duration::from_secs(5 * 60);
const REPEAT_INTERVAL: Duration = Duration::from_secs(4 * 60 * 60);

/// What alerts have in common that are told of together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupBy {
    /// `['...']`: every alert is its own group.
    All,
    Labels(BTreeSet<String>),
}

/// One route, with everything it inherits.
#[derive(Debug, Clone)]
pub struct Route {
    /// Names this route among all, and stays as it is when others change.
    pub id: String,
    /// The matchers from the root to here: the first part of the keys of its groups.
    pub key: String,
    pub receiver: String,
    pub group_by: GroupBy,
    /// How long a new group waits for more alerts.
    pub group_wait: Duration,
    /// How long after a notice changes of the group are collected for the next.
    pub group_interval: Duration,
    /// After this time it is said again that alerts are still firing.
    pub repeat_interval: Duration,
    /// Names of time intervals, not inherited.
    pub mute_time_intervals: Vec<String>,
    pub active_time_intervals: Vec<String>,
    matchers: Vec<Matcher>,
    continues: bool,
    pub routes: Vec<Route>,
}

impl Route {
    /// The routes an alert takes: the deepest that match; after the first of its siblings only if that says `continue`.
    pub fn find<'a>(&'a self, labels: &LabelSet) -> Vec<&'a Route> {
        if !matcher::matches_all(&self.matchers, labels) {
            return Vec::new();
        }
        let mut found = Vec::new();
        for route in &self.routes {
            let below = route.find(labels);
            let is_last = !below.is_empty() && !route.continues;
            found.extend(below);
            if is_last {
                break;
            }
        }
        if found.is_empty() {
            found.push(self);
        }
        found
    }

    /// The labels that name the group of an alert.
    pub fn group_labels(&self, labels: &LabelSet) -> LabelSet {
        match &self.group_by {
            GroupBy::All => labels.clone(),
            GroupBy::Labels(names) => {
                let of_group = labels.iter().filter(|(name, _)| names.contains(*name));
                of_group.map(|(name, value)| (name.clone(), value.clone())).collect()
            }
        }
    }

    /// This route and all below it.
    pub fn walk(&self) -> Vec<&Route> {
        let below = self.routes.iter().flat_map(Route::walk);
        std::iter::once(self).chain(below).collect()
    }

    /// The root when nothing is configured: all alerts of one name together, to `receiver`.
    pub fn to(receiver: &str) -> Route {
        Route {
            id: "{}".to_owned(),
            key: "{}".to_owned(),
            receiver: receiver.to_owned(),
            group_by: GroupBy::Labels(BTreeSet::from(["alertname".to_owned()])),
            group_wait: GROUP_WAIT,
            group_interval: GROUP_INTERVAL,
            repeat_interval: REPEAT_INTERVAL,
            mute_time_intervals: Vec::new(),
            active_time_intervals: Vec::new(),
            matchers: Vec::new(),
            continues: false,
            routes: Vec::new(),
        }
    }
}

/// Names that routes may use.
pub struct Known<'a> {
    pub receivers: BTreeSet<&'a str>,
    pub time_intervals: BTreeSet<&'a str>,
}

/// Reads the tree.
pub fn read_root(node: Node, known: &Known<'_>) -> Result<Route, Fault> {
    let mut start = Route::to("");
    start.group_by = GroupBy::Labels(BTreeSet::new());
    let line = node.line;
    let root = read(node, None, &start, known)?;
    let refuse = |what: &str| Err(Fault::new(line, format!("the root route cannot have {what}")));
    match &root {
        root if root.receiver.is_empty() => {
            Err(Fault::new(line, "the root route must have a receiver"))
        }
        root if !root.matchers.is_empty() => refuse("matchers: it takes every alert"),
        root if root.continues => refuse("continue"),
        root if !root.mute_time_intervals.is_empty() => refuse("mute_time_intervals"),
        root if !root.active_time_intervals.is_empty() => refuse("active_time_intervals"),
        _ => Ok(root),
    }
}

/// `place` tells which of several siblings with equal matchers this is; the root has none.
fn read(
    node: Node,
    place: Option<usize>,
    parent: &Route,
    known: &Known<'_>,
) -> Result<Route, Fault> {
    let mut fields = node.fields("route")?;
    let mut matchers = read_matchers(&mut fields, "match", "match_re", "matchers")?;
    matcher::sort(&mut matchers);
    let mut route = Route {
        receiver: receiver(&mut fields, parent, known)?,
        group_by: group_by(&mut fields, parent)?,
        group_wait: duration(&mut fields, "group_wait", parent.group_wait)?,
        group_interval: positive(&mut fields, "group_interval", parent.group_interval)?,
        repeat_interval: positive(&mut fields, "repeat_interval", parent.repeat_interval)?,
        mute_time_intervals: intervals(&mut fields, "mute_time_intervals", known)?,
        active_time_intervals: intervals(&mut fields, "active_time_intervals", known)?,
        continues: fields.bool("continue")?.unwrap_or(false),
        id: String::new(),
        key: matcher::print(&matchers),
        matchers,
        routes: Vec::new(),
    };
    route.id.clone_from(&route.key);
    if let Some(place) = place {
        route.id = format!("{}/{}/{place}", parent.id, route.key);
        route.key = format!("{}/{}", parent.key, route.key);
    }
    let below = fields.list("routes")?;
    fields.finish()?;
    let mut seen: HashMap<String, usize> = HashMap::new();
    for node in below {
        let own = matchers_of(&node)?;
        let place = seen.entry(own).or_default();
        let child = read(node, Some(*place), &route, known)?;
        *place += 1;
        route.routes.push(child);
    }
    Ok(route)
}

/// The printed matchers of a route that is not read yet.
fn matchers_of(node: &Node) -> Result<String, Fault> {
    let mut fields = node.clone().fields("route")?;
    let mut matchers = read_matchers(&mut fields, "match", "match_re", "matchers")?;
    matcher::sort(&mut matchers);
    Ok(matcher::print(&matchers))
}

/// Matchers in the three ways they are written.
pub fn read_matchers(
    fields: &mut Fields,
    equal: &str,
    regex: &str,
    list: &str,
) -> Result<Vec<Matcher>, Fault> {
    let line = fields.line;
    let mut matchers = Vec::new();
    for (key, operator) in [(equal, MatchOperator::Equal), (regex, MatchOperator::Regex)] {
        for (name, mut value) in fields.text_map(key)? {
            // As Alertmanager prints such an expression in the keys of groups.
            if operator.is_regex() {
                value = format!("^(?:{value})$");
            }
            let matcher = Matcher::new(&name, operator, &value);
            matchers.push(matcher.map_err(|message| Fault::new(line, message))?);
        }
    }
    for node in fields.list(list)? {
        let read = matcher::parse_list(&node.text(list)?);
        matchers.extend(read.map_err(|message| node.fault(message))?);
    }
    Ok(matchers)
}

fn receiver(fields: &mut Fields, parent: &Route, known: &Known<'_>) -> Result<String, Fault> {
    let Some(node) = fields.take("receiver") else { return Ok(parent.receiver.clone()) };
    let name = node.text("receiver")?;
    match known.receivers.contains(name.as_str()) {
        true => Ok(name),
        false => Err(node.fault(format!("there is no receiver '{name}'"))),
    }
}

fn group_by(fields: &mut Fields, parent: &Route) -> Result<GroupBy, Fault> {
    let Some(node) = fields.take("group_by") else { return Ok(parent.group_by.clone()) };
    let line = node.line;
    let items = node.list("group_by")?;
    if items.is_empty() {
        // Alertmanager takes an empty list for none.
        return Ok(parent.group_by.clone());
    }
    let mut names = BTreeSet::new();
    for item in items {
        let name = item.text("group_by")?;
        if name.is_empty() {
            return Err(item.fault("group_by has an empty name"));
        }
        if !names.insert(name.clone()) {
            return Err(item.fault(format!("group_by has '{name}' twice")));
        }
    }
    match names.contains("...") {
        false => Ok(GroupBy::Labels(names)),
        true if names.len() == 1 => Ok(GroupBy::All),
        true => Err(Fault::new(line, "group_by has '...', all labels, and others beside it")),
    }
}

fn intervals(fields: &mut Fields, key: &str, known: &Known<'_>) -> Result<Vec<String>, Fault> {
    let mut names = Vec::new();
    for node in fields.list(key)? {
        let name = node.text(key)?;
        if !known.time_intervals.contains(name.as_str()) {
            return Err(node.fault(format!("there is no time interval '{name}'")));
        }
        names.push(name);
    }
    Ok(names)
}

fn positive(fields: &mut Fields, key: &str, inherited: Duration) -> Result<Duration, Fault> {
    let line = fields.line;
    let read = duration(fields, key, inherited)?;
    if read.is_zero() { Err(Fault::new(line, format!("{key} cannot be zero"))) } else { Ok(read) }
}

/// A duration as Prometheus writes it: `1h30m`.
pub fn duration(fields: &mut Fields, key: &str, inherited: Duration) -> Result<Duration, Fault> {
    let Some(node) = fields.take(key) else { return Ok(inherited) };
    let text = node.text(key)?;
    let millis = binnacle_query::promql::text::parse_duration(&text);
    let millis = millis.and_then(|millis| u64::try_from(millis).ok());
    millis
        .map(Duration::from_millis)
        .ok_or_else(|| node.fault(format!("{key} is '{text}', not a duration such as 5m")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml;

    fn read(text: &str) -> Result<Route, Fault> {
        let known = Known {
            receivers: BTreeSet::from(["default", "db", "page", "audit"]),
            time_intervals: BTreeSet::from(["nights"]),
        };
        read_root(yaml::document(text).unwrap(), &known)
    }

    const TREE: &str = "
receiver: default
group_by: [alertname]
group_interval: 1m
routes:
- matchers: ['service=~\"mysql|cassandra\"']
  receiver: db
  group_by: ['...']
  repeat_interval: 1h
  routes:
  - match: {severity: page}
    receiver: page
    group_wait: 0s
- match: {audit: 'yes'}
  continue: true
  receiver: audit
- matchers: [audit=yes, team!=x]
  mute_time_intervals: [nights]
";

    fn check(labels: &[(&str, &str)], expected: &[(&str, &str)]) {
        let labels: LabelSet =
            labels.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        let root = read(TREE).unwrap();
        let found: Vec<(&str, &str)> =
            root.find(&labels).iter().map(|route| (&*route.receiver, &*route.key)).collect();
        assert_eq!(found, expected, "{labels:?}");
    }

    #[test]
    fn alerts_take_the_deepest_route_that_matches() {
        check(&[("a", "b")], &[("default", "{}")]);
        check(&[("service", "mysql")], &[("db", "{}/{service=~\"mysql|cassandra\"}")]);
        let deep = "{}/{service=~\"mysql|cassandra\"}/{severity=\"page\"}";
        check(&[("service", "mysql"), ("severity", "page")], &[("page", deep)]);
        let both = [("audit", "{}/{audit=\"yes\"}"), ("default", "{}/{audit=\"yes\",team!=\"x\"}")];
        check(&[("audit", "yes")], &both);
        check(&[("audit", "yes"), ("team", "x")], &both[..1]);
    }

    #[test]
    fn an_empty_list_of_labels_is_that_of_the_route_above() {
        let tree = "receiver: default\ngroup_by: [job]\nroutes: [{group_by: []}, {group_by: [a]}]";
        let root = read(tree).unwrap();
        assert_eq!(root.routes[0].group_by, root.group_by);
        assert_ne!(root.routes[1].group_by, root.group_by);
    }

    #[test]
    fn routes_inherit_but_mute_times_are_their_own() {
        let root = read(TREE).unwrap();
        let page = &root.routes[0].routes[0];
        assert_eq!(page.group_by, GroupBy::All);
        assert_eq!(page.group_wait, Duration::ZERO);
        assert_eq!(page.group_interval, Duration::from_secs(60));
        assert_eq!(page.repeat_interval, Duration::from_secs(3600));
        assert_eq!(root.routes[2].mute_time_intervals, ["nights"]);
        assert_eq!(root.walk().len(), 5);
        let ids: BTreeSet<&str> = root.walk().iter().map(|route| &*route.id).collect();
        assert_eq!(ids.len(), 5);
    }

    #[test]
    fn wrong_trees_are_refused_with_their_line() {
        let wrong = [
            ("group_by: [a]", 1),
            ("receiver: nobody", 1),
            ("receiver: db\nmatch: {a: b}", 1),
            ("receiver: db\ngroup_by: [a, '...']", 2),
            ("receiver: db\ngroup_by: [a, a]", 2),
            ("receiver: db\ngroup_interval: 0s", 1),
            ("receiver: db\ngroup_wait: soon", 2),
            ("receiver: db\nroutes:\n- matchers: ['a=~\"(\"']", 3),
            ("receiver: db\nroutes:\n- active_time_intervals: [days]", 3),
            ("receiver: db\nroutes:\n- {receiver: db}\n- {labels: {a: b}}", 4),
        ];
        for (text, line) in wrong {
            let fault = read(text).map(drop).unwrap_err();
            assert_eq!(fault.line, line, "{text}: {fault}");
        }
    }
}
