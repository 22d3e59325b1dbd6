//! Messages of rtnetlink (RFC 3549; rtnetlink(7)): a request, its replies, and their attributes.

use std::{
    io,
    os::fd::{AsRawFd, OwnedFd},
};

use bytes::Buf;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, socket,
};

/// `struct nlmsghdr`: length, type, flags, sequence number, port.
const HEADER_LEN: usize = 16;
/// `struct nlattr`: length and type.
const ATTRIBUTE_HEADER_LEN: usize = 4;
/// Messages and attributes begin at multiples of this (`NLMSG_ALIGNTO`, `NLA_ALIGNTO`).
const ALIGNMENT: usize = 4;
/// Bits of an attribute's type that are flags (`NLA_TYPE_MASK`).
const ATTRIBUTE_TYPE_MASK: u16 = 0x3fff;
/// The kernel packs replies into datagrams of at most this (`NLMSG_GOODSIZE` is below it everywhere).
const BUFFER_LEN: usize = 1 << 16;

/// A request.
#[derive(Clone, Debug)]
pub struct Request {
    message_type: u16,
    flags: u16,
    body: Vec<u8>,
}

impl Request {
    /// Asks for one thing, or orders one.
    #[must_use]
    pub fn one(message_type: u16) -> Self {
        Self::with_flags(message_type, libc::NLM_F_REQUEST | libc::NLM_F_ACK)
    }

    /// Asks for all things of a kind.
    #[must_use]
    pub fn dump(message_type: u16) -> Self {
        Self::with_flags(message_type, libc::NLM_F_REQUEST | libc::NLM_F_DUMP)
    }

    fn with_flags(message_type: u16, flags: i32) -> Self {
        Self {
            message_type,
            flags: u16::try_from(flags).unwrap_or(0),
            body: Vec::new(),
        }
    }

    /// Appends octets of the fixed part, or padding.
    #[must_use]
    pub fn octets(mut self, octets: &[u8]) -> Self {
        self.body.extend_from_slice(octets);
        self.body
            .resize(self.body.len().next_multiple_of(ALIGNMENT), 0);
        self
    }

    /// Appends an attribute.
    #[must_use]
    pub fn attribute(self, attribute_type: u16, value: &[u8]) -> Self {
        let len = u16::try_from(ATTRIBUTE_HEADER_LEN + value.len()).unwrap_or(u16::MAX);
        let [l0, l1] = len.to_ne_bytes();
        let [t0, t1] = attribute_type.to_ne_bytes();
        self.octets(&[l0, l1, t0, t1]).octets(value)
    }

    fn encode(&self) -> Vec<u8> {
        let len = u32::try_from(HEADER_LEN + self.body.len()).unwrap_or(u32::MAX);
        let mut message = Vec::with_capacity(HEADER_LEN + self.body.len());
        message.extend_from_slice(&len.to_ne_bytes());
        message.extend_from_slice(&self.message_type.to_ne_bytes());
        message.extend_from_slice(&self.flags.to_ne_bytes());
        // Sequence number and port: one request at a time, and the kernel knows the port.
        message.extend_from_slice(&[0; 8]);
        message.extend_from_slice(&self.body);
        message
    }
}

/// Sends a request and returns the bodies of the replies, in the network namespace of this thread.
///
/// # Errors
/// The kernel's, such as `ENODEV`, or those of the socket.
pub fn request(request: &Request) -> io::Result<Vec<Vec<u8>>> {
    let mut replies = Vec::new();
    exchange(SockProtocol::NetlinkRoute, request, &mut |body| {
        replies.push(body.to_vec());
    })?;
    Ok(replies)
}

/// Sends a request to one of netlink's families and hands over the body of each reply, in the network namespace of
/// this thread.
///
/// # Errors
/// The kernel's, such as `EPERM`, or those of the socket.
pub fn exchange(
    family: SockProtocol,
    request: &Request,
    take: &mut dyn FnMut(&[u8]),
) -> io::Result<()> {
    let socket: OwnedFd = socket(
        AddressFamily::Netlink,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        family,
    )?;
    send(socket.as_raw_fd(), &request.encode(), MsgFlags::empty())?;
    let mut buffer = vec![0; BUFFER_LEN];
    loop {
        let len = recv(socket.as_raw_fd(), &mut buffer, MsgFlags::empty())?;
        if read_replies(buffer.get(..len).unwrap_or_default(), take)? {
            return Ok(());
        }
    }
}

/// Reads the messages of one datagram. Returns whether the last has come.
fn read_replies(mut datagram: &[u8], take: &mut dyn FnMut(&[u8])) -> io::Result<bool> {
    while datagram.len() >= HEADER_LEN {
        let mut header = datagram;
        let len = header.get_u32_ne() as usize;
        let message_type = i32::from(header.get_u16_ne());
        let Some(mut body) = datagram.get(HEADER_LEN..len) else {
            break;
        };
        match message_type {
            libc::NLMSG_DONE => return Ok(true),
            libc::NLMSG_ERROR => {
                return match body.try_get_i32_ne() {
                    Ok(0) => Ok(true),
                    Ok(errno) => Err(io::Error::from_raw_os_error(-errno)),
                    Err(_) => Err(io::ErrorKind::UnexpectedEof.into()),
                };
            }
            _ => take(body),
        }
        datagram = datagram
            .get(len.next_multiple_of(ALIGNMENT)..)
            .unwrap_or_default();
    }
    Ok(false)
}

/// The attributes in these octets, each with its type and value.
pub fn attributes(mut octets: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let mut header = octets;
        let len = usize::from(header.try_get_u16_ne().ok()?);
        let attribute_type = header.try_get_u16_ne().ok()? & ATTRIBUTE_TYPE_MASK;
        let value = octets.get(ATTRIBUTE_HEADER_LEN..len)?;
        octets = octets
            .get(len.next_multiple_of(ALIGNMENT)..)
            .unwrap_or_default();
        Some((attribute_type, value))
    })
}

/// The value of one attribute.
#[must_use]
pub fn attribute(octets: &[u8], attribute_type: u16) -> Option<&[u8]> {
    attributes(octets).find_map(|(found, value)| (found == attribute_type).then_some(value))
}

/// An attribute that is a text, which ends with a zero octet.
#[must_use]
pub fn text(octets: &[u8], attribute_type: u16) -> Option<String> {
    let value = attribute(octets, attribute_type)?;
    let text = value.split(|octet| *octet == 0).next()?;
    String::from_utf8(text.to_vec()).ok()
}

/// An attribute that is a number of 32 bits.
#[must_use]
pub fn number(octets: &[u8], attribute_type: u16) -> Option<u32> {
    attribute(octets, attribute_type)?.try_get_u32_ne().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_read_as_they_were_written() {
        let request = Request::one(0)
            .attribute(3, b"veth0\0")
            .attribute(4, &7_u32.to_ne_bytes());
        assert_eq!(text(&request.body, 3).as_deref(), Some("veth0"));
        assert_eq!(number(&request.body, 4), Some(7));
        assert_eq!(number(&request.body, 3), Some(u32::from_ne_bytes(*b"veth")));
        assert_eq!(attribute(&request.body, 5), None);
    }

    #[test]
    fn attributes_end_where_a_length_is_wrong() {
        for len in [0_u16, 3, 9] {
            let [l0, l1] = len.to_ne_bytes();
            assert_eq!(attributes(&[l0, l1, 1, 0, 5, 5, 5, 5]).count(), 0, "{len}");
        }
    }

    #[test]
    fn an_error_reply_is_an_error() {
        let error = u16::try_from(libc::NLMSG_ERROR).unwrap();
        let mut reply = Request::one(error)
            .octets(&(-libc::ENODEV).to_ne_bytes())
            .encode();
        let error = read_replies(&reply, &mut |_| {}).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ENODEV));
        reply.truncate(HEADER_LEN + 2);
        assert!(!read_replies(&reply, &mut |_| {}).unwrap());
    }
}
