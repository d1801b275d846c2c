//! What single steps cost: `cargo bench -p tower-mfa-benches --bench steps`.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use tower_mfa::clock::Timestamp;
use tower_mfa::entropy::SystemEntropy;
use tower_mfa::otp::{Code, Digits, OtpauthUri, Secret, Totp, Window};
use tower_mfa::recovery_code::{Count, Draft, Format, Scheme, Typed, derive};
use tower_mfa::store::MemoryStore;
use tower_mfa::token::{Algorithm, Verifier};
use tower_mfa_benches::Turned;
use tower_mfa_benches::scene::{AUDIENCE, ISSUER, Scene};

const RAW: &[u8] = b"12345678901234567890";

fn otp(c: &mut Criterion) {
    let (secret, now) = (Secret::from_bytes(RAW).unwrap(), Timestamp::from_secs(1_800_000_015));
    let code = Code::parse("000000", Digits::SIX).unwrap();
    c.bench_function("otp/verify a wrong code, ±1", |b| {
        b.iter(|| Totp::default().verify(&secret, black_box(&code), now, Window::default(), None));
    });
    let uri = OtpauthUri::totp("Example", "alice@example.com", secret.clone(), Totp::default()).unwrap();
    c.bench_function("otp/print a key URI", |b| b.iter(|| uri.print()));
    let text = uri.print();
    c.bench_function("otp/parse a key URI", |b| b.iter(|| OtpauthUri::parse(black_box(text.expose()))));
}

fn recovery_code(c: &mut Criterion) {
    let draft = Draft::generate(Count::new(1).unwrap(), Format::default(), Scheme::default(), &SystemEntropy).unwrap();
    let (set, codes) = draft.hash(Timestamp::EPOCH).unwrap();
    let typed = Typed::parse(codes[0].expose(), set.format()).unwrap();
    let preimage = set.prepare(typed.slot());
    let mut group = c.benchmark_group("recovery_code");
    group.sample_size(20);
    group.bench_function("hash one attempt", |b| b.iter(|| derive(&typed, &preimage)));
    group.finish();
}

fn token(c: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for algorithm in [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa] {
        let clock = Turned::at(1_800_000_000);
        let scene = runtime.block_on(Scene::set(MemoryStore::new(), algorithm, clock));
        let tokens = runtime.block_on(scene.sign_in());
        let (token, now) = (tokens.access_token().expose(), scene.clock.read());
        let fresh = Verifier::new(ISSUER, AUDIENCE, scene.keys.clone()).unwrap().with_cache_capacity(0);
        c.bench_function(&format!("token/verify {}, nothing remembered", algorithm.name()), |b| {
            b.iter(|| fresh.verify(black_box(token), now).unwrap());
        });
        if algorithm == Algorithm::Rs256 {
            c.bench_function("token/verify RS256, remembered", |b| {
                b.iter(|| scene.mfa.authenticate(black_box(token)).unwrap());
            });
        }
    }
}

criterion_group!(steps, otp, recovery_code, token);
criterion_main!(steps);
