//! Browsers: tokens in cookies that no page can read, and requests that another site causes.

use serde_json::{Value, json};
use tower_mfa::middleware::csrf::Origins;
use tower_mfa::policy::Login;

use crate::client::{Answer, Service};

const OWN: (&str, &str) = ("sec-fetch-site", "same-origin");

/// A browser that holds both cookies.
struct Browser {
    access: String,
    refresh: String,
}

impl Browser {
    fn of(answer: &Answer) -> Self {
        Self { access: answer.cookie("__Host-mfa"), refresh: answer.cookie("__Secure-mfa-refresh") }
    }

    fn session(&self) -> String {
        format!("theme=dark; __Host-mfa={}", self.access)
    }

    fn renewal(&self) -> String {
        format!("__Secure-mfa-refresh={}", self.refresh)
    }
}

async fn login(s: &Service, user: &str) -> Answer {
    s.ask("POST /login", &[OWN], Some(json!({"user": user}))).await.is(200)
}

#[track_caller]
fn has_no_token(body: &Value) {
    assert!(body.get("access_token").is_none() && body.get("refresh_token").is_none(), "{body}");
    assert!(!body.to_string().contains("eyJ") && !body.to_string().contains("mfar_"), "{body}");
}

/// Rows: ASVS-3.3.2
#[tokio::test]
async fn n63b_5_1_1_a_n63b_5_1_1_b_asvs_3_3_1_asvs_3_3_3_asvs_3_3_4_the_cookies_are_exactly_these() {
    let s = Service::new(Login::IfEnrolled);
    let answer = login(&s, "alice").await;
    has_no_token(&answer.body);
    assert_eq!((answer.text("status"), answer.text("acr")), ("complete".into(), "aal1".into()));
    let browser = Browser::of(&answer);
    assert_eq!(
        answer.set_cookies(),
        [
            format!("__Host-mfa={}; Path=/; Secure; HttpOnly; SameSite=Strict", browser.access),
            format!(
                "__Secure-mfa-refresh={}; Path=/mfa/token/refresh; Secure; HttpOnly; SameSite=Strict",
                browser.refresh
            ),
        ]
    );
    assert!(answer.headers.get_all("set-cookie").iter().all(http::HeaderValue::is_sensitive));
}

#[tokio::test]
async fn which_form_an_answer_takes_follows_headers_a_page_cannot_remove() {
    let s = Service::new(Login::IfEnrolled);
    let program = s.login("alice").await;
    assert!(program.set_cookies().is_empty());
    let bearer = format!("Bearer {}", program.text("access_token"));
    let host = ("host", "id.example");
    for header in [OWN, ("origin", "https://id.example")] {
        let answer = s.ask("POST /login", &[header, host], Some(json!({"user": "alice"}))).await.is(200);
        assert_eq!(answer.set_cookies().len(), 2, "{header:?}");
        has_no_token(&answer.body);
    }
    for header in [OWN, ("sec-fetch-site", "none"), ("origin", "https://id.example"), ("origin", "null")] {
        // A script that stole a token gets no other one it can read.
        let headers = [header, ("authorization", &*bearer)];
        let raised = s.ask("POST /mfa/challenges", &headers, Some(json!({"acr": "aal1"}))).await.is(200);
        has_no_token(&raised.body);
        assert_eq!(raised.set_cookies().len(), 1, "no new refresh token");
        let body = json!({"refresh_token": s.login("alice").await.text("refresh_token")});
        has_no_token(&s.ask("POST /mfa/token/refresh", &[header], Some(body)).await.is(200).body);
    }
    let off = Service::with(Login::IfEnrolled, |builder| builder.cookies(false));
    let answer = login(&off, "alice").await;
    assert!(answer.set_cookies().is_empty() && answer.body["access_token"].is_string());
    let cookie = format!("__Host-mfa={}", answer.text("access_token"));
    off.ask("GET /mfa/status", &[OWN, ("cookie", &cookie)], None).await.refuses(401, "unauthenticated");
    let cookie = format!("__Secure-mfa-refresh={}", answer.text("refresh_token"));
    off.ask("POST /mfa/token/refresh", &[OWN, ("cookie", &cookie)], None).await.refuses(400, "invalid_request");
}

#[tokio::test]
async fn a_browser_enrols_signs_in_and_steps_up_without_ever_seeing_a_token() {
    let s = Service::new(Login::IfEnrolled);
    let mut browser = Browser::of(&login(&s, "alice").await);
    let started =
        s.ask("POST /mfa/authenticators", &[OWN, ("cookie", &browser.session())], Some(json!({"type": "totp"}))).await;
    let app = crate::client::App::new(&started.is(201).text("otpauth_uri"));
    let status = s.ask("GET /mfa/status", &[("cookie", &browser.session())], None).await.is(200).body;
    let confirm = format!("POST /mfa/authenticators/{}/confirm", status["authenticators"][0]["id"].as_str().unwrap());
    let code = json!({"code": app.code(s.hands.read())});
    let bound = s.ask(&confirm, &[OWN, ("cookie", &browser.session())], Some(code)).await.is(200);
    has_no_token(&bound.body);
    browser = Browser::of(&bound);
    let refreshed =
        s.ask("POST /mfa/token/refresh", &[OWN, ("cookie", &browser.renewal())], Some(json!({}))).await.is(200);
    has_no_token(&refreshed.body);
    browser = Browser::of(&refreshed);
    s.hands.turn(30);
    let asked = login(&s, "alice").await;
    assert!(asked.set_cookies().is_empty(), "no session yet, no cookie");
    let bearer = format!("Bearer {}", asked.text("challenge_token"));
    let verify = format!("POST /mfa/challenges/{}/verify", asked.text("challenge_id"));
    let code = json!({"type": "totp", "code": app.code(s.hands.read())});
    // The session cookie beside it is passed over: a challenge token is no session token.
    let headers = [OWN, ("authorization", &*bearer), ("cookie", &*browser.session())];
    let answered = s.ask(&verify, &headers, Some(code)).await.is(200);
    has_no_token(&answered.body);
    assert_eq!(answered.set_cookies().len(), 2);
    let account = s.ask("GET /account", &[("cookie", &Browser::of(&answered).session())], None).await;
    assert_eq!(account.status, 200);
}

#[tokio::test]
async fn n63b_5_1_e_a_cookie_counts_on_unsafe_methods_only_from_our_own_pages() {
    let origins = Origins::new(["https://app.example"]).unwrap();
    let s = Service::with(Login::IfEnrolled, |builder| builder.trusted_origins(origins));
    let browser = Browser::of(&login(&s, "alice").await);
    let (session, renewal) = (browser.session(), browser.renewal());
    let host = ("host", "id.example");
    let cases: [(&[(&str, &str)], u16); 9] = [
        (&[("sec-fetch-site", "cross-site")], 403),
        (&[("sec-fetch-site", "same-site")], 403),
        (&[("sec-fetch-site", "none")], 403),
        (&[("origin", "https://evil.example"), host], 403),
        (&[("origin", "null"), host], 403),
        (&[("origin", "http://id.example"), host], 403),
        (&[("origin", "https://id.example"), host], 200),
        (&[("sec-fetch-site", "cross-site"), ("origin", "https://app.example")], 200),
        (&[OWN], 200),
    ];
    for (headers, status) in cases {
        let with = |cookie| [headers, &[("cookie", cookie)]].concat();
        let opened = s.ask("POST /mfa/challenges", &with(&session), Some(json!({"acr": "aal1"}))).await.is(status);
        assert!(status == 200 || opened.code() == "forbidden");
        let refreshed = s.ask("POST /mfa/token/refresh", &with(&renewal), None).await.is(status);
        assert!(status == 200 || refreshed.code() == "forbidden");
        s.ask("GET /mfa/status", &with(&session), None).await.is(200);
    }
    // With neither header it is a program, and its cookies are passed over.
    s.ask("POST /mfa/challenges", &[("cookie", &session)], Some(json!({}))).await.refuses(401, "unauthenticated");
    s.ask("DELETE /mfa/sessions", &[("cookie", &session)], None).await.refuses(401, "unauthenticated");
    s.ask("POST /mfa/logout", &[("cookie", &session)], None).await.refuses(401, "unauthenticated");
    let missing = s.ask("POST /mfa/token/refresh", &[("cookie", &renewal)], None).await;
    assert_eq!(missing.refuses(400, "invalid_request").body["field"], "refresh_token");
    s.ask("GET /mfa/status", &[("cookie", &session)], None).await.is(200);
}

/// A cookie is cleared when its session is over, and not before: else its refresh token would live on
/// where nobody can end it.
#[tokio::test]
async fn logout_clears_both_cookies_when_the_session_is_over() {
    let s = Service::new(Login::IfEnrolled);
    let browser = Browser::of(&login(&s, "alice").await);
    let cleared = [
        "__Host-mfa=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0",
        "__Secure-mfa-refresh=; Path=/mfa/token/refresh; Secure; HttpOnly; SameSite=Strict; Max-Age=0",
    ];
    let headers = [OWN, ("cookie", &*browser.session())];
    assert_eq!(s.ask("POST /mfa/logout", &headers, None).await.is(204).set_cookies(), cleared);
    let again = s.ask("POST /mfa/logout", &headers, None).await.refuses(401, "invalid_token");
    assert!(again.set_cookies().is_empty(), "the refresh route knows whether they are of use");
    assert!(s.ask("POST /mfa/logout", &[OWN], None).await.refuses(401, "unauthenticated").set_cookies().is_empty());
    let refused = s.ask("POST /mfa/token/refresh", &[OWN, ("cookie", &browser.renewal())], None).await;
    assert_eq!(refused.refuses(401, "invalid_token").set_cookies(), cleared, "they are of no use any more");
    let foreign = [("sec-fetch-site", "cross-site"), ("cookie", &*browser.session())];
    assert!(s.ask("POST /mfa/logout", &foreign, None).await.refuses(403, "forbidden").set_cookies().is_empty());
    s.ask("POST /mfa/token/refresh", &[OWN], None).await.refuses(401, "unauthenticated");
    s.ask("POST /mfa/token/refresh", &[OWN], Some(json!({}))).await.refuses(401, "unauthenticated");
}

/// Rows: ASVS-7.4.1
#[tokio::test]
async fn a_page_whose_access_token_has_expired_refreshes_and_logs_out() {
    let s = Service::new(Login::IfEnrolled);
    let browser = Browser::of(&login(&s, "alice").await);
    s.hands.turn(901);
    let late = s.ask("POST /mfa/logout", &[OWN, ("cookie", &browser.session())], None).await;
    assert!(late.refuses(401, "invalid_token").set_cookies().is_empty(), "the session lives, and so does its cookie");
    let renewed = s.ask("POST /mfa/token/refresh", &[OWN, ("cookie", &browser.renewal())], None).await.is(200);
    let renewed = Browser::of(&renewed);
    s.ask("POST /mfa/logout", &[OWN, ("cookie", &renewed.session())], None).await.is(204);
    for cookie in [browser.renewal(), renewed.renewal()] {
        s.ask("POST /mfa/token/refresh", &[OWN, ("cookie", &cookie)], None).await.refuses(401, "invalid_token");
    }
}

/// A form of another site, sent as a top-level navigation: SameSite keeps the cookies at home, so the
/// request looks like one of nobody.
#[tokio::test]
async fn another_site_makes_no_browser_forget_its_cookies() {
    let s = Service::new(Login::IfEnrolled);
    let form = ("content-type", "application/x-www-form-urlencoded");
    let foreign = [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example"), form];
    for route in ["POST /mfa/logout", "POST /mfa/token/refresh"] {
        let answer = s.ask(route, &foreign, None).await;
        assert!(!answer.status.is_success() && answer.set_cookies().is_empty(), "{route}");
    }
}

#[tokio::test]
async fn cve_2024_28197_a_cookie_that_stands_twice_is_refused_and_another_name_is_none() {
    let s = Service::new(Login::IfEnrolled);
    let browser = Browser::of(&login(&s, "alice").await);
    let other = Browser::of(&login(&s, "mallory").await);
    let twice = format!("{}; __Host-mfa={}", browser.session(), other.access);
    s.ask("GET /mfa/status", &[OWN, ("cookie", &twice)], None).await.refuses(400, "invalid_request");
    let lines = [OWN, ("cookie", &*browser.session()), ("cookie", &*other.session())];
    s.ask("GET /mfa/status", &lines, None).await.refuses(400, "invalid_request");
    let twice = format!("{}; {}", browser.renewal(), other.renewal());
    s.ask("POST /mfa/token/refresh", &[OWN, ("cookie", &twice)], None).await.refuses(400, "invalid_request");
    let body = Some(json!({"refresh_token": other.refresh}));
    let both = s.ask("POST /mfa/token/refresh", &[OWN, ("cookie", &browser.renewal())], body).await;
    assert_eq!(both.refuses(400, "invalid_request").body["field"], "refresh_token");
    for name in ["mfa", "__host-mfa", "__Secure-mfa", "x__Host-mfa"] {
        let cookie = format!("{name}={}", browser.access);
        s.ask("GET /mfa/status", &[OWN, ("cookie", &cookie)], None).await.refuses(401, "unauthenticated");
    }
    let malformed = s.ask("POST /mfa/token/refresh", &[OWN, ("cookie", "__Secure-mfa-refresh=\"a b\"")], None).await;
    let malformed = malformed.refuses(401, "invalid_token");
    assert!(malformed.header("www-authenticate").starts_with("Bearer realm=\"Example Bank\", error="));
}

#[tokio::test]
async fn over_http_on_loopback_the_names_lose_prefix_and_secure() {
    for issuer in ["http://localhost:3000", "http://127.0.0.1:8080", "http://[::1]:3000"] {
        let s = Service::with(Login::IfEnrolled, |builder| builder.issuer(issuer).mounted_at("/mfa"));
        let answer = login(&s, "alice").await;
        let (access, refresh) = (answer.cookie("mfa"), answer.cookie("mfa-refresh"));
        assert_eq!(
            answer.set_cookies(),
            [
                format!("mfa={access}; Path=/; HttpOnly; SameSite=Strict"),
                format!("mfa-refresh={refresh}; Path=/mfa/token/refresh; HttpOnly; SameSite=Strict"),
            ]
        );
        s.ask("GET /mfa/status", &[("cookie", &format!("mfa={access}"))], None).await.is(200);
        s.ask("POST /mfa/token/refresh", &[OWN, ("cookie", &format!("mfa-refresh={refresh}"))], None).await.is(200);
    }
    for issuer in
        ["https://localhost:3000", "http://id.example", "http://localhost.evil.example", "http://127.0.0.1.nip.io"]
    {
        let s = Service::with(Login::IfEnrolled, |builder| builder.issuer(issuer));
        Browser::of(&login(&s, "alice").await);
    }
}

#[tokio::test]
async fn n63b_5_1_1_a_the_refresh_cookie_goes_to_the_refresh_route_alone_wherever_that_is() {
    let s = Service::with(Login::IfEnrolled, |builder| builder.mounted_at("/id/second"));
    let answer = login(&s, "alice").await;
    assert!(answer.set_cookies()[1].contains("; Path=/id/second/token/refresh; "), "{:?}", answer.set_cookies());
    let token = s.login("alice").await.text("access_token");
    assert_eq!(s.get("/account", &token).await.is(401).body["step_up_uri"], "/id/second/challenges");
}

#[tokio::test]
async fn n63b_5_1_e_the_layers_judge_a_cookie_as_the_routes_do() {
    let s = Service::new(Login::IfEnrolled);
    let alice = s.person("alice").await;
    let at_once = s.post("/mfa/challenges", &alice.access, json!({"action": "transfer_funds"})).await.is(200);
    let cookie = format!("__Host-mfa={}", at_once.text("access_token"));
    let cross_site = [("sec-fetch-site", "cross-site"), ("cookie", &*cookie)];
    s.ask("POST /transfer", &cross_site, None).await.refuses(403, "forbidden");
    s.ask("POST /transfer", &[("cookie", &cookie)], None).await.refuses(401, "unauthenticated");
    s.ask("POST /transfer", &[OWN, ("cookie", &cookie)], None).await.is(200);
    s.ask("GET /account", &cross_site, None).await.is(200);
}

/// A host whose login takes a form must not let another site sign a person in as somebody else.
#[tokio::test]
async fn a_login_that_another_site_caused_gets_neither_cookies_nor_tokens() {
    let s = Service::new(Login::IfEnrolled);
    for (name, value) in [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")] {
        let answer = s.ask("POST /login", &[(name, value)], Some(json!({"user": "mallory"}))).await;
        let answer = answer.refuses(403, "forbidden");
        assert!(answer.set_cookies().is_empty() && answer.body.get("access_token").is_none());
    }
    assert_eq!(s.ask("POST /login", &[OWN], Some(json!({"user": "alice"}))).await.is(200).set_cookies().len(), 2);
    // HTTP/2 has no Host, and an old browser no Sec-Fetch-Site: the issuer's own origin is ours.
    let old = [("origin", "https://id.example")];
    assert_eq!(s.ask("POST /login", &old, Some(json!({"user": "alice"}))).await.is(200).set_cookies().len(), 2);
}

/// What is refused anyway is refused before it costs anybody a session or a line in the trail.
#[tokio::test]
async fn a_login_that_another_site_caused_can_be_refused_before_the_password_is_looked_at() {
    let s = Service::new(Login::IfEnrolled);
    let allowed = |name: &'static str, value: &'static str| {
        let headers = http::HeaderMap::from_iter([(name.parse().unwrap(), http::HeaderValue::from_static(value))]);
        s.mfa.login_allowed(&headers).map_err(|response| response.status().as_u16())
    };
    assert_eq!(allowed("sec-fetch-site", "cross-site"), Err(403));
    assert_eq!(allowed("origin", "https://evil.example"), Err(403));
    assert_eq!(allowed("sec-fetch-site", "same-origin"), Ok(()));
    assert_eq!(allowed("accept", "*/*"), Ok(()), "a program");
    assert_eq!(s.store.commits(), 0);
}
