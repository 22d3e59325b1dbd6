//! The interface of the default route (proc(5): `/proc/net/route`, `/proc/net/ipv6_route`).

use std::{fs, io};

const IPV4_ROUTES: &str = "/proc/net/route";
const IPV6_ROUTES: &str = "/proc/net/ipv6_route";

/// Route is usable, and is a refusal (include/uapi/linux/route.h).
const RTF_UP: u32 = 0x0001;
const RTF_REJECT: u32 = 0x0200;

/// The interface that packets to anywhere take: of IPv4, else of IPv6.
///
/// # Errors
/// The kernel's tables cannot be read. A kernel without IPv6 has no table of it, which is no error.
pub fn default_interface() -> io::Result<Option<String>> {
    if let Some(interface) = ipv4_default(&fs::read_to_string(IPV4_ROUTES)?) {
        return Ok(Some(interface));
    }
    match fs::read_to_string(IPV6_ROUTES) {
        Ok(routes) => Ok(ipv6_default(&routes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Columns: interface, destination, gateway, flags, two counters, metric, mask, MTU, window, round trip.
fn ipv4_default(routes: &str) -> Option<String> {
    best(routes.lines().skip(1).filter_map(|line| {
        let mut columns = line.split_ascii_whitespace();
        let interface = columns.next()?;
        let destination = hex(columns.next()?)?;
        let flags = hex(columns.nth(1)?)?;
        let metric = columns.nth(2)?.parse().ok()?;
        let mask = hex(columns.next()?)?;
        (destination == 0 && mask == 0 && is_usable(flags)).then_some((metric, interface))
    }))
}

/// Columns: destination, prefix length, source, prefix length, next hop, metric, two counters, flags, interface.
fn ipv6_default(routes: &str) -> Option<String> {
    best(routes.lines().filter_map(|line| {
        let mut columns = line.split_ascii_whitespace();
        let anywhere = columns.next()?.bytes().all(|digit| digit == b'0');
        let prefix_len = hex(columns.next()?)?;
        let metric = hex(columns.nth(3)?)?;
        let flags = hex(columns.nth(2)?)?;
        let interface = columns.next()?;
        let is_default = anywhere && prefix_len == 0 && is_usable(flags) && interface != "lo";
        is_default.then_some((metric, interface))
    }))
}

/// The interface with the smallest metric.
fn best<'a>(routes: impl Iterator<Item = (u32, &'a str)>) -> Option<String> {
    let (_, interface) = routes.min_by_key(|(metric, _)| *metric)?;
    Some(interface.to_owned())
}

const fn is_usable(flags: u32) -> bool {
    flags & RTF_UP != 0 && flags & RTF_REJECT == 0
}

fn hex(digits: &str) -> Option<u32> {
    u32::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const V4_HEADER: &str =
        "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n";

    #[test]
    fn the_default_route_with_the_smallest_metric_counts() {
        let routes = format!(
            "{V4_HEADER}eth0\t0002A8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0\n\
             eth1\t00000000\t0102A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0\n\
             eth0\t00000000\t0102A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n"
        );
        assert_eq!(ipv4_default(&routes).as_deref(), Some("eth0"));
    }

    #[test]
    fn half_of_everything_is_no_default_route() {
        let routes =
            format!("{V4_HEADER}tun0\t00000000\t00000000\t0001\t0\t0\t0\t00000080\t0\t0\t0\n");
        assert_eq!(ipv4_default(&routes), None);
    }

    #[test]
    fn a_refusal_is_no_default_route() {
        let zero = "0".repeat(32);
        let refusal =
            format!("{zero} 00 {zero} 00 {zero} ffffffff 00000001 00000000 00200200       lo\n");
        assert_eq!(ipv6_default(&refusal), None);
        let route = format!(
            "{zero} 00 {zero} 00 fe800000000000000000000000000001 00000400 00000001 00000000 00000003     eth0\n"
        );
        assert_eq!(ipv6_default(&(refusal + &route)).as_deref(), Some("eth0"));
    }
}
