//! A request to a key service, and its answer as JSON.

use ::http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

use crate::Done;

type Body = Full<axum::body::Bytes>;

#[derive(Clone)]
pub(crate) struct Service {
    base: String,
    client: Client<HttpConnector, Body>,
}

impl Service {
    pub(crate) fn at(base: String) -> Self {
        Self { base, client: Client::builder(TokioExecutor::new()).build_http() }
    }

    /// Posts JSON. What it says is not printed, nor is what comes back: keys are in it.
    pub(crate) async fn post(&self, path: &str, header: (&str, &str), body: &Value) -> Done<Value> {
        let request = Request::post(format!("{}{path}", self.base)).header(header.0, header.1);
        let request = request.header("content-type", "application/x-amz-json-1.1").body(body.to_string().into())?;
        self.ask(request).await
    }

    pub(crate) async fn get(&self, path: &str, header: (&str, &str)) -> Done<Value> {
        let request = Request::get(format!("{}{path}", self.base)).header(header.0, header.1);
        self.ask(request.body(Body::default())?).await
    }

    async fn ask(&self, request: Request<Body>) -> Done<Value> {
        let answer = self.client.request(request).await?;
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        if !status.is_success() {
            return Err(format!("the key service answered {status}").into());
        }
        Ok(serde_json::from_slice(&body)?)
    }
}

/// A member of an answer.
pub(crate) fn text<'a>(answer: &'a Value, pointer: &str) -> Done<&'a str> {
    answer.pointer(pointer).and_then(Value::as_str).ok_or_else(|| format!("no {pointer} in the answer").into())
}
