//! The documentation shows what it says: the main items each have an example in which something
//! succeeds and something is refused, and what is visible of an example makes sense by itself.

#![expect(clippy::expect_used, reason = "a test fails loudly")]

mod tree;

use std::collections::BTreeSet;

use tree::Source;

/// An item, and what an assertion of its example says of a success and of a refusal.
struct Item {
    file: &'static str,
    /// How its declaration begins; nothing for the module's own documentation.
    declared: &'static str,
    yes: &'static str,
    no: &'static str,
}

const fn item(file: &'static str, declared: &'static str, yes: &'static str, no: &'static str) -> Item {
    Item { file, declared, yes, no }
}

/// The items a host meets first, room by room. What is not in this list may do with less.
const MAIN: &[Item] = &[
    item("id.rs", "pub struct Subject", "\"alice\"", "is_err()"),
    item("assurance/assess.rs", "pub fn assess", "Aal::Two", "is_none()"),
    item("assurance/authentication.rs", "pub struct Authentication ", "Aal::Two", "is_none()"),
    item("assurance/decide.rs", "pub fn decide", "Decision::Allow", "Decision::Forbid"),
    item("assurance/evidence.rs", "pub struct Evidence", "1_800_000_000", "!code.is_phishing_resistant()"),
    item("otp/mod.rs", "", "Some(step)", "Err(Mismatch::Replayed)"),
    item("otp/hotp.rs", "pub struct Hotp ", "matched.counter.get(), 3", "Err(Mismatch::Replayed)"),
    item("otp/secret.rs", "pub struct Secret", "is_ok()", "is_err()"),
    item("otp/totp.rs", "pub struct Totp ", "Ok(Step::new(1))", "Err(Mismatch::Wrong)"),
    item("otp/uri.rs", "pub struct OtpauthUri", "Some(\"ACME Co\")", "is_err()"),
    item("recovery_code/mod.rs", "", "Ok(())", "Err(Mismatch::Replayed)"),
    item("recovery_code/set.rs", "pub struct Draft", "codes.len()), (1, 1)", "is_err()"),
    item("recovery_code/set.rs", "pub struct RecoverySet", "Ok(())", "Err(Mismatch::Wrong)"),
    item("recovery_code/successor.rs", "pub struct Spare", "Ok(())", "Err(Mismatch::Wrong)"),
    item("token/issuer.rs", "pub struct Issuer", "is_ok()", "unwrap_err()"),
    item("token/key_set.rs", "pub struct KeySet", "enforcer.contains(", "!keys.contains("),
    item("token/signing_key.rs", "pub struct SigningKey", "again.kid()", "is_err()"),
    item("token/verifier.rs", "pub struct Verifier", "Aal::Two", "TokenErrorKind::Expired"),
    item("middleware/mod.rs", "", "StatusCode::OK", "StatusCode::UNAUTHORIZED"),
    item("middleware/authenticate/layer.rs", "pub struct AuthenticateLayer", "Some(\"alice\")", "None"),
    item("middleware/csrf.rs", "pub fn check", "CookieUse::Accept", "CookieUse::CrossSite"),
    item("middleware/refusal.rs", "pub struct Refusal", "(is_worth_an_alarm", "(!is_worth_an_alarm"),
    item("middleware/require/layer.rs", "pub struct RequireLayer", "StatusCode::OK", "RefusalKind::StepUp"),
    item("middleware/route_policy/mod.rs", "", "StatusCode::OK", "StatusCode::FORBIDDEN"),
    item(
        "middleware/route_policy/layer.rs",
        "pub struct RoutePolicyLayer",
        "StatusCode::OK",
        "StatusCode::BAD_REQUEST",
    ),
    item("middleware/route_policy/policy.rs", "pub struct RoutePolicy ", "Some(\"accounts\")", "unwrap_err()"),
    item("middleware/source.rs", "pub struct Source", "is_ok()", "unwrap_err()"),
    item("extract/mod.rs", "", "200", "401"),
    item("extract/authenticated.rs", "pub struct Authenticated", "200", "401"),
    item("extract/original_uri.rs", "pub fn original_uri", "StatusCode::OK", "StatusCode::FORBIDDEN"),
    item("extract/enforced.rs", "pub struct Enforced", "200", "401"),
    item("transfer/apps/mod.rs", "", "Some(\"alice\")", "\"secret_short\""),
    item("transfer/apps/otpauth.rs", "pub fn otpauth", "starts_with", "Reason::Counter"),
    item("transfer/apps/migration/mod.rs", "pub fn google_migration", "Some(\"alice\")", "\"syntax\""),
    item("transfer/apps/csv/mod.rs", "pub fn csv", "Found::Key(key)", "not in the encoding"),
    item("transfer/apps/csv/columns.rs", "pub struct Columns", "Some(\"alice\")", "\"secret_short\""),
    item("transfer/apps/pskc/mod.rs", "pub fn pskc", "Some(\"987654321\")", "\"counter\""),
    item("vault/key.rs", "pub struct LocalKeyRing", "is_some()", "is_err()"),
    item("vault/key.rs", "pub struct MasterKey", "\"2026-11\"", "is_err()"),
    item("transfer/mod.rs", "", "(1, 0)", "(0, 1)"),
    item("transfer/key.rs", "pub struct TransferKey", "\"move-2026-11\"", "is_err()"),
    item("transfer/report.rs", "pub struct Move<", "is_ok()", "is_err()"),
    item("transfer/import_apps.rs", "pub async fn import_apps", "LoginOutcome::Challenge", "[\"counter\"]"),
    item("policy/builder.rs", "pub struct PolicyBuilder", "is_ok()", "refused.field()"),
    item("policy/login/mod.rs", "pub struct LoginPolicy", "Login::Required)", "refused.rule()"),
    item("policy/login/mode.rs", "pub enum Login ", "Login::Required", "!Login::IfEnrolled"),
    item("policy/login/mode.rs", "pub struct Grace", "Some(january)", "is_err()"),
    item("policy/login/rule.rs", "pub struct LoginRule", "(away.applies_to", "(!away.applies_to"),
    item("policy/mod.rs", "pub struct Policy ", "Some(300)", "is_none()"),
    item("policy/mod.rs", "pub trait PolicySource", "Complete(_)", "EnrolmentRequired"),
    item("account/first_factor.rs", "pub struct FirstFactor", "Complete(_)", "Refusal::Unavailable"),
    item("policy/action.rs", "pub enum BoundTo", "\"to\", \"amount\"", "is_none()"),
    item("policy/presets/mod.rs", "", "is_ok()", "PCI-8.2.8"),
    item("policy/sent_codes.rs", "pub struct SentCodes", "is_ok()", "SentCodesError::NoAlternative"),
    item("account/bypass.rs", "pub struct Bypass", "\"aal1\"", "approved_by"),
    item("account/refusal.rs", "pub enum Refusal", "(may_try_again_now", "(!may_try_again_now"),
    item("store/mod.rs", "pub trait Store", "Committed::Done", "Committed::Conflict"),
    item("store/memory.rs", "pub struct MemoryStore", "is_some()", "is_none()"),
    item("store/redis/mod.rs", "pub struct RedisStore", "Committed::Done", "StoreErrorKind::Unavailable"),
    item("store/sqlite/mod.rs", "pub struct SqliteStore", "Committed::Done", "Committed::Conflict"),
    item("service/mod.rs", "", "is_ok()", "is_err()"),
    item("service/mod.rs", "pub struct Mfa", "\"aal2\"", "Refusal::InvalidCode"),
    item("service/builder.rs", "pub struct MfaBuilder", "mfa.step_up_uri()", "unwrap_err()"),
    item("service/challenges.rs", "pub struct ChallengeRequest", "Complete(_)", "NoEligibleAuthenticator"),
    item("service/challenges.rs", "pub struct Reply", "[redacted]", "!format!"),
    item("service/challenges.rs", "pub async fn answer", "Complete(_)", "Refusal::InvalidCode"),
    item("service/error.rs", "pub struct Error", "(retry_later", "(!retry_later"),
    item("service/keys.rs", "pub struct Keys ", "is_some()", "is_err()"),
    item("service/outcome.rs", "pub enum LoginOutcome", "(is_worth_waiting", "(!is_worth_waiting"),
    item("service/outcome.rs", "pub enum ChallengeOutcome", "\"pay\"", "Pending(_)"),
    item("service/outcome.rs", "pub enum AnswerOutcome", "Some(0)", "is_err()"),
    item("webauthn/relying_party/mod.rs", "pub struct RelyingParty ", "shop.id(), \"example.com\"", "refused.field()"),
    item("webauthn/relying_party/builder.rs", "pub struct RelyingPartyBuilder", "count(), 2", "refused.field()"),
    item("routes/mod.rs", "pub fn login_allowed", "is_ok()", "StatusCode::FORBIDDEN"),
    item("routes/mod.rs", "", "StatusCode::OK", "StatusCode::UNAUTHORIZED"),
    item("testing/app.rs", "pub struct AuthenticatorApp", "assert_eq!(app.code(", "assert_ne!(app.code("),
    item("testing/clock.rs", "pub struct ManualClock", "1_025", "is_err()"),
    item("testing/soft/mod.rs", "pub struct SoftAuthenticator ", "contains(\"signature\")", "is_err()"),
    item("testing/soft/authority.rs", "pub struct SoftAttestationCa", "is_ok()", "is_err()"),
    item("testing/faulty.rs", "pub struct FaultyStore", "is_ok()", "is_err()"),
];

/// One example: its lines, as they stand between the fences.
type Example<'a> = Vec<&'a str>;

/// The examples in these lines of documentation that are compiled and run.
fn examples<'a>(docs: impl IntoIterator<Item = &'a str>) -> Vec<Example<'a>> {
    let mut found = Vec::new();
    let mut open: Option<(bool, Example<'a>)> = None;
    for line in docs {
        open = match (open, line.strip_prefix("```")) {
            (None, Some(attributes)) => Some((attributes.is_empty(), Vec::new())),
            (None, None) => None,
            (Some((runs, lines)), Some(_)) => {
                found.extend(runs.then_some(lines));
                None
            }
            (Some((runs, mut lines)), None) => {
                lines.push(line);
                Some((runs, lines))
            }
        };
    }
    found
}

/// The text of a line of documentation.
fn documentation(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let text = line.strip_prefix("///").or_else(|| line.strip_prefix("//!"))?;
    Some(text.strip_prefix(' ').unwrap_or(text))
}

/// The documentation of the item whose declaration begins so, attributes passed over.
fn docs_of<'a>(text: &'a str, declared: &str) -> Vec<&'a str> {
    let lines: Vec<&str> = text.lines().collect();
    if declared.is_empty() {
        return lines.iter().map_while(|line| documentation(line)).collect();
    }
    let at = lines.iter().position(|line| line.trim_start().starts_with(declared)).unwrap_or_default();
    let above = lines.iter().take(at).rev().map(|line| line.trim_start());
    let mut docs: Vec<&str> =
        above.skip_while(|line| line.starts_with("#[")).map_while(|line| documentation(line)).collect();
    docs.reverse();
    docs
}

fn is_hidden(line: &str) -> bool {
    line.trim() == "#" || line.trim_start().starts_with("# ")
}

/// The assertions that a reader sees and that say so.
fn assertions<'a>(examples: &[Example<'a>], what: &str) -> BTreeSet<&'a str> {
    let seen = examples.iter().flatten().copied().filter(|line| !is_hidden(line));
    seen.filter(|line| line.contains("assert") && line.contains(what)).collect()
}

#[test]
fn every_main_item_shows_a_success_and_a_refusal() {
    let sources = tree::rust_files("src");
    let mut wrong = Vec::new();
    for Item { file, declared, yes, no } in MAIN {
        let source = sources.iter().find(|s| s.path.strip_prefix("src/") == Some(file)).expect("a file of the list");
        let examples = examples(docs_of(&source.text, declared));
        let (succeeds, refuses) = (assertions(&examples, yes), assertions(&examples, no));
        if succeeds.is_empty() || refuses.is_empty() || succeeds == refuses {
            wrong.push(format!("src/{file}: the example of `{declared}` wants an assertion of {yes}, and one of {no}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_example_that_asserts_nothing_is_found() {
    let text =
        "/// It.\n///\n/// ```\n/// assert!(f().is_ok());\n/// # assert!(g().is_err());\n/// ```\n#[x]\npub fn f(";
    let shown = examples(docs_of(text, "pub fn f"));
    assert_eq!(assertions(&shown, "is_ok()").len(), 1);
    assert!(assertions(&shown, "is_err()").is_empty(), "hidden from the reader");
    assert!(examples(docs_of(text, "pub fn g")).is_empty());
    assert!(
        examples(docs_of(&text.replace("/// ```\n/// assert", "/// ```ignore\n/// assert"), "pub fn f")).is_empty()
    );
}

/// The words of a line of code, strings and comments apart.
fn words(line: &str) -> impl Iterator<Item = &str> {
    let code = line.split("//").next().unwrap_or_default();
    let outside_strings = code.split('"').step_by(2);
    outside_strings.flat_map(|part| {
        part.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !matches!(*word, "" | "_"))
    })
}

/// The names that these lines introduce: by `let`, as an item, as a parameter.
fn introduced<'a>(lines: impl Iterator<Item = &'a str>) -> BTreeSet<&'a str> {
    let mut names = BTreeSet::new();
    for line in lines {
        for after in line.split("let ").skip(1) {
            names.extend(words(after.split('=').next().unwrap_or_default()));
        }
        for keyword in ["fn ", "mod ", "struct ", "enum ", "const ", "static "] {
            names.extend(line.split(keyword).skip(1).filter_map(|after| words(after).next()));
        }
        names.extend(line.split('|').skip(1).step_by(2).flat_map(words));
        names.extend(line.match_indices(": ").filter_map(|(at, _)| words(line.get(..at)?).last()));
    }
    names
}

/// What a reader sees used in an example, and introduced only where it is hidden.
fn unexplained<'a>(example: &[&'a str]) -> BTreeSet<&'a str> {
    let (hidden, seen): (Vec<&str>, Vec<&str>) = example.iter().partition(|line| is_hidden(line));
    let explained = introduced(seen.iter().copied());
    let hidden: BTreeSet<&str> = introduced(hidden.into_iter()).difference(&explained).copied().collect();
    seen.into_iter().flat_map(words).filter(|word| hidden.contains(word)).collect()
}

#[test]
fn no_example_uses_what_its_reader_does_not_see() {
    let mut wrong = Vec::new();
    for Source { path, text } in tree::rust_files("src") {
        for example in examples(text.lines().filter_map(documentation)) {
            let names = unexplained(&example);
            if !names.is_empty() {
                wrong.push(format!("{path}: {names:?} in the example that begins with `{}`", example[0]));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_name_from_a_hidden_line_is_found() {
    let names = |example: &[&str]| unexplained(example).into_iter().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(names(&["# let (early, late) = clocks();", "run(early);"]), ["early"]);
    assert_eq!(names(&["# struct At(u64);", "let clock = At(1);"]), ["At"]);
    assert!(
        names(&["# let token = 1;", "fn example(token: u8) {", "    f(token);", "}", "# example(token);"]).is_empty()
    );
    assert!(names(&["# let token = 1;", "f(\"token\"); // a token"]).is_empty(), "a string, a comment");
    assert!(names(&["# use a::B;", "B::new();"]).is_empty(), "an import may be hidden");
}
