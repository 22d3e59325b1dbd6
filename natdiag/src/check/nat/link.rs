//! Interfaces and routes, as far as they matter to a NAT.

/// An interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// Its name.
    pub name: String,
    /// Its MTU in octets.
    pub mtu: Option<u64>,
    /// Its own `rp_filter`.
    pub rp_filter: Option<u64>,
}

/// A route of IPv4, as `/proc/net/route` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Its interface.
    pub interface: String,
    /// Whether it leads anywhere.
    pub is_default: bool,
    /// Its own MTU; 0 for that of the interface.
    pub mtu: u64,
}

/// Route is usable, and is a refusal (include/uapi/linux/route.h).
const RTF_UP: u32 = 0x0001;
const RTF_REJECT: u32 = 0x0200;

/// Reads `/proc/net/route`: interface, destination, gateway, flags, two counters, metric, mask, MTU and more.
#[must_use]
pub fn routes(text: &str) -> Vec<Route> {
    let hex = |column: &str| u32::from_str_radix(column, 16).ok();
    let route = |line: &str| {
        let columns: Vec<_> = line.split_ascii_whitespace().collect();
        let [interface, destination, _, flags, _, _, _, mask, mtu, ..] = columns.as_slice() else {
            return None;
        };
        let flags = hex(flags)?;
        (flags & RTF_UP != 0 && flags & RTF_REJECT == 0).then_some(())?;
        Some(Route {
            interface: (*interface).to_owned(),
            is_default: hex(destination)? == 0 && hex(mask)? == 0,
            mtu: mtu.parse().ok()?,
        })
    };
    text.lines().skip(1).filter_map(route).collect()
}

/// Names of interfaces but loopback in `/proc/net/dev`.
#[must_use]
pub fn names(text: &str) -> Vec<String> {
    let name = |line: &str| Some(line.split_once(':')?.0.trim().to_owned());
    let names = text.lines().filter_map(name);
    names.filter(|name| name != "lo").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_that_refuse_or_are_down_lead_nowhere() {
        let head =
            "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n";
        for (row, want) in [
            (
                "eth0\t00000000\t0100000A\t0003\t0\t0\t100\t00000000\t1400\t0\t0",
                Some((true, 1400)),
            ),
            (
                "eth1\t0000000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0",
                Some((false, 0)),
            ),
            (
                "*\t00000000\t00000000\t0201\t0\t0\t0\t00000000\t0\t0\t0",
                None,
            ),
            (
                "eth0\t00000000\t00000000\t0000\t0\t0\t0\t00000000\t0\t0\t0",
                None,
            ),
            ("eth0\t00000000", None),
        ] {
            let found = routes(&format!("{head}{row}\n"));
            let found = found.first().map(|route| (route.is_default, route.mtu));
            assert_eq!(found, want, "{row}");
        }
    }

    #[test]
    fn names_are_what_stands_before_the_colon() {
        let text = "Inter-|   Receive\n face |bytes\n    lo: 1 2\n  eth0:3 4\n";
        assert_eq!(names(text), ["eth0"]);
    }
}
