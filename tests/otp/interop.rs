//! A second opinion: `oathtool` of the OATH Toolkit.

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use tower_mfa::clock::Timestamp;
use tower_mfa::otp::{Algorithm, Counter, Digits, Hotp, Period, Secret, Totp};

use crate::tools;

const CASES: usize = 500;

#[test]
fn oathtool_shows_the_same_codes() {
    if !tools::installed(&["oathtool"]) {
        return;
    }
    let seed = std::env::var("TOWER_MFA_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(rand::random);
    let mut rng = SmallRng::seed_from_u64(seed);
    let cases: Vec<_> = (0..CASES).map(|_| Case::draw(&mut rng)).collect();
    // One process a case; two at a time halve the waiting.
    std::thread::scope(|scope| {
        for half in cases.chunks(CASES / 2) {
            scope.spawn(move || {
                for case in half {
                    assert_eq!(case.ours(), case.theirs(), "TOWER_MFA_SEED={seed}: {case:?}");
                }
            });
        }
    });
}

#[derive(Debug)]
struct Case {
    key: Vec<u8>,
    algorithm: Algorithm,
    digits: u8,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Totp { now: u32, period: u32 },
    Hotp { counter: u64 },
}

impl Case {
    fn draw(rng: &mut SmallRng) -> Self {
        let totp = rng.random_bool(0.7);
        let kind = match totp {
            true => Kind::Totp { now: rng.random(), period: rng.random_range(1..=120) },
            false => Kind::Hotp { counter: rng.random::<u64>() >> rng.random_range(1..64) },
        };
        Self {
            key: (0..rng.random_range(16..=128)).map(|_| rng.random()).collect(),
            // Of HOTP, oathtool knows SHA-1 alone.
            algorithm: if totp { Algorithm::ALL[rng.random_range(0..3)] } else { Algorithm::Sha1 },
            digits: rng.random_range(6..=8),
            kind,
        }
    }

    fn ours(&self) -> String {
        let (secret, digits) = (Secret::from_bytes(&self.key).unwrap(), Digits::new(self.digits).unwrap());
        let code = match self.kind {
            Kind::Totp { now, period } => {
                let totp = Totp::default()
                    .with_algorithm(self.algorithm)
                    .with_digits(digits)
                    .with_period(Period::new(period).unwrap());
                totp.code_at(&secret, totp.step_at(Timestamp::from_secs(now.into())).unwrap())
            }
            Kind::Hotp { counter } => {
                let hotp = Hotp::default().with_algorithm(self.algorithm).with_digits(digits);
                hotp.code_at(&secret, Counter::new(counter))
            }
        };
        code.expose().to_owned()
    }

    fn theirs(&self) -> String {
        let mut arguments = vec![format!("--digits={}", self.digits)];
        match self.kind {
            Kind::Totp { now, period } => arguments.extend([
                format!("--totp={}", self.algorithm.name().to_lowercase()),
                format!("--now=@{now}"),
                format!("--time-step-size={period}s"),
            ]),
            Kind::Hotp { counter } => arguments.extend(["--hotp".into(), format!("--counter={counter}")]),
        }
        arguments.push("-".into());
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        let key: String = self.key.iter().map(|byte| format!("{byte:02x}")).collect();
        String::from_utf8(tools::run("oathtool", &arguments, key.as_bytes())).unwrap().trim().to_owned()
    }
}
