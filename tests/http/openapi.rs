//! The OpenAPI document: complete, valid, and true of every answer that any test of this suite gets.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, OnceLock};

use http::Method;
use jsonschema::Validator;
use serde_json::{Value, json};
use tower_mfa::policy::Login;
use tower_mfa::service::{Mfa, MfaBuilder};
use tower_mfa::store::MemoryStore;

use crate::admin::operator;
use crate::client::{Answer, Service, keys};
use crate::contract::{concrete, served};
use crate::document::ADMINISTRATION;

/// The document of a service, as a client's author reads it.
pub(crate) struct Document(Value);

impl Document {
    pub(crate) fn of(mfa: &Mfa) -> Self {
        Self(serde_json::from_str(&mfa.openapi_json()).unwrap())
    }

    /// Every operation with its whole path, and what describes it.
    pub(crate) fn operations(&self) -> Vec<(String, &Value)> {
        let below = self.0["servers"][0]["url"].as_str().unwrap();
        let mut found = Vec::new();
        for (path, item) in self.0["paths"].as_object().unwrap() {
            let server = item["servers"][0]["url"].as_str().unwrap_or(below);
            for (method, operation) in item.as_object().unwrap() {
                if !["servers", "parameters"].contains(&&**method) {
                    let route = format!("{} {}{path}", method.to_uppercase(), server.trim_end_matches('/'));
                    found.push((route, operation));
                }
            }
        }
        found
    }

    /// The operation that a request means, if it means one.
    fn operation(&self, method: &Method, path: &str) -> Option<(String, &Value)> {
        let is_it = |route: &str| {
            let (verb, template) = route.split_once(' ').unwrap();
            let (wanted, parts) = (template.split('/'), path.split('/'));
            let fits = |(wanted, part): (&str, &str)| wanted == part || wanted.starts_with('{') && !part.is_empty();
            verb == method.as_str() && wanted.clone().count() == parts.clone().count() && wanted.zip(parts).all(fits)
        };
        self.operations().into_iter().find(|(route, _)| is_it(route))
    }

    fn resolved<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str() {
            Some(reference) => {
                self.0.pointer(reference.trim_start_matches('#')).unwrap_or_else(|| panic!("{reference}"))
            }
            None => value,
        }
    }

    /// A schema with all it refers to, and with objects that have no other members than it lists:
    /// clients ignore what they do not know, but nothing undocumented is to be answered.
    fn closed(&self, schema: &Value) -> Validator {
        let mut root = json!({"allOf": [schema], "components": {"schemas": self.0["components"]["schemas"]}});
        close(&mut root);
        jsonschema::draft202012::new(&root).unwrap_or_else(|error| panic!("{error}: {schema}"))
    }

    /// Holds an answer against what is said of it. Returns the operation and the status, as they
    /// stand in the document; `None` where nothing is said of that address.
    #[track_caller]
    pub(crate) fn holds(&self, method: &Method, path: &str, answer: &Answer) -> Option<String> {
        if path == "/login" && answer.status == 200 {
            return Some(self.fits("login", &json!({"$ref": "#/components/schemas/LoginOutcome"}), answer));
        }
        let (route, operation) = self.operation(method, path)?;
        let place = format!("{route} {}", answer.status.as_u16());
        let response = self.resolved(&operation["responses"][answer.status.as_str()]);
        assert!(response.is_object(), "{place} is not documented: {}", answer.body);
        for (name, header) in response["headers"].as_object().into_iter().flatten() {
            assert!(header["required"] != true || answer.headers.contains_key(name), "{place}: no {name}");
        }
        let Some(content) = response["content"].as_object() else {
            assert!(answer.bytes.is_empty(), "{place} has no body");
            return Some(place);
        };
        let (media_type, content) = content.iter().next().unwrap();
        assert_eq!(answer.header("content-type"), media_type, "{place}");
        Some(self.fits(&place, &content["schema"], answer))
    }

    #[track_caller]
    fn fits(&self, place: &str, schema: &Value, answer: &Answer) -> String {
        // Compiled once for all services: they differ in names and cookies, not in bodies.
        static COMPILED: OnceLock<Mutex<HashMap<String, Arc<Validator>>>> = OnceLock::new();
        let key = format!("{place} {schema}");
        let compiled = COMPILED.get_or_init(Mutex::default).lock().unwrap().get(&key).cloned();
        let validator = compiled.unwrap_or_else(|| {
            let validator = Arc::new(self.closed(schema));
            COMPILED.get_or_init(Mutex::default).lock().unwrap().insert(key, validator.clone());
            validator
        });
        let wrong: Vec<String> =
            validator.iter_errors(&answer.body).map(|e| format!("{} at {}", e, e.instance_path())).collect();
        assert!(wrong.is_empty(), "{place} is described otherwise: {wrong:#?}");
        place.to_owned()
    }
}

fn close(schema: &mut Value) {
    if schema["type"] == "object" && schema.get("properties").is_some() {
        schema.as_object_mut().unwrap().entry("additionalProperties").or_insert(json!(false));
    }
    match schema {
        Value::Object(members) => members.values_mut().filter(|value| !value.is_string()).for_each(close),
        Value::Array(items) => items.iter_mut().filter(|value| !value.is_string()).for_each(close),
        _ => {}
    }
}

async fn document_over_http(s: &Service) -> Value {
    let answer = s.ask("GET /mfa/openapi.json", &[], None).await.is(200);
    assert_eq!(answer.header("content-type"), "application/json");
    answer.body
}

#[tokio::test]
async fn the_document_is_served_to_anybody_and_is_the_one_a_host_gets() {
    let s = Service::new(Login::IfEnrolled);
    let document = document_over_http(&s).await;
    assert_eq!(document.to_string(), s.mfa.openapi_json());
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["servers"], json!([{"url": "/mfa"}]));
    assert_eq!(s.store.calls(), 0, "it costs nothing to serve");
    let bad = s.ask("GET /mfa/openapi.json", &[("authorization", "Bearer nonsense")], None).await.is(200);
    assert_eq!(bad.body, document, "nor does it matter who asks");
}

#[test]
fn it_follows_the_service_it_is_of() {
    let plain = Service::with(Login::IfEnrolled, |b| b.cookies(false).mounted_at("/id/mfa"));
    let plain: Value = serde_json::from_str(&plain.mfa.openapi_json()).unwrap();
    assert_eq!(plain["servers"][0]["url"], "/id/mfa");
    assert_eq!(plain["paths"]["/.well-known/jwks.json"]["servers"][0]["url"], "/", "the keys are at the root");
    assert_eq!(plain["paths"][format!("{ADMINISTRATION}/explain")]["servers"][0]["url"], "/");
    let schemes = |document: &Value| document["components"]["securitySchemes"].as_object().unwrap().len();
    assert_eq!(schemes(&plain), 3);
    assert!(!plain.to_string().contains("Set-Cookie"), "no cookies, none spoken of");
    let refresh = |document: &Value| document["paths"]["/token/refresh"]["post"]["requestBody"]["required"].clone();
    assert_eq!(refresh(&plain), true, "there is no other place for the token");
    let all = Service::with(Login::IfEnrolled, |b| b.session_token_header(true));
    let all: Value = serde_json::from_str(&all.mfa.openapi_json()).unwrap();
    assert_eq!((schemes(&all), refresh(&all)), (6, json!(false)));
    assert_eq!(all["components"]["securitySchemes"]["sessionCookie"]["name"], "__Host-mfa");
    let asked = &all["paths"]["/status"]["get"]["security"];
    assert_eq!(*asked, json!([{"enrolment": []}, {"session": []}, {"sessionCookie": []}, {"sessionHeader": []}]));
    let classes = &all["components"]["schemas"]["OpenChallenge"]["properties"]["acr"]["enum"];
    assert_eq!(*classes, json!(["aal1", "aal2", "aal3", "phr", "phrh", null]));
}

#[test]
fn nothing_is_routed_beside_the_table() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/routes");
    let mut routing = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = if path.is_file() { std::fs::read_to_string(&path).unwrap() } else { String::new() };
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        routing.extend(text.matches(".route(").map(|_| name.clone()));
    }
    assert_eq!(routing, ["operation.rs"], "what is not in the table is not in the document");
}

/// Everything below `value`, and where it stands.
fn everywhere<'a>(value: &'a Value, at: String, found: &mut Vec<(String, &'a Value)>) {
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(name, value)| everywhere(value, format!("{at}/{name}"), found));
        }
        Value::Array(items) => items.iter().for_each(|item| everywhere(item, format!("{at}/*"), found)),
        _ => {}
    }
    found.push((at, value));
}

#[test]
fn the_document_refers_to_nothing_that_is_not_in_it_and_leaves_nothing_unsaid() {
    let s = Service::with(Login::IfEnrolled, |b| b.session_token_header(true));
    let document = Document::of(&s.mfa);
    let mut all = Vec::new();
    everywhere(&document.0, String::new(), &mut all);
    let mut used = BTreeSet::new();
    for (at, value) in all.iter().filter(|(at, _)| at.ends_with("/$ref")) {
        let reference = value.as_str().unwrap().trim_start_matches('#');
        assert!(document.0.pointer(reference).is_some(), "{at} refers to {value}");
        used.insert(reference.to_owned());
    }
    for (kind, used_elsewhere) in [("schemas", &["LoginOutcome"][..]), ("responses", &[])] {
        for name in document.0["components"][kind].as_object().unwrap().keys() {
            let pointer = format!("/components/{kind}/{name}");
            assert!(used.contains(&pointer) || used_elsewhere.contains(&&**name), "{pointer} is of no use");
        }
    }
    for (name, schema) in document.0["components"]["schemas"].as_object().unwrap() {
        assert!(jsonschema::meta::is_valid(schema), "{name} is no schema");
    }
    let (mut names, schemes) = (BTreeSet::new(), &document.0["components"]["securitySchemes"]);
    for (route, operation) in document.operations() {
        assert!(names.insert(operation["operationId"].as_str().unwrap()), "{route}: its name is another's");
        assert!(operation["summary"].as_str().unwrap().ends_with('.'), "{route}: a sentence");
        assert!(
            document.0["tags"].as_array().unwrap().iter().any(|tag| tag["name"] == operation["tags"][0]),
            "{route}"
        );
        for alternative in operation["security"].as_array().unwrap() {
            assert!(alternative.as_object().unwrap().keys().all(|name| schemes[name].is_object()), "{route}");
        }
        let needs_body = ["POST", "PATCH"].iter().any(|method| route.starts_with(method));
        assert_eq!(operation["requestBody"].is_object(), needs_body, "{route}");
        if let Some(body) = operation.pointer("/requestBody/content/application~1json/schema") {
            assert_eq!(document.resolved(body)["additionalProperties"], false, "{route} refuses unknown members");
        }
    }
}

#[test]
fn an_answer_with_a_member_too_many_or_too_few_is_found() {
    let s = Service::new(Login::IfEnrolled);
    let document = Document::of(&s.mfa);
    let fits = |body: &Value| document.closed(&json!({"$ref": "#/components/schemas/ChallengeOpened"})).is_valid(body);
    let offer = json!({"type": "recovery_code", "remaining": 3});
    let right = json!({"challenge_id": "AAAAAAAAAAAAAAAAAAAAAA", "expires_in": 300, "methods": [offer]});
    assert!(fits(&right));
    for (pointer, member, value) in [
        ("", "more", json!(1)),
        ("", "expires_in", json!("300")),
        ("", "challenge_id", json!("AAAAAAAAAAAAAAAAAAAAAB")),
        ("/methods/0", "more", json!(1)),
        ("/methods/0", "label", Value::Null),
        ("/methods/0", "type", json!("carrier_pigeon")),
    ] {
        let mut wrong = right.clone();
        wrong.pointer_mut(pointer).unwrap()[member] = value;
        assert!(!fits(&wrong), "{wrong}");
    }
    assert!(!fits(&json!({"challenge_id": "AAAAAAAAAAAAAAAAAAAAAA", "expires_in": 300})));
}

/// Every answer of every test is held against the document as it comes in; here every one that is
/// no refusal comes in once.
#[tokio::test]
async fn every_operation_gives_the_answers_that_are_described() {
    let s = Service::new(Login::IfEnrolled);
    s.ask("GET /.well-known/jwks.json", &[], None).await.is(200);
    document_over_http(&s).await;
    s.ask("GET /mfa/mfa.js", &[], None).await.is(200);
    crate::keys::everything_about_keys(&s).await;
    let alice = s.person("alice").await;
    for path in ["/mfa/status", "/mfa/sessions", "/mfa/events?limit=3"] {
        s.get(path, &alice.access).await.is(200);
    }
    let id = format!("/mfa/authenticators/{}", alice.id);
    s.call(Method::PATCH, &id, Some(&alice.access), Some(json!({"label": "tablet"}))).await.is(200);
    s.post("/mfa/recovery-codes", &alice.access, json!({})).await.is(200);
    s.post("/mfa/challenges", &alice.access, json!({"action": "transfer_funds"})).await.is(200);
    let bound = json!({"action": "transfer_funds", "bind": {"to": "bob", "amount": 5}, "state": {"form": 1}});
    let opened = s.post("/mfa/challenges", &alice.access, bound).await.is(201);
    s.get(&format!("/mfa/challenges/{}", opened.text("challenge_id")), &alice.access).await.is(200);
    let tablet = s.signed_in("alice", &alice.app).await;
    let sessions = s.get("/mfa/sessions", &tablet.text("access_token")).await.is(200);
    let other = sessions.body["items"].as_array().unwrap().iter().find(|item| item["current"] == false).unwrap();
    let other = format!("/mfa/sessions/{}", other["sid"].as_str().unwrap());
    s.delete(&other, &tablet.text("access_token")).await.is(204);
    let again = s.refresh(&tablet.text("refresh_token")).await.is(200);
    s.delete("/mfa/sessions", &again.text("access_token")).await.is(204);
    s.delete(&id, &again.text("access_token")).await.is(204);
    s.post("/mfa/disable", &again.text("access_token"), json!({})).await.is(204);
    s.post("/mfa/logout", &again.text("access_token"), json!({})).await.is(204);
    let explain = format!("{ADMINISTRATION}/explain?method=GET&path=/vault");
    s.get(&explain, &operator(&s).await).await.is(200);

    let document = Document::of(&s.mfa);
    let described = document.operations().into_iter().flat_map(|(route, operation)| {
        let statuses = operation["responses"].as_object().unwrap().keys().filter(|status| status.starts_with('2'));
        statuses.map(|status| format!("{route} {status}")).collect::<Vec<_>>()
    });
    let answered = s.answered.lock().unwrap().clone();
    let never: Vec<String> = described.filter(|place| !answered.contains(place)).collect();
    assert!(never.is_empty(), "never seen: {never:?}");
}

#[test]
fn every_operation_refuses_what_follows_from_who_calls_and_what_is_read() {
    let s = Service::new(Login::IfEnrolled);
    let document = Document::of(&s.mfa);
    assert_eq!(document.operations().len(), served().len());
    for (route, operation) in document.operations() {
        let says = |status: &str, code: &str| {
            let response = document.resolved(&operation["responses"][status]);
            response["description"].as_str().is_some_and(|text| text.contains(&format!("`{code}`")))
        };
        let (_, last) = route.rsplit_once('/').unwrap();
        let is_open = operation["security"] == json!([]);
        assert_eq!(says("401", "unauthenticated"), !is_open, "{route}");
        // Its token is what the request is about, and stands in the body.
        let has_own_token = last == "finish";
        assert_eq!(says("401", "invalid_token"), !is_open || has_own_token, "{route}");
        assert_eq!(
            says("404", "not_found"),
            route.contains('{') || ["disable", "explain", "webauthn"].contains(&last),
            "{route}"
        );
        let reads = operation["requestBody"].is_object();
        assert_eq!((says("413", "too_large"), says("415", "unsupported_media_type")), (reads, reads), "{route}");
        let asks_nobody = ["openapi.json", "webauthn", "mfa.js"].contains(&last);
        assert_eq!(says("503", "unavailable"), !asks_nobody, "{route}");
        let is_for_operators = route.contains(ADMINISTRATION);
        assert_eq!(operation["tags"] == json!(["Administration"]), is_for_operators, "{route}");
        assert_eq!(says("403", "insufficient_scope"), is_for_operators, "{route}");
        if is_for_operators {
            assert!(says("401", "insufficient_user_authentication") && says("403", "forbidden"), "{route}");
            let header = &document.resolved(&operation["responses"]["403"])["headers"]["WWW-Authenticate"];
            assert_eq!(header["required"], false, "{route}: it comes with a missing role alone");
        }
    }
}

#[test]
fn the_administration_is_described_where_the_host_says_where_it_is() {
    let build = |builder: MfaBuilder| builder.issuer("https://id.example").audience("api").keys(keys()).build();
    let builder = || Mfa::builder(MemoryStore::new());
    let silent = build(builder()).unwrap();
    assert_eq!(silent.admin_mounted_at(), None);
    let document: Value = serde_json::from_str(&silent.openapi_json()).unwrap();
    assert!(document["paths"].as_object().unwrap().keys().all(|path| !path.ends_with("/explain")));
    assert!(document["tags"].as_array().unwrap().iter().all(|tag| tag["name"] != "Administration"));
    assert!(document["components"]["schemas"].get("Explanation").is_none());

    let told = build(builder().admin_mounted_at("/staff/mfa")).unwrap();
    assert_eq!(told.admin_mounted_at(), Some("/staff/mfa"));
    let document: Value = serde_json::from_str(&told.openapi_json()).unwrap();
    assert!(document["paths"]["/staff/mfa/explain"]["get"].is_object());
    for wrong in ["staff", "/staff/", "/", "", "/mfa"] {
        let refused = build(builder().admin_mounted_at(wrong)).unwrap_err();
        assert_eq!(refused.field(), "admin_mounted_at", "{wrong:?}");
    }
}

/// What a row says of its query and what its handler takes are written twice; here they are one.
#[tokio::test]
async fn every_parameter_that_is_described_is_known_and_no_other() {
    let s = Service::new(Login::IfEnrolled);
    let (root, document) = (operator(&s).await, Document::of(&s.mfa));
    let mut seen = 0;
    for (route, operation) in document.operations() {
        let Some(parameters) = operation["parameters"].as_array() else { continue };
        let path = concrete(&route);
        let path = path.strip_prefix("GET ").unwrap();
        let needed = parameters.iter().filter(|parameter| parameter["required"] == true);
        let needed: String = needed.map(|parameter| format!("{}=GET&", parameter["name"].as_str().unwrap())).collect();
        s.get(&format!("{path}?{needed}"), &root).await.is(200);
        for parameter in parameters {
            seen += 1;
            let name = parameter["name"].as_str().unwrap();
            let others = needed.replace(&format!("{name}=GET&"), "");
            if others != needed {
                let refused = s.get(&format!("{path}?{others}"), &root).await.refuses(400, "invalid_request");
                assert_eq!(refused.text("detail"), format!("{name} is missing."));
            }
            let refused = s.get(&format!("{path}?{others}{name}=1&{name}=1"), &root).await;
            assert_eq!(refused.refuses(400, "invalid_request").text("detail"), format!("{name} stands twice."));
        }
        let refused = s.get(&format!("{path}?{needed}what=1"), &root).await.refuses(400, "invalid_request");
        assert_eq!(refused.body["field"], "what", "{route}");
    }
    assert_eq!(seen, 10, "two lists, and what is explained");
}
