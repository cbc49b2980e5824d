//! Peers: what a span says of the other side of a call that sent no span of its own.

/// How two sides are connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Connection {
    Rpc,
    Messaging,
    Database,
}

impl Connection {
    pub fn name(self) -> &'static str {
        match self {
            Connection::Rpc => "rpc",
            Connection::Messaging => "messaging",
            Connection::Database => "database",
        }
    }

    pub fn from_name(name: &str) -> Option<Connection> {
        [Connection::Rpc, Connection::Messaging, Connection::Database]
            .into_iter()
            .find(|connection| connection.name() == name)
    }
}

/// The other side of a call, as far as the attributes tell.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Peer {
    pub name: Box<[u8]>,
    pub connection: Connection,
}

/// The attributes that name a peer, of OpenTelemetry's semantic conventions, newest names before older ones.
pub(crate) const PEER_KEYS: [&str; 10] = [
    "peer.service",
    "db.system.name",
    "db.system",
    "db.namespace",
    "db.name",
    "messaging.system",
    "messaging.destination.name",
    "messaging.destination",
    "server.address",
    "net.peer.name",
];

/// The values of [`PEER_KEYS`] on one span.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct PeerValues<'a>(pub [Option<&'a [u8]>; PEER_KEYS.len()]);

impl PeerValues<'_> {
    /// Who the other side is; `None` when nothing tells. A peer named outright is that service; a database is its system
    /// and its namespace (unless that is only a number) or address, a queue its system and destination.
    pub fn peer(&self) -> Option<Peer> {
        let value = |index: usize| self.0[index].filter(|value| !value.is_empty());
        let address = value(8).or(value(9));
        let database = value(1).or(value(2));
        let namespace = value(3).or(value(4));
        // Redis numbers its databases.
        let telling = namespace.filter(|name| !name.iter().all(u8::is_ascii_digit));
        let messaging = value(5);
        let connection = match (database, messaging) {
            (Some(_), _) => Connection::Database,
            (None, Some(_)) => Connection::Messaging,
            (None, None) => Connection::Rpc,
        };
        let joined = |system: &[u8], within: Option<&[u8]>| match within {
            Some(within) => [system, b":", within].concat(),
            None => system.to_vec(),
        };
        let name = match (value(0), database, messaging) {
            (Some(service), _, _) => service.to_vec(),
            (None, Some(system), _) => joined(system, telling.or(address).or(namespace)),
            (None, None, Some(system)) => joined(system, value(6).or(value(7)).or(address)),
            (None, None, None) => address?.to_vec(),
        };
        Some(Peer { name: name.into(), connection })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(attributes: &[(&str, &str)], expected: Option<(&str, Connection)>) {
        let mut values = PeerValues::default();
        for (key, value) in attributes {
            let index = PEER_KEYS.iter().position(|known| known == key).unwrap();
            values.0[index] = Some(value.as_bytes());
        }
        let found = values.peer();
        let found = found.as_ref().map(|p| (std::str::from_utf8(&p.name).unwrap(), p.connection));
        assert_eq!(found, expected, "{attributes:?}");
    }

    #[test]
    fn a_peer_is_named_by_the_most_telling_attributes() {
        use Connection::{Database, Messaging, Rpc};
        check(&[], None);
        check(&[("server.address", "")], None);
        check(&[("db.namespace", "orders")], None);
        check(&[("server.address", "10.0.0.1")], Some(("10.0.0.1", Rpc)));
        check(&[("net.peer.name", "old"), ("peer.service", "pay")], Some(("pay", Rpc)));
        check(&[("db.system", "redis")], Some(("redis", Database)));
        check(
            &[("db.system.name", "postgresql"), ("db.name", "orders"), ("server.address", "db")],
            Some(("postgresql:orders", Database)),
        );
        check(&[("db.system", "redis"), ("server.address", "c")], Some(("redis:c", Database)));
        check(
            &[("db.system", "redis"), ("server.address", "c"), ("db.namespace", "0")],
            Some(("redis:c", Database)),
        );
        check(&[("db.system", "redis"), ("db.name", "0")], Some(("redis:0", Database)));
        check(
            &[("messaging.system", "kafka"), ("messaging.destination.name", "paid")],
            Some(("kafka:paid", Messaging)),
        );
        check(&[("messaging.system", "kafka"), ("peer.service", "q")], Some(("q", Messaging)));
    }
}
