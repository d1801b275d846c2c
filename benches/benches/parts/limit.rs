use std::net::{IpAddr, Ipv6Addr};
use std::time::Instant;

use tokio::runtime::Runtime;
use tower_mfa::clock::Timestamp;
use tower_mfa::rate_limit::{Budget, InProcess, Quota, RateLimit, Taken};
use tower_mfa_benches::{Report, median};

use super::us;

const TAKES: u32 = 1_000;

/// A take from the budgets of an address, of its /64 and its /48, in the process: each from a new one, the tables full.
pub fn measure(runtime: &Runtime, report: &mut Report) {
    runtime.block_on(async {
        let (limit, now) = (InProcess::default(), Timestamp::from_secs(1_800_000_000));
        let quotas = [30, 120, 3_000].map(|burst| Quota::new(burst, 300).unwrap());
        let mut number = 0_u64;
        let mut next = || {
            number += 1;
            // Another /48 each time, and another host in it.
            let address =
                IpAddr::V6(Ipv6Addr::from_bits((0x2001_0db8 << 96) | u128::from(number) << 80 | u128::from(number)));
            let [own, link, site] = quotas;
            let all = [
                Some(Budget::address(address, own)),
                Budget::network64(address, link),
                Budget::network48(address, site),
            ];
            all.map(Option::unwrap)
        };
        for _ in 0..200_000 {
            let _ = limit.take(&next(), now).await.unwrap();
        }
        let (mut times, mut granted) = (Vec::new(), 0);
        for _ in 0..400 {
            let begun = Instant::now();
            for _ in 0..TAKES {
                granted += u32::from(limit.take(&next(), now).await.unwrap() == Taken::Granted);
            }
            times.push(begun.elapsed() / TAKES);
        }
        let middle = us(median(&mut times));
        let details = format!("  slowest thousand {:.3} µs each; {granted} granted", us(*times.last().unwrap()));
        report.line("three budgets of an address that is new, tables full", middle, 1.0, "µs", details);
    });
}
