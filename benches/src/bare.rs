//! The least that a step can cost: the same work with nothing around it.

use std::path::Path;

use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Row as _};

/// The claims of a token, owned, as a program would keep them.
#[derive(Debug, Deserialize)]
pub struct Claims {
    pub iss: String,
    pub sub: String,
    pub aud: String,
    pub client_id: String,
    pub exp: u64,
    pub iat: u64,
    pub jti: String,
    pub sid: String,
    pub auth_time: u64,
    pub acr: String,
    pub amr: Vec<String>,
    pub evidence: Vec<Proof>,
    #[serde(default)]
    pub roles: Vec<String>,
    #[serde(default)]
    pub scope: String,
}

#[derive(Debug, Deserialize)]
pub struct Proof {
    pub r#type: String,
    pub at: u64,
}

#[derive(Debug, Deserialize)]
pub struct Header {
    pub alg: String,
    pub kid: String,
    pub typ: String,
}

/// Checks one signature with a key parsed once and parses header and claims. It asks for nothing
/// else: no issuer, no audience, no time.
pub fn verify(key: &ParsedPublicKey, token: &str) -> (Header, Claims) {
    let (message, signature) = token.rsplit_once('.').unwrap();
    let (header, claims) = message.split_once('.').unwrap();
    let header = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
    key.verify_sig(message.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap()).unwrap();
    (header, serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap())
}

/// The public key of an RSA key in a JWK Set.
#[must_use]
pub fn rsa_key(jwks: &str) -> ParsedPublicKey {
    let set: serde_json::Value = serde_json::from_str(jwks).unwrap();
    let member = |name: &str| URL_SAFE_NO_PAD.decode(set["keys"][0][name].as_str().unwrap()).unwrap();
    let components = aws_lc_rs::signature::RsaPublicKeyComponents { n: member("n"), e: member("e") };
    components.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256).unwrap()
}

/// One table with a row for each subject, read and then updated on condition: nothing else.
#[derive(Debug)]
pub struct Rows(SqliteConnection);

impl Rows {
    /// Opens the file as durably as the crate's store does.
    pub async fn open(path: &Path) -> Self {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .disable_statement_logging();
        let mut rows = Self(options.connect().await.unwrap());
        let table = "CREATE TABLE rows (id TEXT NOT NULL PRIMARY KEY, revision BLOB NOT NULL, document TEXT NOT NULL)";
        sqlx::raw_sql(table).execute(&mut rows.0).await.unwrap();
        rows
    }

    pub async fn insert(&mut self, id: &str, document: &str) {
        let insert = sqlx::query("INSERT INTO rows VALUES ($1, $2, $3)").bind(id).bind(&[0_u8; 16][..]).bind(document);
        insert.execute(&mut self.0).await.unwrap();
    }

    /// Reads a row and writes it again if it is still the one that was read.
    pub async fn turn(&mut self, id: &str, revision: [u8; 16]) {
        let row = sqlx::query("SELECT revision, document FROM rows WHERE id = $1").bind(id);
        let row = row.fetch_one(&mut self.0).await.unwrap();
        let (old, document) = (row.get::<Vec<u8>, _>(0), row.get::<String, _>(1));
        let update = "UPDATE rows SET revision = $1, document = $2 WHERE id = $3 AND revision = $4";
        let update = sqlx::query(update).bind(&revision[..]).bind(document).bind(id).bind(old);
        assert_eq!(update.execute(&mut self.0).await.unwrap().rows_affected(), 1);
    }
}
