//! `--rate-limit`: requests of one address, by the generic cell rate algorithm.
//!
//! One time for each address that has used a part of its burst.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::text::{parse_count, parse_rate};

/// A lower rate is probably a mistake: one request in 17 minutes.
const RATE_MIN: f64 = 0.001;

/// Rate and burst of one IPv4 address or IPv6 /64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Time of one request.
    interval: Duration,
    /// Requests at once.
    burst: u32,
}

impl RateLimit {
    /// Parses `10/s`, with a burst of one second, or `10/s,50`.
    ///
    /// # Errors
    /// Expected syntax.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let (rate, burst) = text.split_once(',').map_or((text, None), |(rate, burst)| (rate, Some(burst)));
        let rate = parse_rate(rate, false)?;
        let burst = burst.map_or(Ok(rate.ceil().max(1.0) as u64), parse_count)?;
        match u32::try_from(burst) {
            _ if rate < RATE_MIN => Err("the rate must be at least 0.001/s"),
            Ok(burst) => Ok(Self { interval: Duration::from_secs_f64(1.0 / rate), burst }),
            Err(_) => Err("the burst must be below 4 billion"),
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct RequestRates(Mutex<HashMap<IpAddr, Instant>>);

impl RequestRates {
    /// `Err`: no request until so long from now.
    pub(crate) fn admit(&self, ip: IpAddr, limit: RateLimit, now: Instant) -> Result<(), Duration> {
        let burst_time = limit.interval * limit.burst;
        let mut used_until = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if used_until.len() == used_until.capacity() {
            used_until.retain(|_, until| *until > now);
        }
        let until = used_until.entry(address_network(ip)).or_insert(now);
        let next = (*until).max(now) + limit.interval;
        match next.saturating_duration_since(now + burst_time) {
            Duration::ZERO => *until = next,
            wait => return Err(wait),
        }
        Ok(())
    }
}

/// An IPv4 address, or the /64 of an IPv6 address: what one subscriber has.
pub(crate) fn address_network(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64).into(),
        ip => ip,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn burst_then_rate_is_admitted_for_each_address() {
        let (rates, start) = (RequestRates::default(), Instant::now());
        let limit = RateLimit::parse("4/s,3").expect("a limit");
        let admit =
            |host, ms| rates.admit([192, 0, 2, host].into(), limit, start + Duration::from_millis(ms));
        assert_eq!([(); 3].map(|()| admit(1, 0)), [Ok(()); 3]);
        assert_eq!(admit(1, 0), Err(Duration::from_millis(250)));
        assert_eq!(admit(1, 100), Err(Duration::from_millis(150)));
        assert_eq!(admit(2, 100), Ok(()));
        assert_eq!([admit(1, 250), admit(1, 499), admit(1, 500)].map(|one| one.is_ok()), [true, false, true]);
        assert_eq!([(); 4].map(|()| admit(1, 10_000).is_ok()), [true, true, true, false]);
    }

    #[test]
    fn addresses_that_may_burst_again_are_forgotten() {
        let (rates, start) = (RequestRates::default(), Instant::now());
        let limit = RateLimit::parse("1000").expect("a limit");
        for number in 0..100_000_u32 {
            let now = start + Duration::from_millis(number.into());
            rates.admit(std::net::Ipv4Addr::from(number).into(), limit, now).expect("its first");
        }
        assert!(rates.0.lock().expect("a table").len() < 100);
    }

    #[test]
    fn rate_limit_syntax_is_rate_and_burst() {
        for (text, ms, burst) in [("10/s", 100, 10), ("0.5/s", 2000, 1), ("10/s,50", 100, 50), ("8", 125, 8)]
        {
            let interval = Duration::from_millis(ms);
            assert_eq!(RateLimit::parse(text), Ok(RateLimit { interval, burst }), "{text}");
        }
        for text in ["", "0", "10/s,0", "10/s,", "x", "10/s,x", "10/s,5000000000", "0.0001"] {
            assert!(RateLimit::parse(text).is_err(), "{text}");
        }
    }
}
