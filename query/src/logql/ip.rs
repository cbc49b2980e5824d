//! IP addresses: one, a range, or a network.

use std::net::IpAddr;

/// The addresses that `ip("…")` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addresses {
    /// As written.
    pub text: String,
    first: IpAddr,
    last: IpAddr,
}

impl Addresses {
    /// `192.168.0.1`, `192.168.0.1-192.168.0.9` or `192.168.0.0/16`, of either family.
    pub fn new(text: &str) -> Result<Addresses, String> {
        let wrong = || format!("ip: {text:?} is not an address, a range of addresses or a network");
        let parse = |text: &str| text.trim().parse::<IpAddr>().map_err(|_| wrong());
        let (first, last) = if let Some((address, bits)) = text.split_once('/') {
            let bits: u32 = bits.parse().map_err(|_| wrong())?;
            network(parse(address)?, bits).ok_or_else(wrong)?
        } else if let Some((first, last)) = text.split_once('-') {
            (parse(first)?, parse(last)?)
        } else {
            (parse(text)?, parse(text)?)
        };
        if first.is_ipv4() != last.is_ipv4() || first > last {
            return Err(wrong());
        }
        Ok(Addresses { text: text.to_owned(), first, last })
    }

    pub fn holds(&self, address: IpAddr) -> bool {
        address.is_ipv4() == self.first.is_ipv4() && self.first <= address && address <= self.last
    }

    /// Whether `text` is one of the addresses.
    pub fn is(&self, text: &str) -> bool {
        text.parse().is_ok_and(|address| self.holds(address))
    }

    /// Whether one of the addresses stands somewhere in `line`.
    pub fn any_in(&self, line: &str) -> bool {
        let v4 = self.first.is_ipv4();
        let is_part = |c: char| {
            if v4 {
                c.is_ascii_digit() || c == '.'
            } else {
                c.is_ascii_hexdigit() || matches!(c, ':' | '.')
            }
        };
        let candidates = line.split(|c: char| !is_part(c)).filter(|text| !text.is_empty());
        candidates
            .into_iter()
            .any(|text| self.is(text.trim_end_matches('.')) || self.is(text.trim_end_matches(':')))
    }
}

/// The first and last address of a network.
fn network(address: IpAddr, bits: u32) -> Option<(IpAddr, IpAddr)> {
    match address {
        IpAddr::V4(address) => {
            let hosts =
                u32::MAX.checked_shr(bits).filter(|_| bits <= 32).or((bits == 32).then_some(0))?;
            let address = u32::from(address);
            Some((
                IpAddr::from((address & !hosts).to_be_bytes()),
                IpAddr::from((address | hosts).to_be_bytes()),
            ))
        }
        IpAddr::V6(address) => {
            let hosts = u128::MAX
                .checked_shr(bits)
                .filter(|_| bits <= 128)
                .or((bits == 128).then_some(0))?;
            let address = u128::from(address);
            Some((
                IpAddr::from((address & !hosts).to_be_bytes()),
                IpAddr::from((address | hosts).to_be_bytes()),
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_found_in_lines() {
        let cases = [
            ("10.0.0.1", "from 10.0.0.1:80", true),
            ("10.0.0.1", "from 110.0.0.1", false),
            ("10.0.0.1", "from 10.0.0.12", false),
            ("10.0.0.1", "from 10.0.0.1.", true),
            ("10.0.0.0/8", "a [10.200.3.4] b", true),
            ("10.0.0.0/8", "a 11.0.0.1 b", false),
            ("0.0.0.0/0", "a 11.0.0.1 b", true),
            ("10.0.0.1-10.0.0.9", "10.0.0.5", true),
            ("10.0.0.1-10.0.0.9", "10.0.0.10", false),
            ("10.0.0.7/32", "10.0.0.7", true),
            ("::1", "peer ::1 closed", true),
            ("2001:db8::/32", "[2001:db8:1::5]:443", true),
            ("2001:db8::/32", "[2001:db9:1::5]:443", false),
        ];
        for (addresses, line, expected) in cases {
            assert_eq!(
                Addresses::new(addresses).unwrap().any_in(line),
                expected,
                "{addresses} {line}"
            );
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in
            ["", "10.0.0", "10.0.0.0/33", "10.0.0.9-10.0.0.1", "10.0.0.1-::1", "x/8", "::/129"]
        {
            assert!(Addresses::new(text).is_err(), "{text}");
        }
    }
}
