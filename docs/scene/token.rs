// What the examples in the documentation take as given: an issuer's key, and a token that it has issued to
// Alice for a password and a code, at 1,800,000,000. Included where it is needed; part of no build.

use tower_mfa::assurance::Authentication;
use tower_mfa::clock::Timestamp;
use tower_mfa::token::{KeySet, Verifier};

pub const JWKS: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;

pub const TOKEN: &str = concat!(
    "eyJhbGciOiJFZERTQSIsImtpZCI6ImtQcktfcW14VldhWVZBOXd3QkY2SXVvM3ZWeno3VHhIQ1R3WEJ5Z3JTNGsiLC",
    "J0eXAiOiJhdCtqd3QifQ.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJzdWIiOiJhbGljZSIsImF1ZCI6ImFwa",
    "SIsImNsaWVudF9pZCI6IndlYiIsImV4cCI6MTgwMDAwMDkwMCwiaWF0IjoxODAwMDAwMDAwLCJqdGkiOiJkTVlvNlF",
    "wSTR3UnBhRnVPQlVyRldRIiwic2lkIjoiZnNvaGt0SlN5QlFIMWJHWUFHeWNYZyIsImF1dGhfdGltZSI6MTgwMDAwM",
    "DAwMCwiYWNyIjoiYWFsMiIsImFtciI6WyJwd2QiLCJvdHAiLCJtZmEiLCJ0b3RwIl0sImV2aWRlbmNlIjpbeyJ0eXB",
    "lIjoidG90cCIsImF0IjoxODAwMDAwMDAwfSx7InR5cGUiOiJwd2QiLCJhdCI6MTgwMDAwMDAwMH1dfQ.nslVnuEsPj",
    "x6su07GPl6QNt-0vA6P_6Wro9WdLeIbWBHzpwzmwtp4_5oWv7wM9W_ri3aCmkgGdarCGanwSzMAg",
);

pub fn verifier() -> Verifier {
    Verifier::new("https://id.example", "api", KeySet::from_jwks(JWKS).unwrap()).unwrap()
}

/// What the token says, 100 seconds later.
pub fn verified() -> Authentication {
    verifier().verify(TOKEN, Timestamp::from_secs(1_800_000_100)).unwrap()
}
