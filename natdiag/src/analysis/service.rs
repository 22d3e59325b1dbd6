//! What well-known TCP ports are used for: those that an operator meets on the far side of a NAT, by the names that
//! operators know. A table rather than `/etc/services`, so that a report from a bare container, and one of a capture
//! that is read elsewhere, say the same.

use std::fmt;

/// Ports and names, by port.
const SERVICES: &[(u16, &str)] = &[
    (21, "ftp"),
    (22, "ssh"),
    (23, "telnet"),
    (25, "smtp"),
    (43, "whois"),
    (53, "dns"),
    (80, "http"),
    (88, "kerberos"),
    (110, "pop3"),
    (143, "imap"),
    (179, "bgp"),
    (389, "ldap"),
    (443, "https"),
    (445, "smb"),
    (465, "submissions"),
    (554, "rtsp"),
    (587, "submission"),
    (636, "ldaps"),
    (853, "dns-over-tls"),
    (873, "rsync"),
    (989, "ftps-data"),
    (990, "ftps"),
    (993, "imaps"),
    (995, "pop3s"),
    (1194, "openvpn"),
    (1433, "mssql"),
    (1521, "oracle"),
    (1723, "pptp"),
    (1883, "mqtt"),
    (2049, "nfs"),
    (2181, "zookeeper"),
    (2375, "docker"),
    (2376, "docker"),
    (2379, "etcd-client"),
    (2380, "etcd-server"),
    (3128, "squid"),
    (3306, "mysql"),
    (3389, "rdp"),
    (4369, "epmd"),
    (5060, "sip"),
    (5061, "sips"),
    (5222, "xmpp-client"),
    (5432, "postgresql"),
    (5671, "amqps"),
    (5672, "amqp"),
    (5900, "vnc"),
    (6379, "redis"),
    (6443, "kubernetes"),
    (6514, "syslog-tls"),
    (8080, "http-alt"),
    (8443, "https-alt"),
    (8883, "secure-mqtt"),
    (9042, "cassandra"),
    (9092, "kafka"),
    (9200, "elasticsearch"),
    (9418, "git"),
    (10250, "kubelet"),
    (11211, "memcached"),
    (27017, "mongodb"),
];

/// A TCP port, shown with the service that it is known for: `443 (https)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Port(pub u16);

impl Port {
    /// What it is known for, if anything.
    #[must_use]
    pub fn service(self) -> Option<&'static str> {
        let place = SERVICES.binary_search_by_key(&self.0, |(port, _)| *port);
        SERVICES.get(place.ok()?).map(|(_, name)| *name)
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.service() {
            Some(service) => write!(f, "{} ({service})", self.0),
            None => self.0.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn port_is_shown_with_its_service() {
        assert_eq!(Port(443).to_string(), "443 (https)");
        assert_eq!(Port(20296).to_string(), "20296");
    }

    #[test]
    fn every_port_of_the_table_is_found() {
        for (port, service) in SERVICES {
            assert_eq!(Port(*port).service(), Some(*service), "{port}");
        }
    }
}
